"""Tasmota firmware: `tele/<topic>/…` reports and `stat/<topic>/RESULT` answers, with its default full topic."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.dialects.jsonread import (
    Json,
    address,
    battery,
    device_seconds,
    device_time,
    flat_name,
    flatten,
    read_object,
    read_state,
    told,
)
from gateway.dialects.signals import Ignored, Presence, Press, Signal, Telemetry, Undecodable
from gateway.model import Instant

NAME = "tasmota"
FILTERS: tuple[str, ...] = (
    *(f"tele/+/{leaf}" for leaf in ("SENSOR", "STATE", "LWT", "INFO1", "INFO2", "INFO3", "RESULT", "DeepSleep")),
    "stat/+/RESULT", "stat/+/DEEPSLEEP",
)
ACCESS = (("write", "tele/{}/#"), ("write", "stat/{}/#"), ("read", "cmnd/{}/#"))
CLICKS = {"SINGLE": "single", "DOUBLE": "double", "TRIPLE": "triple", "QUAD": "many", "PENTA": "many",
          "HOLD": "long"}


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """`<tele or stat>/<topic>/<leaf>` → Signals; raises Undecodable or Ignored."""
    _, name, leaf = topic.split("/")
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
    if leaf == "RESULT":
        return _result(key, body, at, payload, retained)
    heard: list[Signal] = [told(key, flatten(body), at, payload, retained)]
    if leaf == "SENSOR" and not retained:  # old news is no sign of life, and a fault would be one
        heard += _batteries(key, body, at)
    return heard


def _batteries(key: str, body: Json, at: Instant | None) -> list[Signal]:
    """Each sensor that it hears by radio has a battery of its own, and may be missing from the next message."""
    faults: list[Signal] = []
    for name, part in body.items():
        percent = part.get("Battery") if type(part) is dict else None
        if type(percent) is int or type(percent) is float:
            faults += battery(key, percent, at, flat_name(name))
    return faults


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
        signals.append(told(key, flatten(body), at, payload, retained))
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
