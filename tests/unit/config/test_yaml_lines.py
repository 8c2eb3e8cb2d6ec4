"""What people write in YAML and in conditions by the habits of another language: told what to write instead."""

import pytest

from gateway.config.yaml_lines import BadYaml, read_yaml
from gateway.devices.mappings import BadMapping, compile_mapping
from gateway.devices.profiles import BadProfile, compile_profile
from gateway.rules.cel import BadExpression, parsed

PROFILE = """profile: door
name: {en: door}
signals:
  closed: {type: bool}
  mode: {type: text}
  flow_temp: {unit: °C}
rules:
  open:
    when: WHEN
    severity: minor
    cause: {en: The door is open}
"""


@pytest.mark.parametrize(("when", "expected"), [
    ("!closed", "rules.open.when: !closed — quote it"),
    ("!closed && flow_temp > 3", "!closed && flow_temp > 3 — quote it"),
    ('"on" == mode', """expected '"on" == mode'"""),
    ("@closed", "expected '@closed'"),
    ("`closed`", "expected '`closed`'"),
    ("*closed", "expected '*closed'"),
    ("mode == 'a: b' || closed: c", "expected 'mode == ''a: b'' || closed: c'"),
])
def test_a_condition_that_yaml_takes_for_something_else_is_to_be_quoted(when: str, expected: str) -> None:
    with pytest.raises(BadProfile) as raised:
        compile_profile(PROFILE.replace("WHEN", when), "door.yaml")
    [said] = raised.value.errors
    assert said.startswith("door.yaml:9: ")
    assert expected in said


@pytest.mark.parametrize("when", ["'!closed'", '"!closed && flow_temp > 3"', """'"on" == mode'"""])
def test_quoted_as_it_was_said_it_is_read(when: str) -> None:
    assert compile_profile(PROFILE.replace("WHEN", when), "door.yaml").rules


def test_in_a_mapping_too() -> None:
    with pytest.raises(BadMapping, match=r"door.yaml:4: .*!payload.closed — quote it.*: expected '!payload.closed'"):
        compile_mapping("mapping: door\nmessages:\n  - topic: door/{device}\n    press: {when: !payload.closed}\n",
                        "door.yaml")


def test_what_is_wrong_with_the_line_of_a_secret_does_not_repeat_the_secret() -> None:
    for text in ("mqtt: {password: @hunter2}", "password: hunter2: x", "password: !hunter2",
                 "url: ntfy://u:hunter2@host: x"):
        with pytest.raises(BadYaml) as raised:
            read_yaml(text, "gateway.yaml")
        assert "hunter2" not in str(raised.value)
        assert str(raised.value).startswith("gateway.yaml:1: ")


def test_a_tab_is_named() -> None:
    with pytest.raises(BadYaml, match=r"gateway\.yaml:2: not YAML — a tab at the beginning of the line — expected"):
        read_yaml("mqtt:\n\tport: 1883\n", "gateway.yaml")


@pytest.mark.parametrize(("source", "advice"), [
    ("flow_temp = 75", "column 11: use == instead of ="),
    ("flow_temp => 75", "use >= instead of =>"),
    ("flow_temp =< 75", "use <= instead of =<"),
    ("flow_temp <> 75", "use != instead of <>"),
    ("flow_temp === 75", "use == instead of ==="),
    ("flow_temp > 75 and mode == 'a'", "use && instead of and"),
    ("flow_temp > 75 OR mode == 'a'", "use || instead of OR"),
    ("closed & closed", "use && instead of &"),
    ("not closed", "use ! instead of not"),
    ("mode == 'x = y' || flow_temp = 75", "use == instead of ="),
])
def test_what_other_languages_write_is_answered_with_what_to_write_here(source: str, advice: str) -> None:
    with pytest.raises(BadExpression) as raised:
        parsed(source)
    assert advice in str(raised.value)


def test_a_sign_in_a_text_is_no_mistake() -> None:
    parsed("mode == 'this = that and more'")
    with pytest.raises(BadExpression) as raised:
        parsed("mode == 'this = that' 75")
    assert "use" not in str(raised.value)
