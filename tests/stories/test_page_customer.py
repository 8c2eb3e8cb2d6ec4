"""The customer's page, read as people do, without a script."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.model import (
    HOUR,
    MINUTE,
    ActorKind,
    CallbackState,
    Entry,
    EntryKind,
    Site,
    SubjectKind,
    TicketState,
    Visit,
)
from gateway.store import Store
from gateway.tickets.actions import AttemptCallback, CancelCallback, CancelTicket, MissCallback
from tests.drivers.web_driver import WebStory, accept, read, web_story, without_ids


@pytest.fixture
def there(store: Store) -> WebStory:
    return web_story(store)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def test_the_customer_reads_what_is_wrong_and_that_somebody_is_asked(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = read(web.get(there.follow(ticket)))
    assert "We are asking a local firm" in page
    assert "What is wrong Compressor fault Device Heat pump Since 13:00 today" in page
    assert f"Your number {ticket.id}" in page
    assert "Call us +41 44 668 18 00" in page


def test_a_customer_reads_their_own_language(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down("bob-pump")
    answer = web.get(there.follow(ticket))
    assert '<html lang="de">' in answer.text
    page = read(answer)
    assert "Wir fragen einen Betrieb in Ihrer Nähe" in page
    assert "Was nicht stimmt Kompressorstörung" in page
    assert "Seit Heute 13:00" in page


def test_the_customer_follows_the_whole_way_from_fault_to_fixed(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    there.accept()
    told = read(web.get(page))
    assert "Karin Kunz is coming from Kunz Heating Arrives 13:00–17:00 today" in told
    visit = there.visit(ticket)
    there.now += 10 * MINUTE
    web.post(visit, data={"act": "depart", "minutes": "20"})
    assert "Karin Kunz is on the way from Kunz Heating Arrives about 13:20–13:40 today" in read(web.get(page))
    there.now += 20 * MINUTE
    web.post(visit, data={"act": "arrive"})
    assert "Karin Kunz is with you" in read(web.get(page))
    web.post(visit, data={"act": "finish", "note": "Filter cleaned", "outcome": "complete"})
    assert "Karin Kunz is with you" in read(web.get(page)), "she may still take it back"
    there.wait(minutes=2)
    told = read(web.get(page))
    assert "Karin Kunz says that it is done The sensor still reports the fault, so we are watching it." in told
    there.receive("devices/alice-pump/fault", {"code": "E7", "active": False})
    told = read(web.get(page))
    assert "It is fixed" in told
    assert "What was done Filter cleaned" in told
    assert ("13:32 today Karin Kunz said that it was done. Note by Karin Kunz: Filter cleaned 13:30 today "
            "Karin Kunz arrived. 13:10 today Karin Kunz set out.") in told


def test_the_progress_line_says_in_words_what_colours_show(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    told = read(web.get(there.follow(ticket)))
    assert ("Noticed , done Firm asked , done Technician assigned , now On the way , to come On site , to come "
            "Fixed , to come") in told


def test_a_device_that_recovers_by_itself_needs_nobody_and_the_page_says_so(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.receive("devices/alice-pump/fault", {"code": "E7", "active": False})
    told = read(web.get(there.follow(ticket)))
    assert "The fault is gone" in told
    assert "On site , not needed Fixed , done" in told


def test_who_is_late_says_so(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    page = there.follow(ticket)
    assert "sorry" not in read(web.get(page))
    there.now += 4 * HOUR + MINUTE
    assert "We are later than we promised, and we are sorry." in read(web.get(page))


def test_an_arrival_expected_after_the_promised_window_is_already_a_broken_promise(
        there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    there.now += 3 * HOUR + 50 * MINUTE
    web.post(there.visit(ticket), data={"act": "depart", "minutes": "60"})
    assert "We are later than we promised" in read(web.get(there.follow(ticket)))


def test_the_page_says_by_when_they_hear_again_as_soon_as_that_was_told(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    assert "You will hear from us by" not in read(web.get(page)), "no message has left yet"
    there.wait()
    assert "You will hear from us by 13:30 today" in read(web.get(page))
    there.accept()
    there.wait()
    assert "You will hear from us by" not in read(web.get(page))


def test_the_page_shows_no_time_that_is_not_written_down_as_told(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    page = there.follow(ticket)
    assert "Arrives 13:00–17:00 today" in read(web.get(page))
    there.change(there.one(Visit), window_until=there.now + 8 * HOUR)
    assert "Arrives" not in read(web.get(page))


def test_a_visit_that_did_not_settle_it_is_told_as_it_is(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    visit = there.visit(ticket)
    web.post(visit, data={"act": "arrive"})
    web.post(visit, data={"act": "finish", "outcome": "more_work", "note": "Two people are needed"})
    there.wait(minutes=2)  # to take it back
    assert "The visit did not settle it" in read(web.get(there.follow(ticket)))


def test_a_cancelled_ticket_says_that_nobody_comes(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.act(CancelTicket(ticket.id, "sold the house to a friend"))
    told = read(web.get(there.follow(ticket)))
    assert "Nobody will come for it." in told
    assert "sold the house" not in told


def test_a_call_that_is_called_off_says_so_without_the_reason(there: WebStory, web: httpx.Client) -> None:
    callback = there.call_for_help()
    page = there.follow(callback)
    there.act(CancelCallback(callback.id, "we have no time today"))
    told = read(web.get(page))
    assert "This call is off You need not wait for it. If you still need us, press again or call us." in told
    assert "Called off." in told
    assert "no time" not in told


def test_nothing_internal_reaches_the_customer(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.add(Entry(subject_kind=SubjectKind.TICKET, subject_id=ticket.id, at=there.now, by_kind=ActorKind.AGENT,
                    by_name="Dana", kind=EntryKind.CALLBACK_DONE, parameters={"note": "Customer is difficult"}))
    web.post(there.offer(ticket), data={"act": "decline", "reason": "other_reason", "words": "never again to her"})
    told = without_ids(web.get(there.follow(ticket)).text)
    for secret in ("difficult", "never again", "Kunz", "Seeblick", "neighbour", "critical", "E7", "heating"):
        assert secret not in told


def test_a_callback_is_promised_called_missed_and_settled_on_one_page(there: WebStory, web: httpx.Client) -> None:
    callback = there.call_for_help()
    page = there.follow(callback)
    told = read(web.get(page))
    assert "We will call you At the latest 14:00 today" in told
    assert "You pressed “Help button”." in told
    there.act(AttemptCallback(callback.id))
    assert "We are calling you now" in read(web.get(page))
    there.act(MissCallback(callback.id))
    assert "We could not reach you" in read(web.get(page))
    there.now += 2 * HOUR
    assert "We promised to call by then and did not." in read(web.get(page))
    there.change(callback, state="done", closed_at=there.now)
    assert "Your request is settled" in read(web.get(page))


def test_who_presses_about_a_known_fault_reads_that_it_is_known(there: WebStory, web: httpx.Client) -> None:
    there.break_down()
    callback = there.call_for_help(kind="long")
    told = read(web.get(there.follow(callback)))
    assert "We already know about this Compressor fault" in told
    assert "You asked for urgent help" in told


def test_who_called_for_help_reads_that_this_is_no_rescue_service_and_whom_to_ring(there: WebStory, web: httpx.Client
                                                                                   ) -> None:
    there.change(there.one(Site, Site.id == "alice-home"), country="GB")
    callback = there.call_for_help(kind="urgent")
    answer = web.get(there.follow(callback))
    assert "Your call for help has reached us At the latest 13:15 today" in read(answer)
    assert "This is not a rescue service. If anyone is in danger, call 999 now." in read(answer)
    assert 'href="tel:999"' in answer.text
    there.change(callback, state="done", closed_at=there.now, outcome="help_sent")
    told = read(web.get(there.follow(callback)))
    assert "Help is on its way to you" in told
    assert "Your request is settled" not in told
    assert "call 999 now" in told


@pytest.mark.parametrize(("outcome", "said"), [
    ("visit_needed", "We agreed that somebody comes to you We write to you who comes, and when."),
    ("still_out", "We have noted that you have no power"), ("was_test", "Your test has reached us"),
    ("fixed", "Your request is settled")])
def test_the_page_says_what_came_of_the_call(there: WebStory, web: httpx.Client, outcome: str, said: str) -> None:
    callback = there.call_for_help()
    page = there.follow(callback)
    there.change(callback, state="done", closed_at=there.now, outcome=outcome)
    assert said in read(web.get(page))


def test_who_called_for_help_in_a_country_unknown_to_us_still_reads_it(there: WebStory, web: httpx.Client) -> None:
    answer = web.get(there.follow(there.call_for_help(kind="urgent")))
    assert "If anyone is in danger, call your local emergency number now." in read(answer)
    assert "rescue\" href" not in answer.text


def test_who_asked_for_a_call_reads_nothing_of_rescue(there: WebStory, web: httpx.Client) -> None:
    assert "rescue" not in web.get(there.follow(there.call_for_help(kind="long"))).text


def test_every_state_of_a_ticket_and_of_a_callback_has_its_page(there: WebStory, web: httpx.Client) -> None:
    ticket, callback = there.break_down(), there.call_for_help()
    for state in TicketState:
        there.change(ticket, state=state)
        read(web.get(there.follow(ticket)))
    for call in set(CallbackState) - {CallbackState.ANSWERED}:  # that has the outage's page
        there.change(callback, state=call)
        read(web.get(there.follow(callback)))


def test_without_a_script_the_page_stays_still_and_offers_a_link_to_the_newest(
        there: WebStory, web: httpx.Client) -> None:
    page = there.follow(there.break_down())
    told = web.get(page).text
    assert "http-equiv" not in told
    assert f'<noscript><a class="button" href="{page}">Show how it stands now</a></noscript>' in told


def test_what_people_typed_is_never_markup(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    accept(there, web, there.offer(ticket), technician="<script>alert(1)</script>")
    page = web.get(there.follow(ticket)).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; is coming" in page
