"""Live pages: what an open page shows is rendered again when the change feed says so, once for all who look at it, and
sent to them as Server-Sent Events."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool

from gateway.model import ChangedRow
from gateway.monitoring import file_descriptors, metrics
from gateway.store.changes import touches
from gateway.web.feed import ChangeFeed, Rhythm

MOST = 1_200  # streams; of the 2,000 connections that the web serves others want some
MOST_OF_A_PAGE = 6  # streams: as many as a browser opens; who has one link cannot take the room of others
LATER_S = 30  # when a page shall ask again that has no room

log = logging.getLogger(__name__)


class View(NamedTuple):
    """What a page shows at one moment."""

    version: str
    html: str
    about: frozenset[str]  # ids of rows, sites and subjects, kinds of rows: when none changes, it stays as it is


class Gone(Exception):
    """The page is no longer to be seen: its link has ended."""


Load = Callable[[], View]
"""Renders a page as it is now; called in a thread. Raises Gone."""


@dataclass(eq=False, slots=True)
class _Stream:
    """One open page of one visitor."""

    until: float  # by the loop's clock
    woken: asyncio.Future[None]
    news: View | None = None  # what it has not been sent yet
    over: bool = False

    def wake(self) -> None:
        if not self.woken.done():
            self.woken.set_result(None)


@dataclass(eq=False, slots=True)
class _Page:
    """What several streams show alike. Its HTML is kept no longer than until they have it: thousands of pages are open,
    and few change."""

    load: Load
    version: str = ""  # "": it has not been loaded yet
    about: frozenset[str] = frozenset()
    gone: bool = False
    stale: bool = False
    next_at: float = 0.0
    streams: set[_Stream] = field(default_factory=set)
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)  # or what was read first might be shown last

    async def render(self) -> View | None:
        """As it is now, None: it is gone. Wakes its streams when it differs from before."""
        async with self.one_at_a_time:
            try:
                view: View | None = await run_in_threadpool(self.load)
            except Gone:
                view = None
            before, self.gone = self.version, view is None
            if view is not None:
                self.version, self.about = view.version, view.about
        if view is None or view.version != before:
            for stream in self.streams:
                stream.news = view
                stream.wake()
        return view


class LivePages:
    """The open streams of whole pages: one rendering a page for all of its streams."""

    def __init__(self, feed: ChangeFeed, ignored_kinds: frozenset[str] = frozenset(), most: int = MOST,
                 most_of_a_page: int = MOST_OF_A_PAGE, rhythm: Rhythm | None = None) -> None:
        self._feed, self._ignored, self._rhythm = feed, ignored_kinds, rhythm or feed.rhythm
        self._most, self._most_of_a_page = min(most, file_descriptors.web_limit() * 3 // 5), most_of_a_page
        self._pages: dict[str, _Page] = {}
        feed.add(self)

    def __len__(self) -> int:
        """Open streams."""
        return sum(len(page.streams) for page in self._pages.values())

    async def follow(self, key: str, load: Load, version: str, may_stay: bool = True) -> AsyncIterator[bytes]:
        """The events for a page that shows `version`; `key`: the same for all who see the same; `may_stay`:
        whether whoever asks may have one more.

        `page` (id: the version; data: the HTML) when it has changed, `gone` when its link has ended, `later` (data:
        seconds) when there is no room for a stream and it shall ask again. Raises Gone before the first event, and
        DatabaseUnavailable.
        """
        if self._feed.ended or not may_stay or not self._has_room(key):
            return _only_now(await run_in_threadpool(load), version, 0 if self._feed.ended else LATER_S)
        page = self._pages.setdefault(key, _Page(load))
        life = self._rhythm.life * random.uniform(0.8, 1.2)
        loop = asyncio.get_running_loop()
        stream = _Stream(loop.time() + life, loop.create_future())
        page.streams.add(stream)
        metrics.WEB_STREAMS.inc()
        try:
            await self._feed.begin()
            view = await page.render()
            if view is None:
                raise Gone
            if view.version != version:
                stream.news = view
        except BaseException:
            self._leave(key, page, stream)
            raise
        return self._events(key, page, stream, version)

    def end(self) -> None:
        for page in self._pages.values():
            for stream in page.streams:
                stream.over = True
                stream.wake()

    def _has_room(self, key: str) -> bool:
        page = self._pages.get(key)
        return len(self) < self._most and (page is None or len(page.streams) < self._most_of_a_page)

    async def _events(self, key: str, page: _Page, stream: _Stream, version: str) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        try:
            yield b": here\n\n"
            while not stream.over:
                if page.gone:
                    yield event("gone")
                    return
                news, stream.news = stream.news, None
                if news is not None and news.version != version:
                    version = news.version
                    yield event("page", news.html, version)
                del news
                left = stream.until - loop.time()
                if left <= 0:
                    return
                if not (await asyncio.wait((stream.woken,), timeout=min(left, self._rhythm.alive)))[0]:
                    yield b": here\n\n"
                stream.woken = loop.create_future()
        finally:
            self._leave(key, page, stream)

    def _leave(self, key: str, page: _Page, stream: _Stream) -> None:
        if stream in page.streams:
            page.streams.remove(stream)
            metrics.WEB_STREAMS.dec()
        if not page.streams and self._pages.get(key) is page:
            del self._pages[key]

    def mark(self, rows: list[ChangedRow]) -> None:
        rows = [row for row in rows if row.kind not in self._ignored]
        for page in self._pages.values():
            if rows and not page.stale:
                # while it is loaded for the first time nobody knows yet what it is about
                page.stale = not page.version or touches(rows, page.about)

    async def show(self) -> None:
        loop = asyncio.get_running_loop()
        for page in [page for page in self._pages.values() if page.stale and loop.time() >= page.next_at]:
            page.stale, page.next_at = False, loop.time() + self._rhythm.page
            try:
                await page.render()
            except Exception:
                log.exception("a live page could not be rendered; trying again")
                page.stale = True

    def forget_unread(self, before: float) -> None:
        for key, page in list(self._pages.items()):
            for stream in [stream for stream in page.streams if stream.until < before]:
                self._leave(key, page, stream)


def event(name: str, data: str = "", event_id: str = "") -> bytes:
    """One Server-Sent Event; each line of `data` becomes a line of it."""
    lines = [f"event: {name}", *([f"id: {event_id}"] if event_id else []),
             *(f"data: {line}" for line in data.splitlines() or [""])]
    return ("\n".join(lines) + "\n\n").encode()


async def _only_now(view: View, version: str, later_s: int) -> AsyncIterator[bytes]:
    """For who finds no room: how the page is now, and when to ask again; 0: at once."""
    if view.version != version:
        yield event("page", view.html, view.version)
    if later_s:
        yield event("later", str(later_s))
