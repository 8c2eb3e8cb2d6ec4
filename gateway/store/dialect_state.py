"""Stores what dialects keep: notes between messages, announced topics, and unclaimed devices' announcements."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson
from sqlalchemy import bindparam, delete, func, insert, text, tuple_, update
from sqlmodel import Session, col, select

from gateway.model import Device, Instant, Note, Route, Unclaimed
from gateway.model.quotas import NOTE_BYTES, NOTES, NOTES_PER_SOURCE
from gateway.model.signals import Announced, Notes
from gateway.monitoring import metrics
from gateway.store.chunks import chunks
from gateway.store.ingest import claimed_of, note_unclaimed

MOST_ROUTES = 200_000  # a stranger announcing topics must not fill the disk, nor our memory
CHANGES = "announced topics"  # under this name their changes are counted
# A stranger may have so much noted; a Sparkplug node says it all again when it is claimed and asked.
SMALL_NOTE, FEW_NOTES = 16 * 1024, 50  # characters of one, notes


def notes(session: Session, sources: Iterable[str]) -> dict[str, Notes]:
    """source → its notes, locked until the transaction ends; empty for a source never heard of."""
    wanted = sorted(sources)
    kept: dict[str, dict[str, object]] = {source: {} for source in wanted}
    if wanted:
        statement = select(Note).where(col(Note.source).in_(wanted)).order_by(col(Note.source)).with_for_update()
        for row in session.exec(statement):
            kept[row.source][row.name] = orjson.loads(row.value)
    return {source: Notes(values) for source, values in kept.items()}


def save_notes(session: Session, notes: Mapping[str, Notes]) -> None:
    """Writes what was set or deleted since `notes` read it; of strangers no more than a little."""
    changed = [(source, name) for source, kept in notes.items() for name in kept.written]
    if not changed:
        return
    connection = session.connection()
    beyond = _beyond_quota(session, notes, changed)
    changed = [one for one in changed if one not in beyond]
    dropped = connection.execute(delete(Note).where(tuple_(col(Note.source), col(Note.name)).in_(changed))).rowcount
    rows = [{"source": source, "name": name, "value": value} for source, name in changed if name in notes[source]
            and len(value := orjson.dumps(notes[source][name]).decode()) <= NOTE_BYTES]
    large = {row["source"] for row in rows if len(row["value"]) > SMALL_NOTE or len(notes[row["source"]]) > FEW_NOTES}
    if large:
        strangers = large - claimed_of(session, large)
        few = {source: set(sorted(notes[source])[:FEW_NOTES]) for source in strangers}
        rows = [row for row in rows if row["source"] not in strangers
                or (len(row["value"]) <= SMALL_NOTE and row["name"] in few[row["source"]])]
    if len(rows) > dropped:  # new ones: is there room?
        room = NOTES - session.exec(select(func.count()).select_from(Note)).one()
        rows = rows[:max(room, dropped)]
    refused = sum(name in notes[source] for source, name in changed) - len(rows)
    if refused:
        metrics.NOTES_REFUSED.inc(refused)
    if rows:
        connection.execute(insert(Note), rows)


def _beyond_quota(session: Session, notes: Mapping[str, Notes], changed: Sequence[tuple[str, str]]
                  ) -> set[tuple[str, str]]:
    """New names of sources that have too many; what is remembered already may still be replaced."""
    full = {source for source, kept in notes.items() if len(kept) > NOTES_PER_SOURCE}
    if not full:
        return set()
    asked = [one for one in changed if one[0] in full]
    found = session.exec(select(Note.source, Note.name).where(tuple_(col(Note.source), col(Note.name)).in_(asked)))
    there = {(source, name) for source, name in found}
    beyond = [one for one in asked if one not in there and one[1] in notes[one[0]]]
    metrics.NOTES_REFUSED.inc(len(beyond))
    return set(beyond)


class AnnouncedChanges(NamedTuple):
    """What a batch of announcements comes to."""

    left: set[str]  # keys of devices that have taken back all they had announced: they are gone
    unrouted_messages: set[str]  # announcements of which no topic is followed any more


def save_announcements(session: Session, announced: Iterable[tuple[str, Announced]], now: Instant) -> AnnouncedChanges:
    """Keeps who devices say they are, and which topics they say are theirs. `announced`: with the topic it came by."""
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
    """Returns the keys that these announcements no longer speak of, and the announcements that had to make room."""
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
    new.sort(key=lambda row: row["key"] in claimed, reverse=True)  # strangers find room behind those who are known
    dropped = _drop_oldest_announcements(session, len(new)) if new else set()
    if new:
        connection.execute(insert(Route), new[:MOST_ROUTES])
    dropped -= {str(row["source"]) for row in new}
    gone = {key for said in changed for key, _ in before.get(said.source, {}).values() if key != said.key}
    return gone, dropped


def _next_change(session: Session, now: Instant) -> int:
    """A number above that of every change before, whatever the clocks say and whatever was taken back since: who has
    read up to a number has read all below it. About the time in ms."""
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
    """Forgets the oldest announcements of strangers when there would be too many; returns which."""
    too_many = session.exec(select(func.count()).select_from(Route)).one() + wanted - MOST_ROUTES
    if too_many <= 0:
        return set()
    known = select(Device.id).where(Device.key == Route.key, col(Device.retired_at).is_(None)).exists()
    oldest = set(session.exec(select(Route.source).where(~known).order_by(col(Route.changed_at)).limit(too_many)))
    for some in chunks(sorted(oldest)):
        session.connection().execute(delete(Route).where(col(Route.source).in_(some)))
    return oldest


def _name(session: Session, announced: Iterable[tuple[str, Announced]], now: Instant) -> None:
    """An unclaimed device gets its name; a claimed one keeps the operator's."""
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
    """How many topics are announced, counted once for each announcement."""
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
    """The names of all announcements that have topics."""
    return set(session.exec(select(Route.source).distinct()))


def dialects_in_use(session: Session, names: Iterable[str]) -> set[str]:
    """Which of these dialects some claimed device speaks."""
    return {name for name in names if session.exec(select(Device.id).where(
        col(Device.key).startswith(f"{name}:", autoescape=True), col(Device.retired_at).is_(None)).limit(1)).first()}


def keys_of(session: Session, dialect: str) -> list[str]:
    """The keys of all claimed devices that speak `dialect`."""
    mine = col(Device.key).startswith(f"{dialect}:", autoescape=True)
    return list(session.exec(select(Device.key).where(mine, col(Device.retired_at).is_(None))))
