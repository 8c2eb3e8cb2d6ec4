"""What only a browser can show of the household's page, of sharing a position and of a signature on the screen."""

import base64
from pathlib import Path

import pytest

from gateway.flow.households.links import send_household_link
from gateway.model import Actor, ActorKind, Link, LinkPurpose, Signature, Visit
from gateway.notifications import signed_links
from gateway.store import Store
from gateway.tickets.actions import Arrive
from tests.drivers.axe import violations
from tests.drivers.browser import Browser, Tab
from tests.drivers.web_driver import WebStory, web_story

pytestmark = pytest.mark.slow
NARROW = "document.documentElement.scrollWidth <= innerWidth"


@pytest.fixture
def there(store: Store) -> WebStory:
    return web_story(store)


def household(there: WebStory) -> str:
    send_household_link(there.gw, "alice", Actor(ActorKind.OPERATOR), there.now)
    link = there.one(Link, Link.purpose == LinkPurpose.HOUSEHOLD)
    return there.base + signed_links.url("", there.secret, LinkPurpose.HOUSEHOLD, link.id)


def phone(chrome: Browser, width: int = 320, scheme: str = "light", **place: float) -> Tab:
    tab = chrome.tab(apart=True)
    chrome.call("Emulation.setDeviceMetricsOverride", tab.session, width=width, height=800, deviceScaleFactor=1,
                mobile=False)
    chrome.call("Emulation.setEmulatedMedia", tab.session,
                features=[{"name": "prefers-color-scheme", "value": scheme}])
    if place:
        chrome.call("Emulation.setGeolocationOverride", tab.session, **place)
    return tab


def picture(tab: Tab, path: Path) -> None:
    data = tab.browser.call("Page.captureScreenshot", tab.session, format="png", captureBeyondViewport=True)["data"]
    path.write_bytes(base64.b64decode(data))


def allow_position(chrome: Browser, tab: Tab, base: str) -> None:
    target = chrome.call("Target.getTargetInfo", tab.session)["targetInfo"]
    chrome.call("Browser.grantPermissions", permissions=["geolocation"], origin=base,
                browserContextId=target["browserContextId"])


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (320, "dark"), (1280, "light"), (1280, "dark")])
def test_the_households_page_fits_and_can_be_used_by_all(there: WebStory, chrome: Browser, width: int, scheme: str
                                                         ) -> None:
    there.break_down()
    tab = phone(chrome, width, scheme)
    tab.open(household(there))
    assert tab.run(NARROW)
    assert tab.run("Array.from(document.querySelectorAll('h1, main h2'), one => one.innerText)") == [
        "One thing is open at your home", "Compressor fault"]
    assert tab.said == []
    assert violations(tab) == []


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "dark")])
def test_a_technician_shares_where_they_are_and_the_customer_sees_it(
        there: WebStory, chrome: Browser, width: int, scheme: str) -> None:
    ticket = there.break_down()
    there.accept()
    page = there.base + there.visit(ticket)
    tab = phone(chrome, width, scheme, latitude=47.3881, longitude=8.5412, accuracy=12)
    allow_position(chrome, tab, there.base)
    tab.open(page)
    assert tab.run("document.getElementById('share') === null")
    tab.run("document.querySelector('button[name=minutes]').click()")
    tab.wait("!!document.getElementById('share') && !document.getElementById('share').hidden")
    customer = phone(chrome, width, scheme)
    customer.open(there.base + there.follow(ticket))
    tab.run("document.querySelector('#share [value=start]').click()")
    tab.wait("document.getElementById('share').innerText.includes('You are sharing')")
    customer.wait("!!document.querySelector('svg.where')")
    assert "Karin Kunz is about 2 km away" in customer.text()
    assert customer.run(NARROW)
    assert violations(customer) == []
    assert violations(tab) == []
    tab.run("document.querySelector('#share [value=stop]').click()")
    customer.wait("!document.querySelector('svg.where')")
    assert "on the way" in customer.text()
    assert [one for one in tab.said + customer.said if "violat" in one.lower()] == []


def test_a_phone_that_says_no_shares_nothing_and_the_visit_goes_on(there: WebStory, chrome: Browser) -> None:
    ticket = there.break_down()
    there.accept()
    tab = phone(chrome)
    tab.open(there.base + there.visit(ticket))
    tab.run("document.querySelector('button[name=minutes]').click()")
    tab.wait("!!document.getElementById('share') && !document.getElementById('share').hidden")
    target = chrome.call("Target.getTargetInfo", tab.session)["targetInfo"]
    chrome.call("Browser.setPermission", permission={"name": "geolocation"}, setting="denied", origin=there.base,
                browserContextId=target["browserContextId"])
    tab.run("document.querySelector('#share [value=start]').click()")
    tab.wait("document.getElementById('share').innerText.includes('does not allow')")
    assert tab.run("!document.querySelector('#share [value=start]').hidden")


def test_a_customer_signs_with_a_finger_and_the_drawing_goes_along_with_done(there: WebStory, chrome: Browser) -> None:
    ticket = there.break_down()
    there.accept()
    visit = there.one(Visit)
    there.act(Arrive(visit.id), "technician Karin Kunz")
    tab = phone(chrome)
    tab.open(there.base + there.visit(ticket))
    assert tab.run(NARROW)
    assert tab.run("document.querySelector('#sign canvas').scrollIntoView({block: 'center'}) || true")
    box = tab.run("(box => [box.left, box.top])(document.querySelector('#sign canvas').getBoundingClientRect())")
    for kind, x, y in (("mousePressed", 20, 20), ("mouseMoved", 60, 40), ("mouseMoved", 120, 30),
                       ("mouseReleased", 120, 30)):
        chrome.call("Input.dispatchMouseEvent", tab.session, type=kind, x=box[0] + x, y=box[1] + y, button="left",
                    buttons=1, clickCount=1)
    drawn = tab.run("document.querySelector('[name=drawing]').value")
    assert drawn.count(",") == 3
    tab.run("document.getElementById('note').value = 'Filter cleaned'")
    assert violations(tab) == []
    tab.run("document.querySelector('.finish button:not([type])').click()")
    tab.wait("document.readyState === 'complete' && document.body.innerText.includes('Nobody has heard')")
    there.wait(minutes=2)
    tab.run("location.reload()")
    tab.wait("document.readyState === 'complete' && !!document.querySelector('svg.signature')")
    assert there.one(Signature).drawing == drawn
    customer = phone(chrome, 320, "dark")
    customer.open(there.base + there.follow(ticket))
    assert customer.run("!!document.querySelector('svg.signature path')")
    assert violations(customer) == []
    assert tab.said == []
    assert customer.said == []


def test_whoever_draws_wrong_clears_it(there: WebStory, chrome: Browser) -> None:
    ticket = there.break_down()
    there.accept()
    there.act(Arrive(there.one(Visit).id), "technician Karin Kunz")
    tab = phone(chrome)
    tab.open(there.base + there.visit(ticket))
    tab.run("document.querySelector('#sign canvas').scrollIntoView({block: 'center'}) || true")
    box = tab.run("(box => [box.left, box.top])(document.querySelector('#sign canvas').getBoundingClientRect())")
    for kind in ("mousePressed", "mouseReleased"):
        chrome.call("Input.dispatchMouseEvent", tab.session, type=kind, x=box[0] + 9, y=box[1] + 9, button="left",
                    buttons=1, clickCount=1)
    assert tab.run("document.querySelector('[name=drawing]').value")
    tab.run("document.querySelector('#sign [type=button]').click()")
    assert tab.run("document.querySelector('[name=drawing]').value") == ""
