"""How well area outages are seen, by their size: hundreds of random power cuts in simulated time, scored on truth.

    python -m benchmarks.areas --seeds 1,2,3            # seeds from 100 on are kept for the final score
    python -m benchmarks.areas --seeds 4 --restart      # killed for ten minutes three times instead of once

A town of about sixty streets (3 to 200 homes) on feeders of two to four, the shipped profiles, and homes with one to
three devices: plugs and relays whose will the broker speaks seconds to 1.5 keep-alives after the power went, heat pumps
that are found by silence alone, leak sensors and buttons that sleep for a day and prove nothing. Cuts take a street,
its lower part or two neighbouring streets, come back at once or over a quarter of an hour, leave a home dark, come
again after three minutes, meet a gateway or a broker that is killed. Around them homes are lost one by one, three at a
time, or flap, and streets are switched off on purpose.

What is demanded, fixed before anything was measured:

- a cut is **demanded** when at least 5 homes that were live go dark, and these are at least half of a street's live
  homes (of more than 20 live homes: √(5 n)), and that many were dark together at a moment when the gateway could know
  it: by a will that it was told, or by silence longer than the profile allows, counted anew after it was deaf itself.
  Other cuts (3 or 4 homes, or over before they could be heard) may be found and need not.
- it is **found** when a confirmed outage has at least half of those homes. Each confirmed outage less than half of
  whose homes were dark in one cut is **false**, and so is each carrier and each "everything" (no such thing happens
  here) and what is raised about planned work that ends in time. Planned work that ends late is a cut at its end.
- the **area** is exact when it is the street (of two streets at once: the feeder above both).
- each customer in a found outage hears of it **once** (and once more when it is dark again after it was said to be
  over); a customer whose home was in no cut then hears nothing.
- a **nested** home (dark 40 minutes longer or more) has its own ticket; other homes of a found cut have none.
"""

import argparse
import gc
import heapq
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import ceil, exp, inf, log, sqrt
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlmodel import col, select

from benchmarks.virtual import Day, House, move_in, settle
from device_sim.memory import Broker, Subscriber
from device_sim.wires import Message
from gateway.fleet import Area, Contact, Customer, Device, Fleet, Provider, Site, Technician, Territory
from gateway.flow import maintain
from gateway.model import Instant, MaintenanceWindow, Notification, Outage, OutageMember, Ticket, from_iso

ROOT = Path(__file__).parents[1]
STARTED = from_iso("2026-11-23T06:00:00Z")
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0  # simulated seconds, as everywhere below
WARM_UP, AFTER = 20 * MINUTE, 40 * MINUTE
DEAD = 10 * MINUTE  # how long a killed gateway is away
RECOVERS = 2 * MINUTE  # no suspicion is confirmed so soon after we were deaf
LOST_ALONE = 0.2  # times a day and home
WINDOW = 1000  # ms of wills and births that are one batch: a look for each would take three times as long
CLASSES = ((3, 4), (5, 9), (10, 19), (20, 49), (50, 10_000))
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# profile, whether the broker knows when it is gone, seconds between reports (0: only when something changes),
# seconds of silence allowed, share of the homes
KINDS = (("smart-plug", True, 300.0, 960.0, 0.45), ("relay", True, 0.0, inf, 0.25),
         ("heat-pump", True, 120.0, 300.0, 0.10), ("heat-pump", False, 120.0, 300.0, 0.20))
VALUES = {"smart-plug": '"power":400', "heat-pump": '"flow_temp":41.5,"return_temp":38', "relay": '"output":true',
          "water-leak-sensor": '"battery":90', "help-button": '"battery":90'}


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
    alone: bool  # not by a cut
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


