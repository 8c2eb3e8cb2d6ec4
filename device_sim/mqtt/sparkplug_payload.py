"""Encodes the Sparkplug B payloads (protobuf) of an edge node, and reads the names in a command."""

import struct
from typing import NamedTuple

from device_sim.device_kinds import Value

INT64, UINT64, DOUBLE, BOOLEAN, STRING = 4, 8, 10, 11, 12  # of the specification's data types

_TIMESTAMP, _METRICS, _SEQ = 1, 2, 3  # fields of Payload
_NAME, _ALIAS, _AT, _TYPE, _NULL = 1, 2, 3, 4, 7  # fields of Metric
_LONG, _DOUBLE, _BOOLEAN, _STRING = 11, 13, 14, 15


class Metric(NamedTuple):
    """`value` None is Sparkplug's null. A birth says name and alias, data the alias alone."""

    value: Value | int | str | None
    name: str = ""
    alias: int | None = None
    at: int | None = None  # ms since 1970


def payload(metrics: list[Metric], at: int | None, seq: int | None) -> bytes:
    """A Payload message; `seq` 0 to 255, None for a node's death, which the broker says at a time nobody knows yet."""
    parts = [] if at is None else [_number(_TIMESTAMP, at)]
    for metric in metrics:
        body = _metric(metric)
        parts += (_tag(_METRICS, 2), _varint(len(body)), body)
    if seq is not None:
        parts.append(_number(_SEQ, seq))
    return b"".join(parts)


def commands(data: bytes) -> set[str]:
    """Names of the metrics that a command sets to true; unreadable bytes are none."""
    try:
        metrics = [dict(_fields(body)) for field, body in _fields(data)
                   if field == _METRICS and isinstance(body, bytes)]
        return {_text(metric[_NAME]) for metric in metrics if metric.get(_BOOLEAN) == 1 and _NAME in metric}
    except (IndexError, UnicodeDecodeError, ValueError):
        return set()


def _metric(metric: Metric) -> bytes:
    parts = []
    if metric.name:
        parts.append(_bytes(_NAME, metric.name.encode()))
    if metric.alias is not None:
        parts.append(_number(_ALIAS, metric.alias))
    if metric.at is not None:
        parts.append(_number(_AT, metric.at))
    value = metric.value
    if value is None:
        parts += (_number(_TYPE, DOUBLE), _number(_NULL, 1))
    elif isinstance(value, bool):
        parts += (_number(_TYPE, BOOLEAN), _number(_BOOLEAN, int(value)))
    elif isinstance(value, int):
        parts += (_number(_TYPE, UINT64), _number(_LONG, value))
    elif isinstance(value, str):
        parts += (_number(_TYPE, STRING), _bytes(_STRING, value.encode()))
    else:
        parts += (_number(_TYPE, DOUBLE), _tag(_DOUBLE, 1), struct.pack("<d", value))
    return b"".join(parts)


def _tag(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def _number(field: int, value: int) -> bytes:
    return _tag(field, 0) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _tag(field, 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """Seven bits a byte, lowest first."""
    if value < 128:
        return _SMALL[value]
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


_SMALL = [bytes([value]) for value in range(128)]


def _fields(data: bytes) -> list[tuple[int, int | bytes]]:
    found: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(data):
        key, at = _read(data, at)
        if key & 7 == 0:
            value, at = _read(data, at)
            found.append((key >> 3, value))
            continue
        size, at = {1: (8, at), 5: (4, at)}.get(key & 7) or _read(data, at)
        found.append((key >> 3, data[at : at + size]))
        at += size
    return found


def _read(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def _text(value: int | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else ""
