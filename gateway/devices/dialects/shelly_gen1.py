"""Shelly Gen1: one value a topic under `shellies/<id>/…`, `online` as birth and will, and presses told by a counter."""

from collections.abc import Sequence
from zlib import crc32

import orjson

from gateway.devices.dialects.jsonread import (
    Json,
    address,
    battery,
    flat_name,
    flatten,
    own_name,
    read_object,
    read_state,
    short_text,
    shown,
    telemetry,
)
from gateway.devices.dialects.plain import read_flag, read_text, read_value
from gateway.model.signals import Announced, FaultCode, Ignored, Presence, Press, Signal, Telemetry, Undecodable, Value

NAME = "shelly_gen1"
BASE = "shellies/"
FILTERS: tuple[str, ...] = (BASE + "#",)
ACCESS = (("readwrite", BASE + "{}/#"), ("read", BASE + "command"))
# S is a short push, L a long one; of several in one the last long one counts: somebody held the button.
KINDS = {"S": "single", "SS": "double", "SSS": "triple", "L": "long", "SL": "long", "LS": "long", "": ""}
FAULTS = frozenset(("overtemperature", "loaderror", "overload"))
FLAGS = FAULTS | {"input", "longpush", "motion", "flood", "smoke", "vibration", "tamper", "active"}
COUNT_END = 2**53


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """`shellies/<id>/<what>[/<number>[/<value>]]` or `shellies/announce` → Signals; raises Undecodable or Ignored."""
    name, _, what = topic[len(BASE):].partition("/")
    if name == "announce" and not what:
        body = read_object(payload)
        return (_announced("shelly_gen1:" + address(short_text("id", body.get("id"))), topic, body),)
    leaf = what.rpartition("/")[2]
    if leaf in ("command", "set") or (name == "command" and not what):
        raise Ignored("command to a device")
    key = "shelly_gen1:" + address(name)
    if not what:
        raise Undecodable("topic: expected what is told after the device's id, got nothing")
    if what == "online":
        return (Presence(key, read_state(payload, {"true": "online", "false": "lost"})),)
    if not payload:
        raise Ignored("retained value cleared")
    if what == "announce":
        return (_announced(key, topic, read_object(payload)),)
    if what.startswith("input_event/"):
        return (_press(key, flat_name("input_" + leaf), read_object(payload), retained),)
    return _value(key, what, payload, retained)


def key_of(topic: str) -> str | None:
    """The key of the device whose topic this is."""
    name, _, what = topic[len(BASE):].partition("/")
    return "shelly_gen1:" + address(name) if what else None


def _announced(key: str, topic: str, body: Json) -> Announced:
    """On the shared topic the device speaks for itself, so its id is in the payload; it claims nothing by that."""
    name, model = body.get("name"), body.get("model")
    short_text("id", body.get("id"))  # every announcement says it: without it this is something else
    return Announced(key, f"{topic} {key}", short_text("name", name) if name is not None else key.partition(":")[2],
                     short_text("model", model) if model is not None else "")


def _press(key: str, port: str, body: Json, retained: bool) -> Press:
    event, count = body.get("event"), body.get("event_cnt")
    if type(event) is not str or event not in KINDS:
        raise Undecodable(f"event: expected S, SS, SSS, L, SL, LS or an empty text, got {shown(event)}")
    if type(count) is not int or not 0 <= count < COUNT_END:
        raise Undecodable(f"event_cnt: expected a whole number, got {shown(count)}")
    if retained:
        raise Ignored("retained press")
    return Press(key, KINDS[event], change=(port, count))


