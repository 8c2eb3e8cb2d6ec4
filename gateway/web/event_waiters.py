"""Programs that wait for news of the change feed: each is a future, and holds neither a thread nor a connection."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from gateway.model import ChangedRow
from gateway.web.feed import ChangeFeed

MOST = 100  # at once; who comes then is answered at once
REST = 0.1  # seconds: what is committed shortly after one another is read together


@dataclass(eq=False)
class Waiting:
    """One program that waits."""

    feed: ChangeFeed
    seconds: float  # 0: it does not wait
    until: float = 0.0
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self) -> None:
        """From here on everything that is committed is news."""
        self.woken.clear()
        if self.seconds:
            self.until = self.until or asyncio.get_running_loop().time() + self.seconds
            await self.feed.begin()

    async def news(self) -> bool:
        """Whether something was committed; waits for it. False: the time is over."""
        left = self.until - asyncio.get_running_loop().time()
        if not self.seconds or left <= 0 or self.feed.ended:
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(self.woken.wait(), left)
            await asyncio.sleep(min(REST, left))
        return self.woken.is_set() and not self.feed.ended


class EventWaiters:
    """All who wait in one process."""

    def __init__(self, feed: ChangeFeed, most: int = MOST) -> None:
        self._feed, self._most = feed, most
        self._waiting: set[Waiting] = set()
        feed.add(self)

    def __len__(self) -> int:
        return len(self._waiting)

    @contextmanager
    def waiting(self, seconds: float) -> Iterator[Waiting]:
        one = Waiting(self._feed, seconds if len(self) < self._most and not self._feed.ended else 0)
        if one.seconds:
            self._waiting.add(one)
        try:
            yield one
        finally:
            self._waiting.discard(one)

    def mark(self, rows: list[ChangedRow]) -> None:
        if rows:
            self.end()

    async def show(self) -> None:
        """Each reads for itself."""

    def forget_unread(self, before: float) -> None:
        """Nobody waits longer than they said."""

    def end(self) -> None:
        for one in self._waiting:
            one.woken.set()
