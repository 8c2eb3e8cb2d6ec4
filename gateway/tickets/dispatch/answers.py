"""Plans a provider's answer to an offer, and what follows when an offer expires."""

from gateway.calendars.arrival_windows import Window, is_far
from gateway.callbacks.numbers.visit_calls import call_pin
from gateway.model import (
    HOUR,
    Actor,
    EntryKind,
    Instant,
    Job,
    LinkPurpose,
    Notification,
    Offer,
    OfferState,
    Provider,
    Ticket,
    TicketState,
    Visit,
    customer,
)
from gateway.model import provider as provider_of
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.actions import AcceptOffer, DeclineOffer, OfferTo
from gateway.tickets.closing import PAGE_AFTER_WINDOW
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import advance
from gateway.tickets.dispatch.ask import close_offer, dispatch, offer_to, withdraw_offers
from gateway.tickets.dispatch.waves import offer_expiry
from gateway.tickets.dispatch.working_times import opening_calendar
from gateway.tickets.facts import job_facts
from gateway.tickets.households.needs import is_urgent
from gateway.tickets.jobs import add_to
from gateway.tickets.lifecycle import NOBODY_COMES, UNDER_WAY, Action
from gateway.tickets.new_rows import add_entries, entry, link, notify, show_time
from gateway.tickets.promises.promised_times import arrival_window
from gateway.tickets.visits.changes import hand_back_missed
from gateway.tickets.visits.doorstep import doorstep_words
from gateway.tickets.visits.messages import send_invites
from gateway.tickets.visits.overdue import watch_arrival

_REFUSALS = {
    OfferState.ACCEPTED: RefusedReason.OFFER_ACCEPTED,
    OfferState.DECLINED: RefusedReason.OFFER_DECLINED,
    OfferState.LAPSED: RefusedReason.OFFER_LAPSED,
    OfferState.WITHDRAWN: RefusedReason.OFFER_TAKEN_BACK,
}


def plan_accept(act: AcceptOffer, offer: Offer, provider: Provider, work: SiteWork, policy: Policy, who: Actor,
                now: Instant, invites: bool = True) -> None:
    """The provider takes it: a visit with an arrival window, the customer told who comes and when. What was offered as
    an addition to a visit joins that visit. `invites`: False when another message takes it to their calendar."""
    _still_pending(offer, work, now)
    job = work.jobs[offer.job_id]
    other = next((one for one in work.jobs.values() if offer.adds_to_visit is not None and one is not job
                  and one.visit_id == offer.adds_to_visit and one.state in UNDER_WAY), None)
    if other is not None:
        _accept(offer, work, policy, now)
        _add_to_visit(job, other, provider, work, policy, who, now)
    else:
        window = _arrival_window(act, policy, now)
        _accept(offer, work, policy, now)
        visit = _add_visit(act, offer, window, provider, work, policy, who, now)
        send_invites(visit, work, policy, now, () if invites else (provider_of(provider.id),))


def _accept(offer: Offer, work: SiteWork, policy: Policy, now: Instant) -> None:
    close_offer(offer, OfferState.ACCEPTED, work, now)
    withdraw_offers(work.jobs[offer.job_id], work, policy, now, taken=True)


def _arrival_window(act: AcceptOffer, policy: Policy, now: Instant) -> Window:
    """The window that they have named, else the next hours. Raises Refused."""
    begins = act.window_from if act.window_from is not None else now
    ends = act.window_until if act.window_until is not None else begins + policy.service.arrival_hours * HOUR
    if ends <= max(begins, now):
        raise Refused(RefusedReason.BAD_ARRIVAL_WINDOW)
    if is_far(begins, now) and not act.confirmed:
        raise Refused(RefusedReason.WINDOW_FAR_AWAY)
    return begins, ends


def _add_visit(act: AcceptOffer, offer: Offer, window: Window, provider: Provider, work: SiteWork, policy: Policy,
               who: Actor, now: Instant) -> Visit:
    job, (window_from, window_until) = work.jobs[offer.job_id], window
    ticket = work.named_ticket(job)
    visit = Visit(id=policy.new_id("V"), job_id=job.id, ticket_id=ticket.id, provider_id=provider.id,
                  offer_id=offer.id, technician=act.technician.strip(), window_from=window_from,
                  window_until=window_until, created_at=now, call_pin=call_pin(policy.new_id("P")),
                  doorstep=doorstep_words(policy.new_id("W"), work.customer.locale))
    job.provider_id, job.visit_id = provider.id, visit.id
    advance(job, Action.ACCEPT, work, now)
    work.visits[visit.id] = visit
    watch_arrival(visit, work, policy, now)
    opening = link(policy, LinkPurpose.VISIT, visit, now, window_until + PAGE_AFTER_WINDOW)
    for one in work.offer_links.get(offer.id, []):  # it lives as long as the visit: its page leads on to the visit
        one.expires_at = opening.expires_at
    work.visit_links[visit.id] = [opening, *work.offer_links.get(offer.id, [])]
    show_time(arrival_window(visit, work.customer.id, work.site.id), work, policy, now)
    work.draft.add(visit, opening, _assigned(ticket, visit, provider, job, work, policy, now))
    add_entries(job, work, now, EntryKind.ACCEPTED, who=who, provider=provider.name, window_from=window_from,
                window_until=window_until)
    return visit


