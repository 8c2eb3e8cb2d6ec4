"""EMS-ESP: boilers, thermostats and heat pumps on an EMS bus, and the bridge itself, under its default base topic."""

import re
from collections.abc import Sequence

from gateway.devices.dialects.jsonread import (
    FIELDS,
    LEVELS,
    Json,
    address,
    own_name,
    read_object,
    read_state,
    telemetry,
    tidy,
    value_name,
)
from gateway.devices.dialects.plain import MEANING, read_text, read_value
from gateway.model.signals import FaultCode, Ignored, Presence, Signal, Telemetry, Undecodable, Value

NAME = "ems_esp"
BASE = "ems-esp/"
FILTERS: tuple[str, ...] = (BASE + "#",)
BRIDGE = "bridge"  # the one address that brings all others
ACCESS = (("readwrite", BASE + "#"),)
HUB = "ems_esp:bridge"
LINK = {"online": "online", "offline": "lost"}
# `lastcode` is the newest entry of the log, as its writer puts it: code(number) start, and then what became of it.
LOGGED = re.compile(r"\s*([!-'*-~]{1,4})\s?\(([0-9]{1,5})\)(.*)")
RUNS, ENDED = re.compile(r".*- now\s*"), re.compile(r".* - [0-9]{1,3}\.[0-9]{1,3}\.[0-9]{4} [0-9:]+\s*")
# The display's two characters: a digit from 1 and a letter is a fault (6A, 2E); "-H", "=H", "0Y" tell what it does.
# Nothing is said of the rest: letters first differ by maker, H second is also a service programme (5H: relay test).
FAULT, AT_WORK = re.compile(r"[1-9][A-GI-Z]"), frozenset("-=~0")


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """`ems-esp/<device>_data[_<part>][/<value>…]`, `ems-esp/status`, `heartbeat` or `info` → Signals."""
    name = topic[len(BASE):]
    if name == "status":
        return (Presence(HUB, read_state(payload, LINK), bridge=True),)
    if name == "heartbeat" or name == "info":
        return (telemetry(HUB, _gather({}, read_object(payload)), None, payload, retained),)
    device, data, rest = name.partition("_data")
    if not data or "/" in device or (rest and rest[0] not in "_/"):
        raise Ignored("command or administration")
    key = "ems_esp:" + address(device)
    if not payload:
        raise Ignored("retained value cleared")
    values = _read(own_name(rest[1:]) if rest else "", payload)
    reading = telemetry(key, values, None, payload, retained)
    return (reading,) if retained else (reading, *_faults(key, values))


def key_of(topic: str) -> str | None:
    """The key of the device whose topic this is."""
    name = topic[len(BASE):]
    device, data, _ = name.partition("_data")
    return "ems_esp:" + address(device) if data else HUB if name in ("status", "heartbeat", "info") else None


def _read(prefix: str, payload: bytes) -> dict[str, Value]:
    """The values of an object, or of a topic that is one value; the part of the device goes before each name."""
    if payload[:1] == b"{":
        return _gather({}, read_object(payload), f"{prefix}_" if prefix else "")
    if not prefix:
        raise Undecodable("payload: expected a JSON object, got a single value")
    value = read_value(read_text(payload))
    return {} if value is None else {prefix: value}


def _gather(values: dict[str, Value], part: Json, prefix: str = "", level: int = 1) -> dict[str, Value]:
    """`flatten` that in the same pass reads on and off (spelled as EMS-ESP is set) and leaves out empty texts: such a
    message has 40 fields and more, and two passes cost half as much again."""
    if len(part) > FIELDS or level > LEVELS:
        raise Undecodable(f"payload: expected at most {FIELDS} fields and {LEVELS} levels, got more")
    for name, value in part.items():
        kind = type(value)
        if kind is str:
            said = MEANING[value] if value in MEANING else tidy(value)
            if said is not None:
                values[value_name(prefix + name)] = said
        elif kind is float or kind is bool:
            values[value_name(prefix + name)] = value
        elif kind is int:
            values[value_name(prefix + name)] = float(value)
        elif kind is dict:
            _gather(values, value, f"{prefix}{name}_", level + 1)
    if len(values) > FIELDS:
        raise Undecodable(f"payload: expected at most {FIELDS} fields, got more")
    values.pop("", None)
    return values


def _faults(key: str, values: dict[str, Value]) -> list[FaultCode]:
    """What the display shows now, and the newest entry of the log when it says that it still runs or has ended."""
    faults = []
    code, last = values.get("servicecode"), values.get("lastcode")
    if isinstance(code, str):
        code = code.strip()
        broken = FAULT.fullmatch(code) is not None
        if broken or code[:1] in AT_WORK:
            number = values.get("servicecodenumber")
            text = f"{code} {number:.0f}" if isinstance(number, float) else code
            faults.append(FaultCode(key, "servicecode", broken, None, tidy(text)))
    if isinstance(last, str) and (entry := LOGGED.fullmatch(last)) is not None:
        if RUNS.fullmatch(entry[3]):
            faults.append(FaultCode(key, "lastcode", True, None, last.strip()))
        elif ENDED.fullmatch(entry[3]):
            faults.append(FaultCode(key, "lastcode", False, None, last.strip()))
    return faults


EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = (
    ("ems-esp/boiler_data", b'{"reset":"","curflowtemp":61.5,"burngas":"on","servicecode":"-H","servicecodenumber":200,'
     b'"dhw":{"circ":"off","seltemp":55}}', False,
     (Telemetry("ems_esp:boiler", {"curflowtemp": 61.5, "burngas": True, "servicecode": "-H",
                                   "servicecodenumber": 200.0, "dhw_circ": False, "dhw_seltemp": 55.0}),
      FaultCode("ems_esp:boiler", "servicecode", False, None, "-H 200"))),
    ("ems-esp/boiler_data", b'{"servicecode":"6A","servicecodenumber":227}', False,
     (Telemetry("ems_esp:boiler", {"servicecode": "6A", "servicecodenumber": 227.0}),
      FaultCode("ems_esp:boiler", "servicecode", True, None, "6A 227"))),
    ("ems-esp/boiler_data", b'{"servicecode":"6A","servicecodenumber":227}', True,
     (Telemetry("ems_esp:boiler", {"servicecode": "6A", "servicecodenumber": 227.0}),)),
    ("ems-esp/boiler_data", b'{"servicecode":"5H","servicecodenumber":268}', False,
     (Telemetry("ems_esp:boiler", {"servicecode": "5H", "servicecodenumber": 268.0}),)),
    ("ems-esp/boiler_data", b'{"lastcode":"A11(3091) 04.02.2026 07:15 - now"}', False,
     (Telemetry("ems_esp:boiler", {"lastcode": "A11(3091) 04.02.2026 07:15 - now"}),
      FaultCode("ems_esp:boiler", "lastcode", True, None, "A11(3091) 04.02.2026 07:15 - now"))),
    ("ems-esp/boiler_data", b'{"lastcode":"A11(3091) 04.02.2026 07:15 - 04.02.2026 09:40"}', False,
     (Telemetry("ems_esp:boiler", {"lastcode": "A11(3091) 04.02.2026 07:15 - 04.02.2026 09:40"}),
      FaultCode("ems_esp:boiler", "lastcode", False, None, "A11(3091) 04.02.2026 07:15 - 04.02.2026 09:40"))),
    ("ems-esp/boiler_data", b'{"lastcode":"6C(228) 31.77.2001 29:61 (0 min)"}', False,
     (Telemetry("ems_esp:boiler", {"lastcode": "6C(228) 31.77.2001 29:61 (0 min)"}),)),
    ("ems-esp/thermostat_data_hc2", b'{"currtemp":21.4,"mode":"auto","remotetemp":null}', False,
     (Telemetry("ems_esp:thermostat", {"hc2_currtemp": 21.4, "hc2_mode": "auto"}),)),
    ("ems-esp/thermostat_data/hc2/currtemp", b"21.4", False,
     (Telemetry("ems_esp:thermostat", {"hc2_currtemp": 21.4}),)),
    ("ems-esp/boiler_data/heatingactive", b"OFF", False, (Telemetry("ems_esp:boiler", {"heatingactive": False}),)),
    ("ems-esp/boiler_data", b'{"reset":""}', False, (Presence("ems_esp:boiler", "online"),)),
    ("ems-esp/boiler_data", b"", False, Ignored),
    ("ems-esp/boiler_data", b"61.5", False, Undecodable),
    ("ems-esp/boiler_data", b'{"curflowtemp":', False, Undecodable),
    ("ems-esp/boiler/seltemp", b"40", False, Ignored),
    ("ems-esp/response", b'{"message":"OK"}', False, Ignored),
    ("ems-esp/status", b"online", True, (Presence(HUB, "online", bridge=True),)),
    ("ems-esp/status", b"offline", False, (Presence(HUB, "lost", bridge=True),)),
    ("ems-esp/status", b"", False, (Presence(HUB, "removed", bridge=True),)),
    ("ems-esp/status", b"asleep", False, Undecodable),
    ("ems-esp/heartbeat", b'{"bus_status":"connected","rssi":-61,"uptime_sec":320}', False,
     (Telemetry(HUB, {"bus_status": "connected", "rssi": -61.0, "uptime_sec": 320.0}),)),
    ("ems-esp/info", b'{"event":"start","version":"3.7.2"}', True,
     (Telemetry(HUB, {"event": "start", "version": "3.7.2"}),)),
)
