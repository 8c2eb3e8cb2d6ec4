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
    SELECT sa.area_id, d.site_id, COALESCE(l.drops, 0) FROM below JOIN site_area sa ON sa.area_id = below.id
    JOIN device d ON d.site_id = sa.site_id JOIN device_state s ON s.device_id = d.id
    LEFT JOIN loss l ON l.device_id = d.id
    WHERE d.retired_at IS NULL AND s.link = '{LinkState.ONLINE}' AND d.profile IN :missed
          AND (l.device_id IS NULL OR l.ended_at IS NOT NULL)
    """
_CHILDREN = text("""
    WITH RECURSIVE below(top, id) AS (
        SELECT id, id FROM area WHERE parent_id IN :ids UNION SELECT below.top, a.id FROM area a JOIN below
        ON a.parent_id = below.id)
    SELECT area.parent_id, COUNT(*) FROM area WHERE area.id IN (
        SELECT below.top FROM below JOIN site_area sa ON sa.area_id = below.id) GROUP BY area.parent_id
    """).bindparams(bindparam("ids", expanding=True))


class Detectable(NamedTuple):
    """Whose loss is noticed soon, so that they prove their home live: devices of these profiles, but for the dialects
    that the broker does not let us hear."""

    profiles: list[str]
    missing_topics: tuple[str, ...] = ()

    def statement(self, written: str) -> TextClause:
        """`written` with `d.profile IN :missed` meaning that."""
        return _statement(written, len(self.missing_topics))

    def values(self, **more: Any) -> dict[str, Any]:
        """Those of the statement's parameters, and `more`."""
        prefixes = [f"{dialect}:" for dialect in self.missing_topics]
        return {"missed": self.profiles, **more, **{f"unheard{place}": one for place, one in enumerate(prefixes)},
                **{f"chars{place}": len(one) for place, one in enumerate(prefixes)}}


@cache
def _statement(written: str, missing_topics: int) -> TextClause:
    but = "".join(f" AND SUBSTR(d.key, 1, :chars{place}) <> :unheard{place}" for place in range(missing_topics))
    whole = written.replace("d.profile IN :missed", f"d.profile IN :missed{but}")
    lists = [name for name in ("missed", "ids", "sites") if f":{name}" in whole]
    return text(whole).bindparams(*(bindparam(name, expanding=True) for name in lists))


def area_stats(session: Session, areas: Mapping[str, Area], wanted: list[str], missed: Detectable) -> dict[str,
                                                                                                           AreaStats]:
    """Each of `areas` as a zone; those in `wanted` with what is live in them now."""
    live: dict[str, list[float]] = {}  # area → how often each live home below it was lost
    children: dict[str, int] = {}
    if wanted:
        live = _live(session, wanted, missed)
    for some in chunks(wanted):
        children |= _pairs(session, _CHILDREN, some)
    return {area: AreaStats(area, row.kind, row.parent_id, live=len(live.get(area, ())), losses=sum(live.get(area, ())),
                       children=children.get(area, 0), name=row.name) for area, row in areas.items()}


def _live(session: Session, wanted: list[str], missed: Detectable) -> dict[str, list[float]]:
    parents: dict[str, str | None] = {}
    homes: dict[str, tuple[set[str], list[float]]] = {}
    for some in chunks(wanted):
        parents |= _pairs(session, _AREAS_BELOW, some)
    roots = [area for area in wanted if parents[area] not in parents]
    for some in chunks(roots):
        for area, site, drops in session.connection().execute(missed.statement(_LIVE_BELOW),
                                                               missed.values(ids=some)):
            hung_in, losses = homes.setdefault(site, (set(), []))
            hung_in.add(area)
            losses.append(drops)
    found = [(frozenset(hung_in), min(losses)) for hung_in, losses in homes.values()]
    above = _closures((hung for hung, _ in found), parents)
    live: dict[str, list[float]] = defaultdict(list)
    for hung, loss in found:
        for area in above[hung]:
            live[area].append(loss)
    return live


def areas_above(lowest: Mapping[str, frozenset[str]], areas: Mapping[str, Area]) -> dict[str, frozenset[str]]:
    """site → the areas that it hangs in and all above them."""
    closures = _closures(lowest.values(), {area: row.parent_id for area, row in areas.items()})
    return {site: closures[ids] for site, ids in lowest.items()}


def _closures(hung: Iterable[frozenset[str]], parents: Mapping[str, str | None]
              ) -> dict[frozenset[str], frozenset[str]]:
    """Areas that homes hang in → those and all above them; thousands of homes hang in the same."""
    return {ids: frozenset(_upwards(ids, parents)) for ids in set(hung)}


def _upwards(ids: Iterable[str], parents: Mapping[str, str | None]) -> Iterator[str]:
    for area in ids:
        at: str | None = area
        while at is not None and at in parents:
            yield at
            at = parents[at]


def _pairs(session: Session, statement: TextClause, ids: list[str]) -> dict[str, Any]:
    return {row[0]: row[1] for row in session.connection().execute(statement, {"ids": ids})}
