"""capped test send: a test message goes out once for each key, and only so often by one account and to one address."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from sqlmodel import Session

from gateway.flow.gateway import retry_on_conflict
from gateway.model import HOUR, SECOND, AttemptOutcome, Instant, SentTest, new_id
from gateway.monitoring.logs import redact_quote
from gateway.notifications.channels import Channel, Outcome, Sent, Unknown
from gateway.notifications.messages import Message
from gateway.store import Store
from gateway.store.customers import sent_tests

AN_HOUR_ACCOUNT, AN_HOUR_ADDRESS = 30, 5
BROKE_OFF = "another request with this key is at it, or broke off: it may have arrived"


class TooMany(Exception):
    """Enough for this hour; `seconds`: until the next may go."""

    def __init__(self, seconds: int, said: str) -> None:
        super().__init__(said)
        self.seconds = seconds


class OtherRequest(Exception):
    """The key was used for something else."""


@dataclass(frozen=True)
class TestSend:
    """Who sends what: `asked` is all that makes it what it is; `key`: as the program calls it, or ""."""

    account: str
    address: str
    asked: str
    key: str = ""


class Begun(NamedTuple):
    """One that is counted; `before`: what became of it when the same key came first."""

    id: str
    before: tuple[AttemptOutcome, str] | None


def send_test(store: Store, secret: str, wanted: TestSend, channel: Channel, message: Message,
              write: Callable[[Session], None], now: Instant) -> tuple[AttemptOutcome, str]:
    """(outcome, why); the same key again has the same answer, and nothing is sent. `write`: the audit, in the same
    transaction. Raises TooMany and OtherRequest."""
    begun = begin_test(store, secret, wanted, channel.name, write, now)
    if begun.before is not None:
        return begun.before
    outcome, why = outcome_of(channel.send(wanted.address, message, new_id("N")), wanted.address)
    end_test(store, begun, outcome, why)
    return outcome, why


def begin_test(store: Store, secret: str, wanted: TestSend, channel: str, write: Callable[[Session], None], now: Instant
               ) -> Begun:
    """Counted before anything goes out. Raises TooMany and OtherRequest."""
    key = f"{wanted.account}/{_hash(secret, wanted.key) if wanted.key else new_id('N')}"
    row = SentTest(id=key, account=wanted.account, at=now, to_hash=_hash(secret, f"{channel}:{wanted.address}"),
                   asked=_hash(secret, f"{channel} {wanted.asked}"))

    def once() -> Begun:
        with store.write() as session:
            sent_tests.lock_sending(session)
            known = session.get(SentTest, key)
            if known is None:
                _check(*sent_tests.of_last_hour(session, row.account, row.to_hash, now), now)
                session.add(SentTest(**row.model_dump()))
                write(session)
                return Begun(key, None)
            if known.asked != row.asked:
                raise OtherRequest("this key was used for another test message — expected a new one")
            broke_off = known.outcome is AttemptOutcome.STARTED
            return Begun(key, (AttemptOutcome.UNKNOWN, BROKE_OFF) if broke_off else (known.outcome, known.why))

    return retry_on_conflict(once)


def end_test(store: Store, begun: Begun, outcome: AttemptOutcome, why: str) -> None:
    """What became of it, for whoever asks with the same key."""
    with store.write() as session:
        row = session.get(SentTest, begun.id)
        if row is not None:
            row.outcome, row.why = outcome, why


def outcome_of(outcome: Outcome, address: str) -> tuple[AttemptOutcome, str]:
    """With the reason, in which the address is not quoted."""
    if isinstance(outcome, Sent):
        return AttemptOutcome.SENT, ""
    why = redact_quote(f"{outcome.why}{': ' + outcome.said if outcome.said else ''}", address)
    return (AttemptOutcome.UNKNOWN if isinstance(outcome, Unknown) else AttemptOutcome.FAILED), why


def _check(of_account: list[Instant], to_address: list[Instant], now: Instant) -> None:
    """Raises TooMany."""
    for times, most, said in ((of_account, AN_HOUR_ACCOUNT, "by you"),
                              (to_address, AN_HOUR_ADDRESS, "to this address")):
        if len(times) >= most:
            seconds = max(1, -(-(times[-most] + HOUR - now) // SECOND))
            raise TooMany(seconds, f"{most} test messages {said} within an hour are enough — try again in "
                                   f"{-(-seconds // 60)} minutes")


def _hash(secret: str, said: str) -> str:
    key = hashlib.sha256((secret.strip().splitlines() or [""])[0].encode()).digest()
    return hashlib.blake2b(said.encode(), key=key, person=b"test message", digest_size=16).hexdigest()