class Town:
    """A Source: every device of the town, and its truth."""

    def __init__(self, homes: Sequence[Home], subscriber: Subscriber, rng: random.Random) -> None:
        self.homes = {home.id: home for home in homes}
        self.rng, self.t = rng, 0.0
        self.broker = Broker(lambda: STARTED + int(self.t * 1000), self._never, rng, subscriber)
        self._events: list[tuple[float, int, Any]] = []
        self._beats: list[tuple[float, int, Gadget, int]] = []
        self._count = 0
        self._alive = True
        self.broker_deaths: tuple[float, ...] = ()
        self.away: list[tuple[float, float]] = []  # when the gateway heard nothing
        for home in homes:
            for gadget in home.gadgets:
                self.at(rng.uniform(1, 60), partial(self._begin, home, gadget, gadget.life))

    @property
    def next_at(self) -> float | None:
        return min((queue[0][0] for queue in (self._events, self._beats) if queue), default=None)

    @property
    def next_event_at(self) -> float | None:
        return self._events[0][0] if self._events else None

    def at(self, t: float, then: Any) -> None:
        self._count += 1
        heapq.heappush(self._events, (t, self._count, then))

    def go(self, until: float) -> None:
        while (at := self.next_at) is not None and at <= until:
            self.t = max(self.t, at)
            if self._events and self._events[0][0] <= at:
                heapq.heappop(self._events)[2]()
            else:
                _, _, gadget, life = heapq.heappop(self._beats)
                if life == gadget.life:
                    self._report(gadget)
        self.t = max(self.t, until)

    def off(self, home: Home, reason: str) -> None:
        if not home.reasons:
            home.spells.append(Spell(self.t, not reason.startswith("cut")))
            for gadget in home.gadgets:
                gadget.dark = True
                if gadget.counts:
                    gadget.life += 1
                    gadget.willed = None
                    if gadget.will:
                        self.at(self.t + gadget.delay, partial(self._will, gadget, gadget.life))
        home.reasons.add(reason)

    def on(self, home: Home, reason: str) -> None:
        if reason not in home.reasons:
            return
        home.reasons.discard(reason)
        if not home.reasons:
            spell = home.spells[-1]
            spell.until, spell.known = self.t, self.known(home)
            for gadget in home.gadgets:
                gadget.dark = False
                if gadget.counts:
                    gadget.life += 1
                    self.at(self.t + self.rng.uniform(3, 30), partial(self._begin, home, gadget, gadget.life))

    def known(self, home: Home) -> float:
        """When the last of its devices was known to be gone."""
        return max((self._known(gadget) for gadget in home.gadgets if gadget.counts), default=inf)

    def kill_the_broker(self) -> None:
        self._alive = False
        self.broker.die()

    def start_the_broker(self) -> None:
        """Everybody who has power connects again within a minute; wills of those who had none are lost."""
        self._alive = True
        self.broker.start()
        for home in self.homes.values():
            if not home.reasons:
                for gadget in home.gadgets:
                    if gadget.counts:
                        self.at(self.t + self.rng.uniform(1, 60), partial(self._begin, home, gadget, gadget.life))

    def _known(self, gadget: Gadget) -> float:
        if gadget.willed is not None:
            at = gadget.willed
            for since, until in self.away:
                at = until if since <= at < until else at
        else:
            at = gadget.heard + gadget.allowed
            for since, until in self.away:
                at = until + gadget.allowed if gadget.heard < until and since <= at else at
        return max([at, *(until + RECOVERS for _, until in self.away if until <= at < until + RECOVERS)])

    def _begin(self, home: Home, gadget: Gadget, life: int) -> None:
        if life != gadget.life or not self._alive:
            return
        if gadget.counts or self.rng.random() < 0.5:
            self._say(gadget.id, f'"online","ts":{_ms(self.t)}')
        self._report(gadget, self.rng.uniform(0.05, 1))
        if not gadget.counts and gadget.will:
            self._say(gadget.id, '"sleeping"')

    def _report(self, gadget: Gadget, share: float = 1.0) -> None:
        if self._alive and not gadget.dark:
            gadget.heard = self.t
            self.broker.publish(Message(f"devices/{gadget.id}/telemetry", b'{"ts":%d,"values":{%s}}' % (
                STARTED + int(self.t * 1000), VALUES[gadget.profile].encode())))
        if gadget.every:
            gadget.life += share < 1  # one round of reports at a time
            self._count += 1
            heapq.heappush(self._beats, (self.t + gadget.every * share, self._count, gadget, gadget.life))

    def _will(self, gadget: Gadget, life: int) -> None:
        if life == gadget.life and self._alive and not self._killed_since(gadget):
            gadget.willed = self.t
            self._say(gadget.id, '"lost"')

    def _killed_since(self, gadget: Gadget) -> bool:
        return any(since <= self.t and self.t - gadget.delay < since for since in self.broker_deaths)

    def _say(self, gadget_id: str, state: str) -> None:
        self.broker.publish(Message(f"devices/{gadget_id}/status", b'{"state":%s}' % state.encode(), True))

    def _never(self, seconds: float, then: object) -> None:
        raise NotImplementedError("nobody here loses a connection by itself")


