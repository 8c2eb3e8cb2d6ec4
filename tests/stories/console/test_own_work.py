"""A local firm's people: what they are asked, whom they visit, and that they see nothing of any other firm."""

import re

import pytest

from gateway.model import (
    DAY,
    HOUR,
    Audit,
    AuditOutcome,
    Entry,
    EntryKind,
    Offer,
    OfferState,
    Technician,
    Ticket,
    Visit,
    local,
)
from tests.drivers.web_driver import Console, WebStory, read

pytestmark = pytest.mark.slow
WORK = "/console/our-work"


def karin(there: WebStory) -> Console:
    """Of Kunz Heating, which is asked first in Wiesental."""
    return there.console("provider", "Karin Kunz", "kunz")


def stefan(there: WebStory) -> Console:
    return there.console("provider", "Stefan Suter", "seeblick")


def asked(there: WebStory) -> Offer:
    """The one that waits for an answer."""
    return there.one(Offer, Offer.state == OfferState.PENDING)


def accept(there: WebStory, browser: Console, offer: Offer) -> Visit:
    browser.post(f"{WORK}/offers/{offer.id}", act="accept", technician="Karin Kunz",
                 window=f"{there.now}-{there.now + 4 * HOUR}")
    return there.one(Visit, Visit.offer_id == offer.id)


def test_they_begin_with_their_own_work_and_have_no_other_screen(there: WebStory) -> None:
    there.break_down()
    browser = karin(there)
    page = browser.get(WORK)
    said = read(page)
    assert "Kunz Heating 1 asked now 0 to visit" in said
    assert "Compressor fault Critical Heat pump · 8001 Wiesental" in said
    assert re.findall(r'href="(/console[^"]*)" data-key', page.text) == [WORK]
    assert "may not" in read(browser.web.get("/console"), 403)
    entered = there.browser()
    assert "Kunz Heating" in read(entered.sign_in("karin@example.com"))


def test_before_they_accept_they_know_as_much_as_by_the_offers_page(there: WebStory) -> None:
    there.break_down()
    browser = karin(there)
    said = read(browser.get(f"{WORK}/offers/{asked(there).id}"))
    assert "Compressor fault" in said
    assert "8001 Wiesental" in said
    for private in ("Lindenweg", "Alice", "neighbour", "79 123 45 67"):
        assert private not in said


def test_they_accept_go_there_and_finish_and_the_timeline_names_them(there: WebStory) -> None:
    ticket = there.break_down()
    browser = karin(there)
    visit = accept(there, browser, asked(there))
    assert (there.again(visit).technician, there.again(ticket).state) == ("Karin Kunz", "assigned")
    path = f"{WORK}/visits/{visit.id}"
    said = read(browser.get(path))
    assert "Alice Keller Lindenweg 1 8001 Wiesental" in said
    assert "the key is with the neighbour" in said
    assert "+41" not in said.replace("+41 44 668 18 00", "")
    browser.post(path, act="depart", minutes="20")
    browser.post(path, act="delay", minutes="30")
    browser.post(path, act="arrive")
    browser.post(path, act="overrun", minutes="60")
    nothing = browser.post(path, act="finish", outcome="complete", note="")
    assert nothing.status_code == 422
    browser.post(path, act="finish", outcome="complete", note="Replaced the compressor",
                 signed_name="Alice Keller")
    assert "Nobody has heard this yet." in read(browser.get(path))
    there.wait(minutes=2)
    assert "Signature: Alice Keller, 13:02 today" in read(browser.get(path))
    assert there.again(ticket).state == "resolved"
    done = there.all(Entry, Entry.subject_id == ticket.id, Entry.by_name == "Karin Kunz")
    assert {one.by_kind for one in done} == {"provider"}
    assert len(done) >= 5
    lines = there.all(Audit, Audit.role == "provider", Audit.outcome == AuditOutcome.DONE)
    assert [one.action for one in lines] == ["sign_in", "accept_offer", "depart", "report_delay", "arrive",
                                             "report_overrun", "finish"]
    assert "Replaced the compressor Compressor fault · Lindenweg 1, 8001 Wiesental" in read(browser.get(WORK))


def test_they_decline_propose_another_window_and_hand_back(there: WebStory) -> None:
    there.break_down()
    browser = karin(there)
    visit = accept(there, browser, asked(there))
    path = f"{WORK}/visits/{visit.id}"
    browser.post(path, act="window", window_from="2026-11-23T16:00", window_until="2026-11-23T18:00")
    assert there.again(visit).window_until - there.again(visit).window_from == 2 * HOUR
    assert read(browser.post(path, act="window", window_from="", window_until=""), 422)
    browser.post(path, act="hand_back", why="The van is broken")
    assert there.again(visit).state == "cancelled"
    assert "Handed back" in read(browser.get(WORK))
    other = stefan(there)
    offer = there.one(Offer, Offer.provider_id == "seeblick", Offer.state == OfferState.PENDING)
    other.post(f"{WORK}/offers/{offer.id}", act="decline", reason="no_time", words="until Friday")
    assert there.again(offer).state == OfferState.DECLINED
    assert "until Friday" in (there.again(offer).answer or "")
    assert "Nobody waits for your answer" in read(other.get(WORK))


