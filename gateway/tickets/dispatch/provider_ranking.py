"""Ranks providers for what is to be done: who can take it now and how well they suit, with the reasons in words.

    score = Σ weight · value / Σ weight        of what is known, 0…1
    record    0.35   TrackRecord.score: accepts, on time, fixes it at once (damped)
    free      0.30   1 − (visits on this local day + offers not yet answered) / capacity
    near      0.20   1 / (1 + km / 20) from the provider's base as the crow flies; left out when a place is not known
    closeness 0.15   1 for the postcode or the map, 0.7 for postcode*, 0.4 for an area

The highest score is asked first; of equals, the first by id.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt
from typing import Any, NamedTuple

from gateway.calendars.days_off import NEVER_OFF, days_off
from gateway.calendars.opening_hours import HORIZON, Calendar, next_opening, open_spans, quiet_until
from gateway.model import DAY, HOUR, MINUTE, Instant, OfferState, Provider, Severity, Technician, local
from gateway.tickets.dispatch.territory import AREA, EXACT, WILDCARD, Place, TerritoryIndex, not_covered
from gateway.tickets.dispatch.track_record import NO_RECORD, TrackRecord

WEIGHT_RECORD, WEIGHT_FREE, WEIGHT_NEAR, WEIGHT_CLOSENESS = 0.35, 0.30, 0.20, 0.15
HALF_AT = 20.0  # km at which nearness counts half
CLOSENESS = {EXACT: 1.0, WILDCARD: 0.7, AREA: 0.4}
URGENT = frozenset((Severity.MAJOR, Severity.CRITICAL))  # asked about in quiet hours too, and in shorter waves
LOOK_AGAIN = 15 * MINUTE  # at whoever is busy and should have been free by now
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")  # not strftime: it follows the machine's locale
_EARTH = 6371.0  # km


@dataclass(frozen=True, slots=True)
class Work:
    """What has to be done, and where."""

    skills: frozenset[str]  # all of them are needed; none: anybody can do it
    severity: Severity
    place: Place


@dataclass(frozen=True, slots=True)
class Workload:
    """What a provider has to do today."""

    visits: int = 0  # whose window begins on this day of the provider's zone; done ones too
    pending: int = 0  # offers not yet answered
    pending_until: Instant | None = None  # when the first of those lapses
    out: tuple[str, ...] = ()  # names of the people who are on the way or at work
    back_at: Instant | None = None  # when the first of them should be free


IDLE = Workload()


@dataclass(frozen=True, slots=True)
class Ranked:
    """A provider that can take the work, with its place and the reasons."""

    provider_id: str
    rank: int  # 1 = asked first
    score: float  # 0…1
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Who can take the work, who cannot, and why."""

    eligible: tuple[Ranked, ...]  # best first
    refused: tuple[tuple[str, str], ...]  # (provider id, why not), in id order, of those whose territory covers it
    elsewhere: tuple[str, ...]  # ids of those whose territory does not …
    not_covered: str  # … in words
    opens_at: Instant | None  # when the first of those can be asked that are only closed, busy or full now


class _Open(NamedTuple):
    """A schedule at one moment: open until `closes` (None: for a day or more), or closed until `opens` (None: ever)."""

    is_open: bool
    closes: Instant | None = None
    opens: Instant | None = None
    day_off: bool = False  # it would be open on such a weekday


