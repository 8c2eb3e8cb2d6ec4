"""Measures how far a device's own clock is off, and corrects its timestamps.

A backlog looks like a clock that is behind, and one wrong time like a clock that is ahead. So a clock is only called
wrong when it has been wrong by the same amount in several messages that came apart from each other: a backlog comes all
at once, and catches up.
"""

from gateway.detection.device_state import ClaimedDevice
from gateway.detection.memory import ClockOffset
from gateway.model import MINUTE, SECOND, Instant

AHEAD = 2 * MINUTE  # a clock may be wrong by this much and is taken as it is
STEADY = 15 * SECOND  # messages that are late by the same amount, give or take the network
_APART = 10 * SECOND
_TIMES = 3


def measure_clock(clock: ClockOffset | None, at: Instant, now: Instant) -> ClockOffset | None:
    """The offset of a device's clock, updated by a message with its timestamp `at` that came at `now`."""
    off = at - now
    if -AHEAD <= off <= AHEAD:
        return None  # it has been put right, or never was wrong
    if clock is None:
        return ClockOffset(0, off, 1, now)
    if abs(off - clock.offset_ms) <= AHEAD:
        # nothing is heard before it was said: the quickest message is the best
        return clock._replace(offset_ms=max(clock.offset_ms, off))
    if abs(off - clock.candidate_ms) > STEADY:
        return clock._replace(candidate_ms=off, times=1, at=now)
    if now - clock.at < _APART:
        return clock
    off = max(clock.candidate_ms, off)
    return ClockOffset(off if clock.times + 1 >= _TIMES else clock.offset_ms, off, clock.times + 1, now)


def clock_offset(state: ClaimedDevice) -> int:
    """What to take off the device's times, in ms; 0 while nothing is known of its clock. What is then still far from
    now is old, or not to be believed."""
    clock = state.memory.clock
    return 0 if clock is None else clock.offset_ms
