"""Rules come to the same however they are judged: quickly or by CEL, with restarts or without, in any order."""

import json
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.detection import Cleared, Escalated, MissedAlarm, Raised
from gateway.detection.device_state import SILENT, STALE
from gateway.detection.memory import HEALTHY, dumps
from gateway.detection.rule_prefilter import prefilter_of
from gateway.model import DAY, MINUTE, SECOND
from gateway.model.states import RulePhase
from gateway.rules.cel import BadExpression
from gateway.rules.compile import compile_condition
from tests.drivers.examples import examples
from tests.drivers.rule_bench import NOON, RuleBench, profile

# a plain condition is judged without CEL, and alike

names, constants = st.sampled_from(["temp", "back"]), st.sampled_from(["-3", "0", "40", "75.5"])
terms = st.recursive(st.one_of(names, constants), lambda inner: st.builds(
    "({} {} {})".format, inner, st.sampled_from(["+", "-", "*"]), inner), max_leaves=3)
atoms = st.one_of(
    st.just("door"), st.builds("{} {} {}".format, terms, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), terms),
    st.builds("{} in [{}, 40]".format, names, constants))
conditions = st.recursive(atoms, lambda inner: st.one_of(
    st.builds("!({})".format, inner), st.builds("{} {} {}".format, inner, st.sampled_from(["&&", "||"]), inner),
    st.builds("({})".format, inner)), max_leaves=5)
numbers = st.one_of(st.sampled_from([-3.0, 0.0, 40.0, 75.5]), st.floats(-1e6, 1e6))


@examples(300)
@given(conditions, numbers, numbers, st.booleans())
def test_what_is_judged_quickly_is_judged_as_cel_would(source: str, temp: float, back: float, door: bool) -> None:
    try:
        condition = compile_condition("any", source, {"temp": float, "back": float, "door": bool})
    except BadExpression:
        return  # it names no signal
    assert condition.quick is not None
    values = {"temp": temp, "back": back, "door": door}
    assert condition.holds(values) is replace(condition, quick=None).holds(values)


@examples(300)
@given(conditions, st.dictionaries(st.sampled_from(["temp", "back", "door"]), numbers))
def test_a_message_stirs_a_rule_exactly_when_its_condition_holds(source: str, values: dict[str, float | bool]) -> None:
    try:
        condition = compile_condition("hot", source, {"temp": float, "back": float, "door": bool})
    except BadExpression:
        return
    values = {name: value > 0 if name == "door" else value for name, value in values.items()}
    plain = profile("when: temp > 75")
    may_change = prefilter_of(replace(plain, rules=(replace(plain.rules[0], when=condition),))).may_change
    assert bool(may_change(values, HEALTHY, None, NOON)) is (condition.holds(values) is True)


def test_a_text_in_a_condition_is_never_more_than_a_text() -> None:
    hostile = """'"] or True or [\\'"""
    condition = compile_condition("any", f"said == r\"\"\"{hostile}\"\"\"", {"said": str})
    assert condition.quick is not None
    assert [condition.holds({"said": said}) for said in (hostile, "fine", "")] == [True, False, False]


def test_a_condition_that_python_finds_too_deep_is_left_to_cel() -> None:
    condition = compile_condition("any", "!" * 400 + "door", {"door": bool})
    assert condition.quick is None
    assert condition.holds({"door": True}) is True


def test_a_part_of_a_window_without_a_reading_counts_for_nothing() -> None:
    boiler = profile("when: max(temp, \"8m\") - min(temp, \"8m\") > 50 && mean(temp, \"8m\") < 60 "
                     "&& count(temp, \"8m\") < 9")
    device = RuleBench(boiler, start=NOON - DAY).says(0, temp=20.0)
    device.start = NOON - 7 * MINUTE
    device.says(0, temp=10.0).says(1, temp=80.0)
    for minute in range(3, 7):
        device.says(minute * 60, temp=20.0)
    device.verdicts.clear()
    device.restarts().says(420, temp=20.0)
    (raised,) = device.verdicts
    assert isinstance(raised, Raised)
    assert raised.why["signals"] == {'max(temp, "8m")': 80.0, 'min(temp, "8m")': 10.0, 'mean(temp, "8m")': 190 / 7,
                                     'count(temp, "8m")': 7.0}


# all of it together, in any order, with any restarts

ALL = profile("""when: temp > 75
clear: temp < 65
for: 1m
keep_firing_for: 2m
rises: {critical: temp > 90}
flapping: true""", """
  often:
    when: back > 50
    hits: 3 of 5
    clear_hits: 2 of 3
    severity: minor
    cause: {en: Often}
  slow:
    when: mean(temp, "10m") > 60 && rate(temp) < 50
    keep_firing_for: 1m
    severity: minor
    depends_on: [hot]
    cause: {en: Slow}
  old:
    when: age(back) > 300 || count(temp, "10m") < 2
    never_during: [{from: "13:00", until: "14:00"}]
    severity: warning
    cause: {en: Old}
""", silence="{link: 5m, data: 20m}")

moves = st.lists(st.tuples(
    st.integers(0, 4 * MINUTE),  # since the last
    st.one_of(st.none(), st.tuples(
        st.integers(-3 * MINUTE, 0),  # how old it is
        st.dictionaries(st.sampled_from(["temp", "back"]), st.sampled_from([20.0, 55.0, 70.0, 80.0, 95.0]), min_size=1)
    )),
    st.booleans(),  # a restart before it
), max_size=60)


def _play(story: list[tuple[int, tuple[int, dict[str, float]] | None, bool]], restarts: bool) -> RuleBench:
    device = RuleBench(ALL)
    now = 0
    for passed, message, restart in story:
        now += passed
        device.passes(now / SECOND)
        if restart and restarts:
            device.restarts()
        if message is not None:
            device.heard(now / SECOND, (now + message[0]) / SECOND, **message[1])
    return device


@examples(300)
@given(moves)
@example([(0, (0, {"temp": 20.0}), False), (4 * MINUTE, None, False), (4 * MINUTE, None, True), (MINUTE, None, False)])
@example([(0, (0, {"temp": 20.0}), False), *[(4 * MINUTE, None, False)] * 3, (0, (0, {"temp": 20.0}), True)])
def test_no_two_open_alarms_each_end_has_its_beginning_and_restarts_change_nothing(
    story: list[tuple[int, tuple[int, dict[str, float]] | None, bool]],
) -> None:
    whole, broken = _play(story, False), _play(story, True)
    assert whole.verdicts == broken.verdicts
    assert whole.state == broken.state
    alarms = set[str]()
    for verdict in whole.verdicts:
        match verdict:
            case Raised():
                assert verdict.rule not in alarms
                alarms.add(verdict.rule)
            case Cleared():
                alarms.remove(verdict.rule)
            case Escalated():
                assert verdict.rule in alarms
            case MissedAlarm():
                assert verdict.raised.rule not in alarms
    memory = whole.state.memory
    silence = {name for name, since in ((SILENT, memory.silent_since), (STALE, memory.stale_since))
               if since is not None}
    assert alarms == {name for name, one in memory.rules.items() if one.phase == RulePhase.ACTIVE} | silence
    assert whole.state.due_at is None or whole.state.due_at > whole.now


@examples(200)
@given(moves)
def test_a_state_stays_within_a_kilobyte(
    story: list[tuple[int, tuple[int, dict[str, float]] | None, bool]],
) -> None:
    state = _play(story, False).state
    assert len(dumps(state.memory, state.history)) + len(json.dumps(state.signals)) <= 1024
