"""What simulated devices say: an ear that hears everything on their broker."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

PUMP = {"id": "hp-1", "kind": "heat_pump"}


class Ear:
    """Hears everything on a broker, with what was retained."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        ready = threading.Event()
        self.client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.on_message = self._hear
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert ready.wait(5)

    def _hear(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            self.heard.append((message.topic, json.loads(message.payload)))
        except ValueError:
            self.heard.append((message.topic, message.payload))

    def wait(self, true: Callable[[list[tuple[str, Any]]], bool], seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not true(self.heard):
            assert time.monotonic() < deadline, f"not heard in {seconds} s, only {self.heard[-5:]}"
            time.sleep(0.02)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def hearing(port: int) -> Iterator[Ear]:
    listening = Ear(port)
    yield listening
    listening.close()


def bodies(heard: list[tuple[str, Any]], what: str) -> list[Any]:
    return [body for topic, body in heard if topic.endswith("/" + what)]
