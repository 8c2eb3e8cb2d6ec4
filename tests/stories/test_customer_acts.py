"""What a customer can do about their ticket on their page: it is not fixed, nobody needs to come, please call."""

from collections.abc import Iterator

import httpx
import pytest
from sqlmodel import col

from gateway.model import (
    DAY,
    DISPATCHER,
    HOUR,
    MINUTE,
    SECOND,
    Callback,
    CallbackOrigin,
    Entry,
    EntryKind,
    Link,
    Notification,
    OnCallPage,
    PageReason,
    PendingAct,
    PendingOutcome,
    Ticket,
    TicketState,
    Visit,
    VisitState,
    provider,
)
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.store import Store
from gateway.store.contexts.providers import _track_records
from gateway.tickets.actions import Arrive, CancelTicket, Depart, Finish, ProposeWindow, ReportNotFixed
from tests.drivers.web_driver import ROUND_THE_CLOCK, WebStory, hidden_fields, read, web_story

pytestmark = pytest.mark.slow
HERSELF, KARIN = "customer", "technician Karin Kunz"


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores, callback_hours=ROUND_THE_CLOCK)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def fixed(there: WebStory) -> Ticket:
    """Somebody has come, says that it is done, and the device agrees."""
    ticket = there.break_down()
    there.accept()
    visit_id = there.again(ticket).visit_id
    for act in (Depart(visit_id, 20), Arrive(visit_id)):
        there.act(act, KARIN)
        there.wait(20)
    there.receive("devices/alice-pump/fault", {"code": "E7", "active": False})
    there.act(Finish(visit_id, "Filter cleaned"), KARIN)
    there.wait(2)
    assert there.ticket.state is TicketState.RESOLVED
    return there.ticket


def kinds(there: WebStory, ticket: Ticket) -> list[str]:
    return [entry.kind for entry in there.all(Entry, Entry.subject_id == ticket.id)]


def test_it_is_not_fixed_and_the_same_ticket_goes_on(there: WebStory, web: httpx.Client) -> None:
    ticket = fixed(there)
    page = there.follow(ticket)
    assert "Still not working?" in read(web.get(page))
    assert "It still does not work" in read(web.get(f"{page}/change"))
    answer = web.post(f"{page}/change", data={"act": "not_fixed", "notice": "The radiators are cold <b>"})
    assert answer.status_code == 303
    assert "We are sorry that it still does not work" in read(web.get(answer.headers["location"]))
    there.wait(1)
    assert "We are asking a firm again" in read(web.get(page))
    again = there.again(ticket)
    assert (again.state, again.round) == (TicketState.OFFERED, ticket.round + 1)
    assert again.reported == ["The radiators are cold <b>"]
    assert there.last_told(DISPATCHER, "please_look").subject_id == ticket.id
    said = there.timeline(ticket.id)
    web.post(f"{page}/change", data={"act": "not_fixed", "notice": "The radiators are cold <b>"})  # a second tap
    assert there.timeline(ticket.id) == said
    assert "<b>" not in web.get(there.offer(ticket)).text.split("radiators are cold")[1][:4]


def test_who_writes_nothing_has_said_that_it_does_not_work_in_their_language(there: WebStory) -> None:
    ticket = fixed(there)
    there.act(ReportNotFixed(ticket.id), HERSELF)
    assert there.again(ticket).reported == ["It still does not work"]


def test_of_a_ticket_that_was_closed_the_same_one_goes_on(there: WebStory, web: httpx.Client) -> None:
    ticket = fixed(there)
    page = there.follow(ticket)
    there.wait(20)
    assert there.again(ticket).state is TicketState.CLOSED
    there.says("alice-pump", flow_temp=40.0, pressure=1.5)  # it is there, and sees nothing wrong
    web.post(f"{page}/change", data={"act": "not_fixed", "notice": "It is cold"})
    there.wait(1)
    again = there.one(Ticket)
    assert (again.state, again.round, again.closed_at) == (TicketState.OFFERED, ticket.round + 1, None)
    assert EntryKind.REOPENED_BY_PERSON in kinds(there, ticket)
    assert PageReason.NOT_FIXED in there.one(OnCallPage).why


