"""What is remembered of a device: it goes through the database whole, and no step changes the state it is given."""

import json
from collections.abc import Callable
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.detection import ClaimedDevice, ClockTick, Raised
from gateway.detection.memory import (
    HEALTHY,
    BridgeDown,
    ClockOffset,
    DeviceMemory,
    ExcessFaults,
    FaultState,
    Fingers,
    History,
    HitCounts,
    PressCounts,
    RepeatedMessage,
    RuleState,
    active_rules,
    dumps,
    loads,
)
from gateway.devices.profiles import compile_profile
from gateway.model import DAY, HOUR, MINUTE, SECOND, Instant
from gateway.model.signals import FaultCode, FaultList, Presence, Press, Signal, Telemetry
from gateway.model.states import LinkState, RulePhase
from tests.drivers.device_stepper import DeviceStepper
from tests.drivers.examples import examples

NOON = 1_800_000_000_000
FULL = DeviceMemory(
    rules={"hot": RuleState(RulePhase.ACTIVE, NOON, NOON + MINUTE, NOON + SECOND, "critical", True),
           "cold": RuleState(RulePhase.WAITING, NOON, NOON + HOUR)},
    faults={"E7": FaultState(True, NOON, "pump"), "E8": FaultState(False, NOON)},
    many_faults=ExcessFaults(NOON, NOON + 1, ("E9", "E10"), True, NOON + HOUR),
    silent_since=NOON + 2, stale_since=NOON + 3, asleep_until=NOON + HOUR,
    bridge=BridgeDown("zigbee2mqtt:hub", True, LinkState.ONLINE), clock=ClockOffset(-HOUR, -HOUR + 5, 3, NOON),
    expires_ms=5 * MINUTE, relayed_at=NOON - DAY, repeated=RepeatedMessage(NOON - HOUR, 7),
    presses=PressCounts({"input_0": 3}, NOON, NOON - 1, ("long", NOON - 2)),
    fingers=Fingers(((NOON, 7), (NOON + 1, 0)), NOON, NOON, True, NOON + HOUR),
    hits={"hot": HitCounts(9, 5, 2_097_153, True)}, broken={"cold": "no such overload"})
PAST = History({"temp": (NOON, 40.5, NOON - MINUTE), "back": (NOON,)},
               {"temp/10m:sn": (NOON - HOUR, NOON - HOUR, NOON, (0, 0, 40.0, 1), (0, 0, 80.5, 2),
                                ((), (), (80.5,), (2,)))}, NOON + MINUTE)


def test_every_field_comes_back_from_the_database_as_it_was() -> None:
    assert all(one != kept for one, kept in zip(FULL, HEALTHY, strict=True)), "a field that this test does not fill"
    assert loads(dumps(FULL, PAST)) == (FULL, PAST)
    for name in DeviceMemory._fields:
        alone = HEALTHY._replace(**{name: getattr(FULL, name)})
        assert loads(dumps(alone, None)) == (alone, None)
    for history in (History(), PAST._replace(due=None)):
        assert loads(dumps(HEALTHY, history)) == (HEALTHY, history)


def test_a_healthy_device_costs_nothing() -> None:
    assert dumps(HEALTHY, None) == dumps(FULL._replace(**HEALTHY._asdict()), None) == "{}"
    assert loads("{}") == (HEALTHY, None)


def test_only_what_differs_is_written() -> None:
    waits = HEALTHY._replace(rules={"hot": RuleState(RulePhase.PENDING, NOON, NOON + MINUTE)})
    assert json.loads(dumps(waits, None)) == {"rules": {"hot": {
        "phase": "pending", "since": NOON, "due": NOON + MINUTE}}}


def test_what_a_newer_gateway_remembers_beside_it_is_ignored_and_what_is_missing_is_an_error() -> None:
    newer = {"mood": "fine", "rules": {"hot": {"phase": "active", "since": NOON, "colour": "red"}},
             "clock": {"offset_ms": 1, "candidate_ms": 1, "times": 3, "at": NOON, "zone": "UTC"}}
    assert loads(json.dumps(newer)) == (DeviceMemory(
        rules={"hot": RuleState(RulePhase.ACTIVE, NOON)}, clock=ClockOffset(1, 1, 3, NOON)), None)
    with pytest.raises(ValueError, match="'boiling' is not a valid RulePhase"):
        loads('{"rules": {"hot": {"phase": "boiling", "since": 1}}}')
    with pytest.raises(TypeError, match="'at'"):
        loads('{"faults": {"E7": {"active": true}}}')


