"""Each dialect keeps its examples, and nothing that comes over the air can make one do anything else."""

import json
import math
import random
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import dialects
from gateway.dialects import jsonread, native, zigbee2mqtt
from gateway.dialects.signals import Ack, FaultCode, Ignored, Presence, Press, Signal, Telemetry, Undecodable
from tests.payload_expectations import agrees

ENABLED = tuple(dialect.NAME for dialect in dialects.DIALECTS)
SPOKEN = dialects.understand(ENABLED)
EXAMPLES = [example for dialect in dialects.DIALECTS for example in dialect.EXAMPLES]
TOPICS = sorted({topic for topic, *_ in EXAMPLES})
NOON = 1_788_264_000_000  # 2026-09-01T12:00:00Z


def decode(topic: str, payload: bytes, retained: bool = False) -> Sequence[Signal]:
    return SPOKEN.decode(topic, payload, retained)


def reason(topic: str, payload: bytes) -> str:
    with pytest.raises(Undecodable) as caught:
        decode(topic, payload)
    return str(caught.value)


@pytest.mark.parametrize(("topic", "payload", "retained", "expected"), EXAMPLES,
                         ids=[f"{topic}-{number}" for number, (topic, *_) in enumerate(EXAMPLES)])
def test_every_example_holds(
    topic: str, payload: bytes, retained: bool, expected: tuple[Signal, ...] | type[Exception]
) -> None:
    if isinstance(expected, type):
        with pytest.raises(expected):
            decode(topic, payload, retained)
    else:
        got = decode(topic, payload, retained)
        assert agrees(got, expected), got


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
    assert decode("shelly1-ab/online", b"true") == (Presence("shelly:shelly1-ab", "online"),)


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
    answer = dialects.reply_to_press("native:door 3", "b7-0001", "callback_scheduled", NOON, "M-4F7QK2M9")
    assert answer is not None
    assert answer[0] == "devices/door 3/command"
    assert json.loads(answer[1]) == {"id": "M-4F7QK2M9", "type": "press", "press_id": "b7-0001",
                                     "state": "callback_scheduled", "callback_by": NOON}


def test_a_reply_without_a_time_or_command_id_says_neither() -> None:
    answer = dialects.reply_to_press("native:door", "b7-0001", "received", None)
    assert answer is not None
    assert json.loads(answer[1]) == {"id": "b7-0001", "type": "press", "press_id": "b7-0001", "state": "received"}


@pytest.mark.parametrize("key", ["tasmota:hall", "shelly:shelly1-ab", "zigbee2mqtt:gran"])
def test_a_dialect_without_commands_is_not_answered(key: str) -> None:
    assert dialects.reply_to_press(key, "1", "received", None) is None


# presses, and what only looks like one

@pytest.mark.parametrize(("action", "kind"), [
    ("single", "single"), ("double", "double"), ("hold", "long"), ("long", "long"), ("single_left", "single"),
    ("button_3_hold", "long"), ("1_double", "double"), ("many", "double"),
    ("", None), ("on", None), ("off", None), ("release", None), ("hold_release", None), ("brightness_step_up", None),
    ("rotate_left", None), ("left", None), ("single_double", None), ("single" * 20, None),
])
def test_only_a_known_click_word_is_a_press(action: str, kind: str | None) -> None:
    assert zigbee2mqtt.click(action) == kind


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


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e400", b"-1e400", b"1" + b"0" * 400])
def test_a_number_that_is_none_is_refused_in_every_dialect(number: bytes) -> None:
    shelly = b'{"method":"NotifyStatus","params":{"ts":1788264000,"em:0":{"a":%b}}}' % number
    for topic, payload in (("devices/hp-17/telemetry", b'{"values":{"a":%b}}' % number),
                           ("tele/cellar/SENSOR", b'{"X":{"a":%b}}' % number), ("shelly1-ab/events/rpc", shelly),
                           ("zigbee2mqtt/attic", b'{"a":%b}' % number)):
        assert "expected JSON" in reason(topic, payload)


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


# nothing else can come out

@pytest.mark.parametrize("topic", [topic for topic in TOPICS if "/set" not in topic and "/get" not in topic])
def test_a_megabyte_and_ten_thousand_levels_are_refused_quickly(topic: str) -> None:
    for payload in (b'{"a":"' + b"x" * 1_000_000 + b'"}', b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"[" * 10_000,
                    b'{"values":' + b'{"a":' * 1000 + b"1" + b"}" * 1001):
        spent = []
        for _ in range(3):
            begun = perf_counter()
            with pytest.raises((Undecodable, Ignored)):
                decode(topic, payload)
            spent.append(perf_counter() - begun)
        assert min(spent) < 0.010


