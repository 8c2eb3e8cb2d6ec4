"""Who has which page open at the console, and which of its forms have been sent."""

from collections.abc import Sequence

from sqlalchemy import delete
from sqlmodel import Session, col, select

from gateway.model import DAY, SECOND, Instant, OpenPage, SentForm

BEAT_S = 15  # how often an open page says that it is still looked at
GONE = 45 * SECOND  # who has not been heard from for so long has gone
_FORMS_KEPT = 2 * DAY  # longer than anybody stays signed in


def beat(session: Session, subject_id: str, account: str, name: str, typing: bool, now: Instant) -> None:
    """They look at it now, or type there."""
    row = session.get(OpenPage, (subject_id, account))
    if row is None:
        row = OpenPage(subject_id=subject_id, account=account, name=name, at=now)
    row.name, row.typing, row.at = name, typing, now
    session.add(row)


def leave(session: Session, subject_id: str, account: str) -> None:
    """They have closed it."""
    session.connection().execute(delete(OpenPage).where(
        col(OpenPage.subject_id) == subject_id, col(OpenPage.account) == account))


def others(session: Session, subject_id: str, account: str, now: Instant) -> Sequence[OpenPage]:
    """Who else has it open, by name."""
    return session.exec(select(OpenPage).where(
        OpenPage.subject_id == subject_id, OpenPage.account != account, OpenPage.at > now - GONE)
        .order_by(col(OpenPage.name))).all()


def is_first(session: Session, key: str, account: str, now: Instant) -> bool:
    """Whether this form is sent for the first time, which is written down. Raises Conflict for one of two at once."""
    if session.get(SentForm, key) is not None:
        return False
    session.add(SentForm(key=key, account=account, at=now))
    session.flush()
    return True


def forget_old(session: Session, now: Instant) -> None:
    connection = session.connection()
    connection.execute(delete(OpenPage).where(col(OpenPage.at) <= now - GONE))
    connection.execute(delete(SentForm).where(col(SentForm.at) <= now - _FORMS_KEPT))
