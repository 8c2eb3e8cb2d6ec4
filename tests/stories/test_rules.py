"""What people live through with rules that rise, latch, flap, explain each other, or are only tried."""

from dataclasses import replace

import pytest
from sqlmodel import col

from gateway.app.check import profile_test_errors
from gateway.config.profiles_and_mappings import load_profiles
from gateway.detection.batch import MqttMessage
from gateway.devices.profiles import compile_profile
from gateway.flow.receive import receive
from gateway.model import DISPATCHER, HOUR, MINUTE, SECOND, Alarm, Device, Notification, Offer
from gateway.store import Store
from gateway.tickets.actions import AcknowledgeAlarm, Arrive, Depart, Finish
from tests import ROOT
from tests.drivers.story import HEAT_PUMP, Story, begin


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores)


def with_rule(story: Story, rule: str, more: str = "", signals: str = "") -> None:
    """The heat pump's one rule `hot` from now on, and perhaps others."""
    head = HEAT_PUMP[:HEAT_PUMP.index("rules:")].replace("  pressure:", f"{signals}  pressure:")
    body = "\n".join(f"    {line}" for line in rule.strip().splitlines())
    text = f"{head}rules:\n  hot:\n{body}\n    skill: heating\n    cause: {{en: Too hot, de: Zu heiß}}\n{more}"
    story.gw.profiles["heat-pump"] = compile_profile(text, "heat-pump.yaml")


RISING = "when: flow_temp > 75\nclear: flow_temp < 65\nseverity: minor\nrises: {critical: flow_temp > 85}"


def test_a_fault_that_gets_worse_is_the_same_ticket_and_everybody_it_concerns_hears_of_it(story: Story) -> None:
    with_rule(story, RISING)
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    calm = story.one(Offer).expires_at
    story.wait(seconds=30)
    story.says("alice-pump", flow_temp=90.0)
    story.wait(seconds=1)
    assert (story.ticket.severity, story.one(Alarm).severity) == ("critical", "critical")
    assert story.one(Offer).expires_at < calm
    assert [line for line in story.told_to("alice@example.com") if "more serious" in line]
    assert [line for line in story.told_to("office@kunz.example") if "more serious" in line]
    assert "More serious now: critical" in story.timeline(story.ticket.id)
    told = len(story.messages)
    story.says("alice-pump", flow_temp=80.0)
    story.says("alice-pump", flow_temp=95.0)
    story.wait(seconds=10)
    assert (story.ticket.severity, len(story.messages)) == ("critical", told)


def test_news_of_the_worse_waits_for_no_morning_and_the_older_news_is_not_told_after_it(story: Story) -> None:
    with_rule(story, RISING)
    story.now += 11 * HOUR  # midnight in the town
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    assert story.told_to("alice@example.com") == []  # quiet hours
    story.says("alice-pump", flow_temp=90.0)
    story.wait(seconds=1)
    assert len(story.told_to("alice@example.com")) == 1
    story.says("alice-pump", flow_temp=50.0)
    for _ in range(9):
        story.wait(minutes=60)
        story.says("alice-pump", flow_temp=50.0)
    assert len(story.told_to("alice@example.com")) == 2  # worse, and that it is over
    assert story.one(Notification, Notification.topic == "fault_found").state == "dropped"


def test_worse_and_over_before_anybody_heard_is_told_to_nobody(story: Story) -> None:
    with_rule(story, RISING)
    batch = [MqttMessage("devices/alice-pump/telemetry", b'{"ts":%d,"seq":%d,"values":{"flow_temp":%s}}'
                   % (story.now - 100 + number, number, value), False)
             for number, value in enumerate((b"80.0", b"90.0", b"50.0"))]
    receive(story.gw, batch, story.now)
    story.wait()
    assert story.ticket.state == "resolved"
    assert story.messages == []


# latch

LATCHED = "when: flow_temp > 75\nclear: flow_temp < 65\nseverity: major\nlatch: true"


def test_a_latched_alarm_stays_open_until_somebody_has_seen_it(story: Story) -> None:
    with_rule(story, LATCHED)
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    story.says("alice-pump", flow_temp=50.0)
    story.wait()
    alarm = story.one(Alarm)
    assert (alarm.cleared_at is not None, alarm.closed_at, story.ticket.state) == (True, None, "offered")
    story.act(AcknowledgeAlarm(alarm.id))
    story.wait()
    assert story.one(Alarm).closed_at is not None
    assert (story.ticket.state, story.ticket.resolved_by) == ("resolved", "telemetry")


def test_an_acknowledged_alarm_closes_when_its_fault_is_over(story: Story) -> None:
    with_rule(story, LATCHED)
    story.says("alice-pump", flow_temp=80.0)
    story.act(AcknowledgeAlarm(story.one(Alarm).id))
    assert story.one(Alarm).closed_at is None
    story.says("alice-pump", flow_temp=50.0)
    assert story.one(Alarm).closed_at is not None
    assert story.ticket.state == "resolved"


