"""Queries for the screen Now: what is wrong and who waits, the first of each and how many there are. Each has an index,
and none of them reads all that is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Integer,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlmodel import Session, col

from gateway.model import (
    DAY,
    Customer,
    DeadLetter,
    Due,
    GoodwillCase,
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
from gateway.store.outbox import NOT_TOLD
from gateway.store.views.desk import call_queue
from gateway.store.views.desk.call_queue import PLACE, Call, Place, Show
from gateway.store.views.ticket_list import promise_at_risk

T = TypeVar("T")
LATELY = DAY  # what has gone wrong is shown for so long
UNCLAIMED = 1000  # counted at most

# as the partial indexes say it: with a parameter in place of the value SQLite would not use them
UNTAKEN: ColumnElement[bool] = literal_column(f"ticket.state IN ('{TicketState.NEW}', '{TicketState.OFFERED}')")
BROKEN: ColumnElement[bool] = literal_column(f"promise.state = '{PromiseState.BROKEN}'")


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
    to_approve: int
    """Outages, visits and calls whose goodwill somebody has to approve."""


_NOW: BindParameter[Any] = bindparam("now", type_=BigInteger)
_MOST: BindParameter[Any] = bindparam("most", type_=Integer)  # rows of each kind
_OF: BindParameter[Any] = bindparam("of", expanding=True)  # ids
_AT_RISK, _BROKEN = promise_at_risk(_NOW), and_(BROKEN, col(Promise.due_at) >= _NOW - LATELY)
_MISSED = (col(Visit.state) == VisitState.PLANNED, col(Visit.done_at).is_(None), col(Visit.window_until) <= _NOW)
_NOT_TOLD_LATELY = (NOT_TOLD, col(Notification.done_at) >= _NOW - LATELY)


def _count(kind: Any, *where: ColumnElement[bool]) -> Any:
    return select(func.count()).select_from(kind).where(*where).scalar_subquery()


# Statements stand here because to make one takes longer than to ask it.
_COUNTS = select(
    _count(Ticket, col(Ticket.closed_at).is_(None)), _count(Promise, _AT_RISK), _count(Promise, _BROKEN),
    _count(Visit, *_MISSED), _count(Notification, *_NOT_TOLD_LATELY),
    _count(DeadLetter, col(DeadLetter.received_at) >= _NOW - LATELY),
    _count(select(col(Unclaimed.key)).limit(UNCLAIMED).subquery()),
    _count(GoodwillCase, col(GoodwillCase.next_at).is_not(None)))  # as its partial index says "waits"


class _Counts(NamedTuple):
    open_tickets: int
    at_risk: int
    broken: int
    no_shows: int
    not_told: int
    dead_letters: int
    unclaimed: int
    to_approve: int


def now_facts(session: Session, now: Instant, most: int) -> NowFacts:
    """`most`: rows of each kind."""
    helps, calls = _calls(session, now, most)
    counts = _Counts(*session.execute(_COUNTS, {"now": now}).one())
    return NowFacts(
        helps, call_queue.newest_help(session) if helps.count else None, calls, counts.open_tickets,
        _untaken(session, most), _promises(session, counts, now, most), counts.broken,
        _no_shows(session, counts, now, most), _outages(session, most), _not_told(session, counts, now, most),
        counts.dead_letters, counts.unclaimed, counts.to_approve)


def _calls(session: Session, now: Instant, most: int) -> tuple[Some[Call], Some[Call]]:
    """In the order of the desk."""
    counts = call_queue.counts(session)

    def some(wanted: Show) -> Some[Call]:
        count = counts.get(wanted, 0)
        return Some(call_queue.first(session, now, most, wanted) if count else (), count)

    return some(Show.HELP), some(Show.NO_HELP)


_IS_UNTAKEN = (col(Ticket.closed_at).is_(None), UNTAKEN)
_BY_SEVERITY = select(col(Ticket.severity), func.count()).where(*_IS_UNTAKEN).group_by(col(Ticket.severity))
_UNTAKEN_ROWS = (
    select(col(Ticket.id), col(Ticket.severity), col(Ticket.cause), col(Outage.name), col(Customer.name),
           col(Ticket.opened_at), *PLACE)
    .join(Site, col(Site.id) == Ticket.site_id).join(Customer, col(Customer.id) == Ticket.customer_id)
    .outerjoin(Outage, col(Outage.id) == Ticket.outage_id).where(col(Ticket.id).in_(_OF)))


def _untaken(session: Session, most: int) -> Some[Untaken]:
    counts = {str(severity): count for severity, count in session.execute(_BY_SEVERITY)}
    if not counts:
        return Some((), 0)
    some = tuple(severity for severity in reversed(Severity) if counts.get(severity))
    ids = list(session.scalars(_oldest(some), {"most": most}))
    due = _deadlines(session, ids)
    rows = {row[0]: row for row in session.execute(_UNTAKEN_ROWS, {"of": ids})}
    return Some([_untaken_row(rows[one], due.get(one)) for one in ids if one in rows], sum(counts.values()))


@lru_cache
def _oldest(severities: tuple[Severity, ...]) -> Any:
    """Their numbers, the most serious first, of these the oldest."""
    first = union_all(*(
        select(select(literal(-severity.rank).label("rank"), col(Ticket.opened_at).label("at"), col(Ticket.id))
               .where(*_IS_UNTAKEN, col(Ticket.severity) == severity)
               .order_by(col(Ticket.opened_at), col(Ticket.id)).limit(_MOST).subquery())
        for severity in severities)).subquery()
    return select(first.c.id).order_by(first.c.rank, first.c.at, first.c.id).limit(_MOST)


def _untaken_row(row: Any, due_at: Instant | None) -> Untaken:
    key, severity, cause, outage, customer, opened_at, *place = row
    return Untaken(key, severity, cause, outage, customer, Place(*place), opened_at, due_at)


_RUNS = (col(JobTicket.ticket_id).in_(_OF), col(Due.at).is_not(None))
_DEADLINES = union_all(
    select(col(JobTicket.ticket_id), col(Due.at)).join(Due, col(Due.subject_id) == JobTicket.job_id).where(*_RUNS),
    select(col(JobTicket.ticket_id), col(Due.at)).join(Offer, col(Offer.job_id) == JobTicket.job_id)
    .join(Due, col(Due.subject_id) == Offer.id).where(*_RUNS, col(Offer.closed_at).is_(None)))


def _deadlines(session: Session, ticket_ids: Sequence[str]) -> dict[str, Instant]:
    """The next one of each: of its jobs, or of a provider who has been asked."""
    found: dict[str, Instant] = {}
    for ticket_id, at in session.execute(_DEADLINES, {"of": ticket_ids}):
        found[ticket_id] = min(at, found.get(ticket_id, at))
    return found


def _some_promises(where: ColumnElement[bool], *order: Any) -> Any:
    return (select(col(Promise.id), col(Promise.kind), col(Promise.state), col(Promise.subject_kind),
                   col(Promise.subject_id), col(Promise.made_at), col(Promise.due_at), col(Customer.name))
            .outerjoin(Customer, col(Customer.id) == Promise.recipient_id).where(where)
            .order_by(*order, col(Promise.id)).limit(_MOST))


_PROMISES_AT_RISK = _some_promises(_AT_RISK, col(Promise.due_at))
_PROMISES_BROKEN = _some_promises(_BROKEN, col(Promise.due_at).desc())


def _promises(session: Session, counts: _Counts, now: Instant, most: int) -> Some[RiskyPromise]:
    """Those that can still be kept, or at least admitted before they ask, then those that were broken."""
    rows: list[RiskyPromise] = []
    for count, query in ((counts.at_risk, _PROMISES_AT_RISK), (counts.broken, _PROMISES_BROKEN)):
        if count and len(rows) < most:
            found = session.execute(query, {"now": now, "most": most - len(rows)})
            rows += [RiskyPromise(key, kind, state, Subject(of, subject_id), made_at, due_at, customer)
                     for key, kind, state, of, subject_id, made_at, due_at, customer in found]
    return Some(rows, counts.at_risk + counts.broken)


_NO_SHOWS = (
    select(col(Visit.id), col(Visit.ticket_id), col(Provider.name), col(Customer.name), col(Visit.window_from),
           col(Visit.window_until)).join(Ticket, col(Ticket.id) == Visit.ticket_id)
    .join(Provider, col(Provider.id) == Visit.provider_id).join(Customer, col(Customer.id) == Ticket.customer_id)
    .where(*_MISSED).order_by(col(Visit.window_until), col(Visit.id)).limit(_MOST))


def _no_shows(session: Session, counts: _Counts, now: Instant, most: int) -> Some[NoShow]:
    rows = session.execute(_NO_SHOWS, {"now": now, "most": most}) if counts.no_shows else ()
    return Some([NoShow(*row) for row in rows], counts.no_shows)


_WORST_FIRST = {OutageState.CONFIRMED: 0, OutageState.SUSPECTED: 1, OutageState.RESTORING: 2}
_OUTAGES = select(Outage).where(col(Outage.closed_at).is_(None)).order_by(
    case({str(state): place for state, place in _WORST_FIRST.items()}, value=col(Outage.state), else_=3),
    col(Outage.dark).desc(), col(Outage.id)).limit(_MOST)


def _outages(session: Session, most: int) -> Some[Outage]:
    rows = list(session.scalars(_OUTAGES, {"most": most}))
    count = len(rows)
    if count == most:
        count = session.scalar(select(_count(Outage, col(Outage.closed_at).is_(None)))) or 0
    return Some(rows, count)


_MESSAGES = (
    select(col(Notification.id), col(Notification.topic), col(Notification.state), col(Notification.subject_kind),
           col(Notification.subject_id), col(Notification.recipient_kind), col(Notification.recipient_id),
           col(Customer.name), col(Notification.done_at))
    .outerjoin(Customer, col(Customer.id) == Notification.recipient_id)
    .where(*_NOT_TOLD_LATELY).order_by(col(Notification.done_at).desc(), col(Notification.id)).limit(_MOST))


def _not_told(session: Session, counts: _Counts, now: Instant, most: int) -> Some[NotTold]:
    rows = session.execute(_MESSAGES, {"now": now, "most": most}) if counts.not_told else ()
    return Some([NotTold(key, topic, state, Subject(kind, subject_id), Recipient(to, to_id), customer, done_at)
                 for key, topic, state, kind, subject_id, to, to_id, customer, done_at in rows], counts.not_told)
