"""Telling people, one story: claim what is due, decide, write the try down, hand it over, write what became of it."""

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

from gateway import descriptors, links, logs, metrics
from gateway.channels import Channel, NotSent, Outcome, Sent, Unknown
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Attempt,
    AttemptOutcome,
    Contact,
    Entry,
    Instant,
    Notification,
    NotificationState,
    new_id,
)
from gateway.model.plan import Change, Plan
from gateway.reaching import TRIES_HURRIED, Case, Drop, Fail, Hold, Send, after, hurried, reach_all, tries_made
from gateway.settings import Settings
from gateway.store import Away, Conflict, Store, apply, outbox
from gateway.store.faults import is_the_datas
from gateway.wording import topic_name, word
from gateway.wording.facts import Signature, facts_of, reader_of

AT_ONCE = 32  # hand-overs under way together: mostly waiting for other people's servers
GLANCE_S = 0.02  # while a slow one is under way, new ones are looked for this often
OURS_WAIT, OURS_WAIT_MOST = 2 * SECOND, 5 * MINUTE  # after a failure that is our own machine's; doubled each time
ENOUGH_S = 30.0  # then no more are begun, so that the caller gets to stop

_log = logging.getLogger(__name__)
_pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="deliver")


class HandOver(NamedTuple):
    """One try, already written down as started."""

    notification: Notification
    case: Case
    contact: Contact
    attempt_id: str
    lease: str
    may_be_second: bool = False


class Done(NamedTuple):
    outcome: Outcome
    at: Instant


@dataclass
class InHand:
    """What has left the house and is not written down yet: kept from one call of `deliver` to the next."""

    tries: deque[tuple["Future[Done]", HandOver]] = field(default_factory=deque)
    doubtful: deque[str] = field(default_factory=deque)  # leases of claims that may have been written, or not

    def take(self) -> dict["Future[Done]", HandOver]:
        """All of it; several threads may ask."""
        taken = {}
        with suppress(IndexError):
            while True:
                future, hand_over = self.tries.popleft()
                taken[future] = hand_over
        return taken


class Office(Protocol):
    """What delivering needs of the gateway."""

    @property
    def settings(self) -> Settings: ...
    @property
    def store(self) -> Store: ...
    @property
    def channels(self) -> Mapping[str, Channel]: ...
    @property
    def in_hand(self) -> InHand: ...


def deliver(gw: Office, now: Instant) -> int:
    """Sends what is due; returns how many notifications were looked at. Several threads and processes may run it.

    A slow channel holds up nobody else: whatever is finished is recorded, and whatever has become due is begun. Raises
    Away or Conflict when the database cannot be written now; what became of the tries under way is kept for the next
    call, and nothing else is begun before it is written.
    """
    began, looked = monotonic(), 0
    under_way = gw.in_hand.take()
    try:
        while True:
            passed = monotonic() - began
            _record_finished(gw, under_way)
            _give_back(gw, now)
            free = AT_ONCE - len(under_way) if passed < ENOUGH_S else 0
            claimed, begun = _begin(gw, free, now + int(passed * SECOND)) if free else (0, [])
            looked += claimed
            for hand_over in begun:
                under_way[_pool.submit(_hand_over, gw, hand_over, now, began)] = hand_over
            if under_way:
                wait(under_way, GLANCE_S)
            elif not claimed:
                return looked
    finally:
        gw.in_hand.tries.extend(under_way.items())


def finish(gw: Office, seconds: float) -> int:
    """Before the gateway stops: waits for what is under way and writes down what became of it, for so long at most.
    Returns how many tries remain of which nobody will know."""
    under_way, give_up = gw.in_hand.take(), monotonic() + seconds
    while under_way and monotonic() < give_up:
        wait(under_way, GLANCE_S)
        try:
            _record_finished(gw, under_way)
        except (Away, Conflict):
            sleep(GLANCE_S)
    if under_way:
        _log.error("stopped before it could be written down what became of %d messages", len(under_way))
    return len(under_way)


def _record_finished(gw: Office, under_way: dict[Future[Done], HandOver]) -> None:
    finished = [future for future in under_way if future.done()]
    if finished:
        _record(gw, [(under_way[future], future.result()) for future in finished])
        for future in finished:
            del under_way[future]


