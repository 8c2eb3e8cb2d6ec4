"""Creates and looks up API keys; only a hash is stored."""

import hashlib
import secrets
from collections.abc import Sequence

from sqlmodel import Session, col, select

from gateway.model import ApiKey, Instant, Role, new_id


def create_key(session: Session, name: str, role: str, now: Instant) -> str:
    """Adds a key to the open transaction and returns it in plain: the only time anybody can read it."""
    if role not in tuple(Role):
        raise ValueError(f"role {role!r} is unknown; expected one of: {', '.join(Role)}")
    plain = f"psg_{secrets.token_urlsafe(32)}"
    session.add(ApiKey(id=new_id("K"), name=name, hash=_hash(plain), role=Role(role), created_at=now))
    return plain


def find_key(session: Session, plain: str) -> ApiKey | None:
    """The key whose plain text this is; None when it is unknown or revoked."""
    wanted = select(ApiKey).where(col(ApiKey.hash) == _hash(plain), col(ApiKey.revoked_at).is_(None))
    return session.exec(wanted).first()


def all_keys(session: Session) -> Sequence[ApiKey]:
    """Every key, revoked ones too, oldest first."""
    return session.exec(select(ApiKey).order_by(col(ApiKey.created_at), col(ApiKey.id))).all()


def revoke_key(session: Session, key_id: str, now: Instant) -> None:
    """Revokes a key at once. Raises ValueError when there is no key of that id."""
    key = session.get(ApiKey, key_id)
    if key is None:
        raise ValueError(f"{key_id!r}: no such key; expected an id from `gateway key list`")
    key.revoked_at = key.revoked_at or now


def _hash(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()  # no salt or stretching: the key itself holds 256 random bits
