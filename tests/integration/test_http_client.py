"""Web hooks' own HTTP client against a server that answers byte for byte what a test has it say."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException, RemoteDisconnected
from pathlib import Path
from threading import Thread

import pytest

from gateway.notifications.channels.http_client import KEPT_OPEN, Client, NothingSent, public_authorities
from gateway.notifications.channels.webhook import connect_to_any
from tests.fixtures.servers import HOST

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
HANGS_UP = b"hangs up"  # in place of an answer, or after one


@dataclass
class Server:
    """One connection after the other; of each the requests that it brought."""

    url: str
    connections: list[list[bytes]] = field(default_factory=list)


@contextmanager
def answering(*scripts: list[bytes], secret: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A script for each connection: what is said to one request after the other. `secret`: over TLS."""
    with socket.create_server((HOST, 0)) as listening:
        port = listening.getsockname()[1]
        server = Server(f"http://{HOST}:{port}" if secret is None else f"https://localhost:{port}")

        def serve() -> None:
            for script in scripts:
                with suppress(ssl.SSLError, ConnectionResetError), accepted(listening, secret) as line:
                    server.connections.append([])
                    for answer in script:
                        if not (request := _read(line)):
                            break
                        server.connections[-1].append(request)
                        line.sendall(answer.removesuffix(HANGS_UP))
                        if answer.endswith(HANGS_UP):
                            break
                    else:
                        _read(line)  # until the client hangs up

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield server
        thread.join(5)


def accepted(listening: socket.socket, secret: ssl.SSLContext | None) -> socket.socket:
    line, _ = listening.accept()
    return line if secret is None else secret.wrap_socket(line, server_side=True)


def _read(line: socket.socket) -> bytes:
    """A whole request; b"" when there is no more."""
    read = b""
    while b"\r\n\r\n" not in read or len(read.partition(b"\r\n\r\n")[2]) < _length(read):
        some = line.recv(65536)
        if not some:
            return b""
        read += some
    return read


