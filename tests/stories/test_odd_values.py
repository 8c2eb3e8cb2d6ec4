"""What a device says of itself, value by value: cases from the field, and that one bad value harms no other."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pytest
from sqlmodel import select

from gateway.devices import dialects
from gateway.devices.dialects.secret_names import is_secret
from gateway.devices.mappings import compile_mapping
from gateway.model import DeadLetter, Instant
from gateway.model.signals import FaultCode, Ignored, Notes, Presence, Press, Signal, Skipped, Telemetry, Undecodable
from gateway.store import Store, dead_letters
from tests.fixtures.payload_expectations import PAYLOADS

CASES = PAYLOADS.parent / "cases"
ENABLED = tuple(dialect.NAME for dialect in dialects.DIALECTS)
SPOKEN = dialects.understand(ENABLED)
NOON: Instant = 1_788_264_000_000  # 2026-09-01T12:00:00Z

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases lie beside the repository")


def case(name: str) -> Sequence[Signal]:
    """What the gateway makes of one message that failed in the field."""
    said = json.loads((CASES / f"{name}.json").read_text())
    return SPOKEN.decode(said["topic"], said["payload"].encode(), said["retained"])


def test_one_sensor_without_a_value_leaves_the_others() -> None:
    assert [signal._replace(seq=0) for signal in case("tasmota_nan_one_of_four") if isinstance(signal, Telemetry)] == [
        Telemetry("tasmota:plug1", {
            "SI7021_00_Temperature": 17.1, "SI7021_00_Humidity": 70.0, "SI7021_04_Temperature": 10.0,
            "SI7021_04_Humidity": 59.7, "TempUnit": "C"})]


def test_three_volts_are_no_empty_battery() -> None:
    (said,) = case("tasmota_lora_volts")
    assert isinstance(said, Telemetry)
    assert said.values["LDS01_Battery"] == 3.006


def test_an_empty_battery_behind_a_zigbee_bridge_is_told() -> None:
    key, code = "tasmota:tasmota_1", "ZbReceived_0x4C0F_battery_low"
    assert case("tasmota_zigbee_battery")[1:] == (FaultCode(key, code, True, None, "battery 4 %"),)


def test_a_text_sensor_of_esphome_is_a_value() -> None:
    (said,) = case("esphome_text_error")
    assert isinstance(said, Telemetry)
    assert (said.key, said.values) == ("esphome:pumphouse", {"sensor_error": "dry run"})


# buttons and batteries behind a Tasmota bridge

@pytest.mark.parametrize("topic", ["tele/hub/SENSOR", "tele/hub/FF74/SENSOR", "tele/hub/RESULT"])
@pytest.mark.parametrize(("part", "kind"), [
    ({"Click": "single"}, "single"), ({"click": "double"}, "double"), ({"Action": "hold"}, "long"),
    ({"action": "button_2_single"}, "single"), ({"Power": 2}, None), ({"Power": "toggle"}, None),
    ({"Contact": 1}, None)])
def test_a_click_heard_by_a_zigbee_bridge_is_a_press(topic: str, part: dict[str, Any], kind: str | None) -> None:
    payload = json.dumps({"ZbReceived": {"0xFF74": {"Device": "0xFF74", "Name": "Bell", **part, "Endpoint": 1}}})
    heard = SPOKEN.decode(topic, payload.encode())
    assert [signal.kind for signal in heard if isinstance(signal, Press)] == ([kind] if kind else [])
    assert all(signal.key == "tasmota:hub" for signal in heard)
    again = SPOKEN.decode(topic, payload.encode(), True)
    assert not any(isinstance(signal, Press | FaultCode) for signal in again)


def test_without_the_prefix_a_radio_button_is_heard_too() -> None:
    """SetOption100 leaves `ZbReceived` out."""
    (press, said) = SPOKEN.decode("tele/hub/SENSOR", b'{"0xFF74":{"Device":"0xFF74","Click":"hold","Endpoint":1}}')
    assert (press, type(said)) == (Press("tasmota:hub", "long"), Telemetry)


@pytest.mark.parametrize(("said", "low"), [
    ({"Battery": 8}, True), ({"Battery": 90}, False), ({"Battery": 3.006}, None), ({"Battery": 9.1}, None),
    ({"Battery": 3006}, None), ({"BatteryPercentage": 4.5}, True), ({"BatteryPercentage": 100, "Battery": 3.0}, False),
    ({"BatteryVoltage": 3.005}, None), ({"Battery": "1615mV"}, None),
    ({"BatteryPercentage": None, "Battery": 5}, True)])
def test_a_battery_is_believed_when_its_number_can_only_be_per_cent(said: dict[str, Any], low: bool | None) -> None:
    heard = SPOKEN.decode("tele/hub/SENSOR", json.dumps({"ATC-01": {"Temperature": 4.5, **said}}).encode())
    assert [(one.code, one.active) for one in heard if isinstance(one, FaultCode)] == (
        [] if low is None else [("ATC_01_battery_low", low)])


def test_a_tasmota_topic_with_a_slash_is_no_device_of_its_first_level() -> None:
    with pytest.raises(Ignored):
        SPOKEN.decode("tele/house/plug/SENSOR", b'{"DS18B20":{"Temperature":19.5}}')


# one bad value harms no other, in every dialect

BAD = ("nan", "NaN", "-nan", "inf", "-inf", "Infinity", "-Infinity", "1e999", "-1e400", "1" + "0" * 400, "null",
       '"nan"', '"-Infinity"', "", "ovf", "+5", "0x1F", "07", json.dumps("9" * 5000))
# what orders, dates or counts a message is no measurement: a word there is refused by its name
BOOKKEEPING = frozenset(("ts", "seq", "f_cnt", "event_cnt", "Epoch", "last_seen", "last_updated_ts"))


def leaves(part: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where the measured numbers are."""
    named = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for name, value in named:
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, name))
        elif type(value) in (int, float) and name not in BOOKKEEPING:
            yield (*path, name)


