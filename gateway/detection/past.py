"""What is kept of earlier readings: the last ones, and figures over windows."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from gateway.detection.memory import History
from gateway.dialects.signals import Value
from gateway.model import Instant
from gateway.profiles import Past

PARTS = 8  # a window is kept in so many parts: it is between 7/8 of its length and the whole of it

_SUMS, _VALUE = "sn", "value"

Keep = Callable[[dict[str, Any], dict[str, Any], Mapping[str, Value], Mapping[str, Value], Instant], None]
"""(last, windows, the new signals, those before, when); all of it in `History` and `keep`."""


def keep(noting: Keep, history: History | None, fresh: Mapping[str, Value], before: Mapping[str, Value], at: Instant
         ) -> History:
    """The history with a new reading, `fresh`, noted before it takes the place of the last one, `before`."""
    if history is None:
        history = History()
    last = dict(history.last)
    windows = {key: [first, stretch, part, *map(list.copy, figures)]
               for key, (first, stretch, part, *figures) in history.windows.items()}
    noting(last, windows, fresh, before, at)
    return History(last, windows, history.due)


def keeping(past: Past) -> Keep:
    """What is noted for this profile, written as one function: most messages only move the newest figures on."""
    space: dict[str, Any] = {"__builtins__": {}, "begin": partial(_begin_part, past), "len": len}
    lines = ["def keeping(last, over, fresh, before, at):"]
    for name in dict.fromkeys([*past.last, *(window[0] for window in past.windows)]):
        lines += [f"    if (value := fresh.get({name!r})) is not None:"]
        if name in past.last:
            lines += [f"        {line}" for line in _last_lines(name, past.last[name])]
        for of, length, key, stats in past.windows:
            if of == name:
                lines += [f"        {line}" for line in _window_lines(key, length // PARTS, stats)]
    exec("\n".join(lines), space)
    made: Keep = space["keeping"]
    return made


def _last_lines(name: str, both: bool) -> Iterator[str]:
    yield f"known = last.get({name!r})"
    yield f"if known is None or {not both} or {name!r} not in before: last[{name!r}] = [at]"
    yield f"elif at > known[0]: last[{name!r}] = [at, before[{name!r}], known[0]]"


def _window_lines(key: str, width: int, stats: str) -> Iterator[str]:
    columns = [(f"window[{place}]", stat) for place, stat in enumerate(stats, 3)]
    yield f"window, part = over.get({key!r}), at // {width}"
    yield "ahead = 1 if window is None else part - window[2] - len(window[3])"
    yield "if ahead == 0:"
    yield f"    if part - window[2] == {PARTS}:"
    yield f"        window[2] += 1; {'; '.join(f'del {figures}[0]' for figures, _ in columns)}"
    yield f"    {'; '.join(f'{figures}.append({0 if stat in _SUMS else _VALUE})' for figures, stat in columns)}"
    yield "elif ahead > 0:"
    yield f"    window = begin(over, {key!r}, {stats!r}, value, at, part)"
    for figures, stat in columns:
        if stat in _SUMS:
            yield f"{figures}[-1] += {'1' if stat == 'n' else _VALUE}"
        else:
            yield f"if value {'<' if stat == 'l' else '>'} {figures}[-1]: {figures}[-1] = value"


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
