"""Queries for contacts that do not work any more: the dispatcher's list of an hour, and whom it names."""

from collections.abc import Iterable

from sqlalchemy import func
from sqlmodel import Session, col, select

from gateway.model import (
    Contact,
    Customer,
    Instant,
    Notification,
    Person,
    Provider,
    Reason,
    ReasonKind,
    Recipient,
    RecipientKind,
    new_id,
)
from gateway.notifications.context import Undelivered
from gateway.notifications.preferences.choose import NOT_SHOWN
from gateway.notifications.preferences.wanted import BY_THEMSELVES
from gateway.notifications.topics import TopicName
from gateway.notifications.undelivered.contacts import list_of_the_hour
from gateway.store.households import telephones


def list_to_begin(session: Session, now: Instant) -> list[Notification]:
    """Of this hour, when there is none yet."""
    row = list_of_the_hour(new_id, now)
    known = session.exec(select(func.count()).select_from(Notification).where(
        Notification.topic == row.topic, Notification.subject_id == row.subject_id,
        Notification.occurrence == row.occurrence)).one()
    return [] if known else [row]


def gone_within(session: Session, rows: Iterable[Notification]) -> dict[str, tuple[Undelivered, ...]]:
    """The dispatcher's list → whose contacts it names, those still out of use."""
    found = {}
    for row in rows:
        if row.topic != TopicName.CONTACTS_GONE:
            continue
        gone = session.exec(select(Contact).where(
            col(Contact.stopped_at) >= row.facts["since"], col(Contact.stopped_at) < row.facts["until"])
            .order_by(col(Contact.id))).all()
        gone = [one for one in gone if one.stopped_why not in (*NOT_SHOWN, BY_THEMSELVES)]
        names, households = _names(session, {one.owner for one in gone})
        numbers = telephones(session, {(households.get(one.owner, one.owner), None) for one in gone})
        found[row.id] = tuple(Undelivered(
            names.get(one.owner, str(one.owner)), tuple(numbers[households.get(one.owner, one.owner), None]), (),
            Reason(ReasonKind.ADDRESS_GONE, {"channel": one.channel, "last": one.stopped_why or ""}), False)
            for one in gone)
    return found


def _names(session: Session, owners: Iterable[Recipient]) -> tuple[dict[Recipient, str], dict[Recipient, Recipient]]:
    """Owner → name, and person → household."""
    ids = [one.id for one in owners]
    names = {Recipient(RecipientKind.CUSTOMER, row.id): row.name
             for row in session.exec(select(Customer).where(col(Customer.id).in_(ids)))}
    names |= {Recipient(RecipientKind.PROVIDER, row.id): row.name
              for row in session.exec(select(Provider).where(col(Provider.id).in_(ids)))}
    people = list(session.exec(select(Person).where(col(Person.id).in_(ids))))
    names |= {Recipient(RecipientKind.PERSON, row.id): row.name for row in people}
    return names, {Recipient(RecipientKind.PERSON, row.id): Recipient(RecipientKind.CUSTOMER, row.customer_id)
                   for row in people}
