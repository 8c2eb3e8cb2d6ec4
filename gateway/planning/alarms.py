"""A rule's verdict → one alarm, one ticket, a provider asked, a customer told; and the way back when it clears."""

from typing import Any

from gateway.detection.silence import SILENT
from gateway.detection.state import Cleared, Raised
from gateway.model import MINUTE, Alarm, Instant, Ticket
from gateway.planning import remote
from gateway.planning.dispatch import about_ticket, dispatch, take_back
from gateway.planning.plan import Change, Plan
from gateway.planning.rows import FOLLOW_FOR, entry, link, tell
from gateway.planning.situation import Rules, Situation

UNDER_WAY = ("assigned", "en_route", "on_site", "on_hold")


def plan_raised(raised: Raised, facts: Situation, online: bool, rules: Rules, now: Instant) -> Plan:
    """Opens the alarm, and a ticket unless one is open for the same problem or a remote fix is tried first."""
    if raised.rule in facts.alarms:
        return Plan()
    device = facts.device
    alarm = Alarm(id=rules.fresh("A"), device_id=device.id, site_id=device.site_id, rule=raised.rule,
                  severity=raised.severity, cause=raised.cause.get("en", raised.rule), skill=raised.skill,
                  why=raised.why | {"cause": raised.cause}, opened_at=min(raised.at, now))
    facts.alarms[raised.rule] = alarm
    plan = Plan(add=[alarm])
    if raised.action == "ticket":
        if raised.first_try is not None and raised.rule not in facts.tickets:
            plan += remote.begin(alarm, raised.first_try, facts, online, rules, now)
        if alarm.try_until is None:
            plan += _send_somebody(alarm, facts, rules, now)
    if raised.rule == SILENT:  # whatever was tried from afar, the device has gone
        for trying in [alarm for alarm in facts.alarms.values() if alarm.try_until is not None]:
            plan += plan_tried(trying, facts, False, rules, now)
    return plan


def plan_tried(alarm: Alarm, facts: Situation, online: bool, rules: Rules, now: Instant) -> Plan:
    """The remote fix has had its time and the fault is still there: now somebody is sent, with the evidence."""
    expecting = {"closed_at": None, "try_until": alarm.try_until}
    plan = Plan(change=remote.give_up(alarm, facts, online))
    plan += _send_somebody(alarm, facts, rules, now)
    values = {"try_until": None, "why": alarm.why, "ticket_id": alarm.ticket_id}
    plan.change.append(Change(Alarm, alarm.id, values, expecting))
    return plan


def plan_cleared(cleared: Cleared, facts: Situation, rules: Rules, now: Instant) -> Plan:
    """Closes the alarm; a ticket that nobody has set out for is resolved by the device's own word."""
    alarm = facts.alarms.pop(cleared.rule, None)
    if alarm is None:
        return Plan()
    if alarm.try_until is not None:
        return remote.over(alarm, cleared, facts, now)
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


def _send_somebody(alarm: Alarm, facts: Situation, rules: Rules, now: Instant) -> Plan:
    ticket = facts.tickets.get(alarm.rule)
    if ticket is None:
        plan = _open(alarm, facts, rules, now)
    elif ticket.state == "resolved":
        plan = reopen(ticket, alarm.why["cause"], "The fault came back", facts, rules, now)
    else:
        plan = Plan(add=[entry(ticket.id, now, "The device reports the fault again", who=f"device {facts.device.id}",
                               why=_judged(alarm))])
    alarm.ticket_id = facts.tickets[alarm.rule].id
    return plan


def _open(alarm: Alarm, facts: Situation, rules: Rules, now: Instant) -> Plan:
    ticket = Ticket(id=rules.fresh("T"), site_id=facts.site.id, customer_id=facts.customer.id,
                    device_id=facts.device.id, cause_key=alarm.rule, cause=alarm.cause, skill=alarm.skill,
                    severity=alarm.severity, opened_at=now)
    facts.tickets[alarm.rule] = ticket
    plan = Plan(add=[ticket, entry(ticket.id, now, f"{alarm.cause} ({facts.device.name})",
                                   who=f"device {facts.device.id}", why=_judged(alarm)),
                     *remote.evidence(ticket.id, alarm, facts, now)])
    plan += _announce(ticket, alarm.why["cause"], facts, rules, now)
    return plan


def _judged(alarm: Alarm) -> dict[str, Any]:
    """The values that were judged, as they were when the alarm was raised."""
    return {name: value for name, value in alarm.why.items() if name not in ("cause", "first_try")}


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
