"""Now: what is wrong, who waits and what is about to be late, in one window whatever the load."""

import re
from collections.abc import Iterator

import pytest

from gateway.model import (
    HOUR,
    MINUTE,
    Callback,
    DeadLetter,
    Notification,
    NotificationState,
    Promise,
    PromiseState,
    Role,
    Severity,
    Ticket,
    Unclaimed,
    Visit,
)
from gateway.monitoring.health import Health
from gateway.store import Store
from gateway.tickets.actions import ClaimCallback, OpenCallback
from tests.drivers.web_driver import WebStory, accept, read, web_story

NOW = "/console"


def card(there: WebStory, key: str, role: str = "agent") -> str:
    """The words of one card, as somebody of this role reads them."""
    browser = next((one for one in there.browsers), None) or there.console(role)
    found = re.search(rf'(?s)<section class="card[^"]*" id="{key}".*?</section>', browser.get(NOW).text)
    return "" if found is None else " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


def test_a_quiet_day(there: WebStory) -> None:
    shown = read(there.console().get(NOW))
    for well in ("0 open tickets", "Nobody waits for a call.", "Everybody is on time.", "No promise is at risk.",
                 "Somebody comes for every ticket.", "No outage is known.",
                 "All messages have arrived since yesterday.", "Broker, database and channels work."):
        assert well in shown, well
    assert "Calls for help" not in shown


def test_a_fault_that_nobody_has_taken_is_there_until_somebody_does(there: WebStory) -> None:
    ticket = there.break_down()
    there.wait(minutes=5)
    shown = card(there, "untaken")
    assert "Tickets nobody has taken 1" in shown
    assert "Compressor fault" in shown
    assert "Critical 5 min" in shown
    assert "by" in shown, "its next deadline"
    assert ticket.id in there.browsers[0].get("/console/tickets?state=unassigned").text
    assert "Everybody is on time." in read(there.browsers[0].get("/console/now/no-shows"))
    with there.client() as web:
        accept(there, web, there.offer(ticket))
    assert "Somebody comes for every ticket." in card(there, "untaken")


def test_who_waits_for_a_call_and_who_has_taken_it(there: WebStory) -> None:
    callback = there.call_for_help()
    assert "Waiting for our call 1 Alice Keller" in card(there, "calls")
    there.act(ClaimCallback(callback.id), "agent Erik Vogt")
    assert "Erik Vogt has it" in card(there, "calls")


def test_a_promise_that_is_about_to_be_broken_and_one_that_was(there: WebStory) -> None:
    there.call_for_help()
    promise = there.one(Promise)
    there.now = promise.due_at - 10 * MINUTE
    assert "Our call Alice Keller" in read(there.console("dispatcher").get("/console/now/promises"))
    assert "Our call Alice Keller Soon" in card(there, "promises", "dispatcher")
    there.now = promise.due_at + MINUTE
    assert "Late" in card(there, "promises")
    there.change(promise, state=PromiseState.BROKEN)
    assert "Broken" in card(there, "promises")


def test_a_firm_that_did_not_come(there: WebStory) -> None:
    ticket = there.break_down()
    with there.client() as web:
        accept(there, web, there.offer(ticket))
    visit = there.one(Visit)
    there.change(visit, window_from=there.now - 3 * HOUR, window_until=there.now - HOUR)
    shown = card(there, "no-shows")
    assert "Nobody came 1" in shown
    assert "Alice Keller No-show" in shown
    assert "Alice Keller No-show" in read(there.browsers[0].get("/console/now/no-shows"))


def test_a_message_that_did_not_arrive(there: WebStory) -> None:
    there.break_down()
    there.wait(minutes=1)
    message = there.all(Notification, Notification.recipient_id == "alice")[0]
    there.change(message, state=NotificationState.FAILED, done_at=there.now)
    assert "Messages that did not arrive 1 Fault found Alice Keller Failed" in card(there, "not-told")


