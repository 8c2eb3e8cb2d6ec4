"""Evaluates prev, age, rate, min, max, mean and count in rule conditions."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from itertools import accumulate

from gateway.detection.device_state import ClaimedDevice
from gateway.detection.memory import History
from gateway.detection.reading_history import PARTS
from gateway.devices.profiles import Derived
from gateway.model import MINUTE, SECOND, Instant
from gateway.model.signals import Value

Ask = Callable[[History, Mapping[str, Value], Instant, Instant], Value | None]
"""(what is kept, the signals, when, deaf until) → the answer, None while it is not known.

`deaf until`: nothing that is missing from before then proves anything."""

Moment = Callable[[History, Instant], Instant | None]
"""(what is kept, now) → when an age or a count next passes a number, if nothing more is heard."""


def evaluate_window_calls(state: ClaimedDevice, at: Instant, window_calls: Mapping[str, Ask],
                          deaf_until: Instant = 0) -> dict[str, Value]:
    """The signals, and beside them each answer that can be given at `at`; what is not known is absent."""
    values = dict(state.signals)
    kept = state.history
    if kept is not None:
        for name, ask in window_calls.items():
            answer = ask(kept, state.signals, at, deaf_until)
            if answer is not None:
                values[name] = answer
    return values


def asking(one: Derived) -> Ask:
    """The function that answers it."""
    if one.function == "age":
        return _age(one.signal)
    if not one.window_ms:
        return _prev(one.signal) if one.function == "prev" else _rate(one.signal)
    if one.function == "count":
        return _count(one)
    return _mean(one) if one.function == "mean" else _extreme(one, min if one.function == "min" else max)


def _age(signal: str) -> Ask:
    def ask(kept: History, signals: Mapping[str, Value], at: Instant, deaf_until: Instant) -> Value | None:
        last = kept.last.get(signal)
        return None if last is None else float(max(at - max(last[0], deaf_until), 0) / SECOND)

    return ask


def _prev(signal: str) -> Ask:
    def ask(kept: History, signals: Mapping[str, Value], at: Instant, deaf_until: Instant) -> Value | None:
        last = kept.last.get(signal)
        return None if last is None or len(last) == 1 else last[1]

    return ask


def _rate(signal: str) -> Ask:
    def ask(kept: History, signals: Mapping[str, Value], at: Instant, deaf_until: Instant) -> Value | None:
        last = kept.last.get(signal)
        if last is None or len(last) == 1:
            return None
        when, earlier, before = last
        newest = signals.get(signal)
        if type(newest) is not float or type(earlier) is not float:
            return None
        return float((newest - earlier) * MINUTE / (when - before))

    return ask


def _count(one: Derived) -> Ask:
    key, length, width, column = _window(one)

    def ask(kept: History, signals: Mapping[str, Value], at: Instant, deaf_until: Instant) -> Value | None:
        window = kept.windows.get(key)
        if window is None or at - max(window[0], deaf_until) < length:
            return None
        old = at // width - PARTS + 1 - window[2]
        return float(sum(window[column][old:] if old > 0 else window[column]))

    return ask


def _extreme(one: Derived, most: Callable[..., float]) -> Ask:
    """None while it has not been looked at for a whole length: one hot reading is no hot hour."""
    key, length, width, column = _window(one)
    least = length - width

    def ask(kept: History, signals: Mapping[str, Value], at: Instant, deaf_until: Instant) -> Value | None:
        window = kept.windows.get(key)
        if window is None or at - window[1] < least:
            return None
        old = at // width - PARTS + 1 - window[2]
        return most(window[column][old:], default=None) if old > 0 else most(window[column])

    return ask


def _mean(one: Derived) -> Ask:
    key, length, width, column = _window(one)
    least = length - width

    def ask(kept: History, signals: Mapping[str, Value], at: Instant, deaf_until: Instant) -> Value | None:
        window = kept.windows.get(key)
        if window is None or at - window[1] < least:
            return None
        sums, numbers = window[column], window[column + 1]
        old = at // width - PARTS + 1 - window[2]
        if old > 0:
            sums, numbers = sums[old:], numbers[old:]
        return float(sum(sums) / sum(numbers)) if numbers else None

    return ask


def _window(one: Derived) -> tuple[str, int, int, int]:
    """What it is kept under, its length and that of a part in ms, and the place of its figures."""
    return one.key, one.window_ms, one.window_ms // PARTS, 3 + one.place


def compile_next_change(one: Derived) -> Moment:
    """The function that tells when this age or count next passes one of its limits."""
    return _age_passes(one) if one.function == "age" else _count_passes(one)


def _age_passes(one: Derived) -> Moment:
    def passes(kept: History, now: Instant) -> Instant | None:
        last = kept.last.get(one.signal)
        if last is None:
            return None
        first: Instant | None = None
        for limit in one.limits:
            moment = int(last[0] + limit * SECOND) + 1
            if moment > now and (first is None or moment < first):
                first = moment
        return first

    return passes


def _count_passes(one: Derived) -> Moment:
    (key, length, width, column), limits = _window(one), one.limits[::-1]

    def passes(kept: History, now: Instant) -> Instant | None:
        window = kept.windows.get(key)
        if window is None:
            return None
        countable = window[0] + length
        old = now // width - PARTS + 1 - window[2]
        sums = [*accumulate(reversed(window[column][old:] if old > 0 else window[column]))]
        left = sums[-1] if sums else 0
        limit = next((limit for limit in limits if limit <= left), None)  # the first that it can fall to
        if limit is None or not left:
            return countable if countable > now else None
        stays = bisect_right(sums, limit) if left > limit else bisect_left(sums, left)  # parts that may stay
        moment: Instant = (window[2] + len(window[column]) - 1 - stays + PARTS) * width
        return countable if now < countable < moment else moment

    return passes


def next_evaluation(kept: History, at: Instant, moments: tuple[Moment, ...]) -> Instant | None:
    """When an age or a count next passes a number that it is compared with, if nothing more is heard."""
    first: Instant | None = None
    for passes in moments:
        moment = passes(kept, at)
        if moment is not None and (first is None or moment < first):
            first = moment
    return first
