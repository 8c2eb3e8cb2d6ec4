"""Ranks providers for what is to be done: who can take it now and how well they suit, with the reasons in words.

    score = Σ weight · value / Σ weight        of what is known, 0…1
    record    0.35   TrackRecord.score: accepts, on time, fixes it at once (damped)
    free      0.30   1 − (visits on this local day + offers not yet answered) / capacity
    near      0.20   1 / (1 + km / 20) from the provider's base as the crow flies; left out when a place is not known
    closeness 0.15   1 for the postcode or the map, 0.7 for postcode*, 0.4 for an area

The highest score is asked first; of equals, the first by id.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import asin, cos, dist, radians, sin
from typing import Any, NamedTuple

from gateway.calendars import time_off
from gateway.calendars.days_off import NEVER_OFF, DaysOff
from gateway.calendars.opening_hours import HORIZON, Calendar, day_of, local_day, next_opening, open_spans, quiet_until
from gateway.model import DAY, HOUR, MINUTE, Instant, OfferState, Provider, Severity, Technician, local
from gateway.tickets.dispatch.territory import AREA, EXACT, WILDCARD, Place, TerritoryIndex, not_covered
from gateway.tickets.dispatch.track_record import NO_RECORD, TrackRecord, standing
from gateway.tickets.dispatch.working_times import calendar_of, opening_calendar

WEIGHT_RECORD, WEIGHT_FREE, WEIGHT_NEAR, WEIGHT_CLOSENESS = 0.35, 0.30, 0.20, 0.15
HALF_AT = 20.0  # km at which nearness counts half
CLOSENESS = {EXACT: 1.0, WILDCARD: 0.7, AREA: 0.4}
URGENT = frozenset((Severity.MAJOR, Severity.CRITICAL))  # asked about in quiet hours too, and in shorter waves
LOOK_AGAIN = 15 * MINUTE  # at whoever is busy and should have been free by now
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")  # not strftime: it follows the machine's locale
_EARTH = 6371.0  # km
_FIRST_DAY = date(1970, 1, 1).toordinal()
_Direction = tuple[float, float, float]  # of a place, seen from the middle of the earth; its length is 1


@dataclass(frozen=True, slots=True)
class Task:
    """What has to be done, and where."""

    skills: frozenset[str]  # all of them are needed; none: anybody can do it
    severity: Severity
    place: Place
    urgent: bool = False  # whatever its severity


class Workload(NamedTuple):
    """What a provider has to do today."""

    visits: int = 0  # whose window begins on this day of the provider's zone; done ones too
    pending: int = 0  # offers not yet answered
    pending_until: Instant | None = None  # when the first of those lapses
    out: tuple[str, ...] = ()  # names of the people who are on the way or at work
    back_at: Instant | None = None  # when the first of them should be free


IDLE = Workload()


class Ranked(NamedTuple):
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
            until = now + HOUR if answer.closes is None else answer.closes
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
    """A provider as plain values: reading a row's columns costs more than the ranking."""

    provider: Provider
    zone: str
    capacity: int
    emergency: bool
    base: _Direction | None
    skills: frozenset[str]
    schedule: _Schedule
    people: tuple[_Person, ...]
    away: DaysOff  # as it has entered itself: then it takes no emergency either


class ProviderDirectory:
    """All providers with their technicians, prepared for ranking: made once, used until one of them changes."""

    def __init__(self, providers: Iterable[Provider], technicians: Iterable[Technician] = ()) -> None:
        people: dict[str, list[Technician]] = {}
        for one in technicians:
            people.setdefault(one.provider_id, []).append(one)
        self.firms = {provider.id: _firm(provider, people.get(provider.id, ()))
                      for provider in sorted(providers, key=lambda provider: provider.id)}
        self.zones = frozenset(firm.zone for firm in self.firms.values())
        self._in_use = {key: firm for key, firm in self.firms.items() if firm.provider.removed_at is None}
        self._index = TerritoryIndex({key: firm.provider.territory for key, firm in self._in_use.items()})

    def __getitem__(self, provider_id: str) -> Provider:
        return self.firms[provider_id].provider

    def __contains__(self, provider_id: object) -> bool:
        return provider_id in self.firms

    def __iter__(self) -> Iterator[str]:
        """The ids, in order."""
        return iter(self.firms)

    def can(self, provider_id: str, skills: Iterable[str]) -> bool:
        """Whether the provider is there and has all the skills, one of its people all of them where these are listed;
        whether it can be asked now is another question."""
        firm, needed = self._in_use.get(provider_id), frozenset(skills)
        return firm is not None and needed <= firm.skills and (
            not firm.people or any(needed <= person.skills for person in firm.people))

    def covering(self, place: Place) -> Collection[str]:
        """Ids of those whose territory covers the place."""
        return self._index.covering(place).keys()

    def calendar(self, provider_id: str) -> Calendar:
        """Its opening hours, with its days off."""
        return self.firms[provider_id].schedule.calendar

    def rank(self, task: Task, loads: Mapping[str, Workload], records: Mapping[str, TrackRecord],
             asked: Mapping[str, OfferState], now: Instant) -> Ranking:
        """Everybody, by the formula above. `asked`: provider id → how an earlier offer of the same work ended, or that
        it is pending."""
        covered = self._index.covering(task.place)
        asking = _Asking(task, now)
        fit: list[tuple[float, str, tuple[str, ...]]] = []
        refused: list[tuple[str, str]] = []
        openings: list[Instant] = []
        for key, coverage in covered.items():
            firm, load = self.firms[key], loads.get(key, IDLE)
            reasons, against, opens_at = _check(firm, asking, load, asked.get(key))
            if against:
                refused.append((key, "; ".join(against)))
                if opens_at is not None:
                    openings.append(opens_at)
            else:
                score, *said = _score(firm, asking, CLOSENESS[coverage.closeness], load, records.get(key, NO_RECORD))
                fit.append((-score, key, (coverage.words, *reasons, *said)))
        fit.sort()
        refused.sort()
        return Ranking(
            tuple(Ranked(key, rank, round(-score, 3), reasons) for rank, (score, key, reasons) in enumerate(fit, 1)),
            tuple(refused), tuple([key for key in self._in_use if key not in covered]), not_covered(task.place),
            min(openings, default=None))


