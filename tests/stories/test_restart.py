"""No timer lives in memory: a gateway that comes back finds each where it was, and none goes off early or is lost."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlmodel import SQLModel, select

from gateway.config.settings import Service, Settings
from gateway.detection.batch import MqttMessage
from gateway.flow.act import act
from gateway.flow.deliver import deliver
from gateway.flow.gateway import Gateway
from gateway.flow.receive import receive
from gateway.flow.sweep import sweep
from gateway.model import (
    HOUR,
    MINUTE,
    SECOND,
    Actor,
    ActorKind,
    Alarm,
    Callback,
    Customer,
    Due,
    DueKind,
    Instant,
    Notification,
    Offer,
    Ticket,
    from_iso,
)
from gateway.notifications.channels import Channel, NotSent, Outcome, Sent
from gateway.notifications.messages import Message
from gateway.store import Store, listeners
from gateway.tickets.actions import ResolveTicket
from tests.drivers.load_check import rows
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.listener_in_process import hundred_sites_profiles

NOON = from_iso("2026-11-23T12:00:00Z")
NIGHT = from_iso("2026-11-23T23:00:00Z")
MORNING = from_iso("2026-11-24T07:00:00Z")


@dataclass
class House:
    """The village's gateway; `restart` is all that a new process has: the database."""

    url: str
    store: Store
    told: list[str] = field(default_factory=list)
    replies: Callable[[], Outcome] = lambda: Sent("ok")
    gw: Gateway = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.store.close()
        self.store = Store(self.url)
        channels = {"webhook": Channel("webhook", "long", self._send)}
        self.gw = Gateway(Settings(service=Service(settle_seconds=0)), self.store, hundred_sites_profiles(), channels)

    def _send(self, address: str, message: Message, ref: str) -> Outcome:
        outcome = self.replies()
        if isinstance(outcome, Sent):
            self.told.append(f"{message.topic} → {address.rpartition('/')[2]}")
        return outcome

    def hear(self, topic: str, payload: str, at: Instant) -> None:
        receive(self.gw, [MqttMessage(f"devices/{topic}", payload.encode())], at)

    def break_down(self, pump: str, at: Instant) -> None:
        """It reports a fault and is switched off, so that nobody waits for it to speak."""
        self.hear(f"{pump}/fault", f'{{"code": "E7", "ts": {at}}}', at)
        self.hear(f"{pump}/status", '{"state": "stopped"}', at)

    def tick(self, at: Instant, since: Instant | None = NOON - HOUR) -> None:
        """The clock looks, in a gateway that has heard its broker since then."""
        with self.store.write() as session:
            listeners.record_heartbeat(session, "gateway", since, at)
        while sweep(self.gw, at):
            pass

    def all(self, table: type[SQLModel]) -> list[Any]:
        with self.store.read() as session:
            return list(session.exec(select(table)))

    def one(self, table: type[SQLModel]) -> Any:
        (row,) = self.all(table)
        return row

    def proof_is_due(self) -> Instant:
        """When the resolved ticket is looked at again."""
        (at,) = [due.at for due in self.all(Due) if due.kind is DueKind.PROOF and due.at is not None]
        return int(at)


@pytest.fixture
def house(both_stores: Store) -> Iterator[House]:
    save_hundred_sites(both_stores, 2, "http://127.0.0.1:1")
    url = both_stores.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    standing = House(url, both_stores)
    yield standing
    standing.store.close()


def test_a_rule_that_is_pending_goes_on_counting_across_a_restart(house: House) -> None:
    house.hear("pump-0/telemetry", f'{{"ts": {NOON}, "values": {{"flow_temp": 10}}}}', NOON)
    house.restart()
    house.tick(NOON + 2 * SECOND - 1)
    assert house.all(Alarm) == []
    house.restart()
    house.tick(NOON + 2 * SECOND)
    assert house.one(Alarm).rule == "lukewarm"
    assert house.one(Alarm).opened_at == NOON
    assert house.one(Ticket).cause_key == "lukewarm"


def test_a_rule_that_was_pending_and_is_over_stays_quiet_after_a_restart(house: House) -> None:
    house.hear("pump-0/telemetry", f'{{"ts": {NOON}, "values": {{"flow_temp": 10}}}}', NOON)
    house.restart()
    house.hear("pump-0/telemetry", f'{{"ts": {NOON + SECOND}, "values": {{"flow_temp": 40}}}}', NOON + SECOND)
    house.restart()
    house.tick(NOON + MINUTE)
    assert house.all(Alarm) == []


def test_a_fault_that_was_read_late_is_raised_by_the_gateway_that_comes_back(house: House) -> None:
    house.hear("pump-0/telemetry", f'{{"ts": {NOON - 20 * SECOND}, "values": {{"flow_temp": 82}}}}', NOON)
    house.restart()
    back = NOON + MINUTE
    for second in range(15):
        house.tick(back + second * SECOND, since=back)
        assert house.all(Alarm) == []  # what was sent while nobody listened comes first
    house.restart()
    for second in range(15, 18):
        house.tick(back + second * SECOND, since=back)
    assert (house.one(Alarm).rule, house.one(Alarm).opened_at) == ("overheating", NOON - 20 * SECOND)
    assert house.one(Ticket).device_id == "pump-0"


