"""A real storm through the whole gateway: 4,854 power cuts of five days, in simulated time.

    python -m benchmarks.storm --jobs 1

The data (start, last seen, place, circuit, device that opened, customers, cause) is read from
../shared/data/outages-2024-02.csv beside the repository. One home with one device for each customer of a cut (one
where it says none), and `--healthy` around it that keep their power: they hang in the same circuit, and not below the
device that opened. A cut is the will of its homes at `start`, and their birth at `last_seen`. Everybody says that it is
there once an hour (with a message a minute it would be 400 million), so silence is missed after three hours; the
broker's word counts after 60 s.
"""

import argparse
import csv
import gc
import heapq
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlmodel import col, select

from benchmarks.figures import console, percentile, shown
from benchmarks.people import family, firm
from benchmarks.virtual import Day, House, move_in, nobody_leaves, settle
from device_sim.memory import Broker, Subscriber
from device_sim.wires import Message
from gateway.fleet import Area, Device, Fleet, Site
from gateway.model import HOUR, MINUTE, Instant, Notification, Outage, OutageMember, Ticket, from_iso

DATA = Path(__file__).parents[1] / "../shared/data/outages-2024-02.csv"
HEARTBEAT = 3600.0  # seconds
WARM_UP, AFTER = 2 * HOUR, 3 * HOUR  # before the first cut, for everybody to be heard; after the last one is over
PROFILE = """
profile: home
name: {en: energy meter, de: Stromzähler}
signals:
  power: {unit: W}
silence: {link: 3h, lost: 60s, severity: minor, skill: electrical,
          cause: {en: The meter is no longer heard from, de: Der Zähler meldet sich nicht mehr}}
"""


class Cut(NamedTuple):
    """One row of the data."""

    number: int
    start: Instant
    end: Instant
    lat: float
    lon: float
    circuit: str
    device: str
    homes: tuple[str, ...]
    around: tuple[str, ...]  # homes that keep their power


@dataclass
class Storm:
    """A Source: heartbeats in turn, wills and births when the power goes and comes."""

    cuts: Sequence[Cut]
    broker: Broker = field(init=False)
    started: Instant = 0
    t: float = 0.0

    def __init__(self, cuts: Sequence[Cut], started: Instant, subscriber: Subscriber, seed: int = 7) -> None:
        self.cuts, self.started, self.t = cuts, started, 0.0
        rng = random.Random(seed)
        self.broker = Broker(lambda: self._wall(self.t), nobody_leaves, rng, subscriber)
        ids = [home for cut in cuts for home in (*cut.homes, *cut.around)]
        rng.shuffle(ids)
        self._turns = [(HEARTBEAT * place / len(ids), home) for place, home in enumerate(ids)]
        self._turn = self._round = 0
        self._dark: set[str] = set()
        self._born: set[str] = set()
        self._events = [((at - started) / 1000, number, goes) for number, cut in enumerate(cuts)
                        for at, goes in ((cut.start, True), (cut.end, False))]
        heapq.heapify(self._events)

    @property
    def next_at(self) -> float | None:
        heartbeat = self._heartbeat_at()
        return min(heartbeat, self._events[0][0]) if self._events else heartbeat

    @property
    def next_event_at(self) -> float | None:
        return self._events[0][0] if self._events else None

    def go(self, until: float) -> None:
        while (at := self.next_at) is not None and at <= until:
            self.t = max(self.t, at)
            if self._events and self._events[0][0] <= at:
                _, number, goes = heapq.heappop(self._events)
                self._switch(self.cuts[number], goes)
            else:
                self._heartbeat()
        self.t = max(self.t, until)

    def _heartbeat_at(self) -> float:
        return self._round * HEARTBEAT + self._turns[self._turn][0]

    def _heartbeat(self) -> None:
        home = self._turns[self._turn][1]
        self._turn += 1
        if self._turn == len(self._turns):
            self._turn, self._round = 0, self._round + 1
        if home not in self._dark:
            if home not in self._born:
                self._birth(home)
            self._report(home)

    def _switch(self, cut: Cut, goes: bool) -> None:
        for home in cut.homes:
            if goes:
                self._dark.add(home)
                self.broker.publish(Message(f"devices/{home}/status", b'{"state":"lost"}', True))
            else:
                self._dark.discard(home)
                self._birth(home)
                self._report(home)

    def _birth(self, home: str) -> None:
        self._born.add(home)
        self.broker.publish(Message(f"devices/{home}/status", b'{"state":"online","ts":%d}' % self._wall(self.t), True))

    def _report(self, home: str) -> None:
        self.broker.publish(Message(
            f"devices/{home}/telemetry", b'{"ts":%d,"values":{"power":400}}' % self._wall(self.t)))

    def _wall(self, t: float) -> Instant:
        return self.started + int(t * 1000)


