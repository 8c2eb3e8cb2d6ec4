"""Promises: the times that customers were told; how each is told, kept, corrected, broken, and what follows."""

from gateway.tickets.promises.ledger import (
    ToldTime,
    break_promises,
    cancel_promises,
    correct_promises,
    go_over,
    make_promise,
    of_kind,
    settle_arrival,
    settle_promises,
)

__all__ = ["ToldTime", "break_promises", "cancel_promises", "correct_promises", "go_over", "make_promise", "of_kind",
           "settle_arrival", "settle_promises"]
