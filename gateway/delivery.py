"""Telling people: claim what is due, decide, write the try down, hand it over, write down what became of it."""

import logging
import random
import secrets
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from time import monotonic, sleep
from typing import Any, NamedTuple, Protocol

from sqlmodel import Session

from gateway import links, metrics
from gateway.channels import Channel, NotSent, Outcome, Sent, Unknown
from gateway.model import HOUR, SECOND, Attempt, Contact, Entry, Instant, Notification, new_id
from gateway.reaching import Case, Decision, Drop, Fail, Hold, Send, after, hurried, reach
from gateway.settings import Settings
from gateway.store import Away, Conflict, Store, outbox
from gateway.wording import topic_name, word
from gateway.wording.facts import Signature, facts_of, reader_of

AT_ONCE = 16  # hand-overs under way together: mostly waiting for other people's servers
GLANCE_S = 0.02  # while a slow one is under way, new ones are looked for this often
ENOUGH_S = 30.0  # then no more are begun, so that the caller gets to stop

_log = logging.getLogger(__name__)
_pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="deliver")


class Office(Protocol):
    """What delivering needs of the gateway."""

    @property
    def settings(self) -> Settings: ...
    @property
    def store(self) -> Store: ...
    @property
    def channels(self) -> Mapping[str, Channel]: ...


class HandOver(NamedTuple):
    """One try, already written down as started."""

    notification: Notification
    case: Case
    contact: Contact
    attempt_id: str
    lease: str


class Done(NamedTuple):
    outcome: Outcome
    at: Instant


def deliver(gw: Office, now: Instant) -> int:
    """Sends what is due; returns how many notifications were looked at. Several threads and processes may run it.

    A slow channel holds up nobody else: whatever is finished is recorded, and whatever has become due is begun.
    """
    began, looked = monotonic(), 0
    under_way: dict[Future[Done], HandOver] = {}
    while True:
        passed = monotonic() - began
        finished = {future: under_way.pop(future) for future in list(under_way) if future.done()}
        if finished:
            _record(gw, [(hand_over, future.result()) for future, hand_over in finished.items()])
        free = AT_ONCE - len(under_way) if passed < ENOUGH_S else 0
        claimed, begun = _begin(gw, free, now + int(passed * SECOND)) if free else (0, [])
        looked += claimed
        for hand_over in begun:
            under_way[_pool.submit(_hand_over, gw, hand_over, now, began)] = hand_over
        if under_way:
            wait(under_way, GLANCE_S, FIRST_COMPLETED)
        elif not claimed:
            return looked


def _begin(gw: Office, limit: int, now: Instant) -> tuple[int, list[HandOver]]:
    """Claims and decides in one transaction; every try is on the disk before anything leaves the house."""
    with gw.store.read() as session:
        if not outbox.anything_due(session, now):
            return 0, []
    lease = secrets.token_hex(8)
    begun: list[HandOver] = []
    with gw.store.write() as session:
        rows = outbox.claim(session, now, limit, lease)
        cases = outbox.gather(session, rows, gw.channels)
        outbox.write_off(session, cases.values(), now)
        for row in rows:
            case = cases[row.id]
            decision = reach(row, case, now)
            if isinstance(decision, Send):
                attempt = Attempt(id=new_id("S"), notification_id=row.id, contact_id=decision.contact.id,
                                  channel=decision.contact.channel, started_at=now)
                session.add(attempt)
                begun.append(HandOver(row, case, decision.contact, attempt.id, lease))
            else:
                _settle(session, row, case, decision, now)
    return len(rows), begun


def _settle(session: Session, row: Notification, case: Case, decision: Decision, now: Instant) -> None:
    """Writes down why nothing is sent now."""
    whom, what = _name(row, case), topic_name(row.topic)
    end: dict[str, Any] = {"due_at": None, "done_at": now}
    match decision:
        case Hold(until, why):
            values, said = {"state": "held", "due_at": until, "why": why}, ""
        case Drop(why):
            values, said = {"state": "dropped", "why": why, **end}, f"Did not tell {whom} “{what}”: {why}"
        case Fail(why, unsure=True):
            values, said = {"state": "unknown", "why": why, **end}, f"Not known whether {whom} was told “{what}”: {why}"
        case Fail(why):
            values, said = {"state": "failed", "why": why, **end}, f"Could not tell {whom} “{what}”: {why}"
            if row.recipient.startswith("customer/"):
                session.add(_undeliverable(row, whom, why, now))
            if row.topic == "offer":
                outbox.lapse(session, row.phase.removeprefix("offer/"), now)
    outbox.settle(session, row.id, row.lease or "", values)
    metrics.NOTIFICATIONS.labels(values["state"]).inc()
    if said:
        session.add(Entry(subject_id=row.subject_id, at=now, who="gateway", what=said))


