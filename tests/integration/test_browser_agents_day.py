"""A day of an agent in a real browser, by keyboard where there are keys: three calls during an outage, and an SOS."""

from collections.abc import Iterator

import pyotp
import pytest

from gateway.model import SECOND, Audit, AuditOutcome, Callback, CallbackKind, SavedAnswer
from gateway.store import Store
from tests.drivers.axe import violations
from tests.drivers.browser import Browser
from tests.drivers.web_driver import PASSWORD, read
from tests.fixtures.outage_console import OutageConsole, outage_console
from tests.stories.console.test_sign_in import set_up_second_factor

pytestmark = pytest.mark.slow
LIVE = "document.getElementById('line')?.innerText === 'Live'"
CABLE, KABEL = "A digger has hit the cable in Bachweg.", "Ein Bagger hat das Kabel getroffen."


@pytest.fixture
def quarter(store: Store) -> Iterator[OutageConsole]:
    there = outage_console(store)
    yield there
    for one in there.browsers:
        one.web.close()


class Agent:
    """Dana at her screen."""

    def __init__(self, chrome: Browser, base: str) -> None:
        self.chrome, self.base, self.tab = chrome, base, chrome.tab()
        self.looked_at: list[str] = []
        chrome.call("Emulation.setDeviceMetricsOverride", self.tab.session, width=1280, height=720,
                    deviceScaleFactor=1, mobile=False)

    def press(self, *keys: str) -> None:
        for key in keys:
            text = {"Enter": "\r", "Escape": "", "Tab": ""}.get(key, key)
            code = {"Tab": 9, "Enter": 13, "Escape": 27}.get(key, 0)
            for kind in ("keyDown", "keyUp"):
                self.chrome.call("Input.dispatchKeyEvent", self.tab.session, type=kind, key=key, code=key,
                                 text=text if kind == "keyDown" else "", windowsVirtualKeyCode=code)

    def types(self, text: str, into: str = "") -> None:
        """Into the field with this id, or where the cursor is."""
        if into:
            self.tab.run(f"document.getElementById('{into}').focus()")
            self.tab.run("document.activeElement.select && document.activeElement.select()")
        self.chrome.call("Input.insertText", self.tab.session, text=text)

    def on(self, selector: str, key: str = "Enter") -> None:
        """Goes to the button or link by the keyboard, and presses it."""
        assert self.tab.run(f"(document.querySelector({selector!r}).focus(), true)")
        assert self.tab.run(f"document.activeElement === document.querySelector({selector!r})"), selector
        self.press(key)

    def is_at(self, path: str) -> None:
        self.tab.wait(f"location.pathname + location.search === '{path}'")

    def sees(self, *words: str) -> str:
        """Within a moment. The page keeps nobody from using it, breaks no policy and reports no error."""
        for one in words:
            self.tab.wait(f"document.body?.innerText.includes({one!r})")
        self.looks()
        return self.tab.text()

    def looks(self) -> None:
        assert violations(self.tab) == []
        assert self.tab.said == []
        self.looked_at.append(str(self.tab.run("location.pathname")))


