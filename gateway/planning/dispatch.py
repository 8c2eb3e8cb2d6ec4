"""Getting a local provider to take a ticket: one offer at a time, best first, with the reasons kept."""

from typing import Any

from gateway.model import DISPATCHER, MINUTE, Device, EntryKind, Instant, LinkPurpose, Offer, Provider, Ticket
from gateway.model import provider as provider_of
from gateway.notifications.topics import TopicName
from gateway.planning.plan import Change, Plan
from gateway.planning.rows import entry, link, tell
from gateway.planning.situation import Rules, Situation
from gateway.routing import Candidate, Job, rank_providers, to_json


def dispatch(ticket: Ticket, facts: Situation, rules: Rules, now: Instant, about: dict[str, Any]) -> Plan:
    """Offers the ticket to the best provider not yet asked this round; nobody left → the dispatcher is told
    (a lesser fault that only waits for a firm to open waits quietly).

    Moves `ticket` (state, next_at) in place; the caller writes it.
    """
    asked = {offer.provider_id: offer.state for offer in facts.offers.get(ticket.id, [])
             if offer.round == ticket.round and offer.state in ("declined", "lapsed")}
    job = Job(skill=ticket.skill, severity=ticket.severity, postcode=facts.site.postcode, lat=facts.site.lat,
              lon=facts.site.lon, area_ids=facts.area_ids)
    firms = facts.firms
    candidates = [Candidate(provider, firms.open_jobs.get(provider.id, 0), asked.get(provider.id))
                  for provider in firms.providers]
    ranking = rank_providers(job, candidates, now)
    why = to_json(ranking)
    if not ranking.eligible:
        ticket.state, ticket.next_at = "new", ranking.opens_at
        if ranking.opens_at is not None and ticket.severity not in ("major", "critical"):
            return Plan(add=[entry(ticket, now, EntryKind.WAITS_FOR_OPENING, why=why)])
        return Plan(add=[
            entry(ticket, now, EntryKind.NOBODY_LEFT, why=why),
            tell(rules, DISPATCHER, TopicName.NOBODY_LEFT, ticket, now, now,
                 about=about | {"refused": why.get("refused", [])}, critical=True),
        ])
    best = ranking.eligible[0]
    provider = next(p for p in firms.providers if p.id == best.provider_id)
    return offer_to(ticket, provider, len(asked) + 1, why, facts, rules, now, about)


def offer_to(ticket: Ticket, provider: Provider, rank: int, why: dict[str, Any], facts: Situation, rules: Rules,
             now: Instant, about: dict[str, Any], who: str = "gateway") -> Plan:
    """Asks one provider, with an expiry."""
    service = rules.service
    minutes = service.offer_minutes_critical if ticket.severity == "critical" else service.offer_minutes
    offer = Offer(id=rules.fresh("O"), ticket_id=ticket.id, provider_id=provider.id, round=ticket.round, rank=rank,
                  why=why, offered_at=now, expires_at=now + minutes * MINUTE)
    opening = link(rules, LinkPurpose.OFFER, offer, now, offer.expires_at)
    facts.offers.setdefault(ticket.id, []).append(offer)  # the same batch may take it back
    ticket.state, ticket.next_at = "offered", None
    facts.firms.open_jobs[provider.id] = facts.firms.open_jobs.get(provider.id, 0) + 1
    return Plan(add=[
        offer, opening,
        entry(ticket, now, EntryKind.OFFERED, who=who, why=why, provider=provider.name),
        tell(rules, provider_of(provider.id), TopicName.OFFER, ticket, offer.id, now, critical=True,
             link_id=opening.id, about=about | {"provider": provider.name, "expires_at": offer.expires_at}),
    ])


def take_back(ticket: Ticket, facts: Situation, rules: Rules, now: Instant, about: dict[str, Any]) -> Plan:
    """Withdraws the pending offer, if there is one, and tells its provider."""
    plan = Plan()
    for offer in facts.offers.get(ticket.id, []):
        if offer.state == "pending":
            offer.state = "withdrawn"
            plan.change.append(Change(Offer, offer.id, {"state": "withdrawn", "closed_at": now}, {"state": "pending"}))
            plan.add.append(tell(rules, provider_of(offer.provider_id), TopicName.OFFER_WITHDRAWN, ticket, offer.id,
                                 now, about=about, critical=True))
    return plan


def about_ticket(ticket: Ticket, cause: dict[str, str], device: Device) -> dict[str, Any]:
    """What a message about this ticket can say from the moment it is written."""
    return {"cause": cause, "severity": ticket.severity, "device": device.name}
