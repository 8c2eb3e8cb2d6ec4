"""A device's small state and the changes that a step can yield."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.dialects.signals import Value
from gateway.model import Instant, Severity
from gateway.profiles import FirstTry

MANY = "!many_faults"  # the rule of an alarm that stands for all faults beyond a device's quota
BRIDGE = "!bridge"  # mark: its bridge is down, and what it was before; or the device has spoken since


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
    gone_before: bool = False  # … and whether it was gone
    signals: dict[str, Value] = field(default_factory=dict)
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Rule name → {"s": waiting | pending | ripe | active | clear, "at": since}; a healthy rule is absent."""
    zone: str = "UTC"  # the site's, where a rule of the profile asks for it

    @property
    def gone(self) -> bool:
        """Lost, or silent when it should not be: what an area outage is made of."""
        return self.link == "lost" or ("silent" in self.rules and self.link != "sleeping")


class Tick(NamedTuple):
    """The clock looks again. `listening_since`: since when nothing was missed; None = we are deaf, judge no silence."""

    listening_since: Instant | None


class Raised(NamedTuple):
    rule: str
    severity: Severity
    cause: dict[str, str]  # locale → words
    skill: str
    action: str  # ticket | record
    at: Instant
    why: dict[str, Any]
    first_try: FirstTry | None = None
    depends_on: tuple[str, ...] = ()
    latch: bool = False
    monitor: bool = False
    flapping: bool = False


class Passed(NamedTuple):
    """Something that came and went before anybody could be told: written down, and nothing else."""

    raised: Raised
    until: Instant
    why: dict[str, Any]


class Rose(NamedTuple):
    """An open alarm has become more severe."""

    rule: str
    severity: Severity
    at: Instant
    why: dict[str, Any]


class Flapping(NamedTuple):
    """A rule began to change all the time (`on`), or has calmed down."""

    rule: str
    on: bool
    at: Instant
    why: dict[str, Any]


class Broken(NamedTuple):
    """A rule could not be judged on this device's values."""

    rule: str
    why: str
    at: Instant


class Cleared(NamedTuple):
    rule: str
    at: Instant
    why: dict[str, Any]


class Pressed(NamedTuple):
    press_id: str | None
    kind: str
    urgent: bool
    at: Instant
    emergency: bool = False  # a person is wanted at any hour


Verdict = Raised | Cleared | Pressed | Passed | Rose | Flapping | Broken
