"""What technicians look like: whoever waits for one sees them until the visit is over, and then no more."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import delete
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from gateway.model import Portrait, Provider, Technician, Visit
from gateway.tickets.lifecycle import VISIT_OPEN


class Shown(NamedTuple):
    """A portrait without its content."""

    technician_id: str
    name: str
    digest: str
    width: int
    height: int


def shown(session: Session, technician_ids: Collection[str]) -> dict[str, Shown]:
    """Technician → their portrait, of those who have one."""
    rows = session.connection().execute(columns(*(col(one) for one in (
        Portrait.technician_id, Technician.name, Portrait.digest, Portrait.width, Portrait.height))).join(
        Technician, col(Technician.id) == Portrait.technician_id).where(
        col(Portrait.technician_id).in_(technician_ids)))
    return {row.technician_id: Shown._make(row) for row in rows}


def of_technician(session: Session, provider_id: str, technician_id: str) -> bytes | None:
    return session.exec(select(Portrait.content).join(Technician).where(
        Technician.id == technician_id, Technician.provider_id == provider_id,
        col(Technician.ended_at).is_(None))).first()


def of_visit(session: Session, visit: Visit) -> Shown | None:
    """Of whoever comes, or is there; None also once they have been there, or come no more."""
    if visit.state not in VISIT_OPEN:
        return None
    whose = session.exec(select(Technician.id).join(Provider).where(
        Technician.provider_id == visit.provider_id, Technician.name == visit.technician,
        col(Technician.ended_at).is_(None), col(Provider.removed_at).is_(None))).first()
    return None if whose is None else shown(session, [whose]).get(whose)


def content(session: Session, of: Shown) -> bytes | None:
    return session.exec(select(Portrait.content).where(Portrait.technician_id == of.technician_id)).first()


def remove(session: Session, technician_id: str) -> bool:
    """Whether there was one."""
    found = session.connection().execute(delete(Portrait).where(col(Portrait.technician_id) == technician_id))
    return found.rowcount > 0


def forget_unused(session: Session) -> None:
    """Deletes those of technicians and firms that nobody is sent from any more."""
    gone = columns(col(Technician.id)).join(Provider, col(Provider.id) == Technician.provider_id).where(
        col(Technician.ended_at).is_not(None) | col(Provider.removed_at).is_not(None))
    session.connection().execute(delete(Portrait).where(col(Portrait.technician_id).in_(gone)))
