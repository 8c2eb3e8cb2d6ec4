"""The API, asked over HTTP as another program would."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import event

from gateway.health import Health
from gateway.model import MINUTE, ApiKey, DeadLetter, Unclaimed, from_iso, to_iso
from gateway.store import Store
from tests.street import Street, street

PROBLEM = "application/problem+json"


@pytest.fixture
def there(store: Store) -> Iterator[Street]:
    with street(store) as opened:
        yield opened


@pytest.fixture
def agent(there: Street) -> Iterator[httpx.Client]:
    with there.client(there.key("agent")) as client:
        client.base_url = f"{there.base}/api/v1/"
        yield client


def items(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def is_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    told: dict[str, Any] = answer.json()
    assert told["status"] == status
    assert told["type"] == "about:blank"
    assert told["title"]
    assert told["detail"]
    return told


def test_a_ticket_comes_with_the_names_that_people_use(there: Street, agent: httpx.Client) -> None:
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
def test_tickets_can_be_asked_for(there: Street, agent: httpx.Client, query: str, expected: set[str]) -> None:
    there.break_down("alice-pump")
    there.now += MINUTE
    there.break_down("bob-pump")
    charlie = there.break_down("charlie-pump")
    assert agent.post(f"tickets/{charlie.id}/cancel", json={"why": "the farm is sold"}).status_code == 200
    assert {row["device_id"] for row in items(agent.get(f"tickets?{query}"))} == expected


def test_pages_neither_repeat_nor_skip_while_new_tickets_come_in(there: Street, agent: httpx.Client) -> None:
    before = [there.break_down(device, code) for device in ("alice-pump", "bob-pump", "charlie-pump")
              for code in ("E1", "E2", "E3")]  # all at the same instant: the id decides
    seen, cursor = [], None
    while True:
        answer = agent.get("tickets", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [row["id"] for row in answer["items"]]
        assert len(answer["items"]) <= 2
        cursor = answer["next"]
        if cursor is None:
            break
        there.now += MINUTE
        there.break_down("alice-pump", f"N{there.now}")
    assert sorted(seen) == sorted(ticket.id for ticket in before)


def test_a_cursor_of_another_list_or_of_nobody_is_refused(there: Street, agent: httpx.Client) -> None:
    for code in ("E1", "E2"):
        there.break_down(code=code)
    devices = agent.get("devices?limit=1").json()["next"]
    for cursor in (devices, "nonsense", "e30", "WzFlOTksIlQtMSJd", "ÿ"):
        told = is_problem(agent.get("tickets", params={"cursor": cursor}), 422)
        assert told["errors"][0]["field"] == "query.cursor"


@pytest.mark.parametrize(("query", "field"), [
    ("limit=0", "query.limit"), ("limit=201", "query.limit"), ("limit=many", "query.limit"),
    ("state=broken", "query.state"), ("since=yesterday", "query.since"), ("since=2026-11-23T12:00:00", "query.since"),
    ("open=perhaps", "query.open"), ("stat=new", "query.stat"), ("site=%00", "query.site"),
])
def test_a_wrong_parameter_is_named(agent: httpx.Client, query: str, field: str) -> None:
    told = is_problem(agent.get(f"tickets?{query}"), 422)
    assert [one["field"] for one in told["errors"]] == [field]


def test_who_has_no_key_or_a_revoked_one_is_not_let_in(there: Street) -> None:
    good = there.key("read", "Rita")
    with there.client() as client:
        for headers in ({}, {"Authorization": "Bearer psg_wrong"}, {"Authorization": "Basic cmVhZA=="},
                        {"Authorization": "Bearer"}):
            answer = client.get("/api/v1/tickets", headers=headers)
            is_problem(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/api/v1/tickets", headers=good).status_code == 200
        there.change(there.one(ApiKey, ApiKey.name == "Rita"), revoked_at=there.now)
        is_problem(client.get("/api/v1/tickets", headers=good), 401)


def test_only_the_hash_of_a_key_is_kept(there: Street) -> None:
    plain = there.key("read", "Rita")["Authorization"].removeprefix("Bearer ")
    kept = there.one(ApiKey, ApiKey.name == "Rita")
    assert plain.startswith("psg_")
    assert plain not in json.dumps(kept.model_dump())


def test_a_reader_may_look_but_not_act(there: Street) -> None:
    ticket = there.break_down()
    with there.client(there.key("read")) as client:
        assert client.get(f"/api/v1/tickets/{ticket.id}").status_code == 200
        is_problem(client.post(f"/api/v1/tickets/{ticket.id}/cancel", json={"why": "no"}), 403)
    assert there.again(ticket).state == "offered"


def test_an_agent_resolves_a_ticket_and_the_timeline_says_who(there: Street, agent: httpx.Client) -> None:
    ticket = there.break_down()
    answer = agent.post(f"tickets/{ticket.id}/resolve", json={"note": "Reset by phone"})
    assert (answer.json()["state"], answer.json()["resolved_by"]) == ("resolved", "agent")
    timeline = items(agent.get(f"tickets/{ticket.id}/timeline"))
    assert ("agent Dana", "Resolved: Reset by phone") in [(entry["who"], entry["what"]) for entry in timeline]
    assert [entry["id"] for entry in timeline] == sorted(entry["id"] for entry in timeline)
    is_problem(agent.post(f"tickets/{ticket.id}/resolve", json={"note": "again"}), 409)


def test_an_agent_asks_a_provider_out_of_turn(there: Street, agent: httpx.Client) -> None:
    ticket = there.break_down()
    assert agent.post(f"tickets/{ticket.id}/offer", json={"provider_id": "seeblick"}).status_code == 200
    pending = {row["id"]: row["pending_offers"] for row in items(agent.get("providers"))}
    assert pending == {"kunz": 0, "seeblick": 1}
    is_problem(agent.post(f"tickets/{ticket.id}/offer", json={"provider_id": "seeblick"}), 409)
    is_problem(agent.post(f"tickets/{ticket.id}/offer", json={"provider_id": "nobody"}), 404)


def test_a_providers_open_jobs_are_counted(there: Street, agent: httpx.Client) -> None:
    there.break_down()
    there.accept()
    assert {row["id"]: row["open_jobs"] for row in items(agent.get("providers"))} == {"kunz": 1, "seeblick": 0}


@pytest.mark.parametrize("path", ["tickets/T-0", "tickets/T-0/timeline", "alarms/A-0", "callbacks/C-0",
                                  "callbacks/C-0/timeline", "devices/none", "devices/none/readings",
                                  "notifications/N-0", "nothing"])
def test_what_is_not_there_is_a_404_problem(agent: httpx.Client, path: str) -> None:
    is_problem(agent.get(path), 404)


@pytest.mark.parametrize(("path", "body"), [
    ("tickets/T-0/resolve", {"note": "x"}), ("tickets/T-0/cancel", {"why": "x"}), ("alarms/A-0/acknowledge", None),
    ("tickets/T-0/offer", {"provider_id": "kunz"}), ("callbacks/C-0/attempt", None),
    ("callbacks/C-0/finish", {"note": "x"}),
])
def test_acting_on_what_is_not_there_is_a_404_problem(agent: httpx.Client, path: str, body: Any) -> None:
    is_problem(agent.post(path, json=body), 404)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"note": 5}', b'{"note": ""}', b'{"note": "   "}',
                                     b'{"note": "a\\u0000b"}', b'{"note": "\\ud800"}', b'"note"'])
def test_a_body_that_cannot_be_used_is_a_422_problem(there: Street, agent: httpx.Client, content: bytes) -> None:
    ticket = there.break_down()
    headers = {"Content-Type": "application/json"}
    is_problem(agent.post(f"tickets/{ticket.id}/resolve", content=content, headers=headers), 422)
    assert there.again(ticket).state == "offered"


def test_a_body_that_is_too_large_is_a_413_problem_announced_or_not(agent: httpx.Client) -> None:
    large = json.dumps({"note": "x" * 70_000}).encode()
    headers = {"Content-Type": "application/json"}
    is_problem(agent.post("tickets/T-0/resolve", content=large, headers=headers), 413)
    is_problem(agent.post("tickets/T-0/resolve", content=iter([large[:9000]] * 8), headers=headers), 413)


def test_a_method_that_is_not_there_is_a_405_problem(agent: httpx.Client) -> None:
    is_problem(agent.delete("tickets"), 405)


def test_a_fault_of_ours_is_a_500_problem_that_tells_nothing(there: Street, agent: httpx.Client) -> None:
    with there.gw.store.write() as session:
        session.connection().exec_driver_sql("ALTER TABLE dead_letter RENAME TO elsewhere")
    answer = agent.get("dead-letters")
    is_problem(answer, 500)
    assert "dead_letter" not in answer.text
    assert "SELECT" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_alarm_shows_why_and_is_acknowledged_once(there: Street, agent: httpx.Client) -> None:
    there.says("alice-pump", flow_temp=80.0)
    [alarm] = items(agent.get("alarms?open=true&acknowledged=false"))
    assert alarm["why"]["signals"] == {"flow_temp": 80.0}
    assert alarm["device_name"] == "Heat pump"
    seen = agent.post(f"alarms/{alarm['id']}/acknowledge").json()
    assert seen["acknowledged_by"] == "agent Dana"
    assert items(agent.get("alarms?acknowledged=false")) == []
    assert [row["id"] for row in items(agent.get("alarms?severity=critical"))] == [alarm["id"]]


def test_an_agent_calls_back(there: Street, agent: httpx.Client) -> None:
    callback = there.call_for_help(kind="long")
    [waiting] = items(agent.get("callbacks?open=true&urgent=true"))
    assert (waiting["id"], waiting["customer_name"]) == (callback.id, "Alice Keller")
    path = f"callbacks/{callback.id}"
    is_problem(agent.post(f"{path}/finish", json={"note": "too early"}), 409)
    assert agent.post(f"{path}/attempt").json()["state"] == "attempting"
    assert agent.post(f"{path}/miss").json()["state"] == "requested"
    assert agent.post(f"{path}/attempt").json()["attempts"] == 2
    assert agent.post(f"{path}/connect").json()["state"] == "connected"
    done = agent.post(f"{path}/finish", json={"note": "Heating was off"}).json()
    assert (done["state"], done["note"]) == ("done", "Heating was off")
    assert items(agent.get("callbacks?open=true")) == []
    assert items(agent.get(f"{path}/timeline"))[-1]["what"] == "Done: Heating was off"


def test_an_agent_cancels_a_callback(there: Street, agent: httpx.Client) -> None:
    callback = there.call_for_help()
    assert agent.post(f"callbacks/{callback.id}/cancel", json={"why": "a child"}).json()["state"] == "cancelled"


def test_a_device_shows_its_last_signals_and_its_readings_newest_first(there: Street, agent: httpx.Client) -> None:
    there.measure(count=5)
    device = agent.get("devices/alice-pump").json()
    assert device["link"] == "online"
    assert device["signals"]["pressure"] == 1.6
    readings = items(agent.get("devices/alice-pump/readings?limit=3"))
    assert [reading["at"] for reading in readings] == [to_iso(there.now - number * MINUTE) for number in (1, 2, 3)]
    since = to_iso(there.now - 2 * MINUTE)
    assert len(items(agent.get("devices/alice-pump/readings", params={"since": since}))) == 2


def test_devices_can_be_asked_for_and_one_never_heard_says_so(there: Street, agent: httpx.Client) -> None:
    there.measure("bob-pump", 1)
    assert {row["id"] for row in items(agent.get("devices?profile=button"))} == {"alice-button", "charlie-button"}
    assert [row["id"] for row in items(agent.get("devices?link=online"))] == ["bob-pump"]
    assert "alice-pump" in {row["id"] for row in items(agent.get("devices?link=unheard"))}
    assert agent.get("devices/alice-pump").json()["signals"] == {}


def test_unclaimed_devices_and_dead_letters_are_listed(there: Street, agent: httpx.Client) -> None:
    there.add(Unclaimed(key="native:stranger", topic="devices/stranger/telemetry", first_seen_at=1, last_seen_at=2),
              DeadLetter(received_at=there.now, dialect="native", topic="devices/x/fault", payload=b"\xff{",
                         size=2, reason="not JSON"))
    [stranger] = items(agent.get("unclaimed-devices"))
    assert stranger["key"] == "native:stranger"
    [letter] = items(agent.get("dead-letters?dialect=native"))
    assert (letter["payload"], letter["reason"]) == ("\\xff{", "not JSON")


def test_notifications_come_with_each_try_and_no_address(there: Street, agent: httpx.Client) -> None:
    ticket = there.break_down()
    there.wait()
    told = items(agent.get("notifications", params={"subject": ticket.id, "recipient": "customer/alice"}))
    assert [(row["topic"], row["state"]) for row in told] == [("fault_found", "sent")]
    assert [(attempt["channel"], attempt["outcome"]) for attempt in told[0]["attempts"]] == [("email", "sent")]
    assert "alice@example.com" not in agent.get("notifications").text
    assert agent.get(f"notifications/{told[0]['id']}").json() == told[0]
    assert items(agent.get("notifications?state=failed")) == []


def test_a_list_costs_the_same_few_queries_however_long_it_is(there: Street, agent: httpx.Client) -> None:
    asked: list[str] = []
    event.listen(there.gw.store.engine, "before_cursor_execute",
                 lambda _c, _cursor, statement, *_rest: asked.append(statement))
    counts = []
    for code in ("E1", "E2", "E3", "E4"):
        there.break_down(code=code)
        there.wait()
        asked.clear()
        for path in ("tickets", "alarms", "callbacks", "devices", "notifications", "providers"):
            items(agent.get(path))
        counts.append(len(asked))
    assert len(set(counts)) == 1, counts


def test_the_description_is_good_enough_to_generate_a_client(there: Street) -> None:
    schema = httpx.get(f"{there.base}/openapi.json").json()
    operations = [operation for path in schema["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert {"list_tickets", "get_ticket", "get_ticket_timeline", "offer_ticket", "resolve_ticket", "cancel_ticket",
            "list_alarms", "get_alarm", "acknowledge_alarm", "attempt_callback", "miss_callback", "connect_callback",
            "finish_callback", "cancel_callback", "list_devices", "get_device", "list_readings",
            "list_unclaimed_devices", "list_notifications", "list_dead_letters", "list_providers"} <= set(names)
    assert all(path.startswith("/api/v1/") for path in schema["paths"])
    for operation in operations:
        assert operation["summary"]
        assert operation["security"] == [{"ApiKey": []}]
        assert "$ref" in operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert set(operation["responses"]["422"]["content"]) == {PROBLEM}
    assert schema["components"]["schemas"]["Ticket"]["properties"]["opened_at"]["format"] == "date-time"
    assert "HTTPValidationError" not in schema["components"]["schemas"]


def test_the_api_pages_load_nothing_from_elsewhere(there: Street) -> None:
    with there.client() as client:
        for path in ("/", "/docs"):
            page = client.get(path)
            assert page.status_code == 200
            assert "//" not in page.text.replace("<!doctype", "")
        assert "/api/v1/callbacks/{callback_id}/attempt" in client.get("/docs").text


def test_ready_says_in_plain_words_what_is_wrong_and_what_the_broker_would_lose(there: Street) -> None:
    with there.client() as client:
        assert client.get("/readyz").json()["ready"] is True
        there.health = Health(False, ["This broker keeps 1000 messages and drops the rest"], ["No broker is heard"])
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["problems"] == ["No broker is heard"]
        assert answer.json()["broker"] == ["This broker keeps 1000 messages and drops the rest"]
        assert client.get("/healthz").status_code == 200


def test_metrics_count_and_name_nobody(there: Street) -> None:
    there.break_down()
    there.wait()
    text = httpx.get(f"{there.base}/metrics").text
    assert "gateway_messages_received_total" in text
    assert 'gateway_alarms_opened_total{severity="critical"}' in text
    for name in ("alice", "Alice", "Kunz", "Lindenweg", "T-"):
        assert name not in text


def test_every_list_and_page_reads_the_same_on_both_databases(both_stores: Store) -> None:
    with street(both_stores) as there, there.client(there.key("agent")) as client:
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


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_nothing_that_a_client_can_send_breaks_the_api_and_every_answer_is_as_described(there: Street) -> None:
    there.break_down()
    there.call_for_help()
    headers, checks = there.key("agent"), schemathesis.checks
    kept = [checks.not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
            checks.response_schema_conformance]
    operations: Any = schemathesis.openapi.from_url(f"{there.base}/openapi.json").get_all_operations()
    for found in operations:
        @settings(max_examples=15, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))
        @given(case=found.ok().as_strategy())
        def ask(case: Any) -> None:
            case.call_and_validate(headers=headers, checks=kept)

        ask()
