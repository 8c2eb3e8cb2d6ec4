"""What delivering knows of its tries, from the claim to the outcome."""

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from gateway.config.settings import Settings
from gateway.devices.profiles import Profile
from gateway.model import (
    Attempt,
    AttemptOutcome,
    Contact,
    Entry,
    EntryKind,
    Instant,
    Notification,
    Promise,
    PromiseKind,
    RecipientKind,
)
from gateway.notifications.channels import Channel, NotSent, Outcome, Sent, Unknown
from gateway.notifications.context import NotificationContext
from gateway.notifications.messages import Facts, Message, MessageRenderer
from gateway.notifications.shadow import InShadow
from gateway.notifications.template_values import reader_of
from gateway.notifications.wording.overrides import BrokenWording
from gateway.store import Store
from gateway.tickets.new_rows import entry
from gateway.tickets.sla.policy import SlaPolicies

log = logging.getLogger("gateway.flow.deliver")  # one name for whoever reads of it


class StartedAttempt(NamedTuple):
    """One try, already written down as started, with the times that it tells."""

    notification: Notification
    context: NotificationContext
    contact: Contact
    attempt: Attempt
    lease: str
    may_be_second: bool = False
    told: Sequence[Promise] = ()
    settled: Sequence[Promise] = ()  # that it keeps, or corrects
    pieces: Sequence["StartedAttempt"] = ()  # all that leave as one message, itself among them; (): it leaves alone

    @property
    def next_word(self) -> Instant | None:
        """By when it says that they hear from us again."""
        return next((promise.due_at for promise in self.told if promise.kind is PromiseKind.NEXT_WORD), None)


class WordedMessage(NamedTuple):
    message: Message
    facts: Facts
    broken: Sequence[BrokenWording]


class FinishedAttempt(NamedTuple):
    outcome: Outcome | InShadow
    at: Instant
    said: str = ""  # to a household, in what words
    broken: Sequence[BrokenWording] = ()  # templates of the operator's, for which ours stood in …
    wording: str = ""  # … and those that worded it
    others: Sequence[str] = ()  # topics of what left in the same message
    each: Sequence["FinishedAttempt"] = ()  # of several that were to leave as one message, in their order


@dataclass
class AttemptsInProgress:
    """Attempts whose outcome is not recorded yet: kept from one call of `deliver` to the next."""

    tries: deque[tuple["Future[FinishedAttempt]", StartedAttempt]] = field(default_factory=deque)
    doubtful: deque[str] = field(default_factory=deque)  # leases of claims that may have been written, or not
    stopping: bool = False  # the gateway stops: none is begun any more, and `finish` records the rest

    def take(self) -> dict["Future[FinishedAttempt]", StartedAttempt]:
        """All of it; several threads may ask."""
        taken = {}
        with suppress(IndexError):
            while True:
                future, hand_over = self.tries.popleft()
                taken[future] = hand_over
        return taken


class DeliveryContext(Protocol):
    """What delivering needs of the gateway."""

    @property
    def settings(self) -> Settings: ...
    @property
    def store(self) -> Store: ...
    @property
    def profiles(self) -> Mapping[str, Profile]: ...
    @property
    def channels(self) -> Mapping[str, Channel]: ...
    @property
    def attempts_in_progress(self) -> AttemptsInProgress: ...
    @property
    def messages(self) -> MessageRenderer: ...
    @property
    def sla(self) -> SlaPolicies: ...


def outcome_name(outcome: Outcome | InShadow) -> AttemptOutcome:
    """As it is stored."""
    match outcome:
        case InShadow():
            return AttemptOutcome.SHADOW
        case Sent():
            return AttemptOutcome.SENT
        case Unknown():
            return AttemptOutcome.UNKNOWN
        case NotSent(ours=True):
            return AttemptOutcome.POSTPONED
        case NotSent(permanent=True):
            return AttemptOutcome.REFUSED
        case NotSent():
            return AttemptOutcome.FAILED


def about(row: Notification) -> dict[str, str]:
    """What a line of the log says of it: nothing personal."""
    return {"notification": row.id, "subject": row.subject_id, "topic": row.topic, "to": row.recipient_kind}


def timeline_entry(row: Notification, context: NotificationContext, kind: EntryKind, at: Instant, **parameters: Any
                   ) -> Entry:
    """A line in the timeline of what the message is about."""
    return entry(row.subject, at, kind, whom=whom(row, context), topic=row.topic, **parameters)


def whom(row: Notification, context: NotificationContext) -> dict[str, str]:
    """Its recipient, as a timeline keeps it."""
    return {"kind": row.recipient_kind, "id": row.recipient_id, "name": reader_of(row, context, "UTC")[0]}


def name_of(row: Notification, context: NotificationContext) -> str:
    """Its recipient, as the dispatcher is told."""
    if row.recipient_kind == RecipientKind.EMERGENCY:
        return f"number {row.recipient_id} of service.emergency"
    of_ours = row.recipient_kind == RecipientKind.DISPATCHER
    return reader_of(row, context, "UTC")[0] or ("the dispatcher" if of_ours else str(row.recipient))
