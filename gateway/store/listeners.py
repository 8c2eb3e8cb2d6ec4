"""Stores which gateway processes listen to the broker, since when and without which topic filters."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, func
from sqlmodel import Session, col, select

from gateway.model import SECOND, Instant, Listener, Note

_WRITE_CHECK = "!written"  # no dialect's source begins like this
LISTENER_GONE = 5 * SECOND  # without a heartbeat for this long a listener is not listening: it missed two
_RUNNING = select(Listener).where(col(Listener.beat_at) > bindparam("since"))  # built once: asked every second


class MissingFilter(NamedTuple):
    """A topic filter that the broker does not let us subscribe to."""

    filter: str
    dialect: str  # or the key of the device that announced this topic
    why: str
    needed: bool = False  # by a claimed device or a mapping

    def __str__(self) -> str:
        return f"{self.filter} ({self.dialect}): {self.why}"


class ListeningStatus(NamedTuple):
    """What all running gateways together are subscribed to."""

    since: Instant | None  # without a gap; None: nobody listens now
    later: Mapping[str, Instant | None] = {}
    missing: tuple[MissingFilter, ...] = ()
    problems: tuple[str, ...] = ()  # why a gateway receives nothing, or will not for long

    @property
    def dialects_missing(self) -> dict[str, list[str]]:
        """Dialect → its filters that no gateway is subscribed to."""
        names: dict[str, list[str]] = {}
        for one in self.missing:
            names.setdefault(one.dialect.partition(":")[0], []).append(one.filter)
        return names

    @property
    def missing_topics(self) -> tuple[str, ...]:
        """The dialects of which some filter is missing."""
        return tuple(sorted(name for name, since in self.later.items() if since is None and ":" not in name))

    def since_of(self, key: str) -> Instant | None:
        """Since when the messages of the device with this key arrive without a gap; None: they do not, so its silence
        means nothing."""
        if not self.later or self.since is None:
            return self.since
        dialect = key.partition(":")[0]
        return self.later[key] if key in self.later else self.later.get(dialect, self.since)


def record_heartbeat(session: Session, client_id: str, since: Instant | None, now: Instant, *,
                     later: Mapping[str, Instant | None] | None = None, missing: Sequence[MissingFilter] = (),
                     problem: str = "", process: str = "") -> str:
    """Records that this gateway listens without a gap since `since`; None: it receives nothing at the moment.

    Returns the process that last recorded under this client id, "" for none.
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
    """What the running gateways are subscribed to; a filter counts when one of them has it."""
    rows = session.exec(_RUNNING, params={"since": now - LISTENER_GONE}).all()
    listening = [row for row in rows if row.since is not None]
    later: dict[str, Instant | None] = {}
    for name in {name for row in listening for name in row.later}:
        dialect = name.partition(":")[0]
        since = [row.later[name] if name in row.later else row.later.get(dialect, row.since) for row in listening]
        later[name] = min((at for at in since if at is not None), default=None)
    missing = {str(one[0]): MissingFilter(*one) for row in listening or rows for one in row.missing}
    for row in listening or rows:
        mine = {one[0] for one in row.missing}
        missing = {wanted: one for wanted, one in missing.items() if wanted in mine}
    return ListeningStatus(min((row.since for row in listening if row.since is not None), default=None), later,
                           tuple(missing.values()), tuple(row.problem for row in rows if row.problem))


def check_writable(session: Session, name: str, now: Instant) -> None:
    """Writes a small row of this process, to prove that the database can be written."""
    row = session.get(Note, (_WRITE_CHECK, name))
    if row is None:
        session.add(Note(source=_WRITE_CHECK, name=name, value=str(now)))
    else:
        row.value = str(now)
        session.add(row)


def listening_since(session: Session, now: Instant) -> Instant | None:
    """Since when at least one gateway has listened without a gap; None: nobody listens now."""
    return listening_status(session, now).since


def not_listening_since(session: Session, now: Instant) -> Instant | None:
    """Since when nobody listens: the last heartbeat of a listener that died, `now` when a running one says so. None:
    one listens."""
    if listening_since(session, now) is not None:
        return None
    last = session.exec(select(func.max(Listener.beat_at))).one()
    return now if last is None or last > now - LISTENER_GONE else last
