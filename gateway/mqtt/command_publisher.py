"""Publishes commands to devices: claimed in the database first, then sent once."""


import paho.mqtt.client as paho

from gateway.flow.gateway import Gateway
from gateway.model import SECOND, Command, Instant
from gateway.mqtt.client import publish_options
from gateway.store import commands

WINDOW = 1000  # not yet acknowledged by the broker; as many as a batch may ask for, or answers would fall behind


class CommandPublisher:
    """Publishes a listener's commands. `begin` it for each connection: what one left unsent is not sent on the next."""

    def __init__(self, gw: Gateway) -> None:
        self._gw = gw
        self._unacknowledged: set[int] = set()  # message ids

    def begin(self, client: paho.Client) -> None:
        """Before `client` connects for the first and only time."""
        if self._gw.settings.mqtt.version != "5":  # there the broker says how many it takes at once
            client.max_inflight_messages_set(WINDOW)
        self._unacknowledged.clear()
        self._gw.commands_filled.set()

    def send(self, client: paho.Client, now: Instant) -> None:
        """Publishes queued commands, as far as WINDOW allows."""
        if not self._gw.commands_filled.is_set():
            return
        self._gw.commands_filled.clear()
        for command in claim_commands(self._gw, WINDOW - len(self._unacknowledged), now):
            how = publish_options(self._gw.settings.mqtt, (command.expires_at - now) // SECOND)
            self._unacknowledged.add(client.publish(command.topic, command.payload, qos=1, **how).mid)

    def acknowledged(self, mid: int) -> None:
        """The broker has acknowledged the message with this id."""
        if mid in self._unacknowledged:
            self._unacknowledged.remove(mid)
            if not self._unacknowledged:
                self._gw.commands_filled.set()  # there may be more than WINDOW allowed


def claim_commands(gw: Gateway, limit: int, now: Instant) -> list[Command]:
    """Up to `limit` queued commands, marked as sent in the database already: publish them at once, and only once."""
    with gw.store.write() as session:
        return commands.claim(session, now, limit)
