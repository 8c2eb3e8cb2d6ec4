"""A firm's own page: what it is asked, whom it visits, how it does; by a link that can be ended, and nothing else."""

import re

import httpx
import pytest

from gateway.flow import administer, housekeeping
from gateway.flow.firms.own_links import LINK_FOR
from gateway.model import (
    DAY,
    HOUR,
    Actor,
    ActorKind,
    Audit,
    AuditOutcome,
    Link,
    LinkPurpose,
    Offer,
    OfferState,
    Technician,
    Visit,
    local,
)
from tests.drivers.web_driver import WebStory, read
from tests.stories.firms.own_page import OwnPage, tap

pytestmark = pytest.mark.slow
SIGNED = "This link no longer opens anything"


def finish(there: WebStory, web: httpx.Client, visit: Visit) -> None:
    for act, more in (("depart", {"minutes": "20"}), ("arrive", {}), ("finish", {"note": "Replaced the compressor"})):
        tap(there, web, visit, act=act, **more)
    there.wait(minutes=2)  # to take it back


def test_an_offer_waits_there_with_its_deadline_and_leads_to_its_page(there: WebStory, kunz: OwnPage) -> None:
    assert "No job waits for your answer" in kunz.text
    ticket = there.break_down()
    page = kunz.get()
    said = read(page)
    assert "1 job waits for your answer" in said
    assert "Compressor fault Heat pump · 8001 Wiesental" in said
    assert "Please answer by" in said
    assert f'href="{there.offer(ticket)}"' in page.text
    for private in ("Lindenweg", "Alice", "neighbour", "79 123 45 67"):
        assert private not in said


def test_a_visit_stands_on_the_day_line_and_in_the_list_that_says_the_same(there: WebStory, kunz: OwnPage) -> None:
    there.break_down()
    visit = kunz.accepts()
    page = kunz.get()
    said = read(page)
    assert "No job waits for your answer" in said
    assert re.search(r"Today \d+ Nov 2026 .* \d\d:\d\d–\d\d:\d\d today Planned Compressor fault , Lindenweg 1", said)
    assert 'class="day-line"' in page.text
    assert f'href="{there.link("visit", visit)}"' in page.text
    assert "79 123 45 67" not in said
    there.now += 5 * HOUR
    assert "The window is over and nobody is there" in kunz.text


def test_what_it_did_counts_and_it_sees_which_cases_make_the_figures(there: WebStory, web: httpx.Client, kunz: OwnPage
                                                                     ) -> None:
    assert "Offers accepted nothing yet" in kunz.text
    ticket = there.break_down()
    visit = kunz.accepts()
    finish(there, web, visit)
    there.now += HOUR  # a record is made up to the last full hour
    said = kunz.text
    assert "Offers accepted 1 of 1 Arrived within the window 1 of 1 Fixed at the first visit 1 of 1" in said
    assert re.search(rf"Job When Your answer {ticket.id} \d+ Nov 2026 Accepted", said)
    assert re.search(rf"Job When Arrival Result {ticket.id} \d+ Nov 2026 Within the window Fixed", said)


def test_it_reads_its_own_language(there: WebStory, seeblick: OwnPage) -> None:
    said = seeblick.text
    assert "Kein Auftrag wartet auf Ihre Antwort" in said
    assert "Angebote angenommen noch nichts" in said
    assert "Today" not in said


def test_it_sees_nothing_of_another_firm(there: WebStory, kunz: OwnPage, seeblick: OwnPage) -> None:
    ticket = there.break_down()
    kunz.accepts()
    said = seeblick.text
    assert ticket.id not in said
    assert "Lindenweg" not in said


def test_a_new_link_ends_the_old_one_and_the_calendars_that_came_by_it(there: WebStory, kunz: OwnPage) -> None:
    calendar, old = kunz.calendar(), kunz.path
    kunz.renew()
    assert kunz.get().status_code == 200
    for path in (old, calendar):
        answer = kunz.web.get(path)
        assert SIGNED in read(answer, 404)
        assert "Kunz" not in answer.text
    assert kunz.web.post(old, data={"act": "capacity", "visits": "1"}).status_code == 404


def test_a_link_that_is_too_old_or_made_up_opens_nothing(there: WebStory, kunz: OwnPage) -> None:
    token = kunz.path.removeprefix("/p/")
    for path in ("/p/x", f"/p/{token[:-1]}", f"/v/{token}", f"/p/{token}/calendar.ics"):
        assert kunz.web.get(path).status_code == 404, path
    there.now += LINK_FOR
    assert SIGNED in read(kunz.get(), 404)


def test_the_link_of_a_firm_that_is_asked_no_longer_opens_nothing(there: WebStory, kunz: OwnPage) -> None:
    calendar = kunz.calendar()
    with there.gw.store.write() as session:
        administer.remove_provider(session, "kunz", there.gw.policy, True, Actor(ActorKind.OPERATOR), there.now)
    assert kunz.get().status_code == kunz.web.get(calendar).status_code == 404


@pytest.mark.parametrize("role", ["agent", "dispatcher"])
def test_who_may_makes_and_ends_the_link_at_the_console_and_it_is_shown_once(there: WebStory, web: httpx.Client,
                                                                           role: str) -> None:
    browser = there.console(role)
    if role == "agent":
        assert browser.web.get("/console/firms").status_code == 403
        assert browser.post("/console/firms/kunz/link").status_code == 403
        return
    assert "Kunz Heating" in read(browser.get("/console/firms"))
    made = browser.post("/console/firms/kunz/link")
    path = re.findall(r'readonly value="[^"]*(/p/[^"]+)"', made.text)[0]
    assert web.get(path).status_code == 200
    assert path not in browser.get("/console/firms/kunz").text
    browser.post("/console/firms/kunz/end-link")
    assert web.get(path).status_code == 404
    done = there.all(Audit, Audit.outcome == AuditOutcome.DONE, Audit.object_id == "kunz")
    assert [one.action for one in done] == ["make_firm_link", "end_firm_link"]
    assert browser.web.get("/console/firms/nobody").status_code == 404


