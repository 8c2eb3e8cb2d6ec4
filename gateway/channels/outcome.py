"""What became of one try to hand a message over, and what a channel is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from gateway.wording import Message


@dataclass(frozen=True)
class Sent:
    ref: str  # the other side's id for it, or ours


@dataclass(frozen=True)
class NotSent:
    """Certainly not handed over. `why` never holds an address: it is kept and shown."""

    permanent: bool  # trying this contact again cannot help
    why: str
    retry_after_s: int | None = None  # the other side asked for this much patience
    gone: bool = False  # the address itself was refused for good: the contact is to be stopped
    ours: bool = False  # for want of a descriptor, a file or memory of our own: it counts as no try at all


@dataclass(frozen=True)
class Unknown:
    """Handed over or not: never learnt. It must not be repeated blindly."""

    why: str


Outcome = Sent | NotSent | Unknown

Send = Callable[[str, Message, str], Outcome]
"""(address, message, ref) → Outcome. `ref` is ours and the same for every try, so the other side can tell a repeat."""


class Channel(NamedTuple):
    name: str
    form: Literal["short", "long"]
    send: Send


def refused_status(status: int, retry_after: str | None = None) -> NotSent:
    """An HTTP answer outside 2xx. Only 408, 425, 429 and 5xx are worth another try (Courier, Standard Webhooks)."""
    patience = int(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None
    temporary = status in (408, 425, 429) or status >= 500
    return NotSent(not temporary, f"answered {status}", patience if temporary else None, gone=status == 410)
