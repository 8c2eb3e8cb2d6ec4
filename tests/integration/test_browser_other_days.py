"""A day of an auditor, of a local firm's people and of an operator, in a real browser."""

import json
import re
import time
from urllib.parse import urlsplit

import pytest

from gateway.model import Audit, AuditOutcome, Offer, OfferState, Ticket, User, Visit
from tests.drivers.browser import Browser
from tests.drivers.seat import Seat
from tests.drivers.web_driver import PASSWORD, WebStory, accept

pytestmark = pytest.mark.slow
NUMBER = re.compile(r"\+41|791234567|79 123")


def post(seat: Seat, path: str, **fields: str) -> int:
    """Sends a form that their page does not have, with the token of their session; the status of the answer."""
    sent = json.dumps(fields)
    return int(seat.tab.run(
        f"fetch({json.dumps(path)}, {{method: 'post', redirect: 'manual', body: new URLSearchParams({{csrf: "
        f"document.body.dataset.csrf, ...{sent}}})}}).then(one => one.status)"))


def test_an_auditor_reads_who_did_what_and_can_do_nothing(there: WebStory, chrome: Browser) -> None:
    ticket = there.break_down()
    dana = there.console("agent", "Dana Meier")
    assert dana.post("/console/tickets/merge", ticket_id=ticket.id, into_id="T-00000000").status_code == 403
    page = dana.get(f"/console/tickets/{ticket.id}").text
    assert NUMBER.search(page) is not None, "an agent sees whom to ring"
    with there.client(there.key("agent", "the integration")) as web:
        web.post(f"/api/v1/tickets/{ticket.id}/resolve", json={"note": "Frau Keller has reset it"})
    ada = Seat(there, chrome, there.console("auditor", "Ada Frei"))
    ada.open("/console/audit")
    ada.sees("Dana Meier", "key “the integration”", "Resolve ticket", "Denied", "Ada Frei")
    ada.fill("Who", "Dana Meier")
    ada.click("Show", "#filter")
    ada.tab.wait("location.search.includes('account=U-')")
    ada.sees("Merge", inside=".audit")
    assert "integration" not in ada.tab.run("document.querySelector('.audit').innerText")
    ada.fill("Outcome", "Denied")
    ada.click("Show", "#filter")
    ada.tab.wait("location.search.includes('outcome=denied')")
    assert ada.tab.run("document.querySelectorAll('.audit > tbody > tr').length") == 1
    ada.sees("Dana Meier Agent", "Merge", "Denied", inside=".audit > tbody > tr")
    ada.click("Everything", "#filter")
    ada.tab.wait("location.search === ''")
    ada.click(ticket.id, ".audit")
    ada.at(f"/console/tickets/{ticket.id}")
    ada.sees("Nothing, as it stands and with your role")
    for path in (f"/console/tickets/{ticket.id}", "/console/tickets", "/console/customers/alice", "/console/callbacks",
                 "/console/audit"):
        ada.open(path)
        visible = ada.html.replace("+41 44 668 18 00", "")  # our own
        assert NUMBER.search(visible) is None, (path, NUMBER.search(visible))
        assert "the key is with the neighbour" not in visible, path
        forms = ada.tab.run("Array.from(document.querySelectorAll('#main form')).filter(one => one.method === 'post'"
                            ").map(one => one.id)")
        assert [one for one in forms if one != "new-view"] == [], path
    before = there.again(ticket).model_dump()
    for path, fields in ((f"/console/tickets/{ticket.id}", {"act": "add_note", "note": "x", "target": ticket.id}),
                         ("/console/tickets/bulk", {"act": "note", "ticket": f"{ticket.id}:1", "note": "x"}),
                         ("/console/customers/alice/ticket", {"words": "x"}), ("/console/users", {"name": "x"})):
        assert post(ada, path, **fields) == 403, path
    assert there.again(ticket).model_dump() == before
    assert there.all(Audit, Audit.outcome == AuditOutcome.DENIED)[-1].role == "auditor"


