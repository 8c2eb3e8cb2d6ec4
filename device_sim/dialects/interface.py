"""The interface of a simulated dialect: the MQTT messages of a device, or of a hub with devices behind it."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from device_sim.device_kinds import Values


class Message(NamedTuple):
    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 1


class ReceivedCommand(NamedTuple):
    """A command that came down: what became of a press, or something else (`press_id` "")."""

    command_id: str = ""
    press_id: str = ""
    state: str = ""
    callback_by: int | None = None
    who: str = ""  # who comes to the telephone
    battery: int | None = None  # what the gateway knows of it, per cent


class DialectClient(Protocol):
    """`name` is the device's name on this wire, `now` the ms since 1970 that its clock says.

    `behind`: the devices that this client speaks for and that are there, with their values.
    """

    commands: tuple[str, ...]  # topics to subscribe

    def will(self) -> Message: ...  # asked for anew at each connect
    def birth(self, now: int, behind: Mapping[str, Values]) -> list[Message]: ...
    def goodbye(self, now: int) -> list[Message]: ...
    def telemetry(self, name: str, values: Values, now: int) -> list[Message]: ...
    def fault(self, name: str, code: str, active: bool, now: int) -> list[Message]: ...
    def press(self, name: str, press_id: str, kind: str, now: int) -> list[Message]: ...
    def gone(self, name: str, now: int) -> list[Message]: ...  # a hub says that a device behind it is lost
    def back(self, name: str, values: Values, now: int) -> list[Message]: ...
    def hear(self, topic: str, payload: bytes, now: int, behind: Mapping[str, Values]
             ) -> tuple[list[Message], ReceivedCommand | None]: ...  # the answer, and what was told; raises ValueError
