"""The schema of a profile file: every field, its default, and its allowed values."""

import json
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gateway import model
from gateway.config.field_types import written as as_text
from gateway.devices.dialects.presses import LONGEST
from gateway.devices.profiles.profile import HitLimit
from gateway.model import DAY, SECOND
from gateway.rules.cel import is_name
from gateway.rules.durations import parse_duration

SAID_ALREADY = ("id", "type", "expires_at")  # fields of every native command
MOST_PARAMS = 2000
MOST_HITS = 21  # as many judgements as flapping looks back
# alarms that every device can have; what it speaks through
_RESERVED = ("silent", "stale", "sticks", "via")


def _duration(value: Any) -> int:
    length = parse_duration(value)
    if length is None:
        raise ValueError('expected a duration up to 366d, such as "30s", "5m", "2h" or "1d"')
    return length


def _duration_or_none(value: Any) -> int | None:
    if value in ("off", False, None):
        return None
    try:
        length = _duration(value)
    except ValueError as error:
        raise ValueError(f"{error}, or off") from error
    if length == 0:
        raise ValueError("expected more than nothing, or off")
    return length


def _factor(value: float) -> float:
    if value == 0.0:
        raise ValueError("expected a factor that does not make every value the same")
    return value


def _silence(value: Any) -> Any:
    return dict.fromkeys(("link", "lost", "data"), "off") if value in ("off", False) else value


def _off(value: Any) -> Any:
    return None if value in ("off", False) else value


def _flapping(value: Any) -> Any:
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


def _hits(value: Any) -> HitLimit:
    found = re.fullmatch(r"(\d{1,2}) of (\d{1,2})", value) if isinstance(value, str) else None
    if found is None or not 1 <= int(found[1]) <= int(found[2]) <= MOST_HITS:
        raise ValueError(f"expected so many of the last judgements, such as 3 of 5, and at most {MOST_HITS}")
    return HitLimit(int(found[1]), int(found[2]))


def _severity(value: Any) -> model.Severity:
    if value not in tuple(model.Severity):
        raise ValueError(f"expected one of {', '.join(model.Severity)}")
    return model.Severity(value)


def _words(words: dict[str, str]) -> dict[str, str]:
    if not words.get("en"):
        raise ValueError("expected a text in en at least, e.g. {en: heat pump, de: Wärmepumpe}")
    return words


def _shaped(pattern: str, expected: str, also: Callable[[str], bool] = bool) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value) or not also(value):
            raise ValueError(f"expected {expected}")
        return value

    return AfterValidator(check)


def _rule_name(value: str) -> bool:
    return value not in _RESERVED


def _between(shortest: str, longest: str) -> BeforeValidator:
    def check(value: Any) -> int:
        length = parse_duration(value) or 0
        if not _duration(shortest) <= length <= _duration(longest):
            raise ValueError(f"expected a duration from {shortest} to {longest}")
        return length

    return BeforeValidator(check)


def _params(value: dict[str, Any]) -> dict[str, Any]:
    taken = [name for name in value if name in SAID_ALREADY]
    if taken:
        raise ValueError(f"expected no {' or '.join(taken)}: the gateway says that itself")
    if len(json.dumps(value)) > MOST_PARAMS:
        raise ValueError(f"expected at most {MOST_PARAMS} characters as JSON")
    return value


