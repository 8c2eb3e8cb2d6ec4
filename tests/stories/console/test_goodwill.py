"""Goodwill at the console: what waits for a yes, a gesture, the dry run; and what customers said."""

import re
from datetime import date
from typing import Any

from gateway.config.settings import Goodwill as Rules
from gateway.flow.after.goodwill import pay_goodwill
from gateway.model import (
    HOUR,
    Goodwill,
    GoodwillCase,
    LinkPurpose,
    Outage,
    OutageKind,
    OutageMember,
    OutageState,
    Survey,
    SurveyMark,
)
from gateway.model.states import MemberState
from gateway.notifications.signed_links import sign
from tests.drivers.web_driver import WebStory, read

PAGE, ALICE = "/console/goodwill", "/console/customers/alice"
RULES: dict[str, Any] = {
    "live_from": date(2026, 11, 1), "cap": 7, "rules": [{"outage_hours": 4, "credit": 5}],
    "gestures": {"most": 10, "agent_day": 20, "household_month": 15}}


def was_dark(there: WebStory, **rules: Any) -> None:
    """Alice and Bob for five hours, and the outage is over and weighed."""
    there.gw.settings = there.gw.settings.model_copy(update={"goodwill": Rules.model_validate(RULES | rules)})
    began, ended = there.now - 5 * HOUR, there.now
    there.add(Outage(id="X-00000001", key="dorf", name="Dorf <b>", kind=OutageKind.PLACE, state=OutageState.CLOSED,
                     homes=2, began_at=began, last_at=began, suspected_at=began, confirmed_at=began,
                     restored_at=ended, closed_at=ended),
              *(OutageMember(id=f"X-00000001/{home}-home", outage_id="X-00000001", site_id=f"{home}-home",
                             customer_id=home, state=MemberState.RESTORED, died_at=began, joined_at=began,
                             back_at=ended) for home in ("alice", "bob")))
    pay_goodwill(there.gw, there.now)


def test_a_dispatcher_approves_and_everybody_is_credited(there: WebStory) -> None:
    was_dark(there)
    said = read(there.console().get(PAGE))
    assert "€10.00 for 2 homes: Dorf <b>" in said
    assert "A dispatcher can approve or decline it." in said
    browser = there.console("dispatcher", name="Max")
    for _ in range(2):
        browser.post(f"{PAGE}/X-00000001/approve")
    there.wait()
    said = read(browser.get(PAGE))
    assert "Waits for a yes" not in said
    assert "Approved 2 €10.00" in said
    assert [message.subject for message in there.messages if message.to == "alice@example.com"][-1].startswith(
        "We are crediting you €5.00")
    link = there.one(Goodwill, Goodwill.customer_id == "alice")
    assert link.state == "given"


def test_who_declines_says_why(there: WebStory) -> None:
    was_dark(there)
    browser = there.console("dispatcher")
    answer = browser.web.post(f"{PAGE}/X-00000001/decline", data={"csrf": browser.csrf, "reason": "  "})
    assert "Say why it is declined" in read(answer, 422)
    assert there.one(GoodwillCase).state == "waiting"
    browser.post(f"{PAGE}/X-00000001/decline", reason="The insurer pays")
    assert "Declined 2 €0.00" in read(browser.get(PAGE))
    assert "The insurer pays" in read(browser.get(PAGE))
    answer = browser.web.post(f"{PAGE}/X-00000001/approve", data={"csrf": browser.csrf})
    assert "declined already" in read(answer, 409)


def test_the_page_of_the_outage_says_what_they_were_credited(there: WebStory) -> None:
    was_dark(there, cap=None)
    row = there.notifications("goodwill")[0]
    assert row.link_id is not None
    with there.client() as web:
        address = f"/f/{sign(there.secret, LinkPurpose.FOLLOW, row.link_id)}"
        assert "We credited you €5.00" in read(web.get(address))
        there.now += 3 * 24 * HOUR
        assert "We credited you €5.00" in read(web.get(address)), "the link in the message still leads somewhere"
        there.now += 5 * 24 * HOUR
        assert web.get(address).status_code != 200


