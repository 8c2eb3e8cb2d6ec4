"""Compares detected outages with open ones: new, growing, moved to a larger area, or one more home."""

from collections.abc import Mapping, Sequence

from gateway.model import OutageState
from gateway.outages.data_types import AreaStats, Candidate, DarkSite, Limits, OpenOutage, Snapshot, Verdict
from gateway.outages.lifecycle import DECIDING
from gateway.outages.scan import find_candidates


def assess(snapshot: Snapshot, limits: Limits) -> list[Verdict]:
    """What follows from the homes that are dark now. It depends on nothing else: not on order, not on the past."""
    ages = {outage.id: (outage.suspected_at, outage.id) for outage in snapshot.open}
    open_outages = {outage.id: outage for outage in snapshot.open}
    candidates: list[Candidate] = []
    for candidate in find_candidates(snapshot, limits):
        candidates.append(_move_up(_unconfirmed(candidate, snapshot), candidates, open_outages, snapshot.areas, limits))
    ends = [open_outages.pop(outage.id) for outage in snapshot.open
            if _is_superseded(outage, candidates, snapshot.areas)]
    verdicts: list[Verdict] = []
    for candidate in candidates:
        verdict = Verdict(candidate, None)
        while (meets := _same_outage(verdict, verdicts, open_outages, snapshot, limits)) is not None:
            if isinstance(meets, Verdict):
                verdicts.remove(meets)
                verdict = _merge(verdict, meets, snapshot.areas)
            else:
                del open_outages[meets.id]
                verdict = _merge(verdict, _verdict_on(meets, verdict.candidate, snapshot.areas), snapshot.areas)
            ids = sorted((one for one in (verdict.outage_id, *verdict.absorbs) if one), key=ages.__getitem__)
            verdict = verdict._replace(outage_id=ids[0] if ids else None, absorbs=tuple(ids[1:]))
        verdicts.append(verdict)
    verdicts = [one._replace(ends=tuple(old.id for old in ends if _is_part(one.candidate, old, snapshot.areas)))
                for one in verdicts]
    return [own for one in verdicts if (own := _without_other_outages(one, limits)) is not None]


def _without_other_outages(verdict: Verdict, limits: Limits) -> Verdict | None:
    """Without the homes that are in another outage, which goes on; None: too few are left for a new one."""
    mine = {None, verdict.outage_id, *verdict.absorbs, *verdict.ends}
    homes = tuple(home for home in verdict.candidate.homes if home.outage_id in mine)
    if verdict.outage_id is None and len(homes) < limits.fewest:
        return None
    return verdict._replace(candidate=verdict.candidate._replace(homes=homes))


def _is_superseded(outage: OpenOutage, candidates: Sequence[Candidate], areas: Mapping[str, AreaStats]) -> bool:
    """Only suspected, so nobody has heard of it, and by now smaller areas in it explain better what is dark."""
    if outage.state != OutageState.SUSPECTED or outage.area_id is None:
        return False
    return (any(_is_part(one, outage, areas) for one in candidates)
            and not any(one.area is None or _is_above(one.area.id, outage.area_id, areas) for one in candidates))


def _is_part(candidate: Candidate, outage: OpenOutage, areas: Mapping[str, AreaStats]) -> bool:
    """Whether it lies below the outage's area."""
    here, above = candidate.area, outage.area_id
    return here is not None and above is not None and here.id != above and _is_above(above, here.id, areas)


def _unconfirmed(candidate: Candidate, snapshot: Snapshot) -> Candidate:
    """Our own fault takes in what was only suspected; what was confirmed before goes on by itself."""
    if candidate.area is not None:
        return candidate
    known = {outage.id for outage in snapshot.open
             if outage.area_id is not None and outage.state != OutageState.SUSPECTED}
    return candidate._replace(homes=tuple(home for home in candidate.homes if home.outage_id not in known))


def _same_outage(verdict: Verdict, verdicts: Sequence[Verdict], open_outages: Mapping[str, OpenOutage],
                 snapshot: Snapshot, limits: Limits) -> Verdict | OpenOutage | None:
    """Something else that is the same outage: at one time, one line of a tree has one."""
    candidate = verdict.candidate
    for outage in open_outages.values():
        if _is_same(candidate, outage, snapshot, limits):
            return outage
    for other in verdicts:
        there = other.candidate
        if (candidate.area is not None and there.area is not None
                and _on_one_line(candidate.area.id, there.area.id, snapshot.areas)):
            gap = max(candidate.since - there.until, there.since - candidate.until)
            if candidate.key == there.key or gap <= max(_slack(candidate, limits), _slack(there, limits)):
                return other
    return None


def _merge(verdict: Verdict, other: Verdict, areas: Mapping[str, AreaStats]) -> Verdict:
    """Both, in the higher of the two areas: while an outage lasts it never moves down."""
    candidate, more = verdict.candidate, other.candidate
    if candidate.area is not None and (more.area is None or _is_above(more.area.id, candidate.area.id, areas)):
        candidate = candidate._replace(area=more.area)
    known = {home.site_id for home in candidate.homes}
    added = tuple(home for home in more.homes if home.site_id not in known)
    candidate = candidate._replace(homes=candidate.homes + added, k=candidate.k + len(added),
                                   n=max(candidate.n, candidate.k + len(added)))
    ids = (*verdict.absorbs, *other.absorbs, *(one for one in (verdict.outage_id, other.outage_id) if one))
    return Verdict(candidate, None, ids)


