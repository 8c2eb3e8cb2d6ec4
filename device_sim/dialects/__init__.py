"""The dialects that simulated devices publish in: one file each, listed here."""

from collections.abc import Callable
from typing import Protocol

from device_sim.dialects import native, shelly, sparkplug, tasmota, zigbee2mqtt
from device_sim.dialects.interface import DialectClient, Message, ReceivedCommand

__all__ = ["DIALECTS", "Dialect", "Message", "ReceivedCommand", "DialectClient"]


class Dialect(Protocol):
    """A file of this folder."""

    @property
    def NAME(self) -> str: ...
    @property
    def KINDS(self) -> tuple[str, ...]: ...  # of devices that speak it
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
    def DialectClient(self) -> Callable[[str], DialectClient]: ...
    def address(self, number: int, home: str, device: str) -> str: ...  # what the gateway calls it


DIALECTS: dict[str, Dialect] = {
    dialect.NAME: dialect for dialect in (native, tasmota, shelly, zigbee2mqtt, sparkplug)}