def test_a_fault_that_comes_back_while_latched_is_the_same_alarm(story: Story) -> None:
    with_rule(story, LATCHED)
    for value in (80.0, 50.0, 80.0):
        story.says("alice-pump", flow_temp=value)
        story.wait(seconds=5)
    assert story.one(Alarm).cleared_at is None
    assert len(story.tickets) == 1


def test_a_latched_fault_that_is_over_does_not_reopen_a_ticket_somebody_has_settled(story: Story) -> None:
    with_rule(story, LATCHED)
    story.says("alice-pump", flow_temp=80.0)
    story.accept()
    visit = story.ticket.visit_id or ""
    story.act(Depart(visit), "provider kunz")
    story.act(Arrive(visit), "provider kunz")
    story.says("alice-pump", flow_temp=50.0)
    story.act(Finish(visit, "Pump replaced"), "provider kunz")
    for _ in range(6):
        story.wait(minutes=4)
        story.says("alice-pump", flow_temp=50.0)
    assert (story.ticket.state, story.ticket.round) == ("closed", 1)
    assert story.one(Alarm).closed_at is None


# flapping

def test_a_fault_that_comes_and_goes_is_one_ticket_and_said_to_flap(story: Story) -> None:
    with_rule(story, "when: flow_temp > 75\nclear: flow_temp < 65\nseverity: major\nflapping: true")
    for value in (80.0, 50.0) * 12:
        story.says("alice-pump", flow_temp=value)
        story.wait(seconds=30)
    alarm = story.one(Alarm, col(Alarm.closed_at).is_(None))
    assert alarm.flapping
    assert alarm.evidence["flapping"]["change_percent"] > 25
    assert len(story.tickets) == 1
    told = story.told_to("alice@example.com")
    for value in (80.0, 50.0) * 12:
        story.says("alice-pump", flow_temp=value)
        story.wait(seconds=30)
    assert story.told_to("alice@example.com") == told
    for _ in range(25):
        story.says("alice-pump", flow_temp=50.0)
        story.wait(seconds=30)
    assert all(alarm.closed_at is not None and not alarm.flapping for alarm in story.alarms)
    assert len(story.tickets) == 1


# depends_on

TWO = """  overheating:
    when: flow_temp > 75
    clear: flow_temp < 65
    severity: critical
    cause: {en: The heat pump is overheating, de: Die Wärmepumpe überhitzt}
    skill: heating
"""


def test_a_fault_that_another_explains_is_written_down_and_nobody_is_sent_for_it(story: Story) -> None:
    with_rule(story, "when: pressure > 3\nseverity: major\ndepends_on: [overheating]", TWO)
    story.says("alice-pump", flow_temp=80.0, pressure=4.0)
    story.wait()
    assert story.ticket.cause_key == "overheating"
    assert str(story.one(Alarm, Alarm.rule == "hot").suppressed_by) == "rule:overheating"
    story.says("alice-pump", flow_temp=50.0, pressure=1.0)
    story.wait(minutes=2)
    assert len(story.tickets) == 1
    assert story.one(Alarm, Alarm.rule == "hot").closed_at is not None


def test_a_fault_that_outlives_its_explanation_gets_its_own_ticket(story: Story) -> None:
    with_rule(story, "when: pressure > 3\nseverity: major\ndepends_on: [overheating]", TWO)
    story.says("alice-pump", flow_temp=80.0, pressure=4.0)
    story.says("alice-pump", flow_temp=50.0, pressure=4.0)
    story.wait(seconds=30)
    assert len(story.tickets) == 1
    story.wait(seconds=31)
    assert {ticket.cause_key for ticket in story.tickets} == {"overheating", "hot"}
    hot = next(ticket for ticket in story.tickets if ticket.cause_key == "hot")
    assert any("put down to another fault" in line for line in story.timeline(hot.id))


def test_what_speaks_through_a_hub_that_is_gone_is_explained_by_it(story: Story) -> None:
    with_rule(story, "when: flow_temp > 75\nseverity: major\ndepends_on: [via]")
    with story.gw.store.write() as session:
        device = session.get(Device, "alice-pump")
        assert device is not None
        device.via = "bob-pump"
        session.add(device)
    story.says("bob-pump", flow_temp=40.0)
    story.receive("devices/bob-pump/status", {"state": "lost", "ts": story.now})
    story.says("alice-pump", flow_temp=80.0)
    assert str(story.one(Alarm, Alarm.device_id == "alice-pump").suppressed_by) == "bob-pump"
    assert [ticket for ticket in story.tickets if ticket.device_id == "alice-pump"] == []
    story.now += SECOND
    story.says("bob-pump", flow_temp=40.0)
    for _ in range(3):
        story.wait(minutes=1)
        story.says("bob-pump", flow_temp=40.0)
        story.says("alice-pump", flow_temp=80.0)
    assert [ticket.cause_key for ticket in story.tickets if ticket.device_id == "alice-pump"] == ["hot"]


