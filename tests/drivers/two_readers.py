"""One stream of packets, read by paho alone and by our reader beside paho, and what came of it."""

from random import Random
from typing import Any, NamedTuple

from paho.mqtt.client import Client, MQTTMessage

from gateway.detection.batch import MqttMessage
from gateway.mqtt.reading import MessageQueue, PublishReader
from gateway.mqtt.reading.paho_internals import use_socket
from tests.drivers.mqtt_packets import Pieces, client


class Came(NamedTuple):
    """`calls`: (how many messages had come, what paho called back). `by_paho`: messages that paho read."""

    messages: list[MqttMessage]
    mids: list[int | None]
    calls: list[tuple[Any, ...]]
    sent: bytes
    closed: bool
    raised: str
    by_paho: int


class Recorder:
    """A client on a connection of pieces, and all that it calls back."""

    def __init__(self, version: str, pieces: list[bytes], end: bytes | OSError | None = None) -> None:
        self.sock, self.client, self.queue = Pieces(pieces, end), client(version), MessageQueue()
        self.calls: list[tuple[Any, ...]] = []
        self.by_paho = 0
        self.client.on_message = self._on_message
        self.client.on_connect = lambda _client, _data, flags, reason, _all: self._call("connect", flags, reason)
        self.client.on_subscribe = lambda _client, _data, mid, reasons, _all: self._call("subscribe", mid, reasons)
        self.client.on_unsubscribe = lambda _client, _data, mid, _reasons, _all: self._call("unsubscribe", mid)
        self.client.on_disconnect = lambda _client, _data, flags, reason, _all: self._call("disconnect", flags, reason)

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self.by_paho += 1
        self.queue.add(message)
        if message.qos == 2:
            self._call("QoS 2", message.mid)

    def _call(self, *what: Any) -> None:
        self.calls.append((len(self.queue), *map(str, what)))

    def open(self) -> None:
        """As paho does once it has a connection."""
        use_socket(self.client, self.sock)
        if self.client.on_socket_open is not None:
            self.client.on_socket_open(self.client, None, self.sock)

    def came(self, raised: str = "") -> Came:
        return Came(self.queue.messages, self.queue.mids, self.calls, bytes(self.sock.sent), self.sock.closed, raised,
                    self.by_paho)


def read_by_paho(version: str, pieces: list[bytes], end: bytes | OSError | None = None) -> Came:
    recorder = Recorder(version, pieces, end)
    recorder.open()
    while not recorder.sock.closed and recorder.sock.bring():
        while not recorder.sock.closed and not recorder.sock.blocked:
            try:
                recorder.client.loop_read()
            except Exception as error:
                return recorder.came(f"{type(error).__name__}: {error}")
    return recorder.came()


def read_beside_paho(version: str, pieces: list[bytes], end: bytes | OSError | None = None, room: Random | None = None
                     ) -> Came:
    """`room`: takes a few messages at a time, else all that come."""
    recorder = Recorder(version, pieces, end)
    reader = PublishReader(recorder.client)
    recorder.open()
    while not recorder.sock.closed and recorder.sock.bring():
        again = True
        while again and not recorder.sock.closed:
            most = len(recorder.queue) + (room.randint(1, 3) if room is not None else 1_000_000)
            try:
                reader.read(recorder.queue, most)
            except Exception as error:
                return recorder.came(f"{type(error).__name__}: {error}")
            assert len(recorder.queue) <= most, "more than there was room for"
            again = reader.ready
    return recorder.came()


class Connected:
    """A client and its reader on a connection of pieces, of which the first has come; or on another."""

    def __init__(self, *pieces: bytes, end: bytes | OSError | None = None, version: str = "3.1.1",
                 of: Client | None = None) -> None:
        self.sock, self.client, self.queue = Pieces(list(pieces), end), of or client(version), MessageQueue()
        self.reader = PublishReader(self.client)
        self.client.on_message = lambda _client, _data, message: self.queue.add(message)
        self.open(self.sock)
        self.sock.bring()

    def open(self, sock: Any) -> None:
        use_socket(self.client, sock)
        assert self.client.on_socket_open is not None
        self.client.on_socket_open(self.client, None, sock)

    def read(self, room: int = 500) -> int:
        self.reader.read(self.queue, room)
        return len(self.queue)
