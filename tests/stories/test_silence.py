"""Silence: two clocks a device, six meanings of offline, and our own deafness told apart."""

import pytest

from gateway.model import MINUTE, DeadLetter, DeviceState
from gateway.store import Store
from tests.drivers.story import NOON, Story, begin


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores)


def status(story: Story, state: str, **more: object) -> None:
    story.receive("devices/alice-pump/status", {"state": state, "ts": story.now, **more}, retained=True)


def test_a_house_goes_silent_and_comes_back(story: Story) -> None:
    story.says("alice-pump", flow_temp=40.0)
    story.wait(minutes=4)
    assert story.alarms == []
    story.wait(minutes=1.1)
    assert [alarm.rule for alarm in story.alarms] == ["silent"]
    assert story.tickets == []  # had the whole area gone dark, that would be known in five seconds
    story.wait(seconds=6)
    assert story.ticket.cause == "The device does not answer"
    story.says("alice-pump", flow_temp=40.0)
    story.wait()
    assert story.ticket.state == "resolved"


def test_the_brokers_word_that_a_device_is_gone_counts_after_a_minute(story: Story) -> None:
    story.says("alice-pump", flow_temp=40.0)
    status(story, "lost")
    story.wait(seconds=59)
    assert story.alarms == []
    story.wait(seconds=2)
    assert [alarm.rule for alarm in story.alarms] == ["silent"]


def test_a_short_loss_of_the_link_is_no_fault(story: Story) -> None:
    status(story, "lost")
    story.wait(seconds=30)
    status(story, "online")
    story.wait(seconds=40)
    assert story.alarms == []


@pytest.mark.parametrize("state", ["stopped", "sleeping"])
def test_a_device_that_stops_or_sleeps_on_purpose_is_no_fault(story: Story, state: str) -> None:
    story.says("alice-pump", flow_temp=40.0)
    status(story, state)
    story.wait(minutes=60)
    assert story.alarms == []


def test_a_device_that_oversleeps_is_missed(story: Story) -> None:
    status(story, "sleeping", until=story.now + 60 * MINUTE)
    status(story, "lost")  # its will comes because it sleeps
    story.wait(minutes=64)
    assert story.alarms == []
    story.wait(minutes=2)
    assert [alarm.rule for alarm in story.alarms] == ["silent"]


def test_alive_but_without_data_is_another_fault(story: Story) -> None:
    story.says("alice-pump", flow_temp=40.0)
    for _ in range(8):
        story.wait(minutes=4)
        status(story, "online")
    assert [alarm.rule for alarm in story.alarms] == ["stale"]
    story.says("alice-pump", flow_temp=40.0)
    assert story.alarms[0].closed_at is not None


def test_a_device_never_heard_is_not_down(story: Story) -> None:
    story.wait(minutes=600)
    assert story.alarms == []


def test_while_we_are_deaf_nobody_is_judged_and_afterwards_everybody_gets_a_full_window(story: Story) -> None:
    story.says("alice-pump", flow_temp=40.0)
    story.now += 60 * MINUTE
    from gateway.flow.sweep import sweep

    sweep(story.gw, story.now)  # no listener has said anything for an hour
    assert story.alarms == []
    back = story.now + MINUTE
    story.now = back
    story.listen(since=back)
    sweep(story.gw, story.now)
    for minute in range(1, 5):
        story.now = back + minute * MINUTE
        story.listen(since=back)
        sweep(story.gw, story.now)
    assert story.alarms == []
    story.now = back + 5 * MINUTE + 1000
    story.listen(since=back)
    sweep(story.gw, story.now)
    assert [alarm.rule for alarm in story.alarms] == ["silent"]


def test_a_rule_with_a_wait_fires_without_a_further_message(story: Story) -> None:
    story.says("alice-pump", pressure=0.2)
    story.wait(minutes=4)
    status(story, "online")
    story.wait(minutes=4)
    status(story, "online")
    assert story.alarms == []
    story.wait(minutes=2.1)
    assert [alarm.rule for alarm in story.alarms] == ["low_pressure"]
    assert story.alarms[0].opened_at == NOON


def test_a_rule_that_recovers_while_pending_never_happened(story: Story) -> None:
    story.says("alice-pump", pressure=0.2)
    story.wait(minutes=3)
    story.says("alice-pump", pressure=1.5)
    story.wait(minutes=4)
    story.says("alice-pump", pressure=1.5)
    story.wait(minutes=4.5)
    assert story.alarms == []


def test_late_messages_change_no_newer_truth(story: Story) -> None:
    story.says("alice-pump", flow_temp=40.0)
    story.seq += 1
    story.receive("devices/alice-pump/telemetry", {"ts": story.now - MINUTE, "seq": 0, "values": {"flow_temp": 90.0}})
    assert story.alarms == []
    assert '"flow_temp":40.0' in story.one(DeviceState, DeviceState.device_id == "alice-pump").signals


@pytest.mark.parametrize("off_by", [10 * MINUTE, 400 * 24 * 60 * MINUTE, -400 * 24 * 60 * MINUTE])
def test_a_wrong_clock_raises_no_alarm_but_is_a_sign_of_life(story: Story, off_by: int) -> None:
    story.receive("devices/alice-pump/telemetry", {"ts": story.now + off_by, "values": {"flow_temp": 90.0}})
    assert story.alarms == []
    assert story.one(DeviceState, DeviceState.device_id == "alice-pump").seen_at == story.now


def test_a_device_that_talks_nonsense_is_there_all_the_same(story: Story) -> None:
    story.says("alice-pump", flow_temp=40)
    for _ in range(10):
        story.wait(minutes=1)
        story.receive("devices/alice-pump/telemetry", b'{"ts":1795435')
    story.wait(seconds=5)

    assert [alarm.rule for alarm in story.alarms] == []
    assert len(story.all(DeadLetter)) == 10
