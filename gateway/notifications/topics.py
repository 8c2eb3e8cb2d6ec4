"""The registry of notification topics: audience, urgency, quiet hours, and when each becomes obsolete; one story,
because a topic is read together with its rule."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

from gateway.config.quotas import TRIES_CRITICAL
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    AttemptOutcome,
    Instant,
    LinkPurpose,
    Notification,
    NotificationState,
    OfferState,
    OutageState,
    PageState,
    PriceAnswer,
    PromiseKind,
    Reason,
    ReasonKind,
    RecipientKind,
    Severity,
    SubjectKind,
    Ticket,
    TicketState,
    TopicGroup,
    Visit,
    VisitState,
)
from gateway.model.states import ButtonTestState, CallbackState
from gateway.notifications import stored_facts
from gateway.notifications.context import NotificationContext
from gateway.tickets.lifecycle import UNASSIGNED, VISIT_AHEAD


class TopicName(StrEnum):
    """One kind of message. Its templates are found by this name."""

    FAULT_FOUND = "fault_found"
    """Something is broken, and we are on it."""
    TECHNICIAN_ASSIGNED = "technician_assigned"
    """Who comes, and when."""
    ON_THE_WAY = "on_the_way"
    """The technician has set out."""
    STILL_LOOKING = "still_looking"
    """Nobody comes yet: what is true now, and when they hear again."""
    RESOLVED = "resolved"
    """It works again."""
    CALLBACK_SCHEDULED = "callback_scheduled"
    """We call back by then: the answer to a press of the button."""
    CALLBACK_LATE = "callback_late"
    """We did not call by the time that we had promised."""
    CALLBACK_TRIED = "callback_tried"
    """We rang, and nobody answered: when we ring again."""
    CALLBACK_CANCELLED = "callback_cancelled"
    """A promised call is called off: they need not wait for it."""
    CALLBACK_EXPIRED = "callback_expired"
    """We rang as often as we do, and nobody answered: how they reach us."""
    WORSE = "worse"
    """The fault is more serious than it was."""
    FAULT_ADDED = "fault_added"
    """A provider that comes already is told of another fault, for the same visit."""
    OUTAGE = "outage"
    """A power cut in their area."""
    OUTAGE_LONGER = "outage_longer"
    """The power cut outlasts the estimate they were given."""
    OUTAGE_OVER = "outage_over"
    """Their own home has power again."""
    OUTAGE_FALSE = "outage_false"
    """There was no power cut: whoever was told of one hears so."""
    BUTTON_DEAD = "button_dead"
    """Whoever helps at a home hears that its emergency button does not work."""
    BUTTON_WORKS = "button_works"
    """It works again."""
    MAINTENANCE = "maintenance"
    """Work is planned in their area."""
    PRICE_QUESTION = "price_question"
    """Something is broken, and they are asked whether somebody may come at this price."""
    PRICE_AGREED = "price_agreed"
    """They said yes: somebody is being sent, at that price."""
    PRICE_DECLINED = "price_declined"
    """They said no: nobody comes, and how they change their mind."""
    VISIT_LATE = "visit_late"
    """Whoever comes is later than we said: when they come, or by when we know."""
    VISIT_MISSED = "visit_missed"
    """Nobody came within the arrival window: we say so first."""
    VISIT_CHANGED = "visit_changed"
    """Another arrival window than the one they were told."""
    CUSTOMER_WROTE = "customer_wrote"
    """Whoever is to come, or is there, reads what the customer wants them to know."""
    VISIT_CALLED_OFF = "visit_called_off"
    """Whoever was to come does not: for the household, and for whoever had set out."""
    VISIT_INCOMPLETE = "visit_incomplete"
    """Somebody was there and could not finish: why, and what happens next."""
    NEXT_VISIT = "next_visit"
    """What they waited for should be there: the next visit is being arranged."""
    WORKS_AGAIN = "works_again"
    """It works again before anybody came: they are asked whether somebody shall come all the same."""
    WATCHING = "watching"
    """The technician says that it is done, and the device does not yet."""
    TECHNICIAN_ASKED = "technician_asked"
    """Whoever is to go there is asked whether they are on the way, there, or done."""
    VISIT_PROBLEM = "visit_problem"
    """A visit needs a dispatcher."""
    OFFER = "offer"
    """A provider is asked to take a job."""
    OFFER_WITHDRAWN = "offer_withdrawn"
    """A provider need not come after all."""
    OFFER_TAKEN = "offer_taken"
    """A provider that was asked need not answer any more: another one was faster."""
    JOB_TAKEN = "job_taken"
    """Who is to go there, as agreed on the telephone or within their firm, gets the page of the visit."""
    VISIT_INVITE = "visit_invite"
    """Who is to go there gets the visit for their calendar, as it stands since they themselves changed it."""
    PLEASE_LOOK = "please_look"
    """Somebody on call is asked to look at a ticket or callback, because …"""
    EMERGENCY_PRESS = "emergency_press"
    """Somebody called for help."""
    BUTTON_TEST_ASKED = "button_test_asked"
    """They are asked to test their emergency button, and how."""
    BUTTON_TEST_HEARD = "button_test_heard"
    """The test of their emergency button has reached us."""
    SLA_WARNING = "sla_warning"
    """Most of an SLA's time is used."""
    SLA_MISSED = "sla_missed"
    """The time of an SLA is over."""
    UNDELIVERABLE = "undeliverable"
    """Somebody could not be told, or may not have been: please ring them."""
    UNDELIVERED_LIST = "undelivered_list"
    """Several people could not be told, or may not have been: please ring them."""
    TOO_MANY_MESSAGES = "too_many_messages"
    """A customer has had so many messages that others wait."""
    GATEWAY_FAULT = "gateway_fault"
    """We ourselves, or a carrier, have failed."""
    GATEWAY_FAULT_OVER = "gateway_fault_over"
    """That is over."""
    RULE_BROKEN = "rule_broken"
    """A rule of a profile could not be evaluated."""
    WORDING_BROKEN = "wording_broken"
    """A template of the operator's broke when a message was due: ours went out."""
    PAGE_LINK = "page_link"
    """On the telephone with us: the link to their page."""
    HOUSEHOLD_LINK = "household_link"
    """As asked for: the link to all that is open at their home."""
    SURVEY = "survey"
    """It is closed, and they are asked how it went."""
    APOLOGY = "apology"
    """It is closed, and on the way we did not keep our word."""
    GOODWILL = "goodwill"
    """What we credit them for an outage or a broken promise, without their asking; or a gesture of an agent."""
    GOODWILL_WAITS = "goodwill_waits"
    """What one outage or visit comes to is more than the cap: somebody has to approve it."""
    DAILY = "daily"
    """Once a day, for who wants it so: all that there was to say."""
    ALL_IS_WELL = "all_is_well"
    """Once a year, for whoever asked for it: what is watched, and that nothing is open."""
    CONTACT_GONE = "contact_gone"
    """One of their contacts does not work any more; it is said on another of theirs."""
    CONTACT_CODE = "contact_code"
    """The code with which they show that a contact is theirs, sent to that contact."""
    CONTACTS_GONE = "contacts_gone"
    """Contacts that did not work any more within an hour, for the dispatcher."""
    TEST = "test"
    """Sent by hand, to see whether a contact can be reached."""