def test_it_enters_days_off_and_is_offered_nothing_on_them(there: WebStory, kunz: OwnPage) -> None:
    page = kunz.post("off", first=day(there), reason="Company outing")
    assert "Saved. On these days we offer you nothing." in read(page)
    assert "The whole firm Company outing" in kunz.text
    there.break_down()
    offers = there.all(Offer, Offer.state == OfferState.PENDING)
    assert {one.provider_id for one in offers} == {"seeblick"}
    assert any("kunz" in str(one["provider_id"]) and "day off" in one["reason"]
               for one in offers[0].evidence["refused"])


def test_days_off_are_taken_back_by_the_same_form_and_the_same_tap_twice_is_one(there: WebStory, kunz: OwnPage
                                                                                ) -> None:
    for _ in range(2):
        kunz.post("off", first=day(there, 1), last=day(there, 3))
    entries = re.findall(r'name="entry" value="([^"]+)"', kunz.get().text)
    assert len(entries) == 1
    for _ in range(2):
        assert "Removed. We ask you on these days again." in read(kunz.post("on", entry=entries[0]))
    assert "No days off are entered." in kunz.text
    done = there.all(Audit, Audit.object_id == "kunz", Audit.actor == ActorKind.PROVIDER)
    assert [one.action for one in done] == ["enter_time_off", "end_time_off"]


def test_a_visit_on_a_day_off_stays_and_is_shown_to_whoever_entered_it(there: WebStory, kunz: OwnPage) -> None:
    there.break_down()
    visit = kunz.accepts()
    page = kunz.post("off", first=day(there))
    assert "1 visit is planned on these days. Propose another window or hand it back:" in read(page)
    assert there.again(visit).state == "planned"


def test_one_technician_is_away_and_the_firm_is_asked_for_what_others_can_do(there: WebStory, kunz: OwnPage) -> None:
    kunz.post("off", first=day(there), who="karin")
    assert "Karin Kunz" in kunz.text
    there.break_down()  # only Karin can
    assert {one.provider_id for one in there.all(Offer, Offer.state == OfferState.PENDING)} == {"seeblick"}
    assert "no longer possible" in read(kunz.post("off", first=day(there), who="stefan"), 409)


@pytest.mark.parametrize(("first", "last", "said"), [
    ("", "", "Please give the first day"), ("tomorrow", "", "Please give the first day"), ("3", "1", "lies before"),
    ("-3", "-2", "are over"), ("0", "400", "at most a year"), ("800", "", "at most a year")])
def test_days_that_cannot_be_are_said_and_what_was_typed_stays(there: WebStory, kunz: OwnPage, first: str, last: str,
                                                               said: str) -> None:
    given = {name: day(there, int(value)) if value.lstrip("-").isdecimal() else value
             for name, value in (("first", first), ("last", last))}
    page = kunz.post("off", reason="<b>Skiing", **given)
    assert said in read(page, 422)
    assert 'value="&lt;b&gt;Skiing"' in page.text
    assert "No days off are entered." in kunz.text


def test_it_says_how_much_it_takes_and_is_full_after_that(there: WebStory, kunz: OwnPage) -> None:
    assert "You take 3 visits on one day." in kunz.text
    assert "You take 1 visit on one day." in read(kunz.post("capacity", visits="1"))
    there.break_down()
    kunz.accepts()
    there.break_down("bob-pump", "E7")
    offer = there.one(Offer, Offer.state == OfferState.PENDING)
    assert offer.provider_id == "seeblick"
    assert [one["reason"] for one in offer.evidence["refused"] if "full: 1 of 1" in one["reason"]]
    for wrong in ("0", "201", "many", "-1", "1e3", "²"):
        assert "from 1 to 200" in read(kunz.post("capacity", visits=wrong), 422)
    assert "You take 3 visits on one day." in read(kunz.post("capacity", visits=""))


def test_an_act_that_there_is_not_does_nothing(there: WebStory, kunz: OwnPage) -> None:
    links = len(there.all(Link, Link.purpose == LinkPurpose.CALENDAR))
    for act in ("", "remove", "link"):
        assert kunz.post(act).status_code == 422
    assert kunz.post("calendar", who="stefan").status_code == 409
    assert len(there.all(Link, Link.purpose == LinkPurpose.CALENDAR)) == links


def day(there: WebStory, ahead: int = 0) -> str:
    """So many days after today, on the firm's wall."""
    return local(there.now + ahead * DAY, "Europe/Zurich").date().isoformat()


def test_why_somebody_was_away_is_forgotten_once_that_is_long_over(there: WebStory, kunz: OwnPage) -> None:
    kunz.post("off", first=day(there), reason="At the dentist", who="karin")
    there.now += 29 * DAY
    housekeeping.forget(there.gw, there.now)
    assert "dentist" in str(there.one(Technician, Technician.id == "karin").time_off)
    there.now += 3 * DAY
    housekeeping.forget(there.gw, there.now)
    assert there.one(Technician, Technician.id == "karin").time_off == []