def _verdict_on(outage: OpenOutage, candidate: Candidate, areas: Mapping[str, AreaStats]) -> Verdict:
    area = None if outage.area_id is None else areas.get(outage.area_id, candidate.area)
    return Verdict(candidate._replace(area=area, homes=()), outage.id)


def homes_joining(snapshot: Snapshot, verdicts: Sequence[Verdict], limits: Limits) -> dict[str, list[DarkSite]]:
    """Outage id → homes that went dark in its area while it lasts, too few to be found by themselves."""
    taken = {home.site_id: verdict.outage_id for verdict in verdicts for home in verdict.candidate.homes}
    changed_devices: dict[str | None, set[str]] = {}
    for home in snapshot.homes:
        changed_devices.setdefault(taken.get(home.site_id, home.outage_id),
                                   set()).update(snapshot.lowest.get(home.site_id, ()))
    joined: dict[str, list[DarkSite]] = {}
    for home in snapshot.homes:
        if home.outage_id is None and home.site_id not in taken:
            for outage in snapshot.open:
                here = snapshot.lowest.get(home.site_id, frozenset()) & changed_devices.get(outage.id, set())
                if _belongs(home, outage, bool(here), limits):
                    joined.setdefault(outage.id, []).append(home)
                    break
    return joined


def _belongs(home: DarkSite, outage: OpenOutage, neighbour: bool, limits: Limits) -> bool:
    """Soon after it began and with a `neighbour` in it, or whenever most of the area is out: where all is dark, one
    more is no fault of its own. Counted from the beginning: from the newest home, a large area would never end."""
    if outage.state not in DECIDING or (outage.area_id is not None and outage.area_id not in home.areas):
        return False
    near = home.died_at <= outage.suspected_at + max(limits.window, home.uncertainty_ms)
    return (near and neighbour) or _is_mostly_dark(outage)


def _is_mostly_dark(outage: OpenOutage) -> bool:
    """Whether at least half of its area is dark."""
    return outage.dark * 2 >= outage.size > 0


def _is_same(candidate: Candidate, outage: OpenOutage, snapshot: Snapshot, limits: Limits) -> bool:
    """One line of a tree has one outage at a time; and one that has lost most of its homes to a better explanation is
    that. A street that has been dark for an hour is no part of what begins above it now; what goes dark below an outage
    that has only just ended, or has most of its area, is."""
    if outage.area_id is None:
        return candidate.area is None or outage.state in DECIDING
    if candidate.area is None:
        return outage.state == OutageState.SUSPECTED
    if candidate.area.id == outage.area_id:
        return True
    shared = sum(home.outage_id == outage.id for home in candidate.homes)
    if _on_one_line(candidate.area.id, outage.area_id, snapshot.areas):
        below = _is_part(candidate, outage, snapshot.areas) and (
            outage.state not in DECIDING or _is_mostly_dark(outage))
        most_shared = shared * 2 >= min(outage.dark, len(candidate.homes)) > 0
        return below or _at_its_time(candidate, outage, limits) or most_shared
    return outage.state in DECIDING and shared > 0 and shared * 2 >= outage.dark


def _at_its_time(candidate: Candidate, outage: OpenOutage, limits: Limits) -> bool:
    """Whether it began while that one was still taking in homes."""
    slack = _slack(candidate, limits)
    return candidate.since <= outage.last_at + slack and outage.suspected_at <= candidate.until + slack


def _slack(candidate: Candidate, limits: Limits) -> int:
    """A home that is found by silence died up to `uncertainty_ms` earlier or later, and is found as late again."""
    return max(limits.window, 2 * max((home.uncertainty_ms for home in candidate.homes), default=0))


def _move_up(candidate: Candidate, others: Sequence[Candidate], open_outages: Mapping[str, OpenOutage],
             areas: Mapping[str, AreaStats], limits: Limits) -> Candidate:
    """Moves up while at least half of the parent's children that have homes went out with it, two at the least."""
    while candidate.area is not None and (above := candidate.area.parent) is not None and above in areas:
        parent = areas[above]
        out = {candidate.area.id} | {one.area.id for one in others if one.area is not None}
        out |= {outage.area_id for outage in open_outages.values() if outage.area_id is not None
                and outage.state in DECIDING and _at_its_time(candidate, outage, limits)}
        below = [area_id for area_id in out if area_id in areas and areas[area_id].parent == parent.id]
        if len(below) < 2 or 2 * len(below) < parent.children:
            break
        candidate = candidate._replace(area=parent)
    return candidate


def _on_one_line(one: str, other: str, areas: Mapping[str, AreaStats]) -> bool:
    return _is_above(one, other, areas) or _is_above(other, one, areas)


def _is_above(higher: str, lower: str, areas: Mapping[str, AreaStats]) -> bool:
    """Whether `lower` is `higher` or lies below it."""
    at: str | None = lower
    for _ in range(100):
        if at == higher:
            return True
        if at is None or at not in areas:
            break
        at = areas[at].parent
    return False
