"""What the ways out are tried with: a piece of news, and servers that do what real ones only do when they break."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.notifications.messages import Message
from tests import servers

NEWS = Message("Heat pump: we are on it (T-1)", "Heat pump: too hot. T-1", "Hello Alice,\n\n.too hot\n",
               "<p>Hello Alice</p>", "fault_found", "2026-11-23T09:00:00.000Z", {"number": "T-1"})


@contextmanager
def script(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does `talk` with each caller and hangs up: for what real servers only do when they break."""
    listener = socket.create_server((servers.HOST, 0))

    def serve() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            with caller:
                talk(caller)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def hangs_up_after_the_request(caller: socket.socket) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        request += caller.recv(65536)
