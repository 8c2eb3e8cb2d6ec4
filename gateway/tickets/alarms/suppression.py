"""Suppression (depends_on): no ticket for an alarm that another alarm, its hub or an outage explains."""

from gateway.model import MINUTE, Alarm, Instant
from gateway.tickets.context import PlanningContext

EXPLAINED_BY_RULE = "rule:"
LOOK_AGAIN = MINUTE  # at a hub that is gone
PERSISTS = MINUTE  # a fault that outlives its explanation by so long is one of its own


def explanation(alarm: Alarm, facts: PlanningContext, now: Instant) -> tuple[str | None, Instant | None] | None:
    """(what explains it, when to look again; None = when that is over), or None."""
    for other in alarm.why.get("depends_on", ()):
        if other != "via":
            cause = facts.fault(other)
            if cause is not None and cause.id != alarm.id:
                return f"{EXPLAINED_BY_RULE}{other}", None
        elif facts.hub_gone:
            return facts.device.via, now + LOOK_AGAIN
        elif alarm.held_by is not None and alarm.held_by == facts.device.via:
            return None, now + PERSISTS  # the hub is back: this device has not had its say yet
    return None


def no_longer_explains(rule: str, facts: PlanningContext, now: Instant) -> None:
    """What was put down to this fault gets a moment to go away with it."""
    for alarm in facts.alarms.values():
        if alarm.held_by == f"{EXPLAINED_BY_RULE}{rule}" and alarm.hold_until is None:
            alarm.hold_until = now + PERSISTS
