"""Plans an alarm's escalation, flapping, missed alarms, and rules that cannot be evaluated."""

from gateway.detection.device_state import Escalated, Flapping, MissedAlarm, RuleFailed
from gateway.model import (
    DISPATCHER,
    MINUTE,
    Alarm,
    EntryKind,
    Instant,
    OfferState,
    Severity,
    Subject,
    SubjectKind,
    Ticket,
    TicketState,
    customer,
    provider,
)
from gateway.notifications.topics import TopicName
from gateway.tickets.alarms.raised_and_cleared import new_alarm
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.dispatch.ask import dispatch, ticket_facts
from gateway.tickets.lifecycle import BEFORE_DEPARTURE, UNDER_WAY, UNSETTLED, end_alarm
from gateway.tickets.new_rows import entry, notify


def plan_escalated(escalated: Escalated, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """The same alarm and the same ticket, more severe; whoever it makes a difference to is told."""
    alarm = context.alarms.get(escalated.rule)
    if alarm is None or escalated.severity.rank <= alarm.severity.rank:
        return
    alarm.severity = escalated.severity
    alarm.evidence = alarm.evidence | {"rose": escalated.why | {"to": escalated.severity, "at": escalated.at}}
    ticket = context.tickets.get(escalated.rule)
    if ticket is None or alarm.dry_run or alarm.ticket_id != ticket.id:
        return
    ticket.severity = escalated.severity
    context.draft.add(entry(ticket, now, EntryKind.WORSE, who=context.by_device, evidence=escalated.why,
                            severity=escalated.severity))
    if ticket.state in UNSETTLED:
        _notify_escalation(alarm, ticket, context, policy, now)


def _notify_escalation(alarm: Alarm, ticket: Ticket, context: PlanningContext, policy: Policy, now: Instant) -> None:
    facts = ticket_facts(ticket, alarm.evidence.get("cause", {"en": alarm.cause}), context.device)
    news = f"{alarm.id}.{alarm.severity}"
    critical = alarm.severity == Severity.CRITICAL
    provider_loads = [ticket.provider_id] if ticket.state in UNDER_WAY and ticket.provider_id else []
    for offer in context.offers.get(ticket.id, []):
        if offer.state is OfferState.PENDING:
            provider_loads.append(offer.provider_id)
            until = now + policy.service.offer_minutes_critical * MINUTE
            if critical:
                offer.expires_at = min(offer.expires_at, until)
    for firm in provider_loads:
        context.draft.add(notify(policy, provider(firm), TopicName.WORSE, ticket, news, now, facts=facts))
    if critical and ticket.state in BEFORE_DEPARTURE:
        context.draft.add(notify(policy, customer(ticket.customer_id), TopicName.WORSE, ticket, news, now,
                                 facts=facts, link_id=context.follow_id(ticket.id)))
    if ticket.state is TicketState.NEW:  # it waited for a firm to open: now one that works at night is asked
        dispatch(ticket, context, policy, now, facts)


def plan_flapping(flapping: Flapping, context: PlanningContext, now: Instant) -> None:
    """Seen on the alarm and in the ticket's timeline; nobody is told anything."""
    alarm = context.alarms.get(flapping.rule)
    if alarm is None or alarm.flapping == flapping.on:
        return
    alarm.flapping, alarm.evidence = flapping.on, alarm.evidence | {"flapping": flapping.why}
    if alarm.ticket_id is not None:
        kind = EntryKind.FLAPPING if flapping.on else EntryKind.CALM
        context.draft.add(entry(Subject(SubjectKind.TICKET, alarm.ticket_id), now, kind,
                                who=context.by_device, evidence=flapping.why))


def plan_missed_alarm(missed: MissedAlarm, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """It was over before we heard of it: an alarm that is closed already, and nothing else."""
    alarm = new_alarm(missed.raised, context, policy, now)
    end_alarm(alarm, missed.until)
    alarm.cleared_at = alarm.closed_at
    alarm.evidence = alarm.evidence | {"passed": True, "heard_at": now}
    context.draft.add(alarm)


def broken_subject(profile: str, rule: str) -> str:
    """What the operator is told about once."""
    return f"rule/{profile}/{rule}"


def plan_broken(broken: RuleFailed, profile: str, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """The caller sees to it that the operator has not heard of this rule yet."""
    context.draft.add(notify(policy, DISPATCHER, TopicName.RULE_BROKEN, Subject(
        SubjectKind.GATEWAY, broken_subject(profile, broken.rule)), 1, now, facts={
        "device": context.device.name, "why": broken.why}))
