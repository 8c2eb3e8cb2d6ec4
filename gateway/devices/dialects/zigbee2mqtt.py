"""Zigbee2MQTT under its default base topic: device states, actions, availability, and the bridge itself."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from gateway.devices.dialects.jsonread import (
    Json,
    address,
    battery,
    flatten,
    moment,
    own_name,
    read_object,
    read_state,
    read_word,
    shown,
    telemetry,
)
from gateway.devices.dialects.plain import read_text, read_value
from gateway.devices.dialects.presses import read_press
from gateway.model import Instant
from gateway.model.signals import ButtonWord, FaultCode, Ignored, Presence, Press, Signal, Telemetry, Undecodable

NAME = "zigbee2mqtt"
BASE = "zigbee2mqtt/"
FILTERS: tuple[str, ...] = (BASE + "#",)
PART = re.compile("l[0-9]")  # l1, l2: the channels of one device
BRIDGE = "bridge"  # the one address that logs in and speaks for all others
ACCESS = (("readwrite", BASE + "#"),)
LINK = {"online": "online", "offline": "lost"}


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """`zigbee2mqtt/<friendly name>[/availability|/action]` or `zigbee2mqtt/bridge/…`; names may contain "/"."""
    name = topic[len(BASE):]
    if name.startswith("bridge/"):
        return (_bridge(name[7:], payload),)
    stem, _, leaf = name.rpartition("/")
    if leaf in ("set", "get") or "/set/" in name or "/get/" in name:
        raise Ignored("command to a device")
    if stem and leaf == "availability":
        return (Presence("zigbee2mqtt:" + address(stem), read_state(payload, LINK), relayed=True),)
    if stem and leaf == "action":
        return (_plain_action("zigbee2mqtt:" + address(stem), read_word(payload), retained),)
    if stem and PART.fullmatch(leaf):
        raise Ignored("part of a device, whose own topic says the same")
    if not payload:
        raise Ignored("retained state cleared")
    if stem and payload.lstrip()[:1] not in (b"{", b"["):
        return _attribute("zigbee2mqtt:" + address(stem), leaf, payload, retained)
    key = "zigbee2mqtt:" + address(name)
    return _state(key, read_object(payload), payload, retained)


def command(key: str, _kind: str, params: Mapping[str, Any], _command_id: str, _expires_at: Instant) -> tuple[str, str]:
    """(topic, payload) that sets what `params` names, e.g. {"state": "OFF"}; nothing confirms it."""
    return f"{BASE}{key.removeprefix('zigbee2mqtt:')}/set", orjson.dumps(params).decode()


def key_of(topic: str) -> str | None:
    """The key of the device whose topic this is; None for the bridge's own."""
    name = topic.removeprefix(BASE).removesuffix("/availability").removesuffix("/action")
    return None if name.startswith("bridge/") else f"{NAME}:{name}"


def _state(key: str, body: Json, payload: bytes, retained: bool) -> Sequence[Signal]:
    at = moment(body.pop("last_seen", None))
    name = "action" if type(body.get("click")) is not str or body.get("action") else "click"  # as old releases say it
    action = body.pop(name, None)
    press = read_press(key, action, at) if isinstance(action, str) and action else None
    if type(press) is ButtonWord:
        body[name] = action  # a word that is no press is a value like any other
    if press is not None and not body:
        if retained:
            raise Ignored("retained press")
        return (press,)
    heard: list[Signal] = [] if press is None or retained else [press]
    heard.append(telemetry(key, flatten(body), at, payload, retained, heard_at=at))
    if not retained:  # old news is no sign of life, and a fault would be one
        heard += _battery(key, body, at)
    return tuple(heard)


