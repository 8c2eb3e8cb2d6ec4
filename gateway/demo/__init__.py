"""`gateway demo`: a small simulated town with a real gateway, broker, e-mails and web pages."""

import json as jsonlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

import httpx
from rich.console import Console

from gateway.demo.agent import Agent
from gateway.demo.call_centre import CallCentre
from gateway.demo.event_lines import EventLines
from gateway.demo.people import People
from gateway.demo.player_turns import PARTS, TWO_MINUTES, Turn, Turns
from gateway.demo.scheduler import Scheduler
from gateway.demo.screen import Screen, link_lines
from gateway.demo.services import RunningDemo, rename_old_data, town
from gateway.demo.statistics import figures
from gateway.demo.story import PRESSED, schedule_story, steps
from gateway.mqtt.local_broker import NoBroker

__all__ = ["demo"]

Choice = Literal["auto", "mosquitto", "nats"]

LOOK_EVERY = 0.7  # seconds
LONGEST = 120.0  # seconds a headless demonstration without --seconds waits for its story
BROKER_TIMEOUT = 10.0  # seconds without a broker after which there is nothing left to show


class NotListening(Exception):
    """The gateway hears nothing from its broker, so the story cannot be told."""


def demo(data: Path, headless: bool = False, seconds: float | None = None, json: bool = False, speed: float = 1.0,
         broker: Choice = "auto", play: bool = False) -> int:
    """Tells the story and then keeps the town going until Ctrl-C or for `seconds`; headless without `seconds`: until
    the story is complete. `play`: the person at the keyboard has two minutes for each part of it.

    Returns 0 when the whole story happened, or when somebody watched it; 1 also when the gateway could not listen."""
    console = Console(stderr=json, highlight=False)
    turns = Turns(TWO_MINUTES / speed if play else None)
    if (aside := rename_old_data(data)) is not None:
        console.print(f"{data} was made by an older version; it is now {aside.name}; starting afresh", soft_wrap=True)
    try:
        with _until_stopped() as stop, town(data, broker, play) as place, Screen(console, live=not headless) as screen:
            told = _Demonstration(place, screen, speed, turns)
            summary = told.play(stop, seconds, patient=not (headless and seconds is None))
    except (NoBroker, NotListening) as error:
        print(f"demo: {error}", file=sys.stderr)
        if json:
            print(jsonlib.dumps({"ok": False, "problem": str(error)}), flush=True)
        return 1
    if json:
        print(jsonlib.dumps(summary), flush=True)
    else:
        for step, happened in summary["story"].items():
            console.print("[green]✓[/]" if happened else "[yellow]○[/]", step)
        console.print(f"{summary['messages']} messages, {summary['tickets']} tickets, {summary['offers']} offers, "
                      f"{summary['callbacks']} callbacks. All is kept in {data}: the next one goes on from there.")
    return 0 if summary["ok"] or not headless else 1


class _Demonstration:
    """One demonstration: what was seen of it so far."""

    def __init__(self, place: RunningDemo, screen: Screen, speed: float, turns: Turns) -> None:
        self._town, self._screen, self._turns = place, screen, turns
        self._call_centre = CallCentre(place.url, place.key)
        self._scheduler = Scheduler(speed, lambda trouble: screen.say("!", trouble))
        self._people = People(place, self._scheduler, self._call_centre, turns)
        self._agent = Agent(place, self._scheduler, turns, screen.say)
        self._event_lines = EventLines(place, self._call_centre)
        self._story: dict[str, bool] = {}
        self._listened_at = time.monotonic()
        self._turn: Turn | None = None
        self._not_heard: list[str] = []

    def play(self, stop: threading.Event, seconds: float | None, patient: bool) -> dict[str, Any]:
        """Runs until stopped; an impatient one also ends when the story is complete, or takes too long.

        Raises NotListening."""
        with closing(self._call_centre), closing(self._people), closing(self._agent):
            for name, link in link_lines(self._town, {}).items():
                self._screen.say("→", f"{name}: {link}")
            self._people.begin()
            self._agent.begin()
            schedule_story(self._scheduler, self._town.devices, self._turns)
            self._scheduler.start()
            if self._turns.seconds is not None:
                threading.Thread(target=self._read_keyboard, name="keyboard", daemon=True).start()
            longest = LONGEST + len(PARTS) * (self._turns.seconds or 0)
            began = self._listened_at = time.monotonic()
            while not stop.wait(LOOK_EVERY):
                self._look()
                passed = time.monotonic() - began
                if seconds is not None and passed >= seconds:
                    break
                if not patient and (all(self._story.values()) or passed >= longest):
                    break
            self._scheduler.stop()
            self._look()
            whole = self._call_centre.fetch(self._town.since, whole=True)
            return figures(whole, self._town.devices.truth, self._call_centre.messages(), self._story)

    def _look(self) -> None:
        self._listening()
        try:
            view = self._call_centre.fetch(self._town.since)
            for line in self._event_lines.fresh(view):
                self._screen.say(line.sign, line.words, line.at)
        except httpx.TransportError as error:
            self._screen.say("!", f"the gateway does not answer: {error}")
            return
        for step, happened in steps(view, self._town.devices.truth, self._people.read).items():
            self._story[step] = self._story.get(step, False) or happened  # what happened cannot unhappen
        if self._turns.now != self._turn:
            self._turn = self._turns.now
            if self._turn is not None:
                self._screen.say("▶", f"{self._turn.words} {self._turn.link}".rstrip())
        self._screen.show(self._town, view, self._story, self._people.links, self._turn, self._not_heard)

    def _listening(self) -> None:
        listener = self._town.running.listener
        if listener is None:
            return
        if listener.missing_filters != self._not_heard:
            self._not_heard = listener.missing_filters
            for filters in self._not_heard:
                self._screen.say("!", f"not heard: {filters}")
        if listener.listening:
            self._listened_at = time.monotonic()
        elif time.monotonic() - self._listened_at > BROKER_TIMEOUT:
            self._scheduler.stop()
            broker = self._town.broker
            raise NotListening(f"the gateway has heard nothing from its broker ({broker.kind}) for "
                               f"{BROKER_TIMEOUT:.0f} s: {listener.problem}. See {broker.log}, or try another one "
                               "with --broker")

    def _read_keyboard(self) -> None:
        """Enter is Bob's button while it is the person's turn to press it."""
        for _ in sys.stdin:
            if (turn := self._turns.now) is not None and turn.part == "press":
                self._town.devices.hand(PRESSED, "press")


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
