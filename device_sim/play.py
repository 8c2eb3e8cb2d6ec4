"""A scenario at work: one loop that keeps a schedule, the connections and the truth, and says how late it ran."""

import heapq
import queue
import random
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from device_sim.acts import Journal, act
from device_sim.client import Client
from device_sim.device import Device
from device_sim.lines import Lines, make_room
from device_sim.mqtt import Line
from device_sim.population import DeviceSpec
from device_sim.scenario import Happening, Scenario
from device_sim.troubles import TROUBLES, Cast
from device_sim.truth import Truth
from device_sim.wires import DIALECTS, Told

OWN = 2_000  # clients with a connection of their own; more of them share SHARED connections
SHARED = 8
LONGEST_TURN = 0.05  # seconds: hands are looked at as often
PATIENCE = 60.0  # seconds for everybody to be connected at the beginning, and again to leave
_ROOM = 100_000  # messages that a shared line keeps for a broker that is away


class Report(NamedTuple):
    devices: int
    connections: int
    seconds: float  # of wall time
    simulated_s: float
    published: int
    acknowledged: int  # by the broker, of what was sent at QoS 1
    unconfirmed: int  # sent at QoS 0, which nobody acknowledges
    dropped: int  # not sent: nowhere to keep it while there was no connection
    commands: int  # that came down to devices
    late_ms: float  # the worst lag of anything behind its place in the schedule
    late_p99_ms: float


Watch = Callable[[float, float, "Play"], None]
"""(simulated seconds, simulated seconds in all or 0, the play): told a few times a second."""


