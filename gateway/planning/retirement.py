"""A device goes for good: its alarms end, and nobody sets out for it any more."""

from gateway.model import Alarm, EntryKind, Instant, Subject, SubjectKind, Ticket
from gateway.planning.acts import CancelTicket
from gateway.planning.plan import Change, Plan
from gateway.planning.rows import entry
from gateway.planning.situation import Rules, Situation
from gateway.planning.tickets import plan_cancel

WHY = "the device was retired"


def needs_work(ticket: Ticket) -> bool:
    """Somebody is still asked or on the way; a resolved ticket closes by itself."""
    return ticket.closed_at is None and ticket.state != "resolved"


def plan_retired(facts: Situation, rules: Rules, who: str, now: Instant) -> Plan:
    """Cancels the device's unfinished tickets, then closes its alarms. A callback stays: a person still waits."""
    plan = Plan()
    unfinished = {ticket.id: ticket for ticket in facts.tickets.values() if needs_work(ticket)}
    for ticket in unfinished.values():
        plan += plan_cancel(CancelTicket(ticket.id, WHY), ticket, facts, rules, who, now)
    for alarm in facts.alarms.values():
        plan.change.append(Change(Alarm, alarm.id, {
            "closed_at": max(now, alarm.opened_at), "try_until": None, "why": alarm.why | {"closed": WHY},
        }, {"closed_at": None}))
        if alarm.ticket_id is not None and alarm.ticket_id not in unfinished:
            plan.add.append(entry(Subject(SubjectKind.TICKET, alarm.ticket_id), now, EntryKind.ALARM_CLOSED, who=who,
                                  reason=WHY))
    facts.alarms.clear()
    return plan
