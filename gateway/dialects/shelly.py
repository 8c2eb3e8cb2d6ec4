"""Shelly Gen2 and later: JSON-RPC notifications on `<id>/events/rpc`, and `<id>/online` as birth and will."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from gateway.dialects.jsonread import (
    Json,
    address,
    battery,
    device_seconds,
    flat_name,
    flatten,
    read_object,
    read_state,
    short_text,
    shown,
    told,
)
from gateway.dialects.signals import FaultCode, Ignored, Presence, Press, Signal, Telemetry, Undecodable
from gateway.model import Instant

NAME = "shelly"
FILTERS: tuple[str, ...] = ("+/events/rpc", "+/online")
ACCESS = (("readwrite", "{}/#"),)  # its own name is its first level: answers and commands too
EVENTS = 32  # in one NotifyEvent
COMPONENT_CHARS = 40  # leaves room for the time in a press id of 64 characters
PUSHES = {"single_push": "single", "double_push": "double", "triple_push": "triple", "long_push": "long"}
# What a component's `errors` may say (API documentation of Switch, Light and Cover, version 1.0; no capture was seen).
# The list is whole each time, so a known error that is not in it is over.
ERRORS = ("overtemp", "overpower", "overvoltage", "undervoltage", "overcurrent")
COVER_ERRORS = (*ERRORS, "obstruction", "safety_switch")
WITH_ERRORS = ("switch:", "light:", "cover:")


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """`<id>/events/rpc` or `<id>/online` → Signals; raises Undecodable or Ignored."""
    name, what = topic.split("/", 1)
    key = "shelly:" + address(name)
    if what == "online":
        return (Presence(key, read_state(payload, {"true": "online", "false": "lost"})),)
    body = read_object(payload)
    method, params = body.get("method"), body.get("params")
    if type(params) is not dict:
        raise Undecodable(f"params: expected an object, got {shown(params)}")
    if method == "NotifyEvent":
        return _presses(key, params, retained)
    if method != "NotifyStatus" and method != "NotifyFullStatus":
        raise Undecodable(f"method: expected NotifyStatus, NotifyFullStatus or NotifyEvent, got {shown(method)}")
    at = device_seconds(params.pop("ts", None))
    heard: list[Signal] = [told(key, flatten(params), at, payload, retained)]
    if at is not None or not retained:
        heard += _faults(key, params, method == "NotifyFullStatus", at)
    if not retained:  # old news is no sign of life, and a fault would be one
        heard += _battery(key, params.get("devicepower:0"), at)
    return heard


def command(key: str, kind: str, params: Mapping[str, Any], command_id: str, _expires_at: Instant) -> tuple[str, str]:
    """(topic, payload) of an RPC request such as `Shelly.Reboot`; its answer, on `gateway/rpc`, nobody reads."""
    request = {"id": command_id, "src": "gateway", "method": kind, "params": params}
    return f"{key.removeprefix('shelly:')}/rpc", orjson.dumps(request).decode()


def _battery(key: str, power: Any, at: Instant | None) -> list[Signal]:
    """On its power supply it may be without any battery, and then says 0 per cent: nothing to mend."""
    if type(power) is not dict:
        return []
    cell, supply = power.get("battery"), power.get("external")
    percent = cell.get("percent") if type(cell) is dict else None
    if (type(supply) is dict and supply.get("present") is True) or (
            type(percent) is not int and type(percent) is not float):
        return []
    return battery(key, percent, at)


def _presses(key: str, params: Json, retained: bool) -> Sequence[Signal]:
    events = params.get("events")
    if type(events) is not list or len(events) > EVENTS:
        raise Undecodable(f"params.events: expected a list of at most {EVENTS}, got {shown(events)}")
    presses = [_press(key, event, params) for event in events if type(event) is dict and _kind(event) is not None]
    if not presses:
        raise Ignored("device event that is no press")
    if retained:
        raise Ignored("retained press")
    return presses


def _press(key: str, event: Json, params: Json) -> Press:
    component = short_text("params.events.component", event.get("component"), COMPONENT_CHARS)
    seconds = event.get("ts", params.get("ts"))
    at = device_seconds(seconds)
    # a clock that starts at nought with each boot would repeat its ids: then the press has none
    press_id = f"{component}@{seconds}" if at is not None else None
    return Press(key, _kind(event) or "single", press_id, at)


def _kind(event: Json) -> str | None:
    name = event.get("event")
    return PUSHES.get(name) if type(name) is str else None


def _faults(key: str, params: Json, whole: bool, at: Instant | None) -> list[Signal]:
    """Each component's `errors` as fault codes (`switch_0_overtemp`); a whole status without them says: none."""
    faults: list[Signal] = []
    for component, part in params.items():
        if type(part) is dict and ("errors" in part or (whole and component.startswith(WITH_ERRORS))):
            said = _errors(component, part.get("errors"))
            name, known = flat_name(component), COVER_ERRORS if component.startswith("cover:") else ERRORS
            faults += [FaultCode(key, f"{name}_{code}", code in said, at) for code in dict.fromkeys((*said, *known))]
    return faults


def _errors(component: str, errors: Any) -> list[str]:
    if errors is None:
        return []
    if type(errors) is not list or len(errors) > EVENTS:
        raise Undecodable(f"params.{flat_name(component)}.errors: expected a short list, got {shown(errors)}")
    return [short_text(f"params.{flat_name(component)}.errors", error) for error in errors]


