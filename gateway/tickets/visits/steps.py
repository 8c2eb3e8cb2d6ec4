"""Plans a visit's steps (depart, arrive, finish), and what follows when its times have passed."""

from collections.abc import Iterable
from typing import Any

from gateway.model import (
    DAY,
    MINUTE,
    Actor,
    EntryKind,
    Instant,
    Link,
    ResolvedBy,
    Ticket,
    TicketState,
    Visit,
    VisitOutcome,
    VisitState,
    customer,
    provider,
)
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.actions import Arrive, CancelTicket, Depart, Finish, ResolveTicket
from gateway.tickets.alarms.raised_and_cleared import reopen, resolve
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.dispatch.ask import dispatch, ticket_facts, withdraw_offers
from gateway.tickets.lifecycle import OPEN, UNSETTLED, Action, VisitAction, can, move, move_visit
from gateway.tickets.new_rows import entry, notify, show_time
from gateway.tickets.promises import cancel_promises, settle_arrival
from gateway.tickets.told_times import arrival_estimate

PAGE_AFTER_VISIT = 30 * MINUTE  # a technician's link dies this long after the visit is done
PAGE_AFTER_CLOSE = DAY  # a customer's page stays readable this long after the ticket is closed


def plan_depart(act: Depart, visit: Visit, ticket: Ticket, context: PlanningContext, policy: Policy, who: Actor,
                now: Instant) -> None:
    """The technician sets out: the customer is notified, with an ETA when one is given. Raises Refused."""
    _check(visit, VisitAction.DEPART, RefusedReason.ALREADY_DEPARTED)
    move_visit(visit, VisitAction.DEPART, now)
    move(ticket, Action.DEPART, now)
    visit.eta = now + act.minutes * MINUTE if act.minutes is not None else None
    estimate = arrival_estimate(visit, customer(ticket.customer_id), ticket.site_id)
    if estimate is not None:
        show_time(estimate, context, policy, now)
    context.draft.add(
        entry(ticket, now, EntryKind.EN_ROUTE, who=who, minutes=act.minutes),
        # somebody is about to ring the bell: no quiet hours
        notify(policy, customer(ticket.customer_id), TopicName.ON_THE_WAY, ticket, visit.id, now,
               facts=visit_facts(ticket, context), link_id=context.follow_id(ticket.id)))


def plan_arrive(act: Arrive, visit: Visit, ticket: Ticket, context: PlanningContext, policy: Policy, who: Actor,
                now: Instant) -> None:
    """The technician is there: the promised arrival is settled as kept or broken. Raises Refused."""
    _check(visit, VisitAction.ARRIVE, RefusedReason.ALREADY_ARRIVED)
    move_visit(visit, VisitAction.ARRIVE, now)
    move(ticket, Action.ARRIVE, now)
    context.draft.add(entry(ticket, now, EntryKind.ON_SITE, who=who))
    settle_arrival(context.promises.get(ticket.id, []), now, early_agreed=False)


def plan_finish(act: Finish, visit: Visit, ticket: Ticket, context: PlanningContext, policy: Policy, who: Actor,
                now: Instant) -> None:
    """Complete → resolved and the customer told; otherwise the same ticket goes on to its next visit."""
    _check(visit, VisitAction.FINISH, RefusedReason.NOT_DEPARTED)
    note = act.note.strip()
    if act.outcome == VisitOutcome.COMPLETE and not note:
        raise Refused(RefusedReason.NOTE_NEEDED)
    facts = visit_facts(ticket, context)
    settle_arrival(context.promises.get(ticket.id, []), now, early_agreed=False)  # who never said that they are there
    move_visit(visit, VisitAction.FINISH, now)
    visit.outcome, visit.note = VisitOutcome(act.outcome), note
    _expire(context.visit_links.get(visit.id, []), now + PAGE_AFTER_VISIT)
    if act.outcome != VisitOutcome.COMPLETE:
        kind = EntryKind.NO_ACCESS if act.outcome == VisitOutcome.NO_ACCESS else EntryKind.INCOMPLETE
        context.draft.add(entry(ticket, now, kind, who=who, note=note))
        if ticket.visit_id == visit.id:  # else somebody else is asked already
            # an agent may have taken it for settled while the technician was there
            move(ticket, Action.REOPEN if ticket.state is TicketState.RESOLVED else Action.REVISIT, now)
            dispatch(ticket, context, policy, now, facts)
    elif ticket.state is TicketState.RESOLVED:  # an agent was first, and has told the customer
        context.draft.add(entry(ticket, now, EntryKind.RESOLVED, who=who, resolution=note))
    else:
        resolve(ticket, ResolvedBy.TECHNICIAN, note, context, policy, now, facts, who)
        if context.fault(ticket.cause_key) is not None:
            context.draft.add(entry(ticket, now, EntryKind.STILL_WATCHED))


