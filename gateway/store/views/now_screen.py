"""Queries for the screen Now: what is wrong and who waits, the first of each and how many there are. Each has an index,
and none of them reads all that is open."""

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, and_, case, func, literal, literal_column, or_, select, union_all
from sqlmodel import Session, col

from gateway.callbacks.lifecycle import WAITING
from gateway.callbacks.queue import Waiting, due_order
from gateway.model import (
    DAY,
    MINUTE,
    Callback,
    CallbackKind,
    Customer,
    DeadLetter,
    Instant,
    Notification,
    NotificationState,
    Outage,
    OutageState,
    Promise,
    PromiseKind,
    PromiseState,
    Provider,
    Severity,
    Site,
    Ticket,
    TicketState,
    Unclaimed,
    Visit,
    VisitState,
)
from gateway.store.households import needs_at
from gateway.store.views import ticket_list
from gateway.store.views.ticket_list import AT_RISK, TicketRow

T = TypeVar("T")
LATELY = DAY  # what has gone wrong is shown for so long
UNCLAIMED = 1000  # counted at most
_OF_THE_SAME_MINUTE = 40  # callbacks looked at for the order among those of the same promised minute

# as the partial indexes say it: with a parameter in place of the value SQLite would not use them
UNTAKEN: ColumnElement[bool] = literal_column(f"ticket.state IN ('{TicketState.NEW}', '{TicketState.OFFERED}')")
PLANNED: ColumnElement[bool] = literal_column(f"visit.state = '{VisitState.PLANNED}'")
BROKEN: ColumnElement[bool] = literal_column(f"promise.state = '{PromiseState.BROKEN}'")
OPEN_PROMISE: ColumnElement[bool] = literal_column(f"promise.state = '{PromiseState.OPEN}'")
NOT_TOLD: ColumnElement[bool] = literal_column(
    f"notification.state IN ('{NotificationState.FAILED}', '{NotificationState.UNKNOWN}')")


class Some(NamedTuple, Generic[T]):
    """The first of several, and how many there are."""

    rows: Sequence[T]
    count: int


class Call(NamedTuple):
    callback: Callback
    site: Site
    customer: Customer


class RiskyPromise(NamedTuple):
    promise: Promise
    customer: Customer | None  # None: everybody who may see the subject's page
    site: Site | None


class NoShow(NamedTuple):
    """Nobody has set out, and the arrival window is over."""

    visit: Visit
    provider: Provider
    customer: Customer
    site: Site


class NotTold(NamedTuple):
    """A message that nobody has had, as far as we know."""

    notification: Notification
    customer: Customer | None  # None: it was for a firm, or for one of us


class NowFacts(NamedTuple):
    help: Some[Call]
    """Calls for help."""
    calls: Some[Call]
    """All others who wait for a call."""
    open_tickets: int
    untaken: Some[TicketRow]
    """Tickets that nobody has accepted, the most serious first."""
    promises: Some[RiskyPromise]
    broken: int
    """Of these promises, since yesterday."""
    no_shows: Some[NoShow]
    outages: Some[Outage]
    not_told: Some[NotTold]
    dead_letters: int
    unclaimed: int


def now_facts(session: Session, now: Instant, most: int) -> NowFacts:
    """`most`: rows of each kind."""
    helps, calls = _calls(session, now, most)
    promises, broken = _promises(session, now, most)
    return NowFacts(
        helps, calls,
        session.scalar(select(func.count()).select_from(Ticket).where(col(Ticket.closed_at).is_(None))) or 0,
        _untaken(session, most), promises, broken, _no_shows(session, now, most), _outages(session, most),
        _not_told(session, now, most),
        dead_letters=session.scalar(select(func.count()).select_from(DeadLetter).where(
            col(DeadLetter.received_at) >= now - LATELY)) or 0,
        unclaimed=session.scalar(select(func.count()).select_from(
            select(col(Unclaimed.key)).limit(UNCLAIMED).subquery())) or 0)


def _calls(session: Session, now: Instant, most: int) -> tuple[Some[Call], Some[Call]]:
    """In the order of the desk."""
    still_open = col(Callback.closed_at).is_(None)
    is_help = col(Callback.kind) == CallbackKind.EMERGENCY
    counts = {bool(helps): count for helps, count in session.execute(
        select(is_help, func.count()).select_from(Callback).where(still_open).group_by(is_help))}
    if not counts:
        return Some((), 0), Some((), 0)
    in_order = (col(Callback.state).not_in(WAITING), func.coalesce(Callback.ring_from, 0) > now,
                col(Callback.promised_by), col(Callback.id))

    def first(*where: ColumnElement[bool]) -> list[Call]:
        rows = session.execute(
            select(Callback, Site, Customer).join(Site, col(Site.id) == Callback.site_id)
            .join(Customer, col(Customer.id) == Callback.customer_id)
            .where(still_open, *where).order_by(*in_order).limit(_OF_THE_SAME_MINUTE))
        return [Call(*row) for row in rows]

    found = {True: first(is_help) if counts.get(True) else [], False: first(~is_help) if counts.get(False) else []}
    needs = needs_at(session, {call.site.id for call in found[False]})
    of = {call.callback.id: call for calls in found.values() for call in calls}

    def some(helps: bool) -> Some[Call]:
        ordered = due_order([Waiting(call.callback, needs.get(call.site.id, frozenset())) for call in found[helps]], now)
        return Some([of[one.callback.id] for one in ordered[:most]], counts.get(helps, 0))

    return some(True), some(False)


