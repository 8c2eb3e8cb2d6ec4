"""The demo's customers and providers: they read their messages, open the links and submit the forms."""

import re
from contextlib import suppress
from functools import partial

import httpx

from gateway.app.clock import now
from gateway.config.fleet_rows import Device
from gateway.demo.browser import Browser, NoSuchForm, Page
from gateway.demo.call_centre import CallCentre
from gateway.demo.mail_and_webhook import ReceivedMessage
from gateway.demo.player_turns import Turns
from gateway.demo.scheduler import Scheduler
from gateway.demo.services import RunningDemo
from gateway.demo.story import HOT, SILENT, WET
from gateway.model import MINUTE, SECOND, Instant, TicketState, VisitOutcome, to_iso

LINK = re.compile(r"https?://\S+/([ofv])/[\w.~-]+")
VISIT = re.compile(r"https?://[^\s\"]+/v/[\w.~-]+")
ALWAYS_BUSY = "buero@rohrblitz.example"
HELP = {  # profile → what a technician does there
    "heat-pump": ("return", "repair"), "medicine-fridge": ("return", "repair"), "water-leak-sensor": ("dry",),
    "smart-plug": ("return", "repair"), "help-button": (),
}
NOTES = {"heat-pump": "Circulation pump replaced, system bled", "water-leak-sensor": "Valve closed, hose replaced",
         "medicine-fridge": "Compressor relay replaced", "smart-plug": "Fuse replaced",
         "help-button": "Battery replaced"}
FORGOTTEN = 24 * SECOND  # until the end of the arrival window that a technician forgets; he is reminded half-way
PATIENCE = 40  # looks at the device before a technician gives up and says that it is not finished


