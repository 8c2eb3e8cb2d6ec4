"""Computes the points of a sparkline of a signal's values."""

from collections.abc import Sequence
from math import isfinite

from gateway.model import Instant, within_calendar

_MOST = 1e307  # beyond it a difference of two values is no number any more
WIDTH, HEIGHT = 96, 24  # of the SVG's view box


def points(course: Sequence[tuple[Instant, float]]) -> str:
    """The `points` of an SVG polyline, left to right in true time; "" when there is no course to draw."""
    course = [(within_calendar(at), float(max(-_MOST, min(value, _MOST)))) for at, value in course
              if isinstance(value, int) or isfinite(value)]
    if len(course) < 2 or course[0][0] >= course[-1][0]:
        return ""
    start, end = course[0][0], course[-1][0]
    low, high = min(value for _, value in course), max(value for _, value in course)
    room = HEIGHT - 4  # so that the line's own width is not cut off

    def height(value: float) -> float:
        return HEIGHT / 2 if high == low else HEIGHT - 2 - (value - low) / (high - low) * room

    return " ".join(f"{(at - start) / (end - start) * WIDTH:.1f},{height(value):.1f}" for at, value in course)
