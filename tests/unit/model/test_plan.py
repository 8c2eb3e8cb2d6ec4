"""The Draft: planners change copies freely, and what differs in the end is the plan that is written."""

from typing import Any

import pytest

from gateway.model import (
    Callback,
    Instant,
    Offer,
    OfferState,
    Outage,
    OutageKind,
    OutageState,
    Severity,
    Ticket,
    TicketState,
)
from gateway.model.plan import Draft
from gateway.tickets.dispatch.provider_ranking import Workload
from gateway.tickets.dispatch.workload import ProviderLoad
from gateway.tickets.lifecycle import Action, end_offer, move

NOW: Instant = 1_000_000


def a_ticket(number: str = "T-1", state: TicketState = TicketState.NEW, provider_id: str | None = None) -> Ticket:
    return Ticket(id=number, site_id="s", customer_id="c", device_id="d", cause_key="cold", cause="It is cold",
                  skill="heating", severity=Severity.MAJOR, opened_at=NOW, state=state, provider_id=provider_id)


def an_offer(number: str, firm: str) -> Offer:
    return Offer(id=number, job_id="J-1", ticket_id="T-1", provider_id=firm, rank=1, offered_at=NOW,
                 expires_at=NOW + 60_000)


def an_outage(number: str, key: str) -> Outage:
    return Outage(id=number, key=key, kind=OutageKind.PLACE, began_at=NOW, last_at=NOW, suspected_at=NOW)


def test_what_nobody_changes_is_no_change() -> None:
    draft = Draft()
    draft.copy(a_ticket())
    assert not draft.plan()


def test_a_change_has_the_columns_that_differ_and_expects_them_as_they_were() -> None:
    draft = Draft()
    ticket = draft.copy(a_ticket())
    ticket.severity, ticket.resolved_at = Severity.CRITICAL, NOW + 5
    (change,) = draft.plan().change
    assert (change.table, change.id) == (Ticket, "T-1")
    assert change.values == {"severity": Severity.CRITICAL, "resolved_at": NOW + 5}
    assert change.expecting == {"severity": Severity.MAJOR, "resolved_at": None, "state": TicketState.NEW,
                                "closed_at": None}


def test_json_is_written_and_never_expected() -> None:
    draft = Draft()
    outage = draft.copy(an_outage("X-1", "street"))
    outage.evidence = outage.evidence | {"k": 5}
    (change,) = draft.plan().change
    assert change.values == {"evidence": {"k": 5}}
    assert "evidence" not in change.expecting


def test_the_row_itself_stays_as_it_is_and_has_one_copy_whoever_asks() -> None:
    draft, row = Draft(), a_ticket()
    one, other = draft.copy(row), draft.copy(a_ticket())
    one.cause = "It is very cold"
    assert row.cause == "It is cold"
    assert other is one


def test_what_was_changed_on_a_row_that_is_deleted_is_no_change() -> None:
    draft = Draft()
    ticket = draft.copy(a_ticket())
    ticket.resolved_at = NOW
    draft.forget(ticket)
    assert not draft.plan()


def test_a_new_row_is_written_as_it_stands_in_the_end() -> None:
    draft, ticket = Draft(), a_ticket()
    draft.add(ticket)
    move(ticket, Action.CANCEL, NOW)
    plan = draft.plan()
    assert plan.add == [ticket]
    assert ticket.closed_at == NOW
    assert plan.change == []


def test_an_outage_gives_up_its_area_before_another_takes_it() -> None:
    draft = Draft()
    larger, smaller = draft.copy(an_outage("X-1", "street")), draft.copy(an_outage("X-2", "town"))
    larger.key = "town"
    smaller.state, smaller.closed_at = OutageState.DISMISSED, NOW
    assert [change.id for change in draft.plan().change] == ["X-2", "X-1"]


def test_a_column_that_there_is_not_is_refused_wherever_it_is_set() -> None:
    copy = Draft().copy(a_ticket())
    misspelt = "provdier_id"
    for row in (copy, a_ticket()):
        with pytest.raises(AttributeError, match=misspelt):
            setattr(row, misspelt, "installer")
    anything: dict[str, Any] = {misspelt: "installer"}
    with pytest.raises(AttributeError, match=misspelt):
        Callback(**anything)


def test_the_offers_of_a_provider_rise_and_fall_with_the_draft() -> None:
    draft, loads = Draft(), ProviderLoad(before={"near": Workload(visits=2), "far": Workload(pending=1)})
    asked = draft.copy(an_offer("O-1", "far"))
    assert loads.now(draft) == loads.before
    draft.add(an_offer("O-2", "near"))
    assert (loads.now(draft)["near"].visits, loads.now(draft)["near"].pending) == (2, 1)
    end_offer(asked, OfferState.DECLINED, NOW)
    assert loads.now(draft)["far"].pending == 0
