"""`gateway check` warns of what would be found out at night: it says who, and what would make the warning go away."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.__main__ import app
from tests import ROOT

SETTINGS = """channels: {email: {host: h, sender: a@b.c}}
fleet: fleet.yaml
service:
  callback_hours: {mon: [["08:00", "17:00"]]}
  dispatcher: [{channel: email, address: desk@example.com}]
"""
FLEET = """areas: [{id: valley}, {id: village, parent: valley}]
customers: [{id: anna, name: Anna, contacts: [{channel: email, address: anna@example.com}]}]
sites: [{id: anna-home, customer: anna, postcode: 8001, areas: [village], lat: 47.0, lon: 8.0}]
devices: [{id: fridge, profile: medicine-fridge, site: anna-home}]
providers:
  - id: frost
    name: Frost
    skills: [refrigeration, electronics, electrical]
    territory: {areas: [valley]}
    contacts: [{channel: email, address: frost@example.com}]
"""
Warned = Callable[..., list[str]]


@pytest.fixture
def warned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warned:
    """`warned(fleet=("old", "new"), settings=…)`: what `check` warns of when so much of it is written otherwise."""
    for variable in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)

    def check(*changes: tuple[str, str], code: int = 0) -> list[str]:
        settings, fleet = SETTINGS, FLEET
        for old, new in changes:
            assert old in settings + fleet
            settings, fleet = settings.replace(old, new), fleet.replace(old, new)
        (tmp_path / "gateway.yaml").write_text(settings)
        (tmp_path / "fleet.yaml").write_text(fleet)
        result = CliRunner().invoke(app, ["check"])
        assert result.exit_code == code, result.output
        found = [line[2:] for line in result.output.splitlines() if line.startswith("! ")]
        assert ("all in order" in result.output) == (not found and code == 0)
        if found and code == 0:
            assert re.search(rf"no errors, {len(found)} warnings?\b", result.output)
        return found

    return check


def test_where_all_is_well_nobody_is_warned(warned: Warned) -> None:
    assert warned() == []


THINGS = {
    '  callback_hours: {mon: [["08:00", "17:00"]]}\n': (
        "", "service.callback_hours: not set, so people are promised a call at any hour of the night — expected "),
    '{mon: [["08:00", "17:00"]]}': (
        "{mon: []}", "service.callback_hours: without any hour, so nobody is ever promised a call — expected some"),
    "  dispatcher: [{channel: email, address: desk@example.com}]\n": (
        "", "service.dispatcher: nobody, so no person hears of it when no firm is left or a customer cannot be told"),
    ", contacts: [{channel: email, address: anna@example.com}]": (
        "", "fleet.yaml: customers anna: no contact, so nothing can be told to them — expected one at least"),
    "    contacts: [{channel: email, address: frost@example.com}]\n": (
        "", "fleet.yaml: providers frost: no contact, so they cannot be asked for a job — expected one at least"),
    "refrigeration, ": (
        "", "fleet.yaml: sites anna-home: no firm there has the skill 'refrigeration' (medicine-fridge: rule"),
    ", electronics": (
        "", "fleet.yaml: sites anna-home: no firm there has the skill 'electronics' (medicine-fridge: silence) — "),
    "{areas: [valley]}": (
        '{postcodes: ["90*"]}', "fleet.yaml: sites anna-home: no firm's territory covers them — expected one"),
    "{id: fridge,": (
        "{id: fridge, address: a/b,",
        "fleet.yaml: devices fridge: no message can come under the address 'a/b' — expected an address without '/'"),
    "site: anna-home}]": (
        "site: anna-home, via: hub}, {id: hub, profile: medicine-fridge, site: anna-home, via: fridge}]",
        "fleet.yaml: devices fridge: via leads back to itself (fridge → hub → fridge) — expected the hub that "),
    "fleet: fleet.yaml\n": (
        "fleet: fleet.yaml\ndatabase_url: sqlite:///nowhere/gateway.db\n",
        "database_url: 'nowhere/gateway.db' — 'nowhere' is no folder; expected one that exists"),
    "channels:": (
        "mqtt: {username: gateway}\nchannels:",
        "mqtt.password: not set, though mqtt.username is — expected it in GATEWAY_MQTT__PASSWORD, which may be empty"),
    "fleet: fleet": (
        "broker_files: fleet.yaml/broker\nfleet: fleet",
        "broker_files: 'fleet.yaml/broker' — 'fleet.yaml' is no folder; expected one that exists"),
}


@pytest.mark.parametrize("old", THINGS)
def test_one_thing_that_is_missing_is_one_warning(warned: Warned, old: str) -> None:
    new, warning = THINGS[old]
    [found] = warned((old, new))
    assert found.startswith(warning)


@pytest.mark.parametrize(("territory", "covered"), [
    ('{postcodes: ["80*"]}', True), ("{areas: [village]}", True), ('{postcodes: ["8002"]}', False),
    ("{polygon: [[7.9, 46.9], [8.1, 46.9], [8.1, 47.1], [7.9, 47.1]]}", True),
    ("{polygon: [[8.0, 47.0], [8.1, 46.9], [8.1, 47.1]]}", True),  # its corner
    ("{polygon: [[9.9, 46.9], [9.1, 46.9], [9.1, 47.1]]}", False),
])
def test_a_firm_counts_where_its_territory_covers_the_place(warned: Warned, territory: str, covered: bool) -> None:
    assert (warned(("{areas: [valley]}", territory)) == []) is covered


def test_no_firm_at_all_is_one_warning_and_not_one_for_each_skill(warned: Warned) -> None:
    [found] = warned((FLEET[FLEET.index("providers:"):], ""))
    assert found.startswith("fleet.yaml: providers: none in this file, so nobody can be sent to its 1 sites — expected")


def test_a_power_cuts_skill_is_asked_of_every_place_unless_anybody_will_do(warned: Warned) -> None:
    [found] = warned(("profile: medicine-fridge", "profile: water-leak-sensor"), ("refrigeration, ", "plumbing, "),
                     (", electrical", ""))
    assert "no firm there has the skill 'electrical' (service.outage_skill: a power cut)" in found
    assert warned(("profile: medicine-fridge", "profile: water-leak-sensor"), ("refrigeration, ", "plumbing, "),
                  (", electrical", ""), ("service:\n", 'service:\n  outage_skill: ""\n')) == []


PUBLIC = [("http://service.example.com", True), ("https://service.example.com", False),
          ("http://127.0.0.1:8080", False), ("http://localhost:8080", False)]


@pytest.mark.parametrize(("address", "warns"), PUBLIC)
def test_phones_need_https_unless_it_is_this_machine(warned: Warned, address: str, warns: bool) -> None:
    found = warned(("channels:", f"web: {{public_url: '{address}'}}\nchannels:"))
    assert [one.startswith(f"web.public_url: '{address}' is not https, so phones give no position and no camera")
            for one in found] == [True] * warns


DRAUGHT = """profile: draught
name: {en: draught sensor}
signals: {gas: {unit: ppm}, dust: {unit: ppm}}
faults:
  F1: {severity: critical, cause: {en: Gas}, skill: heating}
  F2: {severity: critical, cause: {en: Gas}, skill: heating, advice: {en: Open the windows.}}
  F3: {severity: critical, cause: {en: Gas}, skill: heating, action: record}
  F4: {severity: major, cause: {en: Gas}, skill: heating}
