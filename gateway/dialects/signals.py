"""What a dialect yields: five kinds of Signal, or Undecodable with its reason."""

from typing import NamedTuple

from gateway.model.instant import Instant

Value = float | bool | str
"""A signal's value. Numbers are always float: CEL does not mix int and double."""


class Telemetry(NamedTuple):
    """`values`: signal name → value, in the device's own names; the profile maps names and units.

    Names are flat: nesting joins with "_", anything outside [A-Za-z0-9_] becomes "_" (so CEL can name them).
    A null value is absent. `at` is the device's own time when it gave a trustworthy one, else None.
    `seq` only tells messages of the same `at` apart: the device's own number, else a checksum of the payload. It is
    no order: a reboot starts it again.
    """

    key: str  # "<dialect>:<address>"
    values: dict[str, Value]
    at: Instant | None = None
    seq: int = 0


class Press(NamedTuple):
    """A finger on a button. `press_id` is the device's own id for it, or None when the dialect has none."""

    key: str
    kind: str = "single"  # single | double | long
    press_id: str | None = None
    at: Instant | None = None


class FaultCode(NamedTuple):
    """The device names its own fault, or says it is over (`active=False`)."""

    key: str
    code: str
    active: bool = True
    at: Instant | None = None
    text: str = ""


class Presence(NamedTuple):
    """What is known of the link.

    state: online | lost (may be a fault) | stopped (switched off on purpose) | sleeping (healthy, until `until`)
    | unknown (its bridge is down: not its fault) | removed (renamed or deleted).
    """

    key: str
    state: str
    at: Instant | None = None
    until: Instant | None = None
    bridge: bool = False  # True: what is said holds for every device behind this one


class Ack(NamedTuple):
    """The device has taken a command (`ok`), or could not do what it says."""

    key: str
    command_id: str
    ok: bool = True


Signal = Telemetry | Press | FaultCode | Presence | Ack


class Undecodable(Exception):
    """The message cannot be read as this dialect; the text says which field and what was expected."""


class Ignored(Exception):
    """The message is well understood and says nothing we need (the text is a short counted reason)."""
