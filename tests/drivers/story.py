"""A town and a gateway whose clock moves only when told: stories in the product's own words, on a real database."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import bindparam, func, union_all
from sqlalchemy import select as select_columns
from sqlmodel import SQLModel, col, select

from gateway.config.settings import Offers, OfferWaves, OnCall, Service, Settings
from gateway.detection.batch import MqttMessage
from gateway.devices.profiles import Profile, compile_profile
from gateway.flow.act import act
from gateway.flow.deliver import deliver
from gateway.flow.gateway import Gateway
from gateway.flow.messages.explained import explained
from gateway.flow.receive import receive
from gateway.flow.sweep import sweep
from gateway.flow.watch import watch
from gateway.model import (
    HOUR,
    LATEST,
    MINUTE,
    Alarm,
    Callback,
    Command,
    DeviceState,
    Due,
    Entry,
    Instant,
    MaintenanceWindow,
    Notification,
    NotificationState,
    Offer,
    OnCallPage,
    Outage,
    PendingAct,
    Preference,
    Promise,
    Recipient,
    SlaClock,
    Ticket,
    from_iso,
)
from gateway.notifications.channels import Channel, Outcome, Sent
from gateway.store import Store, commands, listeners
from gateway.store.fleet import save_dispatcher_contacts
from gateway.tickets.actions import AcceptOffer, AcknowledgePage, Act
from gateway.tickets.new_rows import subject_of
from tests.drivers.kept_states import assert_kept_states_are_current
from tests.drivers.timelines import actor, sentence
from tests.fixtures.database_copies import fill
from tests.fixtures.sample_fleet import save_sample_fleet

NOON = from_iso("2026-11-23T12:00:00Z")  # a Monday, 13:00 in the town

HEAT_PUMP = """
profile: heat-pump
name: {en: heat pump, de: Wärmepumpe}
signals:
  flow_temp: {unit: °C}
  pressure: {unit: bar}
silence: {link: 5m, lost: 60s, data: 30m, severity: major, skill: electrical,
          cause: {en: The device does not answer, de: Das Gerät antwortet nicht}}
faults:
  E7: {severity: critical, cause: {en: Compressor fault, de: Kompressorstörung}, skill: heating}
rules:
  overheating:
    when: flow_temp > 75.0
    clear: flow_temp < 65.0
    severity: critical
    cause: {en: The heat pump is overheating, de: Die Wärmepumpe überhitzt}
    skill: heating
  low_pressure:
    when: pressure < 0.5
    for: 10m
    severity: minor
    cause: {en: The water pressure is low, de: Der Wasserdruck ist niedrig}
    skill: heating