def test_of_a_ticket_that_is_closed_the_one_that_is_open_by_now_goes_on_and_both_say_so(
        there: WebStory, web: httpx.Client) -> None:
    ticket = fixed(there)
    page = there.follow(ticket)
    there.wait(24 * 60)
    assert there.again(ticket).state is TicketState.CLOSED
    there.wait(3 * 24 * 60)
    web.post(f"{page}/change", data={"act": "not_fixed"})
    there.wait(1)
    other = there.one(Ticket, col(Ticket.closed_at).is_(None))
    assert there.follow(other) in web.get(page).text
    assert other.id != ticket.id
    assert other.device_id == ticket.device_id
    assert EntryKind.NOT_FIXED_GOES_ON in kinds(there, ticket)
    assert EntryKind.NOT_FIXED_BEFORE in kinds(there, other)
    assert "We are working on it again" in read(web.get(page))
    assert web.post(f"{page}/change", data={"act": "not_fixed"}).headers["location"] == page  # a second tap
    there.wait(1)
    assert len(there.all(Ticket)) == 2


def test_after_a_week_it_is_too_late_and_the_page_is_over(there: WebStory, web: httpx.Client) -> None:
    ticket = fixed(there)
    page = there.follow(ticket)
    there.wait(24 * 60)
    there.now += 8 * DAY
    read(web.post(f"{page}/change", data={"act": "not_fixed"}), 404)
    with pytest.raises(Refused, match=RefusedReason.NOT_FIXED_TOO_LATE):
        there.act(ReportNotFixed(ticket.id), HERSELF)


def test_what_was_called_off_was_never_fixed(there: WebStory) -> None:
    ticket = there.break_down()
    there.act(CancelTicket(ticket.id, "in vain"), "agent")
    with pytest.raises(Refused, match=RefusedReason.NOT_FIXED_TOO_LATE):
        there.act(ReportNotFixed(ticket.id), HERSELF)


def test_it_counts_against_the_first_time_fix_also_before_anybody_comes_again(there: WebStory) -> None:
    ticket = fixed(there)
    provider_id = there.again(ticket).provider_id

    def fixed_at_once() -> int:
        with there.gw.store.read() as session:
            return _track_records(session, there.now - DAY, there.now + DAY)[provider_id].fixed

    assert fixed_at_once() == 1
    there.act(ReportNotFixed(ticket.id), HERSELF)
    assert fixed_at_once() == 0


def minor_visit(there: WebStory) -> Ticket:
    """A fault that is not dangerous, and somebody who comes for it."""
    low = {"flow_temp": 40.0, "pressure": 0.4}
    there.says("alice-pump", **low)
    there.keep_saying("alice-pump", 12, **low)
    there.accept()
    there.wait(1)
    return there.ticket


@pytest.mark.parametrize("under_way", [False, True])
def test_nobody_needs_to_come_any_more_and_whoever_was_to_come_hears_it(
        there: WebStory, web: httpx.Client, under_way: bool) -> None:
    ticket = minor_visit(there)
    page, visit_id = there.follow(ticket), ticket.visit_id or ""
    firm = provider(there.one(Visit, Visit.id == visit_id).provider_id)
    if under_way:
        there.act(Depart(visit_id, 20), KARIN)
        there.wait(1)
    for _ in range(2):  # the same tap twice
        answer = web.post(f"{page}/change", data={"act": "not_needed"})
        assert "You have said that nobody needs to come any more." in read(web.get(answer.headers["location"]))
    assert there.again(ticket).closed_at is None  # nobody hears of it yet
    there.wait(1)
    assert "Nobody is coming any more" in read(web.get(page))
    web.post(f"{page}/change", data={"act": "not_needed"})  # and once more
    there.wait(1)
    assert there.again(ticket).state is TicketState.CANCELLED
    assert there.one(Visit, Visit.id == visit_id).state is VisitState.CANCELLED
    told = [one.topic for one in there.all(Notification) if one.recipient_kind != "customer"]
    assert ("visit_called_off" if under_way else "offer_withdrawn") in told
    assert under_way or "offer_withdrawn" in there.heard(firm)
    assert kinds(there, ticket).count(EntryKind.CANCELLED) == 1


def test_who_is_there_already_is_not_called_off_and_what_was_typed_stays(there: WebStory, web: httpx.Client) -> None:
    ticket = minor_visit(there)
    visit_id = ticket.visit_id or ""
    for act in (Depart(visit_id, 20), Arrive(visit_id)):
        there.act(act, KARIN)
    answer = web.post(f"{there.follow(ticket)}/change", data={"act": "not_needed", "why": "It <i>works</i>"})
    assert "That cannot be called off here any more." in read(answer, 409)
    assert "It &lt;i&gt;works&lt;/i&gt;</textarea>" in answer.text  # where they ask for a call
    assert there.again(ticket).state is TicketState.ON_SITE


