"""Open pages are told of changes: at once, only of their own, rendered once for all, and never more than there is room
for."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from gateway.model import Link
from gateway.model.plan import Draft, Plan
from gateway.store import Store, apply
from gateway.web.feed import ChangeFeed, Rhythm
from gateway.web.live import MOST_OF_A_PAGE, Gone, LivePages, View
from gateway.web.server import Server
from tests.drivers.web_driver import WebStory, web_story
from tests.fixtures.servers import wait_until
from tests.unit.store.test_changes import note

pytestmark = pytest.mark.slow
HURRIED = Rhythm(poll=0.05, rest=0.01, page=0.2, alive=0.2, life=60.0)
SOON = 10.0  # seconds: what comes at once may take that long on a machine that is busy


@dataclass
class Visitor:
    """Somebody whose page is open: the events they got, in order."""

    address: str
    events: list[tuple[str, str]] = field(default_factory=list)  # (name, data)
    words: int = 0  # that only say "still here"
    status: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    hang_up: threading.Event = field(default_factory=threading.Event)

    def listen(self) -> None:
        name, data = "", []
        with httpx.stream("GET", self.address, timeout=20) as answer:
            self.status = answer.status_code
            for line in answer.iter_lines():
                if line.startswith(":"):
                    self.words += 1
                elif line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    data.append(line.removeprefix("data: "))
                elif not line and name:
                    self.events.append((name, "\n".join(data)))
                    name, data = "", []
                if self.hang_up.is_set():
                    break
        self.over.set()

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]


@contextmanager
def visiting(address: str) -> Iterator[Visitor]:
    """Connected and listening, until somebody hangs up or the server does."""
    visitor = Visitor(address)
    thread = threading.Thread(target=visitor.listen, daemon=True)
    thread.start()
    wait_until(lambda: visitor.status != 0 and (visitor.words > 0 or visitor.over.is_set()), SOON)
    yield visitor
    visitor.hang_up.set()


# --- the customer's page


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


def stream(there: WebStory, page: str, version: str = "") -> str:
    return f"{there.base}{page}/stream?version={version}"


def version_of(there: WebStory, page: str) -> str:
    text = httpx.get(there.base + page).text
    return text.split('data-version="')[1].split('"')[0]


def test_whoever_has_the_newest_version_hears_nothing_until_something_changes(there: WebStory) -> None:
    page = there.follow(there.break_down())
    with visiting(stream(there, page, version_of(there, page))) as alice:
        time.sleep(0.3)
        assert alice.events == []
        there.accept()
        wait_until(lambda: alice.events != [], SOON)
    [(name, html)] = alice.events
    assert name == "page"
    assert "Karin Kunz is coming" in html
    assert html in httpx.get(there.base + page).text


def test_who_comes_with_an_old_version_gets_the_new_one_at_once(there: WebStory) -> None:
    page = there.follow(there.break_down())
    old = version_of(there, page)
    there.accept()
    with visiting(stream(there, page, old)) as alice:
        wait_until(lambda: alice.names == ["page"], SOON)


def test_nobody_hears_of_what_happens_to_others(there: WebStory) -> None:
    alice_page, bob_page = there.follow(there.break_down()), there.follow(there.break_down("bob-pump"))
    with (visiting(stream(there, alice_page, version_of(there, alice_page))) as alice,
          visiting(stream(there, bob_page, version_of(there, bob_page))) as bob):
        there.receive("devices/bob-pump/fault", {"code": "E7", "active": False})
        wait_until(lambda: bob.names == ["page"], SOON)
        time.sleep(0.3)
    assert alice.events == []


def test_what_another_process_writes_is_shown_too(there: WebStory, request: pytest.FixtureRequest) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    mine = there.gw.store
    with visiting(stream(there, page, version_of(there, page))) as alice:
        there.gw.store = other = Store(mine.engine.url.render_as_string(hide_password=False))
        there.accept()
        there.gw.store = mine
        other.close()
        wait_until(lambda: alice.names == ["page"], SOON)


def test_a_link_that_is_revoked_ends_the_page(there: WebStory) -> None:
    page = there.follow(there.break_down())
    with visiting(stream(there, page, version_of(there, page))) as alice:
        link = there.one(Link, Link.purpose == "follow")
        with there.gw.store.write() as session:
            draft = Draft()
            draft.copy(session.get_one(Link, link.id)).revoked_at = there.now
            apply(session, draft.plan())
        wait_until(alice.over.is_set, SOON)
    assert alice.events == [("gone", "")]
    assert httpx.get(stream(there, page)).status_code == 404


def test_one_link_keeps_so_many_connections_and_no_more(there: WebStory) -> None:
    page = there.follow(there.break_down())
    version = version_of(there, page)
    with ExitStack() as open_pages:
        pages = [open_pages.enter_context(visiting(stream(there, page, version))) for _ in range(MOST_OF_A_PAGE)]
        with visiting(stream(there, page, "old")) as one_more:
            wait_until(one_more.over.is_set, SOON)
        assert one_more.names == ["page", "later"], "it is told how things stand, and when to ask again"
        there.accept()
        wait_until(lambda: all(visitor.names == ["page"] for visitor in pages), SOON)


# --- any page


@dataclass
class Hall:
    """A server with one live page for everybody, whose text is what a test says."""

    store: Store
    most: int = 300
    rhythm: Rhythm = HURRIED
    text: str = "one"
    loads: int = 0
    fails: bool = False
    gone: bool = False

    def load(self) -> View:
        self.loads += 1
        if self.fails:
            raise RuntimeError("it cannot be rendered now")
        if self.gone:
            raise Gone
        return View(self.text, f"<p>{self.text}</p>\n<p>second line</p>", frozenset({"T-1"}))

    def show(self, text: str, number: int = 1) -> None:
        """The page changes, and the feed says that ticket `number` has."""
        self.text = text
        with self.store.write() as session:
            apply(session, Plan([note(number)]))

    @contextmanager
    def opened(self) -> Iterator[Server]:
        app = FastAPI()
        app.state.feed = ChangeFeed(self.store, self.rhythm)
        app.state.live = LivePages(app.state.feed, most=self.most)

        @app.get("/{key}")
        async def follow(key: str, request: Request, version: str = "") -> StreamingResponse:
            live: LivePages = request.app.state.live
            return await live.follow(request, key, self.load, version)

        server = Server(app, "127.0.0.1", 0)
        self.live, self.address = app.state.live, f"http://127.0.0.1:{server.port}"
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def hall(store: Store) -> Hall:
    return Hall(store)


def test_a_page_is_rendered_once_for_all_who_look_at_it(hall: Hall) -> None:
    with hall.opened(), ExitStack() as open_pages:
        visitors = [open_pages.enter_context(visiting(f"{hall.address}/a?version=one")) for _ in range(5)]
        before = hall.loads
        hall.show("two")
        wait_until(lambda: all(visitor.names == ["page"] for visitor in visitors), SOON)
    assert hall.loads - before == 1
    assert visitors[0].events == [("page", "<p>two</p>\n<p>second line</p>")]


def test_what_changes_again_and_again_is_rendered_at_a_bearable_pace_and_the_last_is_shown(hall: Hall) -> None:
    with hall.opened(), visiting(f"{hall.address}/a?version=one") as visitor:
        before, began = hall.loads, time.monotonic()
        for number in range(30):
            hall.show(f"number {number}")
            time.sleep(0.01)
        wait_until(lambda: visitor.events[-1:] == [("page", "<p>number 29</p>\n<p>second line</p>")], SOON)
        assert hall.loads - before <= (time.monotonic() - began) / HURRIED.page + 2


def test_what_does_not_concern_the_page_renders_nothing(hall: Hall) -> None:
    with hall.opened(), visiting(f"{hall.address}/a?version=one") as visitor:
        before = hall.loads
        hall.show("two", number=2)
        time.sleep(0.3)
        assert (visitor.events, hall.loads) == ([], before)


def test_a_page_that_stays_as_it_is_hears_that_we_are_there_and_the_stream_ends_in_time(hall: Hall) -> None:
    hall.rhythm = HURRIED._replace(life=1.0)
    with hall.opened(), visiting(f"{hall.address}/a?version=one") as visitor:
        wait_until(visitor.over.is_set, SOON)
        assert visitor.words >= 2
        assert visitor.events == []


def test_whoever_finds_no_room_is_told_so_and_whoever_leaves_makes_room(hall: Hall) -> None:
    hall.most = 2
    with hall.opened():
        with visiting(f"{hall.address}/a?version=one"), visiting(f"{hall.address}/b?version=one"), \
                visiting(f"{hall.address}/c?version=one") as third:
            wait_until(third.over.is_set, SOON)
            assert third.names == ["later"]
        wait_until(lambda: len(hall.live) == 0, SOON)
        with visiting(f"{hall.address}/c?version=one") as third:
            time.sleep(0.2)
            assert third.events == []


def test_a_page_that_cannot_be_rendered_is_tried_again_and_holds_up_no_other(hall: Hall) -> None:
    other = Hall(hall.store)
    with hall.opened(), visiting(f"{hall.address}/a?version=one") as visitor:
        hall.fails = True
        hall.show("two")
        time.sleep(0.3)
        assert visitor.events == []
        hall.fails = False
        wait_until(lambda: visitor.names == ["page"], SOON)
    assert other.loads == 0


def test_when_nobody_looks_nothing_runs_and_the_next_visitor_starts_it_again(hall: Hall) -> None:
    with hall.opened():
        with visiting(f"{hall.address}/a?version=one"):
            assert len(hall.store.on_change) == 1
        wait_until(lambda: hall.store.on_change == [], SOON)
        with visiting(f"{hall.address}/a?version=one") as visitor:
            hall.show("two")
            wait_until(lambda: visitor.names == ["page"], SOON)


def test_open_streams_do_not_delay_the_servers_stop(hall: Hall) -> None:
    with ExitStack() as open_pages, hall.opened() as server:
        visitors = [open_pages.enter_context(visiting(f"{hall.address}/{key}?version=one")) for key in "abcde"]
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < SOON
        wait_until(lambda: all(visitor.over.is_set() for visitor in visitors), SOON)
