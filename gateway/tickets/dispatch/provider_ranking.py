"""Ranks providers for a ticket by territory, skills, hours and load, with the reasons."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import shapely
from shapely.geometry import Point, Polygon

from gateway.calendars.opening_hours import HORIZON, Calendar, next_opening, open_spans
from gateway.model import DAY, Instant, Provider, Severity, local

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")  # not strftime: it follows the machine's locale
_EXACT, _WILDCARD, _AREA = 3, 2, 1  # how closely a territory names the site
_Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Task:
    """What must be done and where. `area_ids`: the site's areas and all their ancestors."""

    skills: tuple[str, ...]  # all of them are needed; empty: anyone can do it
    severity: Severity
    postcode: str
    lat: float | None  # degrees, WGS 84
    lon: float | None
    area_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider with what it is doing now."""

    provider: Provider
    open_jobs: int
    already_asked: str | None = None  # how that ended in this round: "declined", "lapsed"


@dataclass(frozen=True, slots=True)
class Ranked:
    """A provider that can take the job, with its place and the reasons."""

    provider_id: str
    rank: int  # 1 = asked first
    score: float  # the share of its capacity that is free, 0…1
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Who can take the job, who cannot, and why."""

    eligible: tuple[Ranked, ...]  # best first
    refused: tuple[tuple[str, str], ...]  # (provider id, why not), in id order
    opens_at: Instant | None  # earliest opening among those refused only because they are closed


@dataclass(frozen=True, slots=True)
class _Eligibility:
    """One provider looked at: what speaks for it, what against, and when it opens if it is only closed."""

    provider_id: str
    reasons: tuple[str, ...]
    against: tuple[str, ...]
    load: float = 1.0
    specificity: int = 0
    opens_at: Instant | None = None


def rank_providers(task: Task, providers: Sequence[Candidate], now: Instant) -> Ranking:
    """Those who can take the job now, the least loaded first (open jobs / capacity), then the one whose territory names
    the site most closely (polygon or whole postcode, then postcode*, then area), then by id."""
    point = _point(task)
    checked = [_check_eligibility(task, point, candidate, now) for candidate in providers]
    fit = sorted((one for one in checked if not one.against),
                 key=lambda one: (one.load, -one.specificity, one.provider_id))
    eligible = tuple(Ranked(one.provider_id, rank, round(1 - one.load, 3), one.reasons)
                     for rank, one in enumerate(fit, 1))
    refused = tuple(sorted((one.provider_id, "; ".join(one.against)) for one in checked if one.against))
    return Ranking(eligible, refused, min((one.opens_at for one in checked if one.opens_at is not None), default=None))


def to_json(ranking: Ranking) -> dict[str, Any]:
    """The ranking as it is stored with the offer ("why this provider")."""
    return {
        "eligible": [{"provider_id": one.provider_id, "rank": one.rank, "score": one.score,
                      "reasons": list(one.reasons)} for one in ranking.eligible],
        "refused": [{"provider_id": provider_id, "reason": reason} for provider_id, reason in ranking.refused],
        "opens_at": ranking.opens_at,
    }


def polygon_error(ring: _Ring) -> str | None:
    """What is wrong with the corners of a territory, in words; None when they make a polygon."""
    if _polygon(ring) is not None:
        return None
    return f"{shapely.is_valid_reason(Polygon(ring))} — expected sides that do not cross"


def covers(task: Task, territory: dict[str, Any]) -> bool:
    """Whether the territory, as it is stored, covers the site."""
    return _coverage(task, _point(task), territory) is not None


def inside(ring: _Ring, points: Sequence[tuple[float, float]]) -> list[bool]:
    """Whether the polygon with these corners covers each of the points (lon, lat): a thousand points cost one call."""
    polygon = _polygon(ring)
    if polygon is None or not points:
        return [False] * len(points)
    return [bool(one) for one in shapely.intersects_xy(polygon, *zip(*points, strict=True))]


def _point(task: Task) -> Point | None:
    return Point(task.lon, task.lat) if task.lon is not None and task.lat is not None else None