def _give_back(gw: Office, now: Instant) -> None:
    while gw.in_hand.doubtful:
        with suppress(IndexError):  # another thread was first
            lease = gw.in_hand.doubtful.popleft()
            try:
                with gw.store.write() as session:
                    outbox.give_back(session, lease, now)
            except (Away, Conflict):
                gw.in_hand.doubtful.append(lease)
                raise


def _begin(gw: Office, limit: int, now: Instant) -> tuple[int, list[HandOver]]:
    """Claims and decides in one transaction; every try is on the disk before anything leaves the house."""
    with gw.store.read() as session:
        if not outbox.anything_due(session, now):
            return 0, []
    if descriptors.exhausted():  # nothing can be sent: no try is begun, so that none is used up
        _log.error("no descriptor is left: nothing is sent until one is")
        return 0, []
    lease = secrets.token_hex(8)
    try:
        return _claim(gw, limit, lease, now)
    except (Away, Conflict):
        gw.in_hand.doubtful.append(lease)
        raise


def _claim(gw: Office, limit: int, lease: str, now: Instant) -> tuple[int, list[HandOver]]:
    begun: list[HandOver] = []
    plan = Plan()
    knows_repeats = frozenset(name for name, channel in gw.channels.items() if channel.knows_repeats)
    with gw.store.write() as session:
        rows = outbox.claim(session, now, limit, lease)
        cases = outbox.gather(session, rows, gw.channels, knows_repeats)
        outbox.write_off(session, cases.values(), now)
        decided = reach_all(rows, cases, now)
        for row, decision in decided:
            case = cases[row.id]
            if isinstance(decision, Send):
                attempt = Attempt(id=new_id("S"), notification_id=row.id, contact_id=decision.contact.id,
                                  channel=decision.contact.channel, started_at=now)
                plan.add.append(attempt)
                begun.append(HandOver(row, case, decision.contact, attempt.id, lease, decision.may_be_second))
            else:
                unsent = _not_sent(row, case, decision, now)
                plan.add += unsent.add
                plan.change += unsent.change
        plan.add += _floods(session, [(row, cases[row.id], decision.why) for row, decision in decided
                                      if isinstance(decision, Hold) and decision.too_many], now)
        apply(session, outbox.asked_once(session, plan))
        outbox.lapse(session, [row.phase.removeprefix("offer/") for row, decision in decided
                               if isinstance(decision, Fail) and not decision.unsure and row.topic == "offer"], now)
    for row, decision in decided:
        if isinstance(decision, Drop):
            _log.info("message dropped", extra=_about(row) | {"why": decision.why})
        elif isinstance(decision, Fail):
            _log.warning("message given up", extra=_about(row) | {"why": decision.why})
    return len(rows), begun


def _not_sent(row: Notification, case: Case, decision: Hold | Drop | Fail, now: Instant) -> Plan:
    """Why nothing is sent now, written down."""
    whom, what = _name(row, case), topic_name(row.topic)
    values: dict[str, Any] = {"lease": None, "due_at": None, "done_at": now, "why": decision.why}
    plan = Plan(change=[Change(Notification, row.id, values)])
    match decision:
        case Hold(until, _):
            values |= {"state": NotificationState.HELD, "due_at": until, "done_at": None}
            said = ""
        case Drop(why):
            values["state"], said = NotificationState.DROPPED, f"Did not tell {whom} “{what}”: {why}"
        case Fail(why, unsure=True):
            values["state"], said = NotificationState.UNKNOWN, f"Not known whether {whom} was told “{what}”: {why}"
            if row.recipient != "dispatcher":
                plan.add.append(_undeliverable(row, whom, why, now, unsure=True))
        case Fail(why):
            values["state"], said = NotificationState.FAILED, f"Could not tell {whom} “{what}”: {why}"
            if row.recipient.startswith("customer/") or _on_call(row):
                plan.add.append(_undeliverable(row, whom, why, now))
    metrics.NOTIFICATIONS.labels(values["state"]).inc()
    if said:
        plan.add.append(_entry(row, now, said))
    return plan


def _floods(session: Session, held: Sequence[tuple[Notification, Case, str]], now: Instant) -> list[Notification]:
    """The dispatcher hears once a day of a customer who gets too many messages: something there is broken."""
    told: dict[str, Notification] = {}
    for row, case, why in held:
        customer = row.recipient.removeprefix("customer/")
        if customer not in told and not outbox.flooded_before(session, customer, now - DAY):
            told[customer] = Notification(
                id=new_id("N"), subject_id=row.subject_id, topic="too_many_messages",
                phase=f"too_many_messages/{customer}/{now // DAY}", recipient="dispatcher", created_at=now, due_at=now,
                about={**row.about, "whom": _name(row, case), "why": why})
    return list(told.values())


