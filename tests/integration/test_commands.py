"""Commands down: claimed before they are sent, sent once or never, confirmed only by the device they were for."""

import json
import signal
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Barrier, Thread

import pytest

from gateway.config.settings import Settings
from gateway.flow.gateway import Gateway
from gateway.model import MINUTE, SECOND, Alarm, Command, Instant
from gateway.mqtt.command_publisher import WINDOW, claim_commands
from gateway.store import Store, commands
from tests.drivers.device_client import DeviceClient, TopicRecorder, device_client, recording_topics
from tests.drivers.load_check import count, rows
from tests.fixtures.gateway_process import GatewayProcess
from tests.fixtures.hundred_sites import PROFILES, save_hundred_sites, write_profiles
from tests.fixtures.listener_in_process import clock, running_listener
from tests.fixtures.servers import Mosquitto, wait_until

NOON = 1_795_435_200_000
BACKLOG = 20_000


@pytest.fixture
def gw(both_stores: Store) -> Gateway:
    save_hundred_sites(both_stores, 3)
    return Gateway(Settings(), both_stores, {}, {})


def queue(store: Store, *ids: str, device: str = "pump-0", now: Instant = NOON, life: int = MINUTE) -> None:
    with store.write() as session:
        for number, name in enumerate(ids):
            payload = json.dumps({"id": name, "type": "restart"})
            session.add(Command(id=name, device_id=device, topic=f"devices/{device}/command", payload=payload,
                                created_at=now + number, expires_at=now + life))


def states(store: Store) -> dict[str, tuple[str, str | None]]:
    found = rows(store, "SELECT id, state, reason FROM command ORDER BY id")
    return {name: (state, reason) for name, state, reason in found}


def claim(gw: Gateway, now: Instant = NOON, limit: int = 100) -> list[str]:
    return [command.id for command in claim_commands(gw, limit, now)]


def slow_clock() -> Instant:
    """It is asked several times for each batch, so that a backlog takes seconds on any machine."""
    time.sleep(0.05)
    return clock()


def settle_acks(gw: Gateway, acks: Sequence[tuple[str, str, bool]], now: Instant = NOON) -> None:
    with gw.store.write() as session:
        commands.settle(session, acks, now)


def test_commands_are_given_out_oldest_first_and_once(gw: Gateway) -> None:
    queue(gw.store, "M-1", "M-2", "M-3")
    assert claim(gw, NOON + SECOND, limit=2) == ["M-1", "M-2"]
    assert rows(gw.store, "SELECT sent_at FROM command WHERE id = 'M-1'") == [(NOON + SECOND,)]
    assert claim(gw, limit=2) == ["M-3"]
    assert claim(gw) == []


def test_whoever_has_no_room_is_given_nothing(gw: Gateway) -> None:
    queue(gw.store, "M-1")
    assert claim(gw, limit=0) == []
    assert claim(gw) == ["M-1"]


def test_what_is_past_its_time_is_not_sent(gw: Gateway) -> None:
    queue(gw.store, "M-1")
    assert claim(gw, NOON + MINUTE) == []
    assert states(gw.store) == {"M-1": ("expired", "not_sent_in_time")}


def test_what_nobody_confirmed_in_time_has_expired_and_a_late_word_changes_nothing(gw: Gateway) -> None:
    queue(gw.store, "M-1")
    assert claim(gw) == ["M-1"]
    claim(gw, NOON + MINUTE - 1)
    assert states(gw.store)["M-1"][0] == "sent"
    claim(gw, NOON + MINUTE)
    settle_acks(gw, [("pump-0", "M-1", True)])
    assert states(gw.store) == {"M-1": ("expired", "not_confirmed_in_time")}


def test_the_device_says_what_became_of_it_once(gw: Gateway) -> None:
    queue(gw.store, "M-1", "M-2")
    claim(gw)
    settle_acks(gw, [("pump-0", "M-1", True), ("pump-0", "M-2", False)])
    settle_acks(gw, [("pump-0", "M-1", False), ("pump-0", "M-2", True)])
    assert states(gw.store) == {"M-1": ("acknowledged", None),
                                "M-2": ("failed", "not_done")}
    assert rows(gw.store, "SELECT acknowledged_at FROM command ORDER BY id") == [(NOON,), (None,)]


def test_what_was_never_sent_or_was_for_another_cannot_be_confirmed(gw: Gateway) -> None:
    queue(gw.store, "M-1")
    settle_acks(gw, [("pump-0", "M-1", True)])
    claim(gw)
    settle_acks(gw, [("pump-1", "M-1", True), ("pump-0", "M-9", True)])
    assert states(gw.store) == {"M-1": ("sent", None)}