class Urgency(StrEnum):
    """Whether a message is critical: it passes quiet hours and quotas, is tried faster, and may be repeated."""

    ORDINARY = "ordinary"
    """Never."""
    CRITICAL = "critical"
    """Always."""
    BY_SEVERITY = "by_severity"
    """When its ticket is."""
    AS_ANSWER = "as_answer"
    """When somebody pressed the button and waits for it."""


class Priority(IntEnum):
    """Which of the due messages leaves first. Slow servers never hold all places: see gateway/flow/deliver.py."""

    CALL_FOR_HELP = 0
    """Somebody called for help: pages of it, and what whoever pressed is told."""
    WAITED_FOR = 1
    """Somebody on call is paged, or somebody who pressed a button waits for the answer."""
    CRITICAL = 2
    """It is critical."""
    ORDINARY = 3
    """All others."""


def before_equals(priority: int) -> Priority:
    """Of a message to a home that comes first; never before a call for help."""
    return Priority(max(priority - 1, min(priority, Priority.WAITED_FOR)))


ObsoleteWhen = Callable[[Notification, NotificationContext, Instant], Reason | None]  # the reason; None: worth saying
CannotWait = Callable[[Notification, NotificationContext, Instant], bool]  # the instant: when their quiet hours end


@dataclass(frozen=True)
class OnlyAfter:
    """It is only for who was told something else before."""

    topics: frozenset[TopicName]
    # (the message, its context) → which earlier messages of these topics count; None: it is for everybody after all
    which: Callable[[Notification, NotificationContext], Callable[[Notification], bool] | None]
    otherwise: ReasonKind  # why nobody is told
    same_contact: bool = True  # else one recipient's contacts count as one
    maybe: bool = False  # what is under way, or may have arrived, counts too


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One kind of message, and every rule that depends on its kind."""

    name: TopicName
    audience: frozenset[RecipientKind]
    subjects: frozenset[SubjectKind]  # what it may be about
    facts: type[Any]  # what it keeps of the moment it was written
    urgency: Urgency
    passes_quiet_hours: bool  # even when it is not critical
    required: bool  # nobody may switch it off
    # when it is due together with others for the same reader, they may leave as one message: nobody waits for it, and
    # it does not have to be seen before anything else
    may_be_merged: bool
    obsolete_when: ObsoleteWhen
    # ms; for how long it is worth sending: held back so long for the quota's sake, or, where nothing else makes it
    # pointless, written so long ago; None: as long as it is true
    life: Instant | None
    cannot_wait: CannotWait | None = None  # … and otherwise when what it tells of happens before those are over
    group: TopicGroup | None = None  # what a person mutes it with; None: nobody can, they have just asked for it
    of_now: bool = True  # it concerns who reads it on the day on which it is written
    has_quota: bool = False  # unless critical it waits when the customer has had too many messages lately
    supersedes: frozenset[TopicName] = frozenset()  # earlier messages on the same subject that it makes pointless
    only_after: OnlyAfter | None = None
    link: LinkPurpose | None = None
    falls_over: bool = False  # critical, to a household: unopened in time, it goes out on another channel too
    channel: str | None = None  # the only one that can carry it
    promises: frozenset[PromiseKind] = frozenset()  # times that it tells a customer

    @property
    def is_for_who_goes(self) -> bool:
        """It is for whoever has accepted, too: they may know whose home it is."""
        return RecipientKind.TECHNICIAN in self.audience

    def is_critical(self, severity: str = "", answers: bool = False) -> bool:
        """For a message about a ticket of that severity, where it is one; `answers`: somebody pressed and waits."""
        match self.urgency:
            case Urgency.CRITICAL:
                return True
            case Urgency.BY_SEVERITY:
                return severity == Severity.CRITICAL
            case Urgency.AS_ANSWER:
                return answers
            case Urgency.ORDINARY:
                return False

    def priority(self, subject: SubjectKind, severity: str = "", *, answers: bool = False, call_for_help: bool = False
                 ) -> Priority:
        """For a message about `subject`; `answers`: somebody pressed and waits."""
        if call_for_help or self.name is TopicName.EMERGENCY_PRESS:
            return Priority.CALL_FOR_HELP
        if self.facts is stored_facts.PageFacts or answers or subject == SubjectKind.CALLBACK:
            return Priority.WAITED_FOR
        return Priority.CRITICAL if self.is_critical(severity) else Priority.ORDINARY


_OVER = (TicketState.RESOLVED, TicketState.CLOSED, TicketState.CANCELLED, TicketState.MERGED)
_OF_A_VISIT_AHEAD = frozenset({
    TopicName.TECHNICIAN_ASSIGNED, TopicName.ON_THE_WAY, TopicName.VISIT_LATE, TopicName.VISIT_MISSED,
    TopicName.VISIT_CHANGED, TopicName.VISIT_CALLED_OFF, TopicName.WORKS_AGAIN, TopicName.TECHNICIAN_ASKED,
    TopicName.VISIT_INVITE})
_OUTAGE_OVER = (OutageState.DISMISSED, OutageState.CLOSED, OutageState.RESTORED)


def never(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    """For what stays worth saying, whatever happens."""
    return None


def _link_ended(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    ended = context.link is None or context.link.revoked_at is not None
    return Reason(ReasonKind.LINK_ENDED) if ended else None


def _fault_over(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    ticket = context.ticket
    if ticket is None:
        return Reason(ReasonKind.TICKET_GONE)
    if ticket.state in (TicketState.RESOLVED, TicketState.CLOSED):
        return Reason(ReasonKind.FIXED_FIRST)
    if ticket.state in (TicketState.CANCELLED, TicketState.MERGED):
        return Reason(ReasonKind.CANCELLED_FIRST)
    return _earlier_round(notification, ticket)


def _price_answered(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    over = _fault_over(notification, context, now)
    if over is not None or context.ticket is None or context.ticket.price_answer == PriceAnswer.ASKED:
        return over
    return Reason(ReasonKind.PRICE_ANSWERED)


def _somebody_comes(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    ticket = context.ticket
    if ticket is None or ticket.state in _OVER:
        return Reason(ReasonKind.OVER_FIRST)
    return None if ticket.state in UNASSIGNED else Reason(ReasonKind.PROVIDER_FOUND)


def _no_longer_worse(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    ticket = context.ticket
    if ticket is None or ticket.state in _OVER:
        return Reason(ReasonKind.OVER_FIRST)
    there_soon = ticket.state in (TicketState.EN_ROUTE, TicketState.ON_SITE)
    if there_soon and notification.recipient_kind == RecipientKind.CUSTOMER:
        return Reason(ReasonKind.TECHNICIAN_ON_THE_WAY)
    return None


def _not_coming(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    visit = _visit_of(notification, context)
    if visit is None or visit.state == VisitState.CANCELLED:
        return Reason(ReasonKind.VISIT_NOT_CURRENT)
    if visit.state in VISIT_AHEAD:
        return None
    return Reason(ReasonKind.TICKET_MOVED_ON, {"state": context.ticket.state if context.ticket else visit.state})


def _not_on_the_way(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    visit = _visit_of(notification, context)
    if visit is None or visit.state == VisitState.CANCELLED:
        return Reason(ReasonKind.VISIT_NOT_CURRENT)
    return None if visit.state == VisitState.EN_ROUTE else Reason(ReasonKind.NOT_ON_THE_WAY)


def _visit_of(notification: Notification, context: NotificationContext) -> Visit | None:
    """The visit that the message is about; a ticket may have several."""
    visit = context.visit
    named = notification.facts.get("visit_id") or notification.occurrence
    return visit if visit is not None and visit.id == named else None


def _visit_news_over(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    """For what is said of somebody who is to come: another comes, they are there, or it has been said anew."""
    ticket, visit = context.ticket, context.visit
    if ticket is None:
        return Reason(ReasonKind.TICKET_GONE)
    if visit is None or visit.state == VisitState.CANCELLED:
        return Reason(ReasonKind.VISIT_NOT_CURRENT)
    if visit.state not in VISIT_AHEAD:
        return Reason(ReasonKind.TICKET_MOVED_ON, {"state": ticket.state})
    return _superseded(notification, context)


def _nobody_goes(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    """For each of what may be said more than once: the visit is over."""
    visit = context.visit
    return Reason(ReasonKind.VISIT_NOT_CURRENT) if visit is None or visit.done_at is not None else None


def of_different_visits(one: Notification, other: Notification) -> bool:
    """Whether both are news of a visit that was still to come, and not of the same one: a ticket may have several."""
    visits = [row.facts.get("visit_id") or row.occurrence for row in (one, other) if row.topic in _OF_A_VISIT_AHEAD]
    return len(set(visits)) == 2


def _superseded(notification: Notification, context: NotificationContext) -> Reason | None:
    later = any(row.topic == notification.topic and row.created_at > notification.created_at
                and not of_different_visits(row, notification) for row in context.siblings)
    return Reason(ReasonKind.SUPERSEDED, {"topic": notification.topic}) if later else None


def _question_answered(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    visit = context.visit
    if context.ticket is None or visit is None or visit.state == VisitState.CANCELLED:
        return Reason(ReasonKind.VISIT_NOT_CURRENT)
    if visit.state != notification.facts.get("visit_state"):
        return Reason(ReasonKind.TICKET_MOVED_ON, {"state": context.ticket.state})
    return _superseded(notification, context)


def _next_visit_arranged(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    """For what follows a visit that is over: it works, or somebody else comes."""
    ticket = context.ticket
    if ticket is None or ticket.state in _OVER:
        return Reason(ReasonKind.OVER_FIRST)
    return _another_comes(notification, ticket)


def _another_comes(notification: Notification, ticket: Ticket) -> Reason | None:
    found = ticket.visit_id is not None and ticket.visit_id != notification.facts.get("visit_id")
    return Reason(ReasonKind.PROVIDER_FOUND) if found else None


def _comes_after_all(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    """Whoever hears that somebody does not come hears it also when nobody is to come any more."""
    ticket = context.ticket if notification.recipient_kind == RecipientKind.CUSTOMER else None
    return _another_comes(notification, ticket) if ticket is not None else None


def _comes_before(notification: Notification, context: NotificationContext, until: Instant) -> bool:
    """Somebody rings the bell, or was to, before their quiet hours are over."""
    begins = context.visit.window_from if context.visit is not None else notification.facts.get("window_from")
    return begins is not None and begins < until


def _not_fixed(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    ticket = context.ticket
    if ticket is None or ticket.state not in (TicketState.RESOLVED, TicketState.CLOSED):
        return Reason(ReasonKind.NOT_FIXED)
    return _earlier_round(notification, ticket)


def _not_closed(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    """For what is asked or said when all is over."""
    ticket = context.ticket
    if ticket is None or ticket.state is not TicketState.CLOSED:
        return Reason(ReasonKind.NOT_FIXED)
    return _earlier_round(notification, ticket)


def _earlier_round(notification: Notification, ticket: Ticket) -> Reason | None:
    same = notification.occurrence == str(ticket.round)
    return None if same else Reason(ReasonKind.EARLIER_ROUND)


def _power_back(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    if context.outage is None or notification.facts.get("answered"):
        return None  # somebody pressed and waits for it
    if context.outage.state in _OUTAGE_OVER:
        return Reason(ReasonKind.OUTAGE_MOVED_ON, {"state": context.outage.state})
    near = notification.facts.get("near") or context.dark_home is not None
    return None if near else Reason(ReasonKind.BACK_FIRST)


def _dark_again(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    return None if context.dark_home is None else Reason(ReasonKind.DARK_AGAIN)


def _work_over(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    return Reason(ReasonKind.WORK_OVER) if now >= notification.facts.get("window_until", now + 1) else None


def _call_over(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    callback = context.callback
    return Reason(ReasonKind.CALLBACK_OVER) if callback is None or callback.closed_at is not None else None


def _pressed_an_old_button(context: NotificationContext) -> bool:
    """Whether the button was retired before they moved in: it hung in their home once, and others may have it now."""
    retired = context.device.retired_at if context.device else None
    since = context.site.household_since if context.site else None
    return retired is not None and since is not None and retired < since


def _call_not_needed(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    over = _call_over(notification, context, now)
    if over is None and context.callback is not None and context.callback.state == CallbackState.CONNECTED:
        return Reason(ReasonKind.ALREADY_SPEAKING)
    if over is None and _pressed_an_old_button(context):
        return Reason(ReasonKind.NOT_THEIR_BUTTON)
    if over is None and context.can_be_rung and not context.contacts:
        return Reason(ReasonKind.RUNG_ANYWAY)  # else the dispatcher would be asked to ring them about a call
    return over


def _call_promised_anew(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    return Reason(ReasonKind.CALL_PROMISED_ANEW) if context.is_promised_anew else None


def _test_over(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    test = context.button_test
    asked = test is not None and test.state is ButtonTestState.ASKED and test.id == notification.facts.get("number")
    return None if asked else Reason(ReasonKind.BUTTON_HEARD)


def _offer_over(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    offer = context.offer
    if offer is None or offer.state != OfferState.PENDING:
        return Reason(ReasonKind.OFFER_NOT_OPEN)
    return Reason(ReasonKind.OFFER_EXPIRED) if now >= offer.expires_at else None


def _page_over(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    """Somebody has said that they see to it, or nobody has to, or the same person has been paged again since."""
    page = next((page for page in context.pages if page.role == notification.facts.get("role")), None)
    if page is None:
        return Reason(ReasonKind.PAGE_OVER)
    if page.state is PageState.ACKNOWLEDGED:
        return Reason(ReasonKind.PAGE_ACKNOWLEDGED, {"who": page.acknowledged_by or ""})
    if 0 < len(context.attempts) < TRIES_CRITICAL:
        return None  # so that it becomes known when they cannot be told
    again = any(other.topic == notification.topic and other.facts.get("role") == page.role and "turn" in other.facts
                and other.created_at > notification.created_at for other in context.siblings)
    return Reason(ReasonKind.SUPERSEDED, {"topic": notification.topic}) if again else None


def _call_for_help_over(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    """A press is told whoever sees to it; that somebody else is asked about it is not, once somebody does."""
    over = _call_over(notification, context, now)
    return over if over is not None or "turn" not in notification.facts else _page_over(notification, context, now)


def _target_met(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    clock = next((one for one in context.sla_clocks if one.kind == notification.facts.get("sla")), None)
    runs = clock is not None and clock.due_at is not None and clock.due_at == notification.facts.get("due_at")
    return None if runs else Reason(ReasonKind.SLA_STOPPED)


def _warning_over(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    if now >= notification.facts.get("due_at", now + 1):
        return Reason(ReasonKind.SLA_PASSED)
    return _target_met(notification, context, now)


def _works_again(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    gone = next((one for one in context.contacts if one.id == notification.facts.get("contact_id")), None)
    return None if gone is not None and gone.stopped_at is not None else Reason(ReasonKind.ALL_TOLD)


CODE_LIVES = 10 * MINUTE  # then nobody waits for it


def _code_over(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    return Reason(ReasonKind.CODE_OVER) if now - notification.created_at >= CODE_LIVES else None


def _nothing_of_the_day(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    return None if context.items else Reason(ReasonKind.NOTHING_LEFT_TODAY)


def _not_well(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    return None if context.is_well else Reason(ReasonKind.NOT_WELL)


def _nobody_to_ring(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    return None if context.undelivered else Reason(ReasonKind.ALL_TOLD)


MAIL = "email"  # the channel that brings visits to calendars
_INVITE_TRIES = 6  # a calendar that misses one is no reason to ring anybody


def _no_invites(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    visit, firm = context.visit, context.provider
    if visit is None or visit.state is VisitState.DONE:
        return Reason(ReasonKind.VISIT_NOT_CURRENT)
    refused = {attempt.contact_id for attempt in context.attempts if attempt.outcome == AttemptOutcome.REFUSED}
    boxes = [one for one in context.contacts
             if one.channel == MAIL and one.stopped_at is None and one.id not in refused]
    if firm is None or not firm.invites or not boxes or len(context.attempts) >= _INVITE_TRIES:
        return Reason(ReasonKind.NO_INVITES)
    return _superseded(notification, context)


_FIRST = (TopicName.FAULT_FOUND, TopicName.PRICE_QUESTION)  # whichever of them begins a round


def _of_this_round(notification: Notification, context: NotificationContext) -> Callable[[Notification], bool]:
    """Since this round's first message was written. A later round that nobody was told of has no beginning."""
    number = context.ticket.round if context.ticket else 1
    began = next((row.created_at for row in context.siblings
                  if row.topic in _FIRST and row.occurrence == str(number)), 0 if number == 1 else None)
    return lambda earlier: began is not None and earlier.created_at >= began