# -- the town and what happens in it


@dataclass
class Plan:
    """Streets by feeder, and everything that happens."""

    homes: list[Home]
    parent: dict[str, str | None]  # area → the one above
    kinds: dict[str, str]
    cuts: list[Cut] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    deaths: list[tuple[float, float]] = field(default_factory=list)  # of the broker: (when, seconds)
    until: float = 0.0

    def of(self, street: str) -> list[Home]:
        return [home for home in self.homes if home.street == street]


def build(rng: random.Random, streets: int) -> Plan:
    above: dict[str, str | None] = dict.fromkeys(("carrier-0", "carrier-1", "carrier-2", "town"))
    plan = Plan([], above, {})
    plan.kinds = dict.fromkeys(plan.parent, "network") | {"town": "place"}
    number = 0
    while number < streets:
        feeder = f"feeder-{number}"
        station = f"station-{number // 15}"
        plan.parent |= {station: None, feeder: station}
        plan.kinds |= {station: "feeder", feeder: "feeder"}
        for _ in range(rng.choice((2, 2, 3, 4))):
            street = f"street-{number}"
            plan.parent |= {street: feeder, f"quarter-{number}": "town"}
            plan.kinds |= {street: "feeder", f"quarter-{number}": "place"}
            for one in range(_size(rng)):
                quarter = f"quarter-{number if rng.random() < 0.7 or number == 0 else number - 1}"
                home_id = f"h{number}-{one}"
                plan.homes.append(Home(home_id, street, _gadgets(rng, home_id),
                                       [street, quarter, f"carrier-{rng.randrange(3)}"]))
            number += 1
    return plan


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


def draw(plan: Plan, rng: random.Random, hours: float, kills: int) -> None:
    """Cuts, feeder by feeder one after the other; then what besets some of them."""
    end = WARM_UP + hours * HOUR
    for feeder in sorted({above for above in plan.parent.values() if above and above.startswith("feeder")}):
        streets = [area for area, above in plan.parent.items() if above == feeder]
        t = WARM_UP + rng.uniform(0, HOUR)
        while t < end - 30 * MINUTE:
            cut = _cut(plan, rng, len(plan.cuts), feeder, streets, t)
            plan.cuts.append(cut)
            t = cut.over + rng.uniform(30, 70) * MINUTE
    if len(plan.cuts) > 20:
        _plan_work(plan, rng)
    real = [cut for cut in plan.cuts if cut.kind not in ("planned", "late") and len(cut.homes) >= 5]
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
    plan.until = max(cut.over for cut in plan.cuts) + AFTER


def _cut(plan: Plan, rng: random.Random, number: int, feeder: str, streets: Sequence[str], t: float) -> Cut:
    kind = rng.choices(("street", "part", "two"), (0.5, 0.38, 0.12))[0]
    chosen = rng.sample(streets, 2) if kind == "two" else [rng.choice(streets)]
    homes = [home.id for street in chosen for home in plan.of(street)]
    if kind == "part":
        homes = homes[len(homes) - ceil(rng.uniform(0.5, 1) * len(homes)):]
    back = t + rng.uniform(20 * MINUTE, 3 * HOUR)
    over = rng.choice((0.0, 15 * MINUTE))
    backs = {home: back + rng.uniform(0, over) for home in homes}
    cut = Cut(number, kind, chosen, feeder if kind == "two" else chosen[0], homes, t, backs)
    counted = [home.id for home in plan.homes if home.id in backs and home.counts]
    dice = rng.random()
    if dice < 0.2 and len(counted) > 3:
        cut.nested = rng.choice(counted)
        backs[cut.nested] = cut.end + rng.uniform(40 * MINUTE, 100 * MINUTE)
    elif dice < 0.3:
        cut.again = cut.end + 3 * MINUTE
        cut.again_back = cut.again + rng.uniform(15 * MINUTE, 50 * MINUTE)
    return cut