def read(path: Path, healthy: int, share: float, seed: int) -> list[Cut]:
    """The cuts of `share` of the circuits, with `healthy` homes around each home that goes dark."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    circuits = sorted({row["circuit"] for row in rows})
    chosen = set(random.Random(seed).sample(circuits, max(1, round(share * len(circuits)))))
    cuts = []
    for number, row in enumerate(rows):
        if row["circuit"] in chosen:
            count = max(1, int(row["customers"] or 1))
            cuts.append(Cut(number, from_iso(row["start"]), from_iso(row["last_seen"]), float(row["lat"]),
                            float(row["lon"]), row["circuit"], row["device"],
                            tuple(f"d{number:04d}-{one}" for one in range(count)),
                            tuple(f"h{number:04d}-{one}" for one in range(count * healthy))))
    return cuts


def fleet(cuts: Iterable[Cut]) -> Fleet:
    """Circuits, the devices that opened below them, and a customer with one meter in each home."""
    there = Fleet()
    known: set[str] = set()
    for cut in cuts:
        circuit, device = f"circuit-{cut.circuit}", f"switch-{''.join(cut.device.split())}"
        for area in (Area(id=circuit, kind="feeder"), Area(id=device, kind="feeder", parent=circuit)):
            if area.id not in known:
                known.add(area.id)
                there.areas.append(area)
        for area_id, homes in ((device, cut.homes), (circuit, cut.around)):
            for home in homes:
                there.customers.append(family(home))
                there.sites.append(Site(id=home, customer=home, name=home, lat=cut.lat, lon=cut.lon, areas=[area_id]))
                there.devices.append(Device(id=home, profile="home", site=home))
    there.providers.append(firm(["electrical"], (area.id for area in there.areas if not area.parent)))
    return there


# -- what came of it


def pairs(groups: Iterable[Iterable[str]]) -> set[tuple[str, str]]:
    """Every two homes that are in one group."""
    return {(one, other) for group in groups for one, other in combinations(sorted(set(group)), 2)}


def overlapping(cuts: Sequence[Cut], within: Instant | None = None) -> Iterator[tuple[str, str]]:
    """Two homes of one circuit that were dark at the same time; `within`: and went dark so near to each other."""
    by_circuit: dict[str, list[Cut]] = defaultdict(list)
    for cut in cuts:
        by_circuit[cut.circuit].append(cut)
    for group in by_circuit.values():
        for one, other in combinations(group, 2):
            if one.start <= other.end and other.start <= one.end and (
                    within is None or abs(one.start - other.start) <= within):
                yield from ((min(a, b), max(a, b)) for a in one.homes for b in other.homes)
    for cut in cuts:
        yield from combinations(sorted(cut.homes), 2)


def share(part: set[Any], whole: set[Any]) -> float | None:
    return round(len(part & whole) / len(whole), 4) if whole else None


def judge(day: Day, cuts: Sequence[Cut]) -> dict[str, Any]:
    """The figures, from the gateway's own database."""
    with day.gw.store.read() as session:
        tickets = session.exec(select(Ticket)).all()
        outages = {row.id: row for row in session.exec(select(Outage))}
        members = session.exec(select(OutageMember)).all()
        told = session.exec(select(Notification.recipient, Notification.topic, Notification.state).where(
            col(Notification.recipient).startswith("customer/"))).all()
    confirmed = {one for one, row in outages.items() if row.confirmed_at is not None and row.kind != "gateway"}
    groups: dict[str, set[str]] = defaultdict(set)
    for member in members:
        if member.outage_id in confirmed:
            groups[member.outage_id].add(member.site_id)
    healthy = {home for cut in cuts for home in cut.around}
    own = [row for row in tickets if row.outage_id is None]
    sent = Counter(recipient for recipient, _, state in told if state == "sent")
    victims = [sent.get(f"customer/{home}", 0) for cut in cuts for home in cut.homes]
    said, truth = pairs(groups.values()), set(overlapping(cuts))
    near = set(overlapping(cuts, 5 * MINUTE))
    delays, unseen = _delays(cuts, own, groups, outages)
    dismissed = sum(row.state == "dismissed" for row in outages.values())
    return {
        "cuts": len(cuts), "homes_dark": len(victims), "homes": len(victims) + len(healthy),
        "tickets": len(tickets), "tickets_per_1000_cuts": round(1000 * len(tickets) / len(cuts), 1),
        "tickets_cancelled": sum(row.state == "cancelled" for row in tickets),
        "outages_confirmed": len(confirmed), "outages_dismissed": dismissed,
        "own_faults": sum(row.kind == "gateway" and row.confirmed_at is not None for row in outages.values()),
        "homes_in_outages": len({home for group in groups.values() for home in group}),
        "homes_unseen": unseen, "tickets_of_healthy_homes": sum(row.site_id in healthy for row in own),
        "messages_to_healthy_homes": sum(sent.get(f"customer/{home}", 0) for home in healthy),
        "messages_per_customer_median": median(victims) if victims else 0,
        "messages_per_customer_max": max(victims, default=0),
        "delay_p50_s": percentile(delays, 0.5), "delay_p95_s": percentile(delays, 0.95),
        "pairs_said": len(said), "pairs_of_one_circuit": len(truth), "pairs_within_five_minutes": len(near),
        "pair_precision": share(truth, said), "pair_recall": share(said, truth),
        "pair_recall_within_five_minutes": share(said, near),
        "nested": sum(_nested(member, own, outages[member.outage_id]) for member in members
                      if member.outage_id in confirmed),
        "topics": dict(Counter(topic for _, topic, state in told if state == "sent").most_common()),
    }


