"""Somebody sets our clock: whoever looks first, nobody is judged by the wrong time, and nothing of it stays behind."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from sqlmodel import SQLModel

from gateway.app.clock import CorrectedTime
from gateway.detection.batch import MqttMessage
from gateway.flow.deliver import deliver
from gateway.flow.housekeeping import adjust_to_clock_jump, clamp_future_times
from gateway.flow.receive import receive
from gateway.flow.sweep import sweep
from gateway.flow.watch import watch
from gateway.model import DAY, HOUR, MINUTE, SECOND, DeviceState, Instant, Listener, Notification, Offer
from gateway.mqtt.listener_report import build_report
from gateway.mqtt.subscriptions import Subscriptions
from gateway.notifications.channels import NotSent, Sent
from gateway.store import Store, clock_jumps, listeners
from tests.drivers.story import NOON, Story, begin
from tests.stories.test_unclaimed_devices import Asked

PUMPS = ("alice-pump", "bob-pump", "charlie-pump")
STEP = 20 * SECOND


@dataclass
class Machine:
    """The gateway on a machine whose wall clock is `off`; the devices' own clocks are right."""

    story: Story
    true: Instant = NOON
    off: int = 0
    seq: int = 0
    since: Instant = NOON
    own: CorrectedTime = field(init=False)

    def __post_init__(self) -> None:
        self.own = CorrectedTime(lambda: self.true + self.off, lambda: self.true - NOON,
                           lambda by, now: adjust_to_clock_jump(self.story.gw, by, now))

    def set_clock(self, by: int, first: str = "sweep") -> None:
        """The clock is set, and `first` is the first to look at it."""
        self.off += by
        self.true += 1
        looks: dict[str, Callable[[], object]] = {
            "sweep": lambda: sweep(self.story.gw, self.own()), "watch": lambda: watch(self.story.gw, self.own()),
            "receive": lambda: self.say(PUMPS, flow_temp=40.0)}
        looks[first]()

    def say(self, devices: tuple[str, ...], **signals: float) -> None:
        self.seq += 1
        body = json.dumps({"ts": self.true, "seq": self.seq, "values": signals}).encode()
        receive(self.story.gw, [MqttMessage(f"devices/{device}/telemetry", body) for device in devices], self.own())

    def live(self, minutes: float, speaking: tuple[str, ...] = PUMPS, **signals: float) -> None:
        """Time passes; these devices speak each minute, and everybody does their work."""
        gw = self.story.gw
        for step in range(round(minutes * MINUTE / STEP)):
            self.true += STEP
            if speaking and step % 3 == 0:
                self.say(speaking, **(signals or {"flow_temp": 40.0}))
            self.since = min(self.since, self.own())
            with gw.store.write() as session:
                listeners.record_heartbeat(session, "gateway", self.since, self.own())
            sweep(gw, self.own())
            watch(gw, self.own())
            deliver(gw, self.own())


@pytest.fixture
def machine(both_stores: Store) -> Machine:
    return Machine(begin(both_stores))


@pytest.mark.parametrize(("by", "first"), [(DAY, "sweep"), (-HOUR, "receive"), *(
    pytest.param(by, first, marks=pytest.mark.slow) for by in (DAY, HOUR, -HOUR, -DAY)
    for first in ("sweep", "watch", "receive"))])
def test_a_clock_that_is_set_and_put_right_makes_no_ticket_and_hides_no_silence(
        machine: Machine, by: int, first: str) -> None:
    machine.live(3)
    machine.set_clock(by, first)
    machine.live(12)
    machine.set_clock(-by, first)
    machine.live(12)
    assert machine.story.alarms == []
    assert machine.story.tickets == []
    assert len(machine.story.notifications("gateway_fault")) == 2
    machine.live(4, PUMPS[1:])
    assert machine.story.alarms == []
    machine.live(2, PUMPS[1:])
    assert [(alarm.device_id, alarm.rule) for alarm in machine.story.alarms] == [("alice-pump", "silent")]


@pytest.mark.slow
@pytest.mark.parametrize("by", [DAY, -DAY], ids=lambda by: f"{by // HOUR} h")
def test_a_device_that_falls_silent_while_the_clock_is_wrong_is_missed_in_its_time(machine: Machine, by: int) -> None:
    machine.live(3)
    machine.set_clock(by)
    machine.live(2)
    machine.live(2, PUMPS[1:])
    machine.set_clock(-by)
    machine.live(8, PUMPS[1:])
    assert [(alarm.device_id, alarm.rule) for alarm in machine.story.alarms] == [("alice-pump", "silent")]


def test_a_rule_that_waits_ten_minutes_waits_ten_minutes_whatever_the_clock_says(machine: Machine) -> None:
    machine.live(3, pressure=1.5)
    machine.live(4, pressure=0.4)
    machine.set_clock(DAY)
    machine.live(4, pressure=0.4)
    assert machine.story.alarms == []
    machine.set_clock(-DAY)
    machine.live(12, pressure=0.4)
    assert [alarm.rule for alarm in machine.story.alarms] == ["low_pressure"] * 3


@pytest.mark.slow
def test_an_offer_has_its_time_whatever_the_clock_says(machine: Machine) -> None:
    machine.live(1)
    machine.say(PUMPS[:1], flow_temp=90.0)
    offer = machine.story.one(Offer)
    given = (offer.expires_at - offer.offered_at) / MINUTE

    def state() -> str:
        return machine.story.one(Offer, Offer.id == offer.id).state

    machine.set_clock(DAY)
    machine.live(given / 2, flow_temp=90.0)
    assert state() == "pending"
    machine.set_clock(-DAY)
    machine.live(given / 4, flow_temp=90.0)
    assert state() == "pending"
    machine.live(given / 2, flow_temp=90.0)
    assert state() == "lapsed"


