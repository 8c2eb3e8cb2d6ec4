"""Loads the open outages that are about the gateway's own listening, and whether they still fit what it hears."""

from sqlmodel import Session, col, select

from gateway.model import (
    Instant,
    Listener,
    Outage,
)
from gateway.outages.self_monitoring import fits
from gateway.store import listeners

OURSELVES = ("!deaf", "!unheard")  # keys of what is open about our own hearing


def deaf(session: Session, now: Instant) -> bool:
    """Whether we have just gone deaf, wholly or in part, or hear again: what is open about it no longer fits. Before
    the first listener ever connected there is nothing to say."""
    hearing, open_now = listeners.hearing(session, now), own_outages(session)
    listening = hearing.since is not None
    known = session.exec(select(Listener.client_id).limit(1)).first() is not None
    return known and (("!deaf" not in open_now) != listening
                      or (listening and not fits(open_now.get("!unheard"), hearing.dialects_missing)))


def own_outages(session: Session) -> dict[str, Outage]:
    """What is open about our own hearing, by its key."""
    rows = session.exec(select(Outage).where(col(Outage.closed_at).is_(None), col(Outage.key).in_(OURSELVES)))
    return {row.key: row for row in rows}
