"""SLA clocks: holds, new targets, new calendars, and faults that other systems are known for."""

from datetime import date

from gateway.calendars.days_off import DaysOff
from gateway.calendars.opening_hours import Calendar
from gateway.model import HOUR, from_iso
from gateway.model.states import SlaKind
from gateway.model.tickets import SlaClock
from gateway.tickets.sla.clock import end, restart, retarget, run, set_due, used

WEEK = ("mon", "tue", "wed", "thu", "fri")
DESK = Calendar("Europe/Berlin", dict.fromkeys(WEEK, (("09:00", "17:00"),)))


def at(text: str) -> int:
    """"27 16:00": day and hour in November 2026, Berlin; after the 30th in December."""
    day, hour = text.split()
    month, number = (11, int(day)) if int(day) > 15 else (12, int(day))
    return from_iso(f"2026-{month}-{number:02}T{hour}:00+01:00")


def begun(hours: int = 20, calendar: Calendar = DESK) -> SlaClock:
    """Twenty working hours from Thursday 26 November, 10:00."""
    clock = SlaClock(id="S-1", ticket_id="T-1", kind=SlaKind.SOLUTION,
                     policy="standard@1", policy_name="standard", target_ms=hours * HOUR)
    run(clock, True, calendar, at("26 10:00"))
    return clock


def test_twenty_hours_from_thursday_are_due_on_monday_and_warned_of_at_three_quarters() -> None:
    clock = begun()
    assert clock.due_at == at("30 14:00")
    assert clock.warn_at == at("27 17:00")


def test_a_hold_from_friday_until_monday_gives_back_the_working_time_of_the_hold() -> None:
    clock = begun()
    run(clock, False, DESK, at("27 16:00"))
    assert (clock.due_at, clock.warn_at, clock.used_ms) == (None, None, 14 * HOUR)
    run(clock, True, DESK, at("30 10:00"))
    assert clock.due_at == at("30 16:00")


def test_a_hold_over_the_weekend_gives_back_nothing() -> None:
    clock = begun()
    run(clock, False, DESK, at("28 00:00"))
    run(clock, True, DESK, at("30 00:00"))
    assert clock.due_at == at("30 14:00")


def test_holding_twice_and_resuming_twice_count_once() -> None:
    clock = begun()
    for moment in ("27 12:00", "27 14:00"):
        run(clock, False, DESK, at(moment))
    for moment in ("27 15:00", "27 16:00"):
        run(clock, True, DESK, at(moment))
    assert used(clock, DESK, at("27 17:00")) == (7 + 3 + 2) * HOUR


def test_a_day_off_that_is_declared_afterwards_moves_what_is_due() -> None:
    clock = begun()
    set_due(clock, DESK._replace(days_off=DaysOff(closed=frozenset({date(2026, 11, 27)}))))
    assert clock.due_at == at("1 14:00")


def test_a_target_cut_to_less_than_what_is_used_is_late_and_nobodys_fault() -> None:
    clock = begun()
    retarget(clock, 4 * HOUR, DESK, DESK, at("27 12:00"))
    assert clock.due_at == at("27 12:00")
    assert clock.inherited


def test_a_higher_priority_keeps_the_time_used_and_forgets_no_hold() -> None:
    clock = begun()
    run(clock, False, DESK, at("26 12:00"))
    run(clock, True, DESK, at("26 15:00"))
    retarget(clock, 8 * HOUR, DESK, DESK, at("26 16:00"))
    assert clock.used_ms == 3 * HOUR
    assert clock.due_at == at("27 13:00")
    assert not clock.inherited


def test_a_priority_that_changes_during_a_hold_stays_on_hold() -> None:
    clock = begun()
    run(clock, False, DESK, at("26 12:00"))
    retarget(clock, 8 * HOUR, DESK, DESK, at("26 16:00"))
    assert clock.due_at is None
    run(clock, True, DESK, at("27 09:00"))
    assert clock.due_at == at("27 15:00")


def test_what_was_late_by_the_old_target_is_not_inherited_from_the_new_one() -> None:
    clock = begun(2)
    retarget(clock, 1 * HOUR, DESK, DESK, at("27 09:00"))
    assert not clock.inherited


def test_nothing_counts_on_a_clock_that_has_ended() -> None:
    clock = begun()
    end(clock, DESK, at("26 12:00"))
    run(clock, True, DESK, at("27 12:00"))
    retarget(clock, HOUR, DESK, DESK, at("27 12:00"))
    assert (clock.due_at, clock.warn_at, clock.running_since, clock.used_ms) == (None, None, None, 2 * HOUR)


def test_each_update_begins_the_next_round() -> None:
    clock = begun(4)
    clock.warned_at = at("26 13:00")
    restart(clock, DESK, at("26 13:30"))
    assert (clock.due_at, clock.warn_at) == (at("27 09:30"), at("26 16:30"))
    assert used(clock, DESK, at("26 14:30")) == HOUR


def test_a_warning_that_has_been_given_is_not_given_again_after_a_hold() -> None:
    clock = begun()
    clock.warned_at = at("27 17:00")
    run(clock, False, DESK, at("30 10:00"))
    run(clock, True, DESK, at("30 11:00"))
    assert clock.warn_at is None


def test_a_calendar_that_never_opens_is_due_at_once_so_that_a_person_hears_of_it() -> None:
    clock = begun(calendar=Calendar("Europe/Berlin", {}))
    assert clock.due_at == at("26 10:00")


def test_no_working_time_at_all_on_a_saturday_is_due_when_monday_begins() -> None:
    clock = SlaClock(id="S-1", ticket_id="T-1", kind=SlaKind.FIRST_RESPONSE,
                     policy="standard@1", policy_name="standard", target_ms=0)
    run(clock, True, DESK, at("28 12:00"))
    assert clock.due_at == at("30 09:00")
