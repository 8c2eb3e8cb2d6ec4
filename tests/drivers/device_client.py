"""The devices' side of the wire: a client that knows what the broker took from it, and what it was told."""

import json
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.fixtures.servers import HOST, wait_until


class DeviceClient:
    """Speaks for any number of devices at QoS 1. `heard`: commands that came back; `when_heard` is called before."""

    def __init__(self, port: int, client_id: str = "devices", version: str = "3.1.1", **login: Any) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.when_heard: Callable[[], object] = lambda: None
        self._taken: list[Any] = []
        self._said: dict[int, deque[Any]] = defaultdict(deque)  # message id → tags: ids come round again
        self._acknowledged: deque[int] = deque()
        self._sent = 0
        self._lock = threading.Lock()  # several threads may say things and ask what was taken
        protocol = MQTTProtocolVersion.MQTTv5 if version == "5" else MQTTProtocolVersion.MQTTv311
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=protocol)
        self._client.max_inflight_messages_set(1000)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = self._on_message
        self._client.on_publish = lambda _client, _data, mid, *_: self._acknowledged.append(mid)
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
            self._said[self._client.publish(topic, body, qos=1, retain=retain).mid].append(tag)
            self._sent += 1

    @property
    def taken(self) -> list[Any]:
        """Tags of what the broker has acknowledged."""
        with self._lock:
            while self._acknowledged and self._said[self._acknowledged[0]]:
                self._taken.append(self._said[self._acknowledged.popleft()].popleft())
            return list(self._taken)

    def flush(self, seconds: float = 20) -> None:
        """Waits until the broker has taken everything."""
        wait_until(lambda: len(self.taken) == self._sent, seconds, "the broker to acknowledge everything")

    def commands(self, device: str) -> list[dict[str, Any]]:
        """What the device was told, oldest first."""
        return [body for topic, body in list(self.heard) if topic == f"devices/{device}/command"]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self.when_heard()
        self.heard.append((message.topic, json.loads(message.payload)))


@contextmanager
def device_client(port: int, client_id: str = "devices", version: str = "3.1.1", **login: Any
                  ) -> Iterator[DeviceClient]:
    device = DeviceClient(port, client_id, version, **login)
    try:
        yield device
    finally:
        device.close()


class TopicRecorder:
    """Hears every command that passes the broker, also while it is away for a moment, and says nothing."""

    def __init__(self, port: int) -> None:
        self.commands: list[tuple[str, dict[str, Any]]] = []
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "eavesdropper", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("devices/+/command", 1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _client, _data, message: self.commands.append(
            (message.topic, json.loads(message.payload)))
        self._client.connect(HOST, port)
        self._client.loop_start()
        assert self._ready.wait(10)

    @property
    def twice(self) -> set[str]:
        """Ids of commands that were published more than once."""
        seen = Counter(body["id"] for _, body in list(self.commands))
        return {command_id for command_id, times in seen.items() if times > 1}

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def recording_topics(port: int) -> Iterator[TopicRecorder]:
    ear = TopicRecorder(port)
    try:
        yield ear
    finally:
        ear.close()
