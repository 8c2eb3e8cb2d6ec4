"""deliver: sends due notifications and records each attempt and its outcome; one story from claim to outcome."""

import logging
import random
import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import monotonic, sleep
from typing import Any, NamedTuple, Protocol

from sqlmodel import Session

from gateway.config.quotas import TRIES_CRITICAL
from gateway.config.settings import Service, Settings
from gateway.devices.profiles import Profile
from gateway.flow.messages.mail_extras import with_extras
from gateway.model import (
    HOUR,
    MINUTE,
    SECOND,
    Attempt,
    AttemptOutcome,
    Contact,
    Entry,
    EntryKind,
    Instant,
    Notification,
    Promise,
    PromiseKind,
    Reason,
    ReasonKind,
    RecipientKind,
    SubjectKind,
    new_id,
)
from gateway.model.plan import Draft
from gateway.monitoring import file_descriptors, logs, metrics
from gateway.notifications import signed_links
from gateway.notifications.bundling.bundle import bundle, bundle_key, readers_of_several
from gateway.notifications.channels import Channel, NotSent, Outcome, Receipt, Sent, Unknown
from gateway.notifications.context import NotificationContext
from gateway.notifications.decide import (
    UNSURE,
    Decision,
    Drop,
    Hold,
    Leave,
    Send,
    Undeliverable,
    decide_all,
    retry_at,
    tries_made,
)
from gateway.notifications.invites.mail_invite import invite_for
from gateway.notifications.lifecycle import Action, move
from gateway.notifications.messages import Facts, Message, MessageRenderer
from gateway.notifications.pacing.budget import Budget
from gateway.notifications.preferences.codes import code_of
from gateway.notifications.preferences.links import one_click_of_several, one_click_url, preferences_url
from gateway.notifications.preferences.wanted import passes_a_stop
from gateway.notifications.shadow import NEVER_LEFT, InShadow, stays_here
from gateway.notifications.template_values import Signature, facts_of, people_whose_numbers, reader_of
from gateway.notifications.topics import Priority, TopicName
from gateway.notifications.undelivered.contacts import tell_its_owner
from gateway.notifications.undelivered.plan import (
    Failure,
    is_call_for_help,
    plan_undelivered,
    too_many_messages,
    undeliverable,
)
from gateway.notifications.undelivered.unopened import channels_sent, last_sent_at, open_by
from gateway.notifications.wording.broken import broken_wordings
from gateway.notifications.wording.overrides import BrokenWording
from gateway.store import Conflict, DatabaseUnavailable, Store, apply, outbox
from gateway.store.contexts import on_call, sla
from gateway.store.contexts.promises import withdraw_promises_of
from gateway.store.customers import contacts_gone
from gateway.store.customers import preferences as choices
from gateway.store.customers.companions import claim_companions, give_back
from gateway.store.errors import is_bad_input
from gateway.store.shadow.areas import areas_of_messages
from gateway.tickets.new_rows import entry
from gateway.tickets.promises.ledger import keep_next_word, make_promise
from gateway.tickets.promises.promised_times import promised_times
from gateway.tickets.sla.follow import restart_update
from gateway.tickets.sla.policy import SlaPolicies

AT_ONCE = 96  # hand-overs under way together: mostly waiting for other people's servers
A_BATCH = 48  # ordinary ones are begun so many at a time: what is asked for one of them is asked for all at once
KEPT_FREE = {Priority.WAITED_FOR: 4, Priority.CRITICAL: 8, Priority.ORDINARY: 8}  # of these, for more urgent ones only
GLANCE_S = 0.02  # while a slow one is under way, new ones are looked for this often
OURS_WAIT, OURS_WAIT_MOST = 2 * SECOND, 5 * MINUTE  # after a failure that is our own machine's; doubled each time
ENOUGH_S = 30.0  # then the caller gets to look at the clock


_log = logging.getLogger(__name__)
_pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="deliver")


class StartedAttempt(NamedTuple):
    """One try, already written down as started, with the times that it tells."""

    notification: Notification
    context: NotificationContext
    contact: Contact
    attempt: Attempt
    lease: str
    may_be_second: bool = False
    told: Sequence[Promise] = ()
    settled: Sequence[Promise] = ()  # that it keeps, or corrects
    pieces: Sequence["StartedAttempt"] = ()  # all that leave as one message, itself among them; (): it leaves alone

    @property
    def next_word(self) -> Instant | None:
        """By when it says that they hear from us again."""
        return next((promise.due_at for promise in self.told if promise.kind is PromiseKind.NEXT_WORD), None)


class WordedMessage(NamedTuple):
    message: Message
    facts: Facts
    broken: Sequence[BrokenWording]


class FinishedAttempt(NamedTuple):
    outcome: Outcome | InShadow
    at: Instant
    said: str = ""  # to a household, in what words
    broken: Sequence[BrokenWording] = ()  # templates of the operator's, for which ours stood in …
    wording: str = ""  # … and those that worded it
    others: Sequence[str] = ()  # topics of what left in the same message
    each: Sequence["FinishedAttempt"] = ()  # of several that were to leave as one message, in their order


