"""The gateway's own dialect for devices with own firmware: docs/wire.md."""

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import orjson

from gateway.devices.dialects.jsonread import (
    FIELDS,
    NO_NUMBER,
    YEAR_10000,
    Json,
    address,
    flat_name,
    read_object,
    short_text,
    shown,
    tidy,
    value_name,
)
from gateway.devices.dialects.presses import KINDS
from gateway.model import Instant, from_iso
from gateway.model.signals import (
    Ack,
    FaultCode,
    Ignored,
    Presence,
    Press,
    PressAnswer,
    Signal,
    Telemetry,
    Undecodable,
    Value,
)
from gateway.model.states import PressKind

NAME = "native"
FILTERS: tuple[str, ...] = (
    "devices/+/telemetry", "devices/+/press", "devices/+/fault", "devices/+/status", "devices/+/ack",
)
PRESSES: tuple[str, ...] = ("devices/+/press",)
ACCESS = (*(("write", f"devices/{{}}/{what}") for what in ("telemetry", "press", "fault", "status", "ack")),
          ("read", "devices/{}/command"))
SEQ_END = 2**63
PRESS_KINDS = (*KINDS, PressKind.TEST)  # a test is one only where the device's firmware knows the gesture
STATES = ("online", "lost", "stopped", "sleeping")


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """`devices/<device id>/<what>` → one Signal; raises Undecodable or Ignored."""
    _, name, what = topic.split("/")
    key = "native:" + address(name)
    if what == "telemetry":
        return (_telemetry(key, payload, retained),)
    if what == "status":
        return (_status(key, payload),)
    body = read_object(payload)
    if what == "press":
        return (_press(key, body, retained),)
    if what == "fault":
        return (_fault(key, body, retained),)
    if retained:
        raise Ignored("retained acknowledgement")
    return (Ack(key, short_text("id", body.get("id")), _truth("ok", body.get("ok"))),)


def command(key: str, kind: str, params: Mapping[str, Any], command_id: str, expires_at: Instant) -> tuple[str, str]:
    """(topic, payload) that tells the device to do what `kind` names; it confirms with `ack`."""
    return _down(key, {**params, "id": command_id, "type": kind, "expires_at": expires_at})


def answer(key: str, press_id: str, said: PressAnswer, command_id: str, expires_at: Instant) -> tuple[str, str]:
    """(topic, payload) that tells the device what became of a press."""
    told = {name: value for name, value in said._asdict().items() if value not in (None, "")}
    return _down(key, {"id": command_id, "type": "press", "press_id": press_id, **told, "expires_at": expires_at})


def _down(key: str, said: Json) -> tuple[str, str]:
    return f"devices/{key.removeprefix('native:')}/command", orjson.dumps(said).decode()


def key_of(topic: str) -> str | None:
    """The key of the device that speaks there; None where the broker speaks for it."""
    _, name, what = topic.split("/")
    return None if what == "status" else f"{NAME}:{name}"


def _telemetry(key: str, payload: bytes, retained: bool) -> Signal:
    body = read_object(payload)
    values = _values(body.get("values"))
    at = _moment("ts", body.get("ts"))
    seq = body.get("seq")
    if seq is None:
        seq = crc32(payload)
    elif type(seq) is not int or not 0 <= seq < SEQ_END:
        raise Undecodable(f"seq: expected a whole number from 0, got {shown(seq)}")
    if values:
        return Telemetry(key, values, at, seq)
    if retained:
        raise Ignored("retained message without values")
    return Presence(key, "online", at)  # it lives, and has nothing to say


def _values(given: Any) -> dict[str, Value]:
    if type(given) is not dict:
        raise Undecodable(f"values: expected an object, got {shown(given)}")
    if len(given) > FIELDS:
        raise Undecodable(f"values: expected at most {FIELDS} fields, got {len(given)}")
    values: dict[str, Value] = {}
    for name, value in given.items():
        kind = type(value)
        if kind is float or kind is bool:
            values[value_name(name)] = value
        elif kind is int:
            values[value_name(name)] = float(value)
        elif kind is str:
            if value not in NO_NUMBER:
                values[value_name(name)] = tidy(value)
        elif value is not None:
            raise Undecodable(f"values.{flat_name(name)}: expected a number, true, false, text or null, "
                              f"got {shown(value)}")
    values.pop("", None)
    return values


def _press(key: str, body: Json, retained: bool) -> Press:
    if retained:
        raise Ignored("retained press")
    kind = _one_of("kind", body.get("kind", "single"), PRESS_KINDS)
    return Press(key, kind, short_text("id", body.get("id")), _moment_or_now(body.get("ts")))


def _fault(key: str, body: Json, retained: bool) -> FaultCode:
    at = _moment("ts", body.get("ts"))
    if retained and at is None:
        raise Ignored("retained fault without a time")
    text = body.get("text")
    if text is not None and not isinstance(text, str):
        raise Undecodable(f"text: expected text, got {shown(text)}")
    code, active = short_text("code", body.get("code")), _truth("active", body.get("active"))
    return FaultCode(key, code, active, at, tidy(text or ""))


def _status(key: str, payload: bytes) -> Presence:
    if not payload:
        return Presence(key, "removed")
    body = read_object(payload)
    state = _one_of("state", body.get("state"), STATES)
    return Presence(key, state, _moment("ts", body.get("ts")), _moment("until", body.get("until")))


def _moment(field: str, value: Any) -> Instant | None:
    if value is None:
        return None
    at: int | float | None = None
    if type(value) is int or type(value) is float:
        at = value
    elif type(value) is str and len(value) <= 40:
        try:
            at = from_iso(value)
        except (ValueError, OverflowError):
            at = None
    if at is None or not 0 <= at < YEAR_10000:
        raise Undecodable(f"{field}: expected milliseconds since 1970 or RFC 3339 with an offset, got {shown(value)}")
    return int(at)


