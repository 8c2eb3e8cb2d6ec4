"""Flic buttons behind a hub that publishes `flic/<serial>/action`, `state` and `battery` (as flic2hass does)."""

from collections.abc import Sequence

from gateway.devices.dialects.jsonread import address, battery, read_word, shown, telemetry
from gateway.devices.dialects.plain import read_number, read_text
from gateway.model.signals import FaultCode, Ignored, Presence, Press, Signal, Telemetry, Undecodable

NAME = "flic"
FILTERS: tuple[str, ...] = ("flic/+/action", "flic/+/state", "flic/+/battery")
CLICKS = {"click": "single", "double_click": "double", "hold": "long"}
FINGER = {"pressed": True, "released": False}


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """`flic/<serial>/<what>` → Signals; raises Undecodable or Ignored."""
    _, serial, what = topic.split("/")
    key = "flic:" + address(serial)
    if what == "action":
        return (_press(key, read_word(payload), retained),)
    if what == "state":
        word = read_word(payload)
        if word not in FINGER:
            raise Undecodable(f"payload: expected pressed or released, got {shown(word)}")
        return (telemetry(key, {"pressed": FINGER[word]}, None, payload, retained),)
    percent = read_number(read_text(payload))
    if percent is None:
        return (telemetry(key, {}, None, payload, retained),)
    low = battery(key, percent) if not retained else []
    return (telemetry(key, {"battery": percent}, None, payload, retained), *low)


def key_of(topic: str) -> str:
    """The key of the button whose topic this is."""
    return "flic:" + address(topic.split("/")[1])


def _press(key: str, word: str, retained: bool) -> Press:
    if word == "ok":
        raise Ignored("action set back after a click")
    kind = CLICKS.get(word)
    if kind is None:
        raise Undecodable(f"payload: expected {' or '.join(CLICKS)}, got {shown(word)}")
    if retained:
        raise Ignored("retained press")
    return Press(key, kind)


EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = (
    ("flic/BG22-C1234/action", b"click", False, (Press("flic:BG22-C1234"),)),
    ("flic/BG22-C1234/action", b"double_click", False, (Press("flic:BG22-C1234", "double"),)),
    ("flic/BG22-C1234/action", b"hold", False, (Press("flic:BG22-C1234", "long"),)),
    ("flic/BG22-C1234/action", b"ok", False, Ignored),
    ("flic/BG22-C1234/action", b"click", True, Ignored),
    ("flic/BG22-C1234/action", b"kick", False, Undecodable),
    ("flic/BG22-C1234/action", b"", False, Undecodable),
    ("flic/BG22-C1234/state", b"pressed", False, (Telemetry("flic:BG22-C1234", {"pressed": True}),)),
    ("flic/BG22-C1234/state", b"released", True, (Telemetry("flic:BG22-C1234", {"pressed": False}),)),
    ("flic/BG22-C1234/state", b"squeezed", False, Undecodable),
    ("flic/BG22-C1234/battery", b"64", False,
     (Telemetry("flic:BG22-C1234", {"battery": 64.0}),
      FaultCode("flic:BG22-C1234", "battery_low", False, None, "battery 64 %"))),
    ("flic/BG22-C1234/battery", b"8", False,
     (Telemetry("flic:BG22-C1234", {"battery": 8.0}),
      FaultCode("flic:BG22-C1234", "battery_low", True, None, "battery 8 %"))),
    ("flic/BG22-C1234/battery", b"null", False, (Presence("flic:BG22-C1234", "online"),)),
    ("flic/BG22-C1234/battery", b"full", False, Undecodable),
)