def _untaken(session: Session, most: int) -> Some[TicketRow]:
    untaken = (col(Ticket.closed_at).is_(None), UNTAKEN)
    counts: dict[str, int] = {severity: count for severity, count in session.execute(
        select(col(Ticket.severity), func.count()).where(*untaken).group_by(col(Ticket.severity)))}
    parts: list[Any] = []
    for severity in reversed(Severity):
        if counts.get(severity):
            oldest = (select(literal(-severity.rank).label("rank"), col(Ticket.opened_at).label("at"), col(Ticket.id))
                      .where(*untaken, col(Ticket.severity) == severity)
                      .order_by(col(Ticket.opened_at), col(Ticket.id)).limit(most).subquery())
            parts.append(select(oldest))
    if not parts:
        return Some((), 0)
    first = union_all(*parts).subquery()
    ids = list(session.scalars(select(first.c.id).order_by(first.c.rank, first.c.at, first.c.id).limit(most)))
    rows = ticket_list.load(session, ids)
    return Some([rows[one] for one in ids if one in rows], sum(counts.values()))


def _promises(session: Session, now: Instant, most: int) -> tuple[Some[RiskyPromise], int]:
    """Those that can still be kept, or at least admitted before they ask, then those that were broken."""
    at_risk = and_(OPEN_PROMISE, col(Promise.due_at) < now + AT_RISK,
                   or_(col(Promise.due_at) < now, col(Promise.kind) != PromiseKind.NEXT_WORD))
    broken = and_(BROKEN, col(Promise.due_at) >= now - LATELY)
    counts = [session.scalar(select(func.count()).select_from(Promise).where(one)) or 0 for one in (at_risk, broken)]
    rows: list[RiskyPromise] = []
    for where, count in zip((at_risk, broken), counts, strict=True):
        if count and len(rows) < most:
            found = session.execute(
                select(Promise, Customer, Site).outerjoin(Customer, col(Customer.id) == Promise.recipient_id)
                .outerjoin(Site, col(Site.id) == Promise.site_id).where(where)
                .order_by(col(Promise.due_at) if where is at_risk else col(Promise.due_at).desc(), col(Promise.id))
                .limit(most - len(rows)))
            rows += [RiskyPromise(*row) for row in found]
    return Some(rows, sum(counts)), counts[1]


def _no_shows(session: Session, now: Instant, most: int) -> Some[NoShow]:
    missed = (PLANNED, col(Visit.done_at).is_(None), col(Visit.window_until) <= now)
    count = session.scalar(select(func.count()).select_from(Visit).where(*missed)) or 0
    if not count:
        return Some((), 0)
    rows = session.execute(
        select(Visit, Provider, Customer, Site).join(Ticket, col(Ticket.id) == Visit.ticket_id)
        .join(Provider, col(Provider.id) == Visit.provider_id).join(Customer, col(Customer.id) == Ticket.customer_id)
        .join(Site, col(Site.id) == Ticket.site_id)
        .where(*missed).order_by(col(Visit.window_until), col(Visit.id)).limit(most))
    return Some([NoShow(*row) for row in rows], count)


_WORST_FIRST = {OutageState.CONFIRMED: 0, OutageState.SUSPECTED: 1, OutageState.RESTORING: 2}


def _outages(session: Session, most: int) -> Some[Outage]:
    still_open = col(Outage.closed_at).is_(None)
    places = case({str(state): place for state, place in _WORST_FIRST.items()}, value=col(Outage.state), else_=3)
    rows = list(session.scalars(select(Outage).where(still_open).order_by(
        places, col(Outage.dark).desc(), col(Outage.id)).limit(most)))
    count = len(rows)
    if count == most:
        count = session.scalar(select(func.count()).select_from(Outage).where(still_open)) or 0
    return Some(rows, count)


def _not_told(session: Session, now: Instant, most: int) -> Some[NotTold]:
    lately = (NOT_TOLD, col(Notification.done_at) >= now - LATELY)
    count = session.scalar(select(func.count()).select_from(Notification).where(*lately)) or 0
    if not count:
        return Some((), 0)
    rows = session.execute(
        select(Notification, Customer).outerjoin(Customer, col(Customer.id) == Notification.recipient_id)
        .where(*lately).order_by(col(Notification.done_at).desc(), col(Notification.id)).limit(most))
    return Some([NotTold(*row) for row in rows], count)


def time_left(due_at: Instant, now: Instant) -> int:
    """Whole minutes, negative when it is late."""
    return (due_at - now) // MINUTE