class Play:
    """`run` plays it; `hand` makes somebody do something to a device, from any thread; `stop` ends it in order."""

    def __init__(self, scenario: Scenario, seed: int, truth: Truth, journal: Journal, own: int = OWN) -> None:
        self.truth, self.journal = truth, journal
        self.stopped = False
        self.lateness: list[float] = []  # ms, sampled
        self._scenario, self._seed, self._own = scenario, seed, own
        self._hands: queue.Queue[tuple[str, str]] = queue.Queue()
        self._schedule: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = 0
        self._speed, self._began, self._started = 1.0, 0.0, 0
        self._devices: dict[str, Device] = {}
        self._clients: dict[str, Client] = {}
        self._shared: list[Line] = []
        self._buttons: list[Device] = []
        self._late = 0.0

    def hand(self, device: str, word: str) -> None:
        self._hands.put((device, word))

    def stop(self) -> None:
        self.stopped = True

    def at(self, t: float, then: Callable[[float], None]) -> None:
        self._count += 1
        heapq.heappush(self._schedule, (t, self._count, then))

    def now(self, t: float) -> int:
        """Wall ms at simulated second `t`: `speed` simulated seconds pass in one of ours."""
        return self._started + round(t / self._speed * 1000)

    def report_at(self, device: Device, t: float) -> None:
        device.number += 1
        number = device.number

        def report(due: float) -> None:
            if device.number == number:
                device.live(due)
                device.report(self.now(due))
                self.report_at(device, due + device.spec.every)

        self.at(t, report)

    def run(self, host: str, port: int, speed: float, seconds: float | None = None, watch: Watch | None = None
            ) -> Report:
        """Plays until its end, `seconds` of wall time or `stop`. Raises OSError when no broker answers."""
        self._speed = speed
        self.lines = Lines(host, port)
        self._people(host, port)
        self._connect()
        self._began = time.monotonic()
        self._started = time.time_ns() // 1_000_000
        self.truth.start(self._scenario.name, self._seed, len(self._devices), self._started, speed)
        for device in self._devices.values():
            self.report_at(device, device.due)
        self._plan()
        end = self._scenario.lasts
        if seconds is not None:
            end = min(end, seconds * speed) if end is not None else seconds * speed
        t = self._loop(end, watch)
        self._do_by_hand(t)
        return self._finish(t)

    def _people(self, host: str, port: int) -> None:
        socket.create_connection((host, port), timeout=5).close()  # else we would try for ever
        names = {spec.client for spec in self._scenario.devices}
        own = len(names) <= min(self._own, make_room(len(names)))
        if not own:
            self._shared = [self._shared_line(number) for number in range(SHARED)]
            self.lines.heavy = self._shared
        for spec in self._scenario.devices:
            self._person(spec)
        for number, client in enumerate(self._clients.values()):
            client.shared = None if own else self._shared[number % SHARED]

    def _person(self, spec: DeviceSpec) -> None:
        if spec.client not in self._clients:
            wire = DIALECTS[spec.dialect].Wire(spec.client)
            self._clients[spec.client] = Client(spec.client, wire, self.lines, self._heard, _wall,
                                                stays=DIALECTS[spec.dialect].HUB == "all")
        client = self._clients[spec.client]
        device = Device(spec, client, self._seed)
        client.devices.append(device)
        self._devices[spec.id] = device
        if device.dialect.ANSWERED and spec.kind == "button":
            self._buttons.append(device)

    def _shared_line(self, number: int) -> Line:
        topics: dict[str, Client] = {}

        def up() -> None:
            if not topics:
                topics.update((topic.removesuffix("/#"), client) for client in self._clients.values()
                              if client.shared is line for topic in client.wire.commands)
            line.subscribe(topic for client in dict.fromkeys(topics.values()) for topic in client.wire.commands)

        def heard(topic: str, payload: bytes) -> None:
            place = topic
            while place and place not in topics:
                place = place.rpartition("/")[0]
            if place:
                topics[place].hear(topic, payload)

        line = Line(f"sim-shared-{number}-{secrets.token_hex(3)}", self.lines.totals, None, up, heard, _ROOM)
        return line  # no will, and no session: its devices' ends are spoken by us

    def _connect(self) -> None:
        for line in self._shared:
            self.lines.open(line)
        self._await(len(self._shared))  # what is said before them at QoS 0 would be lost
        for client in self._clients.values():
            client.settle()
        self._await(len(self._shared) or len(self._clients))

    def _await(self, wanted: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.lines.up < wanted and not self.stopped:
            self.lines.turn(0.05)
            if time.monotonic() > deadline:
                raise OSError(f"{self.lines.up} of {wanted} connections were made in {PATIENCE:.0f} s"
                              + (f"; {self.lines.refused}" if self.lines.refused else ""))

    def _plan(self) -> None:
        """Who is befallen is decided now, from the seed: the same at any speed."""
        for number, happening in enumerate(self._scenario.happens):
            rng = random.Random(f"{self._seed}/happening/{number}")
            chosen = [self._devices[spec.id] for spec in happening.cast(list(self._scenario.devices), rng)]
            if TROUBLES[happening.do].together:
                self._begin(happening, chosen, happening.at)
            else:
                for device in chosen:
                    self._begin(happening, [device], happening.at + rng.uniform(0, happening.over))

    def _begin(self, happening: Happening, devices: list[Device], t: float) -> None:
        start = TROUBLES[happening.do].start
        self.at(t, lambda due: start(Cast(self, devices, due, happening.lasts, happening.more)))

    def _loop(self, end: float | None, watch: Watch | None) -> float:
        watched = insisted = 0.0
        while not self.stopped:
            t = (time.monotonic() - self._began) * self._speed
            until = t if end is None else min(t, end)
            self._do_due(until)
            self._do_by_hand(until)
            if end is not None and t >= end:
                return end
            if (moment := time.monotonic()) > insisted + 0.2:
                insisted = moment
                for device in self._buttons:
                    device.insist(self.now(t))
            if watch is not None and moment > watched + 0.25:
                watched = moment
                watch(until, end or 0.0, self)
            wait = (self._schedule[0][0] - t) / self._speed if self._schedule else LONGEST_TURN
            self.lines.turn(min(LONGEST_TURN, wait))
        return (time.monotonic() - self._began) * self._speed

    def _do_due(self, until: float) -> None:
        """Everything whose time has come, in order, however late: a slow broker makes us late, never slower."""
        done = 0
        while self._schedule and self._schedule[0][0] <= until and not self.stopped:
            due, _, then = heapq.heappop(self._schedule)
            then(due)
            done += 1
            if done % 200 == 0 or not self._schedule or self._schedule[0][0] > until:
                self._note(due)
                self.lines.turn(0)
                while self.lines.full and not self.stopped:
                    self.lines.turn(0.05)

    def _note(self, due: float) -> None:
        late = (time.monotonic() - self._began - due / self._speed) * 1000
        self._late = max(self._late, late)
        self.lateness.append(late)
        if len(self.lateness) > 20_000:
            del self.lateness[::2]

    def _do_by_hand(self, t: float) -> None:
        with suppress(queue.Empty):
            while True:
                self._do(*self._hands.get_nowait(), t)

    def _do(self, device: str, word: str, t: float) -> None:
        try:
            act(self, self._devices[device], word, t)
        except KeyError:
            self.journal(device, "refused", {"why": f"there is no device {device!r}"})
        except ValueError as error:
            self.journal(device, "refused", {"why": str(error)})

    def _heard(self, client: Client, told: Told | None, topic: str) -> None:
        device = client.devices[0]
        if told is None:
            self.journal(device.spec.id, "garbled command", {"topic": topic})
        elif told.press_id:
            device.waiting.pop(told.press_id, None)
            self.journal(device.spec.id, "answered", {"press_id": told.press_id, "state": told.state,
                                                      "callback_by": told.callback_by})

    def _finish(self, t: float) -> Report:
        """Everybody says goodbye; then the truth is complete, whatever the broker does."""
        connections = self.lines.up
        seconds = time.monotonic() - self._began
        self.truth.finish(t)
        for client in self._clients.values():
            client.leave()
        for line in self._shared:
            line.leave()
        deadline = time.monotonic() + min(PATIENCE, 10)
        while self.lines.leaving and time.monotonic() < deadline:
            self.lines.turn(0.05)
        self.lines.close()
        totals = self.lines.totals
        ordered = sorted(self.lateness) or [0.0]
        return Report(len(self._devices), connections, round(seconds, 1), round(t, 1), totals.published,
                      totals.acknowledged, totals.unconfirmed, totals.dropped, totals.commands, round(self._late, 1),
                      round(ordered[int(len(ordered) * 0.99)], 1))


def _wall() -> int:
    return time.time_ns() // 1_000_000


def nobody(_device: str, _what: str, _facts: dict[str, Any]) -> None:
    """A journal that nobody reads."""
