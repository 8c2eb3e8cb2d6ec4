"""Validates a row of a YAML file field by field, with errors that say what was expected."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Parser: TypeAlias = Callable[[Any], Any]
"""The value as it is used; ValueError says what was expected."""

Fields: TypeAlias = Mapping[str, tuple[Parser, Any]]
"""Name → how it is read, and what it is when left out (NEEDED: it may not be)."""

NEEDED = object()
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"(-?\d+(?:\.\d+)?)\s*(|s|m|h|d)")


def read(row: Any, where: str, fields: Fields, errors: list[str]) -> dict[str, Any] | None:
    """Every field of `fields`; None when something is wrong, which is then in `errors`."""
    if not isinstance(row, Mapping):
        errors.append(f"{where}: {row!r}, expected a row with {', '.join(fields)}")
        return None
    before = len(errors)
    for name in row:
        if name not in fields:
            errors.append(f"{where}.{name}: no such field, expected one of {', '.join(fields)}")
    found = {}
    for name, (parse, default) in fields.items():
        if name not in row:
            found[name] = default
            if default is NEEDED:
                errors.append(f"{where}.{name}: is missing")
            continue
        try:
            found[name] = parse(row[name])
        except ValueError as error:
            errors.append(f"{where}.{name}: {row[name]!r}, {error}")
    return found if len(errors) == before else None


def duration(value: Any) -> float:
    """Seconds."""
    seconds = signed(value)
    if seconds < 0:
        raise ValueError("expected a duration that is not negative")
    return seconds


def signed(value: Any) -> float:
    found = _DURATION.fullmatch(str(value)) if not isinstance(value, bool) else None
    if found is None:
        raise ValueError("expected a duration: seconds, or for example 90s, 5m, 2h, 3d")
    return float(found[1]) * _UNITS[found[2]]


def interval(value: Any) -> float:
    seconds = duration(value)
    if not seconds:
        raise ValueError("expected seconds above 0")
    return seconds


def share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("expected a share from 0 to 1")
    return float(value)


def whole(least: int, most: int) -> Parser:
    def parse(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"expected {least} to {most}")
        return value

    return parse


def number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("expected a number")
    return float(value)


def text(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > 200 or not value.isprintable():
        raise ValueError("expected a short text")
    return value


def name(value: Any) -> str:
    """A name that can stand in a topic."""
    if not isinstance(value, str) or not 0 < len(value) <= 100 or not value.isprintable() or set(value) & set("+#/"):
        raise ValueError("expected a name of 1 to 100 characters without +, # and /")
    return value


def one_of(words: Sequence[str]) -> Parser:
    def parse(value: Any) -> str:
        if value not in words:
            raise ValueError(f"expected one of {', '.join(words)}")
        return str(value)

    return parse


def names(value: Any) -> tuple[str, ...]:
    """One name or a list of them."""
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise ValueError("expected at least one name")
    return tuple(name(one) for one in listed)
