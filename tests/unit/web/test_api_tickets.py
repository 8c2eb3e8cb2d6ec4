"""What agents and other programs do through the API, asked over HTTP."""


import httpx
import pytest
from sqlalchemy import event

from gateway.config.fleet_file import read_fleet
from gateway.devices.profiles import compile_profile
from gateway.flow.plan_button_tests import plan_button_tests
from gateway.model import MINUTE, DeadLetter, Offer, Site, Unclaimed, from_iso, to_iso
from gateway.store import Store
from gateway.store.fleet import save_fleet
from tests.drivers.story import HEAT_PUMP
from tests.drivers.web_driver import WebStory, is_problem, items, web_story
from tests.fixtures.outage_fleet import EVERYBODY, LEFT, OUTAGE_FLEET


def test_a_ticket_comes_with_the_names_that_people_use(there: WebStory, agent: httpx.Client) -> None:
    ticket = there.break_down()
    [found] = items(agent.get("tickets"))
    assert found["id"] == ticket.id
    assert (found["site_name"], found["customer_name"], found["device_name"]) == (
        "Alice's house", "Alice Keller", "Heat pump")
    assert (found["state"], found["provider_name"], found["visit"]) == ("offered", None, None)
    assert from_iso(found["opened_at"]) == ticket.opened_at
    assert found["opened_at"].endswith("Z")
    there.accept()
    found = agent.get(f"tickets/{ticket.id}").json()
    assert (found["state"], found["provider_name"], found["visit"]["technician"]) == (
        "assigned", "Kunz Heating", "Karin Kunz")


@pytest.mark.parametrize(("query", "expected"), [
    ("state=offered", {"alice-pump", "bob-pump"}),
    ("state=closed", set()),
    ("open=true", {"alice-pump", "bob-pump"}),
    ("open=false", {"charlie-pump"}),
    ("site=bob-home", {"bob-pump"}),
    ("customer=alice", {"alice-pump"}),
    ("device=charlie-pump&open=false", {"charlie-pump"}),
    ("since=2026-11-23T12:01:00Z", {"bob-pump", "charlie-pump"}),
    ("until=2026-11-23T13:01:00%2B01:00", {"alice-pump"}),
    ("provider=kunz", set()),
])
def test_tickets_can_be_asked_for(there: WebStory, agent: httpx.Client, query: str, expected: set[str]) -> None:
    there.break_down("alice-pump")
    there.now += MINUTE
    there.break_down("bob-pump")
    charlie = there.break_down("charlie-pump")
    assert agent.post(f"tickets/{charlie.id}/cancel", json={"why": "the farm is sold"}).status_code == 200
    assert {row["device_id"] for row in items(agent.get(f"tickets?{query}"))} == expected


def test_an_agent_resolves_a_ticket_and_the_timeline_says_who(there: WebStory, agent: httpx.Client) -> None:
    ticket = there.break_down()
    answer = agent.post(f"tickets/{ticket.id}/resolve", json={"note": "Reset by phone"})
    assert (answer.json()["state"], answer.json()["resolved_by"]) == ("resolved", "agent")
    timeline = items(agent.get(f"tickets/{ticket.id}/timeline"))
    assert ("agent Dana", "Resolved: Reset by phone") in [(entry["who"], entry["what"]) for entry in timeline]
    assert [entry["id"] for entry in timeline] == sorted(entry["id"] for entry in timeline)
    refused = is_problem(agent.post(f"tickets/{ticket.id}/resolve", json={"note": "again"}), 409)
    assert refused["detail"] == f"Ticket {ticket.id} is resolved already."


def test_an_agent_asks_a_provider_out_of_turn(there: WebStory, agent: httpx.Client) -> None:
    ticket = there.break_down()
    assert agent.post(f"tickets/{ticket.id}/offer", json={"provider_id": "seeblick"}).status_code == 200
    pending = {row["id"]: row["pending_offers"] for row in items(agent.get("providers"))}
    assert pending == {"kunz": 0, "seeblick": 1}
    with there.client(there.key("agent", "Bea")) as colleague:
        path = f"{there.base}/api/v1/tickets/{ticket.id}/offer"
        refused = is_problem(colleague.post(path, json={"provider_id": "seeblick"}), 409)
    assert refused["detail"] == "Seeblick Service is being asked already."
    is_problem(agent.post(f"tickets/{ticket.id}/offer", json={"provider_id": "nobody"}), 404)


def test_a_providers_open_jobs_are_counted(there: WebStory, agent: httpx.Client) -> None:
    there.break_down()
    there.accept()
    assert {row["id"]: row["open_jobs"] for row in items(agent.get("providers"))} == {"kunz": 1, "seeblick": 0}


