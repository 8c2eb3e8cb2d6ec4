"""The technician's phone in a cellar: a real browser whose server is out of reach."""

import socket

import pytest

from gateway.model import Photo, Visit
from gateway.store import Store
from gateway.tickets.actions import Arrive
from gateway.tickets.visits.reports import report_of
from gateway.web import Server, build_app
from tests.drivers.axe import violations
from tests.drivers.browser import PICK_A_PHOTO, Browser
from tests.drivers.web_driver import WebStory, web_story

pytestmark = pytest.mark.slow
KEPT = "caches.match(location.href).then(page => !!page)"
BANNER = "!document.getElementById('outbox').hidden"
LINES = "document.querySelectorAll('#outbox li').length"


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


def said(there: WebStory) -> str | None:
    """What the technician has said was done; they can still take it back."""
    report = report_of(there.one(Visit))
    return None if report is None else report.finish.note


def test_done_with_note_and_photo_in_the_cellar_arrives_once_and_in_order(there: WebStory, chrome: Browser) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def serve() -> Server:
        return Server(build_app(there.gw, there.clock, lambda: there.health), "127.0.0.1", port)

    ticket = there.break_down()
    there.accept()
    visit = there.one(Visit)
    there.act(Arrive(visit.id), "technician Karin Kunz")
    server, tab = serve(), chrome.tab()
    tab.open(f"http://127.0.0.1:{port}{there.visit(ticket)}")
    tab.wait(KEPT)
    assert not tab.run(BANNER)
    server.stop()

    tab.run(PICK_A_PHOTO)
    tab.run("document.querySelector('#photos button').click()")
    tab.wait(f"{LINES} === 1")
    tab.run("document.getElementById('note').value = 'Tightened the valve.'")
    tab.run("document.querySelector('.finish button').click()")
    tab.wait(f"{LINES} === 2")
    assert "On this phone" in tab.text()
    assert said(there) is None

    tab.run("window.before = true; location.reload()")
    tab.wait(f"!window.before && document.readyState === 'complete' && {BANNER} && {LINES} === 2")

    seen: list[tuple[int, str | None]] = []  # (photos, note) when a request came
    there.on_request = lambda _number: seen.append((len(there.all(Photo)), said(there)))
    server = serve()
    try:
        tab.run("document.querySelector('#outbox > button').click()")
        tab.wait(f"document.readyState === 'complete' && !({BANNER}) && !!document.querySelector('#photos img')")
        assert "Tightened the valve." in tab.text()
    finally:
        server.stop()
    assert said(there) == "Tightened the valve."
    assert len(there.all(Photo)) == 1
    assert seen[:2] == [(0, None), (1, None)], "the photo first: it was sent first"


def test_what_no_longer_fits_needs_the_technician_and_is_not_lost(there: WebStory, chrome: Browser) -> None:
    ticket = there.break_down()
    there.accept()
    visit, tab = there.one(Visit), chrome.tab()
    tab.open(there.base + there.visit(ticket))
    tab.wait(KEPT)
    there.change(visit, window_until=visit.window_until + 60_000)  # somebody moves it
    tab.run("document.querySelector('button[name=minutes]').click()")
    tab.wait("document.getElementById('outbox').innerText.includes('Needs you:')")
    assert "changed in the meantime" in tab.text()
    assert there.again(visit).en_route_at is None
    tab.run("document.querySelector('#outbox li button[value=again]').click()")
    tab.wait(f"document.readyState === 'complete' && !({BANNER})"
             " && document.body.innerText.includes('Still on the way')")
    assert there.again(visit).en_route_at is not None


def test_what_is_still_being_done_is_sent_again_by_itself_and_never_asked_about(
        there: WebStory, chrome: Browser) -> None:
    ticket = there.break_down()
    there.accept()
    visit, tab = there.one(Visit), chrome.tab()
    tab.open(there.base + there.visit(ticket))
    tab.wait(KEPT)
    tab.run("""(() => {
      const ask = window.fetch;
      window.asked = [];
      window.fetch = (url, how) => {
        window.asked.push(how.headers['Idempotency-Key']);
        return window.asked.length > 1 ? ask(url, how) : Promise.resolve(
          new Response('{"detail": "This is just being saved."}', {status: 409, headers: {'Retry-After': '1'}}));
      };
    })()""")
    tab.run("document.querySelector('button[name=minutes]').click()")
    tab.wait(f"window.asked.length === 1 && {LINES} === 1")
    assert "Needs you" not in tab.text()
    tab.wait("window.asked === undefined && document.readyState === 'complete'", seconds=8)  # loaded anew: it is sent
    assert "Still on the way" in tab.text()
    assert there.again(visit).en_route_at is not None


def test_a_mistake_is_shown_in_the_form_with_everything_typed(there: WebStory, chrome: Browser) -> None:
    ticket = there.break_down()
    there.accept()
    there.act(Arrive(there.one(Visit).id), "technician Karin Kunz")
    tab = chrome.tab()
    tab.open(there.base + there.visit(ticket))
    tab.wait(KEPT)
    tab.run("document.querySelector('[value=part_missing]').click()")
    tab.run("document.getElementById('parts').value = 'valve'")
    tab.run("document.getElementById('part_day').value = '2026-11-26'")
    tab.run("document.querySelector('.finish button').click()")
    tab.wait("document.activeElement.id === 'note'")
    assert tab.run("document.title").startswith("Error: ")
    assert tab.run("document.querySelector('.errors a').getAttribute('href')") == "#note"
    assert tab.run("document.getElementById('note').getAttribute('aria-describedby')") == "note-error note-hint"
    assert tab.run("document.getElementById('parts').value") == "valve"
    assert tab.run("document.getElementById('part_day').value") == "2026-11-26"
    tab.wait(f"!({BANNER})")
    tab.run("document.getElementById('note').value = 'It is stuck.'")
    tab.run("document.querySelector('[value=no_access]').click()")
    tab.run("document.querySelector('.finish button').click()")
    tab.wait("document.activeElement.value === 'no_access'")
    assert tab.run("document.querySelectorAll('p.wrong').length") == 1, "the mistake before is gone"
    assert tab.run("document.getElementById('note').value") == "It is stuck."
    assert tab.run("document.activeElement.closest('fieldset').getAttribute('aria-invalid')") == "true"
    assert violations(tab) == []
