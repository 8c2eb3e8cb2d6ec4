"""Times on the pages, in the reader's language and the place's zone."""

from dataclasses import dataclass

from babel.dates import format_date

from gateway.model import HOUR, MINUTE, SECOND, Instant, local, within_calendar
from gateway.wording import times


@dataclass(frozen=True)
class Moments:
    """Says times as the messages say them, so that page and message agree word for word."""

    locale: str  # en | de
    zone: str
    now: Instant

    def when(self, at: Instant) -> str:
        """`today 14:05`"""
        return times.when(at, locale=self.locale, now=self.now, zone=self.zone)

    def span(self, start: Instant, end: Instant) -> str:
        """`today 14:00–18:00`"""
        return times.span(start, end, locale=self.locale, now=self.now, zone=self.zone)

    def time(self, at: Instant) -> str:
        """`14:05`"""
        return f"{local(at, self.zone):%H:%M}"

    def date(self, at: Instant) -> str:
        """`23 Nov 2026`: for what lies behind us, where the year matters more than the hour."""
        return str(format_date(local(at, self.zone), "d. MMM y" if self.locale == "de" else "d MMM y", self.locale))


def capital(text: str) -> str:
    """With a capital first letter, to stand at the beginning."""
    return text[:1].upper() + text[1:]


def duration(ms: int) -> str:
    """`90 s`, `5 min`, `2 h`: the largest unit that is exact."""
    ms = within_calendar(ms)
    for unit, name in ((HOUR, "h"), (MINUTE, "min")):
        if ms >= unit and ms % unit == 0:
            return f"{ms // unit} {name}"
    return f"{ms / SECOND:g} s"
