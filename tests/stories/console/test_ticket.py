"""One ticket at the console: how it stands, what to do next, and two people who act on it at the same time."""

import re
from html import unescape
from typing import Any

import httpx
import pytest

from gateway.model import (
    HOUR,
    MINUTE,
    Audit,
    Callback,
    Entry,
    EntryKind,
    HoldReason,
    Notification,
    NotificationState,
    Offer,
    OfferState,
    Severity,
    Ticket,
    TicketState,
    Visit,
    VisitState,
)
from gateway.notifications.channels import Channel, NotSent, Outcome, Sent
from gateway.tickets.actions import Arrive, Finish, HoldTicket, OpenTicket
from tests.drivers.at_once import at_once
from tests.drivers.web_driver import Console, WebStory, is_problem, read

pytestmark = pytest.mark.slow
OMAR = "agent Omar Weber"


class Screen:
    """A page of a ticket in a browser without scripts: its forms, and what they already hold."""

    def __init__(self, browser: Console, ticket: Ticket, show: str = "") -> None:
        self.browser, self.path = browser, f"/console/tickets/{ticket.id}{show}"
        self.answer = browser.web.get(self.path)
        assert self.answer.status_code == 200, self.answer.text

    @property
    def text(self) -> str:
        return read(self.answer)

    def forms(self) -> dict[str, dict[str, str]]:
        """Id → fields as they stand."""
        return forms_in(self.answer)

    def send(self, form: str, **typed: str) -> httpx.Response:
        """The form whose id begins so."""
        id_ = next((one for one in self.forms() if one.startswith(form)), None)
        assert id_ is not None, (form, sorted(self.forms()))
        return self.browser.web.post(self.path, data=self.forms()[id_] | typed)


def forms_in(answer: httpx.Response) -> dict[str, dict[str, str]]:
    found = {}
    for id_, inside in re.findall(r'(?s)<form[^>]* id="([^"]+)" method="post"[^>]*>(.*?)</form>', answer.text):
        fields = {name: unescape(value) for name, value in re.findall(
            r'<input [^>]*?name="([^"]+)"(?: type="(?!checkbox|radio)[^"]*")?(?: [^>]*?)?value="([^"]*)"', inside)
            if f'name="{name}" value="true"' not in inside}
        for name, text in re.findall(r'(?s)<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', inside):
            fields[name] = unescape(text)
        for name, options in re.findall(r'(?s)<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', inside):
            chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
            fields[name] = unescape(chosen[1]) if chosen is not None else ""
        found[id_] = fields
    return found


def lines(there: WebStory, ticket: Ticket, *kinds: EntryKind) -> list[tuple[str, str]]:
    """(kind, who) of the timeline, the oldest first."""
    return [(str(one.kind), one.by_name) for one in there.all(Entry, Entry.subject_id == ticket.id)
            if not kinds or one.kind in kinds]


def test_the_page_shows_the_whole_story(there: WebStory) -> None:
    there.measure()
    there.says("alice-pump", flow_temp=80.0)
    ticket = there.ticket
    there.wait(minutes=1)
    page = Screen(there.console(), ticket)
    text = page.text
    for words in (ticket.id, "The heat pump is overheating", "Offered", "Critical", "Kunz Heating, by 13:10 today",
                  "Alice Keller", "Lindenweg 1 8001 Wiesental", "Heat pump", "Offered to Kunz Heating",
                  "First of 2: for and against", "covers postcodes 80*", "Seeblick Service came after them",
                  "Fault found to Alice Keller Sent", "by email: Handed over", "Word from us"):
        assert words in text.replace(" ,", ",").replace(" :", ":"), words
    for part in ('class="chart"', 'class="course"', 'class="threshold"', "Alarm &gt; 75 °C", 'class="span alarm"',
                 'href="geo:', f'href="/console/customers/{ticket.customer_id}"', 'href="/console/devices/alice-pump"'):
        assert part in page.answer.text, part
    assert there.console("auditor", "Ute Frei").web.get("/console/tickets/T-NONE").status_code == 404


def test_what_is_typed_into_any_form_is_kept_by_the_server(there: WebStory) -> None:
    page = there.console("dispatcher").get(f"/console/tickets/{there.break_down().id}").text
    forms = [form for form in re.findall(r'(?s)<form class="form".*?</form>', page) if "<textarea" in form]
    assert len(forms) > 3
    assert all(re.search(r'data-draft="[^"]+"', form) for form in forms)


