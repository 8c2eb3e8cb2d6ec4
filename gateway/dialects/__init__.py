"""The dialects that devices speak, one file each; `understand` puts those an operator has named behind one door."""

from collections.abc import Iterable

from gateway.dialects import native, shelly, tasmota, zigbee2mqtt
from gateway.dialects.spoken import Dialect, Spoken
from gateway.model import Instant

__all__ = ["DIALECTS", "Dialect", "Spoken", "reply_to_press", "understand"]

DIALECTS: tuple[Dialect, ...] = (native, tasmota, shelly, zigbee2mqtt)


def understand(names: Iterable[str], mapped: Iterable[Dialect] = ()) -> Spoken:
    """The dialects with these names; the operator's own mappings are asked first."""
    wanted = set(names)
    return Spoken((*mapped, *(dialect for dialect in DIALECTS if dialect.NAME in wanted)))


def reply_to_press(
    key: str, press_id: str, state: str, callback_by: Instant | None, command_id: str | None = None
) -> tuple[str, str] | None:
    """(topic, payload) telling the device what became of its press; None when its dialect cannot be told.

    `command_id` comes back in the device's acknowledgement (Ack.command_id); without one it is the press id.
    """
    if not key.startswith("native:"):
        return None
    return native.command(key, press_id, state, callback_by, command_id)
