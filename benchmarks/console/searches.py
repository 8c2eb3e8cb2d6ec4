"""What agents type into the search box, and what is hardest to find."""

import random
import time
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from benchmarks.console.households import BEGINS, ENDS, FIRST, STREETS, TOWNS, device_id
from gateway.store import Store
from gateway.store.search.query import search

KINDS = 16  # of searches, one after the other


def searches(count: int, seed: int = 2) -> Iterator[tuple[str, str]]:
    """(kind, what is typed), without end, among `count` households."""
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
        yield "device", device_id(number)
        yield "device key", f"0x{chance.getrandbits(16):04x}"


class Took(NamedTuple):
    """ms."""

    wall: float
    cpu: float  # of this thread: on SQLite all of it, on PostgreSQL without the server's


def times(store: Store, count: int, rounds: int) -> dict[str, list[Took]]:
    """Kind of search → how long each took, past the web; the first round is not counted."""
    found: dict[str, list[Took]] = {}
    for kind, typed in islice(searches(count), (rounds + 1) * KINDS):
        began, used = time.perf_counter(), time.thread_time()
        with store.read() as session:
            search(session, typed, "CH", phones=True)
        found.setdefault(kind, []).append(Took(1000 * (time.perf_counter() - began),
                                               1000 * (time.thread_time() - used)))
    return {kind: some[1:] for kind, some in found.items()}
