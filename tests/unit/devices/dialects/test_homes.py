"""What happens in a home, as Shelly Gen1, ESPHome, EMS-ESP and Flic tell it."""

import json

import pytest

from gateway.detection import ClaimedDevice, Cleared, Pressed, Raised, Verdict, step
from gateway.devices import dialects
from gateway.devices.profiles import compile_profile
from gateway.model import SECOND
from gateway.model.signals import Announced, FaultCode, Ignored, Presence, Press, Signal, Telemetry, Undecodable
from tests.drivers.story import HEAT_PUMP
from tests.fixtures.payload_expectations import agrees

SPOKEN = dialects.understand(("shelly_gen1", "esphome", "ems_esp", "flic"))
PROFILE = compile_profile(HEAT_PUMP, "heat-pump.yaml")
NOW = 1_800_000_000_000
RELAY = "shellies/shelly1pm-17/relay/0"
BUTTON = "shellies/shellybutton1-5/input_event/0"


class Device:
    """One device: it hears what its topics say, a second apart, and gathers what follows."""

    def __init__(self) -> None:
        self.state = ClaimedDevice("d", "d", "heat-pump")
        self.verdicts: list[Verdict] = []
        self.now = NOW

    def hears(self, topic: str, *payloads: bytes, retained: bool = False) -> None:
        for payload in payloads:
            self.now += SECOND
            for signal in heard(topic, payload, retained):
                self.state, verdicts = step(PROFILE, self.state, signal, self.now)
                self.verdicts += verdicts

    @property
    def presses(self) -> list[str]:
        return [verdict.kind for verdict in self.verdicts if isinstance(verdict, Pressed)]

    @property
    def faults(self) -> list[str]:
        return [f"{type(v).__name__} {v.rule}" for v in self.verdicts if isinstance(v, Raised | Cleared)]


def heard(topic: str, payload: bytes, retained: bool = False) -> list[Signal]:
    """What is said; nothing when it is ignored."""
    try:
        return list(SPOKEN.decode(topic, payload, retained))
    except Ignored:
        return []


def event(word: str, count: int) -> bytes:
    return json.dumps({"event": word, "event_cnt": count}).encode()


def boiler(**values: object) -> bytes:
    return json.dumps(values).encode()


# Shelly Gen1: a press is a change of the counter

def test_a_resent_press_is_no_second_press() -> None:
    button = Device()
    button.hears(BUTTON, event("", 0), event("S", 1), event("S", 1), event("S", 1), event("SS", 2), event("SS", 2))
    assert button.presses == ["single", "double"]


def test_the_first_count_ever_heard_is_where_counting_begins() -> None:
    button = Device()
    button.hears(BUTTON, event("S", 41), event("S", 41))
    assert button.presses == []
    button.hears(BUTTON, event("L", 42))
    assert button.presses == ["long"]


def test_a_reboot_that_starts_the_count_again_presses_nothing() -> None:
    button = Device()
    button.hears(BUTTON, event("S", 6), event("S", 7), event("", 0))
    assert button.presses == ["single"]
    button.hears(BUTTON, event("S", 1))
    assert button.presses == ["single", "single"]


def test_two_inputs_of_one_device_count_for_themselves() -> None:
    device = Device()
    other = BUTTON[:-1] + "1"
    device.hears(BUTTON, event("", 0))
    device.hears(other, event("", 0))
    device.hears(BUTTON, event("S", 1))
    device.hears(other, event("S", 1))
    assert device.presses == ["single", "single"]


def test_a_retained_press_is_nobody_at_the_door() -> None:
    button = Device()
    button.hears(BUTTON, event("", 0))
    button.hears(BUTTON, event("S", 1), retained=True)
    button.hears("flic/BG-1/action", b"click", b"hold", retained=True)
    button.hears("porch/event/bell/state", b'{"event_type":"press"}', retained=True)
    assert button.presses == []


def test_a_long_push_topic_presses_nothing_because_it_is_repeated() -> None:
    button = Device()
    button.hears("shellies/shelly1pm-17/longpush/0", b"1", b"1", b"0")
    assert button.presses == []


