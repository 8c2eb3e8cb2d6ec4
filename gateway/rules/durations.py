"""Parses durations such as `15m`: a whole number and a unit."""

import re

from gateway.model import DAY, HOUR, MINUTE, SECOND

_UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_SPAN = re.compile(r"(\d{1,6})(ms|s|m|h|d)")
LONGEST = 366 * DAY


def parse_duration(text: object) -> int | None:
    """"90s" → 90,000 ms; None for anything else, and for more than 366 days."""
    found = _SPAN.fullmatch(text) if isinstance(text, str) else None
    length = int(found[1]) * _UNITS[found[2]] if found else LONGEST + 1
    return length if length <= LONGEST else None


def format_duration(length: int) -> str:
    """90,000 ms → "90s", 600,000 ms → "10m"."""
    unit = next((unit for unit in ("d", "h", "m", "s") if length and length % _UNITS[unit] == 0), "ms")
    return f"{length // _UNITS[unit]}{unit}"
