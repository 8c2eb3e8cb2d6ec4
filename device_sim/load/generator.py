"""A load generator: MQTT 3.1.1 at QoS 1 on raw sockets, on a schedule, with a report of how far it fell behind."""

import select
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

MessageOf = Callable[[int], tuple[str, bytes]]

_BATCH = 400  # messages in one sendall at most: past this the system call is already paid for
_TICK = 0.002  # seconds between looks at the schedule when a rate is set
_STALLED = 30.0  # seconds without any PUBACK before the broker counts as gone
_TOLD_EVERY = 0.5  # seconds
_IDS = [struct.pack(">H", number) for number in range(65_536)]
_MAX_INFLIGHT = 20_000  # 80 kB of PUBACKs: fits a socket's buffer, so that a blocking sendall cannot deadlock


class LoadReport(NamedTuple):
    sent: int
    acked: int  # PUBACKs counted: what the broker has taken responsibility for
    seconds: float  # from the first byte sent to the last PUBACK
    late_ms: float  # the worst lag of any message behind its place in the schedule; 0 without a rate
    sending_s: float = 0.0  # from the start of the schedule until the last message was handed to the kernel


class LoadFailed(Exception):
    """The broker refused, closed or stopped acknowledging; the text says after how many messages."""


class Schedule(NamedTuple):
    """Message n of `messages` is due n / `rate` seconds after the start; without a rate all are due at once."""

    messages: int
    rate: float | None

    def due(self, elapsed: float) -> int:
        """How many messages are due `elapsed` seconds after the start."""
        if elapsed < 0:
            return 0
        return self.messages if self.rate is None else min(self.messages, 1 + int(elapsed * self.rate))

    def due_at(self, number: int) -> float:
        """Seconds after the start."""
        return number / self.rate if self.rate else 0.0


@dataclass
class Lateness:
    """How far behind its place in the schedule each message left, counted in tenths of a millisecond."""

    tenths: Counter[int] = field(default_factory=Counter)

    def add(self, schedule: Schedule, first: int, count: int, elapsed: float) -> None:
        """Messages `first` … `first + count - 1` left `elapsed` seconds after the start (or had not left by then)."""
        for number in range(first, first + count):
            self.tenths[ceil(max(0.0, elapsed - schedule.due_at(number)) * 10_000 - 1e-6)] += 1

    def percentile(self, share: float) -> float:
        """Milliseconds that `share` (0 to 1) of all messages do not exceed: nearest rank; 0 when there are none."""
        rank, seen = max(1, ceil(share * self.tenths.total() - 1e-9)), 0
        for tenth in sorted(self.tenths):
            seen += self.tenths[tenth]
            if seen >= rank:
                return tenth / 10
        return 0.0


def blast(
    host: str, port: int, topics: Sequence[str], payload_of: MessageOf, messages: int,
    rate: float | None = None, connections: int = 2, inflight: int = 2_000,
) -> LoadReport:
    """Publishes `payload_of(0 … messages-1)`, each a (topic, payload) whose topic is one of `topics`.

    A topic always goes over the same connection, so its order is kept. `rate` is messages/s over all connections
    (None: as fast as they are acknowledged); `inflight` is the unacknowledged messages allowed on each connection.
    All are sent, however late: `late_ms` says how late.
    """
    sender = Sender(host, port, topics, connections, inflight)
    return sender.send(payload_of, Schedule(messages, rate), time.monotonic())


class Sender:
    """Connected lines that share the topics between them. Raises LoadFailed or OSError when it cannot connect."""

    def __init__(self, host: str, port: int, topics: Sequence[str], connections: int, inflight: int) -> None:
        if not 1 <= inflight <= _MAX_INFLIGHT:
            raise ValueError(f"inflight {inflight}: expected 1 to {_MAX_INFLIGHT}")
        self.lines = [_Line(host, port, f"load-{time.time_ns():x}-{number}", inflight) for number in range(connections)]
        self.late = Lateness()
        self._line_of = {topic: self.lines[number % connections] for number, topic in enumerate(topics)}
        self._head_of = {topic: _string(topic) for topic in topics}

    def send(self, payload_of: MessageOf, schedule: Schedule, starts: float, patience: float | None = None,
             tell: Callable[[int], None] = lambda sent: None) -> LoadReport:
        """Sends by the schedule from `starts` (time.monotonic) on, then waits for the last PUBACK and disconnects.

        What is not sent `patience` seconds after the last message was due is left unsent, and counts as that late
        (None: everything is sent). `tell` hears now and then how many are sent. Raises LoadFailed.
        """
        first = self._by_schedule(payload_of, schedule, starts, patience, tell)
        elapsed = time.monotonic() - starts
        if first < schedule.messages:
            self.late.add(schedule, first, schedule.messages - first, elapsed)
        for line in self.lines:
            line.drain()
        seconds = time.monotonic() - starts
        for line in self.lines:
            line.close()
        worst = self.late.percentile(1) if schedule.rate else 0.0
        return LoadReport(first, sum(line.acked for line in self.lines), seconds, worst, elapsed)

    def _by_schedule(self, payload_of: MessageOf, schedule: Schedule, starts: float, patience: float | None,
                     tell: Callable[[int], None]) -> int:
        first, told = 0, starts
        ends = None if patience is None else schedule.due_at(schedule.messages) + patience
        while first < schedule.messages:
            elapsed = time.monotonic() - starts
            if ends is not None and elapsed > ends:
                break
            count = min(schedule.due(elapsed) - first, _BATCH)
            if count <= 0:
                time.sleep(_TICK)
                continue
            self._hand_over(payload_of, first, count)
            now = time.monotonic()
            if schedule.rate:
                self.late.add(schedule, first, count, now - starts)
            first += count
            if now - told > _TOLD_EVERY:
                told = now
                tell(first)
        return first

    def _hand_over(self, payload_of: MessageOf, first: int, count: int) -> None:
        used: dict[_Line, None] = {}  # of a thousand lines most have nothing to say in one batch
        for number in range(first, first + count):
            topic, payload = payload_of(number)
            line = self._line_of[topic]
            line.queue(self._head_of[topic], payload)
            used[line] = None
        for line in used:
            line.flush()


