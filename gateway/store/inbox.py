"""What the receiving side writes besides state and readings: dead letters, unclaimed devices, listeners."""

from collections.abc import Iterable, Mapping

from sqlalchemy import delete, func, insert, or_, update
from sqlmodel import Session, col, select

from gateway import metrics
from gateway.model import SECOND, DeadLetter, Device, Instant, Listener, Unclaimed
from gateway.quotas import LETTERS, LETTERS_OF_ONE

KEEP_OF_A_DEAD_LETTER = 4096  # bytes
MOST_UNCLAIMED = 10_000  # a stranger inventing names must not fill the disk
LISTENER_GONE = 5 * SECOND  # a listener that has not said so for this long is not listening: it missed two beats


def bury(session: Session, letters: Iterable[tuple[str, str, bytes, str]], now: Instant) -> None:
    """Keeps (dialect, topic, payload, reason) of messages that nobody could read, and of each source the newest."""
    rows = [{"received_at": now, "dialect": dialect, "source": source_of(topic), "topic": topic[:1024],
             "payload": payload[:KEEP_OF_A_DEAD_LETTER], "size": len(payload), "reason": reason[:500]}
            for dialect, topic, payload, reason in letters]
    if rows:
        session.connection().execute(insert(DeadLetter), rows)
        discarded = _make_room(session, {str(row["source"]) for row in rows})
        if discarded:
            metrics.LETTERS_DISCARDED.inc(discarded)


def source_of(topic: str) -> str:
    """Whose a message is, as far as its topic tells: `devices/hp-1`, `tele/plug`, `homeassistant/sensor/hp-1`."""
    levels = topic[:256].split("/")
    return "/".join(levels[:3 if len(levels) > 3 else 2])


def _make_room(session: Session, sources: Iterable[str]) -> int:
    """The oldest go, of each of these sources and of all; returns how many."""
    connection, letter = session.connection(), col(DeadLetter.id)
    newest = select(letter).order_by(letter.desc()).limit(1)
    gone = 0
    for source in sorted(sources):
        mine = col(DeadLetter.source) == source
        last = newest.where(mine).offset(LETTERS_OF_ONE).scalar_subquery()
        gone += connection.execute(delete(DeadLetter).where(mine, letter <= last)).rowcount
    last = newest.offset(LETTERS).scalar_subquery()
    return gone + connection.execute(delete(DeadLetter).where(letter <= last)).rowcount


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


def beat(session: Session, client_id: str, since: Instant | None, now: Instant) -> None:
    """This gateway listens without a gap `since` then; None: it hears nothing at the moment."""
    row = session.get(Listener, client_id)
    if row is None:
        session.add(Listener(client_id=client_id, since=since, beat_at=now))
    else:
        row.since, row.beat_at = since, now
        session.add(row)


def listening_since(session: Session, now: Instant) -> Instant | None:
    """Since when at least one gateway has listened without a gap; None: nobody listens now."""
    alive = session.exec(select(Listener.since).where(col(Listener.beat_at) > now - LISTENER_GONE)).all()
    return min((since for since in alive if since is not None), default=None)


def quiet_since(session: Session, now: Instant) -> Instant | None:
    """Since when nobody listens: the last word of a listener that died, `now` when one says so itself. None: one does.
    """
    if listening_since(session, now) is not None:
        return None
    last = session.exec(select(func.max(Listener.beat_at))).one()
    return now if last is None or last > now - LISTENER_GONE else last
