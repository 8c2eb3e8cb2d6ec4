"""A button that sticks becomes a fault, and a press that perhaps nobody made is marked; every press stays a press."""

import pytest

from gateway.detection import ClaimedDevice, Cleared, ClockTick, Pressed, Raised, Verdict
from gateway.detection.clock_jumps import set_clock
from gateway.detection.presses import CALM, COUNTED_FOR, MOST_PRESSES
from gateway.devices.profiles import Profile, compile_profile
from gateway.model import HOUR, MINUTE, SECOND, Instant
from gateway.model.signals import FaultCode, Presence, Press, Signal, Telemetry
from gateway.model.states import GhostSign
from tests.drivers.device_stepper import DeviceStepper

NOON = 1_800_000_000_000
HELP = compile_profile("profile: button\nname: {en: button}\nsilence: off\nbutton: {}\n", "button.yaml")
SOS = compile_profile("profile: sos\nname: {en: button}\nsignals: {battery: {unit: '%'}}\nbutton: {emergency: true}\n",
                      "sos.yaml")


class Button:
    def __init__(self, profile: Profile = HELP) -> None:
        self.profile = profile
        self.now: Instant = NOON
        self.device = DeviceStepper(ClaimedDevice("b", "native:b", profile.id))
        self.verdicts: list[Verdict] = []
        self.number = 0

    def hear(self, signal: Signal | ClockTick) -> list[Verdict]:
        said = self.device.step(self.profile, signal, self.now)
        self.verdicts += said
        return said

    def press(self, times: int = 1, every: int = SECOND, press_id: str | None = None) -> None:
        for _ in range(times):
            self.number += 1
            self.hear(Press("native:b", "single", press_id or f"p{self.number}", self.now))
            self.now += every

    def wait(self, ms: int, listening_since: Instant = NOON - HOUR) -> None:
        """The clock looks whenever it wants to."""
        end = self.now + ms
        while (due := self.device.state.due_at) is not None and due <= end:
            self.now = max(due, self.now)
            self.hear(ClockTick(listening_since))
        self.now = end

    def alarms(self) -> list[tuple[str, str]]:
        return [("raised" if isinstance(one, Raised) else "cleared", one.rule) for one in self.verdicts
                if isinstance(one, Raised | Cleared)]

    def suspicions(self) -> list[GhostSign | None]:
        return [one.suspicion for one in self.verdicts if isinstance(one, Pressed)]


# it sticks

def test_so_many_presses_within_ten_minutes_are_no_finger() -> None:
    button = Button()
    button.press(MOST_PRESSES)
    assert button.alarms() == []
    button.press(180)
    assert button.alarms() == [("raised", "sticks")]
    assert len(button.suspicions()) == 200
    [raised] = [one for one in button.verdicts if isinstance(one, Raised)]
    assert (raised.severity, raised.skill, raised.cause["de"]) == ("minor", "electronics", "Die Taste klemmt")


