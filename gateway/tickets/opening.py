"""Opens a ticket for an alarm, or for what a person reports, or adds it to the open one, and asks providers for its
jobs."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from gateway.model import (
    Actor,
    Alarm,
    Entry,
    EntryKind,
    Instant,
    Job,
    LinkPurpose,
    PageReason,
    Severity,
    Ticket,
    TicketState,
    customer,
    provider,
)
from gateway.model.plan import NoSuch
from gateway.model.row import unwatched
from gateway.model.tickets import REPORTED
from gateway.notifications.catalogue import FALLBACK
from gateway.notifications.topics import TopicName
from gateway.tickets.actions import OpenTicket
from gateway.tickets.alarms import remote_fix
from gateway.tickets.closing import close_ticket
from gateway.tickets.context import PlanningContext, Policy, SiteWork
from gateway.tickets.deadlines import end_due
from gateway.tickets.dispatch.ask import dispatch, dispatch_new, shorten_offers
from gateway.tickets.dispatch.cover import cover_at
from gateway.tickets.dispatch.price_question import held_job, hold_for_yes, release
from gateway.tickets.dispatch.provider_ranking import URGENT
from gateway.tickets.facts import in_their_words, ticket_facts
from gateway.tickets.jobs import job_for
from gateway.tickets.lifecycle import BEFORE_DEPARTURE, UNDER_WAY, UNSETTLED, Action, move
from gateway.tickets.new_rows import FOLLOW_FOR, entry, link, notify
from gateway.tickets.on_call.pages import page_dispatcher
from gateway.tickets.visits.household import end_question, last_visit

_NOT_JUDGED = ("cause", "first_try", "depends_on", "came_back")  # what else the evidence of an alarm holds


class _News(NamedTuple):
    """What a ticket has become about besides."""

    id: str  # by which the messages about it are told apart
    severity: Severity
    facts: dict[str, Any]  # of the messages


def add_to_ticket(alarm: Alarm, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """The device's open ticket takes the alarm on; another fault than one that is resolved opens another ticket. Nobody
    is sent for an alarm that the customer wants nobody to come for."""
    if alarm.declined_at is not None:
        return
    work, ticket = context.work, context.ticket
    new_fault = not is_on_ticket(alarm.rule, context)
    if ticket is not None and ticket.state is TicketState.RESOLVED and new_fault and not work.reports_of(ticket):
        close_ticket(ticket, work, now)  # what was put right has stayed right
        ticket = None
    if ticket is None:
        _open(alarm, context, policy, now)
        return
    alarm.ticket_id = ticket.id
    end_question(ticket, work)
    work.causes.setdefault(ticket.id, {})[alarm.rule] = alarm.cause_texts
    if ticket.state is TicketState.RESOLVED:
        reopen(ticket, [alarm.skill], entry(ticket, now, EntryKind.CAME_BACK, who=context.by_device), work, policy, now,
               context.after_outage)
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
    ticket = unwatched(
        Ticket, id=policy.new_id("T"), site_id=context.site.id, customer_id=context.customer.id,
        device_id=context.device.id, cause_key=alarm.rule, cause=alarm.cause, skill=alarm.skill,
        severity=alarm.severity, opened_at=now)
    ticket.cover, ticket.price = cover_at(context.device, context.site.timezone, now)
    work.tickets[ticket.id], alarm.ticket_id = ticket, ticket.id
    work.causes[ticket.id] = {alarm.rule: alarm.cause_texts}
    work.draft.add(ticket, entry(ticket, now, EntryKind.OPENED, who=context.by_device, evidence=judged_values(alarm),
                                 cause=alarm.cause_texts, device=context.device.name),
                   *remote_fix.evidence(ticket, alarm, context, now))
    job, others = _job(ticket, alarm.skill, work, policy, now)
    worse = bool(others) and ticket.severity.rank > max(one.severity.rank for one in others)
    if not others or worse:
        # else they hear of it with who comes
        announce(ticket, work, policy, now, **_after_outage(context.after_outage))
    if worse:
        _notify_providers(ticket, _news_of(alarm), job, work, policy, now)
    dispatch_new([job], work, policy, now, **_after_outage(context.after_outage))


def _job(ticket: Ticket, skill: str, work: SiteWork, policy: Policy, now: Instant) -> tuple[Job, list[Ticket]]:
    """The new ticket's job, and the other tickets that the same trip settles."""
    job = hold_for_yes(ticket, skill, work, policy, now) or job_for(ticket, skill, work, policy, now)
    others = [one for one in work.tickets_of(job) if one is not ticket and one.state in UNSETTLED]
    if others:
        work.draft.add(entry(ticket, now, EntryKind.JOINED_JOB, ticket=others[0].id))
    return job, others


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
    dispatch_new([job], work, policy, now, **_after_outage(context.after_outage))
    if worse:
        notify_if_worse(ticket, alarm, job, work, policy, now)
    else:
        _notify_who_comes(ticket, _news_of(alarm), job, work, policy, now)