def with_bad(body: Any, path: tuple[str | int, ...], bad: str) -> bytes:
    whole = orjson.loads(orjson.dumps(body))
    part = whole
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = "the bad one"
    return orjson.dumps(whole).replace(b'"the bad one"', bad.encode())


def values(signals: Sequence[Signal]) -> dict[tuple[str, Instant | None, str], object]:
    return {(signal.key, signal.at, name): value for signal in signals if isinstance(signal, Telemetry)
            for name, value in signal.values.items()}


def readable() -> list[tuple[str, str, bytes, bool]]:
    """(dialect, topic, payload, retained) of every JSON message among the examples that tells several values."""
    found = []
    for dialect in (*dialects.DIALECTS,):
        for topic, payload, retained, expected in dialect.EXAMPLES:
            try:
                body = orjson.loads(payload)
            except orjson.JSONDecodeError:
                continue
            if isinstance(expected, tuple) and len(values(expected)) > 1 and any(leaves(body)):
                found.append((dialect.NAME, topic, payload, retained))
    return found


@pytest.mark.parametrize(("name", "topic", "payload", "retained"), readable(),
                         ids=lambda value: value if isinstance(value, str) and "/" not in value else "")
def test_one_bad_value_harms_no_other(name: str, topic: str, payload: bytes, retained: bool) -> None:
    body = orjson.loads(payload)
    notes = {source: Notes() for source in SPOKEN.sources(topic)}
    good = values(SPOKEN.decode(topic, payload, retained, notes, NOON))
    for path in leaves(body):
        without = with_bad(body, path, "null")
        rest = values(SPOKEN.decode(topic, without, retained, notes, NOON))
        assert rest.keys() <= good.keys()
        assert len(rest) >= len(good) - 1
        for bad in BAD:
            heard = SPOKEN.decode(topic, with_bad(body, path, bad), retained, notes, NOON)
            assert rest.items() <= values(heard).items(), f"{path} {bad[:20]}: {heard}"
            assert not any(isinstance(signal, Skipped) for signal in heard)


