"""The format of an explanation: lines under headings, times in the site's zone, values with units."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gateway.devices.profiles import Profile
from gateway.model import Instant
from gateway.notifications.format_values import text as plain

PARTS = {  # the headings
    "what": "What", "why": "Why", "waited": "Held back", "tried": "Tried", "became": "What became of it",
    "next": "What comes next", "told": "Who was told", "provider": "Why this firm", "sla": "SLA", "link": "Link",
    "clock": "Clocks", "rule": "Rules", "members": "Homes", "history": "History",
    "credit": "Credits", "contact": "Contacts", "quiet": "Quiet hours", "wish": "Wishes", "untold": "Not sent",
    "held": "Waits", "limit": "Limits", "channel": "Channels", "hours": "Hours", "capacity": "Capacity",
    "score": "Track record",
}


class Line(NamedTuple):
    """One sentence under the heading `part`; `at`: the time it speaks of."""

    part: str  # a key of PARTS
    text: str
    at: Instant | None = None


class Explanation(NamedTuple):
    """The lines of an explanation, in order; times are worded in `zone`."""

    id: str
    kind: str  # alarm | ticket | callback | outage | device | sla_policy | notification | customer | provider
    title: str
    zone: str
    lines: list[Line]


def value_text(given: Any, unit: str = "") -> str:
    """E.g. "80.5 °C", "yes"; at most six digits."""
    if isinstance(given, bool):
        return "yes" if given else "no"
    text = f"{given:.6g}" if isinstance(given, float) else plain(given)
    return f"{text} {unit}".rstrip()


def signals_text(signals: Mapping[str, Any], profile: Profile | None) -> str:
    """E.g. "flow_temp 80 °C, return_temp 45 °C"."""
    units = {} if profile is None else {name: kind.unit for name, kind in profile.signals.items()}
    return ", ".join(f"{name} {value_text(given, units.get(name, ''))}" for name, given in signals.items())


def joined_words(words: Iterable[str]) -> str:
    """E.g. "a, b and c"."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def odds_text(p: float) -> str:
    """A probability in words: "once in 4,300 times"."""
    if p >= 0.1:
        return f"{100 * min(p, 1):.0f} times in 100"
    if not p >= 1e-12:  # nor what is no number
        return "less than once in a trillion times"
    times = 1 / p
    for size, name in ((1e9, " billion"), (1e6, " million")):
        if times >= 0.9995 * size:
            return f"once in {times / size:,.3g}{name} times"
    return f"once in {float(f'{times:.2g}'):,.0f} times"


def counted(count: int, one: str) -> str:
    """E.g. "1 home", "3 homes"."""
    return f"{count} {one}{'' if count == 1 else 's'}"
