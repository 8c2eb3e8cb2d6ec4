"""Over TLS one record brings many packets, and no poll of the socket shows them once OpenSSL has read it."""

import select
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.drivers.mqtt_packets import publish
from tests.drivers.two_readers import Connected


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder)
    server, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    ours.load_verify_locations(folder / "cert.pem")
    ours.check_hostname = False
    return server, ours


def make_certificate(folder: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", "/CN=localhost", "-days", "2", "-keyout", str(folder / "key.pem"),
                    "-out", str(folder / "cert.pem")], check=True, capture_output=True)


@pytest.fixture
def line(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Iterator[tuple[ssl.SSLSocket, ssl.SSLSocket]]:
    """(our end, the broker's end) of a connection with TLS."""
    first, second = socket.socketpair()
    first.setblocking(False)
    second.setblocking(False)
    server, ours = contexts
    broker = server.wrap_socket(second, server_side=True, do_handshake_on_connect=False)
    gateway = ours.wrap_socket(first, server_hostname="localhost", do_handshake_on_connect=False)
    waiting = [gateway, broker]
    while waiting:
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                continue
    with closing(broker), closing(gateway):
        yield gateway, broker


def test_over_tls_what_one_record_brought_is_read_without_waiting(line: tuple[ssl.SSLSocket, ssl.SSLSocket]) -> None:
    gateway, broker = line
    connected = Connected()
    connected.open(gateway)
    broker.sendall(publish("a", b"x" * 10) * 500)
    counts, unseen = [], 0
    while connected.reader.ready:
        counts.append(connected.read(7))
        connected.queue.remove_first(7)
        unseen += connected.reader.ready and not select.select([gateway], [], [], 0)[0]
    assert (sum(counts), gateway.pending()) == (500, 0)
    assert unseen > 30, "a poll of the socket would have shown it all"


def test_over_tls_large_and_small_packets_come_in_order(line: tuple[ssl.SSLSocket, ssl.SSLSocket]) -> None:
    gateway, broker = line
    connected = Connected()
    connected.open(gateway)
    sizes = [5, 16_300, 40_000, 70_000, 0, 300]
    whole = memoryview(b"".join(publish("a", bytes([number]) * size) for number, size in enumerate(sizes)))
    while whole or connected.reader.ready:
        with suppress(ssl.SSLWantWriteError):
            whole = whole[broker.send(whole[:17_000]) if whole else 0:]
        connected.read()
    assert [message.payload for message in connected.queue.messages] == [
        bytes([number]) * size for number, size in enumerate(sizes)]


def test_over_tls_the_broker_s_end_is_paho_s_to_tell(line: tuple[ssl.SSLSocket, ssl.SSLSocket]) -> None:
    gateway, broker = line
    connected = Connected()
    reasons: list[str] = []
    connected.client.on_disconnect = lambda _client, _data, _flags, reason, _properties: reasons.append(str(reason))
    connected.open(gateway)
    broker.sendall(publish("a", b"last") + publish("a", b"half")[:5])
    broker.close()
    for _ in range(3):
        connected.read()
    assert (len(connected.queue), reasons, connected.client.socket()) == (1, ["Unspecified error"], None)
