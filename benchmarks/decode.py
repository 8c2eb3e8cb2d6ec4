"""How long one telemetry message takes to decode: `python -m benchmarks.decode` prints medians in µs by dialect."""

import json
import statistics
from time import perf_counter

from gateway import dialects
from gateway.dialects.signals import Signal, Telemetry

BATCH, ROUNDS = 200, 100
ENABLED = tuple(dialect.NAME for dialect in dialects.DIALECTS)
SPOKEN = dialects.understand(ENABLED)


def main() -> None:
    figures: dict[str, object] = {"benchmark": "decode", "messages_a_figure": BATCH * ROUNDS}
    for dialect in dialects.DIALECTS:
        spent = [took(topic, payload) for topic, payload, retained, expected in dialect.EXAMPLES
                 if not retained and tells(expected)]
        figures[f"{dialect.NAME}_us"] = round(statistics.median(spent), 2)
        figures[f"{dialect.NAME}_worst_us"] = round(max(spent), 2)
    print(json.dumps(figures))


def tells(expected: tuple[Signal, ...] | type[Exception]) -> bool:
    return isinstance(expected, tuple) and any(isinstance(signal, Telemetry) for signal in expected)


def took(topic: str, payload: bytes) -> float:
    """Median µs for this message through the front door, as receive() calls it."""
    rounds = []
    for _ in range(ROUNDS):
        begun = perf_counter()
        for _ in range(BATCH):
            SPOKEN.decode(topic, payload)
        rounds.append((perf_counter() - begun) / BATCH * 1e6)
    return statistics.median(rounds)


if __name__ == "__main__":
    main()
