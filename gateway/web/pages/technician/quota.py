"""How many photos may come by one link in a day, usable or not: each costs a program that looks at it."""

import threading

from gateway.model import DAY, Instant

A_DAY = 60
_MOST = 10_000  # links that are remembered


class DailyQuota:
    """Counted in the memory of this process; a day begins with the first."""

    def __init__(self, most: int = A_DAY) -> None:
        self._most = most
        self._taken: dict[str, tuple[Instant, int]] = {}  # since when, and how many
        self._lock = threading.Lock()

    def take(self, key: str, now: Instant) -> bool:
        """False: there have been too many."""
        with self._lock:
            since, count = self._taken.pop(key, (now, 0))
            if not 0 <= now - since < DAY:
                since, count = now, 0
            self._taken[key] = since, min(count + 1, self._most + 1)
            if len(self._taken) > _MOST:
                del self._taken[next(iter(self._taken))]
            return count < self._most
