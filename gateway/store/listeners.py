"""Stores which gateway processes listen to the broker, since when and without which topic filters."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import func
from sqlmodel import Session, col, select

from gateway.model import SECOND, Instant, Listener, Note

_PROOF = "!written"  # no dialect's source begins like this
LISTENER_GONE = 5 * SECOND  # a listener that has not said so for this long is not listening: it missed two beats


class MissingFilter(NamedTuple):
    """A filter that the broker does not let us hear."""

    filter: str
    dialect: str  # or the key of the device that announced this topic
    why: str
    needed: bool = False  # by a claimed device or a mapping

    def __str__(self) -> str:
        return f"{self.filter} ({self.dialect}): {self.why}"


class ListeningStatus(NamedTuple):
    """What all gateways together hear of their broker."""

    since: Instant | None  # without a gap; None: nobody listens now
    later: Mapping[str, Instant | None] = {}
    missing: tuple[MissingFilter, ...] = ()
    problems: tuple[str, ...] = ()  # why one hears nothing, or not for long

    @property
    def dialects_missing(self) -> dict[str, list[str]]:
        """Dialect → its filters that are not heard."""
        names: dict[str, list[str]] = {}
        for one in self.missing:
            names.setdefault(one.dialect.partition(":")[0], []).append(one.filter)
        return names

    @property
    def missing_topics(self) -> tuple[str, ...]:
        """The dialects that are not heard, or not wholly."""
        return tuple(sorted(name for name, since in self.later.items() if since is None and ":" not in name))

    def since_of(self, key: str) -> Instant | None:
        """Since when a device has been heard without a gap; None: it is not, so its silence means nothing."""
        if not self.later or self.since is None:
            return self.since
        dialect = key.partition(":")[0]
        return self.later[key] if key in self.later else self.later.get(dialect, self.since)


def record_heartbeat(session: Session, client_id: str, since: Instant | None, now: Instant, *,
         later: Mapping[str, Instant | None] | None = None, missing: Sequence[MissingFilter] = (), problem: str = "",
         process: str = "") -> str:
    """This gateway listens without a gap `since` then; None: it hears nothing at the moment.

    Returns which process said so before it.
    """
    row = session.get(Listener, client_id)
    if row is None:
        row = Listener(client_id=client_id, beat_at=now)
    before = row.process
    row.since, row.beat_at, row.problem, row.process = since, now, problem, process
    row.later, row.missing = dict(later or {}), [list(one) for one in missing]
    session.add(row)
    return before


def listening_status(session: Session, now: Instant) -> ListeningStatus:
    """What the gateways that are alive hear; what one of them hears is heard."""
    rows = session.exec(select(Listener).where(col(Listener.beat_at) > now - LISTENER_GONE)).all()
    ears = [row for row in rows if row.since is not None]
    later: dict[str, Instant | None] = {}
    for name in {name for row in ears for name in row.later}:
        dialect = name.partition(":")[0]
        since = [row.later[name] if name in row.later else row.later.get(dialect, row.since) for row in ears]
        later[name] = min((at for at in since if at is not None), default=None)
    missing = {str(one[0]): MissingFilter(*one) for row in ears or rows for one in row.missing}
    for row in ears or rows:
        mine = {one[0] for one in row.missing}
        missing = {wanted: one for wanted, one in missing.items() if wanted in mine}
    return ListeningStatus(min((row.since for row in ears if row.since is not None), default=None), later,
                   tuple(missing.values()), tuple(row.problem for row in rows if row.problem))


def check_writable(session: Session, name: str, now: Instant) -> None:
    """A small row of this process's own, written again and again: that it can be is what is to be known."""
    row = session.get(Note, (_PROOF, name))
    if row is None:
        session.add(Note(source=_PROOF, name=name, value=str(now)))
    else:
        row.value = str(now)
        session.add(row)


def listening_since(session: Session, now: Instant) -> Instant | None:
    """Since when at least one gateway has listened without a gap; None: nobody listens now."""
    return listening_status(session, now).since


def not_listening_since(session: Session, now: Instant) -> Instant | None:
    """Since when nobody listens: the last word of a listener that died, `now` when one says so itself. None: one does.
    """
    if listening_since(session, now) is not None:
        return None
    last = session.exec(select(func.max(Listener.beat_at))).one()
    return now if last is None or last > now - LISTENER_GONE else last
