"""Plans a visit's steps (depart, arrive, finish), and an agent's word that a ticket is settled or called off."""

from gateway.model import (
    MINUTE,
    Actor,
    DueKind,
    EntryKind,
    HoldReason,
    IncompleteReason,
    Instant,
    Job,
    Reason,
    ReasonKind,
    ResolvedBy,
    Ticket,
    TicketState,
    Visit,
    VisitOutcome,
    customer,
    round_up,
)
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.actions import CancelTicket, Depart, Finish, ResolveTicket
from gateway.tickets.closing import cancel, end_visit, resolve
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import advance, end_due, hold
from gateway.tickets.dispatch.ask import dispatch, dispatch_new
from gateway.tickets.facts import job_facts
from gateway.tickets.jobs import jobs_for
from gateway.tickets.lifecycle import OPEN, UNSETTLED, Action, VisitAction, can, move, move_visit
from gateway.tickets.new_rows import add_entries, entry, notify, show_time
from gateway.tickets.on_call.pages import end_visit_pages
from gateway.tickets.promises import settle_arrival
from gateway.tickets.promises.promised_times import arrival_estimate
from gateway.tickets.visits import watch
from gateway.tickets.visits.changes import check_not_over
from gateway.tickets.visits.messages import hear_by, new_occurrence, tell_customer, tell_dispatcher, visit_facts
from gateway.tickets.visits.overdue import watch_travel, watch_work
from gateway.tickets.visits.signature import signature_row

_HOLDS = {
    IncompleteReason.PART_MISSING: HoldReason.PART, IncompleteReason.NO_ACCESS: HoldReason.NO_ACCESS,
    IncompleteReason.MORE_WORK: HoldReason.MORE_WORK, IncompleteReason.UNSAFE: HoldReason.UNSAFE,
}


