"""Queries for contacts that people have typed themselves and that wait for their code."""

from sqlalchemy import delete, func, text
from sqlmodel import Session, col, select

from gateway.model import DAY, HOUR, Contact, ContactCheck, Customer, Instant, Recipient
from gateway.notifications.preferences.choose import WAITS_FOR_CODE
from gateway.notifications.preferences.codes import PREFIX

KEPT = 2 * DAY  # longer than any limit looks back


def lock_asking(session: Session) -> None:
    """Until the transaction ends: whoever asks for a code is counted after whoever asked before, whosever address and
    network it is. SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(7294413)"))


def lock_household(session: Session, customer_id: str) -> None:
    """Until the transaction ends: two taps are counted one after the other."""
    session.exec(select(Customer.id).where(Customer.id == customer_id).with_for_update()).one_or_none()


def checks_of(session: Session, owner: Recipient, now: Instant) -> list[ContactCheck]:
    """The newest first."""
    return list(session.exec(select(ContactCheck).where(
        ContactCheck.owner_kind == owner.kind, ContactCheck.owner_id == owner.id,
        col(ContactCheck.asked_at) > now - DAY).order_by(col(ContactCheck.asked_at).desc(), col(ContactCheck.id))))


def checks_like(session: Session, address: str, now: Instant) -> list[ContactCheck]:
    """Of anybody: of that address, and of numbers that begin like it."""
    like = address[:PREFIX] if address.startswith("+") else address
    return list(session.exec(select(ContactCheck).where(
        col(ContactCheck.address).startswith(like, autoescape=True), col(ContactCheck.asked_at) > now - DAY)))


def count_from_network(session: Session, network: str, now: Instant) -> int:
    """How many within the last hour; `network`: a hash, "": not known, so nobody's."""
    if not network:
        return 0
    return session.exec(select(func.count()).where(
        ContactCheck.asked_from == network, col(ContactCheck.asked_at) > now - HOUR)).one()


def forget_old(session: Session, now: Instant) -> None:
    """Codes that were asked for, and contacts for which nobody typed one within a day."""
    session.connection().execute(delete(ContactCheck).where(col(ContactCheck.asked_at) < now - KEPT))
    session.connection().execute(delete(Contact).where(
        col(Contact.stopped_why) == WAITS_FOR_CODE, col(Contact.stopped_at) < now - DAY))
