"""Tables of goodwill: what one outage, trip or call comes to, and what each home is credited."""

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field

from gateway.model.instant import Instant
from gateway.model.notifications import Subject
from gateway.model.row import Row
from gateway.model.states import GoodwillCaseState, GoodwillKind, GoodwillState, PromiseKind, SubjectKind, stored


class GoodwillCase(Row, table=True):
    """An outage, a job or a callback that is over, and was weighed: what it comes to, and whether somebody approves."""

    __tablename__ = "goodwill_case"
    __table_args__ = (Index("goodwill_case_next", "next_at", sqlite_where=text("next_at IS NOT NULL"),
                            postgresql_where=text("next_at IS NOT NULL")),
                      Index("goodwill_case_listed", "looked_at", "id"))
    id: str = Field(primary_key=True)  # of the outage, job or callback
    subject_kind: SubjectKind = Field(sa_type=stored(SubjectKind))
    shown_as: str  # the number that people say: the outage's, the ticket's, the callback's
    name: str = ""  # of the outage's area
    state: GoodwillCaseState = Field(default=GoodwillCaseState.SETTLED, sa_type=stored(GoodwillCaseState))
    currency: str
    cents: int = Field(default=0, sa_type=BigInteger)  # of all its credits, but those that were refused
    homes: int = 0  # that have one of them
    homes_out: int = 0  # of an outage: not back when it was weighed last; they are weighed when they are
    looked_at: Instant = Field(sa_type=BigInteger)
    waits_since: Instant | None = Field(default=None, sa_type=BigInteger)
    asked: int = 0  # how many times somebody was asked to approve
    next_at: Instant | None = Field(default=None, sa_type=BigInteger)  # then the next one is asked
    decided_at: Instant | None = Field(default=None, sa_type=BigInteger)
    decided_by: str = ""  # as timelines name them
    account: str = ""  # the user's id
    reason: str = ""  # why not, in their words

    @property
    def subject(self) -> Subject:
        return Subject(self.subject_kind, self.id)


class Goodwill(Row, table=True):
    """One credit to one home for one harm by one rule, or by an agent."""

    __tablename__ = "goodwill_credit"
    __table_args__ = (Index("goodwill_once", "case_id", "site_id", "rule", unique=True),
                      Index("goodwill_listed", "created_at", "id"),
                      Index("goodwill_of_agent", "account", "created_at"))
    id: str = Field(primary_key=True)
    case_id: str  # of the outage, job or callback; its own id: an agent's
    subject_kind: SubjectKind = Field(sa_type=stored(SubjectKind))
    shown_as: str = ""  # the number that people say
    site_id: str = Field(foreign_key="site.id", index=True)
    customer_id: str = Field(foreign_key="customer.id", index=True)  # who lived there, and is credited
    kind: GoodwillKind = Field(sa_type=stored(GoodwillKind))
    rule: str  # its condition, e.g. "outage:14400000"; "gesture"
    state: GoodwillState = Field(default=GoodwillState.GIVEN, sa_type=stored(GoodwillState))
    cents: int = Field(sa_type=BigInteger)
    currency: str
    dark_ms: int | None = Field(default=None, sa_type=BigInteger)  # of an outage: for how long the home was, as proven
    promise: PromiseKind | None = Field(default=None, sa_type=stored(PromiseKind))  # that was broken
    reason: str = ""  # of an agent's: why, in their words, which only we read
    given_by: str = ""  # of an agent's: as timelines name them
    account: str = ""  # the user's id
    created_at: Instant = Field(sa_type=BigInteger)
    given_at: Instant | None = Field(default=None, sa_type=BigInteger)
