"""Reads the file of SLA policies: every error with its line; the working hours of each severity's targets."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gateway.calendars.days_off import NEVER_OFF, check_days_off, days_off
from gateway.calendars.desk_hours import desk_hours
from gateway.calendars.opening_hours import Calendar, check_hours
from gateway.config import example_files
from gateway.config.error_messages import did_you_mean, validation_errors
from gateway.config.field_types import Text, TimeZone
from gateway.config.settings import Service
from gateway.config.yaml_lines import BadYaml, dotted_path, read_yaml
from gateway.config.yaml_lines import Path as Way
from gateway.model import MINUTE, Severity, SlaKind, TicketState
from gateway.rules.durations import parse_duration
from gateway.tickets.lifecycle import OPEN
from gateway.tickets.sla.policy import (
    ROUND_THE_CLOCK,
    WARN_PERCENT,
    AppliesTo,
    SlaPolicies,
    SlaPolicy,
    Targets,
)

SHORTEST = MINUTE
MAY_FREEZE = tuple(state for state in TicketState if state in OPEN | {TicketState.ON_HOLD}
                   and state is not TicketState.RESOLVED)  # it stands still then by itself
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_NAMED_CALENDARS = ("desk", "always")
_CALENDAR_EXPECTED = "expected desk, always, or zone, hours and days_off"


class BadSla(Exception):
    """`errors`: everything that is wrong, one line each, `file:line: field: value — what was expected`."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


def _working_time(value: Any) -> int:
    length = parse_duration(value)
    if length is None or str(value).endswith(("d", "ms")):
        raise ValueError('expected working time in minutes or hours, such as "30m" or "8h"')
    if length < SHORTEST:
        raise ValueError("expected one minute or more; leave the line out when nothing is promised")
    return length


def _severity(value: Any) -> Severity:
    if value not in tuple(Severity):
        raise ValueError(f"expected one of {', '.join(Severity)}")
    return Severity(value)


def _freezing(value: Any) -> TicketState:
    if value not in MAY_FREEZE:
        raise ValueError(f"expected some of {', '.join(MAY_FREEZE)}")
    return TicketState(value)


