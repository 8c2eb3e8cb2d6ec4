"""What one device, one customer's queue or one stranger may cause is bounded; what is critical, and a press, is not."""

import json
from collections import Counter

import pytest
from sqlmodel import select

from gateway.config import quotas
from gateway.detection import ClaimedDevice, Cleared, ClockTick, Raised, memory, step
from gateway.detection.batch import MqttMessage
from gateway.detection.device_state import MANY
from gateway.devices.profiles import compile_profile
from gateway.flow.deliver import deliver
from gateway.flow.receive import receive
from gateway.flow.remove_rules import remove_rules
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Alarm,
    Callback,
    DeadLetter,
    Device,
    Instant,
    Note,
    Notification,
    Reason,
    ReasonKind,
    Subject,
    SubjectKind,
    Ticket,
)
from gateway.model.signals import FaultCode, FaultList, Notes, Telemetry
from gateway.store import Store, dead_letters
from gateway.store.dead_letters import source_of
from gateway.store.devices import dialect_notes
from tests.drivers.story import NOON, Story, begin
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.outbox_rows import note


@pytest.fixture
def story(store: Store) -> Story:
    return begin(store)


class Bare:
    """A device without its home: what is judged of what it says."""

    def __init__(self) -> None:
        self.profile = compile_profile(
            "profile: p\nname: {en: p, de: p}\nsignals: {known: {unit: bar}}\n"
            "faults:\n  '*': {severity: minor, skill: x, cause: {en: a, de: b}}\n", "p.yaml")
        self.known, self.now = ClaimedDevice("d", "native:d", "p"), NOON
        self.open: set[str] = set()
        self.raised: list[str] = []

    def reports(self, *codes: str, active: bool = True) -> None:
        for code in codes:
            self._judged(FaultCode("native:d", code, active, self.now))

    def lists(self, *codes: str) -> None:
        self._judged(FaultList("native:d", "", codes, self.now))

    def measures(self, **values: float) -> None:
        self._judged(Telemetry("native:d", dict(values), self.now))

    def looked_at(self) -> None:
        self._judged(ClockTick(NOON - HOUR))

    def _judged(self, signal: FaultCode | FaultList | Telemetry | ClockTick) -> None:
        self.known, verdicts = step(self.profile, self.known, signal, self.now)
        for verdict in verdicts:
            if isinstance(verdict, Raised):
                self.raised.append(verdict.rule)
                self.open.add(verdict.rule)
            elif isinstance(verdict, Cleared):
                self.open.remove(verdict.rule)


def reports(story: Story, *codes: str, active: bool = True, device: str = "alice-pump") -> None:
    """All in one go."""
    story.now += 10
    receive(story.gw, [MqttMessage(f"devices/{device}/fault", json.dumps({"code": code, "active": active}).encode())
                       for code in codes], story.now)


CODES = [f"F{number:03}" for number in range(1000)]


# --- a device that reports many faults

def test_a_thousand_fault_codes_of_one_device_are_twenty_alarms_and_one_that_says_many(story: Story) -> None:
    """They were a thousand tickets and a thousand messages to one customer."""
    reports(story, *CODES[:150])
    assert len(story.alarms) == quotas.FAULTS_AT_ONCE + 1
    assert len(story.tickets) == 1
    many = story.one(Alarm, Alarm.rule == MANY)
    assert many.cause == "The device reports many faults at once"
    story.wait(minutes=1)
    assert len(story.told_to("alice@example.com")) <= quotas.MESSAGES_AN_HOUR
    device = Bare()
    device.reports(*CODES)
    assert device.raised == [*(f"fault:{code}" for code in CODES[:quotas.FAULTS_AT_ONCE]), MANY]
    assert len(memory.dumps(device.known.memory, None)) < 10_000, "its state does not grow without end"


