"""Compiles one mapping file, or reports every error in it with its line."""

from collections.abc import Collection, Iterator
from typing import Any

from pydantic import ValidationError

from gateway.config.error_messages import validation_errors
from gateway.config.yaml_lines import BadYaml, LineOf, Path, dotted_path, read_yaml
from gateway.devices.mappings.examples import run_examples
from gateway.devices.mappings.expressions import compile_formula
from gateway.devices.mappings.mapping import Mapping, Message, Part
from gateway.devices.mappings.schema import MappingFile, MessageSection
from gateway.devices.mappings.topics import BadPattern, Pattern, key_pattern, topic_pattern
from gateway.rules.cel import BadExpression

_Wrong = list[tuple[Path, str]]


class BadMapping(Exception):
    """`errors`: everything that is wrong, one line each, `file:line: field: value — what was expected`."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


def compile_mapping(text: str, file: str) -> Mapping:
    """`file` is only used in errors. Raises BadMapping, also for an example of the file's own that does not hold."""
    try:
        data, line_of = read_yaml(text, file)
    except BadYaml as bad:
        raise BadMapping(bad.errors) from bad
    if not isinstance(data, dict):
        raise BadMapping([f"{file}:1: {'nothing' if data is None else 'no fields'} in it — expected a mapping with "
                          "mapping, messages, examples"])
    wrong: _Wrong = []
    key, patterns = _key(data, wrong), _patterns(data, wrong)
    _check_names(key, patterns, wrong)
    parts = _parts(data, patterns, wrong)
    try:
        written = MappingFile.model_validate(data)
    except ValidationError as error:
        wrong += validation_errors(error, MappingFile)
    _stop_if(wrong, file, line_of)
    mapping = Mapping(written.mapping, key, tuple(
        _message(one, patterns[number], ("messages", number), parts) for number, one in enumerate(written.messages)))
    mapping.EXAMPLES, wrong = run_examples(mapping, written.examples)
    _stop_if(wrong, file, line_of)
    return mapping


def _stop_if(wrong: _Wrong, file: str, line_of: LineOf) -> None:
    if wrong:
        raise BadMapping([f"{file}:{line}: {said}" for line, said in sorted((line_of(at), said) for at, said in wrong)])


def _key(data: dict[str, Any], wrong: _Wrong) -> Pattern:
    """How addresses are made; one without names when what is written is wrong."""
    written = data.get("key", "{device}")
    try:
        return key_pattern(written)
    except BadPattern as bad:
        wrong.append((("key",), f"key: {written!r} — {bad}"))
        return Pattern("", ())


def _patterns(data: dict[str, Any], wrong: _Wrong) -> dict[int, Pattern]:
    """The topic of each message that has a right one; no topic may be read by two."""
    found: dict[int, Pattern] = {}
    for number, message in enumerate(_list(data.get("messages"))):
        written, path = _section(message).get("topic"), ("messages", number, "topic")
        if not isinstance(written, str):
            continue
        try:
            pattern = topic_pattern(written)
        except BadPattern as bad:
            wrong.append((path, f"{dotted_path(path)}: {written!r} — {bad}"))
            continue
        for other, before in found.items():
            if pattern.overlaps(before):
                wrong.append((path, f"{dotted_path(path)}: {written!r} — messages[{other}] reads such topics already; "
                              "expected one message for a topic"))
        found[number] = pattern
    return found


def _check_names(key: Pattern, patterns: dict[int, Pattern], wrong: _Wrong) -> None:
    for number, pattern in patterns.items():
        missing = [name for name in key.names if name not in pattern.names]
        if missing:
            path = ("messages", number, "topic")
            wrong.append((path,
                          f"{dotted_path(path)}: {pattern.written!r} has no {{{missing[0]}}} — expected it here, or "
                          f"another key than {key.written!r}"))


def _parts(data: dict[str, Any], patterns: dict[int, Pattern], wrong: _Wrong) -> dict[Path, Part]:
    """Every expression compiled, however wrong the rest of the file is: the operator gets all errors at once."""
    parts: dict[Path, Part] = {}
    for number, pattern in patterns.items():
        for path, source in _sources(("messages", number), _section(data["messages"][number])):
            name = dotted_path(path[2:])
            try:
                formula = compile_formula(source, pattern.names)
            except BadExpression as bad:
                wrong.append((path, f"{dotted_path(path)}: {bad}"))
            else:
                parts[path] = Part(name, formula, f"mapping {data.get('mapping')}: no value for {name}")
    return parts


def _sources(at: Path, message: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    for name in ("at", "presence", "battery"):
        yield from _texts(at, {name: message.get(name)}, (name,))
    yield from _texts((*at, "telemetry"), _section(message.get("telemetry")))
    yield from _texts((*at, "press"), _section(message.get("press")), ("when", "kind", "id"))
    yield from _texts((*at, "faults"), _section(message.get("faults")))


def _texts(at: Path, section: dict[str, Any], names: Collection[str] | None = None) -> Iterator[tuple[Path, str]]:
    for name, source in section.items():
        if isinstance(source, str) and (names is None or name in names):
            yield (*at, name), source


def _message(written: MessageSection, topic: Pattern, at: Path, parts: dict[Path, Part]) -> Message:
    press = written.press
    return Message(
        topic, written.payload, parts.get((*at, "at")),
        telemetry={name: parts[(*at, "telemetry", name)] for name in written.telemetry or {}},
        everything=written.telemetry == {},
        press=None if press is None else (
            parts.get((*at, "press", "when")), parts.get((*at, "press", "kind")), parts.get((*at, "press", "id"))),
        faults={code: parts[(*at, "faults", code)] for code in written.faults},
        presence=parts.get((*at, "presence")), battery=parts.get((*at, "battery")))


def _section(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