def test_who_may_only_read_sees_no_form(there: WebStory) -> None:
    ticket = there.break_down()
    browser = there.console("auditor")
    page = Screen(browser, ticket)
    assert [one for one in page.forms() if one not in ("sign-out",)] == []
    assert "Nothing, as it stands and with your role" in page.text
    assert "tel:" not in page.answer.text
    assert "the key is with the neighbour" not in page.text
    refused = browser.web.post(page.path, data={"csrf": browser.csrf, "act": "cancel_ticket", "target": ticket.id})
    assert "may not" in read(refused, 403)


def test_a_dispatcher_rescues_an_offer_that_is_about_to_lapse(there: WebStory) -> None:
    ticket = there.break_down()
    there.wait(minutes=11)  # the second wave has been asked too
    browser = there.console("dispatcher")
    there.now = max(one.expires_at for one in there.all(Offer, Offer.state == OfferState.PENDING)) - 4 * MINUTE
    page = Screen(browser, ticket)
    offer = min((one for one in there.all(Offer, Offer.state == OfferState.PENDING) if one.expires_at > there.now),
                key=lambda one: (one.rank, one.wave))
    assert re.search(r"Next step Call \w+ \w+ before the offer lapses Nobody has accepted", page.text)
    sent = page.send("next-assign_to", technician="Karin Kunz")
    assert sent.status_code == 303
    assert there.again(ticket).state is TicketState.ASSIGNED
    visit = there.one(Visit)
    assert (visit.provider_id, visit.technician) == (offer.provider_id, "Karin Kunz")
    after = Screen(browser, ticket)
    assert "Assigned" in after.text
    assert "Next step" not in after.text
    assert [(one.action, one.object_id) for one in there.all(Audit) if one.action == "assign_to"] == [
        ("assign_to", ticket.id)]


def test_a_dispatcher_replaces_who_did_not_come(there: WebStory) -> None:
    there.says("alice-pump", flow_temp=80.0)
    there.accept()
    ticket, visit = there.ticket, there.one(Visit)
    there.now = visit.window_until + MINUTE
    browser = there.console("dispatcher")
    page = Screen(browser, ticket)
    assert "Next step Ask other firms" in page.text
    assert page.send("now-ask_again").status_code == 303
    assert there.again(visit).state is VisitState.CANCELLED
    assert there.again(ticket).state in (TicketState.OFFERED, TicketState.NEW)
    assert (EntryKind.HANDED_BACK, "Dana Meier") in lines(there, ticket)


def test_two_dispatchers_decide_at_once_and_the_second_sees_both(there: WebStory) -> None:
    ticket = there.break_down()
    dana, omar = there.console("dispatcher"), there.console("dispatcher", "Omar Weber")
    first, second = Screen(dana, ticket), Screen(omar, ticket)
    assert first.send("hold_ticket", reason="part", note="a valve").status_code == 303
    clash = second.send("assign_to", technician="Karin Kunz")
    text = read(clash, 409)
    assert "Agent Dana Meier was first: nothing was done" in text
    assert re.search(r"When you opened it State offered Firm nobody .*Now State on hold", text, re.I)
    assert "You wanted: Assign" in text
    assert "Karin Kunz" in text
    assert there.all(Visit) == []
    # what they wanted is not possible now; what can be, is done from the page that they got
    again = forms_in(clash)
    resolve = next(one for id_, one in again.items() if id_.startswith("ask_again"))
    assert omar.web.post(second.path, data=resolve).status_code == 303
    assert there.again(ticket).state is TicketState.OFFERED


def test_what_was_typed_is_kept_and_sent_again(there: WebStory) -> None:
    ticket = there.break_down()
    dana, omar = there.console("dispatcher"), there.console("dispatcher", "Omar Weber")
    first, second = Screen(dana, ticket), Screen(omar, ticket)
    first.send("hold_ticket", reason="part", note="a valve")
    clash = second.send("hold_ticket", reason="no_access", note="She is away until Monday")
    assert "send it again" in read(clash, 409)
    assert there.all(Entry, Entry.kind == EntryKind.PUT_ON_HOLD)[-1].by_name == "Dana Meier"
    kept = next(one for id_, one in forms_in(clash).items() if id_.startswith("hold_ticket"))
    assert (kept["reason"], kept["note"]) == ("no_access", "She is away until Monday")
    assert omar.web.post(second.path, data=kept).status_code == 303
    assert there.all(Entry, Entry.kind == EntryKind.PUT_ON_HOLD)[-1].by_name == "Omar Weber"


