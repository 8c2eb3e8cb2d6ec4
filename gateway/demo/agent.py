"""The demo's agent: signed in at the console, where she rings people and looks after tickets, page by page."""

import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import httpx

from gateway.demo.browser import Browser, NoSuchForm, Page
from gateway.demo.player_turns import Turns
from gateway.demo.scheduler import Scheduler
from gateway.demo.services import AGENT, RunningDemo
from gateway.model import CallOutcome

DESK, TICKETS = "/console/callbacks", "/console/tickets"
_CALL = re.compile(rf'href="{DESK}/(C-\w+)"')
_TICKET = re.compile(rf'href="{TICKETS}/(T-\w+)"')
_STEPS = (("claim", 1.5), ("attempt", 2.0), ("connect", 2.5), ("finish", 0.0))  # of a call; seconds until the next one
_BEAT = 10.0  # seconds after which a page that is still open says so again
_BEATS = 3  # of a ticket's page, before she closes it
_TABS = 3  # with a ticket each, at once
_NOTES = {
    "heat-pump": "There is an electric heater in the house until it is mended",
    "medicine-fridge": "The medicine is in the other fridge until it is mended",
    "water-leak-sensor": "The stopcock is in the cellar, on the left",
    "smart-plug": "Nothing in the freezer spoils before tomorrow",
    "help-button": "Call them by phone until the button works again",
}


class Agent:
    """She does what a person at the console does: reads the desk, takes a call, rings, says what came of it. Calls
    that are left to the person who plays she takes only once they have waited too long."""

    def __init__(self, town: RunningDemo, scheduler: Scheduler, turns: Turns, say: Callable[[str, str], None],
                 browser: Browser | None = None) -> None:
        self._url, self._welcome, self._console, self._fleet = town.url, town.agent, town.console, town.fleet
        self._scheduler, self._turns, self._say = scheduler, turns, say
        self._browser = browser or Browser()
        self._password = secrets.token_urlsafe(24)
        self._calls: set[str] = set()  # that she has in hand
        self._left: set[str] = set()  # that are left to the person who plays
        self._read: dict[str, float] = {}  # ticket → when she looked at it last
        self._tabs: set[str] = set()  # tickets whose pages she has open

    def begin(self) -> None:
        self._scheduler.after(0, self._come_in)

    def close(self) -> None:
        self._browser.close()

    def _come_in(self) -> None:
        """By the link that makes an account hers: she sets a password."""
        self._browser.fill_in(self._browser.open(self._welcome), password=self._password)
        self._scheduler.after(0.2, self._look_at_desk)
        self._scheduler.after(1.0, self._look_at_tickets)

    def _page(self, path: str) -> Page:
        """Whoever was signed out meanwhile signs in again. Raises httpx.HTTPError."""
        try:
            return self._browser.open(self._url + path)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.UNAUTHORIZED:
                raise
        door = self._browser.open(f"{self._url}/console/sign-in")
        self._browser.fill_in(door, email=AGENT.email, password=self._password)
        return self._browser.open(self._url + path)

    # -- calls

    def _look_at_desk(self) -> None:
        try:
            waiting = list(dict.fromkeys(_CALL.findall(self._page(DESK).text)))
            for callback in waiting:
                if callback not in self._calls and self._may_take(callback):
                    self._calls.add(callback)
                    self._scheduler.after(1.0, partial(self._call, callback, 0))
            for callback in self._left - set(waiting):  # the person who plays has settled it
                self._left.remove(callback)
                self._turns.end("call", callback)
        finally:
            self._scheduler.after(0.5, self._look_at_desk)

    def _may_take(self, callback: str) -> bool:
        """Not while somebody still presses, and not what is left to the person who plays."""
        if self._turns.part_is("press"):
            return False
        if self._turns.seconds is not None and callback not in self._left:
            self._left.add(callback)
            if self._turns.left_to_you("call", callback, self._console):
                self._say("☎", f"{callback} waits for you at the console. Nobody calls? Then after a minute")
                self._say("☎", f"they read that we are late, and the desk is paged; in the end {AGENT.name} calls")
            else:
                self._say("☎", f"{callback} waits for you at the console, too")
        return self._turns.has_waited(callback)

    def _call(self, callback: str, number: int) -> None:
        """The next step of a call; somebody else may have been quicker."""
        step, pause = _STEPS[number]
        with suppress(NoSuchForm, httpx.HTTPStatusError):
            page = self._page(f"{DESK}/{callback}")
            self._browser.submit(page, step, **(_said(page) if step == "finish" else {}))
            if step == "claim" and callback in self._left:
                self._say("☎", f"{callback} has waited too long: {AGENT.name} calls")
                self._turns.end("call", callback)
            if number + 1 < len(_STEPS):
                self._scheduler.after(pause, partial(self._call, callback, number + 1))
                return
        self._calls.discard(callback)

    # -- tickets

    def _look_at_tickets(self) -> None:
        """A few at once, each in a tab: those that she has not read yet, then those that she read first."""
        try:
            listed = dict.fromkeys(_TICKET.findall(self._page(TICKETS).text))
            rest = sorted((one for one in listed if one not in self._tabs), key=lambda one: self._read.get(one, 0.0))
            for ticket in rest[:_TABS - len(self._tabs)]:
                self._tabs.add(ticket)
                self._look_at(ticket, _BEATS)
        finally:
            self._scheduler.after(1.0, self._look_at_tickets)

    def _look_at(self, ticket: str, beats: int) -> None:
        """Has the page open, which others see, and does there what is to be done."""
        try:
            self._here(self._page(f"{TICKETS}/{ticket}"), ticket, left=not beats)
        except httpx.HTTPError:
            beats = 0
        if beats:
            self._scheduler.after(3.0, partial(self._act_on, ticket))
            self._scheduler.after(_BEAT, partial(self._look_at, ticket, beats - 1))
        else:
            self._tabs.discard(ticket)

    def _here(self, page: Page, ticket: str, left: bool) -> None:
        self._browser.send(f"{self._url}/console/presence", csrf=page.value("csrf"), subject=ticket,
                           left=str(left).lower())

    def _act_on(self, ticket: str) -> None:
        """Sees to it that somebody is paged for, and writes a note once; both is left to the person who plays."""
        first = ticket not in self._read
        self._read[ticket] = time.monotonic()
        with suppress(NoSuchForm, httpx.HTTPStatusError):
            page = self._page(f"{TICKETS}/{ticket}")
            if "acknowledge_page" in page.acts:
                if self._turns.seconds is not None:
                    self._say("!", f"{ticket} waits for you at the console: somebody on call is asked to look")
                    return
                page = self._browser.submit(page, "acknowledge_page")
            device = next((one for one in self._fleet.devices if one.name in page.words), None)
            if first and device is not None and self._turns.seconds is None:
                self._browser.submit(page, "add_note", note=_NOTES[device.profile])


def _said(page: Page) -> dict[str, str]:
    if "Call for help" in page.words:
        return {"outcome": str(CallOutcome.BY_MISTAKE), "note": "The dog lay on the button; all is well"}
    return {"outcome": str(CallOutcome.INFORMED), "note": "Asked how the heating works; explained"}
