"""Table of SLA clocks: targets in working time for first response, updates and solution of a ticket."""

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field

from gateway.model.instant import Instant
from gateway.model.row import Row
from gateway.model.states import SlaKind, stored


class SlaClock(Row, table=True):
    """One target of one ticket. It runs while `running_since` is set; what it has used before is in `used_ms`."""

    __table_args__ = (
        Index("sla_clock_once", "ticket_id", "kind", unique=True),
        Index("sla_clock_due", "due_at", sqlite_where=text("due_at IS NOT NULL"),
              postgresql_where=text("due_at IS NOT NULL")),
        Index("sla_clock_warn", "warn_at", sqlite_where=text("warn_at IS NOT NULL"),
              postgresql_where=text("warn_at IS NOT NULL")),
    )
    id: str = Field(primary_key=True)
    ticket_id: str = Field(foreign_key="ticket.id")
    kind: SlaKind = Field(sa_type=stored(SlaKind))
    policy: str  # its name and version, e.g. "standard@3f9c"
    target_ms: int = Field(sa_type=BigInteger)  # working time
    warn_percent: int = 75  # of the target
    used_ms: int = Field(default=0, sa_type=BigInteger)  # working time before `running_since`
    running_since: Instant | None = Field(default=None, sa_type=BigInteger)  # None: it stands still, or has ended
    due_at: Instant | None = Field(default=None, sa_type=BigInteger)
    warn_at: Instant | None = Field(default=None, sa_type=BigInteger)
    warned_at: Instant | None = Field(default=None, sa_type=BigInteger)
    missed_at: Instant | None = Field(default=None, sa_type=BigInteger)
    inherited: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})  # late by a new target
    ended_at: Instant | None = Field(default=None, sa_type=BigInteger)
