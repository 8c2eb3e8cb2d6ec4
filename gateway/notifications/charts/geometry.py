"""Where on a chart of one signal everything stands, whoever draws it: its axes, its line, its thresholds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, isfinite, log10
from typing import NamedTuple

from gateway.model import DAY, HOUR, MINUTE, Instant, local
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.format_values import number

_STEPS = (MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR,
          12 * HOUR, DAY)
_GAP = 5  # times the usual distance of two readings: the line is broken, nothing is known in between
_MOST = 1e15  # beyond it nobody reads a chart

Course = Sequence[tuple[Instant, float]]  # oldest first


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


class Frame(NamedTuple):
    """The size of a chart, and the room around its plot."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int


@dataclass(frozen=True)
class ChartFacts:
    """What one chart shows."""

    title: str  # for who cannot see it: what was measured, between which values
    unit: str
    course: Course
    since: Instant
    until: Instant
    zone: str
    thresholds: Sequence[Threshold] = ()
    spans: Sequence[Span] = ()
    say: TimeFormat | None = None  # the reader's; None: English


class Scale(NamedTuple):
    """From time and value to the place in the frame."""

    since: Instant
    until: Instant
    low: float
    high: float
    frame: Frame

    @property
    def right(self) -> int:
        return self.frame.width - self.frame.right

    @property
    def bottom(self) -> int:
        return self.frame.height - self.frame.bottom

    @property
    def plot_w(self) -> int:
        return self.right - self.frame.left

    @property
    def plot_h(self) -> int:
        return self.bottom - self.frame.top

    def x(self, at: Instant) -> float:
        inside = min(max(at, self.since), self.until)
        return self.frame.left + (inside - self.since) / (self.until - self.since) * self.plot_w

    def y(self, value: float) -> float:
        return self.bottom - (value - self.low) / (self.high - self.low) * self.plot_h


class Plot(NamedTuple):
    """What can be drawn of a chart."""

    scale: Scale
    axis: Sequence[float]  # round values, at each of which a line goes across
    course: Course  # what of it lies in the frame, and can be drawn


def plot(facts: ChartFacts, frame: Frame) -> Plot | None:
    """None when there is no course to draw."""
    course = [(at, float(value)) for at, value in facts.course
              if facts.since <= at <= facts.until and isfinite(value) and abs(value) <= _MOST]
    if len(course) < 2 or facts.since >= facts.until:
        return None
    values = [value for _, value in course] + [one.value for one in facts.thresholds]
    axis = _axis(min(values), max(values))
    return Plot(Scale(facts.since, facts.until, axis[0], axis[-1], frame), axis, course)


def _axis(low: float, high: float) -> list[float]:
    """Round values from below the lowest to above the highest: three to six of them."""
    if high - low < 1e-9 * max(1.0, abs(high)):
        low, high = low - max(1.0, abs(low) * .1), high + max(1.0, abs(high) * .1)
    step = 10.0 ** floor(log10((high - low) / 3))
    step *= next(times for times in (1, 2, 5, 10) if (high - low) / (step * times) <= 4)
    return [number * step for number in range(floor(low / step), ceil(high / step) + 1)]


def axis_label(value: float, axis: Sequence[float], say: TimeFormat | None) -> str:
    """A round value as it is written at the axis."""
    decimals = max(0, -floor(log10(axis[1] - axis[0]) + 1e-9))
    if say is None:
        return f"{value:.{decimals}f}"
    return number(value, say.catalogue.locale, "#,##0." + "0" * decimals if decimals else "#,##0")


def times_between(facts: ChartFacts, ticks: int) -> Iterator[Instant]:
    """Full hours or minutes at the site, about `ticks` of them at most."""
    length = facts.until - facts.since
    step = next((one for one in _STEPS if length / one <= ticks), ceil(length / ticks / DAY) * DAY)
    yield from _round_hours(facts.since, facts.until, step, facts.zone)


def _round_hours(since: Instant, until: Instant, step: int, zone: str) -> Iterator[Instant]:
    """Full hours there, also where the clocks are changed in between."""
    at = since - since % MINUTE + MINUTE
    while at <= until:
        there = local(at, zone)
        if (there.hour * HOUR + there.minute * MINUTE) % step == 0:
            yield at
        at += MINUTE


def pieces(course: Course, scale: Scale) -> Iterator[list[tuple[float, float]]]:
    """The places of the line, thinned, broken where nothing was heard for long; a reading alone is one place."""
    course = _thinned(course, scale)
    apart = sorted(later - earlier for (earlier, _), (later, _) in pairwise(course))
    usual = max(apart[len(apart) // 2], (scale.until - scale.since) // scale.plot_w)
    piece: list[tuple[Instant, float]] = []
    for at, value in [*course, (scale.until + DAY * 999, 0.0)]:
        if piece and at - piece[-1][0] > _GAP * usual:
            yield [(scale.x(one), scale.y(height)) for one, height in piece]
            piece = []
        piece.append((at, value))


def _thinned(course: Course, scale: Scale) -> list[tuple[Instant, float]]:
    """Of each two pixels the first, the lowest, the highest and the last: peaks stay."""
    columns: dict[int, list[tuple[Instant, float]]] = {}
    for one in course:
        columns.setdefault(int(scale.x(one[0]) / 2), []).append(one)
    kept: list[tuple[Instant, float]] = []
    for ones in columns.values():
        marked = {ones[0], min(ones, key=lambda one: one[1]), max(ones, key=lambda one: one[1]), ones[-1]}
        kept += sorted(marked)
    return kept
