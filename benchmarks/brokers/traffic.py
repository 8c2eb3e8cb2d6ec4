"""Publishers and a subscriber on raw sockets in one thread, which remember what was acknowledged and what came."""

import select
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable

from benchmarks.brokers.brokers import HOST

ANSWER = 30.0  # seconds for a CONNACK or SUBACK
_IDS = 60_000  # packet ids are used again after so many
_FILLING = b"." * 90  # with its number a payload is as long as a heat pump's telemetry
_LAST = 9_999_999_999  # the number of the message after which nothing more is to come


class Gone(Exception):
    """The broker closed the connection."""


class Publisher:
    """One device: at most `window` messages that are not acknowledged yet, each with a number of its own."""

    def __init__(self, port: int, name: str, window: int) -> None:
        self.socket = _connected(port, name, clean=True)[0]
        self.acknowledged: list[int] = []
        self._topic = _string(f"bench/{name}/telemetry")
        self._window, self._next_id, self._rest = window, 1, b""
        self._under_way: dict[int, int] = {}  # packet id → number

    def fill(self, take: Callable[[int], range]) -> None:
        """Sends as many as the window has room for; `take` gives the next numbers, none when there are no more."""
        packets = []
        for number in take(self._window - len(self._under_way)):
            self._under_way[self._next_id] = number
            packets.append(_publish(self._topic, self._next_id, number))
            self._next_id = self._next_id % _IDS + 1
        if packets:
            self.socket.sendall(b"".join(packets))

    def read(self) -> None:
        got = self._rest + _received(self.socket)
        whole = len(got) // 4 * 4  # to who only publishes, PUBACKs come and nothing else
        for at in range(0, whole, 4):
            self.acknowledged.append(self._under_way.pop(got[at + 2] << 8 | got[at + 3]))
        self._rest = got[whole:]


class Subscriber:
    """A session that is kept; `came` counts each number, `acknowledged` has those that we acknowledged to the broker.
    """

    def __init__(self, port: int, name: str = "keeper", subscribe: bool = False) -> None:
        self.socket, self.resumed = _connected(port, name, clean=False)
        self.came: Counter[int] = Counter()
        self.acknowledged: set[int] = set()
        self.last = False  # whether the last message has come
        self._rest = b""
        if subscribe:
            body = struct.pack(">H", 1) + _string("bench/#") + b"\x01"
            self.socket.sendall(b"\x82" + bytes([len(body)]) + body)
            answer = _exactly(self.socket, 5)
            if answer != b"\x90\x03\x00\x01\x01":
                raise SystemExit(f"the broker grants no subscription: {answer!r}")

    def read(self) -> None:
        got, at, acks, numbers = self._rest + _received(self.socket), 0, [], []
        while (packet := _packet(got, at)) is not None:
            kind, begins, at = packet
            if kind >> 4 != 3:
                continue
            topic = got[begins] << 8 | got[begins + 1]
            mid = begins + 2 + topic
            acks.append(b"\x40\x02" + got[mid:mid + 2])
            numbers.append(int(got[mid + 2:mid + 12]))
        self._rest = got[at:]
        self.came.update(numbers)
        self.last = self.last or _LAST in self.came
        if acks:
            self.socket.sendall(b"".join(acks))
            self.acknowledged.update(numbers)

    def leave(self) -> None:
        """Says goodbye; the session and what comes for it are the broker's to keep."""
        self.socket.sendall(b"\xe0\x00")
        self.socket.close()


