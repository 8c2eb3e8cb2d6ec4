"""Benchmark: messages per second through a real broker at QoS 1: `python -m benchmarks.ingest`."""

import argparse
import json
import time

from benchmarks.figures import measured
from benchmarks.real_time_setup import scene
from device_sim.load.generator import blast, heat_pumps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--devices", type=int, default=5_000)
    parser.add_argument("--db", help="PostgreSQL URL of a database that may be emptied; default: a new SQLite file")
    parser.add_argument("--save", default="each second", choices=("each second", "each change"),
                        help="when the broker writes its queue to disk")
    asked = parser.parse_args()
    with scene(asked.devices, asked.db, save=asked.save) as here, here.gateway() as gateway:
        topics, message = heat_pumps(asked.devices)
        cpu, begun = gateway.cpu_s, time.perf_counter()
        report = blast("127.0.0.1", here.mqtt_port, topics, message, asked.messages)
        kept = 0
        while kept < asked.messages and time.perf_counter() - begun < report.seconds + 60:
            kept = here.count("SELECT count(*) FROM reading")
            time.sleep(0.02)
        seconds, cpu = time.perf_counter() - begun, gateway.cpu_s - cpu
        distinct = here.count("SELECT count(*) FROM (SELECT DISTINCT device_id, seq FROM reading) AS d")
        measured(messages=asked.messages, kept=distinct, acknowledged=report.acked)
        print(json.dumps({
            "benchmark": "ingest", "db": here.store.engine.dialect.name, "messages": asked.messages,
            "devices": asked.devices, "messages_per_s": round(distinct / seconds),
            "cpu_us_per_message": round(cpu / asked.messages * 1e6, 1), "rss_mb": round(gateway.peak_mb),
            "lost": asked.messages - distinct, "duplicates": kept - distinct,
            "broker_saves": asked.save, "published_per_s": round(report.acked / report.seconds),
        }))


if __name__ == "__main__":
    main()