def test_the_number_is_shown_once_they_have_set_out_in_that_answer_only_and_written_down(there: WebStory) -> None:
    ticket = there.break_down()
    browser = karin(there)
    visit = accept(there, browser, asked(there))
    path = f"{WORK}/visits/{visit.id}"
    assert browser.post(path, act="show_number").status_code == 409
    browser.post(path, act="depart", minutes="20")
    assert "79 123 45 67" in read(browser.web.post(path, data={"csrf": browser.csrf, "act": "show_number"}))
    assert "79 123 45 67" not in read(browser.get(path))
    look = there.one(Entry, Entry.subject_id == ticket.id, Entry.kind == EntryKind.NUMBER_SEEN)
    assert (look.by_kind, look.by_name) == ("provider", "Karin Kunz")


def test_nothing_of_another_firm_is_there_whatever_id_they_try(there: WebStory) -> None:
    """Every offer and visit of the other firm, every form: 404, nothing changes, and each is written down."""
    there.break_down()
    mine = karin(there)
    visit = accept(there, mine, asked(there))
    there.break_down("bob-pump", "E7")
    theirs = stefan(there)
    paths = [f"{WORK}/offers/{one.id}" for one in there.all(Offer, Offer.provider_id == "kunz")]
    paths += [f"{WORK}/visits/{visit.id}", f"{WORK}/visits/V-00000000", f"{WORK}/offers/O-00000000"]
    before = [row.model_dump() for table in (Ticket, Offer, Visit) for row in there.all(table)]
    for path in paths:
        answer = theirs.web.get(path)
        assert "There is no such" in read(answer, 404)
        for act in ("accept", "decline", "depart", "arrive", "finish", "delay", "overrun", "window", "hand_back",
                    "call", "show_number"):
            refused = theirs.post(path, act=act, minutes="10", note="x", window="1-2", window_from="2026-11-23T16:00",
                                  window_until="2026-11-23T18:00")
            assert refused.status_code == 404, (path, act)
    assert before == [row.model_dump() for table in (Ticket, Offer, Visit) for row in there.all(table)]
    denied = there.all(Audit, Audit.outcome == AuditOutcome.DENIED)
    assert len(denied) == 12 * len(paths)
    assert {one.object_id for one in denied} == {path.rpartition("/")[2] for path in paths}
    said = read(theirs.get(WORK))
    assert "Alice" not in said
    assert visit.ticket_id not in said


def test_a_visit_whose_page_is_over_shows_what_was_done_and_no_longer_where(there: WebStory) -> None:
    ticket = there.break_down()
    browser = karin(there)
    visit = accept(there, browser, asked(there))
    path = f"{WORK}/visits/{visit.id}"
    for act, more in (("depart", {"minutes": "20"}), ("arrive", {}), ("finish", {"note": "Replaced it"})):
        browser.post(path, act=act, **more)
    there.wait(minutes=2)  # to take it back
    there.now += 40 * 24 * HOUR
    browser.sign_in("karin@example.com")
    said = read(browser.get(WORK))
    assert f"{ticket.id}" in said
    assert "Replaced it" in said
    assert "Lindenweg" not in said
    assert browser.web.get(path).status_code == 404


@pytest.mark.parametrize("what", ["/console/tickets", "/console/customers", "/console/audit", "/console/users"])
def test_no_other_screen_opens(there: WebStory, what: str) -> None:
    assert "may not" in read(karin(there).web.get(what), 403)


def test_they_see_their_day_and_what_in_it_needs_them(there: WebStory) -> None:
    there.break_down()
    browser = karin(there)
    assert "Today 23 Nov 2026 No visit." in read(browser.get(WORK))
    visit = accept(there, browser, asked(there))
    page = browser.get(WORK)
    assert '<svg class="day-line"' in page.text
    assert page.text.count(f'href="{WORK}/visits/{visit.id}"') >= 2
    assert "nobody has set out" in read(page)
    browser.post(f"{WORK}/visits/{visit.id}", act="depart", minutes="20")
    assert "nobody has set out" not in read(browser.get(WORK))
    there.wait(seconds=4 * 3600 + 60)
    assert "The window is over and nobody is there" in read(there.console("provider", "Kim Kunz", "kunz").get(WORK))
    assert "The window is over" not in read(stefan(there).get(WORK))


FIRM = f"{WORK}/firm"


def test_they_say_who_is_away_who_is_new_and_how_much_they_take_as_by_the_firms_own_link(there: WebStory) -> None:
    browser = karin(there)
    day = local(there.now + DAY, "Europe/Zurich").date().isoformat()
    assert f'href="{FIRM}"' in browser.get(WORK).text
    browser.post(FIRM, act="off", first=day, who="karin", reason="Dentist")
    browser.post(FIRM, act="add", name="Nora Neu")
    browser.post(FIRM, act="capacity", visits="2")
    said = read(browser.get(FIRM))
    for part in ("Karin Kunz: Dentist", "Nora Neu", "Offers accepted 0 of 0"):
        assert part in said
    done = there.all(Audit, Audit.object_id == "kunz", Audit.outcome == AuditOutcome.DONE)
    assert [one.action for one in done] == ["enter_time_off", "add_technician", "set_capacity"]
    refused = browser.web.post(FIRM, data={"csrf": browser.csrf, "act": "capacity", "visits": "0"})
    assert "from 1 to 200" in read(refused, 422)


def test_nobody_else_sees_it_and_they_change_no_other_firm(there: WebStory) -> None:
    assert there.console("dispatcher").web.get(FIRM).status_code in (403, 404)
    there.console("provider", "Stefan Suter", "seeblick").post(FIRM, act="add", name="Nora Neu")
    assert "Nora Neu" not in read(karin(there).get(FIRM))
    assert there.one(Technician, Technician.name == "Nora Neu").provider_id == "seeblick"
