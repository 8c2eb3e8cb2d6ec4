"""Tables of alarms, tickets, offers, visits, their photos, and callbacks: one story, of what goes wrong and who
sees to it."""

from typing import Any, NamedTuple

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary, text
from sqlmodel import Field

from gateway.model.devices import Price, PriceColumn
from gateway.model.instant import Instant
from gateway.model.notifications import Subject
from gateway.model.row import Row
from gateway.model.states import (
    CallbackKind,
    CallbackOrigin,
    CallbackState,
    CallOutcome,
    Cover,
    CustomerAct,
    DueKind,
    FixedBy,
    HoldReason,
    IncompleteReason,
    OfferState,
    OnCallRole,
    PageReason,
    PageState,
    PendingOutcome,
    PriceAnswer,
    ResolvedBy,
    Responsible,
    Severity,
    SlaKind,
    SubjectKind,
    SuppressedBy,
    SurveyMark,
    TicketState,
    VisitOutcome,
    VisitState,
    stored,
)


def _open_once(name: str, *columns: str) -> Index:
    """Unique while open: the database, not a check, keeps one open row per key. A key with a NULL in it is no key."""
    still_open = text("closed_at IS NULL")
    return Index(name, *columns, unique=True, sqlite_where=still_open, postgresql_where=still_open)


REPORTED = "reported"  # the cause key of a ticket that a person opened


class Suppressor(NamedTuple):
    """What explains a fault: an outage's id, a hub's device id, a rule's name; of maintenance no id is kept."""

    kind: SuppressedBy
    id: str = ""

    def __str__(self) -> str:
        """As the API and the export say it: `rule:<name>`, `maintenance`, or the id."""
        if self.kind is SuppressedBy.RULE:
            return f"{self.kind}:{self.id}"
        return self.id or self.kind


class Alarm(Row, table=True):
    """A rule's verdict on one device, open until `closed_at`: when it is over (`cleared_at`), a latched one when it has
    been acknowledged too."""

    __table_args__ = (
        _open_once("alarm_open", "device_id", "rule"),
        Index("alarm_trying", "try_until", sqlite_where=text("try_until IS NOT NULL"),
              postgresql_where=text("try_until IS NOT NULL")),
        Index("alarm_tried", "device_id", "opened_at", sqlite_where=text("command_id IS NOT NULL"),
              postgresql_where=text("command_id IS NOT NULL")),
        Index("alarm_suppressed", "suppressed_until", sqlite_where=text("suppressed_until IS NOT NULL"),
              postgresql_where=text("suppressed_until IS NOT NULL")),
    )
    id: str = Field(primary_key=True)
    device_id: str = Field(foreign_key="device.id", index=True)
    site_id: str = Field(foreign_key="site.id")
    rule: str  # rule name, "fault:<code>", "!many_faults", "silent" or "stale"
    severity: Severity = Field(sa_type=stored(Severity))
    cause: str  # in the profile's words
    skill: str
    evidence: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    ticket_id: str | None = Field(default=None, index=True)
    opened_at: Instant = Field(sa_type=BigInteger, index=True)  # the condition began, by the device's time
    known_at: Instant = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})  # to us
    cleared_at: Instant | None = Field(default=None, sa_type=BigInteger)  # the condition is over
    closed_at: Instant | None = Field(default=None, sa_type=BigInteger)
    acknowledged_at: Instant | None = Field(default=None, sa_type=BigInteger)
    acknowledged_by: str | None = None
    command_id: str | None = None  # the command that tried to put it right from afar, before any ticket
    try_until: Instant | None = Field(default=None, sa_type=BigInteger)  # until then we wait whether it helps
    fixed_by: FixedBy | None = Field(default=None, sa_type=stored(FixedBy))  # nobody had to drive
    suppressed_by_kind: SuppressedBy | None = Field(default=None, sa_type=stored(SuppressedBy))  # what explains it
    suppressed_by_id: str | None = Field(default=None, index=True)
    suppressed_until: Instant | None = Field(default=None, sa_type=BigInteger)  # then: sent for if it holds, else over
    latch: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})  # open until acknowledged
    flapping: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})  # comes and goes
    dry_run: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})  # nothing follows from it
    danger: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})  # to life or home
    declined_at: Instant | None = Field(default=None, sa_type=BigInteger)  # the customer wants nobody to come for it

    @property
    def cause_texts(self) -> dict[str, str]:
        """The cause by language, as it was when the alarm was raised."""
        texts: dict[str, str] = self.evidence.get("cause", {"en": self.cause})
        return texts

    @property
    def suppressed_by(self) -> Suppressor | None:
        """What explains it; None: nothing, or it only waits whether something will."""
        return None if self.suppressed_by_kind is None else Suppressor(
            self.suppressed_by_kind, self.suppressed_by_id or "")

    def suppress(self, by: Suppressor | None, until: Instant | None) -> None:
        """Nobody is sent for it before `until` (None: before what explains it is over)."""
        self.suppressed_by_kind, self.suppressed_by_id = (None, None) if by is None else (by.kind, by.id)
        self.suppressed_until = until


