"""The rows that an explanation is made from, as the store loads them."""

from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.detection import ClaimedDevice
from gateway.model import (
    Alarm,
    Attempt,
    ButtonTest,
    Callback,
    Command,
    Contact,
    Device,
    Entry,
    Goodwill,
    GoodwillCase,
    Instant,
    MemberState,
    Notification,
    NotificationState,
    Offer,
    Outage,
    Promise,
    Reason,
    Recipient,
    Site,
    SlaClock,
    Ticket,
    Visit,
)
from gateway.model.signals import Value
from gateway.tickets.sla.policy import SlaPolicy


@dataclass
class SubjectHistory:
    """The notifications and timeline of one ticket, callback, alarm or outage.

    `names`: recipient or provider id → its name.
    """

    notifications: list[tuple[Notification, list[Attempt]]] = field(default_factory=list)  # oldest first
    entries: list[Entry] = field(default_factory=list)  # oldest first
    names: dict[str | Recipient, str] = field(default_factory=dict)
    # id → the dispatcher's list of people who could not be told, of those on which a recipient of these stands
    lists: dict[str, Notification] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)  # id → on which it was tried, of people and households


@dataclass
class AlarmFacts:
    """One alarm with all that explains it."""

    alarm: Alarm
    device: Device
    site: Site
    ticket: Ticket | None = None
    command: Command | None = None  # that was tried first
    suppressed_by: Outage | Device | None = None  # what explains it
    history: SubjectHistory = field(default_factory=SubjectHistory)  # of its ticket, else its own

    @property
    def zone(self) -> str:
        return self.site.timezone


@dataclass
class TicketFacts:
    """One ticket with its alarms, offers, visits, promises and SLA clocks."""

    ticket: Ticket
    device: Device | None  # None: an outage, or reported without one
    site: Site
    outage: Outage | None = None  # that it is about
    alarms: list[Alarm] = field(default_factory=list)  # oldest first
    offers: list[Offer] = field(default_factory=list)  # oldest first
    visits: list[Visit] = field(default_factory=list)
    same_trip: list[str] = field(default_factory=list)  # ids of other tickets that the same trip settles
    promises: list[Promise] = field(default_factory=list)
    sla: list[tuple[SlaClock, SlaPolicy]] = field(default_factory=list)  # each with the version it was set by
    credits: list[Goodwill] = field(default_factory=list)  # of this home by a rule, oldest first
    goodwill_cases: list[GoodwillCase] = field(default_factory=list)  # of its trips or its outage, as they were weighed
    history: SubjectHistory = field(default_factory=SubjectHistory)

    @property
    def zone(self) -> str:
        return self.site.timezone


@dataclass
class CallbackFacts:
    """One callback with its promises."""

    callback: Callback
    device: Device | None  # the button that was pressed last
    site: Site
    promises: list[Promise] = field(default_factory=list)
    history: SubjectHistory = field(default_factory=SubjectHistory)

    @property
    def zone(self) -> str:
        return self.site.timezone


class NotificationCount(NamedTuple):
    """One message to many customers, as far as it fared alike."""

    topic: str
    state: NotificationState
    reason: Reason | None
    customers: int
    first: Instant
    last: Instant


@dataclass
class OutageFacts:
    """One outage with counts of its homes, alarms and notifications."""

    outage: Outage
    zone: str
    ticket: Ticket | None = None
    members: dict[MemberState, int] = field(default_factory=dict)  # state → homes
    nested: list[str] = field(default_factory=list)  # homes that are still dark on their own account, with their ticket
    alarms: tuple[int, int, int] = (0, 0, 0)  # that wait for it, ended while they did, got a ticket after all
    notification_counts: list[NotificationCount] = field(default_factory=list)  # to customers, oldest first
    promises: list[Promise] = field(default_factory=list)  # of its end
    history: SubjectHistory = field(default_factory=SubjectHistory)  # what others were told, and the timeline


@dataclass
class DeviceFacts:
    """One device with its state and what surrounds it."""

    device: Device
    site: Site
    state: ClaimedDevice
    via: Device | None = None
    outage: Outage | None = None  # the open one that its home is in
    readings: list[tuple[Instant, dict[str, Value]]] = field(default_factory=list)  # as it sent them, newest first
    alarms: list[Alarm] = field(default_factory=list)  # newest first
    tests: list[ButtonTest] = field(default_factory=list)  # of an emergency button, the one planned for last first

    @property
    def zone(self) -> str:
        return self.site.timezone


@dataclass
class SlaPolicyFacts:
    """One version of an SLA policy."""

    policy: SlaPolicy
    first_loaded_at: Instant
    zone: str = "UTC"

