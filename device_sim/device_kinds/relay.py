"""Simulates a relay that warms with its load, and switches itself off when a bad contact overheats it."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from device_sim.device_kinds.device_kind import Fault, SensorFault, Values

TOO_HOT = 95.0  # °C: it opens


@dataclass(slots=True)
class Relay:
    rng: random.Random
    temperature: float = 48.0
    load: float = 420.0  # W
    burnt: bool = False
    tripped: bool = False

    faults: ClassVar[Mapping[str, Fault]] = {
        "overheat": Fault("overheating", "fault:switch_0_overtemp", "ticket", "repair",
                          lambda seen: bool(seen["overtemp"])),
    }
    acts: ClassVar[tuple[str, ...]] = ("overheat", "repair")
    main: ClassVar[str] = "temperature"
    sensor_faults: ClassVar[Mapping[str, SensorFault]] = {}
    profile: ClassVar[str] = "relay"
    missed: ClassVar[bool] = True
    heard_within: ClassVar[float] = 0.0
    stale: ClassVar[bool] = False
    codes: ClassVar[tuple[str, ...]] = ()

    def step(self, seconds: float, outside: float) -> bool:
        equilibrium = 35 + (0 if self.tripped else 0.03 * self.load + (150 if self.burnt else 0))  # °C it would reach
        self.temperature = equilibrium + (self.temperature - equilibrium) * math.exp(-seconds / 600)
        before = self.tripped
        self.tripped = self.temperature > TOO_HOT or (self.tripped and self.burnt)  # it stays open until looked at
        return self.tripped != before

    def rest(self, seconds: float) -> None:
        self.temperature = 20 + (self.temperature - 20) * math.exp(-seconds / 600)

    def do(self, act: str) -> bool:
        self.burnt = act == "overheat"
        self.tripped = self.tripped and self.burnt
        return act == "repair"

    def values(self) -> Values:
        power = 0.0 if self.tripped else self.load + self.rng.gauss(0, 3)
        return {"output": not self.tripped, "power": round(power, 1), "voltage": round(self.rng.gauss(231, 1), 1),
                "temperature": round(self.temperature + self.rng.gauss(0, 0.2), 1), "overtemp": self.tripped,
                "wifi": float(round(self.rng.gauss(-58, 2)))}
