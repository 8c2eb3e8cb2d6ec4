"""What is kept of earlier readings, and the answers of prev, age, rate, min, max, mean and count."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.detection.state import Known
from gateway.dialects.signals import Value
from gateway.model import MINUTE, SECOND, Instant
from gateway.profiles import Derived, Past

PAST = "!past"
PARTS = 8  # a window is kept in so many parts: it is between 7/8 of its length and the whole of it


def keep(past: Past, state: Known, fresh: Mapping[str, Value], at: Instant) -> None:
    """Notes a new reading, before it takes the place of the last one in `state.signals`."""
    kept = state.rules.get(PAST)
    if kept is None:
        kept = state.rules[PAST] = {"s": "past", "last": {}, "in": {}}
    last, before = kept["last"], state.signals
    for name, both in past.last.items():
        if name in fresh:
            known = last.get(name)
            if known is None or not both or name not in before:
                last[name] = [at]
            elif at > known[0]:
                last[name] = [at, before[name], known[0]]
    windows = kept["in"]
    for name, length, key, stats in past.windows:
        if name in fresh:
            if key not in windows and len(windows) == len(past.windows):
                _forget_others(windows, past)
            _count_in(windows, key, stats, fresh[name], at, at // (length // PARTS))


def _forget_others(windows: dict[str, Any], past: Past) -> None:
    """Those of an earlier version of the profile."""
    wanted = {key for _, _, key, _ in past.windows}
    for key in [key for key in windows if key not in wanted]:
        del windows[key]


def _count_in(windows: dict[str, Any], key: str, stats: str, value: Any, at: Instant, part: int) -> None:
    """A window is [since the first reading, since this stretch of them, number of its first part, parts]; a part holds
    one figure for each letter of `stats`: l(east), m(ost), s(um), n(umber); an empty one is None."""
    window = windows.get(key)
    if window is None:
        window = windows[key] = [at, at, part, []]
    parts, place = window[3], part - window[2]
    if place >= PARTS:
        gone = min(place - PARTS + 1, len(parts))
        del parts[:gone]
        window[2], place = part - PARTS + 1, PARTS - 1
        if not any(parts):
            window[1:] = [at, part, parts := []]
            place = 0
    if place >= len(parts):
        parts += [None] * (place - len(parts))
        parts.append([1 if stat == "n" else value for stat in stats])
        return
    figures = parts[place]
    for i, stat in enumerate(stats):
        if stat == "n":
            figures[i] += 1
        elif stat == "s":
            figures[i] += value
        elif (value < figures[i]) if stat == "l" else (value > figures[i]):
            figures[i] = value


def answers(past: Past, state: Known, at: Instant, deaf_until: Instant = 0) -> dict[str, Value]:
    """The signals, and beside them each answer that can be given at `at`; what is not known is absent.

    `deaf_until`: nothing that is missing from before then proves anything.
    """
    values = dict(state.signals)
    kept = state.rules.get(PAST)
    if kept is not None:
        for one in past.derived:
            answer = (_of_window(one, kept, at, deaf_until) if one.window_ms
                      else _of_last(one, kept, values, at, deaf_until))
            if answer is not None:
                values[one.name] = answer
    return values


def _of_last(one: Derived, kept: dict[str, Any], values: Mapping[str, Value], at: Instant, deaf_until: Instant
             ) -> Value | None:
    last = kept["last"].get(one.signal)
    if last is None:
        return None
    if one.function == "age":
        return float(max(at - max(last[0], deaf_until), 0) / SECOND)
    if len(last) == 1:
        return None
    earlier: Value | None = last[1]
    if one.function == "prev":
        return earlier
    newest = values.get(one.signal)
    if type(newest) is not float or type(earlier) is not float:
        return None
    return float((newest - earlier) * MINUTE / (last[0] - last[2]))


def _of_window(one: Derived, kept: dict[str, Any], at: Instant, deaf_until: Instant) -> float | None:
    """None while it has not been looked at for a whole length: one hot reading is no hot hour."""
    window = kept["in"].get(one.key)
    if window is None:
        return None
    first, stretch, base, parts = window
    width = one.window_ms // PARTS
    if one.function == "count":
        if at - max(first, deaf_until) < one.window_ms:
            return None
    elif at - stretch < one.window_ms - width:
        return None
    old = at // width - PARTS + 1 - base
    inside = [part for part in (parts[old:] if old > 0 else parts) if part is not None]
    i = one.place
    if one.function == "mean":
        total, number = 0.0, 0
        for part in inside:
            total += part[i]
            number += part[i + 1]
        return total / number if number else None
    if one.function == "count":
        return float(sum([part[i] for part in inside]))
    if not inside:
        return None
    figures: list[float] = [part[i] for part in inside]
    return min(figures) if one.function == "min" else max(figures)


def next_moment(past: Past, state: Known, at: Instant) -> Instant | None:
    """When an age or a count next passes a number that it is compared with, if nothing more is heard."""
    kept = state.rules.get(PAST)
    if kept is None:
        return None
    return min((moment for one in past.moments for moment in _moments(one, kept) if moment > at), default=None)


def _moments(one: Derived, kept: dict[str, Any]) -> Iterator[Instant]:
    if one.function == "age":
        last = kept["last"].get(one.signal)
        for limit in one.limits if last is not None else ():
            yield int(last[0] + limit * SECOND) + 1
        return
    window = kept["in"].get(one.key)
    if window is None:
        return
    yield window[0] + one.window_ms  # from then on it can be counted
    width, base, parts, i = one.window_ms // PARTS, window[2], window[3], one.place
    left = sum(part[i] for part in parts if part is not None)
    for number, part in enumerate(parts):
        if part is not None:
            before, left = left, left - part[i]
            if any(left <= limit <= before for limit in one.limits):
                yield (base + number + PARTS) * width
