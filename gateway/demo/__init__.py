"""`gateway demo`: a small town whose story is told by the real gateway, real messages and real web pages."""

import json as jsonlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from gateway.broker import NoBroker
from gateway.demo.agenda import Agenda
from gateway.demo.figures import figures
from gateway.demo.news import News
from gateway.demo.office import Office
from gateway.demo.people import People
from gateway.demo.screen import Screen, link_lines
from gateway.demo.story import steps, tell
from gateway.demo.town import Town, town

__all__ = ["demo"]

LOOK_EVERY = 0.7  # seconds
LONGEST = 120.0  # seconds a headless demonstration without --seconds waits for its story


def demo(data: Path, headless: bool = False, seconds: float | None = None, json: bool = False,
         speed: float = 1.0) -> int:
    """Tells the story and then keeps the town going until Ctrl-C or for `seconds`; headless without `seconds`: until
    the story is complete. Returns 0 when the whole story happened, or when somebody watched it."""
    console = Console(stderr=json, highlight=False)
    try:
        with _until_stopped() as stop, town(data) as place, Screen(console, live=not headless) as screen:
            told = _Telling(place, screen, speed)
            summary = told.play(stop, seconds, patient=not (headless and seconds is None))
    except NoBroker as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    if json:
        print(jsonlib.dumps(summary), flush=True)
    else:
        for step, happened in summary["story"].items():
            console.print("[green]✓[/]" if happened else "[yellow]○[/]", step)
        console.print(f"{summary['messages']} messages, {summary['tickets']} tickets, {summary['offers']} offers, "
                      f"{summary['callbacks']} callbacks. All is kept in {data}: the next one goes on from there.")
    return 0 if summary["ok"] or not headless else 1


class _Telling:
    """One demonstration: what was seen of it so far."""

    def __init__(self, place: Town, screen: Screen, speed: float) -> None:
        self._town, self._screen = place, screen
        self._office = Office(place.url, place.key)
        self._agenda = Agenda(speed, lambda trouble: screen.say("!", trouble))
        self._people = People(place, self._agenda, self._office)
        self._news = News(place, self._office)
        self._story: dict[str, bool] = {}

    def play(self, stop: threading.Event, seconds: float | None, patient: bool) -> dict[str, Any]:
        """Runs until stopped; an impatient one also ends when the story is complete, or after LONGEST."""
        with closing(self._office), closing(self._people):
            for name, link in link_lines(self._town, {}).items():
                self._screen.say("→", f"{name}: {link}")
            self._people.begin()
            tell(self._agenda, self._town.devices)
            self._agenda.start()
            began = time.monotonic()
            while not stop.wait(LOOK_EVERY):
                self._look()
                passed = time.monotonic() - began
                if seconds is not None and passed >= seconds:
                    break
                if not patient and (all(self._story.values()) or passed >= LONGEST):
                    break
            self._agenda.stop()
            self._look()
            whole = self._office.look(self._town.since, whole=True)
            return figures(whole, self._town.devices.truth, self._office.messages(), self._story)

    def _look(self) -> None:
        try:
            sight = self._office.look(self._town.since)
            for line in self._news.fresh(sight):
                self._screen.say(line.sign, line.words, line.at)
        except httpx.TransportError as error:
            self._screen.say("!", f"the gateway does not answer: {error}")
            return
        for step, happened in steps(sight, self._town.devices.truth, self._people.read).items():
            self._story[step] = self._story.get(step, False) or happened  # what happened cannot unhappen
        self._screen.show(self._town, sight, self._story, self._people.links)


@contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, action in before.items():
            signal.signal(number, action)
