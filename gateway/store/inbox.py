"""What the receiving side writes besides state and readings: dead letters, unclaimed devices, listeners."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import func, insert, or_, update
from sqlmodel import Session, col, select

from gateway.model import SECOND, DeadLetter, Device, Instant, Listener, Unclaimed

KEEP_OF_A_DEAD_LETTER = 4096  # bytes
MOST_UNCLAIMED = 10_000  # a stranger inventing names must not fill the disk
LISTENER_GONE = 5 * SECOND  # a listener that has not said so for this long is not listening: it missed two beats


def bury(session: Session, letters: Iterable[tuple[str, str, bytes, str]], now: Instant) -> None:
    """Keeps (dialect, topic, payload, reason) of messages that nobody could read."""
    rows = [{"received_at": now, "dialect": dialect, "topic": topic[:1024], "payload": payload[:KEEP_OF_A_DEAD_LETTER],
             "size": len(payload), "reason": reason[:500]} for dialect, topic, payload, reason in letters]
    if rows:
        session.connection().execute(insert(DeadLetter), rows)


def note_unclaimed(session: Session, heard: Mapping[str, tuple[int, str]], now: Instant) -> None:
    """Counts messages of devices that nobody has claimed. `heard`: key → (messages, a topic)."""
    if not heard:
        return
    known = set(session.exec(select(Unclaimed.key).where(col(Unclaimed.key).in_(list(heard)))))
    connection = session.connection()
    for key in known:
        connection.execute(update(Unclaimed).where(col(Unclaimed.key) == key).values(
            messages=Unclaimed.messages + heard[key][0], last_seen_at=now))
    room = MOST_UNCLAIMED - session.exec(select(func.count()).select_from(Unclaimed)).one()
    new = [{"key": key, "topic": topic, "first_seen_at": now, "last_seen_at": now, "messages": count}
           for key, (count, topic) in heard.items() if key not in known]
    if new and room > 0:
        connection.execute(insert(Unclaimed), new[:room])


def behind(session: Session, bridge_key: str, brings_all: bool) -> tuple[bool, list[str]]:
    """Whether a bridge is claimed, and the keys of the devices that speak through it: those below its key and those
    that name it as `via`.

    `brings_all`: its whole dialect speaks through it, unless a device is claimed as that bridge and named as `via`.
    """
    bridge = session.exec(select(Device.id).where(Device.key == bridge_key)).first()
    above = f"{bridge_key.partition(':')[0]}:" if bridge is None and brings_all else f"{bridge_key}/"
    below = col(Device.key).startswith(above, autoescape=True)
    through = below if bridge is None else or_(below, col(Device.via) == bridge)
    rows = select(Device.key).where(through, col(Device.retired_at).is_(None), Device.key != bridge_key)
    return bridge is not None, list(session.exec(rows))


class Missing(NamedTuple):
    """A filter that the broker does not let us hear."""

    filter: str
    dialect: str  # or the key of the device that announced this topic
    why: str
    needed: bool = False  # by a claimed device or a mapping

    def __str__(self) -> str:
        return f"{self.filter} ({self.dialect}): {self.why}"


class Hearing(NamedTuple):
    """What all gateways together hear of their broker."""

    since: Instant | None  # without a gap; None: nobody listens now
    later: Mapping[str, Instant | None] = {}
    missing: tuple[Missing, ...] = ()
    problems: tuple[str, ...] = ()  # why one hears nothing, or not for long

    @property
    def dialects_missing(self) -> dict[str, list[str]]:
        """Dialect → its filters that are not heard."""
        names: dict[str, list[str]] = {}
        for one in self.missing:
            names.setdefault(one.dialect.partition(":")[0], []).append(one.filter)
        return names

    @property
    def unheard(self) -> tuple[str, ...]:
        """The dialects that are not heard, or not wholly."""
        return tuple(sorted(name for name, since in self.later.items() if since is None and ":" not in name))

    def since_of(self, key: str) -> Instant | None:
        """Since when a device has been heard without a gap; None: it is not, so its silence means nothing."""
        if not self.later or self.since is None:
            return self.since
        dialect = key.partition(":")[0]
        return self.later[key] if key in self.later else self.later.get(dialect, self.since)


def beat(session: Session, client_id: str, since: Instant | None, now: Instant, *,
         later: Mapping[str, Instant | None] | None = None, missing: Sequence[Missing] = (), problem: str = "",
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


def hearing(session: Session, now: Instant) -> Hearing:
    """What the gateways that are alive hear; what one of them hears is heard."""
    rows = session.exec(select(Listener).where(col(Listener.beat_at) > now - LISTENER_GONE)).all()
    ears = [row for row in rows if row.since is not None]
    later: dict[str, Instant | None] = {}
    for name in {name for row in ears for name in row.later}:
        dialect = name.partition(":")[0]
        since = [row.later[name] if name in row.later else row.later.get(dialect, row.since) for row in ears]
        later[name] = min((at for at in since if at is not None), default=None)
    missing = {str(one[0]): Missing(*one) for row in ears or rows for one in row.missing}
    for row in ears or rows:
        mine = {one[0] for one in row.missing}
        missing = {wanted: one for wanted, one in missing.items() if wanted in mine}
    return Hearing(min((row.since for row in ears if row.since is not None), default=None), later,
                   tuple(missing.values()), tuple(row.problem for row in rows if row.problem))


def listening_since(session: Session, now: Instant) -> Instant | None:
    """Since when at least one gateway has listened without a gap; None: nobody listens now."""
    return hearing(session, now).since


def quiet_since(session: Session, now: Instant) -> Instant | None:
    """Since when nobody listens: the last word of a listener that died, `now` when one says so itself. None: one does.
    """
    if listening_since(session, now) is not None:
        return None
    last = session.exec(select(func.max(Listener.beat_at))).one()
    return now if last is None or last > now - LISTENER_GONE else last
