"""Reads the storm's power cuts from the CSV file and places homes in and around them."""

import csv
import random
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.customers import family, firm
from gateway.config.fleet_file import Fleet
from gateway.config.fleet_rows import Area, Device, Site
from gateway.model import Instant, from_iso

DATA = Path(__file__).parents[2] / "../shared/data/outages-2024-02.csv"


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
