"""Promises: times that customers were told. Their life cycle, and how a time is told, kept, corrected and broken."""

from collections.abc import Callable, Container, Iterable
from enum import StrEnum
from typing import NamedTuple

from gateway.model import MINUTE, Instant, Promise, PromiseKind, PromiseState, Recipient, Subject
from gateway.model.lifecycle import Duty, after
from gateway.model.plan import Draft
from gateway.model.states import Responsible

ETA_GRACE = 15 * MINUTE  # an ETA is told as "about"
WORD_GRACE = MINUTE  # what is written at the time that was told is handed over some seconds later
WORD_LEAD = 5 * MINUTE  # so long before it lapses the next word is written
_GRACE = {PromiseKind.ETA: ETA_GRACE, PromiseKind.NEXT_WORD: WORD_GRACE}
ARRIVALS = frozenset((PromiseKind.ARRIVAL_WINDOW, PromiseKind.ETA))


class PromiseAction(StrEnum):
    """What happens to a promise."""

    KEEP = "keep"
    """It happened in time."""
    CORRECT = "correct"
    """Before it lapsed another time was told, or that there is none any more."""
    CANCEL = "cancel"
    """It is not needed any more."""
    BREAK = "break"
    """It did not happen in time."""
    REINSTATE = "reinstate"
    """The message that had kept or corrected it did not go out, or the arrival that had settled it was a wrong tap."""


_OPEN, _KEPT, _CORRECTED = PromiseState.OPEN, PromiseState.KEPT, PromiseState.CORRECTED

PROMISE_TRANSITIONS: dict[tuple[PromiseState, PromiseAction], PromiseState] = {
    (_OPEN, PromiseAction.KEEP): _KEPT,
    (_OPEN, PromiseAction.CORRECT): _CORRECTED,
    (_OPEN, PromiseAction.CANCEL): PromiseState.CANCELLED,
    (_OPEN, PromiseAction.BREAK): PromiseState.BROKEN,
    (_KEPT, PromiseAction.REINSTATE): _OPEN,
    (_CORRECTED, PromiseAction.REINSTATE): _OPEN,
    (PromiseState.BROKEN, PromiseAction.REINSTATE): _OPEN,
}

PROMISE_DUTIES: dict[PromiseState, Duty] = {
    _OPEN: Duty(Responsible.GATEWAY, "it is kept, corrected, or admitted to be broken", "promise.watch_at"),
}


def move_promise(promise: Promise, action: PromiseAction, now: Instant, by: str | None = None) -> None:
    """The one place that writes a promise's state, and the times that go with it. `by`: the message that kept or
    corrected it. What nobody was told, in the shadow mode, is neither kept nor broken. Raises Refused."""
    action = PromiseAction.CANCEL if promise.in_shadow else action
    promise.state = after(PROMISE_TRANSITIONS, promise.state, action, "promise", promise.id)
    reinstated = promise.state is PromiseState.OPEN
    promise.settled_at, promise.settled_by = (None, None) if reinstated else (now, by)


class PromisedTime(NamedTuple):
    """A time that a customer is told."""

    kind: PromiseKind
    subject: Subject
    to: Recipient
    due_at: Instant
    from_at: Instant | None = None  # when the arrival window begins
    site_id: str | None = None
    provider_id: str | None = None  # who has to keep it


def lapses_at(kind: PromiseKind, due_at: Instant) -> Instant:
    """From when on a promise that has not been kept is broken."""
    return due_at + _GRACE.get(kind, 0)


def make_promise(time: PromisedTime, ledger: list[Promise], draft: Draft, new_id: Callable[[str], str], now: Instant, *,
                 told_by: str | None = None, shown: bool = False, corrects: Promise | None = None,
                 in_shadow: bool = False) -> Promise:
    """The row for a time that is told now: by the message `told_by`, on a page (`shown`), or both. The same time told
    twice is one row. `ledger`: the promises about the same subject, to which a new one is added; what it replaces is
    corrected, or broken when its time has passed already. `corrects`: an earlier one that has ended before.
    `in_shadow`: the message does not leave, so that what was really told stays as it is."""
    row = next((one for one in ledger if _is_same(one, time)), None)
    if row is None:
        replaced = [one for one in ledger if _replaces(time, one)]
        told = next((one for one in replaced if in_shadow and not one.in_shadow), None)
        if told is not None:
            return told
        for one in replaced:
            move_promise(one, PromiseAction.CORRECT if _in_time(one, now) else PromiseAction.BREAK, now, told_by)
        before = replaced[0] if replaced else corrects
        lapses = lapses_at(time.kind, time.due_at)
        row = Promise(
            id=new_id("P"), kind=time.kind, subject_kind=time.subject.kind, subject_id=time.subject.id,
            site_id=time.site_id, recipient_kind=time.to.kind, recipient_id=time.to.id, provider_id=time.provider_id,
            made_at=now, from_at=time.from_at, due_at=time.due_at,
            watch_at=time.due_at - WORD_LEAD if time.kind is PromiseKind.NEXT_WORD else lapses,
            corrects_id=before.id if before is not None else None, in_shadow=in_shadow)
        ledger.append(row)
        draft.add(row)
    if row.in_shadow and not in_shadow:  # now somebody really hears it
        row.in_shadow, row.notification_id = False, told_by
    if told_by is not None and row.notification_id is None and row.in_shadow is in_shadow:
        row.notification_id = told_by
    if shown and row.shown_at is None:
        row.shown_at = now
    return row


