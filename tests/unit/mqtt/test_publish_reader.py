"""What our reader takes itself, what it leaves to paho, and that neither sees a byte that is the other's."""

import socket
import tracemalloc
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from paho.mqtt.client import Client

from gateway.detection.batch import MqttMessage
from gateway.mqtt.client import send_acknowledgements
from gateway.mqtt.reading import MessageQueue, publish_reader
from gateway.mqtt.reading.buffered_socket import CHUNK, LARGEST, BufferedSocket
from gateway.mqtt.reading.paho_internals import missing, use_socket
from tests.drivers.mqtt_packets import Pieces, client, publish
from tests.drivers.two_readers import Came, Connected, read_beside_paho, read_by_paho

VERSIONS = pytest.mark.parametrize("version", ["3.1.1", "5"])
SUBACK = {"3.1.1": b"\x90\x03\x00\x05\x01", "5": b"\x90\x04\x00\x05\x00\x01"}
SETTLED = [b"", ConnectionResetError(104, "reset")]


def props(version: str, properties: bytes = b"") -> bytes | None:
    return bytes([len(properties)]) + properties if version == "5" else None


def read(version: str, *pieces: bytes, end: bytes | OSError | None = None) -> Came:
    """By our reader, and it must be what paho alone reads."""
    came = read_beside_paho(version, list(pieces), end)
    assert came._replace(by_paho=0) == read_by_paho(version, list(pieces), end)._replace(by_paho=0)
    return came


@VERSIONS
def test_healthy_messages_never_reach_paho(version: str) -> None:
    empty = props(version)
    came = read(version, publish("a/b", b"one", 1, 7, properties=empty) + publish("ä", b"", 0, properties=empty)
                + publish("a/b", b"x" * 300, 1, 65535, retain=True, dup=True, properties=empty))
    assert came.messages == [MqttMessage("a/b", b"one", False), MqttMessage("ä", b"", False),
                             MqttMessage("a/b", b"x" * 300, True)]
    assert (came.mids, came.by_paho) == ([7, None, 65535], 0)
    assert all(type(message.retained) is bool for message in came.messages)


@VERSIONS
def test_a_stream_cut_at_each_byte_is_the_same_stream(version: str) -> None:
    empty = props(version)
    whole = (publish("a/b", b"one", 1, 7, properties=empty) + SUBACK[version] + publish("a", b"x" * 200, 0, 0, True,
             properties=empty) + b"\xd0\x00" + publish("c", b"", 2, 9, properties=empty) + b"\x62\x02\x00\x09"
             + publish("last", b"", 1, 8, properties=empty))
    for cut in range(len(whole) + 1):
        came = read(version, whole[:cut], whole[cut:])
        assert [message.topic for message in came.messages] == ["a/b", "a", "c", "last"]
        assert [call[1] for call in came.calls] == ["subscribe", "QoS 2"]
    assert len(read(version, *(bytes([byte]) for byte in whole)).messages) == 4


@VERSIONS
@pytest.mark.parametrize("end", SETTLED)
def test_the_end_of_a_connection_is_paho_s_to_tell_wherever_it_comes(version: str, end: bytes | OSError) -> None:
    whole = publish("a/b", b"one", 1, 7, properties=props(version)) + SUBACK[version]
    for cut in range(len(whole) + 1):
        came = read(version, whole[:cut], end=end)
        assert (came.closed, [call[1] for call in came.calls][-1]) == (True, "disconnect")


@VERSIONS
@pytest.mark.parametrize("wrong", [
    b"\x30\x80\x80\x80\x80\x01", b"\x30\xff\xff\xff\xff\x7f", b"\x36\x05\x00\x01a\x00\x01", b"\x32\x03\x00\x01a",
    b"\x32\x04\x00\x01a\x00", b"\x30\x00", b"\x30\x01\x00", b"\x30\x02\x00\x09", b"\x30\x04\x00\x09aa", b"\x00\x00",
    b"\x00\x03abc", b"\xf0\x00", b"\x10\x00", b"\x90\x01\x00", b"\x40\x00",
])
def test_what_is_malformed_ends_the_connection_as_it_does_with_paho_alone(version: str, wrong: bytes) -> None:
    before = publish("a/b", b"one", 1, 7, properties=props(version))
    came = read(version, before + wrong + before)
    assert (came.closed, len(came.messages)) == (True, 1)


@VERSIONS
def test_what_is_no_packet_is_paho_s_from_its_first_byte_on(version: str) -> None:
    """It takes a 0 there, when nothing else has come, for nothing read."""
    came = read(version, b"\x00", publish("a/b", b"one", 1, 7, properties=props(version)) * 2, b"\xd0\x00")
    assert (len(came.messages), came.closed) == (2, False)


@pytest.mark.parametrize("extra", [1, 2])
@VERSIONS
def test_a_length_with_more_bytes_than_it_needs_is_still_a_length(version: str, extra: int) -> None:
    came = read(version, publish("a/b", b"one", 1, 7, properties=props(version), extra=extra) + b"\xd0\x00")
    assert (len(came.messages), came.closed) == (1, False)


