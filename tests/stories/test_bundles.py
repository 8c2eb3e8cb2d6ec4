"""What is due for one person at the same time leaves as one message: after a quiet night, after a channel was down, and
never what somebody waits for."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session, col, select

from gateway.explain.facts import TicketFacts
from gateway.explain.notifications import notification_lines
from gateway.flow.deliver import A_BATCH, AT_ONCE, deliver
from gateway.model import (
    HOUR,
    MINUTE,
    SECOND,
    Attempt,
    Contact,
    Customer,
    Device,
    Entry,
    Job,
    Link,
    LinkPurpose,
    Notification,
    Person,
    PersonRole,
    PersonSite,
    Preference,
    Promise,
    PromiseState,
    Reason,
    ReasonKind,
    RecipientKind,
    Site,
    Subject,
    SubjectKind,
    Ticket,
    TicketState,
    TopicGroup,
    Visit,
    customer,
)
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.channels import Channel, NotSent, Outcome, Sent, Unknown
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.messages import Message
from gateway.notifications.pacing.breaker import PAUSED_AFTER, PROBE_EVERY
from gateway.notifications.topics import Priority
from gateway.notifications.wording.sms import sms_size
from gateway.store import Store, outbox
from gateway.store.customers.companions import claim_companions, pieces_beside_others
from gateway.store.views.explain import ticket_facts
from tests.drivers.delivery_driver import MORNING, NIGHT, NOON, DeliveryDriver, delivery_driver, ticket
from tests.drivers.query_plans import scans
from tests.drivers.timelines import sentence
from tests.fixtures import servers
from tests.fixtures.outbox_rows import note

DISHES = "T-2"


@dataclass
class Post:
    """A channel that answers as told, and keeps what it was given."""

    answer: Outcome = field(default_factory=lambda: Sent("a ref"))
    given: list[tuple[str, Message, str]] = field(default_factory=list)  # address, message, id

    def send(self, address: str, message: Message, ref: str) -> Outcome:
        self.given.append((address, message, ref))
        return self.answer

    @property
    def titles(self) -> list[str]:
        return [message.subject for _, message, _ in self.given]


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def office(both_stores: Store, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer, post: Post
           ) -> DeliveryDriver:
    """Alice reads mail first, then SMS. Beside her heat pump, T-1, her dishwasher is broken, T-2."""
    there = delivery_driver(both_stores, smtp_server, webhook_server)
    there.channels["email"] = Channel("email", "long", post.send)
    there.write(Device(id="alice-dishes", key="native:alice-dishes", profile="heat-pump", site_id="alice-home",
                       name="Dishwasher"),
                ticket(id=DISHES, device_id="alice-dishes", cause_key="leak", cause="it leaks"))
    return there


def fault(office: DeliveryDriver, about: str = "T-1", link: bool = True, **more: Any) -> str:
    """Alice is to be told that it is broken. The message's id."""
    office.now += 1
    if link:
        office.write(Link(id=f"L-{about}-{office.now}", purpose=LinkPurpose.FOLLOW, subject_kind=SubjectKind.TICKET,
                          subject_id=about, created_at=office.now, expires_at=office.now + 100 * HOUR))
        more["link_id"] = f"L-{about}-{office.now}"
    return office.tell("fault_found", "1", subject=Subject(SubjectKind.TICKET, about), **more)


def credit(office: DeliveryDriver, about: str = "T-1", which: str = "late", **more: Any) -> str:
    """She is to be told of a credit: that stays true."""
    office.now += 1
    return office.tell("goodwill", which, subject=Subject(SubjectKind.TICKET, about), facts={
        "price": "20.00 EUR", "credited_for": "gesture"}, **more)


def states(office: DeliveryDriver, *keys: str) -> list[str]:
    return [office.note(key).state for key in keys]


def timeline(office: DeliveryDriver, subject: str) -> list[str]:
    with office.store.read() as session:
        return [sentence(one) for one in session.exec(
            select(Entry).where(Entry.subject_id == subject).order_by(col(Entry.id)))]


