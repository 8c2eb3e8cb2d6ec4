"""Publishes what is not a command: the host's own state, keep-alive requests, and the dialects' requests."""

from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode

from gateway.flow.gateway import Gateway
from gateway.model import SECOND, Instant
from gateway.store.devices import device_registry

PROMPT_EVERY = 30 * SECOND  # a Victron falls silent 60 s after it was last asked


class HostMessages:
    """One listener's own messages. They are QoS 0 or retained, and never repeated."""

    def __init__(self, gw: Gateway) -> None:
        self._gw = gw
        self._dialects_with_prompts: list[Any] = [d for d in gw.dialects.dialects if hasattr(d, "prompts")]
        self._dialect_with_host_state: Any = next((d for d in gw.dialects.dialects if hasattr(d, "host_state")), None)
        self._prompt_at = self._birth_at = 0
        self.retains = True  # False: this broker refuses clients with a retained will

    def will(self, client: paho.Client, now: Instant) -> None:
        """Sets the last will; call it before connecting."""
        if self._dialect_with_host_state is not None and self.retains:
            self._birth_at = now  # the birth must carry the same time
            topic, payload = self._dialect_with_host_state.host_state(self._gw.settings.mqtt.client_id, False, now)
            client.will_set(topic, payload, qos=1, retain=True)

    def birth(self, client: paho.Client) -> None:
        """Publishes that this host is online; call it once everything is subscribed."""
        self._prompt_at = 0
        self._publish_host_state(client, True, self._birth_at)

    def goodbye(self, client: paho.Client, now: Instant) -> paho.MQTTMessageInfo | None:
        """None: there was nothing to say, or no connection to say it on."""
        info = self._publish_host_state(client, False, now)
        return info if info is not None and info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def publish_due(self, client: paho.Client, now: Instant) -> None:
        """Publishes the requests and prompts that have become due."""
        while self._gw.requests:
            request = self._gw.requests.popleft()
            client.publish(request.topic, request.payload, qos=0)
        if self._dialects_with_prompts and abs(now - self._prompt_at) >= PROMPT_EVERY:  # the clock may be set back
            self._prompt_at = now
            for dialect in self._dialects_with_prompts:
                with self._gw.store.read() as session:
                    keys = device_registry.keys_of(session, dialect.NAME)
                for topic, payload in dialect.prompts(keys):
                    client.publish(topic, payload, qos=0)

    def _publish_host_state(self, client: paho.Client, online: bool, at: Instant) -> paho.MQTTMessageInfo | None:
        if self._dialect_with_host_state is None or not self.retains:
            return None
        topic, payload = self._dialect_with_host_state.host_state(self._gw.settings.mqtt.client_id, online, at)
        return client.publish(topic, payload, qos=1, retain=True)
