"""Plans the retirement of a device: closes its alarms and cancels its tickets."""

from collections.abc import Sequence

from gateway.model import Actor, EntryKind, Instant, Reason, ReasonKind, Subject, SubjectKind, Ticket
from gateway.tickets.actions import CancelTicket
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.lifecycle import UNSETTLED, end_alarm
from gateway.tickets.new_rows import entry
from gateway.tickets.visits import plan_cancel

WHY = Reason(ReasonKind.RETIRED)


def unfinished(context: PlanningContext) -> Sequence[Ticket]:
    """Tickets for which somebody is still asked or on the way; a resolved ticket closes by itself."""
    return [ticket for ticket in context.tickets.values() if ticket.state in UNSETTLED]


def retirement_errors(context: PlanningContext) -> list[str]:
    """Why the device cannot be retired without cancelling its unfinished tickets, one line for each."""
    return [f"{context.device.id}: ticket {ticket.id} is {ticket.state} ({ticket.cause}) — finish it first, or "
            "--cancel-tickets" for ticket in unfinished(context)]


def plan_retired(context: PlanningContext, rules: Policy, who: Actor, now: Instant) -> None:
    """Cancels its unfinished tickets, closes its alarms and retires it. A callback stays: somebody still waits.

    `context.device` is a copy of the draft.
    """
    cancelled = set()
    for ticket in unfinished(context):
        plan_cancel(CancelTicket(ticket.id, WHY), ticket, context, rules, who, now)
        cancelled.add(ticket.id)
    for alarm in context.alarms.values():
        end_alarm(alarm, now)
        alarm.why = alarm.why | {"closed": WHY.stored()}
        if alarm.ticket_id is not None and alarm.ticket_id not in cancelled:
            context.draft.add(entry(Subject(SubjectKind.TICKET, alarm.ticket_id), now, EntryKind.ALARM_CLOSED, who=who,
                                  reason=WHY))
    context.alarms.clear()
    context.device.retired_at = now
    context.device.key = f"retired:{context.device.id}"  # keys are unique: its own may be claimed anew
