"""Draws one day of a provider as a line from midnight to midnight, with a numbered bar for each arrival window."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from gateway.calendars.opening_hours import Span, day_of, local_day, wall_time
from gateway.model import HOUR, Instant

WIDTH, LANE = 256, 22  # what a card has on a phone: its letters are not made smaller there
_HEAD, _EDGE = 18, 8  # above the bars, for the hours; free at each side
_LEAST = 14  # a short window still holds its number
_STEP = 3  # hours on the wall between two marks


class Bar(NamedTuple):
    """`number`: its place in the list below the line. `kind`: planned | moving | late."""

    number: int
    begins: Instant
    ends: Instant
    kind: str


def days(zone: str, now: Instant) -> tuple[Span, Span]:
    """Today and tomorrow on that wall; 23 or 25 hours long when the clocks change."""
    today = local_day(zone, now)
    return today, local_day(zone, today[1])


def draw(day: Span, zone: str, bars: Sequence[Bar], now: Instant) -> Markup:
    """Hidden from who cannot see it: the list below says the same and more."""
    scale = _Scale(day)
    drawn = list(_bars(scale, sorted(bars, key=lambda bar: (bar.begins, bar.number))))
    height = _HEAD + LANE * (1 + max((lane for lane, _ in drawn), default=0)) + 2
    at = scale.x(now) if day[0] <= now < day[1] else None
    mark = Markup('<path class="now" d="M{0:.1f} {1}V{2}"/>').format(at, _HEAD - 4, height) if at is not None else ""
    return Markup('<svg class="day-line" viewBox="0 0 {} {}" aria-hidden="true">{}{}{}</svg>').format(
        WIDTH, height, Markup("").join(_hours(scale, zone, height)), Markup("").join(bar for _, bar in drawn), mark)


class _Scale(NamedTuple):
    day: Span

    def x(self, at: Instant) -> float:
        begins, ends = self.day
        share = (min(max(at, begins), ends) - begins) / (ends - begins)
        return _EDGE + share * (WIDTH - 2 * _EDGE)


def _hours(scale: _Scale, zone: str, height: int) -> Iterator[Markup]:
    """Where the wall clock shows them: on the day of a clock change they do not lie equally far apart."""
    day = day_of(zone, scale.day[0])
    for hour in range(0, 25, _STEP):
        x = scale.x(wall_time(zone, day, hour * HOUR, last=False))
        yield Markup('<path class="hour" d="M{0:.1f} {1}V{2}"/><text x="{0:.1f}" y="10">{3:02}</text>').format(
            x, _HEAD - 4, height, hour)


def _bars(scale: _Scale, bars: Sequence[Bar]) -> Iterator[tuple[int, Markup]]:
    """Each with its lane: windows that overlap lie below one another."""
    free: list[float] = []  # where each lane's last bar ends
    for bar in bars:
        width = max(scale.x(bar.ends) - scale.x(bar.begins), _LEAST)
        left = min(scale.x(bar.begins), WIDTH - _EDGE - width)
        lane = next((number for number, end in enumerate(free) if end <= left), len(free))
        free[lane:lane + 1] = [left + width]
        y = _HEAD + lane * LANE + 2
        yield lane, Markup('<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}" rx="3"/>'
                           '<text class="number" x="{:.1f}" y="{}">{}</text>').format(
            bar.kind, left, y, width, LANE - 4, left + width / 2, y + 13, bar.number)
