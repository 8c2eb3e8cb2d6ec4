"""Who is told, on which contact, when, and whether it is still true: decisions as values, no I/O."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.hours import quiet_until
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Attempt,
    AttemptOutcome,
    Callback,
    CallbackState,
    Contact,
    Customer,
    Device,
    Instant,
    Link,
    Notification,
    NotificationState,
    Offer,
    OfferState,
    Outage,
    OutageMember,
    OutageState,
    Provider,
    Site,
    Ticket,
    TicketState,
    Visit,
    VisitState,
)
from gateway.quotas import MESSAGES_A_DAY, MESSAGES_AN_HOUR
from gateway.tickets.lifecycle import BEFORE_ARRIVAL, SETTLED, WORKS

TRIES = 8  # per contact, spread over 30 minutes (Knock retries 8 times in 30 min)
TRIES_HURRIED = 3  # critical news and offers cannot wait: the next contact is tried within half a minute
TRIES_PATIENT = 48  # the dispatcher is the last to know, so is tried for four hours (GOV.UK Notify: 48 x 300 s)
FIRST_WAIT = 14 * SECOND  # 14 s doubled seven times adds up to 30 min
FIRST_WAIT_HURRIED = 5 * SECOND
PATIENT_WAIT = 5 * MINUTE
COPIES = 2  # of what may have arrived, where the receiver cannot tell a second copy

# what was started was left by a worker that died between handing over and writing down
UNSURE = (AttemptOutcome.UNKNOWN, AttemptOutcome.STARTED)
_ALIVE = (NotificationState.QUEUED, NotificationState.HELD, NotificationState.SENDING, NotificationState.SENT)
BROKEN = ("fault_found", "technician_assigned", "on_the_way")  # in the order they make each other pointless


@dataclass(frozen=True)
class Case:
    """Everything known now about one notification, read from the store in the transaction that decides."""

    ticket: Ticket | None = None
    callback: Callback | None = None
    visit: Visit | None = None  # the visit the notification speaks of, else the ticket's current one
    offer: Offer | None = None  # the offer it speaks of
    outage: Outage | None = None
    dark: OutageMember | None = None  # a home of the recipient that is dark in that outage
    customer: Customer | None = None
    site: Site | None = None
    device: Device | None = None
    provider: Provider | None = None
    link: Link | None = None
    contacts: tuple[Contact, ...] = ()  # of the recipient, in their order, on channels that are configured
    attempts: tuple[Attempt, ...] = ()  # at this notification
    siblings: tuple[Notification, ...] = ()  # everything else on the same subject for the same recipient
    sent: frozenset[tuple[str, str]] = frozenset()  # (notification id, contact id) that were handed over
    knows_repeats: frozenset[str] = frozenset()  # channels whose receivers can tell that they have a message already
    lately: tuple[Instant, ...] = ()  # when the recipient, a customer, was told anything in the last day; oldest first


@dataclass(frozen=True)
class Send:
    contact: Contact
    number: int  # of this attempt at the notification, from 1
    may_be_second: bool = False  # the first copy may have arrived, and the reader must be told so


@dataclass(frozen=True)
class Hold:
    until: Instant
    why: str
    too_many: bool = False  # for the sake of the customer's quota, of which the dispatcher hears


@dataclass(frozen=True)
class Drop:
    why: str


@dataclass(frozen=True)
class Fail:
    """Nobody is reachable; `unsure` when a try may have arrived after all."""

    why: str
    unsure: bool = False


Decision = Send | Hold | Drop | Fail


def reach(notification: Notification, case: Case, now: Instant) -> Decision:
    """What to do with one due notification now."""
    pointless = still_true(notification, case, now) or superseded(notification, case, now)
    if pointless:
        return Drop(pointless)
    contact = next_contact(notification, case)
    if contact is None:
        return _nobody(case)
    until = _quiet(notification, case, now)
    if until is not None:
        return Hold(until, "quiet hours")
    return _too_many(notification, case, now) or Send(
        contact, len(case.attempts) + 1, contact.id in _may_have_it(case))


def reach_all(notifications: Sequence[Notification], cases: Mapping[str, Case], now: Instant
              ) -> list[tuple[Notification, Decision]]:
    """`reach` for each, in order; what is about to be sent counts for those that follow."""
    decided: list[tuple[Notification, Decision]] = []
    begun: dict[str, int] = {}
    for row in notifications:
        case = cases[row.id]
        if begun.get(row.recipient):
            case = replace(case, lately=case.lately + (now,) * begun[row.recipient])
        decision = reach(row, case, now)
        if isinstance(decision, Send):
            begun[row.recipient] = begun.get(row.recipient, 0) + 1
        decided.append((row, decision))
    return decided


def still_true(notification: Notification, case: Case, now: Instant) -> str | None:
    """None while it is true and useful to say; else the reason it no longer is."""
    if case.ticket is not None and case.ticket.outage_id is not None and notification.recipient.startswith("customer/"):
        return "the outage tells its customers itself"
    match notification.topic:
        case "outage":
            return _power_back(case)
        case "outage_longer":
            told = any(row.topic == "outage" and row.state == NotificationState.SENT for row in case.siblings)
            return _power_back(case) if told else "nobody hears that it takes longer who was not told of it"
        case "maintenance":
            return "it is over" if now >= notification.about.get("window_until", now + 1) else None
        case "outage_over":
            return _not_back(notification, case)
        case "fault_found":
            return _fault_over(notification, case)
        case "worse":
            return _no_longer_worse(notification, case)
        case "technician_assigned" | "on_the_way":
            return _visit_moved_on(notification, case)
        case "resolved":
            return _not_fixed(notification, case)
        case "callback_scheduled" | "callback_overdue":
            return _callback_over(case)
        case "emergency_press":  # also while somebody is speaking with them: they have pressed again
            return "the callback is over" if case.callback is None or case.callback.closed_at is not None else None
        case "offer":
            return _offer_over(case, now)
        case "offer_withdrawn":
            return "the offer never reached them" if audience(notification, case) == frozenset() else None
        case "nobody_left":
            waits = case.ticket is not None and case.ticket.state == TicketState.NEW
            return None if waits else "the ticket is no longer waiting for a provider"
        case _:
            return None


def superseded(notification: Notification, case: Case, now: Instant) -> str | None:
    """A later phase that is on its way, or said, and true makes an older unsent one pointless."""
    if notification.topic not in BROKEN:
        return None
    later = BROKEN[BROKEN.index(notification.topic) + 1:] + (("worse",) if notification.topic == "fault_found" else ())
    for sibling in case.siblings:
        alive = sibling.state in _ALIVE
        if alive and sibling.topic in later and still_true(sibling, case, now) is None:
            return f"superseded by {sibling.topic}"
    return None


def audience(notification: Notification, case: Case) -> frozenset[str] | None:
    """The contacts that may hear it; None: all. What takes something back is only for those who heard it."""
    if notification.topic == "resolved":
        since = _round_began(notification, case)
        before = {row.id for row in case.siblings
                  if since is not None and row.topic in (*BROKEN, "worse") and row.created_at >= since}
    elif notification.topic == "outage_over":
        over = max((row.created_at for row in case.siblings
                    if row.topic == "outage_over" and row.state == NotificationState.SENT), default=0)
        before = {row.id for row in case.siblings if row.topic == "outage" and row.created_at >= over}
    elif notification.topic == "offer_withdrawn" and case.offer is not None:
        before = {row.id for row in case.siblings if row.phase == f"offer/{case.offer.id}"}
    else:
        return None
    return frozenset(contact for sent_id, contact in case.sent if sent_id in before)


def next_contact(notification: Notification, case: Case) -> Contact | None:
    """The first contact in the recipient's order that may still be tried.

    What may have arrived on a channel is not said there again, unless its receivers can tell a second copy, or it is
    critical (or for the dispatcher, who asks somebody to ring) and there is no other way left: then once more.
    """
    allowed = tries_allowed(notification)
    copies = _may_have_it(case)
    unsure = {contact.channel for contact in case.contacts if contact.id in copies} | {
        attempt.channel for attempt in case.attempts if attempt.contact_id in copies}
    refused = {attempt.contact_id for attempt in case.attempts if attempt.outcome == AttemptOutcome.REFUSED}
    tries = tries_made(case)
    heard = audience(notification, case)
    usable = [contact for contact in case.contacts if contact.stopped_at is None and contact.id not in refused
              and (heard is None or contact.id in heard)]
    patient = notification.recipient == "dispatcher" or notification.recipient.startswith("emergency/")
    limits = (allowed, TRIES_PATIENT) if patient else (allowed,)
    first = next((contact for limit in limits for contact in usable
                  if contact.channel not in unsure and tries[contact.id] < limit), None)
    if first is not None or not (notification.critical or patient):
        return first
    return next((contact for contact in usable
                 if 0 < copies[contact.id] < COPIES and tries[contact.id] < allowed), None)


def tries_made(case: Case) -> Counter[str]:
    """Contact → how often it was tried in vain, as far as that gives it up one day."""
    return Counter(attempt.contact_id for attempt in case.attempts if attempt.outcome == AttemptOutcome.FAILED
                   or (attempt.outcome in UNSURE and attempt.channel in case.knows_repeats))


def _may_have_it(case: Case) -> Counter[str]:
    """Contact → copies that may have arrived there and that the receiver could not tell from another."""
    return Counter(attempt.contact_id for attempt in case.attempts
                   if attempt.outcome in UNSURE and attempt.channel not in case.knows_repeats)


def tries_allowed(notification: Notification) -> int:
    """How often one contact is tried before the next one is."""
    return TRIES_HURRIED if hurried(notification) else TRIES


def hurried(notification: Notification) -> bool:
    return notification.critical or notification.topic == "offer"


def after(outcome: AttemptOutcome, tries: int, hurry: bool, jitter: float, now: Instant) -> Instant:
    """When to look again after the `tries`-th failure on one contact; `jitter` in [0, 1) spreads a crowd.

    Refused, unknown and exhausted go to the next contact at once; else the wait doubles, give or take half.
    """
    limit, first = (TRIES_HURRIED, FIRST_WAIT_HURRIED) if hurry else (TRIES, FIRST_WAIT)
    if outcome != AttemptOutcome.FAILED or tries == limit:
        return now
    wait = PATIENT_WAIT if tries > limit else first * 2 ** (tries - 1)
    return now + round(wait * (0.5 + jitter))


def _nobody(case: Case) -> Fail:
    unsure = [attempt for attempt in case.attempts if attempt.outcome in UNSURE]
    if unsure:
        return Fail(f"handed over by {unsure[-1].channel}, but whether it arrived was never learnt", unsure=True)
    if not case.contacts:
        return Fail("no contact on a configured channel")
    if not case.attempts:
        return Fail("every contact has been stopped")
    return Fail(f"every contact refused or failed; last: {case.attempts[-1].why or case.attempts[-1].outcome}")


def _quiet(notification: Notification, case: Case, now: Instant) -> Instant | None:
    customer = case.customer
    if notification.critical or customer is None or not notification.recipient.startswith("customer/"):
        return None
    return quiet_until(customer.quiet_from, customer.quiet_until, customer.timezone, now)


def has_quota(notification: Notification) -> bool:
    """Critical news and answers to somebody who has pressed are never held back."""
    return (notification.recipient.startswith("customer/") and not notification.critical
            and not notification.topic.startswith("callback"))


def _too_many(notification: Notification, case: Case, now: Instant) -> Hold | Drop | None:
    """Nobody reads the thirteenth message in an hour; it is kept, and goes out later if it is still true then."""
    if not has_quota(notification):
        return None
    for most, span, words in ((MESSAGES_A_DAY, DAY, "a day"), (MESSAGES_AN_HOUR, HOUR, "an hour")):
        told = [at for at in case.lately if at > now - span]
        if len(told) >= most:
            why = f"the customer has had {most} messages within {words}"
            if now - notification.created_at >= DAY:
                return Drop(f"{why}, and this one is a day old")
            return Hold(told[-most] + span, why, too_many=True)
    return None


def _fault_over(notification: Notification, case: Case) -> str | None:
    ticket = case.ticket
    if ticket is None:
        return "the ticket is gone"
    if ticket.state in WORKS:
        return "already fixed before anyone was told"
    if ticket.state == TicketState.CANCELLED:
        return "cancelled before anyone was told"
    return _older_round(notification, ticket)


def _no_longer_worse(notification: Notification, case: Case) -> str | None:
    ticket = case.ticket
    if ticket is None or ticket.state in SETTLED:
        return "over before anyone was told"
    if ticket.state in (TicketState.EN_ROUTE, TicketState.ON_SITE) and notification.recipient.startswith("customer/"):
        return "the technician is on the way"
    return None


def _visit_moved_on(notification: Notification, case: Case) -> str | None:
    ticket, visit = case.ticket, case.visit
    if ticket is None or visit is None or ticket.visit_id != visit.id or visit.id != _about(notification):
        return "the visit is no longer the current one"
    if notification.topic == "on_the_way":
        return None if visit.state == VisitState.EN_ROUTE else "the technician is no longer on the way"
    return None if ticket.state in BEFORE_ARRIVAL else f"the ticket is {ticket.state} by now"


def _not_fixed(notification: Notification, case: Case) -> str | None:
    ticket = case.ticket
    if ticket is None or ticket.state not in WORKS:
        return "not fixed after all"
    if not audience(notification, case):
        return "nobody hears fixed who was not told broken"
    return _older_round(notification, ticket)


def _power_back(case: Case) -> str | None:
    if case.outage is None:
        return None  # the answer to somebody who pressed
    if case.outage.state in (OutageState.DISMISSED, OutageState.CLOSED, OutageState.RESTORED):
        return f"the outage is {case.outage.state} by now"
    return None if case.dark is not None else "back before anyone was told"


def _not_back(notification: Notification, case: Case) -> str | None:
    if case.dark is not None:
        return "dark again"
    return None if audience(notification, case) else "nobody hears that it is over who was not told of it"


def _callback_over(case: Case) -> str | None:
    callback = case.callback
    if callback is None or callback.closed_at is not None:
        return "the callback is over"
    return "they are already speaking" if callback.state == CallbackState.CONNECTED else None


def _offer_over(case: Case, now: Instant) -> str | None:
    offer = case.offer
    if offer is None or offer.state != OfferState.PENDING:
        return "the offer is no longer open"
    return "the offer has expired" if now >= offer.expires_at else None


def _older_round(notification: Notification, ticket: Ticket) -> str | None:
    about = _about(notification)
    return "about an earlier round of the fault" if about.isdigit() and int(about) != ticket.round else None


def _round_began(notification: Notification, case: Case) -> Instant | None:
    """When this round's first message was written. A later round nobody was told of has no beginning."""
    number = case.ticket.round if case.ticket else 1
    began = [row.created_at for row in case.siblings if row.phase == f"fault_found/{number}"]
    return began[0] if began else (0 if number == 1 else None)


def _about(notification: Notification) -> str:
    """The part of the phase that makes it a new message: a round, a visit id, an offer id."""
    return notification.phase.partition("/")[2]
