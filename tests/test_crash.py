"""`kill -9` at any instant: nothing acknowledged is lost, nothing is opened or told twice."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from gateway.channels import build_channels
from gateway.flow import Gateway, deliver
from gateway.model import MINUTE
from gateway.settings import Channels, Settings, Webhook
from gateway.store import Store
from tests.process import HOOK_SECRET, SECRET, GatewayProcess
from tests.servers import Mosquitto, Sink, mosquitto_program, wait_until
from tests.village import settle
from tests.wire import Speaker, speaker

HOMES = 100
PAUSE = 0.004  # seconds between messages: slow enough that most have a transaction of their own
LIFE = 0.4  # seconds a gateway lives at most once it has begun to write


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A Mosquitto that keeps its queue in memory: here nobody kills the broker, and it must not be what is slow."""
    if mosquitto_program() is None:
        pytest.skip("mosquitto is not installed")
    directory = tmp_path / "mosquitto"
    directory.mkdir()
    running = Mosquitto(directory, extra="autosave_on_changes false\nautosave_interval 1800\n")
    running.start()
    yield running
    running.stop()


@dataclass
class Traffic:
    """All devices of the village speak in turn; bit by bit more pumps break and more buttons are pressed."""

    speaker: Speaker
    dice: random.Random
    expected_s: float  # the breaking and pressing is spread over this time
    sent: int = 0
    broken: dict[tuple[str, str], int] = field(default_factory=dict)  # (device, cause) → number of the first message
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        began = time.monotonic()
        while not self.stop.wait(PAUSE):
            awake = max(1, min(HOMES, int((time.monotonic() - began) / self.expected_s * HOMES)))
            self._one(self.dice.randrange(awake))
            self._one(self.dice.randrange(HOMES), healthy=True)

    def _one(self, home: int, healthy: bool = False) -> None:
        self.sent += 1
        number, pump = self.sent, f"pump-{home}"
        now = time.time_ns() // 1_000_000
        kind = "telemetry" if healthy else self.dice.choice(("telemetry", "press", "press", "fault"))
        if kind == "press":
            button = f"button-{home}{self.dice.choice('ab')}"
            press = f"p{number}"
            self.speaker.say(f"devices/{button}/press", {"id": press, "ts": now}, ("press", button, press))
        elif kind == "fault" and home % 2:
            self.broken.setdefault((pump, "fault:E7"), number)
            self.speaker.say(f"devices/{pump}/fault", {"code": "E7", "ts": now}, ("fault", pump, number))
        else:
            hot = home % 3 == 0 and (not healthy or (pump, "overheating") in self.broken)
            if hot:
                self.broken.setdefault((pump, "overheating"), number)
            message = {"ts": now, "seq": number, "values": {"flow_temp": 80 + home % 5 if hot else 40}}
            self.speaker.say(f"devices/{pump}/telemetry", message, ("reading", pump, number))


@contextmanager
def flowing(traffic: Traffic) -> Iterator[None]:
    """Traffic flows until the block ends, and is then all with the broker."""
    thread = threading.Thread(target=traffic.run)
    thread.start()
    try:
        yield
    finally:
        traffic.stop.set()
        thread.join()
        traffic.speaker.flush()


def count(store: Store, sql: str) -> int:
    with store.engine.connect() as connection:
        return int(connection.execute(text(sql)).scalar() or 0)


def rows(store: Store, sql: str) -> list[tuple[Any, ...]]:
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def live(gateway: GatewayProcess, store: Store, life_s: float) -> None:
    """One life: it starts, begins to write, and lives `life_s` more."""
    before = count(store, "SELECT max(id) FROM reading")
    gateway.start()
    wait_until(lambda: count(store, "SELECT max(id) FROM reading") > before or not gateway.running, 60, "the first row")
    assert gateway.running, gateway.log.read_text()[-3000:]
    time.sleep(life_s)  # the instant is what the dice say: not waiting for anything


