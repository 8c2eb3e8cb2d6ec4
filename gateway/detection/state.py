"""A device's small state and the changes that a step can yield."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.dialects.signals import Value
from gateway.model import Instant
from gateway.profiles import FirstTry


@dataclass(slots=True)
class Known:
    """A claimed device as one transaction sees it: who it is, and its state, which `step` moves on in place."""

    device_id: str
    key: str
    profile: str
    site_id: str
    link: str = "unheard"
    link_at: Instant | None = None
    seen_at: Instant | None = None
    data_at: Instant | None = None
    due_at: Instant | None = None
    due_before: Instant | None = None  # as it stands in the database
    signals: dict[str, Value] = field(default_factory=dict)
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Rule name → {"s": pending | active | clear, "at": since}; a healthy rule is absent."""


class Tick(NamedTuple):
    """The clock looks again. `listening_since`: since when nothing was missed; None = we are deaf, judge no silence."""

    listening_since: Instant | None


class Raised(NamedTuple):
    rule: str
    severity: str
    cause: dict[str, str]  # locale → words
    skill: str
    action: str  # ticket | record
    at: Instant
    why: dict[str, Any]
    first_try: FirstTry | None = None


class Cleared(NamedTuple):
    rule: str
    at: Instant
    why: dict[str, Any]


class Pressed(NamedTuple):
    press_id: str | None
    kind: str
    urgent: bool
    at: Instant


Verdict = Raised | Cleared | Pressed
