"""Timestamps: whole milliseconds since 1970-01-01 UTC everywhere; time zones only where people read."""

from datetime import UTC, datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

Instant: TypeAlias = int
"""Milliseconds since the epoch, UTC. Why not datetime: docs/adr/0002."""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


EARLIEST: Instant = -62_135_424_000_000  # 3 January of the year 1: what a calendar can say in every zone …
LATEST: Instant = 253_370_764_800_000  # … and 1 January 9999


def within_calendar(at: float) -> Instant:
    """The nearest time that can be written as a date: a wrong clock of a device must not break a page or a message."""
    return int(max(EARLIEST, min(at, LATEST))) if at == at else 0  # not equal to itself: no number


def round_up(at: Instant, step: int) -> Instant:
    """To the next multiple of `step` ms: nobody believes 15:07."""
    return -(-at // step) * step


def local(at: Instant, zone: str) -> datetime:
    """The aware local time a person in `zone` (an IANA name) would read at `at`."""
    return datetime.fromtimestamp(within_calendar(at) / 1000, ZoneInfo(zone))


def to_iso(at: Instant) -> str:
    """RFC 3339 in UTC with milliseconds, e.g. `2026-11-22T14:25:06.000Z`."""
    moment = datetime.fromtimestamp(within_calendar(at) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> Instant:
    """Reads RFC 3339; a time without an offset is refused (ValueError), because it could mean any hour of a day."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time; write e.g. 2026-11-22T14:25:06Z") from None
    if parsed.tzinfo is None:
        raise ValueError(f"time {text!r} has no UTC offset; write e.g. 2026-11-22T14:25:06Z")
    return round(parsed.timestamp() * 1000)
