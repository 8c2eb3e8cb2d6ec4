"""The kinds of simulated devices: one file each, listed here."""

from device_sim.device_kinds.button import Button
from device_sim.device_kinds.climate import Climate
from device_sim.device_kinds.device_kind import DeviceKind, Fault, SensorFault, Value, Values
from device_sim.device_kinds.fridge import Fridge
from device_sim.device_kinds.heat_pump import HeatPump
from device_sim.device_kinds.leak_sensor import LeakSensor
from device_sim.device_kinds.plug import Plug
from device_sim.device_kinds.relay import Relay

__all__ = ["KINDS", "Fault", "SensorFault", "Kind", "DeviceKind", "Value", "Values"]

Kind = (type[HeatPump] | type[Fridge] | type[LeakSensor] | type[Plug] | type[Button] | type[Relay] | type[Climate])

KINDS: dict[str, Kind] = {
    "heat_pump": HeatPump, "fridge": Fridge, "leak_sensor": LeakSensor, "plug": Plug, "button": Button,
    "relay": Relay, "climate": Climate,
}