def test_of_many_listeners_each_command_goes_to_one(gw: Gateway) -> None:
    queue(gw.store, *(f"M-{number:03}" for number in range(200)))
    gate, given = Barrier(4), []

    def listener() -> None:
        gate.wait()
        while mine := claim(gw, limit=7):
            given.extend(mine)

    threads = [Thread(target=listener) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    given += claim(gw)  # what was locked by another at the last look
    assert sorted(given) == [f"M-{number:03}" for number in range(200)]


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_what_was_claimed_before_a_crash_is_not_sent_after_it_and_what_was_queued_is(
        store: Store, mosquitto: Mosquitto, version: str) -> None:
    save_hundred_sites(store, 3)
    queue(store, "M-1", now=clock())
    assert claim(Gateway(Settings(), store, {}, {}), clock()) == ["M-1"]  # and the gateway dies here
    queue(store, *(f"N-{number:04}" for number in range(1500)), now=clock())
    with recording_topics(mosquitto.port) as ear, running_listener(store, mosquitto.port, version=version):
        wait_until(lambda: len(ear.commands) >= 1500, 20, "the commands")
    assert {body["id"] for _, body in ear.commands} == {f"N-{number:04}" for number in range(1500)}
    assert ear.twice == set()
    assert count(store, "SELECT count(*) FROM command WHERE state = 'sent'") == 1501


@pytest.mark.slow
def test_a_broker_that_goes_away_in_the_middle_is_not_told_again_when_it_comes_back(
        store: Store, mosquitto: Mosquitto) -> None:
    save_hundred_sites(store, 3)
    with recording_topics(mosquitto.port) as ear, running_listener(store, mosquitto.port) as listener:
        assert mosquitto.process is not None
        mosquitto.process.send_signal(signal.SIGSTOP)  # it takes what we say and confirms nothing
        queue(store, "M-1", now=clock())
        wait_until(lambda: states(store)["M-1"][0] == "sent", 15, "the command to be sent")
        mosquitto.kill()
        wait_until(lambda: not listener.listening, 20, "the loss to be noticed")
        mosquitto.start()
        wait_until(lambda: listener.listening, 40, "the gateway to be back")
        queue(store, "M-2", now=clock())
        wait_until(lambda: len(ear.commands) > 0, 20, "the next command")
    assert [body["id"] for _, body in ear.commands] == ["M-2"]


@pytest.mark.slow
@pytest.mark.parametrize(("version", "many"), [("3.1.1", 3 * WINDOW), ("5", 200)])  # in MQTT 5 they leave by twenties
def test_whoever_comes_back_to_a_backlog_sends_its_commands_before_it_has_read_it(
        store: Store, memory_only_mosquitto: Mosquitto, version: str, many: int) -> None:
    save_hundred_sites(store, 3)
    broker = memory_only_mosquitto.port
    with running_listener(store, broker, version=version):
        pass  # the broker keeps a session for it from now on
    with device_client(broker) as devices, recording_topics(broker) as ear:
        for seq in range(BACKLOG):
            devices.say("devices/pump-0/telemetry", {"ts": clock(), "seq": seq, "values": {"flow_temp": 40}})
        devices.flush(60)
        queue(store, *(f"N-{number:04}" for number in range(many)), now=clock())
        with running_listener(store, broker, slow_clock, version=version):
            wait_until(lambda: len(ear.commands) >= many, 60, "the commands")
            assert count(store, "SELECT count(*) FROM reading") < BACKLOG
            wait_until(lambda: count(store, "SELECT count(*) FROM reading") == BACKLOG, 60, "the backlog")
    assert ear.twice == set()


# a remote fix, killed in the middle

FIRST = {**PROFILES, "pump": PROFILES["pump"].replace("faults:", """\
commands:
  restart: {safe: true, with: {delay_s: 3}}
faults:""").replace("  overheating:\n", "  overheating:\n    first_try: {command: restart, wait: 12s}\n")}


def restarts(ear: TopicRecorder) -> list[str]:
    return [body["id"] for _, body in list(ear.commands) if body["type"] == "restart"]


def measure(devices: DeviceClient, heat: float) -> None:
    devices.say("devices/pump-0/telemetry", {"ts": time.time_ns() // 1_000_000, "values": {"flow_temp": heat}})


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("cured", [True, False])
def test_a_gateway_killed_while_it_waits_for_a_remote_fix_neither_forgets_it_nor_repeats_it(
        memory_only_mosquitto: Mosquitto, store: Store, sqlite_url: str, tmp_path: Path, cured: bool) -> None:
    save_hundred_sites(store, 1)
    more = {"PROFILES": str(write_profiles(tmp_path / "first", FIRST))}
    with (device_client(memory_only_mosquitto.port) as devices, recording_topics(memory_only_mosquitto.port) as ear,
          GatewayProcess(tmp_path, sqlite_url, memory_only_mosquitto.port, more=more) as gateway):
        gateway.wait_until_listening(store)
        measure(devices, 80)
        wait_until(lambda: len(restarts(ear)) == 1, 10, "the restart")
        gateway.kill()
        (command_id,) = restarts(ear)
        devices.say("devices/pump-0/ack", {"id": command_id, "ok": True})
        measure(devices, 50 if cured else 81)
        devices.flush()
        gateway.start()
        gateway.wait_until_listening(store)
        settled = "SELECT count(*) FROM alarm WHERE try_until IS NULL"
        wait_until(partial(count, store, settled), 30, "the alarm to be settled")
        time.sleep(1)  # what would be said twice would be said by now
        gateway.stop()
    assert restarts(ear) == [command_id]
    with store.read() as session:
        alarm = session.get_one(Alarm, rows(store, "SELECT id FROM alarm")[0][0])
        assert session.get_one(Command, command_id).state == "acknowledged"
    outcomes = [json.loads(parameters)["outcome"] for (parameters,) in rows(
        store, "SELECT parameters FROM entry WHERE kind = 'remote_fix_tried'")]
    if cured:
        assert (alarm.fixed_by, alarm.ticket_id, outcomes) == ("command", None, [])
        # but for the operator's news that the gateway was away, where it takes long to start
        assert rows(store, "SELECT topic FROM notification WHERE topic NOT LIKE 'gateway_fault%'") == []
    else:
        assert count(store, "SELECT count(*) FROM ticket") == 1
        assert outcomes == ["confirmed"]
    assert gateway.validation_errors() == []

