"""Publishes as Zigbee2MQTT: one bridge for all its devices, with availability and its own will."""

from collections.abc import Mapping

import orjson

from device_sim.device_kinds import Values
from device_sim.dialects.interface import Message, ReceivedCommand

NAME = "zigbee2mqtt"
KINDS = ("climate", "leak_sensor", "button")
HUB = "all"  # the gateway reads one base topic, so there is one bridge
FAULTS, PRESSES, TIMES, ANSWERED = False, True, True, False

BASE = "zigbee2mqtt/"


def address(number: int, home: str, device: str) -> str:
    return f"{home}/{device}" if home else device


class DialectClient:
    __slots__ = ("commands",)

    def __init__(self, client: str) -> None:
        self.commands: tuple[str, ...] = (BASE + "+/set", BASE + "+/+/set")

    def will(self) -> Message:
        return Message(BASE + "bridge/state", b'{"state":"offline"}', True)

    def birth(self, now: int, behind: Mapping[str, Values]) -> list[Message]:
        bridge = Message(BASE + "bridge/state", b'{"state":"online"}', True)
        return [bridge, *(self._link(name, True) for name in behind)]

    def goodbye(self, now: int) -> list[Message]:
        return [self.will()]

    def telemetry(self, name: str, values: Values, now: int) -> list[Message]:
        said = {"water_leak" if field == "leak" else field: value for field, value in values.items()}
        return [Message(BASE + name, orjson.dumps({**said, "last_seen": now}), qos=0)]

    def fault(self, name: str, code: str, active: bool, now: int) -> list[Message]:
        return []

    def press(self, name: str, press_id: str, kind: str, now: int) -> list[Message]:
        action = "hold" if kind == "long" else kind
        return [Message(BASE + name, orjson.dumps({"action": action, "last_seen": now}), qos=0)]

    def gone(self, name: str, now: int) -> list[Message]:
        return [self._link(name, False)]

    def back(self, name: str, values: Values, now: int) -> list[Message]:
        return [self._link(name, True)]

    def hear(self, topic: str, payload: bytes, now: int, behind: Mapping[str, Values]
             ) -> tuple[list[Message], ReceivedCommand | None]:
        return [], ReceivedCommand()

    @staticmethod
    def _link(name: str, there: bool) -> Message:
        state = b'{"state":"online"}' if there else b'{"state":"offline"}'
        return Message(f"{BASE}{name}/availability", state, True)
