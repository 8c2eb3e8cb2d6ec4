"""An MQTT broker of a few lines with the limits that real ones have: it hangs up, or refuses, where they do."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.servers import HOST, free_port

_CONNECT, _PUBLISH, _SUBSCRIBE, _UNSUBSCRIBE, _PING, _DISCONNECT = 1, 3, 8, 10, 12, 14


@dataclass
class StubBroker:
    """Speaks MQTT 3.1.1 to any number of clients; keeps one session a client id, and hands on what is published.

    `a_packet` and `a_connection`: filters beyond which it hangs up, as AWS IoT Core does. `hangs_up_on` and `refuses`
    say so of a filter. `lets_in`: the CONNACK's code of a client, 0 = welcome.
    """

    a_packet: int = 1_000_000
    a_connection: int = 1_000_000
    hangs_up_on: Callable[[str], bool] = lambda _filter: False
    refuses: Callable[[str], bool] = lambda _filter: False
    lets_in: Callable[[str], int] = lambda _client: 0
    port: int = field(default_factory=free_port)
    connections: int = 0
    packets: list[list[str]] = field(default_factory=list)  # filters of each SUBSCRIBE that came
    sessions: dict[str, dict[str, int]] = field(default_factory=dict)  # client id → filters granted
    _lines: dict[str, socket.socket] = field(default_factory=dict)

    def heard_of(self, client: str) -> set[str]:
        """The filters that this client holds now."""
        return set(self.sessions.get(client, ()))

    def say(self, topic: str, payload: bytes) -> None:
        """To every client that has subscribed to it, at QoS 1."""
        body = struct.pack(">H", len(topic)) + topic.encode() + struct.pack(">H", 1) + payload
        for client, line in list(self._lines.items()):
            if any(_matches(one, topic) for one in self.sessions[client]):
                line.sendall(bytes([0x32]) + _length(len(body)) + body)

    def hang_up(self, client: str) -> None:
        """As when somebody else has taken this client's name."""
        self._lines[client].shutdown(socket.SHUT_RDWR)

    def serve(self, listening: socket.socket) -> None:
        while True:
            try:
                line, _ = listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def stop(self) -> None:
        for line in list(self._lines.values()):
            line.close()

    def _talk(self, line: socket.socket) -> None:
        client = ""
        with line, line.makefile("rb") as stream:
            try:
                while head := stream.read(1):
                    size = shift = 0
                    while (byte := stream.read(1)[0]) & 0x80:
                        size, shift = size | (byte & 0x7F) << shift, shift + 7
                    body = stream.read(size | byte << shift)
                    kind = head[0] >> 4
                    if kind == _CONNECT:
                        client = _text(body, 10)
                        kept, refused = client in self.sessions and not body[7] & 2, self.lets_in(client)
                        line.sendall(bytes([0x20, 2, int(kept and not refused), refused]))
                        if refused:
                            return
                        if client in self._lines:
                            self.hang_up(client)  # there is one of each name
                        self._lines[client] = line
                        if not kept:
                            self.sessions[client] = {}
                    elif kind == _SUBSCRIBE:
                        if not self._subscribe(line, client, body):
                            return
                    elif kind == _UNSUBSCRIBE:
                        place = 2
                        while place < len(body):
                            one = _text(body, place)
                            self.sessions[client].pop(one, None)
                            place += 2 + len(one.encode())
                        line.sendall(bytes([0xB0, 2]) + body[:2])
                    elif kind == _PUBLISH and head[0] & 6:
                        end = 2 + struct.unpack(">H", body[:2])[0]
                        line.sendall(bytes([0x40, 2]) + body[end:end + 2])
                    elif kind == _PING:
                        line.sendall(bytes([0xD0, 0]))
                    elif kind == _DISCONNECT:
                        return
            except (OSError, IndexError, ValueError):
                return
            finally:
                if self._lines.get(client) is line:
                    del self._lines[client]

    def _subscribe(self, line: socket.socket, client: str, body: bytes) -> bool:
        filters, place = [], 2
        while place < len(body):
            filters.append(_text(body, place))
            place += 3 + len(filters[-1].encode())
        self.packets.append(filters)
        held = self.sessions[client]
        if len(filters) > self.a_packet or any(map(self.hangs_up_on, filters)):
            return False
        if len(held.keys() | set(filters)) > self.a_connection:
            return False
        answers = [0x80 if self.refuses(one) else 1 for one in filters]
        held.update({one: 1 for one, answer in zip(filters, answers, strict=True) if answer == 1})
        line.sendall(bytes([0x90]) + _length(2 + len(answers)) + body[:2] + bytes(answers))
        return True


def _text(body: bytes, place: int) -> str:
    size = struct.unpack(">H", body[place:place + 2])[0]
    return body[place + 2:place + 2 + size].decode()


def _length(size: int) -> bytes:
    out = bytearray()
    while True:
        size, low = divmod(size, 128)
        out.append(low | (0x80 if size else 0))
        if not size:
            return bytes(out)


def _matches(wanted: str, topic: str) -> bool:
    levels, parts = wanted.split("/"), topic.split("/")
    if levels[-1] == "#":
        return all(level in ("+", part) for level, part in zip(levels[:-1], parts, strict=False))
    return len(levels) == len(parts) and all(level in ("+", part) for level, part in zip(levels, parts, strict=True))


@contextmanager
def stub_broker(broker: StubBroker) -> Iterator[StubBroker]:
    with socket.create_server((HOST, broker.port)) as listening:
        threading.Thread(target=broker.serve, args=(listening,), daemon=True).start()
        try:
            yield broker
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            broker.stop()
