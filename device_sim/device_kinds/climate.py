"""Simulates a room climate sensor in a heated room that cools down when the heating fails."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from device_sim.device_kinds.battery import DRAINED, Cell
from device_sim.device_kinds.device_kind import Fault, SensorFault, Values


@dataclass(slots=True)
class Climate:
    rng: random.Random
    temperature: float = 20.5
    heated: bool = True
    cell: Cell = field(default_factory=lambda: Cell(93.0))

    faults: ClassVar[Mapping[str, Fault]] = {
        "heating_fails": Fault("cold", "cold", "ticket", "repair", lambda seen: seen["temperature"] < 14),
        "drain": DRAINED,
    }
    acts: ClassVar[tuple[str, ...]] = ("heating_fails", "repair", "drain", "new_battery")
    main: ClassVar[str] = "temperature"
    sensor_faults: ClassVar[Mapping[str, SensorFault]] = {"stuck": SensorFault("stuck", "alarm")}
    profile: ClassVar[str] = "zigbee-climate"
    missed: ClassVar[bool] = True  # its bridge says so
    heard_within: ClassVar[float] = 0.0
    stale: ClassVar[bool] = False
    codes: ClassVar[tuple[str, ...]] = ()

    def step(self, seconds: float, outside: float) -> bool:
        goal, slow = (20.5, 3_600) if self.heated else (outside, 50_000)
        self.temperature = goal + (self.temperature - goal) * math.exp(-seconds / slow)
        self.cell.drain(seconds, self.temperature)
        return False

    def rest(self, seconds: float) -> None:
        self.cell.drain(seconds, self.temperature)

    def do(self, act: str) -> bool:
        self.heated = act == "repair" or (self.heated and act != "heating_fails")
        self.cell.do(act)
        return False

    def values(self) -> Values:
        humidity = 46 - 0.8 * (self.temperature - 20.5) + self.rng.gauss(0, 0.6)
        return {"temperature": round(self.temperature + self.rng.gauss(0, 0.08), 2), "humidity": round(humidity, 1),
                "battery": float(round(self.cell.charge)), "linkquality": float(self.rng.randint(80, 160))}
