"""Words for a finger on a button: which of them are a press, in which dialect, and of which kind."""

import csv
import json
import re

import pytest

from gateway.detection import ClaimedDevice, Pressed
from gateway.devices.dialects import shelly, understand
from gateway.devices.dialects.presses import KINDS, press_kind
from gateway.devices.profiles import BadProfile, Profile, compile_profile
from gateway.model.signals import ButtonWord, Ignored, Press, Route, Signal
from tests import SHARED
from tests.drivers.device_stepper import DeviceStepper

DATA = SHARED / "data"
NOW = 1_800_000_000_000
HEARD = understand(("zigbee2mqtt", "esphome", "home_assistant", "tasmota", "shelly_gen1", "ttn", "homie", "native"))


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def words() -> dict[str, str | None]:
    """Word → the press that is right, None where it is none."""
    return {row["word"]: None if row["right"] == "-" else row["right"] for row in rows("zigbee-words.csv")}


def hear(topic: str, payload: object) -> list[Signal]:
    body = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
    try:
        return list(HEARD.decode(topic, body))
    except Ignored:
        return []


def presses(topic: str, payload: object) -> list[str]:
    return [signal.kind for signal in hear(topic, payload) if isinstance(signal, Press)]


# the words of 200 remotes

def test_the_words_of_200_remotes_are_what_people_meant() -> None:
    right = words()
    wrong = {word: (kind, press_kind(word)) for word, kind in right.items() if press_kind(word) != kind}
    assert len(right) == 470
    assert wrong == {}  # 470 of 470; 98 of a hundred are asked for


def test_every_word_is_read_alike_in_json_and_on_the_plain_topic() -> None:
    for word, kind in words().items():
        wanted = [] if kind is None else [kind]
        assert presses("zigbee2mqtt/remote", {"action": word, "battery": 90}) == wanted, word
        assert presses("zigbee2mqtt/remote/action", word) == wanted, word


def test_a_button_says_the_same_whatever_it_is_called() -> None:
    """No word of the list is known by heart: on another button, written another way, it stays what it was."""
    for word, kind in words().items():
        if kind is None or {"bell", "key", "button"}.issuperset(re.findall("[a-z]+", word)):
            continue  # nothing but a button's name
        first, *rest = word.split("_")
        ways = (f"lounge_{word}", f"{word}_7", f"{word}_upstairs", word.upper(), word.replace("_", "-"),
                first + "".join(part.capitalize() for part in rest))
        assert {way: press_kind(way) for way in ways} == dict.fromkeys(ways, kind)


def test_what_is_no_press_is_none_on_any_row_of_any_remote() -> None:
    for word, kind in words().items():
        if kind is None:
            ways = (f"{word}_row_9", f"l3_{word}", word.upper())
            assert {way: press_kind(way) for way in ways} == dict.fromkeys(ways), word


def test_words_of_the_same_remotes_that_are_not_in_the_list() -> None:
    listed = words()
    said = {word for row in rows("zigbee-actions.csv") for word in row["actions"].split() if "*" not in word}
    assert {word: press_kind(word) for word in said - listed.keys() if press_kind(word)} == {
        "brightness_down_click": "single", "brightness_up_click": "single", "brightness_down_hold": "long",
        "brightness_up_hold": "long", "down_single": "single", "up_single": "single", "press_1_and_2": "single",
        "press_1_and_3": "single", "press_2_and_4": "single", "press_3_and_4": "single"}


@pytest.mark.parametrize(("word", "kind"), [
    ("1_initial_press", None), ("1_short_release", "single"), ("2_long_press", "long"), ("2_long_release", None),
    ("dots_1_double_press", "double"), ("arrow_left_click", "single"), ("toggle_hold", "long"),
    ("button_top_left_longpress", "long"), ("button_top_left_longpress_release", None), ("hold_released", None),
    ("up_quintuple", "many"), ("stop_hold", "long"), ("hold_stop", None), ("hold_rotate_left", None),
    ("button_quadruple_press", "many"), ("button_short_release", "single"), ("remote_button_long_release", None),
    ("DoubleClick", "double"), ("longPress", "long"), ("KeyPressed2x", "double"), ("KeyHeldDown", "long"),
    ("KeyReleased", None), ("PRESS_LONG_RELEASE", None), ("PRESS_SHORT", "single"), ("QUAD", "many"),
    ("multi_press_1", "single"), ("multi_press_2", "double"), ("multi_press_3", "triple"), ("3 clicks", "triple"),
    ("double tap", "double"), ("ring", "single"), ("doorbell", "single"), ("1_short", "single"),
    ("SOSButton", "urgent"), ("silent_panic", "urgent"), ("emergency_1_single", "urgent"), ("sos_release", None),
    ("emergency_stop", None), ("emergency_off", None), ("panic_clear", None), ("emergency_heat", None),
    ("", None), ("left", None), ("center", None), ("flip90", None), ("short_circuit", None), ("play_pause", None),
    ("btn_down", None), ("button_top_left", "single"), ("volume_up", None), ("Ünterwegs", None), ("single" * 20, None),
])
def test_words_of_other_makers(word: str, kind: str | None) -> None:
    assert press_kind(word) == kind
    assert kind is None or kind in KINDS