def _plan_work(plan: Plan, rng: random.Random) -> None:
    """Some whole streets are switched off on purpose: two in time, two for longer than was said."""
    simple = [cut for cut in plan.cuts if cut.kind == "street" and cut.again is None and cut.nested is None
              and cut.start > 2 * HOUR and cut.over - cut.start > HOUR and len(cut.homes) >= 5]
    for cut, kind in zip(rng.sample(simple, min(4, len(simple))), ("planned", "late") * 2, strict=False):
        cut.kind = kind


def happen(plan: Plan, town: Town, day: Day, rng: random.Random) -> None:
    """Puts everything on the town's agenda."""
    for cut in plan.cuts:
        town.at(cut.start, partial(_go_dark, plan, town, cut))
        for home, back in cut.backs.items():
            town.at(back, partial(town.on, town.homes[home], f"cut-{cut.number}"))
        if cut.again is not None:
            for home in cut.backs:
                town.at(cut.again, partial(town.off, town.homes[home], f"cut-{cut.number}"))
                town.at(cut.again_back, partial(town.on, town.homes[home], f"cut-{cut.number}"))
        if cut.kind in ("planned", "late"):
            until = window_end(cut)
            day.at(_ms(cut.start - HOUR), partial(_announce, day, cut, until))
    for each in town.homes.values():
        for _ in range(_poisson(rng, LOST_ALONE * plan.until / DAY)):
            lasts = rng.uniform(1, 8) * MINUTE if rng.random() < 0.7 else rng.uniform(0.5, 3) * HOUR
            _alone(town, each, rng.uniform(WARM_UP, plan.until), lasts, "alone")
    for number in range(int(plan.until / HOUR)):
        at = rng.uniform(number, number + 1) * HOUR + WARM_UP
        for home in rng.sample(sorted(town.homes), 3):
            lasts = rng.uniform(0.5, 2) * HOUR
            _alone(town, town.homes[home], at + rng.uniform(0, 5 * MINUTE), lasts, f"three-{number}")
    for name in rng.sample(sorted(town.homes), 6):
        t = rng.uniform(WARM_UP, plan.until - HOUR)
        for number in range(15):
            _alone(town, town.homes[name], t, rng.uniform(60, 150), f"flap-{number}")
            t += rng.uniform(210, 400)


def window_end(cut: Cut) -> float:
    """Planned work ends some minutes after the power is back; or was to end half an hour after it began."""
    return cut.over + 3 * MINUTE if cut.kind == "planned" else cut.start + 30 * MINUTE


def _go_dark(plan: Plan, town: Town, cut: Cut) -> None:
    cut.live = {street: sum(home.counts and not home.reasons for home in plan.of(street)) for street in cut.streets}
    for one in cut.homes:
        home = town.homes[one]
        if home.counts and not home.reasons:
            cut.dark.append(one)
        town.off(home, f"cut-{cut.number}")


def _announce(day: Day, cut: Cut, until: float) -> None:
    maintain(day.gw, MaintenanceWindow(id=f"M-{cut.number}", area_id=cut.area, from_at=_ms(cut.start - 5 * MINUTE),
                                       until_at=_ms(until), created_at=day.now, words={}), "somebody", day.now)


def _alone(town: Town, home: Home, t: float, lasts: float, reason: str) -> None:
    home.alone.append((t, t + lasts))
    town.at(t, partial(town.off, home, reason))
    town.at(t + lasts, partial(town.on, home, reason))


def _poisson(rng: random.Random, mean: float) -> int:
    count, left = 0, rng.expovariate(1)
    while left < mean:
        count, left = count + 1, left + rng.expovariate(1)
    return count


def _ms(t: float) -> Instant:
    return STARTED + round(t * 1000)


def fleet(plan: Plan) -> Fleet:
    there = Fleet()
    for area, above in plan.parent.items():
        there.areas.append(Area(id=area, kind=plan.kinds[area], parent=above))
    for home in plan.homes:
        there.customers.append(Customer(id=home.id, name=f"Family {home.id}", contacts=[
            Contact(channel="webhook", address=f"https://homes.example/{home.id}")]))
        there.sites.append(Site(id=home.id, customer=home.id, name=home.id, areas=home.areas))
        there.devices.extend(Device(id=gadget.id, profile=gadget.profile, site=home.id) for gadget in home.gadgets)
    skills = ["electrical", "electronics", "heating"]
    there.providers.append(Provider(
        id="firm", name="Firm", skills=skills, territory=Territory(areas=["town"]),
        hours={day: [["00:00", "24:00"]] for day in DAYS}, capacity=10_000, emergency=True,
        contacts=[Contact(channel="webhook", address="https://firm.example/")],
        technicians=[Technician(id="toni", name="Toni", skills=skills)]))
    return there


