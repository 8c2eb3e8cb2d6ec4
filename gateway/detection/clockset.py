"""What a device's marks mean after our own clock was set: what is waited for goes on, what lies ahead begins anew."""

from typing import Any

from gateway.detection.past import PAST
from gateway.detection.presses import COUNTS, mend_counts
from gateway.detection.silence import AGAIN, HEARD
from gateway.detection.skew import CLOCK
from gateway.model import Instant


def set_clock(rules: dict[str, dict[str, Any]], by: int, now: Instant) -> bool:
    """Moves the marks on in place after our clock was set `by` ms ahead (below 0: back) and is `now`; whether any was.

    Set ahead, what is waited for takes no less time. Set back, what was written by the wrong time is put right, and
    what a device's own clock said stays: it lies behind now, or ahead by less than we were. `by` = 0 when nobody knows
    by how much the clock was ahead: what lies ahead of now begins now.
    """
    before = repr(rules)
    for name, mark in list(rules.items()):
        if name == PAST:
            if by <= 0 and _lies_ahead(mark, now):
                del rules[name]  # figures of times that were none
        elif name == CLOCK:
            mark.update(off=mark["off"] - by, seen=mark["seen"] - by, at=min(mark["at"] + by, now))
        elif name == COUNTS:
            mend_counts(mark, by, now)
        elif name in (HEARD, AGAIN):
            continue  # told by other clocks, and only asked whether they are told again
        elif by > 0:
            _go_on(mark, by)
        else:
            _come_back(mark, by or min(now - max(mark.get("at") or 0, mark.get("end") or 0), 0), now)
        if mark.get("s") == "waiting":
            mark["due"] = now  # for an hour of the day: it is asked again when that is
    return repr(rules) != before


def _go_on(mark: dict[str, Any], by: int) -> None:
    for name in ("at", "end", "last", "due", "until") if "due" in mark else ("last", "until"):
        if mark.get(name) is not None:
            mark[name] += by


def _come_back(mark: dict[str, Any], by: int, now: Instant) -> None:
    for name in ("at", "end", "last"):
        if (mark.get(name) or 0) > now:
            mark[name] = min(mark[name] + by, now)
    for name in ("due", "until"):
        if (mark.get(name) or 0) >= now - by:
            mark[name] += by


def _lies_ahead(kept: dict[str, Any], now: Instant) -> bool:
    last = [moment for times in kept.get("last", {}).values() for moment in (times[0], times[-1])]
    windows = [window[1] for kind in ("over", "in") for window in kept.get(kind, {}).values()]
    return any(isinstance(moment, int) and moment > now for moment in last + windows)
