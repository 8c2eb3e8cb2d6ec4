"""Evaluates prev, age, rate, min, max, mean and count in rule conditions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.detection.memory import History, LastReading, Window
from gateway.detection.reading_history import LEAST, MOST, NUMBER, PARTS, SUM, Moment
from gateway.devices.profiles import Derived
from gateway.model import MINUTE, SECOND, Instant
from gateway.model.signals import Value

View = tuple[Mapping[str, Value], Mapping[str, LastReading], Mapping[str, Window], Instant, Instant]
"""(the signals, their last readings, their windows, when, deaf until).

`deaf until`: nothing that is missing from before then proves anything."""

Ask = Callable[[View], Value]
"""What a function comes to. Raises KeyError while that is not known."""


def view_of(signals: Mapping[str, Value], history: History | None, at: Instant, deaf_until: Instant = 0) -> View:
    last, windows, _ = _NO_HISTORY if history is None else history
    return signals, last, windows, at, deaf_until


_NO_HISTORY = History()


def evaluate_window_calls(view: View, window_calls: Mapping[str, Ask]) -> dict[str, Value]:
    """The signals, and beside them each answer that can be given; what is not known is absent."""
    values = dict(view[0])
    for name, ask in window_calls.items():
        try:
            answer = ask(view)
        except KeyError:
            continue
        values[name] = answer
    return values


def compile_call(one: Derived) -> Ask:
    """The function that answers it."""
    if one.function == "age":
        return _age(one.signal)
    if not one.window_ms:
        return _prev(one.signal) if one.function == "prev" else _rate(one.signal)
    if one.function == "count":
        return _count(one)
    return _mean(one) if one.function == "mean" else _least(one) if one.function == "min" else _most(one)


def _age(signal: str) -> Ask:
    def ask(view: View) -> Value:
        _, last, _, at, since = view
        heard = last[signal][0]
        if heard > since:
            since = heard
        return (at - since) / SECOND if at > since else 0.0

    return ask


def _prev(signal: str) -> Ask:
    def ask(view: View) -> Value:
        last = view[1][signal]
        if len(last) == 1:
            raise KeyError(signal)
        value: Value = last[1]
        return value

    return ask


def _rate(signal: str) -> Ask:
    def ask(view: View) -> Value:
        last = view[1][signal]
        if len(last) == 1:
            raise KeyError(signal)
        when, earlier, before = last
        newest = view[0][signal]
        if type(newest) is not float or type(earlier) is not float:
            raise KeyError(signal)
        return (newest - earlier) * MINUTE / (when - before)

    return ask


def _count(one: Derived) -> Ask:
    key, length, width = _window(one)

    def ask(view: View) -> Value:
        _, _, windows, at, deaf_until = view
        since, _, ends, newest, earlier, columns = windows[key]
        if at - (since if since > deaf_until else deaf_until) < length:
            raise KeyError(key)
        if at < ends:
            return float(earlier[3] + newest[3])
        return float(sum(_young(columns[NUMBER], newest[NUMBER], at, ends, width)))

    return ask


# Not known while it has not been looked at for a whole length: one hot reading is no hot hour.


def _least(one: Derived) -> Ask:
    key, length, width = _window(one)
    enough = length - width

    def ask(view: View) -> Value:
        _, _, windows, at, _ = view
        _, stretch, ends, newest, earlier, columns = windows[key]
        if at - stretch < enough:
            raise KeyError(key)
        if at >= ends:
            return float(min(_some_young(columns[LEAST], newest[LEAST], at, ends, width)))
        least: float = newest[0]
        before: float = earlier[0]
        return least if least < before else before

    return ask


def _most(one: Derived) -> Ask:
    key, length, width = _window(one)
    enough = length - width

    def ask(view: View) -> Value:
        _, _, windows, at, _ = view
        _, stretch, ends, newest, earlier, columns = windows[key]
        if at - stretch < enough:
            raise KeyError(key)
        if at >= ends:
            return float(max(_some_young(columns[MOST], newest[MOST], at, ends, width)))
        most: float = newest[1]
        before: float = earlier[1]
        return most if most > before else before

    return ask


def _mean(one: Derived) -> Ask:
    key, length, width = _window(one)
    enough = length - width

    def ask(view: View) -> Value:
        _, _, windows, at, _ = view
        _, stretch, ends, newest, earlier, columns = windows[key]
        if at - stretch < enough:
            raise KeyError(key)
        if at < ends:
            return float((earlier[2] + newest[2]) / (earlier[3] + newest[3]))
        numbers = _some_young(columns[NUMBER], newest[NUMBER], at, ends, width)
        return float(sum(_young(columns[SUM], newest[SUM], at, ends, width)) / sum(numbers))

    return ask


def _window(one: Derived) -> tuple[str, int, int]:
    """What it is kept under, its length and that of a part in ms."""
    return one.key, one.window_ms, one.window_ms // PARTS


def _young(column: tuple[Any, ...], newest: Any, at: Instant, ends: Instant, width: int) -> tuple[Any, ...]:
    """A figure of each part that is young enough at `at`; the newest part ended at `ends`."""
    figures = (*column, newest)
    old = (at - ends) // width + 1 - (PARTS - len(figures))
    return figures[old:] if old > 0 else figures


def _some_young(column: tuple[Any, ...], newest: Any, at: Instant, ends: Instant, width: int) -> tuple[Any, ...]:
    """As `_young`, of one part at least. Raises KeyError."""
    figures = _young(column, newest, at, ends, width)
    if not figures:
        raise KeyError
    return figures


def first_change(calls: Sequence[Derived]) -> Moment | None:
    """The function that tells when one of these ages and counts next passes a number that it is compared with."""
    moments = tuple(_age_passes(one) if one.function == "age" else _count_passes(one) for one in calls)
    if len(moments) < 2:
        return moments[0] if moments else None

    def first(last: Mapping[str, LastReading], windows: Mapping[str, Window], now: Instant) -> Instant | None:
        known = [moment for passes in moments if (moment := passes(last, windows, now)) is not None]
        return min(known, default=None)

    return first


def _age_passes(one: Derived) -> Moment:
    signal, limits = one.signal, tuple(int(limit * SECOND) + 1 for limit in one.limits)

    def passes(last: Mapping[str, LastReading], windows: Mapping[str, Window], now: Instant) -> Instant | None:
        if signal in last:
            heard = last[signal][0]
            for limit in limits:
                if heard + limit > now:
                    return heard + limit
        return None

    return passes


def _count_passes(one: Derived) -> Moment:
    (key, length, width), limits = _window(one), one.limits[::-1]

    def passes(last: Mapping[str, LastReading], windows: Mapping[str, Window], now: Instant) -> Instant | None:
        if key not in windows:
            return None
        since, _, ends, newest, earlier, columns = windows[key]
        number, column = newest[3], columns[3]
        countable = since + length
        left = number + earlier[3] if now < ends else sum(_young(column, number, now, ends, width))
        for limit in limits:
            if limit <= left:  # the first that it can fall to
                break
        else:
            left = 0
        if not left:
            return countable if countable > now else None
        stay, most = 0, limit if left > limit else left - 1  # how many of the newest parts may stay
        while number <= most:
            stay += 1
            number += column[-stay]
        moment = ends + (PARTS - 1 - stay) * width
        return countable if now < countable < moment else moment

    return passes
