"""Goodwill and surveys by the API: what was credited, what waits for a yes, gestures, and the files."""

import csv
import io
from datetime import date
from typing import Any

import httpx

from gateway.config.settings import Goodwill as Rules
from gateway.flow.after.goodwill import pay_goodwill
from gateway.model import (
    HOUR,
    Audit,
    Goodwill,
    GoodwillKind,
    Outage,
    OutageKind,
    OutageMember,
    OutageState,
    Survey,
    SurveyMark,
)
from gateway.model.states import GoodwillState, MemberState, SubjectKind
from tests.drivers.web_driver import WebStory, is_problem, items

RULES: dict[str, Any] = {
    "live_from": date(2026, 11, 1), "cap": 7, "rules": [{"outage_hours": 4, "credit": 5}],
    "gestures": {"most": 10, "agent_day": 20, "household_month": 15}}


def with_rules(there: WebStory, **rules: Any) -> None:
    there.gw.settings = there.gw.settings.model_copy(update={"goodwill": Rules.model_validate(rules)})


def was_dark(there: WebStory, *homes: str, hours: int = 5) -> str:
    """An outage of these customers that is over: its id."""
    began, ended = there.now - hours * HOUR, there.now
    there.add(Outage(id="X-1", key="dorf", name="=Dorf", kind=OutageKind.PLACE, state=OutageState.CLOSED,
                     homes=len(homes), began_at=began, last_at=began, suspected_at=began, confirmed_at=began,
                     restored_at=ended, closed_at=ended),
              *(OutageMember(id=f"X-1/{home}-home", outage_id="X-1", site_id=f"{home}-home", customer_id=home,
                             state=MemberState.RESTORED, died_at=began, joined_at=began, back_at=ended)
                for home in homes))
    return "X-1"


