"""Statistics over a window come to what all of its readings come to, whatever comes between them."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.detection.memory import HEALTHY, History, dumps, loads
from gateway.detection.reading_history import PARTS
from gateway.detection.rule_prefilter import prefilter_of
from gateway.detection.window_functions import evaluate_window_calls, view_of
from gateway.model import MINUTE, Instant
from gateway.model.signals import Value
from tests.drivers.examples import examples
from tests.drivers.rule_bench import NOON, profile

WINDOWED = profile("when: 'min(temp, \"8m\") > 1 && max(temp, \"8m\") < 2 && mean(temp, \"8m\") > 3 "
                   "&& count(temp, \"8m\") > 4'")
LENGTH, WIDTH = 8 * MINUTE, 8 * MINUTE // PARTS
gaps = st.one_of(st.integers(0, 3 * MINUTE), st.sampled_from([0, WIDTH, 7 * MINUTE, 8 * MINUTE, 20 * MINUTE]))
values = st.sampled_from([-3.5, 0.0, 12.25, 40.0, 75.5])


def _expected(readings: list[tuple[Instant, float]], at: Instant) -> dict[str, Value]:
    """Of all readings that there were, without any window kept."""
    stretch = first = readings[0][0]
    for (before, _), (after, _) in pairwise(readings):
        if after // WIDTH - before // WIDTH >= PARTS:
            stretch = after
    young = [value for when, value in readings if at // WIDTH - when // WIDTH < PARTS]
    answers: dict[str, Value] = {"count": float(len(young))} if at - first >= LENGTH else {}
    if young and at - stretch >= LENGTH - WIDTH:
        answers |= {"min": min(young), "max": max(young), "mean": round(sum(young) / len(young), 9)}
    return answers


@examples(300)
@given(st.lists(st.tuples(gaps, values), min_size=1, max_size=40), gaps)
def test_a_window_says_what_its_readings_say(story: list[tuple[int, float]], after: int) -> None:
    ready = prefilter_of(WINDOWED)
    assert ready.keep is not None
    history: History | None = None
    readings: list[tuple[Instant, float]] = []
    at = NOON
    for gap, value in story:
        at += gap
        history = ready.keep(history, {"temp": value}, {}, at)
        readings.append((at, value))
        for now in (at, at + after):  # with its message, and when the clock looks
            answers = evaluate_window_calls(view_of({}, history, now), ready.window_calls)
            said = {name.partition("_")[0]: round(float(answer), 9) for name, answer in answers.items()}
            assert said == _expected(readings, now)
        assert loads(dumps(HEALTHY, history)) == (HEALTHY, history)