def test_the_one_alarm_ends_with_the_last_fault_that_it_stands_for(story: Story) -> None:
    reports(story, *CODES[:quotas.FAULTS_AT_ONCE + 3])
    beyond = CODES[quotas.FAULTS_AT_ONCE:quotas.FAULTS_AT_ONCE + 3]
    many = story.one(Alarm, Alarm.rule == MANY)
    reports(story, *beyond[:2], active=False)
    assert story.one(Alarm, Alarm.id == many.id).closed_at is None
    reports(story, beyond[2], active=False)
    assert story.one(Alarm, Alarm.id == many.id).closed_at is not None
    assert len([alarm for alarm in story.alarms if alarm.closed_at is None]) == quotas.FAULTS_AT_ONCE
    reports(story, CODES[0], active=False)
    reports(story, CODES[900])
    assert story.one(Alarm, Alarm.rule == "fault:F900").closed_at is None, "there is room again"


def test_when_not_all_could_be_listed_the_one_alarm_ends_with_the_devices_last_fault() -> None:
    device = Bare()
    device.reports(*CODES)
    first, rest = CODES[:quotas.FAULTS_AT_ONCE], CODES[quotas.FAULTS_AT_ONCE:]
    device.reports(*rest, active=False)
    assert device.open == {f"fault:{code}" for code in first} | {MANY}
    device.reports(*first, active=False)
    assert device.open == set()


def test_what_the_profile_calls_critical_has_its_own_alarm_whatever_else_is_reported(story: Story) -> None:
    reports(story, *CODES[:100])
    reports(story, "E7")
    assert story.one(Ticket).severity == "critical"
    story.wait(minutes=1)
    assert any("Compressor fault" in message.text for message in story.messages)


def test_ever_new_codes_that_come_and_go_are_many_faults_too_until_an_hour_is_calm() -> None:
    """One at a time they were a ticket each, and each message of that device took longer than the one before."""
    device = Bare()
    for code in CODES:
        device.now += SECOND
        device.reports(code)
        device.reports(code, active=False)
    assert len(device.raised) == quotas.FAULTS_AN_HOUR + 1
    assert device.open == {MANY}
    assert len(memory.dumps(device.known.memory, None)) < 10_000, "its state does not grow without end"
    device.now += 59 * MINUTE
    device.looked_at()
    assert device.open == {MANY}
    assert device.known.due_at is not None
    assert device.known.due_at <= device.now + 2 * MINUTE, "the clock will look again by itself"
    device.now += 2 * MINUTE
    device.looked_at()
    assert device.open == set()
    device.reports("F1")
    assert device.open == {"fault:F1"}


def test_a_list_that_ends_many_faults_at_once_leaves_a_bounded_number_of_them_remembered() -> None:
    bare = Bare()
    for day in range(10):
        bare.now = NOON + day * DAY
        codes = [f"E{day}-{number}" for number in range(quotas.FAULTS_AT_ONCE)]
        bare.reports(*codes)
        bare.lists(*codes)
        bare.lists()
    assert bare.open == set()
    assert len(bare.known.memory.faults) <= quotas.FAULTS_REMEMBERED


def test_a_device_that_invents_signals_is_remembered_by_a_bounded_number_of_them() -> None:
    device = Bare()
    device.measures(known=1.0)
    for number in range(5_000):
        device.now += 1
        device.measures(**{f"s{number}": 1.0, "known": 2.0})
    assert len(device.known.signals) <= quotas.SIGNALS_REMEMBERED + 1
    assert {"known", "s4999"} <= device.known.signals.keys()


def test_many_faults_are_not_withdrawn_as_a_rule_that_no_profile_has_and_are_explained(story: Story) -> None:
    reports(story, *CODES[:30])
    assert remove_rules(story.gw, story.now) == 0
    many = story.one(Alarm, Alarm.rule == MANY)
    for about in (many.id, "alice-pump"):
        said = " ".join(story.explained(about))
        assert "any faults at once" in said or "more than 20 faults at once" in said


