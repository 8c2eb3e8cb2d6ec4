"""Every device and event of a scenario with the schedule of what is due when; connections and clock are passed in."""

import heapq
import random
from collections.abc import Callable
from typing import Any

from device_sim import device as pressing
from device_sim.actions import Journal
from device_sim.client import Client, Lines, Wall
from device_sim.device import Device
from device_sim.dialects import DIALECTS, ReceivedCommand
from device_sim.ground_truth import Truth
from device_sim.population import DeviceSpec
from device_sim.scenario import Happening, Scenario
from device_sim.scenario_events import SCENARIO_EVENTS, Cast


class SimulatedFleet:
    """A Stage: scenario events are put into its schedule. RealTimeRun follows the wall clock, SimulatedTimeRun none."""

    def __init__(self, scenario: Scenario, seed: int, truth: Truth, journal: Journal) -> None:
        self.scenario, self.seed = scenario, seed
        self.truth, self.journal = truth, journal
        self.devices: dict[str, Device] = {}
        self.clients: dict[str, Client] = {}
        self._schedule: list[tuple[float, int, Callable[[float], None]]] = []
        self._events: list[float] = []  # when what is not ordinary is due
        self._count = 0
        self._speed, self._started = 1.0, 0

    def at(self, t: float, then: Callable[[float], None], ordinary: bool = False) -> None:
        """`ordinary`: a report, as every device makes them all day."""
        self._count += 1
        heapq.heappush(self._schedule, (t, self._count, then))
        if not ordinary:
            heapq.heappush(self._events, t)

    def now(self, t: float) -> int:
        """Wall ms at simulated second `t`: `speed` simulated seconds pass in one of ours."""
        return self._started + round(t / self._speed * 1000)

    @property
    def next_at(self) -> float | None:
        """Simulated seconds at which the next thing is due."""
        return self._schedule[0][0] if self._schedule else None

    @property
    def next_event_at(self) -> float | None:
        """When the next thing is due that is no ordinary report."""
        while self._events and self.next_at is not None and self._events[0] < self.next_at:
            heapq.heappop(self._events)
        return self._events[0] if self._events else None

    def do_next(self) -> float:
        """Does the one thing that is due next, and returns when it was due."""
        due, _, then = heapq.heappop(self._schedule)
        then(due)
        return due

    def report_at(self, device: Device, t: float) -> None:
        device.number += 1
        number = device.number

        def report(due: float) -> None:
            if device.number == number:
                device.live(due)
                device.report(self.now(due))
                self.report_at(device, due + device.spec.every)

        self.at(t, report, ordinary=True)

    def insist_at(self, device: Device, t: float) -> None:
        """It has just been pressed: it repeats that until somebody answers."""
        def insist(due: float) -> None:
            device.insist(self.now(due))
            if device.waiting:
                self.insist_at(device, due)

        self.at(t + pressing.REPEAT / 1000 * self._speed, insist)

    def enter(self, lines: Lines, wall: Wall, boot: Callable[[DeviceSpec], str]) -> None:
        """Everybody is there, and nobody is connected. `boot`: what no press id of that device has begun with yet."""
        for spec in self.scenario.devices:
            dialect = DIALECTS[spec.dialect]
            if spec.client not in self.clients:
                self.clients[spec.client] = Client(
                    spec.client, dialect.DialectClient(spec.client), lines, self._heard, wall,
                    stays=dialect.HUB == "all")
            client = self.clients[spec.client]
            device = Device(spec, client, self.seed, boot(spec))
            client.devices.append(device)
            self.devices[spec.id] = device

    def begin(self, started: int, speed: float) -> None:
        """Simulated second 0 is the wall ms `started`."""
        self._started, self._speed = started, speed
        self.truth.start(self.scenario.name, self.seed, len(self.devices), started, speed)
        for device in self.devices.values():
            self.report_at(device, device.due)
        self._plan()

    def _plan(self) -> None:
        """Who is befallen is decided now, from the seed: the same at any speed."""
        for number, happening in enumerate(self.scenario.happens):
            rng = random.Random(f"{self.seed}/happening/{number}")
            chosen = [self.devices[spec.id] for spec in happening.cast(list(self.scenario.devices), rng)]
            if SCENARIO_EVENTS[happening.do].together:
                self._befall(happening, chosen, happening.at)
            else:
                for device in chosen:
                    self._befall(happening, [device], happening.at + rng.uniform(0, happening.over))

    def _befall(self, happening: Happening, devices: list[Device], t: float) -> None:
        start = SCENARIO_EVENTS[happening.do].start
        self.at(t, lambda due: start(Cast(self, devices, due, happening.lasts, happening.more)))

    def _heard(self, client: Client, told: ReceivedCommand | None, topic: str) -> None:
        device = client.devices[0]
        if told is None:
            self.journal(device.spec.id, "garbled command", {"topic": topic})
        elif told.press_id:
            device.waiting.pop(told.press_id, None)
            self.journal(device.spec.id, "answered", {"press_id": told.press_id, "state": told.state,
                                                      "callback_by": told.callback_by, "who": told.who,
                                                      "battery": told.battery})


def nobody(_device: str, _what: str, _facts: dict[str, Any]) -> None:
    """A journal that nobody reads."""