# -- what came of it


@dataclass
class Tally:
    """What became of the cuts of one size."""

    demanded: int = 0
    found: int = 0
    missed: int = 0
    others: int = 0  # not demanded …
    others_found: int = 0
    false: int = 0
    exact: int = 0
    high: int = 0
    low: int = 0
    aside: int = 0
    once: int = 0  # customers told once, …
    twice: int = 0
    never: int = 0
    wrongly: int = 0  # told though their home was in no cut …
    wrongly_dark: int = 0  # … but was dark for a reason of its own
    nested: int = 0
    nested_found: int = 0
    child_tickets: int = 0
    children_kept: int = 0  # of those, not cancelled when the outage was known
    delays: list[float] = field(default_factory=list)  # seconds from the cut
    waits: list[float] = field(default_factory=list)  # seconds from when enough was known

    def __iadd__(self, other: "Tally") -> "Tally":
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self

    def figures(self) -> dict[str, Any]:
        counted = {name: value for name, value in vars(self).items() if name not in ("delays", "waits")}
        return counted | {
            "recall": _share(self.found, self.demanded),
            "precision": _share(self.found + self.others_found, self.found + self.others_found + self.false),
            "delay_p50_s": _percentile(self.delays, 0.5), "delay_p95_s": _percentile(self.delays, 0.95),
            "wait_p50_s": _percentile(self.waits, 0.5), "wait_p95_s": _percentile(self.waits, 0.95)}


@dataclass
class Said:
    """What the gateway's own database says. Times are seconds from the beginning."""

    outages: dict[str, Outage]
    members: dict[str, dict[str, OutageMember]]
    told: dict[str, list[tuple[str, float]]]  # home → (outage, when)
    tickets: dict[str, list[Ticket]]  # home → those of its own


def read(day: Day) -> Said:
    with day.gw.store.read() as session:
        outages = {row.id: row for row in session.exec(select(Outage).where(
            col(Outage.confirmed_at).is_not(None), col(Outage.key).not_in(("!deaf", "!clock"))))}
        members: dict[str, dict[str, OutageMember]] = defaultdict(dict)
        for member in session.exec(select(OutageMember)):
            members[member.outage_id][member.site_id] = member
        told: dict[str, list[tuple[str, float]]] = defaultdict(list)
        for row in session.exec(select(Notification).where(
                Notification.topic == "outage", Notification.state == "sent")):
            told[row.recipient.removeprefix("customer/")].append((row.subject_id, _s(row.created_at)))
        tickets: dict[str, list[Ticket]] = defaultdict(list)
        for ticket in session.exec(select(Ticket).where(col(Ticket.outage_id).is_(None))):
            tickets[ticket.site_id].append(ticket)
    return Said(outages, members, told, tickets)


def judge(plan: Plan, town: Town, said: Said) -> tuple[dict[tuple[int, int], Tally], list[dict[str, Any]]]:
    """(size class → tally, everything that is wrong)."""
    tallies = {size: Tally() for size in CLASSES}
    wrongs: list[dict[str, Any]] = []
    for cut in plan.cuts:
        if cut.kind != "planned" and len(cut.dark) >= 3:
            _judge_cut(cut, plan, town, said, tallies[_class(len(cut.dark))], wrongs)
    _judge_others(plan, town, said, tallies, wrongs)
    return tallies, wrongs


