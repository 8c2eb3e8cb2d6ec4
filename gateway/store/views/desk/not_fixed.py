"""The ticket that goes on with what another one, closed by now, did not fix."""

from sqlmodel import Session, col, select

from gateway.model import Entry, EntryKind, Instant, Link, LinkPurpose


def goes_on_as(session: Session, ticket_id: str, now: Instant) -> Link | None:
    """The page of the ticket that goes on with what this one, closed by now, did not fix."""
    said = session.exec(select(Entry).where(
        col(Entry.subject_id) == ticket_id, col(Entry.kind) == EntryKind.NOT_FIXED_GOES_ON)
        .order_by(col(Entry.id).desc()).limit(1)).first()
    if said is None:
        return None
    return session.exec(select(Link).where(
        col(Link.purpose) == LinkPurpose.FOLLOW, col(Link.subject_id) == said.parameters["ticket"],
        col(Link.revoked_at).is_(None), col(Link.expires_at) > now)).first()
