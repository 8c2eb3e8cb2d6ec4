"""Mappings: every mistake in one is named by line, and all of them at once."""

from pathlib import Path

import pytest

from gateway.config.profiles_and_mappings import load_mappings
from gateway.devices.mappings import BadMapping, compile_mapping
from tests.fixtures.pump_mapping import PUMP

BAD = [
    ("mapping: acme-pump", "mapping: Acme", 1, "mapping: 'Acme' — expected 1 to 32 small letters, digits and hyphens"),
    ("mapping: acme-pump", "maping: acme-pump", 1, "maping: no such field — did you mean 'mapping'?"),
    ("mapping: acme-pump", "mapping[1]: acme-pump", 1, "mapping[1]: no such field — did you mean 'mapping'?"),
    ("mapping: acme-pump\n", "", 1, "mapping is missing — expected a value"),
    ('"{site}/{device}"', '"{site}-{device}"', 2, "key: '{site}-{device}' — expected a whole level between slashes to"),
    ('"{site}/{device}"', "7", 2, "key: 7 — expected names of the topics, e.g. {site}/{device}"),
    ('"{site}/{device}"', '"{plant}/{device}"', 4, "messages[0].topic: 'acme/{site}/{device}/state' has no {plant} — "),
    ("acme/{site}/{device}/state", "acme/{site}/+/state", 4, "messages[0].topic: 'acme/{site}/+/state' — expected {na"),
    ("acme/{site}/{device}/state", "acme/#/{device}/state", 4, "messages[0].topic: 'acme/#/{device}/state' — expected"),
    ("acme/{site}/{device}/state", "$SYS/{site}/{device}", 4, "messages[0].topic: '$SYS/{site}/{device}' — expected a"),
    ("acme/{site}/{device}/state", "acme/{in}/{device}/state", 4, "messages[0].topic: 'acme/{in}/{device}/state' — ex"),
    ("acme/{site}/{device}/state", "a/{payload}/{device}", 4, "messages[0].topic: 'a/{payload}/{device}' — expected a"),
    ("acme/{site}/{device}/state", "a/{site}/{site}", 4, "messages[0].topic: 'a/{site}/{site}' — expected each name o"),
    ("acme/{site}/{device}/state", "acme/{site}/{device}/link", 21, "messages[2].topic: 'acme/{site}/{device}/link' —"),
    ("acme/{site}/{device}/state", "acme/{site}/p1/{device}", 16, "messages[1].topic: 'acme/{site}/{device}/button' —"),
    ("acme/{site}/{device}/state", '""', 4, "messages[0].topic: '' — expected 1 to 200 printable characters"),
    ("payload.t / 10", "payload.t / ", 7, "messages[0].telemetry.flow_temp: 'payload.t /' — expected a CEL expression"),
    ("payload.t / 10", "paylod.t / 10", 7, "messages[0].telemetry.flow_temp: 'paylod.t / 10' names 'paylod' (column 1)"
     ", which is neither the payload nor in the topic — did you mean 'payload'?"),
    ("kind: payload.click.kind", "kind: long", 19, "messages[1].press.kind: 'long' names 'long' (column 1), which is "
     "neither the payload nor in the topic — expected one of device, payload, site, or a text in quotes"),
    ("payload.t / 10", "payload.t % 10", 7, "messages[0].telemetry.flow_temp: 'payload.t % 10' uses % — expected comp"),
    ("payload.t / 10", "size(payload.t)", 7, "messages[0].telemetry.flow_temp: 'size(payload.t)' uses size() — expect"),
    ("payload.t / 10", "payload.l.exists(x, x > 1)", 7, "messages[0].telemetry.flow_temp: 'payload.l.exists(x, x > 1)"),
    ("payload.t / 10", "has(payload[site].t)", 7, "messages[0].telemetry.flow_temp: 'has(payload[site].t)' asks has()"),
    ("payload.t / 10", "payload.t.matches(payload.p)", 7, "messages[0].telemetry.flow_temp: 'payload.t.matches(payloa"),
    ("payload.t / 10", "'{7: \"a\"}[payload.t]'", 7, "messages[0].telemetry.flow_temp: '{7: \"a\"}[payload.t]' has th"),
    ("payload.t / 10", "1" + " + 1" * 250, 7, "messages[0].telemetry.flow_temp: an expression of 1001 characters — ex"),
    ("payload.t / 10", "7", 7, "messages[0].telemetry.flow_temp: 7 — expected text"),
    ("flow_temp:", "flow-temp:", 7, "messages[0].telemetry.flow-temp: 'flow-temp' — expected a name of 1 to 64 letter"),
    ("telemetry: all", "telemetry: everything", 25, "messages[3].telemetry: 'everything' — expected names with expres"),
    ("    telemetry: all\n", "", 24, "messages[3]: {'topic': 'acme/{site}/{device}/everything'} — says nothing — expe"),
    ("payload: text\n", "payload: xml\n", 22, "messages[2].payload: 'xml' — expected 'json', 'text' or 'number'"),
    ("battery:", "batery:", 15, "messages[0].batery: no such field — did you mean 'battery'?"),
    ("when:", "wenn:", 18, "messages[1].press.wenn: no such field — did you mean 'when'?"),
    ("flow_temp: 41.5", "flow_temp: 4.15", 30, "examples[0].gives.telemetry.flow_temp: expected 4.15, got 41.5"),
    ("flow_temp: 41.5, ", "", 30, "examples[0].gives.telemetry.flow_temp: expected nothing, got 41.5"),
    ("where: north}", "where: north, pump: true}", 30, "examples[0].gives.telemetry.pump: expected true, got nothing"),
    ("press: long", "press: double", 31, "examples[1].gives.press: expected 'double', got 'long'"),
    ("{a: {b: 1}}, gives", "{a: {b: true}}, gives", 33, "examples[3].gives.telemetry.a_b: expected 1, got true"),
    ('press_id: "12"', 'press_id: "13"', 31, "examples[1].gives.press_id: expected '13', got '12'"),
    ("gives: {press: long, press_id: \"12\"}", "refused: ignored", 31, "examples[1].refused: expected ignored, got pr"),
    ("payload: up,", "payload: sideways,", 32, "examples[2]: expected what it gives, got undecodable (presence: expec"),
    ("presence: online}", "presence: here}", 32, "examples[2].gives.presence: 'here' — expected online or lost or sto"),
    ("gives: {presence: online}", "refused: maybe", 32, "examples[2].refused: 'maybe' — expected 'ignored' or 'undeco"),
    (", gives: {presence: online}", "", 32, "examples[2]: "),
    ("acme/north/p1/link", "acme/north/p1/lnk", 21, "messages[2]: 'acme/{site}/{device}/link' is in no example — expe"),
    ("acme/north/p1/link", "acme/north/p1/lnk", 32, "examples[2]: expected what it gives, got undecodable (topic: exp"),
    ("level: 3.5", "level: [3]", 34, "examples[4].gives.telemetry.level: [3] — expected a number, a text or true or f"),
]