class _Schedule:
    """A calendar that remembers its last answer until it changes."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self._held = (0, 0, _Open(False))  # (since, until, answer): replaced as a whole, because threads share it

    def at(self, now: Instant) -> _Open:
        since, until, answer = self._held
        if since <= now < until:
            return answer
        first = next(open_spans(self.calendar, now, DAY), None)
        if first and first[0] == now:
            answer = _Open(True, None if first[1] == now + DAY else first[1])
            until = min(first[1], now + HOUR)
        else:
            opens = first[0] if first else next_opening(self.calendar, now + DAY)
            usual = next_opening(self.calendar._replace(days_off=NEVER_OFF), now, HORIZON)
            answer = _Open(False, None, opens, day_off=usual is not None and usual != opens)
            until = now + HOUR if opens is None else min(opens, now + DAY)
        self._held = now, until, answer
        return answer


@dataclass(frozen=True, slots=True)
class _Person:
    name: str  # for comparison
    skills: frozenset[str]
    schedule: _Schedule


@dataclass(frozen=True, slots=True)
class _Firm:
    provider: Provider
    skills: frozenset[str]
    schedule: _Schedule
    people: tuple[_Person, ...]


class ProviderDirectory:
    """All providers with their technicians, prepared for ranking: made once, used until one of them changes."""

    def __init__(self, providers: Iterable[Provider], technicians: Iterable[Technician] = ()) -> None:
        people: dict[str, list[Technician]] = {}
        for one in technicians:
            people.setdefault(one.provider_id, []).append(one)
        self.firms = {provider.id: _firm(provider, people.get(provider.id, ()))
                      for provider in sorted(providers, key=lambda provider: provider.id)}
        self.zones = frozenset(firm.provider.timezone for firm in self.firms.values())
        self._index = TerritoryIndex({key: firm.provider.territory for key, firm in self.firms.items()})

    def __getitem__(self, provider_id: str) -> Provider:
        return self.firms[provider_id].provider

    def __contains__(self, provider_id: object) -> bool:
        return provider_id in self.firms

    def calendar(self, provider_id: str) -> Calendar:
        """Its opening hours, with its days off."""
        return self.firms[provider_id].schedule.calendar

    def rank(self, work: Work, loads: Mapping[str, Workload], records: Mapping[str, TrackRecord],
             asked: Mapping[str, OfferState], now: Instant) -> Ranking:
        """Everybody, by the formula above. `asked`: provider id → how an earlier offer of the same work ended, or that
        it is pending."""
        covered = self._index.covering(work.place)
        fit: list[tuple[float, str, tuple[str, ...]]] = []
        refused: list[tuple[str, str]] = []
        openings: list[Instant] = []
        for key, coverage in covered.items():
            one = _check(self.firms[key], work, loads.get(key, IDLE), asked.get(key), now)
            if one.against:
                refused.append((key, "; ".join(one.against)))
                if one.opens_at is not None:
                    openings.append(one.opens_at)
            else:
                score, said = _score(self.firms[key].provider, work, CLOSENESS[coverage.closeness],
                                     loads.get(key, IDLE), records.get(key, NO_RECORD))
                fit.append((-score, key, (coverage.words, *one.reasons, *said)))
        fit.sort()
        refused.sort()
        return Ranking(
            tuple(Ranked(key, rank, round(-score, 3), reasons) for rank, (score, key, reasons) in enumerate(fit, 1)),
            tuple(refused), tuple(key for key in self.firms if key not in covered), not_covered(work.place),
            min(openings, default=None))


def opening_calendar(provider: Provider) -> Calendar:
    """Its opening hours, with its days off."""
    return Calendar(provider.timezone, provider.hours, days_off(provider.days_off))


def to_json(ranking: Ranking) -> dict[str, Any]:
    """The ranking as it is stored ("why this provider, and why not the others"): every provider is in it once."""
    return {
        "eligible": [{"provider_id": one.provider_id, "rank": one.rank, "score": one.score,
                      "reasons": list(one.reasons)} for one in ranking.eligible],
        "refused": [{"provider_id": provider_id, "reason": reason} for provider_id, reason in ranking.refused],
        "elsewhere": {"providers": list(ranking.elsewhere), "reason": ranking.not_covered} if ranking.elsewhere else {},
        "opens_at": ranking.opens_at,
    }


def _firm(provider: Provider, technicians: Sequence[Technician]) -> _Firm:
    skills = frozenset(provider.skills)
    calendar = opening_calendar(provider)
    people = tuple(_Person(
        _comparable(one.name), frozenset(one.skills) or skills, _Schedule(Calendar(
            provider.timezone, provider.hours if one.hours is None else one.hours,
            replace(days_off(one.days_off), beside=calendar.days_off)))) for one in technicians)
    return _Firm(provider, skills, _Schedule(calendar), people)


class _Checked(NamedTuple):
    """One provider looked at: what speaks for it, what against, and when to ask it if it is only not there now."""

    reasons: list[str]
    against: list[str]
    opens_at: Instant | None


def _check(firm: _Firm, work: Work, load: Workload, asked: OfferState | None, now: Instant) -> _Checked:
    reasons: list[str] = []
    against: list[str] = []
    _skills(firm, work, reasons, against)
    if asked is not None:
        against.append(f"already asked: {asked}")
    lasting = bool(against)
    later = [at for at in (_hours(firm, work, reasons, against, now), _capacity(firm, load, reasons, against, now))
             if at is not None]
    if not against:
        free_at = _people(firm, work, load, reasons, against, now)
        later += [] if free_at is None else [free_at]
    return _Checked(reasons, against, max(later, default=None) if against and not lasting else None)


def _skills(firm: _Firm, work: Work, reasons: list[str], against: list[str]) -> None:
    if not work.skills:
        reasons.append("any skill will do")
        return
    missing = work.skills - firm.skills
    if missing:
        against.append(f"lacks the skill {_and(missing)}")
    elif firm.people and not any(work.skills <= person.skills for person in firm.people):
        against.append(f"none of its people has the skill {_and(work.skills)}" if len(work.skills) == 1 else
                       f"none of its people has all of {_and(work.skills)}")
    else:
        reasons.append(f"has the skill {_and(work.skills)}")


def _hours(firm: _Firm, work: Work, reasons: list[str], against: list[str], now: Instant) -> Instant | None:
    """Whether the provider can be asked at this hour; when it can be, if it cannot."""
    provider, zone = firm.provider, firm.provider.timezone
    opening = firm.schedule.at(now)
    if opening.is_open:
        reasons.append("open around the clock" if opening.closes is None else
                       f"open until {_time_text(opening.closes, zone, _day(now, zone))}")
    elif provider.emergency and work.severity is Severity.CRITICAL:
        reasons.append("closed, but takes emergencies")
    elif opening.opens is None:
        against.append("closed: its hours have no opening within a year")
        return None
    else:
        against.append(f"{'day off, ' if opening.day_off else ''}closed until "
                       f"{_time_text(opening.opens, zone, _day(now, zone), always_day=True)}")
        return opening.opens
    quiet = None if work.severity in URGENT else quiet_until(provider.quiet_from, provider.quiet_until, zone, now)
    if quiet is not None:
        against.append("wants to be asked about urgent work only until "
                       f"{_time_text(quiet, zone, _day(now, zone), always_day=True)}")
    return quiet


def _capacity(firm: _Firm, load: Workload, reasons: list[str], against: list[str], now: Instant) -> Instant | None:
    """Whether it has room today; else the next opening of another day, or when an offer lapses that fills it now."""
    capacity = firm.provider.capacity
    said = f"{load.visits} of {capacity} visits today" + (f", asked about {load.pending} more" if load.pending else "")
    if load.visits + load.pending < capacity:
        reasons.append(said)
        return None
    against.append(f"full: {said}")
    if load.visits < capacity:
        return max(load.pending_until or now, now + MINUTE)
    tomorrow = (_day(now, firm.provider.timezone) + 1) * DAY  # as if UTC: the opening is looked for hours before it
    return next_opening(firm.schedule.calendar, max(now, tomorrow - _offset(now, firm.provider.timezone)))


def _people(firm: _Firm, work: Work, load: Workload, reasons: list[str], against: list[str], now: Instant
            ) -> Instant | None:
    """Whether somebody with the skills is at work and not out already; else when that may be."""
    skilled = [person for person in firm.people if work.skills <= person.skills]
    if not skilled:
        return None  # its people are not listed
    called_out = not firm.schedule.at(now).is_open  # for an emergency: whoever has no day off
    day = _day(now, firm.provider.timezone)
    present = [person for person in skilled if person.schedule.at(now).is_open
               or (called_out and not person.schedule.calendar.days_off.includes(day))]
    if not present:
        back = min((at for person in skilled if (at := person.schedule.at(now).opens) is not None), default=None)
        against.append("nobody with the skills is at work" + ("" if back is None else " until " + _time_text(
            back, firm.provider.timezone, day, always_day=True)))
        return back
    out = {_comparable(name) for name in load.out}
    strangers = len(load.out) - sum(person.name in out for person in firm.people)
    free = sum(person.name not in out for person in present) - max(0, strangers)
    if free > 0:
        reasons.append(f"{free} of its people free")
        return None
    against.append("all of its people with the skills are on visits")
    return max(load.back_at or now, now + LOOK_AGAIN)


def _score(provider: Provider, work: Work, closeness: float, load: Workload, record: TrackRecord
           ) -> tuple[float, tuple[str, str]]:
    values = [(WEIGHT_RECORD, record.score), (WEIGHT_FREE, 1 - (load.visits + load.pending) / provider.capacity),
              (WEIGHT_CLOSENESS, closeness)]
    km = _km(provider.lat, provider.lon, work.place.lat, work.place.lon)
    if km is not None:
        values.append((WEIGHT_NEAR, 1 / (1 + km / HALF_AT)))
    score = sum(weight * value for weight, value in values) / sum(weight for weight, _ in values)
    return score, ("distance not known" if km is None else f"{km:.0f} km away", str(record))


def _km(lat: float | None, lon: float | None, other_lat: float | None, other_lon: float | None) -> float | None:
    """As the crow flies (haversine)."""
    if lat is None or lon is None or other_lat is None or other_lon is None:
        return None
    a, b = radians(lat), radians(other_lat)
    half = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(radians(other_lon - lon) / 2) ** 2
    return 2 * _EARTH * asin(min(1.0, sqrt(half)))


def _and(skills: Iterable[str]) -> str:
    return " and ".join(sorted(skills))


def _comparable(name: str) -> str:
    return " ".join(name.casefold().split())


@lru_cache(maxsize=256)  # one ranking asks for the same few zones
def _offset(now: Instant, zone: str) -> int:
    offset = local(now, zone).utcoffset()
    assert offset is not None  # a local time always knows
    return offset.days * DAY + offset.seconds * 1000


def _day(now: Instant, zone: str) -> int:
    """The local day, counted from 1970-01-01."""
    return (now + _offset(now, zone)) // DAY


@lru_cache(maxsize=4096)
def _time_text(at: Instant, zone: str, today: int, always_day: bool = False) -> str:
    """"17:00" today, "Tue 06:00" this week, "Tue 24.11. 06:00" when the weekday alone could be today's, and with its
    year from three months on."""
    then = local(at, zone)
    days = _day(at, zone) - today
    if not days and not always_day:
        return f"{then:%H:%M}"
    date = "" if days < 7 else f" {then:%d.%m.}" if days < 90 else f" {then:%d.%m.%Y}"
    return f"{_WEEKDAYS[then.weekday()]}{date} {then:%H:%M}"
