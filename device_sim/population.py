"""Generates a population: homes, customers and a mix of devices, on feeders and carriers."""

from collections.abc import Iterator
from dataclasses import dataclass

from device_sim.device_kinds import KINDS
from device_sim.dialects import DIALECTS

SHORT = {"heat_pump": "hp", "leak_sensor": "leak"}  # how ids of a kind begin, when not with its name


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    id: str
    kind: str
    dialect: str = "native"
    every: float = 60.0  # simulated seconds between reports
    number: int = 0
    home: str = ""
    feeder: str = ""
    carrier: str = ""

    @property
    def address(self) -> str:
        """What the gateway calls it in this dialect."""
        return DIALECTS[self.dialect].address(self.number, self.home, self.id) if self.home else (
            f"homes/{self.client}/{self.id}" if self.dialect == "sparkplug" else self.id)

    @property
    def name(self) -> str:
        """What its wire calls it."""
        return self.id if DIALECTS[self.dialect].HUB == "home" else self.address

    @property
    def client(self) -> str:
        """The MQTT client that speaks for it."""
        match DIALECTS[self.dialect].HUB:
            case "home":
                return self.home or f"{self.id}-node"
            case "all":
                return self.dialect
            case _:
                return self.address

    @property
    def missed(self) -> bool:
        """The shipped profile notices within the hour when it is gone."""
        return KINDS[self.kind].missed


@dataclass(frozen=True)
class Part:
    kind: str
    dialect: str
    share: float
    every: float


@dataclass(frozen=True)
class Mix:
    devices: int
    parts: tuple[Part, ...]
    devices_per_home: int = 3
    homes_per_feeder: int = 12
    feeders_per_substation: int = 4
    carriers: int = 3

    def people(self, devices: int | None = None) -> Iterator[DeviceSpec]:
        """The fleet, of another size if you like: the first devices are the same in every size."""
        counts = [0] * len(self.parts)
        for number in range(devices or self.devices):
            behind = [part.share * (number + 1) - count for part, count in zip(self.parts, counts, strict=True)]
            chosen = behind.index(max(behind))
            counts[chosen] += 1
            home = number // self.devices_per_home
            yield self._device(self.parts[chosen], number + 1, home)

    def _device(self, part: Part, number: int, home: int) -> DeviceSpec:
        feeder = home // self.homes_per_feeder
        name = f"{SHORT.get(part.kind, part.kind)}-{number:05d}"
        return DeviceSpec(name, part.kind, part.dialect, part.every, number,
                          f"home-{home + 1:05d}", feeder_id(feeder + 1), carrier_id(home % self.carriers + 1))

    def substation(self, feeder: str) -> str:
        return f"substation-{(int(feeder.removeprefix('feeder-')) - 1) // self.feeders_per_substation + 1:02d}"


def feeder_id(number: int) -> str:
    return f"feeder-{number:03d}"


def carrier_id(number: int) -> str:
    return f"carrier-{number}"