def story(broker: Mosquitto, sink: Sink, store: Store, url: str, folder: Path, rounds: int, seed: int) -> None:
    """Kills the gateway `rounds` times in full traffic, lets it finish in peace, and compares."""
    settle(store, HOMES, sink.url)
    with speaker(broker.port) as devices, GatewayProcess(folder, url, broker.port) as gateway:
        traffic = Traffic(devices, random.Random(seed), rounds * 2.5)
        gateway.wait_until_listening(store)  # from here on the broker keeps a session for it
        with flowing(traffic):
            for _ in range(rounds):
                gateway.kill()
                live(gateway, store, traffic.dice.random() * LIFE)
            gateway.kill()
        gateway.start()
        taken = devices.taken
        presses = {tag[1:] for tag in taken if tag[0] == "press"}
        readings = Counter(tag[1:] for tag in taken if tag[0] == "reading")
        with suppress(AssertionError):  # what is missing is said below
            wait_until(lambda: count(store, "SELECT count(*) FROM press") >= len(presses)
                       and count(store, "SELECT count(*) FROM reading") >= len(readings)
                       and not count(store, "SELECT count(*) FROM command WHERE state = 'queued'"), 60)
        gateway.stop()
    finish_telling(store, sink, url)

    assert len(presses) > rounds
    assert Counter(rows(store, "SELECT device_id, press_id FROM press")) == Counter(presses)
    assert Counter(rows(store, "SELECT device_id, seq FROM reading")) == readings
    assert rows(store, "SELECT topic, reason FROM dead_letter") == []
    assert_one_of_each(store, traffic, {button[7:-1] for button, _ in presses})
    assert_told_once(store, sink)
    assert gateway.complaints() == []


def finish_telling(store: Store, sink: Sink, url: str) -> None:
    """Whatever a dead gateway held is taken over when its lease is out: the clock is put forward."""
    settings = Settings(database_url=url, secret=SecretStr(SECRET),
                        channels=Channels(webhook=Webhook(secret=SecretStr(HOOK_SECRET), allow_private=True)))
    gw = Gateway(settings, store, {}, build_channels(settings))
    deliver(gw, time.time_ns() // 1_000_000 + 3 * MINUTE)


def assert_one_of_each(store: Store, traffic: Traffic, pressed: set[str]) -> None:
    """One ticket per problem, one callback per site, and nothing that nobody caused."""
    heard = {number for kind, _, number in traffic.speaker.taken if kind != "press"}
    broken = Counter((f"home-{device[5:]}", device, cause) for (device, cause), number in traffic.broken.items()
                     if number in heard)
    assert len(broken) > HOMES // 2
    assert Counter(rows(store, "SELECT site_id, device_id, cause_key FROM ticket WHERE closed_at IS NULL")) == broken
    assert Counter(rows(store, "SELECT site_id, device_id, rule FROM alarm")) == broken
    assert count(store, "SELECT count(*) FROM ticket WHERE round > 1") == 0
    assert Counter(rows(store, "SELECT site_id FROM callback WHERE closed_at IS NULL")) == Counter(
        (f"home-{number}",) for number in pressed)
    answered = {(topic.split("/")[1], body["press_id"]) for topic, body in traffic.speaker.heard}
    assert {tag[1:] for tag in traffic.speaker.taken if tag[0] == "press"} - answered == set()


def assert_told_once(store: Store, sink: Sink) -> None:
    """Each ticket was announced to its customer, and no message left the house twice, however its sender died."""
    found = rows(store, "SELECT subject_id FROM notification WHERE topic = 'fault_found'")
    assert Counter(found) == Counter(rows(store, "SELECT id FROM ticket"))
    posts = Counter(post.headers["webhook-id"].partition("_")[0] for post in sink.posts)
    assert {note: times for note, times in posts.items() if times > 1} == {}
    sent = {note for note, state in rows(store, "SELECT id, state FROM notification") if state == "sent"}
    assert sent
    assert sent - set(posts) == set()
    unfinished = "SELECT id, state, why FROM notification WHERE state NOT IN ('sent', 'unknown', 'dropped', 'failed')"
    assert rows(store, unfinished) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_kills_lose_nothing_and_open_nothing_twice(broker: Mosquitto, webhook_sink: Sink, store: Store,
                                                         sqlite_url: str, tmp_path: Path) -> None:
    story(broker, webhook_sink, store, sqlite_url, tmp_path, rounds=50, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_ten_kills_on_postgresql_lose_nothing_and_open_nothing_twice(
        broker: Mosquitto, webhook_sink: Sink, postgres_url: str, tmp_path: Path) -> None:
    with closing(Store(postgres_url)) as store:
        story(broker, webhook_sink, store, postgres_url, tmp_path, rounds=10, seed=2)
