"""The list of tickets in a real browser: the keyboard, rows that change by themselves, and ticks that stay."""

import time

import pytest

from gateway.model import Entry, EntryKind, User
from gateway.store.accounts import desk
from gateway.tickets.actions import AddNote, CancelTicket
from tests.drivers.browser import Browser, Tab
from tests.drivers.web_driver import WebStory
from tests.fixtures.many_tickets import save_tickets
from tests.fixtures.servers import wait_until

pytestmark = pytest.mark.slow
LIST = "/console/tickets"
LIVE = "document.getElementById('line').innerText === 'Live'"


def sign_in(there: WebStory, chrome: Browser, role: str = "dispatcher", path: str = LIST) -> Tab:
    """A tab with the list, in which they are signed in."""
    tab = chrome.tab()
    for key, value in there.console(role).web.cookies.items():
        chrome.call("Network.setCookie", tab.session, name=key, value=value, url=there.base)
    tab.open(there.base + path)
    return tab


def press(chrome: Browser, tab: Tab, *keys: str) -> None:
    for key in keys:
        code = {"Enter": "\r", "Escape": ""}.get(key, key)
        chrome.call("Input.dispatchKeyEvent", tab.session, type="keyDown", key=key, text=code)
        chrome.call("Input.dispatchKeyEvent", tab.session, type="keyUp", key=key)


def row(number: str) -> str:
    return f"document.getElementById('row-{number}')"


TICKED = "Array.from(document.querySelectorAll('input[name=ticket]:checked')).map(one => one.value.split(':')[0])"
FOCUSED = "document.activeElement.id"


def test_a_day_at_the_keyboard(there: WebStory, chrome: Browser) -> None:
    save_tickets(there.gw.store, 120, 0, there.now)
    tab = sign_in(there, chrome, path=f"{LIST}?sort=age")
    tab.wait(LIVE)
    press(chrome, tab, "j", "j", "x", "j", "x", "k")
    assert tab.run(FOCUSED) == "row-T-0A000001"
    assert tab.run(TICKED) == ["T-0A000001", "T-0A000002"]
    assert "These 2" in tab.text()
    press(chrome, tab, "/")
    assert tab.run(FOCUSED) == "q"
    press(chrome, tab, "j", "x")  # somebody types: they are letters
    assert tab.run("document.getElementById('q').value") == "jx"
    assert tab.run(TICKED) == ["T-0A000001", "T-0A000002"]
    press(chrome, tab, "Escape", "?")
    assert tab.run("document.getElementById('keys').open")
    tab.run("document.getElementById('keys-on').click(); document.getElementById('keys').close()")
    tab.run("document.activeElement.blur()")
    press(chrome, tab, "g", "n")
    assert tab.run("location.pathname") == LIST
    tab.run("document.getElementById('keys-on').click()")
    press(chrome, tab, "g", "n")
    tab.wait("location.pathname === '/console'")
    tab.run("history.back()")
    tab.wait(f"location.search === '?sort=age' && !!{row('T-0A000001')}")
    tab.run("scrollTo(0, 1500); document.querySelector('a[rel=next]').click()")
    tab.wait(f"!!{row('T-0A000119')}")
    assert tab.run("scrollY") == 0
    tab.run("history.back()")
    tab.wait(f"!!{row('T-0A000001')} && scrollY > 1000")
    assert tab.said == []


def test_rows_change_by_themselves_and_nothing_moves_under_ones_hands(there: WebStory, chrome: Browser) -> None:
    alice, bob = there.break_down(), there.break_down("bob-pump")
    tab = sign_in(there, chrome)
    tab.wait(LIVE)
    there.act(CancelTicket(bob.id, "sold"), "agent")
    tab.wait(f"{row(bob.id)}.classList.contains('gone')", 5)
    assert tab.run("document.querySelector('[data-count]').textContent") == "1"
    tab.run(f"{row(alice.id)}.querySelector('input').click()")
    there.accept()  # while she chooses
    charlie = there.break_down("charlie-pump")
    tab.wait("/1 new, 1 changed/.test(document.getElementById('news').textContent)", 5)
    assert "Offered" in tab.run(f"{row(alice.id)}.innerText")
    assert not tab.run(f"!!{row(charlie.id)}")
    tab.run("document.getElementById('news').click()")
    tab.wait(f"!!{row(charlie.id)} && !{row(bob.id)}")
    assert "Assigned" in tab.run(f"{row(alice.id)}.innerText")
    assert tab.run(TICKED) == [alice.id], "a tick survives that the list is loaded anew"
    tab.run("document.querySelector('#bulk button[value=ask_again]').click()")
    tab.wait("location.pathname.startsWith('/console/tickets/done/')")
    assert "It has changed since you saw it: now assigned." in tab.text()
    assert tab.said == []


