"""Where a home and whoever comes lie in the drawing of the way between them: on nothing, or on the tiles of a map."""

from collections.abc import Iterator
from math import asinh, ceil, cos, floor, log2, pi, radians, tan
from typing import NamedTuple

from markupsafe import Markup

WIDTH, HEIGHT = 340, 200
_EDGE = 34  # free at each side
_METRES = 111_320  # of a degree of latitude
_LEAST = 200  # metres that a drawing without a map shows at least
_TILE = 256  # pixels of a tile's side
_ROUND = 40_075_017  # metres of the equator: the whole of Web Mercator (EPSG:3857) at zoom 0 is one tile
_NEAREST = 16  # zoom: houses can be told apart, and no tile says which one is meant
_POLE = 85.05  # degrees of latitude at which Web Mercator ends


class Frame(NamedTuple):
    """Points in pixels of the drawing, north above."""

    home: tuple[float, float]
    they: tuple[float, float]
    scale: float  # pixels of a metre
    below: Markup = Markup()  # the tiles


def plain_frame(lat: float, lon: float, their_lat: float, their_lon: float) -> Frame:
    """The home in one corner, they in the other."""
    east = (their_lon - lon) * cos(radians(lat)) * _METRES
    north = (their_lat - lat) * _METRES
    scale = min((WIDTH - 2 * _EDGE) / max(abs(east), _LEAST), (HEIGHT - 2 * _EDGE) / max(abs(north), _LEAST))
    return _around_the_middle(east * scale, -north * scale, scale)


def tiled_frame(lat: float, lon: float, their_lat: float, their_lon: float, template: str) -> Frame:
    """The same on tiles, at the nearest whole zoom at which both are in it."""
    home, they = _on_the_world(lat, lon), _on_the_world(their_lat, their_lon)
    across = (they[0] - home[0] + 0.5) % 1 - 0.5  # the short way round
    down = they[1] - home[1]
    zoom = min(_nearest_zoom(abs(across), WIDTH), _nearest_zoom(abs(down), HEIGHT), _NEAREST)
    size = _TILE * 2 ** zoom
    frame = _around_the_middle(across * size, down * size, size / (_ROUND * cos(radians(lat))))
    left, top = home[0] * size - frame.home[0], home[1] * size - frame.home[1]
    return frame._replace(below=Markup("").join(_tiles(left, top, zoom, template)))


def _around_the_middle(across: float, down: float, scale: float) -> Frame:
    return Frame(((WIDTH - across) / 2, (HEIGHT - down) / 2), ((WIDTH + across) / 2, (HEIGHT + down) / 2), scale)


def _on_the_world(lat: float, lon: float) -> tuple[float, float]:
    """From 0 to 1 to the east and to the south, in Web Mercator."""
    lat = max(-_POLE, min(_POLE, lat))
    return lon / 360 + 0.5, 0.5 - asinh(tan(radians(lat))) / (2 * pi)


def _nearest_zoom(part: float, side: int) -> int:
    """The nearest at which this part of the world has room beside the edges."""
    return max(0, floor(log2((side - 2 * _EDGE) / (_TILE * part)))) if part > 0 else _NEAREST


def _tiles(left: float, top: float, zoom: int, template: str) -> Iterator[Markup]:
    many = 2 ** zoom
    for row in range(max(0, floor(top / _TILE)), min(many, ceil((top + HEIGHT) / _TILE))):
        for column in range(floor(left / _TILE), ceil((left + WIDTH) / _TILE)):
            address = template.replace("{z}", str(zoom)).replace("{x}", str(column % many)).replace("{y}", str(row))
            yield Markup('<image href="{}" x="{:.1f}" y="{:.1f}" width="{s}" height="{s}"/>').format(
                address, column * _TILE - left, row * _TILE - top, s=_TILE)
