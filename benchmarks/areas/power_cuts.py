"""Draws the random events of a simulated town: power cuts, gateway and broker kills, single homes lost."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

from benchmarks.areas.times import DAY, HOUR, MINUTE
from benchmarks.areas.town import Town
from benchmarks.simulated_time import DEAD

WARM_UP, AFTER = 20 * MINUTE, 40 * MINUTE
LOST_ALONE = 0.2  # times a day and home


@dataclass
class Cut:
    number: int
    kind: str  # street | part | two | planned | late
    streets: list[str]
    area: str
    homes: list[str]
    start: float
    backs: dict[str, float]
    nested: str | None = None
    again: float | None = None  # when it is dark once more
    again_back: float = 0.0
    beset: str = ""  # gateway | broker: what else happened in it
    live: dict[str, int] = field(default_factory=dict)  # street → live homes when it began
    dark: list[str] = field(default_factory=list)  # homes that were live until it began

    @property
    def over(self) -> float:
        """When everybody is back for good."""
        return max(*self.backs.values(), self.again_back)

    @property
    def end(self) -> float:
        """When the last of the others is back, the first time."""
        return max(back for home, back in self.backs.items() if home != self.nested)

    @property
    def announced(self) -> bool:
        return self.kind in ("planned", "late")

    @property
    def announced_until(self) -> float:
        """Planned work ends some minutes after the power is back; or was to end half an hour after it began."""
        return self.over + 3 * MINUTE if self.kind == "planned" else self.start + 30 * MINUTE


@dataclass
class Plan:
    """Everything that happens but homes lost alone, and when the day is over."""

    cuts: list[Cut] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    deaths: list[tuple[float, float]] = field(default_factory=list)  # of the broker: (when, seconds)
    until: float = 0.0


def draw(town: Town, rng: random.Random, hours: float, kills: int) -> Plan:
    """Cuts, feeder by feeder one after the other; then what besets some of them."""
    plan = Plan()
    end = WARM_UP + hours * HOUR
    for feeder in town.feeders:
        t = WARM_UP + rng.uniform(0, HOUR)
        while t < end - 30 * MINUTE:
            cut = _cut(town, rng, len(plan.cuts), feeder, t)
            plan.cuts.append(cut)
            t = cut.over + rng.uniform(30, 70) * MINUTE
    if len(plan.cuts) > 20:
        _plan_work(plan.cuts, rng)
    _beset(plan, rng, end, kills)
    plan.until = max(cut.over for cut in plan.cuts) + AFTER
    return plan


def _cut(town: Town, rng: random.Random, number: int, feeder: str, t: float) -> Cut:
    kind = rng.choices(("street", "part", "two"), (0.5, 0.38, 0.12))[0]
    streets = town.streets(feeder)
    chosen = rng.sample(streets, 2) if kind == "two" else [rng.choice(streets)]
    homes = [home.id for street in chosen for home in town.of(street)]
    if kind == "part":
        homes = homes[len(homes) - ceil(rng.uniform(0.5, 1) * len(homes)):]
    back = t + rng.uniform(20 * MINUTE, 3 * HOUR)
    over = rng.choice((0.0, 15 * MINUTE))
    backs = {home: back + rng.uniform(0, over) for home in homes}
    cut = Cut(number, kind, chosen, feeder if kind == "two" else chosen[0], homes, t, backs)
    counted = [home.id for home in town.homes.values() if home.id in backs and home.counts]
    dice = rng.random()
    if dice < 0.2 and len(counted) > 3:
        cut.nested = rng.choice(counted)
        backs[cut.nested] = cut.end + rng.uniform(40 * MINUTE, 100 * MINUTE)
    elif dice < 0.3:
        cut.again = cut.end + 3 * MINUTE
        cut.again_back = cut.again + rng.uniform(15 * MINUTE, 50 * MINUTE)
    return cut


def _plan_work(cuts: Sequence[Cut], rng: random.Random) -> None:
    """Some whole streets are switched off on purpose: two in time, two for longer than was said."""
    simple = [cut for cut in cuts if cut.kind == "street" and cut.again is None and cut.nested is None
              and cut.start > 2 * HOUR and cut.over - cut.start > HOUR and len(cut.homes) >= 5]
    for cut, kind in zip(rng.sample(simple, min(4, len(simple))), ("planned", "late") * 2, strict=False):
        cut.kind = kind


def _beset(plan: Plan, rng: random.Random, end: float, kills: int) -> None:
    """The gateway is killed around some of the cuts, and the broker around others."""
    real = [cut for cut in plan.cuts if not cut.announced and len(cut.homes) >= 5]
    spread = end / max(kills, 1)
    for number in range(kills):
        some = [cut for cut in real if number * spread <= cut.start < (number + 0.8) * spread and cut.start > HOUR]
        if some:
            plan.kills.append(rng.choice(some).start + rng.uniform(-9 * MINUTE, 15 * MINUTE))
    for number in range(2):
        some = [cut for cut in real if all(abs(cut.start - at) > 50 * MINUTE for at in plan.kills)
                and number * end / 2 <= cut.start < (number + 0.9) * end / 2 and cut.start > HOUR]
        if some:
            plan.deaths.append((rng.choice(some).start + rng.uniform(-40, 20 * MINUTE), rng.uniform(20, 60)))
    for cut in plan.cuts:
        if any(at - 2 * MINUTE <= cut.over and cut.start <= at + DEAD for at in plan.kills):
            cut.beset = "gateway"
        elif any(at - 2 * MINUTE <= cut.over and cut.start <= at + 2 * MINUTE for at, _ in plan.deaths):
            cut.beset = "broker"


class Loss(NamedTuple):
    """A home that is dark for a reason of its own."""

    home: str
    at: float
    lasts: float
    reason: str


def losses(homes: Iterable[str], until: float, rng: random.Random) -> Iterator[Loss]:
    """Homes lost one by one, three within minutes, or again and again."""
    ids = list(homes)
    for home in ids:
        for _ in range(_poisson(rng, LOST_ALONE * until / DAY)):
            lasts = rng.uniform(1, 8) * MINUTE if rng.random() < 0.7 else rng.uniform(0.5, 3) * HOUR
            yield Loss(home, rng.uniform(WARM_UP, until), lasts, "alone")
    for number in range(int(until / HOUR)):
        at = rng.uniform(number, number + 1) * HOUR + WARM_UP
        for home in rng.sample(sorted(ids), 3):
            lasts = rng.uniform(0.5, 2) * HOUR
            yield Loss(home, at + rng.uniform(0, 5 * MINUTE), lasts, f"three-{number}")
    for home in rng.sample(sorted(ids), 6):
        t = rng.uniform(WARM_UP, until - HOUR)
        for number in range(15):
            yield Loss(home, t, rng.uniform(60, 150), f"flap-{number}")
            t += rng.uniform(210, 400)


def _poisson(rng: random.Random, mean: float) -> int:
    count, left = 0, rng.expovariate(1)
    while left < mean:
        count, left = count + 1, left + rng.expovariate(1)
    return count
