"""One profile file → a Profile, or every error in it with its line."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from gateway.complaints import complaints
from gateway.profiles.conditions import BadCondition, compile_condition
from gateway.profiles.shapes import TYPES, Condition, Fault, Intake, Profile, Rule, SignalKind, Silence
from gateway.profiles.written import ProfileFile
from gateway.yamlread import BadYaml, Path, dotted, read_yaml

_Conditions = dict[Path, Condition]


class BadProfile(Exception):
    """`errors`: everything that is wrong, one line each, `file:line: field: value — what was expected`."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


def compile_profile(text: str, file: str) -> Profile:
    """`file` is only used in errors. Raises BadProfile."""
    try:
        data, line_of = read_yaml(text, file)
    except BadYaml as bad:
        raise BadProfile(bad.errors) from bad
    if not isinstance(data, dict):
        raise BadProfile([f"{file}:1: {'nothing' if data is None else 'no fields'} in it — expected a profile with "
                          "profile, name, signals, rules"])
    conditions, wrong = _conditions(data)
    wrong += _names_taken_twice(data)
    try:
        written = ProfileFile.model_validate(data)
    except ValidationError as error:
        wrong += complaints(error, ProfileFile)
    if wrong:
        raise BadProfile([f"{file}:{line}: {said}" for line, said in sorted((line_of(at), said) for at, said in wrong)])
    return _profile(written, conditions)


def _conditions(data: dict[str, Any]) -> tuple[_Conditions, list[tuple[Path, str]]]:
    """Every expression compiled, however wrong the rest of the file is: the operator gets all errors at once."""
    types = {name: TYPES.get(str(_section(signal).get("type", "number")), float)
             for name, signal in _section(data.get("signals")).items()}
    conditions: _Conditions = {}
    wrong: list[tuple[Path, str]] = []
    for name, rule in _section(data.get("rules")).items():
        for key in ("when", "clear"):
            source, path = _section(rule).get(key), ("rules", name, key)
            if isinstance(source, str):
                try:
                    conditions[path] = compile_condition(name, source, types)
                except BadCondition as bad:
                    wrong.append((path, f"{dotted(path)}: {bad}"))
    return conditions, wrong


def _names_taken_twice(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    taken: dict[str, str] = {}
    for name, signal in _section(data.get("signals")).items():
        raw_names = _section(signal).get("from")
        for i, raw in enumerate(raw_names if isinstance(raw_names, list) else ()):
            if isinstance(raw, str) and taken.setdefault(raw, name) != name:
                path = ("signals", name, "from", i)
                yield path, f"{dotted(path)}: {raw!r} is already taken by {taken[raw]} — expected one signal per name"


def _section(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _profile(written: ProfileFile, conditions: _Conditions) -> Profile:
    silence = written.silence
    return Profile(
        id=written.profile,
        names=written.name,
        signals={name: SignalKind(name, one.unit, TYPES[one.type]) for name, one in written.signals.items()},
        rules=tuple(
            Rule(name, conditions["rules", name, "when"], conditions.get(("rules", name, "clear")), one.for_,
                 one.severity, one.cause, one.skill, one.action)
            for name, one in written.rules.items()),
        faults={code: Fault(one.severity, one.cause, one.skill, one.action) for code, one in written.faults.items()},
        silence=Silence(silence.link, silence.lost, silence.data, silence.severity, silence.skill, silence.cause),
        urgent_presses=frozenset(written.button.urgent_on),
        rename=_rename(written),
    )


def _rename(written: ProfileFile) -> dict[str, Intake]:
    """A signal's own name is also understood, unscaled, when `from` does not give it to this or another signal."""
    rename = {raw: Intake(name, TYPES[one.type], one.scale, one.offset)
              for name, one in written.signals.items() for raw in one.from_ or [name]}
    for name, one in written.signals.items():
        rename.setdefault(name, Intake(name, TYPES[one.type]))
    return rename
