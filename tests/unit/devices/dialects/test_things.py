"""Buttons and sensors that come by way of somebody else's cloud: LoRaWAN and AWS; and everybody's batteries."""

import json
from typing import Any

import pytest

from gateway.devices import dialects
from gateway.devices.dialects import jsonread
from gateway.model.signals import FaultCode, Ignored, Presence, Press, Signal, Telemetry, Undecodable

SPOKEN = dialects.understand(("ttn", "aws_button", "aws_shadow", "zigbee2mqtt", "shelly", "tasmota"))
NOON, AT_NOON = 1_788_264_000_000, "2026-09-01T12:00:00Z"
DOOR = "v3/care@ttn/devices/door-1/up"


def hear(topic: str, body: Any, retained: bool = False) -> list[Signal]:
    return list(SPOKEN.decode(topic, body if isinstance(body, bytes) else json.dumps(body).encode(), retained))


def frame(number: int, said: dict[str, Any], session: str | None = "AXA50tHUGUucuzS/bCGMNw==", at: str = AT_NOON,
          **more: Any) -> dict[str, Any]:
    """An uplink as The Things Stack sends it: what is nought is not there."""
    up = {"f_cnt": number, "decoded_payload": said, "received_at": at, "session_key_id": session, **more}
    return {"uplink_message": {name: value for name, value in up.items() if value}}


def press_id(body: dict[str, Any]) -> str | None:
    (press,) = [signal for signal in hear(DOOR, body) if isinstance(signal, Press)]
    return press.press_id


def values(signals: list[Signal]) -> dict[str, Any]:
    (telemetry,) = [signal for signal in signals if isinstance(signal, Telemetry)]
    return telemetry.values


def faults(signals: list[Signal]) -> list[tuple[str, bool]]:
    return [(signal.code, signal.active) for signal in signals if isinstance(signal, FaultCode)]


# LoRaWAN

def test_two_applications_may_both_have_a_door() -> None:
    keys = {hear(f"v3/{application}/devices/door-1/up", frame(1, {"open": True}))[0].key
            for application in ("care@ttn", "care@acme", "care", "lifts@ttn")}
    assert keys == {"ttn:care@ttn/door-1", "ttn:care@acme/door-1", "ttn:care/door-1", "ttn:lifts@ttn/door-1"}


def test_a_button_on_lorawan_is_pressed_once_however_often_its_frame_is_delivered() -> None:
    assert press_id(frame(8, {"press": "short"})) == press_id(frame(8, {"press": "short"}))
    assert press_id(frame(8, {"press": "short"})) != press_id(frame(9, {"press": "short"}))


def test_the_first_frame_has_no_number_and_is_a_press_all_the_same() -> None:
    assert "f_cnt" not in frame(0, {"press": "short"})["uplink_message"]
    assert str(press_id(frame(0, {"press": "short"}))).startswith("AXA50tHUGUucuzS/bCGMNw==#0@")


def test_a_new_battery_makes_the_frames_count_anew_but_no_press_is_taken_for_an_old_one() -> None:
    rejoined = press_id(frame(3, {"press": "short"}, session="AXBSH1Pk6Z0G166RlH16CQ=="))
    personalised = [press_id(frame(3, {"press": "short"}, None, f"2026-09-{day}T12:00:00Z")) for day in ("01", "20")]
    assert len({press_id(frame(3, {"press": "short"})), rejoined, *personalised}) == 4


@pytest.mark.parametrize(("said", "kind"), [
    ({"button": "short"}, "single"), ({"button": "double"}, "double"), ({"press": "long"}, "long"),
    ({"button_event_status": "long press", "press": "long"}, "long"),
    ({"button": "unknown"}, None), ({"button": 1}, None), ({"press": 1013.25}, None), ({"button": None}, None),
])
def test_only_a_word_for_a_click_is_a_press(said: dict[str, Any], kind: str | None) -> None:
    kinds = [signal.kind for signal in hear(DOOR, frame(1, said)) if isinstance(signal, Press)]
    assert kinds == ([kind] if kind else [])


def test_a_click_does_not_stay_behind_as_a_state() -> None:
    assert values(hear(DOOR, frame(1, {"press": "short", "battery": 90}))) == {"battery": 90.0}


def test_a_simulated_press_calls_nobody() -> None:
    with pytest.raises(Ignored, match="simulated"):
        hear(DOOR, {"simulated": True, **frame(1, {"press": "short"})})


def test_noughts_that_a_formatter_says_are_kept() -> None:
    assert values(hear(DOOR, frame(1, {"leak": False, "temperature": 0, "note": ""}))) == {
        "leak": False, "temperature": 0.0, "note": ""}


def test_what_could_not_be_a_number_comes_as_a_word_and_is_absent() -> None:
    said = {"level": "NaN", "flow": "-Infinity", "temperature": 4.5}
    assert values(hear(DOOR, frame(1, said))) == {"temperature": 4.5}


