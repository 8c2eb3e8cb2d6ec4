"""Times as people say them, in the reader's zone and language."""

from datetime import timedelta

from babel.dates import format_datetime

from gateway.model import Instant, local

# explicit patterns: Babel's own put a narrow no-break space before AM, which no SMS alphabet has
_DAY = {"en": "EEE d MMM", "de": "EEE, d. MMM"}
_TODAY = {"en": "today", "de": "heute"}
_TOMORROW = {"en": "tomorrow", "de": "morgen"}


def when(at: Instant, *, locale: str, now: Instant, zone: str) -> str:
    """E.g. "today 14:30", "tomorrow 08:00", "Mon 23 Nov, 08:00"."""
    day = _day(at, locale, now, zone)
    return f"{day}{_comma(day)} {_clock(at, zone)}"


def span(begin: Instant, end: Instant, *, locale: str, now: Instant, zone: str) -> str:
    """E.g. "today 08:00–12:00"; over midnight both days are said."""
    first, last = _day(begin, locale, now, zone), _day(end, locale, now, zone)
    if first == last:
        return f"{first}{_comma(first)} {_clock(begin, zone)}–{_clock(end, zone)}"
    return f"{when(begin, locale=locale, now=now, zone=zone)} – {when(end, locale=locale, now=now, zone=zone)}"


def _day(at: Instant, locale: str, now: Instant, zone: str) -> str:
    there, here = local(at, zone), local(now, zone)
    if there.date() == here.date():
        return _TODAY[locale]
    if there.date() == here.date() + timedelta(days=1):
        return _TOMORROW[locale]
    return str(format_datetime(there, _DAY[locale], locale=locale))


def _clock(at: Instant, zone: str) -> str:
    return local(at, zone).strftime("%H:%M")


def _comma(day: str) -> str:
    return "," if " " in day else ""
