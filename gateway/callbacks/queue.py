"""Who is rung next: the order in which the desk sees open callbacks."""

from collections.abc import Iterable
from typing import NamedTuple

from gateway.callbacks.lifecycle import WAITING
from gateway.model import MINUTE, Callback, Instant, Need
from gateway.tickets.households.needs import needs_first


class Waiting(NamedTuple):
    """An open callback, and what decides beside its promise."""

    callback: Callback
    needs: frozenset[Need] = frozenset()  # of those who live there
    has_emergency_button: bool = False


def due_order(waiting: Iterable[Waiting], now: Instant) -> list[Waiting]:
    """Calls for help first; then those whose time has come, by the promised time; among those who were told the same
    minute those who depend on power, then other needs. Whom somebody is speaking with already, and whose own time is
    still to come, are last."""
    return sorted(waiting, key=lambda one: _rank(one, now))


def _rank(one: Waiting, now: Instant) -> tuple[bool, bool, bool, int, int, Instant, str]:
    callback = one.callback
    later = callback.ring_from is not None and callback.ring_from > now
    return (not callback.emergency, callback.state not in WAITING, later, callback.promised_by // MINUTE,
            needs_first(one.needs, one.has_emergency_button), callback.requested_at, callback.id)
