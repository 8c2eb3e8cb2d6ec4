"""Offers a ticket to providers, one at a time and best first, with the reasons recorded."""

from typing import Any

from gateway.model import (
    DISPATCHER,
    GATEWAY,
    MINUTE,
    Actor,
    Device,
    EntryKind,
    Instant,
    LinkPurpose,
    Offer,
    OfferState,
    Provider,
    Severity,
    Ticket,
)
from gateway.model import provider as provider_of
from gateway.notifications.topics import TopicName
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.dispatch.provider_ranking import Work, to_json
from gateway.tickets.dispatch.territory import Place
from gateway.tickets.lifecycle import Action, end_offer, move
from gateway.tickets.new_rows import entry, link, notify

NOT_TAKEN = (OfferState.DECLINED, OfferState.LAPSED)


def dispatch(ticket: Ticket, context: PlanningContext, policy: Policy, now: Instant, facts: dict[str, Any]) -> None:
    """Offers the ticket to the best provider not yet asked this round; nobody left → the dispatcher is told
    (a lesser fault that only waits for a firm to open waits quietly)."""
    asked = {offer.provider_id: offer.state for offer in context.offers.get(ticket.id, [])
             if offer.round == ticket.round and offer.state in NOT_TAKEN}
    place = Place(context.site.postcode, context.site.lat, context.site.lon, context.area_ids)
    work = Work(frozenset((ticket.skill,)) if ticket.skill else frozenset(), ticket.severity, place)
    loads = context.provider_loads
    ranking = loads.directory.rank(work, loads.now(context.draft), loads.records, asked, now)
    why = to_json(ranking)
    if not ranking.eligible:
        move(ticket, Action.WAIT, now)
        ticket.next_at = ranking.opens_at
        if ranking.opens_at is not None and ticket.severity not in (Severity.MAJOR, Severity.CRITICAL):
            context.draft.add(entry(ticket, now, EntryKind.WAITS_FOR_OPENING, evidence=why))
            return
        context.draft.add(
            entry(ticket, now, EntryKind.NOBODY_LEFT, evidence=why),
            notify(policy, DISPATCHER, TopicName.NOBODY_LEFT, ticket, now, now,
                   facts=facts | {"refused": why.get("refused", [])}))
        return
    best = ranking.eligible[0]
    provider = loads.directory[best.provider_id]
    offer_to(ticket, provider, len(asked) + 1, why, context, policy, now, facts)


def offer_to(ticket: Ticket, provider: Provider, rank: int, why: dict[str, Any], context: PlanningContext,
             policy: Policy, now: Instant, facts: dict[str, Any], who: Actor = GATEWAY) -> None:
    """Asks one provider, with an expiry."""
    service = policy.service
    minutes = service.offer_minutes_critical if ticket.severity == Severity.CRITICAL else service.offer_minutes
    offer = Offer(id=policy.new_id("O"), ticket_id=ticket.id, provider_id=provider.id, round=ticket.round, rank=rank,
                  evidence=why, offered_at=now, expires_at=now + minutes * MINUTE)
    opening = link(policy, LinkPurpose.OFFER, offer, now, offer.expires_at)
    move(ticket, Action.OFFER, now)
    context.offers.setdefault(ticket.id, []).append(offer)  # the same batch may take it back
    context.offer_links[offer.id] = [opening]
    context.draft.add(
        offer, opening,
        entry(ticket, now, EntryKind.OFFERED, who=who, evidence=why, provider=provider.name),
        notify(policy, provider_of(provider.id), TopicName.OFFER, ticket, offer.id, now,
               link_id=opening.id, facts=facts | {"provider": provider.name, "expires_at": offer.expires_at}))


def withdraw_offers(ticket: Ticket, context: PlanningContext, policy: Policy, now: Instant,
                    facts: dict[str, Any]) -> None:
    """Withdraws the pending offer, if there is one, and tells its provider."""
    for offer in context.offers.get(ticket.id, []):
        if offer.state is OfferState.PENDING:
            end_offer(offer, OfferState.WITHDRAWN, now)
            context.draft.add(notify(policy, provider_of(offer.provider_id), TopicName.OFFER_WITHDRAWN, ticket,
                                     offer.id, now, facts=facts))


def ticket_facts(ticket: Ticket, cause: dict[str, str], device: Device) -> dict[str, Any]:
    """What a message about this ticket can say from the moment it is written."""
    return {"cause": cause, "severity": ticket.severity, "device": device.name}
