"""Queries for what people have chosen to be told, and for the messages that they get once a day."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import delete
from sqlmodel import Session, col, select

from gateway.model import (
    Contact,
    Customer,
    Instant,
    Notification,
    NotificationState,
    Person,
    Preference,
    Recipient,
    RecipientKind,
    Site,
    new_id,
)
from gateway.model.plan import Draft
from gateway.notifications.context import NotificationContext
from gateway.notifications.preferences.daily import daily_message, occurrence_of, only_true
from gateway.notifications.preferences.wanted import OfTheDay
from gateway.notifications.topics import TopicName
from gateway.store.plain_rows import is_one_of, plain_rows

_CHOICES = select(Preference).where(is_one_of(Preference.owner_id))


def choices_of(session: Session, owners: Collection[Recipient]) -> dict[Recipient, Preference]:
    """Of those who have chosen anything."""
    if not owners:
        return {}
    found = plain_rows(session, Preference, _CHOICES, {"ids": sorted({one.id for one in owners})})
    by_owner = {Recipient(one.owner_kind, one.owner_id): one for one in found}
    return {owner: one for owner, one in by_owner.items() if owner in owners}


def forget_choices(session: Session, person_ids: Collection[str]) -> None:
    """Of people who have left their household otherwise than by moving out."""
    session.connection().execute(delete(Preference).where(
        col(Preference.owner_kind) == RecipientKind.PERSON, col(Preference.owner_id).in_(list(person_ids))))


def still_theirs(session: Session, contact: Contact) -> bool:
    """Whether its owner is still of a household that lives somewhere: with moving out, links are over."""
    household = contact.owner_id
    if contact.owner_kind is RecipientKind.PERSON:
        row = session.get(Person, contact.owner_id)
        if row is None or row.left_at is not None:
            return False
        household = row.customer_id
    elif contact.owner_kind is not RecipientKind.CUSTOMER or session.get(Customer, household) is None:
        return False
    return session.exec(select(Site.id).where(
        Site.customer_id == household, col(Site.household_left_at).is_(None)).limit(1)).first() is not None


def begin_days(session: Session, held: Sequence[tuple[Notification, OfTheDay]], draft: Draft, now: Instant
               ) -> dict[str, str]:
    """Held message → the one of its day, which is written when there is none yet."""
    if not held:
        return {}
    rows = session.exec(select(Notification).where(
        Notification.topic == TopicName.DAILY, col(Notification.subject_id).in_({row.recipient_id for row, _ in held}),
        col(Notification.occurrence).in_({occurrence_of(day) for _, day in held})))
    known = {(row.recipient_id, row.occurrence): row.id for row in rows}
    days = {}
    for row, day in held:
        key = row.recipient_id, occurrence_of(day)
        if key not in known:
            daily = daily_message(new_id("N"), row.recipient, day, now)
            draft.add(daily)
            known[key] = daily.id
        days[row.id] = known[key]
    return days


def items_of(session: Session, rows: Iterable[Notification]) -> dict[str, list[Notification]]:
    """Message of a day → what waits for it, in the order in which it was written."""
    ids = [row.id for row in rows if row.topic == TopicName.DAILY]
    found: defaultdict[str, list[Notification]] = defaultdict(list)
    if ids:
        for row in session.exec(select(Notification).where(
                col(Notification.list_id).in_(ids), Notification.state == NotificationState.HELD)
                .order_by(col(Notification.created_at), col(Notification.id))):
            found[row.list_id or ""].append(row)
    return found


def with_items(rows: Iterable[Notification], contexts: Mapping[str, NotificationContext],
               items: Mapping[str, Sequence[Notification]], about: Mapping[str, NotificationContext], now: Instant
               ) -> dict[str, NotificationContext]:
    """The contexts, where each message of a day knows what it lists."""
    listed = {row.id: only_true(row, replace(contexts[row.id], items=tuple(
        (one, about[one.id]) for one in items.get(row.id, ()))), now)
        for row in rows if row.topic == TopicName.DAILY}
    return {**contexts, **listed}


def still_waiting(session: Session, ids: Collection[str]) -> list[Notification]:
    """Those of these that nothing has become of since, locked until the transaction ends."""
    if not ids:
        return []
    return list(session.exec(select(Notification).where(
        col(Notification.id).in_(ids), Notification.state == NotificationState.HELD)
        .order_by(col(Notification.id)).with_for_update()))
