"""Finds the areas that explain the dark homes: two statistical tests for each area, then the best fit."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import ceil, log, sqrt

from gateway.model import AreaKind, Instant
from gateway.outages.data_types import AreaStats, Candidate, DarkSite, Limits, Snapshot
from gateway.outages.statistics import binomial_tail, burst_levels, chance, likelihood, scan_score

# of areas with the same homes: our own side, then what carries power
_FIRST = {AreaKind.NETWORK: 2, AreaKind.FEEDER: 1, AreaKind.PLACE: 0}
MOST = 50  # separate outages found in one look; what is left is found in the next


def find_candidates(snapshot: Snapshot, limits: Limits) -> list[Candidate]:
    """Every outage in `snapshot`, the one with the most homes first. A home belongs to one at most."""
    left = sorted(snapshot.homes, key=lambda home: (home.died_at, home.site_id))
    ours = _everything(snapshot, left, limits)
    if ours is not None:
        return [ours]
    found: list[Candidate] = []
    by_area = _by_area(left)
    tested = {area_id: test(snapshot.areas[area_id], homes, limits) for area_id, homes in by_area.items()}
    while len(found) < MOST:
        passed = [one for area_id in sorted(tested) if (one := tested[area_id]) is not None]
        candidates = [one for one in passed if one.how == "share" or not _smaller(snapshot, one, passed, limits)]
        if not candidates:
            break
        best = _best(snapshot, candidates, by_area, left, limits)
        found += best
        taken = {home.site_id for one in best for home in one.homes}
        for area_id in {area for one in best for home in one.homes for area in home.areas}:
            by_area[area_id] = [home for home in by_area[area_id] if home.site_id not in taken]
            tested[area_id] = test(snapshot.areas[area_id], by_area[area_id], limits)
        left = [home for home in left if home.site_id not in taken]
    return found


def test(area: AreaStats, dark: Sequence[DarkSite], limits: Limits) -> Candidate | None:
    """Whether `dark`, the area's homes in the order in which they went, are more than chance. None: they are not."""
    if len(dark) < limits.fewest:
        return None
    uncertainty_ms = max(home.uncertainty_ms for home in dark)
    found = _test(area, dark, limits.window, limits)
    return found if found is not None or uncertainty_ms <= limits.window else _test(area, dark, uncertainty_ms, limits)


def _test(area: AreaStats, dark: Sequence[DarkSite], span: int, limits: Limits) -> Candidate | None:
    first, end = _densest([home.died_at for home in dark], span)
    k, n = end - first, area.live + len(dark) - first
    per_ms = _rate(area, dark[first:], n, limits)
    p = chance(per_ms, span)
    if k >= homes_needed(n, limits):
        p_value = binomial_tail(k, n, p)
        if p_value <= limits.alpha:
            since, until = dark[first].died_at, dark[end - 1].died_at
            near = tuple(home for home in dark if since - span <= home.died_at <= until + span)
            return Candidate(area, near, k, n, p, p_value, since, until, "share")
    return _burst(area, dark, n, per_ms, limits)


def homes_needed(n: int, limits: Limits) -> int:
    """How many of n homes: half of them, and of many the square root of 5 n, which is the same at n = 20.

    The share that chance alone can produce shrinks with the square root of n, so the share that convinces may too.
    """
    return max(limits.fewest, ceil(min(n / 2, sqrt(5 * n))))


def _burst(area: AreaStats, dark: Sequence[DarkSite], n: int, per_ms: float, limits: Limits) -> Candidate | None:
    """A part of a large area that went at once, long before it is half of it."""
    if len(dark) < limits.burst_homes:
        return None
    times = [home.died_at for home in dark]
    first = end = start = 0
    levels = burst_levels(times, per_ms * n)
    for gap, level in enumerate([*levels, 0]):
        if level < limits.burst_level:
            if gap - start >= end - first:
                first, end = start, gap
            start = gap + 1
    k = end - first + 1
    if k < limits.burst_homes:
        return None
    span = max(times[end] - times[first], 1)
    p = chance(per_ms, span)
    p_value = binomial_tail(k, n, p)
    if p_value > limits.alpha:
        return None
    return Candidate(area, tuple(dark[first:end + 1]), k, n, p, p_value, times[first], times[end], "burst")


def _smaller(snapshot: Snapshot, burst: Candidate, passed: Sequence[Candidate], limits: Limits) -> bool:
    """Whether areas that have not passed explain a burst better, one alone or several below it: then those are going
    dark, and more of them will come. A large area must not be blamed for a street in it, only because a few homes
    elsewhere went at that time."""
    dark = _counted(burst.homes)
    known = {one.key for one in passed}
    everywhere = snapshot.live + len(burst.homes)
    scores = {area_id: scan_score(k, snapshot.areas[area_id].live + k, len(burst.homes), everywhere)
              for area_id, k in dark.items() if k >= limits.fewest}
    bar = scores.pop(burst.key) + 1e-6
    if any(score > bar for area_id, score in scores.items() if area_id not in known):
        return True
    ranked = sorted(scores, key=lambda area_id: (-scores[area_id], area_id))
    return bool(_parts(snapshot, burst.key, ranked, dark, limits))