@dataclass
class AttemptsInProgress:
    """Attempts whose outcome is not recorded yet: kept from one call of `deliver` to the next."""

    tries: deque[tuple["Future[FinishedAttempt]", StartedAttempt]] = field(default_factory=deque)
    doubtful: deque[str] = field(default_factory=deque)  # leases of claims that may have been written, or not
    stopping: bool = False  # the gateway stops: none is begun any more, and `finish` records the rest

    def take(self) -> dict["Future[FinishedAttempt]", StartedAttempt]:
        """All of it; several threads may ask."""
        taken = {}
        with suppress(IndexError):
            while True:
                future, hand_over = self.tries.popleft()
                taken[future] = hand_over
        return taken


class DeliveryContext(Protocol):
    """What delivering needs of the gateway."""

    @property
    def settings(self) -> Settings: ...
    @property
    def store(self) -> Store: ...
    @property
    def profiles(self) -> Mapping[str, Profile]: ...
    @property
    def channels(self) -> Mapping[str, Channel]: ...
    @property
    def attempts_in_progress(self) -> AttemptsInProgress: ...
    @property
    def messages(self) -> MessageRenderer: ...
    @property
    def sla(self) -> SlaPolicies: ...


def deliver(gw: DeliveryContext, now: Instant) -> int:
    """Sends what is due; returns how many notifications were looked at. Several threads and processes may run it.

    A slow channel holds up nobody else: whatever is finished is recorded, and whatever has become due is begun. Raises
    Away or Conflict when the database cannot be written now; what became of the tries under way is kept for the next
    call, and nothing else is begun before it is written.
    """
    began, looked = monotonic(), 0
    under_way = gw.attempts_in_progress.take()
    try:
        while not gw.attempts_in_progress.stopping:
            _record_finished(gw, under_way)
            _give_back(gw, now)
            passed = monotonic() - began
            if passed > ENOUGH_S:  # what is under way is for the next call: to wait for it here would hold up a page
                break
            claimed, begun = _begin(gw, AT_ONCE - len(under_way), now + int(passed * SECOND))
            looked += claimed
            for hand_over in begun:
                under_way[_pool.submit(_hand_over, gw, hand_over, now, began)] = hand_over
            if under_way:
                wait(list(under_way)[:A_BATCH], GLANCE_S)  # the oldest
            elif not claimed:
                break
        return looked
    finally:
        gw.attempts_in_progress.tries.extend(under_way.items())


def finish(gw: DeliveryContext, seconds: float) -> int:
    """Before the gateway stops: waits for what is under way and writes down what became of it, for so long at most.
    Returns how many tries remain of which nobody will know."""
    under_way, give_up = gw.attempts_in_progress.take(), monotonic() + seconds
    while under_way and monotonic() < give_up:
        wait(under_way, GLANCE_S)
        try:
            _record_finished(gw, under_way)
        except (DatabaseUnavailable, Conflict):
            sleep(GLANCE_S)
    if under_way:
        _log.error("stopped before it could be written down what became of %d messages", len(under_way))
    return len(under_way)


def _record_finished(gw: DeliveryContext, under_way: dict[Future[FinishedAttempt], StartedAttempt]) -> None:
    finished = [future for future in under_way if future.done()]
    if finished:
        _record(gw, [one for future in finished for one in _one_by_one(under_way[future], future.result())])
        for future in finished:
            del under_way[future]


def _one_by_one(hand_over: StartedAttempt, done: FinishedAttempt) -> list[tuple[StartedAttempt, FinishedAttempt]]:
    """What became of each message, also of those that left as one: each has its own row and its own life."""
    if not hand_over.pieces:
        return [(hand_over, done)]
    return [(piece, done._replace(each=())) if not done.each else (piece, done.each[number])
            for number, piece in enumerate(hand_over.pieces)]


def _give_back(gw: DeliveryContext, now: Instant) -> None:
    while gw.attempts_in_progress.doubtful:
        with suppress(IndexError):  # another thread was first
            lease = gw.attempts_in_progress.doubtful.popleft()
            try:
                with gw.store.write() as session:
                    outbox.release_lease(session, lease, now)
            except (DatabaseUnavailable, Conflict):
                gw.attempts_in_progress.doubtful.append(lease)
                raise


def _begin(gw: DeliveryContext, limit: int, now: Instant) -> tuple[int, list[StartedAttempt]]:
    """Claims and decides in one transaction; every try is on the disk before anything leaves the house."""
    kept_free = KEPT_FREE if limit >= A_BATCH + KEPT_FREE[Priority.ORDINARY] else KEPT_FREE | {Priority.ORDINARY: limit}
    with gw.store.read() as session:
        if not outbox.anything_due(session, now, [one for one in Priority if limit > kept_free.get(one, 0)]):
            return 0, []
    if file_descriptors.exhausted():  # nothing can be sent: no try is begun, so that none is used up
        _log.error("no descriptor is left: nothing is sent until one is")
        return 0, []
    lease = secrets.token_hex(8)
    try:
        return _claim(gw, limit, kept_free, lease, now)
    except (DatabaseUnavailable, Conflict):
        gw.attempts_in_progress.doubtful.append(lease)
        raise


