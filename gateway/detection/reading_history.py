"""Keeps the earlier readings that rules need: previous values, and statistics over time windows."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.detection.memory import History
from gateway.devices.profiles import HistoryNeeds
from gateway.model import Instant
from gateway.model.signals import Value

PARTS = 8  # a window is kept in so many parts: it is between 7/8 of its length and the whole of it

_SUMS = "sn"
_FIRST = 3  # place of the first figures in a window
NOTHING = History()

Keep = Callable[[History | None, Mapping[str, Value], Mapping[str, Value], Instant], History]
"""(history, a new reading, the signals before it, when) → the history with the reading: the same one, moved on."""

_Window = list[Any]  # as History says


def keeping(past: HistoryNeeds) -> Keep:
    """What is noted for this profile."""
    windows = [(name, key, *_window(length // PARTS, stats)) for name, length, key, stats in past.windows]
    keys = frozenset(window[1] for window in windows)
    both_of = tuple(past.last.items())

    def keep(history: History | None, fresh: Mapping[str, Value], before: Mapping[str, Value], at: Instant) -> History:
        if history is None:
            history = History({}, {})
        last, over, _ = history
        for name, both in both_of:
            if name in fresh:
                known = last.get(name)
                if known is None or not both or name not in before:
                    last[name] = [at]
                elif at > known[0]:
                    last[name] = [at, before[name], known[0]]
        for name, key, begun, note in windows:
            value = fresh.get(name)
            if value is not None:
                if key in over:
                    note(over[key], value, at)
                else:
                    over[key] = begun(value, at)
        if len(over) > len(windows):  # of an earlier version of the profile
            for key in over.keys() - keys:
                del over[key]
        return history

    return keep


_Begun = Callable[[Any, Instant], _Window]
_Note = Callable[[_Window, Any, Instant], None]


def _window(width: int, stats: str) -> tuple[_Begun, _Note]:
    """How a window begins with a value, and how one takes one more. `width`: of a part, in ms."""
    places = [(place, stat) for place, stat in enumerate(stats, _FIRST)]

    def begun(value: Any, at: Instant) -> _Window:
        window = [at, at, at // width, *([] for _ in stats)]
        _open_parts(window, stats, value, 1)
        note(window, value, at)
        return window

    def note(window: _Window, value: Any, at: Instant) -> None:
        ahead = at // width - window[2] - len(window[_FIRST])  # -1: of the newest part, as most are
        if ahead >= 0:
            _move_on(window, at, at // width)
            _open_parts(window, stats, value, at // width - window[2] + 1)
        for place, stat in places:
            figures = window[place]
            if stat == "s":
                figures[-1] += value
            elif stat == "n":
                figures[-1] += 1
            elif value < figures[-1] if stat == "l" else value > figures[-1]:
                figures[-1] = value

    return begun, note


def _open_parts(window: _Window, stats: str, value: Any, parts: int) -> None:
    """Adds parts without a reading, `value` being the one that came next, until there are so many."""
    for figures, stat in zip(window[_FIRST:], stats, strict=True):
        figures.extend([0 if stat in _SUMS else value] * (parts - len(figures)))


def _move_on(window: _Window, at: Instant, part: int) -> None:
    """Drops what is too old once `part` is the newest."""
    old = part - window[2] - PARTS + 1
    if old >= len(window[_FIRST]):
        window[1:_FIRST] = [at, part]
    elif old > 0:
        window[2] += old
    for figures in window[_FIRST:] if old > 0 else ():
        del figures[:old]
