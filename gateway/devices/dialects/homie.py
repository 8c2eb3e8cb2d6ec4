"""Homie 5, 4 and 3 under the default domain `homie`: device states, descriptions, alerts and property values."""

import math
from collections.abc import Sequence

from gateway.devices.dialects.jsonread import (
    address,
    battery,
    own_name,
    read_object,
    read_state,
    short_text,
    shown,
    telemetry,
    tidy,
)
from gateway.devices.dialects.presses import read_press
from gateway.model.signals import Announced, FaultCode, Ignored, Presence, Press, Signal, Telemetry, Undecodable, Value

NAME = "homie"
FILTERS: tuple[str, ...] = ("homie/#",)
ACCESS = (("readwrite", "homie/{}/#"), ("readwrite", "homie/5/{}/#"))
STATES = {"init": "online", "ready": "online", "alert": "online", "sleeping": "sleeping", "disconnected": "stopped",
          "lost": "lost"}
ONLINE = {"true": "online", "false": "lost"}  # Homie 2 has no $state
CLICKS = ("action", "click", "press", "event", "button-event")  # properties that tell what a finger did
NUMBER_CHARS = 64  # nothing longer is a number
TEXT_BYTES = 4096  # of a value or an alert; more is a document, not a text


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """`homie/5/<device>/…` (Homie 5) or `homie/<device>/…` (4 and older) → Signals; raises Undecodable or Ignored."""
    parts = topic.split("/")
    five = len(parts) > 3 and parts[1] == "5"
    name, rest = (parts[2], parts[3:]) if five else (parts[1], parts[2:]) if len(parts) > 2 else ("", [])
    if name[:1] == "$":
        raise Ignored("broadcast to devices")
    key = "homie:" + address(name)
    if rest[0][:1] == "$":
        return _attribute(key, topic, rest, payload, retained, five)
    if len(rest) == 2 and rest[1][:1] != "$":
        said = _property(key, f"{rest[0]}_{rest[1]}", payload, retained)
        return _pressed(key, said) if rest[1] in CLICKS and not retained else (said,)
    if rest[-1] == "set":
        raise Ignored("command to a device")
    if rest[-1] == "$target":
        raise Ignored("value that is only intended")
    if any(part[:1] == "$" for part in rest):
        raise Ignored("description of a node or property")
    raise Undecodable(f"topic: expected homie/<device>/<node>/<property>, got {shown(topic)}")


def _attribute(key: str, topic: str, rest: list[str], payload: bytes, retained: bool, five: bool) -> Sequence[Signal]:
    what = rest[0]
    if len(rest) == 1:
        if what == "$state":
            return _state(key, payload, five)
        if what == "$description":
            return (_description(key, topic, payload),)
        if what == "$name":
            return (Announced(key, topic, tidy(_text(payload))),)
        if what == "$online":
            return (Presence(key, read_state(payload, ONLINE)),)
    elif len(rest) == 2 and what == "$alert":
        return (_alert(key, rest[1], payload, retained),)
    elif len(rest) == 2 and what == "$stats" and rest[1] != "interval":
        return _statistic(key, rest[1], payload, retained)
    raise Ignored("device attribute")  # $log too: text for people, whatever its level


def _state(key: str, payload: bytes, five: bool) -> Sequence[Signal]:
    state = read_state(payload, STATES)
    # Children share their root's connection. They become unknown when it ends, and are again what they were when it is
    # back: one that was itself lost or asleep stays so.
    link = Presence(key, state, bridge=state != "removed")
    word = payload.strip()
    if five or word not in (b"alert", b"ready"):  # Homie 5 tells alerts on topics of their own
        return (link,)
    return (link, FaultCode(key, "alert", word == b"alert"))


