"""The MQTT messages of the storm's devices: heartbeats, wills and births."""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.simulated_time import nobody_leaves
from benchmarks.storm.power_cuts import Cut
from device_sim.dialects import Message
from device_sim.mqtt.memory_broker import Broker, Subscriber
from gateway.model import Instant

HEARTBEAT = 3600.0  # seconds


@dataclass
class Storm:
    """A Source: heartbeats in turn, wills and births when the power goes and comes."""

    cuts: Sequence[Cut]
    broker: Broker = field(init=False)
    started: Instant = 0
    t: float = 0.0

    def __init__(self, cuts: Sequence[Cut], started: Instant, subscriber: Subscriber, seed: int = 7) -> None:
        self.cuts, self.started, self.t = cuts, started, 0.0
        rng = random.Random(seed)
        self.broker = Broker(lambda: self._wall(self.t), nobody_leaves, rng, subscriber)
        ids = [home for cut in cuts for home in (*cut.homes, *cut.around)]
        rng.shuffle(ids)
        self._turns = [(HEARTBEAT * place / len(ids), home) for place, home in enumerate(ids)]
        self._turn = self._round = 0
        self._dark: set[str] = set()
        self._born: set[str] = set()
        self._events = [((at - started) / 1000, number, goes) for number, cut in enumerate(cuts)
                        for at, goes in ((cut.start, True), (cut.end, False))]
        heapq.heapify(self._events)

    @property
    def next_at(self) -> float | None:
        heartbeat = self._heartbeat_at()
        return min(heartbeat, self._events[0][0]) if self._events else heartbeat

    @property
    def next_event_at(self) -> float | None:
        return self._events[0][0] if self._events else None

    def go(self, until: float) -> None:
        while (at := self.next_at) is not None and at <= until:
            self.t = max(self.t, at)
            if self._events and self._events[0][0] <= at:
                _, number, goes = heapq.heappop(self._events)
                self._switch(self.cuts[number], goes)
            else:
                self._heartbeat()
        self.t = max(self.t, until)

    def _heartbeat_at(self) -> float:
        return self._round * HEARTBEAT + self._turns[self._turn][0]

    def _heartbeat(self) -> None:
        home = self._turns[self._turn][1]
        self._turn += 1
        if self._turn == len(self._turns):
            self._turn, self._round = 0, self._round + 1
        if home not in self._dark:
            if home not in self._born:
                self._birth(home)
            self._report(home)

    def _switch(self, cut: Cut, goes: bool) -> None:
        for home in cut.homes:
            if goes:
                self._dark.add(home)
                self.broker.publish(Message(f"devices/{home}/status", b'{"state":"lost"}', True))
            else:
                self._dark.discard(home)
                self._birth(home)
                self._report(home)

    def _birth(self, home: str) -> None:
        self._born.add(home)
        self.broker.publish(Message(f"devices/{home}/status", b'{"state":"online","ts":%d}' % self._wall(self.t), True))

    def _report(self, home: str) -> None:
        self.broker.publish(Message(
            f"devices/{home}/telemetry", b'{"ts":%d,"values":{"power":400}}' % self._wall(self.t)))

    def _wall(self, t: float) -> Instant:
        return self.started + int(t * 1000)
