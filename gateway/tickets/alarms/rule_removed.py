"""Plans the withdrawal of alarms and tickets whose rule was removed."""

from collections.abc import Set
from typing import Any

from gateway.detection.device_state import MANY, SILENT, STALE
from gateway.devices.profiles import Profile
from gateway.model import GATEWAY, Alarm, EntryKind, Instant, Reason, ReasonKind, TicketState
from gateway.tickets.actions import CancelTicket
from gateway.tickets.alarms import remote_fix
from gateway.tickets.alarms.raised_and_cleared import reconsider_suppressed
from gateway.tickets.alarms.suppression import no_longer_explains
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.lifecycle import end_alarm
from gateway.tickets.new_rows import entry
from gateway.tickets.visits import plan_cancel

WHY = Reason(ReasonKind.RULE_REMOVED)


def has_rule(profile: Profile, rule: str) -> bool:
    """Whether an alarm of that rule can still end by what the device says. Any device may name a fault of its own."""
    if rule in (SILENT, STALE):
        silence = profile.silence
        return (silence.link_ms, silence.lost_ms, silence.data_ms) != (None, None, None)
    return rule.startswith("fault:") or rule == MANY or any(one.name == rule for one in profile.rules)


def plan_rule_removed(alarm: Alarm, context: PlanningContext, told: Set[str], rules: Policy, now: Instant) -> None:
    """`told`: ids of tickets that somebody has been told of. One that nobody knows of is cancelled with its alarm; any
    other stays with a note, for only a person can say whether the fault is over."""
    del context.alarms[alarm.rule]
    which: dict[str, Any] = {"profile": context.device.profile, "rule": alarm.rule}
    context.draft.add(entry(alarm, now, EntryKind.RULE_REMOVED, **which))
    remote_fix.call_off(alarm, context, WHY.kind)
    end_alarm(alarm, now)
    alarm.why = alarm.why | {"closed": WHY.stored()}
    no_longer_explains(alarm.rule, context, now)
    if alarm.rule == SILENT:
        reconsider_suppressed(context, rules, now)
    ticket = context.tickets.get(alarm.rule)
    if ticket is None or alarm.monitor:
        return
    if ticket.state is TicketState.NEW and ticket.id not in told and not context.offers.get(ticket.id):
        plan_cancel(CancelTicket(ticket.id, WHY), ticket, context, rules, GATEWAY, now)
    elif ticket.state is TicketState.RESOLVED:
        context.draft.add(entry(ticket, now, EntryKind.RULE_REMOVED, **which))
    else:
        context.draft.add(entry(ticket, now, EntryKind.RULE_REMOVED_NOBODY_WATCHES, **which))
