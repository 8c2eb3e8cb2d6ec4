"""A map below "where they are": only where the operator has set one, and only from there."""

import re
from collections.abc import Iterator
from math import asinh, pi, radians, tan

import httpx
import pytest

from gateway.config.settings import Web
from gateway.store import Store
from gateway.web.pages.follow.map_frame import HEIGHT, WIDTH, plain_frame, tiled_frame
from tests.drivers.web_driver import WebStory, read, web_story
from tests.stories.test_where_they_are import AWAY, on_the_way

TEMPLATE = "https://tiles.example.com:8443/v1/{z}/{x}/{y}.png?key=a&style=b"
ATTRIBUTION = "© Map <makers>"
HOME, THEY = (47.3701, 8.5412), (47.3881, 8.5412)


@pytest.fixture
def there(store: Store) -> WebStory:
    return web_story(store)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def with_a_map(there: WebStory) -> None:
    there.gw.settings = there.gw.settings.model_copy(update={
        "web": Web(map_tiles=TEMPLATE, map_attribution=ATTRIBUTION)})


def test_the_dot_lies_on_the_map_and_the_page_says_whose_it_is(there: WebStory, web: httpx.Client) -> None:
    with_a_map(there)
    ticket, page = on_the_way(there, web)
    web.post(f"{page}/position", data=AWAY)
    shown = web.get(there.follow(ticket))
    tiles = re.findall(r'<image href="([^"]+)" x="-?[\d.]+" y="-?[\d.]+" width="256" height="256"/>', shown.text)
    assert 2 <= len(tiles) <= 6
    assert all(re.fullmatch(r"https://tiles\.example\.com:8443/v1/\d+/\d+/\d+\.png\?key=a&amp;style=b", one)
               for one in tiles)
    assert shown.text.index("<image") < shown.text.index('class="they"'), "the dot is drawn last"
    assert ATTRIBUTION in read(shown).replace("&lt;", "<")
    assert "<makers>" not in shown.text
    assert "style=" not in shown.text.replace("style=b", "")


def test_that_page_alone_may_load_pictures_from_there_and_nothing_else(there: WebStory, web: httpx.Client) -> None:
    with_a_map(there)
    ticket, page = on_the_way(there, web)
    follow = there.follow(ticket)
    headers = web.get(follow).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy.pop("img-src") == "'self' https://tiles.example.com:8443"
    assert not any("example.com" in sources for sources in policy.values())
    assert headers["referrer-policy"] == "no-referrer"
    for other in (f"{follow}/change", f"{follow}/move", page, "/", "/api/docs"):
        assert "img-src 'self';" in web.get(other).headers["content-security-policy"], other


def test_without_the_setting_nothing_is_loaded_from_elsewhere(there: WebStory, web: httpx.Client) -> None:
    ticket, page = on_the_way(there, web)
    web.post(f"{page}/position", data=AWAY)
    shown = web.get(there.follow(ticket))
    assert "<image" not in shown.text
    assert '<svg class="where" viewBox' in shown.text
    assert "img-src 'self';" in shown.headers["content-security-policy"]


def test_it_lies_where_it_is_on_the_map() -> None:
    frame = tiled_frame(*HOME, *THEY, template="https://t.example/{z}/{x}/{y}")
    found = re.search(r'href="https://t.example/(\d+)/(\d+)/(\d+)" x="(-?[\d.]+)" y="(-?[\d.]+)"', frame.below)
    assert found is not None
    zoom, column, row, x, y = (float(one) for one in found.groups())
    size = 256 * 2 ** zoom
    for (lat, lon), (at_x, at_y) in ((HOME, frame.home), (THEY, frame.they)):
        assert (lon / 360 + 0.5) * size - column * 256 + x == pytest.approx(at_x, abs=0.1)
        assert (0.5 - asinh(tan(radians(lat))) / (2 * pi)) * size - row * 256 + y == pytest.approx(at_y, abs=0.1)
    apart = frame.home[1] - frame.they[1]
    assert apart / frame.scale == pytest.approx(0.018 * 111_320, rel=0.01), "the ruler measures what the map shows"


@pytest.mark.parametrize(("home", "they"), [
    (HOME, HOME), (HOME, (46.2, 6.1)), ((-16.8, 179.99), (-16.8, -179.98)), ((84.9, 10.0), (84.95, 11.0)),
    ((89.9, 0.0), (89.95, 0.0)), ((0.0, 0.0), (0.001, -0.001))])
def test_wherever_they_are_both_are_in_it_and_all_of_it_is_covered(home: tuple[float, float],
                                                                   they: tuple[float, float]) -> None:
    frame = tiled_frame(*home, *they, template="https://t.example/{z}/{x}/{y}")
    for x, y in (frame.home, frame.they):
        assert 0 < x < WIDTH
        assert 0 < y < HEIGHT
    tiles = [tuple(map(float, one)) for one in re.findall(
        r'example/(\d+)/(\d+)/(\d+)" x="(-?[\d.]+)" y="(-?[\d.]+)"', frame.below)]
    assert len(tiles) <= 6
    assert all(column < 2 ** zoom and row < 2 ** zoom for zoom, column, row, _, _ in tiles)
    assert min(x for *_, x, _ in tiles) <= 0
    assert max(x for *_, x, _ in tiles) + 256 >= WIDTH


def test_without_a_map_it_lies_as_ever() -> None:
    frame = plain_frame(*HOME, *THEY)
    assert (frame.home, frame.they) == ((170, 166), (170, 34))
    assert frame.below == ""
