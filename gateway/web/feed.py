"""The one reader of the change feed in a process: it tells all that show rows which of them have changed."""

import asyncio
import logging
import time
from contextlib import suppress
from typing import NamedTuple, Protocol

from starlette.concurrency import run_in_threadpool

from gateway.model import ChangedRow
from gateway.store import Store
from gateway.store.changes import ChangeReader

log = logging.getLogger(__name__)


class Rhythm(NamedTuple):
    """Seconds."""

    poll: float = 0.2  # how often the feed is read for what other processes wrote; our own commits wake it
    rest: float = 0.02  # between two readings, however often it is woken
    page: float = 1.0  # a page is rendered again at most this often …
    row: float = 0.25  # … and a row of a table, of which there is less
    alive: float = 15.0  # a word when there is nothing to say, so that a page knows that it is still connected
    # A stream ends after this, give or take a fifth, and the page asks anew: proxies and connections.Timeouts hang up
    # after a minute, who has gone without a word is noticed, and what depends on the time of day is rendered again.
    life: float = 45.0


RHYTHM = Rhythm()


class Follower(Protocol):
    """What has open streams, and sends them what has changed. All of it belongs to the web server's event loop."""

    def __len__(self) -> int:
        """Open streams."""
        ...

    def mark(self, rows: list[ChangedRow]) -> None:
        """These have changed; called before each `show`."""
        ...

    async def show(self) -> None:
        """Renders and sends what is due. Raises nothing."""
        ...

    def forget_unread(self, before: float) -> None:
        """Streams that should have ended before then: whoever hung up before the first event has never read theirs."""
        ...

    def end(self) -> None:
        """Ends every stream."""
        ...


class ChangeFeed:
    """Reads the feed for all its followers, while any of them has a stream; else nothing runs."""

    def __init__(self, store: Store, rhythm: Rhythm = RHYTHM) -> None:
        self.store, self.rhythm, self.ended = store, rhythm, False
        self._followers: list[Follower] = []
        self._reader = ChangeReader()
        self._woken = asyncio.Event()
        self._starting = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._said: list[ChangedRow] = []  # of what is in no table; belongs to the loop

    def add(self, follower: Follower) -> None:
        self._followers.append(follower)

    async def begin(self) -> None:
        """The feed is read from now on: called before the first stream loads anything, so that no change falls in
        between."""
        async with self._starting:
            if self._task is None:
                self._loop = asyncio.get_running_loop()
                await run_in_threadpool(self._start_reading)
                self.store.on_change.append(self._wake)
                self._task = self._loop.create_task(self._run(), name="change feed")

    def say(self, subject_id: str, later_s: float = 0) -> None:
        """Something about this has changed, or will have changed then, that is in no table and is known in this process
        only; from any thread. Nobody hears it who follows nothing now."""
        row = ChangedRow(transaction=0, kind="memory", subject_id=subject_id)
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._hear, row, later_s)

    def _hear(self, row: ChangedRow, later_s: float) -> None:
        if later_s and self._loop is not None:
            self._loop.call_later(later_s, self._hear, row, 0)
        elif self._task is not None:
            self._said.append(row)
            self._woken.set()

    def end(self) -> None:
        """Ends every stream, and lets none begin; from any thread."""
        self.ended = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        for follower in self._followers:
            follower.end()
        self._woken.set()

    def _start_reading(self) -> None:
        with self.store.read() as session:
            self._reader.start(session, time.monotonic())

    def _wake(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._woken.set)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while any(len(follower) for follower in self._followers) and not self.ended:
                self._woken.clear()
                try:
                    rows = await run_in_threadpool(self._read)
                except Exception:
                    log.exception("the change feed could not be read; trying again")
                    await asyncio.sleep(1)
                    continue
                rows, self._said = [*rows, *self._said], []
                for follower in self._followers:
                    follower.mark(rows)
                await asyncio.gather(*(follower.show() for follower in self._followers if len(follower)))
                for follower in self._followers:
                    follower.forget_unread(loop.time() - self.rhythm.alive)
                await asyncio.sleep(self.rhythm.rest)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), self.rhythm.poll)
        finally:
            self.store.on_change.remove(self._wake)
            self._task = None

    def _read(self) -> list[ChangedRow]:
        with self.store.read() as session:
            return self._reader.read(session, time.monotonic())
