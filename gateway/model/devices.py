"""Tables of devices and what they send: states, readings, presses, commands, announced topics, dead letters."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary, String, Text, text
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field

from gateway.model.instant import Instant
from gateway.model.reasons import ReasonKind
from gateway.model.row import Row, numbered
from gateway.model.states import ButtonTestState, CommandState, Cover, LinkState, PressKind, stored


@dataclass(frozen=True)
class Price:
    """An amount of money, exact. Stored as people write it: `95.00 EUR`."""

    amount: str  # decimal, with a point
    currency: str  # ISO 4217

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    @staticmethod
    def read(stored: str) -> "Price":
        """What `str` gave."""
        return Price(*stored.split(" "))


class PriceColumn(TypeDecorator[Price]):
    """A price as text, so that no database rounds it."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Price | None, dialect: Any) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Any) -> Price | None:
        return None if value is None else Price.read(value)


class Device(Row, table=True):
    """A claimed device. `key` is `<dialect>:<address>`, the name it is heard under."""

    # who is behind a bridge is found by how its key begins, whatever PostgreSQL's collation
    __table_args__ = (Index("device_key_begins", "key", postgresql_ops={"key": "text_pattern_ops"}),)
    id: str = Field(primary_key=True)
    key: str = Field(unique=True)
    profile: str
    site_id: str = Field(foreign_key="site.id", index=True)
    name: str
    via: str | None = Field(default=None, index=True)  # device id of the hub it speaks through
    cover: Cover = Field(default=Cover.UNKNOWN, sa_type=stored(Cover))  # who pays when somebody comes for it …
    covered_until: str | None = None  # … up to and with this day on the site's calendar, e.g. 2027-03-31
    call_out_price: Price | None = Field(default=None, sa_type=PriceColumn)  # what the customer pays when nobody else
    retired_at: Instant | None = Field(default=None, sa_type=BigInteger)
    retired_key: str | None = Field(default=None, index=True)  # the name under which it was heard before


class DeviceState(Row, table=True):
    """A device's small state: one row a device, written by the hot path only (store/devices/device_states.py)."""

    __tablename__ = "device_state"
    __table_args__ = (Index("device_state_due", "due_at", sqlite_where=text("due_at IS NOT NULL"),
                            postgresql_where=text("due_at IS NOT NULL")),)
    device_id: str = Field(primary_key=True, foreign_key="device.id")
    link: LinkState = Field(default=LinkState.UNHEARD, sa_type=stored(LinkState))
    link_at: Instant | None = Field(default=None, sa_type=BigInteger)
    seen_at: Instant | None = Field(default=None, sa_type=BigInteger)  # link clock: anything at all, our time
    data_at: Instant | None = Field(default=None, sa_type=BigInteger)  # data clock: newest telemetry, device's time
    due_at: Instant | None = Field(default=None, sa_type=BigInteger)  # earliest moment the clock must look again
    signals: str = Field(default="{}", sa_type=Text)  # JSON: last value of each signal
    memory: str = Field(default="{}", sa_type=Text)  # JSON of detection/memory.py; "{}" of a healthy device
    # goes up with each change of this row, of the device's key, profile or site, and of the site's time zone: by it a
    # process knows that the copy it keeps is current (store/devices/kept_states.py)
    version: int = Field(default=0, sa_type=BigInteger)


class Reading(Row, table=True):
    """One telemetry message, kept for a bounded time."""

    __table_args__ = (Index("reading_once", "device_id", "at", "seq", unique=True),)
    id: int | None = Field(default=None, sa_column=numbered())
    device_id: str
    at: Instant = Field(sa_type=BigInteger)
    seq: int = Field(default=0, sa_type=BigInteger)
    received_at: Instant = Field(sa_type=BigInteger)
    signals: str = Field(sa_type=Text)  # JSON


class PressRecord(Row, table=True):
    """A finger on a button, once, whatever the network repeats."""

    __tablename__ = "press"
    id: str = Field(primary_key=True)  # device/press
    device_id: str = Field(index=True)
    press_id: str  # the device's own, of a press without one ours
    kind: PressKind = Field(sa_type=stored(PressKind))
    at: Instant = Field(sa_type=BigInteger)
    received_at: Instant = Field(sa_type=BigInteger)
    callback_id: str | None = Field(default=None, index=True)


