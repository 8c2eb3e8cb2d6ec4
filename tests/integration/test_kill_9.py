"""`kill -9` at any instant: nothing acknowledged is lost, nothing is opened or told twice."""

import random
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.config.settings import Channels, Settings, Webhook
from gateway.flow.deliver import deliver
from gateway.flow.gateway import Gateway
from gateway.model import MINUTE
from gateway.notifications.channels import build_channels
from gateway.store import Store
from tests.drivers.device_client import device_client, recording_topics
from tests.drivers.load_check import (
    HOMES,
    LoadCheck,
    all_stored,
    assert_nothing_lost,
    assert_one_of_each,
    count,
    publishing,
    retrying,
    rows,
)
from tests.fixtures.gateway_process import HOOK_SECRET, SECRET, GatewayProcess
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.servers import Mosquitto, WebhookServer, wait_until

LIFE = 0.4  # seconds a gateway lives at most once it has begun to write


def live(gateway: GatewayProcess, store: Store, life_s: float) -> None:
    """One life: it starts, begins to write, and lives `life_s` more."""
    before = count(store, "SELECT max(id) FROM reading")
    gateway.start()
    wait_until(lambda: count(store, "SELECT max(id) FROM reading") > before or not gateway.running, 60, "the first row")
    assert gateway.running, gateway.log.read_text()[-3000:]
    time.sleep(life_s)  # the instant is what the dice say: not waiting for anything


def story(broker: Mosquitto, sink: WebhookServer, store: Store, url: str, folder: Path, rounds: int, seed: int) -> None:
    """Kills the gateway `rounds` times in full traffic, lets it finish in peace, and compares."""
    save_hundred_sites(store, HOMES, sink.url)
    with (device_client(broker.port) as devices, recording_topics(broker.port) as ear,
          GatewayProcess(folder, url, broker.port) as gateway):
        traffic = LoadCheck(devices, random.Random(seed), rounds * 2.5, enough=rounds * 400)
        gateway.wait_until_listening(store)  # from here on the broker keeps a session for it
        with retrying(traffic):
            with publishing(traffic):
                for _ in range(rounds):
                    gateway.kill()
                    live(gateway, store, traffic.dice.random() * LIFE)
                gateway.kill()
            gateway.start()
            with suppress(AssertionError):  # what is missing is said below
                wait_until(lambda: all_stored(store, traffic), 120)
        gateway.stop()
    assert ear.twice == set()
    assert len(ear.commands) >= len(traffic.presses)
    finish_telling(store, url)
    assert len(traffic.presses) > rounds
    assert_nothing_lost(store, traffic)
    assert_one_of_each(store, traffic)
    assert_told_once(store, sink)
    assert_promised_once(store)
    assert gateway.validation_errors() == []


def finish_telling(store: Store, url: str) -> None:
    """Whatever a dead gateway held is taken over when its lease is out: the clock is put forward."""
    settings = Settings(database_url=url, secret=SecretStr(SECRET),
                        channels=Channels(webhook=Webhook(secret=SecretStr(HOOK_SECRET), allow_private=True)))
    gw = Gateway(settings, store, {}, build_channels(settings))
    deliver(gw, time.time_ns() // 1_000_000 + 3 * MINUTE)


def assert_told_once(store: Store, sink: WebhookServer) -> None:
    """Each ticket was announced to its customer. However its sender died, a message left the house once more only when
    nobody knew whether it had arrived, and then under the same id, by which its receiver tells that it has it."""
    found = rows(store, "SELECT subject_id FROM notification WHERE topic = 'fault_found'")
    assert Counter(found) == Counter(rows(store, "SELECT id FROM ticket"))
    posts = Counter(post.headers["webhook-id"] for post in sink.posts)
    tries = Counter(f"{note}_{contact}" for note, contact in rows(
        store, "SELECT notification_id, contact_id FROM attempt WHERE outcome IN ('sent', 'unknown')"))
    assert posts - tries == Counter()
    assert [note for note, times in rows(
        store, "SELECT notification_id, count(*) FROM attempt WHERE outcome = 'sent' GROUP BY 1") if times > 1] == []
    sent = {note for note, state in rows(store, "SELECT id, state FROM notification") if state == "sent"}
    assert sent
    assert sent - {name.partition("_")[0] for name in posts} == set()
    unfinished = ("SELECT id, state, reason FROM notification "
                  "WHERE state NOT IN ('sent', 'unknown', 'dropped', 'failed')")
    assert rows(store, unfinished) == []


def assert_promised_once(store: Store) -> None:
    """Whatever may have reached a customer has promised them our next word, once; and nothing else has."""
    told = rows(store, "SELECT DISTINCT n.id FROM attempt JOIN notification n ON n.id = attempt.notification_id "
                       "WHERE n.topic = 'fault_found' AND outcome IN ('sent', 'unknown')")
    promised = rows(store, "SELECT n.id FROM promise JOIN notification n ON n.id = promise.notification_id "
                           "WHERE n.topic = 'fault_found' AND promise.kind = 'next_word'")
    assert Counter(promised) == Counter(told)


@pytest.mark.slow
@pytest.mark.timeout(1200)  # fifty starts, on a machine that may have much else to do
def test_fifty_kills_lose_nothing_and_open_nothing_twice(
        memory_only_mosquitto: Mosquitto, webhook_server: WebhookServer, store: Store, sqlite_url: str, tmp_path: Path,
        random_seed: int) -> None:
    story(memory_only_mosquitto, webhook_server, store, sqlite_url, tmp_path, rounds=50, seed=random_seed)


@pytest.mark.slow
@pytest.mark.timeout(800)
def test_ten_kills_on_postgresql_lose_nothing_and_open_nothing_twice(
        memory_only_mosquitto: Mosquitto, webhook_server: WebhookServer, postgres_url: str, tmp_path: Path,
        random_seed: int) -> None:
    with closing(Store(postgres_url)) as store:
        story(memory_only_mosquitto, webhook_server, store, postgres_url, tmp_path, rounds=10, seed=random_seed + 1)
