"""A device kind as the gateway uses it: compiled rules, fault codes, silence, and the reading of its own names."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple

from gateway.dialects.signals import Value

Words = Mapping[str, str]
"""Locale → text; `en` is always there."""


class RuleBroken(Exception):
    """A rule could not be judged on the values it was given."""

    def __init__(self, rule: str, why: str) -> None:
        super().__init__(f"rule {rule}: {why}")
        self.rule = rule
        self.why = why


@dataclass(frozen=True, slots=True)
class Condition:
    """One CEL expression. `needs`: the signals it names, and all it is shown: handing over ten takes 14 µs, one 0.5."""

    rule: str
    source: str  # as the operator wrote it
    needs: tuple[str, ...]
    program: Any

    def holds(self, values: Mapping[str, Value]) -> bool | None:
        """True or false; None while a signal it needs is absent. Raises RuleBroken when CEL cannot judge the values."""
        try:
            shown = {name: values[name] for name in self.needs}
        except KeyError:
            return None
        try:
            result = self.program.execute(shown)
        except Exception as error:
            raise RuleBroken(self.rule, f"{self.source!r} with {shown}: {error}") from error
        if isinstance(result, bool):
            return result
        raise RuleBroken(self.rule, f"{self.source!r} with {shown} gives {result!r}; expected true or false")


@dataclass(frozen=True, slots=True)
class RemoteCommand:
    """What a device can be told to do from afar, in its own dialect's terms."""

    name: str  # as the profile calls it
    words: Words  # as people call it: "restart"
    type: str  # as the device calls it
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FirstTry:
    """A safe command that is sent before anybody is: no ticket is opened when the fault is over within `wait_ms`."""

    command: RemoteCommand
    wait_ms: int
    again_after_ms: int  # a fault that comes back sooner is not tried again


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    when: Condition
    clear: Condition | None  # None: over as soon as `when` no longer holds
    for_ms: int
    severity: str
    cause: Words
    skill: str  # "" = anyone
    action: str  # ticket | record
    first_try: FirstTry | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    severity: str
    cause: Words
    skill: str
    action: str
    first_try: FirstTry | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """How long to wait before silence means something; None = never."""

    link_ms: int | None  # nothing heard at all
    lost_ms: int | None  # after the broker said that the device is gone
    data_ms: int | None  # the link is alive but no telemetry comes
    severity: str
    skill: str
    cause: Words


class Intake(NamedTuple):
    """What becomes of a value that arrives under some name: signal = value * scale + offset."""

    signal: str
    type: type[float] | type[bool] | type[str]
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class SignalKind:
    name: str
    unit: str
    type: type[float] | type[bool] | type[str]


@dataclass(frozen=True, slots=True)
class Profile:
    id: str
    names: Words
    signals: Mapping[str, SignalKind]
    rules: tuple[Rule, ...]
    faults: Mapping[str, Fault]  # code → fault; "*" stands for every other code
    silence: Silence
    urgent_presses: frozenset[str]
    rename: Mapping[str, Intake]  # name as it arrives → what becomes of it


_FLAGS: Mapping[Value, bool] = {  # how devices say yes and no where JSON has true and false
    "on": True, "ON": True, "true": True, 1.0: True, "off": False, "OFF": False, "false": False, 0.0: False,
}


def read(profile: Profile, values: Mapping[str, Value]) -> dict[str, Value]:
    """Telemetry in the device's own names → the profile's signals. A name the profile does not know is kept as it is;
    a value of the wrong type is left out (`misfits` says which: ask it when the result is shorter than `values`)."""
    known = profile.rename.get
    signals: dict[str, Value] = {}
    for name, value in values.items():
        intake = known(name)
        if intake is None:
            signals[name] = value
            continue
        signal, kind, scale, offset = intake
        if type(value) is not kind:
            if kind is bool and value in _FLAGS:
                signals[signal] = _FLAGS[value]
        elif scale != 1.0 or offset != 0.0:
            scaled = value * scale + offset  # type: ignore[operator]  # only numbers have a scale
            if isfinite(scaled):
                signals[signal] = scaled
        else:
            signals[signal] = value
    return signals


def misfits(profile: Profile, values: Mapping[str, Value]) -> list[str]:
    """What `read` left out and why, in words: "flow_temp: 'hot' — expected a number"."""
    return [f"{name}: {value!r} — expected {TYPE_WORDS[profile.rename[name].type]}"
            for name, value in values.items() if not read(profile, {name: value})]


TYPES: Mapping[str, type[float] | type[bool] | type[str]] = {"number": float, "bool": bool, "text": str}
TYPE_WORDS: Mapping[type, str] = {float: "a number", bool: "true or false", str: "text"}
