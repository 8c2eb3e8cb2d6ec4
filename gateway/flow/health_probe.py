"""Health probe of this process: whether it can write to the database, checked by a thread of its own."""

import time
from collections.abc import Callable, Mapping

import structlog
from sqlmodel import Session

from gateway.model import Instant
from gateway.store import Conflict, DatabaseUnavailable, Store, listeners

EVERY = 2.0  # seconds between two proofs that something can be written
PATIENCE = 2.0  # seconds for one
WRITTEN_WITHIN = 6.0  # seconds: two proofs may fail, the database is busy at times
TURNED_WITHIN = 15.0  # seconds since a part of the clock last came to its end …
DELIVERED_WITHIN = 120.0  # … and the deliverer, who waits for other people's servers
HEARD_WITHIN = 10.0  # seconds for which a message may wait to be written, and since the listener came round

log = structlog.get_logger()


class HealthProbe:
    """Writes a small row now and then and remembers whether that worked. `problems` reads only what was remembered."""

    def __init__(self, store: Store, name: str, now: Callable[[], Instant],
                 degraded: Callable[[Session], list[str]] = lambda session: []) -> None:
        self._store, self._name, self._now, self._degraded = store.with_own_connections(1,
                                                                                        PATIENCE), name, now, degraded
        self._written_at = time.monotonic()
        self._failed = False
        self.listening = listeners.ListeningStatus(None)  # what the running gateways are subscribed to
        self.degraded: list[str] = []  # what fails although the gateway works
        self.finished_at: dict[str, float] = {}  # part of the clock → time.monotonic when it last came to its end

    def check(self) -> None:
        """Writes and reads the database once; call it every EVERY seconds."""
        try:
            with self._store.write() as session:
                now = self._now()
                listeners.check_writable(session, self._name, now)
                self.listening = listeners.listening_status(session, now)
                self.degraded = self._degraded(session)
        except (DatabaseUnavailable, Conflict) as error:
            if not self._failed:
                log.warning("nothing can be written to the database", detail=str(error))
            self._failed = True
        else:
            self._failed, self._written_at = False, time.monotonic()

    def problems(self) -> list[str]:
        """What does not work, in sentences without personal data; empty when all is well."""
        now = time.monotonic()
        found = ["nothing can be written to the database"] if now - self._written_at > WRITTEN_WITHIN else []
        return found + stuck_parts(self.finished_at, now)

    def close(self) -> None:
        self._store.close()


def stuck_parts(finished_at: Mapping[str, float], now: float) -> list[str]:
    """Parts of the clock that do not come to their end any more; `finished_at` and `now` by time.monotonic."""
    return [f"the clock stands still ({name})" for name, at in finished_at.items()
            if now - at > (DELIVERED_WITHIN if name == "deliver" else TURNED_WITHIN)]


def listener_problem(idle_seconds: float, uncommitted_seconds: float) -> list[str]:
    """What is wrong with a connected listener: seconds since its last turn, and since a message waits for its
    commit."""
    if uncommitted_seconds > HEARD_WITHIN:
        return ["what is heard has been waiting to be written for too long"]
    return ["the listener stands still"] if idle_seconds > HEARD_WITHIN else []
