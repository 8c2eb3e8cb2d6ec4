"""Live pages: what an open page shows is rendered again when the change feed says so, once for all who look at it, and
sent to them as Server-Sent Events. A stream is a taken-over connection (web/connections.py): a thousand of them are a
thousand rows in a table, not a thousand tasks."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from gateway.model import ChangedRow
from gateway.monitoring import file_descriptors, metrics
from gateway.store.changes import touches
from gateway.web.connections import TAKE_OVER, TakenOver
from gateway.web.feed import ChangeFeed, Rhythm

MOST = 1_200  # streams; of the 2,000 connections that the web serves others want some
MOST_OF_A_PAGE = 6  # streams: as many as a browser opens; who has one link cannot take the room of others
LATER_S = 30  # when a page shall ask again that has no room
AT_ONCE = 4  # streams that begin: more threads are no faster, and each takes a database connection and memory
TICK_S = 1.0  # how often it is looked at whose time is over, and who has heard nothing for long
HERE = b": here\n\n"

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


class Visitor(NamedTuple):
    """What is to be minded of somebody whom more than the link lets in."""

    still: Callable[[], bool]  # whether they may still see it; called in a thread
    came: Callable[[], object]  # their stream begins …
    left: Callable[[], object]  # … and is over
    check_s: float  # how often `still` is asked
    own: Callable[[bytes], bytes] = bytes  # of an event that all get, theirs


@dataclass(eq=False, slots=True)
class _Stream:
    """One open page of one visitor."""

    version: str  # the last that it has been sent
    until: float  # by the loop's clock
    word_at: float  # when it is told that we are there
    checked_at: float
    visitor: Visitor | None
    wire: TakenOver | None = None  # None: its answer has not begun

    def write(self, part: bytes) -> None:
        if self.wire is not None:
            self.wire.write(part if self.visitor is None else self.visitor.own(part))

    def end(self, last: bytes = b"") -> None:
        if self.wire is not None:
            if last:
                self.wire.write(last)
            self.wire.end()


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

    def show(self, view: View | None) -> None:
        """To all who have another; None: it is gone."""
        streams = [one for one in self.streams if view is None or one.version != view.version]
        part = event("page", view.html, view.version) if view is not None and streams else event("gone")
        for stream in streams:
            if view is None:
                stream.end(part)
            elif stream.wire is not None:
                stream.version = view.version
                stream.write(part)


class LivePages:
    """The open streams of whole pages: one rendering a page for all of its streams."""

    def __init__(self, feed: ChangeFeed, ignored_kinds: frozenset[str] = frozenset(), most: int = MOST,
                 most_of_a_page: int = MOST_OF_A_PAGE, rhythm: Rhythm | None = None) -> None:
        self._feed, self._ignored, self._rhythm = feed, ignored_kinds, rhythm or feed.rhythm
        self._most, self._most_of_a_page = min(most, file_descriptors.web_limit() * 3 // 5), most_of_a_page
        self._pages: dict[str, _Page] = {}
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._ticking = False
        self._checking: asyncio.Task[None] | None = None
        feed.add(self)

    def __len__(self) -> int:
        """Open streams."""
        return sum(len(page.streams) for page in self._pages.values())

    async def follow(self, request: Request, key: str, load: Load, version: str, visitor: Visitor | None = None,
                     may_stay: bool = True) -> StreamingResponse:
        """The stream of a page that shows `version`; `key`: the same for all who see the same; `may_stay`:
        whether whoever asks may have one more.

        `page` (id: the version; data: the HTML) when it has changed, `gone` when its link has ended, `later` (data:
        seconds) when there is no room for a stream, or the server is none of ours and cannot keep one, and it shall ask
        again. Raises Gone and DatabaseUnavailable, while nothing has been answered.
        """
        can_stay = TAKE_OVER in request.scope.get("extensions", {})
        if self._feed.ended or not may_stay or not can_stay or not self._has_room(key):
            later_s = 0 if self._feed.ended else LATER_S
            async with self._turn:
                return events_answer(_only_now(await run_in_threadpool(load), version, later_s, visitor))
        page = self._pages.setdefault(key, _Page(load))
        stream = self._come(page, version, visitor)
        try:
            await self._feed.begin()
            async with self._turn:
                view = await self._render(page)
            if view is None:
                raise Gone
        except BaseException:
            self._leave(key, page, stream)
            raise
        first = b"" if view.version == version else event("page", view.html, view.version)
        stream.version = view.version
        return _LiveAnswer(HERE + (first if visitor is None else visitor.own(first)),
                           partial(self._begin, key, page, stream), partial(self._leave, key, page, stream))

    def end(self) -> None:
        for _, _, stream in self._streams():
            stream.end()

    def _has_room(self, key: str) -> bool:
        page = self._pages.get(key)
        return len(self) < self._most and (page is None or len(page.streams) < self._most_of_a_page)

    def _streams(self) -> Iterator[tuple[str, _Page, _Stream]]:
        for key, page in list(self._pages.items()):
            for stream in list(page.streams):
                yield key, page, stream

    def _come(self, page: _Page, version: str, visitor: Visitor | None) -> _Stream:
        now, life = asyncio.get_running_loop().time(), self._rhythm.life * random.uniform(0.8, 1.2)
        stream = _Stream(version, now + life, now + self._rhythm.alive, now, visitor)
        page.streams.add(stream)
        metrics.WEB_STREAMS.inc()
        if visitor is not None:
            visitor.came()
        self._tick_later()
        return stream

    def _begin(self, key: str, page: _Page, stream: _Stream, scope: Scope) -> bool:
        """Its answer has begun; False: it has to end at once."""
        stream.wire = scope["extensions"][TAKE_OVER](partial(self._leave, key, page, stream))
        if stream.wire is None:
            return False
        if self._feed.ended:
            stream.end()
        elif page.gone:
            stream.end(event("gone"))
        elif page.version != stream.version:  # it has changed since it was loaded
            page.stale, page.next_at = True, 0.0
        return True

    def _leave(self, key: str, page: _Page, stream: _Stream) -> None:
        if stream in page.streams:
            page.streams.remove(stream)
            metrics.WEB_STREAMS.dec()
            if stream.visitor is not None:
                stream.visitor.left()
        if not page.streams and self._pages.get(key) is page:
            del self._pages[key]

    async def _render(self, page: _Page) -> View | None:
        """As it is now, None: it is gone. Shows it to all who have another."""
        async with page.one_at_a_time:
            page.stale = False  # what is known to have changed is committed, so it will be seen
            try:
                view: View | None = await run_in_threadpool(page.load)
            except Gone:
                view = None
            page.gone = view is None
            if view is not None:
                page.version, page.about = view.version, view.about
            await self._check([one for one in page.streams if view is not None and one.version != view.version], 0.5)
            page.show(view)
        return view

    def mark(self, rows: list[ChangedRow]) -> None:
        rows = [row for row in rows if row.kind not in self._ignored]
        for page in self._pages.values():
            if rows and not page.stale:
                # while it is loaded for the first time nobody knows yet what it is about
                page.stale = not page.version or touches(rows, page.about)

    async def show(self) -> None:
        loop = asyncio.get_running_loop()
        # whoever has just come loads theirs in a moment, and must not hold up those whose pages are open
        due = [page for page in self._pages.values() if page.stale and page.version and loop.time() >= page.next_at]
        for page in due:
            if not page.stale:
                continue  # meanwhile somebody else has come, and it was loaded for them
            page.next_at = loop.time() + self._rhythm.page
            try:
                await self._render(page)
            except Exception:
                log.exception("a live page could not be rendered; trying again")
                page.stale = True

    def forget_unread(self, before: float) -> None:
        """Done by `_tick`, which goes on when the feed cannot be read."""

    def _tick_later(self) -> None:
        if not self._ticking:
            self._ticking = True
            asyncio.get_running_loop().call_later(min(TICK_S, self._rhythm.alive / 4), self._tick)

    def _tick(self) -> None:
        """Ends the streams whose time is over, says a word to the others, and asks whether they may still look."""
        self._ticking = False
        now = asyncio.get_running_loop().time()
        for key, page, stream in self._streams():
            if now >= stream.until:
                if stream.wire is None and now >= stream.until + self._rhythm.alive:  # they had gone before it began
                    self._leave(key, page, stream)
                stream.end()
            elif now >= stream.word_at:
                stream.word_at = now + self._rhythm.alive
                stream.write(HERE)
        if self._checking is None or self._checking.done():
            due = [stream for _, _, stream in self._streams() if _is_due(stream, now, 1)]
            self._checking = asyncio.get_running_loop().create_task(self._check(due, 1)) if due else None
        if self._pages:
            self._tick_later()

    async def _check(self, streams: Iterable[_Stream], share: float) -> None:
        """Ends those whose visitors may no longer look, of those last asked that share of their `check_s` ago."""
        now = asyncio.get_running_loop().time()
        for stream in streams:
            if stream.visitor is None or not _is_due(stream, now, share):
                continue
            stream.checked_at = now
            try:
                if not await run_in_threadpool(stream.visitor.still):
                    stream.end(event("gone"))
            except Exception:
                log.exception("it could not be asked who looks at a page; they may ask anew")
                stream.end()


def _is_due(stream: _Stream, now: float, share: float) -> bool:
    visitor = stream.visitor
    return visitor is not None and stream.wire is not None and now - stream.checked_at >= visitor.check_s * share


class _LiveAnswer(StreamingResponse):
    """The head and the first events of a stream, as every answer is sent; then the connection is taken over."""

    def __init__(self, first: bytes, begin: Callable[[Scope], bool], leave: Callable[[], None]) -> None:
        super().__init__(iter(()), headers={"x-accel-buffering": "no", "connection": "close"},
                         media_type="text/event-stream")
        self._first, self._begin, self._leave = first, begin, leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stays = False
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self._first, "more_body": True})
            stays = self._begin(scope)
            if not stays:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if not stays:
                self._leave()


def event(name: str, data: str = "", event_id: str = "") -> bytes:
    """One Server-Sent Event; each line of `data` becomes a line of it."""
    lines = [f"event: {name}", *([f"id: {event_id}"] if event_id else []),
             *(f"data: {line}" for line in data.splitlines() or [""])]
    return ("\n".join(lines) + "\n\n").encode()


def _only_now(view: View, version: str, later_s: int, visitor: Visitor | None) -> Iterator[bytes]:
    """For who finds no room: how the page is now, and when to ask again; 0: at once."""
    if view.version != version:
        part = event("page", view.html, view.version)
        yield part if visitor is None else visitor.own(part)
    if later_s:
        yield event("later", str(later_s))


def events_answer(events: Iterable[bytes] | AsyncIterator[bytes]) -> StreamingResponse:
    return StreamingResponse(events, headers={"x-accel-buffering": "no"}, media_type="text/event-stream")