def test_a_firms_people_see_their_own_offers_and_visits_and_nothing_else(there: WebStory, chrome: Browser) -> None:
    theirs = there.break_down("charlie-pump")  # in Seedorf, where only Seeblick goes
    with there.client() as web:
        accept(there, web, there.offer(theirs), technician="Stefan Suter")
    other = there.one(Visit)
    ours = there.break_down()
    offer = there.one(Offer, Offer.ticket_id == ours.id, Offer.state == OfferState.PENDING)
    assert (other.provider_id, offer.provider_id) == ("seeblick", "kunz")
    karin = Seat(there, chrome, there.console("provider", "Karin Kunz", "kunz"), 820, 1180)
    karin.open("/console/our-work")
    karin.sees("Kunz Heating 1 asked now 0 to visit", "Compressor fault", "8001 Wiesental")
    private = ("Seeblick", "Suter", "Charlie", "Brunner", "Hofgasse", "Seedorf", theirs.id, other.id)

    def nothing_of_others() -> None:
        found = [one for one in private if one in karin.html]
        assert found == [], karin.tab.run("location.pathname")
        assert karin.tab.run("Array.from(document.querySelectorAll('#screens a')).map(one => one.pathname)") == [
            "/console/our-work"]

    nothing_of_others()
    karin.click("Answer")
    karin.at(f"/console/our-work/offers/{offer.id}")
    assert "Alice" not in karin.html
    nothing_of_others()
    karin.fill("Who", "Karin Kunz")
    karin.click("Accept this job", "#accept")
    karin.tab.wait("location.pathname.startsWith('/console/our-work/visits/')")
    karin.sees("Alice Keller", "Lindenweg 1")
    nothing_of_others()
    mine = there.one(Visit, Visit.provider_id == "kunz")
    assert there.again(ours).state == "assigned"
    for path in (f"/console/our-work/visits/{other.id}", f"/console/our-work/offers/{other.offer_id}"):
        karin.open(path)
        karin.sees("There is no such")
        assert [one for one in private if one in karin.tab.run("document.body.innerText")] == []
    for path in ("/console", "/console/tickets", f"/console/tickets/{ours.id}", "/console/customers/alice",
                 "/console/search?q=Brunner", "/console/audit"):
        karin.open(path)
        karin.sees("may not")
        assert [one for one in private if one in karin.tab.run("document.body.innerText")] == []
    denied = there.all(Audit, Audit.outcome == AuditOutcome.DENIED)
    assert {other.id, other.offer_id} <= {one.object_id for one in denied}
    karin.open("/console/our-work")
    karin.sees("0 asked now 1 to visit")
    karin.click("Compressor fault")
    karin.at(f"/console/our-work/visits/{mine.id}")
    assert there.one(Ticket, Ticket.id == theirs.id).state == "assigned"


def test_an_operator_adds_resets_and_disables_somebody_whose_page_ends(there: WebStory, chrome: Browser) -> None:
    olga = Seat(there, chrome, there.console("operator", "Olga Brand"))
    olga.open("/console/users")
    olga.fill("Name", "Dana Meier")
    olga.fill("Email", "dana@example.com")
    olga.fill("Role", "Agent")
    olga.click("Add them")
    olga.sees("Give Dana Meier this link")
    dana = Seat(there, chrome)
    welcomed(olga, dana)
    dana.live()
    row = there.one(User, User.name == "Dana Meier")
    olga.open(f"/console/users/{row.id}")
    olga.click("Disable Dana Meier")
    began = time.monotonic()
    dana.sees("Sign in", "This account is disabled")
    assert time.monotonic() - began < 15
    assert dana.tab.run("document.getElementById('screens')") is None
    olga.sees("Disabled", inside=".head")
    olga.click("Let them in again")
    welcomed(olga, dana)
    dana.live()
    dana.open("/console/tickets")
    dana.live()
    olga.click("Reset")
    dana.tab.wait("location.pathname === '/console/sign-in' || !document.getElementById('screens')", 15)
    dana.sees("Sign in")
    assert [one.action for one in there.all(Audit, Audit.object_id == row.id)] == [
        "add_user", "set_password", "sign_in", "disable_user", "reset_user", "set_password", "sign_in", "reset_user"]


def welcomed(olga: Seat, dana: Seat) -> None:
    """Olga hands over the link that she sees; Dana chooses a password with it and is in."""
    olga.tab.wait("!!document.getElementById('welcome')")
    dana.open(urlsplit(str(olga.tab.run("document.getElementById('welcome').value"))).path)
    dana.tab.wait("!!document.querySelector('[name=password]')")
    dana.tab.run(f"document.querySelector('[name=password]').value = {json.dumps(PASSWORD)};"
                 "document.querySelector('form button').click()")
    dana.tab.wait("!!document.getElementById('screens')")
    if not dana.tab.run("location.pathname === '/console'"):
        dana.open("/console")
