"""Mappings at work: a device that speaks one is like any other, and nothing it may say does harm or takes long."""

import json
import random
import timeit
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import thread_time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.app.main import start
from gateway.config.fleet_file import read_fleet
from gateway.config.profiles_and_mappings import load_mappings
from gateway.config.settings import Settings
from gateway.devices.dialects import understand
from gateway.devices.mappings import Mapping, compile_mapping
from gateway.store import Store
from gateway.store.fleet import save_fleet
from tests import ROOT
from tests.drivers.story import Story, begin
from tests.fixtures.pump_mapping import PUMP, one_message
from tests.fixtures.sample_fleet import SAMPLE_FLEET
from tests.unit.devices.dialects.test_fuzz import (
    FULL,
    HUGE,
    ODD,
    BrokerRecorder,
    assert_sound,
    bent,
    broken,
    shapes,
    spent_on,
    swell,
    words,
)

EXAMPLE = ROOT / "example"


@pytest.fixture(scope="module")
def pump() -> Mapping:
    return compile_mapping(PUMP, "pump.yaml")


# the whole way

PUMP_AT_NORTH = SAMPLE_FLEET.replace("devices:\n",
                                     "devices:\n  - {id: north-pump, profile: heat-pump, site: alice-home, "
                             "name: The other pump, dialect: acme-pump, address: north/p1}\n")


@pytest.fixture
def story(store: Store, pump: Mapping) -> Story:
    story = begin(store)
    with store.write() as session:
        save_fleet(session, read_fleet(PUMP_AT_NORTH, "town.yaml"), now=story.now)
    story.gw.dialects = understand(story.gw.settings.dialects, (pump,))
    return story


def test_a_mapped_devices_fault_opens_one_ticket_and_ends_when_the_device_says_so(story: Story) -> None:
    for _ in range(3):
        story.receive("acme/north/p1/state", {"t": 415, "err": 7})
        story.wait(minutes=1)
    assert story.ticket.device_id == "north-pump"
    assert len(story.told_to("alice@example.com")) == 1
    story.receive("acme/north/p1/state", {"t": 415, "err": 0})
    assert [alarm.closed_at for alarm in story.alarms] == [story.now]


def test_a_mapped_press_is_one_callback_however_often_it_is_sent(story: Story) -> None:
    for _ in range(2):
        story.receive("acme/north/p1/button", {"click": {"kind": "hold", "n": 12}})
        story.wait(seconds=5)
    story.receive("acme/north/p1/button", {"click": {"kind": "hold", "n": 12}}, retained=True)
    assert len(story.callbacks) == 1


def write_installation(folder: Path, mapping: str) -> list[str]:
    (folder / "mappings").mkdir()
    (folder / "mappings" / "pump.yaml").write_text(mapping)
    (folder / "gateway.yaml").write_text(f"mappings: mappings\nprofiles: {EXAMPLE.parent / 'profiles'}\n"
                                         "fleet: fleet.yaml\nservice: {callback_hours: {mon: [['08:00', '17:00']]}}\n"
                                         "channels: {email: {host: localhost, sender: a@example.com}, "
                                         "apprise: {sms: 'ntfy://localhost/{address}'}}\n")
    (folder / "fleet.yaml").write_text(PUMP_AT_NORTH.replace("profile: button", "profile: help-button"))
    return ["check", "--config", str(folder / "gateway.yaml")]


def test_check_lists_mappings_and_devices_may_speak_them(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, write_installation(tmp_path, PUMP))
    assert result.exit_code == 0, result.output
    assert "acme-pump" in result.stdout


def test_check_says_which_example_does_not_hold(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, write_installation(tmp_path, PUMP.replace("level: 3.5", "level: 7")))
    assert result.exit_code == 1
    assert "pump.yaml:34: examples[4].gives.telemetry.level: expected 7, got 3.5" in result.stderr
    assert "errors" not in result.stderr  # one alone: the device that speaks it is not called wrong too


def test_check_knows_a_misspelt_mapping(tmp_path: Path) -> None:
    command = write_installation(tmp_path, PUMP)
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(fleet.read_text().replace("dialect: acme-pump", "dialect: acme-pmp"))
    result = CliRunner().invoke(app, command)
    assert "did you mean 'acme-pump'?" in result.stderr