def test_every_dialect_that_speaks_json_is_among_them() -> None:
    assert {name for name, *_ in readable()} >= {"native", "tasmota", "shelly", "zigbee2mqtt", "esphome", "ems_esp",
                                                 "ttn", "thingsboard", "aws_shadow"}


def test_a_value_that_is_missing_leaves_the_others_and_a_broken_message_stays_broken() -> None:
    (said,) = SPOKEN.decode("tele/cellar/SENSOR", b'{"A":{"Temperature":,"Humidity":59.7},"B":{"Temperature":}}')
    assert isinstance(said, Telemetry)
    assert said.values == {"A_Humidity": 59.7}
    for broken in (b'{"A":nan', b'{"A":1,,"B":2}', b'{A:nan}', b'nan', b'{"A":nan}{"B":1}', b'{"A":two words}'):
        with pytest.raises(Undecodable, match="payload: expected JSON"):
            SPOKEN.decode("tele/cellar/SENSOR", broken)


def test_a_mapping_of_ones_own_keeps_the_values_that_are_there() -> None:
    mapping = compile_mapping(
        "mapping: m\nmessages:\n  - topic: m/{device}\n"
        "    telemetry: {flow: payload.t / 10.0, level: payload.l, mode: payload.m}\n"
        "examples:\n  - topic: m/1\n    payload: {t: 415, l: 2, m: heat}\n"
        "    gives: {telemetry: {flow: 41.5, level: 2, mode: heat}}\n", "m.yaml")
    for bad in ("nan", "-inf", "1e999", "null"):
        (said,) = mapping.decode("m/1", b'{"t":%b,"l":2,"m":"heat"}' % bad.encode(), False)
        assert isinstance(said, Telemetry)
        assert said.values == {"level": 2.0, "mode": "heat"}
        assert mapping.decode("m/1", b'{"t":%b}' % bad.encode(), False)[0] == Presence("m:1", "online")
    (said,) = mapping.decode("m/1", b'{"t":415,"l":"NaN"}', False)[:1]
    assert isinstance(said, Telemetry)
    assert said.values == {"flow": 41.5}


# secrets

SECRET = ("MqttPassword", "Password1", "LoRaWanAppKey", "LoRaWanAppKey1", "wifi_psk", "PSK", "WifiPwd", "wifipass",
          "mqtt_pass", "WebPassword", "api_key", "apikey", "apiKey", "access_token", "accessToken", "token",
          "ClientSecret", "nwkSKey", "AppSKey", "FNwkSIntKey", "NwkSEncKey", "network_key", "pass", "pwd",
          "credentials_user", "sta_psk", "wifi_ap_pass", "Passphrase", "encryption_key", "bindKey", "private-key",
          "auth:key", "action_code", "pin_code", "pin", "WPA2PSK", "WLAN-Key", "bearer", "ssid_pwd", "user_pass",
          "wifi.sta.pass")
OPEN = ("bypass_valve", "compass_heading", "key", "last_key", "button_key", "passenger_count", "Pin1", "code",
        "error_code", "alarm_code", "lock_code", "servicecode", "keypad", "keyboard_mode", "temp_skin",
        "second_pass", "SSId1", "wifi_rssi", "monkey", "auth_mode", "power", "spin", "BSSId", "pwm", "upskill")


