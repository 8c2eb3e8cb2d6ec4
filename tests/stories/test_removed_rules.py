"""A rule is taken out of a profile, or a device gets another profile, while its alarm is open."""

import pytest

from gateway.devices.profiles import compile_profile
from gateway.flow.remove_rules import remove_rules
from gateway.model import (
    Alarm,
    Command,
    Device,
    DeviceState,
    Instant,
    Notification,
    Offer,
    Provider,
    RecipientKind,
    Ticket,
)
from gateway.store import Store
from gateway.tickets.actions import ResolveTicket
from tests.drivers.story import HEAT_PUMP, Story, begin
from tests.stories.test_remote_fix import CAREFUL

WITHOUT = HEAT_PUMP[:HEAT_PUMP.index("  overheating:")] + HEAT_PUMP[HEAT_PUMP.index("  low_pressure:"):]


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores)


def profile(story: Story, text: str, name: str = "heat-pump") -> None:
    """The operator starts the gateway with this profile."""
    story.gw.profiles[name] = compile_profile(text, f"{name}.yaml")


def nobody_is_there(story: Story) -> None:
    """There is no firm that could be asked."""
    with story.gw.store.write() as session:
        for firm in story.all(Provider):
            kept = session.get_one(Provider, firm.id)
            kept.skills = []
            session.add(kept)


def minutes_pass(story: Story, minutes: int) -> None:
    for _ in range(minutes):
        story.wait(minutes=1)
        story.says("alice-pump", flow_temp=80.0, pressure=1.5)
        remove_rules(story.gw, story.now)


def test_the_alarm_of_a_removed_rule_is_withdrawn_its_ticket_stays_with_a_note_and_nobody_hears_fixed(
        story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.wait(seconds=1)
    assert remove_rules(story.gw, story.now) == 0, "its rule is there"
    profile(story, WITHOUT)
    assert remove_rules(story.gw, story.now) == 1
    alarm = story.one(Alarm)
    assert alarm.closed_at == story.now
    assert story.timeline(alarm.id) == ["Withdrawn: profile heat-pump has no rule overheating any more"]
    assert story.explained(alarm.id, "became")[-1].endswith(": its rule was removed")
    assert (story.ticket.state, story.ticket.closed_at) == ("offered", None)
    assert story.timeline(story.ticket.id)[-1].endswith(
        "so nothing watches this fault. Please find out whether anybody still has to come, and resolve or cancel the "
        "ticket")
    minutes_pass(story, 3)
    assert story.notifications("resolved") == []
    assert len(story.alarms) == 1
    story.act(ResolveTicket(story.ticket.id, "Looked at by phone: all is well"))
    story.wait(seconds=1)
    assert [row.state for row in story.notifications("resolved")] == ["sent"], "a person says so, to whom it was broken"


def test_a_ticket_that_nobody_knows_of_is_cancelled_with_its_alarm(story: Story) -> None:
    nobody_is_there(story)
    story.says("alice-pump", flow_temp=80.0)
    assert (story.ticket.state, story.all(Offer)) == ("new", [])
    profile(story, WITHOUT)
    assert remove_rules(story.gw, story.now) == 1
    assert story.ticket.state == "cancelled"
    story.wait(minutes=1)
    assert story.told_to("alice@example.com") == []
    assert {row.state for row in story.all(Notification, Notification.recipient_kind == RecipientKind.CUSTOMER)} == {
        "dropped"}


def test_a_ticket_whose_customer_has_been_told_stays_although_no_firm_was_asked(story: Story) -> None:
    nobody_is_there(story)
    story.says("alice-pump", flow_temp=80.0)
    story.wait(seconds=1)
    profile(story, WITHOUT)
    remove_rules(story.gw, story.now)
    assert (story.ticket.state, story.one(Alarm).closed_at) == ("new", story.now)


def test_a_device_that_gets_another_profile_leaves_its_alarms_behind(story: Story) -> None:
    profile(story, WITHOUT, "other-pump")
    story.says("alice-pump", flow_temp=80.0)
    story.says("bob-pump", flow_temp=80.0)
    with story.gw.store.write() as session:
        pump = session.get_one(Device, "alice-pump")
        pump.profile = "other-pump"
        session.add(pump)
    assert remove_rules(story.gw, story.now) == 1
    assert story.one(Alarm, Alarm.device_id == "alice-pump").closed_at is not None
    assert story.one(Alarm, Alarm.device_id == "bob-pump").closed_at is None


def test_a_rule_that_comes_back_begins_anew(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    profile(story, WITHOUT)
    remove_rules(story.gw, story.now)
    profile(story, HEAT_PUMP)
    story.wait(minutes=1)
    story.says("alice-pump", flow_temp=81.0)
    assert [alarm.closed_at is None for alarm in story.alarms] in ([False, True], [True, False])
    assert len(story.tickets) == 1, "the problem has its ticket already"


def test_what_the_device_itself_names_stays_and_silence_ends_only_when_it_is_switched_off(story: Story) -> None:
    story.receive("devices/alice-pump/fault", {"code": "E7", "active": True})
    story.says("bob-pump", flow_temp=40.0)
    story.wait(minutes=6)
    silent = story.one(Alarm, Alarm.rule == "silent", Alarm.device_id == "bob-pump")
    profile(story, WITHOUT.replace("faults:\n  E7", "faults:\n  E8"))
    assert remove_rules(story.gw, story.now) == 0
    start, end = WITHOUT.index("silence:"), WITHOUT.index("faults:")
    profile(story, f"{WITHOUT[:start]}silence: off\n{WITHOUT[end:]}")
    while remove_rules(story.gw, story.now):
        pass
    assert story.one(Alarm, Alarm.id == silent.id).closed_at == story.now
    assert story.one(Alarm, Alarm.rule == "fault:E7").closed_at is None
    assert "silent" not in story.one(DeviceState, DeviceState.device_id == "bob-pump").memory


def test_a_try_from_afar_is_called_off_and_what_waited_for_the_rule_goes_on(story: Story) -> None:
    waits = CAREFUL + """  hot:
    when: pressure > 3
    severity: major
    cause: {en: Too much pressure, de: Zu viel Druck}
    skill: heating
    depends_on: [overheating]
"""
    profile(story, waits)
    story.says("alice-pump", flow_temp=80.0, pressure=4.0)
    assert str(story.one(Alarm, Alarm.rule == "hot").suppressed_by) == "rule:overheating"
    profile(story, waits.replace("  overheating:\n", "  overheating2:\n").replace("[overheating]", "[overheating2]"))
    assert remove_rules(story.gw, story.now) == 1
    assert [row.state for row in story.all(Command)] == ["expired"]
    assert story.tickets == []
    released: Instant | None = story.one(Alarm, Alarm.rule == "hot").suppressed_until
    assert released is not None
    story.wait(minutes=2)
    assert "hot" in {ticket.cause_key for ticket in story.all(Ticket)}