# monitor

def test_a_rule_on_trial_is_seen_and_has_no_effect(story: Story) -> None:
    with_rule(story, f"{RISING}\nmonitor: true")
    story.says("alice-pump", flow_temp=80.0)
    story.says("alice-pump", flow_temp=90.0)
    story.wait()
    alarm = story.one(Alarm)
    assert (alarm.dry_run, alarm.evidence["would"], alarm.severity) == (True, "ticket", "critical")
    assert (story.tickets, story.messages) == ([], [])
    story.says("alice-pump", flow_temp=50.0)
    assert story.one(Alarm).closed_at is not None


def test_a_rule_whose_trial_ends_counts_at_once(story: Story) -> None:
    with_rule(story, f"{RISING}\nmonitor: true")
    story.says("alice-pump", flow_temp=80.0)
    with_rule(story, RISING)
    story.says("alice-pump", flow_temp=80.0)
    assert story.ticket.cause_key == "hot"
    assert [alarm.closed_at is None for alarm in sorted(story.alarms, key=lambda alarm: not alarm.dry_run)] == [
        False, True]


# time

def backlog(story: Story, *values: float, minutes: int = 10, ago: int = 180) -> None:
    """Taken `minutes` apart, beginning `ago` minutes ago, all heard now."""
    for number, value in enumerate(values):
        story.seq += 1
        story.receive("devices/alice-pump/telemetry", {"ts": story.now - (ago - number * minutes) * MINUTE,
                                                       "seq": story.seq, "values": {"flow_temp": value}})


def test_what_was_over_before_we_heard_of_it_is_written_down_and_nobody_is_bothered(story: Story) -> None:
    story.says("alice-pump", flow_temp=40.0)
    story.now += 4 * HOUR
    backlog(story, 40.0, 80.0, 82.0, 60.0, 50.0)
    story.says("alice-pump", flow_temp=45.0)
    story.wait(seconds=10)
    alarm = story.one(Alarm, Alarm.rule == "overheating")
    assert alarm.closed_at == story.now - 10 * SECOND - 150 * MINUTE
    assert alarm.evidence["passed"] is True
    assert [ticket for ticket in story.tickets if ticket.cause_key == "overheating"] == []


def test_what_a_backlog_leaves_open_becomes_a_ticket(story: Story) -> None:
    backlog(story, 40.0, 80.0, 82.0)
    assert story.tickets == []
    story.wait(seconds=3)
    assert story.ticket.cause_key == "overheating"


def test_a_device_whose_clock_is_twenty_minutes_ahead_is_judged_all_the_same(story: Story) -> None:
    for minute in range(6):
        story.seq += 1
        story.receive("devices/alice-pump/telemetry", {"ts": story.now + 20 * MINUTE, "seq": story.seq,
                                                       "values": {"flow_temp": 80.0 if minute > 3 else 40.0}})
        story.wait(minutes=1)
    assert story.ticket.cause_key == "overheating"
    assert story.one(Alarm).opened_at <= story.now


# broken

def test_the_operator_hears_once_of_a_rule_that_cannot_be_judged(story: Story) -> None:
    with_rule(story, "when: flow_temp > 75\nseverity: major", TWO)
    profile = story.gw.profiles["heat-pump"]

    class Fails:
        def execute(self, shown: object) -> bool:
            raise ValueError("no such overload")

    hot = next(rule for rule in profile.rules if rule.name == "hot")
    rules = tuple(replace(rule, when=replace(rule.when, program=Fails(), quick=None)) if rule is hot else rule
                  for rule in profile.rules)
    story.gw.profiles["heat-pump"] = replace(profile, rules=rules)
    for device in ("alice-pump", "bob-pump", "alice-pump"):
        story.says(device, flow_temp=80.0)
        story.wait(seconds=5)
    assert [row.recipient for row in story.notifications("rule_broken")] == [DISPATCHER]
    assert [line for line in story.told_to("desk@example.com") if "heat-pump/hot" in line]
    assert {ticket.cause_key for ticket in story.tickets} == {"overheating"}


# the site's own clock

def test_a_rule_with_hours_asks_the_town_what_time_it_is(story: Story) -> None:
    with_rule(story, 'when: flow_temp > 75\nseverity: major\nonly_during: [{from: "22:00", until: "06:00"}]')
    story.says("alice-pump", flow_temp=80.0)  # it is 13:00 in the town
    for _ in range(8 * 15 + 14):
        story.wait(minutes=4)
        story.says("alice-pump", flow_temp=80.0)
    assert story.tickets == []  # 21:56
    story.wait(minutes=4)
    assert story.ticket.cause_key == "hot"


def test_the_rules_that_are_shipped_pass_their_own_tests() -> None:
    folder = ROOT / "profiles"
    assert list(profile_test_errors(folder, load_profiles(folder))) == []
    assert len(list(folder.glob("*.tests.yaml"))) == len(load_profiles(folder))