def plan_depart(act: Depart, visit: Visit, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """The technician sets out: the customer is notified, with an ETA when one is given. Raises Refused."""
    _check(visit, VisitAction.DEPART, RefusedReason.ALREADY_DEPARTED)
    job = work.jobs[visit.job_id]
    move_visit(visit, VisitAction.DEPART, now)
    end_visit_pages(job, work, now)
    advance(job, Action.DEPART, work, now)
    visit.eta, visit.asks = now + act.minutes * MINUTE if act.minutes is not None else None, 0
    watch_travel(visit, work, policy, now)
    if visit.eta is not None:
        show_time(arrival_estimate(visit, visit.eta, work.customer.id, work.site.id), work, policy, now)
    ticket = work.named_ticket(job)
    add_entries(job, work, now, EntryKind.EN_ROUTE, who=who, minutes=act.minutes)
    # somebody is about to ring the bell: no quiet hours
    work.draft.add(notify(policy, customer(ticket.customer_id), TopicName.ON_THE_WAY, ticket, new_occurrence(policy),
                          now, facts=job_facts(job, work, policy) | {"visit_id": visit.id},
                          link_id=work.follow_id(ticket.id)))


def plan_arrive(visit: Visit, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """The technician is there: the promised arrival is settled as kept or broken. Raises Refused."""
    _check(visit, VisitAction.ARRIVE, RefusedReason.ALREADY_ARRIVED)
    job = work.jobs[visit.job_id]
    move_visit(visit, VisitAction.ARRIVE, now)
    end_visit_pages(job, work, now)
    visit.asks = 0
    advance(job, Action.ARRIVE, work, now)
    watch_work(visit, work, policy, now)
    settle_arrival(work.promises.get(job.id, []), now, early_agreed=visit.early_ok_at is not None)
    add_entries(job, work, now, EntryKind.ON_SITE, who=who)


def plan_finish(act: Finish, visit: Visit, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """Complete → resolved and the customer told; otherwise the same job goes on to its next visit. Raises Refused."""
    check_finish(act, visit, now)
    finish_visit(act, visit, work, policy, who, now)


def check_finish(act: Finish, visit: Visit, now: Instant) -> None:
    """Raises Refused when it cannot end so."""
    _check(visit, VisitAction.FINISH, RefusedReason.NOT_DEPARTED)
    if not act.note.strip() and act.reason is not IncompleteReason.NO_ACCESS:
        raise Refused(RefusedReason.NOTE_NEEDED)
    if act.outcome is not VisitOutcome.COMPLETE:
        _check_reason(act, visit, now)


def finish_visit(act: Finish, visit: Visit, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """What follows from how it ended, which has been checked. Raises Refused."""
    job, note = work.jobs[visit.job_id], act.note.strip()
    settle_arrival(work.promises.get(job.id, []), now, visit.early_ok_at is not None)  # who never said that they came
    end_visit(visit, VisitAction.FINISH, work, now)
    visit.outcome, visit.note = VisitOutcome(act.outcome), note
    visit.used = list(act.used)
    if act.signature is not None:
        work.draft.add(signature_row(policy.new_id("G"), act.signature, visit, work.site.id, note, now))
    if act.outcome is not VisitOutcome.COMPLETE:
        visit.incomplete, visit.parts, visit.expected_at = act.reason, list(act.parts), act.expected_at
        _come_again(visit, job, work, policy, who, now)
        return
    _remember_fix(act, visit, work)
    named = work.named_ticket(job)
    for ticket in work.tickets_of(job):
        if ticket.state not in UNSETTLED:  # an agent was first, and has told the customer
            work.draft.add(entry(ticket, now, EntryKind.RESOLVED, who=who, resolution=note))
        elif any(one.closed_at is None and one is not job for one in work.jobs_of(ticket)):
            work.draft.add(entry(ticket, now, EntryKind.JOB_DONE, who=who, note=note))
        else:
            bad = bool(work.faults_of(ticket))
            resolve(ticket, ResolvedBy.TECHNICIAN, note, work, policy, now, who,
                    notify_customer=ticket is named and not bad)
            if bad:
                _go_on_watching(ticket, visit, work, policy, now)
    if job.closed_at is None:  # its tickets have other jobs
        advance(job, Action.RESOLVE, work, now)


def _remember_fix(act: Finish, visit: Visit, work: SiteWork) -> None:
    """Whoever goes to the same fault of the same kind of device later reads what fixed it."""
    ticket = work.tickets.get(visit.ticket_id)
    there = work.device_of(ticket) if ticket is not None else None
    if act.fix.strip() and ticket is not None and there is not None:
        visit.fix = " ".join(act.fix.split())
        visit.fixed_profile, visit.fixed_cause = there.device.profile, ticket.cause_key


def _check_reason(act: Finish, visit: Visit, now: Instant) -> None:
    """What is not finished needs its reason: a part its name and a date, an empty house a call and some patience."""
    if act.reason is None:
        raise Refused(RefusedReason.REASON_NEEDED)
    if act.reason is IncompleteReason.PART_MISSING and (not act.parts or (act.expected_at or 0) <= now):
        raise Refused(RefusedReason.PART_DATE_NEEDED)
    since = watch.nobody_there_from(visit)
    if act.reason is IncompleteReason.NO_ACCESS and (since is None or now < since):
        raise Refused(RefusedReason.NOBODY_THERE_TOO_SOON)


def _go_on_watching(ticket: Ticket, visit: Visit, work: SiteWork, policy: Policy, now: Instant) -> None:
    """The technician says that it is done, and the device does not: nobody hears "fixed" before it is proved."""
    ticket.unproven, proof = True, work.due[DueKind.PROOF, ticket.id].at
    work.draft.add(
        entry(ticket, now, EntryKind.STILL_WATCHED),
        notify(policy, customer(ticket.customer_id), TopicName.WATCHING, ticket, ticket.round, now,
               facts=visit_facts(visit, work.jobs[visit.job_id], work, policy) | {
                   "note": visit.note or "", "hear_by": round_up(proof or now, watch.STEP)},
               link_id=work.follow_id(ticket.id)))


def _come_again(visit: Visit, job: Job, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """The visit did not settle it: the customer hears in the same minute what happens next, and the provider that knows
    it by now is asked first."""
    reason = visit.incomplete or IncompleteReason.MORE_WORK
    add_entries(job, work, now, EntryKind.INCOMPLETE, who=who, incomplete=reason, note=visit.note or "")
    if job.visit_id == visit.id and job.closed_at is None:
        job.first_asked = visit.provider_id
        until = watch.hold_until(reason, visit.expected_at, now)
        tell_customer(TopicName.VISIT_INCOMPLETE, visit, work, policy, now, incomplete=reason, note=visit.note or "",
                      parts=visit.parts, expected_at=visit.expected_at, hear_by=until or hear_by(visit, work, now))
        if reason is IncompleteReason.UNSAFE:
            tell_dispatcher(Reason(ReasonKind.UNSAFE_THERE, {"words": visit.note or ""}), visit, work, policy, now)
        if until is None:
            advance(job, Action.REVISIT, work, now)
            dispatch(job, work, policy, now)
        else:
            hold(job, _HOLDS[reason], until, who, work, policy, now)
            add_entries(job, work, now, EntryKind.HELD, who=who, hold=_HOLDS[reason], until=until)
    elif job.closed_at is not None:  # an agent has taken it for settled while the technician was there
        for ticket in work.tickets_of(job):
            if ticket.state is TicketState.RESOLVED:
                _start_over(ticket, job, work, policy, now)


def _start_over(ticket: Ticket, job: Job, work: SiteWork, policy: Policy, now: Instant) -> None:
    end_due(ticket, work)
    move(ticket, Action.REOPEN, now)
    dispatch_new(jobs_for(ticket, job.skills, work, policy, now), work, policy, now)


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
    check_not_over(visit)
    if not can(visit, action):
        raise Refused(otherwise)
