"""Every page that people hold in their hand, in every state, on a phone and on a desk, light and dark: nobody is shut
out, nothing scrolls sideways, a keyboard reaches everything, and a screen reader reads it in a sensible order."""

from datetime import timedelta

import pytest

from gateway.config.settings import Branding
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    CallOutcome,
    Cover,
    Customer,
    Device,
    IncompleteReason,
    Offer,
    Price,
    Provider,
    Site,
    Survey,
    Ticket,
    Visit,
    VisitOutcome,
    local,
)
from gateway.store import Store
from gateway.tickets.actions import (
    Arrive,
    AttemptCallback,
    CancelCallback,
    CancelTicket,
    ConnectCallback,
    Depart,
    Finish,
    FinishCallback,
    MissCallback,
    OpenCallback,
    ProposeWindow,
    ReportDelay,
)
from tests.drivers.browser import Browser
from tests.drivers.fault_finder import tell
from tests.drivers.onlooker import PHONE, Onlooker
from tests.drivers.outage_web import outage_web
from tests.drivers.story import begin
from tests.drivers.web_driver import ROUND_THE_CLOCK, WebStory, web_story
from tests.fixtures.on_call_team import TEAM
from tests.fixtures.outage_fleet import LEFT
from tests.fixtures.web import serve
from tests.stories.test_page_dispatch import nobody_takes_it, page_of
from tests.stories.test_survey import is_repaired

pytestmark = pytest.mark.slow
KARIN = "technician Karin Kunz"
LONG = "Wärmepumpenwarmwasserspeichertemperaturfühlerverlängerungskabel"  # 63 letters, and nowhere to break


@pytest.fixture
def there(store: Store) -> WebStory:
    """Everything has a name that no designer would choose, and a colour that nobody could read as it is."""
    there = web_story(store, callback_hours=ROUND_THE_CLOCK, survey=True)
    for table, row_id, named in ((Customer, "alice", {"name": f"Alice {LONG}"}), (Device, "alice-pump", {"name": LONG}),
                                 (Site, "alice-home", {"street": f"{LONG} 1", "town": LONG, "access": f"{LONG} " * 3}),
                                 (Provider, "kunz", {"name": f"Kunz {LONG}"})):
        there.change(there.one(table, table.id == row_id), **named)
    branding = Branding(colour="#ffcc00", imprint="https://wiesental.example/imprint",
                        privacy="https://wiesental.example/privacy")
    there.gw.settings = there.gw.settings.model_copy(update={
        "branding": branding, "service": there.gw.settings.service.model_copy(update={"name": f"Service {LONG}"})})
    there.base = serve(there.gw, there.clock, lambda: there.health)
    return there


@pytest.fixture
def eyes(there: WebStory, chrome: Browser) -> Onlooker:
    return Onlooker(there, chrome)


def nothing_is_wrong(eyes: Onlooker) -> None:
    assert eyes.wrong == {}, tell(eyes.wrong)