def test_a_finger_that_comes_and_goes_is_one_press() -> None:
    short = ("1_initial_press", "1_short_release")
    long = ("2_initial_press", "2_long_press", "2_long_release")
    assert [kind for word in short for kind in presses("zigbee2mqtt/somrig", {"action": word})] == ["single"]
    assert [kind for word in long for kind in presses("zigbee2mqtt/somrig", {"action": word})] == ["long"]


# every dialect that tells of a finger

@pytest.mark.parametrize(("topic", "payload", "kind"), [
    ("zigbee2mqtt/hall", {"click": "quadruple"}, "many"),
    ("pumphouse/event/bell/state", {"event_type": "button_2_short_release"}, "single"),
    ("pumphouse/event/bell/state", {"event_type": "sos"}, "urgent"),
    ("stat/hall/RESULT", {"Button1": {"Action": "TRIPLE"}}, "triple"),
    ("stat/hall/RESULT", {"Button1": {"Action": "PENTA"}}, "many"),
    ("shellies/uni/input_event/0", {"event": "SSS", "event_cnt": 8}, "triple"),
    ("v3/care/devices/door-1/up", {"uplink_message": {"decoded_payload": {"button": "double click"}}}, "double"),
    ("v3/care/devices/door-1/up", {"uplink_message": {"decoded_payload": {"button": "SOS"}}}, "urgent"),
    ("homie/5/bell/button/action", "2_double_press", "double"),
    ("devices/door 3/press", {"id": "1", "kind": "urgent"}, "urgent"),
])
def test_other_dialects_read_the_same_words(topic: str, payload: object, kind: str) -> None:
    assert presses(topic, payload) == [kind]


def test_a_triple_push_of_a_shelly_is_triple() -> None:
    event = {"method": "NotifyEvent", "params": {"events": [{"component": "input:0", "event": "triple_push"}]}}
    [press] = shelly.decode("shelly1/events/rpc", json.dumps(event).encode(), False)
    assert isinstance(press, Press)
    assert press.kind == "triple"


@pytest.mark.parametrize(("trigger", "kind"), [
    ({"type": "button_short_press", "subtype": "button_1", "payload": "1"}, "single"),
    ({"type": "button_double_press", "subtype": "button_1", "payload": "2"}, "double"),
    ({"type": "button_long_release", "subtype": "button_1", "payload": "off"}, ""),
    ({"type": "button_quintuple_press", "subtype": "turn_on", "payload": "5"}, "many"),
    ({"type": "action", "subtype": "2_long_press", "payload": "2_long_press"}, "long"),
    ({"type": "action", "subtype": "panic", "payload": "panic"}, "urgent"),
    ({"type": "action", "subtype": "on", "payload": "on"}, ""),
])
def test_a_trigger_of_home_assistant_is_what_its_type_says(trigger: dict[str, str], kind: str) -> None:
    config = {"automation_type": "trigger", "topic": "acme/bell", "device": {"ids": "bell"}, **trigger}
    [said] = hear("homeassistant/device_automation/bell/one/config", config)
    [route] = said.routes  # type: ignore[union-attr]
    assert isinstance(route, Route)
    assert route.spec["click"] == kind


def test_a_word_that_is_no_press_by_itself_is_left_to_the_profile() -> None:
    assert ButtonWord("zigbee2mqtt:remote", "on") in hear("zigbee2mqtt/remote", {"action": "on"})
    assert ButtonWord("zigbee2mqtt:remote", "on") in hear("zigbee2mqtt/remote/action", "on")
    assert ButtonWord("esphome:pumphouse", "frost") in hear("pumphouse/event/bell/state", {"event_type": "frost"})


# what a profile knows better

REMOTE = "profile: remote\nname: {en: remote control}\n"


