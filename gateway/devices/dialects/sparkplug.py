"""Sparkplug B (Eclipse Sparkplug 3.0): edge nodes and their devices, their births, deaths, aliases and sequence."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import orjson

from gateway.devices.dialects.jsonread import FIELDS, NAME_CHARS, address, device_clock, shown, value_name
from gateway.devices.dialects.registry import Examples
from gateway.devices.dialects.sparkplug_payload import Metric, Payload, read_payload, value_of, write_payload
from gateway.devices.dialects.sparkplug_payload import prepare as prepare
from gateway.model import SECOND, Instant
from gateway.model.signals import (
    Announced,
    Ignored,
    Notes,
    Presence,
    Request,
    Signal,
    Skipped,
    Telemetry,
    Undecodable,
    Value,
)

NAME = "sparkplug"
FILTERS: tuple[str, ...] = (
    *(f"spBv1.0/+/{kind}/+" for kind in ("NBIRTH", "NDATA", "NDEATH")),
    *(f"spBv1.0/+/{kind}/+/+" for kind in ("DBIRTH", "DDATA", "DDEATH")),
)
ASK_AGAIN = 10 * SECOND  # at most one request for a rebirth in this time
REBIRTH = "Node Control/Rebirth"
ADDRESS_LEVELS = 2  # of the address of an edge node: it speaks for its devices
ACCESS = (("write", "spBv1.0/{0}/+/{1}/#"), ("read", "spBv1.0/{0}/NCMD/{1}"), ("read", "spBv1.0/{0}/DCMD/{1}/#"),
          ("read", "spBv1.0/STATE/#"))
BOOLEAN, UINT64 = 11, 8  # data types


def sources(topic: str) -> tuple[str, ...]:
    """Every message moves its node's sequence number on."""
    levels = topic.split("/")
    return (f"{NAME}:{levels[1]}/{levels[3]}",)


def key_of(topic: str) -> str | None:
    """The key of the node or device that speaks there; None for a death, which another speaks."""
    _, group, kind, *names = topic.split("/")
    return None if kind.endswith("DEATH") else f"{NAME}:{'/'.join((group, *names))}"


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """One message alone, as if it were the first: what a birth has named cannot be known."""
    return recall(topic, payload, retained, {source: Notes() for source in sources(topic)}, 0)


def recall(topic: str, payload: bytes, retained: bool, notes: Mapping[str, Notes], now: Instant) -> Sequence[Signal]:
    """`spBv1.0/<group>/<kind>/<node>[/<device>]` → Signals. The node's notes: `session` and, by device, its `birth`."""
    if retained:
        raise Ignored("retained Sparkplug message")  # none may be: it would tell of a session long over
    _, group, kind, node, *device = topic.split("/")
    key = f"{NAME}:" + address("/".join((group, node, *device)))
    (source, mine), = notes.items()
    body = read_payload(payload)
    if kind == "NDEATH":
        return (_node_death(source, mine, body),)
    asked = _counted(kind, source, mine, body, now)
    if kind == "DDEATH":
        return (*asked, Presence(key, "lost"))
    name = f"birth/{device[0]}" if device else "birth"
    born: list[Signal] = []
    if kind.endswith("BIRTH"):
        mine[name] = _birth(body.metrics)
        born = [Announced(key, topic, "/".join(device) or node, via=source if device else None),
                Presence(key, "online", bridge=not device)]
    told, unknown = _telemetry(key, body, mine.get(name, {}), bool(born))
    if unknown:
        asked = asked or _ask(source, mine, now)
    if not born and not any(type(signal) is Telemetry for signal in told):
        told.insert(0, Presence(key, "online"))
    return (*born, *asked, *told)


def host_state(host: str, online: bool, at: Instant) -> tuple[str, bytes]:
    """What a host application says of itself, retained: edge nodes may wait for it before they speak."""
    return f"spBv1.0/STATE/{host}", orjson.dumps({"online": online, "timestamp": at})


