"""Decides which messages leave as one: all that are due for one reader at one contact. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from gateway.model import Contact, Notification, Recipient, RecipientKind
from gateway.notifications.context import NotificationContext
from gateway.notifications.topics import TOPICS, Priority

MOST_PIECES = 10  # of one message: nobody reads more

One = TypeVar("One")


class BundleKey(NamedTuple):
    """What the pieces of one message have in common."""

    to: Recipient
    contact_id: str  # and with it the person who reads it, and their language
    in_shadow: bool
    link_id: str = ""  # of a short message, which has room for one link


def bundle_key(notification: Notification, context: NotificationContext, contact: Contact, short: bool
               ) -> BundleKey | None:
    """None: it goes alone. `short`: the contact's channel carries a short text and one link.

    What is critical, or comes first because somebody there needs help, is never merged. Nor is anything where a program
    reads it: that can tell a second copy by its id, and could not if the first came within another message.
    """
    topic = TOPICS.get(notification.topic)
    if (topic is None or not topic.may_be_merged or notification.critical or notification.priority != Priority.ORDINARY
            or notification.recipient_kind is not RecipientKind.CUSTOMER or contact.channel in context.knows_repeats):
        return None
    link_id = context.link.id if context.link is not None else ""
    if short and not link_id:
        return None  # what it has no room for could be read nowhere
    return BundleKey(notification.recipient, contact.id, context.in_shadow, link_id if short else "")


class Company(Generic[One]):
    """What has been decided for the first piece of each message of several, and how many there are."""

    def __init__(self) -> None:
        self.readers: set[Recipient] = set()
        self._decided: dict[BundleKey, One] = {}
        self._pieces: Counter[BundleKey] = Counter()

    def begin(self, key: BundleKey, decided: One) -> None:
        """The first piece; the last message of that key is full."""
        self.readers.add(key.to)
        self._decided[key], self._pieces[key] = decided, 1

    def has_room(self, key: BundleKey) -> bool:
        """Whether another piece may leave with those of that key."""
        return 0 < self._pieces[key] < MOST_PIECES

    def join(self, key: BundleKey) -> One:
        """One more piece: what was decided for the first."""
        self._pieces[key] += 1
        return self._decided[key]


def readers_of_several(notifications: Iterable[Notification]) -> frozenset[str]:
    """Ids of the recipients of more than one of these: of all others nothing needs to be asked, which is almost
    everybody in a storm."""
    ids = [row.recipient_id for row in notifications]
    if len(set(ids)) == len(ids):
        return frozenset()
    return frozenset(one for one, count in Counter(ids).items() if count > 1)


def bundle(messages: Iterable[One], key_of: Callable[[One], BundleKey | None]) -> list[list[One]]:
    """The messages that are about to go, as they leave: alone, or with all others of the same key, in their order."""
    bundles: list[list[One]] = []
    open_ones: dict[BundleKey, list[One]] = {}
    for one in messages:
        key = key_of(one)
        pieces = open_ones.get(key) if key is not None else None
        if pieces is not None and len(pieces) < MOST_PIECES:
            pieces.append(one)
            continue
        bundles.append([one])
        if key is not None:
            open_ones[key] = bundles[-1]
    return bundles
