"""Plans a visit's steps (depart, arrive, finish), and an agent's word that a ticket is settled or called off."""

from gateway.model import (
    MINUTE,
    Actor,
    EntryKind,
    Instant,
    Job,
    ResolvedBy,
    Ticket,
    TicketState,
    Visit,
    VisitOutcome,
    VisitState,
    customer,
)
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.actions import CancelTicket, Depart, Finish, ResolveTicket
from gateway.tickets.closing import cancel, expire, resolve
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import advance, end_due
from gateway.tickets.dispatch.ask import dispatch
from gateway.tickets.facts import job_facts
from gateway.tickets.jobs import job_for
from gateway.tickets.lifecycle import OPEN, UNSETTLED, Action, VisitAction, can, move, move_visit
from gateway.tickets.new_rows import entry, notify
from gateway.tickets.promises import settle_promises

PAGE_AFTER_VISIT = 30 * MINUTE  # a technician's link dies this long after the visit is done


def plan_depart(act: Depart, visit: Visit, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """The technician sets out: the customer is notified, with an ETA when one is given. Raises Refused."""
    _check(visit, VisitAction.DEPART, RefusedReason.ALREADY_DEPARTED)
    job = work.jobs[visit.job_id]
    move_visit(visit, VisitAction.DEPART, now)
    end_due(visit, work)
    advance(job, Action.DEPART, work, now)
    visit.eta = now + act.minutes * MINUTE if act.minutes is not None else None
    ticket = work.named_ticket(job)
    work.draft.add(
        *(entry(one, now, EntryKind.EN_ROUTE, who=who, minutes=act.minutes) for one in work.tickets_of(job)),
        # somebody is about to ring the bell: no quiet hours
        notify(policy, customer(ticket.customer_id), TopicName.ON_THE_WAY, ticket, visit.id, now,
               facts=job_facts(job, work, policy), link_id=work.follow_id(ticket.id)))


def plan_arrive(visit: Visit, work: SiteWork, who: Actor, now: Instant) -> None:
    """The technician is there: the promised arrival is settled as kept or broken. Raises Refused."""
    _check(visit, VisitAction.ARRIVE, RefusedReason.ALREADY_ARRIVED)
    job = work.jobs[visit.job_id]
    move_visit(visit, VisitAction.ARRIVE, now)
    end_due(visit, work)
    advance(job, Action.ARRIVE, work, now)
    for ticket in work.tickets_of(job):
        work.draft.add(entry(ticket, now, EntryKind.ON_SITE, who=who))
        settle_promises(work.promises.get(ticket.id, []), now)


def plan_finish(act: Finish, visit: Visit, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """Complete → resolved and the customer told; otherwise the same job goes on to its next visit. Raises Refused."""
    _check(visit, VisitAction.FINISH, RefusedReason.NOT_DEPARTED)
    note = act.note.strip()
    if act.outcome == VisitOutcome.COMPLETE and not note:
        raise Refused(RefusedReason.NOTE_NEEDED)
    job = work.jobs[visit.job_id]
    move_visit(visit, VisitAction.FINISH, now)
    end_due(visit, work)
    visit.outcome, visit.note = VisitOutcome(act.outcome), note
    expire(work.visit_links.get(visit.id, []), now + PAGE_AFTER_VISIT)
    if act.outcome != VisitOutcome.COMPLETE:
        _come_again(act, visit, job, note, work, policy, who, now)
        return
    named = work.named_ticket(job)
    for ticket in work.tickets_of(job):
        if ticket.state not in UNSETTLED:  # an agent was first, and has told the customer
            work.draft.add(entry(ticket, now, EntryKind.RESOLVED, who=who, resolution=note))
        elif any(one.closed_at is None and one is not job for one in work.jobs_of(ticket)):
            work.draft.add(entry(ticket, now, EntryKind.JOB_DONE, who=who, note=note))
        else:
            resolve(ticket, ResolvedBy.TECHNICIAN, note, work, policy, now, who, notify_customer=ticket is named)
            if work.faults_of(ticket):
                work.draft.add(entry(ticket, now, EntryKind.STILL_WATCHED))
    if job.closed_at is None:  # its tickets have other jobs
        advance(job, Action.RESOLVE, work, now)


def _come_again(act: Finish, visit: Visit, job: Job, note: str, work: SiteWork, policy: Policy, who: Actor,
                now: Instant) -> None:
    """The visit did not settle it: the provider that knows it by now is asked first."""
    kind = EntryKind.NO_ACCESS if act.outcome == VisitOutcome.NO_ACCESS else EntryKind.INCOMPLETE
    tickets = work.tickets_of(job)
    work.draft.add(*(entry(ticket, now, kind, who=who, note=note) for ticket in tickets))
    if job.visit_id == visit.id and job.closed_at is None:
        job.first_asked = visit.provider_id
        advance(job, Action.REVISIT, work, now)
        dispatch(job, work, policy, now)
    elif job.closed_at is not None:  # an agent has taken it for settled while the technician was there
        for ticket in tickets:
            if ticket.state is TicketState.RESOLVED:
                _start_over(ticket, job, work, policy, now)


def _start_over(ticket: Ticket, job: Job, work: SiteWork, policy: Policy, now: Instant) -> None:
    end_due(ticket, work)
    move(ticket, Action.REOPEN, now)
    again = {one.id: one for one in [job_for(ticket, skill, work, policy, now) for skill in job.skills or [""]]}
    for one in again.values():
        if one.state is TicketState.NEW:
            dispatch(one, work, policy, now)


def plan_resolve(act: ResolveTicket, ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """An agent settles the ticket: offers and visits are called off, the customer is notified. Raises Refused."""
    if ticket.state not in UNSETTLED:
        raise Refused(RefusedReason.ALREADY, id=ticket.id, state=ticket.state)
    resolve(ticket, ResolvedBy.AGENT, act.note, work, policy, now, who)


def plan_cancel(act: CancelTicket, ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """The ticket ends without a solution: offers and visits are called off. Raises Refused."""
    if ticket.state not in OPEN:
        raise Refused(RefusedReason.ALREADY, id=ticket.id, state=ticket.state)
    cancel(ticket, act.why, who, work, policy, now)


def _check(visit: Visit, action: VisitAction, otherwise: RefusedReason) -> None:
    if visit.state is VisitState.DONE:
        raise Refused(RefusedReason.VISIT_OVER)
    if visit.state is VisitState.CANCELLED:
        raise Refused(RefusedReason.VISIT_CANCELLED)
    if not can(visit, action):
        raise Refused(otherwise)
