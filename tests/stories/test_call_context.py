"""Before somebody rings: whom, what is wrong there, what was told, what to ask first; and who may know what."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlmodel import col

from gateway.callbacks.call_context.view import CallView
from gateway.flow.telephones import call_to_make
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    Actor,
    ActorKind,
    ButtonTest,
    Callback,
    CallbackKind,
    CallOutcome,
    Contact,
    Entry,
    EntryKind,
    MaintenanceWindow,
    Need,
    OnCallPage,
    Person,
    PersonRole,
    PersonSite,
    RecipientKind,
    Site,
    Visit,
)
from gateway.model.states import ButtonTestState, GhostSign
from gateway.notifications.catalogues import catalogue_for
from gateway.store import Store
from gateway.tickets.actions import AttemptCallback, Depart, Finish, FinishCallback, LeaveSite, MissCallback
from tests.drivers.story import begin
from tests.drivers.web_driver import WebStory, is_problem
from tests.fixtures.outage_fleet import LEFT, OutageStory, begin_outage_story
from tests.fixtures.web import serve

pytestmark = pytest.mark.slow
KARIN = "technician Karin Kunz"
HOURS = {day: [("08:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")}


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    there = WebStory(**vars(begin(both_stores, name="Wiesental Service", country="CH", callback_hours=HOURS,
                                  callback_timezone="Europe/Zurich")))
    there.base = serve(there.gw, there.clock, lambda: there.health)
    return there


@pytest.fixture
def agent(there: WebStory) -> Iterator[httpx.Client]:
    with there.client(there.key("agent")) as client:
        client.base_url = f"{there.base}/api/v1/"
        yield client


def context(agent: httpx.Client, callback: Callback, **query: str) -> dict[str, Any]:
    answer = agent.get(f"callbacks/{callback.id}/context", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def reasons(answer: dict[str, Any], part: str = "ask_first") -> list[str]:
    return [one["reason"] for one in answer[part]]


def lives_there(there: WebStory, key: str, name: str, number: str, role: PersonRole = PersonRole.TENANT,
                *needs: Need) -> None:
    there.add(Person(id=key, customer_id="alice", name=name, role=role, needs=list(needs)),
              PersonSite(id=f"{key}/alice-home", person_id=key, site_id="alice-home"),
              Contact(id=f"N-{key}", owner_kind=RecipientKind.PERSON, owner_id=key, channel="phone", address=number))


def test_a_press_with_a_fault_open_says_whom_to_ring_and_what_it_is_about(
        there: WebStory, agent: httpx.Client) -> None:
    lives_there(there, "otto", "Otto Keller", "+41446681801", PersonRole.TENANT, Need.HEARING)
    lives_there(there, "nina", "Nina Arber", "+41791111111", PersonRole.HELPER)
    there.measure()
    ticket = there.break_down()
    there.accept()
    there.wait(seconds=1)
    callback = there.call_for_help()
    seen = context(agent, callback)
    assert [(one["name"], one["number"], one["role"], one["line"]) for one in seen["ring"]] == [
        ("Otto Keller", "+41446681801", "tenant", "landline"), ("Alice Keller", "+41791234567", "", "mobile"),
        ("Nina Arber", "+41791111111", "helper", "mobile")]
    assert seen["ring"][0]["needs"] == ["hears badly"]
    assert (seen["next"]["reason"], seen["ring_now"]["name"]) == ("ring", "Otto Keller")
    assert seen["next"]["words"] == "Call Otto Keller, +41 44 668 18 01."
    assert reasons(seen) == ["critical", "visit", "hears_badly"]
    assert seen["ask_first"][0]["words"] == (
        "Ask about the dangerous fault first: Compressor fault (Heat pump). Is everybody well?")
    assert seen["ask_first"][1]["words"] == "Say who comes, and when: Karin Kunz, 13:00–17:00 today."
    told = seen["for_verified"]
    assert (told["customer"], told["address"], told["access"]) == (
        "Alice Keller", "Lindenweg 1, 8001 Wiesental", "the key is with the neighbour at number 3")
    assert [(one["id"], one["what"], one["words"]) for one in told["tickets"]] == [
        (ticket.id, "Compressor fault", "Karin Kunz will come. 13:00–17:00 today.")]
    pump = next(one for one in told["devices"] if one["id"] == "alice-pump")
    assert (pump["alarms"], pump["words"]) == (
        ["Compressor fault"], "It reports a fault since 13:00 today: Compressor fault.")
    assert any(one["pressed"] for one in told["devices"] if one["id"] == "alice-button")
    assert {one["topic"] for one in told["told"]} >= {"fault_found", "technician_assigned"}
    assert "Karin Kunz" in told["told_last"]
    assert [one["words"] for one in told["promises"]][:1] == ["Promised: our call by 14:00 today"]
    assert seen["chart"]["signal"] == "flow temp"
    assert seen["chart"]["svg"].startswith("<svg ")
    assert "lowest 45\u00a0°C, highest 72.1\u00a0°C" in seen["chart"]["text"]


def test_the_same_in_german(there: WebStory, agent: httpx.Client) -> None:
    there.break_down()
    callback = there.call_for_help()
    asked = context(agent, callback, language="de")
    assert asked["ask_first"][0]["words"] == (
        "Zuerst nach der gefährlichen Störung fragen: Kompressorstörung (Heat pump). Geht es allen gut?")
    accepted = agent.get(f"callbacks/{callback.id}/context", headers={"Accept-Language": "de-CH, en;q=0.5"}).json()
    assert accepted["ask_first"] == asked["ask_first"]


def test_each_look_is_written_down_and_only_agents_may_look(there: WebStory, agent: httpx.Client) -> None:
    callback = there.call_for_help()
    for _ in range(3):
        context(agent, callback)
        there.now += 4 * MINUTE
    lines = there.all(Entry, Entry.subject_id == callback.id, Entry.kind == EntryKind.NUMBER_SEEN)
    assert [(str(one.by), one.parameters) for one in lines] == [("agent Dana", {"people": "Alice Keller"})]
    for role in ("read", "bridge"):
        with there.client(there.key(role)) as other:
            refused = other.get(f"/api/v1/callbacks/{callback.id}/context")
            is_problem(refused, 403)
            assert "791234567" not in refused.text
    is_problem(agent.get("callbacks/C-0/context"), 404)


def test_a_key_that_only_reads_gets_no_number_anywhere(there: WebStory) -> None:
    lives_there(there, "otto", "Otto Keller", "+41446681801")
    ticket = there.break_down()
    there.accept()
    callback = there.call_for_help()
    there.wait(seconds=1)
    with there.client(there.key("read")) as reader:
        paths = reader.get("/openapi.json").json()["paths"]
        known = {"ticket_id": ticket.id, "callback_id": callback.id, "device_id": "alice-pump", "id": callback.id,
                 "alarm_id": there.alarms[0].id, "provider_id": "kunz", "customer_id": "alice",
                 "site_id": "alice-home", "person_id": "otto"}
        looked = 0
        for path, operations in paths.items():
            if "get" in operations and path.startswith("/api/") and not path.endswith("/context"):
                filled = re.sub(r"\{(\w+)\}", lambda name: known.get(name[1], "x"), path)
                answer = reader.get(filled)
                looked += answer.status_code == 200
                assert not re.search("791234567|446681801", answer.text), path
        assert looked >= 15


def test_how_to_verify_gives_nothing_away(there: WebStory, agent: httpx.Client) -> None:
    callback = there.call_for_help()
    said = context(agent, callback)
    assert reasons(said, "verify") == ["name", "address", "devices", "never"]
    everything = " ".join(one["words"] for one in said["verify"])
    for secret in ("Alice", "Keller", "Lindenweg", "8001", "Wiesental", "Heat pump", "79"):
        assert secret not in everything
    there.change(there.one(Site, Site.id == "alice-home"), street="")
    assert "postcode" in reasons(context(agent, callback), "verify")


def test_a_call_for_help_asks_for_help_first(there: WebStory, agent: httpx.Client) -> None:
    callback = there.call_for_help(kind="urgent")
    seen = context(agent, callback)
    assert reasons(seen)[0] == "help"
    assert reasons(seen, "verify")[0] == "help_first"
    assert "call 112 now" in seen["notice"]
    there.act(AttemptCallback(callback.id, "Alice Keller"), "agent Dana")
    assert reasons({"next": [context(agent, callback)["next"]]}, "next") == ["say_how_it_went"]


def test_after_nobody_answered_the_next_number_is_rung(there: WebStory, agent: httpx.Client) -> None:
    lives_there(there, "nina", "Nina Arber", "+41791111111", PersonRole.HELPER)
    callback = there.call_for_help(kind="urgent")
    there.act(AttemptCallback(callback.id, "Alice Keller"), "agent Dana")
    there.act(MissCallback(callback.id), "agent Dana")
    seen = context(agent, callback)
    assert (seen["next"]["reason"], seen["ring_now"]["name"]) == ("ring_again", "Nina Arber")


def test_a_home_without_a_number_says_so(there: WebStory, agent: httpx.Client) -> None:
    calm = context(agent, there.call_for_help("charlie-button"))
    assert (calm["ring"], calm["ring_now"], calm["next"]["reason"]) == ([], None, "no_number")
    assert not there.all(Entry, Entry.kind == EntryKind.NUMBER_SEEN)


def test_whoever_had_to_ask_three_times_in_a_week_hears_sorry_first(there: WebStory, agent: httpx.Client) -> None:
    for _ in range(2):
        callback = there.call_for_help()
        there.act(AttemptCallback(callback.id, "Alice Keller"), "agent Dana")
        there.act(FinishCallback(callback.id, "It hums", CallOutcome.INFORMED), "agent Dana")
        there.now += HOUR
        there.change(callback, device_id=None)
    seen = context(agent, there.call_for_help())
    assert seen["ask_first"][0]["words"] == "Say sorry first: this is their call number 3 within a week."
    assert len(seen["for_verified"]["callbacks"]) == 2
    assert seen["for_verified"]["callbacks"][0]["words"].endswith(": It hums")


def test_a_promise_that_we_broke_comes_first(there: WebStory, agent: httpx.Client) -> None:
    callback = there.call_for_help()
    there.now += 2 * HOUR
    assert reasons(context(agent, callback))[0] == "sorry_late"


def test_planned_work_is_said_to_anybody(there: WebStory, agent: httpx.Client) -> None:
    callback = there.call_for_help()
    there.add(MaintenanceWindow(
        id="M-1", area_id="lindenweg", from_at=there.now + HOUR, until_at=there.now + 3 * HOUR, words={"en": "cables"},
        created_at=there.now, next_at=there.now + HOUR))
    seen = context(agent, callback)
    assert seen["for_anybody"]["words"] == [
        "Power is switched off for planned work in Lindenweg: 14:00–16:00 today."]
    assert reasons(seen) == ["planned"]


def test_visits_and_earlier_calls_are_there_and_nothing_from_before_the_household(
        there: WebStory, agent: httpx.Client) -> None:
    there.measure()
    there.break_down()
    there.accept()
    visit = there.one(Visit)
    there.act(Depart(visit.id, 10), KARIN)
    there.act(Finish(visit.id, "Reset the compressor"), KARIN)
    there.wait(minutes=1)
    callback = there.call_for_help()
    seen = context(agent, callback)["for_verified"]
    assert [one["words"] for one in seen["visits"]] == ["Karin Kunz – Fixed: Reset the compressor"]
    assert seen["told"]
    there.change(there.one(Site, Site.id == "alice-home"), household_since=there.now)
    later = context(agent, callback)
    assert (later["for_verified"]["visits"], later["for_verified"]["callbacks"], later["chart"]) == ([], [], None)
    assert not [one for one in later["for_verified"]["told"] if "fault" in one["topic"]]


def test_what_anybody_hears_names_nothing_of_the_home(there: WebStory, agent: httpx.Client) -> None:
    there.break_down()
    seen = context(agent, there.call_for_help())
    assert seen["for_anybody"] == {"outage_id": None, "state": None, "words": ["We know of no power cut there."]}


def test_a_check_of_our_own_accord_says_no_sorry(there: WebStory, agent: httpx.Client) -> None:
    callback = there.call_for_help()
    there.change(callback, kind=CallbackKind.CHECK)
    there.now += DAY
    assert "sorry_late" not in reasons(context(agent, callback))


def test_in_a_power_cut_the_agent_says_what_the_customer_has_read(both_stores: Store) -> None:
    quarter = begin_outage_story(both_stores)
    quarter.press("a0-button", "p-0", "long")
    quarter.lose(*LEFT)
    quarter.wait(seconds=1)
    callback = quarter.one(Callback)
    suspected = seen_by_an_agent(quarter, callback)
    assert [one.reason for one in suspected.ask_first] == ["suspected"]
    assert suspected.for_anybody.words == ["We know of no power cut there."]
    quarter.wait(seconds=4)
    with quarter.gw.store.write() as session:
        session.add(Person(id="otto", customer_id="a0", name="Otto", role=PersonRole.TENANT,
                           needs=[Need.POWER_DEPENDENT]))
        session.flush()
        session.add(PersonSite(id="otto/a0", person_id="otto", site_id="a0"))
    callback = quarter.one(Callback, col(Callback.device_id) == "a0-button")
    confirmed = seen_by_an_agent(quarter, callback)
    assert confirmed.for_anybody.state == "confirmed"
    [said] = confirmed.for_anybody.words
    assert quarter.messages[-1].subject.startswith("Probably a power cut in Lateral 9a")
    assert said.startswith("Lateral 9a: probably a power cut.")
    assert "Family" not in said
    assert [one.reason for one in confirmed.ask_first][:2] == ["depends_on_power", "outage"]


def seen_by_an_agent(quarter: OutageStory, callback: Callback) -> CallView:
    found = call_to_make(quarter.gw, callback.id, catalogue_for("en"), Actor(ActorKind.AGENT, "Dana"), quarter.now)
    assert found is not None
    return found[1]


def test_a_test_that_was_asked_for_and_a_press_that_may_be_none_are_said(there: WebStory, agent: httpx.Client) -> None:
    callback = there.call_for_help(kind="urgent")
    there.add(ButtonTest(id="B-1", device_id="alice-button", site_id="alice-home", state=ButtonTestState.ASKED,
                         planned_for=there.now - HOUR, asked_at=there.now - HOUR))
    there.change(there.one(OnCallPage), facts={"call_for_help": {"suspicion": GhostSign.STICKS}})
    seen = context(agent, callback)
    assert [one["words"] for one in seen["ask_first"]] == [
        "Ask at once: do you need help, and is anybody hurt?",
        "Perhaps nobody pressed (the button sticks). Call all the same, and ask.",
        "We asked for a test of the button (12:00 today): ask whether this was the test."]


def test_a_call_for_help_from_a_home_that_a_household_has_left_says_so_first(
        there: WebStory, agent: httpx.Client) -> None:
    callback = there.call_for_help(kind="urgent")
    assert "moved_out" not in reasons(context(agent, callback))
    there.act(LeaveSite("alice-home"))
    assert reasons(context(agent, callback))[:2] == ["help", "moved_out"]
