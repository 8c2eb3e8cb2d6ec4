"""A dispatcher's day in a real browser: an offer that lapses, a firm that does not come, two tickets of one problem,
and many rows of which some have changed."""


import pytest

from gateway.model import MINUTE, Audit, Offer, OfferState, Severity, Ticket, User, Visit, VisitState
from gateway.tickets.actions import CancelTicket, DeclineOffer, OpenTicket
from tests.drivers.browser import Browser
from tests.drivers.seat import Seat
from tests.drivers.web_driver import WebStory

pytestmark = pytest.mark.slow


def sits_down(there: WebStory, chrome: Browser) -> Seat:
    return Seat(there, chrome, there.console("dispatcher"))


def pending(there: WebStory) -> list[str]:
    """The firms that are asked now."""
    return [one.provider_id for one in there.all(Offer, Offer.state == OfferState.PENDING)]


def test_an_offer_that_is_about_to_lapse_is_rescued(there: WebStory, chrome: Browser) -> None:
    ticket = there.break_down()
    there.wait(minutes=6)
    assert pending(there) == ["kunz"]
    dana = sits_down(there, chrome)
    dana.open("/console")
    dana.sees("Tickets nobody has taken 1", "Compressor fault", inside="#untaken")
    dana.click("Compressor fault", "#untaken")
    dana.at(f"/console/tickets/{ticket.id}")
    dana.sees("Next step", "Call Kunz Heating before the offer lapses", "Nobody has accepted",
              inside="#card-next-title")
    dana.live()
    dana.click("Ask a firm", "#card-acts")  # they do not answer the telephone
    dana.fill("Firm", "Seeblick Service", "#card-acts")
    dana.click("Ask", "#card-acts form")
    dana.sees("Seeblick Service Asked", inside="#card-offers")
    assert pending(there) == ["seeblick"]
    there.wait(seconds=1)
    assert any(ticket.id in message.text for message in there.messages if message.to == "office@seeblick.example")
    assert [(one.action, one.account) for one in there.all(Audit) if one.object_id == ticket.id] == [
        ("offer_to", there.one(User).id)]
    dana.sees("Told Seeblick Service", inside="#card-timeline")
    assert dana.tab.said == []


def test_a_firm_that_did_not_come_is_replaced_and_the_customer_hears_by_when(there: WebStory, chrome: Browser) -> None:
    ticket = there.break_down()
    there.accept()
    there.wait(minutes=1)
    there.now = there.one(Visit).window_until + MINUTE
    dana = sits_down(there, chrome)
    dana.open("/console")
    dana.sees("Nobody came 1", "No-show", inside="#no-shows")
    dana.click("", "#no-shows li")
    dana.at(f"/console/tickets/{ticket.id}")
    dana.sees("Next step", "Ask other firms", inside="#card-next-title")
    before = len(there.told_to("alice@example.com"))
    dana.live()
    dana.click("Ask again", "#card-next-title form")
    dana.sees("Seeblick Service Asked", inside="#card-offers")
    assert there.one(Visit).state is VisitState.CANCELLED
    assert "seeblick" in pending(there)
    there.wait(seconds=1)
    told = [one for one in there.messages if one.to == "alice@example.com"][before:]
    assert ["Karin Kunz cannot come, we are asking others" in one.subject for one in told] == [True]
    assert "You will hear from us by 17:45 today: who comes instead, and when." in told[0].text
    dana.sees("to Alice Keller Sent", inside="#card-messages")
    assert dana.tab.said == []


def test_two_tickets_of_one_problem_become_one_and_two_again(there: WebStory, chrome: Browser) -> None:
    ticket = there.break_down()
    there.act(OpenTicket("alice-home", "No hot water since this morning", "heating", Severity.MINOR))
    other = there.one(Ticket, Ticket.cause_key == "reported")
    there.wait(minutes=1)
    dana = sits_down(there, chrome)
    dana.open("/console/tickets")
    dana.live()
    for one in (ticket, other):
        dana.tab.run(f"document.querySelector('#row-{one.id} input').click()")
    dana.click("Merge", "#bulk")
    dana.at("/console/tickets/merge")
    dana.sees("Two tickets, one problem", "it can be undone")
    dana.click(f"Merge into {ticket.id}")
    dana.at(f"/console/tickets/{ticket.id}")
    dana.sees("Merged into this", "No hot water since this morning")
    there.wait(minutes=1)
    dana.click("Alice Keller", "#card-whose")
    dana.at("/console/customers/alice")
    dana.sees(ticket.id, "Fault found")
    dana.click("1 try", "#main")
    dana.sees("Hello Alice Keller")
    dana.tab.run("history.back()")
    dana.at(f"/console/tickets/{ticket.id}")
    dana.sees("Merged into this")
    dana.click("Separate", "#card-whose")
    dana.sees("Also here", inside="#card-whose")
    assert there.again(other).merged_into is None
    assert [one.action for one in there.all(Audit) if "merge" in one.action] == ["merge_tickets", "unmerge_ticket"]
    assert dana.tab.said == []


def test_of_many_rows_each_says_what_became_of_it(there: WebStory, chrome: Browser) -> None:
    alice, bob, charlie = (there.break_down(f"{name}-pump") for name in ("alice", "bob", "charlie"))
    there.act(CancelTicket(charlie.id, "sold"), "agent")
    dana = sits_down(there, chrome)
    dana.open("/console/tickets?state=all")
    dana.live()
    for one in (alice, bob, charlie):
        dana.tab.run(f"document.querySelector('#row-{one.id} input').click()")
    there.act(DeclineOffer(there.one(Offer, Offer.ticket_id == bob.id).id, "full"), "provider")
    there.act(CancelTicket(bob.id, "sold too"), "agent")  # while she chooses
    dana.sees("changed", inside="#news")
    dana.sees("These 3", inside="#bulk")
    dana.click("Hold", "#bulk")
    dana.fill("Waiting for", "Part", "#bulk")
    dana.click("Put on hold", "#bulk")
    dana.sees("1 of 3")
    for one, words in ((alice, "Done"), (bob, "Skipped It has changed since you saw it: now cancelled."),
                       (charlie, "Not possible")):
        dana.sees(words, inside=f"#row-{one.id}")
    assert [there.again(one).state for one in (alice, bob, charlie)] == ["on_hold", "cancelled", "cancelled"]
    dana.click("Back to the list")
    dana.sees("On hold", inside=f"#row-{alice.id}")
    assert dana.tab.run("location.search") == "?state=all"
    assert dana.tab.run("document.getElementById('f-state').value") == "all"
    assert dana.tab.run("document.getElementById('f-severity').value") == ""
    assert dana.tab.said == []