def test_an_agent_leaves_an_answer_out_of_a_providers_record(there: WebStory, agent: httpx.Client) -> None:
    there.break_down()
    offer = there.one(Offer)
    assert agent.post(f"offers/{offer.id}/leave-out", json={"why": "the road was closed"}).status_code == 200
    assert "the road was closed" in (there.again(offer).left_out or "")
    assert agent.post("visits/V-NOSUCH1/leave-out", json={"why": "x"}).status_code == 404
    assert items(agent.get("providers"))[0]["record"]["score"] == 0.72


def test_an_alarm_shows_why_and_is_acknowledged_once(there: WebStory, agent: httpx.Client) -> None:
    there.says("alice-pump", flow_temp=80.0)
    [alarm] = items(agent.get("alarms?open=true&acknowledged=false"))
    assert alarm["why"]["signals"] == {"flow_temp": 80.0}
    assert alarm["device_name"] == "Heat pump"
    seen = agent.post(f"alarms/{alarm['id']}/acknowledge").json()
    assert seen["acknowledged_by"] == "agent Dana"
    assert items(agent.get("alarms?acknowledged=false")) == []
    assert [row["id"] for row in items(agent.get("alarms?severity=critical"))] == [alarm["id"]]


def test_an_alarm_shows_what_was_tried_from_afar_and_the_device_what_it_was_told(
        there: WebStory, agent: httpx.Client) -> None:
    tried = HEAT_PUMP.replace("  E7: {", "  E7: {first_try: {command: restart, wait: 90s}, ")
    there.gw.profiles["heat-pump"] = compile_profile("commands: {restart: {safe: true}}\n" + tried, "tried.yaml")
    there.receive("devices/alice-pump/fault", {"code": "E7"})
    [alarm] = items(agent.get("alarms"))
    assert (alarm["first_try"]["command"], alarm["first_try"]["outcome"]) == ("restart", None)
    assert alarm["first_try"]["try_until"] == to_iso(there.now + 90_000)
    [command] = items(agent.get("devices/alice-pump/commands"))
    assert (command["state"], command["topic"]) == ("queued", "devices/alice-pump/command")
    assert command == alarm["first_try"]["sent"]
    [line] = items(agent.get(f"alarms/{alarm['id']}/timeline"))
    assert line["what"] == "Tried from afar before anybody is sent (restart)"
    assert (line["kind"], line["by_kind"]) == ("remote_fix_begun", "gateway")
    [german] = items(agent.get(f"alarms/{alarm['id']}/timeline?language=de-CH"))
    assert german["what"].startswith("Aus der Ferne versucht, bevor jemand losfährt")
    there.wait(seconds=90)
    alarm = agent.get(f"alarms/{alarm['id']}").json()
    assert (alarm["first_try"]["outcome"], alarm["first_try"]["try_until"]) == ("unsent", None)
    assert (alarm["first_try"]["sent"]["state"], alarm["fixed_by"]) == ("expired", None)
    assert items(agent.get("devices/bob-pump/commands")) == []
    assert agent.get("devices/nobody/commands").status_code == 404
    assert agent.get("alarms/A-NOBODY/timeline").status_code == 404


def test_an_agent_calls_back(there: WebStory, agent: httpx.Client) -> None:
    callback = there.call_for_help(kind="long")
    [waiting] = items(agent.get("callbacks?open=true&urgent=true"))
    assert (waiting["id"], waiting["customer_name"]) == (callback.id, "Alice Keller")
    path = f"callbacks/{callback.id}"
    refused = is_problem(agent.post(f"{path}/finish", json={"note": "too early", "outcome": "fixed"}), 409)
    assert refused["detail"] == f"Callback {callback.id} is requested: that is not possible now."
    assert agent.post(f"{path}/claim").json()["agent"] == "agent Dana"
    assert agent.post(f"{path}/release").json()["state"] == "requested"
    assert agent.post(f"{path}/attempt", json={"person": "Alice Keller"}).json()["state"] == "attempting"
    assert agent.post(f"{path}/miss").json()["state"] == "requested"
    assert agent.post(f"{path}/attempt").json()["attempts"] == 2
    assert agent.post(f"{path}/connect").json()["state"] == "connected"
    done = agent.post(f"{path}/finish", json={"note": "Heating was off", "outcome": "fixed"}).json()
    assert (done["state"], done["outcome"], done["note"], done["tries"]) == ("done", "fixed", "Heating was off", 1)
    assert items(agent.get("callbacks?open=true")) == []
    assert items(agent.get(f"{path}/timeline"))[-1]["what"] == (
        "Done (resolved on the phone): Heating was off")
    said = is_problem(agent.post(f"{path}/finish", json={"note": "Again", "outcome": "informed"}), 409)["detail"]
    assert said.startswith(f"Callback {callback.id} is settled already: agent Dana, resolved on the phone")


