"""deliver: claims what is due, decides who is told where, has it handed over, and what came of it written down."""

import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from time import monotonic, sleep

from sqlmodel import Session

from gateway.config.settings import Service
from gateway.flow.messages.attempts import (
    DeliveryContext,
    FinishedAttempt,
    StartedAttempt,
    about,
    log,
    name_of,
    timeline_entry,
)
from gateway.flow.messages.hand_over import hand_over
from gateway.flow.messages.record_outcomes import record
from gateway.model import (
    SECOND,
    Attempt,
    EntryKind,
    Instant,
    Notification,
    Promise,
    Reason,
    RecipientKind,
    new_id,
)
from gateway.model.plan import Draft
from gateway.model.row import unwatched
from gateway.monitoring import file_descriptors, metrics
from gateway.notifications.bundling.bundle import bundle, bundle_key, readers_of_several
from gateway.notifications.context import NotificationContext
from gateway.notifications.decide import (
    Decision,
    Drop,
    Hold,
    Leave,
    Send,
    Undeliverable,
    decide_all,
)
from gateway.notifications.lifecycle import Action, move
from gateway.notifications.pacing.budget import Budget
from gateway.notifications.shadow import NEVER_LEFT, stays_here
from gateway.notifications.topics import Priority, TopicName
from gateway.notifications.undelivered.plan import (
    Failure,
    is_call_for_help,
    plan_undelivered,
    too_many_messages,
)
from gateway.notifications.undelivered.unopened import channels_sent, last_sent_at
from gateway.store import Conflict, DatabaseUnavailable, apply, outbox
from gateway.store.contexts import on_call
from gateway.store.customers import preferences as choices
from gateway.store.customers.companions import claim_companions, give_back
from gateway.store.shadow.areas import areas_of_messages
from gateway.tickets.promises.ledger import keep_next_word, make_promise
from gateway.tickets.promises.promised_times import promised_times

AT_ONCE = 96  # hand-overs under way together: mostly waiting for other people's servers
A_BATCH = 48  # ordinary ones are begun so many at a time: what is asked for one of them is asked for all at once
KEPT_FREE = {Priority.WAITED_FOR: 4, Priority.CRITICAL: 8, Priority.ORDINARY: 8}  # of these, for more urgent ones only
GLANCE_S = 0.02  # while a slow one is under way, new ones are looked for this often
ENOUGH_S = 30.0  # then the caller gets to look at the clock

_pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="deliver")


def deliver(gw: DeliveryContext, now: Instant) -> int:
    """Sends what is due; returns how many notifications were looked at. Several threads and processes may run it.

    A slow channel holds up nobody else: whatever is finished is recorded, and whatever has become due is begun. Raises
    Away or Conflict when the database cannot be written now; what became of the tries under way is kept for the next
    call, and nothing else is begun before it is written.
    """
    began, looked, claimed = monotonic(), 0, 0
    under_way = gw.attempts_in_progress.take()
    try:
        while not gw.attempts_in_progress.stopping:
            _record_finished(gw, under_way)
            _give_back(gw, now)
            passed = monotonic() - began
            if passed > ENOUGH_S:  # what is under way is for the next call: to wait for it here would hold up a page
                break
            limit, at = AT_ONCE - len(under_way), now + int(passed * SECOND)
            # after half a batch there will be more: no need to look first
            claimed, begun = _begin(gw, limit, at) if claimed >= A_BATCH // 2 or _any_due(gw, limit, at) else (0, [])
            looked += claimed
            for started in begun:
                under_way[_pool.submit(hand_over, gw, started, now, began)] = started
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
        log.error("stopped before it could be written down what became of %d messages", len(under_way))
    return len(under_way)


def _record_finished(gw: DeliveryContext, under_way: dict[Future[FinishedAttempt], StartedAttempt]) -> None:
    finished = [future for future in under_way if future.done()]
    if finished:
        record(gw, [one for future in finished for one in _one_by_one(under_way[future], future.result())])
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


def _kept_free(limit: int) -> Mapping[Priority, int]:
    """Of `limit` places, how many are for more urgent messages only. Few are free: all of them."""
    return KEPT_FREE if limit >= A_BATCH + KEPT_FREE[Priority.ORDINARY] else KEPT_FREE | {Priority.ORDINARY: limit}


def _any_due(gw: DeliveryContext, limit: int, now: Instant) -> bool:
    """Whether anything may be begun."""
    kept_free = _kept_free(limit)
    with gw.store.read() as session:
        return any(limit > kept_free.get(one, 0) for one in outbox.due_priorities(session, now))


def _begin(gw: DeliveryContext, limit: int, now: Instant) -> tuple[int, list[StartedAttempt]]:
    """Claims and decides in one transaction; every try is on the disk before anything leaves the house."""
    if file_descriptors.exhausted():  # nothing can be sent: no try is begun, so that none is used up
        log.error("no descriptor is left: nothing is sent until one is")
        return 0, []
    lease = secrets.token_hex(8)
    try:
        return _claim(gw, limit, _kept_free(limit), lease, now)
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
        if not rows:
            return 0, []
        short = frozenset(name for name, channel in gw.channels.items() if channel.form == "short")
        full = len(rows) >= limit - kept_free.get(Priority.ORDINARY, 0)  # else it holds all that is due
        companions = claim_companions(session, rows, now + outbox.LEASE, lease, now) if full else {}
        rows += [row for row, _ in companions.values()]
        on_call.link_to_dispatch_page(session, rows, now)
        contexts = _with_shadow(session, rows, _contexts(gw, session, rows, now), gw.settings.service)
        outbox.close_undeliverable(session, contexts.values(), now)
        rates, limit_of = gw.settings.channels.limits, gw.settings.channels.limit_of
        uses = {one.channel: Budget(rates[one.channel], one, now)
                for one in outbox.channel_use(session, rates)}
        budgets = {name: uses[key] for name, key in limit_of.items() if key in uses}
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
                attempt = unwatched(Attempt, id=new_id("S"), notification_id=row.id, contact_id=decision.contact.id,
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
            log.info("message dropped", extra=about(row) | {"why": decision.reason.kind})
        elif isinstance(decision, Undeliverable):
            log.warning("message given up", extra=about(row) | {"why": decision.reason.kind})
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
        draft.add(timeline_entry(row, context, kind, now, reason=decision.reason))
    return [Failure(copy, name_of(row, context), decision.reason, unsure)] if rings else []


def _floods(session: Session, leases_held: Sequence[tuple[Notification, NotificationContext, Reason]], now: Instant
            ) -> list[Notification]:
    """Notifies the dispatcher once a day of a customer who gets too many messages: something there is broken."""
    told: dict[str, Notification] = {}
    for row, context, reason in leases_held:
        customer = row.recipient_id
        if customer not in told and not outbox.is_over_quota(session, customer, now):
            told[customer] = too_many_messages(new_id("N"), row, name_of(row, context), reason, now)
    return list(told.values())


