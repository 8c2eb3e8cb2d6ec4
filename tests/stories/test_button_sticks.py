"""Somebody mashes a button, or it sticks: one request of each kind, every press answered, and the button is mended."""

import json

import pytest

from gateway.devices.profiles import compile_profile
from gateway.model import Alarm, Callback, Command, Device, DeviceState, Ticket
from gateway.store import Store
from tests.drivers.story import Story, begin

pytestmark = pytest.mark.slow
SOS = "profile: sos\nname: {en: emergency button, de: Notrufknopf}\nbutton: {emergency: true}\n"


@pytest.fixture
def story(both_stores: Store) -> Story:
    """Alice has a second button in the same home: one for emergencies."""
    story = begin(both_stores, country="CH", emergency=[{"channel": "email", "address": "night@example.com"}])
    story.gw.profiles["sos"] = compile_profile(SOS, "sos.yaml")
    with story.gw.store.write() as session:
        button = session.get_one(Device, "alice-button")
        session.add(Device(id="alice-sos", key="native:alice-sos", profile="sos", site_id=button.site_id,
                           name="Emergency button"))
        session.flush()
        session.add(DeviceState(device_id="alice-sos"))
    return story


def mash(story: Story, device: str, times: int, seconds: float, kind: str = "single") -> None:
    for number in range(times):
        story.press(device, f"{kind}-{number}", kind=kind)
        story.wait(seconds=seconds / times)


def test_two_hundred_presses_in_three_minutes_are_one_request_and_one_ticket(story: Story) -> None:
    mash(story, "alice-button", 200, seconds=180)
    callback, ticket, alarm = story.one(Callback), story.one(Ticket), story.one(Alarm)
    assert callback.presses == 200
    assert len({reply["press_id"] for reply in story.replies_to_devices}) == 200
    assert {reply["state"] for reply in story.replies_to_devices} == {"callback_scheduled"}
    assert (ticket.cause, ticket.skill, ticket.severity) == ("The button sticks", "electronics", "minor")
    assert (alarm.rule, alarm.ticket_id) == ("sticks", ticket.id)
    assert "It was pressed 21 times within 10 min: no finger does that" in story.explained(alarm.id, "why")
    assert any("The button sticks" in line for line in story.explained("alice-button", "rule"))


def test_a_call_for_help_from_the_other_button_of_that_home_is_not_lost_among_them(story: Story) -> None:
    mash(story, "alice-button", 100, seconds=90)
    story.press("alice-sos", "s1")
    story.wait(seconds=1)
    assert len(story.told_to("night@example.com")) == 1
    mash(story, "alice-button", 100, seconds=90, kind="double")
    assert sorted((callback.kind, callback.presses) for callback in story.callbacks) == [
        ("emergency", 1), ("ordinary", 200)]
    assert story.one(Ticket).device_id == "alice-button"


def test_two_ordinary_buttons_of_one_home_are_one_request_and_each_is_answered(story: Story) -> None:
    with story.gw.store.write() as session:
        session.get_one(Device, "alice-sos").profile = "button"
    for number in range(3):
        for device in ("alice-button", "alice-sos"):
            story.press(device, f"{device}-{number}")
        story.wait(seconds=5)
    callback = story.one(Callback)
    assert (callback.kind, callback.presses) == ("ordinary", 6)
    answered = {(command.device_id, json.loads(command.payload)["press_id"]) for command in story.all(Command)}
    assert answered == {(device, f"{device}-{number}") for device in ("alice-button", "alice-sos")
                        for number in range(3)}
    assert len(story.told_to("alice@example.com")) == 1


def test_an_emergency_button_that_sticks_calls_for_help_and_is_a_fault_that_cannot_wait(story: Story) -> None:
    mash(story, "alice-sos", 60, seconds=120)
    callback, ticket = story.one(Callback), story.one(Ticket)
    assert (callback.kind, callback.presses) == ("emergency", 60)
    assert (ticket.device_id, ticket.severity) == ("alice-sos", "major")
    assert len({reply["press_id"] for reply in story.replies_to_devices}) == 60


def test_the_button_is_mended_once_nobody_has_pressed_it_for_an_hour(story: Story) -> None:
    mash(story, "alice-button", 30, seconds=60)
    story.wait(minutes=59)
    assert story.one(Alarm).cleared_at is None
    story.wait(minutes=2)
    assert story.one(Alarm).cleared_at is not None


def test_a_contact_that_the_button_itself_says_is_held_opens_the_same_ticket(story: Story) -> None:
    story.receive("devices/alice-button/fault", {"code": "sticks", "active": True, "ts": story.now})
    story.wait(minutes=1)
    assert story.one(Ticket).cause == "The button sticks"
    story.press("alice-button", "p1")
    assert story.one(Callback).presses == 1
