"""Pure judgement: profile, state, signal and time in; what changed out."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.detection import ClaimedDevice, Cleared, ClockTick, Pressed, Raised, Verdict
from gateway.detection.memory import DeviceMemory
from gateway.devices.profiles import compile_profile
from gateway.model import MINUTE, SECOND, Instant
from gateway.model.signals import FaultCode, Presence, Press, Signal, Telemetry
from gateway.model.states import RulePhase
from tests.drivers.device_stepper import DeviceStepper
from tests.drivers.examples import examples
from tests.drivers.story import HEAT_PUMP

PUMP = compile_profile(HEAT_PUMP, "heat-pump.yaml")
BUTTON = compile_profile("""
profile: button
name: {en: button}
signals:
  battery: {unit: "%"}
silence: {link: 26h}
rules:
  battery_low:
    when: battery < 15
    clear: battery > 30
    severity: minor
    cause: {en: The button's battery is nearly empty}
""", "button.yaml")
NOW = 1_800_000_000_000


def known() -> DeviceStepper:
    return DeviceStepper(ClaimedDevice("pump", "native:pump", "heat-pump"))


def hot(value: float, at: Instant) -> Telemetry:
    return Telemetry("native:pump", {"flow_temp": value}, at)


def names(verdicts: list[Verdict]) -> list[tuple[str, str]]:
    return [(type(verdict).__name__, verdict.rule) for verdict in verdicts if isinstance(verdict, Raised | Cleared)]


def test_a_fault_is_raised_once_and_says_why() -> None:
    device = known()
    raised = device.step(PUMP, hot(80.0, NOW), NOW)
    assert names(raised) == [("Raised", "overheating")]
    assert isinstance(raised[0], Raised)
    assert raised[0].why["signals"] == {"flow_temp": 80.0}
    assert raised[0].why["when"] == "flow_temp > 75.0"
    assert device.step(PUMP, hot(81.0, NOW + 1), NOW + 1) == []


def test_between_the_two_limits_nothing_changes() -> None:
    device = known()
    device.step(PUMP, hot(80.0, NOW), NOW)
    assert device.step(PUMP, hot(70.0, NOW + 1), NOW + 1) == []
    assert names(device.step(PUMP, hot(64.0, NOW + 2), NOW + 2)) == [("Cleared", "overheating")]


def test_a_signal_never_sent_is_neither_a_fault_nor_its_end() -> None:
    assert known().step(PUMP, Telemetry("native:pump", {"humidity": 3.0}, NOW), NOW) == []


def test_text_where_a_number_belongs_is_no_fault() -> None:
    assert known().step(PUMP, Telemetry("native:pump", {"flow_temp": "very hot"}, NOW), NOW) == []


def test_an_old_burst_is_judged_by_its_own_times_before_the_clock_has_a_say() -> None:
    """Hours of queued telemetry: low three hours ago, well again soon after; the clock looks in between."""
    device = known()
    then = NOW - 180 * MINUTE
    device.step(PUMP, Telemetry("native:pump", {"pressure": 0.2}, then), NOW)
    assert device.state.due_at == NOW + 2 * SECOND
    assert device.step(PUMP, Telemetry("native:pump", {"pressure": 1.5}, then + MINUTE), NOW) == []
    assert device.step(PUMP, ClockTick(0), NOW + 3 * SECOND) == []


def test_a_deadline_in_the_database_may_be_early_but_never_late() -> None:
    device = known()
    device.step(PUMP, hot(40.0, NOW), NOW)
    device.state.due_before = device.state.due_at
    for second in range(1, 240):
        at = NOW + second * SECOND
        device.step(PUMP, hot(40.0, at), at)
        assert device.state.due_at is not None
        assert at < device.state.due_at <= at + 5 * MINUTE
        device.state.due_before = device.state.due_at


def low(active: bool, code: str = "battery_low", at: Instant = NOW) -> FaultCode:
    return FaultCode("native:pump", code, active, at)


def test_an_empty_battery_is_a_small_matter_and_said_in_plain_words() -> None:
    for code in ("battery_low", "ATC_attic_battery_low"):
        (raised,) = known().step(PUMP, low(True, code), NOW)
        assert isinstance(raised, Raised)
        assert raised.severity == "minor"
        assert raised.cause.items() >= {
            "en": "The device's battery is nearly empty", "de": "Die Batterie des Geräts ist fast leer"}.items()


def test_one_empty_battery_is_one_fault_where_a_rule_already_looks_at_it() -> None:
    device = known()
    raised = device.step(BUTTON, Telemetry("native:pump", {"battery": 9.0}, NOW), NOW)
    assert names(raised + device.step(BUTTON, low(True), NOW)) == [("Raised", "battery_low")]


def test_a_rule_that_never_sees_the_battery_leaves_the_word_to_the_device() -> None:
    """Many a sensor sends only a flag, never the percentage that the rule is about."""
    device = known()
    assert names(device.step(BUTTON, low(True), NOW)) == [("Raised", "fault:battery_low")]
    device.step(BUTTON, Telemetry("native:pump", {"battery": 80.0}, NOW + 1), NOW + 1)
    assert names(device.step(BUTTON, low(False, at=NOW + 2), NOW + 2)) == [("Cleared", "fault:battery_low")]


moments = st.integers(min_value=0, max_value=20 * MINUTE)
signals = st.one_of(
    st.builds(lambda value: ("data", value), st.floats(min_value=0, max_value=100)),
    st.builds(lambda active: ("fault", active), st.booleans()),
    st.builds(lambda state: ("link", state),
              st.sampled_from(["online", "lost", "stopped", "sleeping", "unknown", "removed"])),
    st.just(("tick", None)),
)


def _signal(kind: str, what: object, at: Instant) -> Signal | ClockTick:
    if kind == "data":
        return Telemetry("native:pump", {"flow_temp": float(str(what)), "pressure": float(str(what)) / 50}, at)
    if kind == "fault":
        return FaultCode("native:pump", "E7", bool(what), at)
    return ClockTick(NOW - 60 * MINUTE) if kind == "tick" else Presence("native:pump", str(what), at)


def alarms_of(memory: DeviceMemory) -> set[str]:
    return {*(name for name, one in memory.rules.items() if one.phase == RulePhase.ACTIVE),
            *(f"fault:{code}" for code, one in memory.faults.items() if one.active),
            *(("silent",) if memory.silent_since is not None else ()),
            *(("stale",) if memory.stale_since is not None else ())}


@examples(400)
@given(st.lists(st.tuples(moments, st.integers(-5 * MINUTE, 0), signals), max_size=40))
def test_whatever_comes_in_whatever_order_no_rule_is_open_twice(
    story: list[tuple[int, int, tuple[str, object]]],
) -> None:
    device, now, open_rules = known(), NOW, set[str]()
    for passed, late, (kind, what) in story:
        now += passed
        for verdict in device.step(PUMP, _signal(kind, what, now + late), now):
            if isinstance(verdict, Raised):
                assert verdict.rule not in open_rules
                open_rules.add(verdict.rule)
            elif isinstance(verdict, Cleared):
                open_rules.remove(verdict.rule)
        assert open_rules == alarms_of(device.state.memory)
        assert device.state.due_at is None or device.state.due_at > now


# presses that a device repeats with a count of its own

def counted(count: int, kind: str = "single", name: str = "input_0") -> Press:
    return Press("shelly_gen1:bell", kind, None, None, (name, count))


def pressed(device: DeviceStepper, *presses: Press) -> list[str]:
    verdicts = [verdict for press in presses for verdict in device.step(BUTTON, press, NOW)]
    return [verdict.kind for verdict in verdicts if isinstance(verdict, Pressed)]


def test_a_press_that_is_repeated_with_its_count_is_one_press() -> None:
    device = known()
    assert pressed(device, counted(0, ""), counted(1), counted(1), counted(1), counted(2, "long")) == ["single", "long"]


def test_the_first_count_ever_heard_is_where_counting_begins() -> None:
    assert pressed(known(), counted(17), counted(17)) == []


def test_a_reboot_begins_the_count_anew_and_the_next_press_counts() -> None:
    device = known()
    assert pressed(device, counted(0, ""), counted(2), counted(0, ""), counted(2)) == ["single", "single"]


def test_each_input_counts_for_itself() -> None:
    device = known()
    assert pressed(device, counted(1), counted(1, name="input_1"), counted(2, name="input_1")) == ["single"]


# data that the device itself calls stale after a time

def expiring(at: Instant) -> Telemetry:
    return Telemetry("native:button", {"battery": 90.0}, at, 0, 5 * MINUTE)


def test_data_older_than_the_device_itself_allows_is_stale() -> None:
    device = known()
    device.step(BUTTON, expiring(NOW), NOW)
    late = NOW + 5 * MINUTE
    assert names(device.step(BUTTON, ClockTick(NOW - MINUTE), late - 1)) == []
    assert names(device.step(BUTTON, ClockTick(NOW - MINUTE), late)) == [("Raised", "stale")]
    assert names(device.step(BUTTON, expiring(late + 1), late + 1)) == [("Cleared", "stale")]


def test_where_silence_is_switched_off_the_devices_own_limit_is_too() -> None:
    text = "profile: quiet\nname: {en: x}\nsignals: {battery: {unit: '%'}}\nsilence: off\n"
    quiet = compile_profile(text, "quiet.yaml")
    device = known()
    device.step(quiet, expiring(NOW), NOW)
    assert names(device.step(quiet, ClockTick(NOW - MINUTE), NOW + 9 * MINUTE)) == []


# what is no data

def test_a_value_that_cannot_be_believed_is_no_measurement() -> None:
    ranged = compile_profile(HEAT_PUMP.replace("flow_temp: {unit: °C}", "flow_temp: {unit: °C, range: [-30, 100]}"),
                             "heat-pump.yaml")
    device = known()
    assert names(device.step(ranged, hot(113.0, NOW), NOW)) == []
    assert "flow_temp" not in device.state.signals
    assert names(device.step(ranged, hot(99.0, NOW + 1), NOW + 1)) == [("Raised", "overheating")]


def test_a_device_of_which_nothing_can_be_believed_has_stale_data_and_is_alive() -> None:
    ranged = compile_profile(HEAT_PUMP.replace("flow_temp: {unit: °C}", "flow_temp: {unit: °C, range: [-30, 100]}"),
                             "heat-pump.yaml")
    device = known()
    device.step(ranged, hot(40.0, NOW), NOW)
    for minute in range(1, 31):
        device.step(ranged, hot(-127.0, NOW + minute * MINUTE), NOW + minute * MINUTE)
    assert names(device.step(ranged, ClockTick(NOW - MINUTE), NOW + 30 * MINUTE)) == [("Raised", "stale")]
    later = NOW + 31 * MINUTE
    assert names(device.step(ranged, hot(41.0, later), later)) == [("Cleared", "stale")]


def test_a_device_that_speaks_of_other_things_has_stale_data() -> None:
    device = known()
    device.step(PUMP, hot(40.0, NOW), NOW)
    for minute in range(1, 31):
        now = NOW + minute * MINUTE
        device.step(PUMP, Telemetry("native:pump", {"v2_flow": 40.0}, now), now)
    assert names(device.step(PUMP, ClockTick(NOW - MINUTE), NOW + 30 * MINUTE)) == [("Raised", "stale")]