def test_an_agent_sees_a_call_for_help_and_its_emergency_number(there: WebStory, agent: httpx.Client) -> None:
    there.change(there.one(Site, Site.id == "alice-home"), country="JP")
    path = f"callbacks/{there.call_for_help(kind='urgent').id}"
    seen = agent.get(path).json()
    assert (seen["kind"], seen["urgent"], seen["emergency_number"]) == ("emergency", True, "119")
    assert seen["notice"] == "This is not a rescue service. If anyone is in danger, call 119 now."
    assert agent.post(f"{path}/attempt").json()["notice"] == seen["notice"]
    ordinary = agent.get(f"callbacks/{there.call_for_help('charlie-button').id}").json()
    assert (ordinary["kind"], ordinary["emergency_number"], ordinary["notice"]) == ("ordinary", None, None)


def test_an_agent_cancels_a_callback(there: WebStory, agent: httpx.Client) -> None:
    callback = there.call_for_help()
    assert agent.post(f"callbacks/{callback.id}/cancel", json={"why": "a child"}).json()["state"] == "cancelled"


def test_a_device_shows_its_last_signals_and_its_readings_newest_first(there: WebStory, agent: httpx.Client) -> None:
    there.measure(count=5)
    device = agent.get("devices/alice-pump").json()
    assert device["link"] == "online"
    assert device["signals"]["pressure"] == 1.6
    readings = items(agent.get("devices/alice-pump/readings?limit=3"))
    assert [reading["at"] for reading in readings] == [to_iso(there.now - number * MINUTE) for number in (1, 2, 3)]
    since = to_iso(there.now - 2 * MINUTE)
    assert len(items(agent.get("devices/alice-pump/readings", params={"since": since}))) == 2


def test_devices_can_be_asked_for_and_one_never_heard_says_so(there: WebStory, agent: httpx.Client) -> None:
    there.measure("bob-pump", 1)
    assert {row["id"] for row in items(agent.get("devices?profile=button"))} == {"alice-button", "charlie-button"}
    assert [row["id"] for row in items(agent.get("devices?link=online"))] == ["bob-pump"]
    assert "alice-pump" in {row["id"] for row in items(agent.get("devices?link=unheard"))}
    assert agent.get("devices/alice-pump").json()["signals"] == {}


def test_unclaimed_devices_and_dead_letters_are_listed(there: WebStory, agent: httpx.Client) -> None:
    there.add(Unclaimed(key="native:stranger", topic="devices/stranger/telemetry", first_seen_at=1, last_seen_at=2),
              DeadLetter(received_at=there.now, dialect="native", topic="devices/x/fault", payload=b"\xff{",
                         size=2, reason="not JSON"))
    [stranger] = items(agent.get("unclaimed-devices"))
    assert stranger["key"] == "native:stranger"
    [letter] = items(agent.get("dead-letters?dialect=native"))
    assert (letter["payload"], letter["reason"]) == ("\\xff{", "not JSON")


def test_notifications_come_with_each_try_and_no_address(there: WebStory, agent: httpx.Client) -> None:
    ticket = there.break_down()
    there.wait()
    told = items(agent.get("notifications", params={"subject": ticket.id, "recipient": "customer/alice"}))
    assert [(row["topic"], row["state"]) for row in told] == [("fault_found", "sent")]
    assert [(attempt["channel"], attempt["outcome"]) for attempt in told[0]["attempts"]] == [("email", "sent")]
    assert "alice@example.com" not in agent.get("notifications").text
    assert agent.get(f"notifications/{told[0]['id']}").json() == told[0]
    assert items(agent.get("notifications?state=failed")) == []


def test_the_tests_of_an_emergency_button_are_listed_and_shown_with_it(there: WebStory, agent: httpx.Client) -> None:
    sos = "profile: button\nname: {en: button}\nbutton: {emergency: true}\n"
    there.gw.profiles["button"] = compile_profile(sos, "button.yaml")
    plan_button_tests(there.gw, there.now)
    [test] = items(agent.get("button-tests?device=alice-button&open=true&state=planned"))
    assert (test["id"][:2], test["site_id"], test["asked_at"]) == ("B-", "alice-home", None)
    assert agent.get("devices/alice-button").json()["button_test"] == test
    assert agent.get("devices/alice-pump").json()["button_test"] is None
    assert items(agent.get("button-tests?state=missed")) == []
    assert len(items(agent.get("button-tests?limit=1"))) == 1
    assert is_problem(agent.get("button-tests?state=lost"), 422)


