"""Loads the providers, what they have to do today, and their track records: cheap, as it comes before each plan."""

from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Engine,
    String,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    select,
    union_all,
)
from sqlmodel import Session, col

from gateway.calendars.opening_hours import local_day
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    Entry,
    EntryKind,
    IncompleteReason,
    Instant,
    Job,
    JobTicket,
    Offer,
    OfferState,
    Provider,
    Technician,
    Visit,
    VisitOutcome,
    VisitState,
)
from gateway.model.row import table_of
from gateway.tickets.dispatch.provider_ranking import ProviderDirectory, Workload
from gateway.tickets.dispatch.track_record import TrackRecord
from gateway.tickets.dispatch.workload import OUT, ProviderLoad

RECORD_DAYS = 180  # of the past that count in a track record
WORK_TAKES = 60 * MINUTE  # until somebody who is there, or should be, is taken to be free again


_REVISION = select(*(select(figure).select_from(table).scalar_subquery() for table in (Provider, Technician)
                     for figure in (func.count(), func.sum(col(table.revision)))))
_PENDING, _OUT = -1, -2


@cache
def _work(zones: int) -> Any:
    """All that the providers have to do: (what, provider, technician, how many, until or from when). `what` is _PENDING
    offers, somebody who is _OUT, or the place of a zone: visits of its day, from `begins0` to `ends0` for the first."""
    nobody, never = cast(null(), String), cast(null(), BigInteger)
    days = (select(literal(zone), col(Visit.provider_id), nobody, func.count(), never).where(
        col(Visit.window_from) >= bindparam(f"begins{zone}"), col(Visit.window_from) < bindparam(f"ends{zone}"),
        col(Visit.state) != VisitState.CANCELLED).group_by(col(Visit.provider_id)) for zone in range(zones))
    pending = select(literal(_PENDING), col(Offer.provider_id), nobody, func.count(), func.min(
        col(Offer.expires_at))).where(col(Offer.closed_at).is_(None)).group_by(col(Offer.provider_id))
    out = select(literal(_OUT), col(Visit.provider_id), col(Visit.technician), literal(1), func.coalesce(
        col(Visit.on_site_at), col(Visit.eta), col(Visit.window_until))).where(
        col(Visit.done_at).is_(None), col(Visit.state).in_(OUT))
    return union_all(out, pending, *days)


