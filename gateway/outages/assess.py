"""Compares detected outages with open ones: new, growing, moved to a larger area, or one more home."""

from collections.abc import Mapping, Sequence

from gateway.model import OutageState
from gateway.outages.lifecycle import DECIDING
from gateway.outages.scan import find
from gateway.outages.values import AreaStats, Candidate, DarkSite, Limits, OpenOutage, Snapshot, Verdict


def assess(scene: Snapshot, limits: Limits) -> list[Verdict]:
    """What follows from the homes that are dark now. It depends on nothing else: not on order, not on the past."""
    ages = {outage.id: (outage.suspected_at, outage.id) for outage in scene.open}
    standing = {outage.id: outage for outage in scene.open}
    climbed: list[Candidate] = []
    for found in find(scene, limits):
        climbed.append(_climb(_unconfirmed(found, scene), climbed, standing, scene.zones, limits))
    ends = [standing.pop(outage.id) for outage in scene.open if _outdone(outage, climbed, scene.zones)]
    verdicts: list[Verdict] = []
    for found in climbed:
        verdict = Verdict(found, None)
        while (meets := _met(verdict, verdicts, standing, scene, limits)) is not None:
            if isinstance(meets, Verdict):
                verdicts.remove(meets)
                verdict = _together(verdict, meets, scene.zones)
            else:
                del standing[meets.id]
                verdict = _together(verdict, _as_found(meets, verdict.found, scene.zones), scene.zones)
            ids = sorted((one for one in (verdict.outage_id, *verdict.absorbs) if one), key=ages.__getitem__)
            verdict = verdict._replace(outage_id=ids[0] if ids else None, absorbs=tuple(ids[1:]))
        verdicts.append(verdict)
    verdicts = [one._replace(ends=tuple(old.id for old in ends if _is_part(one.found, old, scene.zones)))
                for one in verdicts]
    return [own for one in verdicts if (own := _own(one, limits)) is not None]


def _own(verdict: Verdict, limits: Limits) -> Verdict | None:
    """Without the homes that are in another outage, which goes on; None: too few are left for a new one."""
    mine = {None, verdict.outage_id, *verdict.absorbs, *verdict.ends}
    homes = tuple(home for home in verdict.found.homes if home.outage_id in mine)
    if verdict.outage_id is None and len(homes) < limits.fewest:
        return None
    return verdict._replace(found=verdict.found._replace(homes=homes))


def _outdone(outage: OpenOutage, found: Sequence[Candidate], zones: Mapping[str, AreaStats]) -> bool:
    """Only suspected, so nobody has heard of it, and by now smaller areas in it explain better what is dark."""
    if outage.state != OutageState.SUSPECTED or outage.area_id is None:
        return False
    return (any(_is_part(one, outage, zones) for one in found)
            and not any(one.zone is None or _above(one.zone.id, outage.area_id, zones) for one in found))


def _is_part(found: Candidate, outage: OpenOutage, zones: Mapping[str, AreaStats]) -> bool:
    """Whether it lies below the outage's area."""
    here, above = found.zone, outage.area_id
    return here is not None and above is not None and here.id != above and _above(above, here.id, zones)


def _unconfirmed(found: Candidate, scene: Snapshot) -> Candidate:
    """Our own fault takes in what was only suspected; what was confirmed before goes on by itself."""
    if found.zone is not None:
        return found
    known = {outage.id for outage in scene.open if outage.area_id is not None and outage.state != OutageState.SUSPECTED}
    return found._replace(homes=tuple(home for home in found.homes if home.outage_id not in known))


def _met(verdict: Verdict, verdicts: Sequence[Verdict], standing: Mapping[str, OpenOutage], scene: Snapshot,
         limits: Limits) -> Verdict | OpenOutage | None:
    """Something else that is the same outage: at one time, one line of a tree has one."""
    found = verdict.found
    for outage in standing.values():
        if _same(found, outage, scene, limits):
            return outage
    for other in verdicts:
        there = other.found
        if found.zone is not None and there.zone is not None and _one_line(found.zone.id, there.zone.id, scene.zones):
            gap = max(found.since - there.until, there.since - found.until)
            if found.key == there.key or gap <= max(_slack(found, limits), _slack(there, limits)):
                return other
    return None


def _together(verdict: Verdict, other: Verdict, zones: Mapping[str, AreaStats]) -> Verdict:
    """Both, in the higher of the two areas: while an outage lasts it never moves down."""
    found, more = verdict.found, other.found
    if found.zone is not None and (more.zone is None or _above(more.zone.id, found.zone.id, zones)):
        found = found._replace(zone=more.zone)
    known = {home.site_id for home in found.homes}
    added = tuple(home for home in more.homes if home.site_id not in known)
    found = found._replace(homes=found.homes + added, k=found.k + len(added), n=max(found.n, found.k + len(added)))
    ids = (*verdict.absorbs, *other.absorbs, *(one for one in (verdict.outage_id, other.outage_id) if one))
    return Verdict(found, None, ids)