def test_as_many_in_a_day_are() -> None:
    button = Button()
    button.press(100, every=COUNTED_FOR // MOST_PRESSES)
    assert button.alarms() == []


def test_an_emergency_button_that_sticks_is_worse() -> None:
    button = Button(SOS)
    button.press(MOST_PRESSES + 1)
    [raised] = [one for one in button.verdicts if isinstance(one, Raised)]
    assert raised.severity == "major"
    assert all(one.emergency for one in button.verdicts if isinstance(one, Pressed))


def test_a_press_that_is_sent_again_until_it_is_answered_counts_once() -> None:
    button = Button()
    button.press(100, press_id="p1")
    assert button.alarms() == []
    assert len(button.suspicions()) == 100  # each is answered


def test_it_is_over_when_nobody_has_pressed_for_an_hour() -> None:
    button = Button()
    button.press(MOST_PRESSES + 1)
    button.wait(50 * MINUTE)
    button.press()
    button.wait(CALM - 2 * SECOND)
    assert button.alarms() == [("raised", "sticks")]
    button.wait(2 * SECOND)
    assert button.alarms() == [("raised", "sticks"), ("cleared", "sticks")]
    button.press()
    assert button.alarms()[2:] == []
    assert button.suspicions()[-1] is None


def test_an_hour_in_which_we_did_not_listen_proves_nothing() -> None:
    button = Button()
    button.press(MOST_PRESSES + 1)
    back = button.now + CALM - MINUTE
    button.wait(CALM + MINUTE, listening_since=back)
    assert button.alarms() == [("raised", "sticks")]
    button.wait(CALM, listening_since=back)
    assert button.alarms()[1:] == [("cleared", "sticks")]


def test_a_button_that_says_itself_that_it_is_held_sticks_until_an_hour_after_it_is_not() -> None:
    button = Button()
    button.hear(FaultCode("native:b", "sticks", True, button.now))
    button.press()
    button.wait(10 * HOUR)
    assert button.alarms() == [("raised", "sticks")]
    button.hear(FaultCode("native:b", "sticks", False, button.now))
    button.wait(CALM)
    assert button.alarms()[1:] == [("cleared", "sticks")]


def test_a_profile_may_have_a_fault_of_that_name_of_its_own() -> None:
    damper = compile_profile("profile: damper\nname: {en: damper}\nfaults:\n  sticks: {severity: minor, "
                             "cause: {en: The damper sticks}, skill: heating}\n", "damper.yaml")
    button = Button(damper)
    button.hear(FaultCode("native:b", "sticks", True, button.now))
    assert button.alarms() == [("raised", "fault:sticks")]


def test_counting_begins_anew_when_our_clock_was_set() -> None:
    button = Button()
    button.press(MOST_PRESSES)
    state = button.device.state
    state.memory = set_clock(state.memory, -HOUR, button.now - HOUR)
    button.now -= HOUR
    button.press()
    assert button.alarms() == []


def test_a_device_that_nobody_presses_remembers_nothing_of_fingers() -> None:
    button = Button()
    button.hear(Presence("native:b", "lost"))
    button.hear(Presence("native:b", "online"))
    button.hear(Telemetry("native:b", {"battery": 5.0}))
    assert button.device.state.memory.fingers is None


# perhaps nobody pressed

def test_a_press_a_moment_after_the_button_came_back_may_be_none() -> None:
    button = Button(SOS)
    button.press()
    button.hear(Presence("native:b", "lost", button.now))
    button.now += HOUR
    button.hear(Presence("native:b", "online", button.now))
    button.now += 3 * SECOND
    button.press(2, every=20 * SECOND)
    assert button.suspicions() == [None, GhostSign.JUST_BACK, None]


def test_also_when_the_press_is_the_first_that_is_heard_of_it() -> None:
    button = Button(SOS)
    button.hear(Presence("native:b", "lost", button.now))
    button.now += HOUR
    button.press()
    assert button.suspicions() == [GhostSign.JUST_BACK]


def test_a_press_that_was_made_before_the_button_came_back_is_one() -> None:
    button = Button(SOS)
    button.hear(Presence("native:b", "lost", button.now))
    pressed_at, button.now = button.now + MINUTE, button.now + HOUR
    button.hear(Press("native:b", "single", "p1", pressed_at))
    assert button.suspicions() == [None]


def test_a_button_that_wakes_up_to_say_so_is_not_suspected() -> None:
    button = Button(SOS)
    button.hear(Presence("native:b", "sleeping", button.now))
    button.now += HOUR
    button.hear(Presence("native:b", "online", button.now))
    button.press()
    assert button.suspicions() == [None]


@pytest.mark.parametrize(("battery", "suspicion"), [(9.0, GhostSign.BATTERY_LOW), (10.0, None), (-1.0, None)])
def test_a_press_with_a_nearly_empty_battery_may_be_none(battery: float, suspicion: GhostSign | None) -> None:
    button = Button(SOS)
    button.hear(Telemetry("native:b", {"battery": battery}))
    button.press()
    assert button.suspicions() == [suspicion]


def test_a_battery_that_the_button_itself_calls_empty_counts_too() -> None:
    button = Button(SOS)
    button.hear(FaultCode("native:b", "battery_low"))
    button.press()
    assert button.suspicions() == [GhostSign.BATTERY_LOW]


def test_a_suspected_press_is_a_call_for_help_all_the_same() -> None:
    button = Button(SOS)
    button.press(MOST_PRESSES + 1)
    said = [one for one in button.verdicts if isinstance(one, Pressed)]
    assert (said[-1].suspicion, said[-1].emergency, said[-1].urgent) == (GhostSign.STICKS, True, True)
