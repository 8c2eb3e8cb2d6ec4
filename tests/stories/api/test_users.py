"""Users and the audit log by the API."""

import json

import httpx
import pytest

from gateway.model import ActorKind, Audit, User
from tests.drivers.web_driver import PASSWORD, WebStory, is_problem, items

DANA = {"name": "Dana Meier", "email": "Dana@Example.com", "role": "agent"}


def test_somebody_is_added_and_comes_in_by_a_link_that_works_once(there: WebStory, operator: httpx.Client) -> None:
    answer = operator.post("users", json=DANA)
    assert answer.status_code == 201
    dana = answer.json()
    assert (dana["email"], dana["role"], dana["has_password"]) == ("dana@example.com", "agent", False)
    welcome = dana.pop("welcome")
    path = welcome[welcome.index("/welcome/"):]
    browser = there.browser()
    assert "Dana Meier" in browser.follow(browser.web.post(path, data={"password": PASSWORD})).text
    assert browser.web.post(path, data={"password": PASSWORD}).status_code == 404
    found = operator.get(f"users/{dana['id']}")
    assert found.json() == {**dana, "has_password": True}
    assert items(operator.get("users?role=agent")) == [found.json()]
    assert "password\":\"" not in found.text


def test_another_role_a_reset_and_the_end(there: WebStory, operator: httpx.Client) -> None:
    dana, browser = there.user("agent"), there.browser()
    browser.sign_in(dana.email)
    assert operator.post(f"users/{dana.id}/role", json={"role": "dispatcher"}).json()["role"] == "dispatcher"
    assert browser.web.get("/console").status_code == 401
    assert operator.post(f"users/{dana.id}/reset").json()["welcome"]
    assert operator.post(f"users/{dana.id}/disable").json()["disabled_at"]
    assert [one["id"] for one in items(operator.get("users?disabled=true"))] == [dana.id]
    assert [line.action for line in there.all(Audit) if line.object_id == dana.id][-3:] == [
        "change_role", "reset_user", "disable_user"]


@pytest.mark.parametrize(("body", "field"), [
    ({**DANA, "email": "nobody"}, "body.email"), ({**DANA, "role": "read"}, "body.role"),
    ({**DANA, "role": "provider"}, "body.provider"), ({**DANA, "provider_id": "kunz"}, "body.provider"),
    ({**DANA, "password": "x"}, "body.password"), ({"name": "Dana"}, "body.email"),
])
def test_what_is_wrong_with_a_user_is_named(operator: httpx.Client, body: dict[str, str], field: str) -> None:
    assert field in [one["field"] for one in is_problem(operator.post("users", json=body), 422)["errors"]]


def test_somebody_always_stays_operator(there: WebStory, operator: httpx.Client) -> None:
    last = there.user("operator")
    is_problem(operator.post(f"users/{last.id}/disable"), 422)
    is_problem(operator.post(f"users/{last.id}/role", json={"role": "agent"}), 422)
    assert there.one(User, User.id == last.id).disabled_at is None


def test_who_did_what_as_a_list_and_as_a_file(there: WebStory, agent: httpx.Client, auditor: httpx.Client) -> None:
    ticket = there.break_down()
    agent.post(f"tickets/{ticket.id}/cancel", json={"why": "Frau Keller has sold the house"})
    [line] = items(auditor.get("audit", params={"object": ticket.id}))
    assert (line["action"], line["before"]["state"], line["after"]["state"]) == (
        "cancel_ticket", "offered", "cancelled")
    assert items(auditor.get("audit?action=nothing")) == []
    answer = auditor.get("audit/export")
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(one) for one in answer.text.splitlines()]
    assert line in lines
    assert lines[0]["action"] == "export_audit"
    assert "Keller" not in answer.text
    is_problem(agent.get("audit"), 403)
    is_problem(auditor.get("users"), 403)


def test_the_file_has_every_line_however_many_they_are(there: WebStory, auditor: httpx.Client) -> None:
    there.add(*(Audit(at=there.now - 1200 + number, actor=ActorKind.AGENT, action=f"act_{number}")
                for number in range(1200)))
    lines = [json.loads(one)["action"] for one in auditor.get("audit/export").text.splitlines()]
    assert lines[1:] == [f"act_{number}" for number in reversed(range(1200))]
