"""Limits the number and duration of HTTP connections, which uvicorn does not.

Without bounds 1,100 connections that say nothing use up the process's descriptors, and with them the way to the broker
and to everybody who is to be told something.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal, NamedTuple

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway.monitoring import file_descriptors, metrics
from gateway.web.middleware import is_for_photos

MOST = 2_000  # connections; a browser holds at most six, and a reverse proxy shares its own among all visitors
TICK_S = 0.25  # how often deadlines are looked at
TAKE_OVER = "gateway.take_over"  # the ASGI extension by which an answer goes on without uvicorn
UNREAD = 64 * 1024  # bytes that somebody may not have read yet when there is more to tell them
LAST_WORDS_S = 5.0  # for reading what was left when a stream has ended
AwaitedPart = Literal["head", "body", "idle", "answer"]

log = logging.getLogger(__name__)


class Timeouts(NamedTuple):
    """Seconds that each part of a request may take in all, however steadily it trickles."""

    head: float = 10.0  # from the connection, or the request's first byte, to the end of the headers
    body: float = 20.0  # 64 KiB at most (middleware.BODY_LIMIT): 3 KiB/s, one bar of signal
    photos: float = 120.0  # the body of a request with photos: 12 MiB at most (middleware.PHOTO_LIMIT), 100 KiB/s
    idle: float = 5.0  # between two requests
    answer: float = 60.0  # until we have answered, and until the other side has read it


class Connections:
    """Every open connection of one server; when there are too many, the one that has waited longest for its other side
    makes room."""

    def __init__(self, patience: Timeouts, most: int) -> None:
        self.patience, self._most = patience, min(most, file_descriptors.web_limit())
        self._open: set[Connection] = set()
        self._taken_over: set[TakenOver] = set()  # they have deadlines of their own
        self._ticking = False

    def protocol(self) -> Any:
        """The factory that uvicorn calls for each connection."""
        return partial(Connection, self)

    def __len__(self) -> int:
        return len(self._open) + len(self._taken_over)

    def __iter__(self) -> "Iterator[Connection]":
        return iter(list(self._open))

    def opened(self, one: "Connection") -> bool:
        """Registers a connection, closing the one that has waited longest when there are too many; False: there is no
        room."""
        self._open.add(one)
        if not self._ticking:
            self._ticking = True
            one.loop.call_later(TICK_S, self._tick, one.loop)
        if len(self) <= self._most:
            return True
        waiting = [other for other in self if other is not one and other.waits_for_the_other_side]
        if not waiting:
            metrics.WEB_CLOSED.labels("refused").inc()
            log.warning("more visitors than can be served: new ones are turned away")
            return False
        # who has been let in last may be in the middle of a form on a slow line: bodies go last
        min(waiting, key=lambda other: (other.waiting == "body", other.since)).end("room")
        return True

    def closed(self, one: "Connection") -> None:
        self._open.discard(one)

    def taken_over(self, one: "Connection", successor: "TakenOver") -> None:
        self._open.discard(one)
        self._taken_over.add(successor)

    def ended(self, one: "TakenOver") -> None:
        self._taken_over.discard(one)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for one in [one for one in self if now >= one.deadline]:
            one.end(one.waiting)
        self._ticking = bool(self._open)
        if self._ticking:
            loop.call_later(TICK_S, self._tick, loop)


class Connection(H11Protocol):
    """Uvicorn's, with a deadline: `waiting` for what, `since` when, `deadline` until when (the loop's clock)."""

    def __init__(self, book: Connections, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._connections = book
        self.waiting: AwaitedPart = "head"
        self.since = self.deadline = 0.0
        self._request: object = None  # the one that `waiting` is about

    @property
    def waits_for_the_other_side(self) -> bool:
        read_slowly = self.cycle is not None and (self.cycle.response_complete or self.flow.write_paused)
        return self.waiting != "answer" or read_slowly

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait("head")
        if not self._connections.opened(self):
            self._say(503)
            self._connections.closed(self)
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.waiting == "idle":
            self._wait("head")
        super().data_received(data)
        self._look()

    def handle_events(self) -> None:
        super().handle_events()
        if self.scope is not None and self.cycle is not None and not self.cycle.response_started:
            extensions: dict[str, Any] = {TAKE_OVER: self.take_over}
            self.scope["extensions"] = extensions  # its task has not begun yet

    def on_response_complete(self) -> None:
        self.scope.pop("extensions", None)  # a circle, which only the garbage collector would end
        super().on_response_complete()
        self._look()

    def take_over(self, lost: "Callable[[], object]") -> "TakenOver | None":
        """Hands the connection of an answer that has begun to whoever has more to say for long, and lets go of all that
        served the request: task, scope, parser and timers. `lost`: called when the connection has ended.

        None when that cannot be, and the answer has to end in the ordinary way: the other side has gone, or has sent
        more than one request without a body.
        """
        cycle, more_came = self.cycle, self.conn.trailing_data[0]
        if (cycle is None or cycle.disconnected or cycle.response_complete or not cycle.response_started
                or self.conn.their_state not in (h11.DONE, h11.MUST_CLOSE) or more_came or self.transport.is_closing()):
            return None
        chunked = cycle.scope["http_version"] == "1.1"  # h11 decides by the same
        successor = TakenOver(self._connections, self.transport, chunked, lost)
        cycle.scope.pop("extensions", None)
        cycle.response_complete = True  # or uvicorn would say that the application has forgotten to end it
        cycle.message_event.set()  # whoever waits for the other side to hang up waits no longer
        self.connections.discard(self)
        self.transport.set_protocol(successor)
        self.transport.resume_reading()
        self._connections.taken_over(self, successor)
        self.scope = self.cycle = self.flow = self.conn = self.headers = None  # type: ignore[assignment]
        return successor

    def _look(self) -> None:
        """Starts a new deadline when another part of a request is waited for, not with each byte."""
        busy = self.cycle is not None and not self.cycle.response_complete
        if self.conn.their_state is h11.SEND_BODY:
            what: AwaitedPart = "body"
        elif busy or self.transport.get_write_buffer_size():
            what = "answer"
        elif self.waiting == "head" and self._request is self.cycle:
            return
        else:
            what = "idle"
        if what != self.waiting or self._request is not self.cycle:
            self._wait(what)

    def _wait(self, what: AwaitedPart) -> None:
        self.waiting, self.since, self._request = what, self.loop.time(), self.cycle
        patience = self._connections.patience
        brings_photos = what == "body" and self.cycle is not None and is_for_photos(self.cycle.scope)
        self.deadline = self.since + (patience.photos if brings_photos else getattr(patience, what))

    def end(self, why: str) -> None:
        """Closes the connection, with a status line where a request had begun, without waiting for it to be read."""
        if not self.transport.is_closing():
            metrics.WEB_CLOSED.labels(why).inc()
            if self.waiting == "head" or (self.waiting == "body" and not self.cycle.response_started):
                self._say(503 if why == "room" else 408)
        self._connections.closed(self)  # at once: its descriptor is free at the loop's next turn
        self.transport.abort()

    def _say(self, status: int) -> None:
        """Writes a bare HTTP response past h11, whose connection ends here."""
        phrase = {408: "Request Timeout", 503: "Service Unavailable"}[status]
        self.transport.write(f"HTTP/1.1 {status} {phrase}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())


class TakenOver(asyncio.Protocol):
    """The rest of one answer, piece by piece, for as long as it takes: a transport, and nothing of uvicorn."""

    __slots__ = ("_book", "_chunked", "_lost", "_transport")

    def __init__(self, book: Connections, transport: asyncio.Transport, chunked: bool, lost: Callable[[], object]
                 ) -> None:
        self._book, self._transport, self._chunked, self._lost = book, transport, chunked, lost

    def write(self, part: bytes) -> None:
        """Sends a piece. Whoever has not read those before is hung up on: they come back, and get what is newest."""
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > UNREAD:
            metrics.WEB_CLOSED.labels("slow").inc()
            self._transport.abort()
            return
        self._transport.write(b"%x\r\n%b\r\n" % (len(part), part) if self._chunked else part)

    def end(self, patience: float = LAST_WORDS_S) -> None:
        """Ends the answer and the connection; what has not been read yet may be read for so many seconds."""
        if self._transport.is_closing():
            return
        if self._chunked:
            self._transport.write(b"0\r\n\r\n")
        self._transport.close()
        if self._transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(patience, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        """There is one answer on this connection: who asks for more has to open another."""
        self.end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._book.ended(self)
        self._lost()
