"""record: writes down what became of tries, and what becomes of their messages."""

import random
from collections.abc import Mapping, Sequence
from time import sleep
from typing import Any

from sqlmodel import Session

from gateway.config.quotas import TRIES_CRITICAL
from gateway.flow.messages.attempts import (
    DeliveryContext,
    FinishedAttempt,
    StartedAttempt,
    about,
    log,
    name_of,
    outcome_name,
    timeline_entry,
    whom,
)
from gateway.model import (
    HOUR,
    MINUTE,
    SECOND,
    Attempt,
    AttemptOutcome,
    EntryKind,
    Instant,
    Notification,
    Reason,
    ReasonKind,
    RecipientKind,
    SubjectKind,
    new_id,
)
from gateway.model.plan import Draft
from gateway.monitoring import logs, metrics
from gateway.notifications.channels import NotSent, Outcome, Receipt, Sent
from gateway.notifications.context import NotificationContext
from gateway.notifications.decide import (
    UNSURE,
    retry_at,
    tries_made,
)
from gateway.notifications.lifecycle import Action, move
from gateway.notifications.shadow import InShadow
from gateway.notifications.template_values import people_whose_numbers
from gateway.notifications.undelivered.contacts import tell_its_owner
from gateway.notifications.undelivered.plan import (
    is_call_for_help,
    undeliverable,
)
from gateway.notifications.undelivered.unopened import channels_sent, open_by
from gateway.notifications.wording.broken import broken_wordings
from gateway.store import Conflict, DatabaseUnavailable, apply, outbox
from gateway.store.contexts import on_call, sla
from gateway.store.contexts.promises import withdraw_promises_of
from gateway.store.customers import contacts_gone
from gateway.store.customers import preferences as choices
from gateway.store.errors import is_bad_input
from gateway.tickets.new_rows import entry
from gateway.tickets.sla.follow import restart_update

OURS_WAIT, OURS_WAIT_MOST = 2 * SECOND, 5 * MINUTE  # after a failure that is our own machine's; doubled each time

def record(gw: DeliveryContext, results: list[tuple[StartedAttempt, FinishedAttempt]]) -> None:
    """All that became known, in one transaction. A crash before it leaves tries "started", which counts as unknown."""
    as_claimed = {hand_over.notification.id: hand_over.notification for hand_over, _ in results}
    for pause in (0.0, 0.05, None):
        try:
            with gw.store.write() as session:
                # nearly always they still are as they were claimed, and the database says so when they are not
                ours = as_claimed if pause == 0 else outbox.leases_held(session, {
                    hand_over.notification.id: hand_over.lease for hand_over, _ in results})
                _write_down(gw, session, ours, results)
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
                    record(gw, [one])
                return
            log.exception("what became of notification %s cannot be written down", results[0][0].notification.id)
            return
    for hand_over, done in results:
        _log_try(hand_over, done.outcome)
        if not isinstance(done.outcome, NotSent):
            metrics.promises_settled((one.kind, one.state) for one in hand_over.settled)
        metrics.NOTIFICATIONS.labels(outcome_name(done.outcome)).inc()
        if isinstance(done.outcome, Sent) and hand_over.notification.heard_at is not None:
            metrics.PUBLISH_TO_NOTIFY_SECONDS.observe((done.at - hand_over.notification.heard_at) / SECOND)


def _log_try(hand_over: StartedAttempt, outcome: Outcome | InShadow) -> None:
    """One line for each try. In the other side's words our address is blacked out, and all that looks like one."""
    row, contact = hand_over.notification, hand_over.contact
    known = about(row) | {"channel": contact.channel, "contact": contact.id}
    if isinstance(outcome, InShadow):
        log.info("message kept in the shadow", extra=known)
    elif isinstance(outcome, Sent):
        log.info("message sent", extra=known)
    else:
        log.warning(f"message {outcome_name(outcome)}", extra=known | {
            "kind": outcome.kind, "why": outcome.why, "said": logs.redact_quote(outcome.said, contact.address)})


def _write_down(gw: DeliveryContext, session: Session, ours: Mapping[str, Notification],
                results: Sequence[tuple[StartedAttempt, FinishedAttempt]]) -> None:
    """`ours`: by id, those that no other worker has taken over. Raises Conflict when one of them has been."""
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
        log.warning("notification %s was taken over while it was being handed over", row.id)
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
    attempt.outcome, attempt.finished_at, attempt.kind = outcome_name(outcome), done.at, _kind(outcome)
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
        draft.add(timeline_entry(row, context, told, done.at, channel=hand_over.contact.channel, **more))
        reached = outcome.receipt in (Receipt.DELIVERED, Receipt.OPENED)
        attempt.delivered_at = done.at if outcome.receipt else None
        copy.opened_at = done.at if outcome.receipt is Receipt.OPENED else copy.opened_at
        copy.open_by = None if reached else open_by(row, context, unopened_minutes, done.at)
        quoted = people_whose_numbers(row, context)
        if quoted:
            draft.add(entry(row.subject, done.at, EntryKind.NUMBER_SENT, people=", ".join(quoted),
                            whom=whom(row, context)))
        return
    if isinstance(outcome, InShadow):
        copy.reason = None
        move(copy, Action.KEEP_HERE, done.at)
        draft.add(timeline_entry(row, context, EntryKind.WOULD_HAVE_TOLD, done.at, channel=hand_over.contact.channel))
        return
    attempt.why, copy.reason = outcome.why, Reason(ReasonKind.LAST_TRY, {"last": outcome.why})
    move(copy, Action.RETRY, done.at, due_at=_again_at(hand_over, done))
    patient = is_call_for_help(row) and row.recipient_kind == RecipientKind.EMERGENCY
    if patient and isinstance(outcome, NotSent) and _failures(context) == TRIES_CRITICAL - 1:
        # it is tried for hours yet; somebody must know now
        draft.add(undeliverable(new_id("N"), row, name_of(row, context), copy.reason, done.at))


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
                          outcome=outcome_name(done.outcome), ref=hand_over.notification.id),
                  timeline_entry(row, about[row.id], kind, done.at, channel=contact.channel))
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
    outcome = outcome_name(done.outcome)
    if outcome == AttemptOutcome.UNKNOWN and contact.channel in context.knows_repeats:
        outcome = AttemptOutcome.FAILED  # it is said there again, and no sooner than after any other failure
    together = hand_over.attempt.bundle_id  # what left as one is due at one time again
    jitter = random.random() if together is None else random.Random(together).random()
    at = retry_at(outcome, tries_made(context)[contact.id] + 1, row.critical, jitter, done.at)
    asked = done.outcome.retry_after_s if isinstance(done.outcome, NotSent) else None
    return max(at, done.at + min((asked or 0) * SECOND, HOUR))


def _may_have_arrived(context: NotificationContext) -> bool:
    """By an earlier try."""
    return any(attempt.outcome in UNSURE or attempt.outcome == AttemptOutcome.SENT for attempt in context.attempts)


def _failures(context: NotificationContext) -> int:
    return sum(attempt.outcome == AttemptOutcome.FAILED for attempt in context.attempts)
