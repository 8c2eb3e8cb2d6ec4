"""A rule's verdict → one alarm, one ticket, a provider asked, a customer told; and the way back when it clears."""

from gateway.detection.state import Cleared, Raised
from gateway.model import MINUTE, Alarm, Instant, Ticket
from gateway.planning.dispatch import about_ticket, dispatch, take_back
from gateway.planning.plan import Change, Plan
from gateway.planning.rows import FOLLOW_FOR, entry, link, tell
from gateway.planning.situation import Rules, Situation

UNDER_WAY = ("assigned", "en_route", "on_site", "on_hold")


def plan_raised(raised: Raised, facts: Situation, rules: Rules, now: Instant) -> Plan:
    """Opens the alarm, and a ticket unless one is open for the same problem."""
    if raised.rule in facts.alarms:
        return Plan()
    device = facts.device
    alarm = Alarm(id=rules.fresh("A"), device_id=device.id, site_id=device.site_id, rule=raised.rule,
                  severity=raised.severity, cause=raised.cause.get("en", raised.rule), skill=raised.skill,
                  why=raised.why | {"cause": raised.cause}, opened_at=min(raised.at, now))
    facts.alarms[raised.rule] = alarm
    plan = Plan(add=[alarm])
    if raised.action != "ticket":
        return plan
    ticket = facts.tickets.get(raised.rule)
    if ticket is None:
        plan += _open(alarm, raised, facts, rules, now)
    elif ticket.state == "resolved":
        plan += reopen(ticket, raised.cause, "The fault came back", facts, rules, now)
    else:
        plan.add.append(entry(ticket.id, now, "The device reports the fault again", who=f"device {device.id}",
                              why=raised.why))
    alarm.ticket_id = facts.tickets[raised.rule].id
    return plan


def plan_cleared(cleared: Cleared, facts: Situation, rules: Rules, now: Instant) -> Plan:
    """Closes the alarm; a ticket that nobody has set out for is resolved by the device's own word."""
    alarm = facts.alarms.pop(cleared.rule, None)
    if alarm is None:
        return Plan()
    plan = Plan(change=[Change(Alarm, alarm.id, {"closed_at": max(now, alarm.opened_at)}, {"closed_at": None})])
    ticket = facts.tickets.get(cleared.rule)
    if ticket is None:
        return plan
    if ticket.state in UNDER_WAY or ticket.state == "resolved":
        plan.add.append(entry(ticket.id, now, "The device reports that all is normal again",
                              who=f"device {facts.device.id}", why=cleared.why))
        return plan
    before = ticket.state
    cause = alarm.why.get("cause", {"en": alarm.cause})
    about = about_ticket(ticket, cause, facts.device)
    plan += take_back(ticket, facts, rules, now, about)
    plan += resolve(ticket, "telemetry", "Back to normal by itself", facts, rules, now, about,
                    who=f"device {facts.device.id}")
    plan.change.append(write(ticket, before))
    return plan


def resolve(ticket: Ticket, by: str, words: str, facts: Situation, rules: Rules, now: Instant,
            about: dict[str, object], who: str) -> Plan:
    """Moves `ticket` to resolved in place; it stays reversible until the recurrence time has passed."""
    ticket.state, ticket.resolved_at, ticket.resolved_by, ticket.resolution = "resolved", now, by, words
    ticket.next_at = now + rules.service.recurrence_minutes * MINUTE
    return Plan(add=[
        entry(ticket.id, now, f"Resolved: {words}", who=who),
        tell(rules, f"customer/{ticket.customer_id}", "resolved", ticket.id, ticket.round, now, about=about,
             link_id=facts.follow.get(ticket.id)),
    ])


def reopen(ticket: Ticket, cause: dict[str, str], words: str, facts: Situation, rules: Rules, now: Instant) -> Plan:
    """The same problem again: the same ticket, a new round."""
    before = ticket.state
    ticket.round += 1
    ticket.state, ticket.resolved_at, ticket.resolved_by, ticket.resolution = "new", None, None, None
    ticket.provider_id = ticket.visit_id = None
    plan = Plan(add=[entry(ticket.id, now, words, who=f"device {facts.device.id}")])
    plan += _announce(ticket, cause, facts, rules, now)
    plan.change.append(write(ticket, before))
    return plan


def write(ticket: Ticket, before: str) -> Change:
    """The ticket's moving fields, provided nobody moved it meanwhile."""
    return Change(Ticket, ticket.id, {name: getattr(ticket, name) for name in _MOVING}, {"state": before})


_MOVING = ("state", "round", "provider_id", "visit_id", "resolved_at", "resolved_by", "resolution", "closed_at",
           "next_at")


def _open(alarm: Alarm, raised: Raised, facts: Situation, rules: Rules, now: Instant) -> Plan:
    ticket = Ticket(id=rules.fresh("T"), site_id=facts.site.id, customer_id=facts.customer.id,
                    device_id=facts.device.id, cause_key=raised.rule, cause=alarm.cause, skill=raised.skill,
                    severity=raised.severity, opened_at=now)
    facts.tickets[raised.rule] = ticket
    plan = Plan(add=[ticket, entry(ticket.id, now, f"{alarm.cause} ({facts.device.name})",
                                   who=f"device {facts.device.id}", why=raised.why)])
    plan += _announce(ticket, raised.cause, facts, rules, now)
    return plan


def _announce(ticket: Ticket, cause: dict[str, str], facts: Situation, rules: Rules, now: Instant) -> Plan:
    about = about_ticket(ticket, cause, facts.device)
    plan = Plan()
    if ticket.id not in facts.follow:
        follow = link(rules, "follow", ticket.id, now, now + FOLLOW_FOR)
        facts.follow[ticket.id] = follow.id
        plan.add.append(follow)
    plan.add.append(tell(rules, f"customer/{ticket.customer_id}", "fault_found", ticket.id, ticket.round, now,
                         about=about, critical=ticket.severity == "critical", link_id=facts.follow[ticket.id],
                         heard_at=now))
    plan += dispatch(ticket, facts, rules, now, about)
    return plan
