"""Workers at the outbox that die, are slow or are several: nobody is told twice, and what is not known is said."""

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import event
from sqlmodel import Session, select

from gateway.config.fleet_file import Fleet
from gateway.flow.deliver import AT_ONCE, KEPT_FREE, deliver
from gateway.model import (
    DISPATCHER,
    Attempt,
    Contact,
    Customer,
    Notification,
    RecipientKind,
    Site,
    Subject,
    SubjectKind,
    customer,
    emergency,
)
from gateway.notifications.channels import Channel, NotSent, Outcome, Sent
from gateway.notifications.messages import Message
from gateway.notifications.topics import Priority
from gateway.store import Store, outbox
from tests.drivers.delivery_driver import NOON, DeliveryDriver, delivery_driver, settings, ticket
from tests.fixtures import servers
from tests.fixtures.outbox_rows import note

PEOPLE = 110  # more than are told at once


@pytest.fixture
def office(store: Store, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer) -> DeliveryDriver:
    return delivery_driver(store, smtp_server, webhook_server)


def test_a_worker_that_died_while_sending_is_not_repeated_on_the_same_channel(
    office: DeliveryDriver, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer,
) -> None:
    key = office.tell("fault_found", "1")
    with office.store.write() as session:  # what a worker leaves that is killed between handing over and recording
        outbox.claim(session, NOON, 10, "the lease of the dead")
        email = session.exec(select(Contact).where(Contact.address == "alice@example.com")).one()
        session.add(Attempt(id="S-1", notification_id=key, contact_id=email.id, channel="email", started_at=NOON))
    assert office.deliver(NOON + outbox.LEASE - 1) == 0, "it may still be alive"
    office.deliver(NOON + outbox.LEASE)
    assert smtp_server.mails == []
    assert len(webhook_server.posts) == 1
    assert office.tries(key) == [("email", "unknown"), ("sms", "sent")]


def test_when_the_dead_worker_had_used_the_only_channel_the_end_is_unknown(office: DeliveryDriver) -> None:
    del office.channels["sms"]
    key = office.tell("fault_found", "1")
    with office.store.write() as session:
        outbox.claim(session, NOON, 10, "the lease of the dead")
        email = session.exec(select(Contact).where(Contact.address == "alice@example.com")).one()
        session.add(Attempt(id="S-1", notification_id=key, contact_id=email.id, channel="email", started_at=NOON))
    office.deliver(NOON + outbox.LEASE)
    assert office.note(key).state == "unknown"
    assert office.timeline()[0].startswith("Not known whether Alice Keller was told “fault found”")


def test_a_worker_that_lost_its_lease_records_nothing(office: DeliveryDriver) -> None:
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


def test_the_try_is_on_the_disk_before_anything_leaves_the_house(office: DeliveryDriver) -> None:
    seen: list[str] = []

    def looking(address: str, message: Message, ref: str) -> Outcome:
        with office.store.read() as session:
            seen.extend(session.exec(select(Attempt.outcome)))
        return NotSent(True, "only looking")

    office.channels = {"email": Channel("email", "long", looking)}
    office.tell("fault_found", "1")
    office.deliver()
    assert seen == ["started"]


def test_a_slow_channel_holds_up_nobody_else(office: DeliveryDriver, webhook_server: servers.WebhookServer) -> None:
    release = threading.Event()

    def stuck(address: str, message: Message, ref: str) -> Outcome:
        release.wait(10)
        return NotSent(False, "at last")

    office.channels["email"] = Channel("email", "long", stuck)
    office.tell("fault_found", "1")
    worker = threading.Thread(target=deliver, args=(office, NOON))
    worker.start()
    office.tell("undeliverable", "x", to=DISPATCHER,
                facts={"whom": "Bob", "told_topic": "fault_found", "why": "no"})
    webhook_server.wait(1, 5)
    release.set()
    worker.join(10)


def test_slow_letters_never_hold_all_places(crowd: DeliveryDriver) -> None:
    """Many letters go to a server that does not answer. Pages leave all the same, and after many a call for help."""
    release, held = threading.Event(), []

    def stuck(address: str, message: Message, ref: str) -> Outcome:
        held.append(address)
        release.wait(20)
        return Sent(ref)

    crowd.channels["paper"] = Channel("paper", "short", stuck)
    worker = threading.Thread(target=deliver, args=(crowd, NOON))
    worker.start()
    servers.wait_until(lambda: len(held) == AT_ONCE - KEPT_FREE[Priority.ORDINARY], what="as many letters as may be")
    for number, priority in enumerate((3, 2, 1, 1, 1, 1, 1)):
        _tell_somebody_new(crowd, number, priority)
    servers.wait_until(lambda: len(held) == AT_ONCE - KEPT_FREE[Priority.WAITED_FOR], what="as many pages as may be")
    letters = AT_ONCE - KEPT_FREE[Priority.ORDINARY]
    assert held[letters:] == ["priority 1"] * 4
    _tell_somebody_new(crowd, 7, 0)
    servers.wait_until(lambda: len(held) == letters + 5, what="the call for help")
    assert held[-1] == "priority 0"
    release.set()
    worker.join(20)
    assert len(set(held)) == PEOPLE + 4


