"""Plans an alarm's escalation, flapping, missed alarms, and rules that cannot be evaluated."""

from gateway.detection.device_state import Broken, Escalated, Flapping, MissedAlarm
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
from gateway.tickets.alarms.raised import new_alarm
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.dispatch import about_ticket, dispatch
from gateway.tickets.lifecycle import BEFORE_DEPARTURE, UNDER_WAY, UNSETTLED, end_alarm
from gateway.tickets.new_rows import entry, tell


def plan_rose(rose: Escalated, facts: PlanningContext, rules: Policy, now: Instant) -> None:
    """The same alarm and the same ticket, more severe; whoever it makes a difference to is told."""
    alarm = facts.alarms.get(rose.rule)
    if alarm is None or rose.severity.rank <= alarm.severity.rank:
        return
    alarm.severity = rose.severity
    alarm.why = alarm.why | {"rose": rose.why | {"to": rose.severity, "at": rose.at}}
    ticket = facts.tickets.get(rose.rule)
    if ticket is None or alarm.monitor or alarm.ticket_id != ticket.id:
        return
    ticket.severity = rose.severity
    facts.draft.add(entry(ticket, now, EntryKind.WORSE, who=facts.by_device, why=rose.why,
                          severity=rose.severity))
    if ticket.state in UNSETTLED:
        _tell_worse(alarm, ticket, facts, rules, now)


def _tell_worse(alarm: Alarm, ticket: Ticket, facts: PlanningContext, rules: Policy, now: Instant) -> None:
    about = about_ticket(ticket, alarm.why.get("cause", {"en": alarm.cause}), facts.device)
    news = f"{alarm.id}.{alarm.severity}"
    critical = alarm.severity == Severity.CRITICAL
    firms = [ticket.provider_id] if ticket.state in UNDER_WAY and ticket.provider_id else []
    for offer in facts.offers.get(ticket.id, []):
        if offer.state is OfferState.PENDING:
            firms.append(offer.provider_id)
            until = now + rules.service.offer_minutes_critical * MINUTE
            if critical:
                offer.expires_at = min(offer.expires_at, until)
    for firm in firms:
        facts.draft.add(tell(rules, provider(firm), TopicName.WORSE, ticket, news, now, about=about))
    if critical and ticket.state in BEFORE_DEPARTURE:
        facts.draft.add(tell(rules, customer(ticket.customer_id), TopicName.WORSE, ticket, news, now,
                             about=about, link_id=facts.follow_id(ticket.id)))
    if ticket.state is TicketState.NEW:  # it waited for a firm to open: now one that works at night is asked
        dispatch(ticket, facts, rules, now, about)


def plan_flapping(flapping: Flapping, facts: PlanningContext, now: Instant) -> None:
    """Seen on the alarm and in the ticket's timeline; nobody is told anything."""
    alarm = facts.alarms.get(flapping.rule)
    if alarm is None or alarm.flapping == flapping.on:
        return
    alarm.flapping, alarm.why = flapping.on, alarm.why | {"flapping": flapping.why}
    if alarm.ticket_id is not None:
        kind = EntryKind.FLAPPING if flapping.on else EntryKind.CALM
        facts.draft.add(entry(Subject(SubjectKind.TICKET, alarm.ticket_id), now, kind,
                              who=facts.by_device, why=flapping.why))


def plan_passed(passed: MissedAlarm, facts: PlanningContext, rules: Policy, now: Instant) -> None:
    """It was over before we heard of it: an alarm that is closed already, and nothing else."""
    alarm = new_alarm(passed.raised, facts, rules, now)
    end_alarm(alarm, passed.until)
    alarm.cleared_at = alarm.closed_at
    alarm.why = alarm.why | {"passed": True, "heard_at": now}
    facts.draft.add(alarm)


def broken_subject(profile: str, rule: str) -> str:
    """What the operator is told about once."""
    return f"rule/{profile}/{rule}"


def plan_broken(broken: Broken, profile: str, facts: PlanningContext, rules: Policy, now: Instant) -> None:
    """The caller sees to it that the operator has not heard of this rule yet."""
    facts.draft.add(tell(rules, DISPATCHER, TopicName.RULE_BROKEN, Subject(
        SubjectKind.GATEWAY, broken_subject(profile, broken.rule)), 1, now, about={
        "device": facts.device.name, "why": broken.why}))
