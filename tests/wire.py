"""The devices' side of the wire: a client that knows what the broker took from it, and what it was told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.servers import HOST, wait_until


class Speaker:
    """Speaks for any number of devices at QoS 1. `taken`: what the broker acknowledged; `heard`: commands that came."""

    def __init__(self, port: int, client_id: str = "devices", version: str = "3.1.1", **login: str) -> None:
        self.taken: list[Any] = []
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._waiting: dict[int, Any] = {}
        self._lock = threading.Lock()
        protocol = MQTTProtocolVersion.MQTTv5 if version == "5" else MQTTProtocolVersion.MQTTv311
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=protocol)
        self._client.max_inflight_messages_set(1000)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message
        self._subscribed = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe("devices/+/command", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        if login:
            self._client.username_pw_set(login["username"], login["password"])
        self._client.connect(HOST, port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def say(self, topic: str, payload: Any, tag: Any = None, retain: bool = False) -> None:
        """Publishes; `tag` is in `taken` once the broker has acknowledged it. What is not bytes is sent as JSON."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        with self._lock:
            sent = self._client.publish(topic, body, qos=1, retain=retain)
            self._waiting[sent.mid] = tag

    @property
    def unacknowledged(self) -> int:
        return len(self._waiting)

    def flush(self, seconds: float = 20) -> None:
        """Waits until the broker has taken everything."""
        wait_until(lambda: not self._waiting, seconds, "the broker to acknowledge everything")

    def commands(self, device: str) -> list[dict[str, Any]]:
        """What the device was told, oldest first."""
        return [body for topic, body in list(self.heard) if topic == f"devices/{device}/command"]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_publish(self, _client: Any, _data: Any, mid: int, *_: Any) -> None:
        with self._lock:
            self.taken.append(self._waiting.pop(mid))

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self.heard.append((message.topic, json.loads(message.payload)))


@contextmanager
def speaker(port: int, client_id: str = "devices", version: str = "3.1.1", **login: str) -> Iterator[Speaker]:
    device = Speaker(port, client_id, version, **login)
    try:
        yield device
    finally:
        device.close()
