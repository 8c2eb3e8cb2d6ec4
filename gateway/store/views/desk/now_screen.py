"""Queries for the screen Now: what is wrong and who waits, the first of each and how many there are. Each has an index,
and none of them reads all that is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, and_, case, func, literal, literal_column, select, union_all
from sqlmodel import Session, col

from gateway.model import (
    DAY,
    Customer,
    DeadLetter,
    Due,
    Instant,
    JobTicket,
    Notification,
    NotificationState,
    Offer,
    Outage,
    OutageState,
    Promise,
    PromiseKind,
    PromiseState,
    Provider,
    Recipient,
    Severity,
    Site,
    Subject,
    Ticket,
    TicketState,
    Unclaimed,
    Visit,
    VisitState,
)
from gateway.store.views.desk import call_queue
from gateway.store.views.desk.call_queue import PLACE, Call, Place, Show
from gateway.store.views.ticket_list import promise_at_risk

T = TypeVar("T")
LATELY = DAY  # what has gone wrong is shown for so long
UNCLAIMED = 1000  # counted at most

# as the partial indexes say it: with a parameter in place of the value SQLite would not use them
UNTAKEN: ColumnElement[bool] = literal_column(f"ticket.state IN ('{TicketState.NEW}', '{TicketState.OFFERED}')")
BROKEN: ColumnElement[bool] = literal_column(f"promise.state = '{PromiseState.BROKEN}'")
NOT_TOLD: ColumnElement[bool] = literal_column(
    f"notification.state IN ('{NotificationState.FAILED}', '{NotificationState.UNKNOWN}')")


@dataclass(frozen=True)
class Some(Generic[T]):
    """The first of several, and how many there are."""

    rows: Sequence[T]
    count: int


class Untaken(NamedTuple):
    """A ticket that nobody has accepted."""

    id: str
    severity: Severity
    cause: str
    outage: str | None  # the area, of an outage's
    customer: str
    place: Place
    opened_at: Instant
    due_at: Instant | None  # its next deadline


class RiskyPromise(NamedTuple):
    id: str
    kind: PromiseKind
    state: PromiseState
    subject: Subject
    made_at: Instant
    due_at: Instant
    customer: str | None  # None: everybody who may see the subject's page


class NoShow(NamedTuple):
    """Nobody has set out, and the arrival window is over."""

    visit_id: str
    ticket_id: str
    provider: str
    customer: str
    window_from: Instant
    window_until: Instant


class NotTold(NamedTuple):
    """A message that nobody has had, as far as we know."""

    id: str
    topic: str
    state: NotificationState
    subject: Subject
    recipient: Recipient
    customer: str | None  # None: it was for a firm, or for one of us
    done_at: Instant


class NowFacts(NamedTuple):
    help: Some[Call]
    """Calls for help."""
    newest_help: Call | None
    """Of those that nobody has taken."""
    calls: Some[Call]
    """All others who wait for a call."""
    open_tickets: int
    untaken: Some[Untaken]
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
        helps, call_queue.newest_help(session) if helps.count else None, calls,
        session.scalar(select(func.count()).select_from(Ticket).where(col(Ticket.closed_at).is_(None))) or 0,
        _untaken(session, most), promises, broken, _no_shows(session, now, most), _outages(session, most),
        _not_told(session, now, most),
        dead_letters=session.scalar(select(func.count()).select_from(DeadLetter).where(
            col(DeadLetter.received_at) >= now - LATELY)) or 0,
        unclaimed=session.scalar(select(func.count()).select_from(
            select(col(Unclaimed.key)).limit(UNCLAIMED).subquery())) or 0)


def _calls(session: Session, now: Instant, most: int) -> tuple[Some[Call], Some[Call]]:
    """In the order of the desk."""
    counts = call_queue.counts(session)

    def some(wanted: Show) -> Some[Call]:
        count = counts.get(wanted, 0)
        return Some(call_queue.first(session, now, most, wanted) if count else (), count)

    return some(Show.HELP), some(Show.NO_HELP)


def _untaken(session: Session, most: int) -> Some[Untaken]:
    untaken = (col(Ticket.closed_at).is_(None), UNTAKEN)
    by_severity = select(col(Ticket.severity), func.count()).where(*untaken).group_by(col(Ticket.severity))
    counts = {str(severity): count for severity, count in session.execute(by_severity)}
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
    due = _deadlines(session, ids)
    rows = {row[0]: row for row in session.execute(
        select(col(Ticket.id), col(Ticket.severity), col(Ticket.cause), col(Outage.name), col(Customer.name),
               col(Ticket.opened_at), *PLACE)
        .join(Site, col(Site.id) == Ticket.site_id).join(Customer, col(Customer.id) == Ticket.customer_id)
        .outerjoin(Outage, col(Outage.id) == Ticket.outage_id).where(col(Ticket.id).in_(ids)))}
    return Some([_untaken_row(rows[one], due.get(one)) for one in ids if one in rows], sum(counts.values()))


def _untaken_row(row: Any, due_at: Instant | None) -> Untaken:
    key, severity, cause, outage, customer, opened_at, *place = row
    return Untaken(key, severity, cause, outage, customer, Place(*place), opened_at, due_at)


def _deadlines(session: Session, ticket_ids: Sequence[str]) -> dict[str, Instant]:
    """The next one of each: of its jobs, or of a provider who has been asked."""
    runs = (col(JobTicket.ticket_id).in_(ticket_ids), col(Due.at).is_not(None))
    all_of_them = union_all(
        select(col(JobTicket.ticket_id), col(Due.at)).join(Due, col(Due.subject_id) == JobTicket.job_id).where(*runs),
        select(col(JobTicket.ticket_id), col(Due.at)).join(Offer, col(Offer.job_id) == JobTicket.job_id)
        .join(Due, col(Due.subject_id) == Offer.id).where(*runs, col(Offer.closed_at).is_(None)))
    found: dict[str, Instant] = {}
    for ticket_id, at in session.execute(all_of_them):
        found[ticket_id] = min(at, found.get(ticket_id, at))
    return found


def _promises(session: Session, now: Instant, most: int) -> tuple[Some[RiskyPromise], int]:
    """Those that can still be kept, or at least admitted before they ask, then those that were broken."""
    at_risk = promise_at_risk(now)
    broken = and_(BROKEN, col(Promise.due_at) >= now - LATELY)
    counts = [session.scalar(select(func.count()).select_from(Promise).where(one)) or 0 for one in (at_risk, broken)]
    rows: list[RiskyPromise] = []
    for where, count in zip((at_risk, broken), counts, strict=True):
        if count and len(rows) < most:
            found = session.execute(
                select(col(Promise.id), col(Promise.kind), col(Promise.state), col(Promise.subject_kind),
                       col(Promise.subject_id), col(Promise.made_at), col(Promise.due_at), col(Customer.name))
                .outerjoin(Customer, col(Customer.id) == Promise.recipient_id).where(where)
                .order_by(col(Promise.due_at) if where is at_risk else col(Promise.due_at).desc(), col(Promise.id))
                .limit(most - len(rows)))
            rows += [RiskyPromise(key, kind, state, Subject(of, subject_id), made_at, due_at, customer)
                     for key, kind, state, of, subject_id, made_at, due_at, customer in found]
    return Some(rows, sum(counts)), counts[1]


def _no_shows(session: Session, now: Instant, most: int) -> Some[NoShow]:
    missed = (col(Visit.state) == VisitState.PLANNED, col(Visit.done_at).is_(None), col(Visit.window_until) <= now)
    count = session.scalar(select(func.count()).select_from(Visit).where(*missed)) or 0
    if not count:
        return Some((), 0)
    rows = session.execute(
        select(col(Visit.id), col(Visit.ticket_id), col(Provider.name), col(Customer.name), col(Visit.window_from),
               col(Visit.window_until)).join(Ticket, col(Ticket.id) == Visit.ticket_id)
        .join(Provider, col(Provider.id) == Visit.provider_id).join(Customer, col(Customer.id) == Ticket.customer_id)
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
        select(col(Notification.id), col(Notification.topic), col(Notification.state), col(Notification.subject_kind),
               col(Notification.subject_id), col(Notification.recipient_kind), col(Notification.recipient_id),
               col(Customer.name), col(Notification.done_at))
        .outerjoin(Customer, col(Customer.id) == Notification.recipient_id)
        .where(*lately).order_by(col(Notification.done_at).desc(), col(Notification.id)).limit(most))
    return Some([NotTold(key, topic, state, Subject(kind, subject_id), Recipient(to, to_id), customer, done_at)
                 for key, topic, state, kind, subject_id, to, to_id, customer, done_at in rows], count)
