"""sign in: the password, then the second factor where there is one; a session until it is idle, over or ended."""

from typing import NamedTuple

from sqlmodel import Session

from gateway.access.audit import denial_of
from gateway.access.sessions import SessionEnd, session_end
from gateway.flow.accounts.audit import actor_of, write_act, write_denial
from gateway.flow.accounts.one_time_codes import decrypt, hash_recovery_code, step_of
from gateway.flow.accounts.passwords import fits, hash_password, is_outdated
from gateway.flow.gateway import Gateway
from gateway.model import SECOND, Actor, ActorKind, AuditOutcome, Instant, Role, User, WebSession
from gateway.model.plan import Plan
from gateway.store.accounts import sessions, users


class Visitor(NamedTuple):
    """Where somebody who signs in comes from."""

    address: str = ""
    browser: str = ""
    is_known: bool = False  # they have signed in there before: the caller counts their tries, apart from strangers'


class SignIn(NamedTuple):
    """What the browser keeps from now on."""

    token: str
    waits_for_code: bool


class NotSignedIn(Exception):
    """Email and password do not belong together, or the code is wrong: nobody learns which."""


class HasToWait(NotSignedIn):
    """Too many were wrong; `seconds` from now the next one is looked at."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    @property
    def sentence(self) -> str:
        wait = f"{self.seconds} seconds" if self.seconds > 1 else "a second"
        return f"Too many tries. Please wait {wait}, then try again."


class SignedIn(NamedTuple):
    """Who uses a session."""

    session: WebSession
    user: User


def give_password(gw: Gateway, email: str, password: str, visitor: Visitor, now: Instant) -> SignIn:
    """Raises HasToWait, NotSignedIn."""
    with gw.store.write() as session:
        user = users.by_email(session, email)
        if user is not None and not visitor.is_known and not users.take_try(session, user.id, now):
            raise HasToWait(_seconds(user, now))
    good = fits(user.password if user is not None else None, password)
    if user is None or not good or user.disabled_at is not None or _is_from_outside(gw, user):
        write_failure(gw, user, visitor, now)
        raise NotSignedIn
    better = hash_password(password) if user.password is not None and is_outdated(user.password) else None
    with gw.store.write() as session:
        row = session.get_one(User, user.id, with_for_update=True)
        if row.password != user.password or row.disabled_at is not None:  # while the password was looked at
            raise NotSignedIn
        waits = row.code_secret is not None
        token = sessions.start(session, row, *visitor[:2], now, waits)
        if better is not None:
            row.password = better
        if not waits:
            _signed_in(session, row, visitor, now)
    return SignIn(token, waits)


def _is_from_outside(gw: Gateway, user: User) -> bool:
    """Whether only the identity provider vouches for them. An operator's password works all the same: for the day on
    which the provider does not answer."""
    oidc = gw.settings.sign_in.oidc
    return oidc is not None and user.issuer == oidc.issuer and user.role is not Role.OPERATOR


def start(gw: Gateway, user: User, visitor: Visitor, now: Instant) -> SignIn:
    """For somebody who has proved in another way who they are: by the welcome link, or elsewhere."""
    with gw.store.write() as session:
        _signed_in(session, user, visitor, now)
        return SignIn(sessions.start(session, user, *visitor[:2], now), False)


def give_code(gw: Gateway, token: str, code: str, visitor: Visitor, now: Instant) -> SignIn:
    """The second factor, or a recovery code; the session gets another id. Raises HasToWait, NotSignedIn."""
    with gw.store.write() as session:
        found = sessions.find(session, token)
        if found is None or not found[0].waits_for_code or session_end(*found, now) is not None:
            raise NotSignedIn
        row, user = found
        session.refresh(user, with_for_update=True)  # nobody resets or disables them until this is done
        session.refresh(row)
        if session_end(row, user, now) is not None:
            raise NotSignedIn
        if not visitor.is_known and not users.take_try(session, user.id, now):
            raise HasToWait(_seconds(user, now))
        good = uses_code(gw, session, user, code, now)
        if good:
            sessions.end(session, row.id, now)
            _signed_in(session, user, visitor, now)
            return SignIn(sessions.start(session, user, *visitor[:2], now), False)
    write_failure(gw, user, visitor, now)
    raise NotSignedIn


def uses_code(gw: Gateway, session: Session, user: User, code: str, now: Instant) -> bool:
    """Whether the code is the user's, and was never used; it is from now on."""
    secret = decrypt(user.code_secret or "", gw.settings.secret.get_secret_value())
    step = step_of(secret, code, now) if secret is not None else None
    if step is not None:
        return users.use_code_step(session, user.id, step)
    return users.use_recovery_code(session, user.id, hash_recovery_code(user.id, code), now)


