"""Runs a profile's unit tests, `<profile>.tests.yaml`: timed readings in, expected alarms out."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gateway.config.error_messages import did_you_mean, validation_errors
from gateway.config.yaml_lines import BadYaml, read_yaml
from gateway.detection import ClockTick, advance
from gateway.detection.device_state import ClaimedDevice, Cleared, Escalated, MissedAlarm, Raised, Verdict
from gateway.devices.profiles import Profile
from gateway.model import DAY, HOUR, MINUTE, SECOND, Instant, Severity, from_iso
from gateway.model.signals import Telemetry, Value

_UNITS = {"d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND}
_MOMENT = re.compile(r"(?=\d)(?:(\d{1,3})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?")
_OWN = ("silent", "stale")  # alarms of every profile: compared only by a test that expects one of them
_MOST_LOOKS = 100_000


def _moment(value: Any) -> int:
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('expected a time since the beginning, such as "0s", "90s", "1h30m"')
    return sum(int(part or 0) * unit for part, unit in zip(found.groups(), _UNITS.values(), strict=True))


def _start(value: Any) -> Instant:
    try:
        return from_iso(value)
    except (TypeError, ValueError) as error:
        raise ValueError('expected a moment with its offset, such as "2026-03-29T00:30:00+01:00"') from error


def _severity(value: str | None) -> str | None:
    if value is not None and value not in tuple(Severity):
        raise ValueError(f"expected one of {', '.join(Severity)}")
    return value


def _numbers(values: Any) -> Any:
    """Telemetry knows no whole numbers."""
    if not isinstance(values, dict):
        return values
    return {name: float(one) if type(one) is int and name != "at" else one for name, one in values.items()}


Moment = Annotated[int, BeforeValidator(_moment)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ReadingRow(_Section):
    """One reading: the time since the start, and values by signal name."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)
    at: Moment


class AlarmRow(_Section):
    """One expected alarm; times since the start."""

    rule: str
    raised: Moment
    cleared: Moment | None = None
    severity: Annotated[str | None, AfterValidator(_severity)] = None


class ProfileTestRow(_Section):
    """One test: readings in, alarms out."""

    name: str
    start: Annotated[int, BeforeValidator(_start)] = from_iso("2026-01-05T00:00:00Z")  # a Monday
    zone: str = "UTC"
    readings: list[Annotated[ReadingRow, BeforeValidator(_numbers)]] = Field(min_length=1)
    until: Moment | None = None  # how long the clock goes on; None: until the last reading
    expect: list[AlarmRow]


class ProfileTestFile(_Section):
    """A whole `<profile>.tests.yaml`."""

    tests: list[ProfileTestRow] = Field(min_length=1)


class SimulatedAlarm(NamedTuple):
    """An alarm as it came, its times since the beginning of the test."""

    rule: str
    raised: int
    cleared: int | None
    severity: str

    def __str__(self) -> str:
        end = "still open" if self.cleared is None else f"cleared {clock(self.cleared)}"
        return f"{self.rule} ({self.severity}) raised {clock(self.raised)}, {end}"


def run_profile_tests(profile: Profile, text: str, file: str) -> list[str]:
    """Every test that does not come out as written, `file:line: test: expected, got`. Empty: all is well."""
    try:
        data, line_of = read_yaml(text, file)
        written = ProfileTestFile.model_validate(data if isinstance(data, dict) else {})
    except BadYaml as bad:
        return bad.errors
    except ValidationError as error:
        return [f"{file}:{line_of(at)}: {said}" for at, said in validation_errors(error, ProfileTestFile)]
    wrong = []
    for number, test in enumerate(written.tests):
        here = f"{file}:{line_of(('tests', number, 'expect'))}: {test.name}"
        wrong += [f"{here}: {said}" for said in (*_unknown_names(profile, test),
                                                 *_differences(test, run(profile, test)))]
    return wrong


def run(profile: Profile, test: ProfileTestRow) -> list[SimulatedAlarm]:
    """What the profile's rules make of the readings; between them the clock looks whenever it is due."""
    state = ClaimedDevice("test", "test:device", profile.id, zone=test.zone)
    seen: list[SimulatedAlarm] = []
    for row in sorted(test.readings, key=lambda row: row.at):
        now = test.start + row.at
        _let_pass(profile, state, test.start, now, seen)
        values: dict[str, Value] = dict(row.model_extra or {})
        _note(advance(profile, state, Telemetry(state.key, values, now), now), test.start, now, seen)
    _let_pass(profile, state, test.start, test.start + (test.until or 0) + 1, seen)
    return seen


def _let_pass(profile: Profile, state: ClaimedDevice, start: Instant, until: Instant, seen: list[SimulatedAlarm]
              ) -> None:
    for _ in range(_MOST_LOOKS):
        due = state.due_at
        if due is None or due >= until:
            break
        _note(advance(profile, state, ClockTick(start - DAY), due), start, due, seen)


def _note(verdicts: list[Verdict], start: Instant, now: Instant, seen: list[SimulatedAlarm]) -> None:
    for verdict in verdicts:
        if isinstance(verdict, Raised):
            seen.append(SimulatedAlarm(verdict.rule, now - start, None, verdict.severity))
        elif isinstance(verdict, MissedAlarm):
            seen.append(SimulatedAlarm(verdict.raised.rule, verdict.raised.at - start, now - start,
                                       verdict.raised.severity))
        elif isinstance(verdict, Cleared | Escalated):
            place = next(i for i in range(len(seen) - 1, -1, -1) if seen[i].rule == verdict.rule)
            seen[place] = (seen[place]._replace(cleared=now - start) if isinstance(verdict, Cleared)
                           else seen[place]._replace(severity=verdict.severity))


def _unknown_names(profile: Profile, test: ProfileTestRow) -> Iterator[str]:
    rules = [*(rule.name for rule in profile.rules), *_OWN]
    names = [*profile.rename, *profile.signals]
    for row in test.expect:
        if row.rule not in rules:
            yield f"{row.rule!r} is no rule of {profile.id} — {did_you_mean(row.rule, rules)}"
    for name in dict.fromkeys(name for row in test.readings for name in row.model_extra or {}):
        if name not in names:
            yield f"{name!r} is no signal of {profile.id} — {did_you_mean(name, names)}"


def _differences(test: ProfileTestRow, seen: list[SimulatedAlarm]) -> Iterator[str]:
    own = any(row.rule in _OWN for row in test.expect)
    left = [one for one in seen if own or one.rule not in _OWN]
    for row in test.expect:
        match = next((one for one in left if _fits(row, one)), None)
        if match is not None:
            left.remove(match)
            continue
        near = next((one for one in left if one.rule == row.rule), None)
        if near is not None:
            left.remove(near)
        yield f"expected {_wanted(row)}, got {near or 'no such alarm'}"
    yield from (f"expected nothing more, got {one}" for one in left)


def _fits(row: AlarmRow, one: SimulatedAlarm) -> bool:
    return (row.rule, row.raised, row.cleared) == (one.rule, one.raised, one.cleared) and (
        row.severity is None or row.severity == one.severity)


def _wanted(row: AlarmRow) -> str:
    severity = "" if row.severity is None else f" ({row.severity})"
    end = "still open" if row.cleared is None else f"cleared {clock(row.cleared)}"
    return f"{row.rule}{severity} raised {clock(row.raised)}, {end}"


def clock(length: int) -> str:
    """5,400,000 ms → "1h30m"."""
    parts = []
    for unit, size in _UNITS.items():
        count, length = divmod(length, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) + (f"{length}ms" if length else "") or "0s"