def _hand_over(gw: Office, hand_over: HandOver, now: Instant, began: float) -> Done:
    """The one place where something leaves the house. Never raises: what went wrong is an outcome."""
    row, contact = hand_over.notification, hand_over.contact
    outcome: Outcome
    try:
        settings = gw.settings
        service = settings.service
        signed = Signature(service.name, service.phone, service.callback_timezone, service.country)
        facts = facts_of(row, hand_over.case, now, _link(settings, hand_over.case, now), signed)
        facts = replace(facts, may_be_second=hand_over.may_be_second)
        message = word(row.topic, reader_of(row, hand_over.case, signed.zone)[1], facts)
    except Exception as error:
        _log.exception("notification %s (%s) could not be worded", row.id, row.topic)
        ours = isinstance(error, OSError | MemoryError)  # a template, a time zone that cannot be read just now
        outcome = NotSent(False, f"could not be worded ({type(error).__name__})", kind="unusable", ours=ours)
    else:
        try:
            outcome = gw.channels[contact.channel].send(contact.address, message, f"{row.id}_{contact.id}")
        except Exception as error:  # its text may hold an address: only its kind is kept
            _log.error("channel %s raised %s for notification %s", contact.channel, type(error).__name__, row.id)
            why = f"the channel broke ({type(error).__name__})"
            outcome = NotSent(False, why, ours=True) if descriptors.lacked(error) else Unknown(why)
        if isinstance(outcome, NotSent) and not outcome.ours and descriptors.exhausted():
            outcome = replace(outcome, permanent=False, ours=True, gone=False)  # not every channel says why it failed
    return Done(outcome, now + int((monotonic() - began) * SECOND))


def _record(gw: Office, results: list[tuple[HandOver, Done]]) -> None:
    """All that became known, in one transaction. A crash before it leaves tries "started", which counts as unknown."""
    for pause in (0.05, None):
        try:
            with gw.store.write() as session:
                _write_down(session, results)
            break
        except (Conflict, Away):
            if pause is None:
                raise
            sleep(pause)
        except Exception as error:
            if not is_the_datas(error):
                raise
            if len(results) > 1:  # one that cannot be written down must not keep the others from it
                for one in results:
                    _record(gw, [one])
                return
            _log.exception("what became of notification %s cannot be written down", results[0][0].notification.id)
            return
    for hand_over, done in results:
        _log_try(hand_over, done.outcome)
        metrics.NOTIFICATIONS.labels(_outcome_name(done.outcome)).inc()
        if isinstance(done.outcome, Sent) and hand_over.notification.heard_at is not None:
            metrics.TOLD_SECONDS.observe((done.at - hand_over.notification.heard_at) / SECOND)


def _log_try(hand_over: HandOver, outcome: Outcome) -> None:
    """One line for each try. In the other side's words our address is blacked out, and all that looks like one."""
    row, contact = hand_over.notification, hand_over.contact
    about = _about(row) | {"channel": contact.channel, "contact": contact.id}
    if isinstance(outcome, Sent):
        _log.info("message sent", extra=about)
    else:
        _log.warning(f"message {_outcome_name(outcome)}", extra=about | {"kind": outcome.kind, "why": outcome.why,
                                          "said": logs.quoted(outcome.said, contact.address)})


def _about(row: Notification) -> dict[str, str]:
    return {"notification": row.id, "subject": row.subject_id, "topic": row.topic,
            "to": row.recipient.partition("/")[0]}


