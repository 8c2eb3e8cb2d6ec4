"""Draws where the homes of an outage are, north above, without a map below them: no other server is asked."""

from collections.abc import Iterable, Iterator, Sequence
from math import cos, radians
from typing import NamedTuple

from markupsafe import Markup

WIDTH, HEIGHT = 480, 260
_EDGE = 16  # free at each side
_METRES = 111_320  # of a degree of latitude
_LEAST = 200  # metres that the drawing shows at least: one home alone does not fill it
_STEPS = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000)


class Place(NamedTuple):
    """One home; `kind`: dark | nested | back | mute."""

    lat: float
    lon: float
    kind: str


_DRAWN = ("back", "mute", "nested", "dark")  # what matters most lies on top


def draw(places: Sequence[Place], title: str) -> Markup | None:
    """None when no home's position is known. `title`: for who cannot see it."""
    if not places:
        return None
    middle = radians(sum(one.lat for one in places) / len(places))
    metres = [(one.lon * cos(middle) * _METRES, one.lat * _METRES, one.kind) for one in places]
    left, right = min(x for x, *_ in metres), max(x for x, *_ in metres)
    low, high = min(y for _, y, _ in metres), max(y for _, y, _ in metres)
    scale = min((WIDTH - 2 * _EDGE) / max(right - left, _LEAST), (HEIGHT - 2 * _EDGE) / max(high - low, _LEAST))
    centre_x, centre_y = (left + right) / 2, (low + high) / 2
    drawn = [(WIDTH / 2 + (x - centre_x) * scale, HEIGHT / 2 - (y - centre_y) * scale, kind) for x, y, kind in metres]
    return Markup('<svg class="homes-map" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>').format(
        WIDTH, HEIGHT, title, Markup("").join(_dots(drawn)), _ruler(scale))


def _dots(drawn: Iterable[tuple[float, float, str]]) -> Iterator[Markup]:
    """One path for all of a kind: thousands of homes are a few kilobytes."""
    of: dict[str, list[str]] = {}
    for x, y, kind in drawn:
        of.setdefault(kind, []).append(f"M{x:.0f} {y:.0f}h0")
    for kind in _DRAWN:
        if kind in of:
            yield Markup('<path class="dots {}" d="{}"/>').format(kind, "".join(of[kind]))


def _ruler(scale: float) -> Markup:
    """How far that is, at the lower left."""
    step = max((one for one in _STEPS if one * scale <= WIDTH / 3), default=_STEPS[0])
    name = f"{step} m" if step < 1000 else f"{step // 1000} km"
    y, end, drawn = HEIGHT - 8, 8 + step * scale, Markup(
        '<path class="ruler" d="M8 {top}V{y}H{end:.0f}V{top}"/><text x="{x:.0f}" y="{y}">{name}</text>')
    return drawn.format(top=y - 5, y=y, end=end, x=end + 6, name=name)
