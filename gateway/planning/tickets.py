"""What people do with a ticket and its visit, and what the clock does when a ticket's time has come."""

from typing import Any

from gateway.model import DAY, MINUTE, EntryKind, Instant, Link, Ticket, Visit, customer, provider
from gateway.notifications.topics import TopicName
from gateway.planning.acts import Arrive, CancelTicket, Depart, Finish, Refused, ResolveTicket
from gateway.planning.alarms import reopen, resolve, write
from gateway.planning.dispatch import about_ticket, dispatch, take_back
from gateway.planning.plan import Change, Plan
from gateway.planning.promises import call_off, settle
from gateway.planning.rows import entry, tell
from gateway.planning.situation import Rules, Situation

PAGE_AFTER_VISIT = 30 * MINUTE  # a technician's link dies this long after the visit is done
PAGE_AFTER_CLOSE = DAY  # a customer's page stays readable this long after the ticket is closed


def plan_depart(act: Depart, visit: Visit, ticket: Ticket, facts: Situation, rules: Rules, who: str,
                now: Instant) -> Plan:
    _visit_is(visit, ("planned",), "You have already set out.")
    eta = now + act.minutes * MINUTE if act.minutes is not None else None
    before, ticket.state = ticket.state, "en_route"
    visit.state, visit.eta = "en_route", eta
    return Plan(
        add=[
            entry(ticket, now, EntryKind.EN_ROUTE, who=who,
                  minutes=f", about {act.minutes} minutes" if act.minutes else ""),
            # somebody is about to ring the bell: no quiet hours
            tell(rules, customer(ticket.customer_id), TopicName.ON_THE_WAY, ticket, visit.id, now,
                 about=about_now(ticket, facts), critical=True, link_id=facts.follow.get(ticket.id)),
        ],
        change=[Change(Visit, visit.id, {"state": "en_route", "en_route_at": now, "eta": eta}, {"state": "planned"}),
                write(ticket, before)],
    )


def plan_arrive(act: Arrive, visit: Visit, ticket: Ticket, facts: Situation, rules: Rules, who: str,
                now: Instant) -> Plan:
    _visit_is(visit, ("planned", "en_route"), "You are there already.")
    before, ticket.state = ticket.state, "on_site"
    plan = Plan(
        add=[entry(ticket, now, EntryKind.ON_SITE, who=who)],
        change=[Change(Visit, visit.id, {"state": "on_site", "on_site_at": now}, {"state": visit.state}),
                write(ticket, before)],
    )
    plan += settle(facts.promises.get(ticket.id, []), now)
    return plan


def plan_finish(act: Finish, visit: Visit, ticket: Ticket, facts: Situation, rules: Rules, who: str,
                now: Instant) -> Plan:
    """Complete → resolved and the customer told; otherwise the same ticket goes on to its next visit."""
    _visit_is(visit, ("en_route", "on_site"), "Please set out first: the customer has not been told you are coming.")
    if act.outcome == "complete" and not act.note.strip():
        raise Refused("Please write in a few words what was done.")
    before = ticket.state
    about = about_now(ticket, facts)
    plan = Plan(change=[
        Change(Visit, visit.id, {"state": "done", "done_at": now, "outcome": act.outcome, "note": act.note.strip()},
               {"state": visit.state}),
        *_expire(facts.visit_links.get(visit.id, []), now + PAGE_AFTER_VISIT),
    ])
    if act.outcome == "complete":
        plan += resolve(ticket, "technician", act.note.strip(), facts, rules, now, about, who)
        if facts.fault(ticket.cause_key) is not None:
            plan.add.append(entry(ticket, now, EntryKind.STILL_WATCHED))
    else:
        kind = {"incomplete": EntryKind.INCOMPLETE, "no_access": EntryKind.NO_ACCESS}[act.outcome]
        plan.add.append(entry(ticket, now, kind, who=who, note=act.note.strip() or "no note"))
        ticket.provider_id = ticket.visit_id = None
        ticket.state = "new"
        plan += dispatch(ticket, facts, rules, now, about)
    plan.change.append(write(ticket, before))
    return plan


