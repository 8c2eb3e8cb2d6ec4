"""Opening hours of a firm, the desk, an SLA or a rule: weekly spans and days off; open now, next opening."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gateway.calendars.days_off import NEVER_OFF, DaysOff
from gateway.model.instant import DAY, MINUTE, Instant, within_calendar

Hours = Mapping[str, Sequence[Sequence[str]]]
"""{"mon": [["08:00", "12:00"], ["13:00", "17:00"]], "sat": [["22:00", "06:00"]]}: a span that ends at or before its
beginning ends the next day, "24:00" is the midnight that ends a day, a missing day is closed."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON = 8 * DAY  # a weekly opening comes round within 7 days; a clock change may hide one, so look one day further
FURTHEST = 400 * DAY  # what has not opened by then is taken never to open

Span = tuple[Instant, Instant]  # from (inclusive) until (exclusive)
_TIME = re.compile(r"(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")
_FIRST_DAY = datetime(1970, 1, 1)  # on a wall: without a zone


class Calendar(NamedTuple):
    """Weekly hours on the wall clock of a zone, without the days off. A span that began before a day off goes on."""

    zone: str  # IANA name
    hours: Hours
    days_off: DaysOff = NEVER_OFF


def is_open(calendar: Calendar, now: Instant) -> bool:
    """Whether `now` lies in a span: from its first moment until the last before its end."""
    today = day_of(calendar.zone, now)
    return any(opens <= now < closes for day in (today - 1, today) for opens, closes in _spans_of(calendar, day))


def next_opening(calendar: Calendar, now: Instant, horizon: int = FURTHEST) -> Instant | None:
    """`now` when open, else when it next opens; None when that is not within `horizon` ms."""
    first = next(open_spans(calendar, now, horizon), None)
    return first[0] if first else None


def local_day(zone: str, now: Instant) -> Span:
    """The day on the wall that `now` lies in, from its midnight to the next."""
    day = day_of(zone, now)
    return wall_time(zone, day, 0, False), wall_time(zone, day + 1, 0, False)


def quiet_until(quiet_from: str | None, quiet_to: str | None, zone: str, now: Instant) -> Instant | None:
    """When the quiet span that `now` lies in ends; None outside it. A span without length, or half a span, is none."""
    if quiet_from is None or quiet_to is None or quiet_from == quiet_to:
        return None
    every_day = Calendar(zone, dict.fromkeys(DAYS, ((quiet_from, quiet_to),)))
    first = next(open_spans(every_day, now, 2 * DAY), None)
    return first[1] if first and first[0] == now else None


def next_time_of_day(time: str, zone: str, now: Instant) -> Instant:
    """When the wall clock next shows `time`, after `now`; where it skips it, the moment at which it jumps."""
    today = day_of(zone, now)
    return next(at for at in (wall_time(zone, today + ahead, _of_day(time), False) for ahead in range(3)) if at > now)


def zone_exists(name: str) -> bool:
    """Whether a person may have meant a time zone by it; no name of one is longer than 64 characters."""
    try:
        return len(name) <= 64 and name != "" and ZoneInfo(name).key == name
    except (ValueError, OSError, LookupError):
        return False


def open_spans(calendar: Calendar, since: Instant, horizon: int = HORIZON) -> Iterator[Span]:
    """The open spans within `horizon` ms from `since`, in order, cut at both ends; spans that touch are one."""
    if not calendar.hours:
        return
    until = since + horizon
    held: Span | None = None
    for day in range(day_of(calendar.zone, since) - 1, day_of(calendar.zone, until) + 1):
        for begins, ends in sorted(_spans_of(calendar, day)):
            opens, closes = max(begins, since), min(ends, until)
            if opens >= closes:
                continue
            if held is None:
                held = opens, closes
            elif opens <= held[1]:
                held = held[0], max(held[1], closes)
            else:
                yield held
                held = opens, closes
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


def _spans_of(calendar: Calendar, day: int) -> Iterator[Span]:
    """The spans that begin on that day (0 = 1970-01-01), as instants. A time that the clock skips is the moment at
    which it jumps; of a time that comes twice a span opens at the first and closes at the second."""
    spans = calendar.hours.get(DAYS[(day + 3) % 7])  # day 0 was a Thursday
    if spans and not calendar.days_off.includes(day):
        for opens, closes in _day_spans(spans):
            span = wall_time(calendar.zone, day, opens, False), wall_time(calendar.zone, day, closes, True)
            if span[0] < span[1]:
                yield span


@lru_cache(maxsize=65_536)  # a ranking and a sweep ask the same few for every firm
def wall_time(zone: str, day: int, since_midnight: int, last: bool) -> Instant:
    """The instant at which the wall clock shows the time `since_midnight` ms after that day's 00:00 (day 0 =
    1970-01-01): of two the `last` or the first, of none the moment at which the clock jumps over it."""
    wall = _FIRST_DAY + timedelta(days=day, milliseconds=since_midnight)
    place = ZoneInfo(zone)
    first, second = (_instant(wall.replace(tzinfo=place, fold=fold)) for fold in (0, 1))
    if second < first:  # the clock skips it: each reading uses the offset of the other side
        return _jump(place, second, first)
    return second if last else first


def _jump(zone: ZoneInfo, before: Instant, after: Instant) -> Instant:
    """The first instant after `before` at which the clock of `after` holds."""
    offset = _offset(zone, after)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            after = middle
        else:
            before = middle
    return after


def _instant(at: datetime) -> Instant:
    return round(at.timestamp() * 1000)


def day_of(zone: str, at: Instant) -> int:
    """The day on the wall, counted from 1970-01-01."""
    return (within_calendar(at) + _offset(ZoneInfo(zone), at)) // DAY


@lru_cache(maxsize=4096)  # a ranking asks the same few instants for every provider
def _offset(zone: ZoneInfo, at: Instant) -> int:
    """What the wall clock is ahead of UTC, in ms."""
    offset = datetime.fromtimestamp(within_calendar(at) / 1000, zone).utcoffset()
    assert offset is not None  # a ZoneInfo always knows
    return offset.days * DAY + offset.seconds * 1000


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