def test_three_calls_and_an_sos(quarter: OutageConsole, chrome: Browser) -> None:
    account = quarter.console()
    secret, _ = set_up_second_factor(account, quarter)
    quarter.live(minutes=1)
    quarter.cut()
    outage, dana = quarter.outage, Agent(chrome, quarter.base)
    tab = dana.tab

    # she signs in with her password, then with a code
    tab.open(f"{quarter.base}/console/sign-in?next=/console")
    dana.looks()
    dana.types("dana@example.com", "email")
    dana.press("Tab")
    dana.types(PASSWORD)
    dana.press("Enter")
    dana.sees("Your code")
    dana.types(pyotp.TOTP(secret).at(quarter.now // SECOND), "code")
    dana.press("Enter")
    dana.is_at("/console")
    tab.wait(LIVE)
    dana.sees("Lateral 9a", "5 of 5 homes")

    # the first caller does not say who they are: they hear of the outage, and of nothing else
    dana.on("a[href$='/console/call']")
    dana.is_at("/console/call")
    tab.wait("document.activeElement.id === 'where-q'")
    dana.types("bachweg 1")
    dana.press("Enter")
    dana.is_at("/console/call?site=a0")
    shown = dana.sees("Say what they read", "Do not promise", "there is no estimate")
    read_by_them = quarter.texts("a0")[0].removeprefix("Hello Family a0, ").partition(" See where things stand:")[0]
    assert read_by_them in shown, "word for word"
    assert "This home: Told: power cut 12:01 today" in shown
    assert "Told: power cut: 5 households" in shown
    assert "Family a0" not in shown
    assert "T-" not in shown
    dana.types("Somebody", "name")
    dana.types("8001", "postcode")
    dana.press("Enter")
    tab.wait("document.querySelector('.wrong') !== null")
    assert "The name does not match." in tab.text()
    assert "Family a0" not in tab.text()
    assert [line for line in tab.said if "422" not in line] == [], "a browser reports each answer that is a refusal"
    tab.said.clear()

    # what she has found out she saves, for the next agent and for the customers' page
    dana.types(CABLE, "words-en")
    dana.types(KABEL, "words-de")
    dana.on("#for_page", " ")
    dana.on("#save-answer button")
    dana.is_at("/console/call?site=a0")
    dana.sees("What others have said", CABLE)
    with quarter.client() as web:
        assert CABLE in read(web.get(quarter.outage_page("a0")))
        assert KABEL in read(web.get(quarter.outage_page("a1")))

    # the second reads German and shows who she is: her household's page opens
    dana.types("bachweg 2", "where-q")
    dana.press("Enter")
    dana.is_at("/console/call?site=a1")
    shown = dana.sees("Deutsch", CABLE, "wir haben im selben Moment den Kontakt")
    assert "Anna" not in shown
    dana.types("anna", "name")
    dana.types("8001", "postcode")
    dana.press("Enter")
    dana.is_at("/console/customers/a1")
    dana.sees("Anna", "Lateral 9a")

    # the third wants to be rung
    tab.open(f"{quarter.base}/console/call")
    dana.types("bachweg 4", "where-q")
    dana.press("Enter")
    dana.is_at("/console/call?site=a3")
    shown = dana.sees(CABLE)
    assert "depends on power" not in shown, "not for every caller"
    dana.on("a[href$='/console/callbacks/new?site=a3']")
    dana.is_at("/console/callbacks/new?site=a3")
    dana.looks()
    dana.types("He wants to know when the light is back", "wish-words")
    dana.on("#wish button.primary")
    tab.wait("/^\\/console\\/callbacks\\/C-/.test(location.pathname)")
    wish = quarter.one(Callback, Callback.site_id == "a3", Callback.kind == CallbackKind.ORDINARY)
    assert tab.run("location.pathname") == f"/console/callbacks/{wish.id}"
    dana.sees("He wants to know when the light is back")

    # the outage's own page says the same words, and whom with priority needs
    dana.press("g", "o")
    dana.is_at("/console/outages")
    dana.sees("5 told")
    dana.press("j", "Enter")
    dana.is_at(f"/console/outages/{outage.id}")
    shown = dana.sees("Priority needs", CABLE)
    assert read_by_them in shown
    assert "depends on power" in shown

    # somebody calls for help: on top of Now by itself, and of the desk
    dana.press("g", "n")
    dana.is_at("/console")
    tab.wait(LIVE)
    quarter.press("a1-sos", "one")
    sos = quarter.one(Callback, Callback.kind == CallbackKind.EMERGENCY)
    tab.wait("document.querySelector('[role=alert]')?.textContent.startsWith('Call for help: Family a1')")
    dana.sees("Calls for help")
    assert tab.run("document.querySelector('#main [data-rows] > li').id") == f"now-{sos.id}"
    dana.press("g", "c")
    dana.is_at("/console/callbacks")
    dana.sees("Call for help")
    assert tab.run("document.querySelector('[data-rows] tbody tr').id") == f"row-{sos.id}"
    dana.press("j", "Enter")
    dana.is_at(f"/console/callbacks/{sos.id}")

    # she takes it; before she dials she knows whom, why, and how to see that it is them
    dana.on("#do-claim button")
    shown = dana.sees("You have it until")
    lease = quarter.again(sos)
    assert (lease.state, lease.agent, lease.attempts) == ("claimed", "agent Dana Meier", 0)
    for known in ("Anna", "relies on the emergency button", "power cut", "To find out who is speaking"):
        assert known in shown, known
    assert tab.run("document.querySelector('#ring-1 a').href") == "tel:+41446681801"
    tab.run("addEventListener('click', one => one.target.closest('a[href^=\"tel:\"]') && one.preventDefault())")
    dana.on("#ring-1 a")
    dana.sees("Calling")
    dana.on("#do-connect button")
    dana.sees("Connected")
    dana.types("Her neighbour is with her", "note")
    tab.run("document.querySelector('#finish input[value=help_sent]').click()")
    tab.run("document.querySelector('#finish button.primary').click()")
    tab.wait(f"location.search === '?after={sos.id}'")
    dana.sees(f"{sos.id} is done. This is the next call.")

    # what is written down, and what the households have heard of us
    row = quarter.again(sos)
    assert (row.state, row.outcome, row.note, row.attempts) == ("done", "help_sent", "Her neighbour is with her", 1)
    assert quarter.again(wish).state == "requested"
    answer = quarter.one(SavedAnswer)
    assert (answer.words, answer.for_page, answer.subject_id) == ({"en": CABLE, "de": KABEL}, True, outage.id)
    lines = [(line.action, line.outcome, line.object_id) for line in quarter.all(Audit)]
    assert [line for line in lines if line[0] == "verify_caller"] == [
        ("verify_caller", AuditOutcome.DENIED, "a0"), ("verify_caller", AuditOutcome.DONE, "a1")]
    assert [name for name, _, about in lines if about == sos.id and name != "see_numbers"] == [
        "claim_callback", "attempt_callback", "connect_callback", "finish_callback"]
    assert [len(quarter.texts(home)) for home in ("a0", "a2", "a4")] == [1, 1, 1], "each was told once"
    assert len(set(dana.looked_at)) >= 11
    assert tab.said == []
