"""Shelly Gen2 and later: JSON-RPC notifications on `<id>/events/rpc`, and `<id>/online` as birth and will.

What it hears by Bluetooth (BLU buttons, sensors, valves) are devices of their own behind it, `<id>/bthomedevice:200`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from gateway.devices.dialects.jsonread import (
    Json,
    address,
    battery,
    device_seconds,
    flat_name,
    flatten,
    moment,
    read_object,
    read_state,
    short_text,
    shown,
    telemetry,
)
from gateway.model import Instant
from gateway.model.signals import (
    Announced,
    FaultCode,
    FaultList,
    Ignored,
    Presence,
    Press,
    Signal,
    Telemetry,
    Undecodable,
)

NAME = "shelly"
FILTERS: tuple[str, ...] = ("+/events/rpc", "+/online")
ADDRESS_LEVELS = 1  # of the address of one that logs in: it speaks for what it hears by Bluetooth
ACCESS = (("readwrite", "{}/#"),)  # its own name is its first level: answers and commands too
EVENTS = 32  # in one NotifyEvent
COMPONENT_CHARS = 40  # leaves room for the time in a press id of 64 characters
PUSHES = {"single_push": "single", "double_push": "double", "triple_push": "triple", "long_push": "long"}
BLU_PUSHES = {**PUSHES, **dict.fromkeys(("long_double_push", "long_triple_push", "hold_press", "hold_push"), "long")}
BLU = ("bthomedevice:", "bthomesensor:", "blutrv:")  # components that stand for something heard by Bluetooth
NOT_MEASURED = ("button", "address", "addr", "encryption", "BTHome_version", "pid", "ts")
BLU_BUTTONS = 16  # of one device; the largest has four
SCRIPT_CLICKS = {1: "single", 2: "double", 3: "triple", 4: "long", 5: "long", 6: "long", 128: "long", 254: "long"}


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """`<id>/events/rpc` or `<id>/online` → Signals; raises Undecodable or Ignored."""
    name, what = topic.split("/", 1)
    key = "shelly:" + address(name)
    if what == "online":
        return (Presence(key, read_state(payload, {"true": "online", "false": "lost"}), bridge=True),)
    body = read_object(payload)
    method, params = body.get("method"), body.get("params")
    if type(params) is not dict:
        raise Undecodable(f"params: expected an object, got {shown(params)}")
    if method == "NotifyEvent":
        return _events(key, params, retained)
    if method != "NotifyStatus" and method != "NotifyFullStatus":
        raise Undecodable(f"method: expected NotifyStatus, NotifyFullStatus or NotifyEvent, got {shown(method)}")
    at, whole = device_seconds(params.pop("ts", None)), method == "NotifyFullStatus"
    parts: Json = {}
    if b"bthome" in payload or b"blutrv" in payload:  # most have neither this nor errors: one look tells
        parts = {name: params.pop(name) for name in list(params) if name.startswith(BLU)}
    heard: list[Signal] = [telemetry(key, flatten(params), at, payload, retained)]
    if (whole or b"errors" in payload) and (at is not None or not retained):
        heard += _faults(key, params, whole, at)
    if not retained:  # old news is no sign of life, and a fault would be one
        heard += _battery(key, params.get("devicepower:0"), at)
    for name, part in parts.items():
        if type(part) is dict:
            heard += _blu(key, name, part, payload, retained, topic if whole else None)
    return heard


def command(key: str, kind: str, params: Mapping[str, Any], command_id: str, _expires_at: Instant) -> tuple[str, str]:
    """(topic, payload) of an RPC request such as `Shelly.Reboot`; its answer, on `gateway/rpc`, nobody reads. What is
    behind a Shelly is asked through it (`BluTrv.Call` with its id)."""
    request = {"id": command_id, "src": "gateway", "method": kind, "params": params}
    gateway = key.removeprefix("shelly:").partition("/")[0]
    return f"{gateway}/rpc", orjson.dumps(request).decode()


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


def _blu(gateway: str, component: str, part: Json, payload: bytes, retained: bool, announced: str | None
         ) -> list[Signal]:
    """One device that this Shelly hears by Bluetooth. It repeats what it heard last, with the time when that was."""
    key = f"{gateway}/{address(component)}"
    at, never = moment(part.get("last_updated_ts")), part.pop("last_updated_ts", None) == 0
    heard: list[Signal] = []
    if announced is not None:  # a full status alone, or every word would cost a look into the database
        heard.append(Announced(key, f"{announced} {key}", component, "Shelly BLU", gateway))
    values = flatten({name: value for name, value in part.items() if name != "id"})
    if never or (not values and at is None):
        return heard  # nought: not heard since the gateway started, and its battery of 0 % is none
    if retained:
        return [*heard, Telemetry(key, values, at, 0, None, at)] if values else heard
    heard.append(telemetry(key, values, at, payload, retained, at))
    heard += _faults(key, {component: part}, announced is not None, at, heard_at=at)
    percent = part.get("battery")
    if type(percent) is int or type(percent) is float:
        heard += battery(key, percent, at, heard_at=at)
    return heard


def _events(key: str, params: Json, retained: bool) -> Sequence[Signal]:
    events = params.get("events")
    if type(events) is not list or len(events) > EVENTS:
        raise Undecodable(f"params.events: expected a list of at most {EVENTS}, got {shown(events)}")
    heard: list[Signal] = []
    for event in events:
        if type(event) is dict:
            heard += _event(key, event, params)
    if not heard:
        raise Ignored("device event that is no press")
    if retained:
        raise Ignored("retained press")
    return heard


def _event(key: str, event: Json, params: Json) -> list[Signal]:
    name, component = event.get("event"), event.get("component")
    seconds = event.get("ts", params.get("ts"))
    at = device_seconds(seconds)
    if name == "shelly-blu" and type(event.get("data")) is dict:
        return _script(key, event["data"], at, seconds)
    blu = type(component) is str and component.startswith(BLU)
    kind = (BLU_PUSHES if blu else PUSHES).get(name) if type(name) is str else None
    if kind is None:
        return []
    port = short_text("params.events.component", component, COMPONENT_CHARS)
    if blu:
        key = f"{key}/{port}"
        if type(event.get("idx")) is int:  # which of its buttons
            port += f".{event['idx']}"
    # a clock that starts at nought with each boot would repeat its ids: then the press has none
    return [Press(key, kind, f"{port}@{seconds}" if at is not None else None, at)]


def _script(gateway: str, data: Json, at: Instant | None, seconds: object) -> list[Signal]:
    """What Shelly's own script for Bluetooth (ble-shelly-blu) says it has heard: `<id>/<address of the device>`."""
    name = short_text("params.events.data.address", data.get("address", data.get("addr")), COMPONENT_CHARS)
    key = f"{gateway}/{address(name)}"
    heard: list[Signal] = []
    buttons = data.get("button")
    for number, button in enumerate(buttons[:BLU_BUTTONS] if type(buttons) is list else [buttons]):
        kind = SCRIPT_CLICKS.get(button) if type(button) is int else None
        if kind is not None:
            heard.append(Press(key, kind, f"{name}.{number}@{seconds}" if at is not None else None, at))
    values = flatten({name: value for name, value in data.items() if name not in NOT_MEASURED})
    if values:
        heard.append(Telemetry(key, values, at, data["pid"] if type(data.get("pid")) is int else 0))
    percent = data.get("battery")
    if type(percent) is int or type(percent) is float:
        heard += battery(key, percent, at)
    return heard


