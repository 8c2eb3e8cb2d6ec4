"""Plans what a dispatcher does with a ticket by hand: asks again, puts it on hold, goes on with it."""

from gateway.model import Actor, DueKind, EntryKind, Instant, Job, Responsible, Ticket, TicketState
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.tickets.actions import HoldTicket
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import advance, set_due
from gateway.tickets.dispatch.ask import dispatch, withdraw_offers
from gateway.tickets.lifecycle import NOBODY_COMES, UNASSIGNED, Action
from gateway.tickets.new_rows import entry


def plan_ask_again(ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """Providers are ranked anew now, and asked, also those that had declined; what was on hold goes on. Raises Refused
    when somebody is being asked, or comes."""
    jobs = _jobs(ticket, work, frozenset((TicketState.NEW, TicketState.ON_HOLD)))
    work.draft.add(entry(ticket, now, EntryKind.ASKED_AGAIN, who=who))
    for job in jobs:
        if job.state is TicketState.ON_HOLD:
            advance(job, Action.WAKE, work, now)
        else:
            job.round, job.wave = job.round + 1, 0
        dispatch(job, work, policy, now)


def plan_hold(act: HoldTicket, ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """It waits until a date; offers are taken back. Raises Refused when somebody comes, or the date is past."""
    if act.until <= now:
        raise Refused(RefusedReason.BAD_HOLD_DATE)
    for job in _jobs(ticket, work, UNASSIGNED):
        if job.state in NOBODY_COMES:
            withdraw_offers(job, work, policy, now)
        advance(job, Action.HOLD, work, now)
        job.hold_reason, job.hold_until, job.held_by = act.reason, act.until, str(who)
        set_due(job, DueKind.HOLD_UNTIL, act.until, Responsible.DISPATCHER, work, policy)
    work.draft.add(entry(ticket, now, EntryKind.PUT_ON_HOLD, who=who, waits_for=act.reason, until=act.until,
                         note=act.note.strip()))


def _jobs(ticket: Ticket, work: SiteWork, states: frozenset[TicketState]) -> list[Job]:
    found = [job for job in work.jobs_of(ticket) if job.closed_at is None and job.state in states]
    if not found:
        raise Refused(RefusedReason.NOT_OFFERED_NOW, id=ticket.id, state=ticket.state)
    return found