def _add_to_visit(job: Job, other: Job, provider: Provider, work: SiteWork, policy: Policy, who: Actor, now: Instant
                  ) -> None:
    """The technician who comes there anyway sees to this too: its tickets go over to the other job."""
    moved = work.tickets_of(job)
    settled_anyway = {ticket.id for ticket in work.tickets_of(other)}
    visit = work.visits[other.visit_id or ""]
    for ticket in moved:
        add_to(other, ticket, job.skills, work)
    advance(job, Action.CANCEL, work, now)
    for ticket in moved:
        work.draft.add(entry(ticket, now, EntryKind.ADDED_TO_VISIT, who=who, provider=provider.name,
                             window_from=visit.window_from, window_until=visit.window_until))
        if ticket.id not in settled_anyway:  # else its household knows who comes, and when
            work.draft.add(_assigned(ticket, visit, provider, other, work, policy, now, f"{visit.id}/{job.id}"))


def _assigned(ticket: Ticket, visit: Visit, provider: Provider, job: Job, work: SiteWork, policy: Policy, now: Instant,
              occurrence: str = "") -> Notification:
    """`occurrence`: where a ticket may have been told of that visit before, and then not have been its matter."""
    facts = job_facts(job, work, policy) | {"provider": provider.name, "visit_id": visit.id}
    return notify(policy, customer(ticket.customer_id), TopicName.TECHNICIAN_ASSIGNED, ticket, occurrence or visit.id,
                  now, facts=facts, link_id=work.follow_id(ticket.id))


def plan_decline(act: DeclineOffer, offer: Offer, provider: Provider, work: SiteWork, policy: Policy, who: Actor,
                 now: Instant) -> None:
    """When all who were asked together have declined, the next are asked at once."""
    _still_pending(offer, work, now)
    job = work.jobs[offer.job_id]
    reason = act.why.strip()
    offer.answer = reason or None
    add_entries(job, work, now, EntryKind.DECLINED, who=who, provider=provider.name, reason=reason)
    _pass_on(offer, OfferState.DECLINED, job, work, policy, now)


def plan_offer_expired(offer: Offer, provider: str, work: SiteWork, policy: Policy, now: Instant) -> None:
    """It has not answered in time; when nobody else can, a person is told. `provider`: its name."""
    job = work.jobs[offer.job_id]
    add_entries(job, work, now, EntryKind.LAPSED, provider=provider)
    _pass_on(offer, OfferState.LAPSED, job, work, policy, now)


def plan_offer_to(act: OfferTo, provider: Provider, ticket: Ticket, work: SiteWork, policy: Policy, who: Actor,
                  now: Instant) -> None:
    """A dispatcher asks one provider out of turn; a pending offer elsewhere is taken back."""
    if provider.removed_at is not None:
        raise Refused(RefusedReason.PROVIDER_REMOVED, provider=provider.name)
    missed = hand_back_missed(ticket, work, policy, who, now, provider.id)
    waiting = [one for one in work.jobs_of(ticket) if one.state in NOBODY_COMES]
    if not waiting:
        raise Refused(RefusedReason.NOT_OFFERED_NOW, id=ticket.id, state=ticket.state)
    job = max(waiting, key=lambda one: (set(one.skills) <= set(provider.skills), one in missed))
    if any(offer.provider_id == provider.id for offer in work.pending_offers(job)):
        raise Refused(RefusedReason.BEING_ASKED, provider=provider.name)
    withdraw_offers(job, work, policy, now)
    urgent = is_urgent(job, work)
    expires_at = offer_expiry(policy.service.offers.of(urgent=urgent), urgent, opening_calendar(provider), now)
    offer_to(job, provider, 0, expires_at, {"by": str(who)}, work, policy, now, who=who)
    for one in missed:
        if one is not job:
            dispatch(one, work, policy, now)


def _pass_on(offer: Offer, answer: OfferState, job: Job, work: SiteWork, policy: Policy, now: Instant) -> None:
    close_offer(offer, answer, work, now)
    if job.state is TicketState.OFFERED:  # else nobody needs to come any more
        dispatch(job, work, policy, now)


def _still_pending(offer: Offer, work: SiteWork, now: Instant) -> None:
    job = work.jobs.get(offer.job_id)  # None: all that it was to settle is over
    if offer.state is OfferState.WITHDRAWN and job is not None and job.provider_id not in (None, offer.provider_id):
        raise Refused(RefusedReason.ANOTHER_WAS_FASTER)
    if offer.state is not OfferState.PENDING:
        raise Refused(_REFUSALS[offer.state])
    if offer.expires_at <= now:
        raise Refused(_REFUSALS[OfferState.LAPSED])
