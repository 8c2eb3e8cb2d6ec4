"""Where whoever comes is now, for as long as they share it: a sentence, and a drawing, on a map where tiles are set."""

from math import asin, cos, hypot, radians, sin, sqrt
from typing import NamedTuple

from markupsafe import Markup

from gateway.config.settings import Web
from gateway.flow.visits.positions import Position
from gateway.model import Site, TicketState, VisitState
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.format_values import number
from gateway.store.views.pages import FollowedTicket
from gateway.web.pages.follow.map_frame import HEIGHT, WIDTH, Frame, plain_frame, tiled_frame

_EARTH = 6_371_000  # metres, its mean radius
_FARTHEST = 300_000  # metres: nobody drives farther to a visit, so that place is wrong
_RULERS = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)


class Where(NamedTuple):
    """The sentence says all that the drawing shows."""

    sentence: str
    drawing: Markup
    attribution: str = ""  # whose map is below it


def is_on_the_way(facts: FollowedTicket) -> bool:
    """Whether the page may show where they are: on the way to this very visit, and to this home."""
    return (facts.ticket.state is TicketState.EN_ROUTE and facts.visit is not None
            and facts.visit.state is VisitState.EN_ROUTE and facts.ticket.outage_id is None)


def where_they_are(site: Site, position: Position, who: str, words: Catalogue, say: TimeFormat, web: Web
                   ) -> Where | None:
    """None when nobody knows where the home is."""
    if site.lat is None or site.lon is None:
        return None
    metres = distance(site.lat, site.lon, position.lat, position.lon)
    if metres > _FARTHEST:
        return None
    sentence = words("page.where.away", who=who, distance=distance_words(metres, words), time=say.time(position.at))
    places = (site.lat, site.lon, position.lat, position.lon)
    if not web.map_tiles:
        return Where(sentence, _draw(plain_frame(*places), position, words))
    frame = tiled_frame(*places, template=web.map_tiles)
    return Where(sentence, _draw(frame, position, words, "where on-map"), web.map_attribution)


def distance(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Metres as the crow flies (haversine)."""
    a, b = radians(lat), radians(other_lat)
    half = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(radians(other_lon - lon) / 2) ** 2
    return 2 * _EARTH * asin(min(1.0, sqrt(half)))


def distance_words(metres: float, words: Catalogue) -> str:
    """`300 m`, `1.5 km`, `12 km`: no finer than anybody can use."""
    if metres < 950:
        return words("distance.m", count=max(100, round(metres / 100) * 100))
    km = round(metres / 500) / 2 if metres < 10_000 else round(metres / 1000)
    return words("distance.km", count=number(km, words.locale, "#,##0.#"))


def _draw(frame: Frame, position: Position, words: Catalogue, kind: str = "where") -> Markup:
    """The home and they, the straight line between them, and how far something is."""
    (home_x, home_y), (their_x, their_y), scale, below = frame
    step = max((one for one in _RULERS if one * scale <= WIDTH / 3), default=_RULERS[0])
    ruler = words("distance.m", count=step) if step < 1000 else words("distance.km", count=step // 1000)
    near = hypot(their_x - home_x, their_y - home_y) < 24  # the word for the home would lie below the dot
    return Markup(
        '<svg class="{kind}" viewBox="0 0 {w} {h}" aria-hidden="true">{map}'
        '<circle class="exact" cx="{tx:.0f}" cy="{ty:.0f}" r="{r:.0f}"/>'
        '<path class="way" d="M{hx:.0f} {hy:.0f}L{tx:.0f} {ty:.0f}"/>'
        '<path class="home" d="M{hx:.0f} {hy:.0f}m-9 2l9-9 9 9v9h-18z"/>'
        '<circle class="they" cx="{tx:.0f}" cy="{ty:.0f}" r="8"/>'
        '<path class="ruler" d="M8 {top}V{y}H{end:.0f}V{top}"/><text x="{label:.0f}" y="{y}">{ruler}</text>'
        '<text x="{hx:.0f}" y="{below:.0f}" text-anchor="middle">{home}</text></svg>').format(
        kind=kind, map=below, w=WIDTH, h=HEIGHT, tx=their_x, ty=their_y, r=max(10.0, position.accuracy * scale),
        hx=home_x, hy=home_y, top=HEIGHT - 13, y=HEIGHT - 8, end=8 + step * scale,
        label=14 + step * scale, ruler=ruler, below=home_y + (34 if near else 28), home=words("page.where.home"))
