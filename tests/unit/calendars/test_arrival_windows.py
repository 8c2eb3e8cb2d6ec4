"""The arrival windows that a firm can choose from: in its hours, not in the customer's night, and never empty."""

from itertools import pairwise
from typing import Any

import pytest

from gateway.calendars.arrival_windows import FAR, is_far, nearest, parse_local, proposed_windows, windows_from
from gateway.calendars.days_off import NEVER_OFF, DaysOff, days_off
from gateway.calendars.opening_hours import DAYS, Calendar
from gateway.model import DAY, HOUR, local
from gateway.model.instant import Instant

ZONE = "Europe/Zurich"
WEEK = {day: [["07:00", "12:00"], ["13:00", "18:00"]] for day in DAYS[:5]}
ALWAYS = {day: [["00:00", "24:00"]] for day in DAYS}


def at(text: str) -> Instant:
    return parse_local(text, ZONE)


def proposed(now: str, hours: dict[str, Any] = WEEK, off: DaysOff = NEVER_OFF, length: int = 4, **more: Any
             ) -> list[str]:
    windows = proposed_windows(at(now), length, Calendar(ZONE, hours, off), ZONE, **more)
    return [f"{local(begins, ZONE):%a %d.%m. %H:%M}–{local(ends, ZONE):%H:%M}" for begins, ends in windows]


@pytest.mark.parametrize(("now", "expected"), [
    ("2026-11-23T13:05", ["Mon 23.11. 13:30–17:30", "Tue 24.11. 07:00–11:00", "Tue 24.11. 11:00–15:00"]),
    ("2026-11-23T06:00", ["Mon 23.11. 07:00–11:00", "Mon 23.11. 11:00–15:00", "Mon 23.11. 15:00–18:00"]),
    ("2026-11-23T16:40", ["Tue 24.11. 07:00–11:00", "Tue 24.11. 11:00–15:00", "Tue 24.11. 15:00–18:00"]),
    ("2026-11-27T15:30", ["Fri 27.11. 15:30–18:00", "Mon 30.11. 07:00–11:00", "Mon 30.11. 11:00–15:00"]),
    ("2027-03-27T23:10", ["Mon 29.03. 07:00–11:00", "Mon 29.03. 11:00–15:00", "Mon 29.03. 15:00–18:00"]),  # DST
])
def test_windows_lie_in_the_firms_hours_and_go_on_over_lunch(now: str, expected: list[str]) -> None:
    assert proposed(now) == expected


def test_a_firm_that_works_day_and_night_does_not_come_in_the_customers_night() -> None:
    assert proposed("2026-11-23T20:10", ALWAYS) == [
        "Tue 24.11. 07:00–11:00", "Tue 24.11. 11:00–15:00", "Tue 24.11. 15:00–19:00"]
    assert proposed("2026-11-23T20:10", ALWAYS, night=("23:00", "09:00"))[:2] == [
        "Mon 23.11. 20:30–23:00", "Tue 24.11. 09:00–13:00"]


def test_urgent_work_may_begin_at_once_and_its_other_windows_lie_in_the_day() -> None:
    assert proposed("2026-11-23T22:50", ALWAYS, urgent=True) == [
        "Mon 23.11. 23:00–03:00", "Tue 24.11. 07:00–11:00", "Tue 24.11. 11:00–15:00"]


def test_holidays_and_days_off_are_skipped() -> None:
    assert proposed("2026-12-24T17:00", off=days_off({"country": "CH", "subdivision": "ZH"}))[0] == (
        "Mon 28.12. 07:00–11:00")


def test_a_window_is_never_longer_than_four_hours() -> None:
    assert proposed("2026-11-23T07:00", length=48)[0] == "Mon 23.11. 07:00–11:00"


def test_a_firm_without_hours_still_has_one_to_choose() -> None:
    assert proposed("2026-11-23T13:05", {}) == ["Mon 23.11. 13:30–17:30"]


def test_windows_follow_each_other_and_are_two_hours_long_at_least() -> None:
    for quarter in range(0, 7 * 96, 5):
        now = at("2026-11-23T00:00") + quarter * HOUR // 4
        windows = proposed_windows(now, 4, Calendar(ZONE, WEEK), ZONE)
        assert len(windows) == 3
        assert all(2 * HOUR <= ends - begins <= 4 * HOUR for begins, ends in windows)
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(windows))
        assert windows[0][0] >= now


def test_more_than_two_weeks_away_is_far() -> None:
    now = at("2026-11-23T00:00")
    assert not is_far(now + FAR, now)
    assert is_far(now + 15 * DAY, now)


def later(earliest: str, hours: dict[str, Any] = WEEK, **more: Any) -> list[str]:
    windows = list(windows_from(at(earliest), 4, Calendar(ZONE, hours), ZONE, **more))
    return [f"{local(begins, ZONE):%a %d.%m. %H:%M}–{local(ends, ZONE):%H:%M}" for begins, ends in windows]


@pytest.mark.parametrize("earliest", ["2026-11-23T07:01", "2026-11-23T09:13", "2026-11-23T11:00"])
def test_the_windows_of_a_day_are_the_same_whenever_they_are_asked_for(earliest: str) -> None:
    assert later(earliest)[:3] == ["Mon 23.11. 11:00–15:00", "Mon 23.11. 15:00–18:00", "Tue 24.11. 07:00–11:00"]


def test_they_lie_within_two_weeks_in_the_day_and_over_a_change_of_the_clocks() -> None:
    assert later("2027-03-27T00:00", ALWAYS)[4:7] == [
        "Sun 28.03. 07:00–11:00", "Sun 28.03. 11:00–15:00", "Sun 28.03. 15:00–19:00"]
    assert later("2026-11-23T00:00")[-1] == "Fri 04.12. 15:00–18:00"
    assert later("2026-11-23T00:00", {}) == []


def test_the_nearest_is_the_one_that_it_lies_in_else_the_one_that_begins_nearest() -> None:
    windows = list(windows_from(at("2026-11-23T00:00"), 4, Calendar(ZONE, WEEK), ZONE))
    assert nearest(at("2026-11-23T10:59"), windows) == windows[0]
    assert nearest(at("2026-11-23T20:00"), windows) == windows[2]
    assert nearest(at("2026-11-20T20:00"), windows) == windows[0]
    assert nearest(at("2030-01-01T00:00"), windows) == windows[-1]
    assert nearest(at("2026-11-23T10:59"), []) is None
