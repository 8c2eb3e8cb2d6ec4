"""Which SLA targets a transaction settles, met or missed, so that they can be counted."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from gateway.model import SlaKind, Ticket, TicketState
from gateway.model.plan import Plan
from gateway.model.tickets import SlaClock


class Outcome(StrEnum):
    """How a target ended."""

    MET = "met"
    """In time: what it counts has happened, or the customer heard from us and the next round begins."""
    MISSED = "missed"
    """Its time was over first."""


def outcomes(plan: Plan) -> list[tuple[SlaKind, Outcome]]:
    """Each target that the plan settles, once. What is late only by a new policy was missed by nobody, and what is
    cancelled was not met."""
    clocks = [change for change in plan.change if change.table is SlaClock]
    if not clocks:
        return []
    needless = {change.id for change in plan.change if change.table is Ticket
                and change.values.get("state") is TicketState.CANCELLED}
    found = []
    for change in clocks:
        row = change.row
        if change.values.get("missed_at") is not None:
            if not row["inherited"]:
                found.append((row["kind"], Outcome.MISSED))
        elif row["missed_at"] is None and "missed_at" not in change.values and row["ticket_id"] not in needless and (
                change.values.get("ended_at") is not None or _begins_anew(change.expecting, change.values, row)):
            found.append((row["kind"], Outcome.MET))
    return found


def _begins_anew(before: Mapping[str, Any], after: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether the customer has heard from us in time: nothing is used of the next round."""
    ran, runs = before.get("running_since"), after.get("running_since")
    return row["kind"] is SlaKind.UPDATE and ran is not None and runs is not None and row["used_ms"] == 0
