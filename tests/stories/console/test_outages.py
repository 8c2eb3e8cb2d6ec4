"""The screens of outages: which there are, whom with priority needs, who has been told and who not, what an agent says,
and what can be done."""

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from sqlmodel import Session

from gateway.model import (
    Audit,
    Callback,
    MaintenanceWindow,
    MemberState,
    Notification,
    Outage,
    OutageKind,
    OutageState,
    Role,
    Site,
)
from gateway.notifications.channels import NotSent, Outcome
from gateway.store import Store
from gateway.store.views.console.outage_page import Homes, failed_messages, outage_facts, outage_list
from tests.drivers.query_plans import scans, statements
from tests.drivers.web_driver import Console, read
from tests.fixtures.outage_console import OutageConsole, outage_console
from tests.fixtures.outage_fleet import LEFT

pytestmark = pytest.mark.slow
LIST = "/console/outages"
GROWS = ("outage", "outage_member", "site", "customer", "person", "person_site", "notification", "callback", "ticket",
         "visit", "promise", "entry", "maintenance_window")
SMALL = ("outage_open", "ix_outage_began_at")  # the second gives ended ones in their order, as many as are shown


@pytest.fixture
def quarter(both_stores: Store) -> Iterator[OutageConsole]:
    there = outage_console(both_stores)
    yield there
    for browser in there.browsers:
        browser.web.close()


def refuse(address: str, message: object, ref: str) -> Outcome:
    return NotSent(True, "no such mailbox")


def cut_without_mail(quarter: OutageConsole) -> None:
    """The whole Bachweg is dark, and nobody's mail arrives; then it would."""
    good = quarter.gw.channels
    quarter.gw.channels = {name: channel._replace(send=refuse) for name, channel in good.items()}
    quarter.cut()
    quarter.gw.channels = good
    quarter.wait(seconds=1)


def of(quarter: OutageConsole, query: str = "") -> str:
    return f"{LIST}/{quarter.outage.id}{query}"


def card(answer: httpx.Response, key: str) -> str:
    """The words of one card."""
    found = re.search(rf'(?s)<section class="card[^"]*"[^>]*(?:id="{key}"|aria-labelledby="{key}-title").*?</section>',
                      answer.text)
    assert found is not None, f"{key}: {read(answer)}"
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


def post(browser: Console, path: str, **fields: str) -> httpx.Response:
    """Without going on to where it leads."""
    return browser.web.post(path, data={"csrf": browser.csrf, **fields})


def test_when_nothing_is_out(quarter: OutageConsole) -> None:
    dana = quarter.console()
    assert "No outage is known: every home reports as it should." in read(dana.get(LIST))
    assert "None has ended yet." in read(dana.get(f"{LIST}?show=ended"))
    assert dana.get(f"{LIST}/O-00000000").status_code == 404


def test_the_list_says_of_each_where_since_when_how_many_and_who_was_told(quarter: OutageConsole) -> None:
    quarter.cut()
    quarter.live(minutes=5)
    shown = read(quarter.console().get(LIST))
    for words in ("Open 1 Ended", "Confirmed Lateral 9a Power line · Feeder 9", "12:00 today 5 min", "5 of 5",
                  "2 homes", "5 told", "No estimate"):
        assert words in shown, words
    assert "not reached" not in shown


def test_those_that_are_over_are_behind_a_filter_whose_state_is_in_the_address(quarter: OutageConsole) -> None:
    quarter.cut()
    quarter.live(minutes=10)
    quarter.back(*LEFT)
    quarter.live(minutes=90, step=4)
    dana = quarter.console()
    assert "Lateral 9a" not in read(dana.get(LIST))
    ended = read(dana.get(f"{LIST}?show=ended"))
    assert "Over Lateral 9a" in ended
    assert "lasted" in ended
    assert "Lateral 9a" in read(dana.get(f"{LIST}?show=ended&kind=feeder"))
    assert "None of these." in read(dana.get(f"{LIST}?show=ended&kind=place"))
    assert "Lateral 9a" in read(dana.get(f"{LIST}?show=ended&kind=nonsense")), "what is no kind is every kind"
    assert dana.get(f"{LIST}?show=ended&cursor=nonsense").status_code == 422
    page = read(dana.get(of(quarter)))
    assert "Say what they read" in page, "what they read last"
    assert quarter.texts("a0")[-1].removeprefix("Hello Family a0, ").partition(" See ")[0][:60] in page
    for act in ("Do not promise", "Save an answer", "Announce work", "I see to it"):
        assert act not in page, act


