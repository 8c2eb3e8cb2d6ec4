"""Who is told about a visit, and what such a message can say: the household, whoever goes there, a dispatcher."""

from collections.abc import Collection
from typing import Any

from gateway.calendars.opening_hours import quiet_until
from gateway.model import (
    HOUR,
    Instant,
    Job,
    LinkPurpose,
    PageReason,
    Reason,
    Recipient,
    RecipientKind,
    Visit,
    customer,
    provider,
    round_up,
)
from gateway.notifications.topics import TopicName
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.facts import job_facts
from gateway.tickets.new_rows import notify
from gateway.tickets.on_call.pages import page_dispatcher
from gateway.tickets.visits.watch import STEP, hear_again_at


def visit_facts(visit: Visit, job: Job, work: SiteWork, policy: Policy) -> dict[str, Any]:
    """What a message about this visit can say, also when it is no longer the job's current one."""
    return job_facts(job, work, policy) | {
        "visit_id": visit.id, "technician": visit.technician, "provider": work.provider_name(visit.provider_id),
        "window_from": visit.window_from, "window_until": visit.window_until, "eta": visit.eta}


def tell_customer(topic: TopicName, visit: Visit, work: SiteWork, policy: Policy, now: Instant, **facts: Any) -> None:
    """The household hears of its visit, under the number of the job's first ticket."""
    job = work.jobs[visit.job_id]
    ticket = work.named_ticket(job)
    work.draft.add(notify(policy, customer(ticket.customer_id), topic, ticket, new_occurrence(policy), now,
                          facts=visit_facts(visit, job, work, policy) | facts, link_id=work.follow_id(ticket.id)))


def tell_who_goes(topic: TopicName, visit: Visit, work: SiteWork, policy: Policy, now: Instant, **facts: Any) -> None:
    """Whoever has accepted hears of it: the technician, where their own contacts are known, else the firm."""
    tell(who_goes(visit, work), topic, visit, work, policy, now, **facts)


def tell(whom: Recipient, topic: TopicName, visit: Visit, work: SiteWork, policy: Policy, now: Instant, **facts: Any
         ) -> None:
    """Somebody of the firm hears of a visit, with the link to its page."""
    job = work.jobs[visit.job_id]
    opening = next((one for one in work.visit_links.get(visit.id, []) if one.purpose is LinkPurpose.VISIT), None)
    work.draft.add(notify(policy, whom, topic, work.named_ticket(job), new_occurrence(policy), now,
                          facts=visit_facts(visit, job, work, policy) | facts,
                          link_id=None if opening is None else opening.id))


def send_invites(visit: Visit, work: SiteWork, policy: Policy, now: Instant, told: Collection[Recipient] = ()) -> None:
    """The visit as it stands now goes to the calendars of the firm and of whoever goes there; not to those who are
    `told` of the same change by a message that brings it along. Who wants none, or has no mail, gets none."""
    for whom in dict.fromkeys((provider(visit.provider_id), who_goes(visit, work))):
        if whom not in told:
            tell(whom, TopicName.VISIT_INVITE, visit, work, policy, now, visit_state=visit.state)


def tell_dispatcher(why: Reason, visit: Visit, work: SiteWork, policy: Policy, now: Instant, **facts: Any) -> None:
    """Whoever is on call has to see to this visit. `why`: one that is a PageReason too."""
    job = work.jobs[visit.job_id]
    page_dispatcher(work.draft, policy, work.named_ticket(job), PageReason(str(why.kind)), now,
                    facts=visit_facts(visit, job, work, policy) | facts | {"why": why.stored()})


def who_goes(visit: Visit, work: SiteWork) -> Recipient:
    """The technician, where their own contacts are known, else the firm."""
    technician = work.technicians.get((visit.provider_id, visit.technician))
    return provider(visit.provider_id) if technician is None else Recipient(RecipientKind.TECHNICIAN, technician)


def hear_by(visit: Visit, work: SiteWork, now: Instant) -> Instant:
    """By when the household hears again that waits for this visit and knows no time. Somebody who has heard already
    that we know nothing is not woken to hear it again."""
    at, reader = hear_again_at(now, max(0, visit.asks - 1)), work.customer
    night = quiet_until(reader.quiet_from, reader.quiet_until, reader.timezone, at) if visit.asks > 1 else None
    return at if night is None else round_up(night + HOUR, STEP)


def new_occurrence(policy: Policy) -> str:
    """It is said once for each thing that happens; the same may happen again."""
    return policy.new_id("W")
