"""Where the technician is: shown while they share it on the way, and known nowhere but in one process's memory."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlmodel import SQLModel

from gateway.flow.visits.positions import Position, Positions
from gateway.model import MINUTE, SECOND, Offer, Site, Ticket, Visit
from gateway.notifications.catalogues import catalogue_for
from gateway.store import Store
from gateway.tickets.actions import AcceptOffer, HandBack
from gateway.web.pages.follow.where import distance, distance_words
from tests.drivers.web_driver import WebStory, is_problem, read, web_story

AWAY = {"lat": "47.3881234", "lon": "8.5412345", "accuracy": "20", "age": "0"}  # 2 km north of Alice's house
SENTENCE = "Karin Kunz is about 2 km away, as of"


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def on_the_way(there: WebStory, web: httpx.Client) -> tuple[Ticket, str]:
    """The ticket, and the technician's page."""
    ticket = there.break_down()
    there.accept()
    page = there.visit(ticket)
    assert web.post(page, data={"act": "depart", "minutes": "20"}).status_code == 303
    return ticket, page


def test_the_customer_sees_how_far_away_they_are_while_it_is_fresh(there: WebStory, web: httpx.Client) -> None:
    ticket, page = on_the_way(there, web)
    follow = there.follow(ticket)
    assert "Where they are" not in read(web.get(follow))
    assert web.post(f"{page}/position", data=AWAY).status_code == 204
    shown = web.get(follow)
    assert f"{SENTENCE} 13:00." in read(shown)
    assert '<svg class="where"' in shown.text
    assert "style=" not in shown.text
    there.now += 3 * MINUTE - 1
    assert SENTENCE in read(web.get(follow))
    there.now += 1
    assert "Where they are" not in read(web.get(follow))


@pytest.mark.parametrize("changed", [{"accuracy": "101"}, {"age": "180000"}, {"age": "-600000"}])
def test_what_is_inexact_or_old_is_not_shown(there: WebStory, web: httpx.Client, changed: dict[str, str]) -> None:
    ticket, page = on_the_way(there, web)
    assert web.post(f"{page}/position", data=AWAY | changed).status_code == 204
    assert "Where they are" not in read(web.get(there.follow(ticket)))


