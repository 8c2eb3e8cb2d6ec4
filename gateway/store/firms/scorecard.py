"""A firm's track record, and the offers and visits that it is made of."""

from typing import NamedTuple

from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from gateway.model import Instant, Offer, Visit
from gateway.store.contexts.providers import (
    COUNTED_OFFERS,
    COUNTED_VISITS,
    FIXED,
    recorded_time,
    track_records,
)
from gateway.tickets.dispatch.track_record import NO_RECORD, TrackRecord

SHOWN = 30  # of each, the newest


class CountedVisit(NamedTuple):
    visit: Visit
    fixed: bool  # settled by this visit, as far as anybody knows


class Scorecard(NamedTuple):
    record: TrackRecord
    offers: list[Offer]
    visits: list[CountedVisit]
    since: Instant
    until: Instant


def scorecard(session: Session, provider_id: str, now: Instant) -> Scorecard:
    """Of the time that counts when providers are ranked now."""
    given = recorded_time(now)
    offers = session.execute(select(Offer).where(*COUNTED_OFFERS, Offer.provider_id == provider_id).order_by(
        col(Offer.closed_at).desc(), col(Offer.id)).limit(SHOWN), given).scalars().all()
    visits = session.execute(columns(Visit, FIXED).where(*COUNTED_VISITS, col(Visit.provider_id) == provider_id)
                             .order_by(col(Visit.done_at).desc(), col(Visit.id)).limit(SHOWN), given).all()
    return Scorecard(track_records(session, now).get(provider_id, NO_RECORD), list(offers),
                     [CountedVisit(visit, bool(fixed)) for visit, fixed in visits], given["since"], given["until"])
