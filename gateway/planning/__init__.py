"""Pure planners: what happened and the facts → a Plan of rows to write."""

from collections.abc import Iterable, Mapping

from gateway.detection.batch import Finding
from gateway.detection.state import (
    Broken,
    Cleared,
    Flapping,
    Known,
    Passed,
    Pressed,
    Raised,
    Rose,
    Verdict,
)
from gateway.model import Instant, LinkState
from gateway.planning.alarms import plan_cleared, plan_raised
from gateway.planning.callbacks import plan_pressed
from gateway.planning.plan import Change, Plan
from gateway.planning.situation import Rules, Situation
from gateway.planning.verdicts import plan_broken, plan_flapping, plan_passed, plan_rose

__all__ = ["Change", "Plan", "plan_findings"]


def plan_findings(findings: Iterable[Finding], facts: Mapping[str, Situation], rules: Rules, now: Instant
                  ) -> list[Plan]:
    """A plan a finding, in order. `facts`: device id → Situation; planners move it on as they go."""
    return [_as_it_stands(_plan(known, verdict, facts[known.device_id], rules, now)) for known, verdict in findings]


def _plan(known: Known, verdict: Verdict, facts: Situation, rules: Rules, now: Instant) -> Plan:
    match verdict:
        case Raised():
            return plan_raised(verdict, facts, known.link == LinkState.ONLINE, rules, now)
        case Cleared():
            return plan_cleared(verdict, facts, rules, now)
        case Pressed():
            return plan_pressed(verdict, facts, rules, now)
        case Rose():
            return plan_rose(verdict, facts, rules, now)
        case Flapping():
            return plan_flapping(verdict, facts, now)
        case Passed():
            return plan_passed(verdict, facts, rules, now)
        case Broken():
            return plan_broken(verdict, known.profile, facts, rules, now)


def _as_it_stands(plan: Plan) -> Plan:
    """A later finding moves the same rows on, so each plan keeps them as they were at its time."""
    return Plan([row.model_copy() for row in plan.add], plan.change)
