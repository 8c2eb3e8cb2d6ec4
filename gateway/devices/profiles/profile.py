"""A compiled profile: rules, fault codes, silence limits, and the conversion of a device's values to signals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from gateway.calendars.opening_hours import Hours
from gateway.model import Severity
from gateway.model.signals import Value
from gateway.rules.functions import Derived
from gateway.rules.syntax_tree import Node

Words = Mapping[str, str]
"""Locale → text; `en` is always there."""


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def frozen(values: Mapping[_Key, _Value]) -> Mapping[_Key, _Value]:
    """A copy that nobody can change."""
    return MappingProxyType(dict(values))


class EvaluationError(Exception):
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
    root: Node  # the source as a tree
    types: Mapping[str, type]  # of what it needs
    derived: tuple[Derived, ...]  # what it asks beyond the signals' last values
    names: Mapping[int, str]  # where a call begins in the source → the name of its answer
    quick: Callable[[Mapping[str, Value]], Any] | None = None  # the same as `program`, where that is possible

    def holds(self, values: Mapping[str, Value]) -> bool | None:
        """True or false; None while a signal it needs is absent. Raises EvaluationError when CEL cannot judge them."""
        if self.quick is not None:
            for name in self.needs:
                if name not in values:
                    return None
            try:
                return self.quick(values)  # type: ignore[no-any-return]
            except TypeError as error:
                shown = {name: values[name] for name in self.needs}
                raise EvaluationError(self.rule, f"{self.source!r} with {shown}: {error}") from error
        try:
            shown = {name: values[name] for name in self.needs}
        except KeyError:
            return None
        try:
            result = self.program.execute(shown)
        except Exception as error:
            raise EvaluationError(self.rule, f"{self.source!r} with {shown}: {error}") from error
        if isinstance(result, bool):
            return result
        raise EvaluationError(self.rule, f"{self.source!r} with {shown} gives {result!r}; expected true or false")


@dataclass(frozen=True, slots=True)
class RemoteCommand:
    """What a device can be told to do from afar, in its own dialect's terms."""

    name: str  # as the profile calls it
    words: Words  # as people call it: "restart"
    type: str  # as the device calls it
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RemoteFixSpec:
    """A safe command that is sent before anybody is: no ticket is opened when the fault is over within `wait_ms`."""

    command: RemoteCommand
    wait_ms: int
    again_after_ms: int  # a fault that comes back sooner is not tried again


class HitLimit(NamedTuple):
    """So many of the last judgements."""

    least: int
    of: int


class Limits(NamedTuple):
    """Percent of change over the last judgements: flapping begins at `above` and ends below `below`."""

    above: float
    below: float


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule of a profile. Durations in ms."""

    name: str
    when: Condition
    clear: Condition | None  # None: over as soon as `when` no longer holds
    for_ms: int
    severity: Severity
    cause: Words
    skill: str  # "" = anyone
    action: str  # ticket | record
    remote_fix: RemoteFixSpec | None = None
    keep_ms: int = 0  # it stays an alarm for so long after its end, and goes on when it comes back
    hits: HitLimit | None = None
    clear_hits: HitLimit | None = None
    rises: tuple[tuple[Severity, Condition], ...] = ()  # (severity, when), the most severe first
    latch: bool = False  # open until a person has acknowledged it, also when it is over
    only_during: Hours | None = None  # on the site's clock
    never_during: Hours | None = None
    flapping: Limits | None = None
    depends_on: tuple[str, ...] = ()  # rules, or "via": what would explain it
    dry_run: bool = False  # judged and written down, nothing follows
    danger: bool = False  # to life or home: somebody is sent before anybody has agreed to the price
    counts: bool = False  # it asks about earlier judgements
    advice: Words | None = None  # what people there do until somebody comes

    @property
    def scheduled(self) -> bool:
        return self.only_during is not None or self.never_during is not None

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (self.when, *([self.clear] if self.clear else ()), *(condition for _, condition in self.rises))


@dataclass(frozen=True, slots=True)
class Fault:
    """What a fault code of the device means."""

    severity: Severity
    cause: Words
    skill: str
    action: str
    remote_fix: RemoteFixSpec | None = None
    danger: bool = False  # as of a rule
    advice: Words | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """How long to wait before silence means something; None = never."""

    link_ms: int | None  # nothing heard at all
    lost_ms: int | None  # after the broker said that the device is gone
    data_ms: int | None  # the link is alive but no telemetry comes
    severity: Severity
    skill: str
    cause: Words
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ButtonTestSpec:
    """How often an emergency button is tested, and how. In ms."""

    every: int
    answer_within: int
    gesture: Words | None  # how it is done, in the profile's words


class SignalConversion(NamedTuple):
    """What becomes of a value that arrives under some name: signal = value * scale + offset, if that is believable."""

    signal: str
    type: type[float] | type[bool] | type[str]
    scale: float = 1.0
    offset: float = 0.0
    within: tuple[float, float] | None = None  # lowest and highest believable value; None: any


@dataclass(frozen=True, slots=True)
class SignalKind:
    """A signal: its name, unit and type."""

    name: str
    unit: str
    type: type[float] | type[bool] | type[str]
    names: Mapping[str, str] = field(default_factory=dict, compare=False)  # language → what people call it


@dataclass(frozen=True, slots=True)
class HistoryNeeds:
    """All that the rules of a profile ask beyond the last value of each signal."""

    derived: tuple[Derived, ...]
    last: Mapping[str, bool]  # signals whose last time is kept; True: and the value and time before it
    windows: tuple[tuple[str, int, str, str], ...]  # (signal, length in ms, what it is kept under, its figures)
    timed: tuple[Rule, ...]  # rules that can become true or false by time alone
    moments: tuple[Derived, ...]  # the ages and counts that do it


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Compared by identity: what is derived from it is worked out once for each."""

    id: str
    names: Words
    signals: Mapping[str, SignalKind]
    rules: tuple[Rule, ...]
    faults: Mapping[str, Fault]  # code → fault; "*" stands for every other code
    silence: Silence
    urgent_presses: frozenset[str]  # single, double (or more often), long
    presses: Mapping[str, str]  # a word of the device that is no press by itself → the press it is here
    emergency: bool  # an emergency button: whoever presses wants a person, at any hour
    button: bool  # whoever presses wants to be called
    test: ButtonTestSpec | None  # how an emergency button proves itself
    rename: Mapping[str, SignalConversion]  # name as it arrives → what becomes of it
    past: HistoryNeeds | None = None  # what must be kept of earlier readings; None: nothing
    scheduled: bool = False  # some rule asks for the site's own time
    work_minutes: int | None = None  # how long a technician is expected to work on it; None: as the setting says

    @property
    def skills(self) -> frozenset[str]:
        """All that its rules, fault codes and silence can need."""
        of_rules = {rule.skill for rule in self.rules} | {fault.skill for fault in self.faults.values()}
        return frozenset(of_rules | {self.silence.skill}) - {""}

    def advice(self, cause_key: str) -> Words | None:
        """What people do until somebody comes, by an alarm's rule or `fault:<code>`; None: nothing is written."""
        if cause_key.startswith("fault:"):
            fault = self.faults.get(cause_key.removeprefix("fault:")) or self.faults.get("*")
            return fault.advice if fault is not None else None
        return next((rule.advice for rule in self.rules if rule.name == cause_key), None)


