"""Queries for who is at the identity provider: begun, taken back once, forgotten."""

from sqlmodel import Session, col, delete, select

from gateway.model import Instant, SignInFlow


def take(session: Session, flow_id: str, now: Instant) -> SignInFlow | None:
    """The flow, which nobody can take again; None when there is none, or its time is over."""
    row = session.exec(select(SignInFlow).where(SignInFlow.id == flow_id).with_for_update()).first()
    if row is None:
        return None
    session.delete(row)
    return row if now < row.ends_at else None


def forget_old(session: Session, now: Instant) -> None:
    session.connection().execute(delete(SignInFlow).where(col(SignInFlow.ends_at) < now))
