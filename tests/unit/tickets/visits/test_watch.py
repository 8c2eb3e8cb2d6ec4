"""When the clock looks at a visit, and what a technician who is late shifts."""

from typing import Any

import pytest

from gateway.config.settings import Service
from gateway.model import DAY, HOUR, MINUTE, IncompleteReason, Instant, Visit, from_iso
from gateway.tickets.visits import watch

NINE = from_iso("2026-11-23T09:00:00+01:00")  # a Monday
HALF_AN_HOUR = 30 * MINUTE
SERVICE = Service(travel_minutes=30, work_minutes=60)


def visit(start: Instant = NINE + HOUR, until: Instant = NINE + 5 * HOUR, **known: Any) -> Visit:
    return Visit(id="V-1", ticket_id="T-1", provider_id="kunz", window_from=start, window_until=until, created_at=NINE,
                 **known)


def test_the_technician_is_asked_a_quarter_of_an_hour_before_the_last_moment_to_set_out() -> None:
    times = watch.watchdogs(NINE + 5 * HOUR, HALF_AN_HOUR, NINE)
    assert times.start_travel == NINE + 5 * HOUR - 45 * MINUTE
    assert times.window_ending == NINE + 5 * HOUR - 30 * MINUTE
    assert times.window_end == NINE + 5 * HOUR


@pytest.mark.parametrize("window", [2, 10, 30, 40, 60, 240])
@pytest.mark.parametrize("travel", [0, 10, 30, 90, 300])
def test_the_deadlines_follow_one_another_within_the_window_however_short_it_is(window: int, travel: int) -> None:
    until = NINE + window * MINUTE
    times = watch.watchdogs(until, travel * MINUTE, NINE)
    assert NINE < times.start_travel <= times.window_ending < times.window_end == until


def test_whoever_has_just_accepted_for_the_next_hour_is_not_asked_at_once() -> None:
    times = watch.watchdogs(NINE + HOUR, HOUR, NINE)
    assert times.start_travel == NINE + 10 * MINUTE
    assert times.window_ending == NINE + 20 * MINUTE


@pytest.mark.parametrize(("km", "minutes"), [(None, 30), (0.0, 5), (10.0, 24.5), (40.0, 83)])
def test_the_way_is_guessed_from_the_distance(km: float | None, minutes: float) -> None:
    assert watch.travel_time(km, SERVICE) == round(minutes * MINUTE)


def test_without_an_eta_the_way_says_when_somebody_should_be_there() -> None:
    assert watch.eta_or_estimate(None, NINE, HALF_AN_HOUR) == NINE + HALF_AN_HOUR
    assert watch.eta_or_estimate(NINE + HOUR, NINE, HALF_AN_HOUR) == NINE + HOUR
    assert watch.eta_overdue_at(NINE) == NINE + 15 * MINUTE


@pytest.mark.parametrize(("minutes", "breaks"), [(44, False), (45, False), (46, True), (61, True)])
def test_a_promise_is_corrected_while_there_is_time(minutes: int, breaks: bool) -> None:
    assert watch.breaks_promise(NINE + minutes * MINUTE, NINE + HOUR) is breaks


@pytest.mark.parametrize(("planned", "asked_after"), [(15, 45), (60, 90), (240, 300)])
def test_work_may_take_a_quarter_longer_and_at_least_half_an_hour(planned: int, asked_after: int) -> None:
    assert watch.work_overrun_at(NINE, planned * MINUTE) == NINE + asked_after * MINUTE


def test_who_waits_hears_again_soon_and_then_less_and_less_often() -> None:
    waits = [(watch.hear_again_at(NINE, asks) - NINE) // MINUTE for asks in (0, 1, 2, 3, 4, 50)]
    assert waits == [30, 60, 120, 240, 240, 240]
    assert watch.hear_again_at(NINE + 7 * MINUTE, 0) == NINE + 45 * MINUTE


@pytest.mark.parametrize(("reason", "expected_at", "until"), [
    (IncompleteReason.PART_MISSING, NINE + 2 * DAY, NINE + 2 * DAY),
    (IncompleteReason.PART_MISSING, None, None),
    (IncompleteReason.MORE_WORK, None, None),
    (IncompleteReason.MORE_WORK, NINE - HOUR, None),
    (IncompleteReason.NO_ACCESS, None, NINE + 2 * HOUR),
    (IncompleteReason.UNSAFE, None, NINE + 4 * HOUR),
])
def test_what_an_unfinished_visit_waits_for(reason: IncompleteReason, expected_at: Instant | None,
                                            until: Instant | None) -> None:
    assert watch.hold_until(reason, expected_at, NINE) == until


def test_nobody_is_there_only_after_the_window_began_a_call_and_ten_minutes() -> None:
    assert watch.nobody_there_from(visit()) is None
    assert watch.nobody_there_from(visit(on_site_at=NINE + HOUR)) is None
    early = visit(on_site_at=NINE, called_at=NINE + 5 * MINUTE)
    assert watch.nobody_there_from(early) == NINE + HOUR + 10 * MINUTE
    late = visit(on_site_at=NINE + 2 * HOUR, called_at=NINE + 2 * HOUR)
    assert watch.nobody_there_from(late) == NINE + 2 * HOUR + 10 * MINUTE


def test_an_early_arrival_surprises_only_who_has_not_agreed_to_it() -> None:
    assert watch.is_early(visit(), NINE)
    assert not watch.is_early(visit(), NINE + HOUR)
    assert not watch.is_early(visit(early_ok_at=NINE), NINE + 30 * MINUTE)


def test_an_overrun_shifts_only_the_promises_that_it_breaks() -> None:
    second, third, evening = (visit(NINE + hours * HOUR, NINE + (hours + 2) * HOUR) for hours in (2, 4, 9))
    following = [(one, HALF_AN_HOUR, HOUR) for one in (second, third, evening)]
    assert watch.windows_after(NINE + 3 * HOUR, following) == []
    late = watch.windows_after(NINE + 3 * HOUR + 20 * MINUTE, following)
    assert late == [(second, NINE + 4 * HOUR, NINE + 6 * HOUR)]
    all_day = watch.windows_after(NINE + 5 * HOUR, following)
    assert [(one.window_from - NINE) // HOUR for one, *_ in all_day] == [2, 4]
    assert all_day[1][1:] == (NINE + 7 * HOUR, NINE + 9 * HOUR)