def test_a_list_costs_the_same_few_queries_however_long_it_is(there: WebStory, agent: httpx.Client) -> None:
    asked: list[str] = []
    event.listen(there.gw.store.engine, "before_cursor_execute",
                 lambda _c, _cursor, statement, *_rest: asked.append(statement))
    counts = []
    for code in ("E1", "E2", "E3", "E4"):
        there.break_down_in_vain(code=code)
        there.wait()
        asked.clear()
        for path in ("tickets", "alarms", "callbacks", "devices", "notifications", "providers"):
            items(agent.get(path))
        counts.append(len(asked))
    assert len(set(counts)) == 1, counts


def test_every_list_and_page_reads_the_same_on_both_databases(both_stores: Store) -> None:
    there = web_story(both_stores)
    with there.client(there.key("agent")) as client:
        there.measure(count=3)
        ticket, callback = there.break_down(), there.call_for_help()
        assert client.get(there.offer(ticket)).status_code == 200
        there.accept()
        for page in (there.follow(ticket), there.follow(callback), there.visit(ticket)):
            assert client.get(page).status_code == 200
        period = f"since={to_iso(there.now - MINUTE)}&until={to_iso(there.now + MINUTE)}&limit=1"
        for path, count in {
            f"tickets?state=assigned&open=true&provider=kunz&{period}": 1, f"tickets/{ticket.id}/timeline?limit=1": 1,
            f"alarms?open=true&acknowledged=false&{period}": 1, f"callbacks?open=true&urgent=false&{period}": 1,
            "devices?link=online&profile=heat-pump&limit=1": 1, f"devices/alice-pump/readings?{period}": 1,
            f"notifications?recipient=customer/alice&{period}": 1, f"dead-letters?{period}": 0,
            "unclaimed-devices?limit=1": 0, "providers?limit=1": 1,
        }.items():
            answer = client.get(f"/api/v1/{path}").json()
            assert len(answer["items"]) == count, path
            if answer["next"]:
                following = client.get(f"/api/v1/{path}&cursor={answer['next']}").json()["items"]
                assert following
                assert following != answer["items"], path


def test_an_outage_is_shown_with_its_homes_its_reasons_and_its_timeline(there: WebStory, agent: httpx.Client) -> None:
    with there.gw.store.write() as session:
        save_fleet(session, read_fleet(OUTAGE_FLEET, "tests/fixtures/outage_fleet.py"), there.now)
    for home in EVERYBODY:
        there.says(f"{home}-pump", flow_temp=40.0)
    for home in LEFT:
        there.receive(f"devices/{home}-pump/status", {"state": "lost"})
    there.wait(seconds=1)
    there.wait(seconds=4)
    [found] = items(agent.get("outages?open=true&kind=feeder"))
    assert (found["name"], found["state"], found["homes"], found["dark"]) == ("Lateral 9a", "confirmed", 5, 5)
    assert found["why"]["p_value"] < 1e-6
    assert agent.get(f"outages/{found['id']}").json() == found
    members = items(agent.get(f"outages/{found['id']}/members?state=affected"))
    assert [(member["site_id"], member["site_name"]) for member in members] == [
        (home, f"House {home}") for home in LEFT]
    lines = [entry["what"] for entry in items(agent.get(f"outages/{found['id']}/timeline"))]
    assert lines[0].startswith("Suspected: 5 of 5 homes of Lateral 9a went dark together")
    assert items(agent.get("outages?open=false")) == []
    assert agent.get("outages/X-NOBODY").status_code == 404


def test_work_is_planned_over_the_api_and_must_make_sense(there: WebStory, agent: httpx.Client) -> None:
    asked = {"area_id": "feeder-7", "from_at": to_iso(there.now + 60 * MINUTE),
             "until_at": to_iso(there.now + 120 * MINUTE), "words": {"en": "a new transformer"}}
    answer = agent.post("maintenance", json=asked)
    assert (answer.status_code, answer.json()["area_name"]) == (200, "Feeder 7")
    there.wait(seconds=1)
    assert len(there.notifications("maintenance")) == 2
    [window] = items(agent.get("maintenance"))
    assert window["announced_at"] is not None
    backwards = asked | {"until_at": asked["from_at"]}
    assert is_problem(agent.post("maintenance", json=backwards), 409)["detail"] == (
        "The window must end after it begins, and in the future.")
    assert is_problem(agent.post("maintenance", json=asked | {"area_id": "nowhere"}), 404)
