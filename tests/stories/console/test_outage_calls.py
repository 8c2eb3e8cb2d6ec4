"""Three people call during a power cut: each hears the truth about it, and more only who has shown who they are."""

import re
from collections.abc import Iterator

import httpx
import pytest

from gateway.flow.housekeeping import forget
from gateway.model import DAY, Audit, AuditOutcome, Callback, SavedAnswer, Ticket
from gateway.store import Store
from gateway.tickets.actions import OpenCallback
from tests.drivers.web_driver import Console, read
from tests.fixtures.outage_console import OutageConsole, outage_console

pytestmark = pytest.mark.slow
CALL, ANSWERS = "/console/call", "/console/answers"


@pytest.fixture
def quarter(both_stores: Store) -> Iterator[OutageConsole]:
    there = outage_console(both_stores)
    yield there
    for browser in there.browsers:
        browser.web.close()


def warning(answer: httpx.Response) -> str:
    found = re.search(r'(?s)<p class="wrong" role="alert">(.*?)</p>', answer.text)
    return found[1] if found is not None else ""


def post(browser: Console, path: str, **fields: str) -> httpx.Response:
    """Without going on to where it leads."""
    return browser.web.post(path, data={"csrf": browser.csrf, **fields})


def save(browser: Console, quarter: OutageConsole, **words: str) -> None:
    """An answer for the next agent and the customers' page, by language."""
    browser.post(ANSWERS, back=f"{CALL}?site=a0", about=f"outage/{quarter.outage.id}", for_page="true",
                 **{f"words-{locale}": text for locale, text in words.items()})


def withdraw(browser: Console, answer: SavedAnswer) -> httpx.Response:
    return browser.follow(post(browser, f"{ANSWERS}/withdraw", back=f"{CALL}?site=a0", answer=answer.id))


def test_three_calls(quarter: OutageConsole) -> None:
    quarter.cut()
    outage = quarter.outage
    dana, erik = quarter.console(), quarter.console(name="Erik Vogt")

    # the first will not say who they are: they hear of the power cut, in the words that were written to that home
    which = read(dana.get(f"{CALL}?q=Bachweg"))
    assert "Which home?" in which
    assert "Family" not in which
    first = dana.get(f"{CALL}?q=bachweg 1")
    shown = read(first)
    assert "Bachweg 1, 8001 Dorf" in shown
    assert "Confirmed Lateral 9a" in shown
    read_by_them = quarter.texts("a0")[0].removeprefix("Hello Family a0, ").partition(" See where things stand:")[0]
    assert f"Say what they read English {read_by_them}" in shown, "word for word"
    assert "Their page says" in shown
    assert "Do not promise" in shown
    assert "there is no estimate" in shown
    assert "This home: Told: power cut 12:00 today" in shown
    assert "Told: power cut: 5 households" in shown
    assert "Family a0" not in shown
    assert "T-" not in shown, "no ticket"

    # the second reads German, and shows who they are
    shown = read(dana.get(f"{CALL}?site=a1"))
    assert "Deutsch" in shown
    assert "wir haben im selben Moment den Kontakt zu rund 5 Haushalten in Lateral 9a verloren" in shown
    assert "Notrufknopf" not in shown, "that they depend on one is theirs alone"
    assert "Anna" not in shown
    name_only = warning(post(dana, f"{CALL}/verify", site="a1", name="Anna"))
    assert name_only == "Ask for one more thing: many people may know the name."
    assert warning(post(dana, f"{CALL}/verify", site="a1", name="Berta", postcode="8001")) == "The name does not match."
    let_in = post(dana, f"{CALL}/verify", site="a1", name="anna", postcode="8001")
    assert (let_in.status_code, let_in.headers["location"]) == (303, "/console/customers/a1")
    tries = [(line.outcome, line.object_id) for line in quarter.all(Audit) if line.action == "verify_caller"]
    assert tries == [(AuditOutcome.DENIED, "a1")] * 2 + [(AuditOutcome.DONE, "a1")]

    # what the first agent has found out, the next one says too, and the page
    save(dana, quarter, en="A digger has hit the cable in Bachweg.", de="Ein Bagger hat das Kabel getroffen.")
    third = read(erik.get(f"{CALL}?q=bachweg 3"))
    assert "What others have said" in third
    assert "A digger has hit the cable in Bachweg." in third
    assert "Dana Meier" in third
    assert "On the customers’ page" in third
    with quarter.client() as web:
        assert "A digger has hit the cable in Bachweg." in read(web.get(quarter.outage_page("a0")))
        assert "Ein Bagger hat das Kabel getroffen." in read(web.get(quarter.outage_page("a1")))
    assert "Answer for callers: A digger has hit the cable in Bachweg." in quarter.timeline(outage.id)