def _description(key: str, topic: str, payload: bytes) -> Announced:
    if not payload:
        return Announced(key, topic)
    body = read_object(payload)
    name, kind, above = body.get("name"), body.get("type"), body.get("root") or body.get("parent")
    if not isinstance(name, str):
        raise Undecodable(f"name: expected a text, got {shown(name)}")
    via = "homie:" + address(above) if isinstance(above, str) else None
    return Announced(key, topic, tidy(name), tidy(kind) if isinstance(kind, str) else "", via)


def _alert(key: str, alert: str, payload: bytes, retained: bool) -> FaultCode:
    if retained:  # it may be older than the device's silence, and must not pass for a sign of life
        raise Ignored("retained fault without a time")
    return FaultCode(key, short_text("alert", alert), bool(payload), None, tidy(_text(payload)))


def _statistic(key: str, name: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    value = _property(key, f"stats_{name}", payload, retained)
    level = value.values.get("stats_battery") if isinstance(value, Telemetry) and not retained else None
    return (value, *battery(key, level)) if type(level) is float else (value,)


def _pressed(key: str, said: Signal) -> Sequence[Signal]:
    """A press when its word is one. Such properties are events: nothing repeats them when the device comes back."""
    word = next(iter(said.values.values())) if type(said) is Telemetry else None
    if type(word) is not str or not word:
        return (said,)
    press = read_press(key, word)
    return (press,) if type(press) is Press else (press, said)


def _property(key: str, name: str, payload: bytes, retained: bool) -> Signal:
    if not payload:
        raise Ignored("value cleared")
    name, value = own_name(name), _value(payload)
    return telemetry(key, {} if value is None else {name: value}, None, payload, retained)


def _value(payload: bytes) -> Value | None:
    """true and false, a finite number, or a text; one zero byte is the empty text. None: a number that is none."""
    if payload == b"\0":
        return ""
    text = _text(payload)
    if text in ("true", "false"):
        return text == "true"
    if len(text) <= NUMBER_CHARS and text.isascii() and "_" not in text:
        try:
            number = float(text)
        except ValueError:
            return tidy(text)
        return number if math.isfinite(number) else None
    return tidy(text)


def _text(payload: bytes) -> str:
    if len(payload) > TEXT_BYTES:
        raise Undecodable(f"payload: expected at most {TEXT_BYTES} bytes, got {len(payload)}")
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Undecodable("payload: expected text, got bytes that are not UTF-8") from None


EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = (
    ("homie/5/pump-3/circuit/flow-temp", b"48.5", True, (Telemetry("homie:pump-3", {"circuit_flow_temp": 48.5}),)),
    ("homie/5/pump-3/circuit/running", b"true", False, (Telemetry("homie:pump-3", {"circuit_running": True}),)),
    ("homie/5/pump-3/circuit/running", b"True", False, (Telemetry("homie:pump-3", {"circuit_running": "True"}),)),
    ("homie/5/pump-3/circuit/mode", b"heat", False, (Telemetry("homie:pump-3", {"circuit_mode": "heat"}),)),
    ("homie/5/bell/button/action", b"double", False, (Press("homie:bell", "double"),)),
    ("homie/5/bell/button/action", b"double", True, (Telemetry("homie:bell", {"button_action": "double"}),)),
    ("homie/5/pump-3/circuit/note", b"\0", False, (Telemetry("homie:pump-3", {"circuit_note": ""}),)),
    ("homie/5/pump-3/circuit/note", b"", False, Ignored),
    ("homie/5/pump-3/circuit/flow-temp", b"NaN", False, (Presence("homie:pump-3", "online"),)),
    ("homie/5/pump-3/circuit/flow-temp", b"1e999", True, Ignored),
    ("homie/5/pump-3/circuit/note", b"\xff", False, Undecodable),
    ("homie/5/pump-3/circuit/mode/set", b"off", False, Ignored),
    ("homie/5/pump-3/circuit/flow-temp/$target", b"50", True, Ignored),
    ("homie/5/pump-3/$log/error", b"sensor does not answer", False, Ignored),
    ("homie/5/pump-3/circuit/flow-temp/deeper", b"50", True, Undecodable),
    ("homie/5/pump-3/circuit", b"50", True, Undecodable),
    ("homie/5/$broadcast/alert", b"Fire drill", False, Ignored),
    ("homie/5/pump-3/$state", b"init", True, (Presence("homie:pump-3", "online", bridge=True),)),
    ("homie/5/pump-3/$state", b"ready", True, (Presence("homie:pump-3", "online", bridge=True),)),
    ("homie/5/pump-3/$state", b"sleeping", False, (Presence("homie:pump-3", "sleeping", bridge=True),)),
    ("homie/5/pump-3/$state", b"disconnected", False, (Presence("homie:pump-3", "stopped", bridge=True),)),
    ("homie/5/pump-3/$state", b"lost", False, (Presence("homie:pump-3", "lost", bridge=True),)),
    ("homie/5/pump-3/$state", b"", False, (Presence("homie:pump-3", "removed"),)),
    ("homie/5/pump-3/$state", b"resting", False, Undecodable),
    ("homie/5/pump-3/$description",
     b'{"homie":"5.0","version":7,"name":"Heat pump","type":"pump","root":"hub","parent":"cellar","nodes":{}}', True,
     (Announced("homie:pump-3", "homie/5/pump-3/$description", "Heat pump", "pump", "homie:hub"),)),
    ("homie/5/hub/$description", b'{"homie":"5.0","version":7,"name":"Hub","children":["pump-3"]}', True,
     (Announced("homie:hub", "homie/5/hub/$description", "Hub"),)),
    ("homie/5/hub/$description", b"", False, (Announced("homie:hub", "homie/5/hub/$description"),)),
    ("homie/5/hub/$description", b"Hub", True, Undecodable),
    ("homie/5/hub/$description", b'{"homie":"5.0","version":7}', True, Undecodable),
    ("homie/5/pump-3/$alert/low-pressure", b"0.4 bar", False,
     (FaultCode("homie:pump-3", "low-pressure", True, None, "0.4 bar"),)),
    ("homie/5/pump-3/$alert/low-pressure", b"", False, (FaultCode("homie:pump-3", "low-pressure", False),)),
    ("homie/5/pump-3/$alert/low-pressure", b"0.4 bar", True, Ignored),
    ("homie/stove/oven/temperature", b"-3", True, (Telemetry("homie:stove", {"oven_temperature": -3.0}),)),
    ("homie/stove/oven/temperature/$unit", b"\xc2\xb0C", True, Ignored),
    ("homie/stove/oven/$properties", b"temperature", True, Ignored),
    ("homie/stove/$nodes", b"oven", True, Ignored),
    ("homie/stove/$name", b"Tiled stove", True, (Announced("homie:stove", "homie/stove/$name", "Tiled stove"),)),
    ("homie/stove/$state", b"alert", True,
     (Presence("homie:stove", "online", bridge=True), FaultCode("homie:stove", "alert"))),
    ("homie/stove/$state", b"ready", False,
     (Presence("homie:stove", "online", bridge=True), FaultCode("homie:stove", "alert", False))),
    ("homie/stove/$online", b"false", True, (Presence("homie:stove", "lost"),)),
    ("homie/stove/$stats/battery", b"8", False,
     (Telemetry("homie:stove", {"stats_battery": 8.0}),
      FaultCode("homie:stove", "battery_low", True, None, "battery 8 %"))),
    ("homie/stove/$stats/battery", b"8", True, (Telemetry("homie:stove", {"stats_battery": 8.0}),)),
    ("homie/stove/$stats/signal", b"62", False, (Telemetry("homie:stove", {"stats_signal": 62.0}),)),
    ("homie/stove/$stats/interval", b"60", True, Ignored),
    ("homie/$broadcast/alert", b"Fire drill", False, Ignored),
    ("homie/stove", b"1", False, Undecodable),
)
