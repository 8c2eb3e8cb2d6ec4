"""What a gateway keeps of its devices is never believed once somebody else has changed them."""

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import pytest
from sqlmodel import select

from gateway.config.fleet_file import read_fleet
from gateway.detection.batch import MqttMessage
from gateway.detection.device_state import ClaimedDevice
from gateway.flow import administer
from gateway.flow.gateway import Gateway
from gateway.flow.receive import receive
from gateway.flow.sweep import sweep
from gateway.model import HOUR, MINUTE, SECOND, Actor, ActorKind, Alarm, DeviceState, Loss, Reading, Unclaimed
from gateway.store import Store
from gateway.store.clock_jumps import shift_deadlines
from gateway.store.devices.kept_states import KeptStates
from tests.drivers.at_once import at_once
from tests.drivers.kept_states import assert_kept_states_are_current
from tests.drivers.story import Story, begin
from tests.fixtures.sample_fleet import SAMPLE_FLEET

OPERATOR = Actor(ActorKind.OPERATOR)
KEY = "native:alice-pump"


@pytest.fixture
def story(both_stores: Store) -> Story:
    there = begin(both_stores)
    there.says("alice-pump", pressure=1.5, flow_temp=40.0)
    assert KEY in kept(there)
    return there


def kept(story: Story) -> dict[str, ClaimedDevice]:
    return {state.key: state for state in story.gw.states}


def another(story: Story) -> Gateway:
    """A second gateway process on the same database: it keeps states of its own."""
    return replace(story.gw, states=KeptStates())


def says(gw: Gateway, seq: int, at: int, **signals: float) -> None:
    body = json.dumps({"ts": at, "seq": seq, "values": signals}).encode()
    receive(gw, [MqttMessage("devices/alice-pump/telemetry", body)], at)


def state(story: Story) -> DeviceState:
    with story.gw.store.read() as session:
        return session.get_one(DeviceState, "alice-pump")


def test_two_gateways_take_turns_with_one_device_and_each_goes_on_where_the_other_was(story: Story) -> None:
    gateways = [story.gw, another(story)]
    before = state(story).version
    for turn in range(12):  # the pressure is too low for longer than either of them alone has heard
        story.now += MINUTE
        says(gateways[turn % 2], 100 + turn, story.now, pressure=0.3, flow_temp=40.0)
        assert_kept_states_are_current(gateways[turn % 2])
    assert [alarm.rule for alarm in story.all(Alarm)] == ["low_pressure"]
    assert state(story).version == before + 12
    assert len([one for one in story.all(Reading) if one.seq >= 100]) == 12


def test_two_gateways_hear_one_device_at_the_same_moment_and_nothing_is_overwritten(story: Story) -> None:
    gateways = [story.gw, another(story)]
    before = state(story).version
    for turn in range(20):
        assert at_once(*(partial(says, gw, seq, story.now + turn * SECOND, pressure=1.5)
                         for seq, gw in enumerate(gateways, 2 * turn + 100))) == [None, None]
    assert state(story).version == before + 40  # each of them stands on the one before
    assert len([one for one in story.all(Reading) if one.seq >= 100]) == 40


class Behind(KeptStates):
    """As if somebody were always quicker: whatever is taken is as it was long ago."""

    def take(self, keys: Iterable[str]) -> dict[str, ClaimedDevice]:
        wanted = set(keys)
        return {one.key: one for one in self if one.key in wanted}

    def keep(self, states: Iterable[ClaimedDevice]) -> None:
        if not self._states:
            super().keep(states)


def test_the_second_attempt_believes_nothing_that_is_kept(story: Story) -> None:
    behind = replace(story.gw, states=Behind())
    for turn in range(3):
        story.now += MINUTE
        says(behind, 100 + turn, story.now, pressure=1.5)
    assert len([one for one in story.all(Reading) if one.seq >= 100]) == 3


def test_a_device_that_is_retired_elsewhere_is_a_stranger_at_its_next_message(story: Story) -> None:
    with story.gw.store.write() as session:
        administer.retire(session, "alice-pump", story.gw.policy, True, OPERATOR, story.now)
    story.says("alice-pump", pressure=0.1, flow_temp=90.0)
    assert [row.key for row in story.all(Unclaimed)] == [KEY]
    assert KEY not in kept(story)


