"""Runs periodic work in threads."""

import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()


def every(seconds: float, work: Callable[[], object], stop: threading.Event, name: str,
          wake: threading.Event | None = None, finished_at: dict[str, float] | None = None) -> threading.Thread:
    """Starts a thread that calls `work` every `seconds`, sooner when `wake` is set, and at once again while it
    returns something true (there is more to do). `finished_at[name]`: when
    `work` last ended, by time.monotonic()."""
    if finished_at is not None:
        finished_at[name] = time.monotonic()

    def run() -> None:
        while not stop.is_set():
            try:
                if wake is not None:
                    wake.clear()
                more = work()
                if finished_at is not None:
                    finished_at[name] = time.monotonic()
                if more:
                    continue
            except Exception:
                log.exception("clock failed; trying again", work=name)
                stop.wait(1)
            (wake or stop).wait(seconds)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