# --- a customer who gets many messages

def works_are_planned(story: Story, count: int = 20, until: Instant = NOON + DAY) -> None:
    """So many messages to Alice, each of which is worth sending before `until`: one after the other, else they would
    leave as one."""
    for number in range(count):
        story.now += 10
        with story.gw.store.write() as session:
            session.add(note(f"N-{number}", "maintenance", number, story.now,
                             subject=Subject(SubjectKind.MAINTENANCE, f"W-{number}"),
                             facts={"area": "Lindenweg", "window_from": story.now, "window_until": until}))
        deliver(story.gw, story.now)


def test_beyond_twelve_in_an_hour_messages_wait_and_the_dispatcher_is_told_once(story: Story) -> None:
    works_are_planned(story)
    story.wait(minutes=1)
    assert len(story.told_to("alice@example.com")) == quotas.MESSAGES_AN_HOUR
    held = [row for row in story.notifications("maintenance") if row.state == "held"]
    assert len(held) == 20 - quotas.MESSAGES_AN_HOUR
    assert all(row.reason == Reason(ReasonKind.MANY_MESSAGES, {"most": 12, "span": "hour"}) for row in held)
    assert sum("Too many messages to Alice" in subject for subject in story.told_to("desk@example.com")) == 1
    story.wait(minutes=61)
    told = Counter(story.told_to("alice@example.com"))
    assert told["8 things about your home"] == 1, "what is still true is said later, all of it at once"
    assert sum("Too many messages to Alice" in subject for subject in story.told_to("desk@example.com")) == 1


def test_what_is_critical_and_the_answer_to_a_press_wait_for_no_quota(story: Story) -> None:
    works_are_planned(story)
    story.wait(minutes=1)
    before = len(story.told_to("alice@example.com"))
    assert before == quotas.MESSAGES_AN_HOUR
    reports(story, "E7")
    story.press("alice-button", "press-1")
    assert story.one(Callback).state == "requested"
    story.wait(seconds=5)
    told = story.told_to("alice@example.com")[before:]
    assert any(subject.startswith("We will call you by") for subject in told)
    assert any("Compressor fault" in message.text for message in story.messages if message.to == "alice@example.com")


def test_what_is_over_by_the_time_it_may_go_is_not_said(story: Story) -> None:
    works_are_planned(story, until=NOON + 30 * MINUTE)
    story.wait(minutes=1)
    held = [row.id for row in story.notifications("maintenance") if row.state == "held"]
    story.wait(minutes=61)
    assert {story.one(Notification, Notification.id == one).state for one in held} == {"dropped"}


@pytest.mark.slow
def test_a_day_has_its_quota_too_and_what_is_a_day_old_is_dropped_with_its_reason(story: Story) -> None:
    reports(story, *CODES[:20])
    rows = [note(f"N-{number}", "outage_longer", number, story.now,
                 subject=Subject(SubjectKind.TICKET, story.tickets[0].id)) for number in range(60)]
    with story.gw.store.write() as session:
        for row in rows:
            session.add(row)
    for _ in range(23):
        story.wait(minutes=60)
    told = story.told_to("alice@example.com")
    assert len(told) <= quotas.MESSAGES_A_DAY
    while deliver(story.gw, NOON + 3 * DAY):
        pass
    assert not [row for row in story.all(Notification, Notification.recipient_id == "alice")
                if row.state == "held" and row.created_at < NOON + HOUR and (row.due_at or 0) < NOON + 2 * DAY]


def test_another_customer_is_told_as_ever(story: Story) -> None:
    works_are_planned(story)
    others = [device.id for device in story.all(Device) if device.profile == "heat-pump" and device.id != "alice-pump"]
    reports(story, "F1", device=others[0])
    story.wait(minutes=1)
    assert {message.to for message in story.messages} > {"alice@example.com", "desk@example.com"}


# --- messages that nobody can read, and what dialects remember

