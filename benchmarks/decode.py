"""Benchmark: time to decode one telemetry message, in µs by dialect: `python -m benchmarks.decode`."""

import argparse
import json
import statistics
from time import perf_counter

from benchmarks.figures import measured
from gateway.devices import dialects
from gateway.model.signals import Announced, Notes, Signal, Telemetry

BATCH = 200
NOON = 1_788_264_000_000  # 2026-09-01T12:00:00Z
MOST = {"native": 5.0}  # µs at the median; any other dialect: 15
SPOKEN = dialects.understand(dialect.NAME for dialect in dialects.DIALECTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help=f"of {BATCH} messages each")
    rounds = parser.parse_args().rounds
    figures: dict[str, object] = {"benchmark": "decode", "messages_a_figure": BATCH * rounds}
    over = []
    for dialect in dialects.DIALECTS:
        spent = figures_of(dialect, rounds)
        if not spent:
            continue
        typical = statistics.median(spent)
        figures[f"{dialect.NAME}_us"], figures[f"{dialect.NAME}_worst_us"] = round(typical, 2), round(max(spent), 2)
        if typical > MOST.get(dialect.NAME, 15.0):
            over.append(dialect.NAME)
    measured(rounds=rounds, dialects=len(figures) > 2)
    figures["over_the_limit"] = over
    print(json.dumps(figures))


def figures_of(dialect: dialects.Dialect, rounds: int) -> list[float]:
    """µs for each telemetry message among the examples, heard in their order: some can only be read after others."""
    kept: dict[str, Notes] = {}
    spent = []
    for topic, payload, retained, expected in dialect.EXAMPLES:
        notes = {source: kept.setdefault(source, Notes()) for source in SPOKEN.sources(topic)}
        if not retained and tells(expected):
            spent.append(took(topic, payload, notes, rounds))
        if not isinstance(expected, type):
            SPOKEN.decode(topic, payload, retained, notes, NOON)
    return spent


def tells(expected: tuple[Signal, ...] | type[Exception]) -> bool:
    """An ordinary message: a device introduces itself once, and measures for years."""
    return (isinstance(expected, tuple) and any(isinstance(signal, Telemetry) for signal in expected)
            and not any(isinstance(signal, Announced) for signal in expected))


def took(topic: str, payload: bytes, notes: dict[str, Notes], count: int) -> float:
    """Median µs for this message through the front door, as receive() calls it, with the notes as they were."""
    rounds = []
    for _ in range(count):
        copies = [{source: Notes(dict(kept)) for source, kept in notes.items()} for _ in range(BATCH)]
        begun = perf_counter()
        for mine in copies:
            SPOKEN.decode(topic, payload, False, mine, NOON)
        rounds.append((perf_counter() - begun) / BATCH * 1e6)
    return statistics.median(rounds)


if __name__ == "__main__":
    main()