def _claim(gw: DeliveryContext, limit: int, kept_free: Mapping[Priority, int], lease: str, now: Instant
           ) -> tuple[int, list[StartedAttempt]]:
    begun: list[StartedAttempt] = []
    draft = Draft()
    failures: list[Failure] = []
    with gw.store.write() as session:
        rows = outbox.claim(session, now, limit, lease, kept_free)
        short = frozenset(name for name, channel in gw.channels.items() if channel.form == "short")
        full = len(rows) >= limit - kept_free.get(Priority.ORDINARY, 0)  # else it holds all that is due
        companions = claim_companions(session, rows, now + outbox.LEASE, lease, now) if full else {}
        rows += [row for row, _ in companions.values()]
        on_call.link_to_dispatch_page(session, rows, now)
        contexts = _with_shadow(session, rows, _contexts(gw, session, rows, now), gw.settings.service)
        outbox.close_undeliverable(session, contexts.values(), now)
        rates = gw.settings.channels.limits
        budgets = {one.channel: Budget(rates[one.channel], one, now)
                   for one in outbox.channel_use(session, rates)} if rows else {}
        decided = decide_all(rows, contexts, now, budgets, short)
        if companions:
            decided = _without_lonely(session, decided, contexts, companions, short, now)
        days = choices.begin_days(session, [(row, decision.of_the_day) for row, decision in decided
                                            if isinstance(decision, Hold) and decision.of_the_day], draft, now)
        ledger = [draft.copy(one) for one in {one.id: one for context in contexts.values()
                                              for one in context.promises}.values()]
        told_before = tuple(ledger)  # what is said in the same breath is no next word
        for row, decision in decided:
            context = contexts[row.id]
            if isinstance(decision, Send):
                attempt = Attempt(id=new_id("S"), notification_id=row.id, contact_id=decision.contact.id,
                                  channel=decision.contact.channel, started_at=now)
                if not context.in_shadow:
                    draft.add(attempt)
                told, settled = _tell_times(draft, ledger, told_before, row, context, gw.settings.service, now)
                begun.append(StartedAttempt(row, context, decision.contact, attempt, lease, decision.may_be_second,
                                            told, settled))
            else:
                failures += _not_sent(draft, row, context, decision, days.get(row.id), now)
        begun = _merged(begun, short)
        if failures:
            lists, areas = outbox.dispatcher_lists(session, failures, now)
            plan_undelivered(failures, lists, areas, draft, new_id, now)
        draft.add(*_floods(session, [(row, contexts[row.id], decision.reason) for row, decision in decided
                                     if isinstance(decision, Hold) and decision.too_many
                                     and not contexts[row.id].in_shadow], now))
        apply(session, outbox.without_duplicate_offers(session, draft.plan()))
        outbox.expire_offers(session, [row.occurrence for row, decision in decided if row.topic == TopicName.OFFER
                               and isinstance(decision, Undeliverable) and not decision.unsure], now)
        outbox.leave_out_offers(session, [
            row.occurrence for row, decision in decided if row.topic == TopicName.OFFER
            and contexts[row.id].in_shadow and isinstance(decision, Send | Undeliverable)], NEVER_LEFT)
        on_call.page_next_now(session, [row for row, decision in decided if isinstance(decision, Undeliverable)
                                       and not decision.unsure and row.facts.get("others")], now)
    for row, decision in decided:
        if isinstance(decision, Drop):
            _log.info("message dropped", extra=_about(row) | {"why": decision.reason.kind})
        elif isinstance(decision, Undeliverable):
            _log.warning("message given up", extra=_about(row) | {"why": decision.reason.kind})
    return len(rows), begun


def _without_lonely(session: Session, decided: list[tuple[Notification, Decision]],
                    contexts: Mapping[str, NotificationContext],
                    companions: dict[str, tuple[Notification, Instant]], short: frozenset[str], now: Instant
                    ) -> list[tuple[Notification, Decision]]:
    """Without the companions that leave in no message of several: the batch was full without them."""
    sends = [(row, decision) for row, decision in decided if isinstance(decision, Send)]
    alone = [pieces[0][0].id for pieces in bundle(sends, lambda one: bundle_key(
        one[0], contexts[one[0].id], one[1].contact, one[1].contact.channel in short)) if len(pieces) == 1]
    lonely = [one for one in alone if one in companions]
    give_back(session, companions, lonely, now)
    return [one for one in decided if one[0].id not in lonely]


