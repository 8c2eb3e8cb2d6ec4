"""Which acts have been sent by a link, under which key, and what the answer was."""

from sqlalchemy import delete
from sqlmodel import Session, col

from gateway.model import DAY, Instant, SentAct

KEPT = 30 * DAY  # longer than a phone keeps what it could not send


class OtherContent(Exception):
    """The key has been used for something else: one of the two would be lost in silence."""


def sent_act(session: Session, link_id: str, key: str) -> SentAct | None:
    return session.get(SentAct, (link_id, key))


def is_repeated(session: Session, wanted: SentAct) -> bool:
    """Whether it has been done; if not, it is written down as done by this transaction. Of two at once the second waits
    for the first, or gets Conflict and asks again. Raises OtherContent."""
    before = sent_act(session, wanted.link_id, wanted.key)
    if before is None:
        session.add(SentAct(**wanted.model_dump()))
        session.flush()
        return False
    if before.body != wanted.body:
        raise OtherContent
    return True


def forget_old(session: Session, now: Instant) -> None:
    session.connection().execute(delete(SentAct).where(col(SentAct.at) <= now - KEPT))