def test_it_is_shared_on_the_way_only_and_gone_on_arrival(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    page, follow = there.visit(ticket), there.follow(ticket)
    is_problem(web.post(f"{page}/position", data=AWAY), 409)
    web.post(page, data={"act": "depart", "minutes": "20"})
    assert web.post(f"{page}/position", data=AWAY).status_code == 204
    assert SENTENCE in read(web.get(follow))
    visit = there.one(Visit)
    web.post(page, data={"act": "arrive"})
    assert there.gw.positions.of(visit.id, there.now) is None
    assert SENTENCE not in read(web.get(follow))
    is_problem(web.post(f"{page}/position", data=AWAY), 409)


def test_it_is_gone_when_they_stop_sharing_or_hand_back(there: WebStory, web: httpx.Client) -> None:
    ticket, page = on_the_way(there, web)
    web.post(f"{page}/position", data=AWAY)
    assert web.post(f"{page}/position", data={"stop": "yes"}).status_code == 204
    assert SENTENCE not in read(web.get(there.follow(ticket)))
    there.now += 10 * SECOND
    web.post(f"{page}/position", data=AWAY)
    visit = there.one(Visit)
    there.act(HandBack(visit.id, "van broken"), "technician Karin Kunz")
    assert there.gw.positions.of(visit.id, there.now) is None
    assert SENTENCE not in read(web.get(there.follow(ticket)))


def test_nobody_sees_where_they_are_on_the_way_to_another(there: WebStory, web: httpx.Client) -> None:
    _, page = on_the_way(there, web)
    other = there.break_down("bob-pump")
    there.accept()
    web.post(f"{page}/position", data=AWAY)
    assert "<svg class=\"where\"" not in web.get(there.follow(other)).text
    web.post(there.visit(other), data={"act": "depart", "minutes": "20"})
    assert "<svg class=\"where\"" not in web.get(there.follow(other)).text


def test_it_is_taken_once_in_five_seconds_and_only_when_it_is_a_place(there: WebStory, web: httpx.Client) -> None:
    _, page = on_the_way(there, web)
    assert web.post(f"{page}/position", data=AWAY).status_code == 204
    assert is_problem(web.post(f"{page}/position", data=AWAY), 429)["detail"]
    there.now += 5 * SECOND
    for wrong in ({"lat": "91"}, {"lon": "181"}, {"lat": "nan"}, {"lat": ""}, {"accuracy": "x"}, {"age": "inf"}):
        is_problem(web.post(f"{page}/position", data=AWAY | wrong), 422)
    assert web.post(f"{page}/position", data=AWAY).status_code == 204
    assert web.get(f"{page}/position").status_code in (404, 405)
    assert web.post("/v/V-00000000.x/position", data=AWAY).status_code == 404


def test_it_is_in_no_database_and_in_no_log(there: WebStory, web: httpx.Client, caplog: pytest.LogCaptureFixture
                                            ) -> None:
    caplog.set_level(0)
    ticket, page = on_the_way(there, web)
    web.post(f"{page}/position", data=AWAY)
    web.get(there.follow(ticket))
    web.post(page, data={"act": "arrive"})
    assert not any(digits in caplog.text for digits in ("47.388", "8.5412345"))
    assert "47.388" not in repr(there.gw)
    with there.gw.store.read() as session:
        rows = [str(row) for table in SQLModel.metadata.tables
                for row in session.connection().execute(text(f'SELECT * FROM "{table}"'))]
    assert len(rows) > 20
    assert not any(digits in row for row in rows for digits in ("47.388", "8.5412345"))


def test_it_is_in_no_file_of_the_database(store: Store) -> None:
    there = web_story(store)
    with there.client() as web:
        _, page = on_the_way(there, web)
        web.post(f"{page}/position", data=AWAY)
        web.post(page, data={"act": "arrive"})
    where = store.engine.url.database
    assert where
    files = list(Path(where).parent.glob(f"{Path(where).name}*"))
    assert files
    assert not any(digits in file.read_bytes() for file in files for digits in (b"47.388", b"8.5412345"))


def test_another_process_shows_no_dot_and_all_the_rest(there: WebStory, web: httpx.Client) -> None:
    ticket, page = on_the_way(there, web)
    web.post(f"{page}/position", data=AWAY)
    there.gw.positions = Positions()  # the customer's page is served by a process that was told nothing
    said = read(web.get(there.follow(ticket)))
    assert SENTENCE not in said
    assert "Karin Kunz is on the way" in said


def test_an_open_page_shows_it_at_once(there: WebStory, web: httpx.Client) -> None:
    ticket, page = on_the_way(there, web)
    follow = there.follow(ticket)
    version = re.search(r'data-version="(\w+)"', web.get(follow).text)
    assert version is not None
    with there.client() as phone, web.stream("GET", f"{follow}/stream?version={version[1]}") as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": here"
        phone.post(f"{page}/position", data=AWAY)
        assert any(SENTENCE in line for line in lines)


def test_nothing_is_shown_where_nobody_knows_where_the_home_is(there: WebStory, web: httpx.Client) -> None:
    there.change(there.one(Site, Site.id == "alice-home"), lat=None, lon=None)
    ticket, page = on_the_way(there, web)
    assert 'id="share"' not in web.get(page).text
    web.post(f"{page}/position", data=AWAY)
    assert "Where they are" not in read(web.get(there.follow(ticket)))


def test_only_the_page_of_a_visit_may_ask_a_phone_where_it_is(there: WebStory, web: httpx.Client) -> None:
    ticket, page = on_the_way(there, web)
    shown = web.get(page)
    assert "geolocation=(self)" in shown.headers["permissions-policy"]
    assert 'id="share" hidden' in shown.text  # a script shows it, where there is one
    assert "geolocation=()" in web.get(there.follow(ticket)).headers["permissions-policy"]


def test_the_second_technician_shares_their_own_way_only(there: WebStory, web: httpx.Client) -> None:
    ticket, page = on_the_way(there, web)
    web.post(f"{page}/position", data=AWAY)
    there.act(HandBack(there.one(Visit).id, "van broken"), "technician Karin Kunz")
    offer = there.one(Offer, Offer.ticket_id == ticket.id, Offer.state == "pending")
    there.act(AcceptOffer(offer.id, "Stefan Suter"), "provider")
    web.post(there.visit(ticket), data={"act": "depart", "minutes": "20"})
    assert "Where they are" not in read(web.get(there.follow(ticket)))
    is_problem(web.post(f"{page}/position", data=AWAY), 409)


@pytest.mark.parametrize(("metres", "said"), [
    (0, "100 m"), (149, "100 m"), (840, "800 m"), (960, "1 km"), (1_740, "1.5 km"), (9_700, "9.5 km"),
    (12_300, "12 km")])
def test_a_distance_is_said_no_finer_than_it_is_of_use(metres: float, said: str) -> None:
    assert distance_words(metres, catalogue_for("en")) == said


def test_distances_are_those_of_the_globe() -> None:
    assert distance(47.37, 8.54, 47.37, 8.54) == 0
    assert distance(0, 0, 0, 1) == pytest.approx(111_195, rel=0.001)
    assert distance(0, 179.5, 0, -179.5) == pytest.approx(111_195, rel=0.001)
    assert distance_words(1_740, catalogue_for("de")) == "1,5 km"


def test_old_places_do_not_stay_in_memory() -> None:
    places = Positions()
    places.share("V-1", Position(47.0, 8.0, 10, 0), 0)
    places.share("V-2", Position(47.0, 8.0, 10, 4 * MINUTE), 4 * MINUTE)
    assert list(places._of) == ["V-2"]
    assert list(places._said) == ["V-2"]