@pytest.mark.parametrize(("body", "field"), [
    ({"event": "S"}, "event_cnt"), ({"event": "S", "event_cnt": -1}, "event_cnt"),
    ({"event": "S", "event_cnt": True}, "event_cnt"), ({"event": "S", "event_cnt": "2"}, "event_cnt"),
    ({"event": "SSSS", "event_cnt": 2}, "event"), ({"event_cnt": 2}, "event"),
])
def test_a_press_without_a_count_or_a_known_word_is_refused_by_name(body: dict[str, object], field: str) -> None:
    with pytest.raises(Undecodable, match=rf"^{field}: expected"):
        SPOKEN.decode(BUTTON, json.dumps(body).encode())


# Shelly Gen1: faults it names itself

@pytest.mark.parametrize("after", [b"off", b"on"])
def test_an_overpower_is_a_fault_until_the_relay_says_on_or_off(after: bytes) -> None:
    plug = Device()
    plug.hears(RELAY, b"on", b"overpower", b"overpower", after, after)
    assert plug.faults == ["Raised fault:relay_0_overpower", "Cleared fault:relay_0_overpower"]


def test_a_relay_in_overpower_has_switched_itself_off() -> None:
    assert agrees(heard(RELAY, b"overpower"), (Telemetry("shelly_gen1:shelly1pm-17", {"relay_0": False}),
                                               FaultCode("shelly_gen1:shelly1pm-17", "relay_0_overpower")))


def test_what_the_broker_kept_raises_and_ends_no_fault() -> None:
    plug = Device()
    plug.hears(RELAY, b"overpower", retained=True)
    plug.hears("shellies/shelly1pm-17/overtemperature", b"1", retained=True)
    plug.hears("shellies/shelly1pm-17/sensor/battery", b"4", retained=True)
    plug.hears("ems-esp/boiler_data", boiler(servicecode="6A", servicecodenumber=227), retained=True)
    assert plug.faults == []


def test_a_battery_between_the_limits_neither_raises_nor_ends_anything() -> None:
    sensor = Device()
    sensor.hears("shellies/shellyht-2/sensor/battery", b"31", b"10", b"14", b"9", b"19", b"20")
    assert sensor.faults == ["Raised fault:battery_low", "Cleared fault:battery_low"]


def test_the_same_announcement_on_two_topics_is_two_sources_of_one_device() -> None:
    said = b'{"id":"shellyht-2","model":"SHHT-1"}'
    signals = heard("shellies/announce", said) + heard("shellies/shellyht-2/announce", said)
    assert all(isinstance(signal, Announced) for signal in signals)
    assert {signal.key for signal in signals} == {"shelly_gen1:shellyht-2"}
    assert len({signal.source for signal in signals if isinstance(signal, Announced)}) == 2


def test_an_announcement_on_a_devices_own_topic_names_that_device_whatever_it_claims() -> None:
    (said,) = heard("shellies/mine/announce", b'{"id":"neighbour","model":"SHHT-1"}')
    assert said.key == "shelly_gen1:mine"


# Flic

def test_the_ok_after_each_click_is_no_second_press() -> None:
    button = Device()
    button.hears("flic/BG-1/state", b"pressed", b"released")
    button.hears("flic/BG-1/action", b"click", b"ok", b"double_click", b"ok", b"hold", b"ok")
    assert button.presses == ["single", "double", "long"]


# ESPHome

def test_a_sensor_without_a_value_is_alive_and_says_nothing() -> None:
    for nothing in (b"nan", b"NaN", b"None", b"-nan", b"inf", b"Infinity", b"1e999", b"ovf"):
        assert heard("attic/sensor/humidity/state", nothing) == [Presence("esphome:attic", "online")]
        assert heard("attic/sensor/humidity/state", nothing, retained=True) == []


@pytest.mark.parametrize("text", ["1_000", "0x10", "12,5", "٣", "--1", "dry run"])
def test_a_sensor_that_says_no_number_says_a_text(text: str) -> None:
    (said,) = heard("attic/sensor/error/state", text.encode())
    assert isinstance(said, Telemetry)
    assert said.values == {"sensor_error": text}


def test_a_binary_sensor_that_looks_like_a_button_presses_nothing() -> None:
    door = Device()
    door.hears("porch/binary_sensor/button/state", b"ON", b"OFF", b"ON")
    assert door.presses == []


def test_a_goodbye_is_told_from_a_loss_only_when_the_node_says_so() -> None:
    states = [signal.state for word in (b"offline", b"stopped", b"sleeping", b"")
              for signal in heard("attic/status", word) if isinstance(signal, Presence)]
    assert states == ["lost", "stopped", "sleeping", "removed"]


