"""The gateway as deliver() sees it, with a clock that moves only when told, and channels that answer as told."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr
from sqlmodel import col, select

from gateway.config.settings import Channels, Service, Settings, Smtp, Webhook
from gateway.devices.profiles import Profile
from gateway.flow.deliver import deliver
from gateway.flow.messages.attempts import AttemptsInProgress
from gateway.model import (
    Attempt,
    Contact,
    Entry,
    Instant,
    Notification,
    Recipient,
    RecipientKind,
    Ticket,
    from_iso,
    new_id,
)
from gateway.notifications.catalogues import messages
from gateway.notifications.channels import Channel, Outcome, build_channels
from gateway.notifications.messages import Message, MessageRenderer
from gateway.store import Store
from gateway.tickets.sla.policy import SlaPolicies
from tests.drivers.timelines import sentence
from tests.fixtures import servers
from tests.fixtures.outbox_rows import ALICE, note
from tests.fixtures.sample_fleet import save_sample_fleet

NOON = from_iso("2026-11-23T12:00:00+01:00")  # a Monday
NIGHT = from_iso("2026-11-23T23:30:00+01:00")
MORNING = from_iso("2026-11-24T07:00:00+01:00")
SECRET = SecretStr("whsec_c2VjcmV0IG9mIHRoZSB0b3duIG9mIFdpZXNlbnRhbA==")


@dataclass
class DeliveryDriver:
    """The gateway as deliver() sees it, and short words for telling stories."""

    settings: Settings
    store: Store
    channels: dict[str, Channel]
    now: Instant = NOON
    calls: list[str] = field(default_factory=list)
    attempts_in_progress: AttemptsInProgress = field(default_factory=AttemptsInProgress)
    messages: MessageRenderer = field(default_factory=messages)
    sla: SlaPolicies = field(default_factory=SlaPolicies)
    profiles: dict[str, Profile] = field(default_factory=dict)

    def write(self, *rows: Any) -> None:
        with self.store.write() as session:
            for row in rows:
                session.add(row)
                session.flush()

    def tell(self, topic: str, which: str, to: Recipient = ALICE, **more: Any) -> str:
        row = note(new_id("N"), topic, which, self.now, to, **more)
        self.write(row)
        return row.id

    def change(self, table: Any, key: str | int, **values: Any) -> None:
        with self.store.write() as session:
            row = session.get(table, key)
            for name, value in values.items():
                setattr(row, name, value)

    def deliver(self, at: Instant | None = None) -> int:
        self.now = at or self.now
        return deliver(self, self.now)

    def note(self, key: str) -> Notification:
        with self.store.read() as session:
            return session.get_one(Notification, key)

    def tries(self, key: str) -> list[tuple[str, str]]:
        with self.store.read() as session:
            found = select(Attempt).where(col(Attempt.notification_id) == key).order_by(col(Attempt.started_at))
            return [(attempt.channel, attempt.outcome) for attempt in session.exec(found)]

    def timeline(self) -> list[str]:
        with self.store.read() as session:
            entries = session.exec(select(Entry).where(Entry.subject_id == "T-1").order_by(col(Entry.id)))
            return [sentence(entry) for entry in entries]


def answering(office: DeliveryDriver, name: str, *outcomes: Outcome) -> None:
    """A channel that gives these answers in turn: for what a real server cannot be made to say."""
    waiting = list(outcomes)

    def send(address: str, message: Message, ref: str) -> Outcome:
        office.calls.append(name)
        return waiting.pop(0)

    office.channels[name] = Channel(name, "short", send)


def ticket(**more: Any) -> Ticket:
    values: dict[str, Any] = {"id": "T-1", "site_id": "alice-home", "customer_id": "alice", "device_id": "alice-pump",
              "cause_key": "too_hot", "cause": "too hot", "skill": "heating", "severity": "major", "state": "offered",
              "opened_at": NOON}
    return Ticket(**(values | more))


def settings(smtp_port: int, sink_url: str) -> Settings:
    return Settings(
        secret=SecretStr("a secret of the town of Wiesental, long enough"),
        service=Service(name="Wiesental Service", phone="+41 44 668 18 00"),
        channels=Channels(
            email=Smtp(host=servers.HOST, port=smtp_port, sender="service@wiesental.example", security="none"),
            webhook=Webhook(secret=SECRET, allow_private=True),
            apprise={"sms": SecretStr(sink_url.replace("http", "json") + "/sms/{address}")},
        ))


def delivery_driver(store: Store, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer
                    ) -> DeliveryDriver:
    """Alice reads e-mail first and then SMS; the dispatcher has a webhook; ticket T-1 is Alice's."""
    save_sample_fleet(store)
    configured = settings(smtp_server.port, webhook_server.url)
    opened = DeliveryDriver(configured, store, build_channels(configured))
    opened.write(Contact(id="k-desk", owner_kind=RecipientKind.DISPATCHER, channel="webhook",
                         address=f"{webhook_server.url}/desk"),
                 ticket())
    return opened