class People:
    """Providers, technicians and customers."""

    def __init__(self, town: RunningDemo, scheduler: Scheduler, call_centre: CallCentre, turns: Turns,
                 browser: Browser | None = None) -> None:
        self.links: dict[str, str] = {}  # "customer" and "technician": the newest page of each
        self.read: set[str] = set()  # the letters, "address subject text", whose page a customer opened
        self._scheduler, self._call_centre, self._turns = scheduler, call_centre, turns
        self._mailbox, self._devices, self._fleet, self._since = town.mailbox, town.devices, town.fleet, town.since
        self._browser = browser or Browser()
        self._visits: set[str] = set()  # links of those that somebody looks after
        self._forgotten: dict[str, str] = {}  # a firm's only technician, by its address → the visit that he forgets
        self._reminded: set[str] = set()  # links of visits that a technician was asked about
        self._out: dict[str, str] = {}  # a firm's only technician, by its address → the visit he is on

    def begin(self) -> None:
        self._clear_calls()
        self._scheduler.after(3, self._clear_tickets)  # once the devices have said that they are well again
        self._scheduler.after(0, self._look_at_letters)

    def close(self) -> None:
        self._browser.close()

    def _clear_calls(self) -> None:
        """Cancels callbacks left open by the last demonstration, which would take in today's presses."""
        for callback in self._call_centre.rows("callbacks", open="true"):
            self._call_centre.act(f"callbacks/{callback['id']}/cancel", they_know=True,
                                  why="Left over from the last demonstration")

    def _clear_tickets(self) -> None:
        for ticket in self._call_centre.rows("tickets", until=to_iso(self._since), open="true"):
            if ticket["state"] != TicketState.RESOLVED:
                self._call_centre.act(f"tickets/{ticket['id']}/resolve", note="Left over from the last demonstration")

    # -- letters

    def _look_at_letters(self) -> None:
        for letter in self._mailbox.new():
            if letter.is_for_calendar:
                continue
            for link, kind in dict.fromkeys((found[0], found[1]) for found in LINK.finditer(letter.text)):
                opening = {"o": self._answer_offer, "f": self._follow, "v": self._remind}[kind]
                self._scheduler.after(1.5, partial(opening, letter, link))  # several things may be in one letter
        self._scheduler.after(0.2, self._look_at_letters)

    def _follow(self, letter: ReceivedMessage, link: str) -> None:
        self._browser.open(link)
        self.read.add(f"{letter.to} {letter.subject} {letter.text}")
        self.links["customer"] = link

    # -- a provider and its technician, tap by tap, whoever makes each tap

    def _answer_offer(self, letter: ReceivedMessage, link: str) -> None:
        page = self._browser.open(link)
        part, device = ("decline", WET) if letter.to == ALWAYS_BUSY else ("accept", HOT)
        about = self._about(page)
        if part in page.acts and about is not None and about.id == device:
            self.links["technician"] = link
            if self._turns.left_to_you(part, link, link):
                self._scheduler.after(1.0, partial(self._answer_offer, letter, link))
                return
        self._turns.end(part, link)
        try:
            if letter.to == ALWAYS_BUSY and part in page.acts:
                self._browser.submit(page, "decline", reason="no_time", words="Drei Rohrbrüche heute")
                return
            if "accept" in page.acts:
                forgets = about is not None and about.id == SILENT
                page = self._browser.submit(page, "accept", **({"window": _window(now())} if forgets else {}))
        except NoSuchForm:
            return  # the time to answer is over
        if found := VISIT.search(f"{page.url} {page.text}"):  # else withdrawn, or declined by somebody else
            self._take_on(letter, found[0])

    def _take_on(self, letter: ReceivedMessage, link: str) -> None:
        if link not in self._visits:
            self._visits.add(link)
            self.links["technician"] = link
            self._scheduler.after(1.5, partial(self._go_on, letter.to, link))

    def _remind(self, letter: ReceivedMessage, link: str) -> None:
        """He is asked whether he is on the way: whoever has forgotten a visit sets out now."""
        forgotten = self._forgotten.pop(letter.to, None)
        if forgotten is None:
            self._take_on(letter, link)
        else:
            self._reminded.add(forgotten)
            self._go_on(letter.to, forgotten)

    def _go_on(self, man: str, link: str) -> None:
        """Does the next step of a visit; a technician is on one visit at a time."""
        try:
            page = self._browser.open(link)
            if "depart" in page.acts:
                self._set_out(man, link, page)
            elif "arrive" in page.acts:
                self._out[man] = link
                self._browser.submit(page, "arrive")
                self._scheduler.after(1.0, partial(self._go_on, man, link))
            elif "finish" in page.acts:
                self._repair(man, link, page)
            else:
                self._back(man, link)
        except (NoSuchForm, httpx.HTTPError):
            self._back(man, link)  # called off, or done on the telephone

    def _set_out(self, man: str, link: str, page: Page) -> None:
        about = self._about(page)
        if self._out.get(man, link) != link:
            self._scheduler.after(0.5, partial(self._go_on, man, link))
        elif about is not None and about.id == HOT and self._turns.left_to_you("set out", link, link):
            self._scheduler.after(1.0, partial(self._go_on, man, link))
        elif about is not None and about.id == SILENT and link not in self._reminded:
            self._forgotten[man] = link
        else:
            self._turns.end("set out", link)
            self._out[man] = link
            self._browser.submit(page, "depart", minutes="10")
            self._scheduler.after(2.0, partial(self._go_on, man, link))

    def _repair(self, man: str, link: str, page: Page) -> None:
        self._turns.end("set out", link)
        self._out[man] = link
        device = self._about(page)
        if device is None:
            self._back(man, link)
            return
        for action in HELP[device.profile]:
            self._devices.hand(device.id, action)
        self._scheduler.after(0.5, partial(self._wait_until_well, man, link, device, PATIENCE))

    def _wait_until_well(self, man: str, link: str, device: Device, looks: int) -> None:
        """Waits until the device has no open alarm, then finishes the visit."""
        if self._call_centre.rows("alarms", device=device.id, open="true") and looks:
            self._scheduler.after(0.5, partial(self._wait_until_well, man, link, device, looks - 1))
            return
        self._back(man, link)
        with suppress(NoSuchForm, httpx.HTTPError):
            outcome = VisitOutcome.COMPLETE if looks else VisitOutcome.INCOMPLETE
            self._browser.submit(self._browser.open(link), "finish", outcome=outcome, note=NOTES[device.profile])

    def _back(self, man: str, link: str) -> None:
        if self._out.get(man) == link:
            del self._out[man]

    def _about(self, page: Page) -> Device | None:
        return next((device for device in self._fleet.devices if device.name in page.words), None)


def _window(at: Instant) -> str:
    """The choice of an arrival window that is nearly over, as the form sends it."""
    return f"{at - 30 * MINUTE}-{at + FORGOTTEN}"
