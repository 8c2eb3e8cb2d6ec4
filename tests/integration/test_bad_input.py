"""Whatever is sent, it costs at most that one message: a dead letter or a counted drop, and no wrong alarm."""

import json
from typing import Any, NamedTuple

import pytest
from sqlmodel import select

from gateway.model import HOUR, DeadLetter, DeviceState
from gateway.store import Store
from tests.drivers.device_client import DeviceClient, device_client
from tests.drivers.load_check import count, rows
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.listener_in_process import clock, dropped, received, running_listener
from tests.fixtures.servers import Mosquitto, wait_until

HOT = '"values": {"flow_temp": 99}}'  # what must raise no alarm


class Bad(NamedTuple):
    what: str
    topic: str
    payload: bytes
    fate: str  # "dead: <part of the reason>", "drop: <reason>", "unclaimed: <key>", "kept" or "not heard"


def telemetry(what: str, payload: str | bytes, fate: str, device: str = "pump-0") -> Bad:
    return Bad(what, f"devices/{device}/telemetry", payload if isinstance(payload, bytes) else payload.encode(), fate)


def kinds() -> list[Bad]:
    now = clock()
    return [
        telemetry("not JSON", "flow_temp=99", "dead: JSON"),
        telemetry("JSON and then more", "{" + HOT + " }", "dead: JSON"),
        telemetry("an empty payload", b"", "dead: JSON"),
        telemetry("a list", "[99]", "dead: object"),
        telemetry("NaN", '{"values": {"flow_temp": NaN}}', "nothing"),
        telemetry("Infinity", '{"values": {"flow_temp": Infinity}}', "nothing"),
        telemetry("1e400", '{"values": {"flow_temp": 1e400}}', "nothing"),
        telemetry("10**400", f'{{"values": {{"flow_temp": {10**400}}}}}', "nothing"),
        telemetry("10,000 lists deep", '{"values": ' + "[" * 10_000 + "]" * 10_000 + "}", "dead: "),
        telemetry("10,000 objects deep", '{"values": ' + '{"a":' * 10_000 + "1" + "}" * 10_001, "dead: "),
        telemetry("never closed", "[" * 60_000, "dead: "),
        telemetry("a megabyte", '{"x": "' + "x" * 1_000_000 + '", ' + HOT, "dead: 65"),
        telemetry("invalid UTF-8", b'{"values": {"flow_temp": 99, "mode": "\xff\xfe"}}', "dead: JSON"),
        telemetry("half a surrogate", '{"values": {"flow_temp": 99, "mode": "\\ud800"}}', "dead: JSON"),
        telemetry("binary", bytes(range(256)), "dead: JSON"),
        telemetry("values as a list", '{"values": [99]}', "dead: values"),
        telemetry("no values", '{"flow_temp": 99}', "dead: values"),
        telemetry("a value as an object", '{"values": {"flow_temp": {"v": 99}}}', "dead: values.flow_temp"),
        telemetry("201 values", json.dumps({"values": {f"n{n}": n for n in range(201)}}), "dead: 200"),
        telemetry("seq 1.5", '{"seq": 1.5, ' + HOT, "dead: seq"),
        telemetry("seq 2**63", f'{{"seq": {2**63}, ' + HOT, "dead: seq"),
        telemetry("ts in words", '{"ts": "yesterday", ' + HOT, "dead: ts"),
        telemetry("ts true", '{"ts": true, ' + HOT, "dead: ts"),
        telemetry("ts -1", '{"ts": -1, ' + HOT, "dead: ts"),
        telemetry("ts 1e300", '{"ts": 1e300, ' + HOT, "dead: ts"),
        telemetry("ts without an offset", '{"ts": "2026-11-22T12:00:00", ' + HOT, "dead: ts"),
        telemetry("an hour ahead", f'{{"ts": {now + HOUR}, ' + HOT, "drop: future timestamp"),
        telemetry("years ahead", '{"ts": "9999-12-31T23:59:59Z", ' + HOT, "drop: future timestamp"),
        telemetry("years old", '{"ts": 1000, ' + HOT, "drop: ancient timestamp"),
        telemetry("text for a number", '{"seq": 7, "values": {"flow_temp": "99"}}', "kept"),
        telemetry("NUL in a text", '{"seq": 8, "values": {"mode": "a\\u0000b"}}', "kept"),
        telemetry("a stranger", "{" + HOT, "unclaimed: native:nobody", "nobody"),
        telemetry("a strange name", "{" + HOT, "unclaimed: native:%s'\" ü☃", "%s'\" ü☃"),
        Bad("an unknown topic", "devices/pump-0/nonsense", b'{"code": "E7"}', "not heard"),
        Bad("a level too many", "devices/pump-0/fault/now", b'{"code": "E7"}', "not heard"),
        Bad("a press without id", "devices/button-0a/press", b'{"kind": "single"}', "dead: id"),
        Bad("a press with NUL", "devices/button-0a/press", b'{"id": "a\\u0000b"}', "dead: id"),
        Bad("a press of a kind unknown", "devices/button-0a/press", b'{"id": "1", "kind": "squeeze"}', "dead: kind"),
        Bad("a press with too long an id", "devices/button-0a/press", b'{"id": "' + b"1" * 65 + b'"}', "dead: id"),
        Bad("a code that is a number", "devices/pump-0/fault", b'{"code": 7}', "dead: code"),
        Bad("active that is no truth", "devices/pump-0/fault", b'{"code": "E7", "active": "yes"}', "dead: active"),
        Bad("a state unknown", "devices/pump-0/status", b'{"state": "gone"}', "dead: state"),
        Bad("an answer to nothing", "devices/button-0a/ack", b'{"id": "M-00000000"}', "nothing"),
        Bad("another dialect's rubbish", "tele/x/SENSOR", b"{{{", "dead: JSON"),
        Bad("administration", "zigbee2mqtt/bridge/devices", b"[" * 100_000, "drop: bridge administration"),
    ]


