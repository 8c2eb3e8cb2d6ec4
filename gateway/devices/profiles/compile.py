"""Compiles one profile file, or reports every error in it with its line."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from gateway.config.error_messages import did_you_mean, validation_errors
from gateway.config.yaml_lines import BadYaml, Path, dotted_path, read_yaml
from gateway.devices.dialects.presses import press_kind
from gateway.devices.profiles.profile import (
    TYPES,
    ButtonTestSpec,
    Fault,
    Profile,
    RemoteCommand,
    RemoteFixSpec,
    SignalConversion,
    SignalKind,
    Silence,
    frozen,
)
from gateway.devices.profiles.rules import (
    Conditions,
    build_rule,
    cross_checks,
    explainers_first,
    past_of,
    read_conditions,
    section,
)
from gateway.devices.profiles.schema import (
    ButtonTestSection,
    FaultSection,
    FirstTrySection,
    ProfileFile,
    SilenceSection,
)


class BadProfile(Exception):
    """`errors`: everything that is wrong, one line each, `file:line: field: value — what was expected`."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


def compile_profile(text: str, file: str, retention_ms: int | None = None) -> Profile:
    """`file` is only used in errors. `retention_ms`: how long readings are kept, if known. Raises BadProfile."""
    try:
        data, line_of = read_yaml(text, file)
    except BadYaml as bad:
        raise BadProfile(bad.errors) from bad
    if not isinstance(data, dict):
        raise BadProfile([f"{file}:1: {'nothing' if data is None else 'no fields'} in it — expected a profile with "
                          "profile, name, signals, rules"])
    conditions, wrong = read_conditions(data)
    wrong += cross_checks(data, conditions, retention_ms)
    wrong += _names_taken_twice(data)
    wrong += _impossible_tries(data)
    wrong += _danger_to_nobody(data)
    wrong += _words_without_effect(data)
    try:
        written = ProfileFile.model_validate(data)
    except ValidationError as error:
        wrong += validation_errors(error, ProfileFile)
    if wrong:
        raise BadProfile([f"{file}:{line}: {said}" for line, said in sorted((line_of(at), said) for at, said in wrong)])
    return _profile(written, conditions)


def _names_taken_twice(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    taken: dict[str, str] = {}
    for name, signal in section(data.get("signals")).items():
        raw_names = section(signal).get("from")
        for i, raw in enumerate(raw_names if isinstance(raw_names, list) else ()):
            if isinstance(raw, str) and taken.setdefault(raw, name) != name:
                path = ("signals", name, "from", i)
                yield path, (f"{dotted_path(path)}: {raw!r} is already taken by {taken[raw]} — "
                             "expected one signal per name")


def _impossible_tries(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    commands = section(data.get("commands"))
    for part in ("rules", "faults"):
        for name, judged in section(data.get(part)).items():
            wanted, path = section(section(judged).get("first_try")), (part, name, "first_try")
            if wanted and section(judged).get("action") == "record":
                yield path, (f"{dotted_path(path)}: action is record, so nobody would be sent anyway — expected "
                             "action: ticket, or no first_try")
            if isinstance(wanted.get("command"), str):
                yield from _unfit((*path, "command"), wanted["command"], commands)


def _danger_to_nobody(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """A danger for which nobody is sent."""
    for part in ("rules", "faults"):
        for name, judged in section(data.get(part)).items():
            if section(judged).get("danger") is True and section(judged).get("action") == "record":
                path = (part, name, "danger")
                yield path, (f"{dotted_path(path)}: action is record, so nobody is sent — expected action: ticket, or "
                             "no danger")


def _words_without_effect(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """A word that is another press already, for every device, or that is listed twice."""
    taken: dict[str, str] = {}
    for kind, words in section(data.get("presses")).items():
        for i, word in enumerate(words if isinstance(words, list) else ()):
            path = ("presses", kind, i)
            known = press_kind(str(word))
            if known not in (None, kind):
                yield path, (f"{dotted_path(path)}: {word!r} is read as {known} whatever a profile says — expected "
                             "a word that is no press by itself")
            elif taken.setdefault(str(word), kind) != kind:
                yield path, f"{dotted_path(path)}: {word!r} is {taken[str(word)]} already — expected each word once"


def _unfit(path: Path, command: str, commands: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """A command that is not there, or that nobody has said may be sent without a person."""
    if command not in commands:
        hint = did_you_mean(command, commands) if commands else "expected one that the section commands describes"
        yield path, f"{dotted_path(path)}: {command!r} is no command of this profile — {hint}"
    elif section(commands[command]).get("safe") is not True:
        yield path, (f"{dotted_path(path)}: {command!r} is not safe to send without a person — expected a command with "
                     "safe: true, or no first_try")


def _profile(written: ProfileFile, conditions: Conditions) -> Profile:
    """Nothing of it can be changed any more: what is derived from a profile is worked out once."""
    commands = {name: RemoteCommand(name, frozen(one.name or {"en": name.replace("_", " ")}), one.type or name,
                                    frozen(one.with_)) for name, one in written.commands.items()}
    rules = explainers_first(
        build_rule(name, one, conditions, _remote_fix(one.first_try, commands)) for name, one in written.rules.items())
    return Profile(
        id=written.profile,
        names=frozen(written.name),
        signals=frozen({name: SignalKind(name, one.unit, TYPES[one.type], frozen(one.name or {}))
                        for name, one in written.signals.items()}),
        rules=rules,
        faults=frozen({code: _fault(one, commands) for code, one in written.faults.items()}),
        silence=_silence(written.silence),
        urgent_presses=frozenset(written.button.urgent_on),
        presses=frozen({word: kind for kind, words in written.presses.items() for word in words}),
        emergency=written.button.emergency or bool(written.presses.get("urgent")),
        button="button" in written.model_fields_set or bool(written.presses),
        test=_test(written.button.tests),
        rename=frozen(_rename(written)),
        past=past_of(rules),
        scheduled=any(rule.scheduled for rule in rules),
        work_minutes=written.work_minutes,
    )


def _fault(written: FaultSection, commands: dict[str, RemoteCommand]) -> Fault:
    return Fault(severity=written.severity, cause=frozen(written.cause), skill=written.skill, action=written.action,
                 remote_fix=_remote_fix(written.first_try, commands), danger=written.danger,
                 advice=frozen(written.advice) if written.advice else None)


def _silence(written: SilenceSection) -> Silence:
    return Silence(link_ms=written.link, lost_ms=written.lost, data_ms=written.data, severity=written.severity,
                   skill=written.skill, cause=frozen(written.cause), depends_on=tuple(written.depends_on))


def _test(written: ButtonTestSection | None) -> ButtonTestSpec | None:
    return None if written is None else ButtonTestSpec(
        written.every, written.answer_within, None if written.gesture is None else frozen(written.gesture))


def _remote_fix(written: FirstTrySection | None, commands: dict[str, RemoteCommand]) -> RemoteFixSpec | None:
    return None if written is None else RemoteFixSpec(commands[written.command], written.wait, written.again_after)


def _rename(written: ProfileFile) -> dict[str, SignalConversion]:
    """A signal's own name is also understood, unscaled, when `from` does not give it to this or another signal."""
    rename = {raw: SignalConversion(name, TYPES[one.type], scale=one.scale, offset=one.offset, within=one.range)
              for name, one in written.signals.items() for raw in one.from_ or [name]}
    for name, one in written.signals.items():
        rename.setdefault(name, SignalConversion(name, TYPES[one.type], within=one.range))
    return rename
