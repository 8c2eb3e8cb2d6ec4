"""Decides whether a notification is still worth sending, when, and on which contact. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from gateway.calendars.opening_hours import quiet_until
from gateway.config.quotas import MESSAGES_A_DAY, MESSAGES_AN_HOUR, TRIES_CRITICAL
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    AttemptOutcome,
    Contact,
    Instant,
    Notification,
    NotificationState,
    Reason,
    ReasonKind,
    Recipient,
    RecipientKind,
    Severity,
)
from gateway.notifications.bundling.bundle import BundleKey, Company, bundle_key, readers_of_several
from gateway.notifications.context import NotificationContext
from gateway.notifications.pacing.breaker import PROBE_EVERY
from gateway.notifications.pacing.budget import Budget
from gateway.notifications.preferences.wanted import (
    OfTheDay,
    is_for,
    of_the_day,
    silent_until,
    why_nobody_wants,
    why_unwanted,
)
from gateway.notifications.topics import TOPICS, Priority, never, of_different_visits
from gateway.notifications.undelivered.unopened import channels_sent, other_channels, was_opened

TRIES = 8  # per contact, spread over 30 minutes (Knock retries 8 times in 30 min)
TRIES_PATIENT = 48  # the dispatcher is the last to know, so is tried for four hours (GOV.UK Notify: 48 x 300 s)
FIRST_WAIT = 14 * SECOND  # 14 s doubled seven times adds up to 30 min
FIRST_WAIT_CRITICAL = 5 * SECOND
PATIENT_WAIT = 5 * MINUTE
DAILY_MARGIN = HOUR  # after the day's message should have told it, it goes out by itself
WAITS_CRITICAL, WAITS = 2 * MINUTE, 4 * HOUR  # for a channel that is paused; then somebody has to ring
WAITS_FOR_THE_FIRST = 30 * MINUTE  # before another channel is taken because the one they prefer is paused
COPIES = 2  # of what may have arrived, where the receiver cannot tell a second copy

# a try that is "started" was left by a worker that died between handing over and writing down
UNSURE = (AttemptOutcome.UNKNOWN, AttemptOutcome.STARTED)
ALIVE = (NotificationState.QUEUED, NotificationState.HELD, NotificationState.SENDING, NotificationState.SENT)
PATIENT = (RecipientKind.DISPATCHER, RecipientKind.EMERGENCY)


@dataclass(frozen=True)
class Send:
    """It goes out now, to this contact."""

    contact: Contact
    number: int  # of this attempt at the notification, from 1
    may_be_second: bool = False  # the first copy may have arrived, and the reader must be told so


@dataclass(frozen=True)
class Hold:
    """It waits: quiet hours, too many messages lately, or for the one message a day that they want."""

    until: Instant
    reason: Reason
    of_the_day: OfTheDay | None = None  # which is due before it is looked at again
    too_many: bool = False  # for the sake of the customer's quota, of which the dispatcher hears


@dataclass(frozen=True)
class Drop:
    """It is no longer true or useful."""

    reason: Reason


@dataclass(frozen=True)
class Undeliverable:
    """Nobody is reachable; `unsure` when a try may have arrived after all."""

    reason: Reason
    unsure: bool = False


@dataclass(frozen=True)
class Leave:
    """It was sent and stays so, on no other channel: somebody has opened it (no reason), or it is no longer true."""

    reason: Reason | None = None


Decision = Send | Hold | Drop | Leave | Undeliverable


def decide(notification: Notification, context: NotificationContext, now: Instant) -> Decision:
    """What to do with one due notification now."""
    sent_before = bool(channels_sent(context))
    if sent_before and was_opened(notification):
        return Leave()
    pointless = (why_obsolete(notification, context, now) or why_superseded(notification, context, now)
                 or _too_old(notification, now) or why_nobody_wants(notification, context))
    if pointless:
        return Leave(pointless) if sent_before else Drop(pointless)
    contact = next_contact(notification, context)
    if contact is None:
        return _unreachable(context)
    daily = of_the_day(notification, context, contact, now)
    if daily is not None:
        return Hold(daily.due_at + DAILY_MARGIN, Reason(ReasonKind.ONCE_A_DAY), daily)
    until = _quiet_until(notification, context, contact, now)
    if until is not None:
        return Hold(until, Reason(ReasonKind.QUIET_HOURS))
    if contact.channel in context.paused and not _never_waits(notification):
        other = _around_the_pause(notification, context, contact, now)
        if isinstance(other, Undeliverable):
            return _unreachable(context) if sent_before else other
        if isinstance(other, Hold):
            return other
        contact = other
        until = _quiet_until(notification, context, contact, now)  # somebody else's, perhaps
        if until is not None:
            return Hold(until, Reason(ReasonKind.QUIET_HOURS))
    return _over_quota(notification, context, now) or Send(
        contact, len(context.attempts) + 1, contact.id in _copies(context))


def decide_all(notifications: Sequence[Notification], contexts: Mapping[str, NotificationContext], now: Instant,
               budgets: Mapping[str, Budget] = MappingProxyType({}), short_channels: Collection[str] = ()
               ) -> list[tuple[Notification, Decision]]:
    """`decide` for each, in order; what is about to be sent counts for those that follow, but for what leaves in the
    same message. `budgets`: of the channels that take only so much at once."""
    decided: list[tuple[Notification, Decision]] = []
    begun: Counter[Recipient] = Counter()
    probed: dict[str, Instant] = {}
    company: Company[Hold | None] = Company()  # None: it leaves now
    several = readers_of_several(notifications)
    for row in notifications:
        context = contexts[row.id]
        if row.recipient_id in several and row.recipient in company.readers:
            joined = _join(row, context, company, short_channels, now)
            if joined is not None:
                decided.append((row, joined))
                continue
        if begun[row.recipient]:
            context = replace(context, recent=context.recent + (now,) * begun[row.recipient])
        if probed:
            context = replace(context, paused={**context.paused, **probed})
        decision = decide(row, context, now)
        key = _bundle_key(row, context, decision, short_channels) if row.recipient_id in several else None
        leaves = isinstance(decision, Send) and not context.in_shadow  # else it uses nothing of its channel
        channel = decision.contact.channel if isinstance(decision, Send) and leaves else ""
        budget = budgets.get(channel)
        if budget is not None and not budget.take(may_overdraw=row.critical or row.priority < Priority.ORDINARY):
            decision = Hold(budget.turn(), Reason(ReasonKind.CHANNEL_BUSY, {"channel": channel}))
        if isinstance(decision, Send) and leaves and decision.contact.channel in context.paused:
            probed[decision.contact.channel] = now + PROBE_EVERY
        begun[row.recipient] += isinstance(decision, Send)
        if key is not None:
            company.begin(key, decision if isinstance(decision, Hold) else None)
        decided.append((row, decision))
    return decided


def _join(row: Notification, context: NotificationContext, company: "Company[Hold | None]",
          short_channels: Collection[str], now: Instant) -> Send | Hold | None:
    """It leaves, or waits its turn, in one message with what was decided before; None: by itself. It is no further
    message, neither for its reader nor for the channel."""
    decision = decide(row, context, now)
    key = _bundle_key(row, context, decision, short_channels)
    if key is None or not isinstance(decision, Send) or not company.has_room(key):
        return None
    return company.join(key) or decision


def _bundle_key(row: Notification, context: NotificationContext, decision: Decision, short_channels: Collection[str]
                ) -> BundleKey | None:
    if not isinstance(decision, Send):
        return None
    return bundle_key(row, context, decision.contact, decision.contact.channel in short_channels)


def why_obsolete(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    """None while it is true and useful to say; else the reason it no longer is."""
    of_an_outage = context.ticket is not None and context.ticket.outage_id is not None
    if of_an_outage and notification.recipient_kind == RecipientKind.CUSTOMER:
        return Reason(ReasonKind.OUTAGE_TELLS)
    if _moved_out(notification, context):
        return Reason(ReasonKind.MOVED_OUT)
    topic = TOPICS.get(notification.topic)
    if topic is None:
        return None  # written by another version of the gateway: it fails where it is worded, and holds up no other
    reason = topic.obsolete_when(notification, context, now)
    if reason is not None or topic.only_after is None:
        return reason
    if topic.only_after.same_contact:
        told_before = contacts_notified_before(notification, context) != frozenset()
    else:
        said = (NotificationState.SENT, NotificationState.SHADOW) if context.in_shadow else (NotificationState.SENT,)
        told_before = any(row.topic in topic.only_after.topics and row.state in said for row in context.siblings)
    return None if told_before else Reason(topic.only_after.otherwise)


def _too_old(notification: Notification, now: Instant) -> Reason | None:
    """Whether it comes too late to be of use, where nothing that happens says so."""
    topic = TOPICS.get(notification.topic)
    if topic is None or topic.obsolete_when is not never or topic.life is None:
        return None
    return Reason(ReasonKind.TOO_OLD) if now - notification.created_at >= topic.life else None


def _moved_out(notification: Notification, context: NotificationContext) -> bool:
    """Whether a household is to hear of homes of which none is theirs any more."""
    if notification.recipient_kind is not RecipientKind.CUSTOMER or not context.homes:
        return False
    return all(home.household_left_at is not None
               or (home.household_since is not None and home.customer_id != notification.recipient_id)
               for home in context.homes)


def why_superseded(notification: Notification, context: NotificationContext, now: Instant) -> Reason | None:
    """A later message that is on its way, or said, and true makes an older unsent one pointless."""
    alive = (*ALIVE, NotificationState.SHADOW) if context.in_shadow else ALIVE
    for sibling in context.siblings:
        supersedes = TOPICS[sibling.topic].supersedes if sibling.topic in TOPICS else ()
        later = sibling.created_at >= notification.created_at
        if (later and notification.topic in supersedes and sibling.state in alive
                and not of_different_visits(sibling, notification) and why_obsolete(sibling, context, now) is None):
            return Reason(ReasonKind.SUPERSEDED, {"topic": sibling.topic})
    return None


def contacts_notified_before(notification: Notification, context: NotificationContext) -> frozenset[str] | None:
    """The contacts that may hear it; None: all. What takes something back is only for those who heard it."""
    topic = TOPICS.get(notification.topic)
    rule = topic.only_after if topic is not None else None
    counts = rule.which(notification, context) if rule is not None and rule.same_contact else None
    if rule is None or counts is None:
        return None
    earlier = {row.id for row in context.siblings if row.topic in rule.topics and counts(row)}
    sent = context.sent | context.maybe_sent if rule.maybe else context.sent
    if context.in_shadow:
        sent = sent | context.shadowed
    return frozenset(contact for sent_id, contact in sent if sent_id in earlier)


def next_contact(notification: Notification, context: NotificationContext) -> Contact | None:
    """The first contact in the recipient's order that may still be tried.

    What may have arrived on a channel is not said there again, unless its receivers can tell a second copy, or it is
    critical (or for the dispatcher, who asks somebody to ring) and there is no other way left: then once more.
    """
    allowed = TRIES_CRITICAL if notification.critical else TRIES
    copies = _copies(context)
    unsure = {contact.channel for contact in context.contacts if contact.id in copies} | {
        attempt.channel for attempt in context.attempts if attempt.contact_id in copies}
    refused = {attempt.contact_id for attempt in context.attempts if attempt.outcome == AttemptOutcome.REFUSED}
    tries = tries_made(context)
    told = contacts_notified_before(notification, context)
    topic = TOPICS.get(notification.topic)
    only = topic.channel if topic is not None else None
    usable = [contact for contact in other_channels(context) if contact.id not in refused
              and (told is None or contact.id in told) and only in (None, contact.channel)
              and is_for(notification, contact)
              and why_unwanted(notification, context.choices.get(contact.owner)) is None]
    patient = notification.recipient_kind in PATIENT
    limits = (allowed, TRIES_PATIENT) if patient else (allowed,)
    first = next((contact for limit in limits for contact in usable
                  if contact.channel not in unsure and tries[contact.id] < limit), None)
    if first is not None or not (notification.critical or patient) or channels_sent(context):
        return first
    return next((contact for contact in usable
                 if 0 < copies[contact.id] < COPIES and tries[contact.id] < allowed), None)


def tries_made(context: NotificationContext) -> Counter[str]:
    """Contact → how often it was tried in vain, as far as that gives it up one day."""
    return Counter(attempt.contact_id for attempt in context.attempts if attempt.outcome == AttemptOutcome.FAILED
                   or (attempt.outcome in UNSURE and attempt.channel in context.knows_repeats))


def retry_at(outcome: str, tries: int, critical: bool, jitter: float, now: Instant) -> Instant:
    """When to look again after the `tries`-th failure on one contact; `jitter` in [0, 1) spreads a crowd.

    Refused, unknown and exhausted go to the next contact at once; else the wait doubles, give or take half.
    """
    limit, first = (TRIES_CRITICAL, FIRST_WAIT_CRITICAL) if critical else (TRIES, FIRST_WAIT)
    if outcome != AttemptOutcome.FAILED or tries == limit:
        return now
    wait = PATIENT_WAIT if tries > limit else first * 2 ** (tries - 1)
    return now + round(wait * (0.5 + jitter))


def _never_waits(notification: Notification) -> bool:
    """Who is asked to help somebody, and who rings those who cannot be told, are tried whatever happened before."""
    return notification.recipient_kind in PATIENT or notification.priority <= Priority.CALL_FOR_HELP


def _around_the_pause(notification: Notification, context: NotificationContext, contact: Contact, now: Instant
                      ) -> Contact | Hold | Undeliverable:
    """Critical news takes another channel at once, other news after a while; where there is none it goes ahead to see
    when that is due, else it waits, uses up no try, and is given up when somebody can still ring in time."""
    since = notification.retried_at or notification.created_at
    if notification.critical or now - since >= WAITS_FOR_THE_FIRST:
        others = tuple(one for one in context.contacts if one.channel not in context.paused)
        other = next_contact(notification, replace(context, contacts=others))
        if other is not None:
            return other
    if context.paused[contact.channel] <= now:
        return contact
    why = Reason(ReasonKind.CHANNEL_DOWN, {"channel": contact.channel})
    given_up = since + (WAITS_CRITICAL if notification.critical else WAITS)
    if now >= given_up:
        return Undeliverable(why)
    return Hold(min(context.paused[contact.channel], given_up), why)


def has_quota(notification: Notification) -> bool:
    """Critical news and answers to somebody who has pressed are never held back."""
    topic = TOPICS.get(notification.topic)
    return topic is not None and topic.has_quota and not notification.critical


def _copies(context: NotificationContext) -> Counter[str]:
    """Contact → copies that may have arrived there and that the receiver could not tell from another."""
    return Counter(attempt.contact_id for attempt in context.attempts
                   if attempt.outcome in UNSURE and attempt.channel not in context.knows_repeats)


def _unreachable(context: NotificationContext) -> Undeliverable:
    if channels_sent(context):
        return Undeliverable(Reason(ReasonKind.NOBODY_OPENED), unsure=True)
    unsure = [attempt for attempt in context.attempts if attempt.outcome in UNSURE]
    if unsure:
        return Undeliverable(Reason(ReasonKind.MAYBE_ARRIVED, {"channel": unsure[-1].channel}), unsure=True)
    if not context.contacts:
        return Undeliverable(Reason(ReasonKind.TELEPHONE_ONLY if context.can_be_rung else ReasonKind.NO_CONTACT))
    if not context.attempts:
        return Undeliverable(Reason(ReasonKind.CONTACTS_STOPPED))
    return Undeliverable(Reason(ReasonKind.CONTACTS_FAILED,
                                {"last": context.attempts[-1].why or context.attempts[-1].outcome}))


def _quiet_until(notification: Notification, context: NotificationContext, contact: Contact, now: Instant
                 ) -> Instant | None:
    topic, firm, until = TOPICS.get(notification.topic), context.provider, None
    if notification.critical or (topic is not None and topic.passes_quiet_hours):
        return None
    if notification.recipient_kind == RecipientKind.CUSTOMER:
        until = silent_until(context, contact, now)
    elif notification.recipient_kind == RecipientKind.PROVIDER and not _is_urgent(notification, context) and firm:
        until = quiet_until(firm.quiet_from, firm.quiet_until, firm.timezone, now)
    cannot_wait = topic.cannot_wait if topic is not None else None
    if until is not None and cannot_wait is not None and cannot_wait(notification, context, until):
        return None
    return until


def _is_urgent(notification: Notification, context: NotificationContext) -> bool:
    """Whether a provider is asked about it in its quiet hours too."""
    return bool(notification.facts.get("urgent")) or (
        context.ticket is not None and context.ticket.severity in (Severity.MAJOR, Severity.CRITICAL))


def _over_quota(notification: Notification, context: NotificationContext, now: Instant) -> Hold | Drop | None:
    """Nobody reads the thirteenth message in an hour; it is kept, and goes out later if it is still true then."""
    if not has_quota(notification):
        return None
    life = TOPICS[notification.topic].life
    recent = sorted(context.recent + context.shadow_recent) if context.in_shadow else context.recent
    for most, span, name in ((MESSAGES_A_DAY, DAY, "day"), (MESSAGES_AN_HOUR, HOUR, "hour")):
        told = [at for at in recent if at > now - span]
        if len(told) >= most:
            had = {"most": most, "span": name}
            if life is not None and now - notification.created_at >= life:
                return Drop(Reason(ReasonKind.MANY_MESSAGES_AND_OLD, had))
            return Hold(told[-most] + span, Reason(ReasonKind.MANY_MESSAGES, had), too_many=True)
    return None
