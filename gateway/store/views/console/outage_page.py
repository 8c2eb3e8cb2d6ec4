"""Queries for the screens of outages: those that are open, those that were, and everything that hangs on one."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, String, cast, distinct, func, literal_column, or_, select
from sqlmodel import Session, col

from gateway.model import (
    RESIDENTS,
    Area,
    Callback,
    CallbackState,
    Customer,
    Entry,
    Instant,
    MaintenanceWindow,
    MemberState,
    Need,
    Notification,
    NotificationState,
    Outage,
    OutageKind,
    OutageMember,
    OutageState,
    Person,
    PersonSite,
    Promise,
    PromiseKind,
    Provider,
    RecipientKind,
    Site,
    Ticket,
    Visit,
)
from gateway.notifications.topics import TopicName
from gateway.store.households import needs_at
from gateway.store.views.pagination import Order, Page, page

# what households are told of an outage
TOPICS = (TopicName.OUTAGE, TopicName.OUTAGE_LONGER, TopicName.OUTAGE_OVER, TopicName.OUTAGE_FALSE)
_OPEN_ONES = 100  # shown at most; there are never so many
_LINES, _FIRST, _HOMES, _FAILED, _WAITING, _DOTS = 60, 12, 25, 12, 12, 5000
_TREE = 6  # levels of areas

_SENT: ColumnElement[bool] = literal_column(f"notification.state = '{NotificationState.SENT}'")
_OPEN: ColumnElement[bool] = col(Outage.closed_at).is_(None)
_DARK: tuple[ColumnElement[bool], ...] = (
    col(OutageMember.back_at).is_(None), col(OutageMember.state) != MemberState.LEFT)


class Homes(StrEnum):
    """Which of an outage's homes."""

    DARK = "dark"
    """They have not come back."""
    NEEDS = "needs"
    """Dark, and somebody there has to be thought of first."""
    NOT_TOLD = "not_told"
    """Their household has had no message about it."""
    NESTED = "nested"
    """Dark when the others are back: a fault of their own."""
    BACK = "back"
    """They are back by their own proof."""
    ALL = "all"
    """Every home that was ever in it."""


class Told(NamedTuple):
    """How many households a first message about it has reached, is on its way to, or has not reached."""

    told: int = 0
    waiting: int = 0
    not_reached: int = 0


class OutageRow(NamedTuple):
    """One line of the list."""

    outage: Outage
    within: Sequence[str]  # the areas around its own, the nearest first
    needs: int  # of its dark homes: where somebody has to be thought of first
    told: Told


@dataclass(frozen=True)
class OutageList:
    rows: Sequence[OutageRow]
    next: str | None  # the cursor of those before


class HomeRow(NamedTuple):
    """One home of an outage, and the newest message about it to its household."""

    member: OutageMember
    site: Site
    customer: str
    needs: frozenset[Need]
    told: Notification | None


class WaitingCall(NamedTuple):
    callback: Callback
    customer: str


class WaitingTicket(NamedTuple):
    ticket: Ticket
    customer: str
    provider: str
    visit: Visit | None


class Dot(NamedTuple):
    """Where a home is, and whether it is dark."""

    lat: float
    lon: float
    state: MemberState


class OutageFacts(NamedTuple):
    """Everything that hangs on one outage."""

    outage: Outage
    within: Sequence[str]
    absorbed_by: Outage | None
    counts: dict[MemberState, int]  # homes by how they fare
    needs: int
    told: Told
    messages: Sequence[tuple[str, NotificationState, int, Instant | None]]  # topic, state, how many, the last
    languages: Sequence[tuple[str, int]]  # of its households, the most spoken first
    reads: str | None  # a home whose household has been told: what it has read, most have
    homes: Sequence[HomeRow]
    next_home: str | None
    first: Sequence[HomeRow]  # dark homes where somebody has to be thought of first
    failed: Sequence[tuple[Notification, str]]  # messages by which nobody was reached, and whose they were
    failed_count: int
    ticket: WaitingTicket | None  # its own
    tickets: Sequence[WaitingTicket]  # of homes that are dark for a reason of their own
    calls: Sequence[WaitingCall]
    answered: int  # callbacks that it was the answer to
    estimates: Sequence[Promise]  # the ends that customers were told, the newest first
    works: Sequence[MaintenanceWindow]  # planned in its area
    lines: Sequence[Entry]  # the newest first
    dots: Sequence[Dot]


