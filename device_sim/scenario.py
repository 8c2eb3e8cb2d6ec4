"""A scenario: which devices there are, and what happens to them when. Data in YAML, checked whole before it runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from device_sim.physics import KINDS

DIALECTS = ("native", "tasmota")
PRESSES = {"press": "single", "press_twice": "double", "press_long": "long"}
LINK = ("vanish", "return", "stop", "hush", "speak")
"""vanish: power cut, the broker sends the will · return · stop: a clean goodbye · hush: connected, but says nothing."""


class BadScenario(Exception):
    """The scenario cannot be played; `errors` has one line for each thing that is wrong."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


@dataclass(frozen=True)
class DeviceSpec:
    id: str
    kind: str
    dialect: str = "native"
    every: float = 60.0  # simulated seconds between reports


@dataclass(frozen=True)
class Event:
    at: float  # simulated seconds from the start
    device: str
    do: str


@dataclass(frozen=True)
class Scenario:
    devices: tuple[DeviceSpec, ...]
    events: tuple[Event, ...] = ()


def deeds_of(kind: str) -> tuple[str, ...]:
    """Everything that can be done to a device of this kind."""
    own: tuple[str, ...] = KINDS[kind].deeds
    return own + (tuple(PRESSES) if kind == "button" else ()) + LINK


def load(path: Path) -> Scenario:
    """Reads a scenario file. Raises BadScenario with every mistake."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise BadScenario([f"{path}: {error}"]) from error
    return parse(data, str(path))


def parse(data: Any, name: str) -> Scenario:
    if not isinstance(data, dict) or not isinstance(data.get("devices"), list):
        raise BadScenario([f"{name}: expected `devices:` with a list of devices"])
    errors: list[str] = []
    devices = [spec for number, row in enumerate(data["devices"])
               for spec in _devices(row, f"devices[{number}]", errors)]
    kinds = {spec.id: spec.kind for spec in devices}
    if len(kinds) < len(devices):
        errors.append("devices: expected each id once")
    events = [event for number, row in enumerate(data.get("events") or [])
              if (event := _event(row, f"events[{number}]", kinds, errors))]
    if errors:
        raise BadScenario([f"{name}: {error}" for error in errors])
    return Scenario(tuple(devices), tuple(sorted(events, key=lambda event: event.at)))


def _devices(row: Any, where: str, errors: list[str]) -> Iterator[DeviceSpec]:
    """One row is one device, or `count` of them whose ids end in -001, -002, …"""
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        errors.append(f"{where}: expected {{id: …, kind: …}}, got {row!r}")
        return
    kind, dialect = row.get("kind"), row.get("dialect", "native")
    every, count = row.get("every", 60), row.get("count")
    wrong = [
        (kind not in KINDS, f"kind: {kind!r}, expected one of {', '.join(KINDS)}"),
        (dialect not in DIALECTS, f"dialect: {dialect!r}, expected one of {', '.join(DIALECTS)}"),
        (dialect == "tasmota" and kind != "plug", f"dialect: only a plug speaks tasmota here, not a {kind}"),
        (not isinstance(every, int | float) or every <= 0, f"every: {every!r}, expected seconds above 0"),
        (count is not None and (not isinstance(count, int) or not 1 <= count <= 10_000),
         f"count: {count!r}, expected 1 to 10000"),
        (bool(unknown := set(row) - {"id", "kind", "dialect", "every", "count"}), f"unknown fields {sorted(unknown)}"),
    ]
    if found := [f"{where}.{text}" for bad, text in wrong if bad]:
        errors += found
        return
    ids = [row["id"]] if count is None else [f"{row['id']}-{number + 1:03d}" for number in range(count)]
    for device_id in ids:
        yield DeviceSpec(device_id, str(kind), dialect, float(every))


def _event(row: Any, where: str, kinds: dict[str, str], errors: list[str]) -> Event | None:
    if not isinstance(row, dict) or set(row) != {"at", "device", "do"} or not isinstance(row["at"], int | float):
        errors.append(f"{where}: expected {{at: seconds, device: …, do: …}}, got {row!r}")
        return None
    device, do = str(row["device"]), str(row["do"])
    if device not in kinds:
        errors.append(f"{where}.device: there is no device {device!r}")
        return None
    if do not in deeds_of(kinds[device]):
        errors.append(f"{where}.do: {do!r}, expected one of {', '.join(deeds_of(kinds[device]))}")
        return None
    return Event(float(row["at"]), device, do)
