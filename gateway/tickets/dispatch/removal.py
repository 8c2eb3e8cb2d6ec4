"""Plans what becomes of the offers and visits of a provider that works with us no longer."""

from collections.abc import Iterable, Iterator

from gateway.model import Actor, DueKind, Instant, TicketState, Visit, VisitState
from gateway.notifications.topics import TopicName
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import end_due
from gateway.tickets.dispatch.ask import dispatch, withdraw
from gateway.tickets.lifecycle import VISIT_AHEAD
from gateway.tickets.visits.changes import hand_back


def removal_errors(provider_id: str, sites: Iterable[SiteWork], hand_over: bool) -> list[str]:
    """Why the provider cannot be removed now: its open visits, which `hand_over` gives to others; who is at work in
    somebody's home is left to finish."""
    visits = [(visit, work) for work in sites for visit in _open_visits(provider_id, work)]
    at_work = [_line(visit, work) for visit, work in visits if visit.state is VisitState.ON_SITE]
    coming = [_line(visit, work) for visit, work in visits if visit.state in VISIT_AHEAD]
    errors = [f"{one} — expected it to be finished first" for one in at_work]
    if coming and not hand_over:
        errors += [f"{one} — expected --hand-over, which asks others and tells the customers" for one in coming]
    return errors


def plan_removal(provider_id: str, sites: Iterable[SiteWork], policy: Policy, who: Actor, now: Instant
                 ) -> tuple[int, int]:
    """Takes its offers back and gives its visits to others; how many of each. The provider must be removed already, or
    it would be asked again."""
    offers = visits = 0
    for work in sites:
        for visit in _open_visits(provider_id, work):
            if visit.state in VISIT_AHEAD:
                visits += 1
                hand_back(visit, "", work, policy, who, now)
                dispatch(work.jobs[visit.job_id], work, policy, now)
        for job in list(work.jobs.values()):
            mine = [offer for offer in work.pending_offers(job) if offer.provider_id == provider_id]
            for offer in mine:
                offers += 1
                withdraw(offer, work, policy, now, TopicName.OFFER_WITHDRAWN)
            if mine and job.state is TicketState.OFFERED and not work.pending_offers(job):
                end_due(job, work, DueKind.NEXT_WAVE)
                dispatch(job, work, policy, now)
    return offers, visits


def _open_visits(provider_id: str, work: SiteWork) -> Iterator[Visit]:
    for visit in list(work.visits.values()):
        if visit.provider_id == provider_id and visit.done_at is None:
            yield visit


def _line(visit: Visit, work: SiteWork) -> str:
    return f"visit {visit.id} at {work.site.name} (ticket {visit.ticket_id}) is {visit.state.replace('_', ' ')}"
