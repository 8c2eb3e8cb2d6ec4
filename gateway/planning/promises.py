"""The promise ledger: each time that was told to a customer ends as kept or broken."""

from gateway.model import Instant, Promise
from gateway.planning.plan import Change, Plan


def settle(promises: list[Promise], now: Instant) -> Plan:
    """What was promised has now happened: in time or late."""
    return Plan(change=[
        Change(Promise, promise.id, {"state": "kept" if now <= promise.due_at else "broken", "settled_at": now},
               {"state": "open"})
        for promise in promises if promise.state == "open"
    ])