def explained(office: DeliveryDriver, subject: str) -> list[str]:
    with office.store.read() as session:
        facts = ticket_facts(session, subject)
        assert isinstance(facts, TicketFacts)
        return [line.text for line in notification_lines(facts.history, TimeFormat(catalogue_for("en"), "UTC", NOON))]


# --- after the quiet hours

def test_three_things_of_a_night_are_one_letter_in_the_morning(office: DeliveryDriver, post: Post) -> None:
    office.now = NIGHT
    keys = [fault(office), fault(office, DISHES), credit(office)]
    office.deliver()
    assert states(office, *keys) == ["held"] * 3
    office.deliver(MORNING)
    assert post.titles == ["3 things about your home"]
    text = post.given[0][1].long_text
    assert "1. Heat pump: we noticed a problem and are on it (T-1)" in text
    assert "2. Dishwasher: we noticed a problem and are on it (T-2)" in text
    assert text.count("Hello Alice Keller") == text.count("Wiesental Service, +41") == 1
    assert states(office, *keys) == ["sent"] * 3
    assert [office.tries(key) for key in keys] == [[("email", "sent")]] * 3
    assert timeline(office, DISHES) == [
        "Told Alice Keller by email: fault found (in one message with: fault found, goodwill credit)"]
    assert any("by email on" in line and "sent together with “fault found” and “goodwill credit”" in line
               for line in explained(office, DISHES))


def test_each_piece_keeps_its_own_link(office: DeliveryDriver, post: Post) -> None:
    fault(office)
    fault(office, DISHES)
    office.deliver()
    [(_, letter, ref)] = post.given
    for about in ("T-1", DISHES):
        assert f"/f/L-{about}" in letter.long_text
        assert f"/f/L-{about}" in letter.long_html
    assert ref.startswith("N-")


def test_all_about_one_device_says_so(office: DeliveryDriver, post: Post) -> None:
    fault(office)
    credit(office)
    office.deliver()
    assert post.titles == ["2 things about your Heat pump"]


def test_what_becomes_untrue_in_the_night_is_left_out_and_says_why(office: DeliveryDriver, post: Post) -> None:
    office.now = NIGHT
    pump, dishes, money = fault(office), fault(office, DISHES), credit(office)
    office.deliver()
    office.change(Ticket, DISHES, state=TicketState.RESOLVED, resolved_at=NIGHT + HOUR)
    office.deliver(MORNING)
    assert post.titles == ["2 things about your Heat pump"]
    assert states(office, pump, dishes, money) == ["sent", "dropped", "sent"]
    assert timeline(office, DISHES) == [
        "Did not tell Alice Keller “fault found”: already fixed before anyone was told"]


def test_a_piece_reads_as_it_is_true_in_the_morning(office: DeliveryDriver, post: Post) -> None:
    office.now = NIGHT
    found = fault(office)
    fault(office, DISHES)
    office.deliver()
    office.write(Job(id="J-1", site_id="alice-home", opened_at=NIGHT))
    office.write(Visit(id="V-1", job_id="J-1", ticket_id="T-1", provider_id="kunz", technician="Karin Kunz",
                       window_from=MORNING + HOUR, window_until=MORNING + 3 * HOUR, created_at=NIGHT))
    office.change(Ticket, "T-1", state="assigned", visit_id="V-1")
    office.tell("technician_assigned", "V-1")
    office.deliver(MORNING)
    assert office.note(found).reason == Reason(ReasonKind.SUPERSEDED, {"topic": "technician_assigned"})
    assert post.titles == ["2 things about your home"]
    assert "Karin Kunz is coming 08:00–10:00 today (T-1)" in post.given[0][1].long_text


