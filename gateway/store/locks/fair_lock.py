"""A lock that is given to those who wait for it in the order in which they came."""

import threading
from collections import deque


class FairLock:
    """`threading.Lock` gives it to whoever asks first when it is free, and that is mostly the thread that has just let
    go: whoever writes again and again would keep it."""

    def __init__(self) -> None:
        self._inner = threading.Lock()  # held for an instant only
        self._held = False
        self._waiting: deque[threading.Event] = deque()  # an Event that is set: it is yours

    def acquire(self, timeout: float) -> bool:
        """Waits at most `timeout` seconds; returns whether the lock is held now."""
        with self._inner:
            if not self._held:
                self._held = True
                return True
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(timeout):
            return True
        with self._inner:
            if mine.is_set():  # just now
                return True
            self._waiting.remove(mine)
            return False

    def release(self) -> None:
        """Gives it to whoever waits longest."""
        with self._inner:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False
