"""What became of a message that has left the house is known in the end; or somebody is asked to ring."""

import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlmodel import select

from gateway.flow.deliver import deliver, finish
from gateway.flow.gateway import Gateway
from gateway.flow.messages.attempts import AttemptsInProgress
from gateway.model import (
    DISPATCHER,
    MINUTE,
    Attempt,
    Contact,
    Job,
    Offer,
    RecipientKind,
    Subject,
    SubjectKind,
    Ticket,
    customer,
    provider,
)
from gateway.notifications.channels import Channel, NotSent, Outcome, Sent, Unknown, build_channels
from gateway.notifications.messages import Message
from gateway.store import DatabaseUnavailable, Store, outbox
from gateway.store.migrations import upgrade
from tests.drivers.delivery_driver import NOON, DeliveryDriver, answering, delivery_driver, settings, ticket
from tests.drivers.device_client import device_client
from tests.drivers.load_check import count, rows
from tests.fixtures import servers
from tests.fixtures.gateway_process import GatewayProcess
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.outbox_rows import note
from tests.fixtures.servers import wait_until

FIRM = provider("kunz")


class Lock:
    """Another program that writes to the file and does not come to its end; `hold` and `let_go` from any thread."""

    def __init__(self, url: str) -> None:
        self._file = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)

    def hold(self) -> None:
        self._file.execute("BEGIN IMMEDIATE")

    def let_go(self) -> None:
        self._file.execute("ROLLBACK")

    def close(self) -> None:
        self._file.close()


@pytest.fixture
def office(store: Store, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer) -> DeliveryDriver:
    return delivery_driver(store, smtp_server, webhook_server)


@pytest.fixture
def lock(office: DeliveryDriver, sqlite_url: str) -> Iterator[Lock]:
    """The lock on the database of an office that does not wait long for it."""
    with closing(Store(sqlite_url, patience=0.1)) as store, closing(Lock(sqlite_url)) as other:
        office.store = store
        yield other


def locking(office: DeliveryDriver, lock: Lock) -> None:
    """While a mail is being handed over, the database goes away."""
    def send(address: str, message: Message, ref: str) -> Outcome:
        office.calls.append(address)
        lock.hold()
        return Sent("taken")

    office.channels = {"email": Channel("email", "long", send)}


def test_what_was_sent_while_the_database_was_away_is_written_down_when_it_is_back_however_long_that_takes(
        office: DeliveryDriver, lock: Lock) -> None:
    key = office.tell("fault_found", "1")
    locking(office, lock)
    for _ in range(3):
        with pytest.raises(DatabaseUnavailable):
            office.deliver()
    assert office.tries(key) == [("email", "started")]
    lock.let_go()
    office.deliver(NOON + 10 * outbox.LEASE)
    assert office.tries(key) == [("email", "sent")]
    assert office.note(key).state == "sent"
    assert office.calls == ["alice@example.com"]


def test_nothing_leaves_the_house_that_is_not_on_the_disk(office: DeliveryDriver, lock: Lock,
                                                          smtp_server: servers.SmtpServer) -> None:
    key = office.tell("fault_found", "1")
    lock.hold()
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            office.deliver()
    assert smtp_server.mails == []
    lock.let_go()
    office.deliver()
    assert office.tries(key) == [("email", "sent")]


def test_a_gateway_that_stops_writes_down_what_it_still_has_in_hand_and_says_what_it_could_not(
        office: DeliveryDriver, lock: Lock) -> None:
    key = office.tell("fault_found", "1")
    locking(office, lock)
    with pytest.raises(DatabaseUnavailable):
        office.deliver()
    later = threading.Timer(0.5, lock.let_go)
    later.start()
    assert finish(office, 10) == 0
    assert office.note(key).state == "sent"
    office.change(Ticket, "T-1", round=2)
    office.tell("fault_found", "2")
    with pytest.raises(DatabaseUnavailable):
        office.deliver()
    assert finish(office, 0.3) == 1
    lock.let_go()


def test_a_gateway_that_stops_begins_no_more_messages_and_writes_down_what_became_of_the_last(
        office: DeliveryDriver) -> None:
    taken = threading.Event()

    def slow(address: str, message: Message, ref: str) -> Outcome:
        office.attempts_in_progress.stopping = True
        taken.wait(10)
        return Sent("ok")

    office.channels["email"] = Channel("email", "long", slow)
    first = office.tell("fault_found", "1")
    office.deliver()
    second = office.tell("fault_found", "2")
    taken.set()
    assert office.deliver() == 0
    assert finish(office, 10) == 0
    assert (office.note(first).state, office.tries(first)) == ("sent", [("email", "sent")])
    assert office.tries(second) == []
    office.attempts_in_progress = AttemptsInProgress()  # the next process
    assert office.deliver() == 1