def _merged(begun: Sequence[StartedAttempt], short: frozenset[str]) -> list[StartedAttempt]:
    """What is handed over: each by itself, or several as one, with the first of them."""
    if not readers_of_several(one.notification for one in begun):
        return list(begun)
    leaving = []
    for pieces in bundle(begun, lambda one: bundle_key(one.notification, one.context, one.contact,
                                                       one.contact.channel in short)):
        if len(pieces) > 1:
            pieces.sort(key=lambda one: (one.notification.created_at, one.notification.id))
            for one in pieces:
                one.attempt.bundle_id = pieces[0].notification.id
        leaving.append(pieces[0]._replace(pieces=pieces) if len(pieces) > 1 else pieces[0])
    return leaving


def _with_shadow(session: Session, rows: Sequence[Notification], contexts: dict[str, NotificationContext],
                 service: Service) -> dict[str, NotificationContext]:
    """The same, with what does not leave the house marked so."""
    if service.mode == "on" or not rows:
        return contexts
    areas = areas_of_messages(session, rows, contexts) if service.live_areas else dict.fromkeys(contexts, frozenset())
    return {row.id: replace(contexts[row.id], in_shadow=stays_here(row, contexts[row.id], areas[row.id], service))
            for row in rows}


def _contexts(gw: DeliveryContext, session: Session, rows: Sequence[Notification], now: Instant
              ) -> dict[str, NotificationContext]:
    """With the channels that are paused, and what each message of a day lists."""
    knows_repeats = frozenset(name for name, channel in gw.channels.items() if channel.knows_repeats)
    contexts = outbox.load_contexts(session, rows, gw.channels, knows_repeats)
    items = choices.items_of(session, rows)
    listed = [one for some in items.values() for one in some]
    about = outbox.load_contexts(session, listed, gw.channels, knows_repeats) if listed else {}
    contexts = choices.with_items(rows, contexts, items, about, now)
    used = {one.channel for context in contexts.values() for one in context.contacts}
    paused = outbox.paused_channels(session, sorted(name for name in used if not gw.channels[name].server_each), now)
    return {key: replace(context, paused=paused) for key, context in contexts.items()} if paused else contexts


def _tell_times(draft: Draft, ledger: list[Promise], told_before: Sequence[Promise], row: Notification,
                context: NotificationContext, service: Service, now: Instant) -> tuple[list[Promise], list[Promise]]:
    """(the times that it tells, the promises that it keeps or corrects), before it leaves the house: a crash in between
    counts as told. What has not gone out after all is taken back when that is known."""
    if row.recipient_kind != RecipientKind.CUSTOMER:
        return [], []
    if channels_sent(context):  # the same times on another channel
        return [one for one in ledger if one.notification_id == row.id], []
    kept = [one for one in told_before if one.in_shadow or not context.in_shadow]  # what they know stays as it is
    keep_next_word(kept, {row.subject_id, *context.same_trip}, row.recipient, row.id, now)
    told = [make_promise(time, ledger, draft, new_id, now, told_by=row.id, in_shadow=context.in_shadow)
            for time in promised_times(row, context, ledger, service, now)]
    return told, [one for one in ledger if one.settled_by == row.id and one.settled_at == now]


def _not_sent(draft: Draft, row: Notification, context: NotificationContext,
              decision: Hold | Drop | Leave | Undeliverable, day: str | None, now: Instant) -> list[Failure]:
    """Why nothing is sent now, written down; `day`: the message that is to tell it. Returns it when the dispatcher has
    to ring somebody because of it."""
    kind, copy, unsure, rings = None, draft.copy(row), False, False
    copy.reason = decision.reason
    copy.list_id = day if day is not None or not isinstance(decision, Hold) else copy.list_id
    match decision:
        case Hold(until, _):
            move(copy, Action.HOLD, now, due_at=until)
        case Drop():
            move(copy, Action.DROP, now)
            kind = EntryKind.NOT_TOLD
        case Leave():
            move(copy, Action.SEND, last_sent_at(context))
            copy.open_by = None
            return []
        case Undeliverable() if context.in_shadow:  # nobody has to ring them
            move(copy, Action.KEEP_HERE, now)
        case Undeliverable(unsure=True):
            move(copy, Action.LOSE_TRACK, now)
            copy.open_by = None
            kind, unsure = EntryKind.MAYBE_TOLD, True
            rings = row.recipient_kind not in (RecipientKind.DISPATCHER, RecipientKind.ON_CALL)  # others are asked next
        case Undeliverable():
            move(copy, Action.GIVE_UP, now)
            kind = EntryKind.COULD_NOT_TELL
            # a code was mistyped by whoever waits for it, and that all is well is no news: nobody has to ring them
            idle = row.topic in (TopicName.CONTACT_CODE, TopicName.ALL_IS_WELL)
            rings = (row.recipient_kind == RecipientKind.CUSTOMER and not idle) or is_call_for_help(row)
            if row.retried_at is not None:  # in vain again: the dispatcher has been asked to ring them
                copy.list_id, rings = row.list_id, False
    metrics.NOTIFICATIONS.labels(copy.state).inc()
    if kind is not None:
        draft.add(_entry(row, context, kind, now, reason=decision.reason))
    return [Failure(copy, _name(row, context), decision.reason, unsure)] if rings else []