def _attribute(key: str, name: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """One value of a device on a topic of its own (output "attribute"): no device of that name."""
    name = own_name(name)
    if name == "last_seen":
        raise Ignored("time alone")
    value = read_value(read_text(payload))
    body: Json = {} if value is None else {name: value}
    said = telemetry(key, body, None, payload, retained)
    return (said,) if retained else (said, *_battery(key, body, None))


def _battery(key: str, body: Json, at: Instant | None) -> list[Signal]:
    """The device's own flag goes before the percentage, which some estimate from the voltage, and poorly."""
    low, percent = body.get("battery_low"), body.get("battery")
    if type(low) is bool:
        return [FaultCode(key, "battery_low", low, at, heard_at=at)]
    return battery(key, percent, at, heard_at=at) if type(percent) is int or type(percent) is float else []


def _plain_action(key: str, action: str, retained: bool) -> Press | ButtonWord:
    if not action:
        raise Ignored("action set back after a press")
    if retained:
        raise Ignored("retained press")
    return read_press(key, action)


def _bridge(what: str, payload: bytes) -> Presence:
    if what == "state":
        return Presence("zigbee2mqtt:bridge", read_state(payload, LINK), bridge=True)
    if what == "event":
        return _event(read_object(payload))
    if what == "log":
        return _log(read_object(payload))
    if what == "response/device/remove" or what == "response/device/rename":
        return _taken_out(read_object(payload))
    raise Ignored("bridge administration")  # before it is read: the device list alone may be megabytes


def _event(body: Json) -> Presence:
    """A device that leaves is lost: nobody has taken it out. It may have a flat battery, or too long a way."""
    states = {"device_announce": "online", "device_leave": "lost"}
    state = states.get(body["type"]) if isinstance(body.get("type"), str) else None
    if state is None:
        raise Ignored("bridge event of another kind")
    data = body.get("data")
    # here the bridge speaks for its devices, so the name is in the payload; old versions give the address only
    name = (data.get("friendly_name") or data.get("ieee_address")) if isinstance(data, dict) else None
    return _named(name, state, "data.friendly_name")


def _taken_out(body: Json) -> Presence:
    """The answer to a person who removed or renamed a device; what went wrong has changed nothing."""
    data = body.get("data")
    if body.get("status") != "ok" or not isinstance(data, dict):
        raise Ignored("bridge administration")
    return _named(data.get("from") if "from" in data else data.get("id"), "removed", "data.id")


def _log(body: Json) -> Presence:
    """As Zigbee2MQTT said it until 2.0: the same word for both, told apart by its message."""
    kind, message, more = body.get("type"), body.get("message"), body.get("meta")
    if kind == "device_removed" and message == "left_network" and isinstance(more, dict):
        return _named(more.get("friendly_name"), "lost", "meta.friendly_name")
    if kind in ("device_removed", "device_force_removed", "device_banned"):
        return _named(message, "removed", "message")
    if kind == "device_renamed" and isinstance(message, dict):
        return _named(message.get("from"), "removed", "message.from")
    raise Ignored("bridge administration")


def _named(name: object, state: str, field: str) -> Presence:
    if not isinstance(name, str):
        raise Undecodable(f"{field}: expected a name, got {shown(name)}")
    return Presence("zigbee2mqtt:" + address(name), state)


_NOON = 1_788_264_000_000  # 2026-09-01T12:00:00Z

EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = (
    ("zigbee2mqtt/attic/north wall",
     b'{"temperature":-7.25,"battery":null,"water_leak":false,"update":{"state":"idle"}}', False,
     (Telemetry("zigbee2mqtt:attic/north wall",
                {"temperature": -7.25, "water_leak": False, "update_state": "idle"}),)),
    ("zigbee2mqtt/attic", b'{"temperature":8,"last_seen":"2026-09-01T14:00:00+02:00"}', False,
     (Telemetry("zigbee2mqtt:attic", {"temperature": 8.0}, _NOON, 0, None, _NOON),)),
    ("zigbee2mqtt/attic", b'{"temperature":8,"last_seen":1788264000000}', True,
     (Telemetry("zigbee2mqtt:attic", {"temperature": 8.0}, _NOON, 0, None, _NOON),)),
    ("zigbee2mqtt/attic", b'{"temperature":null}', False, (Presence("zigbee2mqtt:attic", "online"),)),
    ("zigbee2mqtt/attic", b'', False, Ignored),
    ("zigbee2mqtt/attic", b'{"temperature":', False, Undecodable),
    ("zigbee2mqtt/attic", b'21.5', False, Undecodable),
    ("zigbee2mqtt/gran", b'{"action":"hold","battery":81}', False,
     (Press("zigbee2mqtt:gran", "long"), Telemetry("zigbee2mqtt:gran", {"battery": 81.0}),
      *battery("zigbee2mqtt:gran", 81))),
    ("zigbee2mqtt/attic", b'{"battery":7,"last_seen":1788264000000}', False,
     (Telemetry("zigbee2mqtt:attic", {"battery": 7.0}, _NOON, 0, None, _NOON),
      *battery("zigbee2mqtt:attic", 7, _NOON, heard_at=_NOON))),
    ("zigbee2mqtt/attic", b'{"battery":15,"battery_low":null}', False,
     (Telemetry("zigbee2mqtt:attic", {"battery": 15.0}),)),
    ("zigbee2mqtt/attic", b'{"battery":60,"battery_low":true}', False,
     (Telemetry("zigbee2mqtt:attic", {"battery": 60.0, "battery_low": True}),
      FaultCode("zigbee2mqtt:attic", "battery_low"))),
    ("zigbee2mqtt/attic", b'{"battery":4,"battery_low":false}', False,
     (Telemetry("zigbee2mqtt:attic", {"battery": 4.0, "battery_low": False}),
      FaultCode("zigbee2mqtt:attic", "battery_low", False))),
    ("zigbee2mqtt/gran", b'{"action":"button_2_double","last_seen":1788264000000}', False,
     (Press("zigbee2mqtt:gran", "double", None, _NOON),)),
    ("zigbee2mqtt/somrig", b'{"action":"1_initial_press"}', False,
     (ButtonWord("zigbee2mqtt:somrig", "1_initial_press"),
      Telemetry("zigbee2mqtt:somrig", {"action": "1_initial_press"}))),
    ("zigbee2mqtt/somrig", b'{"action":"1_short_release"}', False, (Press("zigbee2mqtt:somrig"),)),
    ("zigbee2mqtt/sos", b'{"action":"emergency"}', False, (Press("zigbee2mqtt:sos", "urgent"),)),
    ("zigbee2mqtt/gran", b'{"click":"single"}', False, (Press("zigbee2mqtt:gran"),)),
    ("zigbee2mqtt/gran", b'{"action":"single"}', True, Ignored),
    ("zigbee2mqtt/gran", b'{"action":"single","battery":81}', True,
     (Telemetry("zigbee2mqtt:gran", {"battery": 81.0}),)),
    ("zigbee2mqtt/gran", b'{"action":"","battery":81}', False,
     (Telemetry("zigbee2mqtt:gran", {"battery": 81.0}), *battery("zigbee2mqtt:gran", 81))),
    ("zigbee2mqtt/gran", b'{"action":"hold_release"}', False,
     (ButtonWord("zigbee2mqtt:gran", "hold_release"), Telemetry("zigbee2mqtt:gran", {"action": "hold_release"}))),
    ("zigbee2mqtt/gran/action", b"single", False, (Press("zigbee2mqtt:gran"),)),
    ("zigbee2mqtt/gran/action", b"single", True, Ignored),
    ("zigbee2mqtt/gran/action", b"", False, Ignored),
    ("zigbee2mqtt/gran/action", b"on", False, (ButtonWord("zigbee2mqtt:gran", "on"),)),
    ("zigbee2mqtt/gran/action", b"on", True, Ignored),
    ("zigbee2mqtt/gran/set", b'{"state":"ON"}', False, Ignored),
    ("zigbee2mqtt/gran/get/state", b'', False, Ignored),
    ("zigbee2mqtt/gran/availability", b'{"state":"offline"}', True,
     (Presence("zigbee2mqtt:gran", "lost", relayed=True),)),
    ("zigbee2mqtt/attic/north wall/availability", b"online", True,
     (Presence("zigbee2mqtt:attic/north wall", "online", relayed=True),)),
    ("zigbee2mqtt/gran/availability", b"", False, (Presence("zigbee2mqtt:gran", "removed", relayed=True),)),
    ("zigbee2mqtt/gran/availability", b'{"state":"perhaps"}', False, Undecodable),
    ("zigbee2mqtt/bridge/state", b'{"state":"online"}', True, (Presence("zigbee2mqtt:bridge", "online", bridge=True),)),
    ("zigbee2mqtt/bridge/state", b"offline", False, (Presence("zigbee2mqtt:bridge", "lost", bridge=True),)),
    ("zigbee2mqtt/bridge/event", b'{"type":"device_announce","data":{"friendly_name":"hall/lamp"}}', False,
     (Presence("zigbee2mqtt:hall/lamp", "online"),)),
    ("zigbee2mqtt/bridge/event", b'{"type":"device_leave","data":{"ieee_address":"0x00124b00"}}', False,
     (Presence("zigbee2mqtt:0x00124b00", "lost"),)),
    ("zigbee2mqtt/bridge/response/device/remove", b'{"data":{"id":"hall/lamp","block":false},"status":"ok"}', False,
     (Presence("zigbee2mqtt:hall/lamp", "removed"),)),
    ("zigbee2mqtt/bridge/response/device/remove", b'{"data":{},"error":"no such device","status":"error"}', False,
     Ignored),
    ("zigbee2mqtt/bridge/response/device/rename", b'{"data":{"from":"lamp","to":"hall/lamp"},"status":"ok"}', False,
     (Presence("zigbee2mqtt:lamp", "removed"),)),
    ("zigbee2mqtt/bridge/log", b'{"type":"device_removed","message":"left_network","meta":{"friendly_name":"lamp"}}',
     False, (Presence("zigbee2mqtt:lamp", "lost"),)),
    ("zigbee2mqtt/bridge/log", b'{"type":"device_removed","message":"lamp"}', False,
     (Presence("zigbee2mqtt:lamp", "removed"),)),
    ("zigbee2mqtt/bridge/log", b'{"type":"pairing","message":"interview_started"}', False, Ignored),
    ("zigbee2mqtt/bridge/event", b'{"type":"device_interview","data":{"status":"started"}}', False, Ignored),
    ("zigbee2mqtt/bridge/event", b'{"type":"device_leave","data":[]}', False, Undecodable),
    ("zigbee2mqtt/bridge/devices", b"[" * 70_000, True, Ignored),
    ("zigbee2mqtt/bridge/response/permit_join", b'{"status":"ok"}', False, Ignored),
)
