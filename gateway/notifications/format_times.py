"""Formats dates, times and durations in the reader's time zone and language."""

from dataclasses import dataclass
from datetime import date as Date
from datetime import timedelta
from functools import lru_cache
from itertools import pairwise

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal

from gateway.model import DAY, HOUR, MINUTE, SECOND, Instant, local, within_calendar
from gateway.notifications.catalogue import Catalogue

_UNITS = (("days", DAY), ("hours", HOUR), ("minutes", MINUTE), ("seconds", SECOND))


@dataclass(frozen=True)
class TimeFormat:
    """Says times to one reader, the same way on a page, in a message and in an explanation."""

    catalogue: Catalogue
    zone: str
    now: Instant

    def when(self, at: Instant) -> str:
        """`today 14:30`, `tomorrow 08:00`, `Mon 23 Nov, 08:00`"""
        day = self._day(at)
        return f"{day}{_comma(day)} {self.time(at)}"

    def span(self, begin: Instant, end: Instant) -> str:
        """`today 08:00–12:00`; over midnight both days are said."""
        day = self._day(begin)
        if day == self._day(end):
            return f"{day}{_comma(day)} {self.time(begin)}–{self.time(end)}"
        return f"{self.when(begin)} – {self.when(end)}"

    def time(self, at: Instant) -> str:
        """`14:05`; in the night in which the clocks go back it says which of the two is meant."""
        there = local(at, self.zone)
        written = f"{there.hour:02}:{there.minute:02}"
        if there.replace(fold=0).utcoffset() == there.replace(fold=1).utcoffset():
            return written
        return self.catalogue("date.second_time" if there.fold else "date.first_time", time=written)

    def date(self, at: Instant) -> str:
        """`23 Nov 2026`: for what lies behind us, where the year matters more than the hour."""
        return self._written(at, "date.day_and_year")

    def day(self, day: Date) -> str:
        """`23 Nov 2026`: a day that has no hour, wherever the reader is."""
        return str(format_date(day, self.catalogue("date.day_and_year"), locale=self.catalogue.locale))

    def exact(self, at: Instant) -> str:
        """`Mon 23 Nov 13:00:05`; the year only when it is another."""
        same_year = local(at, self.zone).year == local(self.now, self.zone).year
        return self._written(at, "date.exact" if same_year else "date.exact_and_year")

    def span_exact(self, begin: Instant, end: Instant) -> str:
        """`23 Nov 2026 13:05–14:10`: for what is kept on paper, where "today" says nothing."""
        if self.date(begin) == self.date(end):
            return f"{self.date(begin)} {self.time(begin)}–{self.time(end)}"
        return f"{self.date(begin)} {self.time(begin)} – {self.date(end)} {self.time(end)}"

    def ago(self, at: Instant) -> str:
        """Exactly when, and how long that is from now: `Mon 23 Nov 13:00:05 (2 h ago)`"""
        words, apart = self.catalogue, self.duration(abs(at - self.now))
        if at > self.now:
            return words("date.ahead", when=self.exact(at), duration=apart)
        return words("date.ago", when=self.exact(at), duration=apart)

    def duration(self, ms: int) -> str:
        """`2 h 5 min`"""
        return duration(ms, self.catalogue)

    def _day(self, at: Instant) -> str:
        there, here = local(at, self.zone), local(self.now, self.zone)
        if there.date() == here.date():
            return self.catalogue("date.today")
        if there.date() == here.date() + timedelta(days=1):
            return self.catalogue("date.tomorrow")
        return self._written(at, "date.day")

    def _written(self, at: Instant, pattern: str) -> str:
        return _formatted(at, pattern, self.catalogue, self.zone)


def moment(at: Instant, catalogue: Catalogue, zone: str) -> str:
    """`23 Nov 13:00`: in a timeline, where every line has its day."""
    return _formatted(at, "date.moment", catalogue, zone)


def duration(ms: int, catalogue: Catalogue) -> str:
    """In at most two units: `10 min`, `2 h 5 min`, `1 day 3 h`, `0.4 s`."""
    ms = within_calendar(ms)
    for (unit, size), (smaller, small) in pairwise(_UNITS):
        if ms >= size:
            rest = ms % size // small
            said = [_count(ms // size, unit, catalogue), _count(rest, smaller, catalogue) if rest else ""]
            return " ".join(said).rstrip()
    seconds = format_decimal(ms / SECOND, "0.###", catalogue.locale)
    return catalogue.plural("duration.seconds", ms // SECOND, count=seconds)


def capital(text: str) -> str:
    """With a capital first letter, to stand at the beginning."""
    return text[:1].upper() + text[1:]


def _count(n: int, unit: str, catalogue: Catalogue) -> str:
    return catalogue.plural(f"duration.{unit}", n, count=n)


def _formatted(at: Instant, pattern: str, catalogue: Catalogue, zone: str) -> str:
    return _written(at, catalogue(pattern), catalogue.locale, zone)


@lru_cache(maxsize=8192)  # a list says the same times again and again
def _written(at: Instant, pattern: str, locale: str, zone: str) -> str:
    # explicit patterns: Babel's own put a narrow no-break space before AM, which no SMS alphabet has
    return str(format_datetime(local(at, zone), pattern, locale=locale))


def _comma(day: str) -> str:
    return "," if " " in day else ""