def _sum(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


_SINCE: BindParameter[Any] = bindparam("since")
_UNTIL: BindParameter[Any] = bindparam("until")
_AGAIN = table_of(Visit).alias()
_CAME_AGAIN = exists(select(_AGAIN.c.id).where(
    _AGAIN.c.ticket_id == col(Visit.ticket_id), _AGAIN.c.id != col(Visit.id),
    _AGAIN.c.created_at >= col(Visit.done_at)))
_NOT_FIXED = exists(select(table_of(Entry).c.id).where(  # says the household of a ticket that it was to settle
    table_of(Entry).c.subject_id == table_of(JobTicket).c.ticket_id,
    table_of(JobTicket).c.job_id == col(Visit.job_id), table_of(Entry).c.at >= col(Visit.done_at),
    table_of(Entry).c.kind.in_((EntryKind.REOPENED_BY_PERSON, EntryKind.NOT_FIXED_GOES_ON))))
# What counts, and as what: one home for the figures and for the list of what they are made of
COUNTED_OFFERS: tuple[Any, ...] = (
    col(Offer.closed_at) >= _SINCE, col(Offer.closed_at) < _UNTIL, col(Offer.left_out).is_(None),
    col(Offer.state) != OfferState.WITHDRAWN)
COUNTED_VISITS: tuple[Any, ...] = (
    col(Visit.done_at) >= _SINCE, col(Visit.done_at) < _UNTIL, col(Visit.left_out).is_(None),
    col(Visit.state) == VisitState.DONE)
ARRIVED: Any = col(Visit.on_site_at).is_not(None)
ON_TIME: Any = col(Visit.on_site_at) <= col(Visit.window_until)
LET_IN: Any = col(Visit.incomplete).is_distinct_from(IncompleteReason.NO_ACCESS)
FIXED: Any = (col(Visit.outcome) == VisitOutcome.COMPLETE) & ~_CAME_AGAIN & ~_NOT_FIXED
_ANSWERED = select(col(Offer.provider_id), _sum(col(Offer.state) == OfferState.ACCEPTED), func.count()).where(
    *COUNTED_OFFERS).group_by(col(Offer.provider_id))
_DONE = select(col(Visit.provider_id), _sum(ARRIVED), _sum(ON_TIME), _sum(LET_IN), _sum(FIXED)).where(
    *COUNTED_VISITS).group_by(col(Visit.provider_id))


def provider_loads(session: Session, now: Instant) -> ProviderLoad:
    """Every provider with its technicians, its work on this local day, and its track record at the last full hour."""
    directory = provider_directory(session)
    days = {zone: local_day(zone, now) for zone in directory.zones}
    given = {f"{name}{place}": at for place, day in enumerate(days.values())
             for name, at in zip(("begins", "ends"), day, strict=True)}
    visits: dict[str, int] = {}
    pending: dict[str, tuple[int, Instant]] = {}
    out: dict[str, tuple[tuple[str, ...], Instant]] = {}
    for what, key, technician, count, at in session.connection().execute(_work(len(days)), given):
        if what == _PENDING:
            pending[key] = count, at
        elif what == _OUT:
            names, back_at = out.get(key, ((), at + WORK_TAKES))
            out[key] = (*names, technician), min(back_at, at + WORK_TAKES)
        elif len(days) == 1 or directory[key].timezone == list(days)[what]:
            visits[key] = count
    nothing, nobody = (0, None), ((), None)
    before = {key: Workload(visits.get(key, 0), *pending.get(key, nothing), *out.get(key, nobody))
              for key in visits.keys() | pending.keys() | out.keys()}
    return ProviderLoad(directory, before, track_records(session, now), days)


def sites_of_provider(session: Session, provider_id: str) -> set[str]:
    """Where it is asked to come, or comes."""
    comes = select(col(Job.site_id)).where(col(Job.provider_id) == provider_id, col(Job.closed_at).is_(None))
    asked = select(col(Job.site_id)).join(Offer, col(Offer.job_id) == Job.id).where(
        col(Offer.provider_id) == provider_id, col(Offer.closed_at).is_(None))
    return {*session.connection().scalars(comes), *session.connection().scalars(asked)}


_DIRECTORIES: WeakKeyDictionary[Engine, tuple[Any, ProviderDirectory]] = WeakKeyDictionary()


def provider_directory(session: Session) -> ProviderDirectory:
    """All providers, prepared for ranking; read and prepared anew only when one of them has changed."""
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    revision = tuple(session.connection().execute(_REVISION).one())
    known = _DIRECTORIES.get(engine)
    if known is None or known[0] != revision:
        providers, technicians = session.scalars(select(Provider)).all(), session.scalars(
            select(Technician).where(col(Technician.ended_at).is_(None))).all()
        for row in (*providers, *technicians):
            session.expunge(row)  # it outlives the session, and nobody changes it
        known = _DIRECTORIES[engine] = revision, ProviderDirectory(providers, technicians)
    return known[1]


_RECORDS: WeakKeyDictionary[Engine, tuple[Instant, dict[str, TrackRecord]]] = WeakKeyDictionary()


def track_records(session: Session, now: Instant) -> dict[str, TrackRecord]:
    """Provider id → what it did in the RECORD_DAYS before the last full hour: whoever computes it finds the same, so it
    is read once an hour. What an operator left out counts from the next hour on."""
    hour = now // HOUR * HOUR
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    known = _RECORDS.get(engine)
    if known is None or known[0] != hour:
        known = _RECORDS[engine] = hour, _track_records(session, **recorded_time(now))
    return known[1]


def recorded_time(now: Instant) -> dict[str, Instant]:
    """From when until when things count in a track record; both are asked of the database by these names."""
    hour = now // HOUR * HOUR
    return {"since": hour - RECORD_DAYS * DAY, "until": hour}


def _track_records(session: Session, since: Instant, until: Instant) -> dict[str, TrackRecord]:
    given = {"since": since, "until": until}
    answered = {key: (accepted, asked) for key, accepted, asked in session.execute(_ANSWERED, given)}
    done = {key: figures for key, *figures in session.execute(_DONE, given)}
    records = {}
    for key in {*answered, *done}:
        accepted, asked = answered.get(key, (0, 0))
        arrivals, on_time, visits, fixed = done.get(key, (0, 0, 0, 0))
        records[key] = TrackRecord(asked, accepted, arrivals, on_time, visits, fixed)
    return records