def _length(request: bytes) -> int:
    lengths = [line for line in request.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return int(lengths[0].partition(b":")[2]) if lengths else 0


@contextmanager
def client(idle_s: float = 4.0, answer_s: float = 5.0, trusted: ssl.SSLContext | None = None) -> Iterator[Client]:
    one = Client(connect_to_any, lambda: trusted or public_authorities(), idle_s, 5.0, answer_s)
    try:
        yield one
    finally:
        one.close()


def post(one: Client, url: str, most: int = 4096) -> tuple[int, bytes]:
    answer = one.ask("POST", f"{url}/hook?to=1", [("webhook-id", "N-1")], b"{}", most)
    return answer.status, answer.body


def test_a_request_says_what_a_server_needs_to_know_and_the_next_one_takes_the_same_connection() -> None:
    with answering([NO_CONTENT, b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nread"]) as server, client() as one:
        assert [post(one, server.url), post(one, server.url)] == [(204, b""), (200, b"read")]
    (requests,) = server.connections
    assert requests[0] == requests[1] == (
        b"POST /hook?to=1 HTTP/1.1\r\nHost: " + server.url.removeprefix("http://").encode()
        + b"\r\nwebhook-id: N-1\r\nContent-Length: 2\r\n\r\n{}")


def test_only_the_head_of_a_page_is_asked_for() -> None:
    with answering([b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n"] * 2) as server, client() as one:
        assert [one.ask("HEAD", server.url, []).status for _ in range(2)] == [200, 200]
    assert [len(requests) for requests in server.connections] == [2]


def test_a_connection_on_which_the_server_has_hung_up_is_not_written_to() -> None:
    with answering([NO_CONTENT + HANGS_UP], [NO_CONTENT]) as server, client() as one:
        assert post(one, server.url) == (204, b"")
        _until_hung_up(one)
        assert post(one, server.url) == (204, b"")
    assert [len(requests) for requests in server.connections] == [1, 1]


def _until_hung_up(one: Client) -> None:
    """Until the end of the connection has come in: the network is not at once."""
    (waiting,) = one._idle
    while not waiting.is_broken():
        pass


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", b"HTTP/1.0 200 OK\r\n\r\nok" + HANGS_UP])
def test_a_server_may_want_a_connection_for_each_request(answer: bytes) -> None:
    with answering([answer], [answer]) as server, client() as one:
        assert [post(one, server.url), post(one, server.url)] == [(200, b"ok"), (200, b"ok")]
    assert [len(requests) for requests in server.connections] == [1, 1]


def test_a_connection_that_has_been_idle_for_too_long_is_closed() -> None:
    with answering([NO_CONTENT], [NO_CONTENT]) as server, client(idle_s=0) as one:
        assert [post(one, server.url), post(one, server.url)] == [(204, b""), (204, b"")]
    assert [len(requests) for requests in server.connections] == [1, 1]


def test_a_few_connections_are_kept_the_oldest_makes_room() -> None:
    with answering([NO_CONTENT]) as first, answering([NO_CONTENT] * 2) as second, answering([NO_CONTENT] * 2) as third:
        assert KEPT_OPEN == 2
        with client() as one:
            for server in (first, second, third, second, third):
                assert post(one, server.url) == (204, b"")
    assert [len(server.connections) for server in (first, second, third)] == [1, 1, 1]


def test_what_comes_before_the_answer_is_no_answer() -> None:
    with answering([b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + NO_CONTENT]) as server, client() as one:
        assert post(one, server.url) == (204, b"")


def test_a_body_in_chunks_is_read() -> None:
    chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nre\r\n2\r\nad\r\n0\r\n\r\n"
    with answering([chunks, NO_CONTENT]) as server, client() as one:
        assert [post(one, server.url), post(one, server.url)] == [(200, b"read"), (204, b"")]


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbreaks" + HANGS_UP,
    b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nstops",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno size\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n" + b"long" * 20,
])
def test_the_status_counts_when_the_body_cannot_be_read_and_the_connection_is_not_used_again(answer: bytes) -> None:
    with answering([answer], [NO_CONTENT]) as server, client(answer_s=0.3) as one:
        assert [post(one, server.url, most=50), post(one, server.url)] == [(200, b""), (204, b"")]
    assert [len(requests) for requests in server.connections] == [1, 1]


@pytest.mark.parametrize(("answer", "error"), [
    (HANGS_UP, RemoteDisconnected), (b"SSH-2.0-OpenSSH\r\n\r\n", HTTPException),
    (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n", HTTPException),
    (b"HTTP/1.1 200 OK\r\nx: " + b"x" * 100_000 + b"\r\n" + HANGS_UP, HTTPException),
    (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000 + b"\r\n", HTTPException),
    (b"HTTP/1.1 200 OK\r\n", TimeoutError),
])
def test_what_is_no_answer_is_an_error_and_the_next_request_begins_anew(answer: bytes, error: type[Exception]) -> None:
    with answering([answer], [NO_CONTENT]) as server, client(answer_s=0.3) as one:
        with pytest.raises(error):
            post(one, server.url)
        assert post(one, server.url) == (204, b"")


def test_a_header_that_would_break_the_request_is_not_sent() -> None:
    with answering([]) as server, client() as one, pytest.raises(NothingSent):
        one.ask("POST", server.url, [("webhook-id", "N-1\r\nx: y")], b"{}")
    assert server.connections in ([], [[]])


def test_a_server_that_refuses_before_it_has_read_everything_is_heard() -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    with socket.create_server((HOST, 0)) as listening, client() as one:
        def refuse() -> None:
            with listening.accept()[0] as line:
                line.sendall(refusal)
                line.shutdown(socket.SHUT_WR)
                while line.recv(65536):
                    pass

        thread = Thread(target=refuse, daemon=True)
        thread.start()
        answer = one.ask("POST", f"http://{HOST}:{listening.getsockname()[1]}", [], b"x" * 10_000_000)
        thread.join(5)
    assert (answer.status, answer.reason) == (413, "Too Large")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of localhost, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    file = tmp_path / "localhost.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2",
                    "-keyout", str(file), "-out", str(tmp_path / "public.pem")], check=True, capture_output=True)
    with file.open("a") as both:
        both.write((tmp_path / "public.pem").read_text())
    return file


def test_over_tls_the_connection_is_kept_too_and_nobody_else_can_take_the_host_s_place(certificate: Path) -> None:
    secret, trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), public_authorities()
    secret.load_cert_chain(certificate)
    with answering([], [NO_CONTENT] * 2, [], secret=secret) as server:
        with client() as one, pytest.raises(NothingSent) as untrusted:
            post(one, server.url)  # no authority that is trusted has signed it
        trusted.load_verify_locations(certificate)
        with client(trusted=trusted) as one:
            assert [post(one, server.url), post(one, server.url)] == [(204, b""), (204, b"")]
        with client(trusted=trusted) as one, pytest.raises(NothingSent) as another:
            post(one, server.url.replace("localhost", HOST))  # signed, and for another host
    for refused in (untrusted, another):
        assert isinstance(refused.value.__cause__, ssl.SSLCertVerificationError)
    assert [len(requests) for requests in server.connections] == [2]
