"""Simulates a help button with its battery."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from device_sim.device_kinds.battery import DRAINED, Cell
from device_sim.device_kinds.device_kind import Fault, SensorFault, Values


@dataclass(slots=True)
class Button:
    rng: random.Random
    cell: Cell = field(default_factory=lambda: Cell(88.0))

    faults: ClassVar[Mapping[str, Fault]] = {"drain": DRAINED._replace(expect="ticket")}
    acts: ClassVar[tuple[str, ...]] = ("drain", "new_battery")
    main: ClassVar[str] = ""
    sensor_faults: ClassVar[Mapping[str, SensorFault]] = {}
    profile: ClassVar[str] = "help-button"
    missed: ClassVar[bool] = False  # it wakes only when pressed
    heard_within: ClassVar[float] = 0.0
    stale: ClassVar[bool] = False
    codes: ClassVar[tuple[str, ...]] = ()

    def step(self, seconds: float, outside: float) -> bool:
        self.cell.drain(seconds, 20)
        return False

    def rest(self, seconds: float) -> None:
        self.cell.drain(seconds, 20)

    def do(self, act: str) -> bool:
        self.cell.do(act)
        return False

    def values(self) -> Values:
        return {"battery": float(round(self.cell.charge))}