def _check_eligibility(task: Task, point: Point | None, candidate: Candidate, now: Instant) -> _Eligibility:
    provider = candidate.provider
    covered = _coverage(task, point, provider.territory)
    if covered is None:
        return _Eligibility(provider.id, (), (_not_covered(task),))
    specificity, reason = covered
    reasons: list[str] = [reason]
    against: list[str] = []
    lacks = [skill for skill in task.skills if skill not in provider.skills]
    if lacks:
        against.append(f"lacks the skill {', '.join(lacks)}")
    else:
        reasons.append(f"has the skill {', '.join(task.skills)}" if task.skills else "any skill will do")
    if candidate.already_asked:
        against.append(f"already asked in this round: {candidate.already_asked}")
    jobs = f"{candidate.open_jobs} of {provider.capacity} jobs open"
    free = candidate.open_jobs < provider.capacity
    if not free:
        against.append(f"full: {jobs}")
    present, opening, hours = _hours(task, provider, now)
    opens_at = None if against else opening
    (reasons if present else against).append(hours)
    reasons.append(jobs)
    load = candidate.open_jobs / provider.capacity if free else 1.0
    return _Eligibility(provider.id, tuple(reasons), tuple(against), load, specificity, opens_at)


def _coverage(task: Task, point: Point | None, territory: dict[str, Any]) -> tuple[int, str] | None:
    """(how closely, in words) the territory covers the site, the closest first; None when it does not."""
    postcode, wildcard = _plain(task.postcode), None
    for listed in territory.get("postcodes") or ():
        plain = _plain(listed)
        if plain.endswith("*"):
            if wildcard is None and postcode.startswith(plain[:-1]):
                wildcard = listed
        elif postcode and plain == postcode:
            return _EXACT, f"covers postcode {task.postcode}"
    if point is not None and territory.get("polygon"):
        polygon = _polygon(tuple(map(tuple, territory["polygon"])))
        if polygon is not None and polygon.covers(point):
            return _EXACT, "its territory on the map covers the site"
    if wildcard is not None:
        return _WILDCARD, f"covers postcodes {wildcard}"
    area = min(task.area_ids.intersection(territory.get("areas") or ()), default=None)
    return (_AREA, f"covers the area {area}") if area is not None else None


def _not_covered(task: Task) -> str:
    return f"does not cover postcode {task.postcode}" if task.postcode else "does not cover the site"


def _hours(task: Task, provider: Provider, now: Instant) -> tuple[bool, Instant | None, str]:
    """Whether the provider can be asked at this hour, when it opens otherwise, and both in words."""
    zone = provider.timezone
    calendar = Calendar(zone, provider.hours)
    first = next(open_spans(calendar, now, DAY), None)
    if first and first[0] == now:
        whole_day = first[1] == now + DAY
        return True, None, "open around the clock" if whole_day else f"open until {_time_text(first[1], zone, now)}"
    if provider.emergency and task.severity == Severity.CRITICAL:
        return True, None, "closed, but takes emergencies"
    opening = first[0] if first else next_opening(calendar, now + DAY, HORIZON)
    if opening is None:
        return False, None, "closed: its hours have no opening in the next 8 days"
    return False, opening, f"closed until {_time_text(opening, zone, now, always_day=True)}"


@lru_cache(maxsize=1024)
def _time_text(at: Instant, zone: str, now: Instant, always_day: bool = False) -> str:
    """"17:00" today, "Tue 06:00" this week, "Tue 24.11. 06:00" when the weekday alone could be today's."""
    then, today = local(at, zone), local(now, zone)
    if then.date() == today.date() and not always_day:
        return f"{then:%H:%M}"
    date = f" {then:%d.%m.}" if (then.date() - today.date()).days >= 7 else ""
    return f"{_WEEKDAYS[then.weekday()]}{date} {then:%H:%M}"


@lru_cache(maxsize=16_384)
def _plain(postcode: str) -> str:
    """People write "sw1a 1aa" and "SW1A1AA"."""
    return postcode.replace(" ", "").upper()


@lru_cache(maxsize=4096)
def _polygon(ring: _Ring) -> Polygon | None:
    """Built and prepared once for the same corners; None when they make no polygon (polygon_error says why)."""
    try:
        polygon = Polygon(ring)
    except (ValueError, TypeError):
        return None
    if not polygon.is_valid:
        return None
    shapely.prepare(polygon)
    return polygon
