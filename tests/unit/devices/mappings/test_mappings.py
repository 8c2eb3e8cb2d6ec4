"""Mappings: a dialect that an operator writes in YAML reads what it says, and nothing that it does not."""

import json
from typing import Any

import pytest

from gateway.devices.dialects import DIALECTS, DialectRegistry, understand
from gateway.devices.mappings import Mapping, compile_mapping
from gateway.model.signals import FaultCode, Ignored, Presence, Press, Signal, Skipped, Telemetry, Undecodable
from tests.fixtures.payload_expectations import ABSENT, PAYLOADS, agrees
from tests.fixtures.pump_mapping import PUMP, one_message

KEY = "acme-pump:north/p1"
NOON = 1_788_264_000_000  # 2026-09-01T12:00:00Z


@pytest.fixture(scope="module")
def pump() -> Mapping:
    return compile_mapping(PUMP, "pump.yaml")


def hear(mapping: Mapping, what: str, payload: object, retained: bool = False) -> list[Signal]:
    """The signals in a message of north/p1, without those that only count."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return [signal for signal in mapping.decode(f"acme/north/p1/{what}", body, retained) if type(signal) is not Skipped]


def values(mapping: Mapping, payload: object, what: str = "state") -> dict[str, Any]:
    told = hear(mapping, what, payload)[0]
    assert isinstance(told, Telemetry)
    return {name: value for name, value in told.values.items() if name != "where"}


def reason(mapping: Mapping, what: str, payload: object) -> str:
    with pytest.raises(Undecodable) as caught:
        hear(mapping, what, payload)
    return str(caught.value)


# recorded messages

RECORDED = """\
mapping: bells
messages:
  - topic: home/{device}/state
    press: {kind: payload.event_type}
  - topic: home/{device}/available
    payload: text
    presence: 'payload == "online" ? "online" : "lost"'
  - topic: desk/{device}/state
    press: {kind: payload.Button1.Action}
examples:
  - {topic: home/a/state, payload: '{"event_type": "press"}', gives: {press: single}}
  - {topic: home/a/available, payload: offline, gives: {presence: lost}}
  - {topic: desk/a/state, payload: '{"Button1": {"Action": "DOUBLE"}}', gives: {press: double}}
