"""Suggests arrival windows for a visit, and parses a time that a provider typed."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.model import HOUR, MINUTE, Instant, local

Window = tuple[Instant, Instant]

_MORNING, _EVENING = 8, 20  # hours between which a later window is offered


def suggested_windows(now: Instant, zone: str, hours: int) -> list[Window]:
    """Three windows of `hours`: from the next half hour, then the next that fit into a working day."""
    soon = -(-now // (30 * MINUTE)) * 30 * MINUTE
    found = [(soon, soon + hours * HOUR)]
    start = soon + hours * HOUR
    while len(found) < 3:
        start = _working(start, zone, hours)
        found.append((start, start + hours * HOUR))
        start += hours * HOUR
    return found


def _working(start: Instant, zone: str, hours: int) -> Instant:
    """`start`, or the next morning when a window from there would run past the evening."""
    at = local(start, zone)
    length = min(hours, _EVENING - _MORNING)
    if at.hour < _MORNING:
        return _instant(at.replace(hour=_MORNING, minute=0))
    if at + timedelta(hours=length) > at.replace(hour=_EVENING, minute=0):
        return _instant((at + timedelta(days=1)).replace(hour=_MORNING, minute=0))
    return start


def parse_local(text: str, zone: str) -> Instant:
    """A `datetime-local` value such as 2026-11-22T14:00, read as wall-clock time in `zone`; ValueError otherwise."""
    return _instant(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def written_local(at: Instant, zone: str) -> str:
    """A `datetime-local` value that `parse_local` reads as `at`, to the minute."""
    return local(at, zone).strftime("%Y-%m-%dT%H:%M")


def _instant(at: datetime) -> Instant:
    return round(at.timestamp() * 1000)
