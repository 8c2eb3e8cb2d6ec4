"""Decides what a person's choice means for one message: whether they want it, where, and when. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gateway.calendars.opening_hours import next_time_of_day, quiet_until
from gateway.model import (
    Amount,
    Contact,
    Instant,
    Notification,
    Preference,
    Reason,
    ReasonKind,
    Recipient,
    RecipientKind,
    TopicGroup,
)
from gateway.notifications.context import NotificationContext
from gateway.notifications.topics import TOPICS, TopicName

BY_THEMSELVES = "stopped by whoever it belongs to"  # stopped_why of a contact
Choices = Mapping[Recipient, Preference]


class OfTheDay(NamedTuple):
    """The one message a day that is to tell it."""

    owner: Recipient  # whose contacts it goes to
    due_at: Instant


def cannot_be_muted(notification: Notification) -> bool:
    """Danger, a visit that is under way, and whatever somebody has pressed, said or asked for."""
    topic, facts = TOPICS.get(notification.topic), notification.facts
    return (topic is None or topic.required or topic.group is None or notification.critical
            or bool(facts.get("reported") or facts.get("answered")))


def why_unwanted(notification: Notification, choice: Preference | None) -> Reason | None:
    """Why whoever chose so is not told; None: they are."""
    if choice is None or cannot_be_muted(notification):
        return None
    topic = TOPICS[notification.topic]
    if choice.stopped_at is not None:
        return Reason(ReasonKind.STOPPED)
    if topic.group is TopicGroup.WELL:
        return None if choice.yearly else Reason(ReasonKind.MUTED, {"group": topic.group})
    if topic.group in choice.muted:
        return Reason(ReasonKind.MUTED, {"group": topic.group})
    if choice.amount is Amount.NOW and not topic.of_now:
        return Reason(ReasonKind.NOT_OF_NOW)
    return None


def passes_a_stop(notification: Notification, choice: Preference | None) -> bool:
    """Whether it goes to somebody who has stopped all messages: it says why it may, then."""
    return choice is not None and choice.stopped_at is not None and cannot_be_muted(notification)


def why_nobody_wants(notification: Notification, context: NotificationContext) -> Reason | None:
    """None while somebody whom it could reach is to be told."""
    reached = [one for one in context.contacts if is_for(notification, one)]
    if (not reached and context.contacts and not cannot_be_muted(notification)
            and all(one.stopped_why == BY_THEMSELVES for one in context.contacts)):
        return Reason(ReasonKind.CONTACTS_STOPPED)  # who ended each of their contacts is not to be rung up instead
    reasons = [why_unwanted(notification, context.choices.get(one.owner)) for one in reached]
    return reasons[0] if reasons and all(reasons) else None


def is_for(notification: Notification, contact: Contact) -> bool:
    """Whether that contact may carry it: some messages are one person's, and a code goes to what it is for alone, which
    is not in use yet."""
    if notification.topic == TopicName.CONTACT_CODE:
        return contact.id == notification.facts.get("contact_id")
    if contact.stopped_at is not None:
        return False
    one_persons = notification.topic in (TopicName.DAILY, TopicName.CONTACT_GONE, TopicName.ALL_IS_WELL)
    return not one_persons or notification.facts.get("owner") in (None, str(contact.owner))


def in_order(contacts: Iterable[Contact], choices: Choices, topic: str = "") -> tuple[Contact, ...]:
    """As their owners wish, for messages of this topic; the owners stay in the household's order."""
    given = list(contacts)
    if not any(choice.contact_order or choice.first_for for choice in choices.values()):
        return tuple(given)
    places = {owner: number for number, owner in enumerate(dict.fromkeys(one.owner for one in given))}

    about = TOPICS[topic].group if topic in TOPICS else None

    def place(numbered: tuple[int, Contact]) -> tuple[int, bool, int, int]:
        number, contact = numbered
        choice = choices.get(contact.owner)
        chosen = choice.contact_order if choice is not None else []
        first = choice is not None and about is not None and choice.first_for.get(about) == contact.id
        return (places[contact.owner], not first,
                chosen.index(contact.id) if contact.id in chosen else len(chosen), number)

    return tuple(contact for _, contact in sorted(enumerate(given), key=place))


def quiet_hours_of(choice: Preference | None, context: NotificationContext) -> tuple[str | None, str | None, str]:
    """(from, until, zone): their own, else the household's; both None: they have none."""
    household = context.customer
    zone = household.timezone if household is not None else "UTC"
    if choice is not None and choice.own_quiet:
        return choice.quiet_from, choice.quiet_until, choice.timezone or zone
    return (None, None, zone) if household is None else (household.quiet_from, household.quiet_until, zone)


def silent_until(context: NotificationContext, contact: Contact, now: Instant) -> Instant | None:
    """When the quiet hours end in which that contact's owner is now."""
    return quiet_until(*quiet_hours_of(context.choices.get(contact.owner), context), now)


def of_the_day(notification: Notification, context: NotificationContext, contact: Contact, now: Instant
               ) -> OfTheDay | None:
    """None: it goes out by itself, also when the day's message has not told it, or would come too late."""
    choice = context.choices.get(contact.owner)
    if (choice is None or choice.amount is not Amount.DIGEST or cannot_be_muted(notification)
            or notification.recipient_kind is not RecipientKind.CUSTOMER
            or TOPICS[notification.topic].passes_quiet_hours or notification.list_id is not None):
        return None
    quiet = quiet_hours_of(choice, context)
    due_at = next_time_of_day(choice.digest_at, choice.timezone or quiet[2], now)
    due_at = quiet_until(*quiet, due_at) or due_at
    begins = notification.facts.get("window_from")
    return None if begins is not None and begins <= due_at else OfTheDay(contact.owner, due_at)
