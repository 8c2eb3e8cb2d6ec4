"""What rules, fault codes and clocks keep of a device between messages: typed values, stored as JSON.

All of it is immutable: who changes something makes a new value, so that two states may share what they have in common.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import orjson

from gateway.model import Instant
from gateway.model.states import LinkState, RulePhase

NOTHING = "{}"  # the text of a device that is well, and of which no history is wanted
_T = TypeVar("_T")
_NONE: Mapping[str, Any] = {}
_tuple: Callable[[Iterable[Any]], Any] = tuple  # what JSON makes a list of


class RuleState(NamedTuple):
    """Where one rule stands."""

    phase: RulePhase
    since: Instant  # by the data's own time
    due: Instant | None = None  # when the clock must look at it
    ended_at: Instant | None = None  # active: its condition is over since then, and the alarm is kept all the same
    level: str | None = None  # active: the severity it has risen to; None: the rule's own
    dry_run: bool = False  # active: raised while the rule was only tried


class FaultState(NamedTuple):
    """The newest report on one fault code."""

    active: bool
    at: Instant
    part: str | None = None  # the part of the device that lists it


class ExcessFaults(NamedTuple):
    """The one alarm for all faults beyond a device's quota."""

    at: Instant
    last: Instant  # when the newest one came
    codes: tuple[str, ...]  # those beyond, as many as are listed
    more: bool = False  # there were more than could be listed
    due: Instant | None = None  # when it is over if no other comes


class ClockOffset(NamedTuple):
    """How wrong the device's own clock is. Times of the device minus ours, in ms."""

    offset_ms: int  # what is taken off; 0: not proved yet
    candidate_ms: int  # what the latest messages say
    times: int  # how often, in messages apart from each other
    at: Instant  # the last of those


class BridgeDown(NamedTuple):
    """Word that the device's bridge is down."""

    bridge: str  # its key; the device's own where it is the bridge
    disproved: bool = False  # somebody has spoken through it since
    was: LinkState | None = None  # the device's link before


class PressCounts(NamedTuple):
    """The press counters that a button has reported."""

    counts: Mapping[str, int] = _NONE  # input → its count
    woken_at: Instant | None = None  # a finger has woken it, and which press it was is not known yet
    pressed_at: Instant | None = None  # the last press that was recognised
    first: tuple[str, Instant] | None = None  # kind and time of the first count ever heard, before any reason for it


class Fingers(NamedTuple):
    """A button's last presses, and whether it sticks."""

    presses: tuple[tuple[Instant, int], ...] = ()  # when each came, and what tells it apart; as many as it takes
    back_at: Instant | None = None  # when the button last came back from being lost
    stuck_since: Instant | None = None  # the alarm that it sticks
    held: bool = False  # the device itself says that its contact is held
    due: Instant | None = None  # when that alarm is over, if nobody presses


class RepeatedMessage(NamedTuple):
    """The message that was last said once more with an old time."""

    at: Instant | None
    seq: int


class HitCounts(NamedTuple):
    """A rule's last judgements, each one bit behind a leading 1: 1 = none yet."""

    when: int = 1
    clear: int = 1
    judgements: int = 1
    flapping: bool = False


Figures = tuple[Any, Any, Any, int]
"""Of some readings: the least, the most, their sum and their number. What no rule asks for stays 0."""

Columns = tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...], tuple[int, ...]]
"""Figures of several parts of a window, the oldest first: all the least, all the most, and so on; empty where no rule
asks. A part without a reading has nothing to say: a sum and a number of 0, and the least and most of the one that came
next."""

Window = tuple[Instant, Instant, Instant, Figures, Figures, Columns]
"""Statistics of one signal: (since the first reading, since this stretch of them, when its newest part ends, the
figures of that part, those of all parts before it together, and these one by one)."""

LastReading = tuple[Instant] | tuple[Instant, Any, Instant]
"""When a signal was last heard; and, where they are asked for and known, its value before and when that was."""


class History(NamedTuple):
    """What is kept of earlier readings, where rules ask for it."""

    last: Mapping[str, LastReading] = _NONE  # by signal
    windows: Mapping[str, Window] = _NONE  # by what they are kept under: signal, length and figures
    due: Instant | None = None  # when time alone next makes a difference to an age or a count


class DeviceMemory(NamedTuple):
    """All that detection remembers of a device except its deadlines, its signals and their history."""

    rules: Mapping[str, RuleState] = _NONE  # by rule; a healthy one is absent
    faults: Mapping[str, FaultState] = _NONE  # by code
    many_faults: ExcessFaults | None = None
    silent_since: Instant | None = None  # the alarm that nothing is heard of it
    stale_since: Instant | None = None  # the alarm that it brings no data
    asleep_until: Instant | None = None  # as it announced; None: it did not say
    bridge: BridgeDown | None = None
    clock: ClockOffset | None = None
    expires_ms: int | None = None  # after which the device itself calls its data stale
    relayed_at: Instant | None = None  # when its bridge last heard it, on the bridge's clock
    repeated: RepeatedMessage | None = None
    presses: PressCounts | None = None
    fingers: Fingers | None = None  # of a button that has been pressed
    hits: Mapping[str, HitCounts] = _NONE  # by rule, where one counts its judgements
    broken: Mapping[str, str] = _NONE  # rule → why it could not be judged


