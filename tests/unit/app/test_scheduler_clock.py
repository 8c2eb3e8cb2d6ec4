"""Our own wall clock beside the steady one: what is a jump, and what is only slow, late or asleep."""

import threading
from typing import Any

import pytest

from gateway.app.clock import JUMP, ClockJumpDetector, CorrectedTime
from gateway.detection.clock_jumps import set_clock, set_history
from gateway.detection.memory import (
    BridgeDown,
    ClockOffset,
    DeviceMemory,
    ExcessFaults,
    FaultState,
    History,
    PressCounts,
    RepeatedMessage,
    RuleState,
)
from gateway.model import DAY, HOUR, MINUTE, SECOND, Instant
from gateway.model.states import RulePhase

NOON = 1_800_000_000_000


def clocks() -> ClockJumpDetector:
    return ClockJumpDetector(NOON, 5_000)


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


# --- nobody is told the time before that is dealt with

class Set:
    """A wall clock that was set `off` ms ahead of a steady one, and what was done about it."""

    def __init__(self) -> None:
        self.off = self.passed = 0
        self.dealt_with: list[tuple[int, Instant]] = []
        self.failing = False
        self.own = CorrectedTime(lambda: NOON + self.passed + self.off, lambda: self.passed, self.deal)

    def deal(self, by: int, now: Instant) -> None:
        if self.failing:
            raise OSError("the database is away")
        self.dealt_with.append((by, now))


def test_whoever_asks_first_is_told_the_new_time_only_after_the_jump_was_dealt_with() -> None:
    clock = Set()
    assert clock.own() == NOON
    clock.passed += SECOND
    clock.off = DAY
    assert clock.own() == NOON + SECOND + DAY
    assert clock.dealt_with == [(DAY, NOON + SECOND + DAY)]
    assert clock.own() == NOON + SECOND + DAY
    assert len(clock.dealt_with) == 1


def test_while_it_cannot_be_dealt_with_nobody_is_told_the_time() -> None:
    clock = Set()
    clock.off, clock.failing = DAY, True
    for _ in range(3):
        with pytest.raises(OSError, match="away"):
            clock.own()
    clock.failing = False
    assert clock.own() == NOON + DAY
    assert clock.dealt_with == [(DAY, NOON + DAY)]


def test_a_clock_that_is_put_right_before_anybody_could_deal_with_it_has_not_jumped() -> None:
    clock = Set()
    clock.off, clock.failing = DAY, True
    with pytest.raises(OSError, match="away"):
        clock.own()
    clock.off, clock.failing = 0, False
    assert clock.own() == NOON
    assert clock.dealt_with == []


def test_of_many_who_ask_at_once_all_wait_until_one_has_dealt_with_it() -> None:
    clock = Set()
    clock.off = HOUR
    seen: list[int] = []

    def ask() -> None:
        clock.own()
        seen.append(len(clock.dealt_with))

    askers = [threading.Thread(target=ask) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert seen == [1] * 8


# --- what a device's memory means then: now is NOON

WAITS = RuleState(RulePhase.PENDING, NOON - MINUTE, NOON + 9 * MINUTE)


def rule(**changed: Any) -> DeviceMemory:
    return DeviceMemory(rules={"hot": WAITS._replace(**changed)})


@pytest.mark.parametrize(("by", "before", "after"), [
    (DAY, rule(since=NOON - DAY - MINUTE, due=NOON - DAY + 9 * MINUTE), rule()),
    (-DAY, rule(since=NOON + DAY - MINUTE, due=NOON + DAY + 9 * MINUTE), rule()),
    (-DAY, rule(), rule()),  # by the device's own clock, which was right
    (0, rule(since=NOON + DAY, due=NOON + DAY + 10 * MINUTE), rule(since=NOON, due=NOON + 10 * MINUTE)),
    (DAY, rule(phase=RulePhase.ACTIVE, due=NOON - DAY, ended_at=NOON - DAY),
     rule(phase=RulePhase.ACTIVE, since=NOON + DAY - MINUTE, due=NOON, ended_at=NOON)),
    (-DAY, rule(phase=RulePhase.ACTIVE, due=NOON + DAY, ended_at=NOON + HOUR),
     rule(phase=RulePhase.ACTIVE, due=NOON, ended_at=NOON + HOUR - DAY)),
    (-DAY, rule(phase=RulePhase.WAITING, since=NOON - HOUR, due=NOON + HOUR),
     rule(phase=RulePhase.WAITING, since=NOON - HOUR, due=NOON)),
    *((DAY, one, one) for one in (
        DeviceMemory(faults={"E7": FaultState(True, NOON - DAY)}, silent_since=NOON - DAY, stale_since=NOON - DAY),
        DeviceMemory(bridge=BridgeDown("hub")))),
    (-DAY, DeviceMemory(faults={"E7": FaultState(True, NOON + DAY - MINUTE)}, silent_since=NOON + DAY,
                         stale_since=9),
     DeviceMemory(faults={"E7": FaultState(True, NOON - MINUTE)}, silent_since=NOON, stale_since=9)),
    (-DAY, DeviceMemory(asleep_until=NOON + DAY + HOUR), DeviceMemory(asleep_until=NOON + HOUR)),
    (-DAY, DeviceMemory(asleep_until=NOON + HOUR), DeviceMemory(asleep_until=NOON + HOUR)),
    (-DAY, DeviceMemory(clock=ClockOffset(-DAY, -DAY, 3, NOON + DAY)), DeviceMemory(clock=ClockOffset(0, 0, 3, NOON))),
    (-DAY, DeviceMemory(presses=PressCounts({"n": NOON + DAY})), DeviceMemory(presses=PressCounts({"n": NOON + DAY}))),
    *((by, DeviceMemory(presses=PressCounts({}, NOON + DAY, NOON + DAY - 9, ("single", NOON))),
       DeviceMemory(presses=PressCounts({}, NOON, pressed, ("single", first))))
      for by, pressed, first in ((-DAY, NOON - 9, NOON - DAY), (0, NOON, NOON))),
    (-DAY, DeviceMemory(many_faults=ExcessFaults(NOON + DAY, NOON + DAY, ())),
     DeviceMemory(many_faults=ExcessFaults(NOON, NOON, ()))),
    (DAY, DeviceMemory(many_faults=ExcessFaults(NOON - DAY, NOON - DAY, ())),
     DeviceMemory(many_faults=ExcessFaults(NOON - DAY, NOON, ()))),
    *((by, one, one) for by in (-DAY, 0)  # by its bridge's clock
      for one in (DeviceMemory(relayed_at=NOON + DAY), DeviceMemory(repeated=RepeatedMessage(NOON + DAY, 1)))),
])
def test_what_is_waited_for_goes_on_and_what_the_wrong_time_wrote_is_put_right(
        by: int, before: DeviceMemory, after: DeviceMemory) -> None:
    assert set_clock(before, by, NOON) == after


def test_figures_of_times_that_were_none_are_forgotten() -> None:
    def heard(at: Instant) -> History:
        return History(windows={"t:8:n": (NOON - DAY, at, NOON, (0, 0, 0, 1), (0, 0, 0, 0), ((), (), (), ()))})

    for ahead in (History({"t": (NOON + DAY,)}), heard(NOON + DAY)):
        assert set_history(ahead, -DAY, NOON) is None
    for past in (History({"t": (NOON - DAY, 20.0, NOON - 2 * DAY)}), heard(NOON - DAY)):
        assert [set_history(past, by, NOON) for by in (DAY, 0, -DAY)] == [past] * 3
