"""Plans what a dispatcher does with a ticket by hand: asks again, gives it to a provider, puts it on hold."""

from gateway.model import (
    Actor,
    EntryKind,
    Instant,
    Job,
    Offer,
    Provider,
    Ticket,
    TicketState,
)
from gateway.model import provider as provider_of
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.actions import AcceptOffer, AssignTo, HoldTicket, OfferTo
from gateway.tickets.closing import call_off_visit
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import hold
from gateway.tickets.dispatch.answers import plan_accept, plan_offer_to
from gateway.tickets.dispatch.ask import dispatch, withdraw_offers
from gateway.tickets.dispatch.price_question import held_job
from gateway.tickets.facts import job_facts
from gateway.tickets.lifecycle import BEFORE_ARRIVAL, NOBODY_COMES, UNASSIGNED
from gateway.tickets.new_rows import entry, notify
from gateway.tickets.visits.changes import hand_back_missed
from gateway.tickets.visits.household import wake
from gateway.tickets.visits.messages import tell_customer


def plan_ask_again(ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """Providers are ranked anew now, and asked, also those that had declined; what was on hold goes on; who was to come
    and did not is no longer waited for. Raises Refused when somebody is being asked, or comes, or the customer has to
    agree first."""
    hand_back_missed(ticket, work, policy, who, now)
    jobs = [job for job in _jobs(ticket, work, frozenset((TicketState.NEW, TicketState.ON_HOLD)))
            if job is not held_job(ticket, work)]
    if not jobs:
        raise Refused(RefusedReason.NOT_OFFERED_NOW, id=ticket.id, state=ticket.state)
    work.draft.add(entry(ticket, now, EntryKind.ASKED_AGAIN, who=who))
    for job in jobs:
        if job.state is TicketState.ON_HOLD:
            wake(job, work, policy, now)
        else:
            job.round, job.wave = job.round + 1, 0
            dispatch(job, work, policy, now)


def plan_assign(act: AssignTo, provider: Provider, ticket: Ticket, work: SiteWork, policy: Policy, who: Actor,
                now: Instant) -> None:
    """The provider has said yes on the telephone: a visit as if it had accepted an offer, and the link to it. Raises
    Refused as an offer and an answer would."""
    if not any(offer.provider_id == provider.id for offer in _pending(ticket, work)):
        plan_offer_to(OfferTo(ticket.id, provider.id), provider, ticket, work, policy, who, now)
    offer = next(offer for offer in _pending(ticket, work) if offer.provider_id == provider.id)
    plan_accept(AcceptOffer(offer.id, act.technician, act.window_from, act.window_until), offer, provider, work, policy,
                who, now, invites=False)
    job = work.jobs[offer.job_id]
    visit = work.visit_of(job)
    if visit is not None:  # else it was added to a visit whose page they have
        work.draft.add(notify(policy, provider_of(provider.id), TopicName.JOB_TAKEN, work.named_ticket(job), visit.id,
                              now, facts=job_facts(job, work, policy) | {"provider": provider.name},
                              link_id=work.visit_links[visit.id][0].id))


def plan_hold(act: HoldTicket, ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """It waits until a date; offers are taken back, and who was to come, or drives, need not: they and the customer
    hear it at once. Raises Refused when somebody is there, or the date is past."""
    if act.until <= now:
        raise Refused(RefusedReason.BAD_HOLD_DATE)
    for job in _jobs(ticket, work, UNASSIGNED | BEFORE_ARRIVAL):
        visit = work.visit_of(job)
        if job.state in NOBODY_COMES:
            withdraw_offers(job, work, policy, now)
        elif visit is not None:
            tell_customer(TopicName.VISIT_CALLED_OFF, visit, work, policy, now, because="on_hold", hear_by=act.until)
            call_off_visit(job, work, policy, now, act.note.strip())
            job.first_asked = visit.provider_id
        hold(job, act.reason, act.until, who, work, policy, now)
    work.draft.add(entry(ticket, now, EntryKind.PUT_ON_HOLD, who=who, waits_for=act.reason, until=act.until,
                         note=act.note.strip()))


def _pending(ticket: Ticket, work: SiteWork) -> list[Offer]:
    return [offer for job in work.jobs_of(ticket) for offer in work.pending_offers(job)]


def _jobs(ticket: Ticket, work: SiteWork, states: frozenset[TicketState]) -> list[Job]:
    found = [job for job in work.jobs_of(ticket) if job.closed_at is None and job.state in states]
    if not found:
        raise Refused(RefusedReason.NOT_OFFERED_NOW, id=ticket.id, state=ticket.state)
    return found
