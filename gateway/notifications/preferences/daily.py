"""The one message a day of who wants it so: what it lists is checked again when it goes out. Pure."""

from dataclasses import replace

from gateway.model import Instant, Notification, Recipient, Subject, SubjectKind
from gateway.notifications.compose import compose
from gateway.notifications.context import NotificationContext
from gateway.notifications.decide import why_obsolete, why_superseded
from gateway.notifications.preferences.wanted import OfTheDay, why_unwanted
from gateway.notifications.topics import TopicName


def occurrence_of(day: OfTheDay) -> str:
    """Nobody has two that are due at the same time."""
    return f"{day.owner}/{day.due_at}"


def daily_message(notification_id: str, to: Recipient, day: OfTheDay, now: Instant) -> Notification:
    """Due when they want it; it lists whatever names it in `list_id` by then."""
    row = compose(notification_id, to, TopicName.DAILY, Subject(SubjectKind.CUSTOMER, to.id), occurrence_of(day), now,
                  facts={"owner": str(day.owner)})
    row.due_at = day.due_at
    return row


def only_true(row: Notification, context: NotificationContext, now: Instant) -> NotificationContext:
    """Without what is over, was said otherwise, or is not wanted any more: each of that gets its own reason when it is
    looked at itself."""
    choice = next((one for owner, one in context.choices.items() if str(owner) == row.facts.get("owner")), None)
    return replace(context, items=tuple(
        (one, about) for one, about in context.items
        if not (why_obsolete(one, about, now) or why_superseded(one, about, now) or why_unwanted(one, choice))))
