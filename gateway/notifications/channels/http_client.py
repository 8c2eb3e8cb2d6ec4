"""An HTTP client for web hooks: the standard library's connections, kept open for the next request.

A request takes 55 µs of the processor, and 130 with a library that has a pool of its own (measured): a storm sends ten
thousand.
"""

import select
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

import certifi

KEPT_OPEN = 2  # connections of one client, of which no request is under way
READ_BYTES = 64 * 1024  # of an answer's body
Headers = list[tuple[str, str]]
Connect = Callable[[str, int, float], socket.socket]
"""(host, port, seconds) → a connection; raises OSError."""


class NothingSent(Exception):
    """There was no connection, or no request to send on it; its cause says why."""


class Answer(NamedTuple):
    """What a server answered. Redirects are an answer like any other."""

    status: int
    reason: str
    retry_after: str | None
    body: bytes  # b"": there is none, it was too long, or it broke off


class Client:
    """For one thread at a time; it keeps connections open, so that the next request to a host needs no handshake.

    `trusted`: whose certificates are. `idle_s`: how long a connection is kept of which nothing is asked. Of the other
    times each is for one step: a connection, and something sent or received.
    """

    def __init__(self, connect: Connect, trusted: Callable[[], ssl.SSLContext], idle_s: float, connect_s: float,
                 answer_s: float) -> None:
        self._connect, self._trusted = connect, trusted
        self._idle_s, self._connect_s, self._answer_s = idle_s, connect_s, answer_s
        self._idle: list[_Connection] = []

    def ask(self, method: str, address: str, headers: Headers, body: bytes | None = None, most: int = READ_BYTES
            ) -> Answer:
        """Raises NothingSent, and then OSError or HTTPException. Of an answer's body at most `most` bytes are read."""
        url = urlsplit(address)
        connection = self._connection(url)
        kept = False
        try:
            connection.ask(method, url, headers, body)
            answer, kept = connection.answer(most)
        finally:
            if kept:
                self._idle.append(connection)
            else:
                connection.close()
        return answer

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _connection(self, url: SplitResult) -> "_Connection":
        """An open one, else a new one. Those that are of no more use are closed, and one to make room."""
        usable = []
        for one in self._idle:
            if one.used_at + self._idle_s > monotonic() and not one.is_broken():
                usable.append(one)
            else:
                one.close()
        found = next((one for one in usable if one.origin == (url.scheme, url.netloc)), None)
        if found is not None:
            usable.remove(found)
        elif len(usable) == KEPT_OPEN:
            usable.pop(0).close()
        self._idle = usable
        return found or _Connection(url, self._open(url))

    def _open(self, url: SplitResult) -> socket.socket:
        host, is_secure = url.hostname or "", url.scheme == "https"
        try:
            opened = self._connect(host, url.port or _PORTS[url.scheme], self._connect_s)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if is_secure:
                try:
                    opened = self._trusted().wrap_socket(opened, server_hostname=host)
                except BaseException:
                    opened.close()
                    raise
        except (OSError, ValueError) as error:  # ValueError: a name that cannot be one
            raise NothingSent from error
        opened.settimeout(self._answer_s)
        return opened


def public_authorities() -> ssl.SSLContext:
    """Read from a file, which takes 30 ms of the processor: once for many connections."""
    trusted = ssl.create_default_context()
    trusted.load_verify_locations(certifi.where())
    trusted.set_alpn_protocols(["http/1.1"])
    return trusted


class _Response(HTTPResponse):
    """The answer itself: what comes before it, such as early hints, is passed over."""

    headers: Any

    def begin(self) -> None:
        super().begin()
        while 100 <= self.status < 200:
            if self.status == 101:
                raise HTTPException("switches to a protocol that nobody asked for")
            self.headers = None  # else it takes itself for read
            super().begin()


class _Connection(HTTPConnection):
    """To one server; one request after the other."""

    response_class = _Response
    auto_open = 0  # a new connection is made where its address is checked, and nowhere else

    def __init__(self, url: SplitResult, opened: socket.socket) -> None:
        super().__init__(url.hostname or "", url.port or _PORTS[url.scheme])
        self.default_port = _PORTS[url.scheme]
        self.origin, self.used_at, self._opened = (url.scheme, url.netloc), monotonic(), opened
        self.sock = opened

    def ask(self, method: str, url: SplitResult, headers: Headers, body: bytes | None) -> None:
        """A server may refuse a request before it has all of it: its answer is read all the same."""
        try:
            self.putrequest(method, (url.path or "/") + (f"?{url.query}" if url.query else ""),
                            skip_accept_encoding=True)
            for name, value in headers:
                self.putheader(name, value)
            if body is not None:
                self.putheader("Content-Length", str(len(body)))
        except (ValueError, HTTPException) as error:  # what would break the request
            raise NothingSent from error
        try:
            self.endheaders(body)
        except TimeoutError:
            raise
        except OSError:
            pass

    def answer(self, most: int) -> tuple[Answer, bool]:
        """(what is answered, whether the next request may follow)."""
        response = self.getresponse()
        body, whole = b"", False
        with suppress(OSError, HTTPException):  # the status decides; a body that breaks off or never ends says nothing
            body = response.read(most + 1)
            whole = response.isclosed()
        kept = whole and not response.will_close
        response.close()
        self.used_at = monotonic()
        is_cut = len(body) > most or not (whole or response.length is None)
        return Answer(response.status, response.reason, response.headers["retry-after"],
                      b"" if is_cut else body), kept

    def is_broken(self) -> bool:
        """Of one that waits: the server has nothing to say but that it hangs up."""
        poll = select.poll()
        poll.register(self._opened, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        super().close()
        self._opened.close()


_PORTS = {"http": 80, "https": 443}