def test_what_is_not_possible_any_more_is_kept_as_a_note(there: WebStory) -> None:
    ticket = there.break_down()
    dana, omar = there.console("dispatcher"), there.console("dispatcher", "Omar Weber")
    first, second = Screen(dana, ticket), Screen(omar, ticket)
    first.send("cancel_ticket", why="She has sold the house")
    clash = second.send("resolve_ticket", note="Reset by telephone")
    assert "kept as a note" in read(clash, 409)
    kept = next(one for id_, one in forms_in(clash).items() if id_.startswith("add_note"))
    assert kept["note"] == "Reset by telephone"
    assert there.again(ticket).state is TicketState.CANCELLED


def test_a_note_in_between_is_no_conflict_and_always_added(there: WebStory) -> None:
    ticket = there.break_down()
    dana, omar = there.console("agent"), there.console("dispatcher", "Omar Weber")
    first, second = Screen(dana, ticket), Screen(omar, ticket)
    assert first.send("add_note", note="The key is with the neighbour").status_code == 303
    assert second.send("hold_ticket", reason="part").status_code == 303  # made before the note
    assert first.send("add_note", note="and there is a dog").status_code == 303  # made before the hold
    assert lines(there, ticket, EntryKind.NOTED, EntryKind.PUT_ON_HOLD) == [
        ("noted", "Dana Meier"), ("put_on_hold", "Omar Weber"), ("noted", "Dana Meier")]
    assert there.again(ticket).state is TicketState.ON_HOLD
    assert "Note: and there is a dog" in Screen(dana, ticket, "?show=notes").text
    assert [one.action for one in there.all(Audit) if one.action == "add_note"] == ["add_note", "add_note"]
    assert "dog" not in str([(one.before, one.after) for one in there.all(Audit)])


def test_a_note_is_added_to_what_is_over_too(there: WebStory) -> None:
    ticket = there.break_down_in_vain()
    page = Screen(there.console(), ticket)
    assert page.send("add_note", note="She rang again to say thank you").status_code == 303
    assert lines(there, ticket, EntryKind.NOTED) == [("noted", "Dana Meier")]


def test_a_form_that_is_sent_twice_is_done_once(there: WebStory) -> None:
    ticket = there.break_down()
    page = Screen(there.console("dispatcher"), ticket)
    assert [page.send("add_note", note="Rang at noon").status_code for _ in range(2)] == [303, 303]
    there.wait(minutes=5)  # a second tap long after
    assert page.send("add_note", note="Rang at noon").status_code == 303
    assert len(lines(there, ticket, EntryKind.NOTED)) == 1
    assert page.send("add_note", note="Rang at one").status_code == 303  # of the same page, another note
    assert len(lines(there, ticket, EntryKind.NOTED)) == 2
    assert [page.send("cancel_ticket", why="sold").status_code for _ in range(2)] == [303, 303]


def test_a_double_click_that_arrives_at_once_is_one_note(there: WebStory) -> None:
    ticket = there.break_down()
    first = Screen(there.console("dispatcher"), ticket)
    cookies = first.browser.web.cookies
    others = [there.client() for _ in range(3)]
    fields = next(one for id_, one in first.forms().items() if id_.startswith("add_note")) | {"note": "Rang at noon"}
    for web in others:
        web.cookies.update(cookies)
    answers = at_once(*(lambda web=web: web.post(first.path, data=fields).status_code for web in others))
    assert answers == [303, 303, 303]
    assert len(lines(there, ticket, EntryKind.NOTED)) == 1
    for web in others:
        web.close()


def test_what_cannot_be_read_is_said_and_kept(there: WebStory) -> None:
    ticket = there.break_down()
    page = Screen(there.console("dispatcher"), ticket)
    for form, typed, said in (
        ("hold_ticket", {"until": "soon", "note": "a valve"}, "Until: a date and a time, please."),
        ("assign_to", {"window_from": "", "technician": "Karin"}, "From: a date and a time, please."),
        ("cancel_ticket", {"why": "  "}, "Why: please write something."),
        ("hold_ticket", {"reason": "mood"}, "Waiting for: please choose."),
    ):
        answer = page.send(form, **typed)
        assert said in read(answer, 422)
        assert typed.get("note", "") in answer.text
    past = page.send("hold_ticket", until="2020-01-01T00:00")
    assert "past" in read(past, 409)
    nothing = page.browser.web.post(page.path, data={"csrf": page.browser.csrf, "act": "explode"})
    assert "Choose what to do" in read(nothing, 422)
    assert there.again(ticket).state is TicketState.OFFERED


