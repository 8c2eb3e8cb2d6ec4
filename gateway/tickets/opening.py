"""Opens a ticket for an alarm, or adds the alarm to the device's open one, and asks providers for its jobs."""

from collections.abc import Iterable
from typing import Any

from gateway.model import (
    Actor,
    Alarm,
    EntryKind,
    Instant,
    Job,
    LinkPurpose,
    Severity,
    Ticket,
    TicketState,
    customer,
    provider,
)
from gateway.notifications.topics import TopicName
from gateway.tickets.alarms import remote_fix
from gateway.tickets.closing import close_ticket
from gateway.tickets.context import PlanningContext, Policy, SiteWork
from gateway.tickets.deadlines import end_due
from gateway.tickets.dispatch.ask import dispatch, dispatch_new, shorten_offers
from gateway.tickets.dispatch.cover import cover_at
from gateway.tickets.dispatch.price_question import held_job, hold_for_yes, release
from gateway.tickets.dispatch.provider_ranking import URGENT
from gateway.tickets.facts import ticket_facts
from gateway.tickets.jobs import job_for
from gateway.tickets.lifecycle import BEFORE_DEPARTURE, UNDER_WAY, UNSETTLED, Action, move
from gateway.tickets.new_rows import FOLLOW_FOR, entry, link, notify
from gateway.tickets.visits.household import end_question, last_visit

_NOT_JUDGED = ("cause", "first_try", "depends_on", "came_back")  # what else the evidence of an alarm holds


