"""The town's people: they read their letters, follow the links in them, and press the buttons they find there."""

import html
import re
from collections.abc import Callable
from functools import partial

import httpx

from gateway.demo.agenda import Agenda
from gateway.demo.browser import Browser, NoSuchForm, Page
from gateway.demo.office import Office
from gateway.demo.sinks import Letter
from gateway.demo.town import Town
from gateway.model import to_iso

LINK = re.compile(r"https?://\S+/([ofv])/[\w.~-]+")
ALWAYS_BUSY = "buero@rohrblitz.example"
HELP = {  # profile → what a technician does there
    "heat-pump": ("return", "repair"), "medicine-fridge": ("return", "repair"), "water-leak-sensor": ("dry",),
    "smart-plug": ("return", "repair"), "help-button": (),
}
NOTES = {"heat-pump": "Circulation pump replaced, system bled", "water-leak-sensor": "Valve closed, hose replaced",
         "medicine-fridge": "Compressor relay replaced", "smart-plug": "Fuse replaced",
         "help-button": "Battery replaced"}
PATIENCE = 40  # looks at the device before a technician gives up and says that it is not finished


class People:
    """Providers, technicians, customers and the call centre's agent."""

    def __init__(self, town: Town, agenda: Agenda, office: Office) -> None:
        self.links: dict[str, str] = {}  # "customer" and "technician": the newest page of each
        self.read: set[str] = set()  # the letters, as "address subject", whose page a customer opened
        self._agenda, self._office = agenda, office
        self._post, self._devices, self._fleet, self._since = town.post, town.devices, town.fleet, town.since
        self._browser = Browser()
        self._calls: set[str] = set()

    def begin(self) -> None:
        self._clear_calls()
        self._agenda.after(3, self._clear_tickets)  # once the devices have said that they are well again
        self._agenda.after(0, self._look_at_letters)
        self._agenda.after(0, self._look_at_calls)

    def close(self) -> None:
        self._browser.close()

    def _clear_calls(self) -> None:
        """What the last demonstration left open would otherwise take in what happens today; so with tickets."""
        for callback in self._office.rows("callbacks", open="true"):
            self._office.act(f"callbacks/{callback['id']}/cancel", why="Left over from the last demonstration")

    def _clear_tickets(self) -> None:
        for ticket in self._office.rows("tickets", until=to_iso(self._since), open="true"):
            if ticket["state"] != "resolved":
                self._office.act(f"tickets/{ticket['id']}/resolve", note="Left over from the last demonstration")

    # -- letters

    def _look_at_letters(self) -> None:
        for letter in self._post.new():
            if found := LINK.search(letter.text):
                opening = {"o": self._answer_offer, "f": self._follow, "v": self._depart}[found[1]]
                self._agenda.after(1.5, partial(opening, letter, found[0]))
        self._agenda.after(0.2, self._look_at_letters)

    def _follow(self, letter: Letter, link: str) -> None:
        self._browser.open(link)
        self.read.add(f"{letter.to} {letter.subject}")
        self.links["customer"] = link

    # -- a provider and its technician, tap by tap

    def _answer_offer(self, letter: Letter, link: str) -> None:
        page = self._browser.open(link)
        try:
            if letter.to == ALWAYS_BUSY:
                self._browser.submit(page, "decline", reason="no_time", words="Drei Rohrbrüche heute")
                return
            visit = self._browser.submit(page, "accept")
        except NoSuchForm:
            return  # withdrawn, or the time to answer is over
        self.links["technician"] = visit.url
        self._agenda.after(1.5, partial(self._depart, letter, visit.url))

    def _depart(self, letter: Letter, link: str) -> None:
        self._tap(link, "depart", 2.0, self._arrive, minutes="10")

    def _arrive(self, link: str) -> None:
        self._tap(link, "arrive", 1.0, self._repair)

    def _repair(self, link: str) -> None:
        page = self._browser.open(link)
        device = next((device for device in self._fleet.devices if device.name in html.unescape(page.text)), None)
        if device is None:
            return
        for deed in HELP[device.profile]:
            self._devices.hand(device.id, deed)
        self._agenda.after(0.5, partial(self._wait_until_well, link, device.id, device.profile, PATIENCE))

    def _wait_until_well(self, link: str, device: str, profile: str, looks: int) -> None:
        """The gauge in front of the technician, here asked of the office."""
        if self._office.rows("alarms", device=device, open="true") and looks:
            self._agenda.after(0.5, partial(self._wait_until_well, link, device, profile, looks - 1))
            return
        self._tap(link, "finish", 0, None, outcome="complete" if looks else "incomplete", note=NOTES[profile])

    def _tap(self, link: str, act: str, pause: float, then: Callable[[str], None] | None, **typed: str) -> None:
        try:
            page: Page = self._browser.submit(self._browser.open(link), act, **typed)
        except (NoSuchForm, httpx.HTTPStatusError):
            return  # called off, or done on the telephone
        if then is not None:
            self._agenda.after(pause, partial(then, page.url))

    # -- the call centre

    def _look_at_calls(self) -> None:
        for callback in self._office.rows("callbacks", open="true"):
            if callback["id"] not in self._calls:
                self._calls.add(callback["id"])
                self._agenda.after(2.0, partial(self._call, callback["id"], callback["state"]))
        self._agenda.after(0.5, self._look_at_calls)

    def _call(self, callback: str, state: str) -> None:
        steps = {"requested": "attempt", "attempting": "connect", "connected": "finish"}
        step = steps.get(state)
        if step is None:
            return
        body = {"note": "Asked how the heating works; explained"} if step == "finish" else {}
        told = self._office.act(f"callbacks/{callback}/{step}", **body)
        if told and step != "finish":
            self._agenda.after(1.0, partial(self._call, callback, str(told["state"])))
