"""What only a mail shows: the chart of what a device has measured around its fault, and the link that ends such
messages. Read when the mail is due, and for no other message."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from threading import BoundedSemaphore
from typing import Protocol

from gateway.devices.profiles import Profile
from gateway.model import Instant, Notification, RecipientKind
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.charts.fault_course import CHARTED, FaultCourse, fault_courses
from gateway.notifications.charts.geometry import plot
from gateway.notifications.context import NotificationContext
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.messages import CHART_FRAME, Facts, MessageRenderer
from gateway.notifications.preferences.links import one_click_url
from gateway.notifications.topics import MAIL
from gateway.store import Store
from gateway.store.visits.around_fault import fault_of

_READERS = (RecipientKind.CUSTOMER, RecipientKind.DISPATCHER, RecipientKind.ON_CALL)

AT_ONCE, PATIENCE_S = 4, 1.0  # charts are read so many at a time: a storm of faults must not take all connections

_log = logging.getLogger(__name__)
_reading = BoundedSemaphore(AT_ONCE)


class MailContext(Protocol):
    """What it needs of the gateway."""

    @property
    def store(self) -> Store: ...
    @property
    def profiles(self) -> Mapping[str, Profile]: ...
    @property
    def messages(self) -> MessageRenderer: ...


def with_extras(gw: MailContext, row: Notification, context: NotificationContext, channel: str, facts: Facts,
                locale: str, now: Instant) -> Facts:
    """The same facts for every channel but mail. No chart keeps a message from going."""
    if channel != MAIL:
        return facts
    facts = replace(facts, unsubscribe=one_click_url(facts.preferences, row))
    if row.topic not in CHARTED or row.recipient_kind not in _READERS or context.in_shadow:  # there nobody sees it
        return facts
    if not _reading.acquire(timeout=PATIENCE_S):
        return facts
    try:
        return replace(facts, chart=_chart(gw, context, gw.messages.catalogues.best_for(locale), facts.zone, now))
    except Exception:
        _log.exception("the chart of %s cannot be drawn: it goes out without", row.id)
        return facts
    finally:
        _reading.release()


def _chart(gw: MailContext, context: NotificationContext, words: Catalogue, zone: str, now: Instant
           ) -> FaultCourse | None:
    """Of the signal that the fault was judged by; None where there is none, as when a device is silent."""
    ticket, device = context.ticket, context.device
    if ticket is None or device is None or ticket.outage_id is not None:
        return None
    moved_in = context.site.household_since if context.site is not None else None
    with gw.store.read() as session:
        alarms, around = fault_of(session, ticket, device, moved_in, now)
    courses = fault_courses(around, alarms, None, gw.profiles.get(device.profile), words,
                            TimeFormat(words, zone, now), judged_only=True)
    return next((one for one in courses if plot(one.facts, CHART_FRAME) is not None), None)
