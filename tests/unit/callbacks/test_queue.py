"""Whom the desk rings next."""

from gateway.callbacks.queue import Waiting, due_order
from gateway.model import MINUTE, Callback, CallbackKind, CallbackState, Need

NOW = 100 * MINUTE


def waiting(name: str, by: int, *needs: Need, kind: CallbackKind = CallbackKind.ORDINARY,
            state: CallbackState = CallbackState.REQUESTED, ring_from: int | None = None) -> Waiting:
    """Promised in `by` minutes."""
    return Waiting(Callback(id=name, site_id=name, customer_id=name, kind=kind, state=state, requested_at=0,
                            ring_from=None if ring_from is None else NOW + ring_from * MINUTE,
                            promised_by=NOW + by * MINUTE), frozenset(needs))


def order(*found: Waiting) -> list[str]:
    return [one.callback.id for one in due_order(found, NOW)]


def test_calls_for_help_come_first_whatever_was_promised() -> None:
    help_ = waiting("help", 15, kind=CallbackKind.EMERGENCY)
    assert order(waiting("overdue", -30), help_) == ["help", "overdue"]


def test_then_it_goes_by_the_promised_time() -> None:
    assert order(waiting("b", 20), waiting("a", 10), waiting("late", -5)) == ["late", "a", "b"]


def test_among_equals_those_who_depend_on_power_and_then_other_needs() -> None:
    assert order(waiting("all", 10), waiting("hearing", 10, Need.HEARING), waiting("power", 10, Need.POWER_DEPENDENT)
                 ) == ["power", "hearing", "all"]


def test_who_was_told_the_same_minute_is_an_equal() -> None:
    power = waiting("power", 10, Need.POWER_DEPENDENT)
    power.callback.promised_by += MINUTE - 1
    assert order(waiting("first", 10), power, waiting("next", 11, Need.POWER_DEPENDENT)) == ["power", "first", "next"]


def test_whose_time_is_still_to_come_is_last_and_so_is_whom_somebody_speaks_with() -> None:
    assert order(waiting("slot", 5, ring_from=1), waiting("talking", -10, state=CallbackState.CONNECTED),
                 waiting("now", 60)) == ["now", "slot", "talking"]
