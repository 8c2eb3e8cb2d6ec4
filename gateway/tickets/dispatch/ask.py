"""Offers a job to providers in waves, the best first, with the reasons recorded."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from gateway.model import (
    GATEWAY,
    HOUR,
    MINUTE,
    Actor,
    DueKind,
    EntryKind,
    Instant,
    Job,
    LinkPurpose,
    Offer,
    OfferState,
    PageReason,
    Provider,
    Responsible,
    TicketState,
)
from gateway.model import provider as provider_of
from gateway.model.row import unwatched
from gateway.notifications.topics import TopicName
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import advance, end_due, set_due
from gateway.tickets.dispatch.provider_ranking import Ranked, Ranking, Task, ranked_json, to_json
from gateway.tickets.dispatch.waves import next_wave
from gateway.tickets.facts import job_facts
from gateway.tickets.households.needs import is_urgent, why_urgent
from gateway.tickets.lifecycle import UNDER_WAY, Action, end_offer
from gateway.tickets.new_rows import add_entries, link, notify
from gateway.tickets.on_call.pages import page_dispatcher

_ASKED_FOR = {  # how long an answer keeps a provider from being asked about the same job again
    OfferState.PENDING: None, OfferState.DECLINED: 24 * HOUR, OfferState.LAPSED: 4 * HOUR}
ASK_AGAIN_AFTER = 30 * MINUTE  # nobody is left, and no opening is known: whether that has changed


def dispatch(job: Job, work: SiteWork, policy: Policy, now: Instant, *, due: bool = False, **more: Any) -> None:
    """Asks the next wave of providers when it is time for it: nobody is asked, all of the newest wave have declined, or
    (`due`) their wait has passed. Nobody left → a person is told (a lesser fault that only waits for a firm to open
    waits quietly). `more`: facts for the messages."""
    if job.state is TicketState.NEW:  # nobody is asked any more: somebody may be there by now, so the waves begin anew
        job.wave = 0
    offers = [offer for offer in work.offers.get(job.id, []) if offer.round == job.round]
    asked = {offer.provider_id: offer.state for offer in offers if _counts(offer, now)}
    asked |= {visit.provider_id: OfferState.DECLINED for visit in work.visits.values()
              if visit.job_id == job.id and visit.handed_back_at is not None}
    coming = _comes_anyway(job, asked, work)
    ranking = _rank(job, asked, work, now)
    if coming is not None:  # whatever else speaks against it: it is there
        ranking = replace(ranking, eligible=(
            Ranked(job.first_asked or "", 1, 1.0, ("comes to this site anyway",)),
            *(one for one in ranking.eligible if one.provider_id != job.first_asked)))
    directory, urgent = work.provider_loads.directory, is_urgent(job, work)
    wave = next_wave(ranking, offers, job.wave, policy.service.offers.of(urgent=urgent), urgent, directory.calendar,
                     job.first_asked, due, now)
    if wave.nobody_left:
        _wait(job, ranking, work, policy, now, **more)
    elif wave.ask:
        job.wave = wave.number
        whole = to_json(ranking) | why_urgent(job, work)
        for number, (one, expires_at) in enumerate(wave.ask):
            why = whole if not number else {"eligible": [ranked_json(one)], "of": len(ranking.eligible)} | why_urgent(
                job, work)
            adds_to = coming.visit_id if coming is not None and one.provider_id == job.first_asked else None
            offer_to(job, directory[one.provider_id], one.rank, expires_at, why, work, policy, now,
                     adds_to_visit=adds_to, **more)
        if wave.next_at is not None:
            set_due(job, DueKind.NEXT_WAVE, wave.next_at, Responsible.PROVIDER, work, policy)
        else:
            end_due(job, work, DueKind.NEXT_WAVE)


def dispatch_new(jobs: Iterable[Job], work: SiteWork, policy: Policy, now: Instant, **more: Any) -> None:
    """Asks for those of these jobs that nobody is asked for yet."""
    for job in jobs:
        if job.state is TicketState.NEW:
            dispatch(job, work, policy, now, **more)


def offer_to(job: Job, provider: Provider, rank: int, expires_at: Instant, why: dict[str, Any], work: SiteWork,
             policy: Policy, now: Instant, who: Actor = GATEWAY, adds_to_visit: str | None = None, **more: Any) -> None:
    """Asks one provider, as part of the job's newest wave."""
    ticket = work.named_ticket(job)
    advance(job, Action.OFFER, work, now)
    offer = unwatched(
        Offer, id=policy.new_id("O"), job_id=job.id, ticket_id=ticket.id, provider_id=provider.id, round=job.round,
        wave=job.wave, rank=rank, adds_to_visit=adds_to_visit, evidence=why, offered_at=now, expires_at=expires_at)
    opening = link(policy, LinkPurpose.OFFER, offer, now, offer.expires_at)
    work.offers.setdefault(job.id, []).append(offer)  # the same batch may take it back
    work.offer_links[offer.id] = [opening]
    set_due(offer, DueKind.OFFER_EXPIRES, offer.expires_at, Responsible.PROVIDER, work, policy)
    facts = job_facts(job, work, policy) | {"provider": provider.name, "expires_at": offer.expires_at} | more
    if why_urgent(job, work):
        facts |= {"urgent": True}
    work.draft.add(
        offer, opening,
        notify(policy, provider_of(provider.id), TopicName.OFFER, ticket, offer.id, now, link_id=opening.id,
               facts=facts))
    add_entries(job, work, now, EntryKind.OFFERED, who=who, evidence=why, provider=provider.name)


