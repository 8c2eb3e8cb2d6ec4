"""A provider's day as a line: from midnight to midnight on its own wall, whatever the clocks do that night."""

import re

import pytest

from gateway.model import HOUR, MINUTE, Instant, from_iso
from gateway.web.pages.provider.day_line import WIDTH, Bar, days, draw

ZURICH = "Europe/Zurich"
NOON = from_iso("2026-11-23T11:00:00Z")


def bar(number: int, begins: str, hours: float, kind: str = "planned") -> Bar:
    at = from_iso(f"2026-11-23T{begins}:00+01:00")
    return Bar(number, at, Instant(at + int(hours * HOUR)), kind)


def drawn(*bars: Bar, now: Instant = NOON) -> str:
    return str(draw(days(ZURICH, NOON)[0], ZURICH, bars, now))


def rects(svg: str) -> list[tuple[float, int, float]]:
    """Left, top, width."""
    found = re.findall(r'<rect class="\w+" x="([\d.]+)" y="(\d+)" width="([\d.]+)"', svg)
    return [(float(x), int(y), float(width)) for x, y, width in found]


def hours(svg: str) -> list[float]:
    return [float(x) for x in re.findall(r'<text x="([\d.]+)" y="10">', svg)]


@pytest.mark.parametrize(("now", "long"), [
    ("2026-11-23T11:00:00Z", 24), ("2026-03-29T11:00:00Z", 23), ("2026-10-25T11:00:00Z", 25),
    ("2026-10-25T22:59:59Z", 25), ("2026-10-24T22:00:00Z", 25)])
def test_a_day_is_as_long_as_it_is_there(now: str, long: int) -> None:
    today, tomorrow = days(ZURICH, from_iso(now))
    assert today[1] - today[0] == long * HOUR
    assert tomorrow[0] == today[1]
    assert tomorrow[1] - tomorrow[0] == 24 * HOUR


def test_in_the_night_in_which_the_clocks_go_forward_the_marks_stay_at_their_wall_time() -> None:
    day = days(ZURICH, from_iso("2026-03-29T11:00:00Z"))[0]
    first, second, third, *_ = hours(str(draw(day, ZURICH, [], NOON)))
    assert (second - first) * 3 == pytest.approx((third - second) * 2, abs=0.5)  # 2 hours, then 3


def test_windows_that_overlap_lie_below_one_another_and_those_that_touch_do_not() -> None:
    (_, top, _), (_, below, _), (_, again, _) = rects(drawn(bar(1, "08:00", 4), bar(2, "10:00", 4), bar(3, "12:00", 2)))
    assert top == again < below


def test_a_window_over_midnight_ends_at_the_edge_and_a_short_one_still_holds_its_number() -> None:
    (left, _, width), = rects(drawn(bar(1, "23:00", 4)))
    assert left + width <= WIDTH
    (left, _, width), = rects(drawn(Bar(1, from_iso("2026-11-23T22:50:00Z"),
                                        from_iso("2026-11-23T22:50:00Z") + 5 * MINUTE, "planned")))
    assert width >= 14
    assert left + width <= WIDTH


def test_now_is_marked_on_today_only() -> None:
    assert 'class="now"' in drawn()
    assert 'class="now"' not in str(draw(days(ZURICH, NOON)[1], ZURICH, [], NOON))