def to_json(ranking: Ranking) -> dict[str, Any]:
    """The ranking as it is stored ("why this provider, and why not the others"): every provider is in it once."""
    return {
        "eligible": [ranked_json(one) for one in ranking.eligible],
        "refused": [{"provider_id": provider_id, "reason": reason} for provider_id, reason in ranking.refused],
        "elsewhere": {"providers": list(ranking.elsewhere), "reason": ranking.not_covered} if ranking.elsewhere else {},
        "opens_at": ranking.opens_at,
    }


def ranked_json(one: Ranked) -> dict[str, Any]:
    """One of the eligible, as it is stored."""
    return {"provider_id": one.provider_id, "rank": one.rank, "score": one.score, "reasons": list(one.reasons)}


def _firm(provider: Provider, technicians: Sequence[Technician]) -> _Firm:
    skills = frozenset(provider.skills)
    calendar = opening_calendar(provider)
    people = tuple(_Person(
        _comparable(one.name), frozenset(one.skills) or skills, _Schedule(calendar_of(one, provider)))
        for one in technicians)
    base = None if provider.lat is None or provider.lon is None else _direction(provider.lat, provider.lon)
    return _Firm(provider, provider.timezone, provider.visits_a_day, provider.emergency, base, skills,
                 _Schedule(calendar), people, time_off.closed_by(provider.time_off) or NEVER_OFF)


class _Asking:
    """The task, with what is the same for every provider worked out once."""

    def __init__(self, task: Task, now: Instant) -> None:
        place = task.place
        self.skills, self.now = task.skills, now
        self.urgent, self.critical = task.urgent or task.severity in URGENT, task.severity is Severity.CRITICAL
        self.site = None if place.lat is None or place.lon is None else _direction(place.lat, place.lon)
        self.skills_said = " and ".join(sorted(task.skills))
        self.has_skills = f"has the skill {self.skills_said}" if task.skills else "any skill will do"
        self._days: dict[str, int] = {}

    def day(self, zone: str) -> int:
        """Today in that zone, counted from 1970-01-01."""
        if zone not in self._days:
            self._days[zone] = day_of(zone, self.now)
        return self._days[zone]

    def say(self, at: Instant, zone: str, always_day: bool = True) -> str:
        return _time_text(at, zone, self.day(zone), always_day)


def _check(firm: _Firm, asking: _Asking, load: Workload, asked: OfferState | None
           ) -> tuple[list[str], list[str], Instant | None]:
    """What speaks for a provider, what against, and when to ask it if it is only not there now."""
    reasons: list[str] = []
    against: list[str] = []
    skilled = _skilled(firm, asking, reasons, against)
    if asked is not None:
        against.append(f"already asked: {asked}")
    lasting = bool(against)
    later = [_hours(firm, asking, reasons, against), _capacity(firm, asking, load, reasons, against)]
    if not against:
        later.append(_people(firm, skilled, asking, load, reasons, against))
    if lasting or not against:
        return reasons, against, None
    return reasons, against, max((at for at in later if at is not None), default=None)


def _skilled(firm: _Firm, asking: _Asking, reasons: list[str], against: list[str]) -> list[_Person]:
    """Those of its people who have the skills, where its people are listed."""
    if not asking.skills <= firm.skills:
        against.append(f"lacks the skill {_and(asking.skills - firm.skills)}")
        return []
    skilled = [person for person in firm.people if asking.skills <= person.skills]
    if firm.people and not skilled:
        which = "the skill" if len(asking.skills) == 1 else "all of"
        against.append(f"none of its people has {which} {asking.skills_said}")
    else:
        reasons.append(asking.has_skills)
    return skilled


