"""Calls that an agent asks for, and what an agent writes down of them, given to the API."""

from typing import Any

import httpx
import pytest

from gateway.model import Callback, Ticket
from gateway.store import Store
from tests.drivers.web_driver import WebStory, is_problem, web_story

WISH: dict[str, Any] = {"site_id": "alice-home", "words": "Asks about the invoice"}
FAULT: dict[str, Any] = {"cause": "The radiators stay cold", "skill": "heating", "severity": "major"}
ALWAYS = {key: [("00:00", "24:00")] for key in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


@pytest.fixture
def there(request: pytest.FixtureRequest, store: Store) -> WebStory:
    """With somebody at the desk around the clock, unless the test says otherwise."""
    return web_story(store, callback_hours=getattr(request, "param", ALWAYS))


def test_somebody_is_to_be_rung_and_another_wish_joins(there: WebStory, agent: httpx.Client) -> None:
    answer = agent.post("callbacks", json=WISH)
    assert answer.status_code == 201
    opened = answer.json()
    assert (opened["kind"], opened["origin"], opened["state"], opened["wish"], opened["device_id"]) == (
        "ordinary", "agent", "requested", "Asks about the invoice", None)
    there.now += 60_000
    joined = agent.post("callbacks", json=WISH | {"words": "And about the filter", "urgent": True}).json()
    assert (joined["id"], joined["urgent"]) == (opened["id"], True)
    assert agent.get(f"callbacks/{opened['id']}").json() == joined


def test_whom_somebody_rings_is_one_line_of_text(there: WebStory, agent: httpx.Client) -> None:
    callback = there.call_for_help()
    for name in ("Alice\x00", "Alice\nKeller"):
        is_problem(agent.post(f"callbacks/{callback.id}/attempt", json={"person": name}), 422)
    assert agent.post(f"callbacks/{callback.id}/attempt", json={"person": "Alice Keller"}).status_code == 200


def test_a_slot_is_one_of_those_that_are_listed(there: WebStory, agent: httpx.Client) -> None:
    offered = agent.get("callbacks/slots?days=1").json()["items"]
    assert offered
    taken = agent.post("callbacks", json=WISH | {"ring_from": offered[1]["ring_from"]}).json()
    assert (taken["ring_from"], taken["promised_by"]) == (offered[1]["ring_from"], offered[1]["ring_until"])
    said = is_problem(agent.post("callbacks", json=WISH | {"ring_from": "2020-01-01T10:00:00Z"}), 409)["detail"]
    assert said.startswith("That time is past. The next time at which somebody is at the desk: 20")


@pytest.mark.parametrize("there", [None], indirect=True)
def test_without_the_hours_of_the_desk_only_an_urgent_call_is_taken(there: WebStory, agent: httpx.Client) -> None:
    for answer in (agent.post("callbacks", json=WISH), agent.get("callbacks/slots")):
        said = is_problem(answer, 409)["detail"]
        assert said.startswith("Nobody has said when somebody is at the desk, so no call can be promised")
        assert 'The operator sets service.callback_hours, e.g. mon: [["08:00", "17:00"]]' in said
    assert there.callbacks == []
    assert agent.post("callbacks", json=WISH | {"urgent": True}).status_code == 201


def test_another_slot_at_once_moves_the_call(there: WebStory, agent: httpx.Client) -> None:
    first, second, third = (one["ring_from"] for one in agent.get("callbacks/slots?days=1").json()["items"][:3])
    for wanted in (first, second, third):
        moved = agent.post("callbacks", json=WISH | {"ring_from": wanted, "words": f"at {wanted}"})
        assert (moved.status_code, moved.json()["ring_from"]) == (201, wanted)
    assert len(there.callbacks) == 1


@pytest.mark.parametrize(("body", "told"), [({}, 1), ({"they_know": True}, 0)])
def test_a_call_is_called_off_and_they_are_told_unless_they_know(
        there: WebStory, agent: httpx.Client, body: dict[str, Any], told: int) -> None:
    callback = there.call_for_help()
    gone = agent.post(f"callbacks/{callback.id}/cancel", json={"why": "A child pressed the button"} | body)
    assert gone.json()["state"] == "cancelled"
    assert len(there.notifications("callback_cancelled")) == told


@pytest.mark.parametrize(("wrong", "field", "says"), [
    ({"ring_from": "tomorrow"}, "body.ring_from", "'tomorrow' is no time; write e.g. 2026-11-22T14:25:06Z"),
    ({"ring_from": "2027-02-29T10:00:00Z"}, "body.ring_from", "write e.g. 2026-11-22T14:25:06Z"),
    ({"ring_from": "2026-11-24T10:00:00"}, "body.ring_from", "has no UTC offset; write e.g."),
    ({"ring_form": "2026-11-24T10:00:00Z"}, "body.ring_form", "Extra inputs are not permitted"),
])
def test_a_wish_that_cannot_be_read_calls_nobody_at_any_other_time(
        there: WebStory, agent: httpx.Client, wrong: dict[str, Any], field: str, says: str) -> None:
    [found] = is_problem(agent.post("callbacks", json=WISH | wrong), 422)["errors"]
    assert (found["field"], says in found["detail"]) == (field, True), found
    assert there.callbacks == []


def test_somebody_has_to_come_and_the_call_opens_the_ticket(there: WebStory, agent: httpx.Client) -> None:
    callback = there.call_for_help()
    agent.post(f"callbacks/{callback.id}/connect")
    done = agent.post(f"callbacks/{callback.id}/finish",
                      json={"outcome": "visit_needed", "note": "It is 14 degrees", "fault": FAULT}).json()
    ticket = there.one(Ticket)
    assert (done["state"], done["ticket_id"], ticket.subject) == ("done", ticket.id, "heating")


@pytest.mark.parametrize(("wrong", "field", "says"), [
    ({"outcome": "visit_needed"}, "body", "expected `fault` (what somebody has to come for) or `ticket_id`"),
    ({"outcome": "fixed", "fault": FAULT}, "body", "only with the outcome visit_needed"),
    ({"outcome": "visit_needed", "fault": FAULT | {"skill": "heatin"}}, "body.fault.skill", "did you mean 'heating'?"),
    ({"outcome": "visit_needed", "fault": FAULT | {"device_id": "bob-pump"}}, "body.fault.device_id",
     "there is no device 'bob-pump' at alice-home"),
    ({"outcome": "perfect"}, "body.outcome", "Input should be 'fixed'"),
])
def test_what_cannot_follow_from_a_call_is_named(there: WebStory, agent: httpx.Client, wrong: dict[str, Any],
                                                 field: str, says: str) -> None:
    callback = there.call_for_help()
    agent.post(f"callbacks/{callback.id}/connect")
    problem = is_problem(agent.post(f"callbacks/{callback.id}/finish", json={"note": "We spoke", **wrong}), 422)
    assert [(one["field"], says in one["detail"]) for one in problem["errors"]] == [(field, True)]
    assert there.one(Callback).state == "connected"


def test_a_wish_for_nowhere_is_refused(agent: httpx.Client) -> None:
    assert agent.post("callbacks", json=WISH | {"site_id": "nowhere"}).status_code == 404


def test_the_desk_sees_whom_to_ring_next(there: WebStory, agent: httpx.Client) -> None:
    ordinary = agent.post("callbacks", json=WISH).json()["id"]
    help_ = there.call_for_help("charlie-button", kind="urgent").id
    assert [one["id"] for one in agent.get("callbacks/queue").json()["items"]] == [help_, ordinary]
    assert [one["needs"] for one in agent.get("callbacks/queue?limit=1").json()["items"]] == [[]]