def _hand_over(gw: Office, hand_over: HandOver, now: Instant, began: float) -> Done:
    """The one place where something leaves the house. Never raises: what went wrong is an outcome."""
    row, contact = hand_over.notification, hand_over.contact
    outcome: Outcome
    try:
        settings = gw.settings
        signed = Signature(settings.service.name, settings.service.phone, settings.service.callback_timezone)
        facts = facts_of(row, hand_over.case, now, _link(settings, hand_over.case, now), signed)
        message = word(row.topic, reader_of(row, hand_over.case, signed.zone)[1], facts)
    except Exception as error:
        _log.exception("notification %s (%s) could not be worded", row.id, row.topic)
        outcome = NotSent(False, f"could not be worded ({type(error).__name__})")
    else:
        try:
            outcome = gw.channels[contact.channel].send(contact.address, message, f"{row.id}_{contact.id}")
        except Exception as error:  # its text may hold an address: only its kind is kept
            _log.error("channel %s raised %s for notification %s", contact.channel, type(error).__name__, row.id)
            outcome = Unknown(f"the channel broke ({type(error).__name__})")
    return Done(outcome, now + int((monotonic() - began) * SECOND))


def _record(gw: Office, results: list[tuple[HandOver, Done]]) -> None:
    """All that became known, in one transaction. A crash before it leaves tries "started", which counts as unknown."""
    for pause in (0.05, 1.0, None):
        try:
            with gw.store.write() as session:
                for hand_over, done in results:
                    _record_one(session, hand_over, done)
            break
        except (Conflict, Away):
            if pause is None:
                raise
            sleep(pause)  # it has been sent: worth more patience than deciding again
    for hand_over, done in results:
        metrics.NOTIFICATIONS.labels(_outcome_name(done.outcome)).inc()
        if isinstance(done.outcome, Sent) and hand_over.notification.heard_at is not None:
            metrics.TOLD_SECONDS.observe((done.at - hand_over.notification.heard_at) / SECOND)


def _record_one(session: Session, hand_over: HandOver, done: Done) -> None:
    row, case, contact, attempt_id, lease = hand_over
    outcome = done.outcome
    if isinstance(outcome, Sent):
        values: dict[str, Any] = {"state": "sent", "due_at": None, "done_at": done.at, "why": None}
    else:
        values = {"state": "queued", "due_at": _again_at(hand_over, done), "why": outcome.why}
    if not outbox.settle(session, row.id, lease, values):
        _log.warning("notification %s was taken over while it was being handed over", row.id)
        return
    outbox.finish_attempt(session, attempt_id, {
        "outcome": _outcome_name(outcome), "finished_at": done.at,
        "why": None if isinstance(outcome, Sent) else outcome.why,
        "ref": outcome.ref if isinstance(outcome, Sent) else None,
    })
    if isinstance(outcome, NotSent) and outcome.gone:
        outbox.stop_contact(session, contact.id, done.at, outcome.why)
    if isinstance(outcome, Sent):
        said = f"Told {_name(row, case)} by {contact.channel}: {topic_name(row.topic)}"
        session.add(Entry(subject_id=row.subject_id, at=done.at, who="gateway", what=said))


def _again_at(hand_over: HandOver, done: Done) -> Instant:
    row, case, contact, *_ = hand_over
    tries = Counter(attempt.contact_id for attempt in case.attempts if attempt.outcome == "failed")[contact.id] + 1
    at = after(_outcome_name(done.outcome), tries, hurried(row), random.random(), done.at)
    asked = done.outcome.retry_after_s if isinstance(done.outcome, NotSent) else None
    return max(at, done.at + min((asked or 0) * SECOND, HOUR))


def _outcome_name(outcome: Outcome) -> str:
    match outcome:
        case Sent():
            return "sent"
        case Unknown():
            return "unknown"
        case NotSent(permanent=True):
            return "refused"
        case NotSent():
            return "failed"


def _undeliverable(row: Notification, whom: str, why: str, now: Instant) -> Notification:
    """Somebody must pick up the telephone."""
    return Notification(
        id=new_id("N"), subject_id=row.subject_id, topic="undeliverable", phase=f"undeliverable/{row.id}",
        recipient="dispatcher", critical=True, created_at=now, due_at=now,
        about={**row.about, "whom": whom, "told_topic": row.topic, "why": why},
    )


def _link(settings: Settings, case: Case, now: Instant) -> str:
    link = case.link
    if link is None or link.revoked_at is not None or link.expires_at <= now:
        return ""
    return links.url(settings.web.public_url, settings.secret.get_secret_value(), link.purpose, link.id)


def _name(row: Notification, case: Case) -> str:
    return reader_of(row, case, "UTC")[0] or ("the dispatcher" if row.recipient == "dispatcher" else row.recipient)
