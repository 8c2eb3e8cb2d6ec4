"""Days off: holidays of a country and its parts, days that an operator adds or takes away, and what is refused."""

from datetime import date

import pytest

from gateway.calendars.days_off import DaysOff, check_days_off, days_off

_FIRST = date(1970, 1, 1).toordinal()


def off(days: DaysOff, *on: str) -> list[bool]:
    return [days.includes(date.fromisoformat(day).toordinal() - _FIRST) for day in on]


def test_christmas_is_a_holiday_and_christmas_eve_is_not() -> None:
    assert off(DaysOff("DE"), "2026-12-24", "2026-12-25") == [False, True]


def test_scotland_works_on_easter_monday_and_england_does_not() -> None:
    assert off(DaysOff("GB", "ENG"), "2026-04-06") == [True]
    assert off(DaysOff("GB", "SCT"), "2026-04-06") == [False]


def test_the_assumption_of_mary_is_a_holiday_in_catholic_bavaria_only() -> None:
    assert off(DaysOff("DE", "BY"), "2026-08-15") == [False]
    assert off(DaysOff("DE", "BY", ("catholic",)), "2026-08-15") == [True]


def test_an_operator_adds_christmas_eve_and_takes_away_a_holiday() -> None:
    own = days_off({"country": "DE", "closed": ["2026-12-24"], "open": ["2026-10-03"]})
    assert off(own, "2026-12-24", "2026-10-03", "2026-12-25") == [True, False, True]


def test_one_year_asked_after_another_gets_its_own_holidays() -> None:
    good_friday = ["2025-04-18", "2026-04-03", "2027-03-26"]
    assert off(DaysOff("DE"), *good_friday, *reversed(good_friday)) == [True] * 6


def test_a_firm_without_a_country_has_only_its_own_days_off() -> None:
    assert off(days_off({"closed": ["2026-07-01"]}), "2026-07-01", "2026-12-25") == [True, False]


@pytest.mark.parametrize(("written", "said"), [
    ({"country": "GER"}, "country: 'GER' — expected an ISO code (did you mean GR?), e.g. DE"),
    ({"country": "DE", "subdivision": "ZH"}, "subdivision: 'ZH' is none of DE — expected one of BB, BE"),
    ({"country": "DE", "categories": ["catholik"]}, "categories.0: 'catholik' is none of DE — expected some of cath"),
    ({"subdivision": "BY"}, "a subdivision or a category needs its country"),
    ({"closed": ["24.12.2026"]}, "closed.0: '24.12.2026' is no date — expected e.g. 2026-12-24"),
    ({"open": ["01/06/2026"]}, "open.0: '01/06/2026' is no date"),
    ({"holidays": True}, "holidays: no such field — expected country, subdivision"),
    (["DE"], "expected e.g. country: DE"),
])
def test_what_is_wrong_with_days_off_is_said_in_words(written: object, said: str) -> None:
    ((way, error),) = check_days_off(written)
    assert said in f"{'.'.join(map(str, way))}: {error}"


def test_good_days_off_are_good() -> None:
    assert check_days_off({"country": "CH", "subdivision": "ZH", "closed": [date(2026, 4, 20)]}) == []
