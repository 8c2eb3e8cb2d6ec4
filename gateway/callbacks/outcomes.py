"""What may come of a call, and what follows: a ticket is opened, joined, or settled."""

from collections.abc import Mapping, Sequence

from gateway.model import Actor, Callback, CallbackKind, CallOutcome, EntryKind, Instant, Ticket
from gateway.model.plan import NoSuch, Refused
from gateway.model.reasons import RefusedReason
from gateway.outages.homes.still_out import plan_still_out
from gateway.tickets.actions import FinishCallback, ResolveTicket
from gateway.tickets.context import ActionContext, Policy, SiteWork
from gateway.tickets.lifecycle import UNSETTLED
from gateway.tickets.new_rows import entry
from gateway.tickets.opening import open_or_join
from gateway.tickets.visits.steps import plan_resolve

_OF_HELP = (CallOutcome.HELP_SENT, CallOutcome.BY_MISTAKE, CallOutcome.WAS_TEST)
_OF_A_FAULT = (CallOutcome.FIXED, CallOutcome.INFORMED, CallOutcome.VISIT_NEEDED, CallOutcome.STILL_OUT)

OUTCOMES: Mapping[CallbackKind, Sequence[CallOutcome]] = {  # the most frequent first
    CallbackKind.ORDINARY: (*_OF_A_FAULT, CallOutcome.BY_MISTAKE, CallOutcome.HELP_SENT),
    CallbackKind.EMERGENCY: (*_OF_HELP, *_OF_A_FAULT),
    CallbackKind.CHECK: (*_OF_A_FAULT, *_OF_HELP),
}


def plan_outcome(act: FinishCallback, callback: Callback, context: ActionContext, policy: Policy, who: Actor,
                 now: Instant) -> None:
    """What was said on the telephone takes effect. Raises Refused when somebody has to come and nobody says for what,
    NoSuch for a ticket that is not open there."""
    work = context.work
    ticket = None if act.ticket_id is None else work.tickets.get(act.ticket_id)
    if act.ticket_id is not None and (ticket is None or ticket.closed_at is not None):
        raise NoSuch(f"there is no open ticket {act.ticket_id} at site {work.site.id}")
    if act.outcome is CallOutcome.VISIT_NEEDED and ticket is None:
        if act.report is None:
            raise Refused(RefusedReason.REPORT_NEEDED, id=callback.id)
        ticket = open_or_join(act.report, work, policy, who, now)
    elif act.outcome is CallOutcome.FIXED and ticket is not None and ticket.state in UNSETTLED:
        plan_resolve(ResolveTicket(ticket.id, act.note), ticket, work, policy, who, now)
    elif act.outcome is CallOutcome.STILL_OUT:
        ticket = plan_still_out(callback, context.around, act.note, work, policy, who, now) or ticket
    if ticket is not None:
        _note_on(ticket, act, callback, work, who, now)


def _note_on(ticket: Ticket, act: FinishCallback, callback: Callback, work: SiteWork, who: Actor, now: Instant) -> None:
    callback.ticket_id = ticket.id
    work.draft.add(entry(ticket, now, EntryKind.SPOKE_ABOUT, who=who, callback=callback.id, call_outcome=act.outcome,
                         note=act.note))
