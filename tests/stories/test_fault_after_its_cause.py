"""A fault that outlives what explained it is a fresh fault: tried from afar first, where the profile says so."""

import pytest

from gateway.devices.profiles import compile_profile
from gateway.model import Alarm, Command
from gateway.store import Store
from tests.drivers.story import Story, begin
from tests.stories.test_remote_fix import CAREFUL, ack, nobody_was_told, send

HOT = """  hot:
    when: pressure > 3
    severity: major
    first_try: {command: restart, wait: 90s}
    depends_on: [overheating]
    cause: {en: Too much pressure, de: Zu viel Druck}
    skill: heating
"""


@pytest.fixture
def story(both_stores: Store) -> Story:
    told = begin(both_stores)
    plain = CAREFUL.replace("    first_try: {command: restart, wait: 90s}\n", "")
    told.gw.profiles["heat-pump"] = compile_profile(plain + HOT, "careful.yaml")
    return told


def outlive(story: Story) -> None:
    """Overheating explains the pressure, is over, and the pressure stays; the explanation's minute has passed."""
    story.says("alice-pump", flow_temp=80.0, pressure=4.0)
    assert str(hot(story).suppressed_by) == "rule:overheating"
    story.says("alice-pump", flow_temp=50.0, pressure=4.0)
    assert send(story) == [], "it waits, and nothing is tried yet"
    story.wait(seconds=61)


def hot(story: Story) -> Alarm:
    return story.one(Alarm, Alarm.rule == "hot")


def test_it_is_tried_from_afar_and_when_that_helps_nobody_has_to_drive(story: Story) -> None:
    outlive(story)
    assert {ticket.cause_key for ticket in story.tickets} == {"overheating"}
    (sent,) = send(story)
    assert sent["type"] == "restart"
    ack(story, sent["id"])
    story.says("alice-pump", flow_temp=50.0, pressure=1.0)
    assert (hot(story).fixed_by, hot(story).closed_at) == ("command", story.now)
    assert any("put down to another fault" in line for line in story.timeline(hot(story).id))
    story.wait(minutes=10)
    assert {ticket.cause_key for ticket in story.tickets} == {"overheating"}


def test_when_the_try_does_not_help_somebody_is_sent_with_the_evidence(story: Story) -> None:
    outlive(story)
    (sent,) = send(story)
    ack(story, sent["id"])
    story.wait(seconds=60)
    story.says("alice-pump", flow_temp=50.0, pressure=4.0)
    assert {ticket.cause_key for ticket in story.tickets} == {"overheating"}
    story.wait(seconds=31)
    ticket = next(ticket for ticket in story.tickets if ticket.cause_key == "hot")
    assert any("the device confirmed it; the fault stayed" in line for line in story.timeline(ticket.id))
    assert hot(story).ticket_id == ticket.id


def test_a_device_that_is_not_connected_is_not_waited_for(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0, pressure=4.0)
    story.says("alice-pump", flow_temp=50.0, pressure=4.0)
    story.receive("devices/alice-pump/status", {"state": "sleeping"})
    story.wait(seconds=61)
    ticket = next(ticket for ticket in story.tickets if ticket.cause_key == "hot")
    assert any("the device is not connected" in line for line in story.timeline(ticket.id))
    assert story.all(Command) == []


def test_a_rule_without_a_first_try_gets_its_ticket_at_once(story: Story) -> None:
    text = CAREFUL.replace("    first_try: {command: restart, wait: 90s}\n", "")
    story.gw.profiles["heat-pump"] = compile_profile(
        text + HOT.replace("    first_try: {command: restart, wait: 90s}\n", ""), "careful.yaml")
    outlive(story)
    assert {ticket.cause_key for ticket in story.tickets} == {"overheating", "hot"}
    assert not nobody_was_told(story)
