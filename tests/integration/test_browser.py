"""The pages behind signed links in a real browser, in real time."""

import socket
import time

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles

from gateway.model import HOUR, Link, LinkPurpose, OnCallPage
from gateway.model.plan import Draft, Plan
from gateway.store import Store, apply
from gateway.web import Server, build_app
from gateway.web.feed import ChangeFeed
from gateway.web.live import LivePages, View
from gateway.web.pages.templates import STATIC
from tests.drivers.browser import Browser
from tests.drivers.story import begin
from tests.drivers.web_driver import WebStory, web_story
from tests.fixtures.on_call_team import TEAM
from tests.fixtures.servers import wait_until
from tests.fixtures.web import live_pages, serve
from tests.stories.test_page_dispatch import nobody_takes_it, page_of
from tests.unit.store.test_changes import note

pytestmark = pytest.mark.slow


@pytest.fixture
def there(store: Store) -> WebStory:
    return web_story(store)


COMES = "document.querySelector('#live').innerText.includes('Karin Kunz is coming')"
STALE = "!document.querySelector('.stale').hidden"


def test_the_page_changes_within_a_second_when_somebody_accepts_and_says_so_aloud(
        there: WebStory, chrome: Browser) -> None:
    tab = chrome.tab()
    tab.open(there.base + there.follow(there.break_down()))
    assert "We are asking a local firm" in tab.text()
    time.sleep(0.5)
    requests = there.requests
    there.accept()
    assert tab.wait(COMES) < 1
    assert "We are asking a local firm" not in tab.text()
    assert tab.run("document.querySelector('.news').textContent") == "Karin Kunz is coming. Arrives 13:00–17:00 today"
    assert tab.run("document.querySelector('.news').getAttribute('role')") == "status"
    assert there.requests - requests <= 3, "it is told, and does not ask"
    assert not tab.run(STALE)
    assert tab.said == []  # nothing that the content security policy had to stop


def test_a_page_that_loses_us_says_how_old_it_is_and_finds_us_again_by_itself(
        there: WebStory, chrome: Browser) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Server(build_app(there.gw, there.clock, lambda: there.health), "127.0.0.1", port)
    tab = chrome.tab()
    tab.open(f"http://127.0.0.1:{port}{there.follow(there.break_down())}")
    time.sleep(0.5)
    server.stop()
    tab.wait(STALE, 10)
    assert "We are asking a local firm" in tab.text()
    assert "No connection just now. This is what we knew at" in tab.text()
    there.accept()
    server = Server(build_app(there.gw, there.clock, lambda: there.health), "127.0.0.1", port)
    try:
        tab.wait(COMES, 40)
        assert not tab.run(STALE)
    finally:
        server.stop()


def test_a_page_whose_link_has_ended_turns_into_the_kind_page(there: WebStory, chrome: Browser) -> None:
    tab = chrome.tab()
    tab.open(there.base + there.follow(there.break_down()))
    time.sleep(0.5)
    link = there.one(Link, Link.purpose == LinkPurpose.FOLLOW)
    with there.gw.store.write() as session:
        draft = Draft()
        draft.copy(link).revoked_at = there.now
        apply(session, draft.plan())
    tab.wait("document.body?.innerText.includes('This link does not open anything') ?? false", 3)


def test_a_page_that_nobody_sees_keeps_no_connection_and_catches_up_when_it_is_seen_again(
        there: WebStory, chrome: Browser) -> None:
    tab = chrome.tab()
    tab.open(there.base + there.follow(there.break_down()))
    live = live_pages(there.gw)
    wait_until(lambda: len(live) == 1, 5)
    tab.hide(hidden=True)
    wait_until(lambda: len(live) == 0, 5)
    there.accept()
    time.sleep(0.5)
    assert not tab.run(COMES)
    tab.hide(hidden=False)
    assert tab.wait(COMES) < 2
    assert len(live) == 1


