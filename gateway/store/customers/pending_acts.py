"""What customers have done on their pages: what waits for its minute, what came of it, and when it is deleted."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, func, or_, select

from gateway.model import DAY, MINUTE, CustomerAct, Entry, EntryKind, Instant, PendingAct, Site, Ticket

KEPT = 7 * DAY  # what was said stands in the timeline
SHOWN = 10 * MINUTE  # so long a page says what came of it
MOST = 50  # in one sweep
WRITTEN_SHOWN = 20  # of what a customer has written, the newest


def due(session: Session, now: Instant) -> list[str]:
    """Ids, the most overdue first."""
    is_due = col(PendingAct.closed_at).is_(None), col(PendingAct.due_at) <= now
    return list(session.exec(select(PendingAct.id).where(*is_due).order_by(col(PendingAct.due_at)).limit(MOST)))


def waiting(session: Session, ticket: Ticket) -> list[PendingAct]:
    """About the ticket, and where else its visit is moved; the oldest first."""
    same_visit = select(Ticket.id).where(
        Ticket.site_id == ticket.site_id, Ticket.visit_id == ticket.visit_id, col(Ticket.visit_id).is_not(None))
    return list(session.exec(select(PendingAct).where(col(PendingAct.closed_at).is_(None), or_(
        col(PendingAct.ticket_id).in_(_numbers(ticket.id)),
        (col(PendingAct.kind) == CustomerAct.MOVE) & col(PendingAct.ticket_id).in_(same_visit)))
        .order_by(col(PendingAct.asked_at), col(PendingAct.id))))


def shown(session: Session, ticket_id: str, now: Instant) -> list[PendingAct]:
    """What waits, and what came of the others lately, the newest first; nothing of those who lived there before."""
    return list(session.exec(select(PendingAct).join(Ticket, col(Ticket.id) == PendingAct.ticket_id)
                             .join(Site, col(Site.id) == Ticket.site_id).where(
        col(PendingAct.ticket_id).in_(_numbers(ticket_id)),
        PendingAct.asked_at >= func.coalesce(Site.household_since, 0),
        or_(col(PendingAct.closed_at).is_(None), col(PendingAct.closed_at) > now - SHOWN))
        .order_by(col(PendingAct.asked_at).desc(), col(PendingAct.id))))


def asked_since(session: Session, wanted: PendingAct, since: Instant) -> int:
    """How often they have done the like about that ticket."""
    return session.exec(select(func.count()).select_from(PendingAct).where(
        PendingAct.ticket_id == wanted.ticket_id, PendingAct.kind == wanted.kind, PendingAct.asked_at > since)).one()


def of_home(session: Session, site_id: str) -> list[PendingAct]:
    """What waits, and what of the others still says what they wrote."""
    return list(session.exec(select(PendingAct).join(Ticket, col(Ticket.id) == PendingAct.ticket_id).where(
        Ticket.site_id == site_id, or_(col(PendingAct.closed_at).is_(None), PendingAct.words != ""))))


def _numbers(ticket_id: str) -> Any:
    """The ticket, and those that were merged into it."""
    return select(Ticket.id).where(or_(col(Ticket.id) == ticket_id, col(Ticket.merged_into) == ticket_id))


def written(session: Session, ticket_ids: Sequence[str], moved_in: Instant) -> list[tuple[Instant, str]]:
    """(when, what) the customers of these tickets wanted us to know since the household `moved_in`, the oldest
    first."""
    rows = session.exec(select(Entry.at, Entry.parameters).where(
        col(Entry.subject_id).in_(ticket_ids), Entry.kind == EntryKind.CUSTOMER_WROTE, Entry.at >= moved_in)
        .order_by(col(Entry.at).desc(), col(Entry.id).desc()).limit(WRITTEN_SHOWN))
    return [(at, str(parameters["words"])) for at, parameters in rows][::-1]


def said_about(session: Session, tickets: Sequence[Ticket], site: Site, comes: bool) -> list[str]:
    """What people have said is wrong with these, each once; to who `comes` also what whoever lives there wanted them
    to know. A firm that is only asked does not read where the key lies."""
    since = site.household_left_at or site.household_since or 0
    wrote = written(session, [ticket.id for ticket in tickets], since) if comes else []
    return list(dict.fromkeys([words for ticket in tickets for words in ticket.reported] + [
        words for _, words in wrote]))


def forget_old(session: Session, now: Instant) -> None:
    """Deletes what is over and was asked more than KEPT ago."""
    session.connection().execute(delete(PendingAct).where(
        col(PendingAct.closed_at).is_not(None), col(PendingAct.asked_at) < now - KEPT))
