"""Stores dead letters, unclaimed devices, and which listeners are connected."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson
from sqlalchemy import bindparam, delete, func, insert, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from gateway.devices.dialects.secret_names import without_secrets
from gateway.model import SECOND, DeadLetter, Device, DeviceState, Instant, LinkState, Listener, Note, Unclaimed
from gateway.model.quotas import DEAD_LETTERS, DEAD_LETTERS_PER_SOURCE
from gateway.monitoring import metrics
from gateway.store.chunks import chunks

KEEP_OF_A_DEAD_LETTER = 4096  # bytes
MOST_UNCLAIMED = 10_000  # a stranger inventing names must not fill the disk
_PROOF = "!written"  # no dialect's source begins like this
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
    """Whose a message is, as far as its topic tells: `devices/hp-1`, `tele/plug`, `homeassistant/sensor/hp-1`."""
    levels = topic[:256].split("/")
    return "/".join(levels[:3 if len(levels) > 3 else 2])


def _drop_oldest_letters(session: Session, sources: Iterable[str]) -> int:
    """The oldest go, of each of these sources and of all; returns how many."""
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
    """What cannot be read must not be refused here too: a reason quotes values, and no database takes every character.
    """
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def note_unclaimed(session: Session, heard: Mapping[str, tuple[int, str]], now: Instant) -> None:
    """Counts messages of devices that nobody has claimed. `heard`: key → (messages, a topic). The oldest make room."""
    if not heard:
        return
    keys = sorted(heard)
    known = {key for some in chunks(keys) for key in session.exec(
        select(Unclaimed.key).where(col(Unclaimed.key).in_(some)))}
    connection = session.connection()
    if known:
        connection.execute(update(Unclaimed).where(col(Unclaimed.key) == bindparam("whose")).values(
            messages=Unclaimed.messages + bindparam("more"), last_seen_at=now),
            [{"whose": key, "more": heard[key][0]} for key in keys if key in known])
    new = [{"key": key, "topic": heard[key][1], "first_seen_at": now, "last_seen_at": now, "messages": heard[key][0]}
           for key in keys if key not in known][:MOST_UNCLAIMED]
    if new:
        _forget_strangers(session, len(new))
        connection.execute(insert(Unclaimed), new)


def _forget_strangers(session: Session, wanted: int) -> None:
    """Forgets the strangers that have been silent for longest, and what was noted of them."""
    too_many = session.exec(select(func.count()).select_from(Unclaimed)).one() + wanted - MOST_UNCLAIMED
    if too_many <= 0:
        return
    silent = select(Unclaimed.key).order_by(col(Unclaimed.last_seen_at), col(Unclaimed.key)).limit(too_many)
    gone = list(session.exec(silent))
    for some in chunks(gone):
        session.connection().execute(delete(Unclaimed).where(col(Unclaimed.key).in_(some)))
        above = {key.rpartition("/")[0] for key in some} - set(some)  # notes of a device may lie with its node
        noted = session.exec(select(Note.source).where(col(Note.source).in_([*some, *above])).distinct()).all()
        missing_topics = set(noted) - claimed_of(session, noted)
        lately = set(session.exec(select(Unclaimed.key).where(col(Unclaimed.key).in_(sorted(missing_topics & above)))))
        forgotten = missing_topics - lately
        session.connection().execute(delete(Note).where(col(Note.source).in_(forgotten)))


def claimed_of(session: Session, sources: Collection[str]) -> set[str]:
    """Which of these keys are claimed, or one that speaks through them is."""
    connection = session.connection()
    name = connection.dialect.name
    wanted = orjson.dumps([{"bridge": source, **_below(f"{source}/")} for source in sources]).decode()
    claimed = {source for source, _ in connection.exec_driver_sql(_BELOW[name], (wanted,))}
    for some in chunks(sorted(sources)):
        claimed |= set(session.exec(select(Device.key).where(
            col(Device.key).in_(some), col(Device.retired_at).is_(None))))
    return claimed


class BridgedDevices(NamedTuple):
    """A bridge as the fleet knows it."""

    profile: str | None = None  # of the bridge itself; None: nobody has claimed it
    keys: frozenset[str] = frozenset()  # of the devices that speak through it


def behind(session: Session, bridges: Mapping[str, bool]) -> dict[str, BridgedDevices]:
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
    return {key: BridgedDevices(profiles.get(key), frozenset(keys)) for key, keys in found.items()}


def hubs(session: Session, keys: Iterable[str]) -> dict[str, tuple[str, str]]:
    """key → (key, profile) of the device that it speaks through, where that one is claimed and has ever been heard."""
    hub = aliased(Device)
    rows = session.exec(select(Device.key, hub.key, hub.profile).join(hub, col(Device.via) == hub.id).join(
        DeviceState, col(DeviceState.device_id) == hub.id).where(
        col(Device.key).in_(list(keys)), col(hub.retired_at).is_(None), col(DeviceState.link) != LinkState.UNHEARD))
    return {key: (above, profile) for key, above, profile in rows}


def _below(start: str) -> dict[str, str]:
    """All texts that begin so, in byte order."""
    return {"low": start, "high": start[:-1] + chr(ord(start[-1]) + 1)}


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


def hearing(session: Session, now: Instant) -> ListeningStatus:
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
    return hearing(session, now).since


def not_listening_since(session: Session, now: Instant) -> Instant | None:
    """Since when nobody listens: the last word of a listener that died, `now` when one says so itself. None: one does.
    """
    if listening_since(session, now) is not None:
        return None
    last = session.exec(select(func.max(Listener.beat_at))).one()
    return now if last is None or last > now - LISTENER_GONE else last
