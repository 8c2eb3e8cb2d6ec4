"""The Things Stack v3 (LoRaWAN): uplinks and events on `v3/<application>/devices/<id>/…`."""

from collections.abc import Sequence
from functools import lru_cache

from gateway.devices.dialects.jsonread import (
    ID_CHARS,
    Json,
    address,
    battery,
    device_time,
    flatten,
    read_object,
    shown,
    telemetry,
)
from gateway.devices.dialects.presses import press_kind
from gateway.model import DAY, Instant
from gateway.model.signals import Ack, Ignored, Presence, Press, Signal, Telemetry, Undecodable, Value

NAME = "ttn"
FILTERS: tuple[str, ...] = ("v3/+/devices/+/#",)
OURS = "gateway:"  # before a command's id, the correlation id of a downlink that we asked for
SESSION_CHARS = 40
FRAMES = 2**32
BUTTONS = ("button", "press", "button_event_status")  # where formatters put the click, as in Milesight's WS101


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """`v3/<application>[@<tenant>]/devices/<device id>/<what>` → Signals; raises Undecodable or Ignored.

    The Things Stack leaves out every field of its own that is 0, false or "": a missing `f_cnt` is 0.
    """
    key, what = _place(topic)
    if what == "join":
        return (_join(key, read_object(payload), retained),)
    if what in ("down/ack", "down/failed"):
        return (_ack(key, read_object(payload), what == "down/ack", retained),)
    if what != "up" and not what.startswith("up/"):
        raise Ignored("no uplink of a device")
    body = read_object(payload)
    if body.get("simulated") is True:
        raise Ignored("simulated uplink")
    if "uplink_normalized" in body:
        return (_normalized(key, body, payload, retained),)
    return _uplink(key, body, retained)


@lru_cache(maxsize=10_000)  # a fleet speaks on the same topics again and again
def _place(topic: str) -> tuple[str, str]:
    """(key, what is told there); the application belongs to the key, because two may both have a "door-1"."""
    _, application, _, name, *rest = topic.split("/")
    return "ttn:" + address(f"{address(application)}/{address(name)}"), "/".join(rest)


def _uplink(key: str, body: Json, retained: bool) -> Sequence[Signal]:
    up = _part(body, "uplink_message")
    at, count = _received(up, body), up.get("f_cnt") or 0
    if type(count) is not int or not 0 <= count < FRAMES:
        raise Undecodable(f"uplink_message.f_cnt: expected a whole number below 2^32, got {shown(count)}")
    said = up.get("decoded_payload")
    values = flatten(said) if type(said) is dict else {}
    kind = _click(values)
    faults, signals = _battery(key, up, values, at), list[Signal]()
    if kind is not None and not retained:
        signals.append(Press(key, kind, _press_id(up, count, at), at))
    if values:
        signals.append(Telemetry(key, _with_radio(up, values), at, count, None, at))
    elif kind is None and not retained:
        signals.append(Presence(key, "online", at, heard_at=at))  # nothing decoded: it lives, and has told us nothing
    signals += () if retained else faults  # old news is no sign of life, and a fault would be one
    if not signals:
        raise Ignored("retained press" if kind is not None else "retained message without values")
    return signals


def _normalized(key: str, body: Json, payload: bytes, retained: bool) -> Signal:
    """Its names get `normalized_` in front: there `battery` is volts, while the same uplink may also say per cent."""
    up = _part(body, "uplink_normalized")
    measured = _part(up, "normalized_payload")
    at = device_time(measured.pop("time", None)) or _received(up, body)
    return telemetry(key, flatten({"normalized": measured}), at, payload, retained)


def _join(key: str, body: Json, retained: bool) -> Presence:
    if retained:
        raise Ignored("retained join")
    at = _received(_part(body, "join_accept"), body)
    return Presence(key, "online", at, heard_at=at)


