"""What is kept of earlier readings: the last ones, and figures over windows."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.detection.memory import History
from gateway.devices.profiles import Past
from gateway.model import Instant
from gateway.model.signals import Value

PARTS = 8  # a window is kept in so many parts: it is between 7/8 of its length and the whole of it

_SUMS = "sn"
_FIRST = 3  # place of the first figures in a window
NOTHING = History()

Keep = Callable[[History | None, Mapping[str, Value], Mapping[str, Value], Instant], History]
"""(history, a new reading, the signals before it, when) → the history with the reading."""

_Window = list[Any]  # as History says; never changed, a new one takes its place


def keeping(past: Past) -> Keep:
    """What is noted for this profile."""
    windows = [(name, key, _window(length // PARTS, stats)) for name, length, key, stats in past.windows]
    keys = frozenset(key for _, key, _ in windows)

    def keep(history: History | None, fresh: Mapping[str, Value], before: Mapping[str, Value], at: Instant) -> History:
        last, over, due = history or NOTHING
        new_last, new_over = dict(last), dict(over)
        for name, both in past.last.items():
            if name in fresh:
                known = last.get(name)
                if known is None or not both or name not in before:
                    new_last[name] = [at]
                elif at > known[0]:
                    new_last[name] = [at, before[name], known[0]]
        for name, key, noted in windows:
            value = fresh.get(name)
            if value is not None:
                new_over[key] = noted(over.get(key), value, at)
        if len(new_over) > len(windows):  # of an earlier version of the profile
            new_over = {key: window for key, window in new_over.items() if key in keys}
        return History(new_last, new_over, due)

    return keep


def _window(width: int, stats: str) -> Callable[[_Window | None, Any, Instant], _Window]:
    """(the window, a new value, when) → the window with it. `width`: of a part, in ms."""
    least, most, sums, numbers = (_FIRST + stats.index(stat) if stat in stats else 0 for stat in "lmsn")  # 0: not asked

    def noted(window: _Window | None, value: Any, at: Instant) -> _Window:
        part = at // width
        if window is None:
            window = [at, at, part, *([one] for one in _nothing(stats, value))]
        elif (ahead := part - window[2] - len(window[_FIRST])) < 0:
            window = window.copy()
        elif ahead == 0:
            window = _next_part(window, _nothing(stats, value))
        else:
            window = _moved_on(window, _nothing(stats, value), at, part)
        if least and value < window[least][-1]:
            window[least] = [*window[least][:-1], value]
        if most and value > window[most][-1]:
            window[most] = [*window[most][:-1], value]
        if sums:
            window[sums] = figures = window[sums].copy()
            figures[-1] += value
        if numbers:
            window[numbers] = figures = window[numbers].copy()
            figures[-1] += 1
        return window

    return noted


def _nothing(stats: str, value: Any) -> list[Any]:
    """The figures of a part without a reading, `value` being the one that came next."""
    return [0 if stat in _SUMS else value for stat in stats]


def _next_part(window: _Window, nothing: list[Any]) -> _Window:
    """The window with the part after its newest: where most new parts are."""
    window, old = window.copy(), 0
    if len(window[_FIRST]) == PARTS:
        window[2], old = window[2] + 1, 1
    for place, one in enumerate(nothing, _FIRST):
        window[place] = [*window[place][old:], one]
    return window


def _moved_on(window: _Window, nothing: list[Any], at: Instant, part: int) -> _Window:
    """The window with all parts up to this one, and none that is too old."""
    first, stretch, base, *columns = window
    old = max(part - base - PARTS + 1, 0)
    if old >= len(columns[0]):
        return [first, at, part, *([one] for one in nothing)]
    base += old
    moved = [first, stretch, base]
    for figures, one in zip(columns, nothing, strict=True):
        kept = figures[old:]
        moved.append(kept + [one] * (part - base + 1 - len(kept)))
    return moved
