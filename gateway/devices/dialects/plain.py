"""Reads payloads that are one plain value: a number, on or off, a short text."""

import re
from math import isfinite

from gateway.devices.dialects.jsonread import NO_NUMBER, shown, tidy
from gateway.model.signals import Undecodable, Value

TEXT_BYTES = 1024
NUMBER_CHARS = 40
NOTHING = NO_NUMBER | {"", "null", "None", "none", "undefined"}
# What a word means that is no text: None for the words for nothing.
MEANING: dict[Value, bool | None] = {
    **dict.fromkeys(("on", "ON", "On", "true", "True", "TRUE"), True),
    **dict.fromkeys(("off", "OFF", "Off", "false", "False", "FALSE"), False),
    **dict.fromkeys(NOTHING),
}

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


def read_text(payload: bytes) -> str:
    """The payload as a text without blanks around it: at most 1,024 bytes of UTF-8, or Undecodable."""
    if len(payload) > TEXT_BYTES:
        raise Undecodable(f"payload: expected one value of at most {TEXT_BYTES} bytes, got {len(payload)}")
    try:
        return payload.decode().strip()
    except UnicodeDecodeError:
        raise Undecodable("payload: expected one value, got bytes that are not UTF-8") from None


def read_value(text: str) -> Value | None:
    """A number, true or false for on and off in their spellings, else the text; None for the words for nothing."""
    if text in MEANING:
        return MEANING[text]
    found = number(text)
    return tidy(text) if found is None else found if isfinite(found) else None


def read_number(text: str) -> float | None:
    """A number, None for the words for nothing, or Undecodable."""
    found = number(text)
    if found is None and text not in NOTHING:
        raise Undecodable(f"payload: expected a number, got {shown(text)}")
    return found if found is not None and isfinite(found) else None


def read_flag(text: str) -> bool | None:
    """On or off (1 and 0 are such too), None for the words for nothing, or Undecodable."""
    if text in MEANING:
        return MEANING[text]
    if text == "1" or text == "0":
        return text == "1"
    raise Undecodable(f"payload: expected on or off, got {shown(text)}")


def number(text: str) -> float | None:
    """The number that is the whole text (infinite when it overflows), else None; Python's own `float` would take `1_0`
    and `infinity` too."""
    return float(text) if len(text) <= NUMBER_CHARS and _NUMBER.fullmatch(text) else None