def test_a_claim_of_which_we_never_learnt_whether_it_was_written_was_never_handed_over(
        office: DeliveryDriver, smtp_server: servers.SmtpServer) -> None:
    key = office.tell("fault_found", "1")
    with office.store.write() as session:  # the connection broke while it was committed, and it was
        outbox.claim(session, NOON, 10, "the lease")
        email = session.exec(select(Contact).where(Contact.address == "alice@example.com")).one()
        session.add(Attempt(id="S-1", notification_id=key, contact_id=email.id, channel="email", started_at=NOON))
    office.attempts_in_progress.doubtful.append("the lease")
    office.deliver()
    assert office.tries(key) == [("email", "sent")]
    assert len(smtp_server.mails) == 1


def test_what_was_written_off_and_has_arrived_after_all_has_arrived(office: DeliveryDriver) -> None:
    taken, release = threading.Event(), threading.Event()

    def slow(address: str, message: Message, ref: str) -> Outcome:
        taken.set()
        release.wait(10)
        return Sent("at last")

    office.channels = {"email": Channel("email", "long", slow)}
    key = office.tell("fault_found", "1")
    worker = threading.Thread(target=deliver, args=(office, NOON))
    worker.start()
    assert taken.wait(10)
    office.deliver(NOON + outbox.LEASE)
    assert office.note(key).state == "unknown"
    release.set()
    worker.join(10)
    assert office.note(key).state == "sent"
    assert office.tries(key) == [("email", "sent")]


def test_a_web_hook_that_does_not_answer_is_told_again_under_the_same_id(
        office: DeliveryDriver, webhook_server: servers.WebhookServer) -> None:
    key = office.tell("undeliverable", "1", to=DISPATCHER, critical=True)
    office.change(Ticket, "T-1", state="new")
    real = office.channels["webhook"]
    lost: list[str] = []

    def once_unanswered(address: str, message: Message, ref: str) -> Outcome:
        outcome = real.send(address, message, ref)
        if lost:
            return outcome
        lost.append(ref)
        return Unknown("no answer after the request was sent")

    office.channels["webhook"] = real._replace(send=once_unanswered)
    office.deliver()
    assert office.tries(key) == [("webhook", "unknown")]
    office.deliver(NOON + MINUTE)
    assert office.tries(key) == [("webhook", "unknown"), ("webhook", "sent")]
    assert [post.headers["webhook-id"] for post in webhook_server.posts] == lost * 2
    assert all("copy" not in post.body.decode() for post in webhook_server.posts), "it can tell by the id"


def test_critical_news_that_may_have_arrived_is_mailed_once_more_and_says_so(
        office: DeliveryDriver, smtp_server: servers.SmtpServer) -> None:
    with office.store.write() as session:
        for contact in session.exec(select(Contact).where(Contact.owner_id == "alice")):
            contact.stopped_at = None if contact.channel == "email" else NOON
    real = office.channels["email"]
    answers = iter([Unknown("it fell silent"), None])

    def silent(address: str, message: Message, ref: str) -> Outcome:
        outcome = real.send(address, message, ref)
        return next(answers) or outcome

    office.channels["email"] = real._replace(send=silent)
    key = office.tell("fault_found", "1", critical=True)
    office.deliver()
    assert office.tries(key) == [("email", "unknown"), ("email", "sent")]
    first, second = smtp_server.mails
    said = "You may have this message already"
    assert said not in first.text
    assert said in second.text
    assert first.message["Message-ID"] == second.message["Message-ID"]


def test_whoever_may_not_have_been_told_is_rung_up_by_the_dispatcher(
        office: DeliveryDriver, webhook_server: servers.WebhookServer) -> None:
    answering(office, "email", Unknown("it fell silent"))
    answering(office, "sms", NotSent(True, "no such number"))
    key = office.tell("fault_found", "1")
    office.deliver()
    assert office.note(key).state == "unknown"
    [post] = webhook_server.posts
    told = json.loads(post.body)["data"]
    assert told["subject"] == "May not have arrived: please ring Alice Keller: fault found (T-1)"
    assert told["unsure"] is True


def test_an_offer_that_may_have_arrived_does_not_lapse_and_somebody_rings_the_firm(
        office: DeliveryDriver, webhook_server: servers.WebhookServer) -> None:
    expires = NOON + 30 * MINUTE
    office.write(Job(id="J-1", site_id="alice-home", opened_at=NOON),
                 Offer(id="O-1", job_id="J-1", ticket_id="T-1", provider_id="kunz", rank=1, offered_at=NOON,
                       expires_at=expires))
    with office.store.read() as session:
        ways = {contact.channel for contact in session.exec(select(Contact).where(Contact.owner_id == FIRM.id))}
    for channel in ways:
        answering(office, channel, *[Unknown("it fell silent")] * 2)
    key = office.tell("offer", "O-1", to=FIRM, critical=True)
    for minute in range(3):
        office.deliver(NOON + minute * MINUTE)
    assert office.note(key).state == "unknown"
    with office.store.read() as session:
        assert session.get_one(Offer, "O-1").expires_at == expires
    assert "may not have arrived" in webhook_server.posts[-1].body.decode()