_UNTAKEN = f"closed_at IS NULL AND state IN ('{TicketState.NEW}', '{TicketState.OFFERED}')"


class Ticket(Row, table=True):
    """One problem, one number. What may follow what is in gateway.tickets.lifecycle."""

    __table_args__ = (
        _open_once("ticket_open", "site_id", "device_id"),
        _open_once("ticket_outage_open", "outage_id"),
        _open_once("ticket_subject_open", "site_id", "subject"),
        Index("ticket_open_since", "opened_at", "id", sqlite_where=text("closed_at IS NULL"),
              postgresql_where=text("closed_at IS NULL")),
        Index("ticket_untaken", "severity", "opened_at", "id", sqlite_where=text(_UNTAKEN),
              postgresql_where=text(_UNTAKEN)),
    )
    id: str = Field(primary_key=True)  # the number people say: T-4F7QK2M9
    site_id: str = Field(foreign_key="site.id", index=True)
    customer_id: str = Field(foreign_key="customer.id", index=True)
    device_id: str | None = Field(default=None, foreign_key="device.id", index=True)  # None: see `outage_id`, `subject`
    cause_key: str  # the rule of the alarm that opened it, REPORTED, or "outage:<id>"; others may hang on it too
    cause: str  # of a person's report: their words
    skill: str
    severity: Severity = Field(sa_type=stored(Severity))
    state: TicketState = Field(default=TicketState.NEW, sa_type=stored(TicketState))
    round: int = 1  # 2 when the fault came back before the ticket was closed, …
    provider_id: str | None = Field(default=None, index=True)
    visit_id: str | None = None  # the current visit
    opened_at: Instant = Field(sa_type=BigInteger, index=True)
    resolved_at: Instant | None = Field(default=None, sa_type=BigInteger)
    resolved_by: ResolvedBy | None = Field(default=None, sa_type=stored(ResolvedBy))
    resolution: str | None = None
    # the technician says that it is done, and a device still reports the fault
    unproven: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    closed_at: Instant | None = Field(default=None, sa_type=BigInteger)
    cover: Cover = Field(default=Cover.UNKNOWN, sa_type=stored(Cover))  # who pays, as it stood when it was opened
    price: Price | None = Field(default=None, sa_type=PriceColumn)  # what the customer pays when somebody comes
    price_answer: PriceAnswer | None = Field(default=None, sa_type=stored(PriceAnswer))  # None: they need not be asked
    price_answered_at: Instant | None = Field(default=None, sa_type=BigInteger)
    merged_into: str | None = Field(default=None, foreign_key="ticket.id", index=True)  # the ticket that carries it on
    outage_id: str | None = None  # it is about a whole area; its site is where that began
    subject: str | None = None  # a person reported it, and no device is known for it: the skill that is needed
    opened_by: str | None = None  # the person who did; None: a device's alarm, or an outage
    # what people have said is wrong, each in their words: no device can say that it is over
    reported: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False, server_default="[]"))


