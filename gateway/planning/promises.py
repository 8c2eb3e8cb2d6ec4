"""The promise ledger: each time that was told to a customer ends as kept, broken, or called off in time."""

from gateway.model import Instant, Promise
from gateway.planning.plan import Change, Plan


def settle(promises: list[Promise], now: Instant) -> Plan:
    """What was promised has now happened: in time or late."""
    return _end(promises, "kept", now)


def call_off(promises: list[Promise], now: Instant) -> Plan:
    """What was promised is no longer needed; past its time it was broken all the same."""
    return _end(promises, "cancelled", now)


def miss(promises: list[Promise], now: Instant) -> Plan:
    """What was promised has not happened, and its time has come."""
    return Plan(change=[_becomes(promise, "broken", now) for promise in promises if promise.state == "open"])


def _end(promises: list[Promise], in_time: str, now: Instant) -> Plan:
    return Plan(change=[_becomes(promise, in_time if now <= promise.due_at else "broken", now)
                        for promise in promises if promise.state == "open"])


def _becomes(promise: Promise, state: str, now: Instant) -> Change:
    return Change(Promise, promise.id, {"state": state, "settled_at": now}, {"state": "open"})