@VERSIONS
@pytest.mark.parametrize("topic", [b"\xff", b"a\x00b", b"a/+", b"#", b"\xed\xa0\x80"])
def test_odd_topics_are_read_as_paho_reads_them(version: str, topic: bytes) -> None:
    came = read(version, publish(topic, b"x", 1, 7, properties=props(version)) * 2)
    expected = "(topic is not UTF-8)" if topic[0] > 0x7F else topic.decode()
    assert [message.topic for message in came.messages] == [expected, expected]


def test_without_a_topic_there_is_a_message_only_in_mqtt_5() -> None:
    assert read("3.1.1", publish("", b"x", 1, 7)).closed
    assert read("5", publish("", b"x", 1, 7, properties=b"\x03\x23\x00\x07")).messages == [MqttMessage("", b"x")]


def test_a_message_id_of_zero_is_acknowledged_as_paho_would() -> None:
    assert read("3.1.1", publish("a", b"x", 1, 0)).mids == [0]


@pytest.mark.parametrize(("properties", "taken"), [
    (b"\x05\x02\x00\x00\x00\x3c", True), (b"\x08\x26\x00\x01k\x00\x02vv", True), (b"\x03\x23\x00\x01", True),
    (b"\x02\x0b\x05", True), (b"\x02\x01\x01", True), (b"\x80\x00", False),
    (b"\x81\x01" + b"\x26\x00\x01k\x00\x7b" + b"v" * 123, False),  # healthy, but rare enough for paho
])
def test_known_properties_are_passed_over(properties: bytes, taken: bool) -> None:
    came = read("5", publish("a", b"payload", 1, 7, properties=properties) * 3)
    assert [message.payload for message in came.messages] == [b"payload"] * 3
    assert came.by_paho == (0 if taken else 3)


@pytest.mark.parametrize("properties", [
    b"\x02\x7f\x00", b"\x01\x02", b"\x05\x11\x00\x00\x00\x01", b"\x04\x01\x00\x01\x01", b"\x02\x01\x05",
    b"\x03\x23\x00\x00", b"\x04\x03\x00\x01\x00", b"\x50\x02\x00\x00\x00\x01",
])
def test_properties_that_paho_refuses_end_the_connection(properties: bytes) -> None:
    came = read("5", publish("a", b"", 1, 7, properties=properties) + publish("a", b"z" * 99, properties=b"\x00"))
    assert (came.messages, came.closed) == ([], True)


