"""The outcome of an attempt (Sent, NotSent, Unknown), and the interface of a channel."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

from gateway.notifications.messages import Message

Kind = Literal[
    # about the way there: nobody can be told by this channel
    "unreachable", "no secure connection", "login refused", "sender refused", "server trouble", "no answer",
    # about this one message: the channel itself works (ABOUT_THE_MESSAGE of pacing/breaker.py)
    "recipient refused", "message refused", "unusable",
]


class Receipt(StrEnum):
    """What the other side has said beyond having taken it."""

    NONE = ""
    """Nothing that can be relied on."""
    ARRIVED = "arrived"
    """Their own server has it; what they do with it is theirs."""
    DELIVERED = "delivered"
    """They say that the person has it."""
    OPENED = "opened"
    """They say that the person has read it."""


@dataclass(frozen=True)
class Sent:
    """Handed over."""

    ref: str  # the other side's id for it, or ours
    receipt: Receipt = field(default=Receipt.NONE, compare=False)


@dataclass(frozen=True)
class NotSent:
    """Certainly not handed over. `why` never holds an address: it is kept and shown."""

    permanent: bool  # trying this contact again cannot help
    why: str
    retry_after_s: int | None = None  # the other side asked for this much patience
    gone: bool = False  # the address itself was refused for good: the contact is to be stopped
    kind: Kind = field(default="server trouble", compare=False)
    said: str = field(default="", compare=False)  # the other side's words, perhaps with an address: never kept as it is
    ours: bool = False  # for want of a descriptor, a file or memory of our own: it counts as no try at all


@dataclass(frozen=True)
class Unknown:
    """Handed over or not: never learnt. It must not be repeated blindly."""

    why: str
    kind: Kind = field(default="no answer", compare=False)
    said: str = field(default="", compare=False)  # as above


Outcome = Sent | NotSent | Unknown

Send = Callable[[str, Message, str], Outcome]
"""(address, message, ref) → Outcome. `ref` is ours and the same for every try, so the other side can tell a repeat."""


Check = Callable[[str], NotSent | None]
"""(address) → None when the other side lets us in, as far as that can be tried without sending; else why not."""


class Channel(NamedTuple):
    """A way to send messages, under the name that contacts and settings use."""

    name: str
    form: Literal["short", "long"]
    send: Send
    check: Check | None = None  # None: cannot be tried
    server_each: bool = False  # each address is a server of its own, which may fail while the others work
    knows_repeats: bool = False  # its receivers can tell a second copy by `ref`, so what is unknown may be repeated


def one_line(code: int, reply: bytes | str) -> str:
    """A server's answer on one line, cut short: `535 5.7.8 Authentication failed`."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return f"{code} {' '.join(text.split())}"[:300].strip()


def refused_status(status: int, retry_after: str | None = None, said: str = "") -> NotSent:
    """An HTTP answer outside 2xx. Only 408, 425, 429 and 5xx are worth another try (Courier, Standard Webhooks)."""
    patience = int(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None
    temporary = status in (408, 425, 429) or status >= 500
    kind: Kind = "login refused" if status in (401, 403) else "server trouble" if temporary else "message refused"
    return NotSent(not temporary, f"answered {status}", patience if temporary else None, gone=status == 410,
                   kind="recipient refused" if status in (404, 410) else kind, said=said)
