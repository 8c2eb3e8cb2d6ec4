"""Benchmark: time from a device's publish to the customer's notification: `python -m benchmarks.latency`."""

import argparse
import json
import statistics
import time
from collections.abc import Mapping, Sequence

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import text

from benchmarks.figures import measured
from benchmarks.real_time_setup import Scene, ingest_beside, scene
from tests.fixtures.servers import HOST, WebhookServer, web_server

SECRET = "whsec_" + "YmVuY2htYXJrLXNlY3JldC1mb3ItdGhpcy1iZW5jaA=="
WARM_S = 2  # before the first fault
AFTER_S = 1  # the background goes on so long after the last
WRITTEN = """SELECT n.recipient_id, n.created_at, min(a.started_at) FROM notification n
             JOIN attempt a ON a.notification_id = n.id WHERE n.recipient_kind = 'customer' GROUP BY 1, 2"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=300, help="one in each of so many homes")
    parser.add_argument("--rate", type=int, default=1_000, help="background messages a second")
    parser.add_argument("--devices", type=int, default=5_000, help="that send them; ten to a home")
    parser.add_argument("--every", type=float, default=0.1, help="seconds between faults")
    parser.add_argument("--db", help="PostgreSQL URL of a database that may be emptied; default: a new SQLite file")
    asked = parser.parse_args()
    measured(a_home_for_each_fault=asked.faults * 10 <= asked.devices)
    with web_server() as sink, scene(asked.devices, asked.db) as here:
        with here.store.write() as session:
            session.connection().execute(text("UPDATE contact SET address = :url || '/' || owner_id"),
                                         {"url": sink.url})
        hook = {"GATEWAY_CHANNELS__WEBHOOK__SECRET": SECRET, "GATEWAY_CHANNELS__WEBHOOK__ALLOW_PRIVATE": "true"}
        with here.gateway(settings=hook) as gateway:
            seconds = WARM_S + asked.faults * asked.every + AFTER_S
            cpu = gateway.cpu_s
            with ingest_beside(here, asked.devices, asked.rate, seconds) as background:
                time.sleep(WARM_S)
                before, begun = stored(here), time.monotonic()
                published = faults(here.mqtt_port, asked.faults, asked.every)
                stored_per_s = (stored(here) - before) / (time.monotonic() - begun)
            arrived = await_all(sink, asked.faults)
            cpu = gateway.cpu_s - cpu
        took = [(arrived[home] - at) * 1000 for home, at in published.items() if home in arrived]
        measured(two_were_told=len(took) > 1, background=len(background), stored=stored_per_s)
        print(json.dumps({
            "benchmark": "latency", "db": here.store.engine.dialect.name, "faults": asked.faults, "told": len(took),
            "background_per_s": asked.rate, "sent_per_s": round(background[0]), "stored_per_s": round(stored_per_s),
            "p50_ms": round(statistics.median(took), 1), "p99_ms": round(statistics.quantiles(took, n=100)[98], 1),
            "max_ms": round(max(took), 1), "cpu_pct": round(100 * cpu / seconds), **stages(here, published, arrived),
        }))


def stored(here: Scene) -> int:
    return here.count("SELECT count(*) FROM reading")


def await_all(sink: WebhookServer, count: int) -> dict[str, float]:
    """Home → time.time() when its first message arrived."""
    deadline = time.monotonic() + 20
    while len(sink.posts) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    return {post.path.strip("/"): post.at for post in reversed(sink.posts)}


def stages(here: Scene, published: Mapping[str, float], arrived: Mapping[str, float]) -> dict[str, float]:
    """Where the time goes, by the times that were written down: medians in ms until its batch is begun, from there
    until the message is claimed, and from there until it has arrived."""
    with here.store.engine.connect() as connection:
        rows: Sequence[tuple[str, int, int]] = [
            (home, begun, claimed) for home, begun, claimed in connection.execute(text(WRITTEN))
            if home in published and home in arrived]
    measured(written_down=len(rows))
    return {
        "to_batch_ms": round(statistics.median(begun - published[home] * 1000 for home, begun, _ in rows), 1),
        "to_claim_ms": round(statistics.median(claimed - begun for _, begun, claimed in rows), 1),
        "to_arrival_ms": round(statistics.median(arrived[home] * 1000 - claimed for home, _, claimed in rows), 1),
    }


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
