"""Publishes in the gateway's own dialect, `devices/<id>/…` (docs/wire.md)."""

from collections.abc import Mapping

import orjson

from device_sim.device_kinds import Values
from device_sim.dialects.interface import Message, ReceivedCommand

NAME = "native"
KINDS = ("heat_pump", "fridge", "leak_sensor", "plug", "button", "relay", "climate")
HUB = ""
FAULTS, PRESSES, TIMES, ANSWERED = True, True, True, True


def address(number: int, home: str, device: str) -> str:
    return device


class DialectClient:
    __slots__ = ("_seq", "_start", "commands")

    def __init__(self, client: str) -> None:
        self._start = f"devices/{client}/"
        self.commands: tuple[str, ...] = (self._start + "command",)
        self._seq = 0

    def will(self) -> Message:  # without a time: it is written now and means later
        return Message(self._start + "status", b'{"state":"lost"}', True)

    def birth(self, now: int, behind: Mapping[str, Values]) -> list[Message]:
        return [self._say("status", {"state": "online", "ts": now}, True)]

    def goodbye(self, now: int) -> list[Message]:
        return [self._say("status", {"state": "stopped", "ts": now}, True)]

    def telemetry(self, name: str, values: Values, now: int) -> list[Message]:
        self._seq += 1
        return [self._say("telemetry", {"ts": now, "seq": self._seq, "values": values})]

    def fault(self, name: str, code: str, active: bool, now: int) -> list[Message]:
        return [self._say("fault", {"code": code, "active": active, "ts": now})]

    def press(self, name: str, press_id: str, kind: str, now: int) -> list[Message]:
        return [self._say("press", {"id": press_id, "kind": kind, "ts": now})]

    def gone(self, name: str, now: int) -> list[Message]:
        return []

    def back(self, name: str, values: Values, now: int) -> list[Message]:
        return []

    def hear(self, topic: str, payload: bytes, now: int, behind: Mapping[str, Values]
             ) -> tuple[list[Message], ReceivedCommand | None]:
        body = orjson.loads(payload)
        if not isinstance(body, dict) or "id" not in body:
            raise ValueError("expected a command with an id")
        told = ReceivedCommand(str(body["id"]), str(body.get("press_id") or ""), str(body.get("state") or ""),
                               body.get("callback_by"), str(body.get("who") or ""), body.get("battery"))
        return [self._say("ack", {"id": told.command_id, "ok": True})], told

    def _say(self, what: str, body: object, retain: bool = False) -> Message:
        return Message(self._start + what, orjson.dumps(body), retain)