def _nested(member: OutageMember, own: Iterable[Ticket], outage: Outage) -> bool:
    """Whether the home was still dark after its neighbours were back, and got a ticket of its own for that."""
    back = outage.restoring_at or outage.restored_at
    return back is not None and any(row.site_id == member.site_id and row.opened_at >= back and row.state != "cancelled"
                                    for row in own)


def _delays(cuts: Sequence[Cut], own: Sequence[Ticket], groups: dict[str, set[str]], outages: dict[str, Outage]
            ) -> tuple[list[float], int]:
    """Seconds from a home's cut to its ticket, or to its outage's confirmation (or its joining it); homes unseen."""
    seen: dict[str, list[Instant]] = defaultdict(list)
    for row in own:
        seen[row.site_id].append(row.opened_at)
    for outage_id, homes in groups.items():
        for home in homes:
            seen[home].append(outages[outage_id].confirmed_at or 0)
    delays, unseen = [], 0
    for cut in cuts:
        for home in cut.homes:
            if home in seen:
                delays.append(max(0, min(seen[home]) - cut.start) / 1000)
            else:
                unseen += 1
    return delays, unseen


def play(cuts: Sequence[Cut], folder: Path, patience: int) -> tuple[Day, float]:
    """The whole storm; returns the day after it, and how many seconds the fleet took to be imported."""
    (folder / "profiles").mkdir()
    (folder / "profiles" / "home.yaml").write_text(PROFILE, encoding="utf-8")
    house: House = settle(folder, folder / "profiles")
    started = min(cut.start for cut in cuts) - WARM_UP
    began = time.monotonic()
    move_in(house, fleet(cuts), started)
    imported = time.monotonic() - began
    day = Day(house, Storm(cuts, started, Subscriber(house.filters)), started, patience)
    end = max(cut.end for cut in cuts) + AFTER
    for moment in [*range(started + 6 * HOUR, end, 6 * HOUR), end]:
        day.run(moment)
        print(f"storm: {(moment - started) // HOUR} of {(end - started) // HOUR} hours, {day.messages:,} messages",
              file=sys.stderr, flush=True)
    return day, imported


def main(words: Sequence[str]) -> None:
    asked = _parse(words)
    if not asked.data.exists():
        print(f"storm: skipped: {asked.data} is not there; expected the outages of February 2024 as CSV")
        return
    gc.set_threshold(50_000, 20, 50)
    cuts = read(asked.data, asked.healthy, asked.share, asked.seed)
    with tempfile.TemporaryDirectory(prefix="gateway-storm-") as folder:
        began = time.monotonic()
        day, imported = play(cuts, Path(folder), asked.patience)
        seconds = time.monotonic() - began
        found = judge(day, cuts)
        day.close()
    found |= {"messages": day.messages, "seconds": round(seconds, 1), "import_s": round(imported, 1),
              "messages_per_s": round(day.messages / (seconds - imported)), "looks": day.looks}
    show(console(100), found)
    print(json.dumps({"benchmark": "storm", "share": asked.share, "healthy": asked.healthy, **found}))


def show(out: Console, found: dict[str, Any]) -> None:
    table = Table(box=SIMPLE_HEAD, title="the storm of February 2024")
    table.add_column("")
    table.add_column("", justify="right")
    for name, value in found.items():
        table.add_row(name.replace("_", " "), shown(value))
    out.print(table)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storm", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--healthy", type=int, default=10, help="homes that keep their power, for each that does not")
    parser.add_argument("--share", type=float, default=1.0, help="of the circuits")
    parser.add_argument("--seed", type=int, default=7, help="which circuits, when not all")
    parser.add_argument("--patience", type=int, default=10_000, help="ms of heartbeats that are one batch")
    return parser.parse_args(words)


if __name__ == "__main__":
    main(sys.argv[1:])
