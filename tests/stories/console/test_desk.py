"""The callback desk: agents take calls, know what there is to know before they dial, and say what came of each."""

import re

import httpx
import pytest

from gateway.model import MINUTE, Audit, Callback, Entry, EntryKind, Ticket, local
from gateway.tickets.actions import ClaimCallback, OpenCallback
from tests.drivers.web_driver import WebStory, read

pytestmark = pytest.mark.slow
DESK = "/console/callbacks"


def page_of(callback: Callback) -> str:
    return f"{DESK}/{callback.id}"


def says(answer: httpx.Response) -> list[str]:
    """What is said out loud because something was not possible."""
    return [" ".join(re.sub(r"<[^>]+>", " ", one).split())
            for one in re.findall(r'(?s)<p class="wrong" role="alert">(.*?)</p>', answer.text)]


def test_calls_for_help_come_first_then_the_earliest_promise(there: WebStory) -> None:
    ordinary = there.call_for_help()
    there.wait(minutes=1)
    there.change(ordinary, wish="The radiators stay cold")
    dana = there.console()
    shown = read(dana.get(DESK))
    assert "1 waits" in shown
    assert "Alice Keller" in shown
    assert "The radiators stay cold" in shown
    assert "Nobody yet" in shown
    assert "left" in shown
    there.act(ClaimCallback(ordinary.id), "agent Erik Vogt")
    assert "Erik Vogt, until" in read(dana.get(DESK))
    assert "None of these." in read(dana.get(f"{DESK}?show=mine"))


def test_a_call_from_taking_it_to_what_came_of_it(there: WebStory) -> None:
    ticket = there.break_down()
    callback = there.call_for_help()
    dana = there.console()
    before = read(dana.get(page_of(callback)))
    for known in ("Alice Keller", "+41 79", "Say and ask first", "For anybody who answers", "Only for them",
                  "Heat pump", "Compressor fault", ticket.id, "What they were told", "To find out who is speaking"):
        assert known in before, known
    assert 'href="tel:+4179' in dana.get(page_of(callback)).text
    assert [line.kind for line in there.all(Entry, Entry.subject_id == callback.id)].count(EntryKind.NUMBER_SEEN) == 1
    taken, until = read(dana.post(page_of(callback), act="claim")), there.again(callback).claimed_until
    assert f"You have it until {local(until, 'Europe/Zurich'):%H:%M}" in taken, "in the time of the home, as all of it"
    assert "Calling" in read(dana.post(page_of(callback), act="attempt", person="Alice Keller"))
    assert there.again(callback).attempts == 1
    assert "Connected" in read(dana.post(page_of(callback), act="connect"))
    done = dana.post(page_of(callback), act="finish", outcome="fixed", ticket=ticket.id, then="next",
                     note="Fuse switched on together")
    assert "Nobody else has to be called now" in read(done)
    assert f"{callback.id}: resolved on the phone." in read(done)
    row = there.again(callback)
    assert (row.state, row.outcome, row.note, row.agent) == ("done", "fixed", "Fuse switched on together",
                                                             "agent Dana Meier")
    assert there.again(ticket).state == "resolved"
    assert [line.action for line in there.all(Audit) if line.object_id == callback.id] == [
        "see_numbers", "claim_callback", "attempt_callback", "connect_callback", "finish_callback"]


def test_a_visit_is_needed_and_its_form_is_there(there: WebStory) -> None:
    callback = there.call_for_help()
    dana = there.console()
    dana.post(page_of(callback), act="claim")
    answer = dana.web.post(page_of(callback), data={"csrf": dana.csrf, "act": "finish", "outcome": "visit_needed",
                                                    "note": "They have children"})
    assert answer.status_code == 422
    assert says(answer) == ["Say what somebody has to come for, or choose the open ticket."]
    assert "They have children" in answer.text, "nothing that was typed is lost"
    dana.post(page_of(callback), act="finish", outcome="visit_needed", cause="The radiators stay cold", skill="heating",
              severity="major")
    ticket = there.one(Ticket)
    assert (ticket.cause, ticket.skill, ticket.opened_by) == ("The radiators stay cold", "heating", "agent Dana Meier")
    assert there.again(callback).ticket_id == ticket.id


def test_nobody_answers_and_the_note_is_kept_for_the_next_try(there: WebStory) -> None:
    callback = there.call_for_help()
    dana = there.console()
    dana.post(page_of(callback), act="attempt", person="Alice Keller")
    dana.post("/console/drafts", key=f"callback/{callback.id}", fields='{"note": "Rings, but nobody is there"}')
    dana.post(page_of(callback), act="miss", then="next")
    row = there.again(callback)
    assert (row.state, row.tries) == ("requested", 1)
    assert "tried 1×" in read(dana.get(page_of(callback)))
    kept = dana.get(f"/console/drafts?key=callback/{callback.id}").json()
    assert kept["fields"] == {"note": "Rings, but nobody is there"}


