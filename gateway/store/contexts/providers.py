"""Loads the providers, what they have to do today, and their track records: cheap, as it comes before each plan."""

from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import BindParameter, Engine, bindparam, case, exists, func, select
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
_TODAY = select(col(Visit.provider_id), func.count()).where(
    col(Visit.window_from) >= bindparam("begins"), col(Visit.window_from) < bindparam("ends"),
    col(Visit.state) != VisitState.CANCELLED).group_by(col(Visit.provider_id))
_PENDING = select(col(Offer.provider_id), func.count(), func.min(col(Offer.expires_at))).where(
    col(Offer.closed_at).is_(None)).group_by(col(Offer.provider_id))
_OUT = select(col(Visit.provider_id), col(Visit.technician), col(Visit.eta), col(Visit.window_until),
              col(Visit.on_site_at)).where(
    col(Visit.done_at).is_(None), col(Visit.state).in_(OUT))


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
    rows = session.connection()
    days = {zone: local_day(zone, now) for zone in directory.zones}
    visits: dict[str, int] = {}
    for zone, (begins, ends) in days.items():
        found = rows.execute(_TODAY, {"begins": begins, "ends": ends}).all()
        visits |= {key: count for key, count in found if len(days) == 1 or directory[key].timezone == zone}
    pending = {key: (count, until) for key, count, until in rows.execute(_PENDING).all()}
    out: dict[str, tuple[tuple[str, ...], Instant]] = {}
    for key, technician, eta, window_until, on_site_at in rows.execute(_OUT).all():
        there = on_site_at if on_site_at is not None else eta if eta is not None else window_until
        names, back_at = out.get(key, ((), there + WORK_TAKES))
        out[key] = (*names, technician), min(back_at, there + WORK_TAKES)
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
