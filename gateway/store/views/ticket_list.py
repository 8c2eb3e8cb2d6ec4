"""The list of tickets: which meet a filter, in which order, and what a row of the list says of each."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlmodel import Session, col

from gateway.model import (
    DAY,
    MINUTE,
    Area,
    Customer,
    Device,
    Due,
    Instant,
    Job,
    JobTicket,
    Offer,
    OnCallPage,
    Outage,
    Promise,
    PromiseKind,
    PromiseState,
    Provider,
    Severity,
    Site,
    SiteArea,
    SubjectKind,
    Ticket,
    TicketState,
    Visit,
)
from gateway.store.chunks import chunks
from gateway.store.views.pagination import Order, Query, page
from gateway.tickets.lifecycle import NOBODY_COMES, OPEN, PROGRESS, UNDER_WAY

OVER_SHOWN = 90 * DAY  # tickets that are over are listed for so long; search finds the others
AT_RISK = 30 * MINUTE  # an open promise is at risk when its time is as near as that, or has passed
NOBODY = "nobody"
AREAS = 300  # that one can choose from
_LAST = 2**62  # of what has no time
OPEN_PROMISE: ColumnElement[bool] = literal_column(f"promise.state = '{PromiseState.OPEN}'")


class States(StrEnum):
    """Groups of states, as the filter names them."""

    OPEN = "open"
    """Not closed, and not called off."""
    UNASSIGNED = "unassigned"
    """Nobody has accepted to come, and somebody should: as `Now` counts them."""
    UNDER_WAY = "under_way"
    """Somebody comes, or is there."""
    OVER = "over"
    """Closed, called off, or carried on by another one."""
    ALL = "all"
    """Whatever their state."""


class Sort(StrEnum):
    """What the list is sorted by."""

    SEVERITY = "severity"
    """The most serious first, of these the oldest."""
    AGE = "age"
    """The newest first."""
    DUE = "due"
    """Whose next deadline is the soonest."""
    PROMISE = "promise"
    """Whose next promise is the soonest."""
    STATE = "state"
    """The least advanced first."""
    CUSTOMER = "customer"
    """By name."""
    PROVIDER = "provider"
    """By name; without one last."""
    NUMBER = "number"
    """By number."""


@dataclass(frozen=True)
class TicketFilter:
    """Which tickets; every criterion that is given has to be met."""

    state: States | TicketState = States.OPEN
    severity: Severity | None = None
    owner: str = ""  # who sees to it, by name; NOBODY: somebody is paged, and nobody does
    provider: str = ""  # an id; NOBODY: without one
    area: str = ""  # an id; those below it too
    skill: str = ""
    overdue: bool = False  # its next deadline has passed
    risk: bool = False  # a promise is at risk: AT_RISK
    text: str = ""  # each word of it: in the number, cause, name or address

    @property
    def depends_on_time(self) -> bool:
        return self.overdue or self.risk


class TicketRow(NamedTuple):
    """What one row of the list is made of."""

    ticket: Ticket
    site: Site
    customer: Customer
    device: Device | None
    outage: Outage | None
    provider: Provider | None
    visit: Visit | None  # the current one
    jobs: Sequence[Job]  # unfinished
    due: Due | None  # the next deadline
    promise: Promise | None  # the next open one
    pages: Sequence[OnCallPage]  # open


class Found(NamedTuple):
    """One page of the list."""

    rows: Sequence[TicketRow]
    next: str | None  # cursor of the page that follows


def find(session: Session, wanted: TicketFilter, sort: Sort, rising: bool, cursor: str | None, limit: int, now: Instant
         ) -> Found:
    """`rising`: the other way round. Raises BadCursor."""
    query, keys, falls = _sorted(_matching(wanted, now), sort)
    found = page(session, query, Order(keys, rising=falls == rising), cursor, limit)
    rows = load(session, found.rows)
    return Found([rows[one] for one in found.rows if one in rows], found.next)


def ids(session: Session, wanted: TicketFilter, now: Instant, most: int | None = None) -> list[str]:
    """Of all that meet it, the oldest first."""
    query = _matching(wanted, now).order_by(col(Ticket.opened_at), col(Ticket.id)).limit(most)
    return list(session.scalars(query))


def count(session: Session, wanted: TicketFilter, now: Instant) -> int:
    query = _matching(wanted, now).with_only_columns(func.count(), maintain_column_froms=True)
    return session.scalar(query) or 0


def which_meet(session: Session, filters: Sequence[TicketFilter], of: Collection[str], now: Instant
               ) -> dict[TicketFilter, set[str]]:
    """For each filter, those of these tickets that meet it; all in one question."""
    met: dict[TicketFilter, set[str]] = {one: set() for one in filters}
    query = _marks(tuple(filters))
    for some in chunks(list(of)):
        for ticket_id, *marks in session.execute(query, {"now": now, "of": some}):
            for one, mark in zip(filters, marks, strict=True):
                if mark:
                    met[one].add(ticket_id)
    return met


@lru_cache(maxsize=100)
def _marks(filters: tuple[TicketFilter, ...]) -> Query:
    """(number, for each filter 1 or 0) of the tickets `of` at `now`. Made once: that takes longer than to ask it."""
    now: Any = bindparam("now", type_=BigInteger)
    columns = [case((and_(true(), *_where(one, now)), 1), else_=0) for one in filters]
    return _FROM.with_only_columns(col(Ticket.id), *columns).where(
        col(Ticket.id).in_(bindparam("of", expanding=True)))


def provider_names(session: Session) -> list[tuple[str, str]]:
    """(id, name) of those who are still there, by name."""
    query = select(col(Provider.id), col(Provider.name)).where(col(Provider.removed_at).is_(None))
    return [(one, name) for one, name in session.execute(query.order_by(col(Provider.name)))]


def area_names(session: Session, chosen: str) -> list[tuple[str, str]]:
    """(id, name) of areas that have others below them, the first AREAS by name, and of the one that is chosen."""
    above = select(col(Area.parent_id)).where(col(Area.parent_id).is_not(None))
    query = select(col(Area.id), col(Area.name)).where(or_(
        col(Area.id).in_(above), col(Area.parent_id).is_(None), col(Area.id) == chosen))
    query = query.order_by(col(Area.id) != chosen, col(Area.name)).limit(AREAS)
    return [(one, name) for one, name in session.execute(query)]


_FROM = (select(col(Ticket.id)).select_from(Ticket).join(Site, col(Site.id) == Ticket.site_id)
         .join(Customer, col(Customer.id) == Ticket.customer_id))


def _matching(wanted: TicketFilter, now: Instant) -> Query:
    query = _FROM if wanted.text else select(col(Ticket.id)).select_from(Ticket)
    return query.where(*_where(wanted, now))


def _where(wanted: TicketFilter, now: Instant) -> Iterable[ColumnElement[bool]]:
    yield _in_state(wanted.state, now)
    if wanted.severity is not None:
        yield col(Ticket.severity) == wanted.severity
    if wanted.owner == NOBODY:
        yield col(Ticket.id).in_(_paged().where(col(OnCallPage.acknowledged_at).is_(None)))
    elif wanted.owner:
        yield col(Ticket.id).in_(_paged().where(col(OnCallPage.acknowledged_by) == wanted.owner))
    if wanted.provider:
        yield (col(Ticket.provider_id).is_(None) if wanted.provider == NOBODY
               else col(Ticket.provider_id) == wanted.provider)
    if wanted.area:
        yield col(Ticket.site_id).in_(_sites_below(wanted.area))
    if wanted.skill:
        yield col(Ticket.skill) == wanted.skill
    if wanted.overdue:
        yield col(Ticket.id).in_(select(_deadlines(col(Due.at) < now).c.ticket_id))
    if wanted.risk:
        yield col(Ticket.id).in_(select(col(Promise.subject_id)).where(promise_at_risk(now)))
    for word in wanted.text.split():
        yield or_(*(column.icontains(word, autoescape=True) for column in _TEXTS))


_TEXTS = (col(Ticket.id), col(Ticket.cause), col(Customer.name), col(Site.name), col(Site.street), col(Site.town),
          col(Site.postcode))


def _in_state(state: States | TicketState, now: Instant) -> ColumnElement[bool]:
    still_open, lately = col(Ticket.closed_at).is_(None), col(Ticket.opened_at) >= now - OVER_SHOWN
    over = and_(col(Ticket.closed_at).is_not(None), lately)
    match state:
        case States.OPEN:
            return still_open
        case States.UNASSIGNED:
            return and_(still_open, col(Ticket.state).in_(NOBODY_COMES))
        case States.UNDER_WAY:
            return and_(still_open, col(Ticket.state).in_(UNDER_WAY))
        case States.OVER:
            return over
        case States.ALL:
            both = union_all(*(select(col(Ticket.id)).where(one) for one in (still_open, lately)))
            return col(Ticket.id).in_(select(both.subquery("all").c.id))
    return and_(still_open if state in OPEN else over, col(Ticket.state) == state)


def _paged() -> Query:
    return select(col(OnCallPage.subject_id)).where(col(OnCallPage.closed_at).is_(None))


def _sites_below(area: str) -> Query:
    below = select(col(Area.id)).where(col(Area.id) == area).cte("below", recursive=True)
    below = below.union(select(col(Area.id)).where(col(Area.parent_id) == below.c.id))
    return select(col(SiteArea.site_id)).where(col(SiteArea.area_id).in_(select(below.c.id)))


def promise_at_risk(now: Instant | BindParameter[Any]) -> ColumnElement[bool]:
    """As `is_at_risk`, for an open one."""
    return and_(OPEN_PROMISE, col(Promise.in_shadow).is_(False), col(Promise.due_at) < now + AT_RISK,
                or_(col(Promise.due_at) < now, col(Promise.kind) != PromiseKind.NEXT_WORD))


def is_at_risk(promise: Promise, now: Instant) -> bool:
    """That we say something by then is kept by the gateway itself: it is at risk only when it is late."""
    return promise.due_at < (now if promise.kind is PromiseKind.NEXT_WORD else now + AT_RISK)


def _deadlines(*where: ColumnElement[bool]) -> Any:
    """(ticket_id, at) of what runs for a ticket: its own deadlines, and those of its jobs, their offers and visits."""
    runs = (col(Due.at).is_not(None), *where)

    def of(kind: SubjectKind) -> tuple[ColumnElement[bool], ...]:
        return (*runs, col(Due.subject_kind) == kind)

    return union_all(
        select(col(Due.subject_id).label("ticket_id"), col(Due.at)).where(*of(SubjectKind.TICKET)),
        select(col(JobTicket.ticket_id), col(Due.at)).join(JobTicket, col(JobTicket.job_id) == Due.subject_id)
        .where(*of(SubjectKind.JOB)),
        select(col(JobTicket.ticket_id), col(Due.at)).join(Offer, col(Offer.id) == Due.subject_id)
        .join(JobTicket, col(JobTicket.job_id) == Offer.job_id).where(*of(SubjectKind.OFFER)),
        select(col(JobTicket.ticket_id), col(Due.at)).join(Visit, col(Visit.id) == Due.subject_id)
        .join(JobTicket, col(JobTicket.job_id) == Visit.job_id).where(*of(SubjectKind.VISIT)),
    ).subquery("deadlines")


def _sorted(query: Query, sort: Sort) -> tuple[Query, tuple[Any, ...], bool]:
    """(the query, its keys, whether they fall)."""
    number = col(Ticket.id)
    oldest = (col(Ticket.opened_at), number)
    match sort:
        case Sort.NUMBER:
            return query, (number.concat(""),), False  # as such it would be walked through by, the closed ones too
        case Sort.AGE:
            return query, oldest, True
        case Sort.SEVERITY:
            ranks = {str(one): -one.rank for one in Severity}
            return query, (case(ranks, value=col(Ticket.severity), else_=0), *oldest), False
        case Sort.STATE:
            places = {str(one): place for place, one in enumerate(PROGRESS)}
            return query, (case(places, value=col(Ticket.state), else_=len(places)), *oldest), False
        case Sort.CUSTOMER:
            joined = query.join(named := _named(Customer), named.c.id == Ticket.customer_id)
            return joined, (func.lower(named.c.name), number), False
        case Sort.PROVIDER:
            joined = query.outerjoin(named := _named(Provider), named.c.id == Ticket.provider_id)
            return joined, (func.coalesce(func.lower(named.c.name), "\uffff"), number), False
        case Sort.DUE:
            all_of_them = _deadlines()
            soonest = (select(all_of_them.c.ticket_id, func.min(all_of_them.c.at).label("at"))
                       .group_by(all_of_them.c.ticket_id).subquery("soonest"))
        case Sort.PROMISE:
            soonest = (select(col(Promise.subject_id).label("ticket_id"), func.min(Promise.due_at).label("at"))
                       .where(OPEN_PROMISE).group_by(col(Promise.subject_id)).subquery("soonest"))
    joined = query.outerjoin(soonest, soonest.c.ticket_id == Ticket.id)
    return joined, (func.coalesce(soonest.c.at, _LAST), number), False


def _named(kind: Any) -> Any:
    return select(col(kind.id), col(kind.name)).subquery("named")


_ROW = (
    select(Ticket, Site, Customer, Device, Outage, Provider, Visit)
    .join(Site, col(Site.id) == Ticket.site_id)
    .join(Customer, col(Customer.id) == Ticket.customer_id)
    .outerjoin(Device, col(Device.id) == Ticket.device_id)
    .outerjoin(Outage, col(Outage.id) == Ticket.outage_id)
    .outerjoin(Provider, col(Provider.id) == Ticket.provider_id)
    .outerjoin(Visit, col(Visit.id) == Ticket.visit_id)
)


_OF: BindParameter[Any] = bindparam("of", expanding=True)  # ids; to make a statement takes longer than to ask it
_ROWS = _ROW.where(col(Ticket.id).in_(_OF))
_JOBS = (select(col(JobTicket.ticket_id), Job).join(Job, col(Job.id) == JobTicket.job_id)
         .where(col(JobTicket.ticket_id).in_(_OF), col(Job.closed_at).is_(None)))
_OFFERS = select(col(Offer.id), col(Offer.job_id)).where(col(Offer.job_id).in_(_OF), col(Offer.closed_at).is_(None))
_DUES = select(Due).where(col(Due.subject_id).in_(_OF), col(Due.at).is_not(None))
_PROMISES = (select(Promise).where(OPEN_PROMISE, col(Promise.subject_id).in_(_OF))
             .order_by(col(Promise.due_at), col(Promise.id)))
_PAGES = select(OnCallPage).where(col(OnCallPage.closed_at).is_(None), col(OnCallPage.subject_id).in_(_OF))


def load(session: Session, ticket_ids: Collection[str]) -> dict[str, TicketRow]:
    """What the rows of these tickets are made of; of those that exist."""
    found: dict[str, TicketRow] = {}
    for some in chunks(list(ticket_ids)):
        found |= _load(session, some)
    return found


def _load(session: Session, ticket_ids: Sequence[str]) -> dict[str, TicketRow]:
    of = {"of": ticket_ids}
    jobs: dict[str, list[Job]] = {}
    for ticket_id, job in session.execute(_JOBS, of):
        jobs.setdefault(ticket_id, []).append(job)
    dues = _next_deadlines(session, ticket_ids, jobs)
    promises: dict[str, Promise] = {}
    for promise in session.scalars(_PROMISES, of):
        promises.setdefault(promise.subject_id, promise)
    pages: dict[str, list[OnCallPage]] = {}
    for one in session.scalars(_PAGES, of):
        pages.setdefault(one.subject_id, []).append(one)
    return {ticket.id: TicketRow(ticket, site, customer, device, outage, provider, visit, jobs.get(ticket.id, ()),
                                 dues.get(ticket.id), promises.get(ticket.id), pages.get(ticket.id, ()))
            for ticket, site, customer, device, outage, provider, visit in session.execute(_ROWS, of)}


def _next_deadlines(session: Session, ticket_ids: Iterable[str], jobs: Mapping[str, Sequence[Job]]) -> dict[str, Due]:
    of_job = {job.id: job.id for of in jobs.values() for job in of}
    whose = dict(of_job)  # what may have a deadline → the job that it belongs to
    whose |= {job.visit_id: job.id for of in jobs.values() for job in of if job.visit_id is not None}
    for some in chunks(list(of_job)):
        for offer_id, job_id in session.execute(_OFFERS, {"of": some}):
            whose[offer_id] = job_id
    first: dict[str, Due] = {}
    for some in chunks([*ticket_ids, *whose]):
        for due in session.scalars(_DUES, {"of": some}):
            key = whose.get(due.subject_id, due.subject_id)
            if key not in first or (due.at or 0) < (first[key].at or 0):
                first[key] = due
    return {ticket_id: min(mine, key=lambda due: due.at or 0) for ticket_id in ticket_ids
            if (mine := [first[key] for key in (ticket_id, *(job.id for job in jobs.get(ticket_id, ())))
                         if key in first])}
