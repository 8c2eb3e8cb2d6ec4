"""Timeline entries (what happened, who did it, why), their kinds and parameters; and the feed of changed rows."""

from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import JSON, BigInteger, Column
from sqlmodel import Field

from gateway.model.instant import Instant
from gateway.model.row import Row, numbered
from gateway.model.states import ActorKind, Role, SubjectKind, stored


class EntryKind(StrEnum):
    """One kind of thing that happened; the catalogues say it, in `entry.<kind>`."""

    OPENED = "opened"
    REPORTED_AGAIN = "reported_again"
    OPENED_BY_PERSON = "opened_by_person"
    PERSON_REPORTED = "person_reported"
    REOPENED_BY_PERSON = "reopened_by_person"
    SURVEY_ASKED = "survey_asked"
    SURVEY_ANSWERED = "survey_answered"
    CAME_BACK = "came_back"
    STILL_REPORTED = "still_reported"
    STILL_WATCHED = "still_watched"
    JOB_DONE = "job_done"
    WORSE = "worse"
    FAULT_JOINED = "fault_joined"
    JOINED_JOB = "joined_job"
    FLAPPING = "flapping"
    CALM = "calm"
    BACK_TO_NORMAL = "back_to_normal"
    WAITS_FOR_ACKNOWLEDGEMENT = "waits_for_acknowledgement"
    ACKNOWLEDGED = "acknowledged"
    ALARM_CLOSED = "alarm_closed"
    OTHER_FAULT_OVER = "other_fault_over"
    RULE_REMOVED = "rule_removed"
    RULE_REMOVED_NOBODY_WATCHES = "rule_removed_nobody_watches"
    WAITS_FOR_OPENING = "waits_for_opening"
    NOBODY_LEFT = "nobody_left"
    PRICE_ASKED = "price_asked"
    PRICE_AGREED = "price_agreed"
    PRICE_DECLINED = "price_declined"
    PRICE_UNANSWERED = "price_unanswered"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    ADDED_TO_VISIT = "added_to_visit"
    DECLINED = "declined"
    LAPSED = "lapsed"
    LEFT_OUT_OF_RECORD = "left_out_of_record"
    EN_ROUTE = "en_route"
    ON_SITE = "on_site"
    NOT_THERE = "not_there"
    NOT_SET_OUT = "not_set_out"
    REPORT_TAKEN_BACK = "report_taken_back"
    INCOMPLETE = "incomplete"
    HELD = "held"
    WOKEN = "woken"
    TECHNICIAN_ASKED = "technician_asked"
    NOBODY_ON_THE_WAY = "nobody_on_the_way"
    NOBODY_CAME = "nobody_came"
    OVERRUN_BEFORE = "overrun_before"
    DELAY_REPORTED = "delay_reported"
    OVERRUN_REPORTED = "overrun_reported"
    WINDOW_MOVED = "window_moved"
    REASSIGNED = "reassigned"
    HANDED_BACK = "handed_back"
    CALL_UNANSWERED = "call_unanswered"
    STILL_NEEDED_ASKED = "still_needed_asked"
    VISIT_UNREPORTED = "visit_unreported"
    STILL_NEEDED_UNANSWERED = "still_needed_unanswered"
    VISIT_KEPT = "visit_kept"
    VISIT_DROPPED = "visit_dropped"
    EARLY_ALLOWED = "early_allowed"
    MISSED_REPORTED = "missed_reported"
    ACCESS_CONTESTED = "access_contested"
    NOT_FIXED_GOES_ON = "not_fixed_goes_on"
    NOT_FIXED_BEFORE = "not_fixed_before"
    CUSTOMER_CALLED_OFF = "customer_called_off"
    CUSTOMER_WROTE = "customer_wrote"
    CUSTOMER_SENT_PHOTOS = "customer_sent_photos"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"
    PERSON_ADDED = "person_added"
    PERSON_CHANGED = "person_changed"
    PERSON_LEFT = "person_left"
    CONTACT_ADDED = "contact_added"
    CONTACT_REMOVED = "contact_removed"
    PREFERENCES_CHANGED = "preferences_changed"
    HOUSEHOLD_LEFT = "household_left"
    HOUSEHOLD_MOVED_IN = "household_moved_in"
    MERGED_INTO = "merged_into"
    MERGED_FROM = "merged_from"
    UNMERGED = "unmerged"
    CLOSED = "closed"
    REMOTE_FIX_BEGUN = "remote_fix_begun"
    REMOTE_FIX_WORKED = "remote_fix_worked"
    REMOTE_FIX_NOT_CONFIRMED = "remote_fix_not_confirmed"
    REMOTE_FIX_TRIED = "remote_fix_tried"
    REMOTE_FIX_NOT_TRIED = "remote_fix_not_tried"
    PRESSED = "pressed"
    PRESSED_AGAIN = "pressed_again"
    PRESSED_ANSWERED = "pressed_answered"
    PRESSED_PLANNED = "pressed_planned"
    CALL_LINKED = "call_linked"
    CALL_UNLINKED = "call_unlinked"
    CALL_ANSWERED = "call_answered"
    CALL_REQUESTED = "call_requested"
    CALL_WISHED_AGAIN = "call_wished_again"
    CALLBACK_CLAIMED = "callback_claimed"
    CALLBACK_RELEASED = "callback_released"
    CALLBACK_EXPIRED = "callback_expired"
    SPOKE_ABOUT = "spoke_about"
    CUSTOMER_ANSWERED = "customer_answered"
    NUMBER_SEEN = "number_seen"
    NUMBER_DIALLED = "number_dialled"
    NUMBER_SENT = "number_sent"
    SLA_WARNED = "sla_warned"
    SLA_MISSED = "sla_missed"
    SLA_INHERITED = "sla_inherited"
    CALLBACK_OVERDUE = "callback_overdue"
    ASKED_AGAIN = "asked_again"
    PUT_ON_HOLD = "put_on_hold"
    NOTED = "noted"
    PAGE_ACKNOWLEDGED = "page_acknowledged"
    PAGE_LAPSED = "page_lapsed"
    PROMISE_BROKEN = "promise_broken"
    CALLBACK_ATTEMPT = "callback_attempt"
    CALLBACK_NO_ANSWER = "callback_no_answer"
    CALLBACK_CONNECTED = "callback_connected"
    CALLBACK_DONE = "callback_done"
    OUTAGE_TICKET_OPENED = "outage_ticket_opened"
    OUTAGE_TICKET_POWER_BACK = "outage_ticket_power_back"
    OUTAGE_TICKET_CAME_BACK = "outage_ticket_came_back"
    OUTAGE_SUSPECTED = "outage_suspected"
    OUTAGE_MOVED = "outage_moved"
    OUTAGE_ABSORBED = "outage_absorbed"
    OUTAGE_DARK_AGAIN = "outage_dark_again"
    OUTAGE_GREW = "outage_grew"
    OUTAGE_WAITS = "outage_waits"
    OUTAGE_DISMISSED = "outage_dismissed"
    OUTAGE_CONFIRMED = "outage_confirmed"
    OUTAGE_CONFIRMED_OURS = "outage_confirmed_ours"
    OUTAGE_LONGER = "outage_longer"
    OUTAGE_RUNG_FIRST = "outage_rung_first"
    OUTAGE_HOME_REPORTED = "outage_home_reported"
    POWER_DOUBTED = "power_doubted"
    OUTAGE_RESTORING = "outage_restoring"
    OUTAGE_NESTED = "outage_nested"
    OUTAGE_STILL_OUT = "outage_still_out"
    OUTAGE_RESTORED = "outage_restored"
    OUTAGE_CLOSED = "outage_closed"
    BROKER_NOT_HEARD = "broker_not_heard"
    BROKER_HEARD_AGAIN = "broker_heard_again"
    TOPICS_NOT_HEARD = "topics_not_heard"
    TOPICS_HEARD_AGAIN = "topics_heard_again"
    CLOCK_JUMPED = "clock_jumped"
    MAINTENANCE_PLANNED = "maintenance_planned"
    ANSWER_SAVED = "answer_saved"
    ANSWER_WITHDRAWN = "answer_withdrawn"
    MAINTENANCE_ANNOUNCED = "maintenance_announced"
    MAINTENANCE_OVER = "maintenance_over"
    TOLD = "told"
    TOLD_TOO = "told_too"
    TOLD_TOGETHER = "told_together"
    NOT_TOLD = "not_told"
    MAYBE_TOLD = "maybe_told"
    COULD_NOT_TELL = "could_not_tell"
    WOULD_HAVE_TOLD = "would_have_told"