def open_or_join(report: OpenTicket, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> Ticket:
    """What a person says is wrong: the open ticket of the device (without one: of the site and that skill) takes it on,
    one that was resolved goes on; else one is opened, without any alarm. Raises NoSuch for a device elsewhere."""
    cause = in_their_words(report.cause)
    if report.device_id is None:
        device, ticket = None, work.ticket_of_subject(report.skill)
    elif report.device_id in work.devices:
        device, ticket = work.devices[report.device_id].device, work.ticket_of_device(report.device_id)
    else:
        raise NoSuch(f"there is no device {report.device_id} at site {work.site.id}")
    if ticket is not None:
        join_report(report, ticket, work, policy, who, now)
        return ticket
    ticket = Ticket(id=policy.new_id("T"), site_id=work.site.id, customer_id=work.customer.id, opened_at=now,
                    device_id=report.device_id, subject=report.skill if device is None else None, opened_by=str(who),
                    cause_key=REPORTED, cause=cause[FALLBACK], reported=[cause[FALLBACK]], skill=report.skill,
                    severity=report.severity)
    if device is not None:
        ticket.cover, ticket.price = cover_at(device, work.site.timezone, now)
    work.tickets[ticket.id] = ticket
    work.draft.add(ticket, entry(ticket, now, EntryKind.OPENED_BY_PERSON, who=who, cause=cause, note=report.note))
    job, others = _job(ticket, report.skill, work, policy, now)
    announce(ticket, work, policy, now, reported=True)  # they wait for an answer, whoever comes anyway
    if others and ticket.severity.rank > max(one.severity.rank for one in others):
        _notify_providers(ticket, _news_of_report(report, policy), job, work, policy, now)
    dispatch_new([job], work, policy, now)
    return ticket


def join_report(report: OpenTicket, ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant
                ) -> None:
    """Somebody says it again, or says more: whoever comes hears what is new."""
    cause = in_their_words(report.cause)
    is_new = cause[FALLBACK].casefold() not in map(str.casefold, work.reports_of(ticket))
    if is_new:
        ticket.reported = [*ticket.reported, cause[FALLBACK]]
    worse = report.severity.rank > ticket.severity.rank
    if worse:
        ticket.severity = report.severity
    end_question(ticket, work)
    words: dict[str, Any] = {"cause": cause, "note": report.note}
    if ticket.state is TicketState.RESOLVED:
        skills = [report.skill, *(alarm.skill for alarm in work.faults_of(ticket))]
        again = entry(ticket, now, EntryKind.REOPENED_BY_PERSON, who=who, **words)
        reopen(ticket, skills, again, work, policy, now, reported=True, cause=cause)
        return
    work.draft.add(entry(ticket, now, EntryKind.PERSON_REPORTED, who=who, **words))
    job = hold_for_yes(ticket, report.skill, work, policy, now) or job_for(ticket, report.skill, work, policy, now)
    dispatch_new([job], work, policy, now)
    if worse:
        _notify_providers(ticket, _news_of_report(report, policy), job, work, policy, now)
        if job.state is TicketState.NEW:
            dispatch(job, work, policy, now)
    elif is_new:
        _notify_who_comes(ticket, _news_of_report(report, policy), job, work, policy, now)


def _news_of_report(report: OpenTicket, policy: Policy) -> _News:
    return _News(policy.new_id("W"), report.severity, {"cause": in_their_words(report.cause), "reported": True})


def _news_of(alarm: Alarm) -> _News:
    return _News(alarm.id, alarm.severity, {"cause": alarm.cause_texts})


def _after_outage(after_outage: bool) -> dict[str, Any]:
    return {"after_outage": True} if after_outage else {}


def _release_in_danger(ticket: Ticket, work: SiteWork, policy: Policy, now: Instant) -> None:
    """It has become dangerous: nobody waits for the customer's yes to the price any more."""
    jobs = release(ticket, work, policy, now)
    ticket.price_answer = None
    announce(ticket, work, policy, now)
    dispatch_new(jobs, work, policy, now)


def reopen(ticket: Ticket, skills: Iterable[str], again: Entry, work: SiteWork, policy: Policy, now: Instant,
           after_outage: bool = False, **more: Any) -> None:
    """The same problem again: the same ticket, a new round. `skills`: one for each fault that holds; `again`: how we
    know; `more`: facts for the customer's message."""
    end_due(ticket, work)
    said_done = _last_word(ticket, work) if ticket.unproven else {}
    move(ticket, Action.REOPEN, now)
    work.draft.add(again)
    jobs = {job.id: job for job in [
        hold_for_yes(ticket, skill, work, policy, now) or job_for(ticket, skill, work, policy, now)
        for skill in skills]}
    announce(ticket, work, policy, now, **_after_outage(after_outage), **said_done, **more)
    dispatch_new(jobs.values(), work, policy, now, **_after_outage(after_outage))


def notify_if_worse(ticket: Ticket, alarm: Alarm, job: Job, work: SiteWork, policy: Policy, now: Instant) -> None:
    """Whoever it makes a difference to hears that it is more serious than it was."""
    news = _news_of(alarm)
    _notify_providers(ticket, news, job, work, policy, now)
    if alarm.severity == Severity.CRITICAL and ticket.state in BEFORE_DEPARTURE:
        work.draft.add(notify(policy, customer(ticket.customer_id), TopicName.WORSE, ticket,
                              f"{news.id}.{news.severity}", now, facts=_worse_facts(ticket, news, work, policy),
                              link_id=work.follow_id(ticket.id)))
    if job.state is TicketState.NEW:  # it waited for a firm to open: now one that works at night is asked
        dispatch(job, work, policy, now)


def _notify_who_comes(ticket: Ticket, news: _News, job: Job, work: SiteWork, policy: Policy, now: Instant) -> None:
    """There is more to do at the visit that is planned."""
    if job.state in UNDER_WAY and job.provider_id is not None:
        work.draft.add(notify(policy, provider(job.provider_id), TopicName.FAULT_ADDED, ticket, news.id, now,
                              facts=ticket_facts(ticket, work, policy) | news.facts))


def _notify_providers(ticket: Ticket, news: _News, job: Job, work: SiteWork, policy: Policy, now: Instant) -> None:
    """Providers that are asked, or come, hear that it is more serious; asked for something urgent, they have less
    time to answer."""
    concerned = [job.provider_id] if job.state in UNDER_WAY and job.provider_id else []
    concerned += [offer.provider_id for offer in work.pending_offers(job)]
    if news.severity in URGENT:
        shorten_offers(job, work, policy, now)
    for firm in concerned:
        work.draft.add(notify(policy, provider(firm), TopicName.WORSE, ticket, f"{news.id}.{news.severity}", now,
                              facts=_worse_facts(ticket, news, work, policy)))


def _worse_facts(ticket: Ticket, news: _News, work: SiteWork, policy: Policy) -> dict[str, Any]:
    asked = {} if held_job(ticket, work) is None else {"price": str(ticket.price)}
    return ticket_facts(ticket, work, policy) | news.facts | asked


def _last_word(ticket: Ticket, work: SiteWork) -> dict[str, Any]:
    """Who was there last, and what they wrote."""
    visits = [last_visit(job, work) for job in work.jobs_of(ticket)]
    last = max((visit for visit in visits if visit is not None), key=lambda visit: visit.done_at or 0, default=None)
    if last is None:
        return {}
    return {"technician": last.technician or work.provider_name(last.provider_id), "note": last.note or ""}


def announce(ticket: Ticket, work: SiteWork, policy: Policy, now: Instant, **more: Any) -> None:
    """The household hears of it, or is asked about the price; where nobody lives any more, a person looks after it."""
    facts = ticket_facts(ticket, work, policy) | more
    if ticket.id not in work.follow:
        work.follow[ticket.id] = link(policy, LinkPurpose.FOLLOW, ticket, now, now + FOLLOW_FOR)
        work.draft.add(work.follow[ticket.id])
    topic, held = TopicName.FAULT_FOUND, held_job(ticket, work)
    if held is not None:
        topic, facts = TopicName.PRICE_QUESTION, facts | {"price": str(ticket.price), "answer_by": held.hold_until}
    work.draft.add(notify(policy, customer(ticket.customer_id), topic, ticket, ticket.round, now,
                          facts=facts, link_id=work.follow_id(ticket.id), heard_at=now))
    if work.site.household_left_at is not None:
        page_dispatcher(work.draft, policy, ticket, PageReason.HOUSEHOLD_LEFT, now,
                        facts=ticket_facts(ticket, work, policy))


def judged_values(alarm: Alarm) -> dict[str, Any]:
    """The values that were judged, as they were when the alarm was raised."""
    return {name: value for name, value in alarm.evidence.items() if name not in _NOT_JUDGED}