def _faults(key: str, params: Json, whole: bool, at: Instant | None, heard_at: Instant | None = None) -> list[Signal]:
    """Each list of errors of a component (`errors`, on three phases also `a_errors`) as fault codes: `em_0_ct_type`.

    Each list is whole, and a whole status names every error there is.
    """
    faults: list[Signal] = []
    found: list[str] = []
    for component, part in params.items():
        if type(part) is dict:
            for name, errors in part.items():
                if name == "errors" or name.endswith("_errors"):
                    own = flat_name(f"{component}_{name[:-7]}".strip("_"))
                    codes = tuple(f"{own}_{code}" for code in _errors(f"{component}.{name}", errors))
                    faults += [*(FaultCode(key, code, True, at, "", heard_at) for code in codes),
                               FaultList(key, own, codes, at, heard_at)]
                    found += codes
    return [*faults, FaultList(key, "", tuple(found), at, heard_at)] if whole else faults


def _errors(field: str, errors: Any) -> list[str]:
    if errors is None:
        return []
    if type(errors) is not list or len(errors) > EVENTS:
        raise Undecodable(f"params.{field}: expected a short list, got {shown(errors)}")
    return list(dict.fromkeys(short_text(f"params.{field}", error) for error in errors))


_NOON = 1_788_264_000_000  # 2026-09-01T12:00:00Z


EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = (
    ("shellyplus1-cafe/events/rpc", b'{"src":"somebody-else","dst":"x","method":"NotifyStatus","params":'
     b'{"ts":1788264000.0,"switch:1":{"id":1,"apower":812.4,"output":true,"timer_duration":null}}}', False,
     (Telemetry("shelly:shellyplus1-cafe",
                {"switch_1_id": 1.0, "switch_1_apower": 812.4, "switch_1_output": True}, _NOON),)),
    ("shellyplus1-cafe/events/rpc", b'{"method":"NotifyFullStatus","params":{"ts":1788264000.00,'
     b'"sys":{"uptime":7,"unixtime":null},"switch:0":{"output":false}}}', False,
     (Telemetry("shelly:shellyplus1-cafe", {"sys_uptime": 7.0, "switch_0_output": False}, _NOON),
      FaultList("shelly:shellyplus1-cafe", "", (), _NOON))),
    ("shellyplus1-cafe/events/rpc", b'{"method":"NotifyStatus","params":{"ts":3.25,"sys":{"uptime":3}}}', False,
     (Telemetry("shelly:shellyplus1-cafe", {"sys_uptime": 3.0}),)),
    ("shellyplus1-cafe/events/rpc", b'{"method":"NotifyStatus","params":{"ts":1788264000.0,'
     b'"switch:0":{"output":false,"errors":["overtemp"]}}}', False,
     (Telemetry("shelly:shellyplus1-cafe", {"switch_0_output": False}, _NOON),
      FaultCode("shelly:shellyplus1-cafe", "switch_0_overtemp", True, _NOON),
      FaultList("shelly:shellyplus1-cafe", "switch_0", ("switch_0_overtemp",), _NOON))),
    ("shellyplus1-cafe/events/rpc", b'{"method":"NotifyStatus","params":{"ts":1788264000.0,'
     b'"switch:0":{"errors":null}}}', False,
     (Presence("shelly:shellyplus1-cafe", "online", _NOON),
      FaultList("shelly:shellyplus1-cafe", "switch_0", (), _NOON))),
    ("shellypro3em-1/events/rpc", b'{"method":"NotifyFullStatus","params":{"ts":1788264000.0,"em:0":'
     b'{"a_voltage":230.5,"a_errors":["overvoltage"],"errors":[]}}}', False,
     (Telemetry("shelly:shellypro3em-1", {"em_0_a_voltage": 230.5}, _NOON),
      FaultCode("shelly:shellypro3em-1", "em_0_a_overvoltage", True, _NOON),
      FaultList("shelly:shellypro3em-1", "em_0_a", ("em_0_a_overvoltage",), _NOON),
      FaultList("shelly:shellypro3em-1", "em_0", (), _NOON),
      FaultList("shelly:shellypro3em-1", "", ("em_0_a_overvoltage",), _NOON))),
    ("shellyblugw-1/events/rpc", b'{"method":"NotifyEvent","params":{"ts":1788264000.5,"events":'
     b'[{"component":"bthomedevice:200","id":200,"event":"long_push","idx":1,"ts":1788264000.0}]}}', False,
     (Press("shelly:shellyblugw-1/bthomedevice:200", "long", "bthomedevice:200.1@1788264000.0", _NOON),)),
    ("shellyblugw-1/events/rpc", b'{"method":"NotifyStatus","params":{"ts":1788264600.0,"bthomedevice:200":'
     b'{"id":200,"rssi":-71,"battery":8,"last_updated_ts":1788264000}}}', False,
     (Presence("shelly:shellyblugw-1", "online", _NOON + 600_000),
      Telemetry("shelly:shellyblugw-1/bthomedevice:200", {"rssi": -71.0, "battery": 8.0}, _NOON, 0, None, _NOON),
      *battery("shelly:shellyblugw-1/bthomedevice:200", 8, _NOON, heard_at=_NOON))),
    ("shellyblugw-1/events/rpc", b'{"method":"NotifyFullStatus","params":{"ts":1788264000.0,"bthomesensor:201":'
     b'{"id":201,"value":21.5,"last_updated_ts":1788264000}}}', False,
     (Presence("shelly:shellyblugw-1", "online", _NOON), FaultList("shelly:shellyblugw-1", "", (), _NOON),
      Announced("shelly:shellyblugw-1/bthomesensor:201",
                "shellyblugw-1/events/rpc shelly:shellyblugw-1/bthomesensor:201", "bthomesensor:201", "Shelly BLU",
                "shelly:shellyblugw-1"),
      Telemetry("shelly:shellyblugw-1/bthomesensor:201", {"value": 21.5}, _NOON, 0, None, _NOON),
      FaultList("shelly:shellyblugw-1/bthomesensor:201", "", (), _NOON, _NOON))),
    ("shellyplus1-cafe/events/rpc", b'{"method":"NotifyEvent","params":{"ts":1788264000.0,"events":[{"component":'
     b'"script:1","event":"shelly-blu","data":{"address":"3c:2e:f5:00:00:01","pid":7,"battery":90,"button":[0,4]},'
     b'"ts":1788264000.0}]}}', False,
     (Press("shelly:shellyplus1-cafe/3c:2e:f5:00:00:01", "long", "3c:2e:f5:00:00:01.1@1788264000.0", _NOON),
      Telemetry("shelly:shellyplus1-cafe/3c:2e:f5:00:00:01", {"battery": 90.0}, _NOON),
      *battery("shelly:shellyplus1-cafe/3c:2e:f5:00:00:01", 90, _NOON))),
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
    ("shellyplus1-cafe/online", b"true", True, (Presence("shelly:shellyplus1-cafe", "online", bridge=True),)),
    ("shellyplus1-cafe/online", b"false", False, (Presence("shelly:shellyplus1-cafe", "lost", bridge=True),)),
    ("shellyplus1-cafe/online", b"", False, (Presence("shelly:shellyplus1-cafe", "removed", bridge=True),)),
    ("shellyplus1-cafe/online", b"maybe", False, Undecodable),
)
