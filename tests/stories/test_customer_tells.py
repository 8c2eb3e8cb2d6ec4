"""The customer tells us something, or how to get in: who reads it, how often, and until when."""

from collections.abc import Iterator

import httpx
import pytest
from sqlmodel import col

from gateway.flow.housekeeping import forget
from gateway.model import (
    DAY,
    DISPATCHER,
    Audit,
    Entry,
    EntryKind,
    OnCallPage,
    PageReason,
    PendingAct,
    PendingOutcome,
    Severity,
    Site,
    Subject,
    SubjectKind,
    Ticket,
    TicketState,
    provider,
)
from gateway.store import Store
from gateway.tickets.actions import AcknowledgePage, Arrive, Depart, Finish, LeaveSite, MergeTickets, MoveIn, OpenTicket
from tests.drivers.web_driver import WebStory, console_story, read

pytestmark = pytest.mark.slow
KUNZ, KARIN = provider("kunz"), "technician Karin Kunz"
DOG = "The dog <b>bites</b>, please ring & wait"


@pytest.fixture
def there(both_stores: Store) -> Iterator[WebStory]:
    with console_story(both_stores) as there:
        yield there


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def tell(web: httpx.Client, page: str, words: str = DOG) -> httpx.Response:
    return web.post(f"{page}/change", data={"act": "tell", "words": words})


