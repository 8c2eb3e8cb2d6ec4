"""Tables of notifications, the attempts to send them, and promises; recipients and subjects."""

from typing import Any, NamedTuple

from sqlalchemy import JSON, BigInteger, Column, Index, SmallInteger, Text, text
from sqlmodel import Field

from gateway.model.instant import Instant
from gateway.model.reasons import Reason, ReasonColumn
from gateway.model.row import Row
from gateway.model.states import (
    AttemptOutcome,
    NotificationState,
    PromiseKind,
    PromiseState,
    RecipientKind,
    SubjectKind,
    stored,
)


class Recipient(NamedTuple):
    """Who is told, and who owns contacts."""

    kind: RecipientKind
    id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}" if self.id else self.kind


DISPATCHER = Recipient(RecipientKind.DISPATCHER)


def customer(customer_id: str) -> Recipient:
    """A household as a recipient."""
    return Recipient(RecipientKind.CUSTOMER, customer_id)


def provider(provider_id: str) -> Recipient:
    """A local firm as a recipient."""
    return Recipient(RecipientKind.PROVIDER, provider_id)


def emergency(number: int) -> Recipient:
    """The `number`-th of `service.emergency`, from 1."""
    return Recipient(RecipientKind.EMERGENCY, str(number))


def on_call(name: str) -> Recipient:
    """One of `on_call.people`, by the name that they have there."""
    return Recipient(RecipientKind.ON_CALL, name)


def person(person_id: str) -> Recipient:
    """One of a household's people, as the owner of contacts."""
    return Recipient(RecipientKind.PERSON, person_id)


class Subject(NamedTuple):
    """What a message or a timeline entry is about, where its row is not at hand."""

    kind: SubjectKind
    id: str


_NOT_TOLD = text(f"state IN ('{NotificationState.FAILED}', '{NotificationState.UNKNOWN}')")


class Notification(Row, table=True):
    """One thing to tell one person: an outbox row, written in the transaction that caused it."""

    __table_args__ = (
        Index("notification_once", "subject_id", "topic", "occurrence", "recipient_kind", "recipient_id", unique=True),
        Index("notification_to", "recipient_id", "subject_id"),
        Index("notification_due", "priority", "due_at", sqlite_where=text("due_at IS NOT NULL"),
              postgresql_where=text("due_at IS NOT NULL")),
        Index("notification_not_told", "done_at", sqlite_where=_NOT_TOLD, postgresql_where=_NOT_TOLD),
        Index("notification_open_by", "open_by", sqlite_where=text("open_by IS NOT NULL"),
              postgresql_where=text("open_by IS NOT NULL")),
        Index("notification_listed", "list_id", sqlite_where=text("list_id IS NOT NULL"),
              postgresql_where=text("list_id IS NOT NULL")),
    )
    id: str = Field(primary_key=True)
    topic: str  # a TopicName of gateway/notifications/topics.py
    subject_kind: SubjectKind = Field(sa_type=stored(SubjectKind))
    subject_id: str
    occurrence: str  # what makes it another message than the last of its topic: a round, an offer's or a visit's id
    recipient_kind: RecipientKind = Field(sa_type=stored(RecipientKind))
    recipient_id: str = ""
    critical: bool = False  # passes quiet hours
    priority: int = Field(sa_type=SmallInteger)  # a Priority of gateway/notifications/topics.py: which leaves first
    state: NotificationState = Field(default=NotificationState.QUEUED, sa_type=stored(NotificationState))
    link_id: str | None = None  # the link the message carries
    # facts when it was written; each topic's keys are in gateway/notifications/stored_facts.py
    facts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created_at: Instant = Field(sa_type=BigInteger, index=True)
    heard_at: Instant | None = Field(default=None, sa_type=BigInteger)  # when the device's message arrived here
    due_at: Instant | None = Field(default=None, sa_type=BigInteger)  # next look; None when finished
    lease: str | None = None  # fencing token of the worker that is sending
    done_at: Instant | None = Field(default=None, sa_type=BigInteger)
    reason: Reason | None = Field(default=None, sa_type=ReasonColumn)  # why held, dropped or failed
    retried_at: Instant | None = Field(default=None, sa_type=BigInteger)  # tries from before are over
    # by when somebody has to have opened the page behind its link, else it goes out on another channel too; None: it
    # need not be opened, or not any more
    open_by: Instant | None = Field(default=None, sa_type=BigInteger)
    opened_at: Instant | None = Field(default=None, sa_type=BigInteger)  # somebody did, while it was waited for
    list_id: str | None = None  # the dispatcher's message that names its recipient among those who were not told

    @property
    def recipient(self) -> "Recipient":
        return Recipient(self.recipient_kind, self.recipient_id)

    @property
    def subject(self) -> "Subject":
        return Subject(self.subject_kind, self.subject_id)


