"""Jobs: which trip settles which ticket, and what becomes of a job when a ticket no longer needs it."""

from collections.abc import Iterable

from gateway.model import Instant, Job, JobTicket, Ticket
from gateway.model.row import unwatched
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.lifecycle import NOBODY_COMES, UNDER_WAY, UNSETTLED, follow_jobs


def job_for(ticket: Ticket, skill: str, work: SiteWork, policy: Policy, now: Instant) -> Job:
    """The job that shall settle a fault of the ticket: one of the site that one provider can take as a whole, so that
    nobody comes twice; else a new one, offered first to whoever comes to the site anyway. `skill`: "" = any."""
    needed = [skill] if skill else []
    mine = [job for job in work.jobs_of(ticket) if job.state in UNSETTLED]
    for job in mine:
        if set(needed) <= set(job.skills):
            return job
    if ticket.outage_id is None:
        others = [job for job in work.jobs.values() if job not in mine and not _of_outage(job, work)]
        for job in [*mine, *others]:
            if can_grow(job, ticket, needed, work):
                add_to(job, ticket, needed, work)
                return job
    job = unwatched(Job, id=policy.new_id("J"), site_id=work.site.id, skills=needed, opened_at=now,
                    first_asked=_preferred_provider(ticket, needed, work))
    work.jobs[job.id] = job
    work.draft.add(job)
    add_to(job, ticket, [], work)
    return job


def jobs_for(ticket: Ticket, skills: Iterable[str], work: SiteWork, policy: Policy, now: Instant) -> list[Job]:
    """The jobs that shall settle faults of the ticket which need these skills, each once; none of them: anybody can."""
    jobs = [job_for(ticket, skill, work, policy, now) for skill in [*skills] or [""]]
    return list({job.id: job for job in jobs}.values())


def add_to(job: Job, ticket: Ticket, skills: Iterable[str], work: SiteWork) -> None:
    """From now on the job is to settle that ticket too, and needs these skills too."""
    missing = [skill for skill in skills if skill not in job.skills]
    if missing:
        job.skills = [*job.skills, *missing]
    if not any(one.job_id == job.id and one.ticket_id == ticket.id for one in work.job_tickets):
        row = JobTicket(job_id=job.id, ticket_id=ticket.id)
        work.job_tickets.append(row)
        work.draft.add(row)
    follow_jobs(ticket, work.jobs_of(ticket))


def needed_by_others(job: Job, ticket: Ticket, work: SiteWork, *also: Ticket) -> bool:
    """Whether any but the ticket, and those in `also`, still needs the job."""
    mine = {one.id for one in (ticket, *also)}
    return any(one.id not in mine and one.state in UNSETTLED for one in work.tickets_of(job))


def can_grow(job: Job, ticket: Ticket, needed: list[str], work: SiteWork) -> bool:
    """Whether the same provider can settle this too. One that has accepted is asked first, unless it is the same
    ticket."""
    if job.state in NOBODY_COMES:
        skills = {*job.skills, *needed}
        asked = [offer.provider_id for offer in work.pending_offers(job)]
        directory = work.provider_loads.directory
        there = directory.covering(work.place) if needed else directory
        able = (provider_id in there and directory.can(provider_id, skills) for provider_id in asked or there)
        return all(able) if asked else any(able)
    if job.state in UNDER_WAY and any(one is ticket for one in work.tickets_of(job)):
        return _has(job.provider_id, needed, work)
    return False


def _preferred_provider(ticket: Ticket, needed: list[str], work: SiteWork) -> str | None:
    """The provider that comes to the site anyway; else the one that came for the ticket before."""
    coming = [job.provider_id for job in work.jobs.values()
              if job.state in UNDER_WAY and not _of_outage(job, work) and _has(job.provider_id, needed, work)]
    before = [visit.provider_id for visit in work.visits.values() if visit.done_at is not None
              and any(visit.job_id == job.id for job in work.jobs_of(ticket)) and _has(visit.provider_id, needed, work)]
    return next(iter([*coming, *before[::-1]]), None)


def _has(provider_id: str | None, needed: list[str], work: SiteWork) -> bool:
    return provider_id is not None and work.provider_loads.directory.can(provider_id, needed)


def _of_outage(job: Job, work: SiteWork) -> bool:
    return any(ticket.outage_id is not None for ticket in work.tickets_of(job))
