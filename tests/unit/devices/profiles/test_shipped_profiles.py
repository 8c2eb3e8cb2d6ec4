"""The profiles we ship: both languages, rules that can hold and end, and the names that real devices use."""


import pytest

from gateway.config.profiles_and_mappings import load_profiles
from gateway.devices.profiles import BadProfile, ButtonTestSpec, Profile, compile_profile, read
from tests import ROOT

SHIPPED = ROOT / "profiles"


def test_the_shipped_profiles_speak_both_languages() -> None:
    profiles = load_profiles(SHIPPED)
    assert set(profiles) == {"heat-pump", "water-leak-sensor", "medicine-fridge", "smart-plug", "relay",
                             "zigbee-climate", "help-button", "emergency-button"}
    for profile in profiles.values():
        causes = [profile.names, profile.silence.cause]
        causes += [rule.cause for rule in profile.rules] + [fault.cause for fault in profile.faults.values()]
        assert all(words["en"] and words["de"] for words in causes), profile.id


def test_the_example_in_the_manual_is_a_profile() -> None:
    manual = (SHIPPED.parent / "docs" / "profiles.md").read_text(encoding="utf-8")
    freezer = compile_profile(manual.split("```yaml\n")[1].split("```")[0], "profiles.md")
    assert freezer.rules[0].when.holds({"temperature": -11.9}) is True


def test_every_shipped_rule_can_hold_and_end() -> None:
    for profile in load_profiles(SHIPPED).values():
        for rule in profile.rules:
            seen = {rule.when.holds(values) for values in _trials(profile, rule.when.needs)}
            assert seen == {True, False}, (profile.id, rule.name)
            if rule.clear is not None:
                for values in _trials(profile, tuple({*rule.when.needs, *rule.clear.needs})):
                    assert not (rule.when.holds(values) and rule.clear.holds(values)), (profile.id, rule.name, values)


def _trials(profile: Profile, needs: tuple[str, ...]) -> list[dict[str, float | bool | str]]:
    trials: list[dict[str, float | bool | str]] = [{}]
    for name in needs:
        numbers: list[float | bool | str] = [-100.0, 0.0, 0.9, 3.0, 5.0, 10.0, 18.0, 40.0, 90.0, 200.0, 900.0, 5000.0]
        kind = profile.signals.get(name)  # a window or the like is a number of its own
        if kind is None:
            numbers = [0.0, 10.0, 40.0, 900.0, 2000.0]
        kinds: list[float | bool | str] = [False, True] if kind is not None and kind.type is bool else numbers
        trials = [{**trial, name: value} for trial in trials for value in kinds]
    return trials


def test_the_shipped_profiles_read_what_real_devices_call_things() -> None:
    profiles = load_profiles(SHIPPED)
    assert read(profiles["smart-plug"], {"ENERGY_Power": 61.0, "POWER": "ON"}) == {"power": 61.0, "switched_on": True}
    assert read(profiles["relay"], {"switch_0_output": True, "switch_0_temperature_tC": 48.4}) == {
        "output": True, "temperature": 48.4}
    assert read(profiles["heat-pump"], {"OPENTHERM_TB": 31.0, "OPENTHERM_SLAVE_FAULT": 0.0}) == {
        "flow_temp": 31.0, "fault": False}
    assert read(profiles["zigbee-climate"], {"temperature": 27.34, "humidity": 44.72}) == {
        "temperature": 27.34, "humidity": 44.72}


def test_an_emergency_button_is_tested_every_month_unless_its_profile_says_otherwise() -> None:
    head = "profile: sos\nname: {en: button}\n"
    days = 24 * 3_600_000
    assert compile_profile(f"{head}button: {{emergency: true}}\n", "sos.yaml").test == ButtonTestSpec(
        30 * days, 3 * days, None)
    assert compile_profile(f"{head}button: {{emergency: true, test: off}}\n", "sos.yaml").test is None
    assert compile_profile(f"{head}button: {{}}\n", "sos.yaml").test is None
    assert compile_profile(f"{head}presses: {{urgent: [help]}}\n", "sos.yaml").test is None


@pytest.mark.parametrize(("button", "wrong"), [
    ("{test: {every: 30d}}", "sos.yaml:3: button: {'test': {'every': '30d'}} — test is for emergency buttons — e"),
    ("{emergency: true, test: {every: 1d}}", "sos.yaml:3: button.test.every: '1d' — expected a duration from 7d"),
    ("{emergency: true, test: {answer_within: 40d}}",
     "sos.yaml:3: button.test.answer_within: '40d' — expected a duration from 1d to 30d"),
    ("{emergency: true, test: {every: 10d, answer_within: 10d}}",
     "sos.yaml:3: button.test: {'every': '10d', 'answer_within': '10d'} — answer_within is not shorter than ever"),
    ("{emergency: true, test: {gesture: {de: drücken}}}",
     "sos.yaml:3: button.test.gesture: "),
])
def test_a_mistake_in_the_test_of_a_button_is_named(button: str, wrong: str) -> None:
    with pytest.raises(BadProfile) as caught:
        compile_profile(f"profile: sos\nname: {{en: button}}\nbutton: {button}\n", "sos.yaml")
    assert [error[:len(wrong)] for error in caught.value.errors] == [wrong]