def outage_list(session: Session, ended: bool, kinds: Collection[OutageKind], cursor: str | None, most: int
                ) -> OutageList:
    """Open ones: the worst first; ended ones: the newest first, `most` of them. Raises BadCursor."""
    wanted = select(Outage)
    if kinds:
        wanted = wanted.where(col(Outage.kind).in_(kinds))
    if ended:
        found: Page = page(session, wanted.where(col(Outage.closed_at).is_not(None)),
                           Order((Outage.began_at, Outage.id)), cursor, most)
        outages, following = found.rows, found.next
    else:
        outages = sorted(session.scalars(wanted.where(_OPEN).limit(_OPEN_ONES)), key=_worst_first)
        following = None
    ids = [one.id for one in outages]
    around, needs, told = _around(session, outages), _needs(session, ids), told_by_outage(session, ids)
    return OutageList([OutageRow(one, around.get(one.id, ()), needs.get(one.id, 0), told.get(one.id, Told()))
                       for one in outages], following)


def count_open(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Outage).where(_OPEN)) or 0


def _worst_first(one: Outage) -> tuple[int, int, str]:
    return _ORDER.index(one.state) if one.state in _ORDER else len(_ORDER), -one.dark, one.id


_ORDER = (OutageState.CONFIRMED, OutageState.SUSPECTED, OutageState.RESTORING, OutageState.RESTORED)


def _around(session: Session, outages: Iterable[Outage]) -> dict[str, list[str]]:
    """Outage → the areas around its own: one query a level, however many there are."""
    parent: dict[str, str | None] = {}
    names: dict[str, str] = {}
    wanted = {one.area_id for one in outages if one.area_id is not None}
    for _ in range(_TREE):
        wanted -= set(parent)
        if not wanted:
            break
        for key, name, above in session.execute(
                select(col(Area.id), col(Area.name), col(Area.parent_id)).where(col(Area.id).in_(wanted))):
            names[key], parent[key] = name, above
        wanted = {one for one in parent.values() if one is not None}
    found: dict[str, list[str]] = {}
    for outage in outages:
        above, seen = parent.get(outage.area_id or ""), []
        while above is not None and above in names and names[above] not in seen:
            seen.append(names[above])
            above = parent.get(above)
        found[outage.id] = seen
    return found


def _needs(session: Session, ids: Sequence[str]) -> dict[str, int]:
    """Outage → of its dark homes, how many have somebody who has to be thought of first."""
    if not ids:
        return {}
    rows = session.execute(
        select(col(OutageMember.outage_id), func.count(distinct(col(OutageMember.site_id))))
        .join(PersonSite, col(PersonSite.site_id) == OutageMember.site_id)
        .join(Person, col(Person.id) == PersonSite.person_id)
        .where(col(OutageMember.outage_id).in_(ids), *_DARK, *_NEEDY).group_by(col(OutageMember.outage_id)))
    return {row[0]: row[1] for row in rows}


_NEEDY: tuple[ColumnElement[bool], ...] = (
    col(PersonSite.left_at).is_(None), col(Person.left_at).is_(None), col(Person.role).in_(RESIDENTS),
    cast(col(Person.needs), String) != "[]")


def told_by_outage(session: Session, ids: Sequence[str]) -> dict[str, Told]:
    """How far the first message of each has come."""
    if not ids:
        return {}
    found = dict.fromkeys(ids, Told())
    for outage_id, state, count in session.execute(
            select(col(Notification.subject_id), col(Notification.state), func.count(
                distinct(col(Notification.recipient_id))))
            .where(col(Notification.subject_id).in_(ids), col(Notification.topic) == TopicName.OUTAGE,
                   col(Notification.recipient_kind) == RecipientKind.CUSTOMER)
            .group_by(col(Notification.subject_id), col(Notification.state))):
        told, waiting, missed = found[outage_id]
        if state == NotificationState.SENT:
            told += count
        elif state in (NotificationState.FAILED, NotificationState.UNKNOWN):
            missed += count
        elif state not in (NotificationState.DROPPED, NotificationState.SHADOW):
            waiting += count
        found[outage_id] = Told(told, waiting, missed)
    return found


# --- one of them