def _as_found(outage: OpenOutage, found: Candidate, zones: Mapping[str, AreaStats]) -> Verdict:
    zone = None if outage.area_id is None else zones.get(outage.area_id, found.zone)
    return Verdict(found._replace(zone=zone, homes=()), outage.id)


def joining(scene: Snapshot, verdicts: Sequence[Verdict], limits: Limits) -> dict[str, list[DarkSite]]:
    """Outage id → homes that went dark in its area while it lasts, too few to be found by themselves."""
    taken = {home.site_id: verdict.outage_id for verdict in verdicts for home in verdict.found.homes}
    changed_devices: dict[str | None, set[str]] = {}
    for home in scene.homes:
        changed_devices.setdefault(taken.get(home.site_id, home.outage_id),
                                   set()).update(scene.lowest.get(home.site_id, ()))
    found: dict[str, list[DarkSite]] = {}
    for home in scene.homes:
        if home.outage_id is None and home.site_id not in taken:
            for outage in scene.open:
                here = scene.lowest.get(home.site_id, frozenset()) & changed_devices.get(outage.id, set())
                if _belongs(home, outage, bool(here), limits):
                    found.setdefault(outage.id, []).append(home)
                    break
    return found


def _belongs(home: DarkSite, outage: OpenOutage, neighbour: bool, limits: Limits) -> bool:
    """Soon after it began and with a `neighbour` in it, or whenever most of the area is out: where all is dark, one
    more is no fault of its own. Counted from the beginning: from the newest home, a large area would never end."""
    if outage.state not in DECIDING or (outage.area_id is not None and outage.area_id not in home.areas):
        return False
    near = home.died_at <= outage.suspected_at + max(limits.window, home.uncertainty_ms)
    return (near and neighbour) or _most(outage)


def _most(outage: OpenOutage) -> bool:
    """Whether at least half of its area is dark."""
    return outage.dark * 2 >= outage.size > 0


def _same(found: Candidate, outage: OpenOutage, scene: Snapshot, limits: Limits) -> bool:
    """One line of a tree has one outage at a time; and one that has lost most of its homes to a better explanation is
    that. A street that has been dark for an hour is no part of what begins above it now; what goes dark below an outage
    that has only just ended, or has most of its area, is."""
    if outage.area_id is None:
        return found.zone is None or outage.state in DECIDING
    if found.zone is None:
        return outage.state == OutageState.SUSPECTED
    if found.zone.id == outage.area_id:
        return True
    shared = sum(home.outage_id == outage.id for home in found.homes)
    if _one_line(found.zone.id, outage.area_id, scene.zones):
        below = _is_part(found, outage, scene.zones) and (outage.state not in DECIDING or _most(outage))
        return below or _at_its_time(found, outage, limits) or shared * 2 >= min(outage.dark, len(found.homes)) > 0
    return outage.state in DECIDING and shared > 0 and shared * 2 >= outage.dark


def _at_its_time(found: Candidate, outage: OpenOutage, limits: Limits) -> bool:
    """Whether it began while that one was still taking in homes."""
    slack = _slack(found, limits)
    return found.since <= outage.last_at + slack and outage.suspected_at <= found.until + slack


def _slack(found: Candidate, limits: Limits) -> int:
    """A home that is found by silence died up to its uncertainty_ms earlier or later, and is found as late again."""
    return max(limits.window, 2 * max((home.uncertainty_ms for home in found.homes), default=0))


def _climb(found: Candidate, others: Sequence[Candidate], standing: Mapping[str, OpenOutage],
           zones: Mapping[str, AreaStats],
           limits: Limits) -> Candidate:
    """Moves up while at least half of the parent's children that have homes went out with it, two at the least."""
    while found.zone is not None and (above := found.zone.parent) is not None and above in zones:
        parent = zones[above]
        out = {found.zone.id} | {one.zone.id for one in others if one.zone is not None}
        out |= {outage.area_id for outage in standing.values() if outage.area_id is not None
                and outage.state in DECIDING and _at_its_time(found, outage, limits)}
        below = [zone_id for zone_id in out if zone_id in zones and zones[zone_id].parent == parent.id]
        if len(below) < 2 or 2 * len(below) < parent.children:
            break
        found = found._replace(zone=parent)
    return found


def _one_line(one: str, other: str, zones: Mapping[str, AreaStats]) -> bool:
    return _above(one, other, zones) or _above(other, one, zones)


def _above(higher: str, lower: str, zones: Mapping[str, AreaStats]) -> bool:
    """Whether `lower` is `higher` or lies below it."""
    at: str | None = lower
    for _ in range(100):
        if at == higher:
            return True
        if at is None or at not in zones:
            break
        at = zones[at].parent
    return False