_NOON = 1_788_264_000_000  # 2026-09-01T12:00:00Z


def _over(component: str, at: Instant | None, *but: str) -> tuple[Signal, ...]:
    return tuple(FaultCode("shelly:shellyplus1-cafe", f"{component}_{code}", False, at)
                 for code in ERRORS if code not in but)


EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = (
    ("shellyplus1-cafe/events/rpc", b'{"src":"somebody-else","dst":"x","method":"NotifyStatus","params":'
     b'{"ts":1788264000.0,"switch:1":{"id":1,"apower":812.4,"output":true,"timer_duration":null}}}', False,
     (Telemetry("shelly:shellyplus1-cafe",
                {"switch_1_id": 1.0, "switch_1_apower": 812.4, "switch_1_output": True}, _NOON),)),
    ("shellyplus1-cafe/events/rpc", b'{"method":"NotifyFullStatus","params":{"ts":1788264000.00,'
     b'"sys":{"uptime":7,"unixtime":null},"switch:0":{"output":false}}}', False,
     (Telemetry("shelly:shellyplus1-cafe", {"sys_uptime": 7.0, "switch_0_output": False}, _NOON),
      *_over("switch_0", _NOON))),
    ("shellyplus1-cafe/events/rpc", b'{"method":"NotifyStatus","params":{"ts":3.25,"sys":{"uptime":3}}}', False,
     (Telemetry("shelly:shellyplus1-cafe", {"sys_uptime": 3.0}),)),
    ("shellyplus1-cafe/events/rpc", b'{"method":"NotifyStatus","params":{"ts":1788264000.0,'
     b'"switch:0":{"output":false,"errors":["overtemp"]}}}', False,
     (Telemetry("shelly:shellyplus1-cafe", {"switch_0_output": False}, _NOON),
      FaultCode("shelly:shellyplus1-cafe", "switch_0_overtemp", True, _NOON), *_over("switch_0", _NOON, "overtemp"))),
    ("shellyplus1-cafe/events/rpc", b'{"method":"NotifyStatus","params":{"ts":1788264000.0,'
     b'"switch:0":{"errors":null}}}', False,
     (Presence("shelly:shellyplus1-cafe", "online", _NOON), *_over("switch_0", _NOON))),
    ("shellyht-cafe/events/rpc", b'{"method":"NotifyStatus","params":{"ts":1788264000.0,"devicepower:0":'
     b'{"id":0,"battery":{"V":4.1,"percent":9},"external":{"present":false}}}}', False,
     (Telemetry("shelly:shellyht-cafe", {
         "devicepower_0_id": 0.0, "devicepower_0_battery_V": 4.1, "devicepower_0_battery_percent": 9.0,
         "devicepower_0_external_present": False}, _NOON), *battery("shelly:shellyht-cafe", 9, _NOON))),
    ("shellyht-cafe/events/rpc", b'{"method":"NotifyStatus","params":{"ts":1788264000.0,"devicepower:0":'
     b'{"battery":{"V":null,"percent":0},"external":{"present":true}}}}', False,
     (Telemetry("shelly:shellyht-cafe", {
         "devicepower_0_battery_percent": 0.0, "devicepower_0_external_present": True}, _NOON),)),
    ("shellyplus1-cafe/events/rpc", b'{"method":"NotifyEvent","params":{"ts":1788264000.5,"events":'
     b'[{"component":"input:2","id":2,"event":"long_push","ts":1788264000.0}]}}', False,
     (Press("shelly:shellyplus1-cafe", "long", "input:2@1788264000.0", _NOON),)),
    ("shellyplus1-cafe/events/rpc", b'{"method":"NotifyEvent","params":{"ts":5.5,"events":'
     b'[{"component":"input:0","event":"triple_push","ts":5.5},{"component":"input:0","event":"btn_up"}]}}', False,
     (Press("shelly:shellyplus1-cafe", "triple"),)),
    ("shellyplus1-cafe/events/rpc", b'{"method":"NotifyEvent","params":{"ts":1788264000.5,"events":'
     b'[{"component":"input:0","event":"btn_down","ts":1788264000.5}]}}', False, Ignored),
    ("shellyplus1-cafe/events/rpc", b'{"method":"NotifyEvent","params":{"ts":1788264000.5,"events":'
     b'[{"component":"input:0","event":"single_push","ts":1788264000.5}]}}', True, Ignored),
    ("shellyplus1-cafe/events/rpc", b'{"method":"NotifyEvent","params":{"events":{"0":"single_push"}}}', False,
     Undecodable),
    ("shellyplus1-cafe/events/rpc", b'{"id":7,"result":{"output":true}}', False, Undecodable),
    ("shellyplus1-cafe/events/rpc", b'{"method":"NotifyWeather","params":{}}', False, Undecodable),
    ("shellyplus1-cafe/online", b"true", True, (Presence("shelly:shellyplus1-cafe", "online"),)),
    ("shellyplus1-cafe/online", b"false", False, (Presence("shelly:shellyplus1-cafe", "lost"),)),
    ("shellyplus1-cafe/online", b"", False, (Presence("shelly:shellyplus1-cafe", "removed"),)),
    ("shellyplus1-cafe/online", b"maybe", False, Undecodable),
)