def test_devices_that_swap_their_keys_are_not_taken_for_each_other(story: Story) -> None:
    story.says("bob-pump", pressure=1.5, flow_temp=41.0)
    swapped = SAMPLE_FLEET.replace("{id: alice-pump,", "{id: alice-pump, address: bob-pump,").replace(
        "{id: bob-pump,", "{id: bob-pump, address: alice-pump,")
    with story.gw.store.write() as session:
        administer.import_fleet(session, read_fleet(swapped, "fleet"), story.gw.policy, OPERATOR, story.now)
    story.now += MINUTE
    story.says("alice-pump", pressure=1.0, flow_temp=55.0)
    with story.gw.store.read() as session:
        assert json.loads(session.get_one(DeviceState, "bob-pump").signals)["flow_temp"] == 55.0
        assert json.loads(session.get_one(DeviceState, "alice-pump").signals)["flow_temp"] == 40.0


@pytest.mark.parametrize(("before", "after"), [
    ("{id: alice-pump, profile: heat-pump,", "{id: alice-pump, profile: button,"),
    ("site: alice-home, name: Heat pump", "site: bob-home, name: Heat pump"),
    ("locale: de\n    timezone: Europe/Zurich", "locale: de\n    timezone: America/Lima"),
])
def test_what_a_new_fleet_file_says_holds_at_the_next_message(story: Story, before: str, after: str) -> None:
    story.says("bob-pump", pressure=1.5, flow_temp=41.0)
    assert before in SAMPLE_FLEET
    with story.gw.store.write() as session:
        administer.import_fleet(session, read_fleet(SAMPLE_FLEET.replace(before, after), "fleet"), story.gw.policy,
                                OPERATOR, story.now)
    assert_kept_states_are_current(story.gw)
    story.now += MINUTE
    story.says("alice-pump", "bob-pump", pressure=1.5, flow_temp=40.0)
    assert kept(story)[KEY].profile == ("button" if "button" in after else "heat-pump")
    story.receive("devices/alice-pump/status", {"state": "lost", "ts": story.now})
    assert [loss.site_id for loss in story.all(Loss)] == ["bob-home" if "site: bob" in after else "alice-home"]


def test_the_clock_of_another_process_and_the_message_after_it_end_one_alarm(story: Story) -> None:
    other = another(story)
    story.wait(minutes=1)
    story.now += 3 * HOUR
    story.listen()
    assert sweep(other, story.now) > 0
    assert KEY in kept(story)  # it keeps what it had
    story.says("alice-pump", pressure=1.5, flow_temp=40.0)
    assert all(alarm.cleared_at == story.now for alarm in story.all(Alarm) if alarm.device_id == "alice-pump")
    assert state(story).link == "online"


def test_after_our_clock_was_set_no_deadline_of_before_is_written_back(story: Story) -> None:
    due = state(story).due_at
    assert due is not None
    with story.gw.store.write() as session:
        assert shift_deadlines(session, HOUR, story.now + HOUR)
    assert_kept_states_are_current(story.gw)
    story.now += HOUR
    story.says("alice-pump", pressure=1.5, flow_temp=40.0)
    moved = state(story).due_at
    assert moved is not None
    assert moved >= due + HOUR


def test_it_keeps_no_more_than_it_has_room_for_and_forgets_first_whom_it_heard_longest_ago(story: Story) -> None:
    story.gw.states = KeptStates(room=2)
    for device in ("alice-pump", "bob-pump", "alice-pump", "charlie-pump"):
        story.says(device, pressure=1.5, flow_temp=40.0)
    assert list(kept(story)) == [KEY, "native:charlie-pump"]


def test_gateways_that_share_their_topics_keep_nothing(story: Story) -> None:
    mqtt = story.gw.settings.mqtt.model_copy(update={"share": "all"})
    sharing = Gateway(story.gw.settings.model_copy(update={"mqtt": mqtt}), story.gw.store, story.gw.profiles, {})
    says(sharing, 100, story.now + SECOND, pressure=1.5)
    assert list(sharing.states) == []
    with story.gw.store.read() as session:
        assert session.exec(select(Reading.seq).where(Reading.seq == 100)).one() == 100


def test_what_is_kept_is_what_the_row_says(story: Story) -> None:
    there = kept(story)[KEY]
    assert there.version == state(story).version
    assert there.due_before == there.due_at == state(story).due_at