@pytest.mark.slow
def test_a_message_that_is_to_be_tried_again_is_tried_again_soon_after_the_clock_is_put_right(machine: Machine) -> None:
    machine.live(1)
    machine.set_clock(DAY)
    machine.story.replies = lambda address: NotSent(False, "busy")
    receive(machine.story.gw, [MqttMessage("devices/alice-button/press", b'{"id": "p1"}')], machine.own())
    machine.live(1)
    [promised] = machine.story.notifications("callback_scheduled")
    assert (promised.state, promised.due_at is not None) == ("queued", True)
    machine.set_clock(-DAY)
    machine.story.replies = lambda address: Sent("taken")
    machine.live(3)
    assert machine.story.notifications("callback_scheduled")[0].state == "sent"


@pytest.mark.slow
def test_a_night_that_is_none_holds_nothing_back_until_its_morning(machine: Machine) -> None:
    machine.live(1)
    machine.set_clock(11 * HOUR)  # 23:00 at Alice's, whose quiet hours have begun
    machine.say(PUMPS[:1], pressure=0.4)
    machine.live(11, pressure=0.4)
    held = [note for note in machine.story.notifications("fault_found") if note.recipient_id == "alice"]
    assert [note.state for note in held] == ["held"]
    machine.set_clock(-11 * HOUR)
    machine.live(1, pressure=0.4)
    assert machine.story.all(Notification, Notification.id == held[0].id)[0].state == "sent"


@pytest.mark.slow
def test_what_was_written_by_a_clock_that_was_ahead_is_mended_when_nobody_saw_it_put_right(machine: Machine) -> None:
    """The gateway was off when that was done."""
    machine.off = DAY
    machine.own = CorrectedTime(lambda: machine.true + machine.off, lambda: 0, lambda by, now: None)
    machine.since = NOON + DAY
    machine.live(5)
    machine.off = 0
    machine.__post_init__()
    clamp_future_times(machine.story.gw, machine.own(), everywhere=True)
    now = machine.own()
    assert {row.seen_at for row in machine.story.all(DeviceState) if row.seen_at} == {now}
    assert machine.story.one(Listener).since == now
    machine.live(8, PUMPS[1:])
    assert [(alarm.device_id, alarm.rule) for alarm in machine.story.alarms] == [("alice-pump", "silent")]


def test_two_processes_that_see_one_jump_move_the_deadlines_once(machine: Machine) -> None:
    machine.live(1)
    machine.say(PUMPS[:1], flow_temp=90.0)
    before = machine.story.one(Offer).expires_at
    for seen in (DAY, DAY - 3):
        adjust_to_clock_jump(machine.story.gw, seen, machine.true + DAY)
    assert machine.story.one(Offer).expires_at == before + DAY
    assert len(machine.story.notifications("gateway_fault")) == 1


def test_filters_granted_by_a_clock_that_was_ahead_hide_no_silence_when_it_is_put_right(machine: Machine) -> None:
    gw, client = machine.story.gw, Asked()
    subscriptions, to_broker = Subscriptions(None), cast(Any, client)
    wanted = dict.fromkeys(gw.dialects.filters, True)
    subscriptions.begin(to_broker, wanted, NOON + DAY)
    while client.asked:
        client.grants_everything(subscriptions, NOON + DAY + SECOND)
        subscriptions.retry_refused(to_broker, NOON + DAY + SECOND)
    assert subscriptions.settled

    subscriptions.retry_refused(to_broker, NOON + MINUTE)

    assert build_report(gw, subscriptions, NOON + MINUTE, wanted, "").later == {}


def test_an_answer_that_a_broker_owes_us_is_missed_in_its_time_when_the_clock_is_set_back(machine: Machine) -> None:
    subscriptions, to_broker = Subscriptions(None), cast(Any, Asked())
    subscriptions.begin(to_broker, {"devices/#": True}, NOON + DAY)
    subscriptions.retry_refused(to_broker, NOON)
    subscriptions.retry_refused(to_broker, NOON + MINUTE)
    assert subscriptions.missing_filters() == {"devices/#": "the broker does not answer"}


def test_every_stored_time_is_known_to_be_moved_clamped_or_left_alone() -> None:
    known = [*clock_jumps.DEADLINES, *clock_jumps.PAST_TIMES, *clock_jumps.NOT_MOVED]
    assert len(known) == len(set(known))
    names = {(table.__tablename__, name) for table, name in known}
    numbers = {("goodwill_credit", "cents"), ("goodwill_credit", "dark_ms"), ("goodwill_case", "cents"),
               ("outage_member", "dark_before_ms"), ("reading", "id"),
               ("reading", "seq"), ("dead_letter", "id"), ("entry", "id"),
               ("search_entry", "id"), ("search_term", "entry_id"),
               ("loss", "uncertainty_ms"), ("sla_clock", "target_ms"), ("sla_clock", "used_ms"),
               ("changed_row", "id"), ("changed_row", "transaction"), ("audit", "id"), ("account", "code_step"),
               ("device_state", "version")}
    stored = {(table.name, column.name) for table in SQLModel.metadata.tables.values() for column in table.columns
              if "BIGINT" in str(column.type).upper()} - numbers
    assert stored - names == set(), "give it its place in store/clock_jumps.py"
    assert names - stored == set()
