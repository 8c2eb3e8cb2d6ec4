"""Weekly opening hours and quiet hours in a time zone: open now, next opening, open time added to a moment."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from gateway.model.instant import DAY, MINUTE, Instant, within_calendar

Hours = Mapping[str, Sequence[Sequence[str]]]
"""{"mon": [["08:00", "12:00"], ["13:00", "17:00"]], "sat": [["22:00", "06:00"]]}: a span that ends at or before its
beginning ends the next day, "24:00" is the midnight that ends a day, a missing day is closed."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON = 8 * DAY  # a weekly opening comes round within 7 days; a clock change may hide one, so look one day further

_Span = tuple[Instant, Instant]  # from (inclusive) until (exclusive)
_TIME = re.compile(r"(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


def is_open(hours: Hours, zone: str, now: Instant) -> bool:
    """Whether the wall clock in `zone` stands inside a span. In an hour that comes twice, both passes count."""
    wall = now + _offset(ZoneInfo(zone), now)
    return any(opens <= wall < closes for opens, closes in _wall_spans(hours, wall, wall))


def next_opening(hours: Hours, zone: str, now: Instant) -> Instant | None:
    """`now` when open, else when it next opens; None when that is not within 8 days."""
    first = next(open_spans(hours, zone, now), None)
    return first[0] if first else None


def add_open_time(hours: Hours | None, zone: str, now: Instant, minutes: int) -> Instant:
    """When `minutes` of opening time have passed from `now`. No hours, or hours that never open, count as always open:
    a promise needs some time, and a late one is seen by the dispatcher while a missing one is seen by nobody."""
    if hours is None:
        return now + minutes * MINUTE
    left, since = minutes * MINUTE, now
    while True:
        opened = False
        for begins, ends in open_spans(hours, zone, since):
            if left <= ends - begins:
                return begins + left
            left, opened = left - (ends - begins), True
        if not opened:
            return now + minutes * MINUTE
        since += HORIZON


def quiet_until(quiet_from: str | None, quiet_to: str | None, zone: str, now: Instant) -> Instant | None:
    """When the quiet span that `now` lies in ends; None outside it. A span without length, or half a span, is none."""
    if quiet_from is None or quiet_to is None or quiet_from == quiet_to:
        return None
    every_day = dict.fromkeys(DAYS, ((quiet_from, quiet_to),))
    first = next(open_spans(every_day, zone, now, 2 * DAY), None)
    return first[1] if first and first[0] == now else None


def open_spans(hours: Hours, zone: str, since: Instant, horizon: int = HORIZON) -> Iterator[_Span]:
    """The open spans within `horizon` ms from `since`, in order, cut at both ends; spans that touch are one."""
    held: _Span | None = None
    for begins, ends, offset in _stretches(ZoneInfo(zone), since, since + horizon):
        for wall_begins, wall_ends in sorted(_wall_spans(hours, begins + offset, ends + offset)):
            opens, closes = max(wall_begins - offset, begins), min(wall_ends - offset, ends)
            if opens >= closes:
                continue
            if held is not None and opens <= held[1]:
                held = held[0], max(held[1], closes)
                continue
            if held is not None:
                yield held
            held = opens, closes
        if held is not None and held[1] < ends:
            yield held
            held = None
    if held is not None:
        yield held


def check_hours(hours: object) -> list[str]:
    """Every error in words; empty when the hours can be used."""
    if not isinstance(hours, Mapping):
        return [f"{hours!r} — expected days with spans, e.g. mon: [[\"08:00\", \"17:00\"]]"]
    errors: list[str] = []
    week: list[tuple[int, int, str]] = []
    for day, spans in hours.items():
        if day not in DAYS:
            errors.append(f"{day!r} is no day — expected one of {', '.join(DAYS)}")
        elif isinstance(spans, str) or not isinstance(spans, Sequence):
            errors.append(f"{day}: {spans!r} — expected a list of spans, e.g. [[\"08:00\", \"17:00\"]]")
        else:
            for span in spans:
                wrong = _wrong_span(span)
                if wrong:
                    errors.append(f"{day}: {wrong}")
                else:
                    start = DAYS.index(day) * DAY
                    week += [(start + opens, start + closes, f"{day} {span[0]}–{span[1]}")
                             for opens, closes in _day_spans([span])]
    return errors + list(_overlaps(week))


def _wrong_span(span: object) -> str | None:
    if isinstance(span, str) or not isinstance(span, Sequence) or len(span) != 2:
        return f"{span!r} — expected a span of two times, e.g. [\"08:00\", \"17:00\"]"
    for time in span:
        if not isinstance(time, str) or not _TIME.fullmatch(time):
            return f"{time!r} — expected a time in quotes from \"00:00\" to \"24:00\", e.g. \"08:00\""
    if span[0] == "24:00":
        return "begins \"24:00\" — expected \"00:00\" on the next day"
    if span[0] == span[1]:
        return f"{span[0]}–{span[1]} has no length — expected another end (\"00:00\"–\"24:00\" is the whole day)"
    if span[1] == "23:59":
        return "ends \"23:59\", which leaves out the day's last minute — expected \"24:00\""
    return None


def _overlaps(week: list[tuple[int, int, str]]) -> Iterator[str]:
    """Sunday's last span may run into Monday's first, so the week's first span is looked at again after its last."""
    ordered = sorted(week)
    if len(ordered) > 1:
        first = ordered[0]
        ordered.append((first[0] + 7 * DAY, first[1] + 7 * DAY, first[2]))
    for earlier, later in pairwise(ordered):
        if later[0] < earlier[1]:
            yield f"{earlier[2]} and {later[2]} overlap — expected spans that do not"


def _stretches(zone: ZoneInfo, since: Instant, until: Instant) -> Iterator[tuple[Instant, Instant, int]]:
    """`since`…`until` in pieces of at most a day in which the clock is not changed, each with its UTC offset in ms."""
    offset = _offset(zone, since)
    while since < until:
        end = min(since + DAY, until)
        after = _offset(zone, end)
        if after != offset:
            end = _clock_change(zone, since, end, offset)
            after = _offset(zone, end)
        yield since, end, offset
        since, offset = end, after


def _clock_change(zone: ZoneInfo, before: Instant, after: Instant, offset: int) -> Instant:
    """The first instant between that no longer has `offset`."""
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


@lru_cache(maxsize=4096)  # a ranking asks the same few instants for every provider
def _offset(zone: ZoneInfo, at: Instant) -> int:
    """What the wall clock is ahead of UTC, in ms."""
    offset = datetime.fromtimestamp(within_calendar(at) / 1000, zone).utcoffset()
    assert offset is not None  # a ZoneInfo always knows
    return offset.days * DAY + offset.seconds * 1000


def _wall_spans(hours: Hours, wall_from: int, wall_until: int) -> Iterator[tuple[int, int]]:
    """The spans near two wall times (ms since 1970-01-01 00:00 on the wall), those begun the day before included."""
    for day in range(wall_from // DAY - 1, wall_until // DAY + 1):
        spans = hours.get(DAYS[(day + 3) % 7])  # day 0, 1970-01-01, was a Thursday
        if spans:
            midnight = day * DAY
            for opens, closes in _day_spans(spans):
                yield midnight + opens, midnight + closes


def _day_spans(spans: Iterable[Sequence[str]]) -> Iterator[tuple[int, int]]:
    for begins, ends in spans:
        opens, closes = _of_day(begins), _of_day(ends)
        yield opens, closes if closes > opens else closes + DAY


@lru_cache(maxsize=2048)
def _of_day(time: str) -> int:
    """"08:30" → ms since local midnight; raises ValueError for what is no time of day."""
    found = _TIME.fullmatch(time)
    if not found:
        raise ValueError(f"{time!r} is not a time of day; expected 00:00 to 24:00")
    return DAY if found[1] is None else (int(found[1]) * 60 + int(found[2])) * MINUTE