def _node_death(source: str, mine: Notes, body: Payload) -> Presence:
    """A death without the number of the session that lives is an older will that came late."""
    number = next((int(m.raw) for m in body.metrics if m.name == "bdSeq" and isinstance(m.raw, int)), None)
    session = mine.get("session", {})
    if session.get("born") and number is not None and session.get("bd") not in (None, number):
        raise Ignored("death of an earlier session")
    if session:  # of a node that was never heard there is nothing to remember
        mine["session"] = {"bd": number, "born": False}
    return Presence(source, "lost", bridge=True)  # without a time: a will is written when the session begins


def _counted(kind: str, source: str, mine: Notes, body: Payload, now: Instant) -> tuple[Signal, ...]:
    """Moves the node's sequence number on. One that is missing means that something was lost: its state is asked for.

    MQTT keeps the order of one connection, so there is no waiting for stragglers (a reorder timeout of nought).
    """
    if body.seq is None or not 0 <= body.seq < 256:
        raise Undecodable(f"seq: expected 0 to 255, got {shown(body.seq)}")
    session = mine.get("session", {})
    if kind == "NBIRTH":
        number = next((int(m.raw) for m in body.metrics if m.name == "bdSeq" and isinstance(m.raw, int)), None)
        mine["session"] = {"bd": number, "seq": body.seq, "born": True, "asked": session.get("asked", -ASK_AGAIN)}
        for name in [name for name in mine if name.startswith("birth/")]:
            del mine[name]  # its devices are born anew
        return ()
    last = session.get("seq")
    mine["session"] = {**session, "seq": body.seq}
    if session.get("born") and last is not None and body.seq in ((last + 1) % 256, last):  # `last`: sent to us twice
        return ()
    return _ask(source, mine, now)


def _ask(source: str, mine: Notes, now: Instant) -> tuple[Signal, ...]:
    session = mine["session"]
    if now - session.get("asked", -ASK_AGAIN) < ASK_AGAIN:
        return ()
    mine["session"] = {**session, "asked": now}
    group, node = source.removeprefix(f"{NAME}:").split("/", 1)
    metric = {"name": REBIRTH, "timestamp": now, "datatype": BOOLEAN, "boolean_value": True}
    return (Request(source, f"spBv1.0/{group}/NCMD/{node}", write_payload(now, None, [metric])),)


def _birth(metrics: Iterable[Metric]) -> dict[str, list[Any]]:
    """What later messages leave out: alias or name → [name, data type]."""
    known: dict[str, list[Any]] = {}
    for metric in metrics:
        if metric.name is None:
            raise Undecodable("metrics: expected a name for each metric of a birth, got one without")
        if len(metric.name) <= NAME_CHARS:
            known[str(metric.alias) if metric.alias is not None else f"={metric.name}"] = [metric.name, metric.datatype]
    return known


def _telemetry(key: str, body: Payload, birth: Mapping[str, list[Any]], born: bool) -> tuple[list[Signal], bool]:
    """One Telemetry for each time that the metrics name, and whether an alias was unknown."""
    by_time: dict[int | None, dict[str, Value]] = {}
    strange = bad = unread = size = 0
    for metric in body.metrics:
        name, datatype = _identity(metric, birth)
        if name is None:
            strange += 1
        elif name == "bdSeq" or name.startswith("Node Control/"):
            continue
        elif not metric.good:
            bad += 1
        elif metric.raw is not None:
            value = value_of(metric.raw, datatype) if size < FIELDS else None
            name = value_name(name)
            if not name:
                continue
            if value is None:
                unread += 1
            else:
                size += 1
                by_time.setdefault(metric.timestamp or body.timestamp, {})[name] = value
    told: list[Signal] = [Telemetry(key, by_time[time], device_clock(time), body.seq or 0)
                          for time in sorted(by_time, key=lambda time: time or 0)]
    if strange or bad or unread:
        told += [Skipped(key, reason) for reason, count in (
            ("unknown alias", strange), ("metric that its device calls bad or stale", bad),
            ("metric of a kind we do not read", unread)) if count]
    return told, bool(strange) and not born


