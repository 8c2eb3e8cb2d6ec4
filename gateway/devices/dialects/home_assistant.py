"""Home Assistant MQTT discovery: devices that announce themselves and their topics."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.devices.dialects.ha_announce import announced
from gateway.devices.dialects.jsonread import (
    NO_NUMBER,
    PAYLOAD_BYTES,
    TEXT_CHARS,
    battery,
    moment,
    read_json,
    read_object,
    shown,
    telemetry,
)
from gateway.devices.dialects.presses import LONGEST, read_press
from gateway.model import Instant
from gateway.model.signals import (
    Announced,
    ButtonWord,
    FaultCode,
    Ignored,
    Notes,
    Presence,
    Press,
    Route,
    Signal,
    Skipped,
    Telemetry,
    Undecodable,
    Value,
)

NAME = "home_assistant"
FILTERS: tuple[str, ...] = ("homeassistant/+/+/config", "homeassistant/+/+/+/config", "homeassistant/status")
NOTHING = NO_NUMBER | {"", "None", "none", "null", "unknown", "unavailable"}  # how an absent value is printed


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """An announcement (a retained one counts: that is how all of them come); an emptied one is taken back."""
    if topic == "homeassistant/status":
        raise Ignored("Home Assistant itself starts or stops")
    if not payload:
        return (Announced("", topic),)
    return announced(topic, read_object(payload))


def routed_sources(routes: Sequence[Route]) -> tuple[str, ...]:
    """The devices whose several availability topics must be weighed against each other."""
    return tuple({route.spec["key"]: 0 for route in routes
                  if route.spec["kind"] == "link" and route.spec["mode"] != "latest"})


def read_routed(routes: Sequence[Route], payload: bytes, retained: bool, notes: Mapping[str, Notes], now: Instant
                ) -> Sequence[Signal]:
    """A message on an announced topic, for every device that announced it."""
    if len(payload) > PAYLOAD_BYTES:
        raise Undecodable(f"payload: expected at most {PAYLOAD_BYTES} bytes, got {len(payload)}")
    read = _Payload(payload)
    by_key: dict[str, list[Route]] = {}
    for route in routes:
        by_key.setdefault(route.spec["key"], []).append(route)
    signals: list[Signal] = []
    retained_press = False
    for key, mine in by_key.items():
        signals += _link(key, mine, read, notes, shared=len(by_key) > 1)
        presses = _presses(key, mine, read)
        retained_press = retained_press or bool(retained and presses)
        signals += [] if retained else presses[:1]
        signals += _values(key, mine, read, retained)
    if not signals:
        raise Ignored("retained press" if retained_press else "announced topic that says nothing we read")
    return signals


class _Payload:
    """A payload, parsed once and only if somebody looks inside."""

    def __init__(self, payload: bytes) -> None:
        self.raw = payload
        try:
            self.text = payload.decode()
        except UnicodeDecodeError:
            raise Undecodable("payload: expected text in UTF-8, got other bytes") from None

    def find(self, spec: dict[str, Any]) -> Any:
        """The value at the spec's path, None when it is not there."""
        if "path" not in spec and ("or_path" not in spec or self.raw[:1] != b"{"):
            return self.text
        value = self._json()
        for step in spec.get("path", spec.get("or_path", ())):
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def last_seen(self) -> Instant | None:
        """When a bridge last heard the device, where its message says so (Zigbee2MQTT under another base topic)."""
        parsed = getattr(self, "_parsed", None)
        return moment(parsed.get("last_seen")) if isinstance(parsed, dict) else None

    def _json(self) -> Any:
        if not hasattr(self, "_parsed"):
            self._parsed = read_json(self.raw)
        return self._parsed


def _link(key: str, routes: Sequence[Route], read: _Payload, notes: Mapping[str, Notes], shared: bool) -> list[Signal]:
    """Whether the device can be reached. A topic of several devices is their bridge's: they go and come with that."""
    spec = next((route.spec for route in routes if route.spec["kind"] == "link"), None)
    if spec is None:
        return []
    topic = routes[0].topic
    if not read.raw:
        if spec["mode"] != "latest":  # what it said there before counts no longer
            notes[key]["links"] = {name: said for name, said in notes[key].get("links", {}).items() if name != topic}
        return [Presence(key, "removed")]
    word = _word(read.find(spec))
    if word not in (spec["on"], spec["off"]):
        raise Undecodable(f"availability: expected {spec['on']} or {spec['off']}, got {shown(word)}")
    there = word == spec["on"]
    bridge = f"{NAME}:{topic}" if shared else None
    if spec["mode"] == "latest":
        return [Presence(key, "reachable" if there and shared else "online" if there else "lost", through=bridge)]
    said = {**notes[key].get("links", {}), topic: [there, shared]}
    notes[key]["links"] = said
    return _weighed(key, spec, list(said.values()), bridge)


def _weighed(key: str, spec: dict[str, Any], said: list[list[bool]], bridge: str | None) -> list[Signal]:
    """What several availability topics come to, each as [there, a bridge's]; nothing while the missing could decide.

    `bridge`: it was the bridge's word that came now, so what the device itself had said is no sign of life.
    """
    states = [there for there, _ in said]
    there = any(states) if spec["mode"] == "any" else all(states)
    if there == (spec["mode"] == "all") and len(said) < spec["of"]:
        return []
    if there and bridge is None:
        return [Presence(key, "online")]
    if there:
        return [Presence(key, "reachable", through=bridge), Presence(key, "online", relayed=True)]
    own_word = any(not there and not shared for there, shared in said)
    return [Presence(key, "lost", through=None if own_word else bridge or f"{NAME}:")]


