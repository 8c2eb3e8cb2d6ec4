"""Plans what follows from a device's verdicts: calls the planner for each kind."""

from collections.abc import Iterable, Mapping

from gateway.callbacks.open import plan_pressed
from gateway.detection.batch import Finding
from gateway.detection.device_state import (
    Broken,
    Cleared,
    Escalated,
    Flapping,
    Known,
    MissedAlarm,
    Pressed,
    Raised,
    Verdict,
)
from gateway.model import Instant, LinkState
from gateway.model.plan import Draft, Plan
from gateway.tickets.alarms.changes import plan_broken, plan_flapping, plan_passed, plan_rose
from gateway.tickets.alarms.raised import plan_cleared, plan_raised
from gateway.tickets.context import PlanningContext, Policy

__all__ = ["plan_findings"]


def plan_findings(findings: Iterable[Finding], facts: Mapping[str, PlanningContext], draft: Draft, rules: Policy,
                  now: Instant) -> Plan:
    """What follows from all of them, in order. `facts`: device id → PlanningContext, made of copies of `draft`."""
    for known, verdict in findings:
        _plan(known, verdict, facts[known.device_id], rules, now)
    return draft.plan()


def _plan(known: Known, verdict: Verdict, facts: PlanningContext, rules: Policy, now: Instant) -> None:
    match verdict:
        case Raised():
            plan_raised(verdict, facts, known.link == LinkState.ONLINE, rules, now)
        case Cleared():
            plan_cleared(verdict, facts, rules, now)
        case Pressed():
            plan_pressed(verdict, facts, rules, now)
        case Escalated():
            plan_rose(verdict, facts, rules, now)
        case Flapping():
            plan_flapping(verdict, facts, now)
        case MissedAlarm():
            plan_passed(verdict, facts, rules, now)
        case Broken():
            plan_broken(verdict, known.profile, facts, rules, now)
