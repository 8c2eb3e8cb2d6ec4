"""What the dialects themselves keep: notes between messages, announced routes, and how unclaimed devices introduced
themselves.
"""

from collections.abc import Iterable, Mapping

import orjson
from sqlalchemy import delete, func, insert, tuple_, update
from sqlmodel import Session, col, select

from gateway.dialects.signals import Announced, Notes
from gateway.dialects.signals import Route as Heard
from gateway.model import Device, Instant, Note, Route, Unclaimed
from gateway.store.inbox import note_unclaimed

MOST_ROUTES = 200_000  # a stranger announcing topics must not fill the disk, nor our memory


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
    """Writes what was set or deleted since `notes` read it."""
    changed = [(source, name) for source, kept in notes.items() for name in kept.written]
    if not changed:
        return
    connection = session.connection()
    connection.execute(delete(Note).where(tuple_(col(Note.source), col(Note.name)).in_(changed)))
    rows = [{"source": source, "name": name, "value": orjson.dumps(notes[source][name]).decode()}
            for source, name in changed if name in notes[source]]
    if rows:
        connection.execute(insert(Note), rows)


def introduce(session: Session, announced: Iterable[tuple[str, Announced]], now: Instant) -> set[str]:
    """Keeps who devices say they are, and which topics they say are theirs. `announced`: with the topic it came by.

    Returns the keys of devices that have taken back all they had announced: they are gone.
    """
    left: set[str] = set()
    for topic, said in announced:
        left |= _replace_routes(session, said, now)
        if said.name or said.model or said.via or said.routes:
            _name(session, topic, said, now)
    if left:
        still: set[str] = set(session.exec(select(Route.key).where(col(Route.key).in_(left))).all())
        left -= still
    return left


def _replace_routes(session: Session, said: Announced, now: Instant) -> set[str]:
    """Returns the keys that this announcement no longer speaks of."""
    specs: dict[str, list[object]] = {}
    for route in said.routes:
        specs.setdefault(route.topic, []).append(route.spec)
    wanted = {topic: (said.key, orjson.dumps(spec).decode()) for topic, spec in specs.items()}
    rows = session.exec(select(Route.topic, Route.key, Route.spec).where(Route.source == said.source))
    before = {topic: (key, spec) for topic, key, spec in rows}
    if wanted == before:  # every broker repeats every announcement at each connection
        return set()
    connection = session.connection()
    connection.execute(delete(Route).where(col(Route.source) == said.source))
    room = MOST_ROUTES - session.exec(select(func.count()).select_from(Route)).one()
    new = [{"source": said.source, "topic": topic, "key": key, "spec": spec, "changed_at": now}
           for topic, (key, spec) in wanted.items()]
    if new and len(new) <= room:
        connection.execute(insert(Route), new)
    return {key for key, _ in before.values()} - {said.key}


def _name(session: Session, topic: str, said: Announced, now: Instant) -> None:
    """An unclaimed device gets its name; a claimed one keeps the operator's."""
    claimed = select(Device.id).where(Device.key == said.key, col(Device.retired_at).is_(None))
    if session.exec(claimed).first() is not None:
        return
    note_unclaimed(session, {said.key: (1, topic)}, now)
    known = {name: value for name, value in (("name", said.name), ("model", said.model), ("via", said.via)) if value}
    if known:
        session.connection().execute(update(Unclaimed).where(col(Unclaimed.key) == said.key).values(**known))


def routes_state(session: Session) -> tuple[int, int]:
    """Changes whenever a route is announced or taken back."""
    count, newest = session.exec(select(func.count(), func.max(Route.changed_at))).one()
    return count, newest or 0


def routes(session: Session) -> list[Heard]:
    """Every announced route; its spec carries the device's `key`."""
    rows = session.exec(select(Route.topic, Route.key, Route.spec))
    return [Heard(topic, {**spec, "key": key}) for topic, key, specs in rows for spec in orjson.loads(specs)]


def dialects_in_use(session: Session, names: Iterable[str]) -> set[str]:
    """Which of these dialects some claimed device speaks."""
    return {name for name in names if session.exec(select(Device.id).where(
        col(Device.key).startswith(f"{name}:", autoescape=True), col(Device.retired_at).is_(None)).limit(1)).first()}


def claimed_topics(session: Session) -> set[str]:
    """The topics that claimed devices have announced."""
    mine = select(Route.topic).join(Device, col(Device.key) == Route.key).where(col(Device.retired_at).is_(None))
    return set(session.exec(mine))


def keys_of(session: Session, dialect: str) -> list[str]:
    """The keys of all claimed devices that speak `dialect`."""
    mine = col(Device.key).startswith(f"{dialect}:", autoescape=True)
    return list(session.exec(select(Device.key).where(mine, col(Device.retired_at).is_(None))))
