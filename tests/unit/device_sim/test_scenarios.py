"""Scenarios are data: checked whole before they run, of any size, and known to a gateway by their fleet file."""

import random
from pathlib import Path
from typing import Any

import pytest

from device_sim import scenario
from device_sim.fleet_file import fleet_yaml
from device_sim.scenario import SHIPPED, BadScenario, Scenario
from device_sim.scenario_events import SCENARIO_EVENTS
from gateway.config.fleet_file import read_fleet

FILES = sorted(SHIPPED.glob("*.yaml"))
PUMP = {"id": "a", "kind": "heat_pump"}
MIX = [{"kind": "heat_pump", "share": 0.6}, {"kind": "plug", "dialect": "tasmota", "share": 0.3},
       {"kind": "button", "share": 0.1}]


def _fleet(devices: int, **more: Any) -> Scenario:
    return scenario.parse({"fleet": {"devices": 10, "mix": MIX, **more}}, "test.yaml", devices)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_every_shipped_scenario_can_be_played_and_a_gateway_knows_its_devices(file: Path) -> None:
    played = scenario.load(file)
    known = read_fleet(fleet_yaml(played), "fleet.yaml")

    assert played.about
    assert played.lasts
    assert {device.id: device.key for device in known.devices} == {
        spec.id: f"{spec.dialect}:{spec.address}" for spec in played.devices}
    assert {device.site for device in known.devices} == {site.id for site in known.sites}
    feeders = {spec.id: spec.feeder for spec in played.devices if spec.feeder}
    areas = {site.id: site.areas for site in known.sites}
    assert all(feeders[device.id] in areas[device.site] for device in known.devices if device.id in feeders)


def test_what_the_issue_asks_for_is_there() -> None:
    assert {file.stem for file in FILES} >= {
        "healthy-week", "slow-leak", "overheating", "sensor-stuck", "flapping-link", "feeder-outage", "broker-restart",
        "carrier-loss", "button-mash", "clock-skew", "duplicates", "reordering", "offline-burst", "malformed-payloads",
        "firmware-update-gone-wrong"}


def test_every_trouble_is_in_some_scenario_or_can_be_had_by_name() -> None:
    happening = {happens.do for file in FILES for happens in scenario.load(file).happens}

    assert happening <= set(SCENARIO_EVENTS)
    assert set(SCENARIO_EVENTS) - happening <= {"break", "open", "off", "heating_fails"}


def test_a_scenario_is_found_by_name_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = SHIPPED / "feeder-outage.yaml"
    assert scenario.find(Path("scenarios/feeder-outage.yaml")) == scenario.find(Path("feeder-outage")) == shipped

    mine = tmp_path / "feeder-outage.yaml"
    mine.write_text("devices: [{id: a, kind: plug}]")
    assert len(scenario.load(Path("feeder-outage.yaml")).devices) == 1  # one's own comes first


def test_a_fleet_of_any_size_keeps_its_shares_and_its_first_devices() -> None:
    small, large = _fleet(10).devices, _fleet(1_000).devices

    assert large[:10] == small
    for kind, share in (("heat_pump", 0.6), ("plug", 0.3), ("button", 0.1)):
        assert sum(spec.kind == kind for spec in large) == pytest.approx(1_000 * share, abs=1)


def test_homes_have_neighbours_on_their_feeder_and_carriers_cross_them() -> None:
    people = _fleet(120, devices_per_home=2, homes_per_feeder=10, carriers=3).devices
    first = [spec for spec in people if spec.feeder == "feeder-001"]

    assert len({spec.home for spec in first}) == 10
    assert len(first) == 20
    assert {spec.carrier for spec in first} == {"carrier-1", "carrier-2", "carrier-3"}
    assert all(len({spec.carrier for spec in people if spec.home == home}) == 1 for home in {s.home for s in people})


