"""A live page's stream costs a transport and nothing of the server: it is handed over, hung up on when it is not read,
and ends with its link, with the server, and with whatever else its visitor sends."""

import gc
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from uvicorn.protocols.http.h11_impl import RequestResponseCycle

from gateway.store import Store
from gateway.web.connections import UNREAD, Connection, TakenOver
from gateway.web.server import Server
from tests.fixtures.servers import HOST, wait_until
from tests.integration.test_live_pages import SOON, Hall, visiting

ASK = b"GET /a?version=one HTTP/1.1\r\nhost: x\r\n\r\n"
HERE, LAST = b"8\r\n: here\n\n\r\n", b"0\r\n\r\n"


@pytest.fixture
def hall(store: Store) -> Hall:
    hall = Hall(store)
    hall.rhythm = hall.rhythm._replace(alive=30.0)  # no word but the first
    return hall


@contextmanager
def asking(server: Server, ask: bytes = ASK) -> Iterator[socket.socket]:
    """Connected, with the head of the answer and the first word read."""
    with socket.create_connection((HOST, server.port), timeout=SOON) as visitor:
        visitor.send(ask)
        yield visitor


def read_until(visitor: socket.socket, end: bytes) -> bytes:
    said = b""
    while not said.endswith(end):
        got = visitor.recv(65536)
        assert got, f"hung up before {end!r}: {said!r}"
        said += got
    return said


def read_to_the_end(visitor: socket.socket) -> bytes:
    said = b""
    while got := visitor.recv(65536):
        said += got
    return said


def of_requests() -> set[int]:
    """What serves requests just now, at any server of these tests."""
    gc.collect()
    return {id(one) for one in gc.get_objects() if isinstance(one, (Connection, RequestResponseCycle))}


def test_a_stream_leaves_nothing_of_its_request_behind(hall: Hall) -> None:
    with hall.opened() as server, ExitStack() as open_pages:
        before = of_requests()
        for _ in range(3):
            read_until(open_pages.enter_context(asking(server)), HERE)
        wait_until(lambda: len(server.connections) == 3 and list(server.connections) == [])
        wait_until(lambda: of_requests() <= before, what="uvicorn's objects would stay as long as the page is open; it")
        assert len(hall.live) == 3
    wait_until(lambda: len(server.connections) == 0)


def test_the_head_of_a_stream_is_that_of_every_answer_and_says_that_the_connection_ends_with_it(hall: Hall) -> None:
    with hall.opened() as server, asking(server) as visitor:
        head = read_until(visitor, HERE).lower()
        assert head.startswith(b"http/1.1 200 ")
        for line in (b"content-type: text/event-stream", b"transfer-encoding: chunked", b"connection: close",
                     b"x-accel-buffering: no"):
            assert b"\r\n" + line in head


def test_a_client_of_http_1_0_gets_the_events_without_chunks(hall: Hall) -> None:
    with hall.opened() as server, asking(server, ASK.replace(b"1.1", b"1.0")) as visitor:
        assert b"transfer-encoding" not in read_until(visitor, b": here\n\n").lower()
        hall.show("two")
        assert b"\r\n" not in read_until(visitor, b"second line</p>\n\n")


def test_whoever_does_not_read_is_hung_up_on_and_holds_up_nobody(hall: Hall) -> None:
    """They come back by themselves, and get what is newest."""
    hall.rhythm = hall.rhythm._replace(page=0.0)
    with hall.opened() as server, visiting(f"{hall.address}/a?version=one") as other, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((HOST, server.port))
        deaf.send(ASK)
        wait_until(lambda: len(hall.live) == 2)
        for number in range(200):
            text = f"{number} " + "x" * 4 * UNREAD
            hall.show(text)
            wait_until(lambda text=text: other.events and other.events[-1][1].startswith(f"<p>{text}</p>"), SOON)
            if len(hall.live) == 1:
                break
        wait_until(lambda: len(hall.live) == 1 and len(server.connections) == 1)
        hall.show("three")
        wait_until(lambda: other.events[-1][1].startswith("<p>three"), SOON)


def test_a_second_request_on_the_connection_of_a_stream_ends_it_and_is_not_answered(hall: Hall) -> None:
    with hall.opened() as server:
        with asking(server) as visitor:
            read_until(visitor, HERE)
            visitor.send(ASK)
            assert read_to_the_end(visitor) == LAST
        with asking(server, ASK + ASK.replace(b"/a", b"/b")) as pipelined:
            said = read_to_the_end(pipelined)
        assert said.count(b"HTTP/1.1 ") == 1
        assert said.endswith(HERE + LAST)
        with asking(server, ASK.replace(b"\r\n\r\n", b"\r\ncontent-length: 5\r\n\r\n")) as with_body:
            assert read_to_the_end(with_body).endswith(HERE + LAST), "its body would be read as the next request"
        wait_until(lambda: len(hall.live) == 0 and len(server.connections) == 0)


def test_a_page_that_is_gone_ends_the_stream_with_a_word(hall: Hall) -> None:
    with hall.opened() as server, asking(server) as visitor:
        read_until(visitor, HERE)
        hall.gone = True
        hall.show("nobody may see it")
        said = read_to_the_end(visitor)
        assert said.endswith(b"event: gone\ndata: \n\n\r\n" + LAST)
        assert b"nobody may see it" not in said


def test_when_the_server_stops_streams_end_at_once_with_their_last_chunk(hall: Hall) -> None:
    with ExitStack() as open_pages, hall.opened() as server:
        visitors = [open_pages.enter_context(asking(server)) for _ in range(5)]
        for visitor in visitors:
            read_until(visitor, HERE)
        server.stop()
        assert [read_to_the_end(visitor) for visitor in visitors] == [LAST] * 5
        assert len(server.connections) == 0


def test_a_taken_over_connection_keeps_no_dictionary() -> None:
    assert not hasattr(object.__new__(TakenOver), "__dict__")
