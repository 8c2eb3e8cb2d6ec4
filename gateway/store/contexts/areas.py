"""Loads areas with the number of live homes in each, and the areas above a site."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import TextClause, bindparam, text
from sqlmodel import Session

from gateway.model import Area, LinkState
from gateway.outages import AreaStats
from gateway.store.chunks import chunks

_BELOW = """WITH RECURSIVE below(id, parent_id) AS (
        SELECT id, parent_id FROM area WHERE id IN :ids UNION SELECT a.id, a.parent_id FROM area a JOIN below
        ON a.parent_id = below.id)"""
_AREAS_BELOW = text(f"{_BELOW} SELECT id, parent_id FROM below").bindparams(bindparam("ids", expanding=True))
# one row for each place of a live device, added up in Python: a sum for each area in SQL took six times as long
_LIVE_BELOW = f"""{_BELOW}
    SELECT sa.area_id, d.site_id, COALESCE(l.loss_count, 0) FROM below JOIN site_area sa ON sa.area_id = below.id
    JOIN device d ON d.site_id = sa.site_id JOIN device_state s ON s.device_id = d.id
    LEFT JOIN loss l ON l.device_id = d.id
    WHERE d.retired_at IS NULL AND s.link = '{LinkState.ONLINE}' AND d.profile IN :missed
          AND (l.device_id IS NULL OR l.ended_at IS NOT NULL)
    """
_ABOVE = text("""
    WITH RECURSIVE above(site_id, id) AS (
        SELECT site_id, area_id FROM site_area WHERE site_id IN :ids UNION SELECT above.site_id, a.parent_id
        FROM above JOIN area a ON a.id = above.id WHERE a.parent_id IS NOT NULL)
    SELECT site_id, id FROM above""").bindparams(bindparam("ids", expanding=True))
_CHILDREN = text("""
    WITH RECURSIVE below(top, id) AS (
        SELECT id, id FROM area WHERE parent_id IN :ids UNION SELECT below.top, a.id FROM area a JOIN below
        ON a.parent_id = below.id)
    SELECT area.parent_id, COUNT(*) FROM area WHERE area.id IN (
        SELECT below.top FROM below JOIN site_area sa ON sa.area_id = below.id) GROUP BY area.parent_id
    """).bindparams(bindparam("ids", expanding=True))


class Detectable(NamedTuple):
    """The devices whose loss is noticed soon, so that being online proves that their home has power: those of
    `profiles`, except of dialects whose topics the broker does not let us hear (`missing_topics`)."""

    profiles: list[str]
    missing_topics: tuple[str, ...] = ()

    def statement(self, written: str) -> TextClause:
        """The SQL `written`, in which `d.profile IN :missed` selects these devices."""
        return _statement(written, len(self.missing_topics))

    def values(self, **more: Any) -> dict[str, Any]:
        """The parameters of such a statement, and `more`."""
        prefixes = [f"{dialect}:" for dialect in self.missing_topics]
        return {"missed": self.profiles, **more, **{f"unheard{place}": one for place, one in enumerate(prefixes)},
                **{f"chars{place}": len(one) for place, one in enumerate(prefixes)}}


@cache
def _statement(written: str, missing_topics: int) -> TextClause:
    but = "".join(f" AND SUBSTR(d.key, 1, :chars{place}) <> :unheard{place}" for place in range(missing_topics))
    whole = written.replace("d.profile IN :missed", f"d.profile IN :missed{but}")
    lists = [name for name in ("missed", "ids", "sites") if f":{name}" in whole]
    return text(whole).bindparams(*(bindparam(name, expanding=True) for name in lists))


def area_stats(session: Session, areas: Mapping[str, Area], wanted: list[str], detectable: Detectable
               ) -> dict[str, AreaStats]:
    """Area id → AreaStats of each of `areas`; for those in `wanted` with the number of homes that have power now."""
    live: dict[str, list[float]] = {}  # area → how often each live home below it was lost
    children: dict[str, int] = {}
    if wanted:
        live = _live(session, wanted, detectable)
    for some in chunks(wanted):
        children |= _pairs(session, _CHILDREN, some)
    return {area: AreaStats(area, row.kind, row.parent_id, live=len(live.get(area, ())), losses=sum(live.get(area, ())),
                            children=children.get(area, 0), name=row.name) for area, row in areas.items()}


def _live(session: Session, wanted: list[str], detectable: Detectable) -> dict[str, list[float]]:
    parents: dict[str, str | None] = {}
    homes: dict[str, tuple[set[str], list[float]]] = {}
    for some in chunks(wanted):
        parents |= _pairs(session, _AREAS_BELOW, some)
    roots = [area for area in wanted if parents[area] not in parents]
    for some in chunks(roots):
        for area, site, loss_count in session.connection().execute(detectable.statement(_LIVE_BELOW),
                                                                   detectable.values(ids=some)):
            area_ids, losses = homes.setdefault(site, (set(), []))
            area_ids.add(area)
            losses.append(loss_count)
    found = [(frozenset(area_ids), min(losses)) for area_ids, losses in homes.values()]
    above = _closures((ids for ids, _ in found), parents)
    live: dict[str, list[float]] = defaultdict(list)
    for ids, loss in found:
        for area in above[ids]:
            live[area].append(loss)
    return live


def areas_of(session: Session, site_ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """Site id → ids of its areas and all above them, of the sites that lie in any."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for some in chunks(site_ids):
        for site_id, area_id in session.connection().execute(_ABOVE, {"ids": some}):
            found[site_id].add(area_id)
    return {site_id: frozenset(area_ids) for site_id, area_ids in found.items()}


def areas_above(lowest: Mapping[str, frozenset[str]], areas: Mapping[str, Area]) -> dict[str, frozenset[str]]:
    """Site id → the areas it belongs to and all above them. `lowest`: site id → the areas it belongs to directly."""
    closures = _closures(lowest.values(), {area: row.parent_id for area, row in areas.items()})
    return {site: closures[ids] for site, ids in lowest.items()}


def _closures(area_sets: Iterable[frozenset[str]], parents: Mapping[str, str | None]
              ) -> dict[frozenset[str], frozenset[str]]:
    """Set of area ids → the same and all above them; computed once for each set, which thousands of homes share."""
    return {ids: frozenset(_upwards(ids, parents)) for ids in set(area_sets)}


def _upwards(ids: Iterable[str], parents: Mapping[str, str | None]) -> Iterator[str]:
    for area in ids:
        at: str | None = area
        while at is not None and at in parents:
            yield at
            at = parents[at]


def _pairs(session: Session, statement: TextClause, ids: list[str]) -> dict[str, Any]:
    return {row[0]: row[1] for row in session.connection().execute(statement, {"ids": ids})}
