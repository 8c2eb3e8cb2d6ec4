"""The demo's scheduler: one thread that runs small functions at their time, in order."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable


class Scheduler:
    """Runs functions after a delay, given to `after` from any thread. Delays are divided by `pace`."""

    def __init__(self, pace: float, complain: Callable[[str], None]) -> None:
        self._pace = pace
        self._complain = complain
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="people", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds / self._pace, next(self._order), do))
            self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify()
        self._thread.join(15)

    def _run(self) -> None:
        while (do := self._next()) is not None:
            try:
                do()
            except Exception as error:  # one person's mishap must not end everybody's day
                self._complain(f"{type(error).__name__}: {error}")

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._over:
                wait = self._due[0][0] - time.monotonic() if self._due else 1.0
                if self._due and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
            return None