def _judge_cut(cut: Cut, plan: Plan, town: Town, said: Said, tally: Tally, wrongs: list[dict[str, Any]]) -> None:
    seen_at = seeable(cut, town)
    outage = _best(cut, said)
    began = window_end(cut) if cut.kind == "late" else cut.start

    def wrong(what: str, **more: Any) -> None:
        wrongs.append({"what": what, "cut": cut.number, "kind": cut.kind, "beset": cut.beset, "area": cut.area,
                       "k": len(cut.dark), "n": sum(cut.live.values()), "start": round(cut.start),
                       "lasts": round(cut.end - cut.start), **more})

    if seen_at is None:
        tally.others += 1
        tally.others_found += outage is not None
    else:
        tally.demanded += 1
        tally.found += outage is not None
        tally.missed += outage is None
        if outage is None:
            wrong("missed", seeable=round(seen_at - cut.start))
    if outage is None:
        return
    if seen_at is not None:
        tally.delays.append(_s(outage.confirmed_at or 0) - began)
        tally.waits.append(_s(outage.confirmed_at or 0) - seen_at)
        if tally.waits[-1] > MINUTE:
            wrong("slow", wait=round(tally.waits[-1]), delay=round(tally.delays[-1]), outage=outage.id)
    where = _where(cut, outage, plan)
    setattr(tally, where, getattr(tally, where) + 1)
    if where != "exact":
        wrong(where, said=outage.area_id, outage=outage.id, why=outage.why.get("how"))
    _judge_telling(cut, town, said, tally, wrong)
    _judge_tickets(cut, town, said, tally, wrong)


def _judge_telling(cut: Cut, town: Town, said: Said, tally: Tally, wrong: Any) -> None:
    for one in cut.dark:
        spell = _spell(town.homes[one], cut.start)
        if cut.kind == "late" or spell.known + 10 >= spell.until:
            continue  # it was back before anybody could know
        count = sum(cut.start <= at <= cut.over + MINUTE for _, at in said.told.get(one, ()))
        alone = any(since < cut.over + HOUR and until > cut.start for since, until in town.homes[one].alone)
        if count == 1 or (count == 2 and (cut.again is not None or alone)):
            tally.once += 1
        elif count:
            tally.twice += 1
            wrong("told twice", home=one, told=said.told[one])
        else:
            tally.never += 1
            wrong("never told", home=one, known=round(spell.known - cut.start), until=round(spell.until - cut.start))


def _judge_tickets(cut: Cut, town: Town, said: Said, tally: Tally, wrong: Any) -> None:
    for one in cut.homes:
        home = town.homes[one]
        opened = [ticket for ticket in said.tickets.get(one, ()) if ticket.cause_key == "silent"
                  and cut.start <= _s(ticket.opened_at) <= cut.over + 2 * MINUTE]
        if one == cut.nested and one in cut.dark:
            known = town.known(home) if home.spells[-1].until == inf else _spell(home, cut.start).known
            if known < cut.backs[one] - 15 * MINUTE:
                tally.nested += 1
                kept = [ticket for ticket in opened if ticket.state != "cancelled" and _s(ticket.opened_at) >= cut.end]
                tally.nested_found += bool(kept)
                if not kept:
                    wrong("nested missed", home=one)
        elif not any(since - MINUTE < cut.over and until > cut.start for since, until in home.alone):
            for ticket in opened:
                tally.child_tickets += 1
                tally.children_kept += ticket.state != "cancelled"
                wrong("child ticket", home=one, at=round(_s(ticket.opened_at) - cut.start), state=ticket.state)


def _judge_others(plan: Plan, town: Town, said: Said, tallies: dict[tuple[int, int], Tally],
                  wrongs: list[dict[str, Any]]) -> None:
    """False outages, and customers told whose home was in none."""
    for outage in said.outages.values():
        homes = said.members[outage.id]
        best = max((_overlap(cut, homes) for cut in plan.cuts if cut.kind != "planned"), default=0)
        if (2 * best < len(homes) or outage.kind in ("network", "gateway")) and "absorbed_by" not in outage.why:
            tallies[_class(max(len(homes), 3))].false += 1
            wrongs.append({"what": "false", "said": outage.area_id, "kind": outage.kind, "homes": len(homes),
                           "start": round(_s(outage.began_at)), "confirmed": round(_s(outage.confirmed_at or 0)),
                           "best": best, "why": outage.why})
    for one, told in said.told.items():
        if one not in town.homes:
            continue
        home = town.homes[one]
        for outage_id, at in told:
            if not any(one in cut.homes and cut.kind != "planned" and cut.start <= at <= cut.over + MINUTE
                       for cut in plan.cuts):
                alone = any(since <= at <= until + MINUTE for since, until in home.alone)
                row = tallies[_class(max(len(said.members.get(outage_id, ())), 3))]
                row.wrongly += 1
                row.wrongly_dark += alone
                wrongs.append({"what": "told wrongly", "home": one, "at": round(at), "outage": outage_id,
                               "alone": alone})