def test_a_single_one_is_as_it_always_was(office: DeliveryDriver, post: Post) -> None:
    fault(office)
    office.deliver()
    assert post.titles == ["Heat pump: we noticed a problem and are on it (T-1)"]
    assert timeline(office, "T-1") == ["Told Alice Keller by email: fault found"]
    assert "together" not in explained(office, "T-1")[0]


def test_what_has_no_words_keeps_the_others_from_nothing(office: DeliveryDriver, post: Post) -> None:
    keys = [fault(office), fault(office, DISHES), office.tell("goodwill", "x", facts={
        "price": "20.00 EUR", "credited_for": "what this gateway does not know"})]
    office.deliver()
    assert post.titles == ["2 things about your home"]
    assert states(office, *keys) == ["sent", "sent", "queued"]


# --- what is never merged

def test_safety_goes_by_itself_and_first(office: DeliveryDriver, post: Post) -> None:
    fault(office)
    credit(office)
    danger = fault(office, DISHES, critical=True, priority=Priority.CRITICAL)
    office.deliver()
    assert sorted(post.titles) == ["2 things about your Heat pump",
                                   "Dishwasher: we noticed a problem and are on it (T-2)"]
    assert office.tries(danger) == [("email", "sent")]


def test_who_needs_help_first_does_not_get_it_among_other_things(office: DeliveryDriver, post: Post) -> None:
    fault(office, priority=Priority.CRITICAL)  # as for a home in which somebody needs power
    fault(office, DISHES)
    credit(office)
    office.deliver()
    assert Counter(title[:8] for title in post.titles) == {"Heat pum": 1, "2 things": 1}


def test_nothing_waits_in_order_to_be_merged(office: DeliveryDriver, post: Post) -> None:
    fault(office)
    office.tell("fault_found", "1", subject=Subject(SubjectKind.TICKET, DISHES), due_at=NOON + SECOND)
    office.deliver()
    assert post.titles == ["Heat pump: we noticed a problem and are on it (T-1)"]


def test_an_sms_holds_what_one_link_leads_to(office: DeliveryDriver) -> None:
    sms = Post()
    office.channels = {"sms": Channel("sms", "short", sms.send)}
    fault(office)
    credit(office, link_id=f"L-T-1-{office.now}")
    fault(office, DISHES)
    office.deliver()
    assert len(sms.given) == 2
    [short] = [message.short for _, message, _ in sms.given if "2 things" in message.short]
    words, _, link = short.rpartition(" ")
    assert words.startswith("2 things about your Heat pump - Heat pump: we noticed")
    assert "/f/L-T-1" in link
    assert sms_size(words).parts == 1


# --- a household of two

def test_two_people_read_each_in_their_own_language(office: DeliveryDriver, post: Post) -> None:
    office.write(
        Customer(id="arber", name="Household Arber", timezone="Europe/Zurich"),
        Site(id="arber-home", customer_id="arber", name="The Arbers' house", timezone="Europe/Zurich"),
        *[Person(id=one, customer_id="arber", name=name, role=PersonRole.OWNER, locale=locale, position=place)
          for place, (one, name, locale) in enumerate((("erna", "Erna Arber", "en"), ("emil", "Emil Arber", "de")))],
        *[PersonSite(id=f"{one}/arber-home", person_id=one, site_id="arber-home") for one in ("erna", "emil")],
        *[Contact(id=f"k-{one}", owner_kind=RecipientKind.PERSON, owner_id=one, channel="email",
                  address=f"{one}@example.com") for one in ("erna", "emil")],
        Preference(id="person/erna", owner_kind=RecipientKind.PERSON, owner_id="erna", muted=[TopicGroup.FAULTS],
                   changed_at=NOON),
        *[ticket(id=key, site_id="arber-home", customer_id="arber", device_id=None, subject=skill, cause=cause)
          for key, skill, cause in (("T-3", "heating", "cold"), ("T-4", "plumbing", "wet"))])
    arber = customer("arber")
    fault(office, "T-3", to=arber)
    fault(office, "T-4", to=arber)
    credit(office, "T-3", to=arber)
    credit(office, "T-4", "again", to=arber)
    office.deliver()
    assert sorted((address, message.subject) for address, message, _ in post.given) == [
        ("emil@example.com", "2 Nachrichten zu Ihrem Zuhause"), ("erna@example.com", "2 things about your home")]


