"""A compiled mapping: decodes messages as its YAML file says."""

from collections.abc import Mapping as Names
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.devices.dialects.jsonread import (
    ID_CHARS,
    NO_NUMBER,
    address,
    battery,
    device_clock,
    device_seconds,
    device_time,
    flatten,
    read_object,
    shown,
    telemetry,
    tidy,
)
from gateway.devices.dialects.plain import read_number, read_text
from gateway.devices.dialects.presses import press_kind
from gateway.devices.dialects.registry import READERS, Examples
from gateway.devices.mappings.expressions import PAYLOAD, CompiledExpression, NoValue
from gateway.devices.mappings.topics import Pattern
from gateway.model import Instant
from gateway.model.signals import FaultCode, Ignored, Presence, Press, Signal, Skipped, Undecodable, Value

STATES = ("online", "lost", "stopped", "sleeping", "unknown", "removed")
LATEST_SECONDS = 100_000_000_000  # a time above it (year 5138) is in milliseconds


class Part(NamedTuple):
    """An expression of a message, what it is called in the file, and what is counted when it has no value."""

    name: str  # telemetry.flow_temp
    formula: CompiledExpression
    skipped: str


@dataclass(frozen=True, slots=True)
class Message:
    """How the messages on some topics are read; what they do not say is None or empty."""

    topic: Pattern
    payload: str  # json | text | number
    at: Part | None
    telemetry: Names[str, Part]
    everything: bool  # every value of the payload is telemetry, under its own flat name
    press: tuple[Part | None, Part | None, Part | None] | None  # when, kind, id
    faults: Names[str, Part]
    presence: Part | None
    battery: Part | None


class _Place(NamedTuple):
    """What a topic says."""

    message: Message
    key: str
    parts: dict[str, str]


