"""Suppression (depends_on): no ticket for an alarm that another alarm, its hub or an outage explains."""

from gateway.model import MINUTE, Alarm, Instant, SuppressedBy, Suppressor
from gateway.tickets.context import PlanningContext

RECHECK_AFTER = MINUTE  # at a hub that is gone
PERSISTENCE = MINUTE  # a fault that outlives its explanation by so long is one of its own


def suppressor_of(alarm: Alarm, context: PlanningContext, now: Instant
                  ) -> tuple[Suppressor | None, Instant | None] | None:
    """(what explains it, when to look again; None = when that is over), or None."""
    for other in alarm.evidence.get("depends_on", ()):
        if other != "via":
            cause = context.fault(other)
            if cause is not None and cause.id != alarm.id:
                return Suppressor(SuppressedBy.RULE, other), None
        elif context.hub_silent:
            return hub(context), now + RECHECK_AFTER
        elif alarm.suppressed_by is not None and alarm.suppressed_by == hub(context):
            return None, now + PERSISTENCE  # the hub is back: this device has not had its say yet
    return None


def recheck_suppressed_by(rule: str, context: PlanningContext, now: Instant) -> None:
    """Has the alarms that this rule suppressed looked at again soon: they may go away with it."""
    for alarm in context.alarms.values():
        if alarm.suppressed_by == Suppressor(SuppressedBy.RULE, rule) and alarm.suppressed_until is None:
            alarm.suppressed_until = now + PERSISTENCE


def hub(context: PlanningContext) -> Suppressor:
    """The device that it speaks through."""
    return Suppressor(SuppressedBy.HUB, context.device.via or "")
