"""Queries for visits: where the same technician goes next, and which technicians can be reached themselves."""

from collections.abc import Iterable

from sqlmodel import Session, col, select

from gateway.model import Contact, Job, RecipientKind, Technician, Visit, VisitState


def sites_after(session: Session, visit_ids: Iterable[str]) -> set[str]:
    """Ids of the sites to which whoever makes one of these visits is to go, too."""
    found: set[str] = set()
    for visit in session.exec(select(Visit).where(col(Visit.id).in_(set(visit_ids)))).all():
        found |= set(session.exec(
            select(Job.site_id).join(Visit, col(Visit.job_id) == Job.id)
            .where(Visit.provider_id == visit.provider_id, Visit.technician == visit.technician,
                   Visit.state == VisitState.PLANNED)))
    return found


def reachable_technicians(session: Session, provider_ids: Iterable[str]) -> dict[tuple[str, str], str]:
    """(provider id, name) → id, of the technicians of these firms who have contacts of their own."""
    wanted = set(provider_ids)
    if not wanted:
        return {}
    rows = session.exec(select(Technician).where(
        col(Technician.provider_id).in_(wanted),
        col(Technician.id).in_(select(Contact.owner_id).where(Contact.owner_kind == RecipientKind.TECHNICIAN))))
    return {(one.provider_id, one.name): one.id for one in rows}