def test_a_dry_run_shows_what_it_would_come_to(there: WebStory) -> None:
    was_dark(there, live_from=None)
    said = read(there.console().get(PAGE))
    assert "A dry run: nothing is credited and nobody is told" in said
    assert "What the last 30 days would have come to: €10.00" in said
    assert not there.all(Goodwill)


def test_an_agent_gives_a_gesture_from_the_page_of_the_household(there: WebStory) -> None:
    was_dark(there, cap=None)
    browser = there.console()
    assert "€5.00 for an outage, dark for 5 h" in read(browser.get(ALICE))
    for amount, reason, status, said in (
            ("7,50", "", 422, "Say why"), ("much", "x", 422, "Write the amount as 5 or 7.50"),
            ("11", "x", 409, "You can credit this household €10.00 at most now."), ("0", "x", 422, "Write the amount")):
        answer = browser.web.post(f"{ALICE}/gesture", data={
            "csrf": browser.csrf, "site_id": "alice-home", "amount": amount, "reason": reason})
        assert said in read(answer, status), answer.text
    browser.post(f"{ALICE}/gesture", site_id="alice-home", amount="7,50", reason="Rang <i>four</i> times")
    page = browser.get(ALICE)
    assert "€7.50 as a gesture: Rang <i>four</i> times" in read(page)
    assert "<i>four" not in page.text
    answer = browser.web.post("/console/customers/bob/gesture", data={
        "csrf": browser.csrf, "site_id": "alice-home", "amount": "1", "reason": "x"})
    assert answer.status_code == 404


def test_files_are_for_operators_and_auditors(there: WebStory) -> None:
    was_dark(there, cap=None)
    boss = there.console("operator")
    agent = there.console(name="Max")
    for name in ("goodwill", "surveys"):
        assert f"/console/{name}/export" in boss.get(f"/console/{name}").text
        assert f"/console/{name}/export" not in agent.get(f"/console/{name}").text


def test_the_page_of_a_ticket_and_the_list_say_what_the_customer_answered(there: WebStory) -> None:
    ticket = there.break_down()
    there.add(Survey(id="Q-1", ticket_id=ticket.id, customer_id="alice", proven=True, asked_at=there.now,
                     expires_at=there.now + HOUR, answered_at=there.now, works=False, ease=SurveyMark.FAIR,
                     words="Still <b>cold</b>"))
    browser = there.console()
    page = browser.get(f"/console/tickets/{ticket.id}")
    assert "Customer said Does not Ease: Half and half Still <b>cold</b>" in read(page)
    assert "<b>cold" not in page.text
    said = read(browser.get("/console/surveys"))
    assert "Nobody had to come 1 1 0 % 0 of 1 0 % 0 of 1 –" in said
    assert re.search(rf"{ticket.id} \d\d:\d\d today", said)


def test_now_says_how_many_wait_for_a_yes_until_nobody_does_and_also_when_nobody_answers(there: WebStory) -> None:
    desk = there.console("dispatcher")
    assert "to approve" not in read(desk.get("/console"))
    was_dark(there)
    shown = desk.get("/console")
    assert "1 credit to approve" in read(shown)
    assert f'class="tally alert" href="{PAGE}"' in shown.text
    case = there.one(GoodwillCase)
    for _ in range(3):  # nobody answers: the next is asked each time, without end, and it stays in sight
        asked, due = case.asked, case.next_at
        assert due is not None
        there.now = due
        pay_goodwill(there.gw, there.now)
        case = there.again(case)
        assert (case.asked, case.next_at is not None and case.next_at > due) == (asked + 1, True)
        assert "1 credit to approve" in read(there.console("agent", f"Agent{asked}").get("/console"))
    there.console("dispatcher", "Max").post(f"{PAGE}/X-00000001/approve")
    assert "to approve" not in read(there.console("agent", "Zoe").get("/console"))