WorkingTime = Annotated[int, BeforeValidator(_working_time)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _CalendarSection(_Section):
    zone: TimeZone
    hours: Any
    days_off: Any = None


class _TargetsSection(_Section):
    first_response: WorkingTime | None = None
    update: WorkingTime | None = None
    solution: WorkingTime | None = None
    calendar: Any = None


class _AppliesToSection(_Section):
    customers: list[Text] = Field(default_factory=list, min_length=1)
    sites: list[Text] = Field(default_factory=list, min_length=1)
    profiles: list[Text] = Field(default_factory=list, min_length=1)
    skills: list[Text] = Field(default_factory=list, min_length=1)


class _PolicySection(_Section):
    applies_to: _AppliesToSection | None = None
    calendar: Any = None
    targets: dict[Annotated[Severity, BeforeValidator(_severity)], _TargetsSection] = Field(min_length=1)
    warn_percent: int = Field(WARN_PERCENT, ge=1, le=99)
    freeze_on: list[Annotated[TicketState, BeforeValidator(_freezing)]] = Field(
        default_factory=lambda: [TicketState.ON_HOLD])


class _SlaFile(_Section):
    policies: dict[str, _PolicySection] = Field(min_length=1)


def load_sla(path: Path | None, service: Service) -> SlaPolicies:
    """The policies in `path`; None: those that are shipped. Raises BadSla with every error."""
    path = example_files.sla() if path is None else path
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSla([f"{path}: cannot be read ({error}) — expected a text file in UTF-8"]) from error
    return read_sla(text, str(path), desk_hours(service) or ROUND_THE_CLOCK)


def read_sla(text: str, file: str, desk: Calendar) -> SlaPolicies:
    """`file` is only used in errors; `desk`: what `calendar: desk` stands for. Raises BadSla."""
    try:
        data, line_of = read_yaml(text, file)
    except BadYaml as bad:
        raise BadSla(bad.errors) from bad
    if not isinstance(data, dict):
        raise BadSla([f"{file}:1: {'nothing' if data is None else 'no fields'} in it — expected policies with targets"])
    wrong = [*_wrong_calendars(data), *_wrong_order(data)]
    try:
        written = _SlaFile.model_validate(data)
    except ValidationError as error:
        wrong += validation_errors(error, _SlaFile)
    if wrong:
        raise BadSla([f"{file}:{line}: {said}" for line, said in sorted((line_of(at), said) for at, said in wrong)])
    return SlaPolicies(_policy(name, one, desk) for name, one in written.policies.items())


def _policy(name: str, written: _PolicySection, desk: Calendar) -> SlaPolicy:
    covers = written.applies_to
    return SlaPolicy(
        name=name,
        targets={severity: Targets(
            _calendar(written.calendar if one.calendar is None else one.calendar, desk),
            {kind: ms for kind in SlaKind if (ms := getattr(one, kind)) is not None})
            for severity, one in written.targets.items()},
        applies_to=AppliesTo() if covers is None else AppliesTo(
            **{field: frozenset(getattr(covers, field)) for field in _AppliesToSection.model_fields}),
        warn_percent=written.warn_percent,
        freezes=frozenset(written.freeze_on),
    )


def _calendar(written: Any, desk: Calendar) -> Calendar:
    if not isinstance(written, Mapping):
        return ROUND_THE_CLOCK if written == "always" else desk
    off = written.get("days_off")
    return Calendar(written["zone"], written["hours"], NEVER_OFF if off is None else days_off(off))


def _wrong_order(data: Mapping[str, Any]) -> Iterator[tuple[Way, str]]:
    """The first policy that covers a ticket holds, so one that covers all must be there, and last."""
    policies = data.get("policies")
    if not isinstance(policies, Mapping) or not policies:
        return
    names = list(policies)
    for name in names:
        if not _NAME.fullmatch(name):
            yield ("policies", name), f"policies.{name} — expected small letters, digits and hyphens, e.g. standard"
    for_all = [name for name in names if isinstance(policies[name], Mapping) and not policies[name].get("applies_to")]
    if not for_all:
        yield ("policies", names[-1]), (f"policies.{names[-1]}: no policy is left for a ticket that none of these "
                                        "applies to — expected one without applies_to, as the last")
    for name in names[names.index(for_all[0]) + 1:] if for_all else ():
        yield ("policies", name), (f"policies.{name} is never reached: {for_all[0]} above applies to every ticket — "
                                   f"expected it before {for_all[0]}")


def _wrong_calendars(data: Mapping[str, Any]) -> Iterator[tuple[Way, str]]:
    for name, one in _section(data.get("policies")).items():
        way: Way = ("policies", name)
        yield from _wrong_calendar((*way, "calendar"), _section(one).get("calendar"))
        for severity, targets in _section(_section(one).get("targets")).items():
            yield from _wrong_calendar((*way, "targets", severity, "calendar"), _section(targets).get("calendar"))


def _wrong_calendar(way: Way, written: Any) -> Iterator[tuple[Way, str]]:
    place = dotted_path(way)
    if isinstance(written, str) or written is None:
        if written is not None and written not in _NAMED_CALENDARS:
            yield way, f"{place}: {written!r} — {did_you_mean(written, _NAMED_CALENDARS)}, or zone, hours and days_off"
        return
    if not isinstance(written, Mapping):
        yield way, f"{place}: {written!r} — {_CALENDAR_EXPECTED}"
        return
    try:
        _CalendarSection.model_validate(written)
    except ValidationError as error:
        yield from validation_errors(error, _CalendarSection, way)
    if "hours" in written:
        yield from _wrong_part((*way, "hours"), written["hours"], check_hours(written["hours"]))
        if isinstance(written["hours"], Mapping) and not any(written["hours"].values()):
            yield (*way, "hours"), (f"{place}.hours: no hour at all, so no time would ever count — expected some, e.g. "
                                    'mon: [["08:00", "17:00"]], or calendar: always')
    if written.get("days_off") is not None:
        for part, said in check_days_off(written["days_off"]):
            at = (*way, "days_off", *part)
            yield at, f"{dotted_path(at)}: {said}"


def _wrong_part(way: Way, written: Any, errors: list[str]) -> Iterator[tuple[Way, str]]:
    """Each sentence begins with the field that it is about, whose line is named."""
    for error in errors:
        first = error.partition(":")[0]
        known = isinstance(written, Mapping) and first in written
        yield (*way, first) if known else way, f"{dotted_path(way)}{'.' if known else ': '}{error}"


def _section(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