def plan_resolve(act: ResolveTicket, ticket: Ticket, context: PlanningContext, policy: Policy, who: Actor,
                 now: Instant) -> None:
    """An agent settles the ticket: offers and visits are called off, the customer is notified. Raises Refused."""
    if ticket.state not in UNSETTLED:
        raise Refused(RefusedReason.ALREADY, id=ticket.id, state=ticket.state)
    facts = visit_facts(ticket, context)
    _call_off(ticket, context, policy, now, facts)
    resolve(ticket, ResolvedBy.AGENT, act.note, context, policy, now, facts, who)


def plan_cancel(act: CancelTicket, ticket: Ticket, context: PlanningContext, policy: Policy, who: Actor,
                now: Instant) -> None:
    """The ticket ends without a solution: offers and visits are called off. Raises Refused."""
    if ticket.state not in OPEN:
        raise Refused(RefusedReason.ALREADY, id=ticket.id, state=ticket.state)
    _call_off(ticket, context, policy, now, visit_facts(ticket, context))
    move(ticket, Action.CANCEL, now)
    context.draft.add(entry(ticket, now, EntryKind.CANCELLED, who=who, reason=act.why))
    _expire(_follow_links(ticket, context), now + PAGE_AFTER_CLOSE)


def plan_due(ticket: Ticket, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """`next_at` has come: a waiting ticket is offered again; a resolved one is closed, or its fault is still there."""
    if ticket.state is TicketState.NEW:
        dispatch(ticket, context, policy, now, visit_facts(ticket, context))
        return
    ticket.next_at = None
    if ticket.state is not TicketState.RESOLVED:
        return
    alarm = context.fault(ticket.cause_key)
    if alarm is not None:
        reopen(ticket, alarm.evidence.get("cause", {"en": alarm.cause}), EntryKind.STILL_REPORTED, context, policy, now)
        return
    move(ticket, Action.CLOSE, now)
    context.draft.add(entry(ticket, now, EntryKind.CLOSED))
    _expire(_follow_links(ticket, context), now + PAGE_AFTER_CLOSE)


def visit_facts(ticket: Ticket, context: PlanningContext) -> dict[str, Any]:
    """What a message can say as things stand."""
    alarm = context.alarms.get(ticket.cause_key)
    cause = alarm.evidence.get("cause") if alarm is not None else None
    facts = ticket_facts(ticket, cause or context.causes.get(ticket.id) or {"en": ticket.cause}, context.device)
    visit = context.visits.get(ticket.id)
    if visit is not None:
        facts |= {"technician": visit.technician, "window_from": visit.window_from,
                  "window_until": visit.window_until, "eta": visit.eta}
    return facts


def _call_off(ticket: Ticket, context: PlanningContext, policy: Policy, now: Instant, facts: dict[str, Any]) -> None:
    """Nobody needs to come any more: the offer is taken back, a visit that has not begun is cancelled."""
    withdraw_offers(ticket, context, policy, now, facts)
    cancel_promises(context.promises.get(ticket.id, []), now)
    visit = context.visits.get(ticket.id)
    if visit is not None and can(visit, VisitAction.CALL_OFF):
        move_visit(visit, VisitAction.CALL_OFF, now)
        _expire(context.visit_links.get(visit.id, []), now)
        context.draft.add(notify(policy, provider(visit.provider_id), TopicName.OFFER_WITHDRAWN, ticket, visit.id, now,
                                 facts=facts))


def _check(visit: Visit, action: VisitAction, otherwise: RefusedReason) -> None:
    if visit.state is VisitState.DONE:
        raise Refused(RefusedReason.VISIT_OVER)
    if visit.state is VisitState.CANCELLED:
        raise Refused(RefusedReason.VISIT_CANCELLED)
    if not can(visit, action):
        raise Refused(otherwise)


def _follow_links(ticket: Ticket, context: PlanningContext) -> list[Link]:
    return [context.follow[ticket.id]] if ticket.id in context.follow else []


def _expire(links: Iterable[Link], at: Instant) -> None:
    for link in links:
        link.expires_at = at
