"""Simulates a heat pump: its water circuits, a circulation pump that sticks, and a filter that clogs."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from device_sim.device_kinds.device_kind import Fault, SensorFault, Values

STEP = 10.0  # seconds: well below the fastest time constant, 20 s
CLOGGED = 150.0  # Pa over the air filter: from here it asks for cleaning


@dataclass(slots=True)
class HeatPump:
    rng: random.Random
    machine: float = 43.0  # °C of the 15 litres inside the machine: the flow
    house: float = 39.0  # °C of the 80 litres in the radiators: the return
    water: float = 1.5  # bar, cold
    power: float = 1400.0  # W, electrical
    dust: float = 0.0  # 0 clean … 1 closed: of the air filter
    stuck: bool = False
    leak: float = 0.0  # bar/s
    dusty: bool = False
    asked: bool = False  # has asked for a clean filter

    faults: ClassVar[Mapping[str, Fault]] = {
        "overheat": Fault("overheating", "overheating", "ticket", "repair", lambda seen: seen["flow_temp"] > 75),
        "lose_water": Fault("leak", "low_pressure", "ticket", "repair", lambda seen: seen["pressure"] < 0.8),
        "leak_slowly": Fault("leak", "low_pressure", "ticket", "repair", lambda seen: seen["pressure"] < 0.8),
        "clog": Fault("filter", "fault:H03", "alarm", "clean", lambda seen: seen["filter_drop"] >= CLOGGED),
    }
    acts: ClassVar[tuple[str, ...]] = ("overheat", "lose_water", "leak_slowly", "clog", "repair", "clean")
    main: ClassVar[str] = "flow_temp"
    sensor_faults: ClassVar[Mapping[str, SensorFault]] = {
        "stuck": SensorFault("stuck", "alarm"),
        "drift": SensorFault("drift", "alarm", lambda seen: seen["flow_temp"] - seen["return_temp"] > 9),
    }
    profile: ClassVar[str] = "heat-pump"
    missed: ClassVar[bool] = True
    heard_within: ClassVar[float] = 300.0
    stale: ClassVar[bool] = True

    @property
    def codes(self) -> tuple[str, ...]:
        return ("H03",) if self.asked else ()

    @property
    def air(self) -> float:
        """Share of the full air flow that the filter lets through."""
        return 1 - 0.75 * self.dust

    def step(self, seconds: float, outside: float) -> bool:
        self._heat(seconds, outside)
        self.water = max(0.2, self.water - self.leak * seconds)
        if self.dusty:
            self.dust = min(1.0, self.dust + seconds / (4 * 86_400))  # a filter that pollen closes in four days
        before, self.asked = self.asked, self._drop >= CLOGGED
        return self.asked != before

    def _heat(self, seconds: float, outside: float) -> None:
        steps = max(1, math.ceil(seconds / STEP))
        step = seconds / steps
        target = 34 + 0.9 * (18 - outside)  # the heating curve
        pumped = 25 if self.stuck else 1250  # W/K; 0.3 kg/s of water when the pump turns
        gain = 3.6 * (0.5 + 0.5 * self.air)  # coefficient of performance: less air, less heat for the same current
        machine, house, power = self.machine, self.house, self.power
        for _ in range(steps):
            wanted = 1900.0 if self.stuck else 1400 + 180 * (target - machine)  # stuck: its sensor sits in cold water
            if machine > 92 or wanted < 0:  # 92: the last safety switch
                wanted = 0.0
            elif wanted > 2600:
                wanted = 2600.0
            power += (wanted - power) * min(1.0, step / 20)
            moved = pumped * (machine - house)
            machine += (gain * power - moved) / 63_000 * step
            house += (moved - 240 * (house - 20)) / 335_000 * step
        self.machine, self.house, self.power = machine, house, power

    @property
    def _drop(self) -> float:
        return 45 * self.air**2 / (1 - 0.9 * self.dust) ** 2  # Pa: the fan pushes less through a narrower filter

    def rest(self, seconds: float) -> None:
        kept = math.exp(-seconds / 14_400)
        self.machine = self.house = 18 + (self.house - 18) * kept
        self.power = 0.0

    def do(self, act: str) -> bool:
        if act == "repair":
            self.stuck, self.leak, self.water = False, 0.0, 1.5
        elif act == "clean":
            self.dusty, self.dust = False, 0.0
        self.stuck = self.stuck or act == "overheat"
        self.leak = {"lose_water": 0.002, "leak_slowly": 4e-6}.get(act, self.leak)  # the slow one: 0.35 bar a day
        self.dusty = self.dusty or act == "clog"
        return False

    def values(self) -> Values:
        noise = self.rng.gauss
        return {
            "flow_temp": round(self.machine + noise(0, 0.15), 1),
            "return_temp": round(self.house + noise(0, 0.15), 1),
            "pressure": round(self.water + 0.004 * (self.house - 20) + noise(0, 0.005), 2),
            "power": float(round(max(0.0, self.power + noise(0, 15)))),
            "air_flow": float(round(2200 * self.air)),  # m³/h
            "filter_drop": round(self._drop, 1),  # Pa
        }
