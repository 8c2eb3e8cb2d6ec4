"""The customer's page of an area outage: what we know, who is on it, their own home."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.model import (
    HOUR,
    ActorKind,
    Callback,
    CallOutcome,
    Entry,
    EntryKind,
    Link,
    Outage,
    OutageMember,
    Site,
    SubjectKind,
    Ticket,
    TicketState,
    Visit,
    VisitOutcome,
)
from gateway.notifications.format_values import number, rounded_homes
from gateway.store import Store
from gateway.store.accounts.api_keys import create_key
from gateway.tickets.actions import Arrive, CancelTicket, ConnectCallback, Depart, Finish, FinishCallback, OpenCallback
from tests.drivers.browser import browser
from tests.drivers.outage_web import OutageWeb, outage_web
from tests.drivers.web_driver import items, read
from tests.fixtures.outage_fleet import LEFT, RIGHT

pytestmark = pytest.mark.slow


@pytest.fixture
def there(both_stores: Store) -> OutageWeb:
    return outage_web(both_stores)


@pytest.fixture
def web(there: OutageWeb) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def test_the_message_leads_to_a_page_that_says_the_same(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    page = read(web.get(there.page("a0")))
    assert there.page("a0") in there.texts("a0")[-1]
    for said in ("Probably a power cut in Lateral 9a", "Since 12:00 today", "Your home Dark since 12:00 today",
                 "Affected About 5 homes", "Estimated end Not known yet", "We are asking a local firm",
                 "You will hear from us As soon as your own home is heard again", "You need not report anything.",
                 f"Your number {there.latest.id}", "Call us +41 44 668 18 00"):
        assert said in page
    assert "press it" not in page, "nothing there has been heard since it went dark, and that button is no better"
    assert "yours among them. That is most likely a power cut, not a fault of your devices." in page
    assert "We lost contact with about 5 homes in Lateral 9a at the same moment, yours among them" in (
        " ".join(there.texts("a0")[-1].split()))


def test_a_german_reader_reads_german(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    answer = web.get(there.page("a1"))
    assert '<html lang="de">' in answer.text
    page = read(answer)
    for said in ("Vermutlich Stromausfall in Lateral 9a", "Vermutlich ohne Strom seit Heute 12:00",
                 "Betroffen Rund 5 Haushalte", "den Kontakt zu rund 5 Haushalten verloren, auch zu Ihrem",
                 "Geschätztes Ende Noch nicht bekannt", "Sie müssen nichts melden."):
        assert said in page


def test_nobody_elses_home_name_address_or_number_is_on_it(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    there.accept("Stefan Suter")
    there.add(Entry(subject_kind=SubjectKind.OUTAGE, subject_id=there.latest.id, at=there.now, by_kind=ActorKind.AGENT,
                    by_name="Dana", kind=EntryKind.CALLBACK_DONE,
                    parameters={"note": "The woman in House a2 is difficult"}))
    told = web.get(there.page("a4")).text
    assert "House a" not in told.replace("House a4", "")
    for secret in ("Family", "Heat pump", "difficult", "Stefan", there.latest.ticket_id or "", "p_value"):
        assert secret not in told


def test_few_homes_are_several_and_many_are_rounded(there: OutageWeb, web: httpx.Client) -> None:
    there.cut(*LEFT[:4])
    assert "Affected Several homes" in read(web.get(there.page("a0")))
    assert "We lost contact with several homes" in there.texts("a0")[-1]
    assert [rounded_homes(homes) for homes in (1, 4, 5, 7, 8, 37, 149, 1_234, 98_765)] == [
        0, 0, 5, 5, 10, 40, 150, 1_200, 99_000]
    assert (number(1_200, "en"), number(1_200, "de")) == ("1,200", "1.200")


def test_the_estimate_is_said_to_be_one_and_when_it_has_passed_we_are_sorry(there: OutageWeb,
                                                                            web: httpx.Client) -> None:
    there.with_history()
    there.cut()
    page = read(web.get(there.page("a0")))
    assert re.search(r"Estimated end \d\d:\d\d today", page)
    assert "The end is an estimate from how long it took before, not a promise." in page
    assert "As soon as your own home is heard again, or if it takes longer than estimated" in page
    assert "sorry" not in page
    there.live(minutes=120, step=4)
    page = read(web.get(there.page("a0")))
    assert "It is taking longer than we estimated. We are sorry." in page
    assert "Estimated end It has already lasted longer than almost any before" in page


def test_the_page_follows_the_one_firm_that_is_on_it(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    page = there.page("a3")
    assert "Firm asked , now" in read(web.get(page))
    there.accept("Stefan Suter")
    assert "Who is on it, for all homes Seeblick Service, arrives 12:00–16:00 today" in read(web.get(page))
    visit = there.one(Visit)
    there.act(Depart(visit.id, 20), "technician Stefan Suter")
    assert "Seeblick Service, on the way, arrives about 12:20 today" in read(web.get(page))
    there.act(Arrive(visit.id), "technician Stefan Suter")
    assert "Seeblick Service is there" in read(web.get(page))
    there.act(Finish(visit.id, "Fuse replaced at Frau Meier's", VisitOutcome.COMPLETE), "technician Stefan Suter")
    told = read(web.get(page))
    assert "The work is finished; we are waiting to hear the homes again" in told
    assert "Power back , now" in told
    assert "Meier" not in told


def test_a_firm_that_is_late_is_not_said_to_be_in_time(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    there.accept("Stefan Suter")
    there.now += 5 * HOUR
    assert "Seeblick Service, arrives later than planned" in read(web.get(there.page("a0")))


def test_a_job_that_was_called_off_promises_nobody(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    there.act(CancelTicket(there.latest.ticket_id or "", "the grid operator does it"))
    told = read(web.get(there.page("a0")))
    assert "Who is on it" not in told
    assert "grid operator" not in told


def test_each_reader_sees_their_own_home_come_back(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    there.live(minutes=12)
    there.back("a0")
    there.live(minutes=1)
    back, dark = read(web.get(there.page("a0"))), read(web.get(there.page("a2")))
    assert "We hear your home again" in back
    assert "Back since 12:13 today" in back
    assert "not everybody has it yet" in back
    assert "Probably a power cut in Lateral 9a" in dark
    there.back("a1", "a3")
    there.live(minutes=1)
    dark = read(web.get(there.page("a2")))
    assert "The power is coming back in Lateral 9a" in dark
    assert "Yours is still dark: we see that" in dark


def test_afterwards_the_page_says_that_it_is_over(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    there.live(minutes=12)
    there.back(*LEFT)
    there.live(minutes=2)
    page = read(web.get(there.page("a0")))
    assert there.page("a0") in there.texts("a0")[-1], "the news that it is over leads to the same page"
    assert "The power cut in Lateral 9a is over" in page
    assert "Back since 12:13 today" in page
    assert "What you can do" not in page
    assert "On site , not needed Power back , done" in page


def test_a_home_still_dark_reads_that_its_neighbours_have_power_and_finds_its_own_ticket(
        there: OutageWeb, web: httpx.Client) -> None:
    there.nest("a4")
    own = there.one(Ticket, Ticket.site_id == "a4")
    answer = web.get(there.page("a4"))
    page = read(answer)
    assert "Your neighbours have power again, your home does not yet" in page
    assert "We have opened a ticket for it, and you need not report it. See who comes to you" in page
    assert "Power back , done" not in page
    follow = there.address(there.one(Link, Link.subject_id == own.id))
    assert f'href="{follow}"' in answer.text
    assert own.id in read(web.get(follow))
    others = web.get(there.page("a0")).text
    assert follow not in others
    assert "See who comes to you" not in others
    there.back("a4")
    there.live(minutes=2)
    assert "The power cut in Lateral 9a is over" in read(web.get(there.page("a4")))


def test_a_revoked_ticket_page_is_not_offered(there: OutageWeb, web: httpx.Client) -> None:
    there.nest("a4")
    own = there.one(Link, Link.subject_id == there.one(Ticket, Ticket.site_id == "a4").id)
    there.change(Link, own.id, revoked_at=there.now)
    page = read(web.get(there.page("a4")))
    assert "See who comes to you" not in page
    assert "We see that, look after it, and write to you" in page


def test_a_home_that_can_no_longer_say_is_not_said_to_be_well(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    there.change(OutageMember, f"{there.latest.id}/a4", state="left", back_at=there.now)
    there.change(Outage, there.latest.id, state="restored", restored_at=there.now)
    page = read(web.get(there.page("a4")))
    assert "Nothing in yours can tell us whether it has power" in page
    assert "Back since" not in page


def test_a_customer_with_two_homes_reads_of_both_on_one_page(there: OutageWeb, web: httpx.Client) -> None:
    there.change(Site, "a1", customer_id="a0")
    there.cut()
    there.live(minutes=5)
    there.back("a1")
    there.live(minutes=1)
    page = read(web.get(there.page("a0")))
    assert "Your homes House a0 Dark since 12:00 today House a1 Back since 12:06 today" in page
    assert "Probably a power cut" in page


def test_who_presses_is_answered_with_the_page(there: OutageWeb, web: httpx.Client) -> None:
    there.cut(*LEFT, *RIGHT[:4])
    there.press("b4-button", "one")  # the area is out, this home is not
    there.wait(seconds=1)
    page = there.page("b4")
    assert page in there.texts("b4")[-1]
    told = read(web.get(page))
    assert "That is most likely a power cut." in told
    assert "press it: you are answered at once" in told
    assert "yours among them" not in told
    assert "Your home" not in told
    there.back(*LEFT, *RIGHT)
    there.live(minutes=2)
    assert "We can hear the homes there again." in read(web.get(page))


def test_the_page_of_a_call_that_the_outage_answered_leads_to_it(there: OutageWeb, web: httpx.Client) -> None:
    there.press("b4-button", "one")
    there.wait(seconds=1)
    there.cut(*LEFT, *RIGHT[:4])
    call = there.one(Callback)
    page = web.get(there.address(there.one(Link, Link.subject_id == call.id)))
    assert call.state == "answered"
    assert f'href="{there.page("b4")}"' in page.text
    assert "Probably a power cut We told you what we know" in read(page)
    assert "Probably a power cut in" in read(web.get(there.page("b4")))


@pytest.mark.slow
def test_every_state_of_the_outage_its_ticket_and_the_home_has_its_page(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    there.accept("Stefan Suter")
    outage, home = there.latest, f"{there.latest.id}/a0"
    members = (("affected", None), ("restored", there.now), ("nested", None), ("left", there.now))
    for state in ("confirmed", "restoring", "restored", "closed"):
        there.change(Outage, outage.id, state=state, restoring_at=there.now if state != "confirmed" else None)
        for member, back_at in members:
            there.change(OutageMember, home, state=member, back_at=back_at)
            for work in TicketState:
                there.change(Ticket, outage.ticket_id or "", state=work)
                assert "None" not in read(web.get(there.page("a0")))


def test_the_dispatcher_reads_outages_homes_and_what_happened(there: OutageWeb, web: httpx.Client) -> None:
    there.nest("a4")
    with there.gw.store.write() as session:
        web.headers["Authorization"] = f"Bearer {create_key(session, 'Dana', 'agent', there.now)}"
    [outage] = items(web.get("/api/v1/outages", params={"open": "true"}))
    assert (outage["name"], outage["homes"], outage["dark"], outage["state"]) == ("Lateral 9a", 5, 0, "restored")
    assert outage["why"]["since"].endswith("Z"), "every time is RFC 3339"
    homes = items(web.get(f"/api/v1/outages/{outage['id']}/members"))
    assert [(home["customer_name"], home["state"]) for home in homes] == [
        *((f"Family {home}", "restored") for home in LEFT[:4]), ("Family a4", "nested")]
    said = [entry["what"] for entry in items(web.get(f"/api/v1/outages/{outage['id']}/timeline"))]
    assert said[0] == "Suspected: 3 of 5 homes of Lateral 9a went dark together"
    assert "1 home is still dark for a reason of its own" in said
    assert said.index("Restoring: 4 of 5 homes are back") < said.index("Restored: 5 homes were out")


@pytest.mark.slow
def test_in_a_browser_the_page_turns_by_itself_when_the_home_is_back(
        store: Store, chromium: str, tmp_path: Path) -> None:
    there = outage_web(store)
    there.cut()
    with browser(chromium, tmp_path / "profile") as chrome:
        tab = chrome.tab()
        tab.open(there.base + there.page("a0"))
        assert "Probably a power cut" in tab.text()
        time.sleep(0.5)
        there.back("a0")
        there.wait(seconds=1)
        assert tab.wait("document.body.innerText.includes('We hear your home again')", 5) < 2
        assert "Probably a power cut" not in tab.text()
        assert tab.said == []  # nothing that the content security policy had to stop


def say_still_out(there: OutageWeb, home: str) -> None:
    """Somebody of that home is rung, and says that there is no power."""
    there.act(OpenCallback(home, "they asked", urgent=True))
    call = there.one(Callback, Callback.site_id == home)
    there.act(ConnectCallback(call.id))
    there.act(FinishCallback(call.id, "all dark", CallOutcome.STILL_OUT))


def test_a_home_that_is_dark_by_word_alone_reads_that_we_know_it_from_them(there: OutageWeb, web: httpx.Client) -> None:
    there.cut(*LEFT, *RIGHT[:4])
    say_still_out(there, "b4")
    there.wait(seconds=1)
    page = read(web.get(there.page("b4")))
    assert "you told us that your home has no power" in page
    assert "yours among them" not in page
    there.live(minutes=5)
    there.back(*LEFT, *RIGHT[:4])
    there.live(minutes=1)
    assert there.latest.state == "restoring"
    page = read(web.get(there.page("b4")))
    assert "At least half of the homes have it again. You told us that yours has none" in page
    assert "Yours is still dark: we see that" not in page


def test_nobody_is_said_to_have_come_to_an_outage_that_ended_by_itself_and_goes_on_for_one_home(
        there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    there.live(minutes=5)
    there.back(*LEFT)
    there.live(minutes=3)
    say_still_out(there, "a0")
    there.wait(seconds=1)
    assert there.latest.state == "restoring"
    links = there.all(Link, Link.subject_id == there.latest.id, Link.site_id == "a0")
    link = max(links, key=lambda row: row.created_at)
    page = read(web.get(there.address(link)))
    assert "assigned , not needed On the way , not needed On site , not needed Power back , now" in page
    assert "The work is finished" not in page