def who_is(gw: Gateway, token: str, now: Instant, does_something: bool = True) -> SignedIn | SessionEnd | None:
    """Whose session this is, or why it is over; None: there is none. `does_something`: not only a page that keeps
    itself up to date."""
    with gw.store.read() as session:
        found = sessions.find(session, token)
    if found is None or found[0].waits_for_code:
        return None
    row, user = found
    ended = session_end(row, user, now)
    if ended is not None:
        return ended
    if does_something and sessions.is_stale(row, now):
        with gw.store.write() as session:
            sessions.touch(session, row, now)
    return SignedIn(row, user)


def whose(gw: Gateway, token: str) -> User | None:
    """Whose session this is, or was, also when it still waits for a code."""
    with gw.store.read() as session:
        found = sessions.find(session, token)
    return found[1] if found is not None else None


def proves_password(user: User, password: str) -> bool:
    """Whether they know it. The caller counts how often that is tried."""
    return fits(user.password, password)


def prove(gw: Gateway, user: User, row: WebSession, given: str, who: Actor, now: Instant) -> None:
    """They give their password or a code again, for what cannot be undone; the caller counts how often that is tried.
    Raises NotSignedIn."""
    good = fits(user.password, given)
    if not good and user.code_secret is not None:
        with gw.store.write() as session:
            good = uses_code(gw, session, user, given, now)
    if not good:
        write_denial(gw, "prove", who, now, ("user", user.id), AuditOutcome.FAILED)
        raise NotSignedIn
    with gw.store.write() as session:
        has_proved(session, user, row, who, now)


def has_proved(session: Session, user: User, row: WebSession, who: Actor, now: Instant) -> None:
    """In this session it is them."""
    sessions.prove(session, row, now)
    write_act(session, "prove", ("user", user.id), Plan(), who, now)


def end_session(gw: Gateway, user: User, session_id: str, who: Actor, now: Instant) -> None:
    """One of the user's own."""
    with gw.store.write() as session:
        row = session.get(WebSession, session_id)
        if row is not None and row.user_id == user.id:
            sessions.end(session, row.id, now)
            write_act(session, "end_session", ("user", user.id), Plan(), who, now)


def sign_out(gw: Gateway, token: str, now: Instant) -> None:
    with gw.store.write() as session:
        found = sessions.find(session, token)
        if found is not None:
            sessions.end(session, found[0].id, now)
            write_act(session, "sign_out", ("user", found[1].id), Plan(), actor_of(found[1], found[0].address), now)


def _signed_in(session: Session, user: User, visitor: Visitor, now: Instant) -> None:
    users.forget_tries(session, user.id)
    write_act(session, "sign_in", ("user", user.id), Plan(), actor_of(user, visitor.address), now)


def write_failure(gw: Gateway, user: User | None, visitor: Visitor, now: Instant) -> None:
    """That somebody was not let in; `user`: whom they said they were."""
    who = Actor(ActorKind.AGENT, "", user.id if user is not None else "", None, visitor.address)
    with gw.store.write() as session:
        session.add(denial_of("sign_in", ("user", who.account), who, now, AuditOutcome.FAILED))


def _seconds(user: User, now: Instant) -> int:
    return max(1, -(-((user.blocked_until or now) - now) // SECOND))
