"""Simulates a small battery: it lasts three years at 20 °C, less in the cold."""

from dataclasses import dataclass

from device_sim.device_kinds.device_kind import Fault, Values

EMPTY = 15.0  # %: below it the shipped profiles call it nearly empty
_LIFE = 94_608_000  # seconds: three years


@dataclass(slots=True)
class Cell:
    charge: float  # %
    faulty: bool = False  # discharges itself within two days

    def drain(self, seconds: float, temperature: float) -> None:
        """A lithium cell in the cold gives up to three times less: the colder, the faster it is empty."""
        cold = 1 + 0.05 * min(40.0, max(0.0, 20 - temperature))
        life = 2 * 86_400 if self.faulty else _LIFE
        self.charge = max(0.0, self.charge - 100 * cold * seconds / life)

    def do(self, act: str) -> None:
        if act == "drain":
            self.faulty = True
        elif act == "new_battery":
            self.faulty, self.charge = False, 100.0


def shows_empty(seen: Values) -> bool:
    return seen["battery"] < EMPTY


DRAINED = Fault("battery", "battery_low", "alarm", "new_battery", shows_empty)
