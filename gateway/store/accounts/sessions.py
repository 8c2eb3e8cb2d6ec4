"""Queries for sessions: started, found by the browser's random id, ended."""

import hashlib
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, update
from sqlmodel import Session, col, delete, select

from gateway.access.sessions import FOR_CODE, IDLE, LONGEST
from gateway.model import DAY, MINUTE, Instant, User, WebSession

_SEEN_EVERY = MINUTE  # how exactly it is written down when somebody was last there
_KEPT = 30 * DAY  # after its end


def start(session: Session, user: User, address: str, browser: str, now: Instant, waits_for_code: bool = False) -> str:
    """The random id for the browser's cookie, of which only a hash is kept: 256 bits."""
    token = secrets.token_urlsafe(32)
    session.add(WebSession(
        id=hashed(token), user_id=user.id, role=user.role, created_at=now, seen_at=now, proved_at=now,
        ends_at=now + (FOR_CODE if waits_for_code else LONGEST), waits_for_code=waits_for_code, address=address,
        browser=browser[:200]))
    return token


def find(session: Session, token: str) -> tuple[WebSession, User] | None:
    """The session of this cookie and whose it is, also when it is over."""
    wanted = select(WebSession, User).join(User, col(User.id) == WebSession.user_id).where(
        WebSession.id == hashed(token))
    found = session.exec(wanted).first()
    return None if found is None else (found[0], found[1])


def is_stale(row: WebSession, now: Instant) -> bool:
    """Whether it is time to write down that they are there."""
    return now - row.seen_at >= _SEEN_EVERY


def touch(session: Session, row: WebSession, now: Instant) -> None:
    session.connection().execute(update(WebSession).where(
        col(WebSession.id) == row.id, col(WebSession.seen_at) < now).values(seen_at=now))


def prove(session: Session, row: WebSession, now: Instant) -> None:
    """They have given their password or code again."""
    session.connection().execute(update(WebSession).where(col(WebSession.id) == row.id).values(proved_at=now))


def end(session: Session, row_id: str, now: Instant) -> None:
    session.connection().execute(update(WebSession).where(
        col(WebSession.id) == row_id, col(WebSession.revoked_at).is_(None)).values(revoked_at=now))


def end_all(session: Session, user_id: str, now: Instant, but: str = "") -> None:
    """Of one user; `but`: the one that they are in."""
    session.connection().execute(update(WebSession).where(
        col(WebSession.user_id) == user_id, col(WebSession.revoked_at).is_(None), col(WebSession.id) != but)
        .values(revoked_at=now))


def open_of(session: Session, user_id: str, now: Instant) -> Sequence[WebSession]:
    """The newest first."""
    return session.exec(select(WebSession).where(
        WebSession.user_id == user_id, col(WebSession.revoked_at).is_(None), WebSession.ends_at > now)
        .order_by(col(WebSession.created_at).desc())).all()


class Seen(NamedTuple):
    """Where somebody is signed in."""

    open: int
    last: Instant


def open_by_user(session: Session, now: Instant) -> dict[str, Seen]:
    """User → how many browsers they are signed in at, and when they last did something there."""
    query = select(WebSession.user_id, func.count(), func.max(col(WebSession.seen_at))).where(
        col(WebSession.revoked_at).is_(None), WebSession.ends_at > now, WebSession.seen_at > now - IDLE,
        col(WebSession.waits_for_code).is_(False)).group_by(WebSession.user_id)
    return {user_id: Seen(count, last) for user_id, count, last in session.exec(query)}


def forget_old(session: Session, now: Instant) -> None:
    session.connection().execute(delete(WebSession).where(col(WebSession.ends_at) < now - _KEPT))


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()  # no salt or stretching: the token itself holds 256 random bits
