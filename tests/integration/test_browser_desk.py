"""Now and the callback desk in a real browser: what changes by itself, what stays, and nothing to scroll for."""


import pytest
from sqlmodel import select

from gateway.model import (
    MINUTE,
    Callback,
    CallbackKind,
    Notification,
    NotificationState,
    Outage,
    OutageKind,
    OutageState,
    Promise,
    PromiseState,
    Visit,
)
from gateway.model.plan import Plan
from gateway.monitoring.health import Health
from gateway.store import apply
from gateway.tickets.actions import OpenCallback
from tests.drivers.axe import violations
from tests.drivers.browser import Browser, Tab
from tests.drivers.web_driver import WebStory
from tests.fixtures.many_tickets import save_tickets

pytestmark = pytest.mark.slow
LIVE = "document.getElementById('line').innerText === 'Live'"


def sign_in(there: WebStory, chrome: Browser, path: str, width: int = 1280, height: int = 720) -> Tab:
    tab = chrome.tab()
    for key, value in there.console("dispatcher").web.cookies.items():
        chrome.call("Network.setCookie", tab.session, name=key, value=value, url=there.base)
    chrome.call("Emulation.setDeviceMetricsOverride", tab.session, width=width, height=height, deviceScaleFactor=1,
                mobile=False)
    tab.open(there.base + path)
    return tab


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080), (820, 1180)])
def test_however_much_is_wrong_now_has_nothing_to_scroll_for(there: WebStory, chrome: Browser, width: int, height: int
                                                             ) -> None:
    save_tickets(there.gw.store, 300, 0, there.now)
    there.break_down()
    there.wait(minutes=1)
    failed = there.one(Notification, Notification.recipient_id == "alice").model_dump() | {
        "due_at": None, "state": NotificationState.FAILED, "done_at": there.now}
    there.add(*(Callback(id=f"C-0A{number:06}", site_id=f"many-{number}-home", customer_id=f"many-{number}",
                         kind=CallbackKind.EMERGENCY if number < 9 else CallbackKind.ORDINARY, requested_at=there.now,
                         promised_by=there.now + number * MINUTE) for number in range(40)),
              *(Visit(id=f"V-0A{number * 5 + 2:06}", job_id=f"J-0A{number * 5 + 2:06}", provider_id="kunz",
                      ticket_id=f"T-0A{number * 5 + 2:06}", window_from=there.now - 90 * MINUTE,
                      window_until=there.now - MINUTE, created_at=there.now) for number in range(30)),
              *(Outage(id=f"X-0A{number:06}", key=f"street-{number}", name=f"Bachweg and Hofgasse {number}",
                       kind=OutageKind.PLACE, state=OutageState.CONFIRMED, began_at=there.now, last_at=there.now,
                       suspected_at=there.now, homes=200, dark=120) for number in range(9)),
              *(Notification(**failed | {"id": f"N-0A{number:06}", "occurrence": f"again {number}"})
                for number in range(9)))
    there.health = Health(False, problems=[f"channel {number}: login refused, three tries" for number in range(9)])
    with there.gw.store.write() as session:
        for promise in session.exec(select(Promise)):
            promise.state, promise.due_at = PromiseState.OPEN, there.now - MINUTE
    tab = sign_in(there, chrome, "/console", width, height)
    tab.wait(LIVE)
    assert tab.run("Array.from(document.querySelectorAll('.now .card')).filter(one => one.querySelector('a.rest'))"
                   ".length") == 8, "of each card one goes to all of them"
    assert tab.run("document.documentElement.scrollHeight <= innerHeight"), "nothing to scroll for"
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    assert violations(tab) == []
    assert tab.said == []


def test_now_has_nothing_to_scroll_for_and_shows_a_call_for_help_by_itself(there: WebStory, chrome: Browser) -> None:
    save_tickets(there.gw.store, 300, 0, there.now)
    there.add(*(Callback(id=f"C-0A{number:06}", site_id=f"many-{number}-home", customer_id=f"many-{number}",
                         kind=CallbackKind.EMERGENCY if number < 9 else CallbackKind.ORDINARY, requested_at=there.now,
                         promised_by=there.now + number * MINUTE) for number in range(40)),
              *(Visit(id=f"V-0A{number * 5 + 2:06}", job_id=f"J-0A{number * 5 + 2:06}", provider_id="kunz",
                      ticket_id=f"T-0A{number * 5 + 2:06}", window_from=there.now - 90 * MINUTE,
                      window_until=there.now - MINUTE, created_at=there.now) for number in range(30)))
    tab = sign_in(there, chrome, "/console")
    tab.wait(LIVE)
    assert tab.run("document.documentElement.scrollHeight <= innerHeight"), "nothing to scroll for"
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    assert "and 6 more →" in tab.text()
    tab.run("document.querySelector('#calls a').focus()")
    with there.gw.store.write() as session:
        apply(session, Plan([Callback(id="C-0B000000", site_id="many-50-home", customer_id="many-50",
                                      kind=CallbackKind.EMERGENCY, requested_at=there.now + 1,
                                      promised_by=there.now + 50 * MINUTE)]))
    tab.wait("document.querySelector('[role=alert]').textContent.startsWith('Call for help: Çelik Demir 50')")
    assert "and 7 more →" in tab.text()
    assert tab.run("document.activeElement.closest('#calls') !== null"), "the focus stays"
    assert tab.run("document.documentElement.scrollHeight <= innerHeight")
    assert tab.said == []


def test_a_call_from_the_number_to_its_outcome(there: WebStory, chrome: Browser) -> None:
    callback = there.call_for_help()
    tab = sign_in(there, chrome, f"/console/callbacks/{callback.id}")
    tab.wait(LIVE)
    tab.run("document.querySelector('#do-claim button').click()")
    tab.wait("document.body.innerText.includes('You have it until')")
    tab.run("const note = document.getElementById('note'); note.focus(); note.value = 'The fuse was out';"
            "note.dispatchEvent(new Event('input', {bubbles: true}))")
    tab.run("addEventListener('click', one => one.target.closest('a[href^=\"tel:\"]') && one.preventDefault())")
    tab.run("document.querySelector('#ring-1 a').click()")
    tab.wait("document.body.innerText.includes('Calling')")
    assert there.again(callback).attempts == 1
    there.act(OpenCallback("alice-home", "Her son calls too"), "agent")
    tab.wait("document.body.innerText.includes('Her son calls too')")
    assert tab.run("document.getElementById('note').value") == "The fuse was out", "what is typed stays"
    tab.run("document.querySelector('input[value=informed]').click()")
    tab.run("document.querySelector('#finish .primary').click()")
    tab.wait("location.pathname === '/console/callbacks'")
    assert "they know what they wanted to know" in tab.text()
    row = there.again(callback)
    assert (row.outcome, row.note) == ("informed", "The fuse was out")
    assert tab.said == []


def test_the_form_of_a_visit_is_there_when_it_is_needed(there: WebStory, chrome: Browser) -> None:
    callback = there.call_for_help()
    tab = sign_in(there, chrome, f"/console/callbacks/{callback.id}")
    tab.wait(LIVE)
    tab.run("document.querySelector('#do-claim button').click()")
    tab.wait("!!document.getElementById('finish')")
    shown = "getComputedStyle(document.querySelector('.visit-needed')).display !== 'none'"
    assert not tab.run(shown)
    tab.run("document.querySelector('input[value=visit_needed]').click()")
    assert tab.run(shown)
