"""Only the clock goes on, from deadline to deadline: either all ends, or a person is paged again and again."""

from collections import defaultdict
from collections.abc import Iterable, Set
from typing import Any

from sqlalchemy import bindparam, func, literal, true, union_all
from sqlmodel import Session, col, select

from gateway.model import (
    MINUTE,
    Alarm,
    Callback,
    Due,
    DueKind,
    Instant,
    Job,
    JobTicket,
    Offer,
    OnCallPage,
    Outage,
    Promise,
    PromiseState,
    SlaClock,
    Ticket,
    Visit,
)
from tests.drivers.story import Story

AGAIN = 3  # times that somebody is paged anew: that goes on without end
MOST = 150  # deadlines; what has come to no end by then never will

# Everything that is open must come to an end.
OPEN: dict[type[Any], Any] = {
    Ticket: col(Ticket.closed_at).is_(None), Job: col(Job.closed_at).is_(None), Offer: col(Offer.closed_at).is_(None),
    Visit: col(Visit.done_at).is_(None), Callback: col(Callback.closed_at).is_(None),
    Promise: Promise.state == PromiseState.OPEN,
}
# What the clock looks at: the column, which rows count, and whose deadline it is. Messages go whenever it looks.
DEADLINES: list[tuple[Any, Any, Any]] = [
    (Due.at, true(), Due.subject_id),
    (Promise.watch_at, Promise.state == PromiseState.OPEN, Promise.subject_id),
    (SlaClock.warn_at, col(SlaClock.warned_at).is_(None), SlaClock.ticket_id),
    (SlaClock.due_at, col(SlaClock.missed_at).is_(None), SlaClock.ticket_id),
    (Alarm.try_until, true(), Alarm.ticket_id), (Alarm.suppressed_until, true(), Alarm.ticket_id),
    (Outage.next_at, true(), Outage.id), (OnCallPage.next_at, true(), OnCallPage.subject_id),
]

_OVERDUE = union_all(*(select(literal(str(column)), column, whose).where(counts, column <= bindparam("now"))
                       for column, counts, whose in DEADLINES))


def next_deadline(session: Session, but: Iterable[str] = ()) -> Instant | None:
    """When the clock next has something to do; deadlines of the subjects in `but` do not count."""
    earliest = [session.exec(select(func.min(column)).where(counts, col(whose).not_in([*but]))).one()
                for column, counts, whose in DEADLINES]
    return min((at for at in earliest if at is not None), default=None)


def next_of(kind: DueKind, session: Session) -> Instant | None:
    """When a deadline of that kind next passes."""
    return session.exec(select(func.min(Due.at)).where(Due.kind == kind)).one()


def overdue(session: Session, now: Instant) -> list[str]:
    """What the clock should have looked at by now, and has not."""
    return [f"{column} of {whose_id}: {now - at} ms ago"
            for column, at, whose_id in session.connection().execute(_OVERDUE, {"now": now})]


def wait_until(at: Instant, story: Story) -> None:
    """Until the minute after `at`: what is counted from the real time that a message took must not decide."""
    story.wait(seconds=max(0, whole_minute(at) - story.now) / 1000)


def whole_minute(at: Instant) -> Instant:
    return -(-at // MINUTE) * MINUTE


def drive(story: Story) -> int:
    """Lets only the clock go on, until all has ended, or a person is paged for it again and again. Returns how many
    deadlines passed. AssertionError names what waits for nobody, or for ever."""
    turns: dict[str, int] = {}
    for passed in range(MOST):
        with story.gw.store.read() as session:
            paged = paged_again(session, turns)
            left, at = unfinished(session, paged), next_deadline(session, paged)
        if not left:
            return passed
        assert at is not None, f"it waits for ever: {left}"
        wait_until(at, story)
    raise AssertionError(f"after {MOST} deadlines: {left}")


def paged_again(session: Session, turns: dict[str, int]) -> set[str]:
    """Ids of all for which somebody has been paged AGAIN times since the first call. `turns`: an empty dict at first,
    the same one each time."""
    pages = session.exec(select(OnCallPage).where(col(OnCallPage.closed_at).is_(None))).all()
    return everything_of(session, {page.subject_id for page in pages
                                   if page.turn >= turns.setdefault(page.id, page.turn) + AGAIN})


def everything_of(session: Session, subjects: set[str]) -> set[str]:
    """Ids of these tickets and callbacks, and of all that belongs to them: their jobs, other tickets that have no other
    job, offers and visits."""
    jobs_of: dict[str, set[str]] = defaultdict(set)
    for job_id, ticket_id in session.exec(select(JobTicket.job_id, JobTicket.ticket_id).join(
            Job, col(Job.id) == JobTicket.job_id).where(col(Job.closed_at).is_(None))):
        jobs_of[ticket_id].add(job_id)
    jobs = {job_id for ticket_id in subjects for job_id in jobs_of[ticket_id]}
    tickets = {ticket_id for ticket_id, its_jobs in jobs_of.items() if its_jobs and its_jobs <= jobs}
    offers = session.exec(select(Offer.id).where(col(Offer.job_id).in_(jobs)))
    visits = session.exec(select(Visit.id).where(col(Visit.job_id).in_(jobs)))
    return subjects | jobs | tickets | {*offers, *visits}


def unfinished(session: Session, but: Set[str] = frozenset()) -> list[str]:
    """What is open, and is not in `but`, nor about what is."""
    return [f"{type(row).__name__} {row.id} {getattr(row, 'state', '')}"
            for table, is_open in OPEN.items() for row in session.exec(select(table).where(is_open))
            if not {getattr(row, name, "") for name in ("id", "subject_id")} & but]