@pytest.mark.parametrize(("find", "put", "line", "said"), BAD)
def test_a_mistake_is_named_by_line(find: str, put: str, line: int, said: str) -> None:
    assert find in PUMP
    with pytest.raises(BadMapping) as caught:
        compile_mapping(PUMP.replace(find, put, 1), "pump.yaml")
    assert any(error.startswith(f"pump.yaml:{line}: {said}") for error in caught.value.errors), caught.value.errors


@pytest.mark.parametrize("text", ["", "pump", "- 1", "mapping: [", "messages: 7\nexamples: {}",
                                  "mapping: m\nmessages: [7]",
                                  "mapping: m\nkey: [1]\nmessages:\n - {topic: 7}\nexamples: [8]"])
def test_what_is_no_mapping_at_all_is_refused_with_a_line(text: str) -> None:
    with pytest.raises(BadMapping) as caught:
        compile_mapping(text, "pump.yaml")
    assert all(error.startswith("pump.yaml:") for error in caught.value.errors)


def test_all_mistakes_are_told_at_once() -> None:
    text = PUMP.replace("payload.t / 10", "payload.t /").replace("telemetry: all", "telemetry: al")
    text = text.replace("payload: text", "payload: txt")
    with pytest.raises(BadMapping) as caught:
        compile_mapping(text, "pump.yaml")
    assert len(caught.value.errors) == 3


def test_two_mappings_may_not_claim_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(PUMP)
    (tmp_path / "b.yaml").write_text(PUMP)
    (tmp_path / "c.yml").write_text(PUMP.replace("acme-pump", "tasmota").replace("acme/", "other/"))
    (tmp_path / "d.yml").write_text(PUMP.replace("acme-pump", "none").replace("acme/", "yet-other/"))
    with pytest.raises(BadMapping) as caught:
        load_mappings(tmp_path)
    a, b, c, d = (str(tmp_path / name) for name in ("a.yaml", "b.yaml", "c.yml", "d.yml"))
    assert caught.value.errors == [
        f"{b}: mapping 'acme-pump' is also in {a} — expected one file",
        f"{b}: 'acme/{{site}}/{{device}}/state' — {a} reads such topics already; expected one mapping for a topic",
        f"{c}: mapping 'tasmota' is a name that the gateway uses itself — expected another",
        f"{d}: mapping 'none' is a name that the gateway uses itself — expected another"]


def test_a_folder_without_mappings_is_refused_and_no_folder_is_none(tmp_path: Path) -> None:
    assert load_mappings(None) == ()
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BadMapping, match=r"no \*\.yaml in this folder — expected mappings, one file each"):
            load_mappings(folder)
