"""Runs the examples in a mapping file, and reports each that decodes differently from what it says."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gateway.config.yaml_lines import Path
from gateway.devices.dialects.registry import Examples
from gateway.devices.mappings.mapping import Mapping
from gateway.devices.mappings.schema import ExampleSection, GivesSection
from gateway.model import from_iso, to_iso
from gateway.model.signals import FaultCode, Ignored, Presence, Press, Signal, Telemetry, Undecodable

_ON_REQUEST = ("device", "press_id", "at")  # compared only when the example says something of it


def run_examples(mapping: Mapping, examples: Sequence[ExampleSection]) -> tuple[Examples, list[tuple[Path, str]]]:
    """The examples as every dialect keeps them, and what is wrong: an example that does not hold, or none."""
    kept: list[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]]] = []
    wrong: list[tuple[Path, str]] = []
    for number, example in enumerate(examples):
        payload = _bytes(example.payload)
        outcome = _outcome(mapping, example.topic, payload, example.retained)
        wrong += [(("examples", number), f"examples[{number}]{said}") for said in _differences(example, outcome)]
        result = type(outcome) if isinstance(outcome, Exception) else tuple(outcome)
        kept.append((example.topic, payload, example.retained, result))
    for number, message in enumerate(mapping.messages):
        if not any(message.topic.read(example.topic) is not None for example in examples):
            wrong.append((("messages", number), f"messages[{number}]: {message.topic.written!r} is in no example — "
                          "expected one at least, so that `gateway check` can try it"))
    return tuple(kept), wrong


def _bytes(payload: Any) -> bytes:
    text = payload if isinstance(payload, str) else json.dumps(payload)  # orjson refuses the largest numbers
    return text.encode(errors="replace")


def _outcome(mapping: Mapping, topic: str, payload: bytes, retained: bool) -> Sequence[Signal] | Undecodable | Ignored:
    try:
        return mapping.decode(topic, payload, retained)
    except (Undecodable, Ignored) as refused:
        return refused


def _differences(example: ExampleSection, outcome: Sequence[Signal] | Undecodable | Ignored) -> Iterator[str]:
    if isinstance(outcome, Undecodable | Ignored):
        got = "undecodable" if isinstance(outcome, Undecodable) else "ignored"
        if example.refused != got:
            wanted = f"refused: {example.refused}" if example.refused else "what it gives"
            yield f": expected {wanted}, got {got} ({outcome})"
        return
    said = _said(outcome)
    if example.gives is None:
        yield f".refused: expected {example.refused}, got {_listed(said)}"
        return
    expected = _wanted(example.gives)
    for name in sorted(expected.keys() | said.keys()):
        if name in expected or name not in _ON_REQUEST:
            one, other = expected.get(name), said.get(name)
            if one != other or type(one) is not type(other):
                yield f".gives.{name}: expected {_shown(one)}, got {_shown(other)}"


def _wanted(gives: GivesSection) -> dict[str, Any]:
    plain = {name: getattr(gives, name) for name in ("device", "press", "press_id", "presence")}
    try:
        plain["at"] = None if gives.at is None else to_iso(from_iso(gives.at))
    except ValueError as error:
        plain["at"] = f"a time with an offset ({error})"
    return {**{name: value for name, value in plain.items() if value is not None},
            **{f"telemetry.{name}": value for name, value in gives.telemetry.items()},
            **{f"faults.{code}": active for code, active in gives.faults.items()}}


def _said(signals: Iterable[Signal]) -> dict[str, Any]:
    """What the signals say, under the names that `gives` has for it."""
    said: dict[str, Any] = {}
    for signal in signals:
        said.setdefault("device", signal.key.partition(":")[2])
        if isinstance(signal, Telemetry):
            said |= {f"telemetry.{name}": value for name, value in signal.values.items()}
        elif isinstance(signal, Press):
            said |= {"press": signal.kind} | ({} if signal.press_id is None else {"press_id": signal.press_id})
        elif isinstance(signal, FaultCode):
            said[f"faults.{signal.code}"] = signal.active
        elif isinstance(signal, Presence):
            said["presence"] = signal.state
        at = getattr(signal, "at", None)
        if at is not None:
            said["at"] = to_iso(at)
    return said


def _listed(said: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_shown(value)}" for name, value in said.items() if name != "device")


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, str) else f"{value:.15g}"