def good(devices: DeviceClient, seq: int) -> None:
    devices.say(f"devices/pump-{seq % 2 + 1}/telemetry", {"ts": clock(), "seq": seq, "values": {"flow_temp": 40}})


@pytest.fixture
def village(both_stores: Store) -> Store:
    save_hundred_sites(both_stores, 3)
    return both_stores


def all_good(store: Store, number: int) -> bool:
    return count(store, "SELECT count(*) FROM reading WHERE device_id <> 'pump-0'") >= number


def test_every_kind_of_bad_message_costs_itself_and_nothing_else(
        village: Store, memory_only_mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]) -> None:
    bad = kinds()
    reasons = {kind.fate[6:] for kind in bad if kind.fate.startswith("drop: ")}
    before, seq = {reason: dropped(reason) for reason in reasons}, 0
    with device_client(memory_only_mosquitto.port) as devices, running_listener(village, memory_only_mosquitto.port):
        for kind in bad:
            for number in range(11):
                if number == 5:
                    devices.say(kind.topic, kind.payload)
                else:
                    good(devices, seq)
                    seq += 1
        wait_until(lambda: all_good(village, seq), 30, "every good message to be stored")
    assert rows(village, "SELECT device_id, seq FROM reading WHERE device_id <> 'pump-0' ORDER BY seq") == [
        (f"pump-{number % 2 + 1}", number) for number in range(seq)]
    assert_dead_letters(village, bad)
    assert {reason: dropped(reason) - before[reason] for reason in reasons} == {
        reason: sum(kind.fate == f"drop: {reason}" for kind in bad) for reason in reasons}
    assert sorted(rows(village, "SELECT key, messages FROM unclaimed")) == sorted(
        (kind.fate.removeprefix("unclaimed: "), 1) for kind in bad if kind.fate.startswith("unclaimed"))
    assert count(village, "SELECT count(*) FROM reading WHERE device_id = 'pump-0'") == sum(
        kind.fate == "kept" for kind in bad)
    for table in ("alarm", "ticket", "callback", "press", "notification", "command"):
        assert count(village, f"SELECT count(*) FROM {table}") == 0, table
    log = capsys.readouterr()
    assert "Traceback" not in log.out + log.err
    connections = (memory_only_mosquitto.directory / "mosquitto.log").read_text().count(" as gateway ")
    assert connections == 1, "the connection broke on the way"