def _best(snapshot: Snapshot, candidates: Sequence[Candidate], by_area: Mapping[str, list[DarkSite]],
          left: Sequence[DarkSite], limits: Limits) -> list[Candidate]:
    """The candidate that explains best, all of them judged on the same homes: those of the largest one's time; or the
    few below it that together explain better."""
    seed = max(candidates, key=lambda one: (one.k, one.key))
    since, until = min(h.died_at for h in seed.homes), max(h.died_at for h in seed.homes)
    event = [home for home in left if since <= home.died_at <= until]
    depth = _depths(snapshot.areas)
    judged = []
    for one in candidates:
        area = one.area
        assert area is not None
        inside = [home for home in by_area[area.id] if since <= home.died_at <= until]
        again = one if one is seed else test(area, inside, limits)
        if again is not None:
            k, n = len(inside), area.live + len(inside)
            score = scan_score(k, n, len(event), snapshot.live + len(event))
            judged.append(((round(score, 6), k / n, _FIRST[area.kind], depth[area.id], area.id), again))
    ranked = [one for _, one in sorted(judged, key=lambda pair: pair[0], reverse=True)]
    parts = _parts(snapshot, ranked[0].key, [one.key for one in ranked], _counted(event), limits)
    return [one for one in ranked if one.key in parts] or ranked[:1]


def _parts(snapshot: Snapshot, whole: str, ranked: Sequence[str], dark: Mapping[str, int], limits: Limits) -> list[str]:
    """Areas below `whole`, the best first, that together explain better, by 1 / alpha for each one more; or none.

    A few at most: two streets may well go in the same minutes, but four have a common cause above them.
    """
    parts: list[str] = []
    for one in ranked:
        if _is_below(snapshot, one, whole) and not any(_is_below(snapshot, one, other) or _is_below(snapshot, other,
                                                                                                    one)
                                                    for other in parts):
            parts.append(one)
    if not 2 <= len(parts) <= limits.coincidences:
        return []
    (k, n), *inside = [(dark[area], snapshot.areas[area].live + dark[area]) for area in (whole, *parts)]
    rest = k - sum(gone for gone, _ in inside), n - sum(homes for _, homes in inside)
    gain = sum(likelihood(*one) for one in (*inside, rest)) - likelihood(k, n)
    return parts if gain > -log(limits.alpha) * (len(parts) - 1) else []


def _is_below(snapshot: Snapshot, lower: str, higher: str) -> bool:
    at = snapshot.areas[lower].parent
    for _ in range(100):
        if at is None or at == higher:
            return at is not None
        at = snapshot.areas[at].parent if at in snapshot.areas else None
    return False


def _everything(snapshot: Snapshot, dark: Sequence[DarkSite], limits: Limits) -> Candidate | None:
    """Nearly all homes everywhere at once, in places that have nothing in common but us: our own fault comes first."""
    if len(dark) < limits.fewest:
        return None
    span = max(limits.at_once, *(home.uncertainty_ms for home in dark))
    first, end = _densest([home.died_at for home in dark], span)
    k, n = end - first, snapshot.live + len(dark) - first
    together = dark[first:end]
    if k < limits.fewest or k < limits.everything * n or _share_an_area(snapshot, together):
        return None
    everywhere = AreaStats("", AreaKind.PLACE, None, snapshot.live, 0.0)
    p = chance(_rate(everywhere, together, n, limits), span)
    return Candidate(None, tuple(dark[first:]), k, n, p, binomial_tail(k, n, p), together[0].died_at,
                     together[-1].died_at, "everything")


def _share_an_area(snapshot: Snapshot, homes: Sequence[DarkSite]) -> bool:
    """Whether one place or feeder, of those that hold homes directly, has them all: then it may well be that one."""
    shared = None
    for home in homes:
        here = {area for area in snapshot.lowest.get(home.site_id, ()) if snapshot.areas[area].kind != AreaKind.NETWORK}
        shared = here if shared is None else shared & here
        if not shared:
            return False
    return bool(shared)


def _rate(area: AreaStats, dark: Iterable[DarkSite], n: int, limits: Limits) -> float:
    """Losses per home and ms: what was seen lately, and the prior as if each had been watched before."""
    losses = area.losses + sum(home.losses for home in dark)
    return (limits.prior_losses + losses / max(n, 1)) / (2 * limits.prior_time)


def _densest(times: Sequence[Instant], span: int) -> tuple[int, int]:
    """(first, end) of the most `times` within `span`; of several the earliest."""
    best = (0, 0)
    for first, at in enumerate(times):
        end = bisect_left(times, at + span + 1, first)
        if end - first > best[1] - best[0]:
            best = (first, end)
    return best


def _counted(homes: Iterable[DarkSite]) -> Counter[str]:
    """Area → how many of these homes hang in it."""
    return Counter(area for home in homes for area in home.areas)


def _by_area(homes: Iterable[DarkSite]) -> dict[str, list[DarkSite]]:
    found: dict[str, list[DarkSite]] = {}
    for home in homes:
        for area_id in home.areas:
            found.setdefault(area_id, []).append(home)
    return found


def _depths(areas: Mapping[str, AreaStats]) -> dict[str, int]:
    depths: dict[str, int] = {}
    for area_id in areas:
        depth, above = 0, areas[area_id].parent
        while above is not None and above in areas and depth < 100:
            depth, above = depth + 1, areas[above].parent
        depths[area_id] = depth
    return depths
