"""One simulated device: its physics, its words, and a real MQTT connection with a will."""

import json
import random
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from device_sim.physics import KINDS, Thing
from device_sim.scenario import PRESSES, DeviceSpec, deeds_of
from device_sim.wire import Message, Native, wire_for

REPEAT = 10_000  # ms of wall time after which an unanswered press is sent again, with its own id

Witness = Callable[[str, str, dict[str, Any]], None]
"""(device id, what happened, facts): the ground truth."""


class Device:
    """Stepped by the fleet; commands arrive on paho's thread."""

    def __init__(self, spec: DeviceSpec, seed: int, witness: Witness) -> None:
        self.spec = spec
        self.published = self.acknowledged = self.commands = 0
        self._witness = witness
        rng = random.Random(f"{seed}/{spec.id}")
        self.thing: Thing = KINDS[spec.kind](rng)
        self.wire = wire_for(spec.dialect, spec.id)
        self._due = rng.uniform(0, min(spec.every, 60))  # simulated seconds: devices do not speak in chorus
        self._boot = secrets.token_hex(3)  # not from the seed: an id must never come again, whatever is replayed
        self._presses = 0
        self._waiting: dict[str, tuple[Message, int]] = {}  # press id → the message, when to repeat it
        self._lock = threading.Lock()
        self._hushed = self._away = False
        self._born = False  # has said that it is online: before that it says nothing else
        self._broker = ("127.0.0.1", 1883)
        self._client = self._make_client()

    def _make_client(self) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"sim-{self.spec.id}", clean_session=False)
        will = self.wire.will()
        client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        client.reconnect_delay_set(1, 10)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        return client

    def connect(self, host: str, port: int) -> None:
        self._broker = (host, port)
        self._client.connect(host, port, keepalive=30)
        self._client.loop_start()

    def step(self, seconds: float, hour: float, now: int) -> None:
        """Lets `seconds` of simulated time pass and says what is due; `now` is wall time in ms."""
        changed = self.thing.step(seconds, hour)
        self._due -= seconds
        if self._born and (self._due <= 0 or changed):
            self._due = self.spec.every
            self._report(now)
        with self._lock:
            late = [(key, message) for key, (message, due) in self._waiting.items() if due <= now]
        for press_id, message in late:
            self._send_press(press_id, message, now)

    def do(self, deed: str, now: int) -> None:
        """Somebody or something does `deed` to it; raises ValueError when it cannot be done to this device."""
        if deed not in deeds_of(self.spec.kind):
            raise ValueError(f"{self.spec.id}: {deed!r}, expected one of {', '.join(deeds_of(self.spec.kind))}")
        if deed in PRESSES:
            self._press(PRESSES[deed], now)
            return
        if (deed == "return") != self._away:
            return  # nothing to switch on, or nothing there to act
        self._witness(self.spec.id, deed, {})
        if deed == "vanish":
            self._vanish()
        elif deed == "stop":
            self._stop(now)
        elif deed == "return":
            self._return()
        elif deed in ("hush", "speak"):
            self._hushed = deed == "hush"
        elif self.thing.do(deed):
            self._report(now)

    def close(self, now: int) -> None:
        """Switched off on purpose: no fault."""
        if not self._away:
            self._stop(now)

    def _report(self, now: int) -> None:
        if not self._hushed and not self._away:
            for message in self.wire.telemetry(self.thing.values(), now):
                self._publish(message)

    def _press(self, kind: str, now: int) -> None:
        assert isinstance(self.wire, Native)
        self._presses += 1
        press_id = f"{self._boot}-{self._presses:04d}"
        self._witness(self.spec.id, "pressed", {"press_id": press_id, "kind": kind})
        self._send_press(press_id, self.wire.press(press_id, kind, now), now)

    def _send_press(self, press_id: str, message: Message, now: int) -> None:
        with self._lock:
            self._waiting[press_id] = (message, now + REPEAT)
        self._publish(message)

    def _publish(self, message: Message) -> None:
        self.published += 1
        self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)

    def _vanish(self) -> None:
        """As when the power goes: no DISCONNECT, so the broker speaks the will."""
        self._away = True
        line = self._client.socket()
        self._client.loop_stop()
        if isinstance(line, socket.socket):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _stop(self, now: int) -> None:
        self._away = True
        goodbye = self.wire.goodbye(now)
        self.published += 1
        sent = self._client.publish(goodbye.topic, goodbye.payload, qos=1, retain=goodbye.retain)
        with suppress(RuntimeError, ValueError):
            sent.wait_for_publish(2)
        self._client.disconnect()
        self._client.loop_stop()

    def _return(self) -> None:
        self._away, self._born, self._due = False, False, 0.0
        self._client = self._make_client()  # it has started anew: what it had not sent is forgotten
        with suppress(OSError):
            self.connect(*self._broker)

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            client.subscribe(self.wire.commands, qos=1)
            self._publish(self.wire.birth(_wall()))
            self._born = True

    def _on_publish(self, *_args: Any) -> None:
        self.acknowledged += 1

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            told = json.loads(message.payload)
            command_id, press_id, state = str(told["id"]), str(told.get("press_id")), str(told.get("state"))
        except (ValueError, KeyError, TypeError, AttributeError):
            self._witness(self.spec.id, "garbled command", {"topic": message.topic})
            return
        self.commands += 1
        with self._lock:
            self._waiting.pop(press_id, None)
        self._witness(self.spec.id, "answered", {"press_id": press_id, "state": state,
                                                 "callback_by": told.get("callback_by")})
        if isinstance(self.wire, Native):
            self._publish(self.wire.ack(command_id))


def _wall() -> int:
    return time.time_ns() // 1_000_000
