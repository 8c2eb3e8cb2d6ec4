"""Our own wall clock beside the steady one: what is a jump, and what is only slow, late or asleep."""

from gateway.clock import JUMP, TwoClocks
from gateway.model import HOUR, MINUTE, SECOND

NOON = 1_800_000_000_000


def clocks() -> TwoClocks:
    return TwoClocks(NOON, 5_000)


def test_a_wall_clock_that_is_set_forward_or_back_has_jumped_by_so_much_and_only_once() -> None:
    both = clocks()
    assert both.jumped(NOON + HOUR + SECOND, 6_000) == HOUR
    assert both.jumped(NOON + HOUR + 2 * SECOND, 7_000) == 0
    assert both.jumped(NOON + 3 * SECOND, 8_000) == -HOUR
    assert both.jumped(NOON + 4 * SECOND, 9_000) == 0


def test_a_clock_that_drifts_is_no_clock_that_jumps_however_far_it_gets() -> None:
    both, wall, even = clocks(), NOON, 5_000
    for _ in range(5_000):  # half a second in each: faster than any time service corrects a clock
        wall, even = wall + 1_500, even + 1_000
        assert both.jumped(wall, even) == 0
    assert wall - even - (NOON - 5_000) > 100 * JUMP


def test_a_machine_that_sleeps_while_only_the_wall_clock_goes_on_has_jumped() -> None:
    assert clocks().jumped(NOON + 8 * HOUR, 5_000 + 20) == 8 * HOUR - 20


def test_a_pause_that_both_clocks_count_is_no_jump() -> None:
    """A process that was stopped, or a machine whose steady clock counts its sleep: who was heard decides then."""
    both = clocks()
    assert both.jumped(NOON + 30 * MINUTE, 5_000 + 30 * MINUTE) == 0
    assert both.jumped(NOON + 31 * MINUTE, 5_000 + 31 * MINUTE) == 0


def test_ten_seconds_are_borne_and_more_are_not() -> None:
    assert clocks().jumped(NOON + JUMP, 5_000) == 0
    assert clocks().jumped(NOON + JUMP + 1, 5_000) == JUMP + 1
    assert clocks().jumped(NOON - JUMP, 5_000) == 0
    assert clocks().jumped(NOON - JUMP - 1, 5_000) == -JUMP - 1
