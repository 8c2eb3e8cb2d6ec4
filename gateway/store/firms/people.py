"""The technicians of a firm, also those who have left, and where they are waited for."""

from sqlmodel import Session, col, select

from gateway.model import Technician, Visit
from gateway.tickets.lifecycle import VISIT_OPEN


def everybody(session: Session, provider_id: str) -> list[Technician]:
    return list(session.exec(select(Technician).where(Technician.provider_id == provider_id).order_by(
        col(Technician.id))))


def visits_of(session: Session, row: Technician) -> list[Visit]:
    """Where they are waited for, or are."""
    return list(session.exec(select(Visit).where(
        Visit.provider_id == row.provider_id, Visit.technician == row.name, col(Visit.state).in_(VISIT_OPEN))))
