"""The signed links of a firm: to its own page, and to the calendars of its visits."""

from collections.abc import Collection

from sqlalchemy import update
from sqlmodel import Session, col, select

from gateway.model import Instant, Link, LinkPurpose, Provider, SubjectKind, Technician


def page_link(session: Session, provider_id: str, now: Instant) -> Link | None:
    """The one that opens the firm's page now."""
    return session.exec(select(Link).where(
        Link.subject_id == provider_id, Link.purpose == LinkPurpose.FIRM, col(Link.revoked_at).is_(None),
        Link.expires_at > now).order_by(col(Link.created_at).desc())).first()


def calendar_links(session: Session, provider_id: str, now: Instant) -> dict[str, Link]:
    """Id of the firm or of a technician → the link to the calendar of their visits."""
    whose = [provider_id, *session.exec(select(Technician.id).where(Technician.provider_id == provider_id))]
    found = session.exec(select(Link).where(
        col(Link.subject_id).in_(whose), Link.purpose == LinkPurpose.CALENDAR, col(Link.revoked_at).is_(None),
        Link.expires_at > now).order_by(col(Link.created_at)))
    return {link.subject_id: link for link in found}


def revoke(session: Session, purpose: LinkPurpose, subject_ids: Collection[str], now: Instant) -> None:
    session.connection().execute(update(Link).where(
        col(Link.subject_id).in_(subject_ids), col(Link.purpose) == purpose, col(Link.revoked_at).is_(None)
    ).values(revoked_at=now))


def linked(session: Session, purpose: LinkPurpose, subject_ids: Collection[str], now: Instant) -> dict[str, str]:
    """Id of an offer or a visit → id of the link to its page, where there is one that works."""
    found = session.exec(select(Link).where(
        col(Link.subject_id).in_(subject_ids), Link.purpose == purpose, col(Link.revoked_at).is_(None),
        Link.expires_at > now).order_by(col(Link.created_at)))
    return {link.subject_id: link.id for link in found}


def whose_calendar(session: Session, link: Link) -> tuple[Provider, Technician | None] | None:
    """The firm, and the technician if it is theirs alone; None: the firm is asked no longer, or they have left it."""
    technician = session.get(Technician, link.subject_id) if link.subject_kind is SubjectKind.TECHNICIAN else None
    if link.subject_kind is SubjectKind.TECHNICIAN and (technician is None or technician.ended_at is not None):
        return None
    firm = session.get(Provider, link.subject_id if technician is None else technician.provider_id)
    return None if firm is None or firm.removed_at is not None else (firm, technician)


def technicians_of(session: Session, provider_id: str) -> list[Technician]:
    """Who is with it now, by name."""
    return list(session.exec(select(Technician).where(
        Technician.provider_id == provider_id, col(Technician.ended_at).is_(None)).order_by(
        col(Technician.name), col(Technician.id))))
