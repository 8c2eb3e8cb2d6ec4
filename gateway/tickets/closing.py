"""Ends tickets: resolved, closed, cancelled; and the jobs, offers and visits that nobody needs any more."""

from collections.abc import Iterable

from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    Actor,
    Alarm,
    DueKind,
    EntryKind,
    HoldReason,
    Instant,
    Job,
    Link,
    Reason,
    ResolvedBy,
    Responsible,
    Ticket,
    TicketState,
    Visit,
    VisitState,
    customer,
    provider,
)
from gateway.notifications.topics import TopicName
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import advance, end_due, set_due
from gateway.tickets.dispatch.ask import withdraw_offers
from gateway.tickets.facts import job_facts, ticket_facts
from gateway.tickets.jobs import needed_by_others
from gateway.tickets.lifecycle import NOBODY_COMES, UNSETTLED, VISIT_AHEAD, Action, VisitAction, can, move, move_visit
from gateway.tickets.new_rows import entry, notify
from gateway.tickets.on_call.pages import end_visit_pages
from gateway.tickets.promises import cancel_promises
from gateway.tickets.visits.messages import send_invites, tell_customer, tell_who_goes, who_goes

PAGE_AFTER_WINDOW = 72 * HOUR  # a technician's link lives this long after the arrival window …
PAGE_AFTER_VISIT = 30 * MINUTE  # … or after the visit is over: it says that it is
PAGE_AFTER_CLOSE = DAY  # a customer's page stays readable this long after the ticket is closed …
NOT_FIXED_WITHIN = 7 * DAY  # … and of what was fixed so long: until then they can say that it is not


def is_settled_by_devices(ticket: Ticket, work: SiteWork) -> bool:
    """Whether the devices' own word settles the ticket: no alarm of it is open, nobody has accepted to come, and no
    person has said that something is wrong."""
    return ticket.state in UNSETTLED and not work.alarms_of(ticket) and not work.reports_of(ticket) and all(
        job.state in NOBODY_COMES or job.hold_reason is HoldReason.CUSTOMER_YES
        for job in work.jobs_of(ticket) if job.closed_at is None)


def resolve(ticket: Ticket, by: ResolvedBy, how: str | Reason, work: SiteWork, policy: Policy, now: Instant, who: Actor,
            notify_customer: bool = True) -> None:
    """It stays reversible until the recurrence time has passed; a job that no other ticket needs ends. `how`: what
    somebody wrote, or what proved it."""
    facts = ticket_facts(ticket, work, policy)
    call_off(ticket, work, policy, now, Action.RESOLVE)
    move(ticket, Action.RESOLVE, now)
    ticket.resolved_by, ticket.resolution = by, how if isinstance(how, str) else None
    set_due(ticket, DueKind.PROOF, now + policy.service.recurrence_minutes * MINUTE, Responsible.GATEWAY, work, policy)
    work.draft.add(entry(ticket, now, EntryKind.RESOLVED, who=who, resolution=how))
    if notify_customer:
        work.draft.add(notify(policy, customer(ticket.customer_id), TopicName.RESOLVED, ticket, ticket.round, now,
                              facts=facts, link_id=work.follow_id(ticket.id)))


def prove_resolved(ticket: Ticket, work: SiteWork, policy: Policy, now: Instant) -> None:
    """The technician said that it was done, and now the devices say so too: the customer hears that it is fixed."""
    if ticket.unproven and ticket.state is TicketState.RESOLVED and not work.faults_of(ticket):
        ticket.unproven = False
        work.draft.add(notify(policy, customer(ticket.customer_id), TopicName.RESOLVED, ticket, ticket.round, now,
                              facts=ticket_facts(ticket, work, policy), link_id=work.follow_id(ticket.id)))


def close_ticket(ticket: Ticket, work: SiteWork, now: Instant) -> None:
    """It has stayed resolved: over for good, and its page with it a week later."""
    end_due(ticket, work)
    move(ticket, Action.CLOSE, now)
    work.draft.add(entry(ticket, now, EntryKind.CLOSED))
    expire_page(ticket, work, now + NOT_FIXED_WITHIN)