def _floods(session: Session, leases_held: Sequence[tuple[Notification, NotificationContext, Reason]], now: Instant
            ) -> list[Notification]:
    """Notifies the dispatcher once a day of a customer who gets too many messages: something there is broken."""
    told: dict[str, Notification] = {}
    for row, context, reason in leases_held:
        customer = row.recipient_id
        if customer not in told and not outbox.is_over_quota(session, customer, now):
            told[customer] = too_many_messages(new_id("N"), row, _name(row, context), reason, now)
    return list(told.values())


def _hand_over(gw: DeliveryContext, hand_over: StartedAttempt, now: Instant, began: float) -> FinishedAttempt:
    """Hands over one message, or several as one. Never raises: what went wrong is an outcome."""
    worded = [(piece, _worded(gw, piece, now)) for piece in hand_over.pieces or (hand_over,)]
    going = [(piece, words) for piece, words in worded if isinstance(words, WordedMessage)]
    message = _together(gw, [words for _, words in going])
    leaving = [going] if message is not None else [[one] for one in going]
    became = {one.notification.id: done for some in leaving for (one, _), done in zip(
        some, _send(gw, some, message or some[0][1].message, now, began), strict=True)}
    each = [became[piece.notification.id] if isinstance(words, WordedMessage) else
            FinishedAttempt(words, now + int((monotonic() - began) * SECOND)) for piece, words in worded]
    return each[0]._replace(each=each) if hand_over.pieces else each[0]


def _together(gw: DeliveryContext, words: Sequence[WordedMessage]) -> Message | None:
    """The one message that they are; None: each leaves by itself."""
    if len(words) < 2:
        return None
    try:
        message = gw.messages.together([(one.message, one.facts) for one in words])
        return replace(message, unsubscribe=one_click_of_several(
            words[0].facts.preferences, (one.message.unsubscribe for one in words)))
    except Exception:
        _log.exception("%d messages could not be worded as one", len(words))
        return None


def _worded(gw: DeliveryContext, hand_over: StartedAttempt, now: Instant) -> WordedMessage | NotSent:
    """Its words as of now; NotSent when there are none: what leaves in the same message need not wait for it."""
    row, contact = hand_over.notification, hand_over.contact
    try:
        settings = gw.settings
        service = settings.service
        signed = Signature(service.name, service.phone, service.callback_timezone, service.country,
                           settings.branding)
        context = replace(hand_over.context, reader=hand_over.context.residents.get(contact.owner_id)
                          if contact.owner_kind is RecipientKind.PERSON else None)
        facts = facts_of(row, context, now, _link(settings, context, now), signed, gw.messages.catalogues)
        locale = reader_of(row, context, signed.zone)[1]
        items = [_item(gw, one, replace(about, reader=context.reader), signed, locale, now)
                 for one, about in context.items]
        facts = replace(facts, may_be_second=hand_over.may_be_second, next_word=hand_over.next_word,
                        passes_stop=passes_a_stop(row, context.choices.get(contact.owner)),
                        preferences=_preferences(settings, hand_over), code=_code(settings, row),
                        items=[line for line, _ in items])
        if row.topic == TopicName.CONTACT_CODE:  # whose address it is nobody knows yet: it names nobody
            facts = replace(facts, reader="", customer="", number="", preferences="")
        facts = with_extras(gw, row, context, contact.channel, facts, locale, now)
        message = gw.messages.word(row.topic, locale, facts, gw.channels[contact.channel].form)
        broken = [*message.broken, *(one for _, more in items for one in more)]
        message = replace(message, unsubscribe=one_click_url(facts.preferences, row))
        message = replace(message, invite=invite_for(row, context, facts, gw.messages.catalogues.best_for(locale)))
        return WordedMessage(message, facts, broken)
    except Exception as error:
        _log.exception("notification %s (%s) could not be worded", row.id, row.topic)
        ours = isinstance(error, OSError | MemoryError)  # a time zone that cannot be read just now
        return NotSent(False, f"could not be worded ({type(error).__name__})", kind="unusable", ours=ours)


