"""Opening hours on the wall clock: midnight, the nights when the clock is changed, and what can be promised."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calendars.opening_hours import (
    DAYS,
    HORIZON,
    Calendar,
    check_hours,
    is_open,
    next_opening,
    open_spans,
    quiet_until,
    wall_time,
)
from gateway.calendars.working_time import promise_after
from gateway.model import DAY, HOUR, MINUTE, from_iso, local, to_iso
from tests.drivers.examples import examples

ZURICH = "Europe/Zurich"
OFFICE = {day: [["08:00", "12:00"], ["13:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
ALWAYS = {day: [["00:00", "24:00"]] for day in DAYS}
NIGHT = {"fri": [["22:00", "06:00"]]}
EARLY_SUNDAY = {"sun": [["02:00", "03:00"]]}
ZURICH_OFFICE = Calendar(ZURICH, OFFICE)

MONDAY_NOON = from_iso("2026-11-23T12:30:00+01:00")
SUMMER_BEGINS = from_iso("2026-03-29T03:00:00+02:00")  # Zurich jumps from 02:00 to 03:00
WINTER_BEGINS = from_iso("2026-10-25T02:00:00+01:00")  # Zurich falls from 03:00 back to 02:00


def at(text: str) -> int:
    return from_iso(text)


def test_the_office_is_open_from_eight_inclusive_until_noon_exclusive() -> None:
    assert not is_open(ZURICH_OFFICE, at("2026-11-23T07:59:59.999+01:00"))
    assert is_open(ZURICH_OFFICE, at("2026-11-23T08:00:00+01:00"))
    assert is_open(ZURICH_OFFICE, at("2026-11-23T11:59:59.999+01:00"))
    assert not is_open(ZURICH_OFFICE, at("2026-11-23T12:00:00+01:00"))


def test_lunch_break_is_closed_and_the_afternoon_is_the_next_opening() -> None:
    assert not is_open(ZURICH_OFFICE, MONDAY_NOON)
    assert next_opening(ZURICH_OFFICE, MONDAY_NOON, HORIZON) == at("2026-11-23T13:00:00+01:00")


def test_who_is_open_opens_now() -> None:
    now = at("2026-11-23T09:15:00+01:00")
    assert next_opening(ZURICH_OFFICE, now, HORIZON) == now


def test_after_friday_comes_monday() -> None:
    assert next_opening(ZURICH_OFFICE, at("2026-11-20T17:00:00+01:00"), HORIZON) == at("2026-11-23T08:00:00+01:00")


def test_an_office_open_one_hour_a_week_opens_again_in_a_week() -> None:
    hours = {"mon": [["08:00", "09:00"]]}
    assert next_opening(Calendar(ZURICH, hours), at("2026-11-23T09:00:00+01:00"),
                        HORIZON) == at("2026-11-30T08:00:00+01:00")


def test_no_hours_never_open() -> None:
    assert next_opening(Calendar(ZURICH, {}), MONDAY_NOON, HORIZON) is None
    assert not is_open(Calendar(ZURICH, {"mon": []}), MONDAY_NOON)


def test_the_same_instant_is_judged_in_the_zone_of_the_place() -> None:
    now = at("2026-11-23T16:30:00Z")
    assert is_open(Calendar("America/New_York", OFFICE), now)
    assert not is_open(ZURICH_OFFICE, now)


def test_a_night_shift_reaches_into_saturday_and_not_into_friday_morning() -> None:
    assert not is_open(Calendar(ZURICH, NIGHT), at("2026-11-20T05:00:00+01:00"))
    assert is_open(Calendar(ZURICH, NIGHT), at("2026-11-20T23:00:00+01:00"))
    assert is_open(Calendar(ZURICH, NIGHT), at("2026-11-21T05:59:59+01:00"))
    assert not is_open(Calendar(ZURICH, NIGHT), at("2026-11-21T06:00:00+01:00"))


def test_a_night_shift_seen_after_midnight_is_one_span() -> None:
    now = at("2026-11-20T20:00:00+01:00")
    assert list(open_spans(Calendar(ZURICH, NIGHT), now, DAY)) == [
        (at("2026-11-20T22:00:00+01:00"), at("2026-11-21T06:00:00+01:00"))]


def test_round_the_clock_loses_no_minute_at_midnight() -> None:
    now = at("2026-11-23T23:30:00+01:00")
    assert all(is_open(Calendar(ZURICH, ALWAYS), now + minute * MINUTE) for minute in range(90))
    assert promise_after(Calendar(ZURICH, ALWAYS), now, 60 * MINUTE) == now + 60 * MINUTE
    assert list(open_spans(Calendar(ZURICH, ALWAYS), now)) == [(now, now + HORIZON)]


def test_round_the_clock_holds_through_both_clock_changes() -> None:
    for change in (SUMMER_BEGINS, WINTER_BEGINS):
        assert promise_after(Calendar(ZURICH, ALWAYS), change - 2 * HOUR, 300 * MINUTE) == change + 3 * HOUR
        assert list(open_spans(Calendar(ZURICH, ALWAYS), change - DAY)) == [(change - DAY, change - DAY + HORIZON)]


def test_an_hour_that_the_clock_skips_is_not_open() -> None:
    saturday = SUMMER_BEGINS - DAY
    assert list(open_spans(Calendar(ZURICH, EARLY_SUNDAY), saturday, 2 * DAY)) == []
    assert next_opening(Calendar(ZURICH, EARLY_SUNDAY), saturday, HORIZON) == at("2026-04-05T02:00:00+02:00")


def test_opening_inside_the_skipped_hour_begins_when_the_clock_has_jumped() -> None:
    hours = {"sun": [["02:30", "05:00"]]}
    assert next_opening(Calendar(ZURICH, hours), SUMMER_BEGINS - 3 * HOUR, HORIZON) == SUMMER_BEGINS


def test_an_hour_that_comes_twice_is_open_twice() -> None:
    assert list(open_spans(Calendar(ZURICH, EARLY_SUNDAY), WINTER_BEGINS - DAY, 2 * DAY)) == [
        (WINTER_BEGINS - HOUR, WINTER_BEGINS + HOUR)]


def test_a_span_that_ends_in_the_hour_that_comes_twice_ends_at_the_second() -> None:
    hours = {"sun": [["01:00", "02:30"]]}
    assert list(open_spans(Calendar(ZURICH, hours), WINTER_BEGINS - DAY, 2 * DAY)) == [
        (WINTER_BEGINS - 2 * HOUR, WINTER_BEGINS + 30 * MINUTE)]


def test_a_promise_at_half_past_four_runs_on_the_next_morning() -> None:
    assert promise_after(ZURICH_OFFICE, at("2026-11-23T16:30:00+01:00"), 60 * MINUTE) == at("2026-11-24T08:30:00+01:00")


def test_a_promise_that_fits_to_the_minute_ends_at_closing_time() -> None:
    assert promise_after(ZURICH_OFFICE, at("2026-11-23T16:00:00+01:00"), 60 * MINUTE) == at("2026-11-23T17:00:00+01:00")


def test_a_promise_made_on_saturday_counts_from_monday() -> None:
    assert promise_after(ZURICH_OFFICE, at("2026-11-21T10:00:00+01:00"), 15 * MINUTE) == at("2026-11-23T08:15:00+01:00")


def test_a_promise_of_two_working_weeks_passes_two_weekends() -> None:
    assert promise_after(ZURICH_OFFICE, at("2026-11-23T08:00:00+01:00"),
                         80 * 60 * MINUTE) == at("2026-12-04T17:00:00+01:00")


def test_a_promise_across_the_short_night_counts_real_minutes() -> None:
    hours = {day: [["22:00", "06:00"]] for day in DAYS}
    begin = at("2026-03-28T22:00:00+01:00")
    assert promise_after(Calendar(ZURICH, hours), begin, 7 * 60 * MINUTE) == at("2026-03-29T06:00:00+02:00")


@pytest.mark.parametrize("hours", [None, {}])
def test_without_opening_hours_a_promise_runs_round_the_clock(hours: dict[str, list[list[str]]] | None) -> None:
    assert promise_after(None if hours is None else Calendar(ZURICH, hours), MONDAY_NOON,
                         60 * MINUTE) == MONDAY_NOON + HOUR


def test_quiet_hours_end_in_the_morning_whether_asked_before_or_after_midnight() -> None:
    morning = at("2026-11-24T08:00:00+01:00")
    assert quiet_until("21:00", "08:00", ZURICH, at("2026-11-23T21:00:00+01:00")) == morning
    assert quiet_until("21:00", "08:00", ZURICH, at("2026-11-24T07:59:59.999+01:00")) == morning


def test_quiet_hours_do_not_hold_at_their_end_nor_before_their_beginning() -> None:
    assert quiet_until("21:00", "08:00", ZURICH, at("2026-11-24T08:00:00+01:00")) is None
    assert quiet_until("21:00", "08:00", ZURICH, at("2026-11-24T20:59:59.999+01:00")) is None


def test_an_afternoon_nap_is_quiet_within_one_day() -> None:
    now = at("2026-11-23T14:00:00+01:00")
    assert quiet_until("13:00", "15:00", ZURICH, now) == at("2026-11-23T15:00:00+01:00")
    assert quiet_until("13:00", "15:00", ZURICH, now + 2 * HOUR) is None


def test_quiet_hours_over_the_short_night_end_at_eight_on_the_wall() -> None:
    assert quiet_until("21:00", "08:00", ZURICH, SUMMER_BEGINS - HOUR) == at("2026-03-29T08:00:00+02:00")


@pytest.mark.parametrize(("begins", "ends"), [(None, None), ("21:00", None), (None, "08:00"), ("21:00", "21:00")])
def test_no_quiet_hours_are_never_quiet(begins: str | None, ends: str | None) -> None:
    assert quiet_until(begins, ends, ZURICH, at("2026-11-23T23:00:00+01:00")) is None


def test_a_time_that_is_no_time_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"'8:00' is not a time of day; expected 00:00 to 24:00"):
        is_open(Calendar(ZURICH, {"mon": [["8:00", "17:00"]]}), MONDAY_NOON)


@pytest.mark.parametrize("hours", [
    OFFICE, ALWAYS, NIGHT, {}, {"mon": []}, {"sun": [["22:00", "06:00"]], "mon": [["06:00", "12:00"]]},
    {"sat": [("18:00", "24:00")]},
])
def test_good_hours_are_good(hours: object) -> None:
    assert check_hours(hours) == []


@pytest.mark.parametrize(("hours", "said"), [
    ("09-17", "'09-17' — expected days with spans"),
    ({"Mon": [["08:00", "17:00"]]}, "'Mon' is no day — expected one of mon, tue, wed, thu, fri, sat, sun"),
    ({"mon": "08:00-17:00"}, "mon: '08:00-17:00' — expected a list of spans"),
    ({"mon": ["08:00–17:00"]}, "mon: '08:00–17:00' — expected a span of two times"),
    ({"mon": [["08:00"]]}, "mon: ['08:00'] — expected a span of two times"),
    ({"mon": [["8:00", "17:00"]]}, "mon: '8:00' — expected a time in quotes"),
    ({"mon": [[480, "17:00"]]}, "mon: 480 — expected a time in quotes"),
    ({"mon": [["08:00", "25:00"]]}, "mon: '25:00' — expected a time in quotes"),
    ({"mon": [["24:00", "06:00"]]}, 'mon: begins "24:00" — expected "00:00" on the next day'),
    ({"mon": [["08:00", "08:00"]]}, "mon: 08:00–08:00 has no length"),
    ({"mon": [["00:00", "23:59"]]}, "mon: ends \"23:59\", which leaves out the day's last minute — expected \"24:00\""),
    ({"mon": [["08:00", "12:00"], ["11:00", "17:00"]]}, "mon 08:00–12:00 and mon 11:00–17:00 overlap"),
    ({"sun": [["22:00", "06:00"]], "mon": [["05:00", "12:00"]]}, "sun 22:00–06:00 and mon 05:00–12:00 overlap"),
])
def test_bad_hours_are_said_in_words(hours: object, said: str) -> None:
    errors = check_hours(hours)
    assert len(errors) == 1
    assert errors[0].startswith(said)


def test_every_error_in_the_hours_is_told_at_once() -> None:
    assert len(check_hours({"mon": [["8:00", "17:00"], ["18:00"]], "holiday": []})) == 3


_times = st.integers(0, 23).flatmap(lambda h: st.sampled_from([f"{h:02}:00", f"{h:02}:30", f"{h:02}:59"]))
_weeks = st.dictionaries(st.sampled_from(DAYS), st.lists(st.tuples(_times, st.one_of(_times, st.just("24:00"))).filter(
    lambda span: span[0] != span[1]), max_size=3), max_size=7)
_zones = st.sampled_from([ZURICH, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca"])
_moments = st.one_of(
    st.integers(at("2026-01-01T00:00:00Z"), at("2028-01-01T00:00:00Z")),
    st.builds(lambda change, away: change + away, st.sampled_from([SUMMER_BEGINS, WINTER_BEGINS]),
              st.integers(-3 * DAY, DAY)),
)


def _on_the_wall(hours: dict[str, list[tuple[str, str]]], zone: str, now: int) -> bool:
    """The definition, told slowly: the text on the wall lies in a span of today, or of a night begun yesterday."""
    wall = local(now, zone)
    today, yesterday = DAYS[wall.weekday()], DAYS[(wall.weekday() - 1) % 7]
    text = f"{wall:%H:%M}"
    return any(begins <= text and (text < ends or ends < begins) for begins, ends in hours.get(today, ())) or any(
        ends < begins and text < ends for begins, ends in hours.get(yesterday, ()))


@examples(150)
@given(_weeks, _zones, _moments)
def test_open_means_what_the_clock_on_the_wall_shows(
    hours: dict[str, list[tuple[str, str]]], zone: str, now: int
) -> None:
    if not _comes_twice(zone, now):
        assert is_open(Calendar(zone, hours), now) == _on_the_wall(hours, zone, now)


def _comes_twice(zone: str, now: int) -> bool:
    day, wall = _day_and_time(zone, now)
    return wall_time(zone, day, wall, False) != wall_time(zone, day, wall, True)


def _day_and_time(zone: str, now: int) -> tuple[int, int]:
    offset = local(now, zone).utcoffset()
    assert offset is not None
    return divmod(now + round(offset.total_seconds()) * 1000, DAY)


@examples(150)
@given(_weeks, _zones, _moments)
def test_spans_begin_and_end_exactly_where_open_changes(
    hours: dict[str, list[tuple[str, str]]], zone: str, now: int
) -> None:
    spans = list(open_spans(Calendar(zone, hours), now))
    edge = now
    for begins, ends in spans:
        assert edge <= begins < ends
        assert begins == now or not is_open(Calendar(zone, hours), begins - 1)
        assert is_open(Calendar(zone, hours), begins)
        assert is_open(Calendar(zone, hours), ends - 1)
        assert ends == now + HORIZON or not is_open(Calendar(zone, hours), ends)
        edge = ends
    assert is_open(Calendar(zone, hours), now) == bool(spans and spans[0][0] == now)
    between = now + HORIZON // 3
    assert is_open(Calendar(zone, hours), between) == any(begins <= between < ends for begins, ends in spans)


@examples(100)
@given(_weeks, _zones, _moments, st.integers(0, 3000))
def test_a_promise_holds_exactly_the_open_minutes_it_was_given(
    hours: dict[str, list[tuple[str, str]]], zone: str, now: int, minutes: int
) -> None:
    promised = promise_after(Calendar(zone, hours), now, minutes * MINUTE)
    assert promised >= now + minutes * MINUTE
    if next_opening(Calendar(zone, hours), now, HORIZON) is not None and promised - now <= HORIZON:
        passed = sum(min(ends, promised) - begins for begins,
                     ends in open_spans(Calendar(zone, hours), now) if begins < promised)
        assert passed == minutes * MINUTE


def test_the_nights_of_these_tests_are_the_nights_the_clock_is_changed() -> None:
    for change, hours in ((SUMMER_BEGINS, 1), (WINTER_BEGINS, -1)):
        then = datetime.fromtimestamp(change / 1000, UTC)
        before, after = (moment.astimezone(ZoneInfo(ZURICH)).utcoffset() for moment in (
            then - timedelta(milliseconds=1), then))
        assert after == (before or timedelta()) + timedelta(hours=hours), to_iso(change)