def _write_down(session: Session, results: Sequence[tuple[HandOver, Done]]) -> None:
    ours = outbox.held(session, {hand_over.notification.id: hand_over.lease for hand_over, _ in results})
    plan = Plan()
    for hand_over, done in results:
        row, case, contact, attempt_id, *_ = hand_over
        if row.id not in ours:
            _log.warning("notification %s was taken over while it was being handed over", row.id)
            if isinstance(done.outcome, Sent):
                outbox.now_known(session, row.id, attempt_id, done.outcome.ref, done.at)
            continue
        outcome, why = done.outcome, None if isinstance(done.outcome, Sent) else done.outcome.why
        ended: dict[str, Any] = {"outcome": _outcome_name(outcome), "finished_at": done.at, "why": why, "ref": None,
                                 "kind": _kind(outcome)}
        became: dict[str, Any] = {"lease": None, "why": why}
        if isinstance(outcome, Sent):
            ended["ref"] = outcome.ref
            became |= {"state": NotificationState.SENT, "due_at": None, "done_at": done.at}
            plan.add.append(_entry(row, done.at, f"Told {_name(row, case)} by {contact.channel}: "
                                                 f"{topic_name(row.topic)}"))
        else:
            became |= {"state": NotificationState.QUEUED, "due_at": _again_at(hand_over, done), "done_at": None}
            if _on_call(row) and isinstance(outcome, NotSent) and _failures(case) == TRIES_HURRIED - 1:
                # it is tried for hours yet; somebody must know now
                plan.add.append(_undeliverable(row, _name(row, case), outcome.why, done.at))
            if isinstance(outcome, NotSent) and outcome.gone:
                outbox.stop_contact(session, contact.id, done.at, outcome.why)
        plan.change += [Change(Notification, row.id, became), Change(Attempt, attempt_id, ended)]
    apply(session, outbox.asked_once(session, plan))


def _kind(outcome: Outcome) -> str | None:
    """Of the other side's failure; None when there was none, or it was ours."""
    if isinstance(outcome, Sent) or (isinstance(outcome, NotSent) and outcome.ours):
        return None
    return outcome.kind


def _again_at(hand_over: HandOver, done: Done) -> Instant:
    row, case, contact, *_ = hand_over
    if isinstance(done.outcome, NotSent) and done.outcome.ours:
        before = sum(attempt.outcome == AttemptOutcome.POSTPONED for attempt in case.attempts)
        return done.at + min(OURS_WAIT << min(before, 8), OURS_WAIT_MOST)
    outcome = _outcome_name(done.outcome)
    if outcome == AttemptOutcome.UNKNOWN and contact.channel in case.knows_repeats:
        outcome = AttemptOutcome.FAILED  # it is said there again, and no sooner than after any other failure
    at = after(outcome, tries_made(case)[contact.id] + 1, hurried(row), random.random(), done.at)
    asked = done.outcome.retry_after_s if isinstance(done.outcome, NotSent) else None
    return max(at, done.at + min((asked or 0) * SECOND, HOUR))


def _outcome_name(outcome: Outcome) -> str:
    match outcome:
        case Sent():
            return NotificationState.SENT
        case Unknown():
            return NotificationState.UNKNOWN
        case NotSent(ours=True):
            return "postponed"
        case NotSent(permanent=True):
            return "refused"
        case NotSent():
            return NotificationState.FAILED


def _on_call(row: Notification) -> bool:
    """A call for help, to somebody whom the dispatcher must replace when they cannot be told."""
    return row.topic == "emergency_press" and row.recipient.startswith("emergency/")


def _failures(case: Case) -> int:
    return sum(attempt.outcome == AttemptOutcome.FAILED for attempt in case.attempts)


def _entry(row: Notification, at: Instant, said: str) -> Entry:
    return Entry(subject_id=row.subject_id, at=at, who="gateway", what=said)


def _undeliverable(row: Notification, whom: str, why: str, now: Instant, unsure: bool = False) -> Notification:
    """Somebody must pick up the telephone; `unsure`: it may have arrived."""
    return Notification(
        id=new_id("N"), subject_id=row.subject_id, topic="undeliverable", phase=f"undeliverable/{row.id}",
        recipient="dispatcher", critical=True, created_at=now, due_at=now,
        about={**row.about, "whom": whom, "told_topic": row.topic, "why": why} | ({"unsure": True} if unsure else {}),
    )


def _link(settings: Settings, case: Case, now: Instant) -> str:
    link = case.link
    if link is None or link.revoked_at is not None or link.expires_at <= now:
        return ""
    return links.url(settings.web.public_url, settings.secret.get_secret_value(), link.purpose, link.id)


def _name(row: Notification, case: Case) -> str:
    if row.recipient.startswith("emergency/"):
        return f"number {row.recipient.removeprefix('emergency/')} of service.emergency"
    return reader_of(row, case, "UTC")[0] or ("the dispatcher" if row.recipient == "dispatcher" else row.recipient)