def _send(gw: DeliveryContext, pieces: Sequence[tuple[StartedAttempt, WordedMessage]], message: Message, now: Instant,
          began: float) -> list[FinishedAttempt]:
    """The one place where something leaves the house: what became of each of these, which `message` tells."""
    started = pieces[0][0]
    first, contact = started.notification, started.contact
    said = _kept(message, gw.channels[contact.channel], [link for _, words in pieces for link in (
        words.facts.link, words.facts.preferences, words.facts.code, *(one["link"] for one in words.facts.items))])
    outcome: Outcome | InShadow
    if started.context.in_shadow:
        outcome = InShadow()
    else:
        try:
            outcome = gw.channels[contact.channel].send(contact.address, message, f"{first.id}_{contact.id}")
        except Exception as error:  # its text may hold an address: only its kind is kept
            _log.error("channel %s raised %s for notification %s", contact.channel, type(error).__name__, first.id)
            why = f"the channel broke ({type(error).__name__})"
            outcome = NotSent(False, why, ours=True) if file_descriptors.ran_out(error) else Unknown(why)
        if isinstance(outcome, NotSent) and not outcome.ours and file_descriptors.exhausted():
            outcome = replace(outcome, permanent=False, ours=True, gone=False)  # not every channel says why it failed
    at, channel = now + int((monotonic() - began) * SECOND), gw.channels[contact.channel]
    return [FinishedAttempt(outcome, at, said, words.broken, _own_words(words.message, channel), [
        other.notification.topic for other, _ in pieces if other is not piece]) for piece, words in pieces]


def _item(gw: DeliveryContext, row: Notification, context: NotificationContext, signed: Signature, locale: str,
          now: Instant) -> tuple[dict[str, str], Sequence[BrokenWording]]:
    """A line of a message of the day: what it would have said by itself, and where more stands."""
    link = _link(gw.settings, context, now)
    facts = facts_of(row, context, now, link, signed, gw.messages.catalogues)
    message = gw.messages.word(row.topic, locale, facts, "short")
    return {"what": message.subject, "link": link}, message.broken


def _own_words(message: Message, channel: Channel) -> str:
    """The operator's templates in what that channel says of it: a web hook has the subject and the short text."""
    unused = ".short" if channel.form == "long" else "" if channel.server_each else ".subject"
    return ", ".join(name for name in message.own if not unused or not name.endswith(unused))


def _preferences(settings: Settings, hand_over: StartedAttempt) -> str:
    """Where whoever reads it chooses what they are sent; "" for others than a household."""
    contact = hand_over.contact
    if hand_over.notification.recipient_kind is not RecipientKind.CUSTOMER:
        return ""
    return preferences_url(settings.web.public_url, settings.secret.get_secret_value(), contact,
                           hand_over.context.choices.get(contact.owner))


def _code(settings: Settings, row: Notification) -> str:
    check_id = str(row.facts.get("check_id") or "") if row.topic == TopicName.CONTACT_CODE else ""
    return code_of(settings.secret.get_secret_value(), check_id) if check_id else ""


def _kept(message: Message, channel: Channel, links: Sequence[str]) -> str:
    """What whoever asks is told that they read. Links and codes in it are theirs alone: they are kept nowhere."""
    text = message.short if channel.form == "short" else f"{message.subject}\n\n{message.long_text}"
    for link in filter(None, links):
        text = text.replace(link, "…")
    return text


def _record(gw: DeliveryContext, results: list[tuple[StartedAttempt, FinishedAttempt]]) -> None:
    """All that became known, in one transaction. A crash before it leaves tries "started", which counts as unknown."""
    for pause in (0.05, None):
        try:
            with gw.store.write() as session:
                _write_down(gw, session, results)
            break
        except (Conflict, DatabaseUnavailable):
            if pause is None:
                raise
            sleep(pause)
        except Exception as error:
            if not is_bad_input(error):
                raise
            if len(results) > 1:  # one that cannot be written down must not keep the others from it
                for one in results:
                    _record(gw, [one])
                return
            _log.exception("what became of notification %s cannot be written down", results[0][0].notification.id)
            return
    for hand_over, done in results:
        _log_try(hand_over, done.outcome)
        if not isinstance(done.outcome, NotSent):
            metrics.promises_settled((one.kind, one.state) for one in hand_over.settled)
        metrics.NOTIFICATIONS.labels(_outcome_name(done.outcome)).inc()
        if isinstance(done.outcome, Sent) and hand_over.notification.heard_at is not None:
            metrics.PUBLISH_TO_NOTIFY_SECONDS.observe((done.at - hand_over.notification.heard_at) / SECOND)


def _log_try(hand_over: StartedAttempt, outcome: Outcome | InShadow) -> None:
    """One line for each try. In the other side's words our address is blacked out, and all that looks like one."""
    row, contact = hand_over.notification, hand_over.contact
    about = _about(row) | {"channel": contact.channel, "contact": contact.id}
    if isinstance(outcome, InShadow):
        _log.info("message kept in the shadow", extra=about)
    elif isinstance(outcome, Sent):
        _log.info("message sent", extra=about)
    else:
        _log.warning(f"message {_outcome_name(outcome)}", extra=about | {
            "kind": outcome.kind, "why": outcome.why, "said": logs.redact_quote(outcome.said, contact.address)})


def _about(row: Notification) -> dict[str, str]:
    return {"notification": row.id, "subject": row.subject_id, "topic": row.topic, "to": row.recipient_kind}


