"""The outbox at work: a real store, a real mail server, a real web server, and a clock that moves only when told."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import Session, col, select

from gateway.channels import Channel, NotSent, Outcome, Sent, build_channels
from gateway.delivery import deliver
from gateway.fleet import Fleet
from gateway.model import (
    HOUR,
    MINUTE,
    SECOND,
    Attempt,
    Callback,
    Contact,
    Customer,
    Entry,
    Instant,
    Link,
    Notification,
    Ticket,
    Visit,
    from_iso,
    new_id,
)
from gateway.settings import Channels, Service, Settings, Smtp, Webhook
from gateway.store import Store, outbox
from gateway.wording import Message
from tests import servers

NOON = from_iso("2026-11-23T12:00:00+01:00")  # a Monday
NIGHT = from_iso("2026-11-23T23:30:00+01:00")
MORNING = from_iso("2026-11-24T07:00:00+01:00")
SECRET = SecretStr("whsec_c2VjcmV0IG9mIHRoZSB0b3duIG9mIFdpZXNlbnRhbA==")


@dataclass
class Office:
    """The gateway as deliver() sees it, and short words for telling stories."""

    settings: Settings
    store: Store
    channels: dict[str, Channel]
    now: Instant = NOON
    calls: list[str] = field(default_factory=list)

    def write(self, *rows: Any) -> None:
        with self.store.write() as session:
            for row in rows:
                session.add(row)
                session.flush()

    def tell(self, topic: str, which: str, recipient: str = "customer/alice", **more: Any) -> str:
        note = Notification(id=new_id("N"), subject_id="T-1", topic=topic, phase=f"{topic}/{which}",
                            recipient=recipient, created_at=self.now, due_at=self.now, **more)
        self.write(note)
        return note.id

    def change(self, table: Any, key: str, **values: Any) -> None:
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
            return list(session.exec(select(Entry.what).where(Entry.subject_id == "T-1").order_by(col(Entry.id))))


def answering(office: Office, name: str, *outcomes: Outcome) -> None:
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


@pytest.fixture
def office(store: Store, town: Callable[[Store], Fleet], smtp: servers.Mailbox, webhook_sink: servers.Sink) -> Office:
    """Alice reads e-mail first and then SMS; the dispatcher has a webhook; ticket T-1 is Alice's."""
    town(store)
    configured = settings(smtp.port, webhook_sink.url)
    opened = Office(configured, store, build_channels(configured))
    opened.write(Contact(id="k-desk", owner="dispatcher", channel="webhook", address=f"{webhook_sink.url}/desk"),
                 ticket())
    return opened


# --- told, and told truly

def test_alice_is_told_by_mail_with_a_link_that_is_hers(office: Office, smtp: servers.Mailbox) -> None:
    office.write(Link(id="L-1", purpose="follow", subject_id="T-1", created_at=NOON, expires_at=NOON + HOUR))
    key = office.tell("fault_found", "1", link_id="L-1", heard_at=NOON,
                      about={"cause": {"en": "the flow is too hot", "de": "zu heiss"}})
    assert office.deliver() == 1
    [mail] = smtp.mails
    assert mail.to == ["alice@example.com"]
    assert "the flow is too hot" in mail.text
    assert "http://127.0.0.1:8080/f/L-1." in mail.text
    note = office.note(key)
    assert (note.state, note.due_at, note.lease) == ("sent", None, None)
    assert office.tries(key) == [("email", "sent")]
    assert office.timeline() == ["Told Alice Keller by email: fault found"]
    assert office.deliver() == 0, "told once"


def test_the_time_from_hearing_to_handing_over_can_be_read(office: Office) -> None:
    key = office.tell("fault_found", "1", heard_at=NOON - 40)
    office.deliver()
    with office.store.read() as session:
        attempt = session.exec(select(Attempt).where(Attempt.notification_id == key)).one()
    assert attempt.finished_at is not None
    assert 40 <= attempt.finished_at - (NOON - 40) < 5000


def test_a_dead_link_is_left_out(office: Office, smtp: servers.Mailbox) -> None:
    office.write(Link(id="L-1", purpose="follow", subject_id="T-1", created_at=NOON, expires_at=NOON + HOUR,
                      revoked_at=NOON))
    office.tell("fault_found", "1", link_id="L-1")
    office.deliver()
    assert "http" not in smtp.mails[0].text


