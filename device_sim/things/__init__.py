"""The kinds of simulated devices: one file each, listed here."""

from device_sim.things.button import Button
from device_sim.things.climate import Climate
from device_sim.things.fridge import Fridge
from device_sim.things.heat_pump import HeatPump
from device_sim.things.leak_sensor import LeakSensor
from device_sim.things.plug import Plug
from device_sim.things.relay import Relay
from device_sim.things.thing import Deed, Flaw, Thing, Value, Values

__all__ = ["KINDS", "Deed", "Flaw", "Kind", "Thing", "Value", "Values"]

Kind = (type[HeatPump] | type[Fridge] | type[LeakSensor] | type[Plug] | type[Button] | type[Relay] | type[Climate])

KINDS: dict[str, Kind] = {
    "heat_pump": HeatPump, "fridge": Fridge, "leak_sensor": LeakSensor, "plug": Plug, "button": Button,
    "relay": Relay, "climate": Climate,
}
