"""Draws one signal around a fault, with thresholds, alarms and outages, in the time of the site."""

from collections.abc import Iterable, Iterator, Sequence

from markupsafe import Markup

from gateway.model import local
from gateway.notifications.charts.geometry import (
    ChartFacts,
    Course,
    Frame,
    Scale,
    Threshold,
    axis_label,
    pieces,
    plot,
    times_between,
)

WIDTH, HEIGHT = 760, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 14, 34, 34  # of the plot: axis values, spans' names, hours
_PLOT_H = HEIGHT - _TOP - _BOTTOM
NARROW = 300  # on a phone, where a wide chart would be scaled until nobody can read it
_PER_TICK = 95  # pixels of the time axis, at least
_DIGIT = 7.6  # width of one character of 13 px, about


def draw(facts: ChartFacts, width: int = WIDTH) -> Markup | None:
    """None when there is no course to draw."""
    drawn = plot(facts, Frame(width, HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM))
    if drawn is None:
        return None
    scale, axis, course = drawn
    parts = [*_value_axis(axis, facts, scale), *_time_axis(facts, scale), *_spans(facts, scale),
             *_thresholds(facts.thresholds, course, scale), *_line(course, scale)]
    return Markup('<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {} {}" role="img" '
                  'aria-label="{}">{}</svg>').format(width, HEIGHT, facts.title, Markup("").join(parts))


def _value_axis(axis: Sequence[float], facts: ChartFacts, scale: Scale) -> Iterator[Markup]:
    for value in axis:
        y = scale.y(value)
        yield Markup('<line class="grid" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>').format(
            _LEFT, scale.right, y=y)
        yield Markup('<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(
            _LEFT - 6, y + 4, axis_label(value, axis, facts.say))
    if facts.unit:
        yield Markup('<text class="tick" x="2" y="{}">{}</text>').format(
            _TOP - 9, facts.unit)  # at the edge: the names of spans may begin far to the left


def _time_axis(facts: ChartFacts, scale: Scale) -> Iterator[Markup]:
    shown_day = ""
    for at in times_between(facts, scale.plot_w // _PER_TICK):
        there, x = local(at, facts.zone), scale.x(at)
        yield Markup('<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{}" y2="{}"/>').format(
            _TOP, _TOP + _PLOT_H, x=x)
        yield Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
            min(x, scale.frame.width - 20), HEIGHT - 19, f"{there:%H:%M}")
        day = f"{there:%a} {there.day} {there:%b}" if facts.say is None else facts.say.weekday(at)
        if day != shown_day:
            shown_day = day
            yield Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
                min(max(x, _LEFT + 30), scale.frame.width - 36), HEIGHT - 5, day)


def _spans(facts: ChartFacts, scale: Scale) -> Iterator[Markup]:
    taken: list[float] = []  # where the names in each row end
    for span in sorted(facts.spans, key=lambda one: (one.since, one.name)):
        until = facts.until if span.until is None else span.until
        if until < facts.since or span.since > facts.until:
            continue
        x, width = scale.x(span.since), max(scale.x(until) - scale.x(span.since), 2)
        yield Markup('<rect class="span {}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>').format(
            span.kind, x, _TOP, width, _PLOT_H)
        if span.since >= facts.since:
            yield Markup('<line class="begin {}" x1="{x:.1f}" x2="{x:.1f}" y1="{}" y2="{}"/>').format(
                span.kind, _TOP - 4, _TOP + _PLOT_H, x=x)
        needed = len(span.name) * _DIGIT + 8
        left = min(x, scale.right - needed)
        row = next((number for number, end in enumerate(taken) if end <= left), len(taken))
        taken[row:row + 1] = [left + needed]
        if row < 2:  # of more than two at once the others are named below the chart
            at, anchor = (left + 3, "start") if left == x else (scale.right, "end")
            yield Markup('<text class="name {}" x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
                span.kind, at, _TOP - 21 + row * 14, anchor, span.name)


def _thresholds(thresholds: Iterable[Threshold], course: Course, scale: Scale
                ) -> Iterator[Markup]:
    """Each is named at the end where the course is farther away from it."""
    for one in thresholds:
        at_left = abs(course[0][1] - one.value) > abs(course[-1][1] - one.value)
        y = scale.y(one.value)
        yield Markup('<line class="threshold" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>').format(
            _LEFT, scale.right, y=y)
        yield Markup('<text class="name threshold" x="{}" y="{:.1f}" text-anchor="{}">{}</text>').format(
            _LEFT + 6 if at_left else scale.right - 4, y - 5 if y > _TOP + 16 else y + 14,
            "start" if at_left else "end", one.name)


def _line(course: Course, scale: Scale) -> Iterator[Markup]:
    for piece in pieces(course, scale):
        if len(piece) > 1:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in piece)
            yield Markup('<polyline class="course" points="{}"/>').format(points)
        else:
            yield Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="2"/>').format(*piece[0])
