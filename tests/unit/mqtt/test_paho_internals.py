"""What we rely on in paho without its promise: when one of these fails, paho has changed.

See gateway/mqtt/reading/paho_internals.py. Until that is adapted, pin the last version with which they pass.
"""

import inspect
import time
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTErrorCode

from gateway.mqtt.reading.paho_internals import PRIVATE, missing, note_bytes_received, use_socket
from tests.drivers.mqtt_packets import Pieces, client, packet, publish

VERSIONS = pytest.mark.parametrize("version", ["3.1.1", "5"])
SUBACK = {"3.1.1": b"\x90\x03\x00\x05\x01", "5": b"\x90\x04\x00\x05\x00\x01"}


class Asked(Pieces):
    """Remembers what paho asks of its socket."""

    def __init__(self, pieces: list[bytes], end: bytes | None = None) -> None:
        super().__init__(pieces, end)
        self.bring()
        self.sizes: list[int] = []

    def recv(self, buffer_size: int) -> bytes:
        self.sizes.append(buffer_size)
        return super().recv(buffer_size)


@VERSIONS
def test_the_attributes_that_we_write_are_there_and_mean_what_they_did(version: str) -> None:
    one = client(version)
    assert missing(one) == [], f"paho has renamed one of {PRIVATE}"
    assert isinstance(one._last_bytes_received, float), "paho keeps the time of the last byte differently"
    assert paho.time_func is time.monotonic, "paho measures by another clock than ours"
    sock = Asked([])
    use_socket(one, sock)
    assert one.socket() is sock, "paho keeps its socket elsewhere"


def test_signatures() -> None:
    assert [*inspect.signature(paho.Client.loop_read).parameters] == ["self", "max_packets"]
    slots = {name for name in dir(paho.Client) if name in ("on_socket_open", "on_message", "socket", "want_write")}
    assert len(slots) == 4


@VERSIONS
def test_paho_asks_its_socket_for_no_byte_beyond_the_packet_that_it_reads(version: str) -> None:
    sock = Asked([SUBACK[version] + publish("a", b"x", properties=b"\x00" if version == "5" else None)])
    one = client(version)
    use_socket(one, sock)
    assert one.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert sum(sock.sizes) == len(SUBACK[version]), "paho reads ahead: what we lend it no longer ends with a packet"


def test_paho_goes_on_with_a_packet_where_it_was_blocked() -> None:
    sock, subscribed = Asked([SUBACK["3.1.1"][:3], SUBACK["3.1.1"][3:]]), []
    one = client("3.1.1")
    one.on_subscribe = lambda *_all: subscribed.append(1)
    use_socket(one, sock)
    assert one.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    sock.bring()
    one.loop_read()
    assert subscribed == [1]


def test_paho_calls_again_what_failed_when_it_was_called_back_without_reading_on() -> None:
    sock, calls = Asked([SUBACK["3.1.1"]]), []

    def fails(*_all: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise LookupError

    one = client("3.1.1")
    one.on_subscribe = fails
    use_socket(one, sock)
    with pytest.raises(LookupError):
        one.loop_read()
    sock.sizes.clear()
    one.loop_read()
    assert (calls, sock.sizes) == ([1, 1], []), "paho forgets a packet whose callback failed: see _let_paho_read"


@pytest.mark.parametrize("end", [b"", ConnectionResetError(104, "reset")])
def test_paho_closes_its_socket_and_tells_of_the_end(end: Any) -> None:
    sock, reasons = Asked([b""], end), []
    one = client("3.1.1")
    one.on_disconnect = lambda _client, _data, _flags, reason, _properties: reasons.append(str(reason))
    use_socket(one, sock)
    sock.bring()
    assert one.loop_read() == MQTTErrorCode.MQTT_ERR_CONN_LOST
    assert (sock.closed, one.socket(), reasons) == (True, None, ["Unspecified error"])


def test_paho_tells_of_its_socket_before_it_sends_or_reads_anything() -> None:
    """So that ours is in its place from the first byte on."""
    source = inspect.getsource(paho.Client.reconnect)
    assert source.index("self._sock =") < source.index("_call_socket_open") < source.index("_send_connect")


def test_the_keep_alive_looks_at_what_we_note() -> None:
    one, sock = client("3.1.1"), Asked([packet(0x20, b"\x00\x00")])
    use_socket(one, sock)
    one.loop_read()
    one._last_msg_out = time.monotonic()
    one._last_bytes_received = time.monotonic() - 2 * one.keepalive
    note_bytes_received(one)
    one.loop_misc()
    assert not sock.sent, "paho asks whether the broker lives although bytes have just come"
    one._last_bytes_received = time.monotonic() - one.keepalive
    one.loop_misc()
    assert bytes(sock.sent) == b"\xc0\x00", "paho no longer asks after the keep-alive"
