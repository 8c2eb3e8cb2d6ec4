"""What the receiving side writes besides state and readings: dead letters, unclaimed devices, listeners."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson
from sqlalchemy import func, insert, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from gateway.model import SECOND, DeadLetter, Device, DeviceState, Instant, Listener, Unclaimed

KEEP_OF_A_DEAD_LETTER = 4096  # bytes
MOST_UNCLAIMED = 10_000  # a stranger inventing names must not fill the disk
# Many bridges in one statement, each by the index on keys: PostgreSQL's own order is no order of beginnings.
_VIA = {
    "sqlite": "SELECT b.key, d.key FROM json_each(?) j CROSS JOIN device b ON b.key = j.value ->> 'bridge' "
              "CROSS JOIN device d ON d.via = b.id WHERE b.retired_at IS NULL AND d.retired_at IS NULL",
    "postgresql": "SELECT b.key, d.key FROM json_to_recordset(%s::json) AS n(bridge text) "
                  "JOIN device b ON b.key = n.bridge JOIN device d ON d.via = b.id "
                  "WHERE b.retired_at IS NULL AND d.retired_at IS NULL",
}
_BELOW = {
    "sqlite": "SELECT j.value ->> 'bridge', d.key FROM json_each(?) j CROSS JOIN device d "
              "ON d.key >= j.value ->> 'low' AND d.key < j.value ->> 'high' WHERE d.retired_at IS NULL",
    "postgresql": "SELECT n.bridge, d.key FROM json_to_recordset(%s::json) AS n(bridge text, low text, high text) "
                  "JOIN device d ON d.key ~>=~ n.low AND d.key ~<~ n.high WHERE d.retired_at IS NULL",
}
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


class Behind(NamedTuple):
    """A bridge as the fleet knows it."""

    profile: str | None = None  # of the bridge itself; None: nobody has claimed it
    keys: frozenset[str] = frozenset()  # of the devices that speak through it


def behind(session: Session, bridges: Mapping[str, bool]) -> dict[str, Behind]:
    """For each of `bridges` (key → whether its whole dialect speaks through it): its profile, and who is behind it:
    whose key lies below its own, and who names it as `via`."""
    connection = session.connection()
    name = connection.dialect.name
    ranges = [{"bridge": key, **_below(f"{key.partition(':')[0]}:" if whole else f"{key}/")}
              for key, whole in bridges.items()]
    wanted = orjson.dumps(ranges).decode()
    found: dict[str, set[str]] = {key: set() for key in bridges}
    for statement in (_VIA, _BELOW):
        for bridge, key in connection.exec_driver_sql(statement[name], (wanted,)):
            if key != bridge:
                found[bridge].add(key)
    profiles = dict(session.exec(select(Device.key, Device.profile).where(
        col(Device.key).in_(list(bridges)), col(Device.retired_at).is_(None))).all())
    return {key: Behind(profiles.get(key), frozenset(keys)) for key, keys in found.items()}


def hubs(session: Session, keys: Iterable[str]) -> dict[str, tuple[str, str]]:
    """key → (key, profile) of the device that it speaks through, where that one is claimed and has ever been heard."""
    hub = aliased(Device)
    rows = session.exec(select(Device.key, hub.key, hub.profile).join(hub, col(Device.via) == hub.id).join(
        DeviceState, col(DeviceState.device_id) == hub.id).where(
        col(Device.key).in_(list(keys)), col(hub.retired_at).is_(None), col(DeviceState.link) != "unheard"))
    return {key: (above, profile) for key, above, profile in rows}


def _below(start: str) -> dict[str, str]:
    """All texts that begin so, in byte order."""
    return {"low": start, "high": start[:-1] + chr(ord(start[-1]) + 1)}


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