# --- what goes wrong goes wrong for each piece

@pytest.fixture
def pieces(office: DeliveryDriver) -> list[str]:
    return [fault(office), fault(office, DISHES), credit(office)]


def test_a_refusal_sends_each_to_the_next_channel(office: DeliveryDriver, post: Post, pieces: list[str]) -> None:
    post.answer = NotSent(True, "no such mailbox", gone=True, kind="recipient refused")
    office.deliver()
    assert [office.tries(key) for key in pieces] == [[("email", "refused"), ("sms", "sent")]] * 3
    assert len(post.given) == 1


def test_what_may_have_arrived_may_have_arrived_with_all_its_pieces(office: DeliveryDriver, post: Post,
                                                                    pieces: list[str]) -> None:
    del office.channels["sms"]
    post.answer = Unknown("no answer")
    office.deliver()
    office.deliver(NOON + HOUR)
    assert states(office, *pieces) == ["unknown"] * 3
    assert len(post.given) == 1


def test_what_failed_together_is_tried_again_together(office: DeliveryDriver, post: Post, pieces: list[str]) -> None:
    post.answer = NotSent(False, "busy")
    office.deliver()
    assert len({office.note(key).due_at for key in pieces}) == 1
    post.answer = Sent("a ref")
    office.deliver(NOON + MINUTE)
    assert post.titles == ["3 things about your home"] * 2
    assert len({ref for *_, ref in post.given}) == 1, "the same id each time"


def test_a_worker_that_died_with_a_letter_in_its_hand_leaves_every_piece_unknown(
        office: DeliveryDriver, post: Post, pieces: list[str]) -> None:
    taken, finish = threading.Event(), threading.Event()

    def stuck(address: str, message: Message, ref: str) -> Outcome:
        post.send(address, message, ref)
        taken.set()
        finish.wait(10)
        return NotSent(True, "too late to say")

    office.channels["email"] = Channel("email", "long", stuck)
    worker = threading.Thread(target=deliver, args=(office, office.now))
    worker.start()
    assert taken.wait(10)
    office.deliver(office.now + outbox.LEASE)
    finish.set()
    worker.join(10)
    assert [office.tries(key) for key in pieces] == [[("email", "unknown"), ("sms", "sent")]] * 3
    assert len(post.given) == 1


def test_each_piece_promises_what_it_would_alone(office: DeliveryDriver, post: Post, pieces: list[str]) -> None:
    def open_promises() -> set[tuple[str, str | None]]:
        with office.store.read() as session:
            return {(one.subject_id, one.notification_id) for one in session.exec(
                select(Promise).where(Promise.state == PromiseState.OPEN))}

    post.answer = NotSent(False, "busy")
    office.deliver()
    assert open_promises() == set()
    post.answer = Sent("a ref")
    office.deliver(NOON + MINUTE)
    assert open_promises() == {("T-1", pieces[0]), (DISHES, pieces[1])}
    assert post.given[-1][1].long_text.count("hear from us by") == 2


# --- a channel that was down

