"""Keeps a photo of a visit: once, and no more of them than one trip needs."""

from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import Instant, Photo, SentAct, Visit, VisitState
from gateway.store.accounts.sent_acts import is_repeated
from gateway.store.visits import photos

MOST = 20  # of a visit


class TooMany(Exception):
    """The visit has as many photos as it can have."""


class NotNow(Exception):
    """Nobody goes there any more."""


def is_kept(gw: Gateway, visit_id: str, digest: str) -> bool:
    """Whether this very file has come before: it need not be decoded once more."""
    with gw.store.read() as session:
        return photos.is_kept(session, visit_id, digest)


def keep_photo(gw: Gateway, photo: Photo, sent: SentAct | None, now: Instant) -> None:
    """In one transaction with the key that it was sent under. The same file twice is kept once. Raises TooMany, NotNow
    and OtherContent."""

    def once() -> None:
        with gw.store.write() as session:
            if sent is not None and is_repeated(session, sent):
                return
            visit = session.get(Visit, photo.visit_id)
            if visit is None or visit.state is VisitState.CANCELLED:
                raise NotNow
            if photos.is_kept(session, visit.id, photo.digest):
                return
            if photos.count(session, visit.id) >= MOST:
                raise TooMany
            session.add(Photo(**photo.model_dump()))

    retry_on_conflict(once)