def local_time(there: WebStory, hours: int) -> str:
    """As a form sends it."""
    return (local(there.now, "Europe/Zurich") + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M")


def test_from_the_fault_until_it_is_fixed(there: WebStory, eyes: Onlooker) -> None:
    """Customer, provider and technician, one step after the other."""
    there.measure()
    ticket = there.break_down()
    follow, offer = there.follow(ticket), there.offer(ticket)
    there.wait()
    eyes.opens("customer: offered", follow)
    eyes.opens("customer: change", f"{follow}/change")
    eyes.sends("customer: change without a word", f"{follow}/change", act="call", about="")
    eyes.sends("customer: change too late", f"{follow}/change", act="not_needed", why=LONG)
    eyes.sends("customer: a call is promised", f"{follow}/change", act="call", about=LONG)
    eyes.opens("offer: open", offer)
    eyes.sends("offer: no window", offer, act="accept", technician=f"Karin {LONG[:60]}", window="")
    eyes.sends("offer: far window", offer, act="accept", technician="Karin Kunz", window="other",
               window_from=local_time(there, 24 * 20), window_until=local_time(there, 24 * 20 + 2))
    there.accept(f"Karin {LONG[:60]}")
    visit = there.visit(ticket)
    row = there.one(Visit)
    eyes.opens("customer: assigned", follow)
    eyes.opens("visit: planned", visit)
    eyes.sends("visit: bad window", visit, act="window", window_from="", window_until="")
    there.act(Depart(row.id, 20), KARIN)
    eyes.opens("customer: on the way", follow)
    eyes.opens("visit: on the way", visit)
    there.now += 4 * HOUR + MINUTE
    eyes.opens("customer: late", follow)
    there.act(ReportDelay(row.id, 60), KARIN)
    eyes.opens("customer: late and told", follow)
    there.act(Arrive(row.id), KARIN)
    eyes.opens("customer: here", follow)
    eyes.opens("visit: here", visit)
    eyes.sends("visit: done without a word", visit, act="finish", outcome="complete", note=" ")
    there.act(Finish(row.id, f"{LONG} {LONG}", used=(LONG,), undoable=True), KARIN)
    eyes.opens("visit: how it ended, may be taken back", visit)
    there.wait(minutes=2)
    eyes.opens("customer: done, watching", follow)
    eyes.opens("visit: done", visit)
    there.receive("devices/alice-pump/fault", {"code": "E7", "active": False})
    eyes.opens("customer: fixed", follow)
    eyes.opens("customer: not fixed?", f"{follow}/change")
    there.wait(minutes=20)
    there.now += 2 * HOUR
    eyes.opens("customer: closed", follow)
    eyes.opens("visit: over", visit)
    eyes.opens("dead link", "/f/nonsense")
    eyes.opens("welcome", "/")
    nothing_is_wrong(eyes)


def test_how_it_went(store: Store, chrome: Browser) -> None:
    there = web_story(store, survey=True)
    eyes = Onlooker(there, chrome)
    ticket = is_repaired(there)
    page = there.link("survey", ticket)
    eyes.opens("survey: the device shows that it works", page)
    there.change(there.one(Survey), proven=False)
    eyes.opens("survey: nobody knows whether it works", page)
    eyes.sends("survey: nothing said", page)
    eyes.sends("survey: answered", page, works="no", ease="1", care="1", words=LONG)
    eyes.opens("survey: sorry", page)
    there.change(there.one(Survey), works=True)
    eyes.opens("survey: thanks", page)
    eyes.opens("customer: closed and reopened", there.follow(ticket))
    nothing_is_wrong(eyes)


def test_visits_that_go_otherwise(there: WebStory, eyes: Onlooker) -> None:
    ticket = there.break_down()
    follow = there.follow(ticket)
    there.accept()
    first = there.one(Visit)
    there.act(ProposeWindow(first.id, there.now + DAY, there.now + DAY + 2 * HOUR), KARIN)
    there.wait()
    eyes.opens("customer: another window", follow)
    there.act(Arrive(first.id), KARIN)
    there.act(Finish(first.id, LONG, VisitOutcome.INCOMPLETE, IncompleteReason.PART_MISSING, (LONG,),
                     there.now + 2 * DAY), KARIN)
    there.wait()
    eyes.opens("customer: a part is missing", follow)
    there.act(CancelTicket(ticket.id, "sold"))
    eyes.opens("customer: cancelled", follow)

    there.says("bob-pump", flow_temp=80.0)
    gone = there.one(Ticket, Ticket.device_id == "bob-pump")
    there.accept()
    page = there.follow(gone)
    there.says("bob-pump", flow_temp=40.0)
    there.wait()
    eyes.opens("customer: still needed?", page)
    visit = there.one(Visit, Visit.ticket_id == gone.id)
    eyes.opens("visit: still needed?", there.link("visit", visit))
    there.act(CancelTicket(gone.id, "sold"))
    eyes.opens("visit: called off", there.link("visit", visit))

    there.change(there.one(Device, Device.id == "charlie-pump"), cover=Cover.CALL_OUT_PRICE,
                 call_out_price=Price("95.00", "EUR"))
    there.says("charlie-pump", flow_temp=80.0)
    there.wait()
    asked = there.one(Ticket, Ticket.device_id == "charlie-pump")
    eyes.opens("customer: price question", there.follow(asked))
    there.says("charlie-pump", flow_temp=40.0)
    there.wait()
    eyes.opens("customer: gone by itself", there.follow(asked))
    nothing_is_wrong(eyes)


def test_calls(there: WebStory, eyes: Onlooker) -> None:
    promised = there.call_for_help(kind="long")
    page = there.follow(promised)
    eyes.opens("call: promised", page)
    there.act(AttemptCallback(promised.id), "agent Dana")
    eyes.opens("call: tried", page)
    there.now += 20 * MINUTE
    there.act(MissCallback(promised.id), "agent Dana")
    eyes.opens("call: late", page)
    there.act(ConnectCallback(promised.id), "agent Dana")
    there.act(FinishCallback(promised.id, LONG, CallOutcome.INFORMED), "agent Dana")
    eyes.opens("call: done", page)
    there.act(OpenCallback("charlie-home", LONG))
    other = next(one for one in there.callbacks if one.site_id == "charlie-home")
    there.act(CancelCallback(other.id, "they rang"))
    eyes.opens("call: called off", there.follow(other))
    nothing_is_wrong(eyes)


def test_a_power_cut(store: Store, chrome: Browser) -> None:
    there = outage_web(store)
    eyes = Onlooker(there, chrome)
    there.with_history()
    there.cut()
    page = there.page("a0")
    eyes.opens("outage: dark", page)
    eyes.opens("outage: dark, in German", there.page("a1"))
    there.live(minutes=120, step=4)
    eyes.opens("outage: longer than estimated", page)
    there.back(*LEFT[1:])
    there.live(minutes=12)
    eyes.opens("outage: the neighbours have power", page)
    there.back(*LEFT)
    there.live(minutes=30, step=4)
    eyes.opens("outage: over", page)
    nothing_is_wrong(eyes)


def test_whoever_is_on_call(store: Store, chrome: Browser) -> None:
    there = WebStory(**vars(begin(store, on_call=TEAM, name="Wiesental Service", country="CH")))
    there.base = serve(there.gw, there.clock, lambda: there.health)
    eyes = Onlooker(there, chrome)
    ticket = nobody_takes_it(there)
    page = page_of(there, ticket)
    eyes.opens("on call: nobody has it", page)
    eyes.sends("on call: seen to", page, act="acknowledge")
    there.act(CancelTicket(ticket.id, "sold"))
    eyes.opens("on call: over", page)
    declined = there.all(Offer)[0]
    eyes.opens("offer: declined", there.link("offer", declined))
    nothing_is_wrong(eyes)


# --- the keyboard, and what is read aloud


def test_a_keyboard_reaches_every_control_and_shows_where_it_is(there: WebStory, eyes: Onlooker) -> None:
    ticket = there.break_down()
    pages = {"change": f"{there.follow(ticket)}/change", "follow": there.follow(ticket)}
    there.accept()
    there.act(Depart(there.one(Visit).id, 20), KARIN)
    pages["visit"] = there.visit(ticket)
    pages["offer"] = there.offer(there.break_down("bob-pump"))
    for name, path in pages.items():
        eyes.seat.look_at(*PHONE)
        eyes.seat.open(path)
        eyes.tab.run("Array.from(document.querySelectorAll('main details')).forEach(one => { one.open = true; })")
        stops = eyes.tabs_through()
        hidden = [one["name"] for one in stops if not one["shown"]]
        assert not hidden, f"{name}: nobody sees that {hidden} has the focus"
        controls = eyes.tab.run(
            "Array.from(document.querySelectorAll('a[href], button, input:not([type=hidden]), textarea, select, "
            "summary')).filter(one => one.checkVisibility({visibilityProperty: true}) && !one.disabled"
            " && !(one.type === 'radio' && !one.checked)).length")
        dates = sum(one["kind"] in ("date", "datetime-local") for one in stops)
        fields = len({(one["name"], one["kind"]) for one in stops if one["kind"] in ("date", "datetime-local")})
        assert len(stops) - dates + fields >= controls, (name, controls, [one["name"] for one in stops])


def test_the_status_list_is_read_with_the_words_that_colours_show(store: Store, chrome: Browser) -> None:
    there = web_story(store, callback_hours=ROUND_THE_CLOCK)
    eyes = Onlooker(there, chrome)
    ticket = there.break_down()
    there.accept()
    eyes.seat.open(there.follow(ticket))
    read = eyes.reads_aloud("ol.steps")
    assert read[0] == "list"
    said = "".join(one.removeprefix("StaticText: ") for one in read if one.startswith("StaticText"))
    assert said == ("Noticed, doneFirm asked, doneTechnician assigned, nowOn the way, to comeOn site, to comeFixed"
                    ", to come")
    assert [one for one in read if one == "listitem"] == ["listitem"] * 6


def test_the_pages_are_read_from_what_matters_to_what_can_be_done(store: Store, chrome: Browser) -> None:
    there = web_story(store, callback_hours=ROUND_THE_CLOCK)
    eyes = Onlooker(there, chrome)
    ticket = there.break_down()

    def headings(path: str) -> list[str]:
        eyes.seat.open(path)
        return [one.removeprefix("heading: ") for one in eyes.reads_aloud("body") if one.startswith("heading")]

    follow = headings(there.follow(ticket))
    assert follow[0] == "We are asking a local firm"
    assert follow[-1] == "What has happened so far"
    eyes.seat.open(f"{there.follow(ticket)}/change")
    [*form] = eyes.reads_aloud("form:has([value=call])")
    named = [one for one in form if one.startswith(("heading", "textbox", "button"))]
    assert [one.partition(":")[0] for one in named] == ["heading", "textbox", "button"]
    assert all(": " in one for one in named), f"a control without a name: {named}"
    eyes.seat.open(there.offer(ticket))
    offer = eyes.reads_aloud("main form")
    kinds = [one.partition(":")[0] for one in offer if one.startswith(("combobox", "group", "radio", "button"))]
    assert kinds[0] == "combobox", "first who goes"
    assert kinds[1:3] == ["group", "radio"], "then the windows, as a group with a name"
    assert kinds[-1] == "button"
    assert not [one for one in offer if one in ("combobox", "group", "radio", "button", "textbox")], "all have names"
