"""Publishes as Tasmota firmware: `tele/<topic>/…`, at QoS 0 but for its will."""

import time
from collections.abc import Mapping

import orjson

from device_sim.device_kinds import Value, Values
from device_sim.dialects.interface import Message, ReceivedCommand

NAME = "tasmota"
KINDS = ("plug",)
HUB = ""
FAULTS, PRESSES, TIMES, ANSWERED = False, False, False, False


def address(number: int, home: str, device: str) -> str:
    return f"tasmota_{number:06X}"


class DialectClient:
    __slots__ = ("_topic", "commands")

    def __init__(self, client: str) -> None:
        self._topic = client
        self.commands: tuple[str, ...] = (f"cmnd/{client}/#",)

    def will(self) -> Message:
        return Message(f"tele/{self._topic}/LWT", b"Offline", True)

    def birth(self, now: int, behind: Mapping[str, Values]) -> list[Message]:
        return [Message(f"tele/{self._topic}/LWT", b"Online", True)]

    def goodbye(self, now: int) -> list[Message]:
        return [self.will()]  # Tasmota knows no other

    def telemetry(self, name: str, values: Values, now: int) -> list[Message]:
        local = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(now / 1000))  # as Tasmota does: without an offset
        energy: dict[str, Value] = {field.title(): values[field] for field in ("power", "voltage", "current")
                                    if field in values}
        state = {"Time": local, "UptimeSec": now // 1000 % 1_000_000, "POWER": "ON" if values.get("on") else "OFF",
                 "Wifi": {"RSSI": 74, "Signal": -63}}
        renamed = {field: value for field, value in values.items() if field not in _KNOWN}
        sensor = {"Time": local, "ENERGY": {"Total": values["energy"], **energy, **renamed}}
        return [Message(f"tele/{self._topic}/STATE", orjson.dumps(state), qos=0),
                Message(f"tele/{self._topic}/SENSOR", orjson.dumps(sensor), qos=0)]

    def fault(self, name: str, code: str, active: bool, now: int) -> list[Message]:
        return []

    def press(self, name: str, press_id: str, kind: str, now: int) -> list[Message]:
        return []

    def gone(self, name: str, now: int) -> list[Message]:
        return []

    def back(self, name: str, values: Values, now: int) -> list[Message]:
        return []

    def hear(self, topic: str, payload: bytes, now: int, behind: Mapping[str, Values]
             ) -> tuple[list[Message], ReceivedCommand | None]:
        return [], ReceivedCommand()


_KNOWN = frozenset(("on", "power", "voltage", "current", "energy"))
