"""Simulates a medicine fridge: a compressor between two limits, a door, and a room of 21 °C."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from device_sim.device_kinds.device_kind import Fault, SensorFault, Values

STEP = 30.0  # seconds


@dataclass(slots=True)
class Fridge:
    rng: random.Random
    temperature: float = 5.0
    cooling: bool = False
    open: bool = False
    broken: bool = False

    faults: ClassVar[Mapping[str, Fault]] = {
        "break": Fault("too_warm", "too_warm", "ticket", "repair", lambda seen: seen["temperature"] > 8),
        "open": Fault("door", "door_left_open", "alarm", "close", lambda seen: bool(seen["door_open"])),
    }
    acts: ClassVar[tuple[str, ...]] = ("open", "close", "break", "repair")
    main: ClassVar[str] = "temperature"
    sensor_faults: ClassVar[Mapping[str, SensorFault]] = {
        "stuck": SensorFault("stuck", "alarm"), "bad_update": SensorFault("no_temperature", "ticket")}
    profile: ClassVar[str] = "medicine-fridge"
    missed: ClassVar[bool] = True
    heard_within: ClassVar[float] = 600.0
    stale: ClassVar[bool] = True
    codes: ClassVar[tuple[str, ...]] = ()

    def step(self, seconds: float, outside: float) -> bool:
        steps = max(1, math.ceil(seconds / STEP))
        for _ in range(steps):
            self._cool(seconds / steps)
        return False

    def _cool(self, seconds: float) -> None:
        if self.temperature > 5.6:
            self.cooling = True
        elif self.temperature < 4.2:
            self.cooling = False
        self.temperature += self._leak * seconds - (0.003 * seconds if self.cooling and not self.broken else 0)

    @property
    def _leak(self) -> float:
        return (21 - self.temperature) / (900 if self.open else 27_000)  # °C/s

    def rest(self, seconds: float) -> None:
        self.temperature = 21 - (21 - self.temperature) * math.exp(-seconds / 27_000)

    def do(self, act: str) -> bool:
        before = self.open
        self.open = act == "open" or (self.open and act not in ("close", "repair"))
        self.broken = act == "break" or (self.broken and act != "repair")
        return self.open != before

    def values(self) -> Values:
        return {"temperature": round(self.temperature + self.rng.gauss(0, 0.05), 2), "door_open": self.open}