def test_the_best_antenna_speaks_for_the_reception() -> None:
    antennas = [{"rssi": -119, "snr": -13}, {"rssi": -58, "snr": 9.5}, {"rssi": -90}, {"snr": 20}, "", {"rssi": "-1"}]
    said = values(hear(DOOR, frame(1, {"leak": True}, rx_metadata=antennas)))
    assert said == {"leak": True, "rssi": -58.0, "snr": 9.5}


def test_a_formatter_has_the_last_word_on_its_own_names() -> None:
    assert values(hear(DOOR, frame(1, {"rssi": -1}, rx_metadata=[{"rssi": -58}])))["rssi"] == -1.0


@pytest.mark.parametrize("said", [{}, {"bytes": [1, 2, 3]}, {"level": None}])
def test_a_frame_that_nobody_could_read_is_a_sign_of_life_and_no_data(said: dict[str, Any]) -> None:
    assert hear(DOOR, frame(5, said, rx_metadata=[{"rssi": -58}])) == [
        Presence("ttn:care@ttn/door-1", "online", NOON, heard_at=NOON)]


def test_the_network_knows_the_battery_of_a_device() -> None:
    for percent, told in ((8, [("battery_low", True)]), (15, []), (60.5, [("battery_low", False)])):
        heard = hear(DOOR, frame(1, {"leak": True}, last_battery_percentage={"value": percent, "received_at": AT_NOON}))
        assert faults(heard) == told
        assert values(heard)["last_battery_percentage"] == percent


def test_a_device_on_the_mains_has_no_empty_battery() -> None:
    assert faults(hear(DOOR, frame(1, {"leak": True}, last_battery_percentage={"f_cnt": 3}))) == []


def test_normalized_volts_are_not_taken_for_per_cent() -> None:
    body = {"uplink_normalized": {"normalized_payload": {"battery": 3.6, "air": {"temperature": 0}}}}
    assert values(hear(DOOR + "/normalized", body)) == {"normalized_battery": 3.6, "normalized_air_temperature": 0.0}


def test_measurements_of_one_frame_stay_apart() -> None:
    seqs = [signal.seq for degrees in (20, 21) for signal in hear(DOOR + "/normalized", {
        "uplink_normalized": {"received_at": AT_NOON, "normalized_payload": {"air": {"temperature": degrees}}}})
        if isinstance(signal, Telemetry)]
    assert seqs[0] != seqs[1]


@pytest.mark.parametrize("number", [-1, 2**32, 1.5, "7", True])
def test_a_frame_number_that_is_none_is_refused_by_name(number: Any) -> None:
    with pytest.raises(Undecodable, match=r"uplink_message\.f_cnt: expected"):
        hear(DOOR, {"uplink_message": {"f_cnt": number, "decoded_payload": {"leak": True}}})


@pytest.mark.parametrize("session", ["x" * 4000, 7, ["a"], "a\x00b", ""])
def test_an_odd_session_leaves_a_press_a_press(session: Any) -> None:
    assert str(press_id(frame(8, {"press": "short"}, session))).startswith("#8@")


# AWS buttons

def test_the_topic_says_whose_button_it_is() -> None:
    (press, _) = hear("iotbutton/MINE", {"serialNumber": "YOURS", "batteryVoltage": "1615mV", "clickType": "SINGLE"})
    assert press == Press("aws_button:MINE")


@pytest.mark.parametrize(("said", "volts"), [
    ("1615mV", 1.615), ("1615 mV", 1.615), ("0mV", 0.0), ("1.6V", None), ("-5mV", None), ("١٦mV", None), (1615, None),
    ("9" * 400 + "mV", None), (None, None),
])
def test_volts_are_read_where_they_are_written_as_millivolts(said: Any, volts: float | None) -> None:
    heard = hear("iotbutton/B", {"clickType": "LONG", "batteryVoltage": said})
    assert heard[0] == Press("aws_button:B", "long")
    assert [signal.values for signal in heard[1:] if isinstance(signal, Telemetry)] == (
        [] if volts is None else [{"batteryVoltage": volts}])
    assert faults(heard) == []


def click(life: Any = 80, reported: str = AT_NOON) -> dict[str, Any]:
    return {"deviceEvent": {"buttonClicked": {"clickType": "SINGLE", "reportedTime": reported}},
            "deviceInfo": {"deviceId": " B ", "remainingLife": life}}


def test_an_event_delivered_twice_is_one_press() -> None:
    once, again = (hear("iotbutton/B", click())[0] for _ in range(2))
    assert once == again == Press("aws_button:B", "single", AT_NOON, NOON)
    assert hear("iotbutton/B", click(reported="2026-09-01T12:00:04Z"))[0] != once


