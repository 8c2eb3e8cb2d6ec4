"""What a dialect decodes a message to: Telemetry, Press, FaultCode, Presence and others, or Undecodable."""

from typing import Any, NamedTuple

from gateway.model.instant import Instant
from gateway.model.states import PressKind, PressReply

Value = float | bool | str
"""A signal's value. Numbers are always float: CEL does not mix int and double."""


class Telemetry(NamedTuple):
    """`values`: signal name → value, in the device's own names; the profile maps names and units.

    Names are flat: nesting joins with "_", anything outside [A-Za-z0-9_] becomes "_" (so CEL can name them).
    A null value is absent. `at` is the device's own time when it gave a trustworthy one, else None.
    `seq` only tells messages of the same `at` apart: the device's own number, else a checksum of the payload. It is
    no order: a reboot starts it again. `heard_at`: when its bridge last heard it, on the bridge's clock, where a
    message of the bridge says so; None: the device itself speaks, now.
    """

    key: str  # "<dialect>:<address>"
    values: dict[str, Value]
    at: Instant | None = None
    seq: int = 0
    expires: int | None = None  # ms after which the device itself calls this data stale; None: the profile alone says
    heard_at: Instant | None = None


class Press(NamedTuple):
    """A finger on a button. `press_id` is the device's own id for it, or None when the dialect has none.

    A device that repeats its last press says with each a count of its own: `change` = (input, count). It is a press
    only when that count is another than the last one heard from this input; the first one ever heard is where
    counting begins, unless a finger has just woken the device. `kind` "" is the count alone, without a finger.
    """

    key: str
    kind: str = PressKind.SINGLE  # or "" for the count alone
    press_id: str | None = None
    at: Instant | None = None
    change: tuple[str, int] | None = None
    woken: bool = False  # a finger has woken it, and nothing more is known yet: its count says which press it was


class ButtonWord(NamedTuple):
    """A word said where devices tell of a finger, and by itself no press: `on`, `release`, `scene_1`. The device's
    profile may know better.
    """

    key: str
    word: str
    at: Instant | None = None


class FaultCode(NamedTuple):
    """The device names its own fault, or says it is over (`active=False`)."""

    key: str
    code: str
    active: bool = True
    at: Instant | None = None
    text: str = ""
    heard_at: Instant | None = None  # as in Telemetry


class FaultList(NamedTuple):
    """All faults that one part of a device has now are `codes` (each told as a FaultCode); any other of it is over.

    `part` "": the faults of all parts, of those too that are no longer there.
    """

    key: str
    part: str
    codes: tuple[str, ...] = ()
    at: Instant | None = None
    heard_at: Instant | None = None  # as in Telemetry


class Presence(NamedTuple):
    """What is known of the link.

    state: online | lost (may be a fault) | stopped (switched off on purpose) | sleeping (healthy, until `until`)
    | unknown (its bridge is down: not its fault) | reachable (its bridge is back: as before it went down) | proven (its
    bridge works, whatever that says: somebody speaks through it) | removed (renamed or deleted).
    """

    key: str
    state: str
    at: Instant | None = None
    until: Instant | None = None
    bridge: bool = False  # True: what is said holds for every device behind this one
    through: str | None = None  # the bridge whose word this is: its going and coming takes the device with it
    relayed: bool = False  # a bridge says so from what it remembers: news only when it is another word than before
    heard_at: Instant | None = None  # as in Telemetry


class PressAnswer(NamedTuple):
    """What a device is told of a press; `text` and `notice` are sentences in the customer's language."""

    state: PressReply
    callback_by: Instant | None = None  # by when somebody calls
    who: str = ""  # who comes to the telephone
    battery: int | None = None  # what we know of the button's, per cent
    text: str = ""  # more for a device that can show or say it
    notice: str = ""  # of a call for help: that we are no rescue service
    emergency_number: str = ""  # … and the number in that sentence


class Ack(NamedTuple):
    """The device has taken a command (`ok`), or could not do what it says."""

    key: str
    command_id: str
    ok: bool = True


class Route(NamedTuple):
    """A topic that a device has announced as its own, and how to read it: `spec` is the announcing dialect's JSON."""

    topic: str
    spec: dict[str, Any]


class Announced(NamedTuple):
    """A device introduces itself, claimed or not. `source` names the announcement: a later one of it takes its place,
    and one without routes and name takes it back.
    """

    key: str
    source: str
    name: str = ""
    model: str = ""
    via: str | None = None  # key of the device it speaks through
    routes: tuple[Route, ...] = ()


class Request(NamedTuple):
    """The dialect itself must say something, e.g. ask for a new birth. Sent once, QoS 0, soon or never."""

    key: str
    topic: str
    payload: bytes


class Skipped(NamedTuple):
    """A part of a half understood message that says nothing to us: counted under `reason`, a constant text."""

    key: str
    reason: str


Signal = (Telemetry | Press | ButtonWord | FaultCode | FaultList | Presence | Ack | Announced | Request | Skipped)


class Notes(dict[str, Any]):
    """What a dialect remembers of one source: name → JSON value. A value is replaced, never changed in place."""

    def __init__(self, kept: dict[str, Any] | None = None) -> None:
        super().__init__(kept or {})
        self.written: set[str] = set()

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self.written.add(name)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self.written.add(name)


class Undecodable(Exception):
    """The message cannot be read as this dialect; the text says which field and what was expected."""


class Ignored(Exception):
    """The message is well understood and says nothing we need (the text is a short counted reason)."""