def test_one_outage_has_the_words_that_customers_read_in_their_languages(quarter: OutageConsole) -> None:
    quarter.cut()
    dana = quarter.console()
    page = read(dana.get(of(quarter)))
    sent = quarter.texts("a0")[0].removeprefix("Hello Family a0, ").partition(" See where things stand:")[0]
    assert f"Say what they read English {sent}" in page, "word for word"
    assert "wir haben im selben Moment den Kontakt zu rund 5 Haushalten in Lateral 9a verloren" in page
    assert "Their page says" in page
    call = read(dana.get("/console/call?site=a0"))
    for sentence in ("there is no estimate", "whoever works on it works for all"):
        assert sentence in page, "what must not be promised"
        assert sentence in call, "the same on the page of a call"
    assert "depend" not in page.partition("Priority needs")[0], "what a household needs is not for every caller"


def test_who_has_to_be_thought_of_first_and_how_each_home_fares(quarter: OutageConsole) -> None:
    quarter.come_back_but("a3")
    dana = quarter.console()
    page = dana.get(of(quarter))
    assert "Family a3" in card(page, "first")
    assert "Family a1" not in card(page, "first"), "they are back"
    assert "Dark: own fault" in card(page, "homes")
    assert "Family a0" not in card(page, "homes")
    back = card(dana.get(of(quarter, "?homes=back")), "homes")
    for home in ("a0", "a1", "a2", "a4"):
        assert f"Family {home}" in back
    assert "None of these." in card(dana.get(of(quarter, "?homes=not_told")), "homes")
    assert "Family a3" in card(dana.get(of(quarter, "?homes=nested")), "homes")
    assert "Family a4" in card(dana.get(of(quarter, "?homes=all")), "homes")
    assert quarter.members(MemberState.NESTED) == {"a3"}


def test_a_map_of_the_homes_whose_position_is_known(quarter: OutageConsole) -> None:
    dana = quarter.console()
    quarter.cut()
    assert "homes-map" not in dana.get(of(quarter)).text
    for number, home in enumerate(LEFT[:3]):
        quarter.change(quarter.one(Site, Site.id == home), lat=47.37 + number / 1000, lon=8.54 + number / 900)
    page = dana.get(of(quarter)).text
    assert 'aria-label="Where 3 of its 5 homes are' in page
    dots = re.search(r'class="dots dark" d="([^"]+)"', page)
    assert dots is not None
    assert dots[1].count("M") == 3
    assert re.search(r"<text[^>]*>\d+ m</text>", page), "how far that is"


def test_who_was_not_reached_and_why_is_sent_again_one_or_all(quarter: OutageConsole) -> None:
    cut_without_mail(quarter)
    dana = quarter.console()
    assert "5 not reached" in read(dana.get(LIST))
    page = dana.get(of(quarter))
    told = card(page, "told")
    for words in ("Send all 5 again", "Family a0 Power cut", "Send again to Family a1"):
        assert words in told, words
    row = quarter.one(Notification, Notification.recipient_id == "a0", Notification.topic == "outage")
    gone = post(dana, "/console/messages/send-again", message=row.id, back=of(quarter))
    assert (gone.status_code, gone.headers["location"]) == (303, of(quarter))
    quarter.wait(seconds=1)
    assert len(quarter.texts("a0")) == 1
    assert post(dana, "/console/messages/send-again", message=row.id).status_code == 409, "it has arrived"
    assert post(dana, "/console/messages/send-again", message="N-0").status_code == 404
    assert "4 messages are on the way again." in read(dana.post(f"{of(quarter)}/send-again"))
    quarter.wait(seconds=1)
    assert [len(quarter.texts(home)) for home in LEFT] == [1] * 5
    assert [line.object_kind for line in quarter.all(Audit) if line.action == "send_again"] == ["notification"] * 5
    assert "not reached" not in read(dana.get(LIST))


def test_a_message_that_did_not_arrive_is_sent_again_from_now(quarter: OutageConsole) -> None:
    cut_without_mail(quarter)
    dana, andrea = quarter.console(), quarter.console("auditor", "Andrea Ott")
    shown = dana.get("/console").text
    row = re.search(r'name="message" value="(N-\w+)" form="send-again"', shown)
    assert row is not None
    assert 'form="send-again"' not in andrea.get("/console").text, "an auditor only looks"
    assert andrea.post("/console/messages/send-again", message=row[1]).status_code == 403
    gone = post(dana, "/console/messages/send-again", message=row[1], back="https://elsewhere.example.com")
    assert gone.headers["location"] == "/console"
    quarter.wait(seconds=1)
    assert f'value="{row[1]}"' not in dana.get("/console").text


