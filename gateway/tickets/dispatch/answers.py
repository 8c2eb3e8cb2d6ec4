"""Plans a provider's answer to an offer, and what follows when an offer expires."""

from gateway.model import (
    HOUR,
    Actor,
    Entry,
    EntryKind,
    Instant,
    LinkPurpose,
    Offer,
    OfferState,
    Provider,
    Ticket,
    TicketState,
    Visit,
    customer,
)
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.actions import AcceptOffer, DeclineOffer, OfferTo
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.dispatch.ask import dispatch, offer_to, withdraw_offers
from gateway.tickets.lifecycle import UNASSIGNED, Action, end_offer, move
from gateway.tickets.new_rows import entry, link, notify, show_time
from gateway.tickets.told_times import arrival_window
from gateway.tickets.visits.steps import visit_facts

_REFUSALS = {
    OfferState.ACCEPTED: RefusedReason.OFFER_ACCEPTED,
    OfferState.DECLINED: RefusedReason.OFFER_DECLINED,
    OfferState.LAPSED: RefusedReason.OFFER_LAPSED,
    OfferState.WITHDRAWN: RefusedReason.OFFER_TAKEN_BACK,
}


def plan_accept(act: AcceptOffer, offer: Offer, provider: Provider, ticket: Ticket, context: PlanningContext,
                policy: Policy, who: Actor, now: Instant) -> None:
    """The provider takes it: a visit with an arrival window, the customer told who comes and when."""
    _still_pending(offer, now)
    window_from = act.window_from if act.window_from is not None else now
    window_until = act.window_until if act.window_until is not None else (
        window_from + policy.service.arrival_hours * HOUR)
    if window_until <= max(window_from, now):
        raise Refused(RefusedReason.BAD_ARRIVAL_WINDOW)
    visit = Visit(id=policy.new_id("V"), ticket_id=ticket.id, provider_id=provider.id, offer_id=offer.id,
                  technician=act.technician.strip(), window_from=window_from, window_until=window_until, created_at=now)
    move(ticket, Action.ACCEPT, now)
    end_offer(offer, OfferState.ACCEPTED, now)
    ticket.provider_id, ticket.visit_id = provider.id, visit.id
    context.visits[ticket.id] = visit
    opening = link(policy, LinkPurpose.VISIT, visit, now, window_until + 72 * HOUR)
    for one in context.offer_links.get(offer.id, []):  # it lives as long as the visit: its page leads on to the visit
        one.expires_at = opening.expires_at
    context.visit_links[visit.id] = [opening, *context.offer_links.get(offer.id, [])]
    show_time(arrival_window(visit, customer(ticket.customer_id), ticket.site_id), context, policy, now)
    context.draft.add(
        visit, opening,
        entry(ticket, now, EntryKind.ACCEPTED, who=who, provider=provider.name, window_from=window_from,
              window_until=window_until),
        notify(policy, customer(ticket.customer_id), TopicName.TECHNICIAN_ASSIGNED, ticket, visit.id, now,
               facts=visit_facts(ticket, context) | {"provider": provider.name}, link_id=context.follow_id(ticket.id)))


def plan_decline(act: DeclineOffer, offer: Offer, provider: Provider, ticket: Ticket, context: PlanningContext,
                 policy: Policy, who: Actor, now: Instant) -> None:
    """The next one is asked at once."""
    _still_pending(offer, now)
    reason = act.why.strip()
    said = entry(ticket, now, EntryKind.DECLINED, who=who, provider=provider.name, reason=reason)
    offer.answer = reason or None
    _pass_on(offer, OfferState.DECLINED, said, ticket, context, policy, now)


def plan_offer_expired(offer: Offer, provider: Provider, ticket: Ticket, context: PlanningContext, policy: Policy,
                       now: Instant) -> None:
    """Nobody answered in time: the next one is asked."""
    said = entry(ticket, now, EntryKind.LAPSED, provider=provider.name)
    _pass_on(offer, OfferState.LAPSED, said, ticket, context, policy, now)


def plan_offer_to(act: OfferTo, provider: Provider, ticket: Ticket, context: PlanningContext, policy: Policy,
                  who: Actor, now: Instant) -> None:
    """A dispatcher asks one provider out of turn; a pending offer elsewhere is taken back."""
    if ticket.state not in UNASSIGNED:
        raise Refused(RefusedReason.NOT_OFFERED_NOW, id=ticket.id, state=ticket.state)
    if any(o.state is OfferState.PENDING and o.provider_id == provider.id for o in context.offers.get(ticket.id, [])):
        raise Refused(RefusedReason.BEING_ASKED, provider=provider.name)
    facts = visit_facts(ticket, context)
    withdraw_offers(ticket, context, policy, now, facts)
    offer_to(ticket, provider, 0, {"by": str(who)}, context, policy, now, facts, who=who)


def _pass_on(offer: Offer, answer: OfferState, said: Entry, ticket: Ticket, context: PlanningContext, policy: Policy,
             now: Instant) -> None:
    end_offer(offer, answer, now)
    context.draft.add(said)
    if ticket.state is TicketState.OFFERED:  # else nobody needs to come any more
        dispatch(ticket, context, policy, now, visit_facts(ticket, context))


def _still_pending(offer: Offer, now: Instant) -> None:
    if offer.state is not OfferState.PENDING:
        raise Refused(_REFUSALS[offer.state])
    if offer.expires_at <= now:
        raise Refused(_REFUSALS[OfferState.LAPSED])
