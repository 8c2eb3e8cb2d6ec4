"""The gateway's clock: wall time, with jumps detected and handled before the new time is handed out."""

import threading
import time
from collections.abc import Callable

from gateway.app.scheduler import log
from gateway.model import Instant

JUMP = 10_000  # ms by which the wall clock may differ from the monotonic one between two calls


class ClockJumpDetector:
    """Compares the wall clock with the monotonic one. They part when somebody sets the wall clock, or when the machine
    sleeps and only the wall clock goes on; slow drift and late calls are no jump. All times in ms."""

    def __init__(self, wall: int, monotonic_ms: int) -> None:
        self._apart = wall - monotonic_ms

    def jumped(self, wall: int, monotonic_ms: int) -> int:
        """By how much the wall clock has jumped since the last call: forward above 0, back below, 0 = it has not."""
        before, self._apart = self._apart, wall - monotonic_ms
        by = self._apart - before
        return by if abs(by) > JUMP else 0


class CorrectedTime:
    """The current time (call it); a jump of the wall clock is handled before anybody gets the time after it.

    `jumped(by, now)` handles one; what it raises goes to the caller, and it is tried again at the next call. `wall` and
    `monotonic_ms` return ms. Thread-safe.
    """

    def __init__(self, wall: Callable[[], Instant], monotonic_ms: Callable[[], int],
                 jumped: Callable[[int, Instant], object]) -> None:
        self._wall, self._monotonic_ms, self._jumped = wall, monotonic_ms, jumped
        self._detector = ClockJumpDetector(wall(), monotonic_ms())
        self._owed = 0  # ms of jumps not handled yet
        self._lock = threading.Lock()

    def __call__(self) -> Instant:
        with self._lock:
            now = self._wall()
            self._owed += self._detector.jumped(now, self._monotonic_ms())
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
