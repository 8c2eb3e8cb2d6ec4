"""What a provider answers to an offer, and what follows when it does not answer."""

from gateway.model import (
    HOUR,
    Entry,
    EntryKind,
    Instant,
    Link,
    LinkPurpose,
    Offer,
    Promise,
    Provider,
    Ticket,
    Visit,
    customer,
    local,
)
from gateway.notifications.topics import TopicName
from gateway.planning.acts import AcceptOffer, DeclineOffer, OfferTo, Refused
from gateway.planning.alarms import write
from gateway.planning.dispatch import dispatch, offer_to, take_back
from gateway.planning.plan import Change, Plan
from gateway.planning.rows import entry, link, tell
from gateway.planning.situation import Rules, Situation
from gateway.planning.tickets import about_now

_GONE = {
    "accepted": "This job has already been accepted.",
    "declined": "You declined this job; it has been offered to somebody else.",
    "lapsed": "The time to answer is over; the job has been offered to somebody else.",
    "withdrawn": "This job is no longer needed or has been given to somebody else.",
}


def plan_accept(act: AcceptOffer, offer: Offer, provider: Provider, ticket: Ticket, facts: Situation, rules: Rules,
                who: str, now: Instant) -> Plan:
    """The provider takes it: a visit with an arrival window, the customer told who comes and when."""
    _still_pending(offer, now)
    window_from = act.window_from if act.window_from is not None else now
    window_until = act.window_until if act.window_until is not None else (
        window_from + rules.service.arrival_hours * HOUR)
    if window_until <= max(window_from, now):
        raise Refused("The arrival window must end after it begins, and in the future.")
    before = ticket.state
    visit = Visit(id=rules.fresh("V"), ticket_id=ticket.id, provider_id=provider.id, technician=act.technician.strip(),
                  window_from=window_from, window_until=window_until, created_at=now)
    ticket.state, ticket.provider_id, ticket.visit_id, ticket.next_at = "assigned", provider.id, visit.id, None
    facts.visits[ticket.id] = visit
    opening = link(rules, LinkPurpose.VISIT, visit, now, window_until + 72 * HOUR)
    begin, end = (local(at, facts.site.timezone) for at in (window_from, window_until))
    return Plan(
        add=[
            visit, opening,
            Promise(id=rules.fresh("P"), subject_id=ticket.id, kind="arrival_window", made_at=now,
                    due_at=window_until),
            entry(ticket, now, EntryKind.ACCEPTED, who=who, provider=provider.name, window_from=window_from,
                  window_until=window_until,
                  text=f"{provider.name} accepted; arrival {begin:%d %b %H:%M} to {end:%H:%M}"),
            tell(rules, customer(ticket.customer_id), TopicName.TECHNICIAN_ASSIGNED, ticket, visit.id, now,
                 about=about_now(ticket, facts) | {"provider": provider.name},
                 critical=ticket.severity == "critical", link_id=facts.follow.get(ticket.id)),
        ],
        change=[
            Change(Offer, offer.id, {"state": "accepted", "closed_at": now}, {"state": "pending"}),
            *offer_links(facts, offer.id, opening.expires_at),
            write(ticket, before),
        ],
    )


def plan_decline(act: DeclineOffer, offer: Offer, provider: Provider, ticket: Ticket, facts: Situation, rules: Rules,
                 who: str, now: Instant) -> Plan:
    """The next one is asked at once."""
    _still_pending(offer, now)
    reason = act.why.strip()
    said = entry(ticket, now, EntryKind.DECLINED, who=who, provider=provider.name, reason=f": {reason}" * bool(reason))
    return _pass_on(offer, "declined", said, ticket, facts, rules, now, reason or None)


def plan_lapsed(offer: Offer, provider: Provider, ticket: Ticket, facts: Situation, rules: Rules, now: Instant) -> Plan:
    """Nobody answered in time: the next one is asked."""
    said = entry(ticket, now, EntryKind.LAPSED, provider=provider.name)
    return _pass_on(offer, "lapsed", said, ticket, facts, rules, now)


def plan_offer_to(act: OfferTo, provider: Provider, ticket: Ticket, facts: Situation, rules: Rules, who: str,
                  now: Instant) -> Plan:
    """A dispatcher asks one provider out of turn; a pending offer elsewhere is taken back."""
    if ticket.state not in ("new", "offered"):
        raise Refused(f"Ticket {ticket.id} is {ticket.state.replace('_', ' ')}: it cannot be offered now.")
    if any(o.state == "pending" and o.provider_id == provider.id for o in facts.offers.get(ticket.id, [])):
        raise Refused(f"{provider.name} is being asked already.")
    before, about = ticket.state, about_now(ticket, facts)
    plan = take_back(ticket, facts, rules, now, about)
    plan += offer_to(ticket, provider, 0, {"by": who}, facts, rules, now, about, who=who)
    plan.change.append(write(ticket, before))
    return plan


def offer_links(facts: Situation, offer_id: str, until: Instant) -> list[Change]:
    """The offer's own link lives as long as the visit that came of it: the page leads on to the visit."""
    return [Change(Link, link_id, {"expires_at": until}) for link_id in facts.offer_links.get(offer_id, [])]


def _pass_on(offer: Offer, state: str, said: Entry, ticket: Ticket, facts: Situation, rules: Rules,
             now: Instant, answer: str | None = None) -> Plan:
    before, offer.state = ticket.state, state
    plan = Plan(
        add=[said],
        change=[Change(Offer, offer.id, {"state": state, "closed_at": now, "answer": answer}, {"state": "pending"})],
    )
    for row in facts.offers.get(ticket.id, []):
        if row.id == offer.id:
            row.state = state
    if before == "offered":  # else nobody needs to come any more
        plan += dispatch(ticket, facts, rules, now, about_now(ticket, facts))
        plan.change.append(write(ticket, before))
    return plan


def _still_pending(offer: Offer, now: Instant) -> None:
    if offer.state != "pending":
        raise Refused(_GONE[offer.state])
    if offer.expires_at <= now:
        raise Refused(_GONE["lapsed"])
