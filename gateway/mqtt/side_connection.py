"""A connection to the broker beside the listener's, which may fail: then things are slower, never lost."""

import time
from typing import Any

import paho.mqtt.client as paho
import structlog

from gateway.config.settings import Mqtt
from gateway.mqtt.client import KEEPALIVE, connect_options, make_client

AGAIN_AFTER = (1.0, 5.0, 30.0, 300.0)  # seconds between attempts to connect
PATIENCE = 2.0  # seconds for one attempt: the listener waits so long

log = structlog.get_logger()


class SideConnection:
    """A clean session under `<client_id>-<name>`, only for the listener's thread. `without_it` is logged, once, when
    there is none."""

    def __init__(self, mqtt: Mqtt, name: str, without_it: str) -> None:
        self._mqtt, self._name, self._without_it = mqtt, name, without_it
        self._client: paho.Client | None = None
        self._failures, self._again_at = 0, 0.0
        self._problem = ""

    @property
    def socket(self) -> Any:
        """What to wait for; None while there is no connection."""
        return self._client.socket() if self._client is not None else None

    def keep_up(self) -> None:
        """Connects when it is time, and says now and then that we are here."""
        if self.socket is not None and self._client is not None:
            self._client.loop_misc()
            if self._client.want_write():
                self._client.loop_write()
        elif time.monotonic() >= self._again_at:
            self._connect()

    def close(self) -> None:
        if self._client is not None:
            self._client.on_disconnect = None
            self._client.disconnect()

    def _connect(self) -> None:
        self._again_at = time.monotonic() + AGAIN_AFTER[min(self._failures, len(AGAIN_AFTER) - 1)]
        self._failures += 1
        self._client = client = make_client(self._mqtt, f"{self._mqtt.client_id}-{self._name}", clean=True)
        client.connect_timeout = PATIENCE
        self._prepare(client)
        try:
            client.connect(self._mqtt.host, self._mqtt.port, KEEPALIVE, **connect_options(self._mqtt, clean=True))
        except OSError as error:
            self._warn(str(error))

    def _prepare(self, client: paho.Client) -> None:
        """Sets what `client` calls, before it connects for the first and only time."""
        raise NotImplementedError

    def _works(self) -> None:
        self._failures, self._problem = 0, ""

    def _warn(self, problem: str) -> None:
        if problem != self._problem:
            log.info(self._without_it, why=problem)
        self._problem = problem
