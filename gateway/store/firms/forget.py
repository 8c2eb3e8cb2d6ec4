"""Forgets why somebody was away, once that is long over: it may be nobody's business any more."""

from sqlmodel import Session, select

from gateway.calendars.time_off import entries
from gateway.model import Instant, Provider, Technician, local


def forget_time_off(session: Session, now: Instant) -> None:
    """Deletes what firms entered about days that are over; gateway/calendars/time_off.py says how long it is kept."""
    zones = dict(session.exec(select(Provider.id, Provider.timezone)).all())
    rows: list[Provider | Technician] = [*session.exec(select(Provider)), *session.exec(select(Technician))]
    for row in rows:
        zone = row.timezone if isinstance(row, Provider) else zones[row.provider_id]
        kept = [one.stored() for one in entries(row.time_off, local(now, zone).date())] if row.time_off else []
        if len(kept) < len(row.time_off):
            row.time_off = kept
            session.add(row)