def _presses(key: str, routes: Sequence[Route], read: _Payload) -> list[Signal]:
    found: list[Signal] = []
    for route in routes:
        spec = route.spec
        if spec["kind"] == "press" and read.text == spec["payload"]:
            found.append(Press(key, spec["click"]) if spec["click"] else ButtonWord(key, read.text[:LONGEST]))
        elif spec["kind"] == "event":
            said = read.find({"path": [*spec.get("path", ()), "event_type"]})
            if isinstance(said, str) and said:
                found.append(read_press(key, said))
    return found


def _values(key: str, routes: Sequence[Route], read: _Payload, retained: bool) -> list[Signal]:
    values: dict[str, Value] = {}
    faults: list[Signal] = []
    specs = [route.spec for route in routes if route.spec["kind"] == "value"]
    for spec in specs:
        value = _value(spec, read.find(spec))
        if value is None:
            continue
        values[spec["name"]] = value
        faults += _faults(key, spec, value)
    seen = read.last_seen()
    if seen is not None:
        faults = [fault._replace(at=seen, heard_at=seen) for fault in faults if isinstance(fault, FaultCode)]
    if not specs:
        return []
    if not values and retained:
        return []
    said = telemetry(key, values, seen, read.raw, retained, seen)
    if isinstance(said, Telemetry):
        said = said._replace(expires=min((spec["expires"] for spec in specs if "expires" in spec), default=None))
    return [said, *([] if retained else faults)]


def _value(spec: dict[str, Any], found: Any) -> Value | None:
    """The found value as a number, true/false or text; None when there is none."""
    if "on" in spec:
        word = _word(found)
        return True if word == spec["on"] else False if word == spec["off"] else None
    if isinstance(found, bool):
        return found
    if isinstance(found, str):
        text = found.strip()[:TEXT_CHARS]
        if text in NOTHING:
            return None
        try:
            number = float(text)
        except ValueError:
            return text if text.isprintable() else None
        found = number if number - number == 0 and "_" not in text else None
    if not isinstance(found, int | float):
        return None
    times: float = spec.get("times", 1.0)
    return found * times


def _faults(key: str, spec: dict[str, Any], value: Value) -> list[Signal]:
    """A sensor of the class battery or problem names a fault."""
    if spec.get("class") == "battery":
        if isinstance(value, bool):
            return [FaultCode(key, "battery_low", value)]
        return battery(key, value) if isinstance(value, float) else []
    if spec.get("class") == "problem" and isinstance(value, bool):
        return [FaultCode(key, spec["name"][:64], value)]
    return []


def _word(found: Any) -> str:
    if isinstance(found, bool):
        return str(found).lower()
    return found.strip() if isinstance(found, str) else f"{found:g}" if isinstance(found, int | float) else ""


_DEVICE = (b'"device":{"identifiers":["pump-7"],"name":"Cellar pump","model":"P200","manufacturer":"Acme",'
           b'"via_device":"hub-1"}')
_PRESSURE = "homeassistant/sensor/pump-7/pressure/config"

EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = (
    (_PRESSURE, b'{"state_topic":"acme/pump-7/state","expire_after":300,'
     b'"value_template":"{{ value_json.p | float }}","availability_topic":"acme/pump-7/link",' + _DEVICE + b"}", True,
     (Announced("home_assistant:pump-7", _PRESSURE, "Cellar pump", "Acme P200",
                "home_assistant:hub-1", (
                    Route("acme/pump-7/state", {"kind": "value", "name": "pressure", "path": ["p"],
                                                "expires": 300_000}),
                    Route("acme/pump-7/link", {"kind": "link", "mode": "latest", "of": 1, "on": "online",
                                               "off": "offline"}))),)),
    ("homeassistant/binary_sensor/wet/config",
     b'{"~":"acme/wet","stat_t":"~/s","pl_on":"1","pl_off":"0","dev":{"ids":"w1"}}', True,
     (Announced("home_assistant:w1", "homeassistant/binary_sensor/wet/config", routes=(
         Route("acme/wet/s", {"kind": "value", "name": "wet", "on": "1", "off": "0"}),)),)),
    ("homeassistant/device_automation/bell/short/config", b'{"automation_type":"trigger","type":"button_short_press",'
     b'"subtype":"button_1","payload":"pushed","topic":"acme/bell","device":{"identifiers":["bell"]}}', True,
     (Announced("home_assistant:bell", "homeassistant/device_automation/bell/short/config", routes=(
         Route("acme/bell", {"kind": "press", "payload": "pushed", "click": "single"}),)),)),
    (_PRESSURE, b"", True, (Announced("", _PRESSURE),)),
    ("homeassistant/sensor/x/config",
     b'{"state_topic":"acme/x","value_template":"{% for i in range(9) %}{% endfor %}"}', True,
     (Announced("home_assistant:x", "homeassistant/sensor/x/config"),
      Skipped("home_assistant:x", "announced value that we cannot read"))),
    ("homeassistant/sensor/x/config", b'{"state_topic":"acme/#"}', True,
     (Announced("home_assistant:x", "homeassistant/sensor/x/config"),
      Skipped("home_assistant:x", "announced value that we cannot read"))),
    ("homeassistant/scene/x/config", b'{"name":"Evening","command_topic":"acme/x/set"}', True,
     (Announced("home_assistant:x", "homeassistant/scene/x/config", "Evening"),)),
    ("homeassistant/sensor/x/config", b'{"platform":"sensor"}', True,
     (Announced("", "homeassistant/sensor/x/config"),)),
    ("homeassistant/sensor/x/config", b'{"migrate_discovery":true}', True, Ignored),
    ("homeassistant/sensor/x/config", b'["acme/x"]', True, Undecodable),
    ("homeassistant/status", b"online", True, Ignored),
)