@dataclass
class Mapping:
    """Satisfies gateway.devices.dialects.Dialect."""

    NAME: str
    key: Pattern
    messages: tuple[Message, ...]
    EXAMPLES: Examples = ()
    _places: dict[str, _Place] = field(default_factory=dict, repr=False)

    @property
    def FILTERS(self) -> tuple[str, ...]:
        return tuple(message.topic.filter for message in self.messages)

    def decode(self, topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
        """Raises Undecodable or Ignored."""
        message, key, parts = self._places.get(topic) or self._place(topic)
        if message.presence is not None and not payload:
            return (Presence(key, "removed"),)
        return _Reading(message, key, payload, retained, {PAYLOAD: _read(payload, message.payload), **parts}).signals()

    def key_of(self, topic: str) -> str:
        """The key of the device whose topic this is."""
        return (self._places.get(topic) or self._place(topic)).key

    def _place(self, topic: str) -> _Place:
        for message in self.messages:
            parts = message.topic.read(topic)
            if parts is not None:
                if len(self._places) >= READERS:
                    self._places.clear()
                place = _Place(message, f"{self.NAME}:{address(self.key.fill(parts))}", parts)
                self._places[topic] = place
                return place
        raise Undecodable("topic: expected one of this mapping's topics")


def _read(payload: bytes, kind: str) -> Any:
    if kind == "json":
        return read_object(payload)
    text = read_text(payload)
    return text if kind == "text" else read_number(text)


@dataclass(slots=True)
class _Reading:
    """One message being read: what it says, and what could not be made out."""

    message: Message
    key: str
    payload: bytes
    retained: bool
    known: dict[str, Any]
    at: Instant | None = None
    said: list[Signal] = field(default_factory=list)
    gaps: list[tuple[Part, str]] = field(default_factory=list)
    understood: int = 0  # expressions with a value, though it may come to nothing: no press, no change
    stale: str = ""  # why something was left unsaid because the broker repeats it

    def signals(self) -> Sequence[Signal]:
        message = self.message
        if message.payload == "number" and self.known[PAYLOAD] is None:
            return (telemetry(self.key, {}, None, self.payload, self.retained),)
        if message.at is not None:
            self.at = _time(self._value(message.at))
            self.understood = 0  # a time alone says nothing
        self._telemetry()
        if message.press is not None:
            self._press(*message.press)
        if message.faults or message.battery is not None:
            self._faults()
        if message.presence is not None:
            self._presence(message.presence)
        if not self.said:
            self._nothing()
        self.said.extend(Skipped(self.key, part.skipped) for part, _ in self.gaps)
        return self.said

    def _value(self, part: Part) -> Any:
        """None for null, and for an expression without a value: that is a gap."""
        try:
            value = part.formula.value(self.known)
        except NoValue as why:
            self.gaps.append((part, str(why)))
            return None
        self.understood += 1
        return value

    def _gap(self, part: Part, expected: str, got: object) -> None:
        self.understood -= 1
        self.gaps.append((part, f"expected {expected} from {part.formula.short}, got {shown(got)}"))

    def _telemetry(self) -> None:
        values: dict[str, Value] = {}
        if self.message.everything:
            values, self.understood = flatten(self.known[PAYLOAD]), 1
        for name, part in self.message.telemetry.items():
            value = self._value(part)
            kind = type(value)
            if kind is float or kind is bool:
                values[name] = value
            elif kind is str:
                if value not in NO_NUMBER:
                    values[name] = tidy(value)
            elif value is not None:
                self._gap(part, "a number, a text or true or false", value)
        if values:
            self.said.append(telemetry(self.key, values, self.at, self.payload, self.retained))

    def _press(self, when: Part | None, kind: Part | None, press_id: Part | None) -> None:
        if when is not None and not self._flag(when):
            return
        click: str | None = "single"
        if kind is not None:
            word = self._value(kind)
            click = press_kind(word) if isinstance(word, str) else None
            if click is None:
                if word is not None:
                    self._gap(kind, "single, double, long or a word for one", word)
                self.understood -= when is not None  # a press of which nobody knows the kind is not understood
                return
        if self.retained:
            self.stale = "retained press"
            return
        self.said.append(Press(self.key, click or "single", self._id(press_id), self.at))

    def _id(self, part: Part | None) -> str | None:
        """A press without an id is still a press."""
        value = self._value(part) if part is not None else None
        if part is None or value is None:
            return None
        text = f"{value:.15g}" if type(value) is float else value
        if isinstance(text, str) and 0 < len(text) <= ID_CHARS and text.isprintable():
            return text
        self._gap(part, f"a number or a text of 1 to {ID_CHARS} printable characters", value)
        return None

    def _faults(self) -> None:
        """A retained fault without a time may be long over, or long known: only a dated one counts."""
        found: list[Signal] = []
        for code, part in self.message.faults.items():
            active = self._flag(part)
            if active is not None:
                found.append(FaultCode(self.key, code, active, self.at))
        if self.message.battery is not None:
            percent = self._value(self.message.battery)
            if type(percent) is float:
                found += battery(self.key, percent, self.at)
            elif percent is not None:
                self._gap(self.message.battery, "a number (per cent)", percent)
        if self.retained and self.at is None:
            self.stale = "retained fault without a time" if found else self.stale
        else:
            self.said += found

    def _flag(self, part: Part) -> bool | None:
        value = self._value(part)
        if value is None or value is True or value is False:
            return value
        self._gap(part, "true or false", value)
        return None

    def _presence(self, part: Part) -> None:
        state = self._value(part)
        if isinstance(state, str) and state in STATES:
            self.said.append(Presence(self.key, state, self.at))
        elif state is not None:
            self._gap(part, " or ".join(STATES), state)

    def _nothing(self) -> None:
        """A message that says nothing: refused when no expression had a value, else a sign of life."""
        if self.gaps and not self.understood:
            part, why = self.gaps[-1]
            raise Undecodable(f"{part.name}: {why}")
        if self.retained or self.message.presence is not None:
            raise Ignored(self.stale or "mapped message that says nothing")
        self.said.append(Presence(self.key, "online", self.at))


def _time(value: object) -> Instant | None:
    """RFC 3339 with an offset, or seconds or milliseconds since the epoch; anything else is no time."""
    if type(value) is float:
        return device_clock(value) if value > LATEST_SECONDS else device_seconds(value)
    return device_time(value)
