"""Plans what follows from a device's verdicts: calls the planner for each kind."""

from collections.abc import Iterable, Mapping

from gateway.callbacks.presses.press import plan_press
from gateway.detection.batch import Finding
from gateway.detection.device_state import (
    ClaimedDevice,
    Cleared,
    Escalated,
    Flapping,
    MissedAlarm,
    Pressed,
    Raised,
    RuleFailed,
    Verdict,
)
from gateway.model import Instant, LinkState
from gateway.model.plan import Draft, Plan
from gateway.tickets.alarms.changes import plan_broken, plan_escalated, plan_flapping, plan_missed_alarm
from gateway.tickets.alarms.raised_and_cleared import plan_cleared, plan_raised
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.households.needs import who_comes_first
from gateway.tickets.sla.follow import complete

__all__ = ["plan_findings"]


def plan_findings(findings: Iterable[Finding], contexts: Mapping[str, PlanningContext], draft: Draft, policy: Policy,
                  now: Instant) -> Plan:
    """What follows from all of them, in order. `contexts`: device id → PlanningContext, made of copies of `draft`."""
    for device, verdict in findings:
        _plan(device, verdict, contexts[device.device_id], policy, now)
    return complete(draft, policy, now, who_comes_first(context.work for context in contexts.values()))


def _plan(device: ClaimedDevice, verdict: Verdict, context: PlanningContext, policy: Policy, now: Instant) -> None:
    match verdict:
        case Raised():
            plan_raised(verdict, context, device.link == LinkState.ONLINE, policy, now)
        case Cleared():
            plan_cleared(verdict, context, policy, now)
        case Pressed():
            plan_press(verdict, context, policy, now)
        case Escalated():
            plan_escalated(verdict, context, policy, now)
        case Flapping():
            plan_flapping(verdict, context, now)
        case MissedAlarm():
            plan_missed_alarm(verdict, context, policy, now)
        case RuleFailed():
            plan_broken(verdict, device.profile, context, policy, now)
