"""Closes alarms and cancels tickets whose device was retired, or whose rule was removed from the profile."""

from collections.abc import Sequence, Set
from typing import Any

from gateway.callbacks.presses.button_tests import end_test
from gateway.detection.device_state import MANY, SILENT, STALE, STICKS
from gateway.devices.profiles import Profile
from gateway.model import (
    GATEWAY,
    Actor,
    Alarm,
    EntryKind,
    Instant,
    Reason,
    ReasonKind,
    Subject,
    SubjectKind,
    Ticket,
    TicketState,
)
from gateway.tickets.alarms import remote_fix
from gateway.tickets.alarms.raised_and_cleared import reconsider_suppressed
from gateway.tickets.alarms.suppression import recheck_suppressed_by
from gateway.tickets.closing import cancel
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.lifecycle import UNSETTLED, end_alarm
from gateway.tickets.new_rows import entry

RETIRED, REMOVED = Reason(ReasonKind.RETIRED), Reason(ReasonKind.RULE_REMOVED)


def unfinished_tickets(context: PlanningContext) -> Sequence[Ticket]:
    """Tickets for which somebody is still asked or on the way; a resolved ticket closes by itself."""
    return [ticket for ticket in context.work.tickets.values()
            if ticket.device_id == context.device.id and ticket.state in UNSETTLED]


def retirement_errors(context: PlanningContext) -> list[str]:
    """Why the device cannot be retired without cancelling its unfinished tickets, one line for each."""
    return [f"{context.device.id}: ticket {ticket.id} is {ticket.state} ({ticket.cause}) — finish it first, or "
            "--cancel-tickets" for ticket in unfinished_tickets(context)]


def plan_retired(context: PlanningContext, policy: Policy, who: Actor, now: Instant) -> None:
    """Cancels its unfinished tickets, closes its alarms and retires it. A callback stays: somebody still waits.

    `context.device` is a copy of the draft.
    """
    cancelled = set()
    for ticket in unfinished_tickets(context):
        cancel(ticket, RETIRED, who, context.work, policy, now)
        cancelled.add(ticket.id)
    for alarm in context.alarms.values():
        end_alarm(alarm, now)
        alarm.evidence = alarm.evidence | {"closed": RETIRED.stored()}
        if alarm.ticket_id is not None and alarm.ticket_id not in cancelled:
            context.draft.add(entry(Subject(SubjectKind.TICKET, alarm.ticket_id), now, EntryKind.ALARM_CLOSED, who=who,
                                    reason=RETIRED))
    context.alarms.clear()
    end_test(context.device, context.work, now)
    context.device.retired_at, context.device.retired_key = now, context.device.key
    context.device.key = f"retired:{context.device.id}"  # keys are unique: its own may be claimed anew


def has_rule(profile: Profile, rule: str) -> bool:
    """Whether an alarm of that rule can still end by what the device says. Any device may name a fault of its own."""
    if rule in (SILENT, STALE):
        silence = profile.silence
        return (silence.link_ms, silence.lost_ms, silence.data_ms) != (None, None, None)
    return rule.startswith("fault:") or rule in (MANY, STICKS) or any(one.name == rule for one in profile.rules)


def plan_rule_removed(alarm: Alarm, context: PlanningContext, notified: Set[str], policy: Policy, now: Instant) -> None:
    """Closes an alarm whose rule is gone. `notified`: ids of tickets that somebody has been notified of.

    A ticket that nobody knows of is cancelled with its alarm; any other stays with a note, for only a person can say
    whether the fault is over.
    """
    del context.alarms[alarm.rule]
    which: dict[str, Any] = {"profile": context.device.profile, "rule": alarm.rule}
    context.draft.add(entry(alarm, now, EntryKind.RULE_REMOVED, **which))
    remote_fix.call_off(alarm, context, REMOVED.kind)
    end_alarm(alarm, now)
    alarm.evidence = alarm.evidence | {"closed": REMOVED.stored()}
    recheck_suppressed_by(alarm.rule, context, now)
    if alarm.rule == SILENT:
        reconsider_suppressed(context, policy, now)
    work = context.work
    ticket = work.tickets.get(alarm.ticket_id or "")
    if ticket is None or alarm.dry_run:
        return
    if work.alarms_of(ticket) or work.reports_of(ticket):  # it is about something else too
        context.draft.add(entry(ticket, now, EntryKind.RULE_REMOVED, **which))
    elif ticket.state is TicketState.NEW and ticket.id not in notified and not any(
            work.offers.get(job.id) for job in work.jobs_of(ticket)):
        cancel(ticket, REMOVED, GATEWAY, context.work, policy, now)
    elif ticket.state is TicketState.RESOLVED:
        context.draft.add(entry(ticket, now, EntryKind.RULE_REMOVED, **which))
    else:
        context.draft.add(entry(ticket, now, EntryKind.RULE_REMOVED_NOBODY_WATCHES, **which))