def table(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_person_approves_what_is_above_the_cap(there: WebStory, operator: httpx.Client, agent: httpx.Client) -> None:
    with_rules(there, **RULES)
    was_dark(there, "alice", "bob")
    pay_goodwill(there.gw, there.now)
    [case] = items(operator.get("goodwill/cases?state=waiting"))
    assert (case["id"], case["cents"], case["homes"], case["currency"]) == ("X-1", 1000, 2, "EUR")
    assert {one["state"] for one in items(agent.get("goodwill"))} == {"proposed"}
    is_problem(agent.post("goodwill/cases/X-1/approve"), 403)
    is_problem(operator.post("goodwill/cases/X-2/approve"), 404)
    for _ in range(2):
        assert operator.post("goodwill/cases/X-1/approve").json()["state"] == "approved"
    said = is_problem(operator.post("goodwill/cases/X-1/decline", json={"reason": "no"}), 409)["detail"]
    assert said == "Goodwill X-1 is approved already: that is not possible now."
    [credit] = items(agent.get("goodwill?customer=alice"))
    assert (credit["state"], credit["cents"], credit["dark_minutes"], credit["kind"]) == ("given", 500, 300, "outage")


def test_what_is_declined_needs_a_reason(there: WebStory, operator: httpx.Client) -> None:
    with_rules(there, **RULES)
    was_dark(there, "alice", "bob")
    pay_goodwill(there.gw, there.now)
    is_problem(operator.post("goodwill/cases/X-1/decline", json={"reason": " "}), 422)
    answer = operator.post("goodwill/cases/X-1/decline", json={"reason": "The insurer pays"}).json()
    assert (answer["state"], answer["reason"], answer["cents"], answer["next_at"]) == (
        "declined", "The insurer pays", 0, None)
    assert {one["state"] for one in items(operator.get("goodwill"))} == {"refused"}


def test_the_rules_are_tried_and_nothing_follows(there: WebStory, reader: httpx.Client) -> None:
    with_rules(there, **RULES | {"live_from": None})
    was_dark(there, "alice", "bob")
    pay_goodwill(there.gw, there.now)
    [trial] = reader.get("goodwill/trial?days=7").json()["items"]
    assert (trial["number"], trial["cents"], trial["homes"], trial["over_cap"]) == ("X-1", 1000, 2, True)
    assert items(reader.get("goodwill")) == []
    assert not there.all(Goodwill)


def test_an_agent_gives_a_gesture_within_the_limits(there: WebStory, agent: httpx.Client, reader: httpx.Client) -> None:
    with_rules(there, **RULES)
    body = {"cents": 800, "reason": "Rang four times"}
    first = agent.post("sites/alice-home/gestures", json=body)
    assert first.status_code == 201
    assert agent.post("sites/alice-home/gestures", json=body).json()["id"] == first.json()["id"]
    assert (first.json()["kind"], first.json()["given_by"].startswith("agent ")) == ("gesture", True)
    said = is_problem(agent.post("sites/alice-home/gestures", json=body | {"cents": 900}), 409)["detail"]
    assert said == "You can credit this household €7.00 at most now."
    is_problem(agent.post("sites/nowhere/gestures", json=body), 404)
    is_problem(agent.post("sites/alice-home/gestures", json={"cents": 1.5, "reason": "x"}), 422)
    is_problem(reader.post("sites/alice-home/gestures", json=body), 403)


def test_the_file_for_billing_has_whole_cents_and_no_formulas(there: WebStory, auditor: httpx.Client,
                                                              agent: httpx.Client) -> None:
    there.add(Goodwill(id="G-1", case_id="G-1", subject_kind=SubjectKind.CUSTOMER, site_id="alice-home",
                       customer_id="alice", kind=GoodwillKind.GESTURE, rule="gesture", state=GoodwillState.GIVEN,
                       cents=750, currency="EUR", reason='=HYPERLINK("http://x")', given_by="agent Dana",
                       created_at=there.now, given_at=there.now),
              Goodwill(id="G-2", case_id="X", subject_kind=SubjectKind.OUTAGE, site_id="alice-home",
                       customer_id="alice", kind=GoodwillKind.OUTAGE, rule="outage:1", state=GoodwillState.PROPOSED,
                       cents=1, currency="EUR", created_at=there.now))
    [row] = table(auditor.get("goodwill/export"))
    assert (row["id"], row["cents"], row["currency"], row["customer_id"]) == ("G-1", "750", "EUR", "alice")
    assert row["reason"] == "'=HYPERLINK(\"http://x\")"
    assert table(auditor.get("goodwill/export", params={"until": "2020-01-01T00:00:00Z"})) == []
    is_problem(agent.get("goodwill/export"), 403)
    assert "export_goodwill" in [line.action for line in there.all(Audit)]


def test_what_customers_said_one_by_one_added_up_and_as_a_file(there: WebStory, agent: httpx.Client,
                                                               auditor: httpx.Client) -> None:
    ticket = there.break_down()
    is_problem(agent.get(f"tickets/{ticket.id}/survey"), 404)
    there.add(Survey(id="Q-1", ticket_id=ticket.id, customer_id=ticket.customer_id, proven=True, asked_at=there.now,
                     expires_at=there.now + HOUR, answered_at=there.now, works=True, ease=SurveyMark.BAD,
                     words="+1 for Karin"))
    said = agent.get(f"tickets/{ticket.id}/survey").json()
    assert (said["works"], said["ease"], said["care"], said["words"]) == (True, "bad", None, "+1 for Karin")
    assert [one["ticket_id"] for one in items(agent.get("surveys?works=true&answered=true"))] == [ticket.id]
    assert items(agent.get("surveys?works=false")) == []
    total = agent.get("surveys/summary").json()["total"]
    assert (total["asked"], total["answered"]) == (1, 1)
    assert total["works"] == {"good": 1, "of": 1, "percent": 100}
    assert total["ease"] == {"good": 0, "of": 1, "percent": 0}
    assert total["care"] == {"good": 0, "of": 0, "percent": None}
    [row] = table(auditor.get("surveys/export"))
    assert (row["works"], row["care"], row["words"]) == ("true", "", "'+1 for Karin")