def test_an_answer_is_withdrawn_by_whoever_gave_it_or_a_dispatcher(quarter: OutageConsole) -> None:
    quarter.cut()
    dana, erik = quarter.console(), quarter.console(name="Erik Vogt")
    carla = quarter.console("dispatcher", "Carla Roth")
    for words in ("A digger", "A storm"):
        save(dana, quarter, en=words)
    first, second = sorted(quarter.all(SavedAnswer), key=lambda row: row.words["en"])
    assert "Withdraw" not in read(erik.get(f"{CALL}?site=a0"))
    assert withdraw(erik, first).status_code == 403
    assert "A digger" not in read(withdraw(carla, first))
    assert "What others have said" not in read(withdraw(dana, second))
    with quarter.client() as web:
        assert "A digger" not in read(web.get(quarter.outage_page("a0")))


def test_an_answer_ends_with_the_outage(quarter: OutageConsole) -> None:
    quarter.cut()
    dana = quarter.console()
    page = quarter.outage_page("a0")
    save(dana, quarter, en="A digger")
    quarter.live(minutes=10)
    quarter.back("a0", "a1", "a2", "a3", "a4")
    quarter.live(minutes=12)
    assert "A digger" not in read(dana.get(f"{CALL}?site=a0"))
    with quarter.client() as web:
        assert "A digger" not in read(web.get(page))
    quarter.live(minutes=60, step=4)
    assert quarter.outage.closed_at is not None
    later = quarter.console(name="Erik Vogt")
    late = post(later, ANSWERS, back=f"{CALL}?site=a0", about=f"outage/{quarter.outage.id}", **{"words-en": "A storm"})
    assert late.status_code == 409
    assert "closed" in read(late, 409)


def test_a_suspicion_is_not_told_as_a_power_cut(quarter: OutageConsole) -> None:
    quarter.lose("a0", "a1", "a2", seconds=.5)
    assert quarter.outage.state == "suspected"
    shown = read(quarter.console().get(f"{CALL}?site=a0"))
    assert "do not call it a power cut yet" in shown
    assert "That it is a power cut: nobody knows yet" in shown
    assert "Their page says" not in shown
    assert "Save an answer" not in shown


def test_where_nothing_is_out(quarter: OutageConsole) -> None:
    dana = quarter.console()
    shown = read(dana.get(f"{CALL}?q=seeblick 7"))
    assert "Seeblick 7" in shown
    assert "Do not promise" not in shown
    assert "Who is it?" in shown
    assert "No home is known there" in read(dana.get(f"{CALL}?q=nirgendwo"))
    assert dana.get(f"{CALL}?site=nowhere").status_code == 404


def test_what_a_household_needs_is_not_told_to_whoever_calls(quarter: OutageConsole) -> None:
    quarter.cut()
    shown = read(quarter.console().get(f"{CALL}?site=a3"))
    assert "Paul" not in shown
    for need in ("depend", "we ring you", "emergency button"):
        assert need not in shown.lower(), need


def test_an_emergency_call_during_an_outage_is_taken_first(quarter: OutageConsole) -> None:
    quarter.cut()
    quarter.press("a2-sos", "one")
    dana = quarter.console()
    now = read(dana.get("/console"))
    assert "Calls for help 1" in now
    assert "Outages 1 Lateral 9a 5 of 5 homes" in now
    first = re.search(r'data-href="(/console/callbacks/C-\w+)"', dana.get("/console/callbacks").text)
    assert first is not None
    page = read(dana.get(first[1]))
    for known in ("Call for help", "Do you need help", "power cut"):
        assert known.lower() in page.lower(), known
    dana.post(first[1], act="attempt", person="Family a2")
    dana.post(first[1], act="finish", outcome="help_sent", note="The neighbour is with her")
    assert "Calls for help" not in read(dana.get("/console"))


def test_an_answer_about_a_ticket_is_there_for_whoever_rings_next(quarter: OutageConsole) -> None:
    quarter.receive("devices/c3-pump/fault", {"code": "E7", "active": True})
    quarter.act(OpenCallback("c3", "Asks when somebody comes"), "agent")
    ticket, callback = quarter.one(Ticket), quarter.one(Callback)
    dana, erik = quarter.console(), quarter.console(name="Erik Vogt")
    path = f"/console/callbacks/{callback.id}"
    words = {"words-en": "The part comes on Thursday."}
    said = read(dana.post(ANSWERS, back=path, about=f"ticket/{ticket.id}", **words))
    assert f"The part comes on Thursday. {ticket.id} · Dana Meier" in said
    assert "The part comes on Thursday." in read(erik.get(path))
    nothing = post(dana, ANSWERS, back=path, about=f"ticket/{ticket.id}")
    assert "Write what callers are told" in read(nothing, 422)
    assert post(dana, ANSWERS, back=path, about="site/c3", **{"words-en": "No"}).status_code == 404


def test_answers_are_not_kept_for_ever(quarter: OutageConsole) -> None:
    quarter.cut()
    save(quarter.console(), quarter, en="A digger")
    forget(quarter.gw, quarter.now + 89 * DAY)
    assert len(quarter.all(SavedAnswer)) == 1
    forget(quarter.gw, quarter.now + 91 * DAY)
    assert quarter.all(SavedAnswer) == []