def test_all_messages_that_did_not_arrive_are_one_click_away(there: WebStory) -> None:
    there.break_down()
    there.wait(minutes=1)
    first = there.one(Notification, Notification.recipient_id == "alice")
    failed = first.model_dump() | {"due_at": None, "state": NotificationState.FAILED, "done_at": there.now}
    there.add(*(Notification(**failed | {"id": f"N-0000000{number}", "occurrence": f"again {number}"})
                for number in range(9)))
    browser = there.console()
    assert 'href="/console/now/not-told" class="rest if-low">and 7 more' in browser.get(NOW).text
    page = browser.get("/console/now/not-told")
    assert read(page).count("Fault found Alice Keller Failed") == 9
    assert page.text.count('form="send-again"') == 9
    assert "Broker, database and channels work." in read(browser.get("/console/now/system"))
    assert browser.get("/console/now/outages").status_code == 404


def test_what_is_wrong_with_the_gateway_itself(there: WebStory) -> None:
    there.health = Health(False, problems=["mqtt: connection refused"], degraded=["email: login refused, 3 tries"])
    there.add(DeadLetter(received_at=there.now, dialect="native", topic="devices/x", payload=b"?", size=1, reason="?"),
              Unclaimed(key="native:x", topic="devices/x", first_seen_at=there.now, last_seen_at=there.now))
    shown = card(there, "system")
    for sentence in ("Mqtt: connection refused", "Email: login refused, 3 tries",
                     "1 message unreadable since yesterday", "1 device that nobody has claimed"):
        assert sentence in shown, sentence


def test_of_what_is_known_about_the_broker_only_what_it_would_lose_is_named(there: WebStory) -> None:
    there.health = Health(True, broker=["it speaks MQTT 5", "it keeps no session"], losses=["it keeps no session"])
    shown = card(there, "system")
    assert "It keeps no session" in shown
    assert "It speaks MQTT 5" not in shown


def test_more_than_fit_are_counted_and_one_click_away(there: WebStory) -> None:
    for site in ("alice-home", "bob-home", "charlie-home"):
        there.act(OpenCallback(site, "Asks about the price"), "agent")
    there.add(*(Ticket(id=f"T-0000000{number}", site_id="alice-home", customer_id="alice", cause_key="reported",
                       cause=f"Fault {number}", skill="heating", severity=Severity.MINOR, opened_at=there.now + number,
                       subject=f"skill {number}") for number in range(9)))
    shown = card(there, "untaken")
    assert "Tickets nobody has taken 9 and 5 more →" in shown
    assert "Fault 0" in shown
    assert "Fault 8" not in shown, "the oldest first"
    page = there.browsers[0].get(NOW).text
    assert 'href="/console/tickets?state=unassigned" class="rest if-low"' in page
    assert len(there.all(Callback)) == 3


@pytest.mark.parametrize("role", [Role.AGENT, Role.DISPATCHER, Role.OPERATOR, Role.AUDITOR])
def test_everybody_who_may_look_sees_it_and_a_firm_does_not(there: WebStory, role: Role) -> None:
    assert there.console(role).get(NOW).status_code == 200
    firm = there.console("provider", "Karin Kunz", "kunz")
    assert firm.get(NOW).status_code == 403


@pytest.fixture
def in_shadow(both_stores: Store) -> Iterator[WebStory]:
    """In the shadow week, with browsers."""
    there = web_story(both_stores, mode="shadow", live_areas=["nowhere"])
    yield there
    for browser in there.browsers:
        browser.web.close()


def test_every_screen_says_that_the_mode_is_shadow_and_a_ticket_what_would_have_gone(in_shadow: WebStory) -> None:
    ticket = in_shadow.break_down()
    in_shadow.wait(seconds=1)
    browser = in_shadow.console()
    for path in (NOW, "/console/tickets", f"/console/tickets/{ticket.id}"):
        assert "Shadow mode, except in nowhere: customers and firms hear nothing." in read(browser.get(path)), path
    page = read(browser.get(f"/console/tickets/{ticket.id}"))
    assert "Shadow: not sent" in page
    assert "Shadow mode: would have told Alice Keller by email" in page
    assert "Shadow: not sent" in read(browser.get("/console/customers/alice"))
    assert in_shadow.messages == []
