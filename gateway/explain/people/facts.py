"""The rows that an explanation of a message, a household or a firm is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.config.field_types import Rate
from gateway.explain.facts import SubjectHistory
from gateway.model import (
    Attempt,
    Contact,
    Customer,
    Goodwill,
    GoodwillCase,
    Instant,
    Notification,
    Offer,
    Person,
    Preference,
    Promise,
    Provider,
    Recipient,
    Site,
    Technician,
    Visit,
)
from gateway.notifications.context import NotificationContext
from gateway.tickets.dispatch.provider_ranking import IDLE, Workload
from gateway.tickets.dispatch.track_record import NO_RECORD, TrackRecord


@dataclass(frozen=True)
class Sending:
    """How messages leave this house, as it is set up."""

    channels: frozenset[str] = frozenset()  # names of those that are set up
    paused_together: frozenset[str] = frozenset()  # of these: with one server for all, so that a failing one is paused
    knows_repeats: frozenset[str] = frozenset()  # of these: whose receivers can tell a second copy
    limits: Mapping[str, Rate] = field(default_factory=dict)
    mode: str = "on"
    live_areas: Sequence[str] = ()  # in the shadow mode


class Pause(NamedTuple):
    """Of a channel whose last tries have all failed."""

    since: Instant
    probe_at: Instant  # when one message goes, to see whether it works again
    why: str  # the last of them failed


class ChannelStates(NamedTuple):
    """How the channels are at this moment."""

    paused: Mapping[str, Pause] = {}
    busy_until: Mapping[str, Instant] = {}  # of those with a limit: when one more may go


@dataclass
class NotificationFacts:
    """One message with the tries at it, and what is true now about whoever it is for."""

    notification: Notification
    attempts: list[Attempt]
    context: NotificationContext
    contacts: list[Contact]  # all of its recipient, in their order: stopped ones, and what is no channel here, too
    history: SubjectHistory
    zone: str
    sending: Sending = field(default_factory=Sending)
    channels: ChannelStates = field(default_factory=ChannelStates)
    owners: Mapping[Recipient, str] = field(default_factory=dict)  # of the contacts → their names
    told_in: Notification | None = None  # the one message a day that lists it


@dataclass
class CustomerFacts:
    """One household with its people, what they wish, and what they were told lately."""

    customer: Customer
    people: list[Person] = field(default_factory=list)  # in the household's order
    contacts: list[Contact] = field(default_factory=list)  # each owner's in their order, stopped ones too
    choices: Mapping[Recipient, Preference] = field(default_factory=dict)
    homes: list[Site] = field(default_factory=list)
    lately: SubjectHistory = field(default_factory=SubjectHistory)  # what they were told and were not, oldest first
    waiting: SubjectHistory = field(default_factory=SubjectHistory)  # what is on its way or held, whenever written
    promises: list[Promise] = field(default_factory=list)  # that run
    credits: list[tuple[Goodwill, GoodwillCase | None]] = field(default_factory=list)  # newest first
    told: tuple[int, int] = (0, 0)  # messages that count, within the last hour and the last day
    sending: Sending = field(default_factory=Sending)
    channels: ChannelStates = field(default_factory=ChannelStates)

    @property
    def zone(self) -> str:
        return self.customer.timezone


class NotAsked(NamedTuple):
    """That a firm was not asked about a ticket when others were."""

    at: Instant
    ticket_id: str
    reason: str


@dataclass
class ProviderFacts:
    """One local firm with what it was asked, what it was told, and what it has to do."""

    provider: Provider
    people: list[Technician] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)  # newest first
    not_asked: list[NotAsked] = field(default_factory=list)  # newest first
    visits: list[Visit] = field(default_factory=list)  # not over yet
    workload: Workload = IDLE
    record: TrackRecord = NO_RECORD
    lately: SubjectHistory = field(default_factory=SubjectHistory)
    waiting: SubjectHistory = field(default_factory=SubjectHistory)
    sending: Sending = field(default_factory=Sending)
    channels: ChannelStates = field(default_factory=ChannelStates)

    @property
    def zone(self) -> str:
        return self.provider.timezone
