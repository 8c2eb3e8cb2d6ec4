"""How wrong a device's own clock is, measured from its messages, and its times put right by that.

A backlog looks like a clock that is behind, and one wrong time like a clock that is ahead. So a clock is only called
wrong when it has been wrong by the same amount in several messages that came apart from each other: a backlog comes all
at once, and catches up.
"""

from gateway.detection.state import Known
from gateway.model import MINUTE, SECOND, Instant

CLOCK = "!clock"
AHEAD = 2 * MINUTE  # a clock may be wrong by this much and is taken as it is
STEADY = 15 * SECOND  # messages that are late by the same amount, give or take the network
_APART = 10 * SECOND
_TIMES = 3


def true_time(state: Known, at: Instant, now: Instant) -> Instant:
    """`at`, by the device's own clock, on ours. What is still far from `now` is old, or not to be believed."""
    off = at - now
    mark = state.rules.get(CLOCK)
    if -AHEAD <= off <= AHEAD:
        if mark is not None:
            del state.rules[CLOCK]  # it has been put right, or never was wrong
        return at
    if mark is None:
        mark = state.rules[CLOCK] = {"s": "clock", "off": 0, "seen": off, "times": 1, "at": now}
    elif abs(off - mark["off"]) <= AHEAD:
        mark["off"] = max(mark["off"], off)  # nothing is heard before it was said: the quickest message is the best
    elif abs(off - mark["seen"]) > STEADY:
        mark.update(seen=off, times=1, at=now)
    elif now - mark["at"] >= _APART:
        mark.update(seen=max(mark["seen"], off), times=mark["times"] + 1, at=now)
        if mark["times"] >= _TIMES:
            mark["off"] = mark["seen"]
    return at - int(mark["off"])


def known_offset(state: Known) -> int:
    """What to take off the device's times, in ms; 0 while nothing is known of its clock."""
    mark = state.rules.get(CLOCK)
    return 0 if mark is None else int(mark["off"])