def close_offer(offer: Offer, answer: OfferState, work: SiteWork, now: Instant) -> None:
    """It is answered, or nobody waits for an answer any more. Raises Refused."""
    end_offer(offer, answer, now)
    end_due(offer, work)


def withdraw_offers(job: Job, work: SiteWork, policy: Policy, now: Instant, *, taken: bool = False) -> None:
    """Withdraws the pending offers, and tells their providers; `taken`: that another one was faster."""
    for offer in work.pending_offers(job):
        withdraw(offer, work, policy, now, TopicName.OFFER_TAKEN if taken else TopicName.OFFER_WITHDRAWN)
    end_due(job, work, DueKind.NEXT_WAVE)


def withdraw(offer: Offer, work: SiteWork, policy: Policy, now: Instant, topic: TopicName) -> None:
    """Withdraws a pending offer, and tells its provider."""
    close_offer(offer, OfferState.WITHDRAWN, work, now)
    work.draft.add(notify(policy, provider_of(offer.provider_id), topic, work.subject_of_messages(offer), offer.id, now,
                          facts=job_facts(work.jobs[offer.job_id], work, policy)))


def shorten_offers(job: Job, work: SiteWork, policy: Policy, now: Instant) -> None:
    """It has become urgent: open offers end, and the next wave comes, as soon as those of urgent work do."""
    rules = policy.service.offers.urgent
    pending = work.pending_offers(job)
    for offer in pending:
        offer.expires_at = min(offer.expires_at, now + rules.waves * rules.wait_minutes * MINUTE)
        set_due(offer, DueKind.OFFER_EXPIRES, offer.expires_at, Responsible.PROVIDER, work, policy)
    if pending and job.wave < rules.waves:
        known = work.due.get((DueKind.NEXT_WAVE, job.id))
        soon = now + rules.wait_minutes * MINUTE
        sooner = soon if known is None or known.at is None else min(soon, known.at)
        set_due(job, DueKind.NEXT_WAVE, sooner, Responsible.PROVIDER, work, policy)


def _wait(job: Job, ranking: Ranking, work: SiteWork, policy: Policy, now: Instant, **more: Any) -> None:
    """Nobody can be asked now: it waits until a provider opens, and a person hears of it, once while it waits."""
    why, known = to_json(ranking), work.due.get((DueKind.ASK_AGAIN, job.id))
    waits = known is not None and known.at is not None
    told = waits and known is not None and known.responsible is Responsible.DISPATCHER
    quietly = ranking.opens_at is not None and not is_urgent(job, work) and not told
    advance(job, Action.WAIT, work, now)
    again = ranking.opens_at if ranking.opens_at is not None else now + ASK_AGAIN_AFTER
    set_due(job, DueKind.ASK_AGAIN, again, Responsible.GATEWAY if quietly else Responsible.DISPATCHER, work, policy)
    if quietly:
        if not waits:
            add_entries(job, work, now, EntryKind.WAITS_FOR_OPENING, evidence=why)
        return
    if not told:
        add_entries(job, work, now, EntryKind.NOBODY_LEFT, evidence=why)
    facts = job_facts(job, work, policy) | {"refused": why.get("refused", [])} | more
    # each time, for the ticket whose page it was may have been called off; while the page is open nothing follows
    page_dispatcher(work.draft, policy, work.named_ticket(job), PageReason.NOBODY_LEFT, now, facts=facts)


def _rank(job: Job, asked: dict[str, OfferState], work: SiteWork, now: Instant) -> Ranking:
    loads = work.provider_loads
    task = Task(frozenset(job.skills), work.severity_of(job), work.place, is_urgent(job, work))
    return loads.directory.rank(task, loads.now(work.draft), loads.records, asked, now)


def _counts(offer: Offer, now: Instant) -> bool:
    """Whether an earlier offer of this round is a reason not to ask the same provider."""
    if offer.state not in _ASKED_FOR:
        return False
    lasts = _ASKED_FOR[offer.state]
    return lasts is None or offer.closed_at is None or now < offer.closed_at + lasts


def _comes_anyway(job: Job, asked: dict[str, OfferState], work: SiteWork) -> Job | None:
    """The job that brings the provider which is asked first to this site anyway, if it can do this one too."""
    if job.first_asked is None or job.first_asked in asked:
        return None
    able = work.provider_loads.directory.can(job.first_asked, job.skills)
    return next((one for one in work.jobs.values() if able and one is not job and one.state in UNDER_WAY
                 and one.provider_id == job.first_asked), None)