def add_to_ticket(alarm: Alarm, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """The device's open ticket takes the alarm on; another fault than one that is resolved opens another ticket. Nobody
    is sent for an alarm that the customer wants nobody to come for."""
    if alarm.declined_at is not None:
        return
    work, ticket = context.work, context.ticket
    if ticket is not None and ticket.state is TicketState.RESOLVED and not is_on_ticket(alarm.rule, context):
        close_ticket(ticket, work, now)  # what was put right has stayed right
        ticket = None
    if ticket is None:
        _open(alarm, context, policy, now)
        return
    new_fault = not is_on_ticket(alarm.rule, context)
    alarm.ticket_id = ticket.id
    end_question(ticket, work)
    work.causes.setdefault(ticket.id, {})[alarm.rule] = alarm.cause_texts
    if ticket.state is TicketState.RESOLVED:
        reopen(ticket, [alarm.skill], EntryKind.CAME_BACK, context.by_device, work, policy, now, context.after_outage)
    elif new_fault:
        _join(alarm, ticket, context, policy, now)
    else:
        work.draft.add(entry(ticket, now, EntryKind.REPORTED_AGAIN, who=context.by_device,
                             evidence=judged_values(alarm)))


def is_on_ticket(rule: str, context: PlanningContext) -> bool:
    """Whether the device's open ticket is about that rule's fault, among others."""
    ticket = context.ticket
    return ticket is not None and rule in context.work.causes.get(ticket.id, {})


def _open(alarm: Alarm, context: PlanningContext, policy: Policy, now: Instant) -> None:
    work = context.work
    ticket = Ticket(id=policy.new_id("T"), site_id=context.site.id, customer_id=context.customer.id,
                    device_id=context.device.id, cause_key=alarm.rule, cause=alarm.cause, skill=alarm.skill,
                    severity=alarm.severity, opened_at=now)
    ticket.cover, ticket.price = cover_at(context.device, context.site.timezone, now)
    work.tickets[ticket.id], alarm.ticket_id = ticket, ticket.id
    work.causes[ticket.id] = {alarm.rule: alarm.cause_texts}
    work.draft.add(ticket, entry(ticket, now, EntryKind.OPENED, who=context.by_device, evidence=judged_values(alarm),
                                 cause=alarm.cause_texts, device=context.device.name),
                   *remote_fix.evidence(ticket, alarm, context, now))
    job = hold_for_yes(ticket, alarm.skill, work, policy, now) or job_for(ticket, alarm.skill, work, policy, now)
    others = [one for one in work.tickets_of(job) if one is not ticket and one.state in UNSETTLED]
    if others:
        work.draft.add(entry(ticket, now, EntryKind.JOINED_JOB, ticket=others[0].id))
    worse = bool(others) and ticket.severity.rank > max(one.severity.rank for one in others)
    if not others or worse:
        _announce(ticket, work, policy, now, context.after_outage)  # else they hear of it with who comes
    if worse:
        _notify_providers(ticket, alarm, job, work, policy, now)
    _ask([job], work, policy, now, context.after_outage)


def _join(alarm: Alarm, ticket: Ticket, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """A second fault of the device: the same ticket, and the same trip if one provider can settle both."""
    work = context.work
    work.draft.add(entry(ticket, now, EntryKind.FAULT_JOINED, who=context.by_device, evidence=judged_values(alarm),
                         cause=alarm.cause_texts),
                   *remote_fix.evidence(ticket, alarm, context, now))
    worse = alarm.severity.rank > ticket.severity.rank
    if worse:
        ticket.severity = alarm.severity
    if alarm.danger and held_job(ticket, work) is not None:
        _release_in_danger(ticket, work, policy, now)
    job = hold_for_yes(ticket, alarm.skill, work, policy, now) or job_for(ticket, alarm.skill, work, policy, now)
    _ask([job], work, policy, now, context.after_outage)
    if job.state in UNDER_WAY and job.provider_id is not None and not worse:
        work.draft.add(notify(policy, provider(job.provider_id), TopicName.FAULT_ADDED, ticket, alarm.id, now,
                              facts=ticket_facts(ticket, work, policy) | {"cause": alarm.cause_texts}))
    elif worse:
        notify_if_worse(ticket, alarm, job, work, policy, now)


def _release_in_danger(ticket: Ticket, work: SiteWork, policy: Policy, now: Instant) -> None:
    """It has become dangerous: nobody waits for the customer's yes to the price any more."""
    jobs = release(ticket, work, policy, now)
    ticket.price_answer = None
    _announce(ticket, work, policy, now, after_outage=False)
    _ask(jobs, work, policy, now, after_outage=False)


def reopen(ticket: Ticket, skills: Iterable[str], why: EntryKind, who: Actor, work: SiteWork, policy: Policy,
           now: Instant, after_outage: bool = False) -> None:
    """The same problem again: the same ticket, a new round. `skills`: one for each fault that holds."""
    end_due(ticket, work)
    said_done = _last_word(ticket, work) if ticket.unproven else {}
    move(ticket, Action.REOPEN, now)
    work.draft.add(entry(ticket, now, why, who=who))
    jobs = {job.id: job for job in [
        hold_for_yes(ticket, skill, work, policy, now) or job_for(ticket, skill, work, policy, now)
        for skill in skills]}
    _announce(ticket, work, policy, now, after_outage, **said_done)
    _ask(jobs.values(), work, policy, now, after_outage)


def notify_if_worse(ticket: Ticket, alarm: Alarm, job: Job, work: SiteWork, policy: Policy, now: Instant) -> None:
    """Whoever it makes a difference to hears that it is more serious than it was."""
    _notify_providers(ticket, alarm, job, work, policy, now)
    if alarm.severity == Severity.CRITICAL and ticket.state in BEFORE_DEPARTURE:
        work.draft.add(notify(policy, customer(ticket.customer_id), TopicName.WORSE, ticket,
                              f"{alarm.id}.{alarm.severity}", now, facts=_worse_facts(ticket, alarm, work, policy),
                              link_id=work.follow_id(ticket.id)))
    if job.state is TicketState.NEW:  # it waited for a firm to open: now one that works at night is asked
        dispatch(job, work, policy, now)


def _notify_providers(ticket: Ticket, alarm: Alarm, job: Job, work: SiteWork, policy: Policy, now: Instant) -> None:
    """Providers that are asked, or come, hear that it is more serious; asked for something urgent, they have less
    time to answer."""
    concerned = [job.provider_id] if job.state in UNDER_WAY and job.provider_id else []
    concerned += [offer.provider_id for offer in work.pending_offers(job)]
    if alarm.severity in URGENT:
        shorten_offers(job, work, policy, now)
    for firm in concerned:
        work.draft.add(notify(policy, provider(firm), TopicName.WORSE, ticket, f"{alarm.id}.{alarm.severity}", now,
                              facts=_worse_facts(ticket, alarm, work, policy)))


def _worse_facts(ticket: Ticket, alarm: Alarm, work: SiteWork, policy: Policy) -> dict[str, Any]:
    asked = {} if held_job(ticket, work) is None else {"price": str(ticket.price)}
    return ticket_facts(ticket, work, policy) | {"cause": alarm.cause_texts} | asked


def _last_word(ticket: Ticket, work: SiteWork) -> dict[str, Any]:
    """Who was there last, and what they wrote."""
    visits = [last_visit(job, work) for job in work.jobs_of(ticket)]
    last = max((visit for visit in visits if visit is not None), key=lambda visit: visit.done_at or 0, default=None)
    if last is None:
        return {}
    return {"technician": last.technician or work.provider_name(last.provider_id), "note": last.note or ""}


def _announce(ticket: Ticket, work: SiteWork, policy: Policy, now: Instant, after_outage: bool, **more: Any) -> None:
    facts = ticket_facts(ticket, work, policy) | ({"after_outage": True} if after_outage else {}) | more
    if ticket.id not in work.follow:
        work.follow[ticket.id] = link(policy, LinkPurpose.FOLLOW, ticket, now, now + FOLLOW_FOR)
        work.draft.add(work.follow[ticket.id])
    topic, held = TopicName.FAULT_FOUND, held_job(ticket, work)
    if held is not None:
        topic, facts = TopicName.PRICE_QUESTION, facts | {"price": str(ticket.price), "answer_by": held.hold_until}
    work.draft.add(notify(policy, customer(ticket.customer_id), topic, ticket, ticket.round, now,
                          facts=facts, link_id=work.follow_id(ticket.id), heard_at=now))


def _ask(jobs: Iterable[Job], work: SiteWork, policy: Policy, now: Instant, after_outage: bool) -> None:
    dispatch_new(jobs, work, policy, now, **({"after_outage": True} if after_outage else {}))


def judged_values(alarm: Alarm) -> dict[str, Any]:
    """The values that were judged, as they were when the alarm was raised."""
    return {name: value for name, value in alarm.evidence.items() if name not in _NOT_JUDGED}
