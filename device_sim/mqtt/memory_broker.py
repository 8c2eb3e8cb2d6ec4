"""An in-memory MQTT broker: wills, retained messages, and one subscriber with a persistent session."""

import random
from collections import deque
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from device_sim.dialects import Message
from device_sim.mqtt.connection import Line, Totals
from device_sim.mqtt.event_loop import LONGEST

_CONNACK = b"\x20\x02\x00\x00"


class Delivered(NamedTuple):
    """One message as the broker hands it to its subscriber, `at` ms since 1970."""

    at: int
    topic: str
    payload: bytes
    retained: bool  # kept from before, and said because the subscriber asked; a live message never is
    qos: int


class Subscriber:
    """What was said at QoS 1 while it was away waits for it; what it was given and did not acknowledge comes again."""

    def __init__(self, filters: Iterable[str] = ("#",)) -> None:
        self.here = True
        self._filters = tuple(filters)
        self._wants: dict[str, bool] = {}
        self._inbox: deque[Delivered] = deque()
        self._taken: list[Delivered] = []

    def take(self, most: int = 1000) -> list[Delivered]:
        """What has come, oldest first. Nothing while it is away."""
        if not self.here:
            return []
        some = [self._inbox.popleft() for _ in range(min(most, len(self._inbox)))]
        self._taken += some
        return some

    def acknowledge(self) -> None:
        """All that it took is safe."""
        self._taken.clear()

    def wants(self, topic: str) -> bool:
        wanted = self._wants.get(topic)
        if wanted is None:
            wanted = self._wants[topic] = any(matches(each, topic) for each in self._filters)
        return wanted

    def hear(self, message: Message, at: int) -> None:
        if (self.here or message.qos) and self.wants(message.topic):
            self._inbox.append(Delivered(at, message.topic, message.payload, False, message.qos))

    def leave(self) -> None:
        """Its connection is gone, whoever broke it."""
        self.here = False
        waiting = [*self._taken, *self._inbox]
        self._taken.clear()
        self._inbox = deque(one for one in waiting if one.qos and not one.retained)

    def come_back(self, retained: Iterable[Message], at: int) -> None:
        """It is connected again and subscribes again: first what waited, then what is retained."""
        self.here = True
        self._inbox = deque(one._replace(at=at) for one in self._inbox)
        self._inbox += [Delivered(at, one.topic, one.payload, True, one.qos) for one in retained
                        if self.wants(one.topic)]


class MemoryLine(Line):
    """A device's connection: what it says is there at once, and acknowledged at once."""

    __slots__ = ("_broker",)

    def __init__(self, broker: "Broker", client_id: str, will: Callable[[], Message], up: Callable[[], None],
                 heard: Callable[[str, bytes], None]) -> None:
        super().__init__(client_id, broker.totals, will, up, heard)
        self._broker = broker

    def subscribe(self, topics: Iterable[str]) -> None:
        self._broker.listens(self, topics)

    def _put(self, message: Message) -> None:
        if message.qos:
            self._totals.acknowledged += 1
        else:
            self._totals.unconfirmed += 1
        self._broker.publish(message)

    def _leave_if_done(self) -> None:
        if self.leaving and self.state == "up":
            self._broker.goodbye(self)


class Broker:
    """`now` is ms since 1970; `later(seconds, then)` calls `then` after so many simulated seconds.

    A connection that is lost is noticed at once: its will is spoken in the same moment. A device that wants to come
    back tries again as over sockets, with growing pauses.
    """

    def __init__(self, now: Callable[[], int], later: Callable[[float, Callable[[], None]], None], rng: random.Random,
                 subscriber: Subscriber) -> None:
        self.totals = Totals()
        self.retained: dict[str, Message] = {}
        self.alive = True
        self.subscriber = subscriber
        self._now, self._later, self._rng = now, later, rng
        self._wills: dict[Line, Message] = {}  # of those that are connected
        self._topics: dict[str, list[Line]] = {}
        self._patterns: list[tuple[str, Line]] = []

    def line(self, client_id: str, will: Callable[[], Message], up: Callable[[], None],
             heard: Callable[[str, bytes], None]) -> Line:
        return MemoryLine(self, client_id, will, up, heard)

    def open(self, line: Line) -> None:
        line.wanted, line.leaving = True, False
        self._connect(line)

    def drop(self, line: Line) -> None:
        line.wanted = False
        self._lose(line, speak=True)

    def interrupt(self, line: Line) -> None:
        self._lose(line, speak=True)
        self._retry(line)

    def goodbye(self, line: Line) -> None:
        self._lose(line, speak=False)

    def die(self) -> None:
        """Killed: nobody speaks the wills, and everybody who was connected is not. Sessions are on its disk."""
        self.alive = False
        self.subscriber.leave()
        for line in list(self._wills):
            self._lose(line, speak=False)
            self._retry(line)

    def start(self) -> None:
        """Up again, with what it retained. Devices come by themselves; the subscriber has its `come_back`."""
        self.alive = True

    def admit(self) -> None:
        """The subscriber connects and subscribes again."""
        self.subscriber.come_back(self.retained.values(), self._now())

    def publish(self, message: Message) -> None:
        """From a device: to the subscriber. Devices do not listen to each other."""
        if message.retain:
            if message.payload:
                self.retained[message.topic] = message
            else:
                self.retained.pop(message.topic, None)
        self.subscriber.hear(message, self._now())

    def tell(self, topic: str, payload: bytes) -> None:
        """From the subscriber, to the devices that listen."""
        lines = [*self._topics.get(topic, ()), *(line for each, line in self._patterns if matches(each, topic))]
        for line in dict.fromkeys(lines):
            line.heard(topic, payload)

    def listens(self, line: Line, topics: Iterable[str]) -> None:
        for topic in topics:
            if "+" in topic or "#" in topic:
                self._patterns.append((topic, line))
            else:
                self._topics.setdefault(topic, []).append(line)

    def _connect(self, line: Line) -> None:
        if not line.wanted or line.state != "down":
            return
        if not self.alive:
            self._retry(line)
            return
        assert line.will is not None
        self._wills[line] = line.will()
        line.take(_CONNACK)

    def _lose(self, line: Line, speak: bool) -> None:
        will = self._wills.pop(line, None)
        if will is None:
            return
        line.fall()
        for lines in self._topics.values():
            if line in lines:
                lines.remove(line)
        self._patterns = [(topic, other) for topic, other in self._patterns if other is not line]
        if speak:
            self.publish(will)

    def _retry(self, line: Line) -> None:
        if line.wanted:
            line.tries += 1
            self._later(min(LONGEST, 0.5 * 2**line.tries) * self._rng.uniform(0.5, 1), lambda: self._connect(line))


@lru_cache(10_000)
def matches(pattern: str, topic: str) -> bool:
    """MQTT's filters: `+` is one level, `#` all that follow; neither reaches a topic that begins with `$`."""
    if topic.startswith("$") and pattern[:1] in ("+", "#"):
        return False
    wanted, levels = pattern.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted.pop()
        levels = levels[: len(wanted)] if len(levels) >= len(wanted) else levels
    return len(wanted) == len(levels) and all(one in ("+", other) for one, other in zip(wanted, levels, strict=True))
