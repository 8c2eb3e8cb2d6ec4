"""What a person reports, given to the API: opened or joined, the same twice, and names that nobody knows."""

from typing import Any

import httpx
import pytest

from gateway.model import Entry
from tests.drivers.web_driver import WebStory, is_problem

BODY: dict[str, Any] = {"site_id": "alice-home", "cause": "No hot water", "skill": "heating", "severity": "major"}


def test_a_ticket_is_opened_and_a_second_report_joins_it(there: WebStory, agent: httpx.Client) -> None:
    answer = agent.post("tickets", json=BODY)
    assert answer.status_code == 201
    opened = answer.json()
    assert (opened["joined"], opened["subject"], opened["opened_by"], opened["reported"], opened["state"]) == (
        False, "heating", "agent Dana", ["No hot water"], "offered")
    there.now += 60_000
    again = agent.post("tickets", json=BODY | {"cause": "Radiators are cold too"}).json()
    assert (again["id"], again["joined"], again["reported"]) == (
        opened["id"], True, ["No hot water", "Radiators are cold too"])


def test_a_double_tap_has_the_same_answer_and_no_second_effect(there: WebStory, agent: httpx.Client) -> None:
    first = agent.post("tickets", json=BODY)
    lines = len(there.all(Entry))
    there.now += 1000
    second = agent.post("tickets", json=BODY)
    assert (second.status_code, second.json()) == (201, first.json())
    assert len(there.all(Entry)) == lines


@pytest.mark.parametrize(("wrong", "field", "says"), [
    ({"site_id": "alice-hom"}, "body.site_id", "there is no site 'alice-hom'"),
    ({"device_id": "bob-pump"}, "body.device_id", "there is no device 'bob-pump' at alice-home"),
    ({"device_id": "alice-pum"}, "body.device_id", "did you mean 'alice-pump'?"),
    ({"skill": "heatin"}, "body.skill", "did you mean 'heating'?"),
    ({"skill": "voodoo"}, "body.skill", "expected one of"),
    ({"cause": " "}, "body.cause", "at least 1 character"),
    ({"severity": "terrible"}, "body.severity", "Input should be"),
])
def test_what_nobody_knows_is_named(agent: httpx.Client, wrong: dict[str, str], field: str, says: str
                                    ) -> None:
    problem = is_problem(agent.post("tickets", json=BODY | wrong), 422)
    assert [(one["field"], says in one["detail"]) for one in problem["errors"]] == [(field, True)]