def _write_down(gw: DeliveryContext, session: Session, results: Sequence[tuple[StartedAttempt, FinishedAttempt]]
                ) -> None:
    ours = outbox.leases_held(session, {hand_over.notification.id: hand_over.lease for hand_over, _ in results})
    draft = Draft()
    untold: list[str] = []
    gone: list[tuple[StartedAttempt, Instant]] = []
    told: dict[str, Instant] = {}
    for hand_over, done in results:
        row, attempt = hand_over.notification, hand_over.attempt
        if row.id in ours:
            _end_attempt(draft, ours[row.id], hand_over, done, gw.settings.service.unopened_minutes)
            if isinstance(done.outcome, Sent | InShadow) and hand_over.context.items:
                told |= _end_items(session, draft, hand_over, done)
            if isinstance(done.outcome, NotSent) and (hand_over.told or hand_over.settled) and not _may_have_arrived(
                    hand_over.context):
                untold.append(row.id)
            if isinstance(done.outcome, NotSent) and done.outcome.gone and outbox.stop_contact(
                    session, hand_over.contact.id, done.at, done.outcome.why):
                gone.append((hand_over, done.at))
            continue
        _log.warning("notification %s was taken over while it was being handed over", row.id)
        if isinstance(done.outcome, Sent):
            outbox.record_late_outcome(session, row.id, attempt.id, done.outcome.ref, done.at)
    for hand_over, at in gone:
        draft.add(*tell_its_owner(hand_over.contact, hand_over.notification, hand_over.context, new_id, at))
    if gone:
        draft.add(*contacts_gone.list_to_begin(session, max(at for _, at in gone)))
    latest = max((done.at for _, done in results), default=0)
    broken = broken_wordings(((hand_over.notification.topic, one) for hand_over, done in results
                              for one in done.broken), new_id, latest)
    draft.add(*outbox.without_told_today(session, broken, latest))
    withdraw_promises_of(session, draft, untold, latest)
    on_call.wait_in_shadow(session, [hand_over.notification for hand_over, done in results
                                     if isinstance(done.outcome, InShadow) and "turn" in hand_over.notification.facts],
                           latest)
    told |= {hand_over.notification.subject_id: done.at for hand_over, done in results
            if isinstance(done.outcome, Sent | InShadow) and hand_over.notification.subject_kind == SubjectKind.TICKET
            and hand_over.notification.recipient_kind == RecipientKind.CUSTOMER}
    for ticket, clock in sla.update_clocks(session, draft, told) if gw.sla else ():
        restart_update({clock.kind: clock}, ticket, gw.sla, max(told.values()))
    apply(session, outbox.without_duplicate_offers(session, draft.plan()))


def _end_attempt(draft: Draft, row: Notification, hand_over: StartedAttempt, done: FinishedAttempt,
                 unopened_minutes: int) -> None:
    """What came of a try, and what becomes of `row`, its notification as it stands now."""
    context, outcome = hand_over.context, done.outcome
    copy = draft.copy(row)
    if context.in_shadow:  # nothing could leave, so nothing was written down before
        attempt = hand_over.attempt
        draft.add(attempt)
    else:
        attempt = draft.copy(hand_over.attempt)
    attempt.outcome, attempt.finished_at, attempt.kind = _outcome_name(outcome), done.at, _kind(outcome)
    attempt.said, attempt.wording = done.said, done.wording
    if not done.others:
        attempt.bundle_id = None  # what it was to leave with could not be worded
    if isinstance(outcome, Sent):
        attempt.ref, copy.reason = outcome.ref, None
        move(copy, Action.SEND, done.at)
        told: EntryKind = EntryKind.TOLD
        more: dict[str, Any] = {}
        if channels_sent(context):
            told, more = EntryKind.TOLD_TOO, {"open_by": hand_over.notification.open_by}
        elif done.others:
            told, more = EntryKind.TOLD_TOGETHER, {"others": list(done.others)}
        draft.add(_entry(row, context, told, done.at, channel=hand_over.contact.channel, **more))
        reached = outcome.receipt in (Receipt.DELIVERED, Receipt.OPENED)
        attempt.delivered_at = done.at if outcome.receipt else None
        copy.opened_at = done.at if outcome.receipt is Receipt.OPENED else copy.opened_at
        copy.open_by = None if reached else open_by(row, context, unopened_minutes, done.at)
        quoted = people_whose_numbers(row, context)
        if quoted:
            draft.add(entry(row.subject, done.at, EntryKind.NUMBER_SENT, people=", ".join(quoted),
                            whom=_whom(row, context)))
        return
    if isinstance(outcome, InShadow):
        copy.reason = None
        move(copy, Action.KEEP_HERE, done.at)
        draft.add(_entry(row, context, EntryKind.WOULD_HAVE_TOLD, done.at, channel=hand_over.contact.channel))
        return
    attempt.why, copy.reason = outcome.why, Reason(ReasonKind.LAST_TRY, {"last": outcome.why})
    move(copy, Action.RETRY, done.at, due_at=_again_at(hand_over, done))
    patient = is_call_for_help(row) and row.recipient_kind == RecipientKind.EMERGENCY
    if patient and isinstance(outcome, NotSent) and _failures(context) == TRIES_CRITICAL - 1:
        # it is tried for hours yet; somebody must know now
        draft.add(undeliverable(new_id("N"), row, _name(row, context), copy.reason, done.at))


