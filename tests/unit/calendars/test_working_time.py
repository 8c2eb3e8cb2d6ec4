"""Working time of an SLA: the nights when the clock is changed, holidays, lunch, night shifts; and there and back."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calendars.days_off import DaysOff
from gateway.calendars.opening_hours import DAYS, Calendar, next_opening, open_spans
from gateway.calendars.working_time import add, between
from gateway.model import DAY, HOUR, MINUTE, from_iso, local
from tests.drivers.examples import examples

BERLIN = "Europe/Berlin"
WEEK = ("mon", "tue", "wed", "thu", "fri")


def week(*spans: tuple[str, str], days: tuple[str, ...] = WEEK, zone: str = BERLIN, off: DaysOff | None = None
         ) -> Calendar:
    return Calendar(zone, dict.fromkeys(days, spans), off or DaysOff())


NINE_TO_FIVE = week(("09:00", "17:00"))
EIGHT_TO_SIX = week(("08:00", "18:00"))
LUNCH = week(("08:00", "12:00"), ("13:30", "18:00"))
ALWAYS = week(("00:00", "24:00"), days=DAYS)
NIGHT = week(("22:00", "06:00"), days=DAYS)


def at(text: str, zone: str = BERLIN, fold: int = 0) -> int:
    """"Fri 2026-11-27 16:30" on the wall."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


@pytest.mark.parametrize(("calendar", "since", "hours", "due"), [
    (NINE_TO_FIVE, "2026-11-27 16:30", 1, "2026-11-30 09:30"),
    (NINE_TO_FIVE, "2026-11-27 17:00", 1, "2026-11-30 10:00"),
    (NINE_TO_FIVE, "2026-11-28 03:00", 1, "2026-11-30 10:00"),
    (NINE_TO_FIVE, "2026-11-27 16:00", 1, "2026-11-27 17:00"),
    (LUNCH, "2026-11-27 11:30", 1, "2026-11-27 14:00"),
    (LUNCH, "2026-11-27 12:30", 1, "2026-11-27 14:30"),
    (EIGHT_TO_SIX, "2026-11-30 17:00", 4, "2026-12-01 11:00"),
    (ALWAYS, "2026-03-28 12:00", 24, "2026-03-29 13:00"),
    (ALWAYS, "2026-10-24 12:00", 24, "2026-10-25 11:00"),
    (NINE_TO_FIVE, "2026-03-27 16:00", 2, "2026-03-30 10:00"),
    (NIGHT, "2026-03-28 23:00", 4, "2026-03-29 04:00"),
    (NINE_TO_FIVE, "2026-11-26 10:00", 20, "2026-11-30 14:00"),
    (NINE_TO_FIVE, "2026-11-28 12:00", 0, "2026-11-30 09:00"),
])
def test_so_many_working_hours_later(calendar: Calendar, since: str, hours: float, due: str) -> None:
    assert add(calendar, at(since), round(hours * HOUR)) == at(due)


def test_four_hours_into_the_long_night_end_in_the_second_pass_of_the_hour_that_comes_twice() -> None:
    assert add(NIGHT, at("2026-10-24 23:00"), 4 * HOUR) == at("2026-10-25 02:00", fold=1)


def test_a_night_shift_has_seven_hours_in_spring_and_nine_in_autumn() -> None:
    assert between(NIGHT, at("2026-03-28 22:00"), at("2026-03-29 06:00")) == 7 * HOUR
    assert between(NIGHT, at("2026-10-24 22:00"), at("2026-10-25 06:00")) == 9 * HOUR


def test_a_time_that_the_clock_skips_is_the_moment_at_which_it_jumps() -> None:
    jump = from_iso("2026-03-29T03:00:00+02:00")
    opens = next_opening(week(("02:30", "05:00"), days=("sun",)), jump - 5 * HOUR)
    closes = next(iter(open_spans(week(("01:00", "02:30"), days=("sun",)), jump - 5 * HOUR)))[1]
    assert (opens, closes) == (jump, jump)


