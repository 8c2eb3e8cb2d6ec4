"""How an explanation is said: lines under a few headings, times in the site's zone, values as people write them."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gateway.model import DAY, HOUR, MINUTE, SECOND, Instant, local, within_calendar
from gateway.notifications.catalogue import Catalogue
from gateway.profiles import Profile
from gateway.wording.values import text as plain

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")  # not strftime: it follows the machine's locale
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = ((DAY, "day", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", SECOND, "s"))


class Line(NamedTuple):
    part: str  # what | why | waited | tried | became | next | told | provider | rule | history
    text: str
    at: Instant | None = None


class Explanation(NamedTuple):
    id: str
    kind: str  # alarm | ticket | callback | outage | device
    title: str
    zone: str
    lines: list[Line]


class Teller(NamedTuple):
    """Says times in `zone`; `now` is when it is asked; `catalogue`: what has sentences in every language."""

    zone: str
    now: Instant
    catalogue: Catalogue

    def when(self, at: Instant) -> str:
        """E.g. "Mon 23 Nov 13:00:05"; the year only when it is another."""
        there, here = local(at, self.zone), local(self.now, self.zone)
        year = "" if there.year == here.year else f" {there.year}"
        return f"{_DAYS[there.weekday()]} {there.day} {_MONTHS[there.month - 1]}{year} {there:%H:%M:%S}"

    def ago(self, at: Instant) -> str:
        """When, and how long that is from now."""
        if at > self.now:
            return f"{self.when(at)} (in {span(at - self.now)})"
        return f"{self.when(at)} ({span(self.now - at)} ago)"


def span(length: int) -> str:
    """ms in at most two units: "10 min", "2 h 5 min", "1 day 3 h", "0.4 s"."""
    length = within_calendar(length)
    for unit, name, smaller, small in _UNITS:
        if length >= unit:
            whole, rest = length // unit, length % unit // smaller
            plural = "s" if name == "day" and whole > 1 else ""
            return f"{whole} {name}{plural}" + (f" {rest} {small}" if rest else "")
    return f"{length / SECOND:g} s"


def value(given: Any, unit: str = "") -> str:
    if isinstance(given, bool):
        return "yes" if given else "no"
    text = f"{given:.6g}" if isinstance(given, float) else plain(given)
    return f"{text} {unit}".rstrip()


def values(signals: Mapping[str, Any], profile: Profile | None) -> str:
    """E.g. "flow_temp 80 °C, return_temp 45 °C"."""
    units = {} if profile is None else {name: kind.unit for name, kind in profile.signals.items()}
    return ", ".join(f"{name} {value(given, units.get(name, ''))}" for name, given in signals.items())


def listed(words: Iterable[str]) -> str:
    """E.g. "a, b and c"."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def odds(p: float) -> str:
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


def many(count: int, one: str) -> str:
    """E.g. "1 home", "3 homes"."""
    return f"{count} {one}{'' if count == 1 else 's'}"
