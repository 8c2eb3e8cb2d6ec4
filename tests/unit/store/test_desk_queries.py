"""Now and the callback desk read by their indexes, on both databases, and Now stays within its time."""

import time
from collections.abc import Callable

import pytest
from sqlmodel import Session

from gateway.model import HOUR, MINUTE, Actor, ActorKind, Callback, CallbackKind, Visit
from gateway.store import Store
from gateway.store.views.desk import call_queue, outage_calls
from gateway.store.views.desk.call_queue import Show
from gateway.store.views.desk.now_screen import now_facts
from tests.drivers.query_plans import scans, statements
from tests.drivers.story import NOON, Story, begin
from tests.fixtures.many_tickets import save_tickets

GROWS = ("ticket", "job", "job_ticket", "due", "offer", "visit", "promise", "site", "customer", "callback", "person",
         "person_site", "device", "notification", "dead_letter", "on_call_page", "saved_answer", "contact")
SMALL = ("ticket_open_since", "ticket_outage_open", "ticket_subject_open", "ticket_untaken", "callback_promised",
         "callback_open", "callback_help", "promise_due", "promise_broken", "notification_not_told", "due_at",
         "outage_open")


@pytest.fixture
def town(both_stores: Store) -> Story:
    town = begin(both_stores)
    save_tickets(both_stores, 60, 30, NOON)
    with both_stores.write() as session:
        for number in range(6):
            key = f"0A{number * 5 + 2:06}"
            session.add(Callback(id=f"C-{key}", site_id=f"many-{number}-home", customer_id=f"many-{number}",
                                 kind=CallbackKind.EMERGENCY if number < 2 else CallbackKind.ORDINARY,
                                 requested_at=NOON, promised_by=NOON + number * MINUTE))
            session.add(Visit(id=f"V-{key}", job_id=f"J-{key}", ticket_id=f"T-{key}", provider_id="kunz",
                              window_from=NOON - 3 * HOUR, window_until=NOON - HOUR, created_at=NOON))
    return town


def test_no_question_reads_a_growing_table_from_end_to_end(town: Story) -> None:
    questions: list[Callable[[Session], object]] = [
        lambda session: now_facts(session, NOON, 8),
        lambda session: call_queue.next_to_ring(session, Actor(ActorKind.AGENT, "Dana Meier"), NOON, ["button"]),
        lambda session: outage_calls.outage_call(session, "many-1-home", town.gw.profiles, NOON),
        *(lambda session, show=show: call_queue.first(session, NOON, 10, show, "agent Dana Meier") for show in Show),
        *(lambda session, show=show: call_queue.count(session, NOON, show, "agent Dana Meier") for show in Show)]
    assert [scans(town.gw.store, one, GROWS, SMALL) for one in questions] == [[]] * len(questions)


def test_however_much_is_open_the_questions_are_as_many(town: Story) -> None:
    before = len(statements(town.gw.store, lambda session: now_facts(session, NOON, 8)))
    with town.gw.store.write() as session:
        for number in range(10, 40):
            session.add(Callback(id=f"C-0B{number:06}", site_id=f"many-{number}-home", customer_id=f"many-{number}",
                                 requested_at=NOON, promised_by=NOON))
    assert len(statements(town.gw.store, lambda session: now_facts(session, NOON, 8))) == before


def test_the_first_of_each_kind_and_how_many_there_are(town: Story) -> None:
    with town.gw.store.read() as session:
        facts = now_facts(session, NOON, 3)
    assert (facts.open_tickets, facts.help.count, facts.calls.count, facts.no_shows.count) == (60, 2, 4, 6)
    assert [len(some.rows) for some in (facts.help, facts.calls, facts.no_shows, facts.untaken)] == [2, 3, 3, 3]
    assert facts.untaken.count == 24
    assert {row.severity for row in facts.untaken.rows} == {"critical"}
    assert [row.opened_at for row in facts.untaken.rows] == sorted(row.opened_at for row in facts.untaken.rows)


@pytest.mark.slow
def test_with_ten_thousand_open_tickets_now_takes_thirty_milliseconds(store: Store) -> None:
    begin(store)
    save_tickets(store, 10_000, 2_000, NOON)
    took = []
    for _ in range(7):
        with store.read() as session:
            began = time.process_time()
            now_facts(session, NOON, 8)
            took.append((time.process_time() - began) * 1000)
    assert sorted(took)[3] <= 30, f"{sorted(took)} ms"
