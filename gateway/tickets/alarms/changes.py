"""Plans an alarm's escalation, flapping, missed alarms, and rules that cannot be evaluated."""

from gateway.detection.device_state import Escalated, Flapping, MissedAlarm, RuleFailed
from gateway.model import (
    DISPATCHER,
    EntryKind,
    Instant,
    Subject,
    SubjectKind,
)
from gateway.notifications.topics import TopicName
from gateway.tickets.alarms.raised_and_cleared import new_alarm
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.lifecycle import UNSETTLED, end_alarm
from gateway.tickets.new_rows import entry, notify
from gateway.tickets.opening import notify_if_worse


def plan_escalated(escalated: Escalated, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """The same alarm and the same ticket, more severe; whoever it makes a difference to is told."""
    alarm = context.alarms.get(escalated.rule)
    if alarm is None or escalated.severity.rank <= alarm.severity.rank:
        return
    alarm.severity = escalated.severity
    alarm.evidence = alarm.evidence | {"rose": escalated.why | {"to": escalated.severity, "at": escalated.at}}
    ticket = context.work.tickets.get(alarm.ticket_id or "")
    if ticket is None or alarm.dry_run or ticket.closed_at is not None or alarm.severity.rank <= ticket.severity.rank:
        return
    ticket.severity = escalated.severity
    context.draft.add(entry(ticket, now, EntryKind.WORSE, who=context.by_device, evidence=escalated.why,
                            severity=escalated.severity))
    if ticket.state in UNSETTLED:
        job = next((job for job in context.work.jobs_of(ticket) if job.state in UNSETTLED
                    and (not alarm.skill or alarm.skill in job.skills)), None)
        if job is not None:
            notify_if_worse(ticket, alarm, job, context.work, policy, now)


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
