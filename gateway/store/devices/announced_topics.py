"""Stores the topics and names that devices announce by MQTT discovery, and what changed since a process last read."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson
from sqlalchemy import bindparam, delete, func, insert, text, update
from sqlmodel import Session, col, select

from gateway.model import Device, Instant, Note, Route, Unclaimed
from gateway.model.signals import Announced
from gateway.store.chunks import chunks
from gateway.store.devices.unclaimed import note_unclaimed

MOST_ROUTES = 200_000  # a stranger announcing topics must not fill the disk, nor our memory
CHANGES = "announced topics"  # under this name their changes are counted


class AnnouncedChanges(NamedTuple):
    """What changed by a batch of announcements."""

    left: set[str]  # keys of devices that have taken back all they had announced: they are gone
    unrouted_messages: set[str]  # announcements of which no topic is followed any more


def save_announcements(session: Session, announced: Iterable[tuple[str, Announced]], now: Instant) -> AnnouncedChanges:
    """Stores the names and topics that devices announce. `announced`: (topic the announcement came by,
    announcement)."""
    latest = {said.source: (topic, said) for topic, said in announced}
    if not latest:
        return AnnouncedChanges(set(), set())
    said = [said for _, said in latest.values()]
    claimed = _claimed(session, {one.key for one in said})
    left, dropped = _replace_routes(session, said, claimed, now)
    _name(session, [(topic, said) for topic, said in latest.values() if said.key not in claimed], now)
    for some in chunks(sorted(left)):
        left -= set(session.exec(select(Route.key).where(col(Route.key).in_(some))).all())
    return AnnouncedChanges(left, {one.source for one in said if not one.routes} | dropped)


def _claimed(session: Session, keys: set[str]) -> set[str]:
    return {key for some in chunks(sorted(keys)) for key in session.exec(
        select(Device.key).where(col(Device.key).in_(some), col(Device.retired_at).is_(None)))}


def _replace_routes(session: Session, announced: Sequence[Announced], claimed: set[str], now: Instant
                    ) -> tuple[set[str], set[str]]:
    """Returns the keys that these announcements no longer mention, and the announcements deleted to make room."""
    wanted: dict[str, dict[str, tuple[str, str]]] = {}
    for said in announced:
        specs: dict[str, list[object]] = {}
        for route in said.routes:
            specs.setdefault(route.topic, []).append(route.spec)
        wanted[said.source] = {topic: (said.key, orjson.dumps(spec).decode()) for topic, spec in specs.items()}
    before: dict[str, dict[str, tuple[str, str]]] = {}
    for some in chunks(sorted(wanted)):
        for source, topic, key, spec in session.exec(
                select(Route.source, Route.topic, Route.key, Route.spec).where(col(Route.source).in_(some))):
            before.setdefault(source, {})[topic] = (key, spec)
    # every broker repeats every announcement at each connection
    changed = [said for said in announced if wanted[said.source] != before.get(said.source, {})]
    if not changed:
        return set(), set()
    connection = session.connection()
    number = _next_change(session, now)
    for some in chunks([said.source for said in changed if said.source in before]):
        connection.execute(delete(Route).where(col(Route.source).in_(some)))
    new = [{"source": said.source, "topic": topic, "key": key, "spec": spec, "changed_at": number}
           for said in changed for topic, (key, spec) in wanted[said.source].items()]
    new.sort(key=lambda row: row["key"] in claimed,
             reverse=True)  # claimed devices first, when there is no room for all
    dropped = _drop_oldest_announcements(session, len(new)) if new else set()
    if new:
        connection.execute(insert(Route), new[:MOST_ROUTES])
    dropped -= {str(row["source"]) for row in new}
    gone = {key for said in changed for key, _ in before.get(said.source, {}).values() if key != said.key}
    return gone, dropped


def _next_change(session: Session, now: Instant) -> int:
    """A number above that of every earlier change, whatever the clocks say and whatever was deleted since, so that a
    process that has read up to a number has read all below it. About the time in ms."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":  # so that changes are numbered in the order in which they are committed
        connection.execute(text("SELECT pg_advisory_xact_lock(7294412)"))
    mine = (col(Note.source) == CHANGES, col(Note.name) == "newest")
    last = session.exec(select(Note.value).where(*mine)).first()
    newest = session.exec(select(func.max(Route.changed_at))).one() or 0
    number = max(now, newest + 1, int(last or 0) + 1)
    if last is None:
        connection.execute(insert(Note), [{"source": CHANGES, "name": "newest", "value": str(number)}])
    else:
        connection.execute(update(Note).where(*mine).values(value=str(number)))
    return number


def _drop_oldest_announcements(session: Session, wanted: int) -> set[str]:
    """Deletes the oldest announcements of unclaimed devices above MOST_ROUTES; returns their sources."""
    too_many = session.exec(select(func.count()).select_from(Route)).one() + wanted - MOST_ROUTES
    if too_many <= 0:
        return set()
    known = select(Device.id).where(Device.key == Route.key, col(Device.retired_at).is_(None)).exists()
    oldest = set(session.exec(select(Route.source).where(~known).order_by(col(Route.changed_at)).limit(too_many)))
    for some in chunks(sorted(oldest)):
        session.connection().execute(delete(Route).where(col(Route.source).in_(some)))
    return oldest


def _name(session: Session, announced: Iterable[tuple[str, Announced]], now: Instant) -> None:
    """Stores name, model and hub of unclaimed devices; a claimed device keeps the operator's name."""
    heard: dict[str, tuple[int, str]] = {}
    known: dict[str, dict[str, str]] = {}
    for topic, said in announced:
        if said.name or said.model or said.via or said.routes:
            heard[said.key] = (heard.get(said.key, (0, ""))[0] + 1, topic)
            known.setdefault(said.key, {}).update({name: value for name, value in (
                ("name", said.name), ("model", said.model), ("via", said.via)) if value})
    note_unclaimed(session, heard, now)
    by_fields: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for key, values in known.items():
        by_fields.setdefault(tuple(values), []).append(
            {"whose": key, **{f"new_{name}": value for name, value in values.items()}})
    for fields, rows in by_fields.items():
        if fields:
            session.connection().execute(update(Unclaimed).where(col(Unclaimed.key) == bindparam("whose")).values(
                {name: bindparam(f"new_{name}") for name in fields}), rows)


def routes_count(session: Session) -> int:
    """The number of announced topics, counted once for each announcement."""
    return session.exec(select(func.count()).select_from(Route)).one()


def routes_since(session: Session, change: int) -> tuple[dict[str, tuple[str, dict[str, str]]], int]:
    """Announcement → (key, topic → how it is read) of all that have changed since then, and the number of the newest
    change. An announcement changes as a whole; one that was taken back is not among them."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    newest = session.exec(select(func.max(Route.changed_at))).one() or 0
    if newest <= change:
        return found, change
    rows = select(Route.source, Route.topic, Route.key, Route.spec).where(Route.changed_at > change,
                                                                          Route.changed_at <= newest)
    for source, topic, key, specs in session.exec(rows):
        found.setdefault(source, (key, {}))[1][topic] = specs
    return found, newest


def announcements(session: Session) -> set[str]:
    """The sources of all announcements that have topics."""
    return set(session.exec(select(Route.source).distinct()))
