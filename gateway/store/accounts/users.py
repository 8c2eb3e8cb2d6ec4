"""Queries for users: found by what they sign in with, and what is counted of their tries in one statement each."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import case, or_, update
from sqlmodel import Session, col, delete, select

from gateway.access.sessions import FREE_TRIES, block_after
from gateway.model import ExternalKind, Instant, Link, LinkPurpose, RecoveryCode, Role, User
from gateway.store import external_ids
from gateway.store.views.pagination import Order, Page, page

_MOST_TRIES = 40  # the delay no longer grows then


def by_email(session: Session, email: str) -> User | None:
    if "\0" in email:  # PostgreSQL compares with no such text
        return None
    return session.exec(select(User).where(User.email == email.strip().lower())).first()


def by_outside_id(session: Session, issuer: str, outside_id: str) -> User | None:
    """Who an identity provider vouches for."""
    return session.exec(select(User).where(User.issuer == issuer, User.outside_id == outside_id)).first()


def all_users(session: Session) -> Sequence[User]:
    """By name."""
    return session.exec(select(User).order_by(col(User.name), col(User.id))).all()


def listed(session: Session, wanted: Mapping[str, Any], cursor: str | None, limit: int) -> Page:
    """Rows are User, by id; `wanted`: role, disabled, external_id (system, id there)."""
    query = select(User)
    if "role" in wanted:
        query = query.where(User.role == wanted["role"])
    if "disabled" in wanted:
        disabled = col(User.disabled_at)
        query = query.where(disabled.is_not(None) if wanted["disabled"] else disabled.is_(None))
    if "external_id" in wanted:
        query = query.where(external_ids.is_called(ExternalKind.USER, User.id, *wanted["external_id"]))
    return page(session, query, Order((User.id,), rising=True), cursor, limit)


def any_user(session: Session) -> bool:
    return session.exec(select(User.id).limit(1)).first() is not None


def enabled_operators(session: Session, lock: bool = False) -> Sequence[User]:
    """`lock`: who wants to take one of them away waits for others who do, and then sees what is left."""
    wanted = select(User).where(User.role == Role.OPERATOR, col(User.disabled_at).is_(None)).order_by(col(User.id))
    return session.exec(wanted.with_for_update() if lock else wanted).all()


def revoke_links(session: Session, user_id: str, purpose: LinkPurpose, now: Instant) -> None:
    session.connection().execute(update(Link).where(
        col(Link.subject_id) == user_id, col(Link.purpose) == purpose, col(Link.revoked_at).is_(None))
        .values(revoked_at=now))


def take_link(session: Session, link_id: str, now: Instant) -> bool:
    """Whether a link that works once was not used before; it is from now on."""
    used = session.connection().execute(update(Link).where(
        col(Link.id) == link_id, col(Link.revoked_at).is_(None)).values(revoked_at=now))
    return bool(used.rowcount)


def take_try(session: Session, user_id: str, now: Instant) -> bool:
    """Counts a try before it is looked at, so that many at once are no more than one; False: they have to wait."""
    waits = case({count: now + block_after(count + 1) for count in range(FREE_TRIES, _MOST_TRIES)}, value=User.wrong,
                 else_=now + block_after(_MOST_TRIES))
    counted = session.connection().execute(update(User).where(
        col(User.id) == user_id, or_(col(User.blocked_until).is_(None), col(User.blocked_until) <= now)).values(
        wrong=User.wrong + 1, blocked_until=case((col(User.wrong) < FREE_TRIES, None), else_=waits)))
    return bool(counted.rowcount)


def forget_tries(session: Session, user_id: str) -> None:
    """They have proved who they are."""
    session.connection().execute(update(User).where(col(User.id) == user_id).values(wrong=0, blocked_until=None))


def use_code_step(session: Session, user_id: str, step: int) -> bool:
    """Whether this time step's code was not used before; it is from now on."""
    used = session.connection().execute(update(User).where(col(User.id) == user_id, col(User.code_step) < step)
                                        .values(code_step=step))
    return bool(used.rowcount)


def use_recovery_code(session: Session, user_id: str, hashed: str, now: Instant) -> bool:
    """Whether this is one of theirs, and was not used before; it is from now on."""
    used = session.connection().execute(update(RecoveryCode).where(
        col(RecoveryCode.hash) == hashed, col(RecoveryCode.user_id) == user_id, col(RecoveryCode.used_at).is_(None))
        .values(used_at=now))
    return bool(used.rowcount)


def replace_recovery_codes(session: Session, user_id: str, hashes: Sequence[str]) -> None:
    session.connection().execute(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user_id))
    session.add_all([RecoveryCode(hash=hashed, user_id=user_id) for hashed in hashes])
