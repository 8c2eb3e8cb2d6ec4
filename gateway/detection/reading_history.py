"""Keeps the earlier readings that rules need: previous values, and statistics over time windows."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gateway.detection.memory import Columns, Figures, History, LastReading, Window
from gateway.devices.profiles import HistoryNeeds
from gateway.model import Instant
from gateway.model.signals import Value

PARTS = 8  # a window is kept in so many parts: it is between 7/8 of its length and the whole of it
LEAST, MOST, SUM, NUMBER = range(4)  # places in Figures

Keep = Callable[[History | None, Mapping[str, Value], Mapping[str, Value], Instant], History]
"""(history, a new reading, the signals before it, when) → the history with the reading."""

Moment = Callable[[Mapping[str, LastReading], Mapping[str, Window], Instant], Instant | None]
"""(the last readings, the windows, now) → when an age or a count next passes a number, if nothing more is heard."""

_Note = Callable[[Window | None, Any, Instant], Window]
"""(window, a value, when) → the window with it; the same one where it changes nothing."""


def compile_history_updater(past: HistoryNeeds, next_change: Moment | None) -> Keep:
    """What is noted for this profile."""
    wanted = tuple((name, key, _noting(length // PARTS, figures)) for name, length, key, figures in past.windows)
    lasts = tuple(past.last.items())
    count = len(wanted)

    def keep(history: History | None, fresh: Mapping[str, Value], before: Mapping[str, Value], at: Instant) -> History:
        last, windows, due = _NO_HISTORY if history is None else history
        if lasts:
            last = _last_readings(last, lasts, fresh, before, at)
        changed = None
        for name, key, note in wanted:
            if name in fresh:
                window = windows.get(key)
                after = note(window, fresh[name], at)
                if after is not window:
                    if changed is None:
                        windows = changed = {**windows}
                    changed[key] = after
        if len(windows) > count:
            windows = _without_others(windows, past)
        if next_change is not None:
            due = next_change(last, windows, at)
        return _new(History, (last, windows, due))

    return keep


_NO_HISTORY = History()
_new: Callable[[type[History], tuple[Any, ...]], History] = tuple.__new__  # a third of the constructor's time


def _last_readings(last: Mapping[str, LastReading], wanted: Iterable[tuple[str, bool]], fresh: Mapping[str, Value],
                   before: Mapping[str, Value], at: Instant) -> Mapping[str, LastReading]:
    """`wanted`: of which signals, and whether also the value before it."""
    now: LastReading = (at,)
    changed = {**last}
    for name, both in wanted:
        if name in fresh:
            if both and name in last and name in before:
                when = last[name][0]
                if at > when:
                    changed[name] = (at, before[name], when)
            else:
                changed[name] = now
    return changed


def _without_others(windows: Mapping[str, Window], past: HistoryNeeds) -> dict[str, Window]:
    """Without those of an earlier version of the profile."""
    return {key: windows[key] for _, _, key, _ in past.windows if key in windows}


def _noting(width: int, letters: str) -> _Note:
    """`width`: of a part, in ms. `letters`: its figures, l(east), m(ost), s(um), n(umber)."""
    low, high, sums, counted = ("l" in letters, "m" in letters, "s" in letters, "n" in letters)

    def note(window: Window | None, value: Any, at: Instant) -> Window:
        if window is None:
            return at, at, (at // width + 1) * width, alone(value), blank(value), _NO_COLUMNS
        since, stretch, ends, newest, earlier, columns = window
        if at >= ends:
            skipped = (at - ends) // width  # parts without a reading
            ends += (skipped + 1) * width
            if skipped >= _CLOSED:  # all that it has is too old
                return since, at, ends, alone(value), blank(value), _NO_COLUMNS
            columns = closed(columns, newest, (value,) * skipped, (0,) * skipped)
            return since, stretch, ends, alone(value), together(columns), columns
        least, most, total, number = newest
        if low and value < least:
            least = value
        elif high and value > most:
            most = value
        elif not counted:
            return window
        if sums:
            total += value
        if counted:
            number += 1
        return since, stretch, ends, (least, most, total, number), earlier, columns

    def alone(value: Any) -> Figures:
        """Of this one reading."""
        return (value if low else 0), (value if high else 0), (value if sums else 0), (1 if counted else 0)

    def blank(value: Any) -> Figures:
        """Of no reading, when this one comes next."""
        return (value if low else 0), (value if high else 0), 0, 0

    def closed(columns: Columns, part: Figures, values: tuple[Any, ...], zeros: tuple[int, ...]) -> Columns:
        """With one more part that is over, and after it some without a reading."""
        lows, highs, totals, numbers = columns
        if low:
            lows = (*lows, part[0], *values)[-_CLOSED:]
        if high:
            highs = (*highs, part[1], *values)[-_CLOSED:]
        if sums:
            totals = (*totals, part[2], *zeros)[-_CLOSED:]
        if counted:
            numbers = (*numbers, part[3], *zeros)[-_CLOSED:]
        return lows, highs, totals, numbers

    def together(columns: Columns) -> Figures:
        lows, highs, totals, numbers = columns
        return ((min(lows) if low else 0), (max(highs) if high else 0), (sum(totals) if sums else 0),
                (sum(numbers) if counted else 0))

    return note


_CLOSED = PARTS - 1  # parts beside the newest
_NO_COLUMNS: Columns = ((), (), (), ())