rules:
  leak: {when: gas > 10.0, clear: gas < 5.0, severity: critical, cause: {en: Gas}, skill: heating}
  dusty: {when: dust > 10.0, clear: dust < 5.0, severity: minor, cause: {en: Dust}, skill: heating}
"""


def test_a_critical_cause_without_advice_is_a_hint(warned: Warned, tmp_path: Path) -> None:
    folder = tmp_path / "profiles"
    folder.mkdir()
    for file in (ROOT / "profiles").glob("medicine-fridge*.yaml"):
        (folder / file.name).write_text(file.read_text())
    (folder / "draught.yaml").write_text(DRAUGHT)
    found = warned(("fleet: fleet.yaml\n", "fleet: fleet.yaml\nprofiles: profiles\n"))
    assert [one.partition(" is critical")[0] for one in found] == [
        "profile draught: rules.leak", "profile draught: faults.F1"]
    assert all('expected e.g. advice: {en: "Turn off the main tap."}' in one for one in found)


def test_many_are_named_in_one_line(warned: Warned) -> None:
    customers = ", ".join(f"{{id: c{number}, name: C}}" for number in range(9))
    [found] = warned(("customers: [", f"customers: [{customers}, "))
    assert found.startswith("fleet.yaml: customers c0, c1, c2, c3, c4 and 4 more: no contact")


def test_warnings_are_told_beside_errors_and_do_not_hide_them(warned: Warned) -> None:
    assert len(warned(("fleet: fleet.yaml\n", "fleet: fleet.yaml\ndialects: [nativ]\n"),
                      ("  dispatcher: [{channel: email, address: desk@example.com}]\n", ""), code=1)) == 1


def test_a_path_of_a_mapping_that_no_example_reaches_is_named(warned: Warned, tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    meter = (ROOT / "example" / "mappings" / "water-meter.yaml").read_text()
    (tmp_path / "mappings" / "meter.yaml").write_text(meter.replace(
        "    faults:\n      burst:", "    faults:\n      frost: '\"frost\" in payload.flgs'\n      burst:").replace(
        "      volume: payload.litres / 1000", "      pressure: payload.presure\n      volume: payload.litres / 1000"))
    assert warned(("fleet: fleet.yaml\n", "fleet: fleet.yaml\nmappings: mappings\n")) == [
        f"mapping water-meter: messages[0].{name}: in no example there is a value at its path, which may be misspelt — "
        "expected an example that gives it" for name in ("telemetry.pressure", "faults.frost")]


def test_what_is_warned_of_in_the_examples_is_nothing(warned: Warned) -> None:
    result = CliRunner().invoke(app, ["check", "--config", str(ROOT / "example" / "gateway.yaml")])
    assert "! " not in result.output


def test_an_sla_policy_for_somebody_who_is_not_in_the_fleet_is_warned_of(warned: Warned, tmp_path: Path) -> None:
    (tmp_path / "sla.yaml").write_text(
        "policies:\n  gold:\n    applies_to: {customers: [ana], profiles: [medicine-fridge], skills: [refrigeration]}\n"
        "    targets: {major: {solution: 8h}}\n  standard:\n    targets: {major: {solution: 16h}}\n")
    assert warned() == [
        "sla.yaml: policies.gold.applies_to.customers: 'ana' is not in the fleet — did you mean 'anna'?"]


def test_an_sla_policy_that_cannot_be_used_is_an_error_with_its_line(tmp_path: Path, warned: Warned) -> None:
    (tmp_path / "sla.yaml").write_text("policies:\n  standard:\n    targets: {major: {solution: 0h}}\n")
    warned(code=1)
    told = CliRunner().invoke(app, ["check"]).output.replace("\n", " ")
    assert "sla.yaml:3: policies.standard.targets.major.solution: '0h' — expected one minute or more" in told


def test_the_shadow_mode_is_said_and_an_area_that_nobody_knows_is_an_error(warned: Warned) -> None:
    [said] = warned(("service:\n", "service:\n  mode: shadow\n"))
    assert said.startswith("service.mode: shadow, so no customer and no firm hears anything")
    [said] = warned(("service:\n", "service:\n  mode: shadow\n  live_areas: [valley]\n"))
    assert said.startswith("service.mode: shadow, except in valley and what lies there")
    [said] = warned(("service:\n", "service:\n  live_areas: [valley]\n"))
    assert "not used, because service.mode is on" in said
    warned(("service:\n", "service:\n  mode: shadow\n  live_areas: [vally]\n"), code=1)