def test_what_waits_behind_it_and_what_can_be_done(quarter: OutageConsole) -> None:
    quarter.cut()
    callback = quarter.one(Callback, Callback.site_id == "a2", Callback.origin == "outage")
    dana, andrea = quarter.console(), quarter.console("auditor", "Andrea Ott")
    waits = card(dana.get(of(quarter)), "waits")
    ticket = quarter.outage.ticket_id
    assert ticket is not None
    for words in (ticket, "Nobody has taken it", callback.id, "Family a2", "Confirmed until"):
        assert words in waits, words
    assert "Ask the firms again" not in waits, "one is being asked"
    for act in ("Add a note", "Announce work", "Save an answer"):
        assert act not in read(andrea.get(of(quarter))), act
    assert andrea.post(f"{of(quarter)}/ticket", act="note", note="No").status_code == 403

    noted = read(dana.post(f"{of(quarter)}/ticket", act="note", note="The network operator digs in Bachweg."))
    assert "Lateral 9a" in noted
    assert "Note: The network operator digs in Bachweg." in quarter.timeline(ticket)
    assert "Write the note first." in read(post(dana, f"{of(quarter)}/ticket", act="note", note=" "), 422)
    assert post(dana, f"{of(quarter)}/ticket", act="ask_again").status_code == 409
    assert post(dana, f"{of(quarter)}/ticket", act="close").status_code == 404
    assert [line.action for line in quarter.all(Audit) if line.object_id == ticket] == ["add_note"]


def test_work_is_announced_to_everybody_in_its_area(quarter: OutageConsole) -> None:
    quarter.cut()
    dana = quarter.console()
    window = {"work_from": "2026-11-23T14:00", "work_until": "2026-11-23T16:00"}
    early = post(dana, f"{of(quarter)}/work", work_from="2026-11-23T16:00", work_until="2026-11-23T14:00",
                 **{"why-en": "A new cable"})
    assert early.status_code == 409
    assert 'value="A new cable"' in early.text, "what was typed stays"
    assert "two dates and times" in read(post(dana, f"{of(quarter)}/work", work_from="soon"), 422)
    shown = read(dana.post(f"{of(quarter)}/work", **window, **{"why-en": "A new cable", "why-de": "Ein neues Kabel"}))
    assert "A new cable" in shown
    row = quarter.one(MaintenanceWindow)
    assert (row.area_id, row.words) == ("feeder-9a", {"en": "A new cable", "de": "Ein neues Kabel"})
    quarter.wait(minutes=1)
    assert any("Ein neues Kabel" in text for text in quarter.texts("a1"))
    assert quarter.all(Audit)[-1].action == "plan_maintenance"


def test_a_power_cut_that_was_none_is_called_off_and_whoever_was_told_of_it_is_told_so(quarter: OutageConsole) -> None:
    quarter.cut()
    outage = quarter.outage.id
    dana, path = quarter.console(), of(quarter, "/call-off")
    assert "No power cut after all?" in read(dana.get(of(quarter)))
    for _ in range(2):  # the same tap twice
        shown = read(dana.post(path))
        assert "there was no power cut" in shown
        assert "No power cut after all?" not in shown
    quarter.wait(minutes=1)
    assert {row.recipient_id for row in quarter.all(Notification, Notification.topic == "outage_false")} == set(LEFT)
    assert [line.action for line in quarter.all(Audit) if line.object_id == outage] == ["call_off_outage"]


def test_a_suspicion_is_shown_as_one(quarter: OutageConsole) -> None:
    quarter.lose("a0", "a1", "a2", seconds=.5)
    assert quarter.outage.state == "suspected"
    dana = quarter.console()
    shown = read(dana.get(LIST))
    assert "Suspected Lateral 9a" in shown
    assert "Not yet" in shown
    page = read(dana.get(of(quarter)))
    assert "That it is a power cut: nobody knows yet" in page
    assert "Save an answer" not in page


def test_a_fault_of_our_own_is_nobodys_business_but_ours(quarter: OutageConsole) -> None:
    quarter.add(Outage(id="O-OURS0000", key="!unheard", kind=OutageKind.GATEWAY, state=OutageState.CONFIRMED,
                       began_at=quarter.now, last_at=quarter.now, suspected_at=quarter.now, homes=20, dark=20))
    dana = quarter.console()
    assert "The gateway itself" in read(dana.get(LIST))
    page = read(dana.get(f"{LIST}/O-OURS0000"))
    assert "Customers are not told" in page
    assert "Say what they read" not in page


@pytest.mark.parametrize("role", [Role.AGENT, Role.DISPATCHER, Role.OPERATOR, Role.AUDITOR])
def test_everybody_who_may_look_sees_them(quarter: OutageConsole, role: Role) -> None:
    quarter.cut()
    browser = quarter.console(role)
    assert browser.get(LIST).status_code == browser.get(of(quarter)).status_code == 200


def test_no_question_reads_a_growing_table_from_end_to_end(quarter: OutageConsole) -> None:
    cut_without_mail(quarter)
    outage = quarter.outage.id
    store = quarter.gw.store
    questions: list[Callable[[Session], object]] = [
        lambda session: outage_list(session, False, [], None, 30),
        lambda session: outage_list(session, True, [], None, 30),
        lambda session: failed_messages(session, outage, 20),
        *(lambda session, homes=homes: outage_facts(session, outage, homes, None) for homes in Homes)]
    assert [scans(store, one, GROWS, SMALL) for one in questions] == [[]] * len(questions)
    assert len(statements(store, lambda session: outage_facts(session, outage, Homes.DARK, None))) < 35
