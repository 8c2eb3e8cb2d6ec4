"""What is kept of earlier readings: the last ones, and figures over windows."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.detection.state import Known
from gateway.dialects.signals import Value
from gateway.model import Instant
from gateway.profiles import Past

PAST = "!past"
PARTS = 8  # a window is kept in so many parts: it is between 7/8 of its length and the whole of it

_SUMS = "sn"
_FIRST = 3  # place of the first figures in a window

Keep = Callable[[dict[str, Any], dict[str, Any], Mapping[str, Value], Mapping[str, Value], Instant], None]
"""(last, windows, the new signals, those before, when); all of it in `kept_of` and `keep`."""
_Note = Callable[[dict[str, Any], dict[str, Any], Value, Mapping[str, Value], Instant], None]
"""(last, windows, the new value of one signal, the signals before, when)"""


def kept_of(memory: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """{"last": signal → [when, value before it, when that was], "over": key → window}.

    A window is [since the first reading, since this stretch of them, number of its first part, figures, …]: for each
    letter of its `stats`, l(east), m(ost), s(um), n(umber), the figures of its parts. A part without a reading has
    nothing to say: a sum and a number of 0, and the least and most of the reading that came next.
    """
    kept = memory.get(PAST)
    if kept is not None and "in" in kept:
        _turn(kept)
    return kept


def _turn(kept: dict[str, Any]) -> None:
    """Windows as they were kept until 2026: each part with all its figures, or None."""
    over = kept["over"] = {}
    for key, (first, stretch, base, parts) in kept.pop("in").items():
        columns: list[list[Any]] = [[] for _ in key.rpartition(":")[2]]
        following: list[Any] = []  # the newest part always has a reading
        for part in reversed(parts):
            following = part or following
            for stat, column, figure in zip(key.rpartition(":")[2], columns, following, strict=True):
                column.insert(0, 0 if part is None and stat in _SUMS else figure)
        over[key] = [first, stretch, base, *columns]


def keep(noting: Keep, state: Known, fresh: Mapping[str, Value], at: Instant) -> None:
    """Notes a new reading, before it takes the place of the last one in `state.signals`."""
    kept = kept_of(state.rules)
    if kept is None:
        kept = state.rules[PAST] = {"s": "past", "last": {}, "over": {}}
    noting(kept["last"], kept["over"], fresh, state.signals, at)


def keeping(past: Past) -> Keep:
    """What is noted for this profile."""
    notes = [(name, _last(name, both)) for name, both in past.last.items()]
    notes += [(name, _window(past, length // PARTS, key, stats)) for name, length, key, stats in past.windows]

    def keeping(last: dict[str, Any], over: dict[str, Any], fresh: Mapping[str, Value], before: Mapping[str, Value],
                at: Instant) -> None:
        for name, note in notes:
            value = fresh.get(name)
            if value is not None:
                note(last, over, value, before, at)

    return keeping


def _last(name: str, both: bool) -> _Note:
    def note(last: dict[str, Any], over: dict[str, Any], value: Value, before: Mapping[str, Value], at: Instant) -> None:
        known = last.get(name)
        if known is None or not both or name not in before:
            last[name] = [at]
        elif at > known[0]:
            last[name] = [at, before[name], known[0]]

    return note


def _window(past: Past, width: int, key: str, stats: str) -> _Note:
    columns = tuple((place, stat in _SUMS) for place, stat in enumerate(stats, _FIRST))
    least, most, sums, numbers = (stats.find(stat) + 1 and stats.find(stat) + _FIRST for stat in "lmsn")  # 0: not asked

    def note(last: dict[str, Any], over: dict[str, Any], value: Any, before: Mapping[str, Value], at: Instant) -> None:
        window, part = over.get(key), at // width
        ahead = 1 if window is None else part - window[2] - len(window[3])
        if ahead > 0:
            window = _begin_part(past, over, key, stats, value, at, part)
        elif ahead == 0:
            full = part - window[2] == PARTS
            if full:
                window[2] += 1
            for place, sums_up in columns:
                figures = window[place]
                if full:
                    del figures[0]
                figures.append(0 if sums_up else value)
        if least and value < window[least][-1]:
            window[least][-1] = value
        if most and value > window[most][-1]:
            window[most][-1] = value
        if sums:
            window[sums][-1] += value
        if numbers:
            window[numbers][-1] += 1

    return note


def _begin_part(past: Past, over: dict[str, Any], key: str, stats: str, value: Any, at: Instant, part: int
                ) -> list[Any]:
    """The window with all parts up to the one that `at` falls into, and none that is too old."""
    window: list[Any] | None = over.get(key)
    if window is None:
        if len(over) == len(past.windows):
            _forget_others(over, past)
        window = over[key] = [at, at, part, *([] for _ in stats)]
    columns, place = window[3:], part - window[2]
    if place >= PARTS:
        for figures in columns:
            del figures[:place - PARTS + 1]
        window[2], place = part - PARTS + 1, PARTS - 1
        if not columns[0]:
            window[1:3], place = [at, part], 0
    for stat, figures in zip(stats, columns, strict=True):
        figures.extend([0 if stat in _SUMS else value] * (place + 1 - len(figures)))
    return window


def _forget_others(over: dict[str, Any], past: Past) -> None:
    """Those of an earlier version of the profile."""
    wanted = {key for _, _, key, _ in past.windows}
    for key in [key for key in over if key not in wanted]:
        del over[key]
