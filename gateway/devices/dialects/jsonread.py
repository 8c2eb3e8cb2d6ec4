"""Reads JSON payloads for every dialect: objects, flat values, short texts and times, all within limits."""

import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from math import isfinite
from typing import Any, TypeAlias
from zlib import crc32

import orjson

from gateway.devices.dialects.secret_names import is_secret
from gateway.model import Instant, from_iso
from gateway.model.signals import FaultCode, Ignored, Presence, Signal, Telemetry, Undecodable, Value

Json: TypeAlias = dict[str, Any]

PAYLOAD_BYTES = 64 * 1024
MENDED_BYTES = 16 * 1024  # reading a second time is slow: 2 ms for as much as this
FIELDS = 200  # values in one message
LEVELS = 16  # objects within objects
NAME_CHARS = 128  # of a flat name
TEXT_CHARS = 256  # of a text value; the rest is cut off
ID_CHARS = 64
ADDRESS_CHARS = 128

EMPTY, FULL_ENOUGH = 10, 20  # per cent of a battery's charge
CLOCK_SET = 946_684_800_000  # 2000-01-01: before it a device's clock was never set, it counts from its start
YEAR_10000 = 253_402_300_800_000

# How firmware prints a measurement that is none; quoted or bare, a value that says this is absent.
NO_NUMBER = frozenset(sign + word for sign in ("", "+", "-") for word in (
    "nan", "NaN", "NAN", "Nan", "inf", "Inf", "INF", "infinity", "Infinity", "INFINITY", "ovf"))

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]")
_STRINGS = re.compile(rb'("[^"\\]*(?:\\.[^"\\]*)*")', re.DOTALL)
# Outside of texts: a value left out, and a word that is neither one of JSON's nor a number as JSON writes it.
_LEFT_OUT = re.compile(rb":(?=\s*[,}])")
_NO_VALUE = re.compile(rb'(?<![^\s"{}\[\]:,])(?!(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)'
                       rb'(?![^\s"{}\[\]:,]))[^\s"{}\[\]:,]+')
_VAST = re.compile(rb"-?\d[\d.]*[eE]\+?\d{3,}|-?\d{300,}(?:\.\d*)?(?:[eE][+-]?\d+)?")


def read_object(payload: bytes) -> Json:
    """The payload as a JSON object; orjson itself refuses invalid UTF-8 and nesting over 1,024."""
    body = read_json(payload)
    if type(body) is not dict:
        raise Undecodable(f"payload: expected a JSON object, got {shown(body)}")
    return body


def read_json(payload: bytes) -> Any:
    """The payload as JSON. A bare `nan`, a number that overflows, a value that is missing or none of JSON's count as
    null: what one sensor says wrongly takes nothing from the others."""
    if len(payload) > PAYLOAD_BYTES:
        raise Undecodable(f"payload: expected at most {PAYLOAD_BYTES} bytes, got {len(payload)}")
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        if len(payload) <= MENDED_BYTES and payload.lstrip()[:1] in (b"{", b"["):
            with suppress(orjson.JSONDecodeError):
                return orjson.loads(_mended(payload))
        raise Undecodable(f"payload: expected JSON, got {error}") from None


def _mended(payload: bytes) -> bytes:
    parts = _STRINGS.split(payload)  # what is outside of texts, and between each two the text
    outside = _NO_VALUE.sub(b"null", _LEFT_OUT.sub(b":null", b'"'.join(parts[::2])))
    between = _VAST.sub(lambda found: found[0] if isfinite(float(found[0])) else b"null", outside).split(b'"')
    if len(between) != len(parts[::2]):  # a text that does not end
        return payload
    parts[::2] = between
    return b"".join(parts)


def read_state(payload: bytes, meanings: Mapping[str, str]) -> str:
    """What a plain word, or the `state` of a JSON object, means; an emptied (formerly retained) topic means removed."""
    if not payload:
        return "removed"
    word: object = read_object(payload).get("state") if payload[:1] == b"{" else read_word(payload)
    meaning = meanings.get(word) if isinstance(word, str) else None
    if meaning is None:
        raise Undecodable(f"state: expected {' or '.join(meanings)}, got {shown(word)}")
    return meaning


def read_word(payload: bytes) -> str:
    """A payload that is one short plain text."""
    if len(payload) > ID_CHARS:
        raise Undecodable(f"payload: expected one word, got {len(payload)} bytes")
    try:
        return payload.decode().strip()
    except UnicodeDecodeError:
        raise Undecodable("payload: expected one word, got bytes that are not UTF-8") from None


def flatten(body: Json) -> dict[str, Value]:
    """Every number, bool and text in `body` under its flat name. Left out: nulls, lists, secrets and
    numbers that are none.

    Two names that become one when cleaned ("a-b", "a_b") are one value: the later wins.
    """
    values: dict[str, Value] = {}
    _flatten(values, body, "", 1)
    values.pop("", None)
    return values


