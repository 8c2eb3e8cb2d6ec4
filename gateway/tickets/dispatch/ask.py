"""Offers a job to providers, best first, with the reasons recorded."""

from typing import Any

from gateway.model import (
    GATEWAY,
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
    Severity,
)
from gateway.model import provider as provider_of
from gateway.notifications.topics import TopicName
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import advance, end_due, set_due
from gateway.tickets.dispatch.provider_ranking import Ranking, Task, to_json
from gateway.tickets.facts import job_facts
from gateway.tickets.lifecycle import UNDER_WAY, Action, end_offer
from gateway.tickets.new_rows import entry, link, notify
from gateway.tickets.on_call.pages import page_dispatcher

NOT_TAKEN = (OfferState.DECLINED, OfferState.LAPSED)
ASK_AGAIN_AFTER = 30 * MINUTE  # nobody is left, and no opening is known: whether that has changed


def dispatch(job: Job, work: SiteWork, policy: Policy, now: Instant, **more: Any) -> None:
    """Offers the job to the best provider not yet asked this round; nobody left → the dispatcher is told
    (a lesser fault that only waits for a firm to open waits quietly). `more`: facts for the messages."""
    asked = {offer.provider_id: offer.state for offer in work.offers.get(job.id, [])
             if offer.round == job.round and offer.state in NOT_TAKEN}
    coming = _comes_anyway(job, asked, work)
    if coming is not None:
        why = {"eligible": [{"provider_id": coming.provider_id, "rank": 1, "score": 1.0,
                             "reasons": ["comes to this site anyway"]}]}
        provider = work.provider_loads.directory[job.first_asked or ""]
        offer_to(job, provider, 1, why, work, policy, now, adds_to_visit=coming.visit_id, **more)
        return
    ranking = _rank(job, asked, work, now)
    if ranking.eligible:
        best = next((one for one in ranking.eligible if one.provider_id == job.first_asked), ranking.eligible[0])
        provider = work.provider_loads.directory[best.provider_id]
        offer_to(job, provider, len(asked) + 1, to_json(ranking), work, policy, now, **more)
    else:
        _wait(job, ranking, work, policy, now, **more)


def offer_to(job: Job, provider: Provider, rank: int, why: dict[str, Any], work: SiteWork, policy: Policy,
             now: Instant, who: Actor = GATEWAY, adds_to_visit: str | None = None, **more: Any) -> None:
    """Asks one provider, with an expiry."""
    service, ticket = policy.service, work.named_ticket(job)
    critical = work.severity_of(job) == Severity.CRITICAL
    minutes = service.offer_minutes_critical if critical else service.offer_minutes
    advance(job, Action.OFFER, work, now)
    job.wave += 1
    offer = Offer(id=policy.new_id("O"), job_id=job.id, ticket_id=ticket.id, provider_id=provider.id, round=job.round,
                  wave=job.wave, rank=rank, adds_to_visit=adds_to_visit, evidence=why, offered_at=now,
                  expires_at=now + minutes * MINUTE)
    opening = link(policy, LinkPurpose.OFFER, offer, now, offer.expires_at)
    work.offers.setdefault(job.id, []).append(offer)  # the same batch may take it back
    work.offer_links[offer.id] = [opening]
    set_due(offer, DueKind.OFFER_EXPIRES, offer.expires_at, Responsible.PROVIDER, work, policy)
    facts = job_facts(job, work, policy) | {"provider": provider.name, "expires_at": offer.expires_at} | more
    work.draft.add(
        offer, opening,
        *(entry(one, now, EntryKind.OFFERED, who=who, evidence=why, provider=provider.name)
          for one in work.tickets_of(job)),
        notify(policy, provider_of(provider.id), TopicName.OFFER, ticket, offer.id, now, link_id=opening.id,
               facts=facts))


def withdraw_offers(job: Job, work: SiteWork, policy: Policy, now: Instant) -> None:
    """Withdraws the pending offers, and tells their providers."""
    for offer in work.pending_offers(job):
        end_offer(offer, OfferState.WITHDRAWN, now)
        end_due(offer, work)
        work.draft.add(notify(policy, provider_of(offer.provider_id), TopicName.OFFER_WITHDRAWN,
                              work.tickets[offer.ticket_id], offer.id, now, facts=job_facts(job, work, policy)))


def _wait(job: Job, ranking: Ranking, work: SiteWork, policy: Policy, now: Instant, **more: Any) -> None:
    """Nobody can be asked now: it waits until a provider opens, and a person hears of it."""
    why, severity = to_json(ranking), work.severity_of(job)
    waited = (DueKind.ASK_AGAIN, job.id) in work.due and work.due[DueKind.ASK_AGAIN, job.id].at is not None
    advance(job, Action.WAIT, work, now)
    again = ranking.opens_at if ranking.opens_at is not None else now + ASK_AGAIN_AFTER
    set_due(job, DueKind.ASK_AGAIN, again, Responsible.DISPATCHER, work, policy)
    if waited and ranking.opens_at is None:  # it has been told already, and nothing has changed
        return
    if ranking.opens_at is not None and severity not in (Severity.MAJOR, Severity.CRITICAL):
        work.draft.add(*(entry(one, now, EntryKind.WAITS_FOR_OPENING, evidence=why) for one in work.tickets_of(job)))
        return
    facts = job_facts(job, work, policy) | {"refused": why.get("refused", [])} | more
    work.draft.add(*(entry(one, now, EntryKind.NOBODY_LEFT, evidence=why) for one in work.tickets_of(job)))
    page_dispatcher(work.draft, policy, work.named_ticket(job), PageReason.NOBODY_LEFT, now, facts=facts)


def _rank(job: Job, asked: dict[str, OfferState], work: SiteWork, now: Instant) -> Ranking:
    task, loads = Task(frozenset(job.skills), work.severity_of(job), work.place), work.provider_loads
    return loads.directory.rank(task, loads.now(work.draft), loads.records, asked, now)


def _comes_anyway(job: Job, asked: dict[str, OfferState], work: SiteWork) -> Job | None:
    """The job that brings the provider which is asked first to this site anyway, if it can do this one too."""
    if job.first_asked is None or job.first_asked in asked:
        return None
    able = work.provider_loads.directory.can(job.first_asked, job.skills)
    return next((one for one in work.jobs.values() if able and one is not job and one.state in UNDER_WAY
                 and one.provider_id == job.first_asked), None)