REPORTS = (EntryKind.OPENED_BY_PERSON, EntryKind.PERSON_REPORTED, EntryKind.REOPENED_BY_PERSON)  # of what is wrong

LOOKS = frozenset({EntryKind.NUMBER_SEEN, EntryKind.NUMBER_DIALLED, EntryKind.NUMBER_SENT})
"""What is written down though nobody has changed anything: who has seen, used or been sent whose telephone number."""

PARAMETERS: dict[EntryKind, tuple[str, ...]] = {  # of each kind that has any
    EntryKind.OPENED: ("cause", "device"),
    EntryKind.OPENED_BY_PERSON: ("cause", "note"),
    EntryKind.PERSON_REPORTED: ("cause", "note"),
    EntryKind.REOPENED_BY_PERSON: ("cause", "note"),
    EntryKind.WORSE: ("severity",),
    EntryKind.FAULT_JOINED: ("cause",),
    EntryKind.JOINED_JOB: ("ticket",),
    EntryKind.NOT_FIXED_GOES_ON: ("ticket",),
    EntryKind.NOT_FIXED_BEFORE: ("ticket",),
    EntryKind.CUSTOMER_CALLED_OFF: ("provider", "words"),
    EntryKind.CUSTOMER_WROTE: ("words",),
    EntryKind.CUSTOMER_SENT_PHOTOS: ("count",),
    EntryKind.MERGED_INTO: ("ticket",),
    EntryKind.MERGED_FROM: ("ticket",),
    EntryKind.UNMERGED: ("ticket",),
    EntryKind.JOB_DONE: ("note",),
    EntryKind.ACKNOWLEDGED: ("cause",),
    EntryKind.ALARM_CLOSED: ("reason",),
    EntryKind.OTHER_FAULT_OVER: ("rule",),
    EntryKind.RULE_REMOVED: ("profile", "rule"),
    EntryKind.RULE_REMOVED_NOBODY_WATCHES: ("profile", "rule"),
    EntryKind.PRICE_ASKED: ("price", "answer_by"),
    EntryKind.PRICE_AGREED: ("price",),
    EntryKind.PRICE_DECLINED: ("price",),
    EntryKind.PRICE_UNANSWERED: ("price",),
    EntryKind.OFFERED: ("provider",),
    EntryKind.PROMISE_BROKEN: ("promised", "due"),
    EntryKind.ACCEPTED: ("provider", "window_from", "window_until"),
    EntryKind.ADDED_TO_VISIT: ("provider", "window_from", "window_until"),
    EntryKind.DECLINED: ("provider", "reason"),
    EntryKind.LAPSED: ("provider",),
    EntryKind.LEFT_OUT_OF_RECORD: ("provider", "reason"),
    EntryKind.EN_ROUTE: ("minutes",),
    EntryKind.INCOMPLETE: ("incomplete", "note"),
    EntryKind.HELD: ("hold", "until"),
    EntryKind.TECHNICIAN_ASKED: ("asks",),
    EntryKind.DELAY_REPORTED: ("minutes",),
    EntryKind.OVERRUN_REPORTED: ("minutes",),
    EntryKind.WINDOW_MOVED: ("window_from", "window_until"),
    EntryKind.REASSIGNED: ("technician", "before"),
    EntryKind.HANDED_BACK: ("provider", "reason"),
    EntryKind.RESOLVED: ("resolution",),
    EntryKind.CANCELLED: ("reason",),
    EntryKind.PERSON_ADDED: ("role",),
    EntryKind.PERSON_LEFT: ("site",),
    EntryKind.CONTACT_ADDED: ("channel",),
    EntryKind.CONTACT_REMOVED: ("channel",),
    EntryKind.PREFERENCES_CHANGED: (),
    EntryKind.REMOTE_FIX_BEGUN: ("fix",),
    EntryKind.REMOTE_FIX_TRIED: ("fix", "tried_at", "outcome"),
    EntryKind.REMOTE_FIX_NOT_TRIED: ("fix", "tried_at", "outcome"),
    EntryKind.PRESSED: ("press",),
    EntryKind.PRESSED_AGAIN: ("press", "became"),
    EntryKind.PRESSED_ANSWERED: ("press", "outage"),
    EntryKind.PRESSED_PLANNED: ("press", "area", "until"),
    EntryKind.CALL_LINKED: ("outage",),
    EntryKind.CALL_UNLINKED: ("outage",),
    EntryKind.CALL_ANSWERED: ("outage",),
    EntryKind.CUSTOMER_ANSWERED: ("customer",),
    EntryKind.PUT_ON_HOLD: ("waits_for", "until", "note"),
    EntryKind.NOTED: ("note",),
    EntryKind.PAGE_ACKNOWLEDGED: ("until",),
    EntryKind.PAGE_LAPSED: ("person",),
    EntryKind.SLA_WARNED: ("clock", "due", "policy"),
    EntryKind.SLA_MISSED: ("clock", "due", "policy"),
    EntryKind.SLA_INHERITED: ("clock", "due", "policy"),
    EntryKind.CALL_REQUESTED: ("origin", "wish", "ring_from"),
    EntryKind.CALL_WISHED_AGAIN: ("wish", "ring_from"),
    EntryKind.CALLBACK_CLAIMED: ("until",),
    EntryKind.CALLBACK_RELEASED: ("agent",),
    EntryKind.CALLBACK_ATTEMPT: ("number", "person"),
    EntryKind.CALLBACK_NO_ANSWER: ("again_at",),
    EntryKind.CALLBACK_EXPIRED: ("tries",),
    EntryKind.SPOKE_ABOUT: ("callback", "call_outcome", "note"),
    EntryKind.NUMBER_SEEN: ("people",),
    EntryKind.NUMBER_DIALLED: ("people",),
    EntryKind.NUMBER_SENT: ("people", "whom"),
    EntryKind.CALLBACK_DONE: ("call_outcome", "note"),
    EntryKind.OUTAGE_TICKET_OPENED: ("area", "homes"),
    EntryKind.OUTAGE_SUSPECTED: ("dark", "homes", "area"),
    EntryKind.OUTAGE_MOVED: ("before", "area"),
    EntryKind.OUTAGE_ABSORBED: ("larger",),
    EntryKind.OUTAGE_DARK_AGAIN: ("homes",),
    EntryKind.OUTAGE_GREW: ("more", "dark"),
    EntryKind.OUTAGE_WAITS: ("reason",),
    EntryKind.OUTAGE_DISMISSED: ("reason",),
    EntryKind.OUTAGE_CONFIRMED: ("dark", "customers", "ticket"),
    EntryKind.OUTAGE_CONFIRMED_OURS: ("dark",),
    EntryKind.OUTAGE_RUNG_FIRST: ("homes",),
    EntryKind.OUTAGE_HOME_REPORTED: ("customer",),
    EntryKind.OUTAGE_LONGER: ("customers",),
    EntryKind.OUTAGE_RESTORING: ("back", "homes"),
    EntryKind.OUTAGE_NESTED: ("homes",),
    EntryKind.OUTAGE_STILL_OUT: ("dark",),
    EntryKind.OUTAGE_RESTORED: ("homes",),
    EntryKind.TOPICS_NOT_HEARD: ("filters",),
    EntryKind.CLOCK_JUMPED: ("seconds",),
    EntryKind.ANSWER_SAVED: ("answer",),
    EntryKind.ANSWER_WITHDRAWN: ("answer",),
    EntryKind.MAINTENANCE_ANNOUNCED: ("customers",),
    EntryKind.TOLD: ("whom", "channel", "topic"),
    EntryKind.TOLD_TOO: ("whom", "channel", "topic", "open_by"),
    EntryKind.TOLD_TOGETHER: ("whom", "channel", "topic", "others"),  # topics of what left in the same message
    EntryKind.NOT_TOLD: ("whom", "topic", "reason"),
    EntryKind.MAYBE_TOLD: ("whom", "topic", "reason"),
    EntryKind.COULD_NOT_TELL: ("whom", "topic", "reason"),
    EntryKind.WOULD_HAVE_TOLD: ("whom", "channel", "topic"),
}
"""Plain values: ids, names, counts, instants, what a person wrote; `cause` and `fix` by language; a `reason` as
`Reason.stored()` gives it, or in a person's words."""


