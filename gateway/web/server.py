"""Runs uvicorn in a thread beside the listener and the scheduler."""

import logging
import socket
import threading

import uvicorn
from fastapi import FastAPI

from gateway.web.connections import MOST, Connections, Timeouts

PATIENCE = Timeouts()
QUEUED = 2048  # connections that wait in the kernel to be accepted
AT_ONCE = 16  # of them are taken before any is looked at: they have their descriptors already


class Server:
    """Serves `app` from construction on; port 0 takes a free one (see `port`). Raises OSError when it cannot.

    At most `most` connections are kept, each for as long as `patience` says.
    """

    def __init__(self, app: FastAPI, host: str, port: int, patience: Timeouts = PATIENCE, most: int = MOST) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._app = app
        self._socket = socket.create_server((host, port), family=family, backlog=QUEUED)
        # Every connection inherits it. Headers and body are two writes, and asyncio only does this itself where a
        # socket names its protocol: without it each answer on a kept connection waits 40 ms for the visitor's ACK.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self._socket.getsockname()[1]
        self.connections = Connections(patience, most)
        config = uvicorn.Config(
            app, http=self.connections.protocol(), ws="none", log_config=None, lifespan="off", server_header=False,
            timeout_graceful_shutdown=3, timeout_keep_alive=max(1, round(patience.idle)), backlog=AT_ONCE)
        # No access log, whatever logging is set up: a path carries a link's token.
        logging.getLogger("uvicorn.access").disabled = True
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="web", daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._thread.join(0.005)
        self._socket.listen(QUEUED)  # uvicorn has set it to AT_ONCE

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Lets requests finish for at most three seconds."""
        if hasattr(self._app.state, "feed"):  # an open stream would take all of the three seconds
            self._app.state.feed.end()
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
