"""Profiles: an operator's YAML becomes rules that hold, or every mistake in it named by line."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.profiles_and_mappings import load_profiles
from gateway.devices.profiles import BadProfile, EvaluationError, Profile, compile_profile, misfits, read
from tests.drivers.examples import examples

HEAT_PUMP = """\
profile: heat-pump
name: {en: heat pump, de: Wärmepumpe}
signals:
  flow_temp: {unit: °C, from: [flow_temp, OPENTHERM_TB]}
  return_temp: {unit: °C, from: [T10], scale: 0.1, offset: -2}
  power:
  pump: {type: bool}
  mode: {type: text}
silence: {link: 5m, lost: 90s, data: 1d, severity: minor, skill: electronics, cause: {en: It is silent}}
faults:
  E7: {severity: critical, cause: {en: Blocked, de: Verstopft}, skill: heating}
  207: {severity: warning, cause: {en: Filter}, action: record}
rules:
  overheating:
    when: flow_temp > 75
    clear: flow_temp < 65
    for: 30s
    severity: critical
    cause: {en: The heat pump is overheating, de: Die Wärmepumpe überhitzt}
    skill: heating
  idle:
    when: pump && power + 5 < 100
    severity: warning
    cause: {en: It runs for nothing}
    action: record
button: {urgent_on: [double, long]}
"""


@pytest.fixture(scope="module")
def heat_pump() -> Profile:
    return compile_profile(HEAT_PUMP, "heat-pump.yaml")


def errors_of(text: str) -> list[str]:
    with pytest.raises(BadProfile) as caught:
        compile_profile(text, "p.yaml")
    return caught.value.errors


def with_rule(when: str) -> Profile:
    """A profile whose one rule holds `when`."""
    return compile_profile(HEAT_PUMP.replace("flow_temp > 75", when), "p.yaml")


def holds(when: str, **values: float | bool | str) -> bool | None:
    return with_rule(f"|-\n      {when}").rules[0].when.holds(values)


def test_a_profile_is_read_as_it_was_written(heat_pump: Profile) -> None:
    overheating, idle = heat_pump.rules
    assert (heat_pump.id, heat_pump.names) == ("heat-pump", {"en": "heat pump", "de": "Wärmepumpe"})
    assert (overheating.name, overheating.for_ms, overheating.severity) == ("overheating", 30_000, "critical")
    assert (overheating.skill, overheating.action) == ("heating", "ticket")
    assert overheating.cause["de"] == "Die Wärmepumpe überhitzt"
    assert (idle.for_ms, idle.clear, idle.skill, idle.action) == (0, None, "", "record")
    assert heat_pump.signals["flow_temp"].unit == "°C"
    assert heat_pump.urgent_presses == {"double", "long"}


def test_silence_waits_as_long_as_the_operator_says(heat_pump: Profile) -> None:
    silence = heat_pump.silence
    assert (silence.link_ms, silence.lost_ms, silence.data_ms) == (300_000, 90_000, 86_400_000)
    assert (silence.severity, silence.skill, silence.cause) == ("minor", "electronics", {"en": "It is silent"})


def test_fault_codes_are_names_even_when_they_look_like_numbers(heat_pump: Profile) -> None:
    assert heat_pump.faults["E7"].severity == "critical"
    assert (heat_pump.faults["207"].skill, heat_pump.faults["207"].action) == ("", "record")


def test_a_profile_may_be_two_lines_and_then_only_a_lost_link_counts() -> None:
    bare = compile_profile("profile: lamp\nname: {en: lamp}\n", "lamp.yaml")
    assert (bare.rules, bare.faults, bare.signals) == ((), {}, {})
    assert (bare.silence.link_ms, bare.silence.lost_ms, bare.silence.data_ms) == (None, 60_000, None)
    assert bare.silence.severity == "major"
    assert bare.urgent_presses == {"long"}


@pytest.mark.parametrize("word", ["off", "false", "{link: off, lost: off}"])
def test_silence_can_be_switched_off(word: str) -> None:
    silence = compile_profile(f"profile: lamp\nname: {{en: lamp}}\nsilence: {word}\n", "lamp.yaml").silence
    assert (silence.link_ms, silence.lost_ms, silence.data_ms) == (None, None, None)


def test_a_compiled_profile_cannot_be_changed(heat_pump: Profile) -> None:
    with pytest.raises(FrozenInstanceError):
        heat_pump.id = "other"  # type: ignore[misc]


def test_a_rule_holds_on_the_signals_it_needs_and_no_others(heat_pump: Profile) -> None:
    when = heat_pump.rules[0].when
    assert when.needs == ("flow_temp",)
    assert when.holds({"flow_temp": 75.1, "power": "nonsense"}) is True
    assert when.holds({"flow_temp": 75.0}) is False


def test_a_rule_without_its_signal_says_nothing(heat_pump: Profile) -> None:
    assert heat_pump.rules[0].when.holds({"power": 3.0}) is None
    assert heat_pump.rules[1].when.holds({"pump": True}) is None


def test_a_rule_given_the_wrong_type_breaks_by_name(heat_pump: Profile) -> None:
    with pytest.raises(EvaluationError,
                       match=r"rule overheating: 'flow_temp > 75' with \{'flow_temp': 'hot'\}") as caught:
        heat_pump.rules[0].when.holds({"flow_temp": "hot"})
    assert caught.value.rule == "overheating"


def test_a_whole_number_may_be_written_where_signals_are_fractions(heat_pump: Profile) -> None:
    assert heat_pump.rules[1].when.holds({"pump": True, "power": 94.0}) is True
    assert heat_pump.rules[1].when.holds({"pump": True, "power": 95.0}) is False
    assert holds("power * 2 - 1 == 9 && power in [4, 5]", power=5.0) is True
    assert holds("power > 0x10", power=16.5) is True
    assert holds("-power < -3", power=4.0) is True


def test_digits_inside_texts_and_comments_are_left_alone() -> None:
    assert holds("mode == \"it's 5\" || mode == 'E7'", mode="it's 5") is True
    assert holds("mode.matches(r'^\\d{2}$') // exactly 2", mode="42") is True
    assert holds("mode.startsWith('''7''') ? power > 1 : power > 2", mode="7a", power=1.5) is True


@examples(100)
@given(st.text("0123456789 .'ux-+/", max_size=12), st.integers(-10**6, 10**6))
def test_any_text_and_any_whole_number_mean_in_a_rule_what_they_mean_outside(text: str, number: int) -> None:
    when = f'mode == "{text}" && power + 1 > {number}'
    assert holds(when, mode=text, power=float(number)) is True
    assert holds(when, mode=text + "!", power=float(number)) is False
    assert holds(when, mode=text, power=number - 1.0) is False


def test_incoming_names_become_signals_and_unknown_names_are_kept(heat_pump: Profile) -> None:
    assert read(heat_pump, {"OPENTHERM_TB": 31.0, "pump": True, "uptime": 7.0}) == {
        "flow_temp": 31.0, "pump": True, "uptime": 7.0}


def test_a_scaled_name_is_scaled_and_the_signals_own_name_is_not(heat_pump: Profile) -> None:
    assert read(heat_pump, {"T10": 520.0}) == {"return_temp": 50.0}
    assert read(heat_pump, {"return_temp": 50.0}) == {"return_temp": 50.0}


def test_yes_and_no_are_understood_as_devices_write_them(heat_pump: Profile) -> None:
    for word, meant in (("ON", True), ("off", False), (1.0, True), (0.0, False), ("true", True), (False, False)):
        assert read(heat_pump, {"pump": word}) == {"pump": meant}


@pytest.mark.parametrize(("values", "said"), [
    ({"OPENTHERM_TB": "hot"}, "OPENTHERM_TB: 'hot' — expected a number"),
    ({"return_temp": "warm"}, "return_temp: 'warm' — expected a number"),
    ({"power": True}, "power: True — expected a number"),
    ({"pump": "maybe"}, "pump: 'maybe' — expected true or false"),
    ({"pump": 2.0}, "pump: 2.0 — expected true or false"),
    ({"mode": 3.0}, "mode: 3.0 — expected text"),
])
def test_a_value_of_the_wrong_type_is_left_out_and_can_be_named(
    heat_pump: Profile, values: dict[str, float | bool | str], said: str
) -> None:
    assert read(heat_pump, {**values, "flow_temp": 3.0}) == {"flow_temp": 3.0}
    assert misfits(heat_pump, {**values, "flow_temp": 3.0, "uptime": "7"}) == [said]


def test_a_number_that_grows_out_of_bounds_when_scaled_is_left_out() -> None:
    meter = compile_profile("profile: m\nname: {en: m}\nsignals: {energy: {from: [kwh], scale: 1000}}\n", "m.yaml")
    assert read(meter, {"kwh": 1e306}) == {}
    assert read(meter, {"kwh": 2.0}) == {"energy": 2000.0}


@pytest.mark.parametrize(("find", "put", "line", "said"), [
    ("profile: heat-pump", "profile: Heat Pump", 1, "profile: 'Heat Pump' — expected small letters, digits and hyphen"),
    ("profile: heat-pump", "profil: heat-pump", 1, "profil: no such field — did you mean 'profile'?"),
    ("profile: heat-pump\n", "", 1, "profile is missing — expected a value"),
    ("en: heat pump, ", "", 2, "name: {'de': 'Wärmepumpe'} — expected a text in en at least"),
    ("en: heat pump", "english: heat pump", 2, "name.english: 'english' — expected a language of two letters"),
    ("flow_temp: {unit", "in: {unit", 4, "signals.in: 'in' — expected a name of letters, digits and _ that CEL does"),
    ("flow_temp: {unit", "flow-temp: {unit", 4, "signals.flow-temp: 'flow-temp' — expected a name of letters"),
    ("OPENTHERM_TB", "OPENTHERM.TB", 4, "signals.flow_temp.from[1]: 'OPENTHERM.TB' — expected the name as the dialec"),
    ("from: [T10]", "from: [OPENTHERM_TB]", 5, "signals.return_temp.from[0]: 'OPENTHERM_TB' is already taken by flow_"),
    ("scale: 0.1", "scale: 0", 5, "signals.return_temp.scale: 0 — expected a factor that does not"),
    ("scale: 0.1", "scale: a tenth", 5, "signals.return_temp.scale: 'a tenth' — expected a number"),
    ("{type: bool}", "{type: boolean}", 7, "signals.pump.type: 'boolean' — expected 'number', 'bool' or 'text'"),
    ("{type: bool}", "{type: bool, scale: 2}", 7, "signals.pump: {'type': 'bool', 'scale': 2} — type bool has a scale"),
    ("link: 5m", "link: 5", 9, "silence.link: 5 — expected a duration up to 366d, such as"),
    ("link: 5m", "link: 0s", 9, "silence.link: '0s' — expected more than nothing, or off"),
    ("link: 5m", "lnik: 5m", 9, "silence.lnik: no such field — did you mean 'link'?"),
    ("severity: critical, cause", "severity: fatal, cause", 11, "faults.E7.severity: 'fatal' — expected one of warni"),
    ("  207:", "  E7:", 12, "faults.E7 is there twice, first on line 11 — expected once"),
    ("overheating:", "Overheating:", 14, "rules.Overheating: 'Overheating' — expected small letters, digits and _"),
    ("overheating:", "silent:", 14, "rules.silent: 'silent' — expected small letters, digits and _, and not silent or"),
    ("    when: flow_temp > 75\n", "", 14, "rules.overheating.when is missing — expected a value"),
    ("> 75", "> 'hot'", 15, "rules.overheating.when: \"flow_temp > 'hot'\" fails with"),
    ("flow_temp > 75", "flow_tmp > 75", 15, "rules.overheating.when: 'flow_tmp > 75' names 'flow_tmp' (column 1), "
     "which is no declared signal — did you mean 'flow_temp'?"),
    ("flow_temp > 75", "flow_temp >", 15, "rules.overheating.when: 'flow_temp >' — expected a CEL expression; column"
     " 12: mismatched input '<EOF>'"),
    ("flow_temp > 75", "flow_temp + 1", 15, "rules.overheating.when: 'flow_temp + 1' gives -999999.0 — expected true"),
    ("flow_temp > 75", "flow_temp + mode > 1", 15, "rules.overheating.when: 'flow_temp + mode > 1' fails with"),
    ("flow_temp > 75", "mode == 'heat' && power", 15, "rules.overheating.when: \"mode == 'heat' && power\" fails with"),
    ("flow_temp > 75", "mode == 3", 15, "rules.overheating.when: 'mode == 3' compares mode (text) with 3 (a number)"),
    ("flow_temp > 75", "flow_temp.max > 75", 15, "rules.overheating.when: 'flow_temp.max > 75' looks inside a signal"
     " (column 10) — expected a flat name such as flow_temp_max"),
    ("flow_temp > 75", "size(mode) > 3", 15, "rules.overheating.when: 'size(mode) > 3' uses size() — expected compar"),
    ("flow_temp > 75", "power % 2.0 == 1.0", 15, "rules.overheating.when: 'power % 2.0 == 1.0' uses % — expected com"),
    ("flow_temp > 75", "'[1, 2].exists(i, i > power)'", 15, "rules.overheating.when: '[1, 2].exists(i, i > power)' us"
     "es a loop — expected"),
    ("flow_temp > 75", "1 < 2", 15, "rules.overheating.when: '1 < 2' names no signal — expected one of flow_temp, mod"),
    ("flow_temp > 75", "flow_temp > 0" + " && pump" * 150, 15, "rules.overheating.when: an expression of 1213 charac"),
    ("flow_temp > 75", "true", 15, "rules.overheating.when: True — expected text"),
    ("flow_temp < 65", "flow_tmp < 65", 16, "rules.overheating.clear: 'flow_tmp < 65' names 'flow_tmp' (column 1)"),
    ("for: 30s", "for: 30", 17, "rules.overheating.for: 30 — expected a duration up to 366d, such as \"30s\", \"5m\""),
    ("for: 30s", "for: 400d", 17, "rules.overheating.for: '400d' — expected a duration up to 366d"),
    ("for: 30s", "fro: 30s", 17, "rules.overheating.fro: no such field — did you mean 'for'?"),
    ("    severity: critical\n", "    severity: severe\n", 18, "rules.overheating.severity: 'severe' — expected one o"),
    ("{en: The heat pump is overheating, de: Die Wärmepumpe überhitzt}", "too hot", 19,
     "rules.overheating.cause: 'too hot' — expected names with values under it"),
    ("action: record\nbutton", "action: tickets\nbutton", 25, "rules.idle.action: 'tickets' — expected 'ticket' or 'r"),
    ("[double, long]", "[triple]", 26, "button.urgent_on[0]: 'triple' — expected 'single', 'double' or 'long'"),
])
def test_a_mistake_is_named_with_its_line_and_what_was_expected(find: str, put: str, line: int, said: str) -> None:
    assert HEAT_PUMP.count(find) >= 1, "the example no longer holds what this case replaces"
    errors = errors_of(HEAT_PUMP.replace(find, put, 1))
    assert any(error.startswith(f"p.yaml:{line}: {said}") for error in errors), "\n".join(errors)


@pytest.mark.parametrize(("text", "said"), [
    ("", "p.yaml:1: nothing in it — expected a profile with profile, name, signals, rules"),
    ("- heat-pump\n", "p.yaml:1: no fields in it — expected a profile with profile, name, signals, rules"),
    ("profile: a\nname: {en: [}\n", "p.yaml:2: not YAML — "),
    ("profile: a\nprofile: b\n", "p.yaml:2: profile is there twice, first on line 1 — expected once"),
])
def test_a_file_that_is_no_profile_is_refused(text: str, said: str) -> None:
    assert errors_of(text)[0].startswith(said)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = HEAT_PUMP.replace("link: 5m", "link: 5").replace("for: 30s", "for: soon").replace("power + 5", "powr + 5")
    assert [error.split(" ")[:2] for error in errors_of(text)] == [
        ["p.yaml:9:", "silence.link:"], ["p.yaml:17:", "rules.overheating.for:"], ["p.yaml:22:", "rules.idle.when:"]]


def test_a_rule_may_divide_where_the_divisor_can_be_nothing() -> None:
    assert holds("power > 0 && flow_temp / power > 1", power=0.0, flow_temp=5.0) is False
    assert holds("flow_temp / power > 0", power=2.0, flow_temp=5.0) is True


def test_an_expression_over_several_lines_names_the_line_within_it() -> None:
    text = HEAT_PUMP.replace("flow_temp > 75", "|\n      flow_temp > 75\n      && && pump")
    assert "line 2 of it, column 4" in errors_of(text)[0]


def test_a_folder_is_loaded_by_profile_id(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(HEAT_PUMP, encoding="utf-8")
    (tmp_path / "two.yml").write_text("profile: lamp\nname: {en: lamp}\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not a profile", encoding="utf-8")
    assert sorted(load_profiles(tmp_path)) == ["heat-pump", "lamp"]


def test_all_files_of_a_folder_are_judged_before_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("profile: A\nname: {en: a}\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_bytes(b"profile: \xff\n")
    (tmp_path / "c.yaml").write_text("profile: c\n", encoding="utf-8")
    with pytest.raises(BadProfile) as caught:
        load_profiles(tmp_path)
    assert [error.removeprefix(str(tmp_path))[:9] for error in caught.value.errors] == [
        "/a.yaml:1", "/b.yaml: ", "/c.yaml:1"]
    assert "expected a text file in UTF-8" in caught.value.errors[1]


def test_the_same_profile_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("profile: lamp\nname: {en: lamp}\n", encoding="utf-8")
    with pytest.raises(BadProfile, match=r"b\.yaml: profile 'lamp' is also in .*a\.yaml — expected one file"):
        load_profiles(tmp_path)


def test_a_folder_without_profiles_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BadProfile, match=r"no \*\.yaml in this folder — expected device profiles, one file each"):
            load_profiles(folder)


# what is tried from afar

TRIED = HEAT_PUMP.replace("faults:", """\
commands:
  restart: {safe: true, name: {en: restart, de: Neustart}, type: Restart, with: {payload: "1"}}
  drain: {with: {valve: open}}