def assert_dead_letters(store: Store, bad: list[Bad]) -> None:
    """Each has its letter, with the beginning of what was sent, its size, and the reason in words."""
    with store.read() as session:
        letters = {(letter.topic, bytes(letter.payload)): letter for letter in session.exec(select(DeadLetter))}
    dead = [kind for kind in bad if kind.fate.startswith("dead: ")]
    assert len(letters) == len(dead)
    for kind in dead:
        letter = letters[kind.topic, kind.payload[:4096]]
        assert kind.fate.removeprefix("dead: ") in letter.reason, (kind.what, letter.reason)
        assert letter.size == len(kind.payload), kind.what


def test_what_the_broker_retained_is_old_news(village: Store, memory_only_mosquitto: Mosquitto) -> None:
    old: dict[str, dict[str, Any]] = {
        "button-0a/press": {"id": "1"}, "pump-0/telemetry": {"values": {"flow_temp": 99}},
        "pump-0/fault": {"code": "E7"}}
    reasons = ("retained press", "retained telemetry", "retained fault without a time")
    before, heard = [dropped(reason) for reason in reasons], received()
    with device_client(memory_only_mosquitto.port) as devices:
        for topic, message in old.items():
            devices.say(f"devices/{topic}", message, retain=True)
        devices.flush()
        with running_listener(village, memory_only_mosquitto.port):
            good(devices, 0)
            wait_until(lambda: all_good(village, 1) and received() == heard + 4, 10)
    assert [dropped(reason) for reason in reasons] == [number + 1 for number in before]
    assert count(village, "SELECT count(*) FROM alarm") + count(village, "SELECT count(*) FROM callback") == 0
    assert rows(village, "SELECT topic FROM dead_letter") == []


def test_a_sequence_that_is_replayed_and_old_news_that_comes_late_change_no_newer_truth(
        village: Store, memory_only_mosquitto: Mosquitto) -> None:
    at = clock() - 60_000
    heat = [(at + 1000 * number, number, 40) for number in range(10)]
    late = [(at - 5000, 100, 99), (at - 4000, 101, 99)]
    with device_client(memory_only_mosquitto.port) as devices, running_listener(village, memory_only_mosquitto.port):
        for ts, seq, flow_temp in [*heat, *heat[:5], *late, *heat]:
            devices.say("devices/pump-1/telemetry", {"ts": ts, "seq": seq, "values": {"flow_temp": flow_temp}})
        good(devices, 1)
        wait_until(lambda: count(village, "SELECT count(*) FROM reading WHERE device_id = 'pump-2'") == 1, 10)
    found = rows(village, "SELECT at, seq FROM reading WHERE device_id = 'pump-1' ORDER BY at")
    assert found == [(ts, seq) for ts, seq, _ in [*late, *heat]]
    assert count(village, "SELECT count(*) FROM alarm") == 0
    with village.read() as session:
        state = session.get_one(DeviceState, "pump-1")
    assert json.loads(state.signals) == {"flow_temp": 40.0}
    assert state.data_at == at + 9000


def test_a_message_the_gateway_itself_cannot_process_is_a_dead_letter_and_those_beside_it_are_not(
        village: Store, memory_only_mosquitto: Mosquitto) -> None:
    with village.write() as session:
        session.get_one(DeviceState, "pump-0").signals = "{broken by hand"
    with device_client(memory_only_mosquitto.port) as devices:
        with running_listener(village, memory_only_mosquitto.port):
            pass  # from now on the broker keeps what is said: it comes as one batch
        for seq in range(50):
            good(devices, seq)
            if seq % 10 == 0:
                devices.say("devices/pump-0/telemetry", {"seq": seq, "values": {"flow_temp": 40}})
        devices.flush()
        with running_listener(village, memory_only_mosquitto.port):
            wait_until(lambda: all_good(village, 50), 20)
    letters = rows(village, "SELECT topic, reason FROM dead_letter")
    assert [topic for topic, _ in letters] == ["devices/pump-0/telemetry"] * 5
    assert all("the gateway failed on it" in reason for _, reason in letters)
    assert count(village, "SELECT count(*) FROM reading") == 50
