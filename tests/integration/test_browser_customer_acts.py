"""A customer moves their visit, and takes things back, in a real browser: small and large, light and dark, with and
without scripts."""

import os
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.model import DAY, HOUR, PendingAct, Visit
from gateway.tickets.actions import Depart
from tests.drivers.browser import Browser
from tests.drivers.console_pictures import picture
from tests.drivers.fault_finder import faults, watch_policy
from tests.drivers.seat import Seat
from tests.drivers.web_driver import WebStory
from tests.stories.test_customer_moves import KARIN, TOMORROW, tomorrow

pytestmark = pytest.mark.slow


class Screen(NamedTuple):
    width: int
    dark: bool
    scripts: bool


SCREENS = [Screen(320, dark=False, scripts=True), Screen(320, dark=True, scripts=False),
           Screen(1280, dark=False, scripts=False), Screen(1280, dark=True, scripts=True)]


@pytest.mark.parametrize("screen", SCREENS, ids=str)
def test_the_customer_moves_the_visit_while_the_technician_sets_out(
        there: WebStory, chrome: Browser, screen: Screen) -> None:
    ticket = tomorrow(there)
    seat = _phone(there, chrome, screen)
    seat.open(there.follow(ticket))
    seat.click("Move the visit", inside="main")
    seat.sees("Planned now: 07:00–11:00 tomorrow.", inside="main")
    _look(seat, "move", screen)
    seat.tab.run(f"document.querySelector('[value=\"{TOMORROW + 4 * HOUR}-{TOMORROW + 8 * HOUR}\"]').click()")
    seat.click("Move the visit", inside="form")
    seat.sees("You want the visit 11:00–15:00 tomorrow instead.", inside="main")
    _look(seat, "pending", screen)
    seat.click("Take it back", inside="main")
    seat.sees("Taken back: Another time for the visit.", inside="main")
    assert there.one(PendingAct).outcome == "taken_back"

    seat.click("Move the visit", inside="main")
    seat.sees("Which time suits you better?", inside="main")
    there.act(Depart(there.one(Visit).id, 20), KARIN)  # meanwhile
    seat.tab.run(f"document.querySelector('[value=\"{TOMORROW + DAY}-{TOMORROW + DAY + 4 * HOUR}\"]').click()")
    seat.click("Move the visit", inside="form")
    seat.sees("Something has changed since you opened this page.", "Karin Kunz is on the way",
              "Please ring us for that", inside="main")
    _look(seat, "too-late", screen)
    seat.click("Please ring me", inside="form")
    seat.sees("You have asked for a call.", inside="main")
    there.wait(1)
    seat.open(there.follow(ticket))
    seat.sees("We will ring you", inside="main")
    _look(seat, "done", screen)


@pytest.mark.parametrize("screen", SCREENS, ids=str)
def test_every_form_of_what_they_can_do(
        there: WebStory, chrome: Browser, screen: Screen) -> None:
    ticket = tomorrow(there)
    seat = _phone(there, chrome, screen)
    seat.open(f"{there.follow(ticket)}/change")
    seat.sees("Tell us something", "How to get in", "Ask for a call", inside="main")
    _look(seat, "change", screen)
    assert _headings(seat) == ["What would you like to do?", "Tell us something", "How to get in", "Ask for a call"]
    seat.fill("What should we know?", "The bell is broken", inside="main")
    seat.click("Send", inside="main")
    seat.sees("You have written: “The bell is broken”", inside="main")
    there.wait(1)
    seat.open(there.follow(ticket))
    seat.sees("You wrote: “The bell is broken”", inside="main")


def _phone(there: WebStory, chrome: Browser, screen: Screen) -> Seat:
    seat = Seat(there, chrome)
    watch_policy(seat)
    seat.look_at(screen.width, 640, screen.dark)
    if not screen.scripts:
        seat.command("Emulation.setScriptExecutionDisabled", value=True)
    return seat


def _look(seat: Seat, name: str, screen: Screen) -> None:
    """Nothing shuts anybody out; what looks is itself a script. PICTURES=directory keeps a picture of each."""
    if screen.scripts:
        seat.tab.said[:] = [said for said in seat.tab.said if "409 (Conflict)" not in said]  # Chromium says each
        assert faults(seat) == [], name
    if directory := os.environ.get("PICTURES"):
        colours = "dark" if screen.dark else "light"
        Path(directory, f"{name}-{screen.width}-{colours}.png").write_bytes(picture(seat.tab, whole=True))


def _headings(seat: Seat) -> list[str]:
    found: list[str] = seat.tab.run("Array.from(document.querySelectorAll('main :is(h1, h2)'), one => one.innerText)")
    return found
