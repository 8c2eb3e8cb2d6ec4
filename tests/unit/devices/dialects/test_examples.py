"""Each dialect keeps its examples, and nothing that comes over the air can make one do anything else."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.devices import dialects
from gateway.devices.dialects import jsonread, native
from gateway.model.signals import Notes, Presence, Press, PressAnswer, Signal, Telemetry, Undecodable
from gateway.model.states import PressReply
from tests.fixtures.payload_expectations import agrees

ENABLED = tuple(dialect.NAME for dialect in dialects.DIALECTS)
SPOKEN = dialects.understand(ENABLED)
EXAMPLES = [example for dialect in dialects.DIALECTS for example in dialect.EXAMPLES]
NOON = 1_788_264_000_000  # 2026-09-01T12:00:00Z


def decode(topic: str, payload: bytes, retained: bool = False) -> Sequence[Signal]:
    return SPOKEN.decode(topic, payload, retained)


def reason(topic: str, payload: bytes) -> str:
    with pytest.raises(Undecodable) as caught:
        decode(topic, payload)
    return str(caught.value)


@pytest.mark.parametrize("dialect", dialects.DIALECTS, ids=ENABLED)
def test_every_example_holds(dialect: dialects.Dialect) -> None:
    kept: dict[str, Notes] = {}  # the examples of a dialect that remembers are one story
    for number, (topic, payload, retained, expected) in enumerate(dialect.EXAMPLES):
        notes = {source: kept.setdefault(source, Notes()) for source in SPOKEN.sources(topic)}
        if isinstance(expected, type):
            with pytest.raises(expected):
                SPOKEN.decode(topic, payload, retained, notes)
        else:
            got = SPOKEN.decode(topic, payload, retained, notes)
            assert agrees(got, expected), f"example {number} on {topic}: {got}"


@pytest.mark.parametrize("dialect", dialects.DIALECTS, ids=ENABLED)
def test_every_example_is_read_by_its_own_dialect(dialect: dialects.Dialect) -> None:
    assert all(SPOKEN.of(topic) is dialect for topic, *_ in dialect.EXAMPLES)


# who reads what

def test_a_dialect_that_is_not_enabled_reads_nothing() -> None:
    assert dialects.understand(("native",)).filters == list(native.FILTERS)
    with pytest.raises(Undecodable, match="no dialect reads this topic"):
        dialects.understand(("native", "shelly")).decode("tele/cellar/LWT", b"Online", True)


def test_a_zigbee_device_named_online_is_no_shelly() -> None:
    assert decode("zigbee2mqtt/online", b'{"contact":null}') == (Presence("zigbee2mqtt:online", "online"),)
    assert decode("shelly1-ab/online", b"true") == (Presence("shelly:shelly1-ab", "online", bridge=True),)


@pytest.mark.parametrize("topic", ["devices/hp-17/command", "devices/hp-17", "$SYS/online", "home/x/telemetry", ""])
def test_a_topic_that_nobody_reads_is_undecodable(topic: str) -> None:
    assert "no dialect reads this topic" in reason(topic, b"{}")


def test_the_address_comes_from_the_topic_whatever_the_payload_claims() -> None:
    forged = b'{"src":"shelly1-neighbour","method":"NotifyStatus","params":{"ts":1788264000,"sys":{"uptime":1}}}'
    assert decode("shelly1-mine/events/rpc", forged)[0].key == "shelly:shelly1-mine"


@pytest.mark.parametrize("name", ["", "x" * 129, "a\nb", "a\x00b", "a\u202eb"])
def test_an_address_nobody_could_print_is_refused(name: str) -> None:
    for topic in (f"devices/{name}/press", f"tele/{name}/STATE", f"{name}/events/rpc", f"zigbee2mqtt/{name}"):
        assert "device address" in reason(topic, b"{}")


# what is said back

def test_a_native_press_is_answered_on_its_command_topic() -> None:
    said = PressAnswer(PressReply.CALLBACK_SCHEDULED, NOON)
    answer = dialects.reply_to_press("native:door 3", "b7-0001", said, "M-4F7QK2M9", NOON)
    assert answer is not None
    assert answer[0] == "devices/door 3/command"
    assert json.loads(answer[1]) == {"id": "M-4F7QK2M9", "type": "press", "press_id": "b7-0001",
                                     "state": "callback_scheduled", "callback_by": NOON, "expires_at": NOON}


@pytest.mark.parametrize(("said", "fields"), [
    (PressAnswer(PressReply.CALLBACK_CLOSED), {}),
    (PressAnswer(PressReply.COMING, who="Dana Meier"), {"who": "Dana Meier"}),
    (PressAnswer(PressReply.TEST_HEARD, battery=0), {"battery": 0}),
    (PressAnswer(PressReply.ANSWERED, text="Power cut in Wiesental"), {"text": "Power cut in Wiesental"}),
])
def test_an_answer_has_only_the_fields_that_are_known(said: PressAnswer, fields: dict[str, Any]) -> None:
    answer = dialects.reply_to_press("native:door", "b7-0001", said, "M-1", NOON)
    assert answer is not None
    assert json.loads(answer[1]) == {"id": "M-1", "type": "press", "press_id": "b7-0001", "state": said.state,
                                     "expires_at": NOON, **fields}


@pytest.mark.parametrize(("key", "kind", "params", "topic", "payload"), [
    ("native:hp-17", "restart", {"delay_s": 3}, "devices/hp-17/command",
     {"id": "M-1", "type": "restart", "expires_at": NOON, "delay_s": 3}),
    ("tasmota:boiler", "Restart", {"payload": "1"}, "cmnd/boiler/Restart", 1),
    ("shelly:shellyplus1-cafe", "Shelly.Reboot", {"delay_ms": 500}, "shellyplus1-cafe/rpc",
     {"id": "M-1", "src": "gateway", "method": "Shelly.Reboot", "params": {"delay_ms": 500}}),
    ("zigbee2mqtt:attic/valve", "set", {"state": "OFF"}, "zigbee2mqtt/attic/valve/set", {"state": "OFF"}),
])
def test_a_device_is_told_to_do_something_in_its_own_way(key: str, kind: str, params: dict[str, Any], topic: str,
                                                         payload: Any) -> None:
    told = dialects.command(key, kind, params, "M-1", NOON)
    assert told is not None
    assert (told[0], json.loads(told[1])) == (topic, payload)


@pytest.mark.parametrize("key", ["flic:door", "esphome:hall", "nobody:x", "native:#", "tasmota:a+b"])
def test_a_device_that_takes_no_commands_is_told_nothing(key: str) -> None:
    assert dialects.command(key, "restart", {}, "M-1", NOON) is None


def test_only_the_native_dialect_confirms_a_command() -> None:
    assert dialects.confirms("native:hp-17")
    assert not dialects.confirms("tasmota:boiler")


@pytest.mark.parametrize("key", ["tasmota:hall", "shelly:shelly1-ab", "zigbee2mqtt:gran"])
def test_a_dialect_without_commands_is_not_answered(key: str) -> None:
    assert dialects.reply_to_press(key, "1", PressAnswer(PressReply.COMING), "M-1", NOON) is None


# presses, and what only looks like one

def test_two_shelly_pushes_in_one_message_are_two_presses() -> None:
    events = [{"component": f"input:{n}", "event": "single_push", "ts": 1788264000.25} for n in (0, 1)]
    body = {"method": "NotifyEvent", "params": {"ts": 1788264000.25, "events": events}}
    presses = decode("shelly1-ab/events/rpc", json.dumps(body).encode())
    assert [press.press_id for press in presses if isinstance(press, Press)] == [
        "input:0@1788264000.25", "input:1@1788264000.25"]


# times and numbers

@pytest.mark.parametrize("ts", [b"-1", b"true", b'"yesterday"', b'"2026-09-01T12:00:00"', b"1e20",
                                b"253402300800000", b"[]", b'"' + b"9" * 5000 + b'"'])
def test_a_native_time_that_cannot_be_one_is_refused_by_name(ts: bytes) -> None:
    assert reason("devices/hp-17/telemetry", b'{"ts":' + ts + b',"values":{"a":1}}').startswith("ts: expected")


def test_messages_of_one_moment_stay_apart_and_a_repeated_one_does_not() -> None:
    one, other = b'{"ts":1788264000000,"values":{"a":1}}', b'{"ts":1788264000000,"values":{"a":2}}'
    seqs = [signal.seq for payload in (one, other, one) for signal in decode("devices/hp-17/telemetry", payload)
            if isinstance(signal, Telemetry)]
    assert seqs[0] == seqs[2] != seqs[1]


def test_names_become_such_as_a_rule_can_say() -> None:
    assert [jsonread.flat_name(name) for name in ("switch:0", "2nd", "Δp", "", "ok_1")] == [
        "switch_0", "_2nd", "_p", "_", "ok_1"]


def test_long_and_unprintable_texts_are_tidied() -> None:
    payload = json.dumps({"a": "x" * 300, "b": "one\x00two\n"}).encode()
    assert jsonread.flatten(jsonread.read_object(payload)) == {"a": "x" * 256, "b": "one two "}


def test_more_fields_or_longer_names_than_anyone_needs_are_refused() -> None:
    many = json.dumps({"values": {f"v{n}": n for n in range(201)}}).encode()
    split = json.dumps({f"v{n}": {str(m): m for m in range(50)} for n in range(5)}).encode()
    assert "at most 200 fields" in reason("devices/hp-17/telemetry", many)
    assert "at most 200 fields" in reason("zigbee2mqtt/attic", split)
    assert "field name" in reason("zigbee2mqtt/attic", json.dumps({"n" * 60_000: 1}).encode())


def test_a_reason_never_prints_the_inside_of_a_long_value() -> None:
    said = reason("devices/hp-17/fault", json.dumps({"code": "secret " * 1000}).encode())
    assert len(said) < 200


# nothing else can come out: see also tests/unit/devices/dialects/test_fuzz.py

@pytest.mark.parametrize("payload", [b"", b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"a":"\\ud800"}', b"null", b"[]", b"{",
                                     b'{"a":1}{"a":2}', b"\x00"])
@pytest.mark.parametrize("topic", ["devices/hp-17/telemetry", "devices/door 3/press", "tele/cellar/SENSOR",
                                   "shelly1-ab/events/rpc"])
def test_what_is_no_json_object_is_undecodable(topic: str, payload: bytes) -> None:
    assert reason(topic, payload).startswith("payload: expected")


class Clumsy:
    """A dialect with a fault of its own."""

    NAME = "clumsy"
    FILTERS: tuple[str, ...] = ("clumsy/+",)
    EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = ()

    def decode(self, topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
        raise ZeroDivisionError


def test_a_fault_in_a_dialect_costs_one_message_and_says_which_dialect() -> None:
    with pytest.raises(Undecodable, match=r"clumsy could not read this message \(ZeroDivisionError\)"):
        dialects.DialectRegistry([Clumsy()]).decode("clumsy/1", b"{}")
