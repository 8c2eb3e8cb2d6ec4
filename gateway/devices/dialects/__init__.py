"""The dialects (message formats) that devices use, one file each; `understand` makes a registry of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.devices.dialects import (
    aws_button,
    aws_shadow,
    ems_esp,
    esphome,
    flic,
    home_assistant,
    homie,
    native,
    shelly,
    shelly_gen1,
    sparkplug,
    tasmota,
    thingsboard,
    ttn,
    victron,
    zigbee2mqtt,
)
from gateway.devices.dialects.registry import Dialect, DialectRegistry
from gateway.model import Instant
from gateway.model.signals import PressAnswer

__all__ = ["DIALECTS", "Dialect", "DialectRegistry", "chosen", "command", "confirms", "reply_to_press", "understand"]

DIALECTS: tuple[Dialect, ...] = (
    native, tasmota, shelly, shelly_gen1, zigbee2mqtt, home_assistant, esphome, homie, sparkplug, ttn,
    thingsboard, victron, ems_esp, aws_button, aws_shadow, flic,
)


def chosen(names: Iterable[str] | None) -> tuple[str, ...]:
    """Which dialects the setting asks for: None means all of them."""
    return tuple(dialect.NAME for dialect in DIALECTS) if names is None else tuple(names)


def understand(names: Iterable[str] | None, mapped: Iterable[Dialect] = ()) -> DialectRegistry:
    """The dialects with these names (None: all); the operator's own mappings are asked first."""
    wanted = set(chosen(names))
    return DialectRegistry((*mapped, *(dialect for dialect in DIALECTS if dialect.NAME in wanted)))


def reply_to_press(key: str, press_id: str, said: PressAnswer, command_id: str, expires_at: Instant
                   ) -> tuple[str, str] | None:
    """(topic, payload) telling the device what became of its press; None when its dialect cannot be told.

    `command_id` comes back in the device's acknowledgement (Ack.command_id).
    """
    if not key.startswith("native:"):
        return None
    return native.answer(key, press_id, said, command_id, expires_at)


def command(
    key: str, kind: str, params: Mapping[str, Any], command_id: str, expires_at: Instant
) -> tuple[str, str] | None:
    """(topic, payload) telling the device to do what its own dialect calls `kind`; None when it takes no commands."""
    name = key.partition(":")[0]
    build: Any = next((getattr(dialect, "command", None) for dialect in DIALECTS if name == dialect.NAME), None)
    if build is None:
        return None
    topic, payload = build(key, kind, params, command_id, expires_at)
    return (topic, payload) if "+" not in topic and "#" not in topic else None


def confirms(key: str) -> bool:
    """Whether the device says that it has taken a command."""
    return key.startswith("native:")
