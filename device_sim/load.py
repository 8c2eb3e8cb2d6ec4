"""A load generator for benchmarks: MQTT 3.1.1 at QoS 1 on raw sockets, cheap enough to stand beside what it loads."""

import argparse
import json
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

MessageOf = Callable[[int], tuple[str, bytes]]

_BATCH = 400  # messages in one sendall at most: past this the system call is already paid for
_TICK = 0.004  # seconds between looks at the schedule when a rate is set
_STALLED = 30.0  # seconds without any PUBACK before the broker counts as gone
_IDS = [struct.pack(">H", number) for number in range(65_536)]
_MAX_INFLIGHT = 20_000  # 80 kB of PUBACKs: fits a socket's buffer, so that a blocking sendall cannot deadlock


class LoadReport(NamedTuple):
    sent: int
    acked: int  # PUBACKs counted: what the broker has taken responsibility for
    seconds: float  # from the first byte sent to the last PUBACK
    late_ms: float  # the worst lag of any message behind its place in the schedule; 0 without a rate


class LoadFailed(Exception):
    """The broker refused, closed or stopped acknowledging; the text says after how many messages."""


def blast(
    host: str, port: int, topics: Sequence[str], payload_of: MessageOf, messages: int,
    rate: float | None = None, connections: int = 2, inflight: int = 2_000,
) -> LoadReport:
    """Publishes `payload_of(0 … messages-1)`, each a (topic, payload) whose topic is one of `topics`.

    A topic always goes over the same connection, so its order is kept. `rate` is messages/s over all connections
    (None: as fast as they are acknowledged); `inflight` is the unacknowledged messages allowed on each connection.
    """
    if not 1 <= inflight <= _MAX_INFLIGHT:
        raise ValueError(f"inflight {inflight}: expected 1 to {_MAX_INFLIGHT}")
    lines = [_Line(host, port, f"load-{time.time_ns():x}-{number}", inflight) for number in range(connections)]
    line_of = {topic: lines[number % connections] for number, topic in enumerate(topics)}
    head_of = {topic: _string(topic) for topic in topics}
    started = time.perf_counter()
    late = 0.0
    for first, count in _schedule(messages, rate, started):
        for number in range(first, first + count):
            topic, payload = payload_of(number)
            line_of[topic].queue(head_of[topic], payload)
        for line in lines:
            line.flush()
        if rate:
            late = max(late, time.perf_counter() - (started + first / rate))
    for line in lines:
        line.drain()
    seconds = time.perf_counter() - started
    for line in lines:
        line.close()
    return LoadReport(messages, sum(line.acked for line in lines), seconds, round(late * 1000, 1))


def _schedule(messages: int, rate: float | None, started: float) -> Iterator[tuple[int, int]]:
    """(first, count) of each batch, waiting until its first message is due."""
    first = 0
    while first < messages:
        due = messages if rate is None else min(messages, 1 + int((time.perf_counter() - started) * rate))
        count = min(due - first, _BATCH)
        if count <= 0:
            time.sleep(_TICK)
            continue
        yield first, count
        first += count


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
        if not select.select([self._socket], [], [], _STALLED if wait else 0)[0]:
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


def heat_pumps(devices: int) -> tuple[list[str], MessageOf]:
    """Topics and messages of `devices` native heat pumps taking turns; `ts` and `seq` rise per device."""
    topics = [f"devices/load-{number + 1:05d}/telemetry" for number in range(devices)]
    last = [0] * devices
    template = b'{"ts":%d,"seq":%d,"values":{"flow_temp":%d.%d,"power":%d,"pressure":1.%d}}'

    def message(number: int) -> tuple[str, bytes]:
        turn, device = divmod(number, devices)
        at = last[device] = max(last[device] + 1, time.time_ns() // 1_000_000)
        return topics[device], template % (at, turn, 30 + number % 20, number % 10, 900 + number % 700, 3 + number % 5)

    return topics, message


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m device_sim.load", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--devices", type=int, default=5_000)
    parser.add_argument("--rate", type=float, help="messages/s over all connections; default: as fast as possible")
    parser.add_argument("--connections", type=int, default=2)
    parser.add_argument("--inflight", type=int, default=2_000, help="unacknowledged messages allowed a connection")
    parser.add_argument("--json", action="store_true", help="one JSON line instead of a sentence")
    asked = parser.parse_args()
    topics, message = heat_pumps(asked.devices)
    cpu = time.process_time()
    try:
        report = blast(asked.host, asked.port, topics, message, asked.messages, asked.rate, asked.connections,
                       asked.inflight)
    except (LoadFailed, OSError) as error:
        sys.exit(f"load: {asked.host}:{asked.port}: {error}")
    cpu = time.process_time() - cpu
    figures = {**report._asdict(), "seconds": round(report.seconds, 3),
               "messages_per_s": round(report.acked / report.seconds), "cores": round(cpu / report.seconds, 2)}
    if asked.json:
        print(json.dumps(figures))
    else:
        print(", ".join(f"{name} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
