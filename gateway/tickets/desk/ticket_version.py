"""From which state of a ticket somebody acts: another one meanwhile, and what they meant may be wrong."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from gateway.model import LATEST, Instant, Job, Ticket, Visit

_LONGEST = 2000  # characters of a version as a form carries it


class TicketVersion(NamedTuple):
    """What two people must not decide at the same time; that messages went out or notes were added is none of it."""

    state: str
    round: int
    provider_id: str | None
    window_from: Instant | None
    window_until: Instant | None
    hold_until: Instant | None
    merged_into: str | None
    price_answer: str | None
    jobs: str  # where each of them stands

    def written(self) -> str:
        """As a form carries it."""
        return json.dumps(self, separators=(",", ":"))


class Stale(Exception):
    """Somebody else was first: the ticket is no longer as it was when the form was made."""

    def __init__(self, base: TicketVersion | None) -> None:
        super().__init__(base)
        self.base = base  # as it was then; None: the form does not say


def version_of(ticket: Ticket, jobs: Iterable[Job], visit: Visit | None) -> TicketVersion:
    """`jobs`: all of the ticket's; `visit`: its current one."""
    unfinished = sorted((job for job in jobs if job.closed_at is None), key=lambda job: job.id)
    until = [job.hold_until for job in unfinished if job.hold_until is not None]
    return TicketVersion(
        str(ticket.state), ticket.round, ticket.provider_id, None if visit is None else visit.window_from,
        None if visit is None else visit.window_until, min(until, default=None), ticket.merged_into,
        None if ticket.price_answer is None else str(ticket.price_answer),
        ",".join(f"{job.id}:{job.state}:{job.round}:{job.visit_id or ''}" for job in unfinished))


def read_version(text: str) -> TicketVersion | None:
    """What `written` gave; None for anything else."""
    try:
        read = TicketVersion(*json.loads(text[:_LONGEST]))
    except (ValueError, TypeError):
        return None
    times = read.window_from, read.window_until, read.hold_until
    numbers = all(one is None or (isinstance(one, int) and abs(one) <= LATEST) for one in times)
    words = all(one is None or isinstance(one, str) for one in (read.state, read.provider_id, read.merged_into,
                                                                read.price_answer))
    return read if numbers and words else None


def check_version(given: str, now: TicketVersion) -> None:
    """Raises Stale when the form was made from another state."""
    if given != now.written():
        raise Stale(read_version(given))
