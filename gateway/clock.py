"""The clock: calls something again and again until told to stop, and survives whatever that raises; and says when the
wall clock cannot be believed."""

import threading
from collections.abc import Callable

import structlog

JUMP = 10_000  # ms by which the wall clock may part from the steady one between two looks

log = structlog.get_logger()


def every(seconds: float, work: Callable[[], object], stop: threading.Event, name: str,
          wake: threading.Event | None = None) -> threading.Thread:
    """Starts a thread that calls `work` every `seconds`, sooner when `wake` is set, and at once again while it
    returns something true (there is more to do)."""

    def run() -> None:
        while not stop.is_set():
            try:
                if wake is not None:
                    wake.clear()
                if work():
                    continue
            except Exception:
                log.exception("clock failed; trying again", work=name)
                stop.wait(1)
            (wake or stop).wait(seconds)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


class TwoClocks:
    """The wall clock beside the machine's steady one. They part when somebody sets the wall clock, or when the machine
    sleeps and only the wall clock goes on; slow drift and late looks are neither. Readings are ms."""

    def __init__(self, wall: int, steady: int) -> None:
        self._apart = wall - steady

    def jumped(self, wall: int, steady: int) -> int:
        """By how much the wall clock has jumped since the last look: forward above 0, back below, 0 = it has not."""
        before, self._apart = self._apart, wall - steady
        by = self._apart - before
        return by if abs(by) > JUMP else 0