@pytest.mark.parametrize("name", SECRET)
def test_a_secret_is_known_by_its_name(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", OPEN)
def test_what_only_looks_like_one_is_a_value(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(("topic", "payload"), [
    ("devices/hp-17/telemetry", '{"values":{"wifi_psk":"hunter2","t":1}}'),
    ("tele/plug/RESULT", '{"MqttPassword":"hunter2","Ssid1":"home"}'),
    ("stat/plug/RESULT", '{"LoRaWanAppKey":{"1":"hunter2"},"t":1}'),
    ("shelly1-ab/events/rpc", '{"method":"NotifyStatus","params":{"wifi":{"sta":{"pass":"hunter2","rssi":-60}}}}'),
    ("shellies/dimmer/status", '{"wifi_sta":{"key_type":1,"password":"hunter2"}}'),
    ("shellies/dimmer/wifi/password", "hunter2"),
    ("zigbee2mqtt/keypad", '{"action_code":"hunter2","battery":50}'),
    ("zigbee2mqtt/keypad/action_code", "hunter2"),
    ("node/text/wifi_password/state", "hunter2"),
    ("node/text_sensor/api_key/state", "hunter2"),
    ("homie/node/wifi/password", "hunter2"),
    ("homie/5/node/wifi/psk", "hunter2"),
    ("ems-esp/boiler_data", '{"mqtt":{"password":"hunter2"},"t":1}'),
    ("ems-esp/boiler_data/mqtt/password", "hunter2"),
    ("N/c0619ab1/vebus/257/WifiPassword", '{"value":"hunter2"}'),
    ("v3/care@ttn/devices/d/up", '{"uplink_message":{"decoded_payload":{"app_key":"hunter2","t":1}}}'),
    ("meter/v1/devices/me/attributes", '{"accessToken":"hunter2","t":1}'),
    ("$aws/things/pump/shadow/update", '{"state":{"reported":{"wifi":{"psk":"hunter2"},"t":1}}}'),
])
def test_a_secret_is_no_value_in_any_dialect(topic: str, payload: str) -> None:
    try:
        heard = SPOKEN.decode(topic, payload.encode())
    except Ignored:
        return
    assert "hunter2" not in repr(heard)


def test_a_dead_letter_keeps_no_secret(store: Store) -> None:
    letters = [("tasmota", "tele/x/RESULT", b'{"MqttPassword":"hunter2","a":1', "payload: expected JSON"),
               ("tasmota", "tele/x/RESULT", b'{"wifi":{"psk":["hunter2"]},"a":1}', "a: expected x, got hunter2"),
               ("none", "x", b"user=me&wifi_password=hunter2", "no dialect"),
               ("none", "x", b'{"token": "hunter2' + b"2" * 5000, "no dialect"),
               ("none", "x/wifi_password", b"hunter2", "no dialect"),
               ("none", "x", b"[" * 5000, "payload: expected JSON"), ("none", "x", b"\xff\x00ok", "bytes")]
    with store.write() as session:
        dead_letters.save_dead_letters(session, letters, NOON)
    with store.read() as session:
        kept = list(session.exec(select(DeadLetter)))
    assert len(kept) == len(letters)
    assert "hunter2" not in "".join(f"{letter.payload!r} {letter.reason}" for letter in kept)
    assert {letter.payload for letter in kept} >= {b"[" * 4096, b"\xff\x00ok"}
    assert b'"a":1' in kept[0].payload


# one value a topic

def test_an_attribute_of_a_zigbee_device_is_no_device() -> None:
    """Zigbee2MQTT's output "attribute", and the channels that it repeats for Home Assistant."""
    assert [one._replace(seq=0) if isinstance(one, Telemetry) else one
            for one in SPOKEN.decode("zigbee2mqtt/attic/north wall/temperature", b"21.5")] == [
        Telemetry("zigbee2mqtt:attic/north wall", {"temperature": 21.5})]
    assert SPOKEN.decode("zigbee2mqtt/lamp/battery", b"7")[1].key == "zigbee2mqtt:lamp"
    assert isinstance(SPOKEN.decode("zigbee2mqtt/hall/lamp", b'{"state":"ON"}')[0], Telemetry)
    for topic, payload in (("zigbee2mqtt/lamp/l1", b'{"state":"ON"}'), ("zigbee2mqtt/lamp/l1", b"ON"),
                           ("zigbee2mqtt/lamp/last_seen", b"2026-09-01T12:00:00Z"), ("zigbee2mqtt/lamp/l2", b"")):
        with pytest.raises(Ignored):
            SPOKEN.decode(topic, payload)
