"""The schema of a mapping file: every field, its default, and its allowed values."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gateway.devices.dialects.jsonread import FIELDS, ID_CHARS
from gateway.devices.mappings.mapping import STATES

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_SIGNAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
SAYS = ("telemetry", "press", "faults", "presence", "battery")
MOST = 100  # messages in a mapping


def _id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError("expected 1 to 32 small letters, digits and hyphens, e.g. acme-pump")
    return value


def _signal(name: str) -> str:
    if not _SIGNAL.fullmatch(name):
        raise ValueError("expected a name of 1 to 64 letters, digits and _, e.g. flow_temp")
    return name


def _telemetry(value: Any) -> Any:
    if value == "all":
        return {}
    if not isinstance(value, dict) or not value:
        raise ValueError("expected names with expressions, e.g. {flow_temp: payload.t / 10}, or all")
    return value


def _code(code: str) -> str:
    if not 0 < len(code) <= ID_CHARS or not code.isprintable() or code != code.strip():
        raise ValueError(f"expected a fault code of 1 to {ID_CHARS} printable characters")
    return code


def _state(word: str) -> str:
    if word not in STATES:
        raise ValueError(f"expected {' or '.join(STATES)}")
    return word


def _value(value: Any) -> Any:
    if type(value) not in (int, float, bool, str):
        raise ValueError("expected a number, a text or true or false")
    return float(value) if type(value) is int else value


Signal = Annotated[str, AfterValidator(_signal)]
Code = Annotated[str, AfterValidator(_code)]


class Section(BaseModel):
    """The base of every section: unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PressSection(Section):
    """`press:` — how a message says that a button was pressed."""

    when: str | None = None
    kind: str | None = None
    id: str | None = None


class MessageSection(Section):
    """`messages:` — one topic pattern and what its messages yield."""

    topic: str
    payload: Literal["json", "text", "number"] = "json"
    at: str | None = None
    telemetry: Annotated[dict[Signal, str] | None, BeforeValidator(_telemetry), Field(max_length=FIELDS)] = None
    press: Annotated[PressSection | None, BeforeValidator(lambda value: value or {})] = None
    faults: dict[Code, str] = Field({}, max_length=FIELDS)
    presence: str | None = None
    battery: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "MessageSection":
        if not any(getattr(self, name) not in (None, {}) for name in SAYS) and self.telemetry is None:
            raise ValueError(f"says nothing — expected one of {', '.join(SAYS)} in it")
        if self.telemetry == {} and self.payload != "json":
            raise ValueError(f"telemetry: all of a {self.payload} — expected a name, e.g. {{value: payload}}")
        return self


class GivesSection(Section):
    """What one message yields: signals, a press, a fault, a presence."""

    device: str | None = None
    telemetry: dict[str, Annotated[Any, AfterValidator(_value)]] = {}
    press: Literal["single", "double", "long"] | None = None
    press_id: str | None = None
    faults: dict[str, bool] = {}
    presence: Annotated[str, AfterValidator(_state)] | None = None
    at: str | None = None


class ExampleSection(Section):
    """`examples:` — a message, and the signals that it must decode to."""

    topic: str
    payload: Any = ""
    retained: bool = False
    gives: GivesSection | None = None
    refused: Literal["ignored", "undecodable"] | None = None

    @model_validator(mode="after")
    def _one_outcome(self) -> "ExampleSection":
        if (self.gives is None) == (self.refused is None):
            raise ValueError("expected what it gives, or refused: ignored or undecodable, and not both")
        return self


class MappingFile(Section):
    """A whole mapping file."""

    mapping: Annotated[str, AfterValidator(_id)]
    key: str = "{device}"
    messages: list[MessageSection] = Field(min_length=1, max_length=MOST)
    examples: list[ExampleSection] = Field(min_length=1)
