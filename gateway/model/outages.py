"""Tables of connection losses, area outages, their homes, and maintenance windows."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, text
from sqlmodel import Field

from gateway.model.instant import Instant
from gateway.model.row import Row
from gateway.model.states import LinkState, MemberState, OutageKind, OutageState, SubjectKind, stored


def _while(name: str, condition: str, *columns: str, unique: bool = False) -> Index:
    where = text(condition)
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


class Loss(Row, table=True):
    """The last time a device was lost without saying so, one row a device that ever was; open until it is back."""

    __table_args__ = (
        _while("loss_unprocessed", "unprocessed", "device_id"),
        _while("loss_open", "ended_at IS NULL", "died_at"),
    )
    device_id: str = Field(primary_key=True, foreign_key="device.id")
    site_id: str = Field(index=True)
    died_at: Instant = Field(sa_type=BigInteger)  # the broker's word, else when it was last heard
    uncertainty_ms: int = Field(default=0, sa_type=BigInteger)  # by so much it may have died later
    silent: bool = False  # found by silence, not by the broker's word
    ended_at: Instant | None = Field(default=None, sa_type=BigInteger)
    # once ended: what its link is then; only "online" proves anything
    link: LinkState = Field(default=LinkState.LOST, sa_type=stored(LinkState))
    loss_count: float = 1.0  # how often it was lost; earlier losses count less and less
    loss_count_at: Instant = Field(sa_type=BigInteger)  # when `loss_count` was last raised
    unprocessed: bool = True  # the watch has not looked at it yet


class Outage(Row, table=True):
    """Homes of one area dark together: suspected → confirmed → restoring → restored → closed, or dismissed.

    Kind `network` (a carrier) and `gateway` (ourselves) are the operator's business; no customer hears of them.
    """

    __table_args__ = (
        _while("outage_open", "closed_at IS NULL", "key", unique=True),
        _while("outage_next", "next_at IS NOT NULL", "next_at"),
        _while("outage_untold", "untold", "id"),
    )
    id: str = Field(primary_key=True)
    key: str  # what there can be one of: the area's id, "!gateway", "!deaf", "!unheard"
    area_id: str | None = Field(default=None, foreign_key="area.id", index=True)
    name: str = ""  # the area's
    kind: OutageKind = Field(sa_type=stored(OutageKind))
    state: OutageState = Field(default=OutageState.SUSPECTED, sa_type=stored(OutageState))
    round: int = 1  # 2 when it came back before it was closed, …
    site_id: str | None = None  # the first home that went dark: its ticket is opened there
    ticket_id: str | None = Field(default=None, index=True)
    homes: int = 0  # that were ever in it
    dark: int = 0  # that are still
    size: int = 0  # live homes of the area when it began
    began_at: Instant = Field(sa_type=BigInteger, index=True)  # the first death
    last_at: Instant = Field(sa_type=BigInteger)  # the newest
    suspected_at: Instant = Field(sa_type=BigInteger)
    confirmed_at: Instant | None = Field(default=None, sa_type=BigInteger)
    restoring_at: Instant | None = Field(default=None, sa_type=BigInteger)
    restored_at: Instant | None = Field(default=None, sa_type=BigInteger)
    closed_at: Instant | None = Field(default=None, sa_type=BigInteger)
    etr_at: Instant | None = Field(default=None, sa_type=BigInteger)  # estimated, from how long others took
    next_at: Instant | None = Field(default=None, sa_type=BigInteger)  # when the clock must look
    # homes of it have yet to be told: they are told a few at a time, each few in a transaction of their own
    untold: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    evidence: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class OutageMember(Row, table=True):
    """One home in one outage: affected → restored (by its own proof) or nested (still dark: its own ticket)."""

    __tablename__ = "outage_member"
    __table_args__ = (_while("outage_member_dark", "back_at IS NULL", "site_id"),
                      _while("outage_member_untold", "NOT told AND back_at IS NULL", "outage_id"),
                      Index("outage_member_of", "outage_id", "customer_id"))
    id: str = Field(primary_key=True)  # <outage id>/<site id>
    outage_id: str = Field(foreign_key="outage.id")
    site_id: str = Field(foreign_key="site.id")
    customer_id: str
    state: MemberState = Field(default=MemberState.AFFECTED, sa_type=stored(MemberState))
    round: int = 1  # 2 when it was back and went dark again, …
    died_at: Instant = Field(sa_type=BigInteger)
    joined_at: Instant = Field(sa_type=BigInteger)
    back_at: Instant | None = Field(default=None, sa_type=BigInteger)
    reported_at: Instant | None = Field(default=None, sa_type=BigInteger)  # somebody there said that it has no power
    # what follows for the home from its being confirmed is written down: its message, its call, its own ticket
    told: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    # for how long it was in earlier rounds, as it proved itself
    dark_before_ms: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})

    @property
    def by_word(self) -> bool:
        """Whether it is in the outage by a person's word alone: its devices say nothing, or something else."""
        return self.reported_at is not None and self.reported_at == self.died_at

    @property
    def dark(self) -> bool:
        """Whether it has not come back."""
        return self.back_at is None and self.state is not MemberState.LEFT


class MaintenanceWindow(Row, table=True):
    """Power that is switched off on purpose: announced, then expected, and missed when it does not come back."""

    __tablename__ = "maintenance_window"
    __table_args__ = (_while("maintenance_next", "next_at IS NOT NULL", "next_at"),)
    id: str = Field(primary_key=True)
    area_id: str = Field(foreign_key="area.id", index=True)
    from_at: Instant = Field(sa_type=BigInteger)
    until_at: Instant = Field(sa_type=BigInteger)
    words: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # locale → why
    created_at: Instant = Field(sa_type=BigInteger)
    created_by: str = ""
    announced_at: Instant | None = Field(default=None, sa_type=BigInteger)
    next_at: Instant | None = Field(default=None, sa_type=BigInteger)  # to announce it, then to look again


class SavedAnswer(Row, table=True):
    """What an agent has told a caller, kept for the next one as long as its outage or ticket is open, and for the
    customers' page where they said so."""

    __tablename__ = "saved_answer"
    id: str = Field(primary_key=True)
    subject_kind: SubjectKind = Field(sa_type=stored(SubjectKind))  # an outage or a ticket
    subject_id: str = Field(index=True)
    words: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # locale → text
    for_page: bool = False
    saved_by: str  # as timelines name them
    account: str = ""  # the user's id
    saved_at: Instant = Field(sa_type=BigInteger)
    withdrawn_at: Instant | None = Field(default=None, sa_type=BigInteger)  # it is not told any more
    withdrawn_by: str | None = None
