"""Benchmark: how soon a silent device is detected, and what an idle sweep costs: `python -m benchmarks.silence`."""

import argparse
import json
import statistics
import threading
import time

from sqlalchemy import text

from benchmarks.figures import measured
from benchmarks.real_time_setup import Scene, scene
from gateway.config.profiles_and_mappings import load_profiles
from gateway.config.settings_loader import load
from gateway.flow.gateway import Gateway
from gateway.flow.sweep import sweep
from gateway.store import listeners

LINK_MS = 600_000  # the bench profile's silence.link


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--silent", type=int, default=500, help="this many fall due, at most every seventh device")
    parser.add_argument("--over", type=float, default=20.0, help="seconds over which they are spread evenly")
    parser.add_argument("--db", help="PostgreSQL URL of a database that may be emptied; default: a new SQLite file")
    asked = parser.parse_args()
    few = sweep_ms(1_000, asked.db)
    with scene(asked.devices, asked.db) as here:
        quiet = sweep_here(here)
        with listening(here), here.gateway("clock", await_listening=False):
            lags = find(here, asked.silent, asked.over)
    measured(two_were_found=len(lags) > 1, sweep_ms=quiet)  # less has no percentiles
    print(json.dumps({
        "benchmark": "silence", "db": here.store.engine.dialect.name, "devices": asked.devices, "silent": asked.silent,
        "found": len(lags), "lag_p50_ms": round(statistics.median(lags)),
        "lag_p99_ms": round(statistics.quantiles(lags, n=100)[98]), "sweep_ms": round(quiet, 3),
        "sweep_ms_1000_devices": round(few, 3),
    }))


def find(here: Scene, silent: int, over_s: float) -> list[float]:
    """Lets devices fall due one after the other and looks for their alarms; ms from deadline to visible row."""
    start = now_ms() + 3_000
    due = {f"load-{number * 7 + 1:05d}": start + round(number * over_s * 1000 / silent) for number in range(silent)}
    with here.store.write() as session:
        session.connection().execute(
            # link_at too: the clock of a link begins anew when it comes up
            text("UPDATE device_state SET due_at=:due, link_at=:seen, seen_at=:seen, data_at=:seen "
                 "WHERE device_id=:id"),
            [{"id": device, "due": at, "seen": at - LINK_MS} for device, at in due.items()])
    lags: dict[str, float] = {}
    while len(lags) < silent and now_ms() < start + (over_s + 20) * 1000:
        with here.store.engine.connect() as connection:
            found = connection.execute(text("SELECT device_id FROM alarm")).scalars().all()
        seen = now_ms()
        lags |= {device: seen - due[device] for device in found if device not in lags}
        time.sleep(0.01)
    return list(lags.values())


def sweep_ms(devices: int, url: str | None) -> float:
    with scene(devices, url) as here:
        return sweep_here(here)


def sweep_here(here: Scene) -> float:
    """Median ms of a sweep while every device is healthy."""
    at = now_ms()
    with here.store.write() as session:
        session.connection().execute(
            text("UPDATE device_state SET link='online', link_at=:at, seen_at=:at, data_at=:at, due_at=:due"),
            {"at": at, "due": at + LINK_MS})
    gw = Gateway(load(), here.store, load_profiles(here.folder / "profiles"), {})
    took = []
    for _ in range(200):
        begun = time.perf_counter()
        sweep(gw, now_ms())
        took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)


class listening:
    """Says for a listener that it hears its broker: this benchmark has nothing to hear."""

    def __init__(self, here: Scene) -> None:
        self._here, self._stop = here, threading.Event()
        self._thread = threading.Thread(target=self._say)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _say(self) -> None:
        since = now_ms() - 2 * LINK_MS
        while not self._stop.wait(1):
            with self._here.store.write() as session:
                listeners.record_heartbeat(session, "benchmark", since, now_ms())


def now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    main()
