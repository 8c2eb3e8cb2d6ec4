"""Territories of providers: whether one covers a site and how closely, and which of many do, by an index.

Shapely, with numpy, takes 15 MB and is loaded only for whoever has drawn a territory on the map.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from shapely.geometry import Point, Polygon
    from shapely.strtree import STRtree

EXACT, WILDCARD, AREA = 3, 2, 1  # how closely a territory names the site
_Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody has to come. `area_ids`: the site's areas and all their ancestors."""

    postcode: str
    lat: float | None  # degrees, WGS 84
    lon: float | None
    area_ids: frozenset[str]

    @property
    def point(self) -> "Point | None":
        from shapely.geometry import Point

        return Point(self.lon, self.lat) if self.lon is not None and self.lat is not None else None


class Coverage(NamedTuple):
    """How closely a territory names a site, and by what."""

    closeness: int
    words: str


class TerritoryIndex:
    """Finds those of many territories (id → as it is stored) that cover a site, without looking at the others."""

    def __init__(self, territories: Mapping[str, Mapping[str, Any]]) -> None:
        self._postcodes: dict[str, list[str]] = defaultdict(list)
        self._stems: dict[str, list[tuple[str, str]]] = defaultdict(list)  # "80" → (id, "80*" as written)
        self._areas: dict[str, list[str]] = defaultdict(list)
        rings: list[Polygon] = []
        self._ring_ids: list[str] = []
        for key, territory in territories.items():
            for listed in territory.get("postcodes") or ():
                plain = _plain(listed)
                if plain.endswith("*"):
                    self._stems[plain[:-1]].append((key, listed))
                else:
                    self._postcodes[plain].append(key)
            for area in territory.get("areas") or ():
                self._areas[area].append(key)
            polygon = _polygon(tuple(map(tuple, territory["polygon"]))) if territory.get("polygon") else None
            if polygon is not None:
                rings.append(polygon)
                self._ring_ids.append(key)
        self._rings = _tree(rings) if rings else None

    def covering(self, place: Place) -> dict[str, Coverage]:
        """Id → the closest way in which its territory covers the place."""
        found: dict[str, Coverage] = {}
        for area in sorted(place.area_ids.intersection(self._areas), reverse=True):  # of several the first is said
            found |= dict.fromkeys(self._areas[area], Coverage(AREA, f"covers the area {area}"))
        postcode = _plain(place.postcode)
        for length in range(len(postcode) + 1):
            for key, listed in self._stems.get(postcode[:length], ()):
                found[key] = Coverage(WILDCARD, f"covers postcodes {listed}")
        point = place.point if self._rings is not None else None
        if self._rings is not None and point is not None:
            on_the_map = Coverage(EXACT, "its territory on the map covers the site")
            found |= {self._ring_ids[at]: on_the_map for at in self._rings.query(point, "intersects")}
        if postcode:
            found |= dict.fromkeys(self._postcodes.get(postcode, ()),
                                   Coverage(EXACT, f"covers postcode {place.postcode}"))
        return found


def covers(place: Place, territory: Mapping[str, Any]) -> bool:
    """Whether the territory, as it is stored, covers the place."""
    return bool(TerritoryIndex({"": territory}).covering(place))


def not_covered(place: Place) -> str:
    """Why the others cannot be asked."""
    return f"does not cover postcode {place.postcode}" if place.postcode else "does not cover the site"


def polygon_error(ring: _Ring) -> str | None:
    """What is wrong with the corners of a territory, in words; None when they make a polygon."""
    if _polygon(ring) is not None:
        return None
    import shapely
    from shapely.geometry import Polygon

    return f"{shapely.is_valid_reason(Polygon(ring))} — expected sides that do not cross"


def inside(ring: _Ring, points: Sequence[tuple[float, float]]) -> list[bool]:
    """Whether the polygon with these corners covers each of the points (lon, lat): a thousand points cost one call."""
    polygon = _polygon(ring)
    if polygon is None or not points:
        return [False] * len(points)
    import shapely

    return [bool(one) for one in shapely.intersects_xy(polygon, *zip(*points, strict=True))]


@lru_cache(maxsize=16_384)
def _plain(postcode: str) -> str:
    """People write "sw1a 1aa" and "SW1A1AA"."""
    return postcode.replace(" ", "").upper()


@lru_cache(maxsize=4096)
def _polygon(ring: _Ring) -> "Polygon | None":
    """Built and prepared once for the same corners; None when they make no polygon (polygon_error says why)."""
    import shapely
    from shapely.geometry import Polygon

    try:
        polygon = Polygon(ring)
    except (ValueError, TypeError):
        return None
    if not polygon.is_valid:
        return None
    shapely.prepare(polygon)
    return polygon


def _tree(rings: "list[Polygon]") -> "STRtree":
    from shapely.strtree import STRtree

    return STRtree(rings)
