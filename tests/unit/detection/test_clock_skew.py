"""Devices whose own clock is wrong: measured, put right, and never taken for a backlog or for one wrong time."""

from gateway.detection import ClaimedDevice
from gateway.detection.clock_skew import clock_offset, measure_clock
from gateway.detection.memory import HEALTHY, dumps, loads
from gateway.model import HOUR, MINUTE, SECOND, Instant

NOON = 1_800_000_000_000


def known() -> ClaimedDevice:
    return ClaimedDevice("pump", "native:pump", "heat-pump")


def true_time(state: ClaimedDevice, at: Instant, now: Instant) -> Instant:
    """A message comes at `now` and says `at`: when that was, as far as its clock is known by then."""
    state.remember(clock=measure_clock(state.memory.clock, at, now))
    return at - clock_offset(state)


def hears(state: ClaimedDevice, off: int, minutes: int = 10, start: Instant = NOON) -> list[Instant]:
    """A message a minute from a clock that is `off` ms wrong: by how much each is still wrong afterwards."""
    return [true_time(state, now + off, now) - now for now in range(start, start + minutes * MINUTE, MINUTE)]


def test_a_clock_that_is_always_twenty_minutes_ahead_is_believed_after_three_messages() -> None:
    state = known()
    assert hears(state, 20 * MINUTE)[:3] == [20 * MINUTE, 20 * MINUTE, 0]
    assert set(hears(state, 20 * MINUTE, start=NOON + HOUR)) == {0}
    assert clock_offset(state) == 20 * MINUTE


def test_a_clock_that_is_always_behind_is_put_right_too() -> None:
    assert hears(known(), -3 * HOUR)[-5:] == [0] * 5
    assert hears(known(), -20 * 365 * 24 * HOUR)[-5:] == [0] * 5


def test_a_backlog_is_no_clock_that_is_behind() -> None:
    state = known()
    for minute in range(60):  # an hour's messages within a few seconds, the oldest first
        taken = NOON - (60 - minute) * MINUTE
        assert true_time(state, taken, NOON + minute * 50) == taken
    assert true_time(state, NOON + 5 * SECOND, NOON + 5 * SECOND) == NOON + 5 * SECOND
    assert state.memory == HEALTHY


def test_a_backlog_that_trickles_in_is_none_either() -> None:
    state = known()
    for number in range(30):  # one every ten seconds, taken a minute apart
        taken, now = NOON - 6 * HOUR + number * MINUTE, NOON + number * 10 * SECOND
        assert true_time(state, taken, now) == taken


def test_one_wrong_time_is_no_wrong_clock() -> None:
    state = known()
    assert true_time(state, NOON + HOUR, NOON) == NOON + HOUR
    assert hears(state, 0, 3, NOON + MINUTE) == [0, 0, 0]
    assert state.memory == HEALTHY


def test_a_clock_that_is_put_right_is_believed_at_once() -> None:
    state = known()
    hears(state, 20 * MINUTE)
    assert hears(state, 100, start=NOON + HOUR) == [100] * 10


def test_the_measured_clock_keeps_the_devices_own_order_and_survives_a_restart() -> None:
    state = known()
    hears(state, 20 * MINUTE)
    state.memory, _ = loads(dumps(state.memory, None))
    now, before = NOON + HOUR, 0
    for second, delay in enumerate((0, 4, 1, 9, 0, 2, 3, 0, 7)):
        taken = true_time(state, now + second * SECOND + 20 * MINUTE, now + (second + delay) * SECOND)
        assert before < taken <= now + (second + delay) * SECOND
        before = taken


def test_an_ahead_clocks_own_backlog_is_put_right_by_what_is_known_of_it() -> None:
    state = known()
    hears(state, 20 * MINUTE)
    taken = NOON + HOUR
    assert true_time(state, taken + 20 * MINUTE, NOON + 3 * HOUR) == taken