def _tell_somebody_new(crowd: DeliveryDriver, number: int, priority: int) -> None:
    crowd.write(Customer(id=f"late-{number}", name="X"), Contact(
        id=f"k-late-{number}", owner_kind=RecipientKind.CUSTOMER, owner_id=f"late-{number}", channel="paper",
        address=f"priority {priority}"))
    crowd.tell("test", f"late-{number}", customer(f"late-{number}"), subject=Subject(SubjectKind.GATEWAY, "test"),
               priority=priority)


def test_a_page_is_begun_while_others_are_waited_for_since_long(crowd: DeliveryDriver, monkeypatch: pytest.MonkeyPatch
                                                                ) -> None:
    """What one call may take is over, and the letters are still stuck: the next call begins without awaiting them."""
    release = threading.Event()

    def stuck(address: str, message: Message, ref: str) -> Outcome:
        release.wait(20)
        return Sent(ref)

    crowd.channels["paper"] = Channel("paper", "short", stuck)
    monkeypatch.setattr("gateway.flow.deliver.ENOUGH_S", 1)
    assert crowd.deliver() == AT_ONCE - KEPT_FREE[Priority.ORDINARY]
    assert len(crowd.attempts_in_progress.tries) == AT_ONCE - KEPT_FREE[Priority.ORDINARY]
    monkeypatch.setattr("gateway.flow.deliver.ENOUGH_S", 20)
    release.set()
    while crowd.deliver():
        pass
    assert len(crowd.attempts_in_progress.tries) == 0


@pytest.mark.slow
def test_a_mail_server_that_takes_ten_seconds_does_not_hold_up_a_page(
    office: DeliveryDriver, smtp_server: servers.SmtpServer,
) -> None:
    smtp_server.delay = 10
    with office.store.write() as session:
        for number in range(90):
            session.add(Customer(id=f"c{number}", name=f"Customer {number}"))
            session.add(Contact(id=f"k{number}", owner_kind=RecipientKind.CUSTOMER, owner_id=f"c{number}",
                                channel="email", address=f"c{number}@example.com"))
            session.add(note(f"N-{number}", "test", 1, NOON, customer(f"c{number}"),
                             Subject(SubjectKind.GATEWAY, "test")))
        session.add(Contact(id="k-night", owner_kind=RecipientKind.EMERGENCY, owner_id="1", channel="email",
                            address="night@example.com"))
    worker = threading.Thread(target=deliver, args=(office, NOON))
    worker.start()
    smtp_server.wait(AT_ONCE - KEPT_FREE[Priority.ORDINARY])
    began = time.time()
    office.tell("test", "page", emergency(1), priority=Priority.WAITED_FOR)
    servers.wait_until(lambda: any("night@example.com" in mail.to for mail in smtp_server.mails), what="the page")
    [page] = [mail for mail in smtp_server.mails if "night@example.com" in mail.to]
    office.attempts_in_progress.stopping = True
    worker.join(20)
    assert page.at - began < 5


@pytest.fixture
def crowd(both_stores: Store, sample_fleet: Callable[[Store], Fleet]) -> DeliveryDriver:
    """PEOPLE with one contact and one ticket each, on either database; `calls` keeps the addresses in order."""
    sample_fleet(both_stores)
    office = DeliveryDriver(settings(1, "http://127.0.0.1:1"), both_stores, {})

    def keep(address: str, message: Message, ref: str) -> Outcome:
        office.calls.append(address)
        return Sent(ref)

    office.channels["paper"] = Channel("paper", "short", keep)
    with both_stores.write() as session:
        for number in range(PEOPLE):
            _newcomer(session, number)
    return office


def _newcomer(session: Session, number: int) -> None:
    session.add(Customer(id=f"c{number}", name=f"Customer {number}"))
    session.add(Contact(id=f"k{number}", owner_kind=RecipientKind.CUSTOMER, owner_id=f"c{number}", channel="paper",
                        address=f"door {number}"))
    session.add(Site(id=f"home-{number}", customer_id=f"c{number}", name="Home"))
    session.flush()
    session.add(ticket(id=f"T-{number}", site_id=f"home-{number}", customer_id=f"c{number}", device_id=None,
                       subject="heating"))
    session.add(note(f"N-{number}", "fault_found", 1, NOON, customer(f"c{number}"),
                     Subject(SubjectKind.TICKET, f"T-{number}")))


def test_several_workers_tell_everybody_exactly_once(crowd: DeliveryDriver) -> None:
    workers = [threading.Thread(target=deliver, args=(crowd, NOON)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert sorted(crowd.calls) == sorted(f"door {number}" for number in range(PEOPLE))
    with crowd.store.read() as session:
        assert set(session.exec(select(Notification.state))) == {"sent"}
        assert set(session.exec(select(Attempt.outcome))) == {"sent"}


def test_telling_many_takes_a_few_statements_and_not_a_few_for_each(crowd: DeliveryDriver) -> None:
    asked: list[str] = []
    event.listen(crowd.store.engine, "before_cursor_execute", lambda _c, _k, statement, *_: asked.append(statement))
    crowd.deliver()
    assert len(crowd.calls) == PEOPLE
    assert len(asked) < 1.5 * PEOPLE, "it was two for each of them, before they were written down together"
