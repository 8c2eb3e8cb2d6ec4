"""Visitors who say nothing, or too slowly, or too many at once: pages, broker and messages go on all the same."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, Form
from fastapi.responses import PlainTextResponse

from gateway.store import Store
from gateway.web.connections import Timeouts
from gateway.web.server import Server
from tests.drivers.device_client import device_client
from tests.drivers.load_check import count
from tests.fixtures.gateway_process import GatewayProcess
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.servers import HOST, Mosquitto, WebhookServer, wait_until

HURRIED = Timeouts(head=0.2, body=0.3, idle=0.2, answer=0.6)


def a_small_web() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    def home() -> PlainTextResponse:
        return PlainTextResponse("welcome")

    @app.get("/big")
    def big() -> PlainTextResponse:
        return PlainTextResponse("x" * 8_000_000)

    @app.get("/slow")
    def slow() -> PlainTextResponse:
        time.sleep(0.5)  # a handler that waits for its database
        return PlainTextResponse("done at last")

    @app.post("/v/{token}/photos")
    @app.post("/note")
    def note(text: Annotated[str, Form()], token: str = "") -> PlainTextResponse:
        return PlainTextResponse(f"noted {len(text)}")

    return app


@contextmanager
def serving(patience: Timeouts = HURRIED, most: int = 500) -> Iterator[Server]:
    server = Server(a_small_web(), HOST, 0, patience, most)
    try:
        yield server
    finally:
        server.stop()


def visit(server: Server) -> socket.socket:
    return socket.create_connection((HOST, server.port), timeout=10)


def until_hung_up(visitor: socket.socket, drip: bytes = b"", limit: float = 8) -> tuple[bytes, float]:
    """What was said before the server hung up, and after how long; meanwhile `drip` is sent, byte by byte."""
    began, said = time.monotonic(), b""
    visitor.settimeout(0.05)
    while time.monotonic() - began < limit:
        with suppress(TimeoutError):
            try:
                got = visitor.recv(65536)
            except ConnectionResetError:
                return said, time.monotonic() - began
            if not got:
                return said, time.monotonic() - began
            said += got
        if drip:
            with suppress(OSError):
                visitor.send(drip[:1])
            drip = drip[1:] + drip[:1]
    raise AssertionError(f"still connected after {limit} s; it said {said!r}")


def served(server: Server, many: int) -> None:
    """So many requests are being answered just now."""
    wait_until(lambda: sum(one.waiting == "answer" for one in server.connections) == many)


def welcome(server: Server) -> float:
    """An honest visitor is served; how long that took."""
    began = time.monotonic()
    assert httpx.get(f"http://{HOST}:{server.port}/", timeout=10).text == "welcome"
    return time.monotonic() - began


def test_headers_that_trickle_in_are_not_waited_for() -> None:
    with serving() as server, visit(server) as silent, visit(server) as slow:
        slow.send(b"GET / HTTP/1.1\r\nhost: x\r\n")
        said, after = until_hung_up(slow, drip=b"x-more: and more\r\n")
        assert said.startswith(b"HTTP/1.1 408 ")
        assert after < 5
        assert until_hung_up(silent)[0].startswith(b"HTTP/1.1 408 ")
        welcome(server)
        wait_until(lambda: len(server.connections) == 0)


def test_a_body_that_trickles_in_is_not_waited_for_and_is_no_error_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    head = (b"POST /note HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n"
            b"content-length: 5000\r\n\r\ntext=")
    with serving() as server, visit(server) as slow:
        slow.send(head)
        said, after = until_hung_up(slow, drip=b"abc")
        assert said.startswith(b"HTTP/1.1 408 ")
        assert after < 5
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_photo_has_more_time_than_any_other_body() -> None:
    head = (b"POST /v/some-token/photos HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n"
            b"content-length: 5000\r\n\r\nphoto=")
    with serving(HURRIED._replace(body=30, photos=0.3)) as server, visit(server) as slow:
        slow.send(head)
        said, after = until_hung_up(slow, drip=b"abc")
        assert said.startswith(b"HTTP/1.1 408 "), "its own limit, not that of a body"
        assert after < 5


def test_a_body_on_a_slow_line_arrives_when_it_keeps_within_its_time() -> None:
    with serving(Timeouts(head=5, body=20, idle=5, answer=20)) as server, visit(server) as slow:
        slow.send(b"POST /note HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n"
                  b"content-length: 25\r\nconnection: close\r\n\r\ntext=")
        for _ in range(20):
            slow.send(b"y")
            time.sleep(0.01)  # the slow line
        assert b"noted 20" in until_hung_up(slow)[0]


def test_between_requests_nobody_stays_for_long_not_even_by_beginning_another() -> None:
    with serving() as server, visit(server) as idle, visit(server) as coy:
        for one in (idle, coy):
            one.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            said = b""
            while not said.endswith(b"welcome"):
                said += one.recv(4096)
        coy.send(b"GET / HT")
        said, after = until_hung_up(coy, drip=b"T")
        assert said.startswith(b"HTTP/1.1 408 ")
        assert after < 5
        assert until_hung_up(idle)[0] == b""


def test_an_answer_on_a_kept_connection_comes_at_once() -> None:
    with serving(Timeouts(head=5, body=5, idle=5, answer=5)) as server, \
            httpx.Client(base_url=f"http://{HOST}:{server.port}") as visitor:
        took = [visitor.get("/").elapsed.total_seconds() for _ in range(9)]
    assert sorted(took)[4] < 0.03, took  # once, 0.044 s each: the second half waited until the first was acknowledged


def test_who_does_not_read_the_answer_is_hung_up_on() -> None:
    with serving() as server:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((HOST, server.port))
        deaf.send(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n" * 3)
        wait_until(lambda: len(server.connections) == 1)
        wait_until(lambda: len(server.connections) == 0, 8)
        deaf.close()
        welcome(server)


def test_among_too_many_the_longest_idle_makes_room_and_whoever_is_served_is_not_cut_off() -> None:
    with serving(Timeouts(head=30, body=30, idle=30, answer=30), most=20) as server:
        busy, early = visit(server), visit(server)
        busy.send(b"GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        served(server, 1)
        crowd = [visit(server) for _ in range(60)]
        assert until_hung_up(early)[0].startswith(b"HTTP/1.1 503 ")
        welcome(server)
        assert len(server.connections) <= 20
        assert b"done at last" in until_hung_up(busy)[0]
        for one in (busy, early, *crowd):
            one.close()


def test_when_all_are_being_served_a_new_one_is_turned_away_at_once() -> None:
    with serving(most=2) as server, visit(server) as one, visit(server) as other:
        for busy in (one, other):
            busy.send(b"GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        served(server, 2)
        with visit(server) as third:
            assert until_hung_up(third)[0].startswith(b"HTTP/1.1 503 ")
        assert b"done at last" in until_hung_up(one)[0]


@contextmanager
def crowding(port: int, visitors: int) -> Iterator[None]:
    """So many connections that say nothing; who is hung up on comes back at once."""
    over = threading.Event()

    def crowd() -> None:
        held: list[socket.socket] = []
        while not over.is_set():
            while len(held) < visitors and not over.is_set():
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex((HOST, port))
                held.append(one)
            over.wait(1.0)  # who is hung up on comes back after a second
            for one in list(held):
                with suppress(BlockingIOError):
                    try:
                        if one.recv(100):
                            continue
                    except OSError as error:
                        if isinstance(error, BlockingIOError):
                            raise
                    held.remove(one)
                    one.close()
        for one in held:
            one.close()

    thread = threading.Thread(target=crowd, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_eleven_hundred_idle_visitors_stop_neither_pages_nor_broker_nor_messages(
        mosquitto: Mosquitto, webhook_server: WebhookServer, store: Store, sqlite_url: str, tmp_path: Path) -> None:
    """With 256 descriptors; once, messages failed for good, the broker was lost, and 51 MB of log were written."""
    save_hundred_sites(store, 5, webhook_server.url)
    with (GatewayProcess(tmp_path, sqlite_url, mosquitto.port, descriptors=256) as gateway,
          device_client(mosquitto.port) as devices):
        gateway.wait_until_listening(store)
        wait_until(lambda: "gateway runs" in gateway.log.read_text(), 20)
        port = int(gateway.url.rpartition(":")[2])
        with crowding(port, 1100):
            wait_until(lambda: gateway.measure("web_connections_closed_total{why=\"room\"}") > 500, 30)
            for number in range(5):
                devices.say(f"devices/pump-{number}/fault", {"code": "E7", "active": True})
                assert httpx.get(f"http://{HOST}:{port}/healthz", timeout=10).status_code == 200
            wait_until(lambda: {post.path for post in webhook_server.posts} >= {f"/family-{n}" for n in range(5)}, 30)
            mosquitto.kill()
            mosquitto.start()
            gateway.started_at = round(time.time() * 1000)
            gateway.wait_until_listening(store)
            assert httpx.get(f"http://{HOST}:{port}/readyz", timeout=10).status_code == 200
        assert count(store, "SELECT count(*) FROM attempt WHERE outcome <> 'sent'") == 0
        assert gateway.log.stat().st_size < 100_000, gateway.log.read_text()[-3000:]
        assert gateway.validation_errors() == []