def test_a_limit_set_at_aws_stands_until_the_button_is_as_good_as_new() -> None:
    health = {"deviceEvent": {"deviceHealthMonitor": {"condition": {"remainingLifeLowerThan": 30}}},
              "deviceInfo": {"remainingLife": 29.9}}
    assert faults(hear("iotbutton/B", health)) == [("battery_low", True)]
    assert [faults(hear("iotbutton/B", click(life))) for life in (29.8, 9, 100, None, "full")] == [
        [], [("battery_low", True)], [("battery_low", False)], [], []]


# AWS shadows

def test_a_shadow_is_read_where_the_broker_hides_its_own_topics_from_wildcards() -> None:
    assert SPOKEN.name_of("$aws/things/boiler/shadow/update") == "aws_shadow"
    assert SPOKEN.name_of("$aws/things/boiler/jobs/notify") == "none"
    assert all(wanted.startswith("$aws/things/+/") for wanted in dialects.aws_shadow.FILTERS)


def test_what_somebody_wants_of_a_thing_is_not_what_it_is() -> None:
    said = {"state": {"desired": {"pump": False}, "reported": {"pump": True}}}
    assert values(hear("$aws/things/boiler/shadow/update", said)) == {"pump": True}
    for leaf in ("delta", "accepted", "rejected", "documents"):
        with pytest.raises(Ignored):
            hear(f"$aws/things/boiler/shadow/update/{leaf}", {"state": {"pump": False}})


# batteries

def test_between_empty_and_full_enough_nothing_is_said_of_a_battery() -> None:
    told = {percent: [fault.active for fault in jsonread.battery("x:1", percent) if isinstance(fault, FaultCode)]
            for percent in (-1, 0, 10, 10.5, 19.9, 20, 100, 101, 255, 1e308)}
    assert told == {-1: [], 0: [True], 10: [True], 10.5: [], 19.9: [], 20: [False], 100: [False], 101: [], 255: [],
                    1e308: []}


@pytest.mark.parametrize(("said", "told"), [
    ({"battery": 8}, [("battery_low", True)]), ({"battery": 80}, [("battery_low", False)]), ({"battery": 15}, []),
    ({"battery": 80, "battery_low": True}, [("battery_low", True)]),
    ({"battery": 3, "battery_low": False}, [("battery_low", False)]),
    ({"battery": 8, "battery_low": "no"}, [("battery_low", True)]), ({"battery": "8"}, []), ({"battery": True}, []),
])
def test_a_zigbee_devices_own_flag_goes_before_its_percentage(said: dict[str, Any], told: list[Any]) -> None:
    assert faults(hear("zigbee2mqtt/attic", said)) == told


def test_the_battery_of_a_press_is_heard_with_it() -> None:
    heard = hear("zigbee2mqtt/gran", {"action": "single", "battery": 5})
    assert heard[0] == Press("zigbee2mqtt:gran")
    assert faults(heard) == [("battery_low", True)]


def test_a_battery_that_the_broker_remembers_is_no_sign_of_life() -> None:
    power = {"method": "NotifyStatus", "params": {"ts": NOON / 1000, "devicepower:0": {"battery": {"percent": 5}}}}
    radio = frame(1, {"leak": True}, last_battery_percentage={"value": 5, "received_at": AT_NOON})
    sensor = {"Epoch": NOON // 1000, "ATC-attic": {"Battery": 5}}
    for topic, said in (("zigbee2mqtt/attic", {"battery": 5, "last_seen": NOON}), ("shellyht-1/events/rpc", power),
                        ("tele/house/SENSOR", sensor), (DOOR, radio)):
        assert len(faults(hear(topic, said))) == 1
        assert faults(hear(topic, said, retained=True)) == []


def test_a_shelly_on_its_power_supply_has_no_empty_battery() -> None:
    def power(external: bool) -> dict[str, Any]:
        part = {"battery": {"V": 0.5, "percent": 0}, "external": {"present": external}}
        return {"method": "NotifyStatus", "params": {"ts": NOON / 1000, "devicepower:0": part}}

    assert faults(hear("shellyht-1/events/rpc", power(False))) == [("battery_low", True)]
    assert faults(hear("shellyht-1/events/rpc", power(True))) == []


def test_each_sensor_that_tasmota_hears_has_a_battery_of_its_own() -> None:
    """One that is not heard this time says nothing: its empty battery is not over."""
    attic, cellar = {"Battery": 4}, {"Battery": 90}
    assert faults(hear("tele/house/SENSOR", {"ATC-attic": attic, "ATC-cellar": cellar})) == [
        ("ATC_attic_battery_low", True), ("ATC_cellar_battery_low", False)]
    assert faults(hear("tele/house/SENSOR", {"ATC-cellar": cellar})) == [("ATC_cellar_battery_low", False)]
