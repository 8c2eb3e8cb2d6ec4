"""Starts what the real-time benchmarks need: a broker, a database with a fleet, and a gateway process."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import insert, text
from sqlmodel import SQLModel

from benchmarks.processor_time import Process
from device_sim.load import command as load
from gateway.model import Contact, Customer, Device, DeviceState, Provider, Site
from gateway.mqtt.local_broker import start_broker
from gateway.store import Store
from gateway.store.migrations import upgrade
from gateway.store.search import index as search_index

PROFILE = """
profile: bench
name: {en: heat pump, de: Wärmepumpe}
signals:
  flow_temp: {unit: °C}
  power: {unit: W}
  pressure: {unit: bar}
silence: {link: 10m, severity: major, skill: heating}
rules:
  overheating:
    when: flow_temp > 75.0
    clear: flow_temp < 65.0
    severity: critical
    cause: {en: The heat pump is overheating, de: Die Wärmepumpe überhitzt}
    skill: heating
  low_pressure:
    when: pressure < 0.5
    for: 30s
    severity: minor
    cause: {en: The water pressure is low, de: Der Wasserdruck ist niedrig}
    skill: heating
"""
SETTLE_S = 20  # at most, for what was due when the gateway started


@dataclass
class Scene:
    folder: Path
    url: str
    store: Store
    mqtt_port: int

    @contextmanager
    def gateway(self, role: str = "all", settings: Mapping[str, str] | None = None, await_listening: bool = True
                ) -> Iterator[Process]:
        """`python -m gateway run` with this scene's broker and database, past its start and its look at the broker."""
        environment = os.environ | {
            "GATEWAY_DATABASE_URL": self.url, "GATEWAY_SECRET": "benchmark-" + "x" * 32,
            "GATEWAY_PROFILES": str(self.folder / "profiles"), "GATEWAY_MQTT__PORT": str(self.mqtt_port),
            "GATEWAY_WEB__PORT": "0", "GATEWAY_DIALECTS": '["native"]',
            **(settings or {}),
        }
        process = subprocess.Popen([sys.executable, "-m", "gateway", "run", "--role", role], env=environment,
                                   stdout=sys.stderr)
        try:
            if await_listening:
                self._await_listening(process)
                time.sleep(3)
            yield Process(process.pid)
        finally:
            process.terminate()
            process.wait(timeout=30)

    def count(self, sql: str) -> int:
        with self.store.engine.connect() as connection:
            return int(connection.execute(text(sql)).scalar() or 0)

    def _await_listening(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 120  # with 10,000 tickets, beside others, it takes its time
        while not self.count("SELECT count(*) FROM listener WHERE since IS NOT NULL"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the gateway did not start: see its log above")
            time.sleep(0.05)


@contextmanager
def scene(devices: int, url: str | None = None, prefix: str = "load-", save: str = "each second",
          fill: Callable[[Store], None] | None = None) -> Iterator[Scene]:
    """A running broker and a database that holds `devices` claimed heat pumps, ten to a customer; or what `fill` writes
    into the empty one."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-bench-"))
    (folder / "profiles").mkdir()
    (folder / "profiles" / "bench.yaml").write_text(PROFILE)
    url = url or f"sqlite:///{folder / 'gateway.db'}"
    store = Store(url)
    if not store.sqlite:
        SQLModel.metadata.drop_all(store.engine)
        with store.engine.begin() as connection:
            connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    upgrade(store)
    if fill is not None:
        fill(store)
    else:
        _settle(store, devices, prefix)
    broker = start_broker(folder / "broker", save=save)  # type: ignore[arg-type]
    try:
        yield Scene(folder, url, store, broker.port)
    finally:
        broker.stop()
        store.close()
        shutil.rmtree(folder, ignore_errors=True)


def _settle(store: Store, devices: int, prefix: str) -> None:
    with store.write() as session:
        session.connection().execute(insert(Provider), [
            {"id": "firm", "name": "Firm", "locale": "en", "timezone": "UTC", "phone": "", "capacity": 1000,
             "emergency": True, "skills": ["heating"], "territory": {"postcodes": ["*"]},
             "hours": {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}}])
    for first in range(0, devices, 10_000):
        _settle_some(store, range(first, min(first + 10_000, devices)), prefix)
    with store.write() as session:  # in an index with nobody in it a start would first enter everybody
        search_index.reindex(session, households=["home-00000"])


def _settle_some(store: Store, devices: range, prefix: str) -> None:
    """Those devices, with the homes that they are in: not all of a million at once."""
    home_of = {f"{prefix}{number + 1:05d}": f"home-{number // 10:05d}" for number in devices}
    homes = list(dict.fromkeys(home_of.values()))
    rows: list[tuple[type[SQLModel], list[dict[str, object]]]] = [
        (Customer, [{"id": home, "name": f"Family {home}", "locale": "en", "timezone": "UTC"} for home in homes]),
        (Contact, [{"id": f"K-{home}", "owner_kind": "customer", "owner_id": home, "channel": "webhook", "position": 0,
                    "address": f"http://127.0.0.1:1/{home}"} for home in homes]),
        (Site, [{"id": home, "customer_id": home, "name": home, "street": "Main Street 1", "postcode": "8001",
                 "town": "Town", "timezone": "UTC", "access": ""} for home in homes]),
        (Device, [{"id": key, "key": f"native:{key}", "profile": "bench", "site_id": home, "name": key}
                  for key, home in home_of.items()]),
        (DeviceState, [{"device_id": key, "link": "unheard", "signals": "{}", "memory": "{}"} for key in home_of]),
    ]
    with store.write() as session:
        for table, values in rows:
            session.connection().execute(insert(table), values)


def await_web(base: str, seconds: float = 60) -> None:
    """The gateway listens to devices before it serves pages."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        with suppress(httpx.TransportError):
            httpx.get(f"{base}/healthz", verify=False)
            return
        time.sleep(0.2)
    raise SystemExit("the gateway serves no pages")


def wait_until_idle(process: Process) -> None:
    """What was due when it started is done."""
    for _ in range(SETTLE_S):
        if cpu_pct(process, 1) < 5:
            return


def cpu_pct(process: Process, seconds: float) -> float:
    """Of one core, while so many seconds pass."""
    began, used = time.perf_counter(), process.cpu_s
    time.sleep(seconds)
    return 100 * (process.cpu_s - used) / (time.perf_counter() - began)


@contextmanager
def ingest_beside(here: Scene, devices: int, rate: float, seconds: float) -> Iterator[list[float]]:
    """Telemetry while the block runs, from a process of its own; then the list has how much was sent a second."""
    done: list[float] = []
    wanted = load.Asked("127.0.0.1", here.mqtt_port, devices, rate, seconds, processes=1)
    thread = threading.Thread(target=lambda: done.append(load.run(wanted).sent_per_s))
    thread.start()
    yield done
    thread.join()
