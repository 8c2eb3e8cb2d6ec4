"""Which messages of a button are a new press, where it repeats its last one with a count of its own."""

from typing import Any

from gateway.detection.state import Known
from gateway.dialects.signals import Press
from gateway.model import SECOND, Instant

COUNTS = "!presses"
ONE_WAKING = 30 * SECOND  # what a button says within this time after it was woken belongs to that finger
_WOKEN, _PRESSED, _FIRST = "*woken", "*pressed", "*first"  # no input is called so


def new(state: Known, press: Press, now: Instant) -> str | None:
    """The kind of a press that was not known yet, else None.

    With a count (`change`) it is one when the count has changed since we last heard it. The first one ever heard is
    where counting begins; but a finger that has just woken the device has pressed, whatever its count says, once.
    """
    if press.change is None and not press.woken:
        return press.kind
    counts = state.rules.setdefault(COUNTS, {"s": "counts"})
    if press.woken:
        return _woken(counts, now)
    name, count = press.change or ("", 0)
    before, counts[name] = counts.get(name), count
    woken = counts.get(_WOKEN)
    by_finger = woken is not None and now - woken <= ONE_WAKING
    if press.kind and (by_finger or (before is not None and before != count)):
        counts.pop(_WOKEN, None)
        counts[_PRESSED] = now
        return press.kind
    if press.kind and before is None:
        counts[_FIRST] = [press.kind, now]
    return None


def mend_counts(counts: dict[str, Any], by: int, now: Instant) -> None:
    """Our clock was set `by` ms ahead (below 0: back) and is `now`: a finger of the future would count for hours."""
    for name in (_WOKEN, _PRESSED):
        if name in counts:
            counts[name] = min(counts[name] + by, now)
    if _FIRST in counts:
        kind, at = counts[_FIRST]
        counts[_FIRST] = [kind, min(at + by, now)]


def _woken(counts: dict[str, Any], now: Instant) -> str | None:
    """The reason for waking comes before the count or after it."""
    kind, at = counts.pop(_FIRST, ("", 0))
    if kind and now - at <= ONE_WAKING:
        counts[_PRESSED] = now
        return str(kind)
    if now - counts.get(_PRESSED, -ONE_WAKING - 1) > ONE_WAKING:
        counts[_WOKEN] = now
    return None