"""


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason=ABSENT)
@pytest.mark.parametrize(("name", "expected"), [
    ("doorbell_press_duration.json", Press("bells:doorbell")),
    ("doorbell_hold.json", Press("bells:doorbell", "long")),
    ("doorbell_available.txt", Presence("bells:doorbell", "online")),
    ("tasmota_style_on_ha_topic.json", Press("bells:button")),
    ("ha_birth.txt", None),
])
def test_recorded_messages_mean_what_they_should(name: str, expected: Signal | None) -> None:
    file = PAYLOADS / "ha_mqtt" / name
    topic, spoken = file.with_suffix(".topic").read_text().strip(), DialectRegistry([compile_mapping(RECORDED,
                                                                                                     "bells.yaml")])
    if expected is None:
        with pytest.raises(Undecodable, match="no dialect reads this topic"):
            spoken.decode(topic, file.read_bytes())
    else:
        assert spoken.decode(topic, file.read_bytes()) == [expected]
        if isinstance(expected, Press):
            with pytest.raises(Ignored, match="retained press"):
                spoken.decode(topic, file.read_bytes(), retained=True)


def test_a_recorded_press_on_the_wrong_topic_is_refused_by_name() -> None:
    bells = compile_mapping(RECORDED, "bells.yaml")
    with pytest.raises(Undecodable, match=r"press\.kind: expected a value from .*, got no payload\.event_type"):
        bells.decode("home/doorbell/state", b'{"Button1": {"Action": "SINGLE"}}', False)


# what an expression says

@pytest.mark.parametrize(("payload", "expected"), [
    ({"t": 415}, {"flow_temp": 41.5}),
    ({"t": 41.5, "state": "on"}, {"flow_temp": 4.15, "pump": True}),
    ({"state": "off"}, {"pump": False}),
    ({"info": {"long-name": "Pump\x00 one"}}, {"name": "Pump  one"}),
    ({"list": [7, 8]}, {"first": 8.0}),
    ({"list": []}, {}),
    ({"list": {"0": 1}}, {}),
    ({"t": None, "info": {"long-name": None}}, {}),
    ({"t": "hot", "state": 7}, {"pump": False}),
    ({"t": 1e308, "info": {"long-name": [1]}}, {"flow_temp": 1e307}),
])
def test_values_are_computed_and_what_is_not_there_is_left_out(
    pump: Mapping, payload: object, expected: dict[str, Any]
) -> None:
    assert values(pump, payload) == expected


def test_what_has_no_value_is_counted_under_its_name(pump: Mapping) -> None:
    payload = b'{"t": 415, "time": "2026-09-01T12:00:00Z", "err": 0, "errors": []}'
    heard = pump.decode("acme/north/p1/state", payload, False)
    assert [signal.reason for signal in heard if isinstance(signal, Skipped)] == [
        f"mapping acme-pump: no value for {name}" for name in (
            "telemetry.pump", "telemetry.name", "telemetry.first", "battery")]


@pytest.mark.parametrize(("source", "payload", "expected"), [
    ("payload.a == 1 || payload.b == 2", {"b": 2}, True),
    ("has(payload.a) ? payload.a : 5", {}, 5.0),
    ("has(payload.a.b) && payload.a.b > 1", {"a": {"b": 2}}, True),
    ("has(payload.a.b)", {"a": 7}, False),
    ("has(payload.a)", {"a": None}, True),
    ("double(payload.a) + 1", {"a": "2.5"}, 3.5),
    ("string(payload.a) + device", {"a": 2}, "21"),
    ("{\"2\": \"two\"}[string(payload.a)]", {"a": 2}, "two"),
    ("payload.a[1].b in [7, 0x08]", {"a": [0, {"b": 8}]}, True),
    ("payload.a == [1, 2]", {"a": [1, 2]}, True),
    ("payload.a == {\"b\": 1}", {"a": {"b": 1}}, True),
    ("payload.a + 007", {"a": 2}, 9.0),
    ("-payload.a - 1 // minus one", {"a": 2}, -3.0),
    ("payload.a.startsWith(\"pay\") && payload.b.matches(\"^l.*d$\")", {"a": "payload.a", "b": "load"}, True),
    ("payload[\"payload\"]", {"payload": 3}, 3.0),
    ("payload.payload", {"payload": 3}, 3.0),
    ("payload.device == device", {"device": "1"}, True),
    ("9223372036854775807 > payload.a", {"a": 2**53}, True),
])
def test_an_expression_may_say(source: str, payload: object, expected: object) -> None:
    mapping = one_message(f"telemetry: {{x: {json.dumps(source)}}}", f"payload: {json.dumps(payload)}, "
                          f"gives: {{telemetry: {{x: {json.dumps(expected)}}}}}")
    told = mapping.EXAMPLES[0][3]
    assert isinstance(told, tuple)
    assert agrees(told, (Telemetry("m:1", {"x": expected}),))  # type: ignore[dict-item]


@pytest.mark.parametrize(("payload", "said"), [
    ({"x": 1}, "battery: expected a value from payload.bat, got no payload.bat"),
    ({"bat": "full"}, "battery: expected a number (per cent) from payload.bat, got 'full'"),
    ({"errors": 7}, "faults.E8: expected a value from 8 in payload.errors, got payload.errors = 7"),
    ([1], "payload: expected a JSON object, got a list"),
    ({"list": ["a"]}, "telemetry.first: expected a value from payload.list[0] + 1, got payload.list[0] = 'a'"),
    ({"errors": list(range(201))}, "faults.E8: expected at most 200 values and 16 levels in what is named, got more"),
])
def test_a_message_of_which_nothing_is_understood_is_refused_by_expression(payload: object, said: str) -> None:
    lone = {"bat": "battery: payload.bat", "errors": "faults: {E8: 8 in payload.errors}",
            "list": "telemetry: {first: 'payload.list[0] + 1'}"}
    part = next((written for name, written in lone.items() if name in payload), lone["bat"])  # type: ignore[operator]
    mapping = one_message(part, "payload: '', refused: undecodable")
    with pytest.raises(Undecodable) as caught:
        mapping.decode("m/1", json.dumps(payload).encode(), False)
    assert str(caught.value) == said


def test_a_time_alone_is_no_message_understood() -> None:
    mapping = one_message("at: payload.ts, telemetry: {x: payload.x}", "payload: {x: 1}, gives: {telemetry: {x: 1}}")
    with pytest.raises(Undecodable, match=r"telemetry\.x: expected a value from payload\.x, got no payload\.x"):
        mapping.decode("m/1", b'{"ts": 1788264000}', False)


def test_a_division_by_nothing_is_no_number() -> None:
    mapping = one_message("telemetry: {x: payload.a / payload.b, y: payload.a}",
                          "payload: {a: 1, b: 0}, gives: {telemetry: {y: 1}}")
    assert Skipped("m:1", "mapping m: no value for telemetry.x") in mapping.EXAMPLES[0][3]  # type: ignore[operator]


def test_a_message_is_flattened_whole_when_all_of_it_is_telemetry(pump: Mapping) -> None:
    assert values(pump, {"a": {"b-c": 1}, "d": "x", "e": None, "f": [1]}, "everything") == {"a_b_c": 1.0, "d": "x"}
    assert hear(pump, "everything", {"a": None}) == [Presence(KEY, "online")]


@pytest.mark.parametrize(("written", "at"), [
    ("2026-09-01T14:00:00+02:00", NOON), (NOON, NOON), (NOON // 1000, NOON), (NOON / 1000 + 0.25, NOON + 250),
    ("2026-09-01T12:00:00", None), ("soon", None), (3600, None), (True, None), (None, None), ([], None), (1e300, None),
])
def test_a_time_is_rfc_3339_or_a_count_since_1970_and_anything_else_is_none(
    pump: Mapping, written: object, at: int | None
) -> None:
    told = hear(pump, "state", {"t": 1, "time": written})[0]
    assert isinstance(told, Telemetry)
    assert told.at == at


# presses, faults, presence

@pytest.mark.parametrize(("click", "expected"), [
    ({"kind": "press"}, Press(KEY)),
    ({"kind": "DOUBLE", "n": 7}, Press(KEY, "double", "7")),
    ({"kind": "long_press", "n": "a-7"}, Press(KEY, "long", "a-7")),
    ({"kind": "single", "n": 1788264000123}, Press(KEY, "single", "1788264000123")),
    ({"kind": "single", "n": ""}, Press(KEY)),
    ({"kind": "single", "n": [7]}, Press(KEY)),
    ({"kind": "single", "n": "x" * 65}, Press(KEY)),
    ({"kind": None}, Presence(KEY, "online")),
    ({}, Presence(KEY, "online")),
])
def test_a_click_word_is_a_press_and_its_id_is_kept(pump: Mapping, click: object, expected: Signal) -> None:
    assert hear(pump, "button", {"click": click}) == [expected]


def test_a_word_that_is_no_click_is_no_press(pump: Mapping) -> None:
    assert reason(pump, "button", {"click": {"kind": "release"}}) == (
        "press.kind: expected single, double, long or a word for one from payload.click.kind, got 'release'")


def test_a_retained_press_is_ignored(pump: Mapping) -> None:
    with pytest.raises(Ignored, match="retained press"):
        hear(pump, "button", {"click": {"kind": "press"}}, retained=True)


def test_a_press_without_conditions_is_any_message_on_its_topic() -> None:
    mapping = one_message("payload: text, press: {}", "payload: whatever, gives: {press: single}")
    assert mapping.decode("m/1", b"", False) == [Press("m:1")]


def test_a_fault_begins_and_ends_as_its_expression_says(pump: Mapping) -> None:
    begun, over = (hear(pump, "state", {"err": err, "errors": errors})[1:] for err, errors in ((7, []), (0, [8])))
    assert begun == [FaultCode(KEY, "E7"), FaultCode(KEY, "E8", False)]
    assert over == [FaultCode(KEY, "E7", False), FaultCode(KEY, "E8")]


def test_a_low_battery_is_a_fault(pump: Mapping) -> None:
    assert hear(pump, "state", {"bat": 5})[1:] == [FaultCode(KEY, "battery_low", True, None, "battery 5 %")]
    assert hear(pump, "state", {"bat": 15})[1:] == []


def test_a_retained_fault_counts_only_with_a_time() -> None:
    mapping = one_message("at: payload.ts, faults: {wet: payload.wet}",
                          "payload: {wet: true}, gives: {faults: {wet: true}}")
    with pytest.raises(Ignored, match="retained fault without a time"):
        mapping.decode("m/1", b'{"wet": true}', True)
    assert mapping.decode("m/1", b'{"wet": true, "ts": 1788264000}', True) == [FaultCode("m:1", "wet", True, NOON)]


@pytest.mark.parametrize(("word", "state"), [
    (b"up", "online"), (b"down", "lost"), (b"bye", "stopped"), (b"zzz", "sleeping"), (b"?", "unknown"),
    (b"", "removed"),
])
def test_all_that_offline_may_mean_can_be_said(pump: Mapping, word: bytes, state: str) -> None:
    for retained in (False, True):
        assert hear(pump, "link", word, retained) == [Presence(KEY, state)]


def test_a_presence_nobody_knows_is_refused(pump: Mapping) -> None:
    assert "got payload = 'sideways'" in reason(pump, "link", b"sideways")
    mapping = one_message("payload: text, presence: payload", "payload: lost, gives: {presence: lost}")
    with pytest.raises(Undecodable, match=r"presence: expected online or lost or stopped or .*, got 'gone'"):
        mapping.decode("m/1", b"gone", False)


@pytest.mark.parametrize("nothing", [b"nan", b"", b"null"])
def test_a_number_that_is_none_is_a_sign_of_life(pump: Mapping, nothing: bytes) -> None:
    assert hear(pump, "level", nothing) == [Presence(KEY, "online")]


# topics and keys

def test_the_address_is_made_of_the_topic_as_the_key_says() -> None:
    fixed = compile_mapping("mapping: m\nkey: roof\n"
                            "messages:\n  - {topic: sun/power, payload: number, telemetry: {power: payload}}\n"
                            "examples:\n  - {topic: sun/power, payload: 7, gives: "
                            "{device: roof, telemetry: {power: 7}}}\n", "m.yaml")
    assert fixed.FILTERS == ("sun/power",)
    assert compile_mapping(PUMP, "p.yaml").FILTERS[0] == "acme/+/+/state"
    assert fixed.key_of("sun/power") == "m:roof"


@pytest.mark.parametrize("topic", ["acme/a\x00b/p1/state", f"acme/{'x' * 130}/p/state", "acme/a\nb/p1/state", "other"])
def test_an_address_nobody_could_print_is_refused(pump: Mapping, topic: str) -> None:
    with pytest.raises(Undecodable, match=r"^topic: expected"):
        pump.decode(topic, b'{"t": 1}', False)


def test_a_mapping_goes_before_the_built_in_dialects() -> None:
    own = compile_mapping("mapping: mine\nmessages:\n  - {topic: 'tele/{device}/SENSOR', telemetry: all}\nexamples:\n"
                          "  - {topic: tele/a/SENSOR, payload: {a: 1}, gives: {telemetry: {a: 1}}}\n", "mine.yaml")
    spoken = understand([dialect.NAME for dialect in DIALECTS], (own,))
    assert (spoken.name_of("tele/a/SENSOR"), spoken.name_of("tele/a/STATE")) == ("mine", "tasmota")
