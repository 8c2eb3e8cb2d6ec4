"""A listener that dies is the operator's news within ten seconds; one that is only slow is nobody's."""

import json
import signal
import time
from pathlib import Path

import pytest

from gateway.flow.watch import watch
from gateway.model import MINUTE, SECOND, Instant, Notification, Outage
from gateway.store import Store, listeners
from tests.drivers.story import NOON, Story, begin
from tests.fixtures.gateway_process import GatewayProcess
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.servers import Mosquitto, SmtpServer, wait_until

PROMISE = 10  # seconds


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores)


def look(story: Story, seconds: int, beats: bool = False) -> None:
    """The clock looks each second; `beats`: and the listener says that it listens."""
    for _ in range(seconds):
        story.now += SECOND
        if beats:
            story.listen()
        watch(story.gw, story.now)


def told_at(story: Story) -> list[Instant]:
    return [row.created_at for row in story.all(Notification, Notification.topic == "gateway_fault")]


def test_a_listener_that_dies_is_told_ten_seconds_after_its_last_word_at_the_latest(story: Story) -> None:
    last_word = story.now
    look(story, 4)
    assert story.all(Outage) == []
    look(story, 6)
    [at] = told_at(story)
    assert 8 * SECOND <= at - last_word < PROMISE * SECOND
    [outage] = story.all(Outage)
    assert outage.began_at == last_word
    look(story, 1, beats=True)
    assert story.one(Outage).state == "closed"


def test_a_listener_that_is_slow_to_speak_is_doubted_and_nobody_is_told(story: Story) -> None:
    look(story, 6)
    assert story.one(Outage).state == "suspected"
    look(story, 20, beats=True)
    assert story.one(Outage).state == "dismissed"
    assert told_at(story) == []


def test_after_a_pause_of_the_whole_machine_the_listener_may_speak_first(story: Story) -> None:
    story.now += 30 * MINUTE
    watch(story.gw, story.now)
    assert story.one(Outage).state == "suspected"
    look(story, 1)
    assert told_at(story) == []
    look(story, 5, beats=True)
    assert story.one(Outage).state == "dismissed"


def test_one_that_says_itself_that_its_broker_is_gone_has_five_seconds_whatever_became_of_others(story: Story) -> None:
    with story.gw.store.write() as session:
        listeners.record_heartbeat(session, "died an hour ago", NOON - 120 * MINUTE, NOON - 60 * MINUTE)
    gone = story.now
    for _ in range(7):
        with story.gw.store.write() as session:
            listeners.record_heartbeat(session, "gateway", None, story.now)
        watch(story.gw, story.now)
        story.now += SECOND
    assert [at - gone for at in told_at(story)] == [5 * SECOND]


@pytest.mark.slow
def test_the_operator_hears_of_a_killed_listener_within_ten_seconds_and_not_of_one_that_paused(
        mosquitto: Mosquitto, smtp_server: SmtpServer, store: Store, sqlite_url: str, tmp_path: Path) -> None:
    save_hundred_sites(store, 2)
    more = {"SERVICE__DISPATCHER": json.dumps([{"channel": "email", "address": "desk@example.com"}]),
            "CHANNELS__EMAIL__HOST": smtp_server.host, "CHANNELS__EMAIL__PORT": str(smtp_server.port),
            "CHANNELS__EMAIL__SENDER": "gateway@example.com", "CHANNELS__EMAIL__SECURITY": "none"}
    with (GatewayProcess(tmp_path, sqlite_url, mosquitto.port, "ingest", "ear", more) as ear,
          GatewayProcess(tmp_path, sqlite_url, mosquitto.port, "clock", "clock", more)):
        ear.wait_until_listening(store)
        wait_until(lambda: '"gateway runs"' in (tmp_path / "clock.log").read_text(), 60, "the clock to run")
        assert ear.process is not None
        ear.process.send_signal(signal.SIGSTOP)
        time.sleep(4)  # as on a machine that is busy with something else
        ear.process.send_signal(signal.SIGCONT)
        time.sleep(8)  # long enough for somebody to have been told
        assert smtp_server.mails == []
        killed = time.time()
        ear.kill()
        [mail] = smtp_server.wait(1, 20)
        assert mail.at - killed < PROMISE
        ear.start()
        ear.wait_until_listening(store)
        assert len({mail.message["Subject"] for mail in smtp_server.wait(2, 20)}) == 2
