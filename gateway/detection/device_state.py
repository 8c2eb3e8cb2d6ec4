"""A device's state, and the verdicts that detection can yield: Raised, Cleared, Escalated, Pressed and others."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.detection.memory import HEALTHY, DeviceMemory, History, RuleState, changed
from gateway.devices.profiles import RemoteFixSpec
from gateway.model import Instant, Severity
from gateway.model.signals import Value
from gateway.model.states import GhostSign, LinkState, PressKind

MANY = "!many_faults"  # the rule of an alarm that stands for all faults beyond a device's quota
SILENT, STALE = "silent", "stale"  # the rules of the alarms that nothing is heard, and that no data comes
STICKS = "sticks"  # the rule of the alarm that nobody can have pressed a button so often, or for so long
FAULT = "fault:"  # how the rule of an alarm begins that the device itself reports; its code follows

_blank = object.__new__


@dataclass(slots=True)
class ClaimedDevice:
    """A claimed device as one transaction sees it: who it is, and its state.

    What its fields hold is never changed, only replaced: a copy shares it.
    """

    device_id: str
    key: str
    profile: str
    link: LinkState = LinkState.UNHEARD
    link_at: Instant | None = None
    seen_at: Instant | None = None
    data_at: Instant | None = None
    due_at: Instant | None = None
    due_before: Instant | None = None  # as it stands in the database
    gone_before: bool = False  # … and whether it was gone
    signals: dict[str, Value] = field(default_factory=dict)
    signals_json: str = "{}"  # as they stand in the database
    memory: DeviceMemory = HEALTHY
    history: History | None = None
    zone: str = "UTC"  # the site's, where a rule of the profile asks for it
    version: int = 0  # of its row in the database

    def copy(self) -> "ClaimedDevice":
        """An independent copy. Three fields a line: so they take a third of the constructor's time."""
        other = _blank(ClaimedDevice)
        other.device_id, other.key, other.profile = self.device_id, self.key, self.profile
        other.zone, other.link, other.link_at = self.zone, self.link, self.link_at
        other.seen_at, other.data_at, other.signals_json = self.seen_at, self.data_at, self.signals_json
        other.due_at, other.due_before, other.gone_before = self.due_at, self.due_before, self.gone_before
        other.signals, other.memory, other.history = self.signals, self.memory, self.history
        other.version = self.version
        return other

    @property
    def gone(self) -> bool:
        """Lost, or silent when it should not be: what an area outage is made of."""
        return self.link == LinkState.LOST or (
            self.memory.silent_since is not None and self.link != LinkState.SLEEPING)

    def remember(self, **changed: Any) -> None:
        """Replaces these fields of `memory`."""
        self.memory = self.memory._replace(**changed)

    def forget(self, rule: str) -> None:
        """Forgets what is remembered for this alarm's rule."""
        memory = self.memory
        if rule == SILENT:
            self.remember(silent_since=None)
        elif rule == STALE:
            self.remember(stale_since=None)
        elif rule == STICKS and memory.fingers is not None:
            self.remember(fingers=memory.fingers._replace(stuck_since=None, held=False, due=None))
        elif rule == MANY:
            self.remember(many_faults=None)
        elif rule.startswith(FAULT):
            self.remember(faults=changed(memory.faults, rule.removeprefix(FAULT), None))
        elif rule in memory.rules:
            self.set_rule(rule, None)

    def set_rule(self, name: str, rule_state: RuleState | None) -> None:
        """Sets a rule's state; None: it is healthy."""
        self.memory = self.memory._replace(rules=changed(self.memory.rules, name, rule_state))


class ClockTick(NamedTuple):
    """A deadline has come. `listening_since`: since when no message was missed; None = not listening now."""

    listening_since: Instant | None


class Raised(NamedTuple):
    rule: str
    severity: Severity
    cause: dict[str, str]  # locale → words
    skill: str
    action: str  # ticket | record
    at: Instant
    why: dict[str, Any]
    remote_fix: RemoteFixSpec | None = None
    depends_on: tuple[str, ...] = ()
    latch: bool = False
    dry_run: bool = False
    flapping: bool = False
    danger: bool = False  # to life or home


class MissedAlarm(NamedTuple):
    """Something that came and went before anybody could be told: written down, and nothing else."""

    raised: Raised
    until: Instant
    why: dict[str, Any]


class Escalated(NamedTuple):
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


class RuleFailed(NamedTuple):
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
    battery: int | None = None  # the last we know of it, per cent
    suspicion: GhostSign | None = None  # why perhaps nobody pressed

    @property
    def test(self) -> bool:
        """Only the gesture that tries the button is one; whatever it asks for is no call."""
        return self.kind == PressKind.TEST


Verdict = Raised | Cleared | Pressed | MissedAlarm | Escalated | Flapping | RuleFailed
