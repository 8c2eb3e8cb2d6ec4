"""Offers and visits by the API: why this provider was asked, and what an agent says for somebody on the telephone."""

import httpx
import pytest

from gateway.model import DAY, HOUR, MINUTE, Offer, Ticket, Visit, from_iso, to_iso
from tests.drivers.web_driver import WebStory, is_problem, items


def offered(there: WebStory) -> Offer:
    ticket = there.break_down()
    return there.one(Offer, Offer.ticket_id == ticket.id)


def accepted(there: WebStory, agent: httpx.Client) -> Visit:
    offer = offered(there)
    window = {"window_from": to_iso(there.now), "window_until": to_iso(there.now + 4 * HOUR)}
    answer = agent.post(f"offers/{offer.id}/accept", json={"technician": "Karin Kunz", **window})
    assert answer.status_code == 200, answer.text
    return there.one(Visit, Visit.offer_id == offer.id)


def test_an_offer_says_why_they_were_asked_and_what_else_there_was(there: WebStory, agent: httpx.Client) -> None:
    offer = offered(there)
    [listed] = items(agent.get("offers", params={"open": True, "ticket": offer.ticket_id}))
    found = agent.get(f"offers/{offer.id}").json()
    assert (listed["provider_name"], listed["site_name"], listed["rank"]) == ("Kunz Heating", "Alice's house", 1)
    assert listed["reasons"]
    assert found["ranking"][0] == {"provider_id": "kunz", "rank": 1, "score": found["ranking"][0]["score"],
                                   "reasons": listed["reasons"]}
    assert found["tickets"] == [offer.ticket_id]
    assert items(agent.get("offers", params={"open": False})) == []
    is_problem(agent.get("offers/O-00000000"), 404)


def test_the_provider_says_yes_on_the_phone(there: WebStory, agent: httpx.Client) -> None:
    visit = accepted(there, agent)
    [listed] = items(agent.get("visits", params={"site": "alice-home", "open": True, "provider": "kunz"}))
    assert (listed["id"], listed["technician"], listed["state"]) == (visit.id, "Karin Kunz", "planned")
    assert listed == agent.get(f"visits/{visit.id}").json()
    assert from_iso(listed["window_from"]) == visit.window_from
    assert "call_pin" not in listed
    assert agent.post(f"offers/{visit.offer_id}/accept", json={}).json()["state"] == "accepted"  # nothing changes
    is_problem(agent.post(f"offers/{visit.offer_id}/decline", json={"why": "no"}), 409)


def test_the_provider_says_no_on_the_phone(there: WebStory, agent: httpx.Client) -> None:
    offer = offered(there)
    found = agent.post(f"offers/{offer.id}/decline", json={"why": "Fully booked"}).json()
    assert (found["state"], found["answer"]) == ("declined", "Fully booked")
    is_problem(agent.post(f"offers/{offer.id}/decline", json={}), 422)


def test_a_window_that_is_far_away_is_asked_about(there: WebStory, agent: httpx.Client) -> None:
    offer = offered(there)
    far = {"window_from": to_iso(there.now + 20 * DAY), "window_until": to_iso(there.now + 20 * DAY + HOUR)}
    assert "confirmed" in is_problem(agent.post(f"offers/{offer.id}/accept", json=far), 409)["detail"]
    assert agent.post(f"offers/{offer.id}/accept", json={**far, "confirmed": True}).status_code == 200


def test_what_a_technician_says_on_the_phone_from_departure_to_the_end(there: WebStory, agent: httpx.Client) -> None:
    visit = accepted(there, agent)

    def say(what: str, **body: object) -> httpx.Response:
        return agent.post(f"visits/{visit.id}/{what}", json=body)

    assert from_iso(say("depart", minutes=20).json()["eta"]) == there.now + 20 * MINUTE
    assert from_iso(say("delay", minutes=45).json()["eta"]) == there.now + 45 * MINUTE
    there.wait(45)
    assert agent.post(f"visits/{visit.id}/arrive").json()["state"] == "on_site"
    assert say("overrun", minutes=30).status_code == 200
    is_problem(say("finish"), 422)
    is_problem(say("finish", note="x", parts=["valve"]), 422)
    done = say("finish", note="Replaced the valve", fix="Valve replaced", used=["valve"]).json()
    assert (done["fix"], done["used"], done["reported_at"]) == ("Valve replaced", ["valve"], None)
    assert (done["state"], done["outcome"], done["note"]) == ("done", "complete", "Replaced the valve")
    is_problem(say("depart"), 409)
    assert items(agent.get("visits?open=true")) == []


def test_a_part_is_missing_and_who_cannot_come_hands_it_back(there: WebStory, agent: httpx.Client) -> None:
    visit = accepted(there, agent)
    moved = {"window_from": to_iso(there.now + DAY), "window_until": to_iso(there.now + DAY + 2 * HOUR)}
    found = agent.post(f"visits/{visit.id}/window", json=moved).json()
    assert from_iso(found["window_from"]) == there.now + DAY
    assert agent.post(f"visits/{visit.id}/technician", json={"technician": "Sara Keller"}).json()["technician"] == (
        "Sara Keller")
    is_problem(agent.post(f"visits/{visit.id}/technician", json={"technician": " "}), 422)
    found = agent.post(f"visits/{visit.id}/hand-back", json={"why": "The van broke down"}).json()
    assert found["state"] == "cancelled"
    ticket = there.one(Ticket, Ticket.id == visit.ticket_id)
    assert ticket.state in ("new", "offered")


@pytest.mark.parametrize("minutes", [0, -5, 1441, "soon", None])
def test_minutes_are_minutes(there: WebStory, agent: httpx.Client, minutes: object) -> None:
    told = is_problem(agent.post("visits/V-00000000/delay", json={"minutes": minutes}), 422)
    assert [one["field"] for one in told["errors"]] == ["body.minutes"]


def test_a_provider_alone_and_planned_work_alone(there: WebStory, agent: httpx.Client) -> None:
    [listed] = [one for one in items(agent.get("providers")) if one["id"] == "kunz"]
    assert agent.get("providers/kunz").json() == listed
    is_problem(agent.get("providers/nobody"), 404)
    is_problem(agent.get("maintenance/W-00000000"), 404)
    is_problem(agent.get("button-tests/B-00000000"), 404)
