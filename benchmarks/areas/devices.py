"""The simulated devices of a town: what each publishes, and the earliest moment its loss can be detected."""

import heapq
import random
from collections.abc import Callable, Sequence
from functools import partial
from math import inf

from benchmarks.areas.times import MINUTE, ms
from benchmarks.areas.town import Gadget, Home, Spell
from benchmarks.simulated_time import STARTED, nobody_leaves
from device_sim.dialects import Message
from device_sim.mqtt.memory_broker import Broker, Subscriber

RECOVERS = 2 * MINUTE  # no suspicion is confirmed so soon after we were deaf
VALUES = {"smart-plug": '"power":400', "heat-pump": '"flow_temp":41.5,"return_temp":38', "relay": '"output":true',
          "water-leak-sensor": '"battery":90', "help-button": '"battery":90'}


class Devices:
    """A Source: what the devices say while homes go dark and come back."""

    def __init__(self, homes: dict[str, Home], subscriber: Subscriber, rng: random.Random,
                 broker_deaths: Sequence[float]) -> None:
        self.homes = homes
        self.rng, self.t = rng, 0.0
        self.broker = Broker(lambda: STARTED + int(self.t * 1000), nobody_leaves, rng, subscriber)
        self.away: list[tuple[float, float]] = []  # when the gateway heard nothing
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._beats: list[tuple[float, int, Gadget, int]] = []
        self._count = 0
        self._alive = True
        self._broker_deaths = broker_deaths
        for home in homes.values():
            for gadget in home.gadgets:
                self._begin_within(1, 60, gadget)

    @property
    def next_at(self) -> float | None:
        return min((queue[0][0] for queue in (self._events, self._beats) if queue), default=None)

    @property
    def next_event_at(self) -> float | None:
        return self._events[0][0] if self._events else None

    def at(self, t: float, then: Callable[[], object]) -> None:
        self._count += 1
        heapq.heappush(self._events, (t, self._count, then))

    def go(self, until: float) -> None:
        while (at := self.next_at) is not None and at <= until:
            self.t = max(self.t, at)
            if self._events and self._events[0][0] <= at:
                heapq.heappop(self._events)[2]()
            else:
                _, _, gadget, life = heapq.heappop(self._beats)
                if life == gadget.life:
                    self._report(gadget)
        self.t = max(self.t, until)

    # -- the power

    def off(self, home: Home, reason: str) -> None:
        if not home.reasons:
            home.spells.append(Spell(self.t))
            for gadget in home.gadgets:
                gadget.dark = True
                if gadget.counts:
                    gadget.life += 1
                    gadget.willed = None
                    if gadget.will:
                        self.at(self.t + gadget.delay, partial(self._will, gadget, gadget.life))
        home.reasons.add(reason)

    def on(self, home: Home, reason: str) -> None:
        if reason not in home.reasons:
            return
        home.reasons.discard(reason)
        if not home.reasons:
            spell = home.spells[-1]
            spell.until, spell.known = self.t, self.known(home)
            for gadget in home.gadgets:
                gadget.dark = False
                if gadget.counts:
                    gadget.life += 1
                    self._begin_within(3, 30, gadget)

    def kill_the_broker(self) -> None:
        self._alive = False
        self.broker.die()

    def start_the_broker(self) -> None:
        """Everybody who has power connects again within a minute; wills of those who had none are lost."""
        self._alive = True
        self.broker.start()
        for home in self.homes.values():
            if not home.reasons:
                for gadget in home.gadgets:
                    if gadget.counts:
                        self._begin_within(1, 60, gadget)

    # -- what the gateway could know

    def known(self, home: Home) -> float:
        """When the last of its devices was known to be gone."""
        return max((self._known(gadget) for gadget in home.gadgets if gadget.counts), default=inf)

    def _known(self, gadget: Gadget) -> float:
        if gadget.willed is not None:
            at = gadget.willed
            for since, until in self.away:
                at = until if since <= at < until else at
        else:
            at = gadget.heard + gadget.allowed
            for since, until in self.away:
                at = until + gadget.allowed if gadget.heard < until and since <= at else at
        return max([at, *(until + RECOVERS for _, until in self.away if until <= at < until + RECOVERS)])

    # -- what they say

    def _begin_within(self, least: float, most: float, gadget: Gadget) -> None:
        self.at(self.t + self.rng.uniform(least, most), partial(self._begin, gadget, gadget.life))

    def _begin(self, gadget: Gadget, life: int) -> None:
        if life != gadget.life or not self._alive:
            return
        if gadget.counts or self.rng.random() < 0.5:
            self._say(gadget.id, f'"online","ts":{ms(self.t)}')
        self._report(gadget, self.rng.uniform(0.05, 1))
        if not gadget.counts and gadget.will:
            self._say(gadget.id, '"sleeping"')

    def _report(self, gadget: Gadget, share: float = 1.0) -> None:
        if self._alive and not gadget.dark:
            gadget.heard = self.t
            self.broker.publish(Message(f"devices/{gadget.id}/telemetry", b'{"ts":%d,"values":{%s}}' % (
                STARTED + int(self.t * 1000), VALUES[gadget.profile].encode())))
        if gadget.every:
            gadget.life += share < 1  # one round of reports at a time
            self._count += 1
            heapq.heappush(self._beats, (self.t + gadget.every * share, self._count, gadget, gadget.life))

    def _will(self, gadget: Gadget, life: int) -> None:
        if life == gadget.life and self._alive and not self._killed_since(gadget):
            gadget.willed = self.t
            self._say(gadget.id, '"lost"')

    def _killed_since(self, gadget: Gadget) -> bool:
        return any(since <= self.t and self.t - gadget.delay < since for since in self._broker_deaths)

    def _say(self, gadget_id: str, state: str) -> None:
        self.broker.publish(Message(f"devices/{gadget_id}/status", b'{"state":%s}' % state.encode(), True))