def test_a_device_that_sends_rubbish_fills_no_disk_and_pushes_nobody_out(both_stores: Store) -> None:
    """30,000 bad messages made the database 144 MB larger."""
    with both_stores.write() as session:
        dead_letters.save_dead_letters(session, [("native", "devices/good/telemetry", b"x" * 9000, "not JSON")], NOON)
    for batch in range(5):
        with both_stores.write() as session:
            dead_letters.save_dead_letters(session, [("native", f"devices/bad/{kind}", b"%d" % number, "not JSON")
                                 for number in range(batch * 200, batch * 200 + 200)
                                 for kind in ("telemetry", "press")], NOON + batch)
    with both_stores.read() as session:
        kept = session.exec(select(DeadLetter)).all()
    assert Counter(row.source for row in kept) == {"devices/good": 1, "devices/bad": quotas.DEAD_LETTERS_PER_SOURCE}
    assert {int(row.payload) for row in kept if row.source == "devices/bad"} == set(range(950, 1000)), "the newest"


@pytest.mark.slow
def test_all_strangers_together_have_a_quota_for_what_nobody_can_read(both_stores: Store) -> None:
    for batch in range(8):
        with both_stores.write() as session:
            dead_letters.save_dead_letters(session, [("tasmota", f"tele/{batch}-{number}/STATE", b"x",
                                                "why") for number in range(1000)],
                       NOON)
    with both_stores.read() as session:
        kept = session.exec(select(DeadLetter.topic)).all()
    assert len(kept) == quotas.DEAD_LETTERS
    assert "tele/7-999/STATE" in kept
    assert "tele/0-0/STATE" not in kept


@pytest.mark.parametrize(("topic", "source"), [
    ("devices/hp-1/telemetry", "devices/hp-1"), ("tele/plug/STATE", "tele/plug"), ("ems-esp/boiler", "ems-esp/boiler"),
    ("homeassistant/sensor/hp-1/temp/config", "homeassistant/sensor/hp-1"), ("x", "x"), ("", ""),
    ("a/" * 400, "a/a/a"), ("b" * 1000, "b" * 256)])
def test_a_dead_letter_belongs_to_whoever_its_topic_names(topic: str, source: str) -> None:
    assert source_of(topic) == source


def test_one_source_cannot_make_a_dialect_remember_without_end(both_stores: Store) -> None:
    def remember(source: str, **values: object) -> None:
        with both_stores.write() as session:
            kept = dialect_notes.notes(session, [source])
            for name, value in values.items():
                kept[source][name] = value
            dialect_notes.save_notes(session, kept)

    def remembered(source: str) -> Notes:
        with both_stores.write() as session:
            return dialect_notes.notes(session, [source])[source]

    save_hundred_sites(both_stores, 1)
    with both_stores.write() as session:  # of a stranger even less is remembered
        pump = session.get_one(Device, "pump-0")
        pump.key = "sparkplug:a/b/pump"
        session.add(pump)
    remember("sparkplug:a/b", aliases={"1": "temp"})
    for number in range(0, quotas.NOTES_PER_SOURCE - 5, 5):
        remember("sparkplug:a/b", **{f"n{number + more}": number for more in range(5)})
    remember("sparkplug:a/b", **{f"more{number}": number for number in range(4)})
    for number in range(5):
        remember("sparkplug:a/b", **{f"still more {number}": number})
    assert len(remembered("sparkplug:a/b")) == quotas.NOTES_PER_SOURCE
    remember("sparkplug:a/b", aliases={"1": "other"})
    assert remembered("sparkplug:a/b")["aliases"] == {"1": "other"}, "what is there already can be replaced"
    remember("sparkplug:c/d", aliases="x" * (quotas.NOTE_BYTES + 1))
    assert remembered("sparkplug:c/d") == {}
    with both_stores.read() as session:
        assert session.exec(select(Note).where(Note.source == "sparkplug:a/b")).first() is not None
