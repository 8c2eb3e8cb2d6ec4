"""Draws one signal around a fault, with thresholds, alarms and outages, in the time of the site."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, isfinite, log10
from typing import NamedTuple

from markupsafe import Markup

from gateway.model import DAY, HOUR, MINUTE, Instant, local
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.format_values import number

WIDTH, HEIGHT = 760, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 14, 34, 34  # of the plot: axis values, spans' names, hours
_PLOT_H = HEIGHT - _TOP - _BOTTOM
NARROW = 300  # on a phone, where a wide chart would be scaled until nobody can read it
_STEPS = (MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR,
          12 * HOUR, DAY)
_PER_TICK = 95  # pixels of the time axis, at least
_GAP = 5  # times the usual distance of two readings: the line is broken, nothing is known in between
_MOST = 1e15  # beyond it nobody reads a chart
_DIGIT = 7.6  # width of one character of 13 px, about


class Span(NamedTuple):
    """When something held; `until` None: it still does."""

    kind: str  # alarm | outage
    name: str
    since: Instant
    until: Instant | None


class Threshold(NamedTuple):
    """A value that a rule compares with."""

    value: float
    name: str  # as it is written at the line, with its unit


@dataclass(frozen=True)
class ChartFacts:
    """What one chart shows."""

    title: str  # for who cannot see it: what was measured, between which values
    unit: str
    course: Sequence[tuple[Instant, float]]  # oldest first
    since: Instant
    until: Instant
    zone: str
    thresholds: Sequence[Threshold] = ()
    spans: Sequence[Span] = ()
    width: int = WIDTH
    say: TimeFormat | None = None  # the reader's; None: English


def draw(facts: ChartFacts) -> Markup | None:
    """None when there is no course to draw."""
    course = [(at, float(value)) for at, value in facts.course
              if facts.since <= at <= facts.until and isfinite(value) and abs(value) <= _MOST]
    if len(course) < 2 or facts.since >= facts.until:
        return None
    values = [value for _, value in course] + [one.value for one in facts.thresholds]
    axis = _axis(min(values), max(values))
    scale = _Scale(facts.since, facts.until, axis[0], axis[-1], facts.width)
    parts = [*_value_axis(axis, facts, scale), *_time_axis(facts, scale), *_spans(facts, scale),
             *_thresholds(facts.thresholds, course, scale), *_line(_thinned(course, scale), scale)]
    return Markup('<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {} {}" role="img" '
                  'aria-label="{}">{}</svg>').format(facts.width, HEIGHT, facts.title, Markup("").join(parts))


class _Scale(NamedTuple):
    since: Instant
    until: Instant
    low: float
    high: float
    width: int

    @property
    def right(self) -> int:
        return self.width - _RIGHT

    @property
    def plot_w(self) -> int:
        return self.right - _LEFT

    def x(self, at: Instant) -> float:
        inside = min(max(at, self.since), self.until)
        return _LEFT + (inside - self.since) / (self.until - self.since) * self.plot_w

    def y(self, value: float) -> float:
        return _TOP + _PLOT_H - (value - self.low) / (self.high - self.low) * _PLOT_H


def _axis(low: float, high: float) -> list[float]:
    """Round values from below the lowest to above the highest: three to six of them."""
    if high - low < 1e-9 * max(1.0, abs(high)):
        low, high = low - max(1.0, abs(low) * .1), high + max(1.0, abs(high) * .1)
    step = 10.0 ** floor(log10((high - low) / 3))
    step *= next(times for times in (1, 2, 5, 10) if (high - low) / (step * times) <= 4)
    return [number * step for number in range(floor(low / step), ceil(high / step) + 1)]


def _value_axis(axis: Sequence[float], facts: ChartFacts, scale: _Scale) -> Iterator[Markup]:
    decimals = max(0, -floor(log10(axis[1] - axis[0]) + 1e-9))
    for value in axis:
        y = scale.y(value)
        yield Markup('<line class="grid" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>').format(
            _LEFT, scale.right, y=y)
        yield Markup('<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(
            _LEFT - 6, y + 4, f"{value:.{decimals}f}" if facts.say is None else number(
                value, facts.say.catalogue.locale, "#,##0." + "0" * decimals if decimals else "#,##0"))
    if facts.unit:
        yield Markup('<text class="tick" x="2" y="{}">{}</text>').format(
            _TOP - 9, facts.unit)  # at the edge: the names of spans may begin far to the left


def _time_axis(facts: ChartFacts, scale: _Scale) -> Iterator[Markup]:
    length = facts.until - facts.since
    ticks = scale.plot_w // _PER_TICK
    step = next((one for one in _STEPS if length / one <= ticks), ceil(length / ticks / DAY) * DAY)
    shown_day = ""
    for at in _round_hours(facts.since, facts.until, step, facts.zone):
        there, x = local(at, facts.zone), scale.x(at)
        yield Markup('<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{}" y2="{}"/>').format(
            _TOP, _TOP + _PLOT_H, x=x)
        yield Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
            min(x, scale.width - 20), HEIGHT - 19, f"{there:%H:%M}")
        day = f"{there:%a} {there.day} {there:%b}" if facts.say is None else facts.say.weekday(at)
        if day != shown_day:
            shown_day = day
            yield Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
                min(max(x, _LEFT + 30), scale.width - 36), HEIGHT - 5, day)


def _round_hours(since: Instant, until: Instant, step: int, zone: str) -> Iterator[Instant]:
    """Full hours there, also where the clocks are changed in between."""
    at = since - since % MINUTE + MINUTE
    while at <= until:
        there = local(at, zone)
        if (there.hour * HOUR + there.minute * MINUTE) % step == 0:
            yield at
        at += MINUTE


def _spans(facts: ChartFacts, scale: _Scale) -> Iterator[Markup]:
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


def _thresholds(thresholds: Iterable[Threshold], course: Sequence[tuple[Instant, float]], scale: _Scale
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


def _line(course: Sequence[tuple[Instant, float]], scale: _Scale) -> Iterator[Markup]:
    """Broken where nothing was heard for long; a reading alone is a dot."""
    apart = sorted(later - earlier for (earlier, _), (later, _) in pairwise(course))
    usual = max(apart[len(apart) // 2], (scale.until - scale.since) // scale.plot_w)
    piece: list[tuple[Instant, float]] = []
    for at, value in [*course, (scale.until + DAY * 999, 0.0)]:
        if piece and at - piece[-1][0] > _GAP * usual:
            points = " ".join(f"{scale.x(one):.1f},{scale.y(height):.1f}" for one, height in piece)
            if len(piece) > 1:
                yield Markup('<polyline class="course" points="{}"/>').format(points)
            else:
                yield Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="2"/>').format(
                    scale.x(piece[0][0]), scale.y(piece[0][1]))
            piece = []
        piece.append((at, value))


def _thinned(course: Sequence[tuple[Instant, float]], scale: _Scale) -> list[tuple[Instant, float]]:
    """Of each two pixels the first, the lowest, the highest and the last: peaks stay."""
    columns: dict[int, list[tuple[Instant, float]]] = {}
    for one in course:
        columns.setdefault(int(scale.x(one[0]) / 2), []).append(one)
    kept: list[tuple[Instant, float]] = []
    for ones in columns.values():
        marked = {ones[0], min(ones, key=lambda one: one[1]), max(ones, key=lambda one: one[1]), ones[-1]}
        kept += sorted(marked)
    return kept
