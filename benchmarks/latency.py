"""Benchmark: time from a device's publish to the customer's notification: `python -m benchmarks.latency`."""

import argparse
import json
import statistics
import threading
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import text

from benchmarks.figures import measured
from benchmarks.real_time_setup import scene
from device_sim.load.generator import blast, heat_pumps
from tests.fixtures.servers import HOST, web_server

SECRET = "whsec_" + "YmVuY2htYXJrLXNlY3JldC1mb3ItdGhpcy1iZW5jaA=="


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=300)
    parser.add_argument("--rate", type=int, default=1_000, help="background messages a second")
    parser.add_argument("--every", type=float, default=0.1, help="seconds between faults")
    parser.add_argument("--db", help="PostgreSQL URL of a database that may be emptied; default: a new SQLite file")
    asked = parser.parse_args()
    devices = 5_000
    with web_server() as sink, scene(devices, asked.db) as here:
        with here.store.write() as session:
            session.connection().execute(text("UPDATE contact SET address = :url || '/' || owner_id"),
                                         {"url": sink.url})
        hook = {"GATEWAY_CHANNELS__WEBHOOK__SECRET": SECRET, "GATEWAY_CHANNELS__WEBHOOK__ALLOW_PRIVATE": "true"}
        with here.gateway(settings=hook):
            topics, message = heat_pumps(devices)
            count = round(asked.rate * (asked.faults * asked.every + 3))
            load = threading.Thread(target=blast, args=(HOST, here.mqtt_port, topics, message, count, asked.rate))
            load.start()
            time.sleep(1)
            published = faults(here.mqtt_port, asked.faults, asked.every)
            load.join()
            deadline = time.monotonic() + 20
            while len(sink.posts) < asked.faults and time.monotonic() < deadline:
                time.sleep(0.05)
        arrived = {post.path.strip("/"): post.at for post in reversed(sink.posts)}
        took = [(arrived[home] - at) * 1000 for home, at in published.items() if home in arrived]
        measured(two_were_told=len(took) > 1)  # less has no percentiles
        print(json.dumps({
            "benchmark": "latency", "db": here.store.engine.dialect.name, "faults": asked.faults, "told": len(took),
            "background_per_s": asked.rate, "p50_ms": round(statistics.median(took), 1),
            "p99_ms": round(statistics.quantiles(took, n=100)[98], 1), "max_ms": round(max(took), 1),
        }))


def faults(port: int, count: int, every: float) -> dict[str, float]:
    """One overheating heat pump in each of `count` homes; home → time.time() just before its message was published."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect(HOST, port)
    client.loop_start()
    published = {}
    for number in range(count):
        published[f"home-{number:05d}"] = time.time()
        client.publish(f"devices/load-{number * 10 + 1:05d}/fault", b'{"code": "E1", "active": true}', qos=1)
        time.sleep(every)
    client.loop_stop()
    client.disconnect()
    return published


if __name__ == "__main__":
    main()