class _Line:
    """One connection: packets to send, and how many PUBACKs came back."""

    def __init__(self, host: str, port: int, client_id: str, inflight: int) -> None:
        self.inflight = inflight
        self.sent = self.acked = 0
        self._ack_bytes = 0
        self._packets: list[bytes] = []
        self._waiting = 0
        self._socket = socket.create_connection((host, port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = _string("MQTT") + b"\x04\x02\x00\x00" + _string(client_id)  # level 4, clean session, no keep-alive
        self._socket.sendall(b"\x10" + _length(len(body)) + body)
        answer = self._socket.recv(4)
        if answer[:1] != b"\x20" or answer[3:] != b"\x00":
            raise LoadFailed(f"{host}:{port} refused the connection: expected CONNACK 0, got {answer!r}")
        self._ready = select.poll()  # select() knows 1,024 sockets only
        self._ready.register(self._socket, select.POLLIN)

    def queue(self, head: bytes, payload: bytes) -> None:
        self._waiting += 1
        size = len(head) + 2 + len(payload)
        self._packets += (b"\x32", _length(size), head, _IDS[(self.sent + self._waiting - 1) % 65_535 + 1], payload)

    def flush(self) -> None:
        """Sends what is queued, as much at once as the in-flight window has room for."""
        done = 0
        while done < self._waiting:
            self._count(wait=self.sent - self.acked >= self.inflight)
            room = min(self._waiting - done, self.inflight - (self.sent - self.acked))
            self._socket.sendall(b"".join(self._packets[5 * done : 5 * (done + room)]))
            self.sent += room
            done += room
        self._packets.clear()
        self._waiting = 0

    def drain(self) -> None:
        """Waits until everything sent is acknowledged."""
        while self.acked < self.sent:
            self._count(wait=True)

    def close(self) -> None:
        self._socket.sendall(b"\xe0\x00")
        self._socket.close()

    def _count(self, wait: bool) -> None:
        if not self._ready.poll(_STALLED * 1000 if wait else 0):
            if wait:
                raise LoadFailed(f"no PUBACK for {_STALLED:.0f} s: {self.acked} of {self.sent} acknowledged")
            return
        got = self._socket.recv(65_536)
        if not got:
            raise LoadFailed(f"the broker closed the connection: {self.acked} of {self.sent} acknowledged")
        self._ack_bytes += len(got)  # a publisher on 3.1.1 without keep-alive hears PUBACKs only, four bytes each
        self.acked = self._ack_bytes // 4


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw


def _length(size: int) -> bytes:
    """MQTT's variable length: seven bits a byte, lowest first."""
    if size < 16_384:
        return _LENGTHS[size]
    out = bytearray()
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    return bytes([*out, size])


_LENGTHS = [bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7]) for size in range(16_384)]


def heat_pumps(devices: int, first: int = 0, every: int = 1) -> tuple[list[str], MessageOf]:
    """Topics and messages of native heat pumps taking turns; `ts` and `seq` rise per device.

    Of `devices` numbered from 0, those numbered `first`, `first + every`, …: what one of several processes speaks for.
    """
    topics = [f"devices/load-{number + 1:05d}/telemetry" for number in range(first, devices, every)]
    share = len(topics)
    last = [0] * share
    template = b'{"ts":%d,"seq":%d,"values":{"flow_temp":%d.%d,"power":%d,"pressure":1.%d}}'

    def message(number: int) -> tuple[str, bytes]:
        turn, device = divmod(number, share)
        at = last[device] = max(last[device] + 1, time.time_ns() // 1_000_000)
        return topics[device], template % (at, turn, 30 + number % 20, number % 10, 900 + number % 700, 3 + number % 5)

    return topics, message