def test_who_is_befallen_follows_from_the_seed_and_grows_with_the_fleet() -> None:
    def hit(devices: int, seed: int) -> list[str]:
        played = scenario.parse({"fleet": {"mix": MIX}, "happens": [
            {"do": "overheat", "at": 0, "of": "heat_pump", "share": 0.1}]}, "test.yaml", devices)
        return [spec.id for spec in played.happens[0].cast(list(played.devices), random.Random(seed))]

    assert hit(100, 1) == hit(100, 1) != hit(100, 2)
    assert (len(hit(100, 1)), len(hit(1_000, 1))) == (6, 60)


@pytest.mark.parametrize(("data", "said"), [
    ({}, "there are none, expected `fleet:` with a mix"),
    ([], "expected a row with about"),
    ({"device": []}, "device: no such field, expected one of about"),
    ({"devices": [{"id": "a", "kind": "toaster"}]}, "devices[0].kind: 'toaster', expected one of heat_pump"),
    ({"devices": [{"id": "a/b", "kind": "plug"}]}, "devices[0].id: 'a/b', expected a name"),
    ({"devices": [{"kind": "plug"}]}, "devices[0].id: is missing"),
    ({"devices": [{"id": "a", "kind": "fridge", "dialect": "tasmota"}]}, "a fridge does not speak here; only plug"),
    ({"devices": [{**PUMP, "every": 0}]}, "devices[0].every: 0, expected seconds above 0"),
    ({"devices": [{**PUMP, "every": "soon"}]}, "every: 'soon', expected a duration: seconds, or for example 90s"),
    ({"devices": [PUMP, {"id": "a", "kind": "plug"}]}, "each id once"),
    ({"devices": [PUMP], "happens": [{"do": "overheat", "at": 1, "device": "b"}]},
     "happens[0]: 'overheat' befalls nobody: expected some of 1 devices that it can befall"),
    ({"devices": [PUMP], "happens": [{"do": "press", "at": 1, "device": "a"}]}, "'press' befalls nobody"),
    ({"devices": [PUMP], "happens": [{"do": "explode", "at": 1}]}, "happens[0].do: 'explode', expected one of"),
    ({"devices": [PUMP], "happens": [{"do": "overheat"}]}, "happens[0].at: is missing"),
    ({"devices": [PUMP], "happens": [{"do": "overheat", "at": 1, "stay_dark": 2}]}, "stay_dark: no such field"),
    ({"devices": [PUMP], "happens": [{"do": "overheat", "at": 1, "share": 0.5, "count": 1}]}, "one of them"),
    ({"devices": [PUMP], "happens": [{"do": "overheat", "at": 1, "share": 5}]}, "share: 5, expected a share from 0 to"),
    ({"devices": [PUMP], "happens": [{"do": "clock_skew", "at": 1, "by": "late"}]}, "by: 'late', expected a duration"),
    ({"fleet": {"mix": [{"kind": "plug", "share": 0.5}]}}, "the shares are 0.5 together, expected 1"),
    ({"fleet": {"mix": [{"kind": "plug", "share": 1}], "carriers": 0}}, "fleet.carriers: 0, expected 1 to 99"),
    ({"fleet": {"mix": [{"kind": "plug", "share": 1}]}, "happens": [{"do": "outage", "at": 1, "feeder": 9}]},
     "(3 feeders, 3 carriers) to be feeder 9"),
])
def test_a_wrong_scenario_says_what_was_expected(data: Any, said: str) -> None:
    with pytest.raises(BadScenario) as bad:
        scenario.parse(data, "town.yaml")

    assert said in str(bad.value)
    assert str(bad.value).startswith("town.yaml: ")


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(BadScenario) as bad:
        scenario.parse({"devices": [{"id": "a", "kind": "toaster"}, {"id": 3, "kind": "plug"}],
                        "happens": [{"do": "explode", "at": "later"}]}, "town.yaml")

    assert len(bad.value.errors) == 4


def test_a_scenario_that_lists_its_devices_has_no_other_size() -> None:
    with pytest.raises(BadScenario, match="lists its 1 devices"):
        scenario.parse({"devices": [PUMP]}, "town.yaml", 50)


def test_a_missing_file_names_those_that_are_shipped(tmp_path: Path) -> None:
    with pytest.raises(BadScenario, match=r"No such file.*feeder-outage"):
        scenario.load(tmp_path / "none.yaml")