_FLAGS: Mapping[Value, bool] = {  # how devices say yes and no where JSON has true and false
    "on": True, "ON": True, "true": True, 1.0: True, "off": False, "OFF": False, "false": False, 0.0: False,
}


Reader = Callable[[dict[str, Value]], dict[str, Value]]


def read(profile: Profile, values: dict[str, Value]) -> dict[str, Value]:
    """Telemetry in the device's own names → the profile's signals. A name the profile does not know is kept as it is;
    a value of the wrong type or out of range is left out (`misfits` says which: ask it when the result is shorter than
    `values`)."""
    return reader_of(profile)(values)


@lru_cache(maxsize=1000)
def reader_of(profile: Profile) -> Reader:
    """`read` for this profile. It gives back `values` itself, as mostly, when it has nothing to change."""
    conversions = {name: tuple(one) for name, one in profile.rename.items()}
    kept = {name: one for name, one in profile.rename.items()
            if (one.signal, one.scale, one.offset) == (name, 1.0, 0.0)}
    types = {name: one.type for name, one in kept.items() if one.within is None}
    ranges = {name: (one.type, *one.within) for name, one in kept.items() if one.within is not None}

    def read(values: dict[str, Value]) -> dict[str, Value]:
        for name, value in values.items():
            if types.get(name) is not type(value):
                if name in ranges:
                    kind, lowest, highest = ranges[name]
                    if type(value) is not kind or not lowest <= value <= highest:  # type: ignore[operator]
                        return _converted(conversions, values)
                elif name in conversions:
                    return _converted(conversions, values)
        return values

    return read


def _converted(conversions: Mapping[str, tuple[Any, ...]], values: Mapping[str, Value]) -> dict[str, Value]:
    signals: dict[str, Value] = {}
    for name, value in values.items():
        if name not in conversions:
            signals[name] = value
            continue
        signal, kind, scale, offset, within = conversions[name]
        if type(value) is not kind:
            if kind is bool and value in _FLAGS:
                signals[signal] = _FLAGS[value]
            continue
        scaled: Any = value
        if scale != 1.0 or offset != 0.0:
            scaled = scaled * scale + offset
            if not isfinite(scaled):
                continue
        if within is None or within[0] <= scaled <= within[1]:
            signals[signal] = scaled
    return signals


def _expected(intake: SignalConversion) -> str:
    if intake.within is None:
        return TYPE_WORDS[intake.type]
    return f"a number from {intake.within[0]:g} to {intake.within[1]:g}"


def misfits(profile: Profile, values: Mapping[str, Value]) -> list[str]:
    """What `read` left out and why, in words: "flow_temp: 'hot' — expected a number"."""
    return [f"{name}: {value!r} — expected {_expected(profile.rename[name])}"
            for name, value in values.items() if not read(profile, {name: value})]


TYPES: Mapping[str, type[float] | type[bool] | type[str]] = {"number": float, "bool": bool, "text": str}
TYPE_WORDS: Mapping[type, str] = {float: "a number", bool: "true or false", str: "text"}