class Job(Row, table=True):
    """What one trip can settle: tickets of one site that one provider takes together. A ticket that needs skills which
    no one provider has has several; its state is that of the least advanced open one."""

    __table_args__ = (Index("job_site_open", "site_id", sqlite_where=text("closed_at IS NULL"),
                            postgresql_where=text("closed_at IS NULL")),)
    id: str = Field(primary_key=True)
    site_id: str = Field(foreign_key="site.id")
    state: TicketState = Field(default=TicketState.NEW, sa_type=stored(TicketState))
    skills: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))  # all of them are needed
    round: int = 1  # 2 when a provider came, or handed it back, and others are asked anew, …
    wave: int = 0  # of this round: how many times providers have been asked
    first_asked: str | None = None  # the provider asked before all others: who diagnosed it, or comes there anyway
    provider_id: str | None = Field(default=None, index=True)  # who has accepted
    visit_id: str | None = None  # the current visit
    hold_reason: HoldReason | None = Field(default=None, sa_type=stored(HoldReason))
    hold_until: Instant | None = Field(default=None, sa_type=BigInteger)
    held_by: str | None = None  # who set the hold: they see to it
    opened_at: Instant = Field(sa_type=BigInteger)
    closed_at: Instant | None = Field(default=None, sa_type=BigInteger)


class JobTicket(Row, table=True):
    """That a job is to settle a ticket, or a part of it."""

    __tablename__ = "job_ticket"
    job_id: str = Field(primary_key=True, foreign_key="job.id")
    ticket_id: str = Field(primary_key=True, foreign_key="ticket.id", index=True)


class Due(Row, table=True):
    """A deadline of a ticket, job, offer or visit: when the clock looks, and who should have done something by then."""

    __table_args__ = (
        Index("due_once", "subject_id", "kind", unique=True),
        Index("due_at", "at", sqlite_where=text("at IS NOT NULL"), postgresql_where=text("at IS NOT NULL")),
    )
    id: str = Field(primary_key=True)
    kind: DueKind = Field(sa_type=stored(DueKind))
    subject_kind: SubjectKind = Field(sa_type=stored(SubjectKind))
    subject_id: str
    site_id: str = Field(foreign_key="site.id", index=True)
    responsible: Responsible = Field(sa_type=stored(Responsible))
    at: Instant | None = Field(default=None, sa_type=BigInteger)  # None: it does not run any more


class Offer(Row, table=True):
    """One provider asked once: pending → accepted / declined / lapsed / withdrawn. `closed_at` is the answer."""

    __table_args__ = (
        _open_once("offer_open", "job_id", "provider_id"),
        Index("offer_listed", "offered_at", "id"),
        Index("offer_pending", "provider_id", "expires_at", "closed_at", sqlite_where=text("closed_at IS NULL"),
              postgresql_where=text("closed_at IS NULL")),
        Index("offer_answered", "closed_at", "provider_id", "state", "left_out",
              sqlite_where=text("closed_at IS NOT NULL"), postgresql_where=text("closed_at IS NOT NULL")),
    )
    id: str = Field(primary_key=True)
    job_id: str = Field(foreign_key="job.id", index=True)
    ticket_id: str = Field(foreign_key="ticket.id", index=True)  # whose number its messages name; the job has them all
    provider_id: str = Field(foreign_key="provider.id", index=True)
    round: int = 1  # of the job
    wave: int = 1  # of the round: who is asked at the same time; 0: who is asked before all others
    rank: int  # 1 = first choice
    adds_to_visit: str | None = None  # the visit that it would add to: the provider comes there anyway
    evidence: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # the whole ranking
    state: OfferState = Field(default=OfferState.PENDING, sa_type=stored(OfferState))
    offered_at: Instant = Field(sa_type=BigInteger)
    expires_at: Instant = Field(sa_type=BigInteger)
    closed_at: Instant | None = Field(default=None, sa_type=BigInteger)
    answer: str | None = None  # why it was declined
    left_out: str | None = None  # why an operator does not let it count in the provider's track record


