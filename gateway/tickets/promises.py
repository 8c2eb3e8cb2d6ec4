"""Promises to customers (times they were told): kept, broken or cancelled."""

from collections.abc import Iterable

from gateway.model import Instant, Promise, PromiseState


def settle_promises(promises: Iterable[Promise], now: Instant) -> None:
    """What was promised has now happened: in time or late."""
    for promise in promises:
        _end(promise, PromiseState.KEPT if now <= promise.due_at else PromiseState.BROKEN, now)


def cancel_promises(promises: Iterable[Promise], now: Instant) -> None:
    """What was promised is no longer needed; past its time it was broken all the same."""
    for promise in promises:
        _end(promise, PromiseState.CANCELLED if now <= promise.due_at else PromiseState.BROKEN, now)


def mark_broken(promises: Iterable[Promise], now: Instant) -> None:
    """What was promised has not happened, and its time has come."""
    for promise in promises:
        _end(promise, PromiseState.BROKEN, now)


def _end(promise: Promise, state: PromiseState, now: Instant) -> None:
    """The one place that writes a promise's state; what has ended stays as it is."""
    if promise.state is PromiseState.OPEN:
        promise.state, promise.settled_at = state, now