class ButtonTest(Row, table=True):
    """That an emergency button proves itself: planned → asked → passed, or missed. Each such button has one open test.
    """

    __tablename__ = "button_test"
    __table_args__ = (
        Index("button_test_open", "device_id", unique=True, sqlite_where=text("closed_at IS NULL"),
              postgresql_where=text("closed_at IS NULL")),
        Index("button_test_at", "site_id", sqlite_where=text("closed_at IS NULL"),
              postgresql_where=text("closed_at IS NULL")),
    )
    id: str = Field(primary_key=True)
    device_id: str = Field(foreign_key="device.id", index=True)
    site_id: str = Field(foreign_key="site.id")
    state: ButtonTestState = Field(default=ButtonTestState.PLANNED, sa_type=stored(ButtonTestState))
    planned_for: Instant = Field(sa_type=BigInteger)  # then the household is asked
    asked_at: Instant | None = Field(default=None, sa_type=BigInteger)
    answer_by: Instant | None = Field(default=None, sa_type=BigInteger)  # as they were told
    reminded_at: Instant | None = Field(default=None, sa_type=BigInteger)
    press_id: str | None = None  # the press that was the test
    battery: int | None = None  # per cent, when it was heard
    callback_id: str | None = None  # the call by which they are asked, or that told us of the test
    passed_before: Instant | None = Field(default=None, sa_type=BigInteger)  # when the button was last tested
    closed_at: Instant | None = Field(default=None, sa_type=BigInteger)


class Command(Row, table=True):
    """One message down to a device: queued → sent → acknowledged, expired or failed. Never sent twice."""

    __table_args__ = (Index("command_queued", "state", "created_at"), Index("command_of", "device_id", "created_at"))
    id: str = Field(primary_key=True)
    device_id: str
    topic: str
    payload: str = Field(sa_type=Text)
    press_id: str | None = None  # the press that it answers
    state: CommandState = Field(default=CommandState.QUEUED, sa_type=stored(CommandState))
    created_at: Instant = Field(sa_type=BigInteger)
    expires_at: Instant = Field(sa_type=BigInteger)
    sent_at: Instant | None = Field(default=None, sa_type=BigInteger)
    acknowledged_at: Instant | None = Field(default=None, sa_type=BigInteger)
    reason: ReasonKind | None = Field(default=None, sa_type=stored(ReasonKind))  # why it expired or failed


class Unclaimed(Row, table=True):
    """A device that speaks and that nobody has claimed: listed, and nothing else happens."""

    key: str = Field(primary_key=True)
    topic: str
    first_seen_at: Instant = Field(sa_type=BigInteger)
    last_seen_at: Instant = Field(sa_type=BigInteger)
    messages: int = 1
    name: str = Field(default="", sa_column_kwargs={"server_default": ""})  # as it introduced itself, here and below
    model: str = Field(default="", sa_column_kwargs={"server_default": ""})
    via: str | None = None  # key of the device it speaks through


class Route(Row, table=True):
    """A topic that a device has announced as its own, and how its dialect reads it."""

    source: str = Field(primary_key=True)  # the announcement
    topic: str = Field(primary_key=True)
    key: str
    spec: str = Field(sa_type=Text)  # JSON: the announcing dialect's
    changed_at: Instant = Field(sa_type=BigInteger, index=True)


class Note(Row, table=True):
    """What a dialect must remember between messages of one source, e.g. what a Sparkplug node's aliases stand for."""

    source: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str = Field(sa_type=Text)  # JSON


class DeadLetter(Row, table=True):
    """A message nobody could read, with the reason. The oldest make room (config/quotas.py)."""

    __tablename__ = "dead_letter"
    __table_args__ = (Index("dead_letter_of", "source", "id"),)
    id: int | None = Field(default=None, sa_column=numbered())
    received_at: Instant = Field(sa_type=BigInteger, index=True)
    dialect: str
    source: str = Field(default="", sa_column_kwargs={"server_default": ""})  # whose it is, as far as its topic tells
    topic: str
    payload: bytes = Field(sa_type=LargeBinary)  # at most the first 4 KiB
    size: int  # of the whole payload, bytes
    reason: str


class Listener(Row, table=True):
    """A gateway process that listens: since when without a gap, and when it last said so."""

    client_id: str = Field(primary_key=True)
    since: Instant | None = Field(default=None, sa_type=BigInteger)  # None: not connected now
    beat_at: Instant = Field(sa_type=BigInteger)
    # dialect, or key of a device that announced its topics → since when it is heard; None: the broker does not let us
    later: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    # each a MissingFilter of store/listeners.py
    missing: list[Any] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    problem: str = ""  # why it hears nothing, or not for long
    process: str = ""  # whose word this was: two processes under one name are a mistake
