"""Merges a ticket into another of the same home, when both are one problem, and takes that back."""

from gateway.model import Actor, EntryKind, Instant, PriceAnswer, Ticket, TicketState
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.model.states import worst
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import advance, end_due
from gateway.tickets.dispatch.ask import dispatch_new, withdraw_offers
from gateway.tickets.jobs import add_to, can_grow, jobs_for, needed_by_others
from gateway.tickets.lifecycle import NOBODY_COMES, UNSETTLED, Action, follow_jobs, move
from gateway.tickets.new_rows import entry
from gateway.tickets.promises import transfer_promises


def plan_merge(ticket: Ticket, into_id: str, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """`ticket` goes on under the number of the other: its alarms and jobs hang there too, and both numbers lead there.
    Raises Refused unless they are two unsettled tickets of one home."""
    target = work.tickets.get(into_id)
    if target is None or target is ticket or not all(
            one.state in UNSETTLED and one.outage_id is None for one in (ticket, target)):
        raise Refused(RefusedReason.NOT_MERGEABLE, id=ticket.id, into=into_id)
    for one in (ticket, target):
        if one.price_answer is PriceAnswer.ASKED:
            raise Refused(RefusedReason.PRICE_NOT_ANSWERED, id=one.id)
    jobs = [job for job in work.jobs_of(ticket) if job.closed_at is None]
    for alarm in work.alarms_of(ticket):
        alarm.ticket_id = target.id
    work.causes.setdefault(target.id, {}).update(work.causes.get(ticket.id, {}))
    target.severity = worst(target.severity, ticket.severity)
    transfer_promises(work.promises.pop(ticket.id, []), target.id, work.promises.setdefault(target.id, []), now)
    for job in jobs:
        host = next((one for one in work.jobs_of(target) if one is not job and can_grow(one, target, job.skills, work)),
                    None)
        if host is None or job.state not in NOBODY_COMES:
            add_to(job, target, [], work)
            continue
        add_to(host, target, job.skills, work)
        if not needed_by_others(job, ticket, work, target):
            withdraw_offers(job, work, policy, now)
            advance(job, Action.CANCEL, work, now)
    end_due(ticket, work)
    move(ticket, Action.MERGE, now)
    for one in work.tickets.values():
        if one is ticket or one.merged_into == ticket.id:
            one.merged_into = target.id
    follow_jobs(target, work.jobs_of(target))
    work.draft.add(entry(ticket, now, EntryKind.MERGED_INTO, who=who, ticket=target.id),
                   entry(target, now, EntryKind.MERGED_FROM, who=who, ticket=ticket.id))


def plan_unmerge(ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """It was another problem after all: its device's alarms come back, and somebody is asked for it unless the same
    trip settles it. Raises Refused when it is not merged, or the other ticket is over."""
    target = work.tickets.get(ticket.merged_into or "")
    if ticket.state is not TicketState.MERGED or target is None or target.state not in UNSETTLED:
        raise Refused(RefusedReason.NOT_MERGED, id=ticket.id)
    alarms = [alarm for alarm in work.alarms_of(target) if alarm.device_id == ticket.device_id]
    move(ticket, Action.UNMERGE, now)
    for alarm in alarms:
        alarm.ticket_id = ticket.id
        work.causes.setdefault(ticket.id, {})[alarm.rule] = alarm.cause_texts
    work.draft.add(entry(ticket, now, EntryKind.UNMERGED, who=who, ticket=target.id),
                   entry(target, now, EntryKind.UNMERGED, who=who, ticket=ticket.id))
    skills = [alarm.skill for alarm in alarms] or [ticket.skill]
    dispatch_new(jobs_for(ticket, skills, work, policy, now), work, policy, now)
    follow_jobs(ticket, work.jobs_of(ticket))
