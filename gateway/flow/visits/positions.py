"""Where technicians are who share it on their way: in the memory of this process only, one place for each visit, and
for three minutes."""

import threading
from typing import NamedTuple

from gateway.model import MINUTE, SECOND, Instant

FRESH = 3 * MINUTE  # an older place says where they are not
EXACT = 100  # metres
EVERY = 5 * SECOND  # a phone says it at most
_MOST = 5_000  # visits


class Position(NamedTuple):
    """`accuracy`: metres, as the phone says."""

    lat: float
    lon: float
    accuracy: float
    at: Instant


class Positions:
    """Written to no database, no log and no timeline: it is gone with the process, and other processes know nothing of
    it. Whoever asks says for which visit; nobody can ask for a person."""

    def __init__(self) -> None:
        self._of: dict[str, Position] = {}
        self._said: dict[str, Instant] = {}  # when each was last heard: the quota
        self._lock = threading.Lock()

    def share(self, visit_id: str, position: Position, now: Instant) -> bool:
        """False: it comes too soon after the last one. What is inexact or old is not kept."""
        with self._lock:
            self._forget_old(now)
            if 0 <= now - self._said.get(visit_id, now - EVERY) < EVERY or len(self._said) >= _MOST:
                return False
            self._said[visit_id] = now
            if position.accuracy <= EXACT and 0 <= now - position.at < FRESH:
                self._of[visit_id] = position
            return True

    def of(self, visit_id: str, now: Instant) -> Position | None:
        """None when it is not known, or not any more."""
        with self._lock:
            self._forget_old(now)
            return self._of.get(visit_id)

    def forget(self, visit_id: str) -> None:
        """They have arrived, do not come, or share it no longer."""
        with self._lock:
            self._of.pop(visit_id, None)

    def _forget_old(self, now: Instant) -> None:
        for visit_id, position in list(self._of.items()):
            if not 0 <= now - position.at < FRESH:
                del self._of[visit_id]
        for visit_id, at in list(self._said.items()):
            if not 0 <= now - at < EVERY:
                del self._said[visit_id]