class Visit(Row, table=True):
    """One trip: planned → en_route → on_site → done, outcome complete or incomplete; cancelled when nobody comes."""

    __table_args__ = (  # what a provider has to do today, and who is out now: asked whenever providers are ranked
        Index("visit_day", "window_from", "provider_id", "state"),
        Index("visit_of_provider", "provider_id", "done_at", "id"),
        Index("visit_out", "state", "provider_id", sqlite_where=text("done_at IS NULL"),
              postgresql_where=text("done_at IS NULL")),
        Index("visit_done", "done_at", sqlite_where=text("done_at IS NOT NULL"),
              postgresql_where=text("done_at IS NOT NULL")),
        Index("visit_until", "state", "window_until", sqlite_where=text("done_at IS NULL"),
              postgresql_where=text("done_at IS NULL")),
        Index("visit_open", "window_from", "id", sqlite_where=text("done_at IS NULL"),
              postgresql_where=text("done_at IS NULL")),
        Index("visit_fixed", "fixed_profile", "fixed_cause", "done_at", sqlite_where=text("fix IS NOT NULL"),
              postgresql_where=text("fix IS NOT NULL")),
        Index("visit_pin", "call_pin", unique=True, sqlite_where=text("done_at IS NULL"),
              postgresql_where=text("done_at IS NULL")),
    )
    id: str = Field(primary_key=True)
    job_id: str = Field(foreign_key="job.id", index=True)
    ticket_id: str = Field(foreign_key="ticket.id", index=True)  # whose number its messages name; the job has them all
    provider_id: str = Field(foreign_key="provider.id")
    offer_id: str | None = Field(default=None, foreign_key="offer.id", index=True)  # that it came of
    technician: str = ""  # name as the customer will read it
    call_pin: str | None = None  # with it the bridge connects the technician with the customer
    doorstep: str | None = None  # two words that the technician says at the door; none once it is over
    state: VisitState = Field(default=VisitState.PLANNED, sa_type=stored(VisitState))
    window_from: Instant = Field(sa_type=BigInteger)  # arrival window promised to the customer
    window_until: Instant = Field(sa_type=BigInteger)
    eta: Instant | None = Field(default=None, sa_type=BigInteger)
    created_at: Instant = Field(sa_type=BigInteger)
    en_route_at: Instant | None = Field(default=None, sa_type=BigInteger)
    on_site_at: Instant | None = Field(default=None, sa_type=BigInteger)
    done_at: Instant | None = Field(default=None, sa_type=BigInteger)
    outcome: VisitOutcome | None = Field(default=None, sa_type=stored(VisitOutcome))
    note: str | None = None
    incomplete: IncompleteReason | None = Field(default=None, sa_type=stored(IncompleteReason))  # why something is left
    # that are missing
    parts: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False, server_default=text("'[]'")))
    expected_at: Instant | None = Field(default=None, sa_type=BigInteger)  # when they should be there
    fix: str | None = None  # what fixed it, for others with the same fault: nobody is named in it
    used: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False, server_default=text("'[]'")))
    fixed_profile: str | None = None  # of the device that `fix` fixed …
    fixed_cause: str | None = None  # … and the fault: the cause key of the ticket
    handed_back_at: Instant | None = Field(default=None, sa_type=BigInteger)  # the provider could not come after all
    asks: int = 0  # questions to the technician that went unanswered since they were heard last
    early_ok_at: Instant | None = Field(default=None, sa_type=BigInteger)  # the customer agreed to an earlier arrival
    called_at: Instant | None = Field(default=None, sa_type=BigInteger)  # the technician rang, and nobody answered
    contested_at: Instant | None = Field(default=None, sa_type=BigInteger)  # "nobody there" is not what happened
    moves: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # times it was moved or called off …
    moved_at: Instant | None = Field(default=None, sa_type=BigInteger)  # … last then: calendars go by both
    left_out: str | None = None  # why an operator does not let it count in the provider's track record


class Photo(Row, table=True):
    """A picture of a visit, re-encoded, without where and by which camera it was taken; its parties see it, for 90
    days."""

    id: str = Field(primary_key=True)
    visit_id: str = Field(foreign_key="visit.id", index=True)
    site_id: str = Field(foreign_key="site.id", index=True)
    sender: str  # as the page names them
    width: int  # pixels
    height: int
    digest: str  # SHA-256 of the file as it came: the same one twice is kept once
    content: bytes = Field(sa_type=LargeBinary)  # JPEG
    created_at: Instant = Field(sa_type=BigInteger, index=True)


class Signature(Row, table=True):
    """Who signed for a visit when it ended: a name that was typed, a drawing, or both; its parties see it, for 90 days.
    """

    id: str = Field(primary_key=True)
    visit_id: str = Field(foreign_key="visit.id", index=True)
    site_id: str = Field(foreign_key="site.id", index=True)
    name: str
    drawing: str  # strokes as points: "1,2 3,4;5,6"
    shown: str  # SHA-256 of what the page said was done when they signed
    created_at: Instant = Field(sa_type=BigInteger, index=True)  # when that visit ended


HELP = f"closed_at IS NULL AND kind = '{CallbackKind.EMERGENCY}'"
CHECKS = f"kind = '{CallbackKind.CHECK}' AND origin = '{CallbackOrigin.OUTAGE}'"


