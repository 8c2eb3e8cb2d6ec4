"""Runs periodic work in threads, and notices when the wall clock has jumped."""

import threading
import time
from collections.abc import Callable

import structlog

from gateway.model import Instant

JUMP = 10_000  # ms by which the wall clock may part from the steady one between two looks

log = structlog.get_logger()


def every(seconds: float, work: Callable[[], object], stop: threading.Event, name: str,
          wake: threading.Event | None = None, turns: dict[str, float] | None = None) -> threading.Thread:
    """Starts a thread that calls `work` every `seconds`, sooner when `wake` is set, and at once again while it
    returns something true (there is more to do). `turns[name]` says when (time.monotonic) it last came to its end."""
    if turns is not None:
        turns[name] = time.monotonic()

    def run() -> None:
        while not stop.is_set():
            try:
                if wake is not None:
                    wake.clear()
                more = work()
                if turns is not None:
                    turns[name] = time.monotonic()
                if more:
                    continue
            except Exception:
                log.exception("clock failed; trying again", work=name)
                stop.wait(1)
            (wake or stop).wait(seconds)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


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
    """The time by which everything is judged: nobody is told it before a jump of the wall clock has been dealt with.

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