def pressed(profile: Profile, topic: str, payload: object) -> list[tuple[str, bool, bool]]:
    """(kind, urgent, emergency) of what a device with this profile comes to."""
    device = DeviceStepper(ClaimedDevice("remote", "zigbee2mqtt:remote", "remote"))
    verdicts = [verdict for signal in hear(topic, payload) for verdict in device.step(profile, signal, NOW)]
    assert device.state.link == "online"
    return [(one.kind, one.urgent, one.emergency) for one in verdicts if isinstance(one, Pressed)]


def test_a_profile_says_which_further_words_count() -> None:
    remote = compile_profile(REMOTE + "presses: {single: [on, scene_1, 1002], long: [off_hold, off]}\n", "remote.yaml")
    assert pressed(remote, "zigbee2mqtt/remote", {"action": "on"}) == [("single", False, False)]
    assert pressed(remote, "zigbee2mqtt/remote/action", "1002") == [("single", False, False)]
    assert pressed(remote, "zigbee2mqtt/remote", {"action": "off"}) == [("long", True, False)]
    assert pressed(remote, "zigbee2mqtt/remote", {"action": "off_hold"}) == [("long", True, False)]
    assert pressed(remote, "zigbee2mqtt/remote", {"action": "toggle"}) == []


def test_without_a_word_of_its_profile_a_remote_only_switches_lamps() -> None:
    assert pressed(compile_profile(REMOTE, "remote.yaml"), "zigbee2mqtt/remote", {"action": "on"}) == []


def test_any_press_of_an_emergency_button_is_one() -> None:
    button = compile_profile(REMOTE + "button: {emergency: true}\n", "remote.yaml")
    assert button.emergency
    assert pressed(button, "zigbee2mqtt/remote", {"action": "single"}) == [("single", True, True)]


def test_a_profile_with_an_urgent_word_is_an_emergency_button() -> None:
    keypad = compile_profile(REMOTE + "presses: {urgent: [help]}\n", "remote.yaml")
    assert keypad.emergency
    assert pressed(keypad, "zigbee2mqtt/remote", {"action": "help"}) == [("urgent", True, True)]


def test_only_a_word_that_the_profile_names_is_a_test() -> None:
    plain = compile_profile(REMOTE + "button: {emergency: true}\n", "remote.yaml")
    keypad = compile_profile(REMOTE + "button: {emergency: true}\npresses: {test: [sos_test, test]}\n", "remote.yaml")
    for word in ("sos_test", "test"):
        assert pressed(plain, "zigbee2mqtt/remote", {"action": word}) == []
        assert pressed(keypad, "zigbee2mqtt/remote", {"action": word}) == [("test", False, False)]
    for word in ("single", "test_press", "hold", "sos"):
        [(_, urgent, emergency)] = pressed(keypad, "zigbee2mqtt/remote", {"action": word})
        assert (urgent, emergency) == (True, True), word


def test_a_cry_for_help_is_one_on_any_device() -> None:
    remote = compile_profile(REMOTE, "remote.yaml")
    assert not remote.emergency
    assert pressed(remote, "zigbee2mqtt/remote", {"action": "panic"}) == [("urgent", True, True)]


def test_double_urges_also_when_somebody_pressed_more_often() -> None:
    eager = compile_profile(REMOTE + "button: {urgent_on: [double]}\n", "remote.yaml")
    said = [pressed(eager, "zigbee2mqtt/remote", {"action": word}) for word in ("double", "triple", "many", "hold")]
    assert said == [[("double", True, False)], [("triple", True, False)], [("many", True, False)],
                    [("long", False, False)]]


@pytest.mark.parametrize(("presses", "wrong"), [
    ("{singel: [on]}", "p.yaml:3: presses.singel: 'singel' — expected 'single', 'double', 'triple', 'many', 'long', '"),
    ("{single: on}", "p.yaml:3: presses.single: 'on' — expected a list"),
    ("{single: ['']}", "p.yaml:3: presses.single[0]: '' — expected a word of at most 64 characters, as the device s"),
    ("{double: [off_hold]}", "p.yaml:3: presses.double[0]: 'off_hold' is read as long whatever a profile says — expec"),
    ("{test: [single]}", "p.yaml:3: presses.test[0]: 'single' is read as single whatever a profile says — expected a"),
    ("{single: [on], long: [on]}", "p.yaml:3: presses.long[0]: 'on' is single already — expected each word once"),
])
def test_a_mistake_in_presses_is_named(presses: str, wrong: str) -> None:
    with pytest.raises(BadProfile) as caught:
        compile_profile(f"{REMOTE}presses: {presses}\n", "p.yaml")
    assert [error[:len(wrong)] for error in caught.value.errors] == [wrong]
