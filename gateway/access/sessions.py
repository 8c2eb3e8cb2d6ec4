"""How long somebody stays signed in, and how long they wait after wrong passwords."""

from enum import StrEnum

from gateway.model import HOUR, MINUTE, SECOND, Instant, User, WebSession

IDLE = 30 * MINUTE  # without doing anything; what a page fetches by itself does not count
LONGEST = 12 * HOUR
FOR_CODE = 5 * MINUTE  # the password was right: so long the second factor may take
STEP_UP = 10 * MINUTE  # before publishing, exporting or giving rights they prove again who they are
FREE_TRIES = 3  # wrong ones that cost nothing
LONGEST_BLOCK = 15 * MINUTE


class SessionEnd(StrEnum):
    """Why somebody is not signed in (any more)."""

    IDLE = "idle"
    """They did nothing for a while."""
    OVER = "over"
    """They signed in long ago."""
    REVOKED = "revoked"
    """They signed out, or somebody ended it."""
    DISABLED = "disabled"
    """Their account was disabled."""
    OTHER_ROLE = "other_role"
    """Their role is another now."""


def session_end(session: WebSession, user: User, now: Instant) -> SessionEnd | None:
    """Why the session is over; None: it is not."""
    if user.disabled_at is not None:
        return SessionEnd.DISABLED
    if session.revoked_at is not None:
        return SessionEnd.REVOKED
    if session.role is not user.role:
        return SessionEnd.OTHER_ROLE
    if now >= session.ends_at:
        return SessionEnd.OVER
    return SessionEnd.IDLE if now - session.seen_at >= IDLE else None


def has_to_prove(session: WebSession, now: Instant) -> bool:
    """Whether it is too long ago that they gave their password or code for what cannot be undone."""
    return now - session.proved_at >= STEP_UP


def block_after(wrong: int) -> int:
    """How long (ms) an account is blocked after so many wrong passwords or codes one after the other: one second after
    the first that is not free, each time twice as long."""
    return 0 if wrong <= FREE_TRIES else min(SECOND << (wrong - FREE_TRIES - 1), LONGEST_BLOCK)