def seeable(cut: Cut, town: Town) -> float | None:
    """When enough homes of one of its streets were dark and known to be; None: it is not demanded."""
    found = []
    for street in cut.streets:
        n = cut.live[street]
        need = max(5, ceil(n / 2 if n <= 20 else sqrt(5 * n)))
        times = []
        for one in cut.dark:
            if town.homes[one].street == street:
                spell = _spell(town.homes[one], cut.start)
                known = max(spell.known, window_end(cut) + 5 * MINUTE) if cut.kind == "late" else spell.known
                if known + 10 < spell.until:
                    times += [(known, 1), (spell.until - 10, -1)]
        count = 0
        for at, step in sorted(times):
            count += step
            if count >= need:
                found.append(at)
                break
    return min(found, default=None)


def _spell(home: Home, since: float) -> Spell:
    return next(spell for spell in home.spells if abs(spell.since - since) < 1)


def _overlap(cut: Cut, homes: dict[str, OutageMember]) -> int:
    return sum(home in homes and cut.start - 10 * MINUTE <= _s(homes[home].joined_at) <= cut.over + 2 * MINUTE
               for home in cut.homes)


def _best(cut: Cut, said: Said) -> Outage | None:
    """The outage that has at least half of its homes; of several that which has most."""
    ranked = [(_overlap(cut, said.members[outage.id]), -outage.suspected_at, outage.id)
              for outage in said.outages.values()
              if outage.kind in ("place", "feeder") and "absorbed_by" not in outage.why]
    most, _, best = max(ranked, default=(0, 0, ""))
    return said.outages[best] if 2 * most >= len(cut.dark) else None


def _where(cut: Cut, outage: Outage, plan: Plan) -> str:
    if outage.area_id == cut.area:
        return "exact"
    said, true = _inside(plan, outage.area_id or ""), _inside(plan, cut.area)
    return "high" if said >= true else "low" if said <= true else "aside"


def _inside(plan: Plan, area: str) -> set[str]:
    areas = {area}
    for _ in range(4):
        areas |= {one for one, above in plan.parent.items() if above in areas}
    return {home.id for home in plan.homes if areas.intersection(home.areas)}


def _class(size: int) -> tuple[int, int]:
    return next(one for one in CLASSES if size <= one[1])


def _s(at: Instant) -> float:
    return (at - STARTED) / 1000


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _percentile(values: Iterable[float], at: float) -> float | None:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * at))], 1) if ordered else None


# -- many of them


@dataclass
class Run:
    seed: int
    tallies: dict[tuple[int, int], Tally]
    wrongs: list[dict[str, Any]]
    cuts: int
    homes: int
    planned: int
    operator: Counter[str]
    messages: int
    seconds: float


def play(seed: int, asked: argparse.Namespace, folder: Path) -> Run:
    """One town, from the first message to the last customer."""
    rng = random.Random(f"areas/{seed}")
    plan = build(rng, asked.streets)
    draw(plan, rng, asked.hours, 3 if asked.restart else 1)
    house: House = settle(folder, ROOT / "profiles")
    began = time.monotonic()
    move_in(house, fleet(plan), STARTED)
    town = Town(plan.homes, Subscriber(house.filters), rng)
    town.broker_deaths = tuple(at for at, _ in plan.deaths)
    day = Day(house, town, STARTED, asked.patience, WINDOW)
    happen(plan, town, day, rng)
    for at, seconds in plan.deaths:
        day.at(_ms(at), partial(_kill_the_broker, town, day, seconds))
    for at in sorted(plan.kills):
        day.run(_ms(at))
        town.away.append((at, at + DEAD))
        day.kill(DEAD)
    day.run(_ms(plan.until))
    for home in plan.homes:
        if home.reasons:
            home.spells[-1].known = town.known(home)
    said = read(day)
    tallies, wrongs = judge(plan, town, said)
    run = Run(seed, tallies, wrongs, len(plan.cuts), len(plan.homes),
              sum(cut.kind == "planned" for cut in plan.cuts), _operator(day), day.messages, time.monotonic() - began)
    day.close()
    return run


def _kill_the_broker(town: Town, day: Day, seconds: float) -> None:
    town.kill_the_broker()
    day.lose_link(seconds)
    town.away.append((town.t, town.t + seconds + 15))
    town.at(town.t + seconds, town.start_the_broker)


