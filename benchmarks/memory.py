"""Benchmark: how much memory a gateway keeps: when every device speaks, and when few of very many do:
`python -m benchmarks.memory`."""

import argparse
import json
import time

from benchmarks.figures import measured
from benchmarks.ingest import wait_until_kept
from benchmarks.real_time_setup import scene
from device_sim.load.generator import blast, heat_pumps

SETTLE_S = 3  # after the last message: the watch has looked, the sweep too
Figures = dict[str, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000, help="that all speak")
    parser.add_argument("--registered", type=int, default=1_000_000, help="in a second fleet, of which few speak")
    parser.add_argument("--one-in", type=int, default=100, help="of those speaks")
    parser.add_argument("--messages", type=int, default=3, help="of each that speaks")
    parser.add_argument("--db", help="PostgreSQL URL of a database that may be emptied; default: a new SQLite file")
    asked = parser.parse_args()
    everybody = memory(asked.devices, 1, asked.messages, asked.db)
    few = memory(asked.registered, asked.one_in, asked.messages, asked.db)
    print(json.dumps({"benchmark": "memory", "db": "sqlite" if asked.db is None else "postgresql",
                      "messages_each": asked.messages, "all_speak": everybody, "few_speak": few}))


def memory(devices: int, one_in: int, each: int, url: str | None) -> Figures:
    """Of a gateway with so many devices, of which one in `one_in` has sent `each` messages."""
    topics, message = heat_pumps(devices, every=one_in)
    messages = len(topics) * each
    measured(devices=devices, messages=messages)
    with scene(devices, url) as here, here.gateway() as gateway, here.store.engine.connect() as connection:
        start_mb, begun = gateway.resident_mb, time.perf_counter()
        blast("127.0.0.1", here.mqtt_port, topics, message, messages)
        kept, _ = wait_until_kept(connection, messages, begun)
        time.sleep(SETTLE_S)
        heard = here.count("SELECT count(*) FROM device_state WHERE seen_at IS NOT NULL")
        measured(all_were_kept=kept >= messages, all_were_heard=heard == len(topics), start_mb=start_mb)
        return {"devices": devices, "heard": heard, "kept": kept, "start_mb": round(start_mb),
                "rss_mb": round(gateway.resident_mb), "peak_mb": round(gateway.peak_mb)}


if __name__ == "__main__":
    main()