class Attempt(Row, table=True):
    """One try on one contact."""

    __table_args__ = (Index("attempt_newest", "channel", "started_at"),)
    id: str = Field(primary_key=True)
    notification_id: str = Field(foreign_key="notification.id", index=True)
    contact_id: str
    channel: str
    started_at: Instant = Field(sa_type=BigInteger)
    finished_at: Instant | None = Field(default=None, sa_type=BigInteger)
    delivered_at: Instant | None = Field(default=None, sa_type=BigInteger)  # the other side says that it has it
    outcome: AttemptOutcome = Field(default=AttemptOutcome.STARTED, sa_type=stored(AttemptOutcome))
    why: str | None = None  # for operators, in English or as the other side said it
    kind: str | None = None  # of failure: gateway.notifications.channels.outcome.Kind
    ref: str | None = None  # the channel's own id for it
    # the words, as they were handed over to a household, without the link in them
    said: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    wording: str = Field(default="", sa_column_kwargs={"server_default": ""})  # templates of the operator's in it


class SentTest(Row, table=True):
    """A test message that somebody sent: kept for a day, so that one key sends once, and nobody is flooded."""

    __tablename__ = "sent_test"
    id: str = Field(primary_key=True)  # <account>/<keyed hash of what the program called it>
    account: str = Field(index=True)  # "": at the command line
    to_hash: str = Field(index=True)  # keyed hash of channel and address
    asked: str  # keyed hash of all that was asked for
    at: Instant = Field(sa_type=BigInteger, index=True)
    outcome: AttemptOutcome = Field(default=AttemptOutcome.STARTED, sa_type=stored(AttemptOutcome))
    why: str = ""


class ChannelUse(Row, table=True):
    """How much of its rate a channel has used; all processes go by it. What it means is in
    gateway.notifications.pacing.budget."""

    __tablename__ = "channel_use"
    channel: str = Field(primary_key=True)
    spent_until: Instant = Field(default=0, sa_type=BigInteger)
    queue_until: Instant = Field(default=0, sa_type=BigInteger)  # the turn of the last that waits


_STILL_OPEN = text(f"state = '{PromiseState.OPEN}'")
_BROKEN = text(f"state = '{PromiseState.BROKEN}'")


class Promise(Row, table=True):
    """A time that a customer was told, by a message or on their page, and what became of it. What may follow what is in
    gateway/tickets/promises/ledger.py."""

    __table_args__ = (
        Index("promise_open", "subject_id", "kind", "recipient_id", unique=True, sqlite_where=_STILL_OPEN,
              postgresql_where=_STILL_OPEN),
        Index("promise_due", "due_at", "subject_id", sqlite_where=_STILL_OPEN, postgresql_where=_STILL_OPEN),
        Index("promise_to", "recipient_id", "made_at"),
        Index("promise_broken", "due_at", sqlite_where=_BROKEN, postgresql_where=_BROKEN),
        Index("promise_watch", "watch_at", sqlite_where=_STILL_OPEN, postgresql_where=_STILL_OPEN),
    )
    id: str = Field(primary_key=True)
    kind: PromiseKind = Field(sa_type=stored(PromiseKind))
    subject_kind: SubjectKind = Field(sa_type=stored(SubjectKind))
    subject_id: str = Field(index=True)
    site_id: str | None = None  # whose home it is about; None: a whole area
    recipient_kind: RecipientKind = Field(default=RecipientKind.CUSTOMER, sa_type=stored(RecipientKind))
    recipient_id: str = ""  # "": everybody who may see the subject's page
    provider_id: str | None = None  # who has to keep it; None: ourselves
    notification_id: str | None = Field(default=None, index=True)  # the message that told it …
    shown_at: Instant | None = Field(default=None, sa_type=BigInteger)  # … or since when a page shows it, or both
    made_at: Instant = Field(sa_type=BigInteger)
    from_at: Instant | None = Field(default=None, sa_type=BigInteger)  # when the arrival window begins
    due_at: Instant = Field(sa_type=BigInteger, index=True)  # the time that was told
    watch_at: Instant = Field(sa_type=BigInteger)  # when the clock looks: in time to keep it, then when it has lapsed
    state: PromiseState = Field(default=PromiseState.OPEN, sa_type=stored(PromiseState))
    settled_at: Instant | None = Field(default=None, sa_type=BigInteger)
    settled_by: str | None = Field(default=None, index=True)  # the message that kept or corrected it
    corrects_id: str | None = None  # the time that was told before
    # only a message of the shadow mode told it, so nobody knows of it: it ends cancelled, never kept or broken
    in_shadow: bool = False

    @property
    def recipient(self) -> "Recipient":
        return Recipient(self.recipient_kind, self.recipient_id)

    @property
    def subject(self) -> "Subject":
        return Subject(self.subject_kind, self.subject_id)
