"""Benchmark: an outage of ten thousand homes within ten seconds, and its end: `python -m benchmarks.dark`.

In real time, in one process: the listener's batches as they come, and the clock of `run` beside them. 2,000 homes
elsewhere report all the while; what they say must not wait for the outage to be written down.
"""

import argparse
import gc
import json
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text
from sqlmodel import Session, SQLModel

from benchmarks.figures import measured
from gateway.app.clock import now
from gateway.app.main import DELIVER_EVERY, SWEEP_EVERY, WATCH_EVERY
from gateway.app.scheduler import every
from gateway.config.settings import Settings
from gateway.detection.batch import MqttMessage
from gateway.devices.profiles import compile_profile
from gateway.flow.deliver import deliver
from gateway.flow.gateway import Gateway
from gateway.flow.sweep import sweep
from gateway.flow.watch import LIMITS, watch
from gateway.model import (
    HOUR,
    MINUTE,
    SECOND,
    Area,
    AreaKind,
    Contact,
    Customer,
    Device,
    DeviceState,
    Instant,
    Provider,
    Site,
    SiteArea,
)
from gateway.mqtt.batches import receive_all
from gateway.mqtt.listener import BATCH, BEAT
from gateway.mqtt.listener_report import record_listening
from gateway.notifications.channels import Channel, Outcome, Sent
from gateway.outages import AreaStats, DarkSite
from gateway.outages.scan import test
from gateway.store import Store
from gateway.store.migrations import upgrade

UNIT = 50  # homes on a lateral of the feeder
LOST = 20 * SECOND  # until a home of which the broker says that it is lost has an alarm of its own
CALM = 3.0  # seconds before it begins
PROFILE = f"""
profile: home
name: {{en: energy meter, de: Stromzähler}}
signals: {{power: {{unit: W}}}}
silence: {{link: 10m, lost: {LOST // SECOND}s, severity: minor, skill: electrical}}
"""
ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
Planned = tuple[float, MqttMessage]


