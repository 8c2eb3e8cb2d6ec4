"""ESPHome nodes that speak MQTT: `<prefix>/status` as birth, goodbye and will, `<prefix>/<component>/<id>/state`."""

from collections.abc import Sequence
from zlib import crc32

from gateway.devices.dialects.jsonread import (
    ID_CHARS,
    address,
    flatten,
    own_name,
    read_object,
    read_state,
    shown,
    telemetry,
    tidy,
)
from gateway.devices.dialects.plain import read_flag, read_text, read_value
from gateway.devices.dialects.presses import read_press
from gateway.model.signals import ButtonWord, Ignored, Presence, Press, Signal, Telemetry, Undecodable, Value

NAME = "esphome"
FLAGS = ("binary_sensor", "switch")
WORDS = ("sensor", "number", "text_sensor", "text", "select", "lock", "light", "fan", "cover", "valve", "climate",
         "event", "alarm_control_panel")
PARTS = ("fan", "cover", "valve", "climate")  # tell parts of their state on topics of their own
FILTERS: tuple[str, ...] = ("+/status", *(f"+/{component}/+/state" for component in (*FLAGS, *WORDS)),
                            *(f"+/{component}/+/+/state" for component in PARTS))
ACCESS = (("readwrite", "{}/#"),)
# "offline" is will and goodbye alike, unless the node's `shutdown_message` has another payload: these two are read.
LINK = {"online": "online", "offline": "lost", "stopped": "stopped", "sleeping": "sleeping"}


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """`<prefix>/status` or `<prefix>/<component>/<id>[/<part>]/state` → one Signal; raises Undecodable or Ignored."""
    prefix, _, what = topic.partition("/")
    key = "esphome:" + address(prefix)
    if what == "status":
        if prefix == "homeassistant":
            raise Ignored("Home Assistant speaks of itself")
        return (Presence(key, read_state(payload, LINK)),)
    name = what.removesuffix("/state")
    component = name.partition("/")[0]
    if not payload:
        raise Ignored("retained state cleared")
    if component == "event":
        return _event(key, own_name(name), payload, retained)
    if payload[:1] == b"{" and component not in ("text_sensor", "text", "select"):
        values = flatten({own_name(name): read_object(payload)})
        return (telemetry(key, values, None, payload, retained),)
    name, value = own_name(name), _value(component, read_text(payload))
    if value is None:
        return (telemetry(key, {}, None, payload, retained),)
    return (Telemetry(key, {name: value}, None, crc32(payload)),)


def key_of(topic: str) -> str:
    """The key of the node whose topic this is."""
    return "esphome:" + address(topic.partition("/")[0])


def _value(component: str, text: str) -> Value | None:
    return read_flag(text) if component in FLAGS else read_value(text)


def _event(key: str, name: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """A press when the word is one; any other word is a value like any other."""
    word = read_object(payload).get("event_type")
    if type(word) is not str or not 0 < len(word) <= ID_CHARS:
        raise Undecodable(f"event_type: expected a word of at most {ID_CHARS} characters, got {shown(word)}")
    press = read_press(key, word)
    if type(press) is ButtonWord:
        reading = Telemetry(key, {name: tidy(word)}, None, crc32(payload))
        return (reading,) if retained else (press, reading)
    if retained:
        raise Ignored("retained press")
    return (press,)


EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = (
    ("pumphouse/status", b"online", True, (Presence("esphome:pumphouse", "online"),)),
    ("pumphouse/status", b"offline", False, (Presence("esphome:pumphouse", "lost"),)),
    ("pumphouse/status", b"sleeping", True, (Presence("esphome:pumphouse", "sleeping"),)),
    ("pumphouse/status", b"stopped", False, (Presence("esphome:pumphouse", "stopped"),)),
    ("pumphouse/status", b"", False, (Presence("esphome:pumphouse", "removed"),)),
    ("pumphouse/status", b"tired", False, Undecodable),
    ("pumphouse/sensor/water_level/state", b"48.20", False,
     (Telemetry("esphome:pumphouse", {"sensor_water_level": 48.2}),)),
    ("pumphouse/sensor/water_level/state", b"nan", False, (Presence("esphome:pumphouse", "online"),)),
    ("pumphouse/sensor/water_level/state", b"NaN", True, Ignored),
    ("pumphouse/sensor/error/state", b"dry run", False, (Telemetry("esphome:pumphouse", {"sensor_error": "dry run"}),)),
    ("pumphouse/sensor/water_level/state", b"", False, Ignored),
    ("pumphouse/number/limit/state", b"-3", True, (Telemetry("esphome:pumphouse", {"number_limit": -3.0}),)),
    ("pumphouse/binary_sensor/leak-2/state", b"ON", False,
     (Telemetry("esphome:pumphouse", {"binary_sensor_leak_2": True}),)),
    ("pumphouse/binary_sensor/door_button/state", b"ON", False,
     (Telemetry("esphome:pumphouse", {"binary_sensor_door_button": True}),)),
    ("pumphouse/switch/pump/state", b"OFF", False, (Telemetry("esphome:pumphouse", {"switch_pump": False}),)),
    ("pumphouse/switch/pump/state", b"MAYBE", False, Undecodable),
    ("pumphouse/text_sensor/error/state", b"dry run", False,
     (Telemetry("esphome:pumphouse", {"text_sensor_error": "dry run"}),)),
    ("pumphouse/light/lamp/state", b'{"state":"ON","brightness":120}', False,
     (Telemetry("esphome:pumphouse", {"light_lamp_state": "ON", "light_lamp_brightness": 120.0}),)),
    ("pumphouse/light/lamp/state", b'{"state":', False, Undecodable),
    ("pumphouse/climate/room/mode/state", b"heat_cool", False,
     (Telemetry("esphome:pumphouse", {"climate_room_mode": "heat_cool"}),)),
    ("pumphouse/climate/room/current_temperature/state", b"20.5", False,
     (Telemetry("esphome:pumphouse", {"climate_room_current_temperature": 20.5}),)),
    ("pumphouse/cover/gate/state", b"opening", False, (Telemetry("esphome:pumphouse", {"cover_gate": "opening"}),)),
    ("pumphouse/fan/vent/speed_level/state", b"3", False,
     (Telemetry("esphome:pumphouse", {"fan_vent_speed_level": 3.0}),)),
    ("pumphouse/event/bell/state", b'{"event_type":"double_click"}', False, (Press("esphome:pumphouse", "double"),)),
    ("pumphouse/event/bell/state", b'{"event_type":"press"}', True, Ignored),
    ("pumphouse/event/bell/state", b'{"event_type":"frost"}', False,
     (ButtonWord("esphome:pumphouse", "frost"), Telemetry("esphome:pumphouse", {"event_bell": "frost"}))),
    ("pumphouse/event/bell/state", b'{"event_type":"button_2_short_release"}', False, (Press("esphome:pumphouse"),)),
    ("pumphouse/event/bell/state", b"press", False, Undecodable),
)