def _identity(metric: Metric, birth: Mapping[str, list[Any]]) -> tuple[str | None, int | None]:
    if metric.name is not None:
        known = birth.get(f"={metric.name}")
        return metric.name, metric.datatype if metric.datatype is not None else known[1] if known else None
    known = birth.get(str(metric.alias))
    return (None, None) if known is None else (known[0], metric.datatype or known[1])


_NOON = 1_788_264_000_000  # 2026-09-01T12:00:00Z
_NODE = "sparkplug:Plant 1/PLC"


def _said(seq: int | None, *metrics: dict[str, Any]) -> bytes:
    return write_payload(_NOON, seq, metrics)


_BD = {"name": "bdSeq", "datatype": UINT64, "long_value": 4}
EXAMPLES: Examples  # made when somebody asks for them: they need the library


def __getattr__(name: str) -> Examples:
    if name != "EXAMPLES":
        raise AttributeError(name)
    return _examples()


@cache
def _examples() -> Examples:
    """A story, in this order: each message is read with what those before it have left."""
    return (
        ("spBv1.0/Plant 1/NDATA/PLC", _said(9, {"alias": 1, "int_value": 5}), False,
         (Request(_NODE, "spBv1.0/Plant 1/NCMD/PLC", write_payload(0, None, [
             {"name": REBIRTH, "timestamp": 0, "datatype": BOOLEAN, "boolean_value": True}])),
          Presence(_NODE, "online"), Skipped(_NODE, "unknown alias"))),
        ("spBv1.0/Plant 1/NBIRTH/PLC", _said(0, _BD, {"name": REBIRTH, "datatype": BOOLEAN, "boolean_value": False},
                                             {"name": "Inputs/Level", "alias": 1, "datatype": 2, "int_value": 65_535}),
         False, (Announced(_NODE, "spBv1.0/Plant 1/NBIRTH/PLC", "PLC"), Presence(_NODE, "online", bridge=True),
                 Telemetry(_NODE, {"Inputs_Level": -1.0}, _NOON))),
        ("spBv1.0/Plant 1/NDATA/PLC", _said(1, {"alias": 1, "int_value": 7}), False,
         (Telemetry(_NODE, {"Inputs_Level": 7.0}, _NOON, 1),)),
        ("spBv1.0/Plant 1/DBIRTH/PLC/pump", _said(2, {"name": "flow temp", "alias": 2, "datatype": 9,
                                                      "float_value": 40.5}), False, (
             Announced(f"{_NODE}/pump", "spBv1.0/Plant 1/DBIRTH/PLC/pump", "pump", via=_NODE),
             Presence(f"{_NODE}/pump", "online"), Telemetry(f"{_NODE}/pump", {"flow_temp": 40.5}, _NOON, 2))),
        ("spBv1.0/Plant 1/DDATA/PLC/pump", _said(3, {"alias": 2, "float_value": 41.5, "properties": {
            "keys": ["Quality"], "values": [{"type": 3, "int_value": 500}]}}), False,
         (Presence(f"{_NODE}/pump", "online"), Skipped(f"{_NODE}/pump", "metric that its device calls bad or stale"),)),
        ("spBv1.0/Plant 1/DDATA/PLC/pump", _said(200, {"alias": 2, "is_null": True}), False, (
            Presence(f"{_NODE}/pump", "online"),)),  # a gap, but a rebirth was asked for a moment ago
        ("spBv1.0/Plant 1/DDEATH/PLC/pump", _said(201), False, (Presence(f"{_NODE}/pump", "lost"),)),
        ("spBv1.0/Plant 1/NDEATH/PLC", _said(None, {**_BD, "long_value": 3}), False, Ignored),
        ("spBv1.0/Plant 1/NDEATH/PLC", _said(None, _BD), False, (Presence(_NODE, "lost", bridge=True),)),
        ("spBv1.0/Plant 1/NDATA/PLC", _said(None, {"alias": 1, "int_value": 5}), False, Undecodable),
        ("spBv1.0/Plant 1/NDATA/PLC", b"\xff\xff\xff", False, Undecodable),
        ("spBv1.0/Plant 1/NBIRTH/PLC", _said(0, _BD), True, Ignored),
    )