def test_a_mapped_device_is_imported_and_added_like_any_other(tmp_path: Path) -> None:
    *_, config = write_installation(tmp_path, PUMP)
    ours = {"GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/gateway.db"}
    imported = CliRunner().invoke(app, ["import", str(tmp_path / "fleet.yaml"), "--config", config], env=ours)
    assert imported.exit_code == 0, imported.output
    added = CliRunner().invoke(app, ["device", "add", "second", "--dialect", "acme-pump", "--address", "north/p2",
                                     "--profile", "heat-pump", "--site", "alice-home", "--config", config], env=ours)
    assert added.exit_code == 0, added.output
    assert "it has no login of its own" in added.stderr


def test_the_gateway_starts_with_its_mappings(tmp_path: Path) -> None:
    running = start(Settings(database_url=f"sqlite:///{tmp_path}/gateway.db", mappings=EXAMPLE / "mappings",
                             profiles=EXAMPLE.parent / "profiles"), role="clock")
    try:
        assert running.gw.dialects.name_of("home/front-door/state") == "doorbell"
        assert "meters/+/+/reading" in running.gw.dialects.filters
    finally:
        running.stop()


def test_the_shipped_mappings_hold() -> None:
    shipped = load_mappings(EXAMPLE / "mappings")
    assert [mapping.NAME for mapping in shipped] == ["doorbell", "water-meter"]


def test_the_mapping_that_the_page_shows_is_the_shipped_one() -> None:
    page = (EXAMPLE.parent / "docs" / "mappings.md").read_text(encoding="utf-8")
    assert (EXAMPLE / "mappings" / "doorbell.yaml").read_text(encoding="utf-8") in page


# nothing else can come out

def material(mapping: Mapping) -> list[tuple[str, bytes]]:
    full = {"t": 415, "state": "on", "info": {"long-name": "a"}, "list": [1, {"b": 2}], "err": 7, "errors": [7, 8],
            "bat": 5, "time": "2026-09-01T12:00:00Z", "click": {"kind": "hold", "n": 12}}
    return [*((topic, payload) for topic, payload, *_ in mapping.EXAMPLES),
            *((topic, json.dumps(full).encode()) for topic, *_ in mapping.EXAMPLES)]


def everything() -> list[Mapping]:
    return [compile_mapping(PUMP, "pump.yaml"), *load_mappings(EXAMPLE / "mappings")]


@pytest.mark.slow
@pytest.mark.parametrize("mapping", everything(), ids=lambda mapping: mapping.NAME)
def test_ten_thousand_spoiled_messages_yield_only_sound_signals_or_a_reason(mapping: Mapping) -> None:
    messages = material(mapping)
    names = words(messages)
    heard = 0

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(body=shapes(names), raw=st.binary(max_size=60), seed=st.integers(0, 2**32))
    def batch(body: Any, raw: bytes, seed: int) -> None:
        nonlocal heard
        dice, ear, odd = random.Random(seed), BrokerRecorder(mapping), (*ODD, body)
        for number in range(50):
            topic, payload = dice.choice(messages)
            assert_sound(ear, topic, spoiled(payload, body, raw, number, dice, odd, names), dice.random() < 0.2)
            heard += 1

    batch()
    assert heard >= 10_000


def spoiled(payload: bytes, body: Any, raw: bytes, number: int, dice: random.Random, odd: Sequence[Any],
            names: Sequence[str]) -> bytes:
    if number < 2:
        return raw if number else json.dumps(body).encode()
    return broken(payload, dice) if number % 3 == 0 else bent(payload, dice, odd, names)


@pytest.mark.slow
@pytest.mark.parametrize("mapping", everything(), ids=lambda mapping: mapping.NAME)
def test_the_largest_payload_takes_ten_milliseconds_at_most(mapping: Mapping) -> None:
    slow = []
    for topic, payload in material(mapping):
        for large in (*HUGE, *FULL, *swell(payload)):
            spent = spent_on(mapping, topic, large)
            if spent >= 0.010:
                slow.append(f"{topic} {large[:40]!r}: {spent * 1000:.1f} ms")
    assert slow == []


@pytest.mark.slow
def test_a_small_message_with_three_expressions_costs_few_microseconds() -> None:
    mapping = one_message("telemetry: {a: payload.t / 10, b: payload.state == \"on\", c: payload.err > 7}",
                          "payload: {t: 1, state: off, err: 8}, gives: {telemetry: {a: 0.1, b: false, c: true}}")
    payload = b'{"t":415,"state":"on","err":0}'
    rounds = timeit.repeat(lambda: mapping.decode("m/1", payload, False), timer=thread_time, number=500, repeat=21)
    assert median(rounds) / 500 < 40e-6  # 11 µs on an idle machine; this one may be busy