def test_the_filter_is_sent_by_itself_and_what_is_typed_meanwhile_stays(there: WebStory, chrome: Browser) -> None:
    alice, bob = there.break_down(), there.break_down("bob-pump")
    tab = sign_in(there, chrome)
    tab.run("document.getElementById('f-text').focus()")
    press(chrome, tab, *"bob")
    tab.wait(f"location.search === '?text=bob' && !{row(alice.id)} && !!{row(bob.id)}")
    assert tab.run(FOCUSED) == "f-text"
    press(chrome, tab, *" mei")
    tab.wait("location.search === '?text=bob+mei'")
    assert tab.run("document.getElementById('f-text').value") == "bob mei"
    tab.run("document.getElementById('f-severity').value = 'minor';"
            "document.getElementById('f-severity').dispatchEvent(new Event('input', {bubbles: true}))")
    tab.wait("document.body.innerText.includes('No ticket matches')")
    tab.wait("location.search.includes('severity=minor')")


def test_a_note_to_several_from_the_bar(there: WebStory, chrome: Browser) -> None:
    save_tickets(there.gw.store, 5, 0, there.now)
    tab = sign_in(there, chrome, "agent")
    tab.run("document.querySelector('[data-tick-all]').click()")
    assert "These 5" in tab.text()
    tab.run("document.querySelector('#bulk-note summary').click(); document.getElementById('b-note').focus()")
    press(chrome, tab, *"Strike")
    there.act(AddNote("T-0A000003", "rang"), "agent")
    time.sleep(1.5)
    assert tab.run("document.getElementById('b-note').value") == "Strike"
    tab.run("document.querySelector('#bulk button[value=note]').click()")
    tab.wait("location.pathname.startsWith('/console/tickets/done/')")
    assert "Noted: 5 of 5" in tab.text()
    assert len(there.all(Entry, Entry.kind == EntryKind.NOTED)) == 6


def test_what_is_too_much_for_one_form_stays_in_it(there: WebStory, chrome: Browser) -> None:
    alice = there.break_down()
    tab = sign_in(there, chrome)
    tab.run(f"{row(alice.id)}.querySelector('input').click()")
    tab.run("""const bar = document.getElementById('bulk');
        for (let number = 0; number < 1000; number++) bar.insertAdjacentHTML('beforeend', '<input type=hidden name=x>');
        bar.querySelector('button[value=see_to]').click()""")
    tab.wait("document.getElementById('banner').innerText.includes('a form holds 1,000 fields')")
    assert tab.run(TICKED) == [alice.id]
    assert tab.run("location.pathname") == LIST
    tab.run("""document.querySelectorAll('#bulk input[name=x]').forEach(one => one.remove());
        document.getElementById('b-note').value = 'x'.repeat(70000);
        document.querySelector('#bulk button[value=note]').click()""")
    tab.wait("document.getElementById('banner').innerText.includes('more than can be sent at once')")
    assert tab.run("document.getElementById('b-note').value.length") == 70000


def test_a_draft_is_kept_and_shown_again_and_forgotten_when_it_is_sent(there: WebStory, chrome: Browser) -> None:
    there.break_down()
    tab = sign_in(there, chrome)
    dana = there.one(User).id
    form = "document.getElementById('new-view')"
    tab.run(f"{form}.dataset.draft = 'a form'; document.getElementById('save-view').open = true;"
            "document.getElementById('view-name').focus()")
    press(chrome, tab, *"North")

    def kept() -> bool:
        with there.gw.store.read() as session:
            return desk.draft(session, dana, "a form", there.now) is not None

    wait_until(kept, 8)
    tab.open(there.base + LIST)
    tab.run(f"{form}.dataset.draft = 'a form'; document.dispatchEvent(new Event('desk:updated'))")
    tab.wait("document.getElementById('view-name').value === 'North'")
    tab.wait(f"{form}.innerText.includes('Not sent, from')")
    tab.run(f"{form}.requestSubmit()")
    tab.wait("document.getElementById('views').innerText.includes('North')")
    wait_until(lambda: not kept(), 5)


def test_without_a_connection_nothing_is_sent_and_what_is_shown_says_how_old_it_is(
        there: WebStory, chrome: Browser) -> None:
    alice = there.break_down()
    tab = sign_in(there, chrome)
    tab.wait(LIVE)
    chrome.call("Network.enable", tab.session)
    chrome.call("Network.emulateNetworkConditions", tab.session, offline=True, latency=0, downloadThroughput=-1,
                uploadThroughput=-1)
    tab.run(f"{row(alice.id)}.querySelector('input').click()")
    tab.run("document.querySelector('#bulk button[value=ask_again]').click()")
    tab.wait("document.getElementById('banner').innerText.includes('It could not be sent')")
    assert tab.run(TICKED) == [alice.id]
    tab.run("const now = Date.now; Date.now = () => now() + 60000")
    tab.wait("!document.getElementById('stale').hidden && document.body.classList.contains('offline')", 5)
    assert "This is how it was at" in tab.text()
    tab.run("document.querySelector('#bulk button[value=ask_again]').click()")
    tab.wait("document.getElementById('status').textContent.includes('nothing was sent')")