def test_what_stopped_being_true_is_dropped_and_the_timeline_says_why(office: Office, smtp: servers.Mailbox) -> None:
    key = office.tell("fault_found", "1")
    office.change(Ticket, "T-1", state="resolved", resolved_at=NOON)
    office.deliver()
    assert (office.note(key).state, office.note(key).why) == ("dropped", "already fixed before anyone was told")
    assert office.timeline() == ["Did not tell Alice Keller “fault found”: already fixed before anyone was told"]
    assert smtp.mails == []


def test_a_time_that_moved_is_told_as_it_is_now(office: Office, smtp: servers.Mailbox) -> None:
    office.write(Callback(id="C-1", site_id="alice-home", customer_id="alice", device_id="alice-button",
                          requested_at=NOON, promised_by=NOON + 15 * MINUTE))
    office.write(Notification(id="N-C", subject_id="C-1", topic="callback_scheduled", phase="callback_scheduled/1",
                              recipient="customer/alice", created_at=NOON, due_at=NOON,
                              about={"callback_by": NOON + HOUR}))
    office.deliver()
    assert smtp.mails[0].message["Subject"] == "We call you by today 12:15 (C-1)"


# --- quiet hours

def test_a_message_of_the_night_waits_for_the_morning(office: Office, smtp: servers.Mailbox) -> None:
    office.now = NIGHT
    key = office.tell("fault_found", "1")
    office.deliver()
    note = office.note(key)
    assert (note.state, note.due_at, note.why) == ("held", MORNING, "quiet hours")
    assert office.deliver(MORNING - 1) == 0
    office.deliver(MORNING)
    assert len(smtp.mails) == 1


def test_a_night_that_ends_well_disturbs_nobody(office: Office, smtp: servers.Mailbox) -> None:
    office.now = NIGHT
    found = office.tell("fault_found", "1")
    office.deliver()
    office.change(Ticket, "T-1", state="resolved", resolved_at=NIGHT + HOUR)
    fixed = office.tell("resolved", "1")
    office.deliver(MORNING)
    assert [office.note(key).state for key in (found, fixed)] == ["dropped", "dropped"]
    assert smtp.mails == []


def test_a_night_in_which_a_technician_was_found_is_one_message(office: Office, smtp: servers.Mailbox) -> None:
    office.now = NIGHT
    found = office.tell("fault_found", "1")
    office.write(Visit(id="V-1", ticket_id="T-1", provider_id="kunz", technician="Karin Kunz",
                       window_from=MORNING + HOUR, window_until=MORNING + 3 * HOUR, created_at=NIGHT))
    office.change(Ticket, "T-1", state="assigned", visit_id="V-1")
    office.tell("technician_assigned", "V-1")
    office.deliver()
    office.deliver(MORNING)
    assert [mail.message["Subject"] for mail in smtp.mails] == ["Karin Kunz comes today 08:00–10:00 (T-1)"]
    assert office.note(found).why == "superseded by technician_assigned"


def test_critical_news_wakes_people(office: Office, smtp: servers.Mailbox) -> None:
    office.now = NIGHT
    office.tell("fault_found", "1", critical=True)
    office.deliver()
    assert len(smtp.mails) == 1


# --- failing, and trying again

def test_a_mail_server_that_is_busy_is_tried_again_after_a_growing_wait(office: Office, smtp: servers.Mailbox) -> None:
    smtp.replies += ["451 busy", "451 busy"]
    key = office.tell("fault_found", "1")
    waits = []
    for _ in range(2):
        office.deliver()
        note = office.note(key)
        assert note.state == "queued"
        assert note.due_at is not None
        waits.append(note.due_at - office.now)
        office.now = note.due_at
    assert 7 * SECOND <= waits[0] < 22 * SECOND
    assert 14 * SECOND <= waits[1] < 43 * SECOND
    office.deliver()
    assert office.tries(key) == [("email", "failed"), ("email", "failed"), ("email", "sent")]
    assert len(smtp.mails) == 1


def test_the_next_contact_is_asked_at_once_when_the_first_refuses_for_good(
    office: Office, smtp: servers.Mailbox, webhook_sink: servers.Sink,
) -> None:
    smtp.replies.append("554 no")
    key = office.tell("fault_found", "1")
    office.deliver()
    assert office.tries(key) == [("email", "refused"), ("sms", "sent")]
    assert webhook_sink.posts[0].path == "/sms/+41791234567"


def test_an_address_that_is_gone_is_never_used_again(office: Office) -> None:
    answering(office, "email", NotSent(True, "no such user", gone=True))
    office.tell("fault_found", "1")
    office.deliver()
    office.change(Ticket, "T-1", round=2)
    office.tell("fault_found", "2")
    office.deliver()
    assert office.calls == ["email"]
    with office.store.read() as session:
        stopped = session.exec(select(Contact).where(col(Contact.address) == "alice@example.com")).one()
    assert (stopped.stopped_at is not None, stopped.stopped_why) == (True, "no such user")