def test_what_they_tell_us_is_read_as_text_by_whoever_comes_and_not_by_each_firm_that_is_asked(
        there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    tell(web, page)
    assert "You have written: “The dog <b>bites</b>, please ring & wait”" in read(web.get(page))
    assert DOG not in web.get(page).text
    assert "The customer writes" not in " ".join(there.timeline(ticket.id))  # for a minute nobody reads it
    there.wait(1)
    offer = web.get(there.offer(ticket))
    assert "The dog" not in read(offer)  # who is only asked need not know
    there.accept()
    visit = web.get(there.visit(ticket))
    assert f"The customer says: {DOG}" in read(visit)
    assert DOG not in visit.text
    assert f"You wrote: “{DOG}”" in read(web.get(page))
    assert any(f"The customer writes: {DOG}" in line for line in there.timeline(ticket.id))
    assert DOG in read(there.console().get(f"/console/tickets/{ticket.id}"))


@pytest.mark.parametrize("on_site", [False, True])
def test_whoever_comes_hears_it_at_once(there: WebStory, web: httpx.Client, on_site: bool) -> None:
    ticket = there.break_down()
    there.accept()
    visit_id = there.again(ticket).visit_id
    for act in (Depart(visit_id, 20), Arrive(visit_id)) if on_site else ():
        there.act(act, KARIN)
    there.wait(1)
    since = there.now
    tell(web, there.follow(ticket))
    tell(web, there.follow(ticket), "And the bell is broken")
    there.wait(1)
    assert there.heard(KUNZ, since) == ["customer_wrote", "customer_wrote"]
    mail = next(one for one in there.messages if "bell is broken" in one.text)
    assert mail.to == "office@kunz.example"
    assert "The customer writes about your visit" in mail.subject


def test_they_take_it_back_and_nobody_ever_reads_it(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    tell(web, page)
    web.post(page, data={"act": "take_back", "pending": there.one(PendingAct).id})
    there.wait(2)
    assert "Taken back: What you have written." in read(web.get(page))
    assert DOG not in read(web.get(there.offer(ticket)))
    assert DOG not in str(there.timeline(ticket.id))


def test_nothing_is_asked_back_where_it_was_and_long_words_are_cut(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    empty = tell(web, page, " \n ")
    assert "Please write what we should know." in read(empty, 422)
    assert 'maxlength="1000" aria-invalid="true" aria-describedby="words-error" autofocus> \n </textarea>' in empty.text
    tell(web, page, "x" * 3000)
    there.wait(1)
    assert len(there.one(PendingAct).words) == 1000


def test_ten_a_day_is_enough_and_what_was_typed_stays(there: WebStory, web: httpx.Client) -> None:
    page = there.follow(there.break_down())
    for number in range(10):
        assert tell(web, page, f"number {number}").status_code == 303
    eleventh = tell(web, page, "number 10")
    assert "Please ring us" in read(eleventh, 409)
    assert "number 10</textarea>" in eleventh.text
    there.wait(1)
    there.now += DAY
    assert tell(web, page, "number 10").status_code == 303


def test_others_who_live_there_by_now_read_none_of_it(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    tell(web, page)
    there.wait(1)
    tell(web, page, "This one is late")
    there.act(LeaveSite("alice-home"))
    there.wait(2)
    read(web.get(page), 404)
    assert "refused" in [one.outcome for one in there.all(PendingAct)]
    there.act(MoveIn("alice-home", "bob"))
    there.wait(1)
    assert DOG not in read(web.get(there.offer(ticket)))


def test_what_is_over_is_deleted_after_a_week_and_the_timeline_keeps_it(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    tell(web, there.follow(ticket))
    there.wait(1)
    there.now += 8 * DAY
    forget(there.gw, there.now)
    assert there.all(PendingAct) == []
    assert EntryKind.CUSTOMER_WROTE in [one.kind for one in there.all(Entry, Entry.subject_id == ticket.id)]


NOTE = "The code is 4711 <i>"


def let_in(web: httpx.Client, page: str, words: str = NOTE) -> httpx.Response:
    return web.post(f"{page}/change", data={"act": "access", "access": words})


def test_how_to_get_in_is_read_by_whoever_comes_and_by_no_page_of_the_customer(
        there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    assert "neighbour at number 3" not in web.get(f"{page}/change").text  # whoever is sent the link need not know
    assert let_in(web, page).status_code == 303
    assert "You have changed how to get in." in read(web.get(page))
    there.wait(1)
    assert there.one(Site, Site.id == "alice-home").access == NOTE
    assert "4711" not in read(web.get(there.offer(ticket)))
    there.accept()
    assert NOTE in read(web.get(there.visit(ticket)))
    assert "4711" not in web.get(page).text + web.get(f"{page}/change").text
    assert "4711" not in str([*there.timeline(ticket.id), *there.all(PendingAct), *there.all(Audit)])


def test_an_empty_note_deletes_it_and_moving_out_does_too(there: WebStory, web: httpx.Client) -> None:
    page = there.follow(there.break_down())
    let_in(web, page, "")
    there.wait(1)
    assert there.one(Site, Site.id == "alice-home").access == ""
    let_in(web, page)
    there.wait(1)
    let_in(web, page, "another code")
    there.act(LeaveSite("alice-home"))
    there.act(MoveIn("alice-home", "bob"))  # within the minute
    there.wait(2)
    assert there.one(Site, Site.id == "alice-home").access == ""
    assert "another code" not in str(there.all(PendingAct))


def test_once_somebody_is_there_nobody_is_asked_how_to_get_in(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    visit_id = there.again(ticket).visit_id
    for act in (Depart(visit_id, 20), Arrive(visit_id)):
        there.act(act, KARIN)
    assert "How to get in" not in read(web.get(f"{there.follow(ticket)}/change"))


def test_where_nobody_comes_a_dispatcher_reads_it(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    tell(web, page)
    there.wait(1)
    assert there.one(OnCallPage).why == (PageReason.CUSTOMER_WROTE,)
    since = there.now
    there.act(AcknowledgePage(Subject(SubjectKind.TICKET, ticket.id)), "agent Dana")
    tell(web, page, "And it smells of gas")
    there.wait(1)
    assert there.heard(DISPATCHER, since) == ["please_look"]  # who sees to it has not read this
    there.accept()
    there.wait(10)
    assert there.one(OnCallPage).closed_at  # whoever comes reads it


def test_from_an_old_page_of_what_counts_as_fixed_a_dispatcher_reads_it(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    there.accept()
    visit_id = there.again(ticket).visit_id
    for act in (Depart(visit_id, 20), Arrive(visit_id)):
        there.act(act, KARIN)
        there.wait(20)
    there.receive("devices/alice-pump/fault", {"code": "E7", "active": False})
    there.act(Finish(visit_id, "Filter cleaned"), KARIN)
    there.wait(2)
    assert there.again(ticket).state is TicketState.RESOLVED
    since = there.now
    assert tell(web, page, "It smells of gas since he left").status_code == 303
    there.wait(1)
    assert there.heard(DISPATCHER, since) == ["please_look"]
    assert there.one(OnCallPage, col(OnCallPage.closed_at).is_(None)).why == (PageReason.CUSTOMER_WROTE,)
    assert any("It smells of gas since he left" in line for line in there.timeline(ticket.id))


def test_of_a_ticket_that_is_merged_within_the_minute_the_other_takes_the_words_on(
        there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    there.act(OpenTicket("alice-home", "Dripping tap", "heating", Severity.MINOR))
    other = there.one(Ticket, Ticket.id != ticket.id)
    there.wait(1)
    page = there.follow(other)
    tell(web, page, "Please bring a ladder")
    tell(web, page, "Taken back soon")
    since = there.now
    there.act(MergeTickets(other.id, ticket.id), "agent Dana")
    assert "Please bring a ladder" in read(web.get(page))
    soon = there.one(PendingAct, PendingAct.words == "Taken back soon").id
    assert web.post(page, data={"act": "take_back", "pending": soon}).status_code == 303
    there.wait(1)
    assert there.one(PendingAct, PendingAct.words == "Please bring a ladder").outcome is PendingOutcome.DONE
    assert there.heard(KUNZ, since).count("customer_wrote") == 1
    assert "ladder" in read(web.get(there.visit(there.again(ticket))))
    assert "You wrote: “Please bring a ladder”" in read(web.get(page))
    assert any("Please bring a ladder" in line for line in there.timeline(ticket.id))


def test_who_moves_out_within_the_minute_leaves_no_words_and_nobody_rings_the_next(
        there: WebStory, web: httpx.Client) -> None:
    page = there.follow(there.break_down())
    tell(web, page)
    there.wait(2)
    pages = there.all(OnCallPage)
    web.post(f"{page}/change", data={"act": "call", "about": "A secret of Alice"})
    tell(web, page, "Another secret")
    there.act(MoveIn("alice-home", "bob"))
    there.wait(2)
    assert [one.words for one in there.all(PendingAct)] == [""] * 3
    assert sorted(str(one.outcome) for one in there.all(PendingAct)) == ["done", "refused", "refused"]
    assert [one.why for one in there.all(OnCallPage)] == [one.why for one in pages]