def _flatten(values: dict[str, Value], part: Json, prefix: str, level: int) -> None:
    if len(part) > FIELDS or level > LEVELS:
        raise Undecodable(f"payload: expected at most {FIELDS} fields and {LEVELS} levels, got more")
    for name, value in part.items():
        kind = type(value)
        if kind is float or kind is bool:
            values[value_name(prefix + name)] = value
        elif kind is int:
            values[value_name(prefix + name)] = float(value)
        elif kind is str:
            if value not in NO_NUMBER:
                values[value_name(prefix + name)] = tidy(value)
        elif kind is dict:
            _flatten(values, value, f"{prefix}{name}_", level + 1)
    if len(values) > FIELDS:
        raise Undecodable(f"payload: expected at most {FIELDS} fields, got more")


@lru_cache(maxsize=10_000)  # a fleet says the same few names again and again
def flat_name(name: str) -> str:
    """A name that CEL can say: `switch:0 °C` → `switch_0__C`, `2nd` → `_2nd`."""
    if len(name) > NAME_CHARS:
        raise Undecodable(f"field name: expected at most {NAME_CHARS} characters, got {len(name)}")
    if name.isascii() and name.isidentifier():
        return name
    name = _NOT_IN_NAMES.sub("_", name)
    return f"_{name}" if name[:1].isdigit() or not name else name


@lru_cache(maxsize=10_000)
def value_name(name: str) -> str:
    """The flat name of a value; "" for a secret, which nobody may keep."""
    return "" if is_secret(name) else flat_name(name)


def own_name(name: str) -> str:
    """The flat name of a topic's one value; raises Ignored for a secret."""
    flat = value_name(name)
    if not flat:
        raise Ignored("secret that is not kept")
    return flat


def telemetry(
    key: str, values: dict[str, Value], at: Instant | None, payload: bytes, retained: bool,
    heard_at: Instant | None = None,
) -> Telemetry | Presence:
    """Telemetry, or only a sign of life when every value was null: no data is not fresh data."""
    if values:
        return Telemetry(key, values, at, crc32(payload), None, heard_at)
    if retained:
        raise Ignored("retained message without values")
    return Presence(key, "online", at, heard_at=heard_at)


def battery(key: str, percent: float, at: Instant | None = None, part: str = "", heard_at: Instant | None = None
            ) -> list[Signal]:
    """A battery's charge as the fault `battery_low`: on at 10 % and below, over at 20 % and above, else no signal.

    Between the two the fault stays as it was, so a battery that warms and cools does not raise one fault after another.
    `part`: the sensor behind this device whose battery it is; the fault is then `<part>_battery_low`.
    """
    if EMPTY < percent < FULL_ENOUGH or not 0 <= percent <= 100:  # 255, say, is how some say "not known"
        return []
    code = f"{part}_battery_low" if part else "battery_low"
    return [FaultCode(key, code, percent <= EMPTY, at, f"battery {percent:.0f} %", heard_at)]


def address(text: str) -> str:
    """A device's address out of a topic, or Undecodable."""
    if not 0 < len(text) <= ADDRESS_CHARS:
        raise Undecodable(f"topic: expected a device address of 1 to {ADDRESS_CHARS} characters, got {len(text)}")
    if not text.isprintable() and any(unicodedata.category(letter)[0] == "C" for letter in text):
        raise Undecodable(f"topic: expected a device address without control characters, got {shown(text)}")
    return text


def short_text(field: str, value: object, limit: int = ID_CHARS) -> str:
    """An id or code: 1 to `limit` printable characters, or Undecodable naming `field`."""
    if isinstance(value, str) and 0 < len(value) <= limit and value.isprintable():
        return value
    raise Undecodable(f"{field}: expected a text of 1 to {limit} printable characters, got {shown(value)}")


def tidy(value: str) -> str:
    """A text value cut to size, unprintable characters (NUL, which no database keeps, and line breaks) as spaces."""
    value = value[:TEXT_CHARS]
    return value if value.isprintable() else "".join(c if c.isprintable() else " " for c in value)


def device_time(value: object) -> Instant | None:
    """RFC 3339 with an offset as an Instant; None for anything else: a time of unknown zone is no time."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        return device_clock(from_iso(value))
    except (ValueError, OverflowError):
        return None


def device_clock(ms: object) -> Instant | None:
    """Milliseconds since the epoch; None when it is no number, or the clock was never set."""
    if isinstance(ms, int | float) and CLOCK_SET <= ms < YEAR_10000:
        return round(ms)
    return None


def device_seconds(seconds: object) -> Instant | None:
    """Seconds since the epoch (whole or with a fraction); None as in `device_clock`."""
    return device_clock(seconds * 1000) if isinstance(seconds, int | float) else None


def moment(value: object) -> Instant | None:
    """A time however a bridge writes it: RFC 3339 with an offset, milliseconds or seconds, as a number or as text."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= ID_CHARS:
        value = int(value)
    return device_time(value) or device_clock(value) or device_seconds(value)


def shown(value: object) -> str:
    """A value as a reason may print it: short, one line, never the inside of an object."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return ascii(value if len(value) <= 40 else value[:40] + "…")
    if isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else f"{value:.12g}"
    return "a list" if isinstance(value, list) else "an object"