def cancel(ticket: Ticket, why: str | Reason, who: Actor, work: SiteWork, policy: Policy, now: Instant) -> None:
    """It ends without a solution: what no other ticket needs is called off; whoever was told of a visit hears it."""
    for job in work.jobs_of(ticket):
        visit = work.visit_of(job)
        if visit is not None and visit.state in VISIT_AHEAD and not needed_by_others(job, ticket, work):
            tell_customer(TopicName.VISIT_CALLED_OFF, visit, work, policy, now, because="cancelled",
                          why=why.stored() if isinstance(why, Reason) else why)
    call_off(ticket, work, policy, now, Action.CANCEL)
    end_due(ticket, work)
    move(ticket, Action.CANCEL, now)
    work.draft.add(entry(ticket, now, EntryKind.CANCELLED, who=who, reason=why))
    expire_page(ticket, work, now + PAGE_AFTER_CLOSE)


def call_off(ticket: Ticket, work: SiteWork, policy: Policy, now: Instant, action: Action) -> None:
    """Nobody needs to come for it any more: jobs that no other ticket needs end by `action`, offers are taken back, a
    visit that has not begun is called off."""
    cancel_promises(work.promises.get(ticket.id, []), now)
    for job in work.jobs_of(ticket):
        if job.closed_at is None and not needed_by_others(job, ticket, work):
            withdraw_offers(job, work, policy, now)
            call_off_visit(job, work, policy, now)
            advance(job, action, work, now)


def call_off_visit(job: Job, work: SiteWork, policy: Policy, now: Instant, why: str = "") -> None:
    """Whoever was to come hears at once that they need not; nothing when nobody is, or when they are there. `why`: for
    who drives, in a person's words."""
    visit = work.visit_of(job)
    if visit is None or not can(visit, VisitAction.CALL_OFF):
        return
    facts = job_facts(job, work, policy)
    if visit.state is VisitState.EN_ROUTE:  # they drive: it is said to themselves
        tell_who_goes(TopicName.VISIT_CALLED_OFF, visit, work, policy, now, **({"why": why} if why else {}))
    else:
        work.draft.add(notify(policy, provider(visit.provider_id), TopicName.OFFER_WITHDRAWN,
                              work.subject_of_messages(visit), visit.id, now, facts=facts))
    told = who_goes(visit, work) if visit.state is VisitState.EN_ROUTE else provider(visit.provider_id)
    end_visit(visit, VisitAction.CALL_OFF, work, now)
    send_invites(visit, work, policy, now, (told,))
    cancel_promises(work.promises.get(job.id, []), now)


def end_visit(visit: Visit, action: VisitAction, work: SiteWork, now: Instant) -> None:
    """Nobody is waited for, or asked about, because of this visit any more; its page can be read for a while. Raises
    Refused."""
    move_visit(visit, action, now)
    end_visit_pages(work.jobs[visit.job_id], work, now)
    end_due(visit, work)
    _expire(work.visit_links.get(visit.id, []), now + PAGE_AFTER_VISIT)


def drop_jobs_for(alarm: Alarm, ticket: Ticket, work: SiteWork, policy: Policy, now: Instant) -> None:
    """A fault is over and the ticket has others: a job that only that fault needed, and nobody has accepted, ends.
    None does where people have reported something: nobody knows which of the jobs that needs."""
    for job in [] if work.reports_of(ticket) else work.jobs_of(ticket):
        others = {one.skill for each in work.tickets_of(job) for one in work.alarms_of(each)}
        alone = (alarm.skill in job.skills and not others & set(job.skills)
                 and not needed_by_others(job, ticket, work))
        if alone and job.state in NOBODY_COMES and any(
                one is not job and one.closed_at is None for one in work.jobs_of(ticket)):
            withdraw_offers(job, work, policy, now)
            advance(job, Action.CANCEL, work, now)


def expire_page(ticket: Ticket, work: SiteWork, at: Instant) -> None:
    """The customer's page can be read until then, for a while after it is over."""
    _expire([work.follow[ticket.id]] if ticket.id in work.follow else [], at)


def _expire(links: Iterable[Link], at: Instant) -> None:
    for link in links:
        link.expires_at = at