def _hours(firm: _Firm, asking: _Asking, reasons: list[str], against: list[str]) -> Instant | None:
    """Whether the provider can be asked at this hour; when it can be, if it cannot."""
    opening = firm.schedule.at(asking.now)
    if opening.is_open:
        reasons.append("open around the clock" if opening.closes is None else
                       f"open until {asking.say(opening.closes, firm.zone, always_day=False)}")
    elif firm.emergency and asking.critical and not firm.away.includes(asking.day(firm.zone)):
        reasons.append("closed, but takes emergencies")
    elif opening.opens is None:
        against.append("closed: its hours have no opening within a year")
        return None
    else:
        against.append(f"{'day off, ' if opening.day_off else ''}closed until {asking.say(opening.opens, firm.zone)}")
        return opening.opens
    if asking.urgent:
        return None
    provider = firm.provider
    quiet = quiet_until(provider.quiet_from, provider.quiet_until, firm.zone, asking.now)
    if quiet is not None:
        against.append(f"wants to be asked about urgent work only until {asking.say(quiet, firm.zone)}")
    return quiet


def _capacity(firm: _Firm, asking: _Asking, load: Workload, reasons: list[str], against: list[str]) -> Instant | None:
    """Whether it has room today; else the next opening of another day, or when an offer lapses that fills it now."""
    said = _load_text(load.visits, firm.capacity, load.pending)
    if load.visits + load.pending < firm.capacity:
        reasons.append(said)
        return None
    against.append(f"full: {said}")
    if load.visits < firm.capacity:
        return max(load.pending_until or asking.now, asking.now + MINUTE)
    return next_opening(firm.schedule.calendar, local_day(firm.zone, asking.now)[1])


def _people(firm: _Firm, skilled: Sequence[_Person], asking: _Asking, load: Workload, reasons: list[str],
            against: list[str]) -> Instant | None:
    """Whether somebody with the skills is at work and not out already; else when that may be."""
    if not skilled:
        return None  # its people are not listed
    now = asking.now
    called_out = not firm.schedule.at(now).is_open  # for an emergency: whoever has no day off
    present = [person for person in skilled if person.schedule.at(now).is_open
               or (called_out and not person.schedule.calendar.days_off.includes(asking.day(firm.zone)))]
    if not present:
        back = min((at for person in skilled if (at := person.schedule.at(now).opens) is not None), default=None)
        against.append("nobody with the skills is at work"
                       + ("" if back is None else f" until {asking.say(back, firm.zone)}"))
        return back
    free = len(present)
    if load.out:
        out = {_comparable(name) for name in load.out}
        strangers = len(load.out) - sum(person.name in out for person in firm.people)
        free = sum(person.name not in out for person in present) - max(0, strangers)
        if free <= 0:
            against.append("all of its people with the skills are on visits")
            return max(load.back_at or now, now + LOOK_AGAIN)
    reasons.append(f"{free} of its people free")
    return None


def _score(firm: _Firm, asking: _Asking, closeness: float, load: Workload, record: TrackRecord
           ) -> tuple[float, str, str]:
    quality, said = standing(record)
    total = (WEIGHT_RECORD * quality + WEIGHT_FREE * (1 - (load.visits + load.pending) / firm.capacity)
             + WEIGHT_CLOSENESS * closeness)
    weights = WEIGHT_RECORD + WEIGHT_FREE + WEIGHT_CLOSENESS
    if firm.base is None or asking.site is None:
        return total / weights, "distance not known", said
    km = _km(firm.base, asking.site)
    score = (total + WEIGHT_NEAR / (1 + km / HALF_AT)) / (weights + WEIGHT_NEAR)
    return score, f"{km:.0f} km away", said


def distance_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """As the crow flies: the great circle, by the chord through the earth."""
    return _km(_direction(lat, lon), _direction(other_lat, other_lon))


def _direction(lat: float, lon: float) -> _Direction:
    phi, theta = radians(lat), radians(lon)
    return cos(phi) * cos(theta), cos(phi) * sin(theta), sin(phi)


def _km(one: _Direction, other: _Direction) -> float:
    return 2 * _EARTH * asin(min(1.0, dist(one, other) / 2))


@lru_cache(maxsize=4096)
def _load_text(visits: int, capacity: int, pending: int) -> str:
    return f"{visits} of {capacity} visits today" + (f", asked about {pending} more" if pending else "")


def _and(skills: Iterable[str]) -> str:
    return " and ".join(sorted(skills))


def _comparable(name: str) -> str:
    return " ".join(name.casefold().split())


@lru_cache(maxsize=4096)
def _time_text(at: Instant, zone: str, today: int, always_day: bool = False) -> str:
    """"17:00" today, "Tue 06:00" this week, "Tue 24.11. 06:00" when the weekday alone could be today's, with
    its year when that is another one."""
    then = local(at, zone)
    days = day_of(zone, at) - today
    if not days and not always_day:
        return f"{then:%H:%M}"
    same_year = then.year == date.fromordinal(_FIRST_DAY + today).year
    shown = "" if days < 7 else f" {then:%d.%m.}" if same_year else f" {then:%d.%m.%Y}"
    return f"{_WEEKDAYS[then.weekday()]}{shown} {then:%H:%M}"
