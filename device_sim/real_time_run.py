"""Runs a scenario in real time against a broker: the schedule, the connections and the ground truth."""

import queue
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from device_sim.actions import Journal, act
from device_sim.client import Client
from device_sim.fleet import SimulatedFleet, nobody
from device_sim.ground_truth import Truth
from device_sim.mqtt.connection import Line
from device_sim.mqtt.event_loop import Lines, make_room
from device_sim.scenario import Scenario

__all__ = ["OWN", "RealTimeRun", "Report", "Watch", "nobody"]

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


Watch = Callable[[float, float, "RealTimeRun"], None]
"""(simulated seconds, simulated seconds in all or 0, the play): told a few times a second."""


class RealTimeRun(SimulatedFleet):
    """`run` plays it; `hand` makes somebody do something to a device, from any thread; `stop` ends it in order."""

    def __init__(self, scenario: Scenario, seed: int, truth: Truth, journal: Journal, own: int = OWN) -> None:
        super().__init__(scenario, seed, truth, journal)
        self.stopped = False
        self.lateness: list[float] = []  # ms, sampled
        self._own = own
        self._hands: queue.Queue[tuple[str, str]] = queue.Queue()
        self._began = 0.0
        self._shared: list[Line] = []
        self._late = 0.0

    def hand(self, device: str, word: str) -> None:
        self._hands.put((device, word))

    def stop(self) -> None:
        self.stopped = True

    def run(self, host: str, port: int, speed: float, seconds: float | None = None, watch: Watch | None = None
            ) -> Report:
        """Plays until its end, `seconds` of wall time or `stop`. Raises OSError when no broker answers."""
        self._speed = speed
        self.lines = Lines(host, port)
        self._people(host, port)
        self._connect()
        self._began = time.monotonic()
        self.begin(_wall(), speed)
        end = self.scenario.lasts
        if seconds is not None:
            end = min(end, seconds * speed) if end is not None else seconds * speed
        t = self._loop(end, watch)
        self._do_by_hand(t)
        return self._finish(t)

    def _people(self, host: str, port: int) -> None:
        socket.create_connection((host, port), timeout=5).close()  # else we would try for ever
        names = {spec.client for spec in self.scenario.devices}
        own = len(names) <= min(self._own, make_room(len(names)))
        if not own:
            self._shared = [self._shared_line(number) for number in range(SHARED)]
            self.lines.heavy = self._shared
        # a press id must never come again, whatever is replayed: not from the seed
        self.enter(self.lines, _wall, lambda spec: secrets.token_hex(3))
        for number, client in enumerate(self.clients.values()):
            client.shared = None if own else self._shared[number % SHARED]

    def _shared_line(self, number: int) -> Line:
        topics: dict[str, Client] = {}

        def up() -> None:
            if not topics:
                topics.update((topic.removesuffix("/#"), client) for client in self.clients.values()
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
        for client in self.clients.values():
            client.settle()
        self._await(len(self._shared) or len(self.clients))

    def _await(self, wanted: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.lines.up < wanted and not self.stopped:
            self.lines.turn(0.05)
            if time.monotonic() > deadline:
                raise OSError(f"{self.lines.up} of {wanted} connections were made in {PATIENCE:.0f} s"
                              + (f"; {self.lines.refused}" if self.lines.refused else ""))

    def _loop(self, end: float | None, watch: Watch | None) -> float:
        watched = 0.0
        while not self.stopped:
            t = (time.monotonic() - self._began) * self._speed
            until = t if end is None else min(t, end)
            self._do_due(until)
            self._do_by_hand(until)
            if end is not None and t >= end:
                return end
            if watch is not None and (moment := time.monotonic()) > watched + 0.25:
                watched = moment
                watch(until, end or 0.0, self)
            wait = (self._schedule[0][0] - t) / self._speed if self._schedule else LONGEST_TURN
            self.lines.turn(min(LONGEST_TURN, wait))
        return (time.monotonic() - self._began) * self._speed

    def _do_due(self, until: float) -> None:
        """Everything whose time has come, in order, however late: a slow broker makes us late, never slower."""
        done = 0
        while self._schedule and self._schedule[0][0] <= until and not self.stopped:
            due = self.do_next()
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
            act(self, self.devices[device], word, t)
        except KeyError:
            self.journal(device, "refused", {"why": f"there is no device {device!r}"})
        except ValueError as error:
            self.journal(device, "refused", {"why": str(error)})

    def _finish(self, t: float) -> Report:
        """Everybody says goodbye; then the truth is complete, whatever the broker does."""
        connections = self.lines.up
        seconds = time.monotonic() - self._began
        self.truth.finish(t)
        for client in self.clients.values():
            client.leave()
        for line in self._shared:
            line.leave()
        deadline = time.monotonic() + min(PATIENCE, 10)
        while self.lines.leaving and time.monotonic() < deadline:
            self.lines.turn(0.05)
        self.lines.close()
        totals = self.lines.totals
        ordered = sorted(self.lateness) or [0.0]
        return Report(len(self.devices), connections, round(seconds, 1), round(t, 1), totals.published,
                      totals.acknowledged, totals.unconfirmed, totals.dropped, totals.commands, round(self._late, 1),
                      round(ordered[int(len(ordered) * 0.99)], 1))


def _wall() -> int:
    return time.time_ns() // 1_000_000