def test_two_tickets_of_a_home_are_merged_and_separated_again(there: WebStory) -> None:
    ticket = there.break_down()
    there.act(OpenTicket(ticket.site_id, "No hot water since this morning", "heating", Severity.MINOR), OMAR)
    other = there.one(Ticket, Ticket.cause_key == "reported")
    assert "Merge with" not in Screen(there.console("agent", "Ada Ruf"), ticket).text
    browser = there.console("dispatcher")
    page = Screen(browser, other)
    assert "Also here" in page.text
    preview = re.search(rf'href="([^"]+)">(?:<svg.*?</svg>)?Merge with {ticket.id}', page.answer.text)
    assert preview is not None
    assert f"Merge into {ticket.id}" in browser.get(unescape(preview[1])).text
    merged = browser.web.post("/console/tickets/merge", data={"csrf": browser.csrf, "ticket_id": other.id,
                                                              "into_id": ticket.id})
    assert (merged.status_code, merged.headers["location"]) == (303, f"/console/tickets/{ticket.id}")
    assert there.again(other).merged_into == ticket.id
    assert f"It continues as {ticket.id}" in Screen(browser, other).text
    both = Screen(browser, ticket)
    assert "Merged into this" in both.text
    assert both.send(f"unmerge_ticket-{other.id}").status_code == 303
    assert there.again(other).state in (TicketState.NEW, TicketState.OFFERED)
    assert there.again(other).merged_into is None


def test_an_agent_says_for_the_technician_what_they_say_on_the_telephone(there: WebStory) -> None:
    there.says("alice-pump", flow_temp=80.0)
    ticket, browser = there.ticket, there.console()
    offer = there.one(Offer, Offer.state == OfferState.PENDING)
    assert Screen(browser, ticket).send(f"accept_offer-{offer.id}", technician="Karin Kunz").status_code == 303
    visit = there.one(Visit)
    for form, typed in (("report_delay", {"minutes": "20"}), ("propose_window", {}), ("depart", {"minutes": "15"}),
                        ("arrive", {}), ("report_overrun", {"minutes": "45"}),
                        ("finish", {"outcome": "more_work", "note": "The valve is stuck"})):
        there.wait(minutes=1)
        sent = Screen(browser, ticket).send(f"{form}-{visit.id}", **typed)
        assert sent.status_code == 303, read(sent, sent.status_code)
    assert there.again(visit).state is VisitState.DONE
    assert "The valve is stuck" in Screen(browser, ticket).text


def test_what_fixed_it_and_which_parts_went_into_it_is_said_for_them_too(there: WebStory) -> None:
    ticket, browser = there.break_down(), there.console()
    there.accept()
    visit = there.one(Visit)
    there.act(Arrive(visit.id), "technician Karin Kunz")
    sent = Screen(browser, ticket).send(f"finish-{visit.id}", outcome="complete", note="Frau Keller was kind",
                                        fix=" Fan  replaced ", used="fan, screws, ")
    assert sent.status_code == 303, read(sent, sent.status_code)
    done = there.again(visit)
    assert (done.fix, done.used, done.outcome) == ("Fan replaced", ["fan", "screws"], "complete")
    shown = Screen(browser, ticket).text
    assert "Fixed by: Fan replaced" in shown
    assert "Used: fan, screws" in shown


def test_the_desk_sees_that_it_can_still_be_taken_back(there: WebStory) -> None:
    ticket, browser = there.break_down(), there.console()
    there.accept()
    visit = there.one(Visit)
    there.act(Arrive(visit.id), "technician Karin Kunz")
    there.act(Finish(visit.id, "Fan replaced", undoable=True), "technician Karin Kunz")
    page = Screen(browser, ticket)
    assert "Said how it ended 13:00 today, may take it back until 13:02" in page.text
    assert page.send(f"take_back-{visit.id}").status_code == 303
    assert there.again(visit).reported_at is None


