"""Loads the open outages that are about the gateway's own listening, and whether they still fit what it hears."""

from sqlmodel import Session, col, select

from gateway.model import Instant, Listener, Outage
from gateway.outages.self_monitoring import OWN_OUTAGES, listening_changed
from gateway.store import listeners

_OWN_OUTAGES = select(Outage).where(col(Outage.closed_at).is_(None), col(Outage.key).in_(OWN_OUTAGES))


def has_work(session: Session, now: Instant) -> bool:
    """Whether what is open about our own listening no longer fits; never before the first listener connected."""
    status = listeners.listening_status(session, now)
    if status.since is None and session.exec(select(Listener.client_id).limit(1)).first() is None:
        return False
    return listening_changed(own_outages(session), status.since is not None, status.dialects_missing)


def own_outages(session: Session) -> dict[str, Outage]:
    """The open outages about our own listening, by key."""
    return {row.key: row for row in session.exec(_OWN_OUTAGES)}
