"""Signs and reads the links with which a person chooses what they are sent: of one contact of theirs, and of nobody
else's; a row is written only when they choose something."""

from collections.abc import Iterable

from gateway.model import Contact, LinkPurpose, Notification, Preference
from gateway.notifications import signed_links
from gateway.notifications.preferences.wanted import cannot_be_muted
from gateway.notifications.topics import TOPICS, TopicName

EVERYTHING = "all"  # in place of a topic group, where a message is of none


def preferences_url(public_url: str, secret: str, contact: Contact, choice: Preference | None) -> str:
    """The whole link for a message; those that were made before the person ended their links open nothing."""
    return signed_links.url(public_url, secret, LinkPurpose.PREFERENCES, _signed_id(contact, choice))


def one_click_url(preferences: str, notification: Notification) -> str:
    """Where a mail program ends such messages at one click; "" for those that nobody can mute. `preferences`: the
    link that the message carries."""
    topic = TOPICS.get(notification.topic)
    if not preferences or topic is None or (topic.name is not TopicName.DAILY and cannot_be_muted(notification)):
        return ""
    return f"{preferences}/stop/{topic.group or EVERYTHING}"


def one_click_of_several(preferences: str, each: Iterable[str]) -> str:
    """The same for one message that tells several things: what all of them have in common, else everything."""
    different = {one for one in each if one}
    return next(iter(different)) if len(different) == 1 else f"{preferences}/stop/{EVERYTHING}" if different else ""


def preferences_token(secret: str, contact: Contact, choice: Preference | None) -> str:
    return signed_links.sign(secret, LinkPurpose.PREFERENCES, _signed_id(contact, choice))


def read_token(secret: str, token: str) -> tuple[str, int] | None:
    """(contact id, number of the link); None when it was not signed by us for this purpose."""
    read = signed_links.read(secret, LinkPurpose.PREFERENCES, token)
    contact_id, _, number = (read or "").rpartition(".")
    return (contact_id, int(number)) if contact_id and number.isdecimal() else None


def _signed_id(contact: Contact, choice: Preference | None) -> str:
    return f"{contact.id}.{choice.link_number if choice is not None else 0}"
