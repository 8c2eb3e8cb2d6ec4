"""The gateway's time: the wall clock, with every jump of it noticed and dealt with before anybody is told the time."""

import threading
import time
from collections.abc import Callable

from gateway.app.scheduler import log
from gateway.model import Instant

JUMP = 10_000  # ms by which the wall clock may part from the steady one between two looks


class ClockJumpDetector:
    """The wall clock beside the machine's steady one. They part when somebody sets the wall clock, or when the machine
    sleeps and only the wall clock goes on; slow drift and late looks are neither. Readings are ms."""

    def __init__(self, wall: int, monotonic_ms: int) -> None:
        self._apart = wall - monotonic_ms

    def jumped(self, wall: int, monotonic_ms: int) -> int:
        """By how much the wall clock has jumped since the last look: forward above 0, back below, 0 = it has not."""
        before, self._apart = self._apart, wall - monotonic_ms
        by = self._apart - before
        return by if abs(by) > JUMP else 0


class CorrectedTime:
    """The current time (call it); a jump of the wall clock is dealt with before anybody gets the time after it.

    `jumped(by, now)` deals with one; what it raises is raised to whoever asked, and it is called again at the next
    question. `wall` and `monotonic_ms` give ms. Several threads may ask.
    """

    def __init__(self, wall: Callable[[], Instant], monotonic_ms: Callable[[], int],
                 jumped: Callable[[int, Instant], object]) -> None:
        self._wall, self._steady, self._jumped = wall, monotonic_ms, jumped
        self._clocks = ClockJumpDetector(wall(), monotonic_ms())
        self._owed = 0  # ms of jumps not dealt with yet
        self._lock = threading.Lock()

    def __call__(self) -> Instant:
        with self._lock:
            now = self._wall()
            self._owed += self._clocks.jumped(now, self._steady())
            if self._owed:
                log.warning("the wall clock jumped", ms=self._owed)
                self._jumped(self._owed, now)
                self._owed = 0
            return now


def now() -> Instant:
    """The wall clock: the only place below which the gateway reads it."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Milliseconds of a clock that nobody can set."""
    return time.monotonic_ns() // 1_000_000
