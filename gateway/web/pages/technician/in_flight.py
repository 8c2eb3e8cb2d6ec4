"""Which acts sent by a link are being done at this moment, so that a phone that sends one again is told to wait."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class StillRunning(Exception):
    """The same act is being done just now: how it ends is not known yet."""


class InFlight:
    """Those of this process. Another process waits for the first one's transaction, and gives the same answer."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    @contextmanager
    def alone(self, link_id: str, key: str) -> Iterator[None]:
        """Nobody else is within with the same key. Raises StillRunning."""
        taken = (link_id, key)
        with self._lock:
            if taken in self._keys:
                raise StillRunning
            self._keys.add(taken)
        try:
            yield
        finally:
            with self._lock:
                self._keys.discard(taken)