HEALTHY = DeviceMemory()
_FIELDS = DeviceMemory._fields
_NAMES = frozenset(_FIELDS)


def dumps(memory: DeviceMemory, history: History | None) -> str:
    """JSON with only what differs from a healthy device, "{}" for one."""
    data: dict[str, Any] = {}
    if memory is not HEALTHY:
        data = {name: one for name, one, healthy in zip(_FIELDS, memory, HEALTHY, strict=True) if one != healthy}
    if history is not None:
        data["history"] = ({"last": history.last, "windows": history.windows} if history.due is None
                           else {"last": history.last, "windows": history.windows, "due": history.due})
    return orjson.dumps(data, _packed).decode() if data else NOTHING


def active_rules(memory: DeviceMemory) -> dict[str, dict[str, Any]]:
    """For the API: rule of each raised or pending alarm → its RuleState."""
    stands: dict[str, Any] = {name: _packed(one) for name, one in memory.rules.items()}
    for name, since in (("silent", memory.silent_since), ("stale", memory.stale_since)):
        if since is not None:
            stands[name] = {"phase": RulePhase.ACTIVE, "since": since}
    if memory.fingers is not None and memory.fingers.stuck_since is not None:
        stands["sticks"] = {"phase": RulePhase.ACTIVE, "since": memory.fingers.stuck_since}
    for code, one in memory.faults.items():
        if one.active:
            stands[f"fault:{code}"] = {"phase": RulePhase.ACTIVE, "since": one.at}
    return stands


def loads(text: str) -> tuple[DeviceMemory, History | None]:
    """What `dumps` wrote. A name that is not ours is ignored: a newer gateway beside this one may know more, and no
    device goes unheard for it. Raises KeyError or TypeError where a value of ours is missing."""
    if text == NOTHING:
        return HEALTHY, None
    data = orjson.loads(text)
    history = _history(data.pop("history")) if "history" in data else None
    if not data:
        return HEALTHY, history
    return DeviceMemory(**{name: _MADE[name](one) if name in _MADE else one
                           for name, one in data.items() if name in _NAMES}), history


def changed(before: Mapping[str, _T], name: str, value: _T | None) -> Mapping[str, _T]:
    """`before` with another value under this name, or without it when there is none."""
    if value is not None:
        return {**before, name: value}
    return {one: kept for one, kept in before.items() if one != name}


def _packed(value: Any) -> dict[str, Any] | list[Any]:
    """A named tuple's fields that are not as they are by default; a rule's counts, of which there are many, as a list.
    """
    if type(value) is HitCounts:
        return list(value)
    defaults = value._field_defaults
    return {name: one for name, one in zip(value._fields, value, strict=True)
            if name not in defaults or one != defaults[name]}


def _of(kind: Any, data: dict[str, Any]) -> dict[str, Any]:
    """What of `data` is a field of this kind of named tuple."""
    return {name: data[name] for name in kind._fields if name in data}


def _rule(data: dict[str, Any]) -> RuleState:
    return RuleState(**_of(RuleState, data) | {"phase": RulePhase(data["phase"])})


def _many_faults(data: dict[str, Any]) -> ExcessFaults:
    return ExcessFaults(**_of(ExcessFaults, data) | {"codes": tuple(data["codes"])})


def _bridge(data: dict[str, Any]) -> BridgeDown:
    was = data.get("was")
    return BridgeDown(**_of(BridgeDown, data) | {"was": None if was is None else LinkState(was)})


def _presses(data: dict[str, Any]) -> PressCounts:
    first = data.get("first")
    return PressCounts(**_of(PressCounts, data) | {"first": None if first is None else (first[0], first[1])})


def _history(data: dict[str, Any]) -> History:
    return History(
        {signal: _tuple(last) for signal, last in data.get("last", _NONE).items()},
        {key: (since, stretch, ends, _tuple(newest), _tuple(earlier), _tuple(map(tuple, columns)))
         for key, (since, stretch, ends, newest, earlier, columns) in data.get("windows", _NONE).items()},
        data.get("due"))


_MADE: dict[str, Callable[[Any], Any]] = {
    "rules": lambda data: {name: _rule(one) for name, one in data.items()},
    "faults": lambda data: {code: FaultState(**_of(FaultState, one)) for code, one in data.items()},
    "many_faults": _many_faults,
    "bridge": _bridge,
    "clock": lambda data: ClockOffset(**_of(ClockOffset, data)),
    "repeated": lambda data: RepeatedMessage(**_of(RepeatedMessage, data)),
    "presses": _presses,
    "fingers": lambda data: Fingers(**_of(Fingers, data) | {"presses": tuple(map(tuple, data.get("presses", ())))}),
    "hits": lambda data: {name: HitCounts(*one) for name, one in data.items()},
}
