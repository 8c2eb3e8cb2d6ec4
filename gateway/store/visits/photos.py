"""The photos of visits and of customers: who sees which, how many there are, and when they are deleted."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_, delete, func, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, or_, select

from gateway.model import DAY, Instant, JobTicket, Photo, Site, Visit, VisitState

KEPT = 90 * DAY
_FACTS = (Photo.id, Photo.sender, Photo.width, Photo.height, Photo.created_at)  # of a Shown


class Shown(NamedTuple):
    """A photo without its content."""

    id: str
    sender: str
    width: int
    height: int
    created_at: Instant


def _of_this_household() -> Any:
    """Nobody who lives there now sees the home of those before them: neither on a page nor by an old address."""
    changed = func.coalesce(Site.household_left_at, Site.household_since)
    return or_(changed.is_(None), col(Photo.created_at) > changed)


def shown_at_visit(session: Session, visit_id: str) -> Sequence[Shown]:
    """The oldest first."""
    return _shown(session, _at_visit(visit_id))


def shown_at_ticket(session: Session, ticket_id: str, to_sender: bool = False) -> Sequence[Shown]:
    """Of all visits about it, and the customer's own. `to_sender`: with those that the customer can still take back."""
    return _shown(session, _at_ticket(ticket_id, to_sender))


def sent_about(session: Session, ticket_ids: Collection[str]) -> dict[str, list[Shown]]:
    """Ticket → the household's own photos about it, the oldest first."""
    rows = session.connection().execute(
        columns(col(Photo.ticket_id), *(col(one) for one in _FACTS)).join(Site, col(Site.id) == Photo.site_id)
        .where(col(Photo.ticket_id).in_(ticket_ids), _of_this_household())
        .order_by(col(Photo.created_at), col(Photo.id)))
    found: dict[str, list[Shown]] = {}
    for row in rows:
        found.setdefault(row[0] or "", []).append(Shown._make(row[1:]))
    return found


def _shown(session: Session, which: Any) -> Sequence[Shown]:
    rows = session.connection().execute(
        columns(*(col(one) for one in _FACTS))
        .join(Site, col(Site.id) == Photo.site_id).where(which, _of_this_household())
        .order_by(col(Photo.created_at), col(Photo.id)))
    return [Shown._make(row) for row in rows]


def content_at_visit(session: Session, photo_id: str, visit_id: str) -> bytes | None:
    return _content(session, photo_id, _at_visit(visit_id))


def content_at_ticket(session: Session, photo_id: str, ticket_id: str, to_sender: bool = False) -> bytes | None:
    return _content(session, photo_id, _at_ticket(ticket_id, to_sender))


def _content(session: Session, photo_id: str, which: Any) -> bytes | None:
    return session.exec(select(Photo.content).join(Site, col(Site.id) == Photo.site_id)
                        .where(Photo.id == photo_id, which, _of_this_household())).first()


def _at_visit(visit_id: str) -> Any:
    """Its own, and what the customer sent about its tickets before it was over: whose visit was called off has no part
    in it any more."""
    of_customer = (
        select(Photo.id).join(JobTicket, col(JobTicket.ticket_id) == Photo.ticket_id)
        .join(Visit, col(Visit.job_id) == JobTicket.job_id)
        .where(Visit.id == visit_id, Visit.state != VisitState.CANCELLED, col(Photo.waits_for).is_(None),
               or_(col(Visit.done_at).is_(None), col(Photo.created_at) <= col(Visit.done_at))))
    return or_(col(Photo.visit_id) == visit_id, col(Photo.id).in_(of_customer))


def _at_ticket(ticket_id: str, to_sender: bool) -> Any:
    theirs = col(Photo.ticket_id) == ticket_id
    return or_(col(Photo.visit_id).in_(_visits_of(ticket_id)),
               theirs if to_sender else and_(theirs, col(Photo.waits_for).is_(None)))


def _visits_of(ticket_id: str) -> Any:
    return (select(Visit.id).join(JobTicket, col(JobTicket.job_id) == Visit.job_id)
            .where(JobTicket.ticket_id == ticket_id))


def is_kept(session: Session, visit_id: str, digest: str) -> bool:
    return session.exec(select(Photo.id).where(Photo.visit_id == visit_id, Photo.digest == digest)).first() is not None


def count(session: Session, visit_id: str) -> int:
    return session.exec(select(func.count()).select_from(Photo).where(Photo.visit_id == visit_id)).one()


def digests_of_customer(session: Session, ticket_id: str) -> set[str]:
    """Of what the customer has sent about this ticket."""
    return set(session.exec(select(Photo.digest).where(Photo.ticket_id == ticket_id)))


def settle(session: Session, pending_id: str, is_done: bool) -> None:
    """What came with an act of the customer is seen once the act is done; else it is deleted."""
    mine = col(Photo.waits_for) == pending_id
    session.connection().execute(update(Photo).where(mine).values(waits_for=None) if is_done
                                 else delete(Photo).where(mine))


def forget_old(session: Session, now: Instant) -> None:
    """Deletes those that are older than KEPT, and those of households that have left."""
    connection = session.connection()
    connection.execute(delete(Photo).where(col(Photo.created_at) <= now - KEPT))
    left = select(Photo.id).join(Site, col(Site.id) == Photo.site_id).where(~_of_this_household())
    connection.execute(delete(Photo).where(col(Photo.id).in_(left)))
