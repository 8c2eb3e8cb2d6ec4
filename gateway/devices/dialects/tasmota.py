"""Tasmota firmware: `tele/<topic>/…` reports and `stat/<topic>/RESULT` answers, with its default full topic."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.devices.dialects.jsonread import (
    Json,
    address,
    battery,
    device_seconds,
    device_time,
    flat_name,
    flatten,
    read_object,
    read_state,
    telemetry,
)
from gateway.devices.dialects.presses import press_kind
from gateway.model import Instant
from gateway.model.signals import Ignored, Presence, Press, Signal, Telemetry, Undecodable

NAME = "tasmota"
FILTERS: tuple[str, ...] = (
    *(f"tele/+/{leaf}" for leaf in ("SENSOR", "STATE", "LWT", "INFO1", "INFO2", "INFO3", "RESULT", "DeepSleep")),
    "stat/+/RESULT", "stat/+/DEEPSLEEP", "tele/+/+/SENSOR",
)
ACCESS = (("write", "tele/{}/#"), ("write", "stat/{}/#"), ("read", "cmnd/{}/#"))
CLICKS = {"SINGLE": "single", "DOUBLE": "double", "TRIPLE": "triple", "QUAD": "many", "PENTA": "many", "HOLD": "long"}


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """`<tele or stat>/<topic>/[<radio device>/]<leaf>` → Signals; raises Undecodable or Ignored."""
    _, name, *between, leaf = topic.split("/")
    key = "tasmota:" + address(name)
    if leaf == "LWT":
        return (_link(key, payload),)
    body = read_object(payload)
    sleep = body.get("DeepSleep")
    if isinstance(sleep, dict):
        return (Presence(key, "sleeping", None, _until(sleep)),)
    at = device_seconds(body.pop("Epoch", None))
    at = at or device_time(body.get("Time"))
    body.pop("Time", None)
    if leaf == "RESULT" and "ZbReceived" not in body:
        return _result(key, body, at, payload, retained)
    if leaf not in ("SENSOR", "RESULT"):
        return (telemetry(key, flatten(body), at, payload, retained),)
    presses, batteries = _by_radio(key, body, at, between)
    said = telemetry(key, flatten(body), at, payload, retained)
    # old news is no sign of life, and a fault would be one
    return (said,) if retained else (*presses, said, *batteries)


def _by_radio(key: str, body: Json, at: Instant | None, between: Sequence[str]) -> tuple[list[Signal], list[Signal]]:
    """The presses and the batteries of what it hears by radio. Each of those may be missing from the next message, so
    each battery has a code of its own; the click is taken out of `body`: it is no state that lasts."""
    presses: list[Signal] = []
    batteries: list[Signal] = []
    behind = bool(between) and "ZbReceived" not in body
    for name, part in _sensors(body):
        if "Device" in part or name.startswith("ZbReceived_"):
            behind = False
            for field in [field for field in part if field.lower() in ("click", "action")]:
                kind = press_kind(part[field]) if type(part[field]) is str else None
                if kind is not None:
                    del part[field]
                    presses.append(Press(key, kind, None, at))
        percent = part.get("BatteryPercentage")
        if type(percent) is not int and type(percent) is not float:
            percent = part.get("Battery")  # per cent is a whole number here: with a decimal point it may be volts
        if type(percent) is int or ("BatteryPercentage" in part and type(percent) is float):
            batteries += battery(key, percent, at, flat_name(name))
    if behind:  # SetOption89 gives each radio device a topic of its own; this is none of them
        raise Ignored("Topic that contains a slash")
    return presses, batteries


def _sensors(body: Json) -> Iterator[tuple[str, Json]]:
    """The parts of a report, those behind a Zigbee bridge one by one."""
    for name, part in body.items():
        if type(part) is not dict:
            continue
        if name == "ZbReceived":
            yield from ((f"ZbReceived_{child}", inner) for child, inner in part.items() if type(inner) is dict)
        else:
            yield name, part


def command(key: str, kind: str, params: Mapping[str, Any], _command_id: str, _expires_at: Instant) -> tuple[str, str]:
    """(topic, payload) of a Tasmota command such as `Restart`, with what `params["payload"]` says. Nothing confirms it:
    Tasmota answers on `stat/…/RESULT` without saying to whom."""
    return f"cmnd/{key.removeprefix('tasmota:')}/{kind}", str(params.get("payload", ""))


def key_of(topic: str) -> str | None:
    """The key of the device whose topic this is."""
    return f"{NAME}:{topic.split('/')[1]}"


def _link(key: str, payload: bytes) -> Presence:
    state = read_state(payload, {"Online": "online", "Offline": "lost", "DeepSleep": "sleeping"})
    if state == "sleeping":
        raise Ignored("sleep is announced with its end on another topic")
    return Presence(key, state)


def _result(key: str, body: Json, at: Instant | None, payload: bytes, retained: bool) -> Sequence[Signal]:
    signals: list[Signal] = []
    ignored = ""
    for name in [name for name, part in body.items() if name.startswith("Button") and isinstance(part, dict)]:
        action = body[name].get("Action")
        kind = CLICKS.get(action) if isinstance(action, str) else None
        if kind is None and action != "CLEAR":
            continue
        del body[name]
        if kind is None:
            ignored = "button released"
        elif retained:
            ignored = "retained press"
        else:
            signals.append(Press(key, kind, None, at))
    if body or not (signals or ignored):
        signals.append(telemetry(key, flatten(body), at, payload, retained))
    if not signals:
        raise Ignored(ignored)
    return signals


def _until(sleep: Json) -> Instant | None:
    """When it wakes. Today's firmware counts `Wakeup` in local seconds of an unknown zone: only `Time` with an offset
    (SetOption52) or the older `Epoch` (UTC) can be trusted."""
    return device_time(sleep.get("Time")) or device_seconds(sleep.get("Epoch"))


_NOON = 1_788_264_000_000  # 2026-09-01T12:00:00Z

EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = (
    ("tele/cellar/SENSOR", b'{"Time":"2026-09-01T14:00:00","DS18B20":{"Id":"03A7","Temperature":19.5},"TempUnit":"C"}',
     False, (Telemetry("tasmota:cellar", {"DS18B20_Id": "03A7", "DS18B20_Temperature": 19.5, "TempUnit": "C"}),)),
    ("tele/cellar/SENSOR", b'{"Time":"2026-09-01T14:00:00+02:00","SI7021-0E":{"Humidity":null,"Temperature":-3}}',
     False, (Telemetry("tasmota:cellar", {"SI7021_0E_Temperature": -3.0}, _NOON),)),
    ("tele/cellar/SENSOR", b'{"Time":"2026-09-01T14:00:00","ATC-01":{"Temperature":4.5,"Battery":8},'
     b'"ATC-02":{"Battery":90},"ATC-03":{"Battery":null}}', False,
     (Telemetry("tasmota:cellar", {"ATC_01_Temperature": 4.5, "ATC_01_Battery": 8.0, "ATC_02_Battery": 90.0}),
      *battery("tasmota:cellar", 8, None, "ATC_01"), *battery("tasmota:cellar", 90, None, "ATC_02"))),
    ("tele/cellar/SENSOR", b'{"LDS01":{"Device":"0x4AD6","DoorOpen":1,"Battery":3.006}}', False,
     (Telemetry("tasmota:cellar", {"LDS01_Device": "0x4AD6", "LDS01_DoorOpen": 1.0, "LDS01_Battery": 3.006}),)),
    ("tele/cellar/SENSOR", b'{"SI7021-00":{"Temperature":17.1},"SI7021-02":{"Temperature":nan,"Humidity":-inf}}', False,
     (Telemetry("tasmota:cellar", {"SI7021_00_Temperature": 17.1}),)),
    ("tele/bridge/SENSOR", b'{"ZbReceived":{"0x4C0F":{"Device":"0x4C0F","Name":"Leak","BatteryPercentage":4}}}', False,
     (Telemetry("tasmota:bridge", {"ZbReceived_0x4C0F_Device": "0x4C0F", "ZbReceived_0x4C0F_Name": "Leak",
                                   "ZbReceived_0x4C0F_BatteryPercentage": 4.0}),
      *battery("tasmota:bridge", 4, None, "ZbReceived_0x4C0F"))),
    ("tele/bridge/FF74/SENSOR", b'{"ZbReceived":{"0xFF74":{"Device":"0xFF74","Click":"double","Endpoint":2}}}', False,
     (Press("tasmota:bridge", "double"), Telemetry("tasmota:bridge", {
         "ZbReceived_0xFF74_Device": "0xFF74", "ZbReceived_0xFF74_Endpoint": 2.0}))),
    ("tele/house/cellar/SENSOR", b'{"DS18B20":{"Temperature":19.5}}', False, Ignored),
    ("tele/cellar/RESULT", b'{"MqttPassword":"hidden","Ssid1":"home"}', False,
     (Telemetry("tasmota:cellar", {"Ssid1": "home"}),)),
    ("tele/cellar/STATE", b'{"Time":"2026-09-01T14:00:00","Epoch":1788264000,"POWER":"ON","Wifi":{"RSSI":62}}',
     False, (Telemetry("tasmota:cellar", {"POWER": "ON", "Wifi_RSSI": 62.0}, _NOON),)),
    ("tele/cellar/STATE", b'{"Time":"1970-01-01T00:00:09+00:00","Vcc":3.1}', False,
     (Telemetry("tasmota:cellar", {"Vcc": 3.1}),)),
    ("tele/cellar/SENSOR", b'{"Time":"2026-09-01T14:00:00","ENERGY":{"Power":[5,7],"Total":1.25}}', False,
     (Telemetry("tasmota:cellar", {"ENERGY_Total": 1.25}),)),
    ("tele/cellar/SENSOR", b'{"Time":"2026-09-01T14:00:00","DS18B20":{"Temperature":null}}', False,
     (Presence("tasmota:cellar", "online"),)),
    ("tele/cellar/SENSOR", b'{"Time":"2026-09-01T14:00:00",,"DS18B20":{}}', False, Undecodable),
    ("tele/cellar/SENSOR", b'[1,2]', False, Undecodable),
    ("tele/cellar/INFO3", b'{"Info3":{"RestartReason":"Software Watchdog"}}', False,
     (Telemetry("tasmota:cellar", {"Info3_RestartReason": "Software Watchdog"}),)),
    ("tele/cellar/LWT", b"Online", True, (Presence("tasmota:cellar", "online"),)),
    ("tele/cellar/LWT", b"Offline", True, (Presence("tasmota:cellar", "lost"),)),
    ("tele/cellar/LWT", b"", False, (Presence("tasmota:cellar", "removed"),)),
    ("tele/cellar/LWT", b"DeepSleep", False, Ignored),
    ("tele/cellar/LWT", b"offline?", False, Undecodable),
    ("stat/mailbox/DEEPSLEEP", b'{"DeepSleep":{"Time":"2026-09-01T14:00:00","Epoch":1788264000}}', False,
     (Presence("tasmota:mailbox", "sleeping", None, _NOON),)),
    ("tele/mailbox/DeepSleep", b'{"DeepSleep":{"Time":"2026-09-01T14:00:00+02:00","DeepSleep":1,"Wakeup":2}}', True,
     (Presence("tasmota:mailbox", "sleeping", None, _NOON),)),
    ("tele/mailbox/DeepSleep", b'{"DeepSleep":{"Time":"2026-09-01T14:00:00","DeepSleep":1,"Wakeup":2}}', True,
     (Presence("tasmota:mailbox", "sleeping"),)),
    ("stat/hall/RESULT", b'{"Button2":{"Action":"DOUBLE"}}', False, (Press("tasmota:hall", "double"),)),
    ("stat/hall/RESULT", b'{"Button1":{"Action":"PENTA"}}', False, (Press("tasmota:hall", "many"),)),
    ("stat/hall/RESULT", b'{"Button1":{"Action":"HOLD"}}', False, (Press("tasmota:hall", "long"),)),
    ("stat/hall/RESULT", b'{"Button1":{"Action":"CLEAR"}}', False, Ignored),
    ("stat/hall/RESULT", b'{"Button1":{"Action":"SINGLE"}}', True, Ignored),
    ("stat/hall/RESULT", b'{"Button1":{"Action":"SINGLE"},"POWER":"ON"}', False,
     (Press("tasmota:hall"), Telemetry("tasmota:hall", {"POWER": "ON"}))),
    ("stat/hall/RESULT", b'{"Switch3":{"Action":"OFF"}}', False,
     (Telemetry("tasmota:hall", {"Switch3_Action": "OFF"}),)),
    ("stat/hall/RESULT", b'{"POWER":"OFF"}', False, (Telemetry("tasmota:hall", {"POWER": "OFF"}),)),
)