def test_an_offer_that_certainly_did_not_arrive_still_lapses_at_once(office: DeliveryDriver) -> None:
    office.write(Job(id="J-1", site_id="alice-home", opened_at=NOON),
                 Offer(id="O-1", job_id="J-1", ticket_id="T-1", provider_id="kunz", rank=1, offered_at=NOON,
                       expires_at=NOON + 30 * MINUTE))
    with office.store.read() as session:
        ways = {contact.channel for contact in session.exec(select(Contact).where(Contact.owner_id == FIRM.id))}
    for channel in ways:
        answering(office, channel, NotSent(True, "no"))
    office.tell("offer", "O-1", to=FIRM, critical=True)
    office.deliver()
    with office.store.read() as session:
        assert NOON <= session.get_one(Offer, "O-1").expires_at < NOON + MINUTE


@pytest.mark.slow
def test_a_database_that_restarts_for_seconds_costs_no_outcome_and_lapses_no_offer(
        memory_only_mosquitto: servers.Mosquitto, webhook_server: servers.WebhookServer, tmp_path: Path) -> None:
    webhook_server.delay = 2  # all are being handed over while the database goes
    with servers.own_postgres() as server:
        with psycopg.connect(server.url.format(database="postgres"), autocommit=True) as admin:
            admin.execute("CREATE DATABASE gateway")
        url = server.url.format(database="gateway")
        with closing(Store(url)) as store, device_client(memory_only_mosquitto.port) as devices, \
                GatewayProcess(tmp_path, url, memory_only_mosquitto.port) as gateway:
            upgrade(store)
            save_hundred_sites(store, 12, webhook_server.url)
            gateway.wait_until_listening(store)
            for home in range(12):
                devices.say(f"devices/pump-{home}/fault", {"code": "E7", "ts": time.time_ns() // 1_000_000})
            devices.flush()
            webhook_server.wait(20)
            server.stop()
            time.sleep(6)  # as long as an update takes
            server.start()
            waiting = "SELECT count(*) FROM notification WHERE state IN ('queued', 'sending')"
            wait_until(lambda: count(store, waiting) == 0, 60, "everything to be told")
            assert rows(store, "SELECT DISTINCT state FROM notification") == [("sent",)]
            assert rows(store, "SELECT DISTINCT outcome FROM attempt") == [("sent",)]
            assert count(store, "SELECT count(*) FROM offer WHERE closed_at IS NOT NULL") == 0
            assert count(store, "SELECT count(*) FROM offer") == 12
            ids = Counter(post.headers["webhook-id"] for post in webhook_server.posts)
            assert {name: times for name, times in ids.items() if times > 1} == {}


@pytest.mark.slow
def test_of_what_a_killed_gateway_had_in_hand_everything_is_told_again_or_somebody_rings(
        store: Store, sqlite_url: str, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer,
        tmp_path: Path) -> None:
    """Three customers: by web hook, by mail, and by mail what is critical. It dies when all three are handed over."""
    save_hundred_sites(store, 3, webhook_server.url)
    now = time.time_ns() // 1_000_000
    with store.write() as session:
        for home, (channel, critical) in enumerate((("webhook", False), ("email", False), ("email", True))):
            contact = session.exec(select(Contact).where(Contact.owner_id == f"family-{home}")).one()
            if channel == "email":
                contact.channel, contact.address = "email", f"family-{home}@example.com"
            session.add(ticket(id=f"T-{home}", site_id=f"home-{home}", customer_id=f"family-{home}",
                               device_id=f"pump-{home}", opened_at=now))
            session.flush()
            session.add(note(f"N-{home}", "fault_found", 1, now, customer(f"family-{home}"),
                             Subject(SubjectKind.TICKET, f"T-{home}"), critical=critical))
    webhook_server.delay = smtp_server.delay = 30
    ours = settings(smtp_server.port, webhook_server.url)
    assert ours.channels.email is not None
    more = {"CHANNELS__EMAIL__HOST": smtp_server.host, "CHANNELS__EMAIL__PORT": str(smtp_server.port),
            "CHANNELS__EMAIL__SENDER": ours.channels.email.sender, "CHANNELS__EMAIL__SECURITY": "none"}
    with GatewayProcess(tmp_path, sqlite_url, servers.free_port(), "clock", more=more) as gateway:
        smtp_server.wait(2, 60)
        webhook_server.wait(1, 60)
        gateway.kill()
    webhook_server.delay = smtp_server.delay = 0
    assert rows(store, "SELECT DISTINCT outcome FROM attempt") == [("started",)]
    with store.write() as session:
        session.add(Contact(id="k-desk", owner_kind=RecipientKind.DISPATCHER, channel="webhook",
                            address=f"{webhook_server.url}/desk"))
    next_one = Gateway(ours, store, {}, build_channels(ours))
    deliver(next_one, now + 5 * MINUTE)  # its lease is out
    assert rows(store, "SELECT id, state FROM notification WHERE topic = 'fault_found' ORDER BY id") == [
        ("N-0", "sent"), ("N-1", "unknown"), ("N-2", "sent")]
    first, again, desk = webhook_server.posts
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert (desk.path, json.loads(desk.body)["data"]["whom"]) == ("/desk", "Family 1")
    assert sorted(mail.to[0] for mail in smtp_server.mails) == [f"family-{home}@example.com" for home in (1, 2, 2)]
    assert "You may have this message already" in smtp_server.mails[-1].text
