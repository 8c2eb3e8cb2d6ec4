"""Decides whether a message leaves the house: in the shadow mode only what a person has just asked for does."""

from collections.abc import Collection
from dataclasses import dataclass

from gateway.config.settings import Service
from gateway.model import CallbackKind, Notification, RecipientKind, SubjectKind
from gateway.notifications.context import NotificationContext
from gateway.notifications.topics import TopicName
from gateway.notifications.undelivered.unopened import channels_sent

_OUR_PEOPLE = (RecipientKind.DISPATCHER, RecipientKind.EMERGENCY, RecipientKind.ON_CALL)
# somebody has this moment asked for exactly this message, and waits for it
_ASKED_FOR = (TopicName.TEST, TopicName.PAGE_LINK, TopicName.HOUSEHOLD_LINK, TopicName.CONTACT_CODE)
# written only about what left, or was to leave, in earnest
_OF_WHAT_LEFT = (TopicName.UNDELIVERABLE, TopicName.UNDELIVERED_LIST)

NEVER_LEFT = "shadow mode: it never left the house"  # why an offer does not count in a firm's track record


@dataclass(frozen=True)
class InShadow:
    """What came of handing over a message in the shadow mode: it was worded, and the channel was not called."""


def is_live(areas: Collection[str], service: Service) -> bool:
    """Whether what concerns a home in these areas, all above them among them, leaves the house."""
    return service.mode == "on" or not set(areas).isdisjoint(service.live_areas)


def stays_here(notification: Notification, context: NotificationContext, areas: Collection[str] | None,
               service: Service) -> bool:
    """Whether it is for the books only. `areas`: those of the homes that it tells of, and all above them; None: it is
    about no home, so our own people hear it as soon as any area is live. Who was told in earnest before the mode was
    shadow is told to the end: on the next channel, and in the end somebody rings."""
    if service.mode == "on" or _is_asked_for(notification, context) or channels_sent(context):
        return False
    return not service.live_areas if areas is None else not is_live(areas, service)


def _is_asked_for(notification: Notification, context: NotificationContext) -> bool:
    """A call for help with its whole ladder, a wish to be rung, or a message that somebody has asked for by name. That
    we ring of our own accord nobody has asked for."""
    if notification.topic in _ASKED_FOR or notification.topic in _OF_WHAT_LEFT:
        return True
    if notification.subject_kind is not SubjectKind.CALLBACK or notification.recipient_kind not in _OUR_PEOPLE:
        return False
    return context.callback is None or context.callback.kind is not CallbackKind.CHECK