def _since_it_was_over(notification: Notification, context: NotificationContext) -> Callable[[Notification], bool]:
    said = (NotificationState.SENT, NotificationState.SHADOW) if context.in_shadow else (NotificationState.SENT,)
    over = max((row.created_at for row in context.siblings
                if row.topic == TopicName.OUTAGE_OVER and row.state in said), default=0)
    return lambda earlier: earlier.created_at >= over


def _of_this_offer(notification: Notification, context: NotificationContext) -> Callable[[Notification], bool] | None:
    offer = context.offer
    if offer is None:
        return None  # a visit is called off: the firm accepted it, wherever it was asked
    return lambda earlier: earlier.occurrence == offer.id


def _anything_to_customer(notification: Notification, context: NotificationContext
                          ) -> Callable[[Notification], bool] | None:
    """Whoever was to go there knows it in any case."""
    return (lambda earlier: True) if notification.recipient_kind == RecipientKind.CUSTOMER else None


def _last_setting_out(notification: Notification, context: NotificationContext
                      ) -> Callable[[Notification], bool] | None:
    """That they had set out, where it is taken back; another time is news for everybody."""
    if notification.facts.get("because") != "not_set_out":
        return None
    said = [row for row in context.siblings if row.topic == TopicName.ON_THE_WAY
            and row.created_at <= notification.created_at and not of_different_visits(row, notification)]
    last = max(said, key=lambda row: row.created_at, default=None)
    return lambda earlier: earlier is last