class Callback(Row, table=True):
    """Somebody has to be rung: requested → claimed → attempting → connected → done, back to requested when nobody
    answers; or expired, cancelled, answered by an outage."""

    __table_args__ = (
        _open_once("callback_open", "site_id", "kind"),
        Index("callback_promised", "promised_by", sqlite_where=text("closed_at IS NULL"),
              postgresql_where=text("closed_at IS NULL")),
        Index("callback_help", "requested_at", sqlite_where=text(HELP), postgresql_where=text(HELP)),
        Index("callback_check", "site_id", sqlite_where=text(CHECKS), postgresql_where=text(CHECKS)),
        Index("callback_outage", "outage_id", sqlite_where=text("outage_id IS NOT NULL"),
              postgresql_where=text("outage_id IS NOT NULL")),
    )
    id: str = Field(primary_key=True)
    site_id: str = Field(foreign_key="site.id")
    customer_id: str = Field(foreign_key="customer.id", index=True)
    kind: CallbackKind = Field(default=CallbackKind.ORDINARY, sa_type=stored(CallbackKind))
    origin: CallbackOrigin = Field(default=CallbackOrigin.PRESS, sa_type=stored(CallbackOrigin))
    device_id: str | None = Field(default=None, foreign_key="device.id")  # the button that was pressed last
    wish: str = Field(default="", sa_column_kwargs={"server_default": ""})  # what it is about, in a person's words
    state: CallbackState = Field(default=CallbackState.REQUESTED, sa_type=stored(CallbackState))
    urgent: bool = False  # a long press, or a call for help
    presses: int = 1
    requested_at: Instant = Field(sa_type=BigInteger, index=True)
    ring_from: Instant | None = Field(default=None, sa_type=BigInteger)  # not before: their slot, or the next try
    promised_by: Instant = Field(sa_type=BigInteger)
    overdue_told_at: Instant | None = Field(default=None, sa_type=BigInteger)  # dispatcher told the promise was missed
    attempts: int = 0
    tries: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})  # that nobody answered
    agent: str | None = None  # who has it, or had it last
    claimed_until: Instant | None = Field(default=None, sa_type=BigInteger)  # then others may take it
    outcome: CallOutcome | None = Field(default=None, sa_type=stored(CallOutcome))
    note: str | None = None
    ticket_id: str | None = None  # that it started, or joined
    outage_id: str | None = None  # the outage that answered it, or may be the reason
    closed_at: Instant | None = Field(default=None, sa_type=BigInteger)

    @property
    def emergency(self) -> bool:
        """Whether it is a call for help."""
        return self.kind is CallbackKind.EMERGENCY


class OnCallPage(Row, table=True):
    """The request that somebody on call looks at a ticket or callback: paging → acknowledged → …, until it has ended.
    What may follow what is in gateway.tickets.on_call.lifecycle."""

    __tablename__ = "on_call_page"
    __table_args__ = (
        _open_once("on_call_page_open", "subject_id", "role"),
        Index("on_call_page_site_open", "site_id", sqlite_where=text("closed_at IS NULL"),
              postgresql_where=text("closed_at IS NULL")),
        Index("on_call_page_next", "next_at", sqlite_where=text("next_at IS NOT NULL"),
              postgresql_where=text("next_at IS NOT NULL")),
    )
    id: str = Field(primary_key=True)
    subject_kind: SubjectKind = Field(sa_type=stored(SubjectKind))  # a ticket or a callback
    subject_id: str
    site_id: str = Field(foreign_key="site.id")
    role: OnCallRole = Field(default=OnCallRole.DISPATCHER, sa_type=stored(OnCallRole))
    state: PageState = Field(default=PageState.PAGING, sa_type=stored(PageState))
    reasons: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))  # PageReason, oldest first
    urgent: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})  # the next person sooner
    turn: int = 0  # how many times somebody has been paged
    paged: str | None = None  # who was last, in on_call.people; "" = the contacts of service.…; None: the first is next
    repeats: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})  # how often they were paged since
    # reason → what its message says besides what is true when it goes: gateway/notifications/stored_facts.py
    facts: dict[str, dict[str, Any]] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    opened_at: Instant = Field(sa_type=BigInteger)
    told_at: Instant = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})  # last
    next_at: Instant | None = Field(default=None, sa_type=BigInteger)  # the next person, or the acknowledgement lapses
    acknowledged_by: str | None = None  # their name
    acknowledged_at: Instant | None = Field(default=None, sa_type=BigInteger)
    closed_at: Instant | None = Field(default=None, sa_type=BigInteger)

    @property
    def subject(self) -> Subject:
        return Subject(self.subject_kind, self.subject_id)

    @property
    def why(self) -> tuple[PageReason, ...]:
        """The reasons that held when it was last looked at, the oldest first."""
        return tuple(PageReason(reason) for reason in self.reasons)


