"""Publishes as a Sparkplug B edge node: births, deaths, sequence numbers and aliases as specified."""

from collections.abc import Mapping

from device_sim.device_kinds import Values
from device_sim.dialects.interface import Message, ReceivedCommand
from device_sim.mqtt.sparkplug_payload import Metric, commands, payload

NAME = "sparkplug"
KINDS = ("heat_pump", "fridge")
HUB = "home"
FAULTS, PRESSES, TIMES, ANSWERED = False, False, True, False

GROUP = "homes"
REBIRTH = "Node Control/Rebirth"


def address(number: int, home: str, device: str) -> str:
    return f"{GROUP}/{home or device + '-node'}/{device}"


class DialectClient:
    """`client` is the edge node's id. Its will carries the number (bdSeq) of the birth that follows it."""

    __slots__ = ("_aliases", "_bd_seq", "_born", "_node", "_seq", "commands")

    def __init__(self, client: str) -> None:
        self._node = client
        self.commands: tuple[str, ...] = (f"spBv1.0/{GROUP}/NCMD/{client}", f"spBv1.0/{GROUP}/DCMD/{client}/#")
        self._bd_seq = -1
        self._seq = 255
        self._aliases: dict[tuple[str, str], int] = {}
        self._born: set[str] = set()  # the devices whose birth was said on this connection

    def will(self) -> Message:
        self._bd_seq = (self._bd_seq + 1) % 256
        return self._death()

    def _death(self) -> Message:
        body = payload([Metric(self._bd_seq, "bdSeq")], None, None)
        return Message(f"spBv1.0/{GROUP}/NDEATH/{self._node}", body)

    def birth(self, now: int, behind: Mapping[str, Values]) -> list[Message]:
        self._seq = 255
        self._born.clear()
        node = [Metric(self._bd_seq, "bdSeq", at=now), Metric(False, REBIRTH, at=now)]
        said = [self._say("NBIRTH", "", node, now)]
        for name, values in behind.items():
            said += self.back(name, values, now)
        return said

    def goodbye(self, now: int) -> list[Message]:
        return [self._death()]

    def telemetry(self, name: str, values: Values, now: int) -> list[Message]:
        if name not in self._born or any((name, field) not in self._aliases for field in values):
            return self.back(name, values, now)  # something new to say wants a birth first
        metrics = [Metric(value, "", self._aliases[name, field], now) for field, value in values.items()]
        return [self._say("DDATA", name, metrics, now)]

    def fault(self, name: str, code: str, active: bool, now: int) -> list[Message]:
        return []

    def press(self, name: str, press_id: str, kind: str, now: int) -> list[Message]:
        return []

    def gone(self, name: str, now: int) -> list[Message]:
        self._born.discard(name)
        return [self._say("DDEATH", name, [], now)]

    def back(self, name: str, values: Values, now: int) -> list[Message]:
        self._born.add(name)
        metrics = [Metric(value, field, self._aliases.setdefault((name, field), len(self._aliases) + 1), now)
                   for field, value in values.items()]
        return [self._say("DBIRTH", name, metrics, now)]

    def hear(self, topic: str, payload: bytes, now: int, behind: Mapping[str, Values]
             ) -> tuple[list[Message], ReceivedCommand | None]:
        return (self.birth(now, behind) if REBIRTH in commands(payload) else []), ReceivedCommand()

    def _say(self, what: str, device: str, metrics: list[Metric], now: int) -> Message:
        self._seq = (self._seq + 1) % 256
        place = f"{self._node}/{device}" if device else self._node
        return Message(f"spBv1.0/{GROUP}/{what}/{place}", payload(metrics, now, self._seq), qos=0)
