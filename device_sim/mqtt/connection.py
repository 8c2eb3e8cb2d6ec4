"""A minimal MQTT 3.1.1 client on one non-blocking socket, so that thousands fit in one event loop."""

import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from device_sim.dialects import Message

KEEP_ALIVE = 60  # seconds
KEPT = 200  # messages that one device keeps for a broker that is away; then the oldest is lost
_FILTERS = 200  # in one SUBSCRIBE
_CONNACK, _PUBLISH, _PUBACK = 2, 3, 4


class Lost(Exception):
    """The connection is gone or was refused; the text says how."""


@dataclass(slots=True)
class Totals:
    """What all lines together have done."""

    published: int = 0
    acknowledged: int = 0  # by the broker, at QoS 1
    unconfirmed: int = 0  # sent at QoS 0, which nobody acknowledges
    dropped: int = 0  # never sent: no connection, and nowhere to keep them
    commands: int = 0  # that came down


class Line:
    """One connection with its session. `lines.Lines` opens it, and moves the bytes."""

    __slots__ = ("_inbox", "_last_id", "_later", "_room", "_totals", "_unacked", "clean", "client_id", "heard",
                 "leaving", "outbox", "patience", "ready", "sock", "state", "tries", "up", "wanted", "will", "writing")

    def __init__(self, client_id: str, totals: Totals, will: Callable[[], Message] | None,
                 up: Callable[[], None], heard: Callable[[str, bytes], None], room: int = KEPT) -> None:
        self.client_id = client_id
        self.clean = will is None
        self.will = will
        self.up, self.heard = up, heard
        self.state = "down"  # down | opening | greeting | up
        self.wanted = self.leaving = self.writing = False
        self.tries = 0
        self.patience = 0.0  # when it last sent, then when it is next opened: seconds of the monotonic clock
        self.sock: socket.socket | None = None
        self.outbox = bytearray()
        self.ready: Callable[[Line], None] = lambda line: None  # there is something to send
        self._inbox = bytearray()
        self._unacked: dict[int, bytes] = {}
        self._later: deque[Message] = deque()
        self._last_id = 0
        self._room = room
        self._totals = totals

    @property
    def unacknowledged(self) -> int:
        return len(self._unacked) + len(self._later)

    def greet(self) -> None:
        """The socket is open: says CONNECT."""
        self.state = "greeting"
        flags = 0x02 if self.clean else 0
        body = _text(self.client_id)
        if self.will is not None:
            will = self.will()
            flags |= 0x04 | will.qos << 3 | (0x20 if will.retain else 0)
            body += _text(will.topic) + struct.pack(">H", len(will.payload)) + will.payload
        head = b"\x00\x04MQTT\x04" + bytes([flags]) + struct.pack(">H", KEEP_ALIVE)
        self._send(b"\x10" + length(len(head) + len(body)) + head + body)

    def subscribe(self, topics: Iterable[str]) -> None:
        wanted = list(topics)
        for first in range(0, len(wanted), _FILTERS):
            body = b"".join(_text(topic) + b"\x01" for topic in wanted[first : first + _FILTERS])
            self._send(b"\x82" + length(len(body) + 2) + self._next_id() + body)

    def publish(self, message: Message) -> None:
        """Sends it now, or when the line is up again; at QoS 0 now or never."""
        self._totals.published += 1
        if self.state == "up":
            self._put(message)
        elif message.qos == 0:
            self._totals.dropped += 1
        else:
            self._later.append(message)
            if len(self._later) > self._room:
                self._later.popleft()
                self._totals.dropped += 1

    def _put(self, message: Message) -> None:
        topic = message.topic.encode()
        head = struct.pack(">H", len(topic)) + topic
        if message.qos == 0:
            kind = b"\x31" if message.retain else b"\x30"
            self._totals.unconfirmed += 1
            self._send(kind + length(len(head) + len(message.payload)) + head + message.payload)
            return
        number = self._next_id()
        kind = b"\x33" if message.retain else b"\x32"
        packet = kind + length(len(head) + 2 + len(message.payload)) + head + number + message.payload
        self._unacked[self._last_id] = packet
        self._send(packet)

    def leave(self) -> None:
        """Says DISCONNECT when everything before it is acknowledged."""
        self.wanted, self.leaving = False, True
        self._leave_if_done()

    def _leave_if_done(self) -> None:
        if self.leaving and self.state == "up" and not self._unacked:
            self._send(b"\xe0\x00")
            self.state = "leaving"

    def ping(self) -> None:
        self._send(b"\xc0\x00")

    def fall(self) -> None:
        """The connection is gone: what was not acknowledged is kept for the next one."""
        self.state, self.sock, self.writing = "down", None, False
        self.outbox.clear()
        self._inbox.clear()

    def take(self, data: bytes) -> None:
        """Reads what came in. Raises Lost when the broker refuses."""
        self._inbox += data
        at = 0
        while (found := _packet(self._inbox, at)) is not None:
            start, end = found
            self._hear(self._inbox[at] >> 4, self._inbox[at] >> 1 & 3, bytes(self._inbox[start:end]))
            at = end
        del self._inbox[:at]

    def _hear(self, kind: int, qos: int, body: bytes) -> None:
        if kind == _PUBACK:
            if self._unacked.pop(body[0] << 8 | body[1], None) is not None:
                self._totals.acknowledged += 1
                self._leave_if_done()
        elif kind == _PUBLISH:
            split = 2 + (body[0] << 8 | body[1])
            payload = body[split + 2 :] if qos else body[split:]
            if qos:
                self._send(b"\x40\x02" + body[split : split + 2])
            self.heard(body[2:split].decode("utf-8", "replace"), payload)
        elif kind == _CONNACK:
            self._welcome(body)

    def _welcome(self, body: bytes) -> None:
        if body[1:2] != b"\x00":
            raise Lost(f"the broker refuses {self.client_id}: expected CONNACK 0, got {body[1:2].hex() or 'nothing'}")
        self.state, self.tries = "up", 0
        again, self._unacked = self._unacked, {}
        self.up()  # the birth comes first
        for packet in again.values():
            self._again(packet)
        while self._later:
            self._put(self._later.popleft())
        self._leave_if_done()

    def _again(self, packet: bytes) -> None:
        """The same message under a new number, marked as a repetition."""
        start, _ = _packet(packet, 0) or (2, 2)
        place = start + 2 + (packet[start] << 8 | packet[start + 1])
        number = self._next_id()
        packet = bytes([packet[0] | 0x08]) + packet[1:place] + number + packet[place + 2 :]
        self._unacked[self._last_id] = packet
        self._send(packet)

    def _next_id(self) -> bytes:
        while True:
            self._last_id = self._last_id % 65_535 + 1
            if self._last_id not in self._unacked:
                return struct.pack(">H", self._last_id)

    def _send(self, packet: bytes) -> None:
        self.outbox += packet
        self.ready(self)


def length(size: int) -> bytes:
    """MQTT's variable length: seven bits a byte, lowest first."""
    out = bytearray()
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    out.append(size)
    return bytes(out)


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw


def _packet(data: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """(start, end) of the body of the packet that begins at `at`; None when not all of it is here."""
    size = shift = 0
    for place in range(at + 1, min(at + 5, len(data))):
        size |= (data[place] & 127) << shift
        if data[place] < 128:
            return (place + 1, place + 1 + size) if place + 1 + size <= len(data) else None
        shift += 7
    return None
