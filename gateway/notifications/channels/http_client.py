"""A small HTTP/1.1 client: httpcore's sockets and h11's grammar, without httpcore's pool and its objects around each
request, which took more of the processor than both (measured: 130 µs a request with them, 80 without)."""

from collections.abc import Callable
from contextlib import suppress
from ssl import SSLContext
from time import monotonic
from typing import NamedTuple

import h11
import httpcore

KEPT_OPEN = 2  # connections of one client, of which no request is under way
HEAD_BYTES = 100 * 1024  # of an answer; a longer one is an error
READ_BYTES = 64 * 1024  # at once
Headers = list[tuple[str, str]]


class Answer(NamedTuple):
    """What a server answered. Redirects are an answer like any other."""

    status: int
    reason: bytes
    headers: list[tuple[bytes, bytes]]  # names in small letters
    body: bytes  # b"": there is none, it was too long, or it broke off


class Client:
    """For one thread at a time; it keeps connections open, so that the next request to a host needs no handshake.

    `network`: makes the connections; `trusted`: whose certificates are. `idle_s`: how long one is kept of which nothing
    is asked. Of the other times each is for one step: a connection or a handshake, and something sent or received.
    """

    def __init__(self, network: httpcore.NetworkBackend, trusted: Callable[[], SSLContext], idle_s: float,
                 connect_s: float, answer_s: float) -> None:
        self._network, self._trusted = network, trusted
        self._idle_s, self._connect_s, self._answer_s = idle_s, connect_s, answer_s
        self._idle: list[_Connection] = []

    def ask(self, method: str, address: str, headers: Headers, body: bytes = b"", most: int = READ_BYTES) -> Answer:
        """Raises httpcore's exceptions, and OSError. Of an answer's body at most about `most` bytes are read."""
        url = httpcore.URL(address)
        connection = self._connection(url.origin)
        kept = False
        try:
            connection.send(method, url, headers, body, self._answer_s)
            answer = connection.receive(self._answer_s, most)
            kept = connection.is_done()
        finally:
            if kept:
                self._idle.append(connection)
            else:
                connection.close()
        return answer

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _connection(self, origin: httpcore.Origin) -> "_Connection":
        """An open one, else a new one. Those that are of no more use are closed, and one to make room."""
        usable = []
        for one in self._idle:
            if one.used_at + self._idle_s > monotonic() and not one.is_broken():
                usable.append(one)
            else:
                one.close()
        found = next((one for one in usable if one.origin == origin), None)
        if found is not None:
            usable.remove(found)
        elif len(usable) == KEPT_OPEN:
            usable.pop(0).close()
        self._idle = usable
        return found or _Connection(origin, self._connect(origin))

    def _connect(self, origin: httpcore.Origin) -> httpcore.NetworkStream:
        host = origin.host.decode("ascii")
        stream = self._network.connect_tcp(host, origin.port, self._connect_s)
        if origin.scheme != b"https":
            return stream
        return stream.start_tls(self._trusted(), host, self._connect_s)


def public_authorities() -> SSLContext:
    """Read from a file, which takes 30 ms of the processor: once for many connections."""
    trusted = httpcore.default_ssl_context()
    trusted.set_alpn_protocols(["http/1.1"])
    return trusted


class _Connection:
    """To one server; one request after the other."""

    def __init__(self, origin: httpcore.Origin, stream: httpcore.NetworkStream) -> None:
        self.origin, self.used_at, self._stream = origin, monotonic(), stream
        self._state = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)

    def send(self, method: str, url: httpcore.URL, headers: Headers, body: bytes, write_s: float) -> None:
        """In one piece. A server may refuse a request before it has all of it: its answer is read all the same."""
        host = url.host.decode("ascii")
        host += "" if url.port in (None, _PORTS[url.scheme]) else f":{url.port}"
        length: Headers = [("Content-Length", str(len(body)))] if body else []
        try:
            request = h11.Request(method=method, target=url.target, headers=[("Host", host), *headers, *length])
        except h11.LocalProtocolError as error:
            raise httpcore.LocalProtocolError(str(error)) from error
        events = (request, h11.Data(body), h11.EndOfMessage()) if body else (request, h11.EndOfMessage())
        with suppress(httpcore.WriteError):
            self._stream.write(b"".join(self._state.send(event) or b"" for event in events), write_s)

    def receive(self, read_s: float, most: int) -> Answer:
        head = self._next(read_s)
        while isinstance(head, h11.InformationalResponse):
            head = self._next(read_s)
        assert isinstance(head, h11.Response)
        return Answer(head.status_code, head.reason, list(head.headers), self._body(read_s, most))

    def _body(self, read_s: float, most: int) -> bytes:
        """The status decides; of a body that breaks off or never ends nothing is read, and it changes nothing."""
        read = b""
        with suppress(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
            while isinstance(event := self._next(read_s), h11.Data):
                read += event.data
                if len(read) > most:
                    return b""
            return read
        return b""

    def _next(self, read_s: float) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while True:
            try:
                event = self._state.next_event()
            except h11.RemoteProtocolError as error:
                raise httpcore.RemoteProtocolError(str(error)) from error
            if event is not h11.NEED_DATA:
                return event
            data = self._stream.read(READ_BYTES, read_s)
            if not data and self._state.their_state is h11.SEND_RESPONSE:
                raise httpcore.RemoteProtocolError("Server disconnected without sending a response.")
            self._state.receive_data(data)

    def is_done(self) -> bool:
        """Whether the next request may follow."""
        if self._state.our_state is not h11.DONE or self._state.their_state is not h11.DONE:
            return False
        self._state.start_next_cycle()
        self.used_at = monotonic()
        return True

    def is_broken(self) -> bool:
        """Of one that waits: the server has nothing to say but that it hangs up."""
        return bool(self._stream.get_extra_info("is_readable"))

    def close(self) -> None:
        self._stream.close()


_PORTS = {b"http": 80, b"https": 443}
