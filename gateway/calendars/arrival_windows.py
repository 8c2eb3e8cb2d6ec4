"""Proposes arrival windows for a visit, and parses a time that a provider typed."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from gateway.calendars.opening_hours import DAYS, Calendar, Span, local_day, open_spans
from gateway.model.instant import DAY, HOUR, MINUTE, Instant, local, round_up

Window = tuple[Instant, Instant]

LONGEST = 4  # hours: what people can be asked to stay at home for (UK energy suppliers and 47 CFR 76.309 say the same)
FAR = 14 * DAY  # a window that begins later is asked back: mostly a slip of the finger
NIGHT = ("21:00", "07:00")  # of a customer who has named no quiet hours
_CHOICES = 3
_STEP = 30 * MINUTE
_SHORTEST = 2 * HOUR  # what is left of a day and shorter is not proposed
_LUNCH = 90 * MINUTE  # somebody who closes no longer than this still comes within a window around it


def proposed_windows(now: Instant, hours: int, firm: Calendar, zone: str,
                     night: tuple[str | None, str | None] = NIGHT, urgent: bool = False) -> list[Window]:
    """Up to three windows of at most `hours` and LONGEST, in the firm's hours and not in the customer's night (local,
    in `zone`); of urgent work the first begins at the next half hour, whatever it is. Never empty: of a firm that has
    no fitting hours within two weeks the next half hour is proposed too."""
    length = min(hours, LONGEST) * HOUR
    soon = round_up(now, _STEP)
    at_once = (soon, soon + length)
    found = [at_once] if urgent else []
    fitting = _fitting(at_once[1] if urgent else soon, length, firm, zone, night)
    return [*found, *islice(fitting, _CHOICES - len(found))] or [at_once]


def windows_from(earliest: Instant, hours: int, firm: Calendar, zone: str,
                 night: tuple[str | None, str | None] = NIGHT) -> Iterator[Window]:
    """The same windows of each day, whenever they are asked for: those that begin at `earliest` or later, within two
    weeks, in the firm's hours and not in the customer's night; none of a firm that has no fitting hours."""
    since, _ = local_day(zone, earliest)
    for begins, ends in _fitting(since, min(hours, LONGEST) * HOUR, firm, zone, night):
        if begins >= earliest:
            yield begins, ends


def nearest(wanted: Instant, windows: Iterable[Window]) -> Window | None:
    """The one that `wanted` lies in, else the one that begins nearest to it; None of none."""
    return min(windows, key=lambda one: (not one[0] <= wanted < one[1], abs(one[0] - wanted), one[0]), default=None)


def _fitting(since: Instant, length: int, firm: Calendar, zone: str, night: tuple[str | None, str | None]
             ) -> Iterator[Window]:
    for begins, ends in _both(_merged(open_spans(firm, since, FAR)), open_spans(_awake(zone, night), since, FAR)):
        start = round_up(begins, _STEP)
        while ends - start >= min(length, _SHORTEST):
            yield start, min(start + length, ends)
            start += length


def is_far(window_from: Instant, now: Instant) -> bool:
    """Whether a window is so far away that whoever names it is asked whether they mean it."""
    return window_from > now + FAR


def parse_local(text: str, zone: str) -> Instant:
    """A `datetime-local` value such as 2026-11-22T14:00, read as wall-clock time in `zone`; ValueError otherwise."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def written_local(at: Instant, zone: str) -> str:
    """A `datetime-local` value that `parse_local` reads as `at`, to the minute."""
    return local(at, zone).strftime("%Y-%m-%dT%H:%M")


def _awake(zone: str, night: tuple[str | None, str | None]) -> Calendar:
    begins, ends = night if None not in night and night[0] != night[1] else NIGHT
    return Calendar(zone, dict.fromkeys(DAYS, ((str(ends), str(begins)),)))


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    held: Span | None = None
    for begins, ends in spans:
        if held is not None and begins - held[1] <= _LUNCH:
            held = held[0], ends
            continue
        if held is not None:
            yield held
        held = begins, ends
    if held is not None:
        yield held


def _both(ones: Iterable[Span], others: Iterable[Span]) -> Iterator[Span]:
    """Where the spans of both overlap, in order."""
    rest = iter(others)
    other = next(rest, None)
    for begins, ends in ones:
        while other is not None and other[0] < ends:
            if max(begins, other[0]) < min(ends, other[1]):
                yield max(begins, other[0]), min(ends, other[1])
            if other[1] > ends:
                break
            other = next(rest, None)
