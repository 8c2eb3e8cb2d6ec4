"""The code with which a person shows that a contact is theirs: made from our secret, so that it is kept nowhere."""

import hashlib
from collections.abc import Sequence
from enum import StrEnum

from gateway.config.phone_numbers import PHONE, PHONE_CHANNELS
from gateway.model import DAY, HOUR, SECOND, ContactCheck, Instant
from gateway.notifications.topics import CODE_LIVES

TRIES = 5
ONCE_IN = 60 * SECOND  # for one person
A_DAY_PERSON, A_DAY_ADDRESS = 5, 3
AN_HOUR_NETWORK = 20  # that are asked for from one network address: a whole house or office may share it
AN_HOUR_PREFIX, PREFIX = 20, 6  # of telephone numbers that begin alike: somebody may earn by the messages to them


class CodeResult(StrEnum):
    """What comes of asking for a code, or of typing one; the catalogues say it, in `page.preferences.code.<result>`."""

    SENT = "sent"
    """On its way, or not sent because that address has had enough of them: nobody learns which."""
    JUST_SENT = "just_sent"
    """One was asked for less than a minute ago."""
    ENOUGH = "enough"
    """The person has asked for as many as they may in a day."""
    BUSY = "busy"
    """Many were asked for from that network address within the last hour."""
    RIGHT = "right"
    """The contact is used from now on."""
    WRONG = "wrong"
    """It is another one."""
    OVER = "over"
    """None is waited for: it is too old, was used, or was mistyped too often."""


def code_of(secret: str, check_id: str) -> str:
    """Six digits. With our newest secret: a change of it makes the codes of the last minutes void."""
    digest = _keyed(secret, "contact code", check_id)
    return f"{int.from_bytes(digest[:8], 'big') % 1_000_000:06}"


def network_hash(secret: str, network: str) -> str:
    """What is kept of where somebody asks from."""
    return _keyed(secret, "network", network).hex() if network else ""


def why_not_ask(own: Sequence[ContactCheck], from_there: int, now: Instant) -> CodeResult | None:
    """`own`: what the same person has asked for lately; `from_there`: how many anybody has within the last hour, from
    the same network address; None: they may."""
    if from_there >= AN_HOUR_NETWORK:
        return CodeResult.BUSY
    if any(one.asked_at > now - ONCE_IN for one in own):
        return CodeResult.JUST_SENT
    return CodeResult.ENOUGH if sum(one.asked_at > now - DAY for one in own) >= A_DAY_PERSON else None


def has_had_enough(address: str, others: Sequence[ContactCheck], now: Instant) -> bool:
    """`others`: what anybody has asked for lately, for addresses that are or begin like this one."""
    same = sum(one.address == address and one.asked_at > now - DAY for one in others)
    alike = sum(one.asked_at > now - HOUR for one in others) if address.startswith("+") else 0
    return same >= A_DAY_ADDRESS or alike >= AN_HOUR_PREFIX


def is_open(check: ContactCheck, now: Instant) -> bool:
    return check.done_at is None and check.tries < TRIES and 0 <= now - check.asked_at < CODE_LIVES


def is_right(check: ContactCheck, given: str, secret: str) -> bool:
    typed = "".join(one for one in given if not one.isspace())[:20]
    right = code_of(secret, check.id)
    return _keyed(secret, "typed", typed) == _keyed(secret, "typed", right)  # its time tells nothing of the digits


def can_be_typed(channel: str) -> bool:
    """Whether customers may enter an address of it: never one of a web server."""
    return channel == "email" or (channel in PHONE_CHANNELS and channel != PHONE)


def _keyed(secret: str, purpose: str, said: str) -> bytes:
    key = hashlib.sha256((secret.strip().splitlines() or [""])[0].encode()).digest()
    return hashlib.blake2b(said.encode(), key=key, person=purpose.encode()).digest()