Duration = Annotated[int, BeforeValidator(_duration)]
OptionalDuration = Annotated[int | None, BeforeValidator(_duration_or_none)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
HitsOf = Annotated[HitLimit, BeforeValidator(_hits)]
Severity = Annotated[model.Severity, BeforeValidator(_severity)]
Words = Annotated[dict[Annotated[str, _shaped("[a-z]{2}", "a language of two letters, e.g. en")], str],
                  AfterValidator(_words)]
ProfileId = Annotated[str, _shaped("[a-z0-9][a-z0-9-]*", "small letters, digits and hyphens, e.g. heat-pump")]
SignalName = Annotated[str, _shaped(
    "[A-Za-z_][A-Za-z0-9_]*", "a name of letters, digits and _ that CEL does not keep for itself", is_name)]
RawName = Annotated[str, _shaped(
    "[A-Za-z_][A-Za-z0-9_]*", "the name as the dialect flattens it: letters, digits and _, e.g. OPENTHERM_TB")]
RuleName = Annotated[str, _shaped(
    "[a-z][a-z0-9_]*", f"small letters, digits and _, and not {' or '.join(_RESERVED)}", _rule_name)]
Code = Annotated[str, _shaped(r"\S(.*\S)?", "a fault code as the device sends it, or * for every other")]
CommandName = Annotated[str, _shaped("[a-z][a-z0-9_]*", "small letters, digits and _, e.g. restart")]
CommandType = Annotated[str, _shaped(r"[A-Za-z0-9_.-]{1,64}", "the device's own name for it: letters, digits, . _ -")]
Action = Literal["ticket", "record"]
PressKind = Literal["single", "double", "triple", "many", "long", "urgent", "test"]
PressWord = Annotated[str, _shaped(rf"\S(.{{0,{LONGEST - 2}}}\S)?", f"a word of at most {LONGEST} characters, as the "
                                   "device says it"), BeforeValidator(as_text)]


class Section(BaseModel):
    """The base of every section: unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SignalSection(Section):
    """`signals:` — one signal."""

    unit: str = ""
    name: Words | None = None
    type: Literal["number", "bool", "text"] = "number"
    from_: list[RawName] | None = Field(None, alias="from", min_length=1)
    scale: Annotated[float, AfterValidator(_factor)] = Field(1.0, allow_inf_nan=False)
    offset: float = Field(0.0, allow_inf_nan=False)
    range: tuple[float, float] | None = Field(None, strict=False)

    @model_validator(mode="after")
    def _only_numbers_are_scaled(self) -> "SignalSection":
        if self.type != "number" and (self.scale != 1.0 or self.offset != 0.0 or self.range is not None):
            raise ValueError(f"type {self.type} has a scale, an offset or a range — expected them on numbers only")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f"range {list(self.range)} — expected the lowest and the highest believable value")
        return self


class CommandSection(Section):
    """`commands:` — one command that the device understands."""

    safe: bool = False
    name: Words | None = None
    type: CommandType | None = None
    with_: Annotated[dict[str, Any], AfterValidator(_params)] = Field({}, alias="with")


class FirstTrySection(Section):
    """`first_try:` — the safe command that is sent before anybody drives. Durations in ms."""

    command: CommandName
    wait: Annotated[int, _between("10s", "1h")]
    again_after: Annotated[int, _between("10m", "30d")] = DAY


class FaultSection(Section):
    """`faults:` — one fault code."""

    severity: Severity
    cause: Words
    skill: str = ""
    action: Action = "ticket"
    danger: bool = False
    advice: Words | None = None
    first_try: FirstTrySection | None = None


class HoursSection(Section):
    """One span of `only_during:` or `never_during:`."""

    days: list[Day] = Field(list(get_args(Day)), min_length=1)
    from_: str = Field(alias="from")
    until: str


class FlappingSection(Section):
    """`flapping:` — per cent of changes above which a rule flaps, and below which it no longer does."""

    above: float = Field(25.0, ge=5, le=100)
    below: float = Field(10.0, ge=1, le=100)

    @model_validator(mode="after")
    def _in_order(self) -> "FlappingSection":
        if self.below >= self.above:
            raise ValueError(f"below {self.below:g} is not under above {self.above:g} — expected below to be the "
                             "smaller one, such as above: 25, below: 10")
        return self


class RuleSection(Section):
    """`rules:` — one rule. Durations in ms."""

    when: str
    clear: str | None = None
    for_: Duration = Field(0, alias="for")
    keep_firing_for: Duration = 0
    hits: HitsOf | None = None
    clear_hits: HitsOf | None = None
    rises: dict[Severity, str] = {}
    latch: bool = False
    danger: bool = False
    advice: Words | None = None
    only_during: list[HoursSection] | None = Field(None, min_length=1)
    never_during: list[HoursSection] | None = Field(None, min_length=1)
    flapping: Annotated[FlappingSection | None, BeforeValidator(_flapping)] = None
    depends_on: list[str] = []
    monitor: bool = False
    severity: Severity
    cause: Words
    skill: str = ""
    action: Action = "ticket"
    first_try: FirstTrySection | None = None


class SilenceSection(Section):
    """`silence:` — how long a device may be silent. Durations in ms."""

    link: OptionalDuration = None
    lost: OptionalDuration = 60 * SECOND
    data: OptionalDuration = None
    severity: Severity = model.Severity.MAJOR
    skill: str = ""
    depends_on: list[Literal["via"]] = []
    cause: Words = {"en": "The device is no longer heard from", "de": "Vom Gerät ist nichts mehr zu hören",
                    "hi": "डिवाइस से अब कोई सिग्नल नहीं मिल रहा", "es": "El equipo ya no da señal",
                    "fr": "L’appareil ne donne plus signe"}


class ButtonTestSection(Section):
    """`button.test:` — how often an emergency button is tested, and how. Durations in ms."""

    every: Annotated[int, _between("7d", "366d")] = 30 * DAY
    answer_within: Annotated[int, _between("1d", "30d")] = 3 * DAY
    gesture: Words | None = None

    @model_validator(mode="after")
    def _answered_before_the_next(self) -> "ButtonTestSection":
        if self.answer_within >= self.every:
            raise ValueError("answer_within is not shorter than every — expected an answer before the next test, such "
                             "as every: 30d, answer_within: 3d")
        return self


class ButtonSection(Section):
    """`button:` — which presses are urgent, and whether it is for emergencies."""

    urgent_on: list[Literal["single", "double", "long"]] = ["long"]
    emergency: bool = False
    test: Annotated[ButtonTestSection | None, BeforeValidator(_off)] = None

    @model_validator(mode="after")
    def _only_emergency_buttons_are_tested(self) -> "ButtonSection":
        if self.test is not None and not self.emergency:
            raise ValueError("test is for emergency buttons — expected emergency: true, or no test")
        return self

    @property
    def tests(self) -> ButtonTestSection | None:
        """Unless it is switched off, every emergency button is tested."""
        return ButtonTestSection() if self.emergency and "test" not in self.model_fields_set else self.test


class ProfileFile(Section):
    """A whole profile file."""

    profile: ProfileId
    name: Words
    signals: dict[SignalName, Annotated[SignalSection, BeforeValidator(lambda value: value or {})]] = {}
    silence: Annotated[SilenceSection, BeforeValidator(_silence)] = SilenceSection()
    commands: dict[CommandName, Annotated[CommandSection, BeforeValidator(lambda value: value or {})]] = {}
    faults: dict[Code, FaultSection] = {}
    rules: dict[RuleName, RuleSection] = {}
    button: ButtonSection = ButtonSection()
    presses: dict[PressKind, list[PressWord]] = {}
    work_minutes: Annotated[int, Field(ge=1, le=24 * 60)] | None = None
