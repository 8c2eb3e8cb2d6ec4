"""The chart around a fault: a line that breaks where nothing was heard, round values, full hours of the site."""

import re

from gateway.model import DAY, HOUR, MINUTE, Instant, from_iso
from gateway.notifications.charts.geometry import ChartFacts, Span, Threshold
from gateway.web.drawing.chart import HEIGHT, WIDTH, draw

NOON = from_iso("2026-11-23T12:00:00Z")


def course(minutes: int, step: int = MINUTE, begins: Instant = NOON) -> list[tuple[Instant, float]]:
    return [(begins + number * step, 40 + number / 10) for number in range(minutes)]


def drawn(values: list[tuple[Instant, float]], zone: str = "Europe/Zurich", hours: int = 2, **more: object) -> str:
    svg = draw(ChartFacts("flow temp", "°C", values, NOON, NOON + hours * HOUR, zone, **more))  # type: ignore[arg-type]
    assert svg is not None
    return str(svg)


def numbers(svg: str) -> list[float]:
    return [float(one) for points in re.findall(r'points="([^"]+)"', svg) for one in re.split("[ ,]", points)]


def ticks(svg: str) -> list[str]:
    return re.findall(r'class="tick"[^>]*>([^<]+)<', svg)


def test_it_says_what_it_shows_and_stays_inside() -> None:
    svg = drawn(course(120), thresholds=[Threshold(45.0, "Alarm > 45 °C")],
                spans=[Span("alarm", "Too hot", NOON + HOUR, None),
                       Span("outage", "Outage U-1", NOON - HOUR, NOON + HOUR)])
    assert 'role="img" aria-label="flow temp"' in svg
    for words in ("Alarm &gt; 45 °C", "Too hot", "Outage U-1", "°C"):
        assert words in svg
    assert ticks(svg)[:4] == ["40", "45", "50", "55"]
    assert [one for one in ticks(svg) if ":" in one] == ["13:30", "14:00", "14:30", "15:00"]
    assert "Mon 23 Nov" in svg
    assert all(0 <= one <= max(WIDTH, HEIGHT) for one in numbers(svg))
    assert "style=" not in svg


def test_the_line_is_broken_where_nothing_was_heard() -> None:
    assert drawn(course(30)).count("<polyline") == 1
    assert drawn(course(30) + course(30, begins=NOON + 90 * MINUTE)).count("<polyline") == 2
    alone = drawn([*course(30), (NOON + 100 * MINUTE, 41.0)])
    assert (alone.count("<polyline"), alone.count("<circle")) == (1, 1)


def test_a_peak_of_one_second_is_still_seen_among_thousands() -> None:
    values = [(NOON + number * 1000, 40.0) for number in range(7000)]
    values[3333] = (values[3333][0], 90.0)
    svg = drawn(values)
    assert min(numbers(svg)[1::2]) < HEIGHT / 3  # near its top
    assert len(numbers(svg)) < 4000


def test_what_cannot_be_drawn_is_not() -> None:
    for values in ([], course(1), [(NOON, float("nan"))] * 5, [(NOON - DAY, 1.0), (NOON + 9 * DAY, 2.0)]):
        assert draw(ChartFacts("x", "", values, NOON, NOON + HOUR, "UTC")) is None
    assert draw(ChartFacts("x", "", course(10), NOON, NOON, "UTC")) is None
    flat = drawn([(NOON + number * MINUTE, 0.0) for number in range(60)])
    assert "<polyline" in flat
    assert "<polyline" in drawn([(NOON, -1e300), *course(10), (NOON + HOUR, float("inf"))])


def test_the_hours_are_those_of_the_site_also_where_clocks_are_changed() -> None:
    night = from_iso("2026-10-25T00:00:00Z")  # 02:00 in Zurich; at 03:00 it becomes 02:00 again
    svg = draw(ChartFacts("x", "", course(300, begins=night), night, night + 5 * HOUR, "Europe/Zurich"))
    hours = [one for one in ticks(str(svg)) if ":" in one]
    assert hours == ["02:00", "03:00", "04:00", "05:00", "06:00"]


def test_names_do_not_lie_upon_each_other() -> None:
    svg = drawn(course(120), spans=[Span("alarm", "The heat pump is overheating", NOON + HOUR, None),
                                    Span("alarm", "The device does not answer", NOON + HOUR + MINUTE, None)])
    heights = re.findall(r'class="name alarm"[^>]* y="([\d.]+)"', svg)
    assert len(set(heights)) == 2