def test_a_refusal_that_is_not_about_the_address_stops_no_contact(office: Office, smtp: servers.Mailbox) -> None:
    smtp.replies.append("554 looks like spam")
    office.tell("fault_found", "1")
    office.deliver()
    office.change(Ticket, "T-1", round=2)
    office.tell("fault_found", "2")
    office.deliver()
    assert len(smtp.mails) == 1


def test_the_other_sides_wish_for_patience_is_kept(office: Office) -> None:
    answering(office, "email", NotSent(False, "slow down", retry_after_s=600))
    key = office.tell("fault_found", "1")
    office.deliver()
    assert (office.note(key).due_at or 0) >= NOON + 600 * SECOND


def test_when_nobody_can_be_reached_the_dispatcher_is_asked_to_call(
    office: Office, webhook_sink: servers.Sink,
) -> None:
    answering(office, "email", NotSent(True, "no"))
    answering(office, "sms", NotSent(True, "no"))
    key = office.tell("fault_found", "1")
    office.deliver()
    assert office.note(key).state == "failed"
    [post] = webhook_sink.posts
    assert post.path == "/desk"
    assert "we could not tell Alice Keller \"fault found\"" in post.body.decode().replace("\\", "")
    assert office.timeline()[0].startswith("Could not tell Alice Keller “fault found”: ")
    assert office.timeline()[-1] == "Told the dispatcher by webhook: could not be told"


def test_a_dispatcher_who_cannot_be_reached_starts_no_endless_circle(office: Office) -> None:
    answering(office, "webhook", NotSent(True, "no"))
    key = office.tell("nobody_left", "1", recipient="dispatcher", critical=True)
    office.change(Ticket, "T-1", state="new")
    office.deliver()
    assert office.note(key).state == "failed"
    with office.store.read() as session:
        assert len(session.exec(select(Notification)).all()) == 1


def test_a_contact_on_a_channel_that_is_not_configured_is_passed_over(office: Office) -> None:
    del office.channels["email"]
    key = office.tell("fault_found", "1")
    office.deliver()
    assert office.tries(key) == [("sms", "sent")]


def test_a_message_that_cannot_be_worded_holds_up_no_other(office: Office, smtp: servers.Mailbox) -> None:
    broken = office.tell("a_topic_without_words", "1")
    fine = office.tell("fault_found", "1")
    office.deliver()
    assert office.note(fine).state == "sent"
    assert office.tries(broken) == [("email", "failed")]
    assert office.note(broken).why == "could not be worded (KeyError)"
    assert len(smtp.mails) == 1


def test_a_channel_that_breaks_is_an_unknown_outcome_and_the_next_channel_is_used(office: Office) -> None:
    def broken(address: str, message: Message, ref: str) -> Outcome:
        raise RuntimeError(f"cannot reach {address}")

    office.channels["email"] = Channel("email", "long", broken)
    key = office.tell("fault_found", "1")
    office.deliver()
    assert office.tries(key) == [("email", "unknown"), ("sms", "sent")]
    with office.store.read() as session:
        why = session.exec(select(Attempt.why).where(Attempt.outcome == "unknown")).one()
    assert why == "the channel broke (RuntimeError)", "its text held an address"


# --- nobody hears "fixed" who was not told "broken", on that channel

def test_fixed_follows_broken_to_the_same_contact(
    office: Office, smtp: servers.Mailbox, webhook_sink: servers.Sink,
) -> None:
    smtp.replies.append("554 no")
    office.tell("fault_found", "1")
    office.deliver()
    office.change(Ticket, "T-1", state="resolved", resolved_at=NOON, resolution="Valve replaced")
    office.tell("resolved", "1")
    office.deliver()
    assert smtp.mails == []
    assert [post.path for post in webhook_sink.posts] == ["/sms/+41791234567"] * 2


# --- crash, lease, race

def test_a_worker_that_died_while_sending_is_not_repeated_on_the_same_channel(
    office: Office, smtp: servers.Mailbox, webhook_sink: servers.Sink,
) -> None:
    key = office.tell("fault_found", "1")
    with office.store.write() as session:  # what a worker leaves that is killed between handing over and recording
        outbox.claim(session, NOON, 10, "the lease of the dead")
        email = session.exec(select(Contact).where(Contact.address == "alice@example.com")).one()
        session.add(Attempt(id="S-1", notification_id=key, contact_id=email.id, channel="email", started_at=NOON))
    assert office.deliver(NOON + outbox.LEASE - 1) == 0, "it may still be alive"
    office.deliver(NOON + outbox.LEASE)
    assert smtp.mails == []
    assert len(webhook_sink.posts) == 1
    assert office.tries(key) == [("email", "unknown"), ("sms", "sent")]


