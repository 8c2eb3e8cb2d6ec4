"""How long a search takes with 100,000 customers: `search_ms_p99` for benchmarks.console; alone

    python -m benchmarks.console_search [--db postgresql://…/empty] [--customers 100000]

prints JSON, with the median, the 99th percentile and the slowest of each kind of search in ms."""

import argparse
import json
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator

from sqlalchemy import text

from benchmarks.figures import percentile
from gateway.model import Contact, Customer, Device, DeviceState, Person, PersonRole, PersonSite, RecipientKind, Site
from gateway.store import Store
from gateway.store.fleet.tables import Values, insert_rows
from gateway.store.migrations import upgrade
from gateway.store.search.index import rebuild
from gateway.store.search.query import search

FIRST = ("Anna", "Bruno", "Carla", "Dario", "Erna", "Fatima", "Georg", "Hana", "Ivan", "Jana", "Karel", "Lena", "Maria",
         "Niklaus", "Olga", "Peter", "Quirin", "Rosa", "Simon", "Teresa", "Urs", "Věra", "Walter", "Yusuf", "Zoë")
BEGINS = ("Nov", "Mül", "Kel", "Brun", "Mei", "Hub", "Stein", "Zim", "Dvo", "Šev", "Gar", "Ros", "Bau", "Wag", "Schnei")
ENDS = ("ák", "ler", "ner", "er", "mann", "berg", "ová", "li", "ić", "der", "eli", "cía", "son", "stad", "hofer")
STREETS = ("Linden", "Haupt", "Bahnhof", "Garten", "Kirch", "Schul", "Berg", "Wald", "See", "Mühle", "Rosen", "Acker")
KINDS = ("weg", "strasse", "str.", "gasse", "platz", "allee")
TOWNS = (("8001", "Zürich"), ("8002", "Zürich"), ("3011", "Bern"), ("4051", "Basel"), ("9000", "St. Gallen"),
         ("6003", "Luzern"), ("8400", "Winterthur"), ("7000", "Chur"))


def make_customers(store: Store, count: int, seed: int = 1) -> None:
    """That many households, each with a home, two people, two numbers and a device, as fast as rows can be written;
    not yet in the index."""
    chance = random.Random(seed)
    with store.write() as session:
        for start in range(0, count, 10_000):
            numbers = range(start, min(start + 10_000, count))
            rows: defaultdict[type, list[Values]] = defaultdict(list)
            for number in numbers:
                _household(number, chance, rows)
            for table in (Customer, Site, Person, PersonSite, Contact, Device, DeviceState):
                insert_rows(session, table, rows[table])


def _household(number: int, chance: random.Random, rows: defaultdict[type, list[Values]]) -> None:
    key, family = f"K-{100_000 + number}", chance.choice(BEGINS) + chance.choice(ENDS)
    site, town = f"site-{number}", chance.choice(TOWNS)
    rows[Customer].append({"id": key, "name": f"Family {family}"})
    street = f"{chance.choice(STREETS)}{chance.choice(KINDS)} {chance.randint(1, 140)}"
    rows[Site].append({"id": site, "customer_id": key, "name": street, "street": street, "postcode": town[0],
                       "town": town[1]})
    for place in range(2):
        person = f"{key}-{place}"
        rows[Person].append({"id": person, "customer_id": key, "name": f"{chance.choice(FIRST)} {family}",
                             "role": PersonRole.OWNER, "position": place})
        rows[PersonSite].append({"id": f"{person}/{site}", "person_id": person, "site_id": site})
        rows[Contact].append({"id": f"C-{person}", "owner_kind": RecipientKind.PERSON, "owner_id": person,
                              "channel": "phone", "address": f"+4144{chance.randint(2_000_000, 9_999_999)}"})
    device = f"dev-{number:06d}"
    rows[Device].append({"id": device, "key": f"zigbee2mqtt:0x{chance.getrandbits(64):016x}", "profile": "heat-pump",
                         "site_id": site, "name": "Heat pump in the cellar"})
    rows[DeviceState].append({"device_id": device})


def searches(count: int, seed: int = 2) -> Iterator[tuple[str, str]]:
    """(kind, what is typed), without end: what agents type, and what is hardest."""
    chance = random.Random(seed)
    while True:
        number, name = chance.randrange(count), chance.choice(BEGINS) + chance.choice(ENDS)
        street, town = chance.choice(STREETS), chance.choice(TOWNS)
        yield "ticket number", f"T-{chance.getrandbits(28):07X}0"
        yield "customer id", f"k{100_000 + number}"
        yield "name", name
        yield "begun name", name[:3]
        yield "name and town", f"{name} {town[1]}"
        yield "full name", f"{chance.choice(FIRST)} {name}"
        yield "street", f"{street}str {chance.randint(1, 140)} {town[0]}"
        yield "name and street", f"{name} {street}weg"
        yield "town", town[1]
        yield "two that all have", f"heat {town[1]}"
        yield "three that many have", f"{chance.choice(FIRST)} {street} {town[0]}"
        yield "no household has both", f"{street}weg {street}gasse {town[0]}"
        yield "telephone", f"044 {chance.randint(200, 999)} {chance.randint(10, 99)} {chance.randint(10, 99)}"
        yield "telephone's end", f"{chance.randint(1000, 9999)}"
        yield "device", f"dev-{number:06d}"
        yield "device key", f"0x{chance.getrandbits(16):04x}"


def times(store: Store, count: int, rounds: int, clock: Callable[[], float] = time.perf_counter
          ) -> dict[str, list[float]]:
    """Kind of search → ms of each, by wall time."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    asked = searches(count)
    kinds = 16
    for _ in range(rounds * kinds):
        kind, typed = next(asked)
        began = clock()
        with store.read() as session:
            search(session, typed, "CH", phones=True)
        found[kind].append(1000 * (clock() - began))
    return found


def search_ms_p99(store: Store, count: int = 100_000, rounds: int = 40) -> float | None:
    """Of all kinds of searches together, after one round that nobody counts. The customers have to be there."""
    times(store, count, 1)
    return percentile((one for some in times(store, count, rounds).values() for one in some), 0.99)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--db", help="PostgreSQL URL of an empty database; default: a new SQLite file")
    asked = parser.parse_args()
    print(json.dumps(measure(asked.customers, asked.rounds, asked.db)))


def measure(count: int, rounds: int, db: str | None = None) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as directory:
        store = Store(db or f"sqlite:///{directory}/search.db")
        upgrade(store)
        make_customers(store, count)
        began = time.perf_counter()
        with store.write() as session:
            rebuild(session)
        indexed_s = round(time.perf_counter() - began, 1)
        if not store.sqlite:
            with store.write() as session:
                session.connection().execute(text("ANALYZE"))
        times(store, count, 1)
        found = times(store, count, rounds)
        store.close()
    together = [one for some in found.values() for one in some]
    return {"benchmark": "console_search", "customers": count, "indexed_s": indexed_s,
            "search_ms_p50": _ms(together, 0.5), "search_ms_p99": _ms(together, 0.99),
            "kinds": {kind: [_ms(some, 0.5), _ms(some, 0.99), round(max(some), 1)] for kind, some in found.items()}}


def _ms(values: list[float], at: float) -> float | None:
    value = percentile(values, at)
    return None if value is None else round(value, 1)


if __name__ == "__main__":
    main()
