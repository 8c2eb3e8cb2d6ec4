"""Topic patterns such as `acme/{site}/{device}/state`, and the device address made from their names."""

import re
from dataclasses import dataclass

from gateway.devices.mappings.expressions import PAYLOAD
from gateway.rules.cel import is_name

LONGEST = 200
_NAME = re.compile(r"\{([^{}]*)\}")


class BadPattern(ValueError):
    """What is wrong with a topic pattern or a key, and what was expected."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """`levels`: (text, is it a name) of each level between slashes."""

    written: str
    levels: tuple[tuple[str, bool], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(text for text, named in self.levels if named)

    @property
    def filter(self) -> str:
        """As one subscribes to it: every name is a `+`."""
        return "/".join("+" if named else text for text, named in self.levels)

    def read(self, topic: str) -> dict[str, str] | None:
        """The names' values in `topic`, None when it is another topic."""
        parts = topic.split("/")
        if len(parts) != len(self.levels):
            return None
        found = {}
        for (text, named), part in zip(self.levels, parts, strict=True):
            if named:
                found[text] = part
            elif text != part:
                return None
        return found

    def fill(self, parts: dict[str, str]) -> str:
        return "/".join(parts[text] if named else text for text, named in self.levels)

    def overlaps(self, other: "Pattern") -> bool:
        """Whether some topic is read by both."""
        return len(self.levels) == len(other.levels) and all(
            one == two or one[1] or two[1] for one, two in zip(self.levels, other.levels, strict=True))


def topic_pattern(written: str) -> Pattern:
    """`{name}` for any one level. Raises BadPattern."""
    if written.startswith("$"):
        raise BadPattern("expected a topic of devices: those that begin with $ are the broker's own")
    pattern = _pattern(written)
    taken = [name for name in pattern.names if pattern.names.count(name) > 1]
    if taken:
        raise BadPattern(f"expected each name once, got {{{taken[0]}}} twice")
    return pattern


def key_pattern(written: object) -> Pattern:
    """An address made of a topic's names. Raises BadPattern."""
    if not isinstance(written, str):
        raise BadPattern("expected names of the topics, e.g. {site}/{device}")
    return _pattern(written)


def _pattern(written: str) -> Pattern:
    if not 0 < len(written) <= LONGEST or not written.isprintable():
        raise BadPattern(f"expected 1 to {LONGEST} printable characters")
    return Pattern(written, tuple(map(_level, written.split("/"))))


def _level(text: str) -> tuple[str, bool]:
    if found := _NAME.fullmatch(text):
        if not is_name(found[1]) or found[1] == PAYLOAD:
            raise BadPattern(f"expected a name of letters, digits and _ that is no word of CEL's and not {PAYLOAD}, "
                             f"got {text!r}")
        return found[1], True
    if "{" in text or "}" in text:
        raise BadPattern(f"expected a whole level between slashes to be a name, such as {{device}}, got {text!r}")
    if "+" in text or "#" in text:
        raise BadPattern(f"expected {{name}} where one level may be anything, got {text!r}")
    return text, False