def _value(key: str, what: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """One value and the faults it tells of; a retained one is old news, so it starts and ends no fault."""
    name = own_name(what)
    if payload[:1] == b"{":  # whole states: `status` of the motion sensor, `light/0/status`, `info`
        body = flatten(read_object(payload))
        values: dict[str, Value] = body if what in ("status", "info") else {f"{name}_{n}": v for n, v in body.items()}
        return (telemetry(key, values, None, payload, retained), *_charge(key, values.get("bat"), retained))
    if payload[:1] == b"[":
        return _woken(key, what, payload, retained)
    text = read_text(payload)
    part, _, port = what.partition("/")
    if part == "relay" and port.isdigit():
        return _relay(key, name, text, payload, retained)
    flag = what.rpartition("/")[2] in FLAGS or (part in FLAGS and port.isdigit())
    value = read_flag(text) if flag else read_value(text)
    if value is None:
        return (telemetry(key, {}, None, payload, retained),)
    heard: list[Signal] = [Telemetry(key, {name: value}, None, crc32(payload))]
    if what == "sensor/battery":
        heard += _charge(key, value, retained)
    elif what in FAULTS and not retained:
        heard.append(FaultCode(key, name, value is True))
    return heard


def _woken(key: str, what: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """Why it woke up. A finger on the button is a press; which, its `input_event` says before or after this."""
    try:
        reasons = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise Undecodable(f"payload: expected JSON, got {error}") from None
    if what.rpartition("/")[2] != "act_reasons" or retained or "button" not in reasons:
        raise Ignored("list of reasons for waking up")
    return (Press(key, "", woken=True),)


def _relay(key: str, name: str, text: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """on, off, or overpower: then it has switched itself off."""
    over = text == "overpower"
    on = False if over else read_flag(text)
    if on is None:
        return (telemetry(key, {}, None, payload, retained),)
    state = Telemetry(key, {name: on}, None, crc32(payload))
    return (state,) if retained else (state, FaultCode(key, f"{name}_overpower", over))


def _charge(key: str, percent: Value | None, retained: bool) -> list[Signal]:
    return battery(key, percent) if type(percent) is float and not retained else []


_KEY = "shelly_gen1:shellydimmer-B1"
_UNI = "shelly_gen1:shellyuni-C2"

EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = (
    ("shellies/shellyuni-C2/relay/0", b"on", False,
     (Telemetry(_UNI, {"relay_0": True}), FaultCode(_UNI, "relay_0_overpower", False))),
    ("shellies/shellyuni-C2/relay/1", b"overpower", False,
     (Telemetry(_UNI, {"relay_1": False}), FaultCode(_UNI, "relay_1_overpower", True))),
    ("shellies/shellyuni-C2/relay/1", b"overpower", True, (Telemetry(_UNI, {"relay_1": False}),)),
    ("shellies/shellyuni-C2/relay/1", b"perhaps", False, Undecodable),
    ("shellies/shellyuni-C2/relay/0/power", b"1873.25", False, (Telemetry(_UNI, {"relay_0_power": 1873.25}),)),
    ("shellies/shellyuni-C2/relay/0/energy", b"90211", True, (Telemetry(_UNI, {"relay_0_energy": 90211.0}),)),
    ("shellies/shellyuni-C2/relay/0/command", b"on", False, Ignored),
    ("shellies/command", b"announce", False, Ignored),
    ("shellies/shellyuni-C2/color/0/set", b'{"turn":"on"}', False, Ignored),
    ("shellies/shellyuni-C2/input/1", b"1", False, (Telemetry(_UNI, {"input_1": True}),)),
    ("shellies/shellyuni-C2/longpush/0", b"0", True, (Telemetry(_UNI, {"longpush_0": False}),)),
    ("shellies/shellyuni-C2/input_event/1", b'{"event":"S","event_cnt":7}', False,
     (Press(_UNI, "single", change=("input_1", 7)),)),
    ("shellies/shellyuni-C2/input_event/0", b'{"event":"SSS","event_cnt":8}', False,
     (Press(_UNI, "triple", change=("input_0", 8)),)),
    ("shellies/shellyuni-C2/input_event/0", b'{"event":"SL","event_cnt":9}', False,
     (Press(_UNI, "long", change=("input_0", 9)),)),
    ("shellies/shellyuni-C2/input_event/0", b'{"event":"","event_cnt":0}', False,
     (Press(_UNI, "", change=("input_0", 0)),)),
    ("shellies/shellyuni-C2/input_event/0", b'{"event":"S","event_cnt":7}', True, Ignored),
    ("shellies/shellyuni-C2/input_event/0", b'{"event":"X","event_cnt":7}', False, Undecodable),
    ("shellies/shellyuni-C2/input_event/0", b'{"event":"S"}', False, Undecodable),
    ("shellies/shellydimmer-B1/temperature", b"61.40", False, (Telemetry(_KEY, {"temperature": 61.4}),)),
    ("shellies/shellydimmer-B1/temperature", b"nan", False, (Presence(_KEY, "online"),)),
    ("shellies/shellydimmer-B1/temperature", b"", False, Ignored),
    ("shellies/shellydimmer-B1/temperature", b"\xff\xfe", False, Undecodable),
    ("shellies/shellydimmer-B1/temperature_status", b"Very High", False,
     (Telemetry(_KEY, {"temperature_status": "Very High"}),)),
    ("shellies/shellydimmer-B1/overtemperature", b"1", False,
     (Telemetry(_KEY, {"overtemperature": True}), FaultCode(_KEY, "overtemperature", True))),
    ("shellies/shellydimmer-B1/loaderror", b"0", False,
     (Telemetry(_KEY, {"loaderror": False}), FaultCode(_KEY, "loaderror", False))),
    ("shellies/shellydimmer-B1/overload", b"1", True, (Telemetry(_KEY, {"overload": True}),)),
    ("shellies/shellydimmer-B1/light/0", b"off", False, (Telemetry(_KEY, {"light_0": False}),)),
    ("shellies/shellydimmer-B1/light/0/status", b'{"ison":true,"brightness":40}', False,
     (Telemetry(_KEY, {"light_0_status_ison": True, "light_0_status_brightness": 40.0}),)),
    ("shellies/shellyem-D3/emeter/1/voltage", b"229.8", False,
     (Telemetry("shelly_gen1:shellyem-D3", {"emeter_1_voltage": 229.8}),)),
    ("shellies/shellyswitch25-E4/roller/0", b"stop", False,
     (Telemetry("shelly_gen1:shellyswitch25-E4", {"roller_0": "stop"}),)),
    ("shellies/shellyflood-F5/sensor/flood", b"true", False,
     (Telemetry("shelly_gen1:shellyflood-F5", {"sensor_flood": True}),)),
    ("shellies/shellyflood-F5/sensor/battery", b"9", False,
     (Telemetry("shelly_gen1:shellyflood-F5", {"sensor_battery": 9.0}),
      FaultCode("shelly_gen1:shellyflood-F5", "battery_low", True, None, "battery 9 %"))),
    ("shellies/shellyflood-F5/sensor/act_reasons", b'["battery"]', False, Ignored),
    ("shellies/shellybutton1-9/sensor/act_reasons", b'["button"]', True, Ignored),
    ("shellies/shellybutton1-9/sensor/act_reasons", b'["button"', False, Undecodable),
    ("shellies/shellybutton1-9/sensor/act_reasons", b'["button"]', False,
     (Press("shelly_gen1:shellybutton1-9", "", woken=True),)),
    ("shellies/shellymotion-A6/status", b'{"motion":false,"vibration":true,"lux":12,"bat":15}', False,
     (Telemetry("shelly_gen1:shellymotion-A6", {"motion": False, "vibration": True, "lux": 12.0, "bat": 15.0}),)),
    ("shellies/shellydimmer-B1/online", b"true", True, (Presence(_KEY, "online"),)),
    ("shellies/shellydimmer-B1/online", b"false", False, (Presence(_KEY, "lost"),)),
    ("shellies/shellydimmer-B1/online", b"", False, (Presence(_KEY, "removed"),)),
    ("shellies/shellydimmer-B1/online", b"soon", False, Undecodable),
    ("shellies/announce", b'{"id":"shellydimmer-B1","model":"SHDM-1","mac":"B1","fw_ver":"1.14"}', False,
     (Announced(_KEY, f"shellies/announce {_KEY}", "shellydimmer-B1", "SHDM-1"),)),
    ("shellies/announce", b'{"model":"SHDM-1"}', False, Undecodable),
    ("shellies/shellydimmer-B1/announce", b'{"model":"SHDM-1"}', False, Undecodable),
    ("shellies/shellydimmer-B1/announce", b'{"id":"somebody-else","model":"SHDM-1","name":"Stairs"}', True,
     (Announced(_KEY, f"shellies/shellydimmer-B1/announce {_KEY}", "Stairs", "SHDM-1"),)),
)
