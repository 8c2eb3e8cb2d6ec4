"""What goes on inside the devices: small, plausible physics, stepped in simulated seconds."""

import math
import random
from dataclasses import dataclass, field
from typing import Protocol

Value = float | bool


class UnknownDeed(Exception):
    """This kind of device cannot be made to do that; the text says what it can."""


class Thing(Protocol):
    """A device's inside. `deeds` are what can be done to it; `do` returns True when it has something to say at once."""

    deeds: tuple[str, ...]

    def step(self, seconds: float, hour: float) -> bool: ...
    def do(self, deed: str) -> bool: ...
    def values(self) -> dict[str, Value]: ...


@dataclass
class HeatPump:
    """The machine's own water and the house's, joined by a circulation pump that can get stuck."""

    rng: random.Random
    deeds: tuple[str, ...] = ("overheat", "lose_water", "repair")
    machine: float = 43.0  # °C of the 15 litres inside the machine: the flow
    house: float = 39.0  # °C of the 80 litres in the radiators: the return
    pressure: float = 1.5  # bar, cold
    power: float = 1400.0  # W, electrical
    stuck: bool = False
    leaking: bool = False

    def step(self, seconds: float, hour: float) -> bool:
        steps = max(1, math.ceil(seconds / 5))  # 5 s: well below the fastest time constant
        for _ in range(steps):
            self._step(seconds / steps, hour)
        return False

    def _step(self, seconds: float, hour: float) -> None:
        outside = 4 + 5 * math.sin((hour - 9) / 24 * math.tau)  # °C, warmest at three in the afternoon
        target = 34 + 0.9 * (18 - outside)  # the heating curve
        wanted = 1400 + 180 * (target - self.machine) if not self.stuck else 1900  # its sensor sits in cold water
        wanted = 0.0 if self.machine > 92 else min(2600.0, max(0.0, wanted))  # the last safety switch
        self.power += (wanted - self.power) * min(1.0, seconds / 20)
        moved = (25 if self.stuck else 1250) * (self.machine - self.house)  # W; 0.3 kg/s of water when the pump turns
        self.machine += (3.6 * self.power - moved) / 63_000 * seconds
        self.house += (moved - 240 * (self.house - 20)) / 335_000 * seconds
        if self.leaking:
            self.pressure = max(0.2, self.pressure - 0.002 * seconds)

    def do(self, deed: str) -> bool:
        if deed == "repair":
            self.stuck, self.leaking, self.pressure = False, False, 1.5
        self.stuck = self.stuck or deed == "overheat"
        self.leaking = self.leaking or deed == "lose_water"
        return False

    def values(self) -> dict[str, Value]:
        return {
            "flow_temp": round(self.machine + self.rng.gauss(0, 0.15), 1),
            "return_temp": round(self.house + self.rng.gauss(0, 0.15), 1),
            "pressure": round(self.pressure + 0.004 * (self.house - 20) + self.rng.gauss(0, 0.005), 2),
            "power": round(max(0.0, self.power + self.rng.gauss(0, 15))),
        }


@dataclass
class Fridge:
    """A compressor between two limits, a door, and a room of 21 °C."""

    rng: random.Random
    deeds: tuple[str, ...] = ("open", "close", "break", "repair")
    temperature: float = 5.0
    cooling: bool = False
    open: bool = False
    broken: bool = False

    def step(self, seconds: float, hour: float) -> bool:
        if self.temperature > 5.6:
            self.cooling = True
        elif self.temperature < 4.2:
            self.cooling = False
        leak = (21 - self.temperature) / (900 if self.open else 9_000)
        self.temperature += (leak - (0.006 if self.cooling and not self.broken else 0)) * seconds
        return False

    def do(self, deed: str) -> bool:
        before = self.open
        self.open = deed == "open" or (self.open and deed not in ("close", "repair"))
        self.broken = deed == "break" or (self.broken and deed != "repair")
        return self.open != before

    def values(self) -> dict[str, Value]:
        return {"temperature": round(self.temperature + self.rng.gauss(0, 0.05), 2), "door_open": self.open}


@dataclass
class LeakSensor:
    """Two contacts on the floor, and a battery that lasts three years."""

    rng: random.Random
    deeds: tuple[str, ...] = ("wet", "dry")
    wet: bool = False
    battery: float = field(default=97.0)

    def step(self, seconds: float, hour: float) -> bool:
        self.battery = max(0.0, self.battery - seconds * 100 / 94_608_000)
        return False

    def do(self, deed: str) -> bool:
        before, self.wet = self.wet, deed == "wet"
        return self.wet != before

    def values(self) -> dict[str, Value]:
        return {"leak": self.wet, "battery": round(self.battery)}


@dataclass
class Plug:
    """A metering plug with a freezer behind it."""

    rng: random.Random
    deeds: tuple[str, ...] = ("off", "on", "overload", "repair")
    on: bool = True
    overloaded: bool = False
    energy: float = 41.7  # kWh
    running: float = 0.0  # seconds into the freezer's 40-minute cycle

    def step(self, seconds: float, hour: float) -> bool:
        self.running = (self.running + seconds) % 2400
        self.energy += self.power * seconds / 3_600_000
        return False

    @property
    def power(self) -> float:
        if not self.on:
            return 0.0
        return 3900.0 if self.overloaded else 85.0 if self.running < 900 else 2.0

    def do(self, deed: str) -> bool:
        self.on = {"off": False, "on": True}.get(deed, self.on)
        self.overloaded = deed == "overload" or (self.overloaded and deed != "repair")
        return deed in ("off", "on")

    def values(self) -> dict[str, Value]:
        volts = self.rng.gauss(231, 1)
        power = max(0.0, self.power + self.rng.gauss(0, 0.4)) if self.on else 0.0
        return {"on": self.on, "power": round(power), "voltage": round(volts), "current": round(power / volts, 3),
                "energy": round(self.energy, 3)}


@dataclass
class Button:
    """A battery and a spring; what a finger does is the device's business, not physics'."""

    rng: random.Random
    deeds: tuple[str, ...] = ()
    battery: float = 88.0

    def step(self, seconds: float, hour: float) -> bool:
        return False

    def do(self, deed: str) -> bool:
        return False

    def values(self) -> dict[str, Value]:
        return {"battery": round(self.battery)}


KINDS: dict[str, type[HeatPump] | type[Fridge] | type[LeakSensor] | type[Plug] | type[Button]] = {
    "heat_pump": HeatPump, "fridge": Fridge, "leak_sensor": LeakSensor, "plug": Plug, "button": Button,
}
