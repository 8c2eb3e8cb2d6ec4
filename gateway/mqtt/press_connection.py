"""A second connection to the broker, for presses alone: on the first one they would wait behind all that came before.

It is only faster. Whatever comes here comes to the listener too, whose session the broker keeps and whose messages are
acknowledged once they are in the database: the later copy of a press is then left out. Where there is no second
connection, the listener's copy is the only one.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as paho
import structlog

from gateway.detection.batch import MqttMessage
from gateway.flow.gateway import Gateway
from gateway.model import Instant
from gateway.model.signals import Ignored, Press, Undecodable
from gateway.mqtt.batches import receive_all
from gateway.mqtt.reading import MessageQueue, PublishReader
from gateway.mqtt.side_connection import SideConnection

AT_ONCE = 500  # presses in one transaction at most: a button that floods us must not keep us from everything else
REMEMBERED = 10_000  # presses whose other copy has not come yet

log = structlog.get_logger()


class PressConnection(SideConnection):
    """Only for the listener's thread: it reads here before and after it reads its own connection."""

    def __init__(self, gw: Gateway) -> None:
        super().__init__(gw.settings.mqtt, "presses",
                         "presses come with everything else: there is no second connection")
        self._gw = gw
        # of several that share their topics another one may get the other copy
        self._filters = [] if self._mqtt.share else gw.dialects.press_filters
        self._matches = re.compile("|".join(map(_pattern, self._filters)) or "(?!)").fullmatch
        self._subscribed = False
        self._queue = MessageQueue()
        self._reader: PublishReader | None = None
        # stored, and their other copies still to come: how many more came here (below 0: there) than by the other way
        self._ahead: dict[MqttMessage, int] = {}

    def keep_up(self) -> None:
        """Connects when it is time, and says now and then that we are here."""
        if self._filters:
            super().keep_up()

    @property
    def ready(self) -> bool:
        """Whether to read at once, whatever a poll of the socket shows."""
        return self._reader is not None and self._reader.ready

    def process(self, now: Callable[[], Instant]) -> bool:
        """Reads what is there and stores it; returns whether there was anything. What cannot be stored comes once more,
        with everything else."""
        presses = [message for message in self._read() if self._has_id(message) and not self._was_stored(message)]
        if not presses:
            return False
        try:
            receive_all(self._gw, presses, now())
        except Exception as error:
            log.warning("presses wait for everything else", why=type(error).__name__)
            return False
        for press in presses:
            self._count(press, 1)
        return True

    def without_seen(self, batch: Sequence[MqttMessage]) -> list[MqttMessage]:
        """What of the listener's `batch` is not in the database yet."""
        if not self._ahead:
            return list(batch)
        left_out: Counter[MqttMessage] = Counter()
        rest = []
        for message in batch:
            if self._ahead.get(message, 0) > left_out[message]:
                left_out[message] += 1
            else:
                rest.append(message)
        return rest

    def stored(self, batch: Sequence[MqttMessage]) -> None:
        """All of the listener's `batch` is in the database."""
        for press in [message for message in batch if self._matches(message.topic)]:
            if self._ahead.get(press, 0) > 0 or (self._subscribed and self._has_id(press)):
                self._count(press, -1)

    def _read(self) -> list[MqttMessage]:
        if self._reader is None:
            return []
        self._reader.read(self._queue, AT_ONCE)
        return self._queue.take_messages()

    def _was_stored(self, press: MqttMessage) -> bool:
        """Whether the listener's copy came first."""
        if self._ahead.get(press, 0) >= 0:
            return False
        self._count(press, 1)
        return True

    def _has_id(self, press: MqttMessage) -> bool:
        """Without one of its own a press that is read again, after a restart, would count as another."""
        try:
            signals = self._gw.dialects.decode(*press)
        except (Undecodable, Ignored):
            return False
        return all(type(signal) is Press and signal.press_id is not None for signal in signals)

    def _count(self, press: MqttMessage, by: int) -> None:
        ahead = self._ahead.pop(press, 0) + by
        if ahead:
            self._ahead[press] = ahead
        if len(self._ahead) > REMEMBERED:
            del self._ahead[next(iter(self._ahead))]

    def _prepare(self, client: paho.Client) -> None:
        client.on_connect, client.on_subscribe = self._on_connect, self._on_subscribe
        client.on_message, client.on_disconnect = self._on_message, self._on_disconnect
        self._reader = PublishReader(client)

    # -- paho's callbacks

    def _on_connect(self, client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._warn(f"the broker refuses it: {reason}")
        else:
            client.subscribe([(one, 0) for one in self._filters])

    def _on_subscribe(self, _client: paho.Client, _userdata: Any, _mid: int, reasons: list[Any], _properties: Any
                      ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        self._subscribed = not refused
        if refused:
            self._warn(f"the broker refuses it: {refused[0]}")
        else:
            self._works()

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        self._queue.add(message)

    def _on_disconnect(self, _client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._subscribed = False
        self._ahead = {press: ahead for press, ahead in self._ahead.items() if ahead > 0}  # others will not come here
        self._warn(str(reason))


def _pattern(wanted: str) -> str:
    """A regular expression for the topics of this MQTT filter."""
    return "/".join("[^/]+" if level == "+" else re.escape(level) for level in wanted.split("/"))