def test_when_the_dead_worker_had_used_the_only_channel_the_end_is_unknown(office: Office) -> None:
    del office.channels["sms"]
    key = office.tell("fault_found", "1")
    with office.store.write() as session:
        outbox.claim(session, NOON, 10, "the lease of the dead")
        email = session.exec(select(Contact).where(Contact.address == "alice@example.com")).one()
        session.add(Attempt(id="S-1", notification_id=key, contact_id=email.id, channel="email", started_at=NOON))
    office.deliver(NOON + outbox.LEASE)
    assert office.note(key).state == "unknown"
    assert office.timeline()[0].startswith("Not known whether Alice Keller was told “fault found”")


def test_a_worker_that_lost_its_lease_records_nothing(office: Office) -> None:
    key = office.tell("fault_found", "1")
    taken, finish = threading.Event(), threading.Event()

    def slow(address: str, message: Message, ref: str) -> Outcome:
        taken.set()
        finish.wait(10)
        return NotSent(True, "too late to say", gone=True)

    office.channels["email"] = Channel("email", "long", slow)
    worker = threading.Thread(target=deliver, args=(office, NOON))
    worker.start()
    assert taken.wait(10)
    office.deliver(NOON + outbox.LEASE)
    finish.set()
    worker.join(10)
    assert office.note(key).state == "sent"
    assert office.tries(key) == [("email", "unknown"), ("sms", "sent")]
    with office.store.read() as session:
        assert all(contact.stopped_at is None for contact in session.exec(select(Contact)))


def test_the_try_is_on_the_disk_before_anything_leaves_the_house(office: Office) -> None:
    seen: list[str] = []

    def looking(address: str, message: Message, ref: str) -> Outcome:
        with office.store.read() as session:
            seen.extend(session.exec(select(Attempt.outcome)))
        return NotSent(True, "only looking")

    office.channels = {"email": Channel("email", "long", looking)}
    office.tell("fault_found", "1")
    office.deliver()
    assert seen == ["started"]


def test_a_slow_channel_holds_up_nobody_else(office: Office, webhook_sink: servers.Sink) -> None:
    release = threading.Event()

    def stuck(address: str, message: Message, ref: str) -> Outcome:
        release.wait(10)
        return NotSent(False, "at last")

    office.channels["email"] = Channel("email", "long", stuck)
    office.tell("fault_found", "1")
    worker = threading.Thread(target=deliver, args=(office, NOON))
    worker.start()
    office.tell("undeliverable", "x", recipient="dispatcher",
                about={"whom": "Bob", "told_topic": "fault_found", "why": "no"})
    webhook_sink.wait(1, 5)
    release.set()
    worker.join(10)


@pytest.fixture
def crowd(both_stores: Store, town: Callable[[Store], Fleet]) -> Office:
    """Forty people with one contact each, on either database; `calls` keeps the addresses in order."""
    town(both_stores)
    office = Office(settings(1, "http://127.0.0.1:1"), both_stores, {})

    def keep(address: str, message: Message, ref: str) -> Outcome:
        office.calls.append(address)
        return Sent(ref)

    office.channels["paper"] = Channel("paper", "short", keep)
    with both_stores.write() as session:
        session.add(ticket())
        session.flush()
        for number in range(40):
            _newcomer(session, number)
    return office


def _newcomer(session: Session, number: int) -> None:
    session.add(Customer(id=f"c{number}", name=f"Customer {number}"))
    session.add(Contact(id=f"k{number}", owner=f"customer/c{number}", channel="paper", address=f"door {number}"))
    session.add(Notification(id=f"N-{number}", subject_id="T-1", topic="fault_found", phase="fault_found/1",
                             recipient=f"customer/c{number}", created_at=NOON, due_at=NOON))


def test_several_workers_tell_everybody_exactly_once(crowd: Office) -> None:
    workers = [threading.Thread(target=deliver, args=(crowd, NOON)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert sorted(crowd.calls) == sorted(f"door {number}" for number in range(40))
    with crowd.store.read() as session:
        assert set(session.exec(select(Notification.state))) == {"sent"}
        assert set(session.exec(select(Attempt.outcome))) == {"sent"}
