"""Generates a random town (feeders, streets, homes, devices) and the fleet file for the gateway."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import exp, inf, log

from benchmarks.areas.times import DAY
from benchmarks.customers import family, firm
from gateway.config.fleet_file import Fleet
from gateway.config.fleet_rows import Area, Device, Site

# profile, whether the broker knows when it is gone, seconds between reports (0: only when something changes),
# seconds of silence allowed, share of the homes
KINDS = (("smart-plug", True, 300.0, 960.0, 0.45), ("relay", True, 0.0, inf, 0.25),
         ("heat-pump", True, 120.0, 300.0, 0.10), ("heat-pump", False, 120.0, 300.0, 0.20))


@dataclass(slots=True)
class Gadget:
    id: str
    profile: str
    will: bool
    every: float
    allowed: float
    delay: float  # from the cut to the will
    counts: bool = True  # one that sleeps for a day does not
    heard: float = 0.0
    willed: float | None = None
    dark: bool = False
    life: int = 0  # counts ups and downs: what was planned in an earlier one is void


@dataclass(slots=True)
class Spell:
    """One time that a home was dark. `known`: when the gateway could know it at the earliest."""

    since: float
    until: float = inf
    known: float = inf


@dataclass(slots=True)
class Home:
    id: str
    street: str
    gadgets: list[Gadget]
    areas: list[str]
    reasons: set[str] = field(default_factory=set)
    spells: list[Spell] = field(default_factory=list)
    alone: list[tuple[float, float]] = field(default_factory=list)  # dark for reasons of its own

    @property
    def counts(self) -> bool:
        return any(gadget.counts for gadget in self.gadgets)

    @property
    def live(self) -> bool:
        """Its darkness would be noticed, and it has power."""
        return self.counts and not self.reasons

    def spell(self, since: float) -> Spell:
        """The one that began then."""
        return next(spell for spell in self.spells if abs(spell.since - since) < 1)

    def lost_alone(self, after: float, before: float) -> bool:
        return any(since < before and until > after for since, until in self.alone)


@dataclass
class Town:
    homes: dict[str, Home]
    parent: dict[str, str | None]  # area → the one above
    kinds: dict[str, str]

    @property
    def feeders(self) -> list[str]:
        return sorted({above for above in self.parent.values() if above and above.startswith("feeder")})

    def streets(self, feeder: str) -> list[str]:
        return [area for area, above in self.parent.items() if above == feeder]

    def of(self, street: str) -> list[Home]:
        return [home for home in self.homes.values() if home.street == street]

    def inside(self, area: str) -> set[str]:
        """The homes of this area and of all below it."""
        areas = {area}
        for _ in range(4):
            areas |= {one for one, above in self.parent.items() if above in areas}
        return {home.id for home in self.homes.values() if areas.intersection(home.areas)}


def build(rng: random.Random, streets: int) -> Town:
    above: dict[str, str | None] = dict.fromkeys(("carrier-0", "carrier-1", "carrier-2", "town"))
    town = Town({}, above, dict.fromkeys(above, "network") | {"town": "place"})
    number = 0
    while number < streets:
        feeder = f"feeder-{number}"
        station = f"station-{number // 15}"
        town.parent |= {station: None, feeder: station}
        town.kinds |= {station: "feeder", feeder: "feeder"}
        for _ in range(rng.choice((2, 2, 3, 4))):
            street = f"street-{number}"
            town.parent |= {street: feeder, f"quarter-{number}": "town"}
            town.kinds |= {street: "feeder", f"quarter-{number}": "place"}
            town.homes |= {home.id: home for home in _homes(rng, number, street)}
            number += 1
    return town


def _homes(rng: random.Random, number: int, street: str) -> Iterator[Home]:
    for one in range(_size(rng)):
        quarter = f"quarter-{number if rng.random() < 0.7 or number == 0 else number - 1}"
        home_id = f"h{number}-{one}"
        gadgets = _gadgets(rng, home_id)
        yield Home(home_id, street, gadgets, [street, quarter, f"carrier-{rng.randrange(3)}"])


def _size(rng: random.Random) -> int:
    dice = rng.random()
    low, high = (3, 4) if dice < 0.1 else (5, 30) if dice < 0.9 else (31, 80) if dice < 0.97 else (81, 200)
    return min(high, int(exp(rng.uniform(log(low), log(high + 1)))))


def _gadgets(rng: random.Random, home: str) -> list[Gadget]:
    made = []
    sleeps_only = rng.random() < 0.03
    for number in range(0 if sleeps_only else 1 + (rng.random() < 0.3) + (rng.random() < 0.08)):
        profile, will, every, allowed, _ = rng.choices(KINDS, [kind[4] for kind in KINDS])[0]
        delay = rng.uniform(1, 5) if rng.random() < 0.2 else rng.uniform(0.5, 1.5) * rng.choice((30, 60, 120))
        made.append(Gadget(f"{home}-d{number}", profile, will, every, allowed, delay))
    for profile, share in (("water-leak-sensor", 0.1), ("help-button", 0.1)):
        if sleeps_only or rng.random() < share:
            made.append(Gadget(f"{home}-{profile[0]}", profile, rng.random() < 0.5, DAY, DAY, 0.0, counts=False))
    return made


def fleet(town: Town) -> Fleet:
    """Everybody as the gateway knows them, and one firm for the whole town."""
    there = Fleet()
    for area, above in town.parent.items():
        there.areas.append(Area(id=area, kind=town.kinds[area], parent=above))
    for home in town.homes.values():
        there.customers.append(family(home.id))
        there.sites.append(Site(id=home.id, customer=home.id, name=home.id, areas=home.areas))
        there.devices.extend(Device(id=gadget.id, profile=gadget.profile, site=home.id) for gadget in home.gadgets)
    there.providers.append(firm(["electrical", "electronics", "heating"], ["town"]))
    return there