"""

BUTTON = """
profile: button
name: {en: help button, de: Hilfeknopf}
button: {urgent_on: [long]}
"""

Row = TypeVar("Row", bound=SQLModel)


_DEADLINES: tuple[Any, ...] = (
    DeviceState.due_at, Due.at, SlaClock.due_at, SlaClock.warn_at, Promise.watch_at, Alarm.try_until,
    Alarm.suppressed_until, OnCallPage.next_at, Outage.next_at, MaintenanceWindow.next_at, Notification.due_at,
    Notification.open_by,
    PendingAct.due_at, Preference.well_at)
_NEXT_DUE = union_all(*(select_columns(func.min(one)).where(one > bindparam("after")) for one in _DEADLINES))


@dataclass
class Message:
    """What somebody was told."""

    to: str
    subject: str
    text: str


@dataclass
class Story:
    """The town's gateway at `now`."""

    gw: Gateway
    now: Instant = NOON
    messages: list[Message] = field(default_factory=list)
    seq: int = 0
    replies: Callable[[str], Outcome] = lambda address: Sent("ok")

    def receive(self, topic: str, payload: Any, retained: bool = False) -> None:
        """One message from the broker; dicts are sent as JSON."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        receive(self.gw, [MqttMessage(topic, body, retained)], self.now)
        assert_kept_states_are_current(self.gw)

    def says(self, *devices: str, **signals: float) -> None:
        """The devices send telemetry, taken now, and are heard together."""
        batch = []
        for device in devices:
            self.seq += 1
            body = json.dumps({"ts": self.now, "seq": self.seq, "values": signals}).encode()
            batch.append(MqttMessage(f"devices/{device}/telemetry", body))
        receive(self.gw, batch, self.now)

    def press(self, device: str, press_id: str, kind: str = "single", retained: bool = False) -> None:
        self.receive(f"devices/{device}/press", {"id": press_id, "kind": kind, "ts": self.now}, retained)

    def wait(self, minutes: float = 0, seconds: float = 0) -> None:
        """Time passes; the clock looks at what is due, and messages go out."""
        assert_kept_states_are_current(self.gw)
        self.now += round(minutes * MINUTE + seconds * 1000)
        self.listen()
        while sweep(self.gw, self.now) + watch(self.gw, self.now):
            pass
        while deliver(self.gw, self.now):
            pass

    def listen(self, since: Instant = NOON - HOUR) -> None:
        """The gateway has heard its broker without a gap."""
        with self.gw.store.write() as session:
            listeners.record_heartbeat(session, "gateway", since, self.now)

    def act(self, action: Act, who: str = "agent Anna") -> None:
        act(self.gw, action, actor(who), self.now)

    def acknowledge(self, row: Ticket | Callback, who: str = "agent Dana") -> None:
        """Somebody on call sees to it."""
        self.act(AcknowledgePage(subject_of(row)), who)

    def accept(self, technician: str = "Karin Kunz") -> None:
        """Whoever was asked first takes the job."""
        pending = sorted(self.all(Offer, Offer.state == "pending"), key=lambda offer: (offer.wave, offer.rank))
        self.act(AcceptOffer(pending[0].id, technician), "provider")

    def accept_offer(self, offer: Offer, technician: str = "Karin Kunz") -> None:
        self.act(AcceptOffer(offer.id, technician), "provider")

    def all(self, table: type[Row], *where: Any) -> list[Row]:
        with self.gw.store.read() as session:
            return list(session.exec(select(table).where(*where)).all())

    def one(self, table: type[Row], *where: Any) -> Row:
        rows = self.all(table, *where)
        assert len(rows) == 1, f"expected one {table.__name__}, got {len(rows)}: {rows}"
        return rows[0]

    def explained(self, subject_id: str, part: str = "") -> list[str]:
        """What `gateway explain` says about it, all or under one heading."""
        said = explained(self.gw, subject_id, self.now)
        assert said is not None, f"nothing is called {subject_id}"
        return [line.text for line in said.lines if part in ("", line.part)]

    @property
    def tickets(self) -> list[Ticket]:
        return self.all(Ticket)

    @property
    def ticket(self) -> Ticket:
        return self.one(Ticket)

    @property
    def alarms(self) -> list[Alarm]:
        return self.all(Alarm)

    @property
    def callbacks(self) -> list[Callback]:
        return self.all(Callback)

    @property
    def replies_to_devices(self) -> list[dict[str, Any]]:
        with self.gw.store.read() as session:
            rows = session.exec(select(Command).order_by(col(Command.created_at)))
            return [json.loads(row.payload) for row in rows]

    def send_replies(self) -> None:
        """What waits for devices leaves."""
        with self.gw.store.write() as session:
            commands.claim(session, self.now, 1000)

    def timeline(self, subject_id: str) -> list[str]:
        return [sentence(entry) for entry in sorted(self.all(Entry, Entry.subject_id == subject_id),
                                                    key=lambda entry: entry.id or 0)]

    def due(self, subject_id: str) -> list[Due]:
        """The deadlines of a row, also those that do not run any more."""
        return self.all(Due, Due.subject_id == subject_id)

    def notifications(self, topic: str) -> list[Notification]:
        return self.all(Notification, Notification.topic == topic)

    def heard(self, who: Recipient, since: Instant = 0) -> list[str]:
        """The topics of all that they were told since then, in order."""
        sent = self.all(Notification, Notification.recipient_kind == who.kind, Notification.recipient_id == who.id,
                        Notification.state == NotificationState.SENT, Notification.created_at >= since)
        return [row.topic for row in sorted(sent, key=lambda row: (row.created_at, row.topic))]

    def last_told(self, who: Recipient, topic: str) -> Notification:
        """The newest message of that kind to them."""
        sent = self.all(Notification, Notification.recipient_kind == who.kind, Notification.recipient_id == who.id,
                        Notification.state == NotificationState.SENT, Notification.topic == topic)
        return max(sent, key=lambda row: row.created_at)

    def keep_saying(self, device: str, minutes: float, **signals: float) -> None:
        """So much time passes, and the device says the same every four minutes and at the end, so that it never counts
        as silent. The clock looks whenever something is due, at that very moment, and messages go out."""
        end, speaks, looked = self.now + round(minutes * MINUTE), self.now + 4 * MINUTE, self.now - 1
        while self.now < end:
            due = self.next_due(looked)
            if due <= self.now:
                self.wait()
                looked = self.now
            else:
                self.now = min(end, speaks, due)
                if self.now == speaks:
                    self.says(device, **signals)
                    speaks += 4 * MINUTE
        self.says(device, **signals)
        self.wait()

    def next_due(self, after: Instant) -> Instant:
        """When the first thing is due that was not due at `after` yet."""
        with self.gw.store.read() as session:
            found: list[Instant | None] = list(session.connection().scalars(_NEXT_DUE, {"after": after}))
        return min((at for at in found if at is not None), default=LATEST)

    def told_to(self, address: str) -> list[str]:
        return [message.subject for message in self.messages if message.to == address]


@cache
def compiled(text: str, file: str) -> Profile:
    """compile_profile, once a process: a profile never changes."""
    return compile_profile(text, file)


_ONE = OfferWaves(waves=2, size=1, wait_minutes=10, first_wait_minutes=10)
ONE_AT_A_TIME = Offers(urgent=_ONE, normal=_ONE.model_copy(update={"wait_minutes": 30, "first_wait_minutes": 30}))
"""First the one firm, ten minutes later the other one too: most stories begin after somebody has accepted."""

HOURLY = OnCall(minutes=60)
"""For stories of days and nights about something else: who is paged and does not answer is paged every hour."""


def begin(store: Store, on_call: OnCall | None = None, **service: Any) -> Story:
    """Everybody has moved in, the gateway listens, it is Monday noon. Mail and SMS land in `Story.messages`. The firms
    are asked ONE_AT_A_TIME unless `offers` says otherwise. Nobody in these stories opens a page, so what nobody opens
    goes out once only, unless `unopened_minutes` says otherwise."""
    service = {"offers": ONE_AT_A_TIME, "unopened_minutes": 0} | service
    settings = Settings(secret="a test secret of thirty-two chars or more", on_call=on_call or OnCall(),
                        service=Service(dispatcher=[{"channel": "email", "address": "desk@example.com"}],
                                        **{"settle_seconds": 0, **service}))
    profiles = {name: compiled(text, f"{name}.yaml") for name, text in (("heat-pump", HEAT_PUMP), ("button", BUTTON))}
    story = Story(Gateway(settings, store, profiles, {}))

    def keep(address: str, message: Any, ref: str) -> Outcome:
        outcome = story.replies(address)
        if isinstance(outcome, Sent):
            story.messages.append(Message(address, message.subject, message.long_text))
        return outcome

    story.gw.channels.update(email=Channel("email", "long", keep), sms=Channel("sms", "short", keep))

    def move_in() -> None:
        save_sample_fleet(store)
        with store.write() as session:
            save_dispatcher_contacts(session, settings, story.now)
        story.listen()

    fill(store, settings.service.model_dump_json() + settings.on_call.model_dump_json(), move_in)
    return story