def test_the_customer_is_rung_when_a_message_did_not_reach_them(there: WebStory) -> None:
    def send(address: str, *_: Any) -> Outcome:
        return NotSent(True, "no such mailbox") if "alice" in address or address.startswith("+") else Sent("ok")

    there.gw.channels.update(email=Channel("email", "long", send), sms=Channel("sms", "short", send))
    ticket = there.break_down()
    there.wait(minutes=1)
    with there.gw.store.write() as session:  # somebody comes, so that nothing else is more pressing
        for row in there.all(Offer):
            session.get_one(Offer, row.id).expires_at = there.now + 2 * HOUR
    browser = there.console()
    page = Screen(browser, ticket)
    assert "did not arrive" in page.text
    assert "no such mailbox" in page.text
    assert "Next step Call the customer Our message" in page.text
    assert page.send("now-open_callback").status_code == 303
    assert there.one(Callback).wish == "What our last message to you said"
    after = Screen(browser, ticket)
    assert f"Callback {there.one(Callback).id}" in after.text
    assert "Next step Call the customer" not in after.text


def test_a_message_that_failed_is_sent_again_where_it_is_read(there: WebStory) -> None:
    ticket = there.break_down()
    there.wait(minutes=1)
    message = there.all(Notification, Notification.recipient_id == ticket.customer_id)[0]
    there.change(message, state=NotificationState.FAILED, done_at=there.now)
    browser, customer = there.console(), f"/console/customers/{ticket.customer_id}"
    button = f'value="{message.id}" form="send-again">Send again'
    assert button in browser.get(customer).text
    assert button not in there.console("auditor", "Ute Frei").get(customer).text
    assert button in Screen(browser, ticket).answer.text
    sent = browser.web.post("/console/messages/send-again",
                            data=Screen(browser, ticket).forms()["send-again"] | {"message": message.id})
    assert (sent.status_code, sent.headers["location"]) == (303, f"/console/tickets/{ticket.id}")
    there.wait(seconds=1)
    assert there.again(message).state is NotificationState.SENT
    assert "Send again" not in Screen(browser, ticket).text


def test_the_timeline_shows_what_one_asks_for(there: WebStory) -> None:
    ticket = there.break_down()
    there.wait(minutes=1)
    there.act(HoldTicket(ticket.id, HoldReason.PART, there.now + HOUR, "a valve"), OMAR)
    browser = there.console()
    people, told, machine = (Screen(browser, ticket, f"?show={one}").text for one in ("people", "messages", "gateway"))
    assert "On hold until" in people
    assert "Told Alice Keller" not in people
    assert "Told Alice Keller" in told
    assert "Offered to" not in told
    assert "Offered to" in machine
    assert "Compressor fault" in Screen(browser, ticket, "?show=nonsense").text


def test_one_sees_who_else_looks_and_types_until_they_leave(there: WebStory) -> None:
    ticket = there.break_down()
    dana, omar = there.console(), there.console("dispatcher", "Omar Weber")

    def beat(browser: Console, **more: str) -> str:
        return read(browser.web.post("/console/presence", data={"csrf": browser.csrf, "subject": ticket.id, **more}))

    assert beat(dana) == ""
    assert beat(omar) == "D Dana Meier is looking at this"
    assert beat(omar, typing="true") == "D Dana Meier is looking at this"
    assert "Omar Weber is typing" in beat(dana)
    assert "Omar Weber is typing" in Screen(dana, ticket).text
    there.now += 44_000
    assert "Omar Weber" in beat(dana)
    there.now += 2_000
    assert beat(dana) == ""
    beat(omar)
    assert "Omar Weber" in beat(dana)
    beat(omar, left="true")
    assert beat(dana) == ""


def test_what_to_do_next_is_said_by_the_api_too(there: WebStory) -> None:
    there.says("alice-pump", flow_temp=80.0)
    there.accept()
    ticket, visit = there.ticket, there.one(Visit)
    with there.client(there.key()) as web:
        path = f"/api/v1/tickets/{ticket.id}/next-action"
        assert web.get(path).json() == {"action": None}
        there.now = visit.window_until + MINUTE
        found: dict[str, Any] = web.get(path).json()["action"]
        assert (found["kind"], found["act"], found["values"]) == (
            "replace_no_show", "ask_again", {"ticket_id": ticket.id})
        assert found["what"] == "Ask other firms"
        assert found["why"].startswith("Kunz Heating was to come until")
        assert "Andere Betriebe" in web.get(f"{path}?language=de").json()["action"]["what"]
        is_problem(web.get("/api/v1/tickets/T-NONE/next-action"), 404)
        there.wait(minutes=1)
        at_risk = web.get(f"/api/v1/customers/{ticket.customer_id}/next-action").json()["action"]
        assert at_risk is None or at_risk["act"] == "open_callback"
        is_problem(web.get("/api/v1/customers/nobody/next-action"), 404)