def test_three_things_of_an_hour_without_mail_are_one_letter_when_it_works_again(office: DeliveryDriver, post: Post
                                                                                 ) -> None:
    others = [f"c{number}" for number in range(PAUSED_AFTER)]
    office.write(*[Customer(id=one, name=one) for one in others], *[
        Contact(id=f"k-{one}", owner_kind=RecipientKind.CUSTOMER, owner_id=one, channel="email",
                address=f"{one}@example.com") for one in others])
    for one in others:
        office.tell("test", one, customer(one), subject=Subject(SubjectKind.GATEWAY, "test"))
    post.answer = NotSent(False, "no connection", kind="unreachable")
    office.deliver()
    charlie = customer("charlie")
    keys = [office.tell("goodwill", str(number), charlie, subject=Subject(SubjectKind.CUSTOMER, "charlie"),
                        facts={"price": "20.00 EUR", "credited_for": "gesture"}) for number in range(3)]
    for _ in range(6):
        office.now += 10 * MINUTE
        office.deliver()
    post.answer, before = Sent("a ref"), len(post.given)
    for _ in range(20):
        office.now += PROBE_EVERY
        office.deliver()
    assert states(office, *keys) == ["sent"] * 3
    assert [title for title in post.titles[before:] if "things" in title] == ["3 things about your home"]
    assert Counter(address for address, *_ in post.given[before:])["charlie@example.com"] == 1


# --- many people, and several workers

def crowd(office: DeliveryDriver, people: int, pieces: int) -> list[str]:
    """Each is to be told so many things, of which the first are due first. The messages' ids."""
    names = [f"p{number}" for number in range(people)]
    office.write(*[Customer(id=one, name=one) for one in names], *[
        Contact(id=f"k-{one}", owner_kind=RecipientKind.CUSTOMER, owner_id=one, channel="email",
                address=f"{one}@example.com") for one in names])
    rows = [note(f"N-{piece}-{one}", "goodwill", piece, office.now - 1000 + piece, customer(one),
                 Subject(SubjectKind.CUSTOMER, one), facts={"price": "20.00 EUR", "credited_for": "gesture"})
            for piece in range(pieces) for one in names]
    office.write(*rows)
    return [f"N-{piece}-{one}" for piece in range(pieces) for one in names]


def test_a_full_batch_takes_along_what_else_is_due_for_its_readers(office: DeliveryDriver, post: Post) -> None:
    people = 2 * AT_ONCE
    keys = crowd(office, people, 3)
    office.deliver()
    assert set(states(office, *keys)) == {"sent"}
    assert Counter(post.titles) == {"3 things about your home": people}


def test_two_workers_tell_nobody_a_thing_twice(office: DeliveryDriver, post: Post) -> None:
    keys = crowd(office, 60, 3)
    workers = [threading.Thread(target=deliver, args=(office, NOON)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    office.deliver(NOON + 10 * SECOND)
    assert set(states(office, *keys)) == {"sent"}
    with office.store.read() as session:
        tries = Counter(session.exec(select(Attempt.notification_id)))
    assert set(tries.values()) == {1}
    told = Counter(address for address, message, _ in post.given
                   for _ in range(int(message.subject.split()[0]) if "things" in message.subject else 1))
    assert told == dict.fromkeys((f"p{number}@example.com" for number in range(60)), 3)


def test_a_storm_of_one_thing_each_asks_once_for_each_batch(office: DeliveryDriver, post: Post) -> None:
    people, asked = 200, []
    crowd(office, people, 1)

    def see(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if "notification.priority +" in statement:
            asked.append(statement)

    event.listen(Engine, "before_cursor_execute", see)
    try:
        office.deliver()
    finally:
        event.remove(Engine, "before_cursor_execute", see)
    assert len(post.given) == people
    assert len(asked) <= people // A_BATCH + 1


def test_looking_for_companions_reads_no_table_from_end_to_end(office: DeliveryDriver) -> None:
    crowd(office, 200, 2)
    with office.store.read() as session:
        rows = list(session.exec(select(Notification).where(col(Notification.id).startswith("N-0-p1"))))
    questions: list[Callable[[Session], object]] = [
        lambda session: claim_companions(session, rows, NOON, "a lease", NOON - HOUR),  # none is due
        lambda session: pieces_beside_others(session, [("p1", row.id) for row in rows], 1),
        lambda session: ticket_facts(session, "T-1")]
    assert [scans(office.store, one, ("notification", "attempt"), ("attempt_together",)) for one in questions
            ] == [[]] * len(questions)
