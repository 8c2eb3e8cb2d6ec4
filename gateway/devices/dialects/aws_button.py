"""AWS IoT buttons: clicks on `iotbutton/<serial>`, and IoT 1-Click events that a rule forwards."""

import re
from collections.abc import Sequence
from zlib import crc32

from gateway.devices.dialects.jsonread import EMPTY, Json, address, battery, device_time, read_object, short_text, shown
from gateway.model import Instant
from gateway.model.signals import FaultCode, Ignored, Press, Signal, Telemetry, Undecodable

NAME = "aws_button"
FILTERS: tuple[str, ...] = ("iotbutton/+",)
RENEWED = 50  # per cent of remaining life: it only ever falls, until the battery or the button is exchanged
KINDS = {"SINGLE": "single", "DOUBLE": "double", "LONG": "long"}
_MILLIVOLTS = re.compile(r"([0-9]{1,6})\s?mV", re.ASCII)


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """`iotbutton/<serial>` → Signals; raises Undecodable or Ignored. A serial in the payload is not looked at."""
    key = "aws_button:" + address(topic.split("/")[1])
    body = read_object(payload)
    event = body.get("deviceEvent")
    if event is None:
        return _first_button(key, body, payload, retained)
    if type(event) is not dict:
        raise Undecodable(f"deviceEvent: expected an object, got {shown(event)}")
    return _one_click(key, event, body, payload, retained)


def _first_button(key: str, body: Json, payload: bytes, retained: bool) -> Sequence[Signal]:
    """Its press has neither id nor time. Its volts are told; which are too few is published nowhere."""
    kind = _kind("clickType", body.get("clickType"))
    if retained:
        raise Ignored("retained press")
    said = body.get("batteryVoltage")
    volts = _MILLIVOLTS.fullmatch(said) if type(said) is str else None
    press = Press(key, kind)
    if volts is None:
        return (press,)
    return press, Telemetry(key, {"batteryVoltage": int(volts[1]) / 1000}, None, crc32(payload))


def _one_click(key: str, event: Json, body: Json, payload: bytes, retained: bool) -> Sequence[Signal]:
    clicked, health = event.get("buttonClicked"), event.get("deviceHealthMonitor")
    if retained:
        raise Ignored("retained press" if clicked is not None else "retained health event")
    if type(clicked) is dict:
        kind = _kind("deviceEvent.buttonClicked.clickType", clicked.get("clickType"))
        said = clicked.get("reportedTime")
        at = device_time(said)
        press_id = short_text("deviceEvent.buttonClicked.reportedTime", said) if at is not None else None
        return [Press(key, kind, press_id, at), *_life(key, body, at, payload)]
    if type(health) is not dict:
        raise Undecodable("deviceEvent: expected buttonClicked or deviceHealthMonitor, got neither")
    # the operator's own threshold was passed: that word stands, whatever per cent we would call low
    told = [signal for signal in _life(key, body, None, payload) if type(signal) is Telemetry]
    return [FaultCode(key, "battery_low", True, None, "remaining life is below the limit set for it"), *told]


def _life(key: str, body: Json, at: Instant | None, payload: bytes) -> list[Signal]:
    """`deviceInfo.remainingLife`, per cent, as a value and as an empty battery.

    A limit set at AWS may be above our own "low": what it has reported is only over with a button that is as new.
    """
    info = body.get("deviceInfo")
    percent = info.get("remainingLife") if type(info) is dict else None
    if type(percent) is not int and type(percent) is not float:
        return []
    faults = battery(key, percent, at) if percent <= EMPTY or percent >= RENEWED else []
    return [Telemetry(key, {"remainingLife": float(percent)}, at, crc32(payload)), *faults]


def _kind(field: str, said: object) -> str:
    kind = KINDS.get(said) if type(said) is str else None
    if kind is None:
        raise Undecodable(f"{field}: expected SINGLE, DOUBLE or LONG, got {shown(said)}")
    return kind


_NOON = 1_788_264_000_000  # 2026-09-01T12:00:00Z
_TOPIC, _KEY = "iotbutton/G030JF05", "aws_button:G030JF05"

EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = (
    (_TOPIC, b'{"serialNumber":"SOMEBODY","batteryVoltage":"1582mV","clickType":"LONG"}', False,
     (Press(_KEY, "long"), Telemetry(_KEY, {"batteryVoltage": 1.582}))),
    (_TOPIC, b'{"serialNumber":"G030JF05","batteryVoltage":"xxxxmV","clickType":"DOUBLE"}', False,
     (Press(_KEY, "double"),)),
    (_TOPIC, b'{"serialNumber":"G030JF05","batteryVoltage":"1582mV","clickType":"SINGLE"}', True, Ignored),
    (_TOPIC, b'{"serialNumber":"G030JF05","clickType":"TRIPLE"}', False, Undecodable),
    (_TOPIC, b'{"deviceEvent":{"buttonClicked":{"clickType":"SINGLE","reportedTime":"2026-09-01T12:00:00.000Z"}},'
     b'"deviceInfo":{"deviceId":" SOMEBODY ","type":"button","remainingLife":55.5}}', False,
     (Press(_KEY, "single", "2026-09-01T12:00:00.000Z", _NOON), Telemetry(_KEY, {"remainingLife": 55.5}, _NOON),
      *battery(_KEY, 55.5, _NOON))),
    (_TOPIC, b'{"deviceEvent":{"buttonClicked":{"clickType":"SINGLE","reportedTime":"soon"}},'
     b'"deviceInfo":{"remainingLife":9}}', False,
     (Press(_KEY), Telemetry(_KEY, {"remainingLife": 9.0}), *battery(_KEY, 9))),
    (_TOPIC, b'{"deviceEvent":{"deviceHealthMonitor":{"condition":{"remainingLifeLowerThan":30}}},'
     b'"deviceInfo":{"remainingLife":28.4}}', False,
     (FaultCode(_KEY, "battery_low", True, None, "remaining life is below the limit set for it"),
      Telemetry(_KEY, {"remainingLife": 28.4}))),
    (_TOPIC, b'{"deviceEvent":{"buttonClicked":{"clickType":"SINGLE","reportedTime":"2026-09-01T12:00:00Z"}},'
     b'"deviceInfo":{"remainingLife":28.4}}', False,
     (Press(_KEY, "single", "2026-09-01T12:00:00Z", _NOON), Telemetry(_KEY, {"remainingLife": 28.4}, _NOON))),
    (_TOPIC, b'{"deviceEvent":{"buttonClicked":{"clickType":"SINGLE"}}}', True, Ignored),
    (_TOPIC, b'{"deviceEvent":{"doorOpened":{}}}', False, Undecodable),
    (_TOPIC, b'{"deviceEvent":[]}', False, Undecodable),
)