def _moment_or_now(value: Any) -> Instant | None:
    """Of a press: somebody waits, whatever their button's clock says."""
    try:
        return _moment("ts", value)
    except Undecodable:
        return None


def _truth(field: str, value: Any) -> bool:
    if value is None:
        return True
    if type(value) is bool:
        return value
    raise Undecodable(f"{field}: expected true or false, got {shown(value)}")


def _one_of(field: str, value: Any, words: tuple[str, ...]) -> str:
    if type(value) is str and value in words:
        return value
    raise Undecodable(f"{field}: expected {', '.join(words)}, got {shown(value)}")


_NOON = 1_788_264_000_000  # 2026-09-01T12:00:00Z

EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = (
    ("devices/hp-17/telemetry", b'{"ts":1788264000000,"seq":41,"values":{"flow_temp":48.5,"pump":true,"mode":"heat"}}',
     False, (Telemetry("native:hp-17", {"flow_temp": 48.5, "pump": True, "mode": "heat"}, _NOON, 41),)),
    ("devices/hp-17/telemetry", b'{"ts":"2026-09-01T14:00:00+02:00","seq":42,"values":{"flow_temp":49}}',
     False, (Telemetry("native:hp-17", {"flow_temp": 49.0}, _NOON, 42),)),
    ("devices/hp-17/telemetry", b'{"seq":0,"values":{"flow-temp":49,"2nd":1,"return":null}}',
     False, (Telemetry("native:hp-17", {"flow_temp": 49.0, "_2nd": 1.0}, None, 0),)),
    ("devices/hp-17/telemetry", b'{"values":{"flow_temp":null}}', False, (Presence("native:hp-17", "online"),)),
    ("devices/hp-17/telemetry", b'{"values":{"flow_temp":null}}', True, Ignored),
    ("devices/hp-17/telemetry", b'{"values":{"flow_temp":[48.5]}}', False, Undecodable),
    ("devices/hp-17/telemetry", b'{"values":{"flow_temp":NaN,"return":31.5}}', False,
     (Telemetry("native:hp-17", {"return": 31.5}),)),
    ("devices/hp-17/telemetry", b'{"flow_temp":48.5}', False, Undecodable),
    ("devices/hp-17/telemetry", b'{"ts":"2026-09-01T12:00:00","values":{"flow_temp":48.5}}', False, Undecodable),
    ("devices/hp-17/telemetry", b'{"ts":-1,"values":{"flow_temp":48.5}}', False, Undecodable),
    ("devices/hp-17/telemetry", b'{"seq":1.5,"values":{"flow_temp":48.5}}', False, Undecodable),
    ("devices/door 3/press", b'{"id":"b7-0001","kind":"long","ts":1788264000000}', False,
     (Press("native:door 3", "long", "b7-0001", _NOON),)),
    ("devices/door 3/press", b'{"id":"b7-0002"}', False, (Press("native:door 3", "single", "b7-0002"),)),
    ("devices/door 3/press", b'{"id":"b7-0002"}', True, Ignored),
    ("devices/door 3/press", b'{"kind":"single"}', False, Undecodable),
    ("devices/door 3/press", b'{"id":"b7-0003","kind":"urgent"}', False,
     (Press("native:door 3", "urgent", "b7-0003"),)),
    ("devices/door 3/press", b'{"id":"b7-0005","ts":"noon"}', False, (Press("native:door 3", "single", "b7-0005"),)),
    ("devices/door 3/press", b'{"id":"b7-0006","ts":-1}', False, (Press("native:door 3", "single", "b7-0006"),)),
    ("devices/door 3/press", b'{"id":"b7-0004","kind":"test"}', False, (Press("native:door 3", "test", "b7-0004"),)),
    ("devices/door 3/press", b'{"id":"b7-0003","kind":"pressed"}', False, Undecodable),
    ("devices/hp-17/fault", b'{"code":"E-204","text":"No flow","ts":1788264000000}', False,
     (FaultCode("native:hp-17", "E-204", True, _NOON, "No flow"),)),
    ("devices/hp-17/fault", b'{"code":"E-204","active":false}', False, (FaultCode("native:hp-17", "E-204", False),)),
    ("devices/hp-17/fault", b'{"code":"E-204"}', True, Ignored),
    ("devices/hp-17/fault", b'{"code":204}', False, Undecodable),
    ("devices/hp-17/fault", b'{"code":"E-204","active":1}', False, Undecodable),
    ("devices/hp-17/status", b'{"state":"online","firmware":"1.4.0","ts":1788264000000}', True,
     (Presence("native:hp-17", "online", _NOON),)),
    ("devices/hp-17/status", b'{"state":"lost"}', False, (Presence("native:hp-17", "lost"),)),
    ("devices/meter/status", b'{"state":"sleeping","until":"2026-09-01T12:00:00Z"}', True,
     (Presence("native:meter", "sleeping", None, _NOON),)),
    ("devices/meter/status", b"", False, (Presence("native:meter", "removed"),)),
    ("devices/hp-17/status", b"online", False, Undecodable),
    ("devices/door 3/ack", b'{"id":"M-4F7QK2M9"}', False, (Ack("native:door 3", "M-4F7QK2M9"),)),
    ("devices/door 3/ack", b'{"id":"M-4F7QK2M9","ok":false}', False, (Ack("native:door 3", "M-4F7QK2M9", False),)),
    ("devices/door 3/ack", b'{"id":"M-4F7QK2M9","ok":true}', True, Ignored),
    ("devices/\x07/press", b'{"id":"1"}', False, Undecodable),
)
