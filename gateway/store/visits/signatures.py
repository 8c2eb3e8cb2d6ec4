"""The signatures of visits: who sees which, and when they are deleted; as photos are."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from gateway.model import Instant, JobTicket, Signature, Site, Visit
from gateway.store.visits.photos import KEPT


def at_visit(session: Session, visit_id: str) -> Signature | None:
    """Of how it ended: what was signed before it was taken up again counts no more."""
    return session.exec(_shown().where(Signature.visit_id == visit_id)).first()


def at_ticket(session: Session, ticket_id: str) -> Sequence[Signature]:
    """Of all visits about it, the oldest first."""
    return session.exec(
        _shown().join(JobTicket, col(JobTicket.job_id) == Visit.job_id).where(JobTicket.ticket_id == ticket_id)
        .order_by(col(Signature.created_at), col(Signature.id))).all()


def forget_old(session: Session, now: Instant) -> None:
    """Deletes those that are older than photos are kept, and those of households that have left."""
    connection = session.connection()
    connection.execute(delete(Signature).where(col(Signature.created_at) <= now - KEPT))
    left = select(Signature.id).join(Site, col(Site.id) == Signature.site_id).where(~_of_this_household())
    connection.execute(delete(Signature).where(col(Signature.id).in_(left)))


def _shown() -> SelectOfScalar[Signature]:
    return (select(Signature).join(Visit, col(Visit.id) == Signature.visit_id)
            .join(Site, col(Site.id) == Signature.site_id)
            .where(col(Visit.done_at) == Signature.created_at, _of_this_household()))


def _of_this_household() -> Any:
    changed = func.coalesce(Site.household_left_at, Site.household_since)
    return or_(changed.is_(None), col(Signature.created_at) > changed)