class SlaPolicyVersion(Row, table=True):
    """An SLA policy as it stood when it was first loaded; kept for good, because decisions name it."""

    __tablename__ = "sla_policy_version"
    id: str = Field(primary_key=True)  # its name and what its content comes to, e.g. "standard@3f9c01de"
    content: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    first_loaded_at: Instant = Field(sa_type=BigInteger)


class SlaClock(Row, table=True):
    """One target of one ticket. It runs while `running_since` is set; what it has used before is in `used_ms`."""

    __tablename__ = "sla_clock"
    __table_args__ = (
        Index("sla_clock_once", "ticket_id", "kind", unique=True),
        Index("sla_clock_due", "due_at", sqlite_where=text("missed_at IS NULL"),
              postgresql_where=text("missed_at IS NULL")),
        Index("sla_clock_warn", "warn_at", sqlite_where=text("warn_at IS NOT NULL"),
              postgresql_where=text("warn_at IS NOT NULL")),
        Index("sla_clock_open", "policy", sqlite_where=text("ended_at IS NULL"),
              postgresql_where=text("ended_at IS NULL")),
    )
    id: str = Field(primary_key=True)
    ticket_id: str = Field(foreign_key="ticket.id")
    kind: SlaKind = Field(sa_type=stored(SlaKind))
    policy: str = Field(foreign_key="sla_policy_version.id")
    policy_name: str  # of which another version may count from the next start on
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


class PendingAct(Row, table=True):
    """What a customer does on their page: nobody hears of it for a minute, in which they can take it back; then it is
    done."""

    __tablename__ = "pending_act"
    __table_args__ = (
        Index("pending_act_due", "due_at", sqlite_where=text("closed_at IS NULL"),
              postgresql_where=text("closed_at IS NULL")),
        Index("pending_act_asked", "ticket_id", "asked_at"),
    )
    id: str = Field(primary_key=True)
    kind: CustomerAct = Field(sa_type=stored(CustomerAct))
    ticket_id: str = Field(foreign_key="ticket.id")
    words: str = ""  # theirs
    window_from: Instant | None = Field(default=None, sa_type=BigInteger)  # in which somebody shall come
    window_until: Instant | None = Field(default=None, sa_type=BigInteger)
    version: str = ""  # of what it depends on, as it stood: page_version.py; empty: it is right whatever changes
    asked_at: Instant = Field(sa_type=BigInteger)
    due_at: Instant = Field(sa_type=BigInteger)  # then it is done
    closed_at: Instant | None = Field(default=None, sa_type=BigInteger)
    outcome: PendingOutcome | None = Field(default=None, sa_type=stored(PendingOutcome))


class Survey(Row, table=True):
    """What a customer was asked once after their ticket was closed, and what they said."""

    __table_args__ = (Index("survey_listed", "asked_at", "id"),)
    id: str = Field(primary_key=True)
    ticket_id: str = Field(foreign_key="ticket.id", unique=True)  # one for each ticket, also when it was opened again
    customer_id: str = Field(foreign_key="customer.id", index=True)
    visit_id: str | None = Field(default=None, index=True)  # the last: a "no" counts against its first-time fix
    proven: bool  # the device shows that it works: only whoever sees it otherwise need say so
    asked_at: Instant = Field(sa_type=BigInteger)
    expires_at: Instant = Field(sa_type=BigInteger)  # then the link ends, and no answer counts any more
    answered_at: Instant | None = Field(default=None, sa_type=BigInteger)
    works: bool | None = None  # None: they did not say
    ease: SurveyMark | None = Field(default=None, sa_type=stored(SurveyMark))
    care: SurveyMark | None = Field(default=None, sa_type=stored(SurveyMark))
    words: str = Field(default="", sa_column_kwargs={"server_default": ""})  # theirs, which only we read
