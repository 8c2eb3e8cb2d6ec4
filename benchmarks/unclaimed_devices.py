"""Benchmark: latency of a button press while thousands of unclaimed devices announce themselves."""

import argparse
import json
import statistics
import threading
import time

import orjson
from sqlalchemy import insert

from benchmarks.real_time_setup import Scene, scene
from gateway.model import Route
from tests.drivers.device_client import DeviceClient, device_client
from tests.fixtures.servers import wait_until

DEVICES = 50  # claimed; they press by turns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strangers", type=int, default=20_000, help="announcements that come meanwhile")
    parser.add_argument("--known", type=int, default=180_000, help="announced topics that are known before")
    parser.add_argument("--presses", type=int, default=200)
    parser.add_argument("--every", type=float, default=0.1, help="seconds between presses")
    parser.add_argument("--db", help="PostgreSQL URL of a database that may be emptied; default: a new SQLite file")
    asked = parser.parse_args()
    print(json.dumps(measure(asked.strangers, asked.known, asked.presses, asked.every, asked.db)))


def measure(strangers: int, known: int, presses: int, every: float, db: str | None = None) -> dict[str, object]:
    """The waiting of each press, from its publication until the device has its answer."""
    with scene(DEVICES, db) as here:
        remember(here, known)
        began = time.monotonic()
        with here.gateway(settings={"GATEWAY_DIALECTS": '["native", "home_assistant"]'}):
            started = time.monotonic() - began
            with (device_client(here.mqtt_port, "strangers") as crowd,
                  device_client(here.mqtt_port, "buttons") as buttons):
                flood = threading.Thread(target=announce, args=(crowd, strangers))
                flood.start()
                took = [press(buttons, number, every) for number in range(presses)]
                flood.join()
                wait_until(lambda: here.count("SELECT count(*) FROM route") >= min(known + strangers, 200_000), 300,
                           "every announcement to be kept")
        return {
            "benchmark": "unclaimed_devices", "db": here.store.engine.dialect.name, "announcements": strangers,
            "known_topics": known, "presses": len(took), "started_s": round(started, 1),
            "p50_ms": round(statistics.median(took), 1), "max_ms": round(max(took), 1),
            "p99_ms": round(statistics.quantiles(took, n=100)[98], 1) if len(took) > 1 else None,
        }


def remember(here: Scene, known: int) -> None:
    """Topics that other strangers have announced long ago."""
    rows = [{"source": f"homeassistant/sensor/old{number}/t/config", "topic": f"old/{number}/t",
             "key": f"home_assistant:old{number}", "changed_at": 1,
             "spec": orjson.dumps([{"kind": "value", "name": "t", "path": ["t"]}]).decode()} for number in range(known)]
    with here.store.write() as session:
        for first in range(0, known, 10_000):
            session.connection().execute(insert(Route), rows[first:first + 10_000])


def announce(crowd: DeviceClient, strangers: int) -> None:
    for number in range(strangers):
        crowd.say(f"homeassistant/sensor/new{number}/t/config", {
            "state_topic": f"new/{number}/t", "value_template": "{{ value_json.t }}",
            "device": {"identifiers": [f"new{number}"], "name": f"Stranger {number}"}})


def press(buttons: DeviceClient, number: int, every: float) -> float:
    """ms until it was answered; a minute and a half is for ever."""
    device, begun = f"load-{number % DEVICES + 1:05d}", time.monotonic()
    buttons.say(f"devices/{device}/press", {"id": f"press-{number}"})
    wait_until(lambda: any(body.get("press_id") == f"press-{number}" for _, body in buttons.heard[-200:]), 90,
               "an answer")
    took = time.monotonic() - begun
    time.sleep(max(every - took, 0))
    return took * 1000


if __name__ == "__main__":
    main()
