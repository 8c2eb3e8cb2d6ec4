"""Plans who hears that a contact does not work any more: its owner on another of theirs, and the dispatcher."""

from collections.abc import Callable

from gateway.model import DISPATCHER, HOUR, Contact, Instant, Notification, RecipientKind, Subject, SubjectKind
from gateway.notifications.compose import compose
from gateway.notifications.context import NotificationContext
from gateway.notifications.preferences.choose import masked
from gateway.notifications.topics import TopicName

GONE = Subject(SubjectKind.GATEWAY, "contacts")  # what the dispatcher's lists are about


def tell_its_owner(gone: Contact, failed: Notification, context: NotificationContext, new_id: Callable[[str], str],
                   now: Instant) -> list[Notification]:
    """For who has another contact in use: nobody else of the household is told."""
    other = any(one.owner == gone.owner and one.id != gone.id and one.stopped_at is None for one in context.contacts)
    if failed.recipient_kind is not RecipientKind.CUSTOMER or not other:
        return []
    return [compose(new_id("N"), failed.recipient, TopicName.CONTACT_GONE,
                    Subject(SubjectKind.CUSTOMER, failed.recipient_id), f"{gone.id}/{now}", now,
                    facts={"owner": str(gone.owner), "contact_id": gone.id, "channel": gone.channel,
                           "reached_at": masked(gone)})]


def list_of_the_hour(new_id: Callable[[str], str], now: Instant) -> Notification:
    """One for all of an hour, which is due when it is over: a server that refuses everybody makes one message."""
    since = now - now % HOUR
    row = compose(new_id("N"), DISPATCHER, TopicName.CONTACTS_GONE, GONE, since, now,
                  facts={"since": since, "until": since + HOUR})
    row.due_at = since + HOUR
    return row