@VERSIONS
@pytest.mark.parametrize("size", [127, 128, 16_300, 16_383, 16_384, LARGEST, CHUNK * 3])
def test_payloads_of_every_size_come_whole_and_once(version: str, size: int) -> None:
    inner = publish("a", b"as if it were one", 0, properties=props(version))
    payload = (inner * (size // len(inner) + 1))[:size]
    whole = publish("large", payload, 1, 7, properties=props(version)) + publish("a", b"next", 0,
                                                                               properties=props(version))
    for cut in (1, 3, 5, 100, len(whole) // 2, len(whole) - 40, len(whole)):
        came = read(version, whole[:cut], whole[cut:])
        assert came.messages == [MqttMessage("large", payload), MqttMessage("a", b"next")]


def test_a_large_message_is_not_held_twice() -> None:
    megabytes = 40
    whole = publish("large", b"x" * megabytes * 1_000_000, 1, 7)
    pieces = [whole[start:start + CHUNK] for start in range(0, len(whole), CHUNK)]
    peaks = []
    for reader in (read_by_paho, read_beside_paho):
        tracemalloc.start()
        assert len(reader("3.1.1", pieces).messages) == 1
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4 * CHUNK


def arrived(data: bytes) -> Pieces:
    pieces = Pieces([data])
    pieces.bring()
    return pieces


def test_no_more_is_taken_than_there_is_room_for_and_the_rest_waits_without_a_poll() -> None:
    connected = Connected(b"", publish("a", b"x") * 10)
    assert (connected.read(4), connected.reader.ready) == (0, False)
    connected.sock.bring()
    assert (connected.read(4), connected.reader.ready) == (4, True)
    assert (connected.read(4), connected.reader.ready) == (4, True)
    connected.queue.remove_first(4)
    assert (connected.read(4), connected.reader.ready) == (4, True)
    connected.queue.remove_first(4)
    assert (connected.read(4), connected.reader.ready) == (2, False)


def test_not_even_what_paho_reads_is_more_than_there_is_room_for() -> None:
    """paho reads as many packets at once as messages of QoS 2 are under way, were it not for what we lend it."""
    connected = Connected(b"".join(publish("a", b"x", 2, mid) for mid in range(1, 9)) + b"\x62\x02\x00\x01"
                          + publish(b"\xff", b"odd", 1, 3) * 3)
    for _ in range(20):
        assert connected.read(2) <= 2
    connected.queue.remove_first(2)
    assert connected.read(2) == 2


def test_what_lies_in_the_buffer_goes_with_its_connection() -> None:
    connected = Connected(publish("a", b"old") * 5)
    connected.read(2)
    connected.client.disconnect()
    connected.client.loop_write()
    assert (connected.client.socket(), connected.sock.closed, connected.reader.ready) == (None, True, False)
    assert connected.read() == 2
    connected.open(arrived(publish("a", b"new")))
    assert connected.read() == 3
    assert connected.queue.messages[-1].payload == b"new"


def test_a_connection_that_ended_within_a_large_packet_is_followed_by_a_fresh_one() -> None:
    connected = Connected(publish("a", b"x" * 100_000)[:50_000])
    connected.read()
    connected.open(arrived(publish("a", b"new") * 2))
    assert connected.read() == 2


def test_what_failed_when_it_was_called_back_is_called_again_before_anything_else_is_read() -> None:
    calls: list[int] = []

    def subscribed(_client: Client, _data: Any, mid: int, _reasons: Any, _properties: Any) -> None:
        calls.append(len(connected.queue))
        if len(calls) == 1:
            raise LookupError("the database is away")

    connected = Connected(publish("a", b"1") + SUBACK["3.1.1"] + publish("a", b"2"))
    connected.client.on_subscribe = subscribed
    with pytest.raises(LookupError):
        connected.read()
    for _ in range(3):
        connected.read()
    assert (calls, [message.payload for message in connected.queue.messages]) == ([1, 1], [b"1", b"2"])


def test_paho_is_told_that_bytes_came_so_it_does_not_ask_whether_the_broker_lives() -> None:
    connected = Connected(publish("a", b"x"), publish("a", b"x" * 200)[:20])
    connected.client._last_bytes_received = 0.0
    connected.read()
    assert connected.client._last_bytes_received > 0
    connected.sock.bring()
    connected.client._last_bytes_received = 0.0
    connected.read()  # a part is a sign of life too
    assert connected.client._last_bytes_received > 0
    connected.client._last_bytes_received = 0.0
    connected.read()
    assert connected.client._last_bytes_received == 0.0, "nothing came"


def test_paho_gets_no_byte_that_was_not_lent_to_it() -> None:
    stream = BufferedSocket(Pieces([b""]))
    stream.data, stream.lent = b"abcdef", 3
    assert (stream.recv(2), stream.recv(9)) == (b"ab", b"c")
    with pytest.raises(BlockingIOError):
        stream.recv(1)


def test_memory_for_topics_and_properties_is_bounded() -> None:
    count = publish_reader.REMEMBERED + 100
    connected = Connected(b"".join(publish(f"t/{number}", b"x", 0, properties=b"\x05\x02" + number.to_bytes(4, "big"))
                                   for number in range(count)) + publish("l" * 5000, b"x", 0, properties=b"\x00"),
                          version="5")
    assert connected.read(count + 9) == count + 1
    assert len(connected.reader._topics) == len(connected.reader._healthy) == 100
    assert connected.queue.messages[-1].topic == "l" * 5000


def test_a_paho_that_lacks_what_we_write_reads_everything_itself() -> None:
    assert missing(SimpleNamespace(_sock=None)) == ["_last_bytes_received"]
    other = client("3.1.1")
    del other._last_bytes_received
    connected = Connected(publish("a", b"x") * 3 + SUBACK["3.1.1"] + publish("a", b"y"), of=other)
    connected.client.on_socket_open = None
    assert (connected.read(), connected.read(), connected.read()) == (3, 4, 4)
    assert (connected.client.socket(), connected.reader.ready) == (connected.sock, False)


def test_acknowledgements_leave_in_one_piece_and_in_order() -> None:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        one = client("3.1.1")
        use_socket(one, BufferedSocket(ours))
        send_acknowledgements(one, [1, 0x1234, 65535, 0])
        assert theirs.recv(100) == b"\x40\x02\x00\x01\x40\x02\x12\x34\x40\x02\xff\xff\x40\x02\x00\x00"
        send_acknowledgements(one, [])
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)
        use_socket(one, None)


def test_what_needs_no_acknowledgement_outlives_its_connection() -> None:
    queue = MessageQueue()
    queue.messages += [MqttMessage("a", b"1"), MqttMessage("a", b"2"), MqttMessage("a", b"3")]
    queue.mids += [4, None, 0]
    assert queue.first(2) == ([MqttMessage("a", b"1"), MqttMessage("a", b"2")], [4])
    assert queue.first(3)[1] == [4, 0]
    queue.forget_unacknowledged()
    assert (queue.messages, queue.mids, len(queue)) == ([MqttMessage("a", b"2")], [None], 1)
    assert (queue.take_messages(), queue.mids) == ([MqttMessage("a", b"2")], [])
