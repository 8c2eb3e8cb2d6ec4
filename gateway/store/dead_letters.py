"""Stores dead letters (messages that nobody could read) without their secrets, a bounded number for each source."""

from collections.abc import Iterable

from sqlalchemy import delete, insert
from sqlmodel import Session, col, select

from gateway.config.quotas import DEAD_LETTERS, DEAD_LETTERS_PER_SOURCE
from gateway.devices.dialects.secret_names import without_secrets
from gateway.model import DeadLetter, Instant
from gateway.monitoring import metrics

KEEP_OF_A_DEAD_LETTER = 4096  # bytes


def save_dead_letters(session: Session, letters: Iterable[tuple[str, str, bytes, str]], now: Instant) -> None:
    """Keeps (dialect, topic, payload, reason) of messages that nobody could read, without the secrets in them, and of
    each source the newest."""
    rows = [{"received_at": now, "dialect": dialect, "topic": _storable(topic[:1024]), "size": len(payload),
             "source": _storable(source_of(topic)), "payload": kept[:KEEP_OF_A_DEAD_LETTER],
             "reason": _storable(reason[:500])}
            for dialect, topic, payload, said in letters for kept, reason in [_without_secrets(topic, payload, said)]]
    if rows:
        session.connection().execute(insert(DeadLetter), rows)
        discarded = _drop_oldest_letters(session, {str(row["source"]) for row in rows})
        if discarded:
            metrics.LETTERS_DISCARDED.inc(discarded)


def source_of(topic: str) -> str:
    """The sender, as far as the topic names it: `devices/hp-1`, `tele/plug`, `homeassistant/sensor/hp-1`."""
    levels = topic[:256].split("/")
    return "/".join(levels[:3 if len(levels) > 3 else 2])


def _drop_oldest_letters(session: Session, sources: Iterable[str]) -> int:
    """Deletes what exceeds the quota of each of these sources and of all, oldest first; returns how many."""
    connection, letter = session.connection(), col(DeadLetter.id)
    newest = select(letter).order_by(letter.desc()).limit(1)
    gone = 0
    for source in sorted(sources):
        mine = col(DeadLetter.source) == source
        last = newest.where(mine).offset(DEAD_LETTERS_PER_SOURCE).scalar_subquery()
        gone += connection.execute(delete(DeadLetter).where(mine, letter <= last)).rowcount
    last = newest.offset(DEAD_LETTERS).scalar_subquery()
    return gone + connection.execute(delete(DeadLetter).where(letter <= last)).rowcount


def _without_secrets(topic: str, payload: bytes, reason: str) -> tuple[bytes, str]:
    kept = without_secrets(topic, payload)
    return kept, reason if payload.startswith(kept) else reason.partition(", got ")[0]


def _storable(text: str) -> str:
    """Text that every database accepts: no NUL and no half surrogate pair, which a reason may quote."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