def _operator(day: Day) -> Counter[str]:
    with day.gw.store.read() as session:
        return Counter(session.exec(select(Notification.topic).where(
            Notification.recipient == "dispatcher", Notification.state == "sent")).all())


def add_up(runs: Sequence[Run]) -> dict[tuple[int, int], Tally]:
    total = {size: Tally() for size in CLASSES}
    for run in runs:
        for size, tally in run.tallies.items():
            total[size] += tally
    return total


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    rows = add_up(runs)
    whole, demanded = Tally(), Tally()
    for size, row in rows.items():
        whole += row
        if size[0] >= 5:
            demanded += row
    seconds = sum(run.seconds for run in runs)
    return {"cuts": sum(run.cuts for run in runs), "homes": sum(run.homes for run in runs), "all": whole.figures(),
            "classes": {_name(size): row.figures() for size, row in rows.items()},
            "operator_messages": dict(sum((run.operator for run in runs), Counter())),
            "planned_in_time": sum(run.planned for run in runs),
            "messages": sum(run.messages for run in runs), "seconds": round(seconds, 1),
            "messages_per_s": round(sum(run.messages for run in runs) / seconds)}


def _name(size: tuple[int, int]) -> str:
    return f"{size[0]}+" if size[1] >= 10_000 else f"{size[0]}-{size[1]}"


SHOWN = (("demanded", ("demanded",)), ("found", ("found",)), ("missed", ("missed",)),
         ("not demanded: found", ("others_found", "others")), ("false", ("false",)), ("recall", ("recall",)),
         ("precision", ("precision",)), ("delay p50", ("delay_p50_s",)), ("p95", ("delay_p95_s",)),
         ("after enough was known p50", ("wait_p50_s",)), ("p95", ("wait_p95_s",)),
         ("exact/high/low/aside", ("exact", "high", "low", "aside")),
         ("told once/twice/never", ("once", "twice", "never")),
         ("told wrongly, of these dark", ("wrongly", "wrongly_dark")),
         ("nested found", ("nested_found", "nested")), ("child tickets, kept", ("child_tickets", "children_kept")))


def show(console: Console, found: dict[str, Any]) -> None:
    table = Table(box=SIMPLE_HEAD, title="area outages by the number of homes that went dark")
    names = [*found["classes"], "all"]
    for name in ("", *names):
        table.add_column(name, justify="right" if name else "left")
    rows = [*found["classes"].values(), found["all"]]
    for words, keys in SHOWN:
        table.add_row(words, *(" / ".join("–" if row[key] is None else f"{row[key]:,}" for key in keys)
                               for row in rows))
    console.print(table)


def main(words: Sequence[str]) -> None:
    asked = _parse(words)
    gc.set_threshold(50_000, 20, 50)
    runs = []
    for seed in asked.seeds:
        with tempfile.TemporaryDirectory(prefix="gateway-areas-") as folder:
            runs.append(play(seed, asked, Path(folder)))
        print(f"seed {seed}: {runs[-1].cuts} cuts, {runs[-1].messages:,} messages in {runs[-1].seconds:.0f} s",
              file=sys.stderr, flush=True)
        for wrong in runs[-1].wrongs if asked.wrongs else ():
            print(json.dumps({"seed": seed, **wrong}), file=sys.stderr, flush=True)
    found = summary(runs)
    show(Console(highlight=False, width=None if sys.stdout.isatty() else 140), found)
    print(json.dumps({"benchmark": "areas", "seeds": asked.seeds, "restart": asked.restart, "hours": asked.hours,
                      **found}))


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.areas", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=lambda text: [int(each) for each in text.split(",")], default=[1, 2, 3],
                        help="with commas between (default 1,2,3)")
    parser.add_argument("--hours", type=float, default=4.0, help="in which cuts begin")
    parser.add_argument("--streets", type=int, default=40)
    parser.add_argument("--restart", action="store_true", help="kill the gateway three times instead of once")
    parser.add_argument("--patience", type=int, default=10_000, help="ms of ordinary reports that are one batch")
    parser.add_argument("--wrongs", action="store_true", help="every error as a JSON line, on the error output")
    return parser.parse_args(words)


if __name__ == "__main__":
    main(sys.argv[1:])