def test_a_claimed_call_shows_by_whom_and_the_second_agent_sees_what_the_first_has_done(there: WebStory) -> None:
    callback = there.call_for_help()
    dana, erik = there.console(), there.console(name="Erik Vogt")
    dana.post(page_of(callback), act="claim")
    shown = read(erik.get(page_of(callback)))
    assert "Dana Meier has it until" in shown
    assert "What came of it" not in shown
    refused = erik.web.post(page_of(callback), data={"csrf": erik.csrf, "act": "claim"})
    assert refused.status_code == 409
    assert "Dana Meier" in says(refused)[0]
    dana.post(page_of(callback), act="finish", outcome="informed", note="Told about the price")
    late = erik.web.post(page_of(callback), data={"csrf": erik.csrf, "act": "finish", "outcome": "fixed",
                                                  "note": "Mine"})
    assert late.status_code == 409
    assert "Dana Meier" in says(late)[0]
    assert "Told about the price" in read(late, 409)
    assert there.again(callback).note == "Told about the price"


def test_a_claim_is_renewed_while_they_work_and_ends_when_they_do_not(there: WebStory) -> None:
    callback = there.call_for_help()
    dana, erik = there.console(), there.console(name="Erik Vogt")
    dana.post(page_of(callback), act="claim")
    until = there.again(callback).claimed_until
    there.now += 3 * MINUTE
    assert erik.web.post(f"{page_of(callback)}/lease", data={"csrf": erik.csrf}).status_code == 409
    assert dana.web.post(f"{page_of(callback)}/lease", data={"csrf": dana.csrf}).status_code == 204
    assert there.again(callback).claimed_until == until + 3 * MINUTE
    kinds = [line.kind for line in there.all(Entry, Entry.subject_id == callback.id)]
    assert kinds.count(EntryKind.CALLBACK_CLAIMED) == 1, "going on is no news"
    there.wait(minutes=6)
    assert there.again(callback).state == "requested"
    assert dana.web.post(f"{page_of(callback)}/lease", data={"csrf": dana.csrf}).status_code == 409


def test_an_agent_lets_a_call_go(there: WebStory) -> None:
    callback = there.call_for_help()
    dana = there.console()
    dana.post(page_of(callback), act="claim")
    assert "Take it" in read(dana.post(page_of(callback), act="release"))


def test_after_one_call_comes_the_next(there: WebStory) -> None:
    first = there.call_for_help()
    there.act(OpenCallback("bob-home", "Asks when the firm comes"), "agent")
    second = there.one(Callback, Callback.site_id == "bob-home")
    dana = there.console()
    dana.post(page_of(first), act="claim")
    after = read(dana.post(page_of(first), act="finish", outcome="by_mistake", then="next"))
    assert f"{first.id} is done. This is the next call." in after
    assert "Bob" in after
    assert there.again(first).note == "Nobody meant to call", "two clicks are enough"
    assert there.again(second).state == "requested"


def test_a_call_is_promised_by_hand(there: WebStory) -> None:
    dana = there.console()
    found = dana.get(f"{DESK}/new?q=lindenweg")
    site = re.search(r"callbacks/new\?site=([\w-]+)", found.text)
    assert site is not None
    form = dana.get(f"{DESK}/new?site={site[1]}")
    assert "As soon as we can" in read(form)
    assert says(dana.web.post(f"{DESK}/new", data={"csrf": dana.csrf, "site": site[1]})) == [
        "Say what it is about: whoever calls reads it."]
    opened = read(dana.post(f"{DESK}/new", site=site[1], words="Asks about the invoice"))
    assert "Asks about the invoice" in opened
    callback = there.one(Callback)
    assert (callback.wish, callback.origin) == ("Asks about the invoice", "agent")


def test_a_call_is_called_off_with_a_reason(there: WebStory) -> None:
    callback = there.call_for_help()
    dana = there.console()
    assert says(dana.web.post(page_of(callback), data={"csrf": dana.csrf, "act": "cancel"})) == [
        "Say why nobody has to call."]
    dana.post(page_of(callback), act="cancel", why="A child pressed it")
    assert (there.again(callback).state, there.again(callback).note) == ("cancelled", "A child pressed it")


def test_who_may_only_look_sees_no_number_and_no_button(there: WebStory) -> None:
    callback = there.call_for_help()
    browser = there.console("auditor")
    shown = browser.get(page_of(callback))
    assert "tel:" not in shown.text
    assert "+41" not in shown.text
    assert 'name="act"' not in shown.text
    assert there.all(Entry, Entry.kind == EntryKind.NUMBER_SEEN) == []
    assert browser.web.post(page_of(callback), data={"csrf": browser.csrf, "act": "claim"}).status_code == 403


def test_what_is_no_callback(there: WebStory) -> None:
    dana = there.console()
    assert dana.get(f"{DESK}/C-00000000").status_code == 404
    assert dana.web.post(f"{DESK}/C-00000000", data={"csrf": dana.csrf, "act": "claim"}).status_code == 404


@pytest.mark.parametrize(("ticked", "told"), [({}, 1), ({"they_know": "true"}, 0)])
def test_a_call_is_called_off_and_they_are_told_unless_they_know(there: WebStory, ticked: dict[str, str], told: int
                                                                 ) -> None:
    callback = there.call_for_help()
    there.wait(minutes=61)
    dana = there.console()
    path = f"/console/callbacks/{callback.id}"
    assert "They know already: no message to them" in read(dana.get(path))
    dana.post(path, act="cancel", why="A child pressed it", **ticked)
    assert (there.again(callback).state, len(there.notifications("callback_cancelled"))) == ("cancelled", told)