def _ack(key: str, body: Json, ok: bool, retained: bool) -> Ack:
    part = _part(body, "downlink_ack" if ok else "downlink_failed")
    ids = (part if ok else _part(part, "downlink")).get("correlation_ids")
    for one in ids if type(ids) is list else ():
        if type(one) is str and one.startswith(OURS) and len(OURS) < len(one) <= ID_CHARS and not retained:
            return Ack(key, one[len(OURS):], ok)
    raise Ignored("answer to a downlink of somebody else")


def _click(values: dict[str, Value]) -> str | None:
    """The kind of click, taken out of `values`: it is no state that lasts."""
    kind = None
    for name in BUTTONS:
        value = values.get(name)
        if type(value) is str and (said := press_kind(value)) is not None:
            kind = said
            del values[name]
    return kind


def _press_id(up: Json, count: int, at: Instant | None) -> str:
    """The same for a frame that is delivered twice. With the day, because a device without a join may begin to count
    anew in the same session after its battery was changed: no press may be taken for one of long ago."""
    session = up.get("session_key_id")
    if type(session) is not str or len(session) > SESSION_CHARS or not session.isprintable():
        session = ""
    return f"{session}#{count}" if at is None else f"{session}#{count}@{at // DAY}"


def _battery(key: str, up: Json, values: dict[str, Value], heard_at: Instant | None) -> list[Signal]:
    """What the network itself asked the device for, in per cent. Without a value it knows none: fed from the mains."""
    said = up.get("last_battery_percentage")
    percent = said.get("value") if type(said) is dict else None
    if type(said) is not dict or (type(percent) is not int and type(percent) is not float):
        return []
    if values:
        values["last_battery_percentage"] = float(percent)
    return battery(key, percent, device_time(said.get("received_at")), heard_at=heard_at)


def _with_radio(up: Json, values: dict[str, Value]) -> dict[str, Value]:
    """rssi (dBm) and snr (dB) at the antenna that heard it best, unless the device itself uses these names."""
    heard, best, snr = up.get("rx_metadata"), None, None
    for one in heard if type(heard) is list else ():
        rssi = one.get("rssi") if type(one) is dict else None
        if (type(rssi) is int or type(rssi) is float) and (best is None or rssi > best):
            best, snr = rssi, one.get("snr", 0)
    if best is not None:
        values.setdefault("rssi", float(best))
        if type(snr) is int or type(snr) is float:
            values.setdefault("snr", float(snr))
    return values


def _received(part: Json, body: Json) -> Instant | None:
    """When the network server heard it, else when the application server did."""
    return device_time(part.get("received_at")) or device_time(body.get("received_at"))


def _part(body: Json, name: str) -> Json:
    part = body.get(name)
    if type(part) is not dict:
        raise Undecodable(f"{name}: expected an object, got {shown(part)}")
    return part


_NOON, _DAY = 1_788_264_000_000, 20_697  # 2026-09-01T12:00:00Z, and that day
_KEY, _UP = "ttn:care@ttn/door-1", "v3/care@ttn/devices/door-1/up"
_AT = b'"received_at":"2026-09-01T12:00:00.000123456Z"'

EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = (
    (_UP, b'{"end_device_ids":{"device_id":"neighbour"},"received_at":"2026-09-01T12:00:01Z","uplink_message":{'
     b'"session_key_id":"AXA50tHUGUucuzS/bCGMNw==","f_port":85,"f_cnt":7,"frm_payload":"AXVk",'
     b'"decoded_payload":{"temperature":0,"leak":false,"door":{"open":true},"battery":98},'
     b'"rx_metadata":[{"gateway_ids":{"gateway_id":"far"},"rssi":-118,"snr":-12.5},'
     b'{"gateway_ids":{"gateway_id":"near"},"rssi":-61}],' + _AT + b'}}', False,
     (Telemetry(_KEY, {"rssi": -61.0, "snr": 0.0, "temperature": 0.0, "leak": False, "door_open": True,
                       "battery": 98.0}, _NOON, 7, None, _NOON),)),
    (_UP, b'{"uplink_message":{"f_port":1,"decoded_payload":{"flow":1.5,"level":"NaN"},' + _AT + b'}}', False,
     (Telemetry(_KEY, {"flow": 1.5}, _NOON, 0, None, _NOON),)),
    (_UP, b'{"uplink_message":{"f_cnt":8,"session_key_id":"AXA50tHUGUucuzS/bCGMNw==",'
     b'"decoded_payload":{"press":"short"},' + _AT + b'}}', False,
     (Press(_KEY, "single", f"AXA50tHUGUucuzS/bCGMNw==#8@{_DAY}", _NOON),)),
    (_UP, b'{"uplink_message":{"decoded_payload":{"button":"long","battery":64},' + _AT + b'}}', False,
     (Press(_KEY, "long", f"#0@{_DAY}", _NOON),
      Telemetry(_KEY, {"battery": 64.0}, _NOON, 0, None, _NOON))),
    (_UP, b'{"uplink_message":{"decoded_payload":{"press":"short"},' + _AT + b'}}', True, Ignored),
    (_UP, b'{"uplink_message":{"f_cnt":9,"decoded_payload":{"button":"released"}}}', False,
     (Telemetry(_KEY, {"button": "released"}, None, 9),)),
    (_UP, b'{"uplink_message":{"f_cnt":10,"decoded_payload":{"leak":true},"last_battery_percentage":'
     b'{"f_cnt":3,"value":7.5,' + _AT + b'},"received_at":"2026-09-01T12:00:00Z"}}', False,
     (Telemetry(_KEY, {"leak": True, "last_battery_percentage": 7.5}, _NOON, 10, None, _NOON),
      *battery(_KEY, 7.5, _NOON, heard_at=_NOON))),
    (_UP, b'{"uplink_message":{"f_cnt":10,"last_battery_percentage":{"f_cnt":3,' + _AT + b'},' + _AT + b'}}', False,
     (Presence(_KEY, "online", _NOON, heard_at=_NOON),)),
    (_UP, b'{"uplink_message":{"f_cnt":11,"frm_payload":"gkHe","rx_metadata":[{"rssi":-35}],' + _AT + b'}}', False,
     (Presence(_KEY, "online", _NOON, heard_at=_NOON),)),
    (_UP, b'{"simulated":true,"uplink_message":{"decoded_payload":{"press":"short"},' + _AT + b'}}', False, Ignored),
    (_UP, b'{"uplink_message":{"f_cnt":-1,"decoded_payload":{"leak":true}}}', False, Undecodable),
    (_UP, b'{"uplink_message":[]}', False, Undecodable),
    (_UP + "/normalized", b'{' + _AT + b',"uplink_normalized":{"f_cnt":7,"normalized_payload":'
     b'{"time":"2026-09-01T14:00:00+02:00","air":{"temperature":-21.3},"battery":3.6}}}', False,
     (Telemetry(_KEY, {"normalized_air_temperature": -21.3, "normalized_battery": 3.6}, _NOON),)),
    ("v3/care/devices/door-1/join", b'{"join_accept":{"session_key_id":"AXBSH1Pk6Z0="},' + _AT + b'}', False,
     (Presence("ttn:care/door-1", "online", _NOON, heard_at=_NOON),)),
    ("v3/care/devices/door-1/join", b'{"join_accept":{}}', True, Ignored),
    ("v3/care/devices/door-1/down/ack", b'{"downlink_ack":{"correlation_ids":["as:downlink:01E1","gateway:M-4F7Q"]}}',
     False, (Ack("ttn:care/door-1", "M-4F7Q"),)),
    ("v3/care/devices/door-1/down/failed", b'{"downlink_failed":{"downlink":{"correlation_ids":["gateway:M-4F7Q"]}}}',
     False, (Ack("ttn:care/door-1", "M-4F7Q", False),)),
    ("v3/care/devices/door-1/down/ack", b'{"downlink_ack":{"correlation_ids":["my-correlation-id"]}}', False, Ignored),
    ("v3/care/devices/door-1/down/ack", b'{"downlink_ack":"yes"}', False, Undecodable),
    ("v3/care/devices/door-1/down/sent", b'{"downlink_sent":{}}', False, Ignored),
    ("v3/care/devices/door-1/location/solved", b'{"location_solved":{}}', False, Ignored),
)