def test_a_dangerous_fault_is_not_called_off_by_a_tap(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = f"{there.follow(ticket)}/change"
    assert "Nobody needs to come any more" not in read(web.get(page))
    read(web.post(page, data={"act": "not_needed"}), 409)
    assert there.again(ticket).closed_at is None


def test_a_call_is_asked_for_and_the_same_tap_twice_asks_once(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    for _ in range(2):
        answer = web.post(f"{page}/change", data={"act": "call", "about": "The dog bites"})
        assert "You have asked for a call." in read(web.get(answer.headers["location"]))
    there.wait(1)
    assert "We will ring you" in read(web.get(page))
    call = there.one(Callback)
    assert (call.origin, call.wish) == (CallbackOrigin.PAGE, "The dog bites")
    assert call.promised_by > there.now + MINUTE


def test_a_call_about_nothing_is_asked_back_where_it_was(there: WebStory, web: httpx.Client) -> None:
    page = there.follow(there.break_down())
    answer = web.post(f"{page}/change", data={"act": "call", "about": "  "})
    assert "Please write in a few words what it is about." in read(answer, 422)
    assert 'maxlength="1000" aria-invalid="true" aria-describedby="about-error" autofocus' in answer.text
    assert there.all(Callback) == []


def test_an_act_that_nobody_knows_and_another_kind_of_page_do_nothing(there: WebStory, web: httpx.Client) -> None:
    page = there.follow(there.break_down())
    read(web.post(f"{page}/change", data={"act": "dance"}), 404)
    call = there.call_for_help()
    read(web.get(f"{there.follow(call)}/change"), 404)
    assert there.all(Link)


def test_a_call_is_taken_back_before_anybody_has_it_on_their_list(there: WebStory, web: httpx.Client) -> None:
    page = there.follow(there.break_down())
    web.post(f"{page}/change", data={"act": "call", "about": "The dog bites"})
    web.post(page, data={"act": "take_back", "pending": there.one(PendingAct).id})
    there.wait(2)
    assert "Taken back: A call." in read(web.get(page))
    assert there.all(Callback) == []


@pytest.mark.parametrize(("act", "typed", "instead"), [
    ("not_needed", {"why": "It works"}, "If you need somebody after all, please ring us."),
    ("call", {"about": "The dog"}, "just say so when we ring."),
    ("tell", {"words": "The dog"}, "please write again."),
    ("access", {"access": "The key"}, "You can change it again."),
])
def test_after_the_minute_each_act_says_what_they_can_do_instead(
        there: WebStory, web: httpx.Client, act: str, typed: dict[str, str], instead: str) -> None:
    page = there.follow(minor_visit(there))
    web.post(f"{page}/change", data={"act": act} | typed)
    there.wait(1)
    assert instead in read(web.post(page, data={"act": "take_back", "pending": there.one(PendingAct).id}), 409)


def test_who_has_an_old_page_reads_what_has_changed_and_loses_nothing(there: WebStory, web: httpx.Client) -> None:
    ticket = minor_visit(there)
    page = there.follow(ticket)
    old = hidden_fields(web.get(f"{page}/change"))
    there.act(Depart(ticket.visit_id or "", 20), KARIN)
    answer = web.post(f"{page}/change", data=old | {"act": "not_needed", "why": "It <i>works</i>"})
    assert "It now says: “Karin Kunz is on the way”." in read(answer, 409)
    assert "It &lt;i&gt;works&lt;/i&gt;</textarea>" in answer.text
    assert there.all(PendingAct) == []
    for harmless in ({"act": "call", "about": "The dog"}, {"act": "tell", "words": "The dog"}):
        assert web.post(f"{page}/change", data=old | harmless).status_code == 303  # what they say stays true
    assert web.post(f"{page}/change", data=hidden_fields(answer) | {"act": "not_needed"}).status_code == 303


def test_a_version_that_nobody_has_written_is_an_old_one(there: WebStory, web: httpx.Client) -> None:
    page = there.follow(minor_visit(there))
    for version in ("x", "[1,2]", '["assigned",1,2,3,4]', "[" * 600, '["a","b",1e400,2,""]', '["a","b",true,null,""]'):
        read(web.post(f"{page}/change", data={"act": "not_needed", "version": version}), 409)
    assert there.all(PendingAct) == []


def test_two_of_one_household_of_two_wishes_that_exclude_each_other_the_last_counts(
        there: WebStory, web: httpx.Client) -> None:
    ticket = minor_visit(there)
    page = there.follow(ticket)
    old = hidden_fields(web.get(f"{page}/change"))
    for why in ("It works", "It really works"):
        last = web.post(f"{page}/change", data=old | {"act": "not_needed", "why": why})
    assert "Somebody in your household has just asked us for something else" in read(last, 409)
    assert "It really works</textarea>" in last.text
    web.post(f"{page}/change", data=hidden_fields(last) | {"act": "not_needed", "why": "It really works"})
    there.wait(1)
    done = there.one(PendingAct, PendingAct.outcome == PendingOutcome.DONE)
    assert done.words == "It really works"
    assert there.one(PendingAct, PendingAct.outcome == PendingOutcome.REPLACED).words == "It works"


def test_an_agent_settles_it_within_the_minute_and_nobody_is_paged_for_nothing(
        there: WebStory, web: httpx.Client) -> None:
    ticket = minor_visit(there)
    page = there.follow(ticket)
    web.post(f"{page}/change", data={"act": "not_needed"})
    there.act(CancelTicket(ticket.id, "on the telephone"), "agent Dana")
    there.wait(1)
    assert there.one(PendingAct).outcome is PendingOutcome.REFUSED
    assert "that was not possible any more" in read(web.get(page))
    assert there.all(OnCallPage) == []


def test_a_visit_that_was_just_agreed_anew_is_not_called_off(there: WebStory, web: httpx.Client) -> None:
    ticket = minor_visit(there)
    page = there.follow(ticket)
    web.post(f"{page}/change", data={"act": "not_needed", "why": "It works"})
    there.wait(seconds=20)
    there.act(ProposeWindow(ticket.visit_id or "", there.now + DAY, there.now + DAY + 4 * HOUR), "agent Dana")
    there.wait(1)
    assert there.again(ticket).state is TicketState.ASSIGNED
    assert there.one(PendingAct).outcome is PendingOutcome.REFUSED
    assert "something changed meanwhile" in read(web.get(page))
    assert there.one(OnCallPage).why == (PageReason.WISH_NOT_DONE,)


def test_that_it_is_not_fixed_is_true_also_when_the_ticket_is_closed_within_the_minute(
        there: WebStory, web: httpx.Client) -> None:
    ticket = fixed(there)
    page = there.follow(ticket)
    there.now = min(due.at for due in there.due(ticket.id) if due.at) - 30 * SECOND
    answer = web.post(f"{page}/change", data={"act": "not_fixed", "notice": "It is cold"})
    assert answer.status_code == 303
    there.wait(seconds=35)
    assert there.again(ticket).state is TicketState.CLOSED
    there.wait(1)
    assert there.one(PendingAct).outcome is PendingOutcome.DONE
    assert PageReason.NOT_FIXED in there.all(OnCallPage)[-1].why


def test_of_what_counts_as_fixed_they_say_that_it_is_not_or_ask_for_a_call(
        there: WebStory, web: httpx.Client) -> None:
    page = web.get(f"{there.follow(fixed(there))}/change").text
    offered = [name for name in ("not_fixed", "tell", "access", "not_needed", "call") if f'value="{name}"' in page]
    assert offered == ["not_fixed", "call"]


@pytest.mark.parametrize(("act", "field", "times"), [("call", "about", 5), ("access", "access", 10)])
def test_by_one_link_each_is_done_so_often_a_day(
        there: WebStory, web: httpx.Client, act: str, field: str, times: int) -> None:
    page = there.follow(there.break_down())
    for number in range(times):
        assert web.post(f"{page}/change", data={"act": act, field: f"number {number}"}).status_code == 303
    more = web.post(f"{page}/change", data={"act": act, field: "one more"})
    assert "You have done that as often since yesterday as this page allows. Please ring us" in read(more, 409)
    assert "one more</textarea>" in more.text
    assert len(there.all(PendingAct)) == times
    there.wait(1)
    there.now += DAY
    assert web.post(f"{page}/change", data={"act": act, field: "one more"}).status_code == 303