def test_an_offer_lapses_at_its_time_and_not_before_whoever_runs_then(house: House) -> None:
    house.break_down("pump-0", NOON)
    until = house.one(Offer).expires_at
    assert until == NOON + 9 * MINUTE
    house.restart()
    house.tick(until - 1)
    assert house.one(Offer).state == "pending"
    house.restart()
    house.tick(until)
    assert house.one(Offer).state == "lapsed"
    assert house.one(Ticket).state == "new"
    assert rows(house.store, "SELECT recipient_kind FROM notification WHERE topic = 'please_look'") == [("dispatcher",)]


def test_silence_is_found_at_its_deadline_after_a_restart_of_the_clock(house: House) -> None:
    house.hear("pump-0/telemetry", f'{{"ts": {NOON}, "values": {{"flow_temp": 40}}}}', NOON)
    house.restart()
    house.tick(NOON + 5 * MINUTE - 1)
    assert house.all(Alarm) == []
    house.restart()
    house.tick(NOON + 5 * MINUTE)
    assert house.one(Alarm).rule == "silent"


def test_silence_that_nobody_listened_to_is_counted_anew_from_when_we_listen_again(house: House) -> None:
    house.hear("pump-0/telemetry", f'{{"ts": {NOON}, "values": {{"flow_temp": 40}}}}', NOON)
    house.restart()
    house.tick(NOON + 5 * MINUTE, since=None)
    back = NOON + 6 * MINUTE
    for at in range(NOON + 5 * MINUTE, back + 5 * MINUTE, 30 * SECOND):
        house.tick(at, since=back if at >= back else None)
        assert house.all(Alarm) == []
    house.restart()
    house.tick(back + 5 * MINUTE, since=back)
    assert house.one(Alarm).rule == "silent"


def test_a_message_held_for_the_night_goes_out_in_the_morning_after_a_restart(house: House) -> None:
    with house.store.write() as session:
        family = session.get_one(Customer, "family-0")
        family.quiet_from, family.quiet_until = "22:00", "07:00"
    house.hear("pump-0/telemetry", f'{{"ts": {NIGHT}, "values": {{"flow_temp": 10}}}}', NIGHT)
    house.tick(NIGHT + 2 * SECOND)
    deliver(house.gw, NIGHT + 2 * SECOND)
    assert house.told == ["offer → firm"]
    house.restart()
    deliver(house.gw, MORNING - 1)
    assert house.told == ["offer → firm"]
    house.restart()
    deliver(house.gw, MORNING)
    assert house.told == ["offer → firm", "fault_found → family-0"]


def test_a_message_that_could_not_be_sent_is_tried_again_after_a_restart_but_not_sooner(house: House) -> None:
    house.replies = lambda: NotSent(False, "busy")
    house.hear("button-0a/press", '{"id": "1"}', NOON)
    deliver(house.gw, NOON)
    again = house.one(Notification).due_at
    assert again > NOON
    house.replies = lambda: Sent("ok")
    house.restart()
    deliver(house.gw, again - 1)
    assert house.told == []
    house.restart()
    deliver(house.gw, again)
    assert house.told == ["callback_scheduled → family-0"]


def test_a_call_we_promised_and_did_not_make_is_noticed_after_a_restart_and_told_once(house: House) -> None:
    house.hear("button-0a/press", '{"id": "1"}', NOON)
    promised = house.one(Callback).promised_by
    overdue = "SELECT recipient_kind FROM notification WHERE topic = 'please_look'"
    house.restart()
    house.tick(promised - 1)
    assert rows(house.store, overdue) == []
    for late in (promised, promised + 1, promised + 5 * MINUTE - 1):
        house.restart()
        house.tick(late)
        assert rows(house.store, overdue) == [("dispatcher",)]
    assert rows(house.store, "SELECT state FROM promise ORDER BY made_at") == [("broken",), ("open",)]


def test_a_resolved_ticket_is_closed_at_its_time_after_a_restart_and_reopened_before(house: House) -> None:
    house.break_down("pump-0", NOON)
    house.hear("pump-0/fault", f'{{"code": "E7", "active": false, "ts": {NOON + 1}}}', NOON + 1)
    assert house.one(Ticket).state == "resolved"
    closes = house.proof_is_due()
    house.restart()
    house.break_down("pump-0", closes - 2)
    house.hear("pump-0/fault", f'{{"code": "E7", "active": false, "ts": {closes - 1}}}', closes - 1)
    house.hear("pump-0/status", '{"state": "stopped"}', closes - 1)
    assert rows(house.store, "SELECT state, round FROM ticket WHERE device_id = 'pump-0'") == [("resolved", 2)]
    house.restart()
    house.tick(closes)
    assert rows(house.store, "SELECT state FROM ticket WHERE device_id = 'pump-0'") == [("resolved",)]
    house.restart()
    house.tick(closes - 1 + house.gw.settings.service.recurrence_minutes * MINUTE)
    assert rows(house.store, "SELECT state FROM ticket WHERE device_id = 'pump-0'") == [("closed",)]


def test_a_ticket_an_agent_settled_is_looked_at_again_after_a_restart_when_its_fault_is_still_there(
        house: House) -> None:
    house.break_down("pump-0", NOON)
    act(house.gw, ResolveTicket(house.one(Ticket).id, "told them to switch it off and on"),
            Actor(ActorKind.AGENT, "Anna"), NOON + 1)
    due = house.proof_is_due()
    house.restart()
    house.tick(due - 1)
    assert house.one(Ticket).state == "resolved"
    house.restart()
    house.tick(due)
    assert (house.one(Ticket).state, house.one(Ticket).round) == ("offered", 2)