def _any(notification: Notification, context: NotificationContext) -> Callable[[Notification], bool]:
    return lambda earlier: True


# whoever read any of them knows that it is broken, also where the first word did not reach them or stayed in the shadow
_TOLD_OF_A_FAULT = frozenset({
    TopicName.FAULT_FOUND, TopicName.PRICE_QUESTION, TopicName.PRICE_AGREED, TopicName.STILL_LOOKING,
    TopicName.TECHNICIAN_ASSIGNED, TopicName.ON_THE_WAY, TopicName.WORSE, TopicName.VISIT_LATE, TopicName.VISIT_MISSED,
    TopicName.VISIT_CHANGED, TopicName.VISIT_INCOMPLETE, TopicName.NEXT_VISIT, TopicName.WATCHING})
_CUSTOMER = frozenset({RecipientKind.CUSTOMER})
_PERSON = frozenset({RecipientKind.PERSON})
_PROVIDER = frozenset({RecipientKind.PROVIDER})
_WHO_GOES = _PROVIDER | {RecipientKind.TECHNICIAN}
_DISPATCHER = frozenset({RecipientKind.DISPATCHER})
_ON_CALL = frozenset({RecipientKind.ON_CALL, RecipientKind.EMERGENCY, RecipientKind.DISPATCHER})
_TICKET = frozenset({SubjectKind.TICKET})
_CALLBACK = frozenset({SubjectKind.CALLBACK})
_DEVICE = frozenset({SubjectKind.DEVICE})
_OUTAGE = frozenset({SubjectKind.OUTAGE})
_ANYTHING = frozenset(SubjectKind)
_NEXT_WORD = frozenset({PromiseKind.NEXT_WORD})
_END = frozenset({PromiseKind.ETR})
_WINDOW = frozenset({PromiseKind.ARRIVAL_WINDOW})
_ETA = frozenset({PromiseKind.ETA})