def test_the_api_shows_what_is_raised_or_near() -> None:
    assert list(active_rules(FULL)) == ["hot", "cold", "silent", "stale", "sticks", "fault:E7"]
    assert active_rules(FULL)["cold"] == {"phase": "waiting", "since": NOON, "due": NOON + HOUR}
    assert active_rules(HEALTHY) == {}


def test_a_copy_of_a_state_has_all_of_it() -> None:
    state = ClaimedDevice("d", "native:d", "p", LinkState.LOST, 1, 2, 3, 4, 5, True, {"temp": 1.0}, "{…}", FULL, PAST,
                  "Europe/Rome", 7)
    assert all(getattr(state, one.name) != getattr(ClaimedDevice("", "", ""),
                                                   one.name) for one in fields(ClaimedDevice))
    assert state.copy() == state


PROFILE = compile_profile("""
profile: boiler
name: {en: boiler}
signals: {temp: {unit: °C}, back: {unit: °C}}
silence: {link: 5m, data: 45m}
rules:
  hot: {when: temp > 75, clear: temp < 65, for: 1m, keep_firing_for: 2m, rises: {critical: temp > 90}, flapping: true,
        severity: major, cause: {en: x}}
  often: {when: back > 50, hits: 2 of 3, clear_hits: 2 of 3, severity: minor, cause: {en: x}}
  steep: {when: 'rate(temp) > 100 || mean(temp, "10m") > 60 || age(back) > 600', severity: minor, cause: {en: x}}
""", "boiler.yaml")
KEY = "native:boiler"
numbers = st.sampled_from([10.0, 55.0, 64.0, 76.0, 95.0])
links = st.sampled_from(["online", "lost", "stopped", "sleeping", "unknown", "reachable", "proven", "removed"])
codes = st.sampled_from(["E1", "E2", "E3"])
ago = st.sampled_from([0, 0, 5 * SECOND, 10 * MINUTE, HOUR])
Says = Callable[[Instant], Signal | ClockTick]
said: st.SearchStrategy[Says] = st.one_of(
    st.builds(lambda temp, back, late: lambda now: Telemetry(
        KEY, {"temp": temp, "back": back}, now - late, 1, 9 * MINUTE), numbers, numbers, ago),
    st.builds(lambda late: lambda now: Telemetry(KEY, {"temp": "hot"}, NOON - late, 1, None, NOON - late), ago),
    st.builds(lambda state, late, hub: lambda now: Presence(KEY, state, now - late, now + HOUR, through=hub),
              links, ago, st.sampled_from([None, "native:hub", KEY])),
    st.builds(lambda code, active: lambda now: FaultCode(KEY, code, active, now), codes, st.booleans()),
    st.builds(lambda codes, part: lambda now: FaultList(KEY, part, tuple(codes), now), st.lists(codes), st.just("E")),
    st.builds(lambda count, woken: lambda now: Press(KEY, "single", None, None, ("input_0", count), woken),
              st.integers(0, 3), st.booleans()),
    st.builds(lambda: lambda now: ClockTick(NOON - DAY)))


@examples(200)
@given(st.lists(st.tuples(said, st.sampled_from([SECOND, 20 * SECOND, MINUTE, 10 * MINUTE, 2 * HOUR])), max_size=25))
def test_no_step_changes_the_state_it_is_given_whatever_comes(story: list[tuple[Says, int]]) -> None:
    """`DeviceStepper` compares each; beside it one whose state goes through the database after each step."""
    device, restarted = (DeviceStepper(ClaimedDevice("d", KEY, "boiler")) for _ in range(2))
    now = NOON
    for says, passed in story:
        now += passed
        signal = says(now)
        assert device.step(PROFILE, signal, now) == restarted.step(PROFILE, signal, now)
        restarted.state.memory, restarted.state.history = loads(dumps(restarted.state.memory, restarted.state.history))
        assert device.state == restarted.state


def test_one_state_may_be_judged_twice_with_different_signals() -> None:
    calm = DeviceStepper(ClaimedDevice("d", KEY, "boiler"))
    calm.step(PROFILE, Telemetry(KEY, {"temp": 40.0, "back": 30.0}, NOON), NOON)
    ends = []
    for temp in (95.0, 41.0):
        device, now = DeviceStepper(calm.state), NOON
        for _ in range(4):
            now += MINUTE
            verdicts = device.step(PROFILE, Telemetry(KEY, {"temp": temp, "back": 30.0}, now), now)
            ends += [(temp, one.rule) for one in verdicts if isinstance(one, Raised)]
    assert ends == [(95.0, "hot")]
