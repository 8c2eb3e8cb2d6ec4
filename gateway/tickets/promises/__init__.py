"""Promises: the times that customers were told; how each is told, kept, corrected, broken, and what follows."""

from gateway.tickets.promises.ledger import (
    PromisedTime,
    break_promises,
    cancel_promises,
    correct_promises,
    make_promise,
    of_kind,
    reinstate_arrival,
    settle_arrival,
    settle_promises,
    transfer_promises,
)

__all__ = ["PromisedTime", "break_promises", "cancel_promises", "correct_promises", "make_promise", "of_kind",
           "reinstate_arrival", "settle_arrival", "settle_promises", "transfer_promises"]
