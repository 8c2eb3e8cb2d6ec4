"""Runs a scenario in simulated time, without a broker: as fast as possible and the same every time."""

import random
from collections.abc import Callable, Iterator
from typing import Protocol

from device_sim.actions import Journal
from device_sim.fleet import SimulatedFleet, nobody
from device_sim.ground_truth import Truth
from device_sim.mqtt.memory_broker import Broker, Delivered, Subscriber
from device_sim.scenario import Scenario

STEP = 60.0  # simulated seconds that `deliveries` plays before it hands over


class Source(Protocol):
    """What somebody who listens needs: messages by simulated time, and a broker that can be lost."""

    @property
    def broker(self) -> Broker: ...
    @property
    def next_at(self) -> float | None: ...  # simulated seconds
    @property
    def next_event_at(self) -> float | None: ...  # of those that are no ordinary reports
    def go(self, until: float) -> None: ...  # plays all that is due until then, and then it is then


class SimulatedTimeRun(SimulatedFleet):
    """Times that leave it (`ts`, the truth) are ms since 1970, `started` and what has passed since.

    `go` plays; what the subscriber then has, `broker.subscriber.take()` hands out.
    """

    def __init__(self, scenario: Scenario, seed: int, started: int, truth: Truth | None = None,
                 journal: Journal = nobody, subscriber: Subscriber | None = None) -> None:
        super().__init__(scenario, seed, truth or Truth(), journal)
        self.t = 0.0
        self.broker = Broker(self._wall, self._later, random.Random(f"{seed}/broker"), subscriber or Subscriber())
        self._started = started
        self.enter(self.broker, self._wall,
                   lambda spec: f"{random.Random(f'{seed}/{spec.id}/boot').getrandbits(24):06x}")
        for client in self.clients.values():
            client.settle()
        self.begin(started, 1.0)

    def go(self, until: float) -> None:
        while (due := self.next_at) is not None and due <= until:
            self.t = max(self.t, due)
            self.do_next()
        self.t = max(self.t, until)

    def finish(self) -> None:
        """Everybody says goodbye, and the truth is complete."""
        self.truth.finish(self.t)
        for client in self.clients.values():
            client.leave()

    def _wall(self) -> int:
        return self.now(self.t)

    def _later(self, seconds: float, then: Callable[[], None]) -> None:
        self.at(self.t + seconds, lambda due: then())


def deliveries(run: SimulatedTimeRun, until: float) -> Iterator[Delivered]:
    """Everything that a broker would deliver to one who listens from the beginning, in order, until simulated second
    `until`. The run is finished then."""
    subscriber = run.broker.subscriber
    while True:
        run.go(min(until, run.t + STEP))
        while some := subscriber.take():
            subscriber.acknowledge()
            yield from some
        if run.t >= until:
            run.finish()
            return
