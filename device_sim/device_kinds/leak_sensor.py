"""Simulates a water leak sensor on a cellar's floor, with its battery."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from device_sim.device_kinds.battery import DRAINED, Cell
from device_sim.device_kinds.device_kind import Fault, SensorFault, Values


@dataclass(slots=True)
class LeakSensor:
    rng: random.Random
    wet: bool = False
    cell: Cell = field(default_factory=lambda: Cell(97.0))

    faults: ClassVar[Mapping[str, Fault]] = {
        "wet": Fault("water", "leak", "ticket", "dry", lambda seen: bool(seen["leak"])),
        "drain": DRAINED,
    }
    acts: ClassVar[tuple[str, ...]] = ("wet", "dry", "drain", "new_battery")
    main: ClassVar[str] = ""
    sensor_faults: ClassVar[Mapping[str, SensorFault]] = {}
    profile: ClassVar[str] = "water-leak-sensor"
    missed: ClassVar[bool] = False  # it may say nothing for a day
    heard_within: ClassVar[float] = 0.0
    stale: ClassVar[bool] = False
    codes: ClassVar[tuple[str, ...]] = ()

    def step(self, seconds: float, outside: float) -> bool:
        self.cell.drain(seconds, 10 + outside / 4)  # a cellar
        return False

    def rest(self, seconds: float) -> None:
        self.cell.drain(seconds, 10)

    def do(self, act: str) -> bool:
        before = self.wet
        self.wet = act == "wet" or (self.wet and act != "dry")
        self.cell.do(act)
        return self.wet != before

    def values(self) -> Values:
        return {"leak": self.wet, "battery": float(round(self.cell.charge))}
