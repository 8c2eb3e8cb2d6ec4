"""One ticket in a real browser: it changes by itself, and what somebody types, and the conflict they read, stay."""


import pytest

from gateway.model import HOUR, HoldReason, Ticket
from gateway.tickets.actions import AddNote, AskAgain, HoldTicket
from tests.drivers.browser import Browser, Tab
from tests.drivers.web_driver import PASSWORD, WebStory

OMAR = "agent Omar Weber"
pytestmark = pytest.mark.slow


def signed_in(there: WebStory, chrome: Browser) -> Tab:
    user, tab = there.user("dispatcher"), chrome.tab()
    tab.open(f"{there.base}/console/sign-in")
    tab.run(f"document.querySelector('[name=email]').value = '{user.email}'; "
            f"document.querySelector('[name=password]').value = '{PASSWORD}'; "
            "document.querySelector('form').submit()")
    tab.wait("location.pathname === '/console'")
    return tab


def write(tab: Tab, form: str, field: str, text: str) -> None:
    """Somebody types."""
    tab.run(f"var one = document.querySelector('form[id^={form}] [name={field}]'); one.value = '{text}'; "
            "one.dispatchEvent(new Event('input', {bubbles: true}))")


def typed(tab: Tab, form: str, field: str) -> str:
    return str(tab.run(f"document.querySelector('form[id^={form}] [name={field}]').value"))


def press(tab: Tab, form: str) -> None:
    tab.run(f"document.querySelector('form[id^={form}] button').click()")


def opened(there: WebStory, chrome: Browser) -> tuple[Tab, Ticket]:
    there.measure(count=20)
    ticket, tab = there.break_down(), signed_in(there, chrome)
    tab.open(f"{there.base}/console/tickets/{ticket.id}")
    tab.wait("document.getElementById('line').innerText === 'Live'")
    return tab, ticket


def test_what_is_typed_stays_while_others_act_and_is_gone_when_it_is_sent(there: WebStory, chrome: Browser) -> None:
    tab, ticket = opened(there, chrome)
    write(tab, "add_note", "note", "half a sentence")
    there.act(HoldTicket(ticket.id, HoldReason.PART, there.now + HOUR, "a valve"), OMAR)
    tab.wait("document.body.innerText.includes('On hold until')")
    assert typed(tab, "add_note", "note") == "half a sentence"
    press(tab, "add_note")
    tab.wait("document.body.innerText.includes('Note: half a sentence')")
    tab.wait("document.querySelector('form[id^=add_note] [name=note]').value === ''")
    write(tab, "add_note", "note", "and the rest")  # from the same page
    press(tab, "add_note")
    tab.wait("document.body.innerText.includes('Note: and the rest')")
    assert tab.said == []


def test_what_was_not_sent_is_there_when_the_page_is_opened_again(there: WebStory, chrome: Browser) -> None:
    tab, ticket = opened(there, chrome)
    write(tab, "add_note", "note", "half a sentence")
    tab.wait("document.body.innerText.includes('Kept, not sent')")
    tab.open(f"{there.base}/console")
    tab.open(f"{there.base}/console/tickets/{ticket.id}")
    tab.wait("document.querySelector('form[id^=add_note] [name=note]').value === 'half a sentence'")
    press(tab, "add_note")
    tab.wait("document.body.innerText.includes('Note: half a sentence')")
    tab.wait("!document.body.innerText.includes('Kept, not sent')")
    assert tab.said == []


def test_a_conflict_stays_to_be_read_while_the_page_goes_on(there: WebStory, chrome: Browser) -> None:
    tab, ticket = opened(there, chrome)
    write(tab, "cancel_ticket", "why", "sold")
    tab.run("document.querySelector('form[id^=cancel_ticket] [name=version]').disabled = true")  # an older page
    press(tab, "cancel_ticket")
    tab.wait("!!document.getElementById('clash')")
    there.act(AddNote(ticket.id, "yet another word"), OMAR)
    tab.wait("document.body.innerText.includes('yet another word')")
    assert tab.run("document.getElementById('main').children[1].id") == "clash"
    assert typed(tab, "cancel_ticket", "why") == "sold"
    press(tab, "cancel_ticket")  # it still holds
    tab.wait("document.body.innerText.includes('Cancelled')")
    assert tab.run("document.getElementById('clash') === null")


def test_everybody_sees_who_types(there: WebStory, chrome: Browser) -> None:
    tab, ticket = opened(there, chrome)
    there.act(HoldTicket(ticket.id, HoldReason.PART, there.now + HOUR), OMAR)
    there.act(AskAgain(ticket.id), OMAR)
    write(tab, "add_note", "note", "half a sentence")
    other = there.console("agent", "Omar Weber")
    tab.wait("document.body.innerText.includes('Firms are asked again')")
    page = other.web.get(f"/console/tickets/{ticket.id}").text
    assert "Dana Meier</b> is typing" in page
    tab.run("document.querySelector('nav a[href$=\"/console/tickets\"]').click()")
    tab.wait("location.pathname === '/console/tickets'")
    tab.wait("true", 1)
    assert tab.run("document.getElementById('presence') === null")