def test_home_assistants_own_goodbye_is_no_node() -> None:
    assert heard("homeassistant/status", b"offline") == []


# EMS-ESP

def test_a_bridge_that_is_down_says_so_for_all_behind_it_and_not_that_a_boiler_is_lost() -> None:
    assert heard("ems-esp/status", b"offline") == [Presence("ems_esp:bridge", "lost", bridge=True)]


def test_an_old_entry_in_the_log_is_no_running_fault() -> None:
    home = Device()
    for entry in ("2E(207) 100.75.2000 65:00 (0 min)", "1C(210) 06.06.2020 12:07 (30 min)",
                  "H01(5504) @uptime 724749 - 724750 min", "A01(811) 10.02.2024 08:07", "-", "", "()", "(1) - now"):
        home.hears("ems-esp/boiler_data", boiler(lastcode=entry, syspress=1.4))
    assert home.faults == []


def test_the_newest_entry_is_a_fault_while_it_says_now_and_over_with_its_end() -> None:
    home = Device()
    running, over = "H01(5504) 14.11.2021 16:56 - now", "H01(5504) 14.11.2021 16:56 - 14.11.2021 17:20"
    home.hears("ems-esp/boiler_data", boiler(lastcode=running), boiler(lastcode=running), boiler(lastcode=over))
    assert home.faults == ["Raised fault:lastcode", "Cleared fault:lastcode"]


def test_a_fault_in_the_display_lasts_until_the_boiler_works_again() -> None:
    home = Device()
    for code, number in (("-H", 200), ("6A", 227), ("6A", 227), ("5H", 268), ("0Y", 204)):
        home.hears("ems-esp/boiler_data", boiler(servicecode=code, servicecodenumber=number))
    assert home.faults == ["Raised fault:servicecode", "Cleared fault:servicecode"]


@pytest.mark.parametrize("code", ["-H", "=H", "-A", "0H", "0Y", "0A", "--", "~H", "5H", "H07", "EA", "", " "])
def test_a_boiler_at_work_shows_no_fault(code: str) -> None:
    home = Device()
    home.hears("ems-esp/boiler_data", boiler(servicecode=code, servicecodenumber=200))
    assert home.faults == []


@pytest.mark.parametrize(("on", "off"), [("on", "off"), ("ON", "OFF"), (True, False), ("true", "false")])
def test_on_and_off_are_true_and_false_in_each_spelling_of_the_setting(on: object, off: object) -> None:
    (said,) = heard("ems-esp/boiler_data", boiler(burngas=on, fanwork=off, reset=""))
    assert isinstance(said, Telemetry)
    assert said.values == {"burngas": True, "fanwork": False}


def test_a_value_has_one_name_nested_apart_or_alone() -> None:
    ways = (("ems-esp/boiler_data", b'{"dhw":{"seltemp":52}}'), ("ems-esp/boiler_data_dhw", b'{"seltemp":52}'),
            ("ems-esp/boiler_data/dhw/seltemp", b"52"))
    for topic, payload in ways:
        assert agrees(heard(topic, payload), (Telemetry("ems_esp:boiler", {"dhw_seltemp": 52.0}),))


def test_a_command_to_the_boiler_is_no_reading_of_it() -> None:
    for topic in ("ems-esp/boiler/seltemp", "ems-esp/thermostat", "ems-esp/system/send", "ems-esp/boiler_datum"):
        with pytest.raises(Ignored):
            SPOKEN.decode(topic, b"50")


# whose topic it is

@pytest.mark.parametrize(("topic", "key"), [
    (RELAY, "shelly_gen1:shelly1pm-17"), ("attic/status", "esphome:attic"),
    ("attic/sensor/humidity/state", "esphome:attic"), ("ems-esp/boiler_data", "ems_esp:boiler"),
    ("ems-esp/status", "ems_esp:bridge"), ("flic/BG-1/action", "flic:BG-1"),
])
def test_each_topic_names_the_key_that_its_messages_have(topic: str, key: str) -> None:
    dialect = SPOKEN.of(topic)
    assert dialect is not None
    assert dialect.key_of(topic) == key  # type: ignore[attr-defined]


def test_a_press_carries_the_input_and_its_count() -> None:
    assert heard(BUTTON, event("LS", 3)) == [Press("shelly_gen1:shellybutton1-5", "long", change=("input_0", 3))]
