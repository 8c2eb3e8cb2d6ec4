"""What the devices say: the native dialect of docs/wire.md, and Tasmota's."""

import json
import time
from typing import NamedTuple

from device_sim.physics import Value


class Message(NamedTuple):
    topic: str
    payload: str
    retain: bool = False


class Native:
    """`devices/<id>/…`"""

    def __init__(self, device_id: str) -> None:
        self.id = device_id
        self.commands = f"devices/{device_id}/command"
        self._seq = 0

    def birth(self, now: int) -> Message:
        return Message(f"devices/{self.id}/status", json.dumps({"state": "online", "ts": now}), True)

    def will(self) -> Message:  # without a time: it is written now and means later
        return Message(f"devices/{self.id}/status", '{"state": "lost"}', True)

    def goodbye(self, now: int) -> Message:
        return Message(f"devices/{self.id}/status", json.dumps({"state": "stopped", "ts": now}), True)

    def telemetry(self, values: dict[str, Value], now: int) -> list[Message]:
        self._seq += 1
        body = {"ts": now, "seq": self._seq, "values": values}
        return [Message(f"devices/{self.id}/telemetry", json.dumps(body))]

    def press(self, press_id: str, kind: str, at: int) -> Message:
        return Message(f"devices/{self.id}/press", json.dumps({"id": press_id, "kind": kind, "ts": at}))

    def ack(self, command_id: str) -> Message:
        return Message(f"devices/{self.id}/ack", json.dumps({"id": command_id, "ok": True}))


class Tasmota:
    """`tele/<topic>/…` with Tasmota's default full topic; it takes commands of its own, which nobody here sends."""

    def __init__(self, device_id: str) -> None:
        self.id = device_id
        self.commands = f"cmnd/{device_id}/#"

    def birth(self, now: int) -> Message:
        return Message(f"tele/{self.id}/LWT", "Online", True)

    def will(self) -> Message:
        return Message(f"tele/{self.id}/LWT", "Offline", True)

    def goodbye(self, now: int) -> Message:
        return self.will()  # Tasmota knows no other

    def telemetry(self, values: dict[str, Value], now: int) -> list[Message]:
        local = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(now / 1000))  # as Tasmota does: without an offset
        energy = {"Total": values["energy"], "Power": values["power"], "Voltage": values["voltage"],
                  "Current": values["current"]}
        state = {"Time": local, "UptimeSec": now // 1000 % 1_000_000, "POWER": "ON" if values["on"] else "OFF",
                 "Wifi": {"RSSI": 74, "Signal": -63}}
        return [Message(f"tele/{self.id}/STATE", json.dumps(state)),
                Message(f"tele/{self.id}/SENSOR", json.dumps({"Time": local, "ENERGY": energy}))]


Wire = Native | Tasmota


def wire_for(dialect: str, device_id: str) -> Wire:
    return Tasmota(device_id) if dialect == "tasmota" else Native(device_id)
