"""Parses one line of a history file, JSON or CSV, into a reading, or says what is wrong with it."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import orjson

from gateway.model import Instant, from_iso
from gateway.model.signals import Value

EARLIEST = 10**11  # 1973 in ms: a smaller number is seconds
LATEST = 10**13  # 2286
FIELDS = ("device", "at", "received_at")
_SHOWN = 40  # letters of a wrong value
_PLAIN = (float, bool, str)
_FLAGS = {"true": True, "false": False}


class BadLine(ValueError):
    """`field: value — what was expected`."""


Read = tuple[str, Instant, Instant, dict[str, Value]]
"""(device, when it was heard, when it was taken, signals); a plain tuple, because there are millions."""


def from_json(line: bytes) -> Read:
    """One line of a JSON lines file. Raises BadLine."""
    try:
        return from_object(orjson.loads(line))
    except orjson.JSONDecodeError as error:
        raise BadLine(f"no JSON ({error}) — expected one object a line") from error


def from_object(data: Any) -> Read:
    """`{"device": …, "at": ms or RFC 3339, "signals": {…}}`, and `received_at` where it is known. Raises BadLine."""
    if type(data) is not dict:
        raise BadLine(f"{_shown(data)} — expected an object with device, at and signals")
    device, at, heard, signals = data.get("device"), data.get("at"), data.get("received_at"), data.get("signals")
    if type(device) is not str or not device:
        raise BadLine(f"device: {_shown(device)} — expected the device's id")
    if type(at) is not int or not EARLIEST <= at < LATEST:
        at = _instant("at", at)
    if type(signals) is not dict:
        raise BadLine(f"signals: {_shown(signals)} — expected an object of names and values")
    for name, value in signals.items():
        kind = type(value)
        if kind is int:
            signals[name] = float(value)
        elif kind not in _PLAIN:
            signals = _values(signals)
            break
    return device, at if heard is None else _instant("received_at", heard), at, signals


def columns(header: Sequence[str]) -> list[str]:
    """The column names of a CSV file. Raises BadLine."""
    names = [name.strip().removeprefix("\ufeff") for name in header]
    for wanted in ("device", "at"):
        if wanted not in names:
            raise BadLine(f"no column {wanted} — expected device, at and one column for each signal")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadLine(f"column {twice!r} is there twice — expected each once")
    return names


def from_csv(names: Sequence[str], cells: Sequence[str]) -> Read:
    """An empty cell is an absent signal. Raises BadLine."""
    if len(cells) != len(names):
        raise BadLine(f"{len(cells)} columns — expected {len(names)}, as in the first line")
    row = dict(zip(names, cells, strict=True))
    if not row["device"]:
        raise BadLine("device: '' — expected the device's id")
    at = _instant("at", _number_of(row["at"]))
    heard = row.get("received_at")
    return (row["device"], _instant("received_at", _number_of(heard)) if heard else at, at,
            {name: _cell(text) for name, text in row.items() if text and name not in FIELDS})


def _number_of(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _cell(text: str) -> Value:
    flag = _FLAGS.get(text.lower())
    if flag is not None:
        return flag
    try:
        number = float(text)
    except ValueError:
        return text
    return number if isfinite(number) else text


def _instant(name: str, value: Any) -> Instant:
    expected = "expected ms since 1970, or a time with an offset such as 2026-11-01T08:00:00Z"
    if type(value) is int:
        if EARLIEST <= value < LATEST:
            return value
        seconds = "; this looks like seconds" if EARLIEST <= value * 1000 < LATEST else ""
        raise BadLine(f"{name}: {_shown(value)} — {expected}{seconds}")
    if type(value) is str:
        try:
            return from_iso(value)
        except ValueError as error:
            raise BadLine(f"{name}: {_shown(value)} — {expected}") from error
    raise BadLine(f"{name}: {_shown(value)} — {expected}")


def _values(signals: Mapping[str, Any]) -> dict[str, Value]:
    """Numbers as floats; what is null is absent."""
    read: dict[str, Value] = {}
    for name, value in signals.items():
        if type(value) is int:
            read[name] = float(value)
        elif type(value) in _PLAIN:
            read[name] = value
        elif value is not None:
            raise BadLine(f"signals.{name}: {_shown(value)} — expected a number, true, false or a text")
    return read


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
