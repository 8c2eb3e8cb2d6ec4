"""An emergency button proves itself: its test press is heard and answered, and whoever misses it is rung."""

from dataclasses import replace

import pytest

from gateway.devices.profiles import compile_profile
from gateway.model import Callback, Entry, PressRecord
from gateway.store import Store
from tests.drivers.story import Story, begin

SOS = """
profile: sos
name: {en: emergency button, de: Notrufknopf}
signals: {battery: {unit: "%"}}
button: {emergency: true}
"""


@pytest.fixture
def story(both_stores: Store) -> Story:
    """Alice's button is an emergency button."""
    story = begin(both_stores, country="CH", emergency=[{"channel": "email", "address": "night@example.com"}])
    story.gw.profiles["button"] = replace(compile_profile(SOS, "sos.yaml"), id="button")
    return story


# the gesture

def test_the_gesture_is_answered_with_the_battery_and_calls_nobody(story: Story) -> None:
    story.says("alice-button", battery=80)
    story.press("alice-button", "p1", kind="test")
    story.wait(minutes=20)
    [reply] = story.replies_to_devices
    assert (reply["press_id"], reply["state"], reply["battery"]) == ("p1", "test_heard", 80)
    assert story.one(PressRecord).kind == "test"
    assert story.callbacks == []
    assert story.told_to("night@example.com") == []


def test_a_test_that_the_network_repeats_is_answered_again_and_written_down_once(story: Story) -> None:
    story.press("alice-button", "p1", kind="test")
    story.press("alice-button", "p1", kind="test")
    assert [(reply["press_id"], reply["state"], reply.get("battery")) for reply in story.replies_to_devices] == [
        ("p1", "test_heard", None)] * 2
    assert len(story.all(PressRecord)) == 1


def test_a_test_changes_nothing_of_the_call_that_somebody_waits_for(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait(minutes=1)
    before, timeline = story.one(Callback), story.all(Entry)
    story.press("alice-button", "p2", kind="test")
    assert story.one(Callback) == before
    assert story.all(Entry) == timeline
    assert [reply["state"] for reply in story.replies_to_devices] == ["callback_scheduled", "test_heard"]


def test_any_press_but_the_gesture_is_a_call_for_help(story: Story) -> None:
    for number, kind in enumerate(("single", "double", "triple", "many", "long", "urgent")):
        story.press("alice-button", f"p{number}", kind=kind)
        story.wait(seconds=20)
    assert story.one(Callback).emergency
    assert story.one(Callback).presses == 6
