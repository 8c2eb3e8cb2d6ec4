"""What a dispatcher does with a ticket by the API: see to it, ask again, assign, put on hold, the answer to a price."""


import httpx
import pytest

from gateway.model import (
    HOUR,
    Cover,
    Device,
    Entry,
    Job,
    Notification,
    Offer,
    OnCallPage,
    Price,
    Subject,
    SubjectKind,
    Ticket,
    Visit,
    from_iso,
    to_iso,
)
from gateway.tickets.actions import AcknowledgePage, Arrive, DeclineOffer
from tests.drivers.web_driver import WebStory, is_problem


def nobody_takes_it(there: WebStory) -> Ticket:
    ticket = there.break_down()
    for _ in range(2):
        there.act(DeclineOffer(there.one(Offer, Offer.state == "pending").id, "no time"), "provider")
    return ticket


def costs_something(there: WebStory) -> Ticket:
    there.change(there.one(Device, Device.id == "alice-pump"), cover=Cover.CALL_OUT_PRICE,
                 call_out_price=Price("95.00", "EUR"))
    return there.break_down()


def counted(there: WebStory) -> tuple[int, int]:
    return len(there.all(Entry)), len(there.all(Notification))


def twice(there: WebStory, agent: httpx.Client, path: str, **body: str) -> dict[str, object]:
    """The body of the answer, which is the same both times, and the second call does nothing."""
    first = agent.post(path, json=body or None)
    assert first.status_code == 200, first.text
    done, there.now = counted(there), there.now + 1000
    second = agent.post(path, json=body or None)
    assert (second.status_code, second.json(), counted(there)) == (200, first.json(), done)
    found: dict[str, object] = first.json()
    return found


def test_an_agent_sees_to_a_ticket_and_nobody_else_is_paged(there: WebStory, agent: httpx.Client) -> None:
    ticket = nobody_takes_it(there)
    assert twice(there, agent, f"tickets/{ticket.id}/acknowledge")["state"] == "new"
    page = there.one(OnCallPage)
    assert (page.state, page.acknowledged_by) == ("acknowledged", "Dana")
    other = there.break_down("bob-pump")
    refused = is_problem(agent.post(f"tickets/{other.id}/acknowledge"), 409)
    assert refused["detail"] == f"Nobody is being paged about {other.id} now."


def test_an_agent_sees_to_a_callback(there: WebStory, agent: httpx.Client) -> None:
    callback = there.call_for_help(kind="long")
    there.now += HOUR
    there.wait(seconds=1)
    assert twice(there, agent, f"callbacks/{callback.id}/acknowledge")["id"] == callback.id
    assert {page.acknowledged_by for page in there.all(OnCallPage)} == {"Dana"}
    there.act(AcknowledgePage(Subject(SubjectKind.CALLBACK, callback.id)), "agent Max")
    is_problem(agent.post("callbacks/C-NOBODY/acknowledge"), 404)


def test_an_agent_asks_firms_again_those_too_that_declined(there: WebStory, agent: httpx.Client) -> None:
    ticket = nobody_takes_it(there)
    assert twice(there, agent, f"tickets/{ticket.id}/ask-again")["state"] == "offered"
    there.accept()
    refused = is_problem(agent.post(f"tickets/{ticket.id}/ask-again"), 409)
    assert refused["detail"] == f"Ticket {ticket.id} is assigned: it cannot be offered now."


def test_an_agent_gives_it_to_a_firm_that_said_yes_on_the_phone(there: WebStory, agent: httpx.Client) -> None:
    ticket, path = nobody_takes_it(there), "tickets/{}/assign"
    body = {"provider_id": "seeblick", "technician": "Sam Ott", "window_from": to_iso(there.now + HOUR),
            "window_until": to_iso(there.now + 3 * HOUR)}
    done = twice(there, agent, path.format(ticket.id), **body)
    assert (done["state"], done["provider_name"]) == ("assigned", "Seeblick Service")
    assert there.one(Visit).technician == "Sam Ott"
    is_problem(agent.post(path.format(ticket.id), json=body | {"provider_id": "kunz"}), 409)
    is_problem(agent.post(path.format(ticket.id), json=body | {"provider_id": "nobody"}), 404)
    wrong = is_problem(agent.post(path.format(ticket.id), json={"provider_id": "kunz"}), 422)
    assert {one["field"] for one in wrong["errors"]} == {"body.window_from", "body.window_until"}


def test_an_agent_puts_it_on_hold_also_while_somebody_comes(there: WebStory, agent: httpx.Client) -> None:
    ticket, until = there.break_down(), "2026-11-24T08:00:00Z"
    there.accept()
    done = twice(there, agent, f"tickets/{ticket.id}/hold", reason="no_access", until=until, note="Not today")
    assert (done["state"], done["visit"]) == ("on_hold", None)
    assert there.one(Visit).state == "cancelled"
    assert {job.hold_until for job in there.all(Job)} == {from_iso(until)}
    refused = is_problem(agent.post(f"tickets/{ticket.id}/hold", json={"reason": "part", "until": to_iso(0)}), 409)
    assert refused["detail"] == "It cannot wait until a time that is past."
    is_problem(agent.post(f"tickets/{ticket.id}/hold", json={"reason": "lunch", "until": until}), 422)


def test_who_is_at_the_door_is_not_put_off(there: WebStory, agent: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    there.act(Arrive(there.one(Visit).id), "technician")
    is_problem(agent.post(f"tickets/{ticket.id}/hold", json={"reason": "part", "until": "2026-11-24T08:00:00Z"}), 409)


def test_the_customer_says_yes_to_the_price_on_the_telephone(there: WebStory, agent: httpx.Client) -> None:
    ticket = costs_something(there)
    done = twice(there, agent, f"tickets/{ticket.id}/agree-to-price")
    assert (done["state"], done["price_answer"]) == ("offered", "agreed")
    refused = is_problem(agent.post(f"tickets/{ticket.id}/decline-price"), 409)
    assert refused["detail"] == f"The customer has said yes already: somebody comes for ticket {ticket.id}."


def test_the_customer_says_no_to_the_price_on_the_telephone(there: WebStory, agent: httpx.Client) -> None:
    ticket = costs_something(there)
    done = twice(there, agent, f"tickets/{ticket.id}/decline-price")
    assert (done["state"], done["price_answer"]) == ("cancelled", "declined")
    is_problem(agent.post(f"tickets/{ticket.id}/agree-to-price"), 409)


def test_nobody_was_asked_about_a_price(there: WebStory, agent: httpx.Client) -> None:
    ticket = there.break_down()
    for act in ("agree-to-price", "decline-price"):
        is_problem(agent.post(f"tickets/{ticket.id}/{act}"), 409)
        is_problem(agent.post(f"tickets/T-NOBODY/{act}"), 404)


@pytest.mark.parametrize("act", ["acknowledge", "ask-again", "assign", "hold", "agree-to-price", "decline-price"])
def test_a_key_that_may_only_read_does_none_of_it(there: WebStory, act: str) -> None:
    ticket = there.break_down()
    body = {"provider_id": "kunz", "window_from": "2026-11-24T08:00:00Z", "window_until": "2026-11-24T10:00:00Z",
            "reason": "part", "until": "2026-11-24T08:00:00Z"}
    with there.client(there.key("read")) as reader:
        is_problem(reader.post(f"/api/v1/tickets/{ticket.id}/{act}", json=body), 403)