def outage_facts(session: Session, outage_id: str, homes: Homes, cursor: str | None) -> OutageFacts | None:
    """None: there is no such outage. Raises BadCursor."""
    outage = session.get(Outage, outage_id)
    if outage is None:
        return None
    listed = _homes(session, outage_id, homes, cursor)
    failed = _of(outage_id, Notification.state == NotificationState.FAILED)
    return OutageFacts(
        outage, _around(session, [outage]).get(outage_id, ()), _absorber(session, outage), _counts(session, outage_id),
        _needs(session, [outage_id]).get(outage_id, 0), told_by_outage(session, [outage_id])[outage_id],
        _messages(session, outage_id), _languages(session, outage_id), _reads(session, outage),
        homes=_home_rows(session, outage_id, listed.rows), next_home=listed.next,
        first=_home_rows(session, outage_id, _homes(session, outage_id, Homes.NEEDS, None, _FIRST).rows),
        failed=[(row, name) for row, name in session.execute(
            select(Notification, col(Customer.name)).join(Customer, col(Customer.id) == Notification.recipient_id)
            .where(*failed).order_by(col(Notification.done_at).desc(), col(Notification.id)).limit(_FAILED))],
        failed_count=session.scalar(select(func.count()).select_from(Notification).where(*failed)) or 0,
        ticket=next(iter(_tickets(session, col(Ticket.id) == outage.ticket_id)), None) if outage.ticket_id else None,
        tickets=_tickets(session, col(Ticket.closed_at).is_(None), col(Ticket.outage_id).is_(None),
                         col(Ticket.site_id).in_(_sites_of(outage_id, *_DARK))),
        calls=[WaitingCall(callback, name) for callback, name in session.execute(
            select(Callback, col(Customer.name)).join(Customer, col(Customer.id) == Callback.customer_id)
            .where(col(Callback.outage_id) == outage_id, col(Callback.closed_at).is_(None))
            .order_by(col(Callback.promised_by), col(Callback.id)).limit(_WAITING))],
        answered=session.scalar(select(func.count()).select_from(Callback).where(
            col(Callback.outage_id) == outage_id, col(Callback.state) == CallbackState.ANSWERED)) or 0,
        estimates=list(session.scalars(
            select(Promise).where(col(Promise.subject_id) == outage_id, col(Promise.kind) == PromiseKind.ETR)
            .order_by(col(Promise.made_at).desc(), col(Promise.id)).limit(_LINES))),
        works=[] if outage.area_id is None or outage.closed_at is not None else list(session.scalars(
            select(MaintenanceWindow).where(col(MaintenanceWindow.area_id) == outage.area_id,
                                            col(MaintenanceWindow.until_at) > outage.last_at)
            .order_by(col(MaintenanceWindow.from_at), col(MaintenanceWindow.id)).limit(5))),
        lines=list(session.scalars(select(Entry).where(col(Entry.subject_id) == outage_id)
                                   .order_by(col(Entry.id).desc()).limit(_LINES))),
        dots=[Dot(*row) for row in session.execute(
            select(col(Site.lat), col(Site.lon), col(OutageMember.state))
            .join(OutageMember, col(OutageMember.site_id) == Site.id)
            .where(col(OutageMember.outage_id) == outage_id, col(Site.lat).is_not(None), col(Site.lon).is_not(None))
            .limit(_DOTS))])


def failed_messages(session: Session, outage_id: str, most: int) -> list[str]:
    """The ids of those by which nobody was reached, the oldest first."""
    return list(session.scalars(
        select(col(Notification.id)).where(*_of(outage_id, Notification.state == NotificationState.FAILED))
        .order_by(col(Notification.created_at), col(Notification.id)).limit(most)))


def _of(outage_id: str, *which: Any) -> tuple[Any, ...]:
    """Messages to households about it."""
    return (col(Notification.subject_id) == outage_id, col(Notification.topic).in_(TOPICS),
            col(Notification.recipient_kind) == RecipientKind.CUSTOMER, *which)


def _absorber(session: Session, outage: Outage) -> Outage | None:
    """The larger one that it is a part of."""
    key = outage.evidence.get("absorbed_by")
    return session.get(Outage, key) if isinstance(key, str) else None


def _counts(session: Session, outage_id: str) -> dict[MemberState, int]:
    rows = session.execute(select(col(OutageMember.state), func.count()).where(
        col(OutageMember.outage_id) == outage_id).group_by(col(OutageMember.state)))
    return {MemberState(state): count for state, count in rows}


