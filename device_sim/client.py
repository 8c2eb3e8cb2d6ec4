"""One simulated MQTT client: a device, or a hub with the devices behind it, on its own or a shared connection."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from device_sim.device_kinds import Values
from device_sim.dialects import DialectClient, Message, ReceivedCommand
from device_sim.mqtt.connection import Line, Totals

if TYPE_CHECKING:
    from device_sim.device import Device


class Listener(Protocol):
    """Hears what was told to a client: a Told, or None for a command that makes no sense."""

    def __call__(self, client: "Client", told: ReceivedCommand | None, topic: str) -> None: ...


class Lines(Protocol):
    """Where connections come from: sockets (mqtt/event_loop.py), or a broker in memory (mqtt/memory_broker.py)."""

    totals: Totals

    def line(self, client_id: str, will: Callable[[], Message], up: Callable[[], None],
             heard: Callable[[str, bytes], None]) -> Line: ...
    def open(self, line: Line) -> None: ...
    def drop(self, line: Line) -> None: ...
    def interrupt(self, line: Line) -> None: ...


class Client:
    """`settle` makes it say and do what follows from which of its devices are there.

    On a shared line nothing can be lost by itself: there the client says what the broker would have said.
    """

    __slots__ = ("_there", "_will", "born", "devices", "gone", "line", "lines", "listener", "name", "shared", "stays",
                 "wall", "wire")

    def __init__(self, name: str, wire: DialectClient, lines: Lines, listener: Listener, wall: "Wall",
                 stays: bool = False
                 ) -> None:
        self.stays = stays  # it lives on when all behind it are gone
        self.name, self.wire, self.lines, self.listener, self.wall = name, wire, lines, listener, wall
        self.devices: list[Device] = []
        self.shared: Line | None = None
        self.line: Line | None = None
        self.born = False  # it has said that it is online: before that it says nothing else
        self.gone = True
        self._there: set[str] = set()
        self._will: Message | None = None

    def settle(self, reset: bool = False) -> None:
        """`reset`: who comes back has started anew, and what it had not sent is forgotten."""
        there = {device.name for device in self.devices if device.there}
        if there and self.gone:
            self._there = there
            self._appear(reset)
        elif self._there and not there and not self.stays:
            self._there = there
            self._vanish()
        elif there != self._there and self.born:
            for device in self.devices:
                now = device.now(self.wall())
                if device.there and device.name not in self._there:
                    self.say(self.wire.back(device.name, device.seen(), now))
                elif not device.there and device.name in self._there:
                    self.say(self.wire.gone(device.name, now))
            self._there = there

    @property
    def ready(self) -> bool:
        """What it says now goes out now."""
        line = self.shared or self.line
        return self.born and line is not None and line.state == "up"

    def say(self, messages: list[Message]) -> None:
        line = self.shared or self.line
        if line is not None:
            for message in messages:
                line.publish(message)

    def leave(self) -> None:
        """Switched off on purpose, with a goodbye."""
        if self.gone:
            return
        self.say(self.wire.goodbye(self._clock()))
        self.gone, self.born, self._there = True, False, set()
        if self.line is not None and self.shared is None:
            self.line.leave()

    def interrupt(self) -> None:
        """Its connection breaks, and it connects again."""
        if self.gone:
            return
        if (line := self.shared or self.line) is not None and line.state == "up":
            self.lines.interrupt(line)  # the first of many breaks a shared one: its will is nobody's

    def hear(self, topic: str, payload: bytes) -> None:
        if self.gone:
            return
        self.lines.totals.commands += 1
        try:
            answer, told = self.wire.hear(topic, payload, self._clock(), self._behind())
        except ValueError:
            self.listener(self, None, topic)
            return
        self.say(answer)
        self.listener(self, told, topic)

    def _appear(self, reset: bool) -> None:
        self.gone = False
        if self.shared is not None:
            self._birth()
            return
        if self.line is None or reset or self.line.leaving:
            self.born = False
            self.line = self.lines.line(f"sim-{self.name}", self.wire.will, self._up, self.hear)
        self.lines.open(self.line)

    def _vanish(self) -> None:
        self.gone = True
        if self.shared is not None:
            if self._will is not None:
                self.say([self._will])
        elif self.line is not None:
            self.lines.drop(self.line)

    def _up(self) -> None:
        assert self.line is not None
        self.line.subscribe(self.wire.commands)
        self._say_birth()

    def _birth(self) -> None:
        self._will = self.wire.will()
        self._say_birth()

    def _say_birth(self) -> None:
        self._there = {device.name for device in self.devices if device.there}
        self.say(self.wire.birth(self._clock(), self._behind()))
        self.born = True

    def _behind(self) -> dict[str, Values]:
        return {device.name: device.seen() for device in self.devices if device.there}

    def _clock(self) -> int:
        return self.devices[0].now(self.wall())


class Wall(Protocol):
    """The wall clock: ms since 1970."""

    def __call__(self) -> int: ...