faults:""").replace("    for: 30s\n", "    for: 30s\n    first_try: {command: restart, wait: 90s}\n")


def test_a_safe_command_may_be_tried_before_anybody_is_sent() -> None:
    first = compile_profile(TRIED, "p.yaml").rules[0].remote_fix
    assert first is not None
    assert (first.wait_ms, first.again_after_ms) == (90_000, 24 * 3_600_000)
    assert (first.command.name, first.command.type, first.command.params) == ("restart", "Restart", {"payload": "1"})
    assert first.command.words == {"en": "restart", "de": "Neustart"}


def test_a_rule_and_a_fault_code_may_be_a_danger() -> None:
    text = HEAT_PUMP.replace("    for: 30s\n", "    for: 30s\n    danger: true\n").replace(
        "E7: {severity", "E7: {danger: true, severity")
    profile = compile_profile(text, "p.yaml")
    assert (profile.rules[0].danger, profile.rules[1].danger, profile.faults["E7"].danger) == (True, False, True)


def test_a_command_is_called_what_it_is_named_unless_the_profile_says_otherwise() -> None:
    text = TRIED.replace("restart: {safe: true, name: {en: restart, de: Neustart}, type: Restart, with: {payload: "
                         '"1"}}', "restart: {safe: true}")
    first = compile_profile(text, "p.yaml").rules[0].remote_fix
    assert first is not None
    assert (first.command.type, first.command.words, first.command.params) == ("restart", {"en": "restart"}, {})


def test_a_fault_code_may_be_tried_too_and_a_rule_without_a_try_has_none() -> None:
    text = TRIED.replace("E7: {severity", "E7: {first_try: {command: restart, wait: 2m, again_after: 7d}, severity")
    profile = compile_profile(text, "p.yaml")
    tried = profile.faults["E7"].remote_fix
    assert tried is not None
    assert tried.again_after_ms == 7 * 24 * 3_600_000
    assert profile.rules[1].remote_fix is None


@pytest.mark.parametrize(("find", "put", "line", "said"), [
    ("command: restart", "command: restat", 21, "rules.overheating.first_try.command: 'restat' is no command of this "
     "profile — did you mean 'restart'?"),
    ("command: restart", "command: drain", 21, "rules.overheating.first_try.command: 'drain' is not safe to send "
     "without a person — expected a command with safe: true, or no first_try"),
    ("wait: 90s", "wait: 9s", 21, "rules.overheating.first_try.wait: '9s' — expected a duration from 10s to 1h"),
    ("wait: 90s", "wait: 61m", 21, "rules.overheating.first_try.wait: '61m' — expected a duration from 10s to 1h"),
    ("wait: 90s", "wait: 90s, again_after: 9m", 21, "rules.overheating.first_try.again_after: '9m' — expected a durat"),
    (", wait: 90s", "", 21, "rules.overheating.first_try.wait is missing — expected a value"),
    (", wait: 90s", ", wiat: 90s", 21, "rules.overheating.first_try.wiat: no such field — did you mean 'wait'?"),
    ("action: record\nbutton", "action: record\n    first_try: {command: restart, wait: 1m}\nbutton", 30,
     "rules.idle.first_try: action is record, so nobody would be sent anyway — expected action: ticket, or no first_t"),
    ("action: record\nbutton", "action: record\n    danger: true\nbutton", 30,
     "rules.idle.danger: action is record, so nobody is sent — expected action: ticket, or no danger"),
    ("safe: true", "safe: maybe", 11, "commands.restart.safe: 'maybe' — expected true or false"),
    ("safe: true", "save: true", 11, "commands.restart.save: no such field — did you mean 'safe'?"),
    ("type: Restart", "type: a/b", 11, "commands.restart.type: 'a/b' — expected the device's own name for it"),
    ("with: {payload", "with: {id: 1, payload", 11, "commands.restart.with: {'id': 1, 'payload': '1'} — expected no "
     "id: the gateway says that itself"),
    ('payload: "1"', "payload: " + "x" * 2000, 11, "commands.restart.with: {'payload': "),
])
def test_a_try_that_cannot_be_made_is_named_with_its_line(find: str, put: str, line: int, said: str) -> None:
    assert TRIED.count(find) >= 1, "the example no longer holds what this case replaces"
    errors = errors_of(TRIED.replace(find, put, 1))
    assert any(error.startswith(f"p.yaml:{line}: {said}") for error in errors), "\n".join(errors)


def test_a_try_without_any_command_says_where_commands_are_described() -> None:
    (error,) = errors_of(HEAT_PUMP.replace("    for: 30s\n", "    first_try: {command: restart, wait: 90s}\n"))
    assert "'restart' is no command of this profile — expected one that the section commands describes" in error
