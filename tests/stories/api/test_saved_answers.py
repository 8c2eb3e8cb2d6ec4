"""What callers are told about an outage or a ticket, by the API: read, saved, and taken back."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.model import Audit, AuditOutcome, SavedAnswer
from gateway.store import Store
from tests.drivers.web_driver import WebStory, is_problem, items, read
from tests.fixtures.outage_console import OutageConsole, outage_console

DIGGER = {"en": "A digger has hit the cable in Bachweg.", "de": "Ein Bagger hat das Kabel getroffen."}


@pytest.fixture
def quarter(both_stores: Store) -> Iterator[OutageConsole]:
    there = outage_console(both_stores)
    yield there
    for browser in there.browsers:
        browser.web.close()


@pytest.fixture
def dispatcher(there: WebStory) -> Iterator[httpx.Client]:
    with there.client(there.key("dispatcher", "Carla")) as client:
        client.base_url = f"{there.base}/api/v1/"
        yield client


def test_what_a_program_saves_callers_and_customers_hear_until_it_is_withdrawn(quarter: OutageConsole) -> None:
    quarter.cut()
    path = f"/api/v1/outages/{quarter.outage.id}/answers"
    with quarter.client(quarter.key()) as program:
        assert items(program.get(path)) == []
        answer = program.post(path, json={"words": DIGGER, "for_page": True})
        assert answer.status_code == 201
        saved = answer.json()
        assert (saved["words"], saved["for_page"], saved["saved_by"], saved["withdrawn_at"]) == (
            DIGGER, True, "agent Dana", None)
        assert (saved["subject_kind"], saved["subject_id"]) == ("outage", quarter.outage.id)
        assert program.post(path, json={"words": DIGGER, "for_page": True}).json() == saved, "once more changes nothing"
        assert items(program.get(path)) == [saved]
        assert DIGGER["en"] in read(quarter.console().get("/console/call?site=a0"))
        with quarter.client() as web:
            assert DIGGER["de"] in read(web.get(quarter.outage_page("a1")))
            withdrawn = program.post(f"/api/v1/answers/{saved['id']}/withdraw").json()
            assert DIGGER["de"] not in read(web.get(quarter.outage_page("a1")))
        assert withdrawn["withdrawn_at"]
        assert program.post(f"/api/v1/answers/{saved['id']}/withdraw").json() == withdrawn
        assert items(program.get(path)) == []
        later = program.post(path, json={"words": DIGGER, "for_page": True}).json()
        assert later["id"] != saved["id"], "what was withdrawn is not what is said now"
    assert f"Answer for callers: {DIGGER['en']}" in quarter.timeline(quarter.outage.id)


def test_of_a_ticket_page_by_page_the_newest_first(there: WebStory, agent: httpx.Client, reader: httpx.Client) -> None:
    path = f"tickets/{there.break_down().id}/answers"
    for words in ("One", "Two", "Three"):
        there.now += 1
        assert agent.post(path, json={"words": {"en": words}}).status_code == 201
    first = reader.get(f"{path}?limit=2").json()
    rest = reader.get(path, params={"cursor": first["next"]}).json()
    assert [one["words"]["en"] for one in first["items"] + rest["items"]] == ["Three", "Two", "One"]
    assert rest["next"] is None
    is_problem(reader.post(path, json={"words": {"en": "Four"}}), 403)


def test_others_answers_only_a_dispatcher_takes_back(there: WebStory, agent: httpx.Client, dispatcher: httpx.Client
                                                     ) -> None:
    ticket = there.break_down()
    saved = agent.post(f"tickets/{ticket.id}/answers", json={"words": {"en": "Somebody comes"}}).json()
    with there.client(there.key("agent", "Erik")) as erik:
        refused = is_problem(erik.post(f"/api/v1/answers/{saved['id']}/withdraw"), 403)
    assert "take back an answer" in refused["detail"]
    [denied] = there.all(Audit, Audit.outcome == AuditOutcome.DENIED)
    assert (denied.action, denied.object_id) == ("withdraw_answer", saved["id"])
    assert dispatcher.post(f"answers/{saved['id']}/withdraw").json()["withdrawn_by"] == "agent Carla"


def test_what_cannot_be_saved(there: WebStory, agent: httpx.Client) -> None:
    ticket = there.break_down()
    path = f"tickets/{ticket.id}/answers"
    bodies: list[dict[str, Any]] = [
        {}, {"words": {}}, {"words": {"en": " "}}, {"words": {"eo": "Iu venas"}}, {"words": {"en": "x" * 1001}},
        {"words": {"en": "Yes"}, "for_page": True}]
    for wrong in bodies:
        is_problem(agent.post(path, json=wrong), 422)
    good = {"words": {"en": "Somebody comes"}}
    for missing in ("tickets/T-00000000", "outages/X-00000000"):
        is_problem(agent.post(f"{missing}/answers", json=good), 404)
        is_problem(agent.get(f"{missing}/answers"), 404)
    is_problem(agent.post("answers/S-00000000/withdraw"), 404)
    agent.post(f"tickets/{ticket.id}/cancel", json={"why": "Sold"})
    is_problem(agent.post(path, json=good), 409)
    assert there.all(SavedAnswer) == []
