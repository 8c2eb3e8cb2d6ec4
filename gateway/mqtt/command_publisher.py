"""Publishes commands to devices: claimed in the database first, then sent once.

They have a connection of their own. On the listener's the broker's acknowledgements come behind all that it has for us
to read, and after a restart that may be the backlog of a night: answers to presses would wait for it.
"""

import time
from typing import Any

import paho.mqtt.client as paho

from gateway.config.settings import Mqtt
from gateway.flow.gateway import Gateway
from gateway.model import SECOND, Command, Instant
from gateway.mqtt.client import publish_options
from gateway.mqtt.side_connection import PATIENCE, SideConnection
from gateway.store import commands

WINDOW = 1000  # not yet acknowledged by the broker; as many as a batch may ask for, or answers would fall behind


class CommandPublisher:
    """Publishes a listener's commands, on the listener's own connection where the broker grants no other. What one
    connection left unsent is not sent on the next."""

    def __init__(self, gw: Gateway) -> None:
        self._gw = gw
        self._own = _CommandConnection(gw.settings.mqtt, self)
        self._through: paho.Client | None = None  # the client that the last one was given to
        self._unacknowledged: set[int] = set()  # its message ids

    def prepare(self, client: paho.Client) -> None:
        """Before `client` connects for the first and only time."""
        if self._gw.settings.mqtt.version != "5":  # there the broker may take few at once: paho sends 20, and no more
            client.max_inflight_messages_set(WINDOW)
        client.on_publish = self._on_publish

    def send(self, listener: paho.Client, now: Instant) -> None:
        """Publishes queued commands, as far as WINDOW allows; on the client `listener` where there is no other."""
        self._own.read()
        if self._own.connecting:  # what left by the listener's now might wait there
            return
        client = self._own.ready or listener
        if client is not self._through:
            self._through = client
            self._unacknowledged.clear()
            self._gw.commands_filled.set()
        if not self._gw.commands_filled.is_set():
            return
        self._gw.commands_filled.clear()
        for command in claim_commands(self._gw, WINDOW - len(self._unacknowledged), now):
            how = publish_options(self._gw.settings.mqtt, (command.expires_at - now) // SECOND)
            self._unacknowledged.add(client.publish(command.topic, command.payload, qos=1, **how).mid)

    def keep_up(self) -> None:
        """Connects when it is time, and says now and then that we are here."""
        self._own.keep_up()

    def close(self) -> None:
        self._own.close()

    def _on_publish(self, client: paho.Client, _userdata: Any, mid: int, _reason: Any, _properties: Any) -> None:
        if client is self._through and mid in self._unacknowledged:
            self._unacknowledged.remove(mid)
            if not self._unacknowledged:
                self._gw.commands_filled.set()  # there may be more than WINDOW allowed


class _CommandConnection(SideConnection):
    """Nothing comes by it but the broker's acknowledgements."""

    def __init__(self, mqtt: Mqtt, publisher: CommandPublisher) -> None:
        super().__init__(mqtt, "commands", "commands leave by the connection by which everything comes")
        self._publisher = publisher
        self._let_in = False
        self._began_at = 0.0

    @property
    def connecting(self) -> bool:
        """Whether the broker is still to say if it lets us in, and may be waited for."""
        return self.socket is not None and not self._let_in and time.monotonic() - self._began_at < PATIENCE

    @property
    def ready(self) -> paho.Client | None:
        """The client, once the broker has let it in."""
        return self._client if self._let_in and self.socket is not None else None

    def read(self) -> None:
        """Takes all acknowledgements that are there."""
        if self.socket is not None and self._client is not None:
            self._client.loop_read()

    def _prepare(self, client: paho.Client) -> None:
        self._let_in, self._began_at = False, time.monotonic()
        self._publisher.prepare(client)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect

    # -- paho's callbacks

    def _on_connect(self, _client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._let_in = not reason.is_failure
        if self._let_in:
            self._works()
        else:
            self._warn(f"the broker refuses it: {reason}")

    def _on_disconnect(self, _client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._let_in = False
        self._warn(str(reason))


def claim_commands(gw: Gateway, limit: int, now: Instant) -> list[Command]:
    """Up to `limit` queued commands, marked as sent in the database already: publish them at once, and only once."""
    with gw.store.write() as session:
        return commands.claim(session, now, limit)