def _end_items(session: Session, draft: Draft, hand_over: StartedAttempt, done: FinishedAttempt
               ) -> dict[str, Instant]:
    """What a message of the day has told. Returns the tickets among that: subject id → when."""
    about = {row.id: context for row, context in hand_over.context.items}
    contact, told = hand_over.contact, {}
    in_shadow = isinstance(done.outcome, InShadow)
    kind = EntryKind.WOULD_HAVE_TOLD if in_shadow else EntryKind.TOLD
    for row in choices.still_waiting(session, about):
        copy = draft.copy(row)
        move(copy, Action.CLAIM, done.at)
        move(copy, Action.KEEP_HERE if in_shadow else Action.SEND, done.at)
        draft.add(Attempt(id=new_id("S"), notification_id=row.id, contact_id=contact.id, channel=contact.channel,
                          started_at=hand_over.attempt.started_at, finished_at=done.at,
                          outcome=_outcome_name(done.outcome), ref=hand_over.notification.id),
                  _entry(row, about[row.id], kind, done.at, channel=contact.channel))
        if row.subject_kind is SubjectKind.TICKET:
            told[row.subject_id] = done.at
    return told


def _kind(outcome: Outcome | InShadow) -> str | None:
    """Of the other side's failure; None when there was none, or it was ours."""
    if isinstance(outcome, Sent | InShadow) or (isinstance(outcome, NotSent) and outcome.ours):
        return None
    return outcome.kind


def _again_at(hand_over: StartedAttempt, done: FinishedAttempt) -> Instant:
    row, context, contact, *_ = hand_over
    if isinstance(done.outcome, NotSent) and done.outcome.ours:
        before = sum(attempt.outcome == AttemptOutcome.POSTPONED for attempt in context.attempts)
        return done.at + min(OURS_WAIT << min(before, 8), OURS_WAIT_MOST)
    outcome = _outcome_name(done.outcome)
    if outcome == AttemptOutcome.UNKNOWN and contact.channel in context.knows_repeats:
        outcome = AttemptOutcome.FAILED  # it is said there again, and no sooner than after any other failure
    together = hand_over.attempt.bundle_id  # what left as one is due at one time again
    jitter = random.random() if together is None else random.Random(together).random()
    at = retry_at(outcome, tries_made(context)[contact.id] + 1, row.critical, jitter, done.at)
    asked = done.outcome.retry_after_s if isinstance(done.outcome, NotSent) else None
    return max(at, done.at + min((asked or 0) * SECOND, HOUR))


def _outcome_name(outcome: Outcome | InShadow) -> AttemptOutcome:
    match outcome:
        case InShadow():
            return AttemptOutcome.SHADOW
        case Sent():
            return AttemptOutcome.SENT
        case Unknown():
            return AttemptOutcome.UNKNOWN
        case NotSent(ours=True):
            return AttemptOutcome.POSTPONED
        case NotSent(permanent=True):
            return AttemptOutcome.REFUSED
        case NotSent():
            return AttemptOutcome.FAILED


def _may_have_arrived(context: NotificationContext) -> bool:
    """By an earlier try."""
    return any(attempt.outcome in UNSURE or attempt.outcome == AttemptOutcome.SENT for attempt in context.attempts)


def _failures(context: NotificationContext) -> int:
    return sum(attempt.outcome == AttemptOutcome.FAILED for attempt in context.attempts)


def _entry(row: Notification, context: NotificationContext, kind: EntryKind, at: Instant, **parameters: Any) -> Entry:
    return entry(row.subject, at, kind, whom=_whom(row, context), topic=row.topic, **parameters)


def _whom(row: Notification, context: NotificationContext) -> dict[str, str]:
    return {"kind": row.recipient_kind, "id": row.recipient_id, "name": reader_of(row, context, "UTC")[0]}


def _link(settings: Settings, context: NotificationContext, now: Instant) -> str:
    link = context.link
    if link is None or link.revoked_at is not None or link.expires_at <= now:
        return ""
    return signed_links.url(settings.web.public_url, settings.secret.get_secret_value(), link.purpose, link.id)


def _name(row: Notification, context: NotificationContext) -> str:
    if row.recipient_kind == RecipientKind.EMERGENCY:
        return f"number {row.recipient_id} of service.emergency"
    of_ours = row.recipient_kind == RecipientKind.DISPATCHER
    return reader_of(row, context, "UTC")[0] or ("the dispatcher" if of_ours else str(row.recipient))
