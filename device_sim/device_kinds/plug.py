"""Simulates a metering plug with a freezer behind it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from device_sim.device_kinds.device_kind import Fault, SensorFault, Values


@dataclass(slots=True)
class Plug:
    rng: random.Random
    on: bool = True
    overloaded: bool = False
    energy: float = 41.7  # kWh
    running: float = 0.0  # seconds into the freezer's 40-minute cycle

    faults: ClassVar[Mapping[str, Fault]] = {
        "overload": Fault("overload", "overload", "ticket", "repair", lambda seen: seen["power"] > 3500),
        "off": Fault("off", "switched_off", "alarm", "on", lambda seen: not seen["on"]),
    }
    acts: ClassVar[tuple[str, ...]] = ("off", "on", "overload", "repair")
    main: ClassVar[str] = "power"
    sensor_faults: ClassVar[Mapping[str, SensorFault]] = {}
    profile: ClassVar[str] = "smart-plug"
    missed: ClassVar[bool] = True
    heard_within: ClassVar[float] = 960.0
    stale: ClassVar[bool] = False
    codes: ClassVar[tuple[str, ...]] = ()

    def step(self, seconds: float, outside: float) -> bool:
        self.running = (self.running + seconds) % 2400
        self.energy += self.power * seconds / 3_600_000
        return False

    def rest(self, seconds: float) -> None:
        self.running = 0.0  # the freezer begins anew

    @property
    def power(self) -> float:
        if not self.on:
            return 0.0
        return 3900.0 if self.overloaded else 85.0 if self.running < 900 else 2.0

    def do(self, act: str) -> bool:
        self.on = {"off": False, "on": True}.get(act, self.on)
        self.overloaded = act == "overload" or (self.overloaded and act != "repair")
        return act in ("off", "on")

    def values(self) -> Values:
        volts = self.rng.gauss(231, 1)
        power = max(0.0, self.power + self.rng.gauss(0, 0.4)) if self.on else 0.0
        return {"on": self.on, "power": float(round(power)), "voltage": float(round(volts)),
                "current": round(power / volts, 3), "energy": round(self.energy, 3)}
