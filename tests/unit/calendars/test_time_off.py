"""Time off as a firm enters it: what can be entered, how it is kept, and that a file's open days do not undo it."""

from datetime import date

import pytest

from gateway.calendars.days_off import days_off
from gateway.calendars.time_off import MOST, BadTimeOff, TimeOff, beside, entries, with_entry, without_entry

TODAY = date(2026, 11, 23)
FIRST_DAY = date(1970, 1, 1).toordinal()


def number(day: date) -> int:
    return day.toordinal() - FIRST_DAY


def off(key: str, first: date, last: date | None = None, reason: str = "") -> TimeOff:
    return TimeOff(key, first, last or first, reason)


def test_the_same_days_again_are_one_entry_and_others_are_kept() -> None:
    once = with_entry([], off("A-1", date(2026, 12, 24), date(2026, 12, 27), "Christmas"), TODAY)
    assert with_entry(once, off("A-2", date(2026, 12, 24), date(2026, 12, 27)), TODAY) == once
    both = with_entry(once, off("A-3", date(2026, 11, 30)), TODAY)
    assert [one.id for one in entries(both, TODAY)] == ["A-3", "A-1"]
    assert [one["id"] for one in without_entry(both, "A-3", TODAY)] == ["A-1"]


def test_what_is_long_over_is_forgotten_with_its_reason() -> None:
    old = [off("A-1", date(2026, 10, 23), reason="At the dentist").stored()]
    assert entries(old, date(2026, 11, 22))
    assert not entries(old, TODAY)
    assert "dentist" not in str(with_entry(old, off("A-2", TODAY), TODAY))


@pytest.mark.parametrize(("first", "last"), [
    (date(2026, 11, 25), date(2026, 11, 24)), (date(2026, 11, 20), date(2026, 11, 22)),
    (date(2026, 12, 1), date(2027, 12, 2)), (date(2028, 12, 1), date(2028, 12, 2))])
def test_days_that_cannot_be_entered(first: date, last: date) -> None:
    with pytest.raises(BadTimeOff):
        with_entry([], off("A-1", first, last), TODAY)


def test_there_is_an_end_to_how_many_there_can_be() -> None:
    stored: list[dict[str, str]] = []
    for count in range(MOST):
        stored = with_entry(stored, off(f"A-{count}", date.fromordinal(TODAY.toordinal() + count)), TODAY)
    with pytest.raises(BadTimeOff):
        with_entry(stored, off("A-X", date(2027, 6, 1)), TODAY)


def test_they_hold_beside_the_days_of_the_file_and_its_open_days_do_not_undo_them() -> None:
    file = days_off({"country": "DE", "open": ["2026-12-25"], "closed": ["2026-12-30"]})
    entered = [off("A-1", date(2026, 12, 25), date(2026, 12, 27)).stored()]
    both = beside(file, entered)
    assert [both.includes(number(date(2026, 12, day))) for day in (24, 25, 26, 27, 28, 30)] == [
        False, True, True, True, False, True]
    assert not beside(file, []).includes(number(date(2026, 12, 25)))
