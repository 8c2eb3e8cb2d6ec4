"""What holds for the whole API: keys, paging, errors, its own description; and how the gateway says it is."""

import json
from typing import Any

import httpx
import jsonschema_rs
import pytest

from gateway.model import MINUTE, ApiKey
from gateway.monitoring.health import Health
from gateway.web.openapi import MISSING, answers, bodies, operations
from tests.drivers.web_driver import PROBLEM, WebStory, is_problem


def test_pages_neither_repeat_nor_skip_while_new_tickets_come_in(there: WebStory, agent: httpx.Client) -> None:
    before = [there.break_down_in_vain(device, code) for device in ("alice-pump", "bob-pump", "charlie-pump")
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
        there.break_down_in_vain("alice-pump", f"N{there.now}")
    assert sorted(seen) == sorted(ticket.id for ticket in before)


def test_a_cursor_of_another_list_or_of_nobody_is_refused(there: WebStory, agent: httpx.Client) -> None:
    for code in ("E1", "E2"):
        there.break_down_in_vain(code=code)
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


def test_who_has_no_key_or_a_revoked_one_is_not_let_in(there: WebStory) -> None:
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


def test_only_the_hash_of_a_key_is_kept(there: WebStory) -> None:
    plain = there.key("read", "Rita")["Authorization"].removeprefix("Bearer ")
    kept = there.one(ApiKey, ApiKey.name == "Rita")
    assert plain.startswith("psg_")
    assert plain not in json.dumps(kept.model_dump())


def test_a_reader_may_look_but_not_act(there: WebStory) -> None:
    ticket = there.break_down()
    with there.client(there.key("read")) as client:
        assert client.get(f"/api/v1/tickets/{ticket.id}").status_code == 200
        is_problem(client.post(f"/api/v1/tickets/{ticket.id}/cancel", json={"why": "no"}), 403)
    assert there.again(ticket).state == "offered"


@pytest.mark.parametrize("path", ["tickets/T-0", "tickets/T-0/timeline", "alarms/A-0", "callbacks/C-0",
                                  "callbacks/C-0/timeline", "devices/none", "devices/none/readings",
                                  "notifications/N-0", "nothing"])
def test_what_is_not_there_is_a_404_problem(agent: httpx.Client, path: str) -> None:
    is_problem(agent.get(path), 404)


@pytest.mark.parametrize(("path", "body"), [
    ("tickets/T-0/resolve", {"note": "x"}), ("tickets/T-0/cancel", {"why": "x"}), ("alarms/A-0/acknowledge", None),
    ("tickets/T-0/offer", {"provider_id": "kunz"}), ("callbacks/C-0/attempt", None),
    ("callbacks/C-0/finish", {"note": "x", "outcome": "informed"}),
])
def test_acting_on_what_is_not_there_is_a_404_problem(agent: httpx.Client, path: str, body: Any) -> None:
    is_problem(agent.post(path, json=body), 404)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"note": 5}', b'{"note": ""}', b'{"note": "   "}',
                                     b'{"note": "a\\u0000b"}', b'{"note": "\\ud800"}', b'"note"'])
def test_a_body_that_cannot_be_used_is_a_422_problem(there: WebStory, agent: httpx.Client, content: bytes) -> None:
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


def test_a_fault_of_ours_is_a_500_problem_that_tells_nothing(there: WebStory, agent: httpx.Client) -> None:
    with there.gw.store.write() as session:
        session.connection().exec_driver_sql("ALTER TABLE dead_letter RENAME TO elsewhere")
    answer = agent.get("dead-letters")
    is_problem(answer, 500)
    assert "dead_letter" not in answer.text
    assert "SELECT" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_description_is_good_enough_to_generate_a_client(there: WebStory) -> None:
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
        done = operation["responses"].get("200") or operation["responses"].get("201")
        if done is None:
            assert set(operation["responses"]["204"]) == {"description"}  # it is gone, and there is nothing to say
        else:
            [answer] = done["content"].values()
            assert "$ref" in answer["schema"]
        assert set(operation["responses"]["422"]["content"]) == {PROBLEM}
    assert schema["components"]["schemas"]["Ticket"]["properties"]["opened_at"]["format"] == "date-time"
    assert not [name for name in schema["components"]["schemas"] if "__" in name]  # two models of one name
    assert "HTTPValidationError" not in schema["components"]["schemas"]


def test_each_body_and_each_answer_has_an_example_that_fits_its_description(there: WebStory) -> None:
    schema = httpx.get(f"{there.base}/openapi.json").json()

    def wrong(media: dict[str, Any]) -> list[str]:
        validator = jsonschema_rs.validator_for(media["schema"] | {"components": schema["components"]})
        errors = [f"{'.'.join(map(str, error.instance_path))}: {error.message}"
                  for error in validator.iter_errors(media["example"])]
        return errors + ["nothing to show"] * (f'"{MISSING}"' in json.dumps(media["example"]))

    assert {name: said for operation in operations(schema) for name, media in [
        (operation["operationId"], one) for one in (*bodies(operation), *answers(operation))]
        if (said := wrong(media))} == {}


def test_a_field_that_no_body_has_is_refused_everywhere(there: WebStory) -> None:
    schema = httpx.get(f"{there.base}/openapi.json").json()
    named = schema["components"]["schemas"]
    loose = [operation["operationId"] for operation in operations(schema) for media in bodies(operation)
             if named[media["schema"]["$ref"].rpartition("/")[2]].get("additionalProperties") is not False]
    assert loose == []


def test_the_api_pages_load_nothing_from_elsewhere(there: WebStory) -> None:
    with there.client() as client:
        for path in ("/", "/docs"):
            page = client.get(path)
            assert page.status_code == 200
            assert "//" not in page.text.replace("<!doctype", "")
        assert "/api/v1/callbacks/{callback_id}/attempt" in client.get("/docs").text


def test_ready_says_in_plain_words_what_is_wrong_and_what_the_broker_would_lose(there: WebStory) -> None:
    with there.client() as client:
        assert client.get("/readyz").json()["ready"] is True
        there.health = Health(False, ["This broker keeps 1000 messages and drops the rest"], ["No broker is heard"])
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["problems"] == ["No broker is heard"]
        assert answer.json()["broker"] == ["This broker keeps 1000 messages and drops the rest"]
        assert client.get("/healthz").status_code == 200


def test_metrics_count_and_name_nobody(there: WebStory) -> None:
    there.break_down()
    there.wait()
    text = httpx.get(f"{there.base}/metrics").text
    assert "gateway_messages_received_total" in text
    assert 'gateway_alarms_opened_total{severity="critical"}' in text
    for name in ("alice", "Alice", "Kunz", "Lindenweg", "T-"):
        assert name not in text
