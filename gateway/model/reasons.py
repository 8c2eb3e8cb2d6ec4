"""Named reasons with parameters (why something ended, waits or was refused), worded when they are read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import String
from sqlalchemy.types import TypeDecorator


class ReasonKind(StrEnum):
    """One named reason; the catalogues say it, in `reason.<kind>`."""

    RETIRED = "retired"
    """The device was retired."""
    RULE_REMOVED = "rule_removed"
    """Its profile has lost the rule."""
    PART_OF_OUTAGE = "part_of_outage"
    """It belongs to `outage`."""
    BACK_TO_NORMAL = "back_to_normal"
    """The device itself says that all is normal."""
    POWER_BACK = "power_back"
    """The homes of an outage say that they have power."""
    SMALLER_AREA = "smaller_area"
    """A smaller `area` explains an outage better."""
    BACK_ALREADY = "back_already"
    """`back` of `homes` homes have come back before an outage was sure."""
    BROKER_JUST_HEARD = "broker_just_heard"
    """Our own connection has only just come back."""
    NOBODY_ELSE_HEARD = "nobody_else_heard"
    """No other home has been heard since, so the fault may be ours."""
    NOT_NEEDED = "not_needed"
    """A command: the fault was over before it was sent."""
    TIME_OVER = "time_over"
    """A command: its time was over."""
    NOT_SENT_IN_TIME = "not_sent_in_time"
    """A command: it could not be sent in time."""
    NOT_CONFIRMED_IN_TIME = "not_confirmed_in_time"
    """A command: the device has not confirmed it in time."""
    CONFIRMS_NOTHING = "confirms_nothing"
    """A command: such a device confirms none."""
    NOT_DONE = "not_done"
    """A command: the device says that it could not do it."""
    OUTAGE_TELLS = "outage_tells"
    """A message: the outage tells its customers itself."""
    SUPERSEDED = "superseded"
    """A message: a later one, `topic`, makes it pointless."""
    NEVER_TOLD_BROKEN = "never_told_broken"
    """A message: nobody hears fixed who was not told broken."""
    NEVER_TOLD_OUTAGE_LONGER = "never_told_outage_longer"
    """A message: nobody hears that an outage takes longer who was not told of it."""
    NEVER_TOLD_OUTAGE_OVER = "never_told_outage_over"
    """A message: nobody hears that an outage is over who was not told of it."""
    OFFER_NEVER_ARRIVED = "offer_never_arrived"
    """A message: what it takes back never reached them."""
    SLA_STOPPED = "sla_stopped"
    """A message: what the deadline was for has happened, or it stands still."""
    SLA_PASSED = "sla_passed"
    """A message: it warned of a deadline that has passed since."""
    QUIET_HOURS = "quiet_hours"
    """A message: the customer sleeps."""
    TICKET_GONE = "ticket_gone"
    """A message: there is no such ticket any more."""
    FIXED_FIRST = "fixed_first"
    """A message: fixed before anyone was told."""
    CANCELLED_FIRST = "cancelled_first"
    """A message: cancelled before anyone was told."""
    OVER_FIRST = "over_first"
    """A message: over before anyone was told."""
    TECHNICIAN_ON_THE_WAY = "technician_on_the_way"
    """A message: somebody will be there soon anyway."""
    VISIT_NOT_CURRENT = "visit_not_current"
    """A message: another visit has taken its place."""
    TICKET_MOVED_ON = "ticket_moved_on"
    """A message: the ticket is in another `state` by now."""
    NOT_ON_THE_WAY = "not_on_the_way"
    """A message: the technician is no longer on the way."""
    NOT_FIXED = "not_fixed"
    """A message: not fixed after all."""
    EARLIER_ROUND = "earlier_round"
    """A message: about an earlier round of the fault."""
    OUTAGE_MOVED_ON = "outage_moved_on"
    """A message: the outage is in another `state` by now."""
    BACK_FIRST = "back_first"
    """A message: their home was back before anyone was told."""
    DARK_AGAIN = "dark_again"
    """A message: their home is dark again."""
    WORK_OVER = "work_over"
    """A message: the planned work is over."""
    CALLBACK_OVER = "callback_over"
    """A message: the callback is over."""
    ALREADY_SPEAKING = "already_speaking"
    """A message: an agent is speaking with them."""
    PAGE_OVER = "page_over"
    """A message: nobody on call has to look any more."""
    PAGE_ACKNOWLEDGED = "page_acknowledged"
    """A message: somebody on call (`who`) sees to it."""
    OFFER_NOT_OPEN = "offer_not_open"
    """A message: the offer has been answered or taken back."""
    OFFER_EXPIRED = "offer_expired"
    """A message: the time to answer is over."""
    MAYBE_ARRIVED = "maybe_arrived"
    """A message: handed over by `channel`, and whether it arrived was never learnt."""
    NO_CONTACT = "no_contact"
    """A message: the recipient has no contact on a configured channel."""
    CONTACTS_STOPPED = "contacts_stopped"
    """A message: every contact has been stopped."""
    CONTACTS_FAILED = "contacts_failed"
    """A message: every contact refused or failed; `last` is what the last channel said."""
    MANY_MESSAGES = "many_messages"
    """A message: the customer has had `most` of them within `span` (hour or day)."""
    MANY_MESSAGES_AND_OLD = "many_messages_and_old"
    """The same, and this one is too old by now."""
    LAST_TRY = "last_try"
    """A message: its last try has not succeeded; `last` is what the channel said."""


class RefusedReason(StrEnum):
    """Why an act is not possible as things stand; the catalogues say it to whoever tried, in `refused.<reason>`."""

    NOT_NOW = "not_now"
    """The row (`what`, `id`) is in a `state` that the act does not lead on from."""
    ALREADY = "already"
    """The ticket `id` has come to its end: its `state` says which."""
    NOT_OFFERED_NOW = "not_offered_now"
    """Somebody has the ticket `id` already, or nobody needs to come: its `state` says which."""
    NOT_MERGEABLE = "not_mergeable"
    """The tickets `id` and `into` are not two unsettled ones of one home."""
    NOT_MERGED = "not_merged"
    """The ticket `id` is not merged, or the other one is over."""
    BEING_ASKED = "being_asked"
    """This `provider` has an open offer for it."""
    OFFER_ACCEPTED = "offer_accepted"
    """The offer has been accepted."""
    OFFER_DECLINED = "offer_declined"
    """The offer has been declined."""
    OFFER_LAPSED = "offer_lapsed"
    """The time to answer is over."""
    OFFER_TAKEN_BACK = "offer_taken_back"
    """The offer has been taken back."""
    BAD_ARRIVAL_WINDOW = "bad_arrival_window"
    """The arrival window ends before it begins, or in the past."""
    WINDOW_FAR_AWAY = "window_far_away"
    """The arrival window begins in more than two weeks, and nobody has confirmed that it is meant."""
    BAD_MAINTENANCE_WINDOW = "bad_maintenance_window"
    """The planned work ends before it begins, or in the past."""
    VISIT_OVER = "visit_over"
    """The technician has said already how it went."""
    VISIT_CANCELLED = "visit_cancelled"
    """Nobody needs to come any more."""
    ALREADY_DEPARTED = "already_departed"
    """The technician has set out before."""
    ALREADY_ARRIVED = "already_arrived"
    """The technician has been there before."""
    NOT_DEPARTED = "not_departed"
    """A visit ends that has not begun."""
    NOTE_NEEDED = "note_needed"
    """A visit is complete, and what was done is not said."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody (`who`) has acknowledged the alarm `id`."""
    BAD_HOLD_DATE = "bad_hold_date"
    """A ticket is to wait until a time that is past."""
    NOT_PAGED = "not_paged"
    """Nobody on call is being asked to look at `id`."""


@dataclass(frozen=True)
class Reason:
    """A named reason with what its sentence needs: plain values."""

    kind: ReasonKind
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """As it stands in JSON: {"reason": kind, and its parameters}."""
        return {"reason": str(self.kind), **self.parameters}

    @staticmethod
    def read(stored: Mapping[str, Any]) -> "Reason":
        """What `stored` gave."""
        return Reason(ReasonKind(stored["reason"]), {name: value for name, value in stored.items() if name != "reason"})


class ReasonColumn(TypeDecorator[Reason]):
    """A reason as one JSON text, always written the same way, so that rows can be grouped by it."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Reason | None, dialect: Any) -> str | None:
        return None if value is None else json.dumps(value.stored(), sort_keys=True, ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Any) -> Reason | None:
        return None if value is None else Reason.read(json.loads(value))