def test_the_technicians_pages_need_nothing_that_the_policy_forbids(there: WebStory, chrome: Browser) -> None:
    ticket = there.break_down()
    there.measure()
    tab = chrome.tab()
    tab.open(there.base + there.offer(ticket))
    assert "Accept this job" in tab.text()
    there.accept()
    tab.open(there.base + there.visit(ticket))
    assert "I am here" in tab.text()
    assert tab.run("document.querySelector('polyline') !== null")
    assert tab.said == []


def test_whoever_is_on_call_opens_the_page_and_one_tap_says_that_they_see_to_it(store: Store, chrome: Browser) -> None:
    there = WebStory(**vars(begin(store, on_call=TEAM, name="Wiesental Service")))
    there.base = serve(there.gw, there.clock, lambda: there.health)
    ticket = nobody_takes_it(there)
    tab = chrome.tab()
    tab.open(there.base + page_of(there, ticket))
    assert "Nobody has this job." in tab.text()
    tab.run("document.querySelector('button[value=acknowledge]').click()")
    tab.wait("document.body !== null && document.body.innerText.includes('sees to it. If it is not settled by')")
    assert there.one(OnCallPage).next_at == there.now + 4 * HOUR
    assert tab.said == []


FORM = """<h1>{title}</h1>
<form><textarea name="note"></textarea>
<label><input type="checkbox" name="day" value="monday"> Monday</label>
<label><input type="checkbox" name="day" value="tuesday" checked> Tuesday</label>
<label><input type="radio" name="who" value="a" checked> A</label>
<label><input type="radio" name="who" value="b"> B</label>
<select name="when"><option>early</option><option>late</option></select></form>
<details><summary>More</summary><p>{title}</p></details>
<p class="long">far down</p>"""


def test_new_content_leaves_what_somebody_has_typed_ticked_opened_and_where_they_are(
        store: Store, chrome: Browser) -> None:
    title, app = "one", FastAPI()
    app.state.feed = ChangeFeed(store)
    app.state.live = LivePages(app.state.feed)
    app.mount("/static", StaticFiles(directory=STATIC))

    def load() -> View:
        return View(title, FORM.format(title=title), frozenset({"T-1"}))

    @app.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse("<!doctype html><link rel=icon href=data:,><style>.long { margin-top: 3000px }</style>"
                            f"<main id=live data-live=/stream data-version={title}>{load().html}</main>"
                            "<p class=news></p><p class=stale hidden><time></time></p>"
                            "<script src=/static/stream.js></script><script src=/static/live.js></script>")

    @app.get("/stream")
    async def stream(request: Request, version: str) -> StreamingResponse:
        live: LivePages = app.state.live
        return await live.follow(request, "", load, version)

    server = Server(app, "127.0.0.1", 0)
    try:
        tab = chrome.tab()
        tab.open(f"http://127.0.0.1:{server.port}/")
        tab.run("""(() => {
            const one = what => document.querySelector(what);
            one('[value=monday]').click(); one('[value=tuesday]').click(); one('[value=b]').click();
            one('select').value = 'late'; one('summary').click(); scrollTo(0, 700);
            one('textarea').focus({preventScroll: true}); one('textarea').value = 'half a sen';
            one('textarea').setSelectionRange(4, 6); })()""")
        title = "two"
        with store.write() as session:
            apply(session, Plan([note(1)]))
        tab.wait("document.querySelector('h1').textContent === 'two'", 2)
        assert tab.run("""(() => {
            const one = what => document.querySelector(what);
            return [one('[value=monday]').checked, one('[value=tuesday]').checked, one('[value=b]').checked,
                    one('select').value, one('details').open, one('textarea').value, scrollY,
                    document.activeElement.name, document.activeElement.selectionStart]; })()""") == [
            True, False, True, "late", True, "half a sen", 700, "note", 4]
        assert tab.said == []
    finally:
        server.stop()
