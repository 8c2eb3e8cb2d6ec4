"""Loads the providers, what they have to do today, and their track records: cheap, as it comes before each plan."""

import json
from collections import defaultdict
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Text, bindparam, case, cast, func, select
from sqlmodel import Session, SQLModel, col

from gateway.calendars.opening_hours import local_day
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    Instant,
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
_JSON = {"skills", "territory", "hours", "days_off"}


def _as_text(table: type[SQLModel]) -> Any:
    """Every column, JSON as its text: two identical answers are recognised without reading them."""
    return select(*(cast(column, Text) if column.name in _JSON else column for column in table_of(table).columns)
                  ).order_by("id")


_PROVIDERS, _TECHNICIANS = _as_text(Provider), _as_text(Technician)
_TODAY = (select(col(Visit.provider_id), func.count()).join(Provider, col(Provider.id) == Visit.provider_id)
          .where(col(Visit.window_from) >= bindparam("begins"), col(Visit.window_from) < bindparam("ends"),
                 col(Visit.state) != VisitState.CANCELLED, col(Provider.timezone) == bindparam("zone"))
          .group_by(col(Visit.provider_id)))
_OUT = select(col(Visit.provider_id), col(Visit.technician), col(Visit.eta), col(Visit.window_until),
              col(Visit.on_site_at)).where(
    col(Visit.done_at).is_(None), col(Visit.state).in_(OUT))
_PENDING = select(col(Offer.provider_id), func.count(), func.min(col(Offer.expires_at))).where(
    col(Offer.closed_at).is_(None)).group_by(col(Offer.provider_id))


def provider_loads(session: Session, now: Instant) -> ProviderLoad:
    """Every provider with its technicians, its work on this local day, and its track record at the last full hour."""
    directory = provider_directory(session)
    days = {zone: local_day(zone, now) for zone in directory.zones}
    visits: dict[str, int] = {}
    for zone, (begins, ends) in days.items():
        visits |= dict(session.execute(_TODAY, {"begins": begins, "ends": ends, "zone": zone}).all())
    pending = {provider_id: (count, until) for provider_id, count, until in session.execute(_PENDING)}
    out: dict[str, list[tuple[str, Instant]]] = defaultdict(list)
    for provider_id, technician, eta, window_until, on_site_at in session.execute(_OUT):
        there = on_site_at if on_site_at is not None else eta if eta is not None else window_until
        out[provider_id].append((technician, there + WORK_TAKES))
    before = {}
    for key in {*visits, *pending, *out}:
        count, until = pending.get(key, (0, None))
        before[key] = Workload(visits.get(key, 0), count, until, tuple(name for name, _ in out.get(key, ())),
                               min((at for _, at in out.get(key, ())), default=None))
    return ProviderLoad(directory, before, track_records(session, now), days)


def provider_directory(session: Session) -> ProviderDirectory:
    """All providers, prepared for ranking; prepared anew only when one of them has changed."""
    return _directory(tuple(map(tuple, session.execute(_PROVIDERS))), tuple(map(tuple, session.execute(_TECHNICIANS))))


@lru_cache(maxsize=8)
def _directory(providers: tuple[tuple[Any, ...], ...], technicians: tuple[tuple[Any, ...], ...]) -> ProviderDirectory:
    return ProviderDirectory(_rows(Provider, providers), _rows(Technician, technicians))


def _rows(table: type[Any], rows: tuple[tuple[Any, ...], ...]) -> list[Any]:
    names = [column.name for column in table_of(table).columns]
    return [table(**{name: json.loads(value) if name in _JSON and value is not None else value
                     for name, value in zip(names, row, strict=True)}) for row in rows]


_RECORDS: WeakKeyDictionary[Engine, tuple[Instant, dict[str, TrackRecord]]] = WeakKeyDictionary()


def track_records(session: Session, now: Instant) -> dict[str, TrackRecord]:
    """Provider id → what it did in the RECORD_DAYS before the last full hour: whoever computes it finds the same, so it
    is read once an hour. What an operator left out counts from the next hour on."""
    hour = now // HOUR * HOUR
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    known = _RECORDS.get(engine)
    if known is None or known[0] != hour:
        known = _RECORDS[engine] = hour, _track_records(session, hour - RECORD_DAYS * DAY, hour)
    return known[1]


def _track_records(session: Session, since: Instant, until: Instant) -> dict[str, TrackRecord]:
    answered = {key: (accepted, asked) for key, accepted, asked in session.execute(
        select(col(Offer.provider_id), _sum(col(Offer.state) == OfferState.ACCEPTED), func.count())
        .where(col(Offer.closed_at) >= since, col(Offer.closed_at) < until, col(Offer.left_out).is_(None),
               col(Offer.state) != OfferState.WITHDRAWN).group_by(col(Offer.provider_id)))}
    done = {key: figures for key, *figures in session.execute(
        select(col(Visit.provider_id), _sum(col(Visit.on_site_at).is_not(None)),
               _sum(col(Visit.on_site_at) <= col(Visit.window_until)),
               _sum(col(Visit.outcome) != VisitOutcome.NO_ACCESS),
               _sum(col(Visit.outcome) == VisitOutcome.COMPLETE))
        .where(col(Visit.done_at) >= since, col(Visit.done_at) < until, col(Visit.left_out).is_(None),
               col(Visit.state) == VisitState.DONE).group_by(col(Visit.provider_id)))}
    records = {}
    for key in {*answered, *done}:
        accepted, asked = answered.get(key, (0, 0))
        arrivals, on_time, visits, fixed = done.get(key, (0, 0, 0, 0))
        records[key] = TrackRecord(asked, accepted, arrivals, on_time, visits, fixed)
    return records


def _sum(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))
