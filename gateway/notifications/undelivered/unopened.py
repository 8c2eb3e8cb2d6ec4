"""What was sent and opened by nobody: by when it has to be opened, and which channels are left. Pure."""

from gateway.model import MINUTE, AttemptOutcome, Contact, Instant, Notification, RecipientKind
from gateway.notifications.context import NotificationContext
from gateway.notifications.topics import TOPICS


def open_by(notification: Notification, context: NotificationContext, minutes: int, now: Instant) -> Instant | None:
    """By when the page behind its link has to be opened, of a message that is sent now; None: it need not be, or that
    could not be seen. `minutes`: service.unopened_minutes."""
    topic, link, until = TOPICS.get(notification.topic), context.link, now + minutes * MINUTE
    waits = (minutes > 0 and topic is not None and topic.falls_over and notification.critical
             and notification.recipient_kind is RecipientKind.CUSTOMER and notification.opened_at is None)
    can_be_opened = link is not None and link.revoked_at is None and link.expires_at > until
    return until if waits and can_be_opened else None


def was_opened(notification: Notification) -> bool:
    """Of one that has been sent: nobody has to open it any more."""
    return notification.open_by is None


def channels_sent(context: NotificationContext) -> frozenset[str]:
    """The channels by which it has gone out."""
    return frozenset(one.channel for one in context.attempts if one.outcome == AttemptOutcome.SENT)


def last_sent_at(context: NotificationContext) -> Instant:
    """When it last went out."""
    return max(one.finished_at or one.started_at for one in context.attempts if one.outcome == AttemptOutcome.SENT)


def other_channels(context: NotificationContext) -> tuple[Contact, ...]:
    """The recipient's contacts on channels by which it has not gone out, in their order; first those of whoever got it
    last."""
    sent = channels_sent(context)
    if not sent:
        return context.contacts
    had = {one.contact_id for one in context.attempts if one.outcome == AttemptOutcome.SENT}
    owner = next((one.owner for one in reversed(context.contacts) if one.id in had), None)
    left = [one for one in context.contacts if one.channel not in sent]
    return tuple(sorted(left, key=lambda one: one.owner != owner))
