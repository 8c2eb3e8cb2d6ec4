"""The clock: calls something again and again until told to stop, and survives whatever that raises."""

import threading
from collections.abc import Callable

import structlog

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
