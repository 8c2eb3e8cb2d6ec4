"""One representation of time: whole milliseconds since 1970-01-01 UTC; zones appear only where people read."""

from datetime import UTC, datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

Instant: TypeAlias = int
"""Milliseconds since the epoch, UTC. Why not datetime: docs/adr/0002."""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def local(at: Instant, zone: str) -> datetime:
    """The aware local time a person in `zone` (an IANA name) would read at `at`."""
    return datetime.fromtimestamp(at / 1000, ZoneInfo(zone))


def to_iso(at: Instant) -> str:
    """RFC 3339 in UTC with milliseconds, e.g. `2026-11-22T14:25:06.000Z`."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> Instant:
    """Reads RFC 3339; a time without an offset is refused (ValueError), because it could mean any hour of a day."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(f"time {text!r} has no UTC offset; write e.g. 2026-11-22T14:25:06Z")
    return round(parsed.timestamp() * 1000)
