"""Uvicorn in a thread: the web beside the broker and the clock in one process."""

import logging
import socket
import threading

import uvicorn
from fastapi import FastAPI


class Server:
    """Serves `app` from construction on; port 0 takes a free one (see `port`). Raises OSError when it cannot."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=512)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(app, log_config=None, lifespan="off", server_header=False, timeout_graceful_shutdown=3)
        # No access log, whatever logging is set up: a path carries a link's token.
        logging.getLogger("uvicorn.access").disabled = True
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="web", daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._thread.join(0.005)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Lets requests finish for at most three seconds."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
