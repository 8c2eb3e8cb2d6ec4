"""What stands in a message as somebody wrote it: names on one line and not endless, nothing that turns text around."""

import re
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")

LONGEST_NAME, LONGEST = 200, 4_000  # characters
NAMES = frozenset({"reader", "customer", "site", "address", "town", "device", "technician", "provider", "before",
                   "whom", "household", "area", "service", "name"})
# embeddings, overrides and isolates of writing direction, and what ends a line without being a line's end
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_OTHER_ENDS = re.compile("\r\n|[\x0b\x0c\r\x85\u2028\u2029]")
_ENDS = re.compile("[\t\n\x0b\x0c\r\x85\u2028\u2029]+")


def readable(values: T) -> T:
    """The same facts, of which no text breaks a line, a header or a screen; the very object when all is well."""
    assert is_dataclass(values)
    assert not isinstance(values, type)
    texts = [one for one in vars(values).values() if one and type(one) in (str, list, tuple, dict)]
    if all(type(one) is str and len(one) <= LONGEST_NAME for one in texts) and "".join(texts).isprintable():
        return values  # nearly always, and at a tenth of the price
    changed = {name: kept for name, given in vars(values).items() if (kept := _plain(given, name)) is not given}
    return replace(values, **changed) if changed else values


def plain_text(text: str, *, is_name: bool) -> str:
    """A name on one line; of other words the lines stay."""
    longest = LONGEST_NAME if is_name else LONGEST
    if len(text) <= longest and text.isprintable():
        return text
    kept = _CONTROLS.sub("", _TURNS.sub("", text[:4 * longest]))
    kept = " ".join(_ENDS.split(kept)).strip() if is_name else _OTHER_ENDS.sub("\n", kept)
    return kept if len(kept) <= longest else f"{kept[:longest - 1].rstrip()}…"


def _plain(given: Any, name: str) -> Any:
    if isinstance(given, str):
        return plain_text(given, is_name=name in NAMES)
    if isinstance(given, Mapping):
        kept: Any = {key: _plain(value, key) for key, value in given.items()}
    elif isinstance(given, list | tuple):
        kept = [_plain(value, name) for value in given]
    else:
        return given
    return kept if kept != (list(given) if isinstance(given, tuple) else given) else given