def _messages(session: Session, outage_id: str) -> list[tuple[str, NotificationState, int, Instant | None]]:
    rows = session.execute(
        select(col(Notification.topic), col(Notification.state), func.count(), func.max(Notification.done_at))
        .where(*_of(outage_id)).group_by(col(Notification.topic), col(Notification.state))
        .order_by(col(Notification.topic), col(Notification.state)))
    return [(topic, NotificationState(state), count, last) for topic, state, count, last in rows]


def _languages(session: Session, outage_id: str) -> list[tuple[str, int]]:
    households = func.count(distinct(col(OutageMember.customer_id)))
    rows = session.execute(
        select(col(Customer.locale), households).join(OutageMember, col(OutageMember.customer_id) == Customer.id)
        .where(col(OutageMember.outage_id) == outage_id).group_by(col(Customer.locale)))
    return sorted(((locale, count) for locale, count in rows), key=lambda row: (-row[1], row[0]))


def _reads(session: Session, outage: Outage) -> str | None:
    """Of those that a message has reached: while it lasts one that is dark with the others, then one that is back."""
    fares = MemberState.AFFECTED if outage.dark else MemberState.RESTORED
    for which in ((col(OutageMember.state) == fares,), ()):
        found = session.scalar(
            select(col(OutageMember.site_id)).where(
                col(OutageMember.outage_id) == outage.id, *which,
                select(col(Notification.id)).where(
                    col(Notification.recipient_id) == OutageMember.customer_id,
                    col(Notification.subject_id) == outage.id, _SENT).correlate(OutageMember).exists())
            .order_by(col(OutageMember.customer_id)).limit(1))
        if found is not None:
            return str(found)
    return outage.site_id


def _sites_of(outage_id: str, *which: ColumnElement[bool]) -> Any:
    return select(col(OutageMember.site_id)).where(col(OutageMember.outage_id) == outage_id, *which)


def _homes(session: Session, outage_id: str, homes: Homes, cursor: str | None, most: int = _HOMES) -> Page:
    wanted = (select(OutageMember, Site, col(Customer.name)).join(Site, col(Site.id) == OutageMember.site_id)
              .join(Customer, col(Customer.id) == OutageMember.customer_id)
              .where(col(OutageMember.outage_id) == outage_id, *_which(homes)))
    return page(session, wanted, Order((OutageMember.customer_id, OutageMember.id), rising=True), cursor, most)


def _which(homes: Homes) -> tuple[Any, ...]:
    match homes:
        case Homes.DARK:
            return _DARK
        case Homes.NEEDS:
            return (*_DARK, select(col(PersonSite.id)).join(Person, col(Person.id) == PersonSite.person_id)
                    .where(col(PersonSite.site_id) == OutageMember.site_id, *_NEEDY).correlate(OutageMember).exists())
        case Homes.NOT_TOLD:
            return (~select(col(Notification.id)).where(
                col(Notification.recipient_id) == OutageMember.customer_id,
                col(Notification.subject_id) == OutageMember.outage_id, _SENT).correlate(OutageMember).exists(),)
        case Homes.NESTED:
            return (col(OutageMember.state) == MemberState.NESTED,)
        case Homes.BACK:
            return (or_(col(OutageMember.back_at).is_not(None), col(OutageMember.state) == MemberState.RESTORED),)
    return ()


def _home_rows(session: Session, outage_id: str, rows: Sequence[Any]) -> list[HomeRow]:
    customers = {member.customer_id for member, *_ in rows}
    told: dict[str, Notification] = {}
    if customers:
        for row in session.scalars(
                select(Notification).where(col(Notification.recipient_id).in_(customers), *_of(outage_id))
                .order_by(col(Notification.created_at), col(Notification.id))):
            told[row.recipient_id] = row
    needs = needs_at(session, {member.site_id for member, *_ in rows})
    return [HomeRow(member, site, name, needs.get(member.site_id, frozenset()), told.get(member.customer_id))
            for member, site, name in rows]


def _tickets(session: Session, *which: ColumnElement[bool]) -> list[WaitingTicket]:
    rows = session.execute(
        select(Ticket, col(Customer.name), col(Provider.name), Visit)
        .join(Customer, col(Customer.id) == Ticket.customer_id)
        .outerjoin(Visit, col(Visit.id) == Ticket.visit_id).outerjoin(Provider, col(Provider.id) == Ticket.provider_id)
        .where(*which).order_by(col(Ticket.opened_at), col(Ticket.id)).limit(_WAITING))
    return [WaitingTicket(ticket, name, provider or "", visit) for ticket, name, provider, visit in rows]
