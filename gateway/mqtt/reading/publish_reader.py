"""Reads PUBLISH packets out of a buffer; paho reads every other packet, and every one that is not plainly healthy.

paho asks the system three times for each packet, and makes objects that we do not need: 13 of the 17 µs that receiving
and acknowledging a message took (measured). It stays the owner of the connection: what it is given it reads, answers
and calls back for as ever, and it alone judges what is malformed.
"""

import struct
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.exception import MQTTException
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.detection.batch import MqttMessage
from gateway.mqtt.reading.buffered_socket import LARGEST, BufferedSocket
from gateway.mqtt.reading.message_queue import MessageQueue
from gateway.mqtt.reading.paho_internals import missing, note_bytes_received, use_socket

REMEMBERED = 20_000  # topics as text, and properties that paho found healthy: then forgotten, and remembered anew
LONGEST = 256  # bytes of a topic that is remembered
# of the first byte of a packet
QOS_0, QOS_1 = TAKEN = 0x30, 0x32
NOT_DUP_NOR_RETAIN, RETAIN = 0xF6, 0x01
_HEAD = struct.Struct(">BBH")  # first byte, remaining length if it is short, length of the topic
_NUMBER = struct.Struct(">H")


class PublishReader:
    """Of one client, which connects once; its `on_message` must add to the queue that `read` is given."""

    def __init__(self, client: paho.Client) -> None:
        self._client = client
        self._v5 = client.protocol == MQTTProtocolVersion.MQTTv5
        self._stream: BufferedSocket | None = None  # None: not connected yet, or this paho reads everything itself
        self._lending = False  # paho has begun a packet that it has not finished
        self._topics: dict[bytes, str] = {}
        self._healthy: set[bytes] = set()  # properties
        client.on_socket_open = self._on_socket_open

    def _on_socket_open(self, client: paho.Client, _userdata: Any, sock: Any) -> None:
        if not missing(client):
            self._stream = BufferedSocket(sock)
            self._lending = False
            use_socket(client, self._stream)

    @property
    def ready(self) -> bool:
        """Whether to read at once: there may be something that no poll of the socket would show, in our buffer or in
        that of TLS."""
        return self._stream is not None and not self._stream.closed and not self._stream.blocked

    def read(self, queue: MessageQueue, room: int) -> None:
        """Adds to `queue` what is there, until it holds `room` messages; what else comes meanwhile paho answers."""
        stream = self._stream
        if stream is None:
            self._read_by_paho(queue, room)
            return
        while (count := len(queue)) < room and self._client.socket() is not None:
            stream.blocked = False
            if self._lending:
                self._let_paho_read(stream)
            else:
                self._take(stream, queue, room - count)
                if len(queue) > count:
                    note_bytes_received(self._client)
                elif self._lend_head(stream):
                    self._let_paho_read(stream)
                else:
                    self._fill(stream)
            if stream.blocked:
                return

    def _read_by_paho(self, queue: MessageQueue, room: int) -> None:
        while (count := len(queue)) < room and self._client.socket() is not None:
            self._client.loop_read()
            if len(queue) == count:  # would block, or was something other than a message
                return

    def _fill(self, stream: BufferedSocket) -> None:
        if stream.fill():
            note_bytes_received(self._client)
            self._lending = stream.lent > 0  # the connection's end, with what came before it

    def _lend_head(self, stream: BufferedSocket) -> bool:
        """Lends paho the packet at the head of the buffer, as soon as it need not be waited for."""
        size = stream.packet_size()
        if size is None or stream.available < size <= LARGEST:
            return False
        stream.lent = size
        return True

    def _let_paho_read(self, stream: BufferedSocket) -> None:
        """One packet, or a part of it. When something that it calls back fails it calls again the next time."""
        self._lending = True
        self._client.loop_read()
        self._lending = stream.lent > 0

    def _take(self, stream: BufferedSocket, queue: MessageQueue, most: int) -> None:
        """Moves up to `most` whole PUBLISH packets of QoS 0 and 1 from the head of the buffer, until another comes."""
        data, start, size, v5 = stream.data, stream.start, len(stream.data), self._v5
        topics, messages, mids = self._topics, queue.messages, queue.mids
        head, number = _HEAD.unpack_from, _NUMBER.unpack_from
        for _ in range(most):
            if start + 5 > size:  # the smallest is as long
                break
            first, length, topic_length = head(data, start)
            at, kind, mid = start + 4, first & NOT_DUP_NOR_RETAIN, None
            if kind not in TAKEN:
                break
            if length > 127:
                length = length & 0x7F | data[start + 2] << 7
                if length > 16383:  # in three bytes or four: rare enough for paho
                    break
                topic_length, at = data[start + 3] << 8 | data[start + 4], at + 1
            end, after = at - 2 + length, at + topic_length
            if end > size:
                break
            topic = topics.get(data[at:after]) or self._decode(data[at:after])
            if kind == QOS_1:
                if after + 2 > end:
                    break
                mid, = number(data, after)
                after += 2
            if v5 and after < end:
                after = after + 1 if not data[after] else self._after_properties(data, after)
            elif v5:
                break
            if after > end or not topic:
                break
            messages.append(MqttMessage(topic, data[after:end], first & RETAIN == 1))
            mids.append(mid)
            start = end
        stream.start = start

    def _decode(self, topic: bytes) -> str:
        """The topic as text; "" when it is none."""
        try:
            text = topic.decode()
        except UnicodeDecodeError:
            return ""
        if len(self._topics) >= REMEMBERED:
            self._topics.clear()
        if len(topic) <= LONGEST:
            self._topics[topic] = text
        return text

    def _after_properties(self, data: bytes, start: int) -> int:
        """Where the payload begins; behind the end of all data when it is for paho to say."""
        length, nowhere = data[start], len(data) + 1
        after = start + 1 + length
        properties = data[start:after]
        if properties in self._healthy:
            return after
        if length > 127:  # in two bytes or more: rare enough for paho
            return nowhere
        try:
            Properties(PacketTypes.PUBLISH).unpack(properties)  # type: ignore[no-untyped-call]
        except (MQTTException, ValueError, LookupError, struct.error):
            return nowhere
        if len(self._healthy) >= REMEMBERED:
            self._healthy.clear()
        self._healthy.add(properties)
        return after
