"""Deadlines of tickets, jobs, offers, visits, callbacks and button tests: set, moved, and ended with the state they
belong to."""

from gateway.model import (
    Actor,
    Callback,
    Device,
    Due,
    DueKind,
    HoldReason,
    Instant,
    Job,
    Offer,
    Responsible,
    Ticket,
    Visit,
)
from gateway.model.row import unwatched
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.lifecycle import Action, follow_jobs, move_job
from gateway.tickets.new_rows import subject_of

SetFor = Ticket | Job | Offer | Visit | Callback | Device
"""What has deadlines; a device's are of its button test."""


def set_due(row: SetFor, kind: DueKind, at: Instant, responsible: Responsible,
            work: SiteWork, policy: Policy) -> None:
    """From now on the clock looks at `at`; an earlier deadline of that kind is moved."""
    due = work.due.get((kind, row.id))
    if due is not None:
        due.at, due.responsible = at, responsible
        return
    subject = subject_of(row)
    work.due[kind, row.id] = due = unwatched(
        Due, id=policy.new_id("D"), kind=kind, subject_kind=subject.kind, subject_id=subject.id, site_id=work.site.id,
        responsible=responsible, at=at)
    work.draft.add(due)


def end_due(row: SetFor, work: SiteWork, *kinds: DueKind) -> None:
    """These deadlines of the row run no longer; without `kinds`: none of them does."""
    for (kind, subject_id), due in work.due.items():
        if subject_id == row.id and (not kinds or kind in kinds):
            due.at = None


def advance(job: Job, action: Action, work: SiteWork, now: Instant) -> None:
    """Moves the job on: the deadlines of the state it leaves end, and its tickets follow. The caller sets the next
    deadline. Raises Refused."""
    before = job.state
    move_job(job, action, now)
    if job.state is not before or job.closed_at is not None:
        end_due(job, work)
    for ticket in work.tickets_of(job):
        follow_jobs(ticket, work.jobs_of(ticket))


def hold(job: Job, reason: HoldReason, until: Instant, who: Actor, work: SiteWork, policy: Policy, now: Instant
         ) -> None:
    """The job waits for `reason` until then; `who` sees to it. Raises Refused."""
    advance(job, Action.HOLD, work, now)
    job.hold_reason, job.hold_until, job.held_by = reason, until, str(who)
    set_due(job, DueKind.HOLD_UNTIL, until, Responsible.DISPATCHER, work, policy)