def plan_resolve(act: ResolveTicket, ticket: Ticket, facts: Situation, rules: Rules, who: str, now: Instant) -> Plan:
    if ticket.state in ("resolved", "closed", "cancelled"):
        raise Refused(f"Ticket {ticket.id} is {ticket.state} already.")
    before, about = ticket.state, about_now(ticket, facts)
    plan = _call_off(ticket, facts, rules, now, about)
    plan += resolve(ticket, "agent", act.note, facts, rules, now, about, who)
    plan.change.append(write(ticket, before))
    return plan


def plan_cancel(act: CancelTicket, ticket: Ticket, facts: Situation, rules: Rules, who: str, now: Instant) -> Plan:
    if ticket.closed_at is not None:
        raise Refused(f"Ticket {ticket.id} is {ticket.state} already.")
    before = ticket.state
    plan = _call_off(ticket, facts, rules, now, about_now(ticket, facts))
    ticket.state, ticket.closed_at, ticket.next_at = "cancelled", now, None
    plan.add.append(entry(ticket, now, EntryKind.CANCELLED, who=who, reason=act.why))
    plan.change += [write(ticket, before), *_expire(_follow_links(ticket, facts), now + PAGE_AFTER_CLOSE)]
    return plan


def plan_due(ticket: Ticket, facts: Situation, rules: Rules, now: Instant) -> Plan:
    """`next_at` has come: a waiting ticket is offered again; a resolved one is closed, or its fault is still there."""
    before = ticket.state
    if ticket.state == "resolved":
        alarm = facts.fault(ticket.cause_key)
        if alarm is not None:
            return reopen(ticket, alarm.why.get("cause", {"en": alarm.cause}), EntryKind.STILL_REPORTED,
                          facts, rules, now)
        ticket.state, ticket.closed_at, ticket.next_at = "closed", now, None
        return Plan(add=[entry(ticket, now, EntryKind.CLOSED)],
                    change=[write(ticket, before), *_expire(_follow_links(ticket, facts), now + PAGE_AFTER_CLOSE)])
    ticket.next_at = None
    plan = Plan()
    if ticket.state == "new":
        plan += dispatch(ticket, facts, rules, now, about_now(ticket, facts))
    plan.change.append(write(ticket, before))
    return plan


def about_now(ticket: Ticket, facts: Situation) -> dict[str, Any]:
    """What a message can say as things stand."""
    alarm = facts.alarms.get(ticket.cause_key)
    cause = alarm.why.get("cause") if alarm is not None else None
    about = about_ticket(ticket, cause or facts.causes.get(ticket.id) or {"en": ticket.cause}, facts.device)
    visit = facts.visits.get(ticket.id)
    if visit is not None:
        about |= {"technician": visit.technician, "window_from": visit.window_from,
                  "window_until": visit.window_until, "eta": visit.eta}
    return about


def _call_off(ticket: Ticket, facts: Situation, rules: Rules, now: Instant, about: dict[str, Any]) -> Plan:
    """Nobody needs to come any more: the offer is taken back, a visit that has not begun is cancelled."""
    plan = take_back(ticket, facts, rules, now, about)
    plan += call_off(facts.promises.get(ticket.id, []), now)
    visit = facts.visits.get(ticket.id)
    if visit is not None and visit.state in ("planned", "en_route"):
        plan.change += [Change(Visit, visit.id, {"state": "cancelled", "done_at": now}, {"state": visit.state}),
                        *_expire(facts.visit_links.get(visit.id, []), now)]
        plan.add.append(tell(rules, provider(visit.provider_id), TopicName.OFFER_WITHDRAWN, ticket, visit.id, now,
                             about=about, critical=True))
    return plan


def _visit_is(visit: Visit, states: tuple[str, ...], otherwise: str) -> None:
    if visit.state in ("done", "cancelled"):
        raise Refused("This visit is over." if visit.state == "done" else "This visit was called off.")
    if visit.state not in states:
        raise Refused(otherwise)


def _follow_links(ticket: Ticket, facts: Situation) -> list[str]:
    return [facts.follow[ticket.id]] if ticket.id in facts.follow else []


def _expire(link_ids: list[str], at: Instant) -> list[Change]:
    return [Change(Link, link_id, {"expires_at": at}) for link_id in link_ids]
