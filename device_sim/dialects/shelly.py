"""Publishes as a Shelly Gen2: notifications on `<id>/events/rpc`, and `<id>/online` as birth and will."""

from collections.abc import Mapping
from typing import Any

import orjson

from device_sim.device_kinds import Values
from device_sim.dialects.interface import Message, ReceivedCommand

NAME = "shelly"
KINDS = ("relay", "button")
HUB = ""
FAULTS, PRESSES, TIMES, ANSWERED = False, True, True, False

_PUSHES = {"single": "single_push", "double": "double_push", "long": "long_push"}
_PLACES = {"output": "output", "power": "apower", "voltage": "voltage"}


def address(number: int, home: str, device: str) -> str:
    return f"shellyplus1pm-{number:012x}"


class DialectClient:
    __slots__ = ("_hot", "_id", "commands")

    def __init__(self, client: str) -> None:
        self._id = client
        self.commands: tuple[str, ...] = (f"{client}/rpc",)
        self._hot = False

    def will(self) -> Message:
        return Message(f"{self._id}/online", b"false", True)

    def birth(self, now: int, behind: Mapping[str, Values]) -> list[Message]:
        return [Message(f"{self._id}/online", b"true", True)]

    def goodbye(self, now: int) -> list[Message]:
        return [self.will()]

    def telemetry(self, name: str, values: Values, now: int) -> list[Message]:
        if "battery" in values:
            part: dict[str, Any] = {"devicepower:0": {"id": 0, "battery": {"percent": values["battery"]}}}
        else:
            part = {"switch:0": self._switch(values)}
        if "wifi" in values:
            part["wifi"] = {"status": "got ip", "rssi": values["wifi"]}
        return [self._notify("NotifyStatus", now, part)]

    def _switch(self, values: Values) -> dict[str, Any]:
        said: dict[str, Any] = {"id": 0} | {_PLACES.get(field, field): value for field, value in values.items()
                                            if field not in ("temperature", "overtemp", "wifi")}
        if "temperature" in values:
            said["temperature"] = {"tC": values["temperature"], "tF": round(values["temperature"] * 1.8 + 32, 1)}
        if values.get("overtemp"):
            said["errors"] = ["overtemp"]
        elif self._hot:
            said["errors"] = None  # over: said once
        self._hot = bool(values.get("overtemp"))
        return said

    def fault(self, name: str, code: str, active: bool, now: int) -> list[Message]:
        return []

    def press(self, name: str, press_id: str, kind: str, now: int) -> list[Message]:
        event = {"component": "input:0", "id": 0, "event": _PUSHES[kind], "ts": now / 1000}
        return [self._notify("NotifyEvent", now, {"events": [event]})]

    def gone(self, name: str, now: int) -> list[Message]:
        return []

    def back(self, name: str, values: Values, now: int) -> list[Message]:
        return []

    def hear(self, topic: str, payload: bytes, now: int, behind: Mapping[str, Values]
             ) -> tuple[list[Message], ReceivedCommand | None]:
        return [], ReceivedCommand()

    def _notify(self, method: str, now: int, params: Mapping[str, Any]) -> Message:
        body = {"src": self._id, "dst": f"{self._id}/events", "method": method, "params": {"ts": now / 1000, **params}}
        return Message(f"{self._id}/events/rpc", orjson.dumps(body))
