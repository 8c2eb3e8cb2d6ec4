"""Days off: public holidays of a country, and days that an operator adds or takes away.

The library of public holidays (4 MB) is imported for the first country that somebody names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

_FIRST_DAY = date(1970, 1, 1).toordinal()
_LONGEST = 366  # days that one entry may name
Wrong = tuple[tuple[str | int, ...], str]
"""The way to what is wrong, e.g. ("closed", 1), and what it is: `'24.12.2026' is no date — expected …`."""

_KEYS = ("country", "subdivision", "categories", "closed", "open")


@dataclass(frozen=True)
class DaysOff:
    """A country's public holidays, together with `closed`, without `open`; and all of `beside`. Dates are local."""

    country: str = ""  # ISO 3166-1, e.g. "DE"; "" = none
    subdivision: str = ""  # ISO 3166-2 without the country, e.g. "BY"
    categories: tuple[str, ...] = ()  # beside the public ones, e.g. "catholic": 15 August in much of Bavaria
    closed: frozenset[date] = frozenset()
    open: frozenset[date] = frozenset()
    beside: "DaysOff | None" = None  # of a technician: the firm's

    def includes(self, day: int) -> bool:
        """Whether the day, counted from 1970-01-01, is off."""
        if self.beside is not None and self.beside.includes(day):
            return True
        if not self.country and not self.closed:
            return False
        on = date.fromordinal(_FIRST_DAY + day)
        return on not in self.open and (on in self.closed or on in _holidays(
            self.country, self.subdivision, self.categories, on.year))


NEVER_OFF = DaysOff()


@lru_cache(maxsize=1024)
def _holidays(country: str, subdivision: str, categories: tuple[str, ...], year: int) -> frozenset[date]:
    """A copy of one year: the library's own calendar grows with each look at another year."""
    if not country:
        return frozenset()
    import holidays

    found = holidays.country_holidays(country, subdiv=subdivision or None, years=year, expand=False,
                                      categories=("public", *categories) if categories else None)
    return frozenset(found)


def edition() -> str:
    """Of the lists of public holidays."""
    import holidays

    return str(vars(holidays)["__version__"])


def days_off(written: Mapping[str, Any]) -> DaysOff:
    """From a file: {"country": "DE", "subdivision": "BY", "categories": ["catholic"], "closed": ["2026-12-24",
    "2027-07-19/2027-08-01"], "open": ["2026-10-03"]}, found good by `check_days_off`."""
    closed, without = (frozenset(day for one in _listed(written.get(key)) for day in _days(one))
                       for key in ("closed", "open"))
    return DaysOff(written.get("country") or "", written.get("subdivision") or "",
                   tuple(_listed(written.get("categories"))), closed, without)


def check_days_off(written: object) -> list[Wrong]:
    """Everything that is wrong, each with the way to it; empty when the days off can be used."""
    if not isinstance(written, Mapping):
        return [((), f"{written!r} — expected e.g. country: DE, subdivision: BY")]
    errors: list[Wrong] = [((key,), f"no such field — expected {', '.join(_KEYS)}")
                           for key in written if key not in _KEYS]
    errors += _wrong_place(written)
    for key in ("closed", "open"):
        for way, day in _entries(key, written.get(key)):
            try:
                _days(day)
            except ValueError:
                errors.append((way, f"{day!r} is no date — expected e.g. 2026-12-24, or from the first to the last "
                                    "day 2027-07-19/2027-08-01"))
    return errors


def _wrong_place(written: Mapping[str, Any]) -> Iterable[Wrong]:
    country, subdivision = written.get("country"), written.get("subdivision")
    if country is None:
        if subdivision is not None or written.get("categories"):
            yield (), "a subdivision or a category needs its country — expected e.g. country: DE"
        return
    import holidays

    supported = holidays.list_supported_countries(include_aliases=False)
    if country not in supported:
        yield ("country",), f"{country!r} — expected an ISO code{_perhaps(country, supported)}, e.g. DE"
        return
    if subdivision is not None and subdivision not in supported[country]:
        yield ("subdivision",), (f"{subdivision!r} is none of {country} — expected one of "
                                 f"{', '.join(supported[country]) or 'none at all'}")
    known = holidays.country_holidays(country).supported_categories
    for way, category in _entries("categories", written.get("categories")):
        if category not in known:
            yield way, f"{category!r} is none of {country} — expected some of {', '.join(known)}"


def _entries(key: str, written: object) -> list[tuple[tuple[str | int, ...], Any]]:
    """Each entry of a list with the way to it, or the one that stands there alone."""
    if isinstance(written, list | tuple):
        return [((key, number), one) for number, one in enumerate(written)]
    return [((key,), one) for one in _listed(written)]


def _listed(value: object) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


def _perhaps(word: object, words: Iterable[str]) -> str:
    """By the code, or by the country's English name: people write "UK" and "Germany"."""
    from holidays.registry import COUNTRIES

    said = str(word).upper()
    names = {name.replace("_", " ").upper(): codes[1] for name, codes in COUNTRIES.items()}
    names |= {"UK": "GB", "ENGLAND": "GB", "USA": "US"}
    named = get_close_matches(said, names, 1, 0.8)
    near = [names[named[0]]] if named else get_close_matches(said, list(words), 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _days(written: object) -> list[date]:
    """One day, or (ISO 8601) from the first to the last of several."""
    first, _, last = written.partition("/") if isinstance(written, str) else (written, "", "")
    begin = _date(first)
    end = _date(last) if last else begin
    if not 0 <= (end - begin).days <= _LONGEST:
        raise ValueError(written)
    return [begin + timedelta(days=number) for number in range((end - begin).days + 1)]


def _date(day: object) -> date:
    """YAML reads 2026-12-24 as a date by itself. 01/06/2026 is refused: it could be January or June."""
    if isinstance(day, date):
        return day
    if not isinstance(day, str) or len(day) != len("2026-12-24"):
        raise ValueError(day)
    return date.fromisoformat(day)
