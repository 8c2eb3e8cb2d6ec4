"""The dialects that devices speak: which topics each reads, and one `decode` in front of them all."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from gateway.dialects import native, shelly, tasmota, zigbee2mqtt
from gateway.dialects.signals import Ignored, Signal, Undecodable
from gateway.model import Instant

__all__ = ["DIALECTS", "Dialect", "decode", "dialect_of", "filters", "name_of", "reply_to_press"]


class Dialect(Protocol):
    """What a dialect module offers. EXAMPLES: (topic, payload, retained, Signals or what is raised)."""

    @property
    def NAME(self) -> str: ...
    @property
    def FILTERS(self) -> tuple[str, ...]: ...
    @property
    def EXAMPLES(self) -> tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...]: ...
    def decode(self, topic: str, payload: bytes, retained: bool) -> Sequence[Signal]: ...


DIALECTS: tuple[Dialect, ...] = (native, tasmota, shelly, zigbee2mqtt)


def filters(enabled: tuple[str, ...]) -> list[str]:
    """The MQTT subscription filters of the enabled dialects."""
    return [wanted for dialect in DIALECTS if dialect.NAME in enabled for wanted in dialect.FILTERS]


@lru_cache(maxsize=100_000)
def dialect_of(topic: str, enabled: tuple[str, ...]) -> Dialect | None:
    """Who reads `topic`; a filter with a fixed first level goes before one that starts with "+"."""
    readers = [(wanted.startswith("+"), dialect) for dialect in DIALECTS if dialect.NAME in enabled
               for wanted in dialect.FILTERS if _matches(wanted, topic)]
    return min(readers, key=lambda reader: reader[0])[1] if readers else None


def name_of(topic: str, enabled: tuple[str, ...]) -> str:
    """The name of the dialect that reads `topic`, or "none"."""
    dialect = dialect_of(topic, enabled)
    return dialect.NAME if dialect is not None else "none"


def decode(topic: str, payload: bytes, retained: bool, enabled: tuple[str, ...]) -> Sequence[Signal]:
    """The Signals in one message; raises Undecodable or Ignored and nothing else."""
    dialect = dialect_of(topic, enabled)
    if dialect is None:
        raise Undecodable("topic: no dialect reads this topic")
    return read(dialect, topic, payload, retained)


def read(dialect: Dialect, topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """What `dialect` makes of the message; raises Undecodable or Ignored and nothing else."""
    try:
        return dialect.decode(topic, payload, retained)
    except (Undecodable, Ignored):
        raise
    except Exception as error:  # a fault of ours must cost one message, not the connection
        raise Undecodable(f"{dialect.NAME} could not read this message ({type(error).__name__})") from error


def reply_to_press(
    key: str, press_id: str, state: str, callback_by: Instant | None, command_id: str | None = None
) -> tuple[str, str] | None:
    """(topic, payload) telling the device what became of its press; None when its dialect cannot be told.

    `command_id` comes back in the device's acknowledgement (Ack.command_id); without one it is the press id.
    """
    if not key.startswith("native:"):
        return None
    return native.command(key, press_id, state, callback_by, command_id)


def _matches(wanted: str, topic: str) -> bool:
    """MQTT filter matching; wildcards never match a broker's own `$…` topics."""
    levels, parts = wanted.split("/"), topic.split("/")
    if levels[-1] == "#":
        levels.pop()
        if len(parts) < len(levels):
            return False
    elif len(parts) != len(levels):
        return False
    same = all(level in ("+", part) for level, part in zip(levels, parts, strict=False))
    return same and not (topic.startswith("$") and wanted[0] in "+#")