class Traffic:
    """`connections` publishers, and a subscriber where there is one."""

    def __init__(self, port: int, connections: int, window: int, subscriber: Subscriber | None) -> None:
        self.publishers = [Publisher(port, f"{number:03d}", window) for number in range(connections)]
        self.subscriber = subscriber
        self.sent = 0
        self._limit = 0
        self._poll = select.poll()
        self._reads: dict[int, Callable[[], None]] = {}
        self._fills: dict[int, Publisher] = {}
        for publisher in self.publishers:
            self._fills[publisher.socket.fileno()] = publisher
            self._watch(publisher.socket, publisher.read)
        if subscriber is not None:
            self._watch(subscriber.socket, subscriber.read)

    @property
    def acknowledged(self) -> int:
        return sum(len(publisher.acknowledged) for publisher in self.publishers)

    def run(self, messages: int, seconds: float) -> float:
        """Publishes until `messages` are sent or `seconds` are over, then waits for what is under way. Returns the
        seconds until the last PUBACK. Raises Gone."""
        began = time.monotonic()
        self._limit = messages
        for publisher in self.publishers:
            publisher.fill(self._take)
        while self.acknowledged < self.sent:
            if time.monotonic() - began > seconds:
                self._limit = self.sent
            self.turn(1.0)
        return time.monotonic() - began

    def run_until(self, ends: float) -> None:
        """Publishes as fast as it is acknowledged, until time.monotonic() is `ends`. Raises Gone."""
        self._limit = _LAST
        for publisher in self.publishers:
            publisher.fill(self._take)
        while (left := ends - time.monotonic()) > 0:
            self.turn(left)

    def turn(self, wait: float) -> bool:
        """Reads what has come, and sends as much again; False when nothing came within `wait` seconds."""
        ready = self._poll.poll(wait * 1000)
        for number, _ in ready:
            self._reads[number]()
            if number in self._fills:
                self._fills[number].fill(self._take)
        return bool(ready)

    def read_what_is_left(self) -> None:
        """After the broker was killed: acknowledgements that had reached us are acknowledgements."""
        lines: list[Publisher | Subscriber] = [*self.publishers]
        for line in lines + ([self.subscriber] if self.subscriber else []):
            try:
                while True:
                    line.read()
            except (Gone, OSError):
                line.socket.close()

    def close(self) -> None:
        for publisher in self.publishers:
            publisher.socket.close()

    def _watch(self, line: socket.socket, read: Callable[[], None]) -> None:
        self._reads[line.fileno()] = read
        self._poll.register(line, select.POLLIN)

    def _take(self, room: int) -> range:
        first = self.sent
        self.sent = min(first + room, max(first, self._limit))
        return range(first, self.sent)


def say_last(port: int) -> socket.socket:
    """Publishes the last message; what was kept before it comes before it."""
    line = _connected(port, "last", clean=True)[0]
    line.sendall(_publish(_string("bench/last/telemetry"), 1, _LAST))
    return line


def _connected(port: int, name: str, clean: bool) -> tuple[socket.socket, bool]:
    """(connection, whether the broker still had our session)"""
    line = socket.create_connection((HOST, port), timeout=ANSWER)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    body = _string("MQTT") + b"\x04" + (b"\x02" if clean else b"\x00") + b"\x00\x00" + _string(name)
    line.sendall(b"\x10" + bytes([len(body)]) + body)
    answer = _exactly(line, 4)  # not a byte of what comes after it
    if answer[:2] != b"\x20\x02" or answer[3:] != b"\x00":
        raise SystemExit(f"the broker refused the connection: {answer!r}")
    return line, bool(answer[2] & 1)


def _exactly(line: socket.socket, size: int) -> bytes:
    """So many bytes, fewer only when the connection was closed."""
    got = b""
    while len(got) < size and (some := line.recv(size - len(got))):
        got += some
    return got


def _received(line: socket.socket) -> bytes:
    got = line.recv(262_144)
    if not got:
        raise Gone
    return got


def _packet(got: bytes, at: int) -> tuple[int, int, int] | None:
    """(first byte, where its body begins, where it ends) of the packet at `at`; None when it has not come whole."""
    size, shift, begins = 0, 0, at + 1
    while begins < len(got):
        byte = got[begins]
        begins += 1
        size |= (byte & 127) << shift
        if byte < 128:
            return (got[at], begins, begins + size) if begins + size <= len(got) else None
        shift += 7
    return None


def _publish(topic: bytes, mid: int, number: int) -> bytes:
    size = len(topic) + 2 + 10 + len(_FILLING)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return b"".join((b"\x32", length, topic, struct.pack(">H", mid), b"%010d" % number, _FILLING))


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw
