"""The times that a message tells its reader, each of which is a promise; and by when a customer hears from us again."""

from collections.abc import Iterable

from gateway.calendars.opening_hours import quiet_until
from gateway.config.settings import Service
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    Callback,
    Customer,
    Instant,
    Notification,
    NotificationState,
    PriceAnswer,
    Promise,
    PromiseKind,
    RecipientKind,
    Severity,
    Subject,
    SubjectKind,
    Visit,
    customer,
    round_up,
)
from gateway.notifications.context import NotificationContext
from gateway.notifications.topics import TOPICS, TopicName
from gateway.tickets.lifecycle import UNASSIGNED
from gateway.tickets.promises.ledger import WORD_LEAD, PromisedTime, of_kind

STEP = 5 * MINUTE
AFTER_THE_NIGHT = HOUR  # time for those who begin in the morning to find out more
DOUBLED_MOST = 4  # times

_LOOKING = (TopicName.FAULT_FOUND, TopicName.WORSE, TopicName.STILL_LOOKING, TopicName.PRICE_AGREED)
# their templates name the time
EVERYBODY = customer("")  # who may see the page of an outage


def promised_times(row: Notification, context: NotificationContext, ledger: Iterable[Promise], service: Service,
                   now: Instant) -> list[PromisedTime]:
    """What a message that is about to go out tells. `ledger`: the promises that are open about the same subjects."""
    topic = TOPICS.get(row.topic)
    if topic is None or not topic.promises or row.recipient_kind != RecipientKind.CUSTOMER:
        return []
    told = [_promised_time(kind, row, context, ledger, service, now) for kind in PromiseKind if kind in topic.promises]
    return [time for time in told if time is not None and time.due_at > now]


def arrival_window(visit: Visit, customer_id: str, site_id: str) -> PromisedTime:
    """That somebody is there within the window of the visit: one for all tickets of its job."""
    return PromisedTime(PromiseKind.ARRIVAL_WINDOW, _of_visit(visit), customer(customer_id), visit.window_until,
                            visit.window_from, site_id, visit.provider_id)


def arrival_estimate(visit: Visit, eta: Instant, customer_id: str, site_id: str) -> PromisedTime:
    """That whoever is on the way is there about then, by their own word."""
    return PromisedTime(PromiseKind.ETA, _of_visit(visit), customer(customer_id), eta, None, site_id, visit.provider_id)


def call_by(callback: Callback) -> PromisedTime:
    """That we call by then, or in that time."""
    return PromisedTime(PromiseKind.CALLBACK_BY, Subject(SubjectKind.CALLBACK, callback.id),
                            customer(callback.customer_id), callback.promised_by, callback.ring_from, callback.site_id)


def estimated_end(outage_id: str, at: Instant) -> PromisedTime:
    """That the power is back by then: one for everybody who was told."""
    return PromisedTime(PromiseKind.ETR, Subject(SubjectKind.OUTAGE, outage_id), EVERYBODY, at)


def next_word_at(severity: Severity, said: int, reader: Customer | None, service: Service, now: Instant) -> Instant:
    """By when the reader hears from us again: after as long as the settings say, and twice as long each time that there
    was nothing new to say (`said`), at most a day; not at night unless the fault is critical."""
    wait = min(service.next_word_minutes[severity] * MINUTE << min(said, DOUBLED_MOST), DAY)
    at = round_up(now + wait, STEP)
    if severity is not Severity.CRITICAL and reader is not None:
        night = quiet_until(reader.quiet_from, reader.quiet_until, reader.timezone, at - WORD_LEAD)
        if night is not None:
            at = round_up(night + AFTER_THE_NIGHT, STEP)
    return at


def _promised_time(kind: PromiseKind, row: Notification, context: NotificationContext, ledger: Iterable[Promise],
                   service: Service, now: Instant) -> PromisedTime | None:
    site_id = context.site.id if context.site is not None else ""
    match kind:
        case PromiseKind.ARRIVAL_WINDOW:
            visit = context.visit
            # who is on the way says when they are there; the window is named when they do not
            named = visit is not None and (visit.eta is None or row.topic != TopicName.ON_THE_WAY)
            return arrival_window(visit, row.recipient_id, site_id) if visit is not None and named else None
        case PromiseKind.ETA:
            visit = context.visit
            if visit is None or visit.eta is None or "hear_by" in row.facts:  # which is said in its place
                return None
            return arrival_estimate(visit, visit.eta, row.recipient_id, site_id)
        case PromiseKind.CALLBACK_BY:
            return call_by(context.callback) if context.callback is not None else None
        case PromiseKind.ETR:
            outage = context.outage
            return None if outage is None or outage.etr_at is None else estimated_end(outage.id, outage.etr_at)
        case PromiseKind.NEXT_WORD:
            return _next_word(row, context, ledger, service, now)


def _next_word(row: Notification, context: NotificationContext, ledger: Iterable[Promise], service: Service,
               now: Instant) -> PromisedTime | None:
    """Whoever wrote the message may have said by when; else it is for who waits for a time. A copy of what may have
    arrived names the same one."""
    ticket, said_by = context.ticket, row.facts.get("hear_by")
    if ticket is not None and said_by is not None:
        return PromisedTime(PromiseKind.NEXT_WORD, row.subject, row.recipient, said_by, site_id=ticket.site_id)
    if ticket is None or ticket.state not in UNASSIGNED or row.topic not in _LOOKING:
        return None
    if ticket.price_answer is PriceAnswer.ASKED:  # we wait for them, and have said until when
        return None
    same = [one for one in of_kind(ledger, PromiseKind.NEXT_WORD) if one.notification_id == row.id]
    states = (NotificationState.SENT, NotificationState.SHADOW) if context.in_shadow else (NotificationState.SENT,)
    said = sum(other.topic == TopicName.STILL_LOOKING and other.state in states
               for other in context.siblings) + (row.topic == TopicName.STILL_LOOKING)
    at = same[0].due_at if same else next_word_at(ticket.severity, said, context.customer, service, now)
    return PromisedTime(PromiseKind.NEXT_WORD, row.subject, row.recipient, at, site_id=ticket.site_id)


def _of_visit(visit: Visit) -> Subject:
    return Subject(SubjectKind.JOB, visit.job_id)
