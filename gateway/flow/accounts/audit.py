"""audit: writes down who did what, in the transaction that does it, and what was denied."""

from sqlmodel import Session

from gateway.access.audit import Target, audit_of, denial_of
from gateway.flow.gateway import Gateway
from gateway.model import Actor, ActorKind, AuditOutcome, Instant, Role, User
from gateway.model.plan import Plan


def actor_of(user: User, address: str) -> Actor:
    """A user as timelines and the audit log name them."""
    kind = ActorKind.PROVIDER if user.role is Role.PROVIDER else ActorKind.AGENT
    return Actor(kind, user.name, user.id, user.role, address)


NOTHING: Target = ("", "")


def write_act(session: Session, action: str, target: Target, plan: Plan, who: Actor, now: Instant) -> None:
    """In the transaction of the plan: either both are there or neither."""
    session.add(audit_of(action, target, plan, who, now))


def write_denial(gw: Gateway, action: str, who: Actor, now: Instant, target: Target = NOTHING,
                 outcome: AuditOutcome = AuditOutcome.DENIED) -> None:
    """Something that was not done, in a transaction of its own."""
    with gw.store.write() as session:
        session.add(denial_of(action, target, who, now, outcome))


def write_command(session: Session, action: str, target: Target, now: Instant) -> None:
    """Something that was done at the gateway's own command line."""
    write_act(session, action, target, Plan(), Actor(ActorKind.OPERATOR), now)
