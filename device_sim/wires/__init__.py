"""The dialects that simulated devices publish in: one file each, listed here."""

from collections.abc import Callable
from typing import Protocol

from device_sim.wires import native, shelly, sparkplug, tasmota, zigbee2mqtt
from device_sim.wires.wire import Message, Told, Wire

__all__ = ["DIALECTS", "WIRES", "Dialect", "Message", "Told", "Wire"]


class Dialect(Protocol):
    """A file of this folder."""

    @property
    def NAME(self) -> str: ...
    @property
    def KINDS(self) -> tuple[str, ...]: ...  # of things that speak it
    @property
    def HUB(self) -> str: ...  # "": each device is a client · "home": one client for a home · "all": one for everybody
    @property
    def FAULTS(self) -> bool: ...  # a device can name its own fault
    @property
    def PRESSES(self) -> bool: ...
    @property
    def TIMES(self) -> bool: ...  # its messages carry the device's own time
    @property
    def ANSWERED(self) -> bool: ...  # the gateway answers a press, which is sent again until then
    @property
    def Wire(self) -> Callable[[str], Wire]: ...
    def address(self, number: int, home: str, device: str) -> str: ...  # what the gateway calls it


WIRES: tuple[Dialect, ...] = (native, tasmota, shelly, zigbee2mqtt, sparkplug)

DIALECTS: dict[str, Dialect] = {wire.NAME: wire for wire in WIRES}