_ALL = (
    Topic(
        name=TopicName.FAULT_FOUND, audience=_CUSTOMER, subjects=_TICKET, facts=stored_facts.FaultFacts,
        urgency=Urgency.BY_SEVERITY, passes_quiet_hours=False, required=False, may_be_merged=True,
        group=TopicGroup.FAULTS, has_quota=True, life=DAY,
        obsolete_when=_fault_over, link=LinkPurpose.FOLLOW, falls_over=True, promises=_NEXT_WORD),
    Topic(
        name=TopicName.STILL_LOOKING, audience=_CUSTOMER, subjects=_TICKET, facts=stored_facts.SearchFacts,
        urgency=Urgency.BY_SEVERITY, passes_quiet_hours=False, required=False, may_be_merged=True,
        group=TopicGroup.FAULTS, has_quota=True, life=DAY,
        obsolete_when=_somebody_comes, link=LinkPurpose.FOLLOW, promises=_NEXT_WORD),
    Topic(
        name=TopicName.WORSE, audience=_CUSTOMER | _PROVIDER, subjects=_TICKET,
        facts=stored_facts.PriceQuestionFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        group=TopicGroup.FAULTS,
        obsolete_when=_no_longer_worse, life=None,
        supersedes=frozenset({TopicName.FAULT_FOUND}), link=LinkPurpose.FOLLOW,
        falls_over=True, promises=_NEXT_WORD),
    Topic(
        name=TopicName.FAULT_ADDED, audience=_PROVIDER, subjects=_TICKET, facts=stored_facts.FaultFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=_no_longer_worse, life=None),
    Topic(
        name=TopicName.TECHNICIAN_ASSIGNED, audience=_CUSTOMER, subjects=_TICKET, facts=stored_facts.AssignmentFacts,
        urgency=Urgency.BY_SEVERITY, passes_quiet_hours=False, required=True, may_be_merged=True,
        group=TopicGroup.VISITS, has_quota=True, life=DAY,
        obsolete_when=_not_coming, cannot_wait=_comes_before,
        supersedes=frozenset({TopicName.FAULT_FOUND, TopicName.STILL_LOOKING, TopicName.NEXT_VISIT}),
        link=LinkPurpose.FOLLOW, falls_over=True, promises=_WINDOW),
    Topic(  # somebody is about to ring the bell: no quiet hours
        name=TopicName.ON_THE_WAY, audience=_CUSTOMER, subjects=_TICKET, facts=stored_facts.FaultFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        group=TopicGroup.VISITS,
        obsolete_when=_not_on_the_way, life=None,
        supersedes=frozenset({TopicName.FAULT_FOUND, TopicName.STILL_LOOKING, TopicName.TECHNICIAN_ASSIGNED,
                              TopicName.VISIT_LATE, TopicName.VISIT_CHANGED}),
        link=LinkPurpose.FOLLOW, promises=_WINDOW | _ETA),
    Topic(  # they stand at the window: no quiet hours
        name=TopicName.VISIT_LATE, audience=_CUSTOMER, subjects=_TICKET, facts=stored_facts.VisitFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        group=TopicGroup.VISITS,
        obsolete_when=_visit_news_over, life=None, link=LinkPurpose.FOLLOW, promises=_ETA | _NEXT_WORD),
    Topic(
        name=TopicName.VISIT_MISSED, audience=_CUSTOMER, subjects=_TICKET, facts=stored_facts.VisitFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        group=TopicGroup.VISITS,
        obsolete_when=_visit_news_over, life=None,
        supersedes=frozenset({TopicName.VISIT_LATE}), link=LinkPurpose.FOLLOW,
        promises=_NEXT_WORD),
    Topic(
        name=TopicName.VISIT_CHANGED, audience=_CUSTOMER | _WHO_GOES, subjects=_TICKET, facts=stored_facts.VisitFacts,
        urgency=Urgency.BY_SEVERITY, passes_quiet_hours=False, required=True, may_be_merged=True,
        group=TopicGroup.VISITS, has_quota=True, life=DAY,
        obsolete_when=_visit_news_over, cannot_wait=_comes_before,
        supersedes=frozenset({TopicName.TECHNICIAN_ASSIGNED, TopicName.VISIT_LATE}),
        only_after=OnlyAfter(frozenset({TopicName.ON_THE_WAY}), _last_setting_out,
                             ReasonKind.NEVER_TOLD_SOMEBODY_COMES, maybe=True),
        link=LinkPurpose.FOLLOW, falls_over=True, promises=_WINDOW),
    Topic(  # whoever is on the way reads it before they ring the bell
        name=TopicName.CUSTOMER_WROTE, audience=_WHO_GOES, subjects=_TICKET, facts=stored_facts.VisitFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=False, required=True, may_be_merged=False,
        obsolete_when=_nobody_goes, life=None, cannot_wait=_comes_before, link=LinkPurpose.VISIT),
    Topic(  # only whoever was told that somebody comes
        name=TopicName.VISIT_CALLED_OFF, audience=_CUSTOMER | _WHO_GOES, subjects=_TICKET,
        facts=stored_facts.VisitFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        group=TopicGroup.VISITS,
        obsolete_when=_comes_after_all, life=None,
        supersedes=frozenset({TopicName.VISIT_LATE, TopicName.VISIT_CHANGED, TopicName.WORKS_AGAIN}),
        only_after=OnlyAfter(
            frozenset({TopicName.TECHNICIAN_ASSIGNED, TopicName.ON_THE_WAY, TopicName.VISIT_CHANGED}),
            _anything_to_customer, ReasonKind.NEVER_TOLD_SOMEBODY_COMES),
        link=LinkPurpose.FOLLOW, promises=_NEXT_WORD),
    Topic(  # the technician has just left: whoever let them in is awake
        name=TopicName.VISIT_INCOMPLETE, audience=_CUSTOMER, subjects=_TICKET, facts=stored_facts.VisitFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        group=TopicGroup.VISITS,
        obsolete_when=_next_visit_arranged, life=None, link=LinkPurpose.FOLLOW, promises=_NEXT_WORD),
    Topic(
        name=TopicName.NEXT_VISIT, audience=_CUSTOMER, subjects=_TICKET, facts=stored_facts.VisitFacts,
        urgency=Urgency.BY_SEVERITY, passes_quiet_hours=False, required=False, may_be_merged=True,
        group=TopicGroup.VISITS, has_quota=True, life=DAY,
        obsolete_when=_next_visit_arranged, link=LinkPurpose.FOLLOW, promises=_NEXT_WORD),
    Topic(
        name=TopicName.WORKS_AGAIN, audience=_CUSTOMER | _WHO_GOES, subjects=_TICKET, facts=stored_facts.VisitFacts,
        urgency=Urgency.BY_SEVERITY, passes_quiet_hours=False, required=True, may_be_merged=True,
        group=TopicGroup.FAULTS, has_quota=True, life=DAY,
        obsolete_when=_visit_news_over, cannot_wait=_comes_before, link=LinkPurpose.FOLLOW),
    Topic(
        name=TopicName.WATCHING, audience=_CUSTOMER, subjects=_TICKET, facts=stored_facts.VisitFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        group=TopicGroup.FAULTS,
        obsolete_when=_not_fixed, life=None, link=LinkPurpose.FOLLOW, promises=_NEXT_WORD),
    Topic(
        name=TopicName.TECHNICIAN_ASKED, audience=_WHO_GOES, subjects=_TICKET, facts=stored_facts.QuestionFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=_question_answered, life=None, link=LinkPurpose.VISIT),
    Topic(
        name=TopicName.VISIT_PROBLEM, audience=_ON_CALL, subjects=_TICKET, facts=stored_facts.PageFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=_page_over, life=None, link=LinkPurpose.DISPATCH),
    Topic(
        name=TopicName.RESOLVED, audience=_CUSTOMER, subjects=_TICKET, facts=stored_facts.FaultFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=False, required=False, may_be_merged=True,
        group=TopicGroup.FAULTS, has_quota=True, life=DAY,
        obsolete_when=_not_fixed,
        only_after=OnlyAfter(
            _TOLD_OF_A_FAULT, _of_this_round, ReasonKind.NEVER_TOLD_BROKEN),
        supersedes=frozenset({TopicName.WATCHING, TopicName.NEXT_VISIT}),
        link=LinkPurpose.FOLLOW),
    Topic(
        name=TopicName.SURVEY, audience=_CUSTOMER, subjects=_TICKET, facts=stored_facts.FaultFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=False, required=False, may_be_merged=True,
        group=TopicGroup.SURVEYS, of_now=False, has_quota=True, life=2 * DAY,
        obsolete_when=_not_closed,
        only_after=OnlyAfter(_TOLD_OF_A_FAULT, _any, ReasonKind.NEVER_TOLD_BROKEN),
        link=LinkPurpose.SURVEY),
    Topic(
        name=TopicName.APOLOGY, audience=_CUSTOMER, subjects=_TICKET, facts=stored_facts.FaultFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=False, required=False, may_be_merged=True,
        group=TopicGroup.SURVEYS, of_now=False, has_quota=True, life=2 * DAY,
        obsolete_when=_not_closed,
        only_after=OnlyAfter(_TOLD_OF_A_FAULT, _any, ReasonKind.NEVER_TOLD_BROKEN)),
    Topic(  # what is credited stays credited, so it is worth saying whenever it can be said
        name=TopicName.GOODWILL, audience=_CUSTOMER,
        subjects=_TICKET | _CALLBACK | _OUTAGE | frozenset({SubjectKind.CUSTOMER}), facts=stored_facts.GoodwillFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=False, required=False, may_be_merged=True,
        group=TopicGroup.SURVEYS, of_now=False,
        obsolete_when=never, life=30 * DAY, link=LinkPurpose.FOLLOW),
    Topic(
        name=TopicName.GOODWILL_WAITS, audience=frozenset({RecipientKind.ON_CALL, RecipientKind.DISPATCHER}),
        subjects=_TICKET | _CALLBACK | _OUTAGE, facts=stored_facts.GoodwillWaitsFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=never, life=30 * DAY),
    Topic(  # somebody pressed a moment ago and waits for this answer: no quiet hours
        name=TopicName.CALLBACK_SCHEDULED, audience=_CUSTOMER, subjects=_CALLBACK, facts=stored_facts.PromisedCallFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        group=TopicGroup.CALLBACKS,
        obsolete_when=_call_not_needed, life=None,
        link=LinkPurpose.FOLLOW, promises=frozenset({PromiseKind.CALLBACK_BY})),
    Topic(  # they wait at the telephone
        name=TopicName.CALLBACK_LATE, audience=_CUSTOMER, subjects=_CALLBACK, facts=stored_facts.PromisedCallFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        group=TopicGroup.CALLBACKS,
        obsolete_when=_call_not_needed, life=None,
        link=LinkPurpose.FOLLOW, promises=frozenset({PromiseKind.CALLBACK_BY})),
    Topic(  # the telephone has just rung in vain
        name=TopicName.CALLBACK_TRIED, audience=_CUSTOMER, subjects=_CALLBACK, facts=stored_facts.PromisedCallFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        group=TopicGroup.CALLBACKS,
        obsolete_when=_call_not_needed, life=None,
        supersedes=frozenset({TopicName.CALLBACK_SCHEDULED, TopicName.CALLBACK_LATE}),
        link=LinkPurpose.FOLLOW, promises=frozenset({PromiseKind.CALLBACK_BY})),
    Topic(  # they wait at the telephone
        name=TopicName.CALLBACK_CANCELLED, audience=_CUSTOMER, subjects=_CALLBACK, facts=stored_facts.PromisedCallFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        group=TopicGroup.CALLBACKS, obsolete_when=_call_promised_anew, life=None,
        only_after=OnlyAfter(
            frozenset({TopicName.CALLBACK_SCHEDULED, TopicName.CALLBACK_LATE, TopicName.CALLBACK_TRIED}),
            _any, ReasonKind.NEVER_PROMISED),
        link=LinkPurpose.FOLLOW),
    Topic(
        name=TopicName.CALLBACK_EXPIRED, audience=_CUSTOMER, subjects=_CALLBACK, facts=stored_facts.PromisedCallFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        group=TopicGroup.CALLBACKS,
        obsolete_when=never, life=DAY, supersedes=frozenset({TopicName.CALLBACK_TRIED, TopicName.CALLBACK_LATE}),
        link=LinkPurpose.FOLLOW),
    Topic(
        name=TopicName.BUTTON_TEST_ASKED, audience=_CUSTOMER, subjects=_DEVICE, facts=stored_facts.ButtonTestFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=False, required=False, may_be_merged=True,
        group=TopicGroup.MAINTENANCE, of_now=False, has_quota=True, life=DAY,
        obsolete_when=_test_over),
    Topic(  # they stand at the button
        name=TopicName.BUTTON_TEST_HEARD, audience=_CUSTOMER, subjects=_DEVICE, facts=stored_facts.ButtonTestFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=True, required=False, may_be_merged=False,
        group=TopicGroup.MAINTENANCE, has_quota=True, life=DAY,
        obsolete_when=never, supersedes=frozenset({TopicName.BUTTON_TEST_ASKED})),
    Topic(
        name=TopicName.OUTAGE, audience=_CUSTOMER, subjects=_OUTAGE, facts=stored_facts.OutageAnswerFacts,
        urgency=Urgency.AS_ANSWER, passes_quiet_hours=False, required=False, may_be_merged=True,
        group=TopicGroup.FAULTS, has_quota=True, life=DAY,
        obsolete_when=_power_back, link=LinkPurpose.FOLLOW, promises=_END),
    Topic(
        name=TopicName.OUTAGE_LONGER, audience=_CUSTOMER, subjects=_OUTAGE, facts=stored_facts.AreaOutageFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=False, required=False, may_be_merged=True,
        group=TopicGroup.FAULTS, has_quota=True, life=DAY,
        obsolete_when=_power_back,
        only_after=OnlyAfter(
            frozenset({TopicName.OUTAGE}), _any, ReasonKind.NEVER_TOLD_OUTAGE_LONGER,
            same_contact=False),
        link=LinkPurpose.FOLLOW, promises=_END),
    Topic(
        name=TopicName.OUTAGE_OVER, audience=_CUSTOMER, subjects=_OUTAGE, facts=stored_facts.AreaOutageFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=False, required=False, may_be_merged=True,
        group=TopicGroup.FAULTS, has_quota=True, life=DAY,
        obsolete_when=_dark_again,
        only_after=OnlyAfter(frozenset({TopicName.OUTAGE}), _since_it_was_over, ReasonKind.NEVER_TOLD_OUTAGE_OVER),
        link=LinkPurpose.FOLLOW),
    Topic(  # also for who may have been told: what was false is corrected where it may have been read
        name=TopicName.OUTAGE_FALSE, audience=_CUSTOMER, subjects=_OUTAGE, facts=stored_facts.AreaOutageFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=False, required=True, may_be_merged=False,
        group=TopicGroup.FAULTS, life=2 * DAY,
        obsolete_when=never, supersedes=frozenset({TopicName.OUTAGE_LONGER, TopicName.OUTAGE_OVER}),
        only_after=OnlyAfter(frozenset({TopicName.OUTAGE}), _any, ReasonKind.NEVER_TOLD_OUTAGE_OVER, maybe=True),
        link=LinkPurpose.FOLLOW),
    Topic(  # somebody there relies on it now
        name=TopicName.BUTTON_DEAD, audience=_PERSON, subjects=_CALLBACK, facts=stored_facts.ButtonFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=_call_over, life=None),
    Topic(
        name=TopicName.BUTTON_WORKS, audience=_PERSON, subjects=_CALLBACK, facts=stored_facts.ButtonFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=never, life=DAY,
        only_after=OnlyAfter(frozenset({TopicName.BUTTON_DEAD}), _any, ReasonKind.NEVER_TOLD_BROKEN)),
    Topic(
        name=TopicName.MAINTENANCE, audience=_CUSTOMER, subjects=frozenset({SubjectKind.MAINTENANCE}),
        facts=stored_facts.MaintenanceFacts,
        urgency=Urgency.AS_ANSWER, passes_quiet_hours=False, required=False, may_be_merged=True,
        group=TopicGroup.MAINTENANCE, of_now=False, has_quota=True, life=DAY,
        obsolete_when=_work_over),
    Topic(  # nobody sets out before they have answered: it waits for no quota
        name=TopicName.PRICE_QUESTION, audience=_CUSTOMER, subjects=_TICKET, facts=stored_facts.PriceQuestionFacts,
        urgency=Urgency.BY_SEVERITY, passes_quiet_hours=False, required=True, may_be_merged=True,
        group=TopicGroup.VISITS,
        obsolete_when=_price_answered, life=None,
        supersedes=frozenset({TopicName.FAULT_FOUND}), link=LinkPurpose.FOLLOW,
        falls_over=True),
    Topic(
        name=TopicName.PRICE_AGREED, audience=_CUSTOMER, subjects=_TICKET, facts=stored_facts.PriceQuestionFacts,
        urgency=Urgency.BY_SEVERITY, passes_quiet_hours=False, required=True, may_be_merged=True,
        group=TopicGroup.VISITS,
        obsolete_when=_somebody_comes, life=None,
        supersedes=frozenset({TopicName.PRICE_QUESTION}), link=LinkPurpose.FOLLOW,
        promises=_NEXT_WORD),
    Topic(
        name=TopicName.PRICE_DECLINED, audience=_CUSTOMER, subjects=_TICKET, facts=stored_facts.FaultFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=False, required=True, may_be_merged=True,
        group=TopicGroup.VISITS,
        obsolete_when=never, life=2 * DAY, supersedes=frozenset({TopicName.PRICE_QUESTION, TopicName.FAULT_FOUND}),
        link=LinkPurpose.FOLLOW),
    Topic(
        name=TopicName.OFFER, audience=_PROVIDER, subjects=_TICKET, facts=stored_facts.OfferFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=_offer_over, life=None, link=LinkPurpose.OFFER),
    Topic(
        name=TopicName.OFFER_WITHDRAWN, audience=_PROVIDER, subjects=_TICKET, facts=stored_facts.FaultFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=never, life=DAY,
        only_after=OnlyAfter(frozenset({TopicName.OFFER}), _of_this_offer, ReasonKind.OFFER_NEVER_ARRIVED)),
    Topic(
        name=TopicName.OFFER_TAKEN, audience=_PROVIDER, subjects=_TICKET, facts=stored_facts.FaultFacts,
        urgency=Urgency.BY_SEVERITY, passes_quiet_hours=False, required=True,  # they need not do anything
        may_be_merged=False, obsolete_when=never, life=DAY,
        only_after=OnlyAfter(frozenset({TopicName.OFFER}), _of_this_offer, ReasonKind.OFFER_NEVER_ARRIVED)),
    Topic(  # also while somebody is speaking with them: they have pressed again
        name=TopicName.EMERGENCY_PRESS, audience=_ON_CALL, subjects=_CALLBACK, facts=stored_facts.PageFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=_call_for_help_over, life=None, link=LinkPurpose.DISPATCH),
    Topic(
        name=TopicName.JOB_TAKEN, audience=_WHO_GOES, subjects=_TICKET, facts=stored_facts.VisitFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=_not_coming, life=None, link=LinkPurpose.VISIT),
    Topic(  # it makes no noise
        name=TopicName.VISIT_INVITE, audience=_WHO_GOES, subjects=_TICKET, facts=stored_facts.VisitFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=True, required=True,  # a firm switches it off for all
        may_be_merged=False, obsolete_when=_no_invites, life=None, link=LinkPurpose.VISIT, channel=MAIL),
    Topic(
        name=TopicName.PLEASE_LOOK, audience=_ON_CALL, subjects=_TICKET | _CALLBACK, facts=stored_facts.PageFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=_page_over, life=None, link=LinkPurpose.DISPATCH),
    Topic(  # written in the night, it is due when somebody is at the desk: gateway/tickets/sla/watch.py
        name=TopicName.SLA_WARNING, audience=_DISPATCHER, subjects=_TICKET, facts=stored_facts.SlaFacts,
        urgency=Urgency.BY_SEVERITY, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=_warning_over, life=None, link=LinkPurpose.DISPATCH),
    Topic(
        name=TopicName.SLA_MISSED, audience=_ON_CALL, subjects=_TICKET, facts=stored_facts.PageFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=_page_over, life=None, link=LinkPurpose.DISPATCH),
    Topic(
        name=TopicName.UNDELIVERABLE, audience=_DISPATCHER, subjects=_ANYTHING, facts=stored_facts.UndeliveredFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=never, life=2 * DAY, link=LinkPurpose.DISPATCH),
    Topic(
        name=TopicName.UNDELIVERED_LIST, audience=_DISPATCHER, subjects=_OUTAGE | frozenset({SubjectKind.GATEWAY}),
        facts=stored_facts.AreaFacts, urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True,
        may_be_merged=False, obsolete_when=_nobody_to_ring, life=None),
    Topic(
        name=TopicName.TOO_MANY_MESSAGES, audience=_DISPATCHER, subjects=_ANYTHING, facts=stored_facts.UndeliveredFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=never, life=DAY, link=LinkPurpose.DISPATCH),
    Topic(
        name=TopicName.GATEWAY_FAULT, audience=_DISPATCHER, subjects=_OUTAGE, facts=stored_facts.GatewayFaultFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=never, life=DAY),
    Topic(
        name=TopicName.GATEWAY_FAULT_OVER, audience=_DISPATCHER, subjects=_OUTAGE, facts=stored_facts.GatewayFaultFacts,
        urgency=Urgency.CRITICAL, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=never, life=DAY),
    Topic(
        name=TopicName.RULE_BROKEN, audience=_DISPATCHER, subjects=frozenset({SubjectKind.GATEWAY}),
        facts=stored_facts.BrokenRuleFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=never, life=7 * DAY),
    Topic(
        name=TopicName.WORDING_BROKEN, audience=_DISPATCHER, subjects=frozenset({SubjectKind.GATEWAY}),
        facts=stored_facts.BrokenWordingFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=never, life=7 * DAY),
    Topic(  # they wait for it on the telephone: no quiet hours
        name=TopicName.PAGE_LINK, audience=_CUSTOMER, subjects=_TICKET | _CALLBACK | _OUTAGE,
        facts=stored_facts.NoFacts, urgency=Urgency.ORDINARY, passes_quiet_hours=True, required=False,
        may_be_merged=False, obsolete_when=never, life=HOUR, link=LinkPurpose.FOLLOW),
    Topic(  # whoever has asked for it has the page open and waits
        name=TopicName.HOUSEHOLD_LINK, audience=_CUSTOMER, subjects=frozenset({SubjectKind.CUSTOMER}),
        facts=stored_facts.NoFacts, urgency=Urgency.ORDINARY, passes_quiet_hours=True, required=False,
        may_be_merged=False, obsolete_when=_link_ended, life=None, link=LinkPurpose.HOUSEHOLD),
    Topic(  # what it lists was muted, or not, one by one
        name=TopicName.DAILY, audience=_CUSTOMER, subjects=frozenset({SubjectKind.CUSTOMER}),
        facts=stored_facts.DailyFacts, urgency=Urgency.ORDINARY, passes_quiet_hours=False, required=False,
        may_be_merged=False, obsolete_when=_nothing_of_the_day, life=None),
    Topic(
        name=TopicName.ALL_IS_WELL, audience=_CUSTOMER, subjects=frozenset({SubjectKind.CUSTOMER}),
        facts=stored_facts.WellFacts, urgency=Urgency.ORDINARY, passes_quiet_hours=False, required=False,
        may_be_merged=True, group=TopicGroup.WELL, of_now=False, has_quota=True, life=2 * DAY,
        obsolete_when=_not_well),
    Topic(  # whoever does not know it waits for messages in vain
        name=TopicName.CONTACT_GONE, audience=_CUSTOMER, subjects=frozenset({SubjectKind.CUSTOMER}),
        facts=stored_facts.ContactFacts, urgency=Urgency.ORDINARY, passes_quiet_hours=False, required=True,
        may_be_merged=False, obsolete_when=_works_again, life=None),
    Topic(  # they have the page open and wait
        name=TopicName.CONTACT_CODE, audience=_CUSTOMER, subjects=frozenset({SubjectKind.CUSTOMER}),
        facts=stored_facts.ContactFacts, urgency=Urgency.ORDINARY, passes_quiet_hours=True, required=True,
        may_be_merged=False, obsolete_when=_code_over, life=None),
    Topic(
        name=TopicName.CONTACTS_GONE, audience=_DISPATCHER, subjects=frozenset({SubjectKind.GATEWAY}),
        facts=stored_facts.ContactFacts, urgency=Urgency.ORDINARY, passes_quiet_hours=True, required=True,
        may_be_merged=False, obsolete_when=_nobody_to_ring, life=None),
    Topic(
        name=TopicName.TEST, audience=frozenset(RecipientKind), subjects=_ANYTHING, facts=stored_facts.NoFacts,
        urgency=Urgency.ORDINARY, passes_quiet_hours=True, required=True, may_be_merged=False,
        obsolete_when=never, life=DAY),
)

SLA_TOPICS = (TopicName.SLA_WARNING, TopicName.SLA_MISSED)
TOPICS: Mapping[str, Topic] = {topic.name: topic for topic in _ALL}
if missing := set(TopicName) - TOPICS.keys():
    raise LookupError(f"gateway/notifications/topics.py: no Topic is registered for {', '.join(sorted(missing))}")