@pytest.mark.parametrize("payload", [b"", b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"a":"\\ud800"}', b"null", b"[]", b"{",
                                     b'{"a":1}{"a":2}', b'{"a":1e999}', b"\x00"])
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
        dialects.Spoken([Clumsy()]).decode("clumsy/1", b"{}")


WORDS = ("ts", "seq", "values", "id", "kind", "code", "active", "text", "state", "until", "ok", "Time", "Epoch",
         "DeepSleep", "Button1", "Action", "SINGLE", "method", "NotifyStatus", "NotifyFullStatus", "NotifyEvent",
         "params", "events", "component", "event", "single_push", "errors", "switch:0", "action", "single",
         "last_seen", "type", "device_leave", "data", "friendly_name", "online", "2026-09-01T12:00:00Z")
LEAVES = (st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=True)
          | st.sampled_from(WORDS) | st.text(max_size=8))
BODIES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4)
                      | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=6), max_leaves=20)


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(body=BODIES, raw=st.binary(max_size=40), retained=st.booleans())
def test_whatever_the_payload_says_only_signals_or_a_reason_come_out(body: Any, raw: bytes, retained: bool) -> None:
    for topic in TOPICS:
        for payload in (json.dumps(body).encode(), raw):
            assert_sound(topic, payload, retained)


def test_ten_thousand_broken_examples_yield_only_signals_or_a_reason() -> None:
    dice = random.Random(20260901)
    for number in range(10_000):
        topic, payload, _, _ = EXAMPLES[number % len(EXAMPLES)]
        spoil = bent if number % 2 and payload[:1] == b"{" and payload[-1:] == b"}" else broken
        assert_sound(topic, spoil(payload[:2000], dice), dice.random() < 0.2)


ODD: tuple[Any, ...] = (None, True, 0, -1, 2**63, 1e308, "", "x" * 300, "\x00\ud7ff", [], [{}], {}, {"state": []},
                        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", 1788264000, 1788264000.5)


def bent(payload: bytes, dice: random.Random) -> bytes:
    """The JSON with one field somewhere given an odd value, taken out, or repeated under another name."""
    try:
        body = json.loads(payload)
    except ValueError:
        return broken(payload, dice)
    part = body
    while True:
        name = dice.choice(list(part)) if isinstance(part, dict) else dice.randrange(len(part))
        if not isinstance(part[name], dict | list) or not part[name] or dice.random() < 0.3:
            break
        part = part[name]
    if isinstance(part, dict) and dice.random() < 0.3:
        part[dice.choice(WORDS)] = part.pop(name)
    else:
        part[name] = dice.choice(ODD)
    return json.dumps(body).encode()


def broken(payload: bytes, dice: random.Random) -> bytes:
    """The payload with one to three bytes changed, dropped, doubled or replaced by another example's piece."""
    data = bytearray(payload)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(4):
            case 0:
                data[at:at + 1] = bytes([dice.randrange(256)])
            case 1:
                del data[at:at + dice.randint(1, 6)]
            case 2:
                data[at:at] = data[at:at + 8]
            case _:
                piece = dice.choice(EXAMPLES)[1][:2000]
                data[at:at] = piece[dice.randrange(len(piece) + 1):][:12]
    return bytes(data)


def assert_sound(topic: str, payload: bytes, retained: bool) -> None:
    dialect = SPOKEN.of(topic)
    assert dialect is not None
    try:
        signals = dialect.decode(topic, payload, retained)  # without the catch-all in front: it must not be needed
    except (Undecodable, Ignored) as caught:
        signals, why = (), str(caught)
    else:
        why = ""
    assert bool(signals) != (0 < len(why) < 300)
    for signal in signals:
        assert isinstance(signal, Telemetry | Press | FaultCode | Presence | Ack)
        assert signal.key.startswith(f"{dialect.NAME}:")
        if isinstance(signal, Telemetry):
            assert signal.values
            assert all(type(value) in (bool, str) or (type(value) is float and math.isfinite(value))
                       for value in signal.values.values())
            assert 0 <= signal.seq < 2**63
        if not isinstance(signal, Ack):
            assert signal.at is None or (type(signal.at) is int and 0 <= signal.at < jsonread.YEAR_10000)
        if isinstance(signal, Press):
            assert not retained
            assert signal.kind in ("single", "double", "long")
            assert signal.press_id is None or 0 < len(signal.press_id) <= 64