class Actor(NamedTuple):
    """Who did something."""

    kind: ActorKind
    name: str = ""  # a device's id, else what people call them; "" for the gateway
    account: str = ""  # the id of the user or key that they came with; "": by a link, or the command line
    role: Role | None = None  # of that user or key
    address: str = ""  # the network address that they came from

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.name else self.kind


GATEWAY = Actor(ActorKind.GATEWAY)


class Entry(Row, table=True):
    """One line of a timeline, never changed: what happened to a ticket, callback, outage or alarm, who did it, why.

    It is worded when it is read: see gateway/notifications/entries.py.
    """

    id: int | None = Field(default=None, sa_column=numbered())
    subject_kind: SubjectKind = Field(sa_type=stored(SubjectKind))
    subject_id: str = Field(index=True)
    at: Instant = Field(sa_type=BigInteger)
    kind: EntryKind = Field(sa_type=stored(EntryKind))
    parameters: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # of its sentence
    by_kind: ActorKind = Field(sa_type=stored(ActorKind))
    by_name: str = ""
    evidence: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # facts behind it

    @property
    def by(self) -> Actor:
        return Actor(self.by_kind, self.by_name)


class ChangedRow(Row, table=True):
    """One line of the change feed: a row that people look at was added or changed. It holds no data of that row."""

    __tablename__ = "changed_row"
    id: int | None = Field(default=None, sa_column=numbered())  # the order of writing, not that of the commits
    transaction: int = Field(sa_type=BigInteger)  # the same for all that one transaction wrote
    kind: str  # of the row: the name of its table; "": too many rows to list, so whoever reads this reads all again
    row_id: str = ""  # "" where only its subject is known
    subject_id: str | None = None  # the ticket, callback or outage that it belongs to
    site_id: str | None = None