def test_of_a_time_that_comes_twice_the_first_opens_and_the_second_closes() -> None:
    eve = from_iso("2026-10-24T22:00:00+02:00")
    assert next_opening(week(("02:30", "05:00"), days=("sun",)), eve) == from_iso("2026-10-25T02:30:00+02:00")
    closes = next(iter(open_spans(week(("01:00", "02:30"), days=("sun",)), eve)))[1]
    assert closes == from_iso("2026-10-25T02:30:00+01:00")


def test_a_window_inside_the_changed_hour_is_empty_in_spring_and_ninety_minutes_in_autumn() -> None:
    window = week(("02:15", "02:45"), days=("sun",))
    assert between(window, at("2026-03-28 12:00"), at("2026-03-29 12:00")) == 0
    assert between(window, at("2026-10-24 12:00"), at("2026-10-25 12:00")) == 90 * MINUTE


@pytest.mark.parametrize(("zone", "since", "until", "hours"), [
    ("Africa/Cairo", "2026-04-23 12:00", "2026-04-24 12:00", 23.0),
    ("Australia/Lord_Howe", "2026-10-03 12:00", "2026-10-04 12:00", 23.5),
])
def test_round_the_clock_a_day_has_the_hours_that_it_has_there(zone: str, since: str, until: str, hours: float) -> None:
    calendar = week(("00:00", "24:00"), days=DAYS, zone=zone)
    assert between(calendar, at(since, zone), at(until, zone)) == round(hours * HOUR)


@pytest.mark.parametrize(("calendar", "since"), [
    (week(("09:00", "17:00"), off=DaysOff("DE")), "2026-12-24 16:00"),
    (week(("09:00", "12:00"), off=DaysOff("DE")), "2026-12-24 11:00"),
])
def test_christmas_is_left_out(calendar: Calendar, since: str) -> None:
    assert add(calendar, at(since), 2 * HOUR) == at("2026-12-28 10:00")


def test_a_night_shift_that_began_before_the_holiday_ends_as_always() -> None:
    calendar = week(("22:00", "06:00"), days=DAYS, off=DaysOff(closed=frozenset({date(2026, 12, 25)})))
    spans = list(open_spans(calendar, at("2026-12-24 12:00"), 3 * DAY))
    assert [(f"{local(a, BERLIN):%d. %H}", f"{local(b, BERLIN):%d. %H}") for a, b in spans] == [
        ("24. 22", "25. 06"), ("26. 22", "27. 06")]


@pytest.mark.parametrize("hours", [{}, {"mon": []}])
def test_a_calendar_that_never_opens_has_no_answer(hours: dict[str, list[list[str]]]) -> None:
    assert add(Calendar(BERLIN, hours), at("2026-11-27 12:00"), HOUR) is None
    assert next_opening(Calendar(BERLIN, hours), at("2026-11-27 12:00")) is None


_times = st.integers(0, 47).map(lambda half: f"{half // 2:02}:{half % 2 * 30:02}")
_weeks = st.dictionaries(st.sampled_from(DAYS), st.lists(st.tuples(_times, _times).filter(
    lambda span: span[0] != span[1]), min_size=1, max_size=2), min_size=1, max_size=7)
_zones = st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kolkata"])
_moments = st.one_of(st.integers(from_iso("2026-01-01T00:00:00Z"), from_iso("2028-01-01T00:00:00Z")),
                     st.integers(-3 * DAY, DAY).map(lambda away: from_iso("2026-03-29T01:00:00Z") + away),
                     st.integers(-3 * DAY, DAY).map(lambda away: from_iso("2026-10-25T01:00:00Z") + away))


@examples(300)
@given(_weeks, _zones, _moments, st.integers(0, 100 * 60))
def test_what_has_been_added_lies_between(hours: dict[str, list[list[str]]], zone: str, since: int, minutes: int
                                          ) -> None:
    calendar = Calendar(zone, hours)
    due = add(calendar, since, minutes * MINUTE)
    if due is None:  # e.g. only in an hour that the clock skips
        assert not any(True for _ in open_spans(calendar, since, 60 * DAY))
        return
    assert between(calendar, since, due) == minutes * MINUTE