def settle_promises(promises: Iterable[Promise], now: Instant) -> None:
    """What was promised has now happened: in time or late."""
    for promise in _still_open(promises):
        move_promise(promise, PromiseAction.KEEP if _in_time(promise, now) else PromiseAction.BREAK, now)


def settle_arrival(promises: Iterable[Promise], at: Instant, early_agreed: bool) -> None:
    """The technician is there. Before the window, and without the customer's yes, is as little what they were told as
    after it."""
    for promise in _still_open(promises):
        if promise.kind in ARRIVALS:
            early = promise.from_at is not None and at < promise.from_at and not early_agreed
            kept = _in_time(promise, at) and not early
            move_promise(promise, PromiseAction.KEEP if kept else PromiseAction.BREAK, at)


def reinstate_arrival(promises: Iterable[Promise], arrived_at: Instant, ledger: list[Promise], now: Instant) -> None:
    """The technician is not there after all: what their arrival at `arrived_at` had settled is open again, and watched
    as before. `ledger`: the open promises about the same job, to which it is added."""
    for promise in promises:
        settled = promise.kind in ARRIVALS and promise.settled_at == arrived_at and promise.settled_by is None
        if settled and not promise.in_shadow and not any(_holds_place_of(other, promise) for other in ledger):
            move_promise(promise, PromiseAction.REINSTATE, now)
            ledger.append(promise)


def cancel_promises(promises: Iterable[Promise], now: Instant) -> None:
    """What was promised is no longer needed; past its time it was broken all the same."""
    for promise in _still_open(promises):
        move_promise(promise, PromiseAction.CANCEL if _in_time(promise, now) else PromiseAction.BREAK, now)


def correct_promises(promises: Iterable[Promise], now: Instant) -> None:
    """They are told that there is no time any more; past its time it was broken all the same."""
    for promise in _still_open(promises):
        move_promise(promise, PromiseAction.CORRECT if _in_time(promise, now) else PromiseAction.BREAK, now)


def break_promises(promises: Iterable[Promise], now: Instant) -> None:
    """What was promised has not happened, and its time has come."""
    for promise in _still_open(promises):
        move_promise(promise, PromiseAction.BREAK, now)


def keep_next_word(ledger: Iterable[Promise], subject_ids: Container[str], to: Recipient, message: str, now: Instant
                   ) -> None:
    """The customer hears from us about these, whatever it is that we say. A second copy of what told them is nothing
    new."""
    for promise in of_kind(ledger, PromiseKind.NEXT_WORD):
        if (promise.subject_id in subject_ids and promise.recipient_id == to.id and promise.notification_id != message
                and _in_time(promise, now)):
            move_promise(promise, PromiseAction.KEEP, now, message)


def undo_message(promises: Iterable[Promise], message: str, now: Instant) -> list[Promise]:
    """`message` did not go out: what it had kept or corrected is open again, unless another time was told meanwhile.
    `promises`: those it told or settled, and all that are open about the same subjects. Returns those that nobody has
    been told now, and that are to be removed."""
    untold, rest = [], []
    for promise in promises:
        told = promise.notification_id == message and promise.state is PromiseState.OPEN
        if told and promise.shown_at is None:
            untold.append(promise)
            continue
        rest.append(promise)
        if told:
            promise.notification_id = None
    for promise in rest:
        settled = promise.settled_by == message and promise.state in (_KEPT, _CORRECTED)
        if settled and not any(_holds_place_of(other, promise) for other in rest):
            move_promise(promise, PromiseAction.REINSTATE, now)
    return untold


def transfer_promises(promises: Iterable[Promise], subject_id: str, ledger: list[Promise], now: Instant) -> None:
    """What was told about one ticket holds for another that carries it on; of two alike its own stays. `ledger`: what
    is open about that one."""
    for promise in _still_open(promises):
        if any(one.kind is promise.kind and one.recipient_id == promise.recipient_id for one in ledger):
            move_promise(promise, PromiseAction.CANCEL, now)
        else:
            promise.subject_id = subject_id
            ledger.append(promise)


def of_kind(promises: Iterable[Promise], *kinds: PromiseKind) -> list[Promise]:
    """Those of these kinds that are open."""
    return [promise for promise in _still_open(promises) if promise.kind in kinds]


def _still_open(promises: Iterable[Promise]) -> list[Promise]:
    return [promise for promise in promises if promise.state is PromiseState.OPEN]


def _in_time(promise: Promise, now: Instant) -> bool:
    return now <= lapses_at(promise.kind, promise.due_at)


def _is_same(promise: Promise, time: PromisedTime) -> bool:
    return (_is_about(promise, time) and promise.kind is time.kind and promise.due_at == time.due_at
            and promise.from_at == time.from_at)


def _is_about(promise: Promise, time: PromisedTime) -> bool:
    return (promise.state is PromiseState.OPEN and promise.subject_id == time.subject.id
            and promise.recipient_id == time.to.id)


def _replaces(time: PromisedTime, promise: Promise) -> bool:
    """A new window says when they come instead of all before; an ETA corrects a window that it does not lie in."""
    if not _is_about(promise, time):
        return False
    if {time.kind, promise.kind} == ARRIVALS:
        return time.kind is PromiseKind.ARRIVAL_WINDOW or time.due_at > promise.due_at
    return time.kind is promise.kind


def _holds_place_of(other: Promise, promise: Promise) -> bool:
    return (other.state is PromiseState.OPEN and other.subject_id == promise.subject_id and other.kind is promise.kind
            and other.recipient_id == promise.recipient_id)
