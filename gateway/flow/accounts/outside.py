"""sign in from outside: somebody for whom an identity provider vouches, as one of our users."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from sqlmodel import Session

from gateway.flow.accounts import sign_in, users
from gateway.flow.accounts.audit import write_denial
from gateway.flow.accounts.sign_in import NotSignedIn, SignIn, Visitor, write_failure
from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import Actor, ActorKind, AuditOutcome, Instant, Role, User, WebSession
from gateway.store.accounts import users as queries


class Identity(NamedTuple):
    """What the provider says of somebody."""

    issuer: str
    subject: str  # its id of them, which stays
    name: str = ""
    email: str = ""
    email_verified: bool = False
    groups: tuple[str, ...] | None = None  # None: it has sent none, so nothing follows for their role


class WhyRefused(StrEnum):
    """Why somebody does not come in whom the provider knows."""

    DISABLED = "disabled"
    """Their account is disabled here."""
    NO_ROLE = "no_role"
    """None of their groups stands for a role, or they have no account here and no groups were sent."""
    NO_EMAIL = "no_email"
    """They have no account here yet, and the provider sends no address, or has not verified it."""
    OTHER_IDENTITY = "other_identity"
    """The account with their address is somebody else's at the provider."""


class OutsideRefused(NotSignedIn):
    def __init__(self, why: WhyRefused) -> None:
        super().__init__(why)
        self.why = why


def sign_in_from_outside(gw: Gateway, identity: Identity, roles: Mapping[str, Role], visitor: Visitor, now: Instant
                         ) -> SignIn:
    """`roles`: group → role. Raises OutsideRefused, which is written down."""

    def matched() -> User | WhyRefused:
        with gw.store.write() as session:
            return _matched(session, identity, roles, Actor(ActorKind.GATEWAY, address=visitor.address), now)

    user = retry_on_conflict(matched)
    if isinstance(user, WhyRefused):
        with gw.store.read() as session:
            known = queries.by_outside_id(session, identity.issuer, identity.subject)
        write_failure(gw, known, visitor, now)
        raise OutsideRefused(user)
    return sign_in.start(gw, user, visitor, now)


def prove_from_outside(gw: Gateway, identity: Identity, user: User, row: WebSession, who: Actor, now: Instant) -> None:
    """Whoever is signed in has just signed in at the provider again. Raises OutsideRefused, which is written down, when
    that was somebody else."""
    if (identity.issuer, identity.subject) != (user.issuer, user.outside_id):
        write_denial(gw, "prove", who, now, ("user", user.id), AuditOutcome.FAILED)
        raise OutsideRefused(WhyRefused.OTHER_IDENTITY)
    with gw.store.write() as session:
        sign_in.has_proved(session, user, row, who, now)


def _matched(session: Session, identity: Identity, roles: Mapping[str, Role], who: Actor, now: Instant
             ) -> User | WhyRefused:
    """By the provider's own id of them; once, the first time, by the address that it has verified; else somebody new.
    """
    role = next((role for group, role in roles.items() if group in (identity.groups or ())), None)
    user = queries.by_outside_id(session, identity.issuer, identity.subject)
    by_email = queries.by_email(session, identity.email) if user is None and identity.email_verified else None
    found = user or by_email
    if found is not None and found.disabled_at is not None:
        return WhyRefused.DISABLED
    if by_email is not None and by_email.outside_id is not None:
        return WhyRefused.OTHER_IDENTITY
    if found is None and not (users.is_address(identity.email) and identity.email_verified):
        return WhyRefused.NO_EMAIL
    if role is None and (found is None or (roles and identity.groups is not None)):
        return WhyRefused.NO_ROLE
    if found is None:
        assert role is not None
        found = users.add_user(session, identity.name or identity.email, identity.email, role, None, who, now)
    elif role is not None and role is not found.role and not users.is_last_operator(session, found):
        found = users.change_role(session, found.id, role, None, who, now)
    found.issuer, found.outside_id = identity.issuer, identity.subject
    session.add(found)
    session.flush()
    return found
