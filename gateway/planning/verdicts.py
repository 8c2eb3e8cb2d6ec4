"""What follows when an alarm gets worse, comes and goes, was over before anybody knew, or its rule cannot be judged."""

from gateway.detection.state import Broken, Flapping, Passed, Rose
from gateway.model import (
    ALARM_SEVERITIES,
    DISPATCHER,
    MINUTE,
    Alarm,
    EntryKind,
    Instant,
    Offer,
    Subject,
    SubjectKind,
    Ticket,
    customer,
    provider,
)
from gateway.notifications.topics import TopicName
from gateway.planning.alarms import UNDER_WAY, new_alarm, write
from gateway.planning.dispatch import about_ticket, dispatch
from gateway.planning.plan import Change, Plan
from gateway.planning.rows import entry, tell
from gateway.planning.situation import Rules, Situation

NOBODY_THERE_YET = ("new", "offered", "assigned", "on_hold")


def plan_rose(rose: Rose, facts: Situation, rules: Rules, now: Instant) -> Plan:
    """The same alarm and the same ticket, more severe; whoever it makes a difference to is told."""
    alarm = facts.alarms.get(rose.rule)
    if alarm is None or ALARM_SEVERITIES.index(rose.severity) <= ALARM_SEVERITIES.index(alarm.severity):
        return Plan()
    alarm.severity = rose.severity
    alarm.why = alarm.why | {"rose": rose.why | {"to": rose.severity, "at": rose.at}}
    plan = Plan(change=[Change(Alarm, alarm.id, {"severity": alarm.severity, "why": alarm.why}, {"closed_at": None})])
    ticket = facts.tickets.get(rose.rule)
    if ticket is None or alarm.monitor or alarm.ticket_id != ticket.id:
        return plan
    ticket.severity = rose.severity
    plan.change.append(Change(Ticket, ticket.id, {"severity": ticket.severity}, {"state": ticket.state}))
    plan.add.append(entry(ticket, now, EntryKind.WORSE, who=f"device {facts.device.id}", why=rose.why,
                          severity=rose.severity))
    if ticket.state != "resolved":
        plan += _tell_worse(alarm, ticket, facts, rules, now)
    return plan


def _tell_worse(alarm: Alarm, ticket: Ticket, facts: Situation, rules: Rules, now: Instant) -> Plan:
    plan = Plan()
    about = about_ticket(ticket, alarm.why.get("cause", {"en": alarm.cause}), facts.device)
    news = f"{alarm.id}.{alarm.severity}"
    critical = alarm.severity == "critical"
    firms = [ticket.provider_id] if ticket.state in UNDER_WAY and ticket.provider_id else []
    for offer in facts.offers.get(ticket.id, []):
        if offer.state == "pending":
            firms.append(offer.provider_id)
            until = now + rules.service.offer_minutes_critical * MINUTE
            if critical and until < offer.expires_at:
                offer.expires_at = until
                plan.change.append(Change(Offer, offer.id, {"expires_at": until}, {"state": "pending"}))
    plan.add += [tell(rules, provider(firm), TopicName.WORSE, ticket, news, now, about=about, critical=True)
                 for firm in firms]
    if critical and ticket.state in NOBODY_THERE_YET:
        plan.add.append(tell(rules, customer(ticket.customer_id), TopicName.WORSE, ticket, news, now,
                             about=about, critical=True, link_id=facts.follow.get(ticket.id)))
    if ticket.state == "new":  # it waited for a firm to open: now one that works at night is asked
        plan += dispatch(ticket, facts, rules, now, about)
        plan.change.append(write(ticket, "new"))
    return plan


def plan_flapping(flapping: Flapping, facts: Situation, now: Instant) -> Plan:
    """Seen on the alarm and in the ticket's timeline; nobody is told anything."""
    alarm = facts.alarms.get(flapping.rule)
    if alarm is None or alarm.flapping == flapping.on:
        return Plan()
    alarm.flapping, alarm.why = flapping.on, alarm.why | {"flapping": flapping.why}
    plan = Plan(change=[Change(Alarm, alarm.id, {"flapping": alarm.flapping, "why": alarm.why}, {"closed_at": None})])
    if alarm.ticket_id is not None:
        kind = EntryKind.FLAPPING if flapping.on else EntryKind.CALM
        plan.add.append(entry(Subject(SubjectKind.TICKET, alarm.ticket_id), now, kind,
                              who=f"device {facts.device.id}", why=flapping.why))
    return plan


def plan_passed(passed: Passed, facts: Situation, rules: Rules, now: Instant) -> Plan:
    """It was over before we heard of it: an alarm that is closed already, and nothing else."""
    alarm = new_alarm(passed.raised, facts, rules, now)
    alarm.cleared_at = alarm.closed_at = max(passed.until, alarm.opened_at)
    alarm.why = alarm.why | {"passed": "over before it was heard of", "heard_at": now}
    return Plan(add=[alarm])


def broken_subject(profile: str, rule: str) -> str:
    """What the operator is told about once."""
    return f"rule/{profile}/{rule}"


def plan_broken(broken: Broken, profile: str, facts: Situation, rules: Rules, now: Instant) -> Plan:
    """The caller sees to it that the operator has not heard of this rule yet."""
    return Plan(add=[tell(rules, DISPATCHER, TopicName.RULE_BROKEN, Subject(
        SubjectKind.GATEWAY, broken_subject(profile, broken.rule)), 1, now, about={
        "device": facts.device.name, "why": broken.why})])