@dataclass
class Clocked:
    """How long calls took, and how long the messages in them had waited in the end, in seconds."""

    slowest: float = 0.0
    waited: float = 0.0

    @contextmanager
    def call(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.slowest = max(self.slowest, time.perf_counter() - began)


@dataclass
class Dusk:
    """The gateway, what it is given and how it does."""

    gw: Gateway
    sent: dict[tuple[str, str], int] = field(default_factory=dict)  # (address, subject) → how often it left the house
    told_at: list[float] = field(default_factory=list)  # when news of the power cut left the house
    longest: dict[str, float] = field(default_factory=dict)  # verb → seconds of its longest transaction
    batches: Clocked = field(default_factory=Clocked)
    looks: Clocked = field(default_factory=Clocked)
    sweeps: Clocked = field(default_factory=Clocked)

    def hear(self, coming: Sequence[Planned], began: float, until: Callable[[], bool]) -> None:
        """What a listener does: whatever has come by now is one batch. `coming`: seconds after `began`, in order."""
        place, beat = 0, 0
        while place < len(coming) or not until():
            here = time.time() - began
            batch: list[Planned] = []
            while place < len(coming) and coming[place][0] <= here and len(batch) < BATCH:
                batch.append(coming[place])
                place += 1
            if batch:
                with self.batches.call():
                    receive_all(self.gw, [heard for _, heard in batch], now())
                self.batches.waited = max(self.batches.waited, time.time() - began - batch[0][0])
            else:
                time.sleep(0.005)
            if now() - beat >= BEAT * SECOND:
                beat = now()
                record_listening(self.gw, beat - HOUR, beat)

    def look(self) -> int:
        with self.looks.call():
            return watch(self.gw, now())

    def sweep(self) -> int:
        with self.sweeps.call():
            return sweep(self.gw, now())

    def count(self, sql: str) -> int:
        with self.gw.store.engine.connect() as connection:
            return int(connection.execute(text(sql)).scalar() or 0)

    def forget_times(self) -> dict[str, float]:
        found = {"slowest_look_s": self.looks.slowest, "slowest_sweep_s": self.sweeps.slowest,
                 "slowest_batch_s": self.batches.slowest, "longest_wait_of_a_message_s": self.batches.waited,
                 **{f"longest_{verb}_transaction_s": seconds for verb, seconds in sorted(self.longest.items())}}
        self.longest.clear()
        self.looks, self.sweeps, self.batches = Clocked(), Clocked(), Clocked()
        return {name: round(value, 3) for name, value in found.items()}


class TimedStore(Store):
    """Keeps how long each verb held the database for writing at the longest: nobody else writes to SQLite then."""

    longest: dict[str, float]

    @contextmanager
    def _writer(self) -> Iterator[None]:
        with super()._writer():
            began = time.perf_counter()
            yield
            took, verb = time.perf_counter() - began, _VERBS.get(threading.current_thread().name)
            if verb is not None:
                self.longest[verb] = max(self.longest.get(verb, 0.0), took)


_VERBS = {"watch": "watch", "sweep": "sweep", "deliver": "deliver", "MainThread": "receive"}  # by thread


def settle(store: Store, homes: int, others: int, here: Instant) -> None:
    """`homes` on laterals of one feeder, `others` elsewhere, all of them in one town and heard a moment ago."""
    names = [f"h{number}" for number in range(homes + others)]
    laterals = [f"lateral-{number}" for number in range(-(-homes // UNIT))]
    rows: list[tuple[type[SQLModel], list[dict[str, Any]]]] = [
        (Area, [{"id": "feeder", "name": "Feeder", "kind": "feeder", "parent_id": None},
                {"id": "town", "name": "Town", "kind": "place", "parent_id": None}]),
        (Area, [{"id": name, "name": name, "kind": "feeder", "parent_id": "feeder"} for name in laterals]),
        (Customer, [{"id": name, "name": f"Family {name}", "locale": "en", "timezone": "UTC"} for name in names]),
        (Contact, [{"id": f"K-{name}", "owner_kind": "customer", "owner_id": name, "channel": "webhook", "position": 0,
                    "address": name} for name in names]),
        (Site, [{"id": name, "customer_id": name, "name": name, "street": "", "postcode": "", "town": "",
                 "timezone": "UTC", "access": ""} for name in names]),
        (SiteArea, [{"site_id": name, "area_id": "town"} for name in names]
         + [{"site_id": name, "area_id": laterals[place // UNIT]} for place, name in enumerate(names[:homes])]),
        (Provider, [{"id": "firm", "name": "Firm", "locale": "en", "timezone": "UTC", "phone": "", "capacity": 100,
                     "emergency": True, "skills": ["electrical"], "territory": {"areas": ["town"]}, "hours": ALWAYS}]),
        (Device, [{"id": name, "key": f"native:{name}", "profile": "home", "site_id": name, "name": "Meter"}
                  for name in names]),
        (DeviceState, [{"device_id": name, "link": "online", "link_at": here - HOUR, "seen_at": here, "data_at": here,
                        "due_at": here + 10 * MINUTE, "signals": "{}", "memory": "{}"} for name in names]),
    ]
    with store.write() as session:
        for table, values in rows:
            session.connection().execute(insert(table), values)


def switch(homes: Iterable[str], state: str, first: float, within: float) -> list[Planned]:
    """The broker's word on each of them, spread over `within` seconds; who is back also reports."""
    listed, coming = list(homes), []
    for place, home in enumerate(listed):
        at = first + within * place / len(listed)
        coming.append((at, MqttMessage(f"devices/{home}/status", json.dumps({"state": state}).encode(), True)))
        if state == "online":
            coming.append((at, _report(home, at)))
    return coming


def chatter(homes: Iterable[str], seconds: float) -> list[Planned]:
    """Everybody else reports every ten seconds."""
    listed = list(homes)
    return [(at, _report(home, at)) for turn in range(int(seconds // 10) + 1) for place, home in enumerate(listed)
            if (at := 10 * (turn + place / len(listed))) < seconds]


def _report(home: str, at: float) -> MqttMessage:
    return MqttMessage(f"devices/{home}/telemetry", b'{"seq":%d,"values":{"power":400}}' % round(at * 1000))


def needed(lost: Sequence[Instant], homes: int) -> Instant:
    """When the home was lost with which the whole feeder passes the test."""
    dark = [DarkSite(str(place), at, frozenset()) for place, at in enumerate(sorted(lost))]
    for count in range(LIMITS.fewest, len(dark) + 1):
        if test(AreaStats("feeder", AreaKind.FEEDER, None, live=homes - count), dark[:count], LIMITS) is not None:
            break
    return dark[count - 1].died_at


def play(dusk: Dusk, homes: int, others: int, within: float) -> dict[str, Any]:
    feeder = [f"h{number}" for number in range(homes)]
    random.Random(7).shuffle(feeder)
    elsewhere = [f"h{number}" for number in range(homes, homes + others)]
    began = time.time()
    found: dict[str, Any] = {}
    told = "SELECT count(*) FROM notification WHERE topic = 'outage'"
    lines = sorted(switch(feeder, "lost", CALM, within) + chatter(elsewhere, CALM + within + 5), key=lambda one: one[0])
    done: list[float] = []

    def all_told(sql: str) -> Callable[[], bool]:
        def asked() -> bool:
            if dusk.count(sql) < homes:
                time.sleep(0.05)
                return time.time() - began > 300
            done.append(time.time())
            return True
        return asked

    dusk.hear(lines, began, all_told(told))
    with dusk.gw.store.read() as session:
        found |= _confirmed(session, homes, began, done[-1] - began - CALM - within)
    found |= {f"dark_{name}": value for name, value in dusk.forget_times().items()}
    silent = "SELECT count(*) FROM alarm WHERE rule = 'silent' AND closed_at IS NULL"
    dusk.hear([(at + time.time() - began, heard) for at, heard in chatter(elsewhere, LOST / SECOND)], began,
              all_told(silent))
    left = sorted(at - began - CALM - within for at in dusk.told_at)
    found |= {"left_the_house": len(left)}
    found |= {f"last_to_{name}_told_s": round(left[count - 1], 2)
              for name, count in (("half", homes // 2), ("all", homes)) if len(left) >= count}
    found |= {f"silence_{name}": value for name, value in dusk.forget_times().items()}
    found |= {"tickets": dusk.count("SELECT count(*) FROM ticket WHERE outage_id IS NOT NULL"),
              "child_tickets": dusk.count("SELECT count(*) FROM ticket WHERE outage_id IS NULL"),
              "outages": dusk.count("SELECT count(*) FROM outage")}
    first = time.time() - began + 1
    lines = sorted(switch(feeder, "online", first, within) + [(at + first, heard) for at, heard in chatter(
        elsewhere, within + 5)], key=lambda one: one[0])
    dusk.hear(lines, began, all_told(told.replace("'outage'", "'outage_over'")))
    found |= {"back_to_told_s": round(done[-1] - began - first - within, 2)}
    return found | {f"back_{name}": value for name, value in dusk.forget_times().items()}


def _confirmed(session: Session, homes: int, began: float, behind: float) -> dict[str, Any]:
    run = session.connection().execute
    lost = [row[0] for row in run(text("SELECT died_at FROM loss"))]
    confirmed, *_ = run(text("SELECT confirmed_at FROM outage WHERE confirmed_at IS NOT NULL")).one()
    return {"needed_to_confirmed_s": (confirmed - needed(lost, homes)) / SECOND,
            "first_to_confirmed_s": (confirmed - min(lost)) / SECOND,
            "last_to_all_rows_s": round(behind, 2)}


def twice(dusk: Dusk) -> dict[str, int]:
    """Nobody is told of one thing twice, in the outbox or out of the house."""
    rows = """SELECT count(*) FROM (SELECT 1 FROM notification WHERE recipient_kind = 'customer'
              GROUP BY recipient_id, topic HAVING count(*) > 1) AS d"""
    return {"told_twice": dusk.count(rows), "sent_twice": sum(times > 1 for times in dusk.sent.values()),
            "homes_told_out": dusk.count(
                "SELECT count(DISTINCT recipient_id) FROM notification WHERE topic = 'outage'"),
            "homes_told_back": dusk.count(
                "SELECT count(DISTINCT recipient_id) FROM notification WHERE topic = 'outage_over'"),
            "others_told": dusk.count("SELECT count(*) FROM notification WHERE recipient_kind = 'customer' AND "
                                      "topic NOT IN ('outage', 'outage_over')")}


@contextmanager
def dusk_with(asked: argparse.Namespace) -> Iterator[Dusk]:
    """A gateway with a fresh database and the clock's threads at work."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-dark-"))
    url = asked.db or f"sqlite:///{folder / 'gateway.db'}"
    store = TimedStore(url)
    store.longest = {}
    if not store.sqlite:
        SQLModel.metadata.drop_all(store.engine)
        with store.engine.begin() as connection:
            connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    upgrade(store)
    settle(store, asked.homes, asked.others, now())
    store.longest.clear()
    settings = Settings(database_url=url, secret="benchmark-" + "x" * 32)
    gw = Gateway(settings, store, {"home": compile_profile(PROFILE, "home.yaml")}, {})
    dusk, stop = Dusk(gw, longest=store.longest), threading.Event()

    def send(address: str, message: Any, ref: str) -> Outcome:
        dusk.sent[address, message.subject] = dusk.sent.get((address, message.subject), 0) + 1
        if message.topic == "outage":
            dusk.told_at.append(time.time())
        return Sent(ref)

    gw.channels["webhook"] = Channel("webhook", "long", send)
    record_listening(gw, now() - HOUR, now())
    threads = [every(SWEEP_EVERY, dusk.sweep, stop, "sweep"),
               every(WATCH_EVERY, lambda: dusk.look() and None, stop, "watch")]
    if not asked.mute:
        threads.append(every(DELIVER_EVERY, lambda: deliver(gw, now()), stop, "deliver", wake=gw.outbox_filled))
    try:
        yield dusk
    finally:
        stop.set()
        gw.outbox_filled.set()
        for thread in threads:
            thread.join(60)
        store.close()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--homes", type=int, default=10_000)
    parser.add_argument("--others", type=int, default=2_000, help="homes that keep their power")
    parser.add_argument("--within", type=float, default=10.0, help="seconds in which all go dark, and come back")
    parser.add_argument("--db", help="PostgreSQL URL of a database that may be emptied; default: a new SQLite file")
    parser.add_argument("--mute", action="store_true", help="messages stay in the outbox")
    asked = parser.parse_args()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # as a gateway that runs has it
    with dusk_with(asked) as dusk:
        cpu = time.process_time()
        found = play(dusk, asked.homes, asked.others, asked.within)
        found |= {"cpu_s": round(time.process_time() - cpu, 1), **twice(dusk)}
        name = dusk.gw.store.engine.dialect.name
    measured(homes_told_out=found["homes_told_out"], homes_told_back=found["homes_told_back"],
             left_the_house=asked.mute or found["left_the_house"])
    print(json.dumps({"benchmark": "dark", "db": name, "homes": asked.homes, "within_s": asked.within, **found}))


if __name__ == "__main__":
    main()
