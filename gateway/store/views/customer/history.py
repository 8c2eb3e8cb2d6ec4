"""Queries for the whole history of a ticket, as the household that has it now may read it."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlmodel import Session, col, select

from gateway.model import Entry, EntryKind, Instant, JobTicket, Provider, SubjectKind, Visit
from gateway.store.customers.pending_acts import written

WINDOWS = (EntryKind.ACCEPTED, EntryKind.ADDED_TO_VISIT, EntryKind.WINDOW_MOVED)  # entries that name a window
MOST_VISITS, MOST_MOVES = 30, 60  # lines that a page still shows: nobody reads more, and it stays small


class Trip(NamedTuple):
    """A visit with whose it was."""

    visit: Visit
    provider: Provider


class TicketHistory(NamedTuple):
    """The visits of a ticket, whatever came of them, the windows that were promised and moved, and what they wrote; the
    oldest first."""

    trips: Sequence[Trip] = ()
    moves: Sequence[Entry] = ()
    wrote: Sequence[tuple[Instant, str]] = ()  # what they wanted us to know


def ticket_history(session: Session, ticket_id: str, moved_in: Instant) -> TicketHistory:
    """All visits since the household `moved_in`, and each window that was moved."""
    mine = select(col(JobTicket.job_id)).where(col(JobTicket.ticket_id) == ticket_id)
    trips = session.exec(
        select(Visit, Provider).join(Provider, col(Provider.id) == col(Visit.provider_id))
        .where(col(Visit.job_id).in_(mine), col(Visit.created_at) >= moved_in)
        .order_by(col(Visit.created_at).desc(), col(Visit.id)).limit(MOST_VISITS)).all()
    moves = session.exec(
        select(Entry).where(
            col(Entry.subject_kind) == SubjectKind.TICKET, col(Entry.subject_id) == ticket_id,
            col(Entry.kind).in_(WINDOWS), col(Entry.at) >= moved_in)
        .order_by(col(Entry.at).desc(), col(Entry.id).desc()).limit(MOST_MOVES)).all()
    return TicketHistory([Trip(*trip) for trip in reversed(trips)], list(reversed(moves)),
                         written(session, [ticket_id], moved_in))
