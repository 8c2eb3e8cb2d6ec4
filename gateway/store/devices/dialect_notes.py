"""Stores the notes that dialects keep between messages, within a quota for each device and for all strangers."""

from collections.abc import Iterable, Mapping, Sequence

import orjson
from sqlalchemy import delete, func, insert, tuple_
from sqlmodel import Session, col, select

from gateway.config.quotas import NOTE_BYTES, NOTES, NOTES_PER_SOURCE
from gateway.model import Note
from gateway.model.signals import Notes
from gateway.monitoring import metrics
from gateway.store.devices.bridges import claimed_among

# Of an unclaimed source; a Sparkplug node says everything again when it is claimed and asked to.
SMALL_NOTE, FEW_NOTES = 16 * 1024, 50  # characters of one, notes


def notes(session: Session, sources: Iterable[str]) -> dict[str, Notes]:
    """Source (a device's or bridge's key) → its notes, empty if it has none; locked until the transaction ends."""
    wanted = sorted(sources)
    kept: dict[str, dict[str, object]] = {source: {} for source in wanted}
    if wanted:
        statement = select(Note).where(col(Note.source).in_(wanted)).order_by(col(Note.source)).with_for_update()
        for row in session.exec(statement):
            kept[row.source][row.name] = orjson.loads(row.value)
    return {source: Notes(values) for source, values in kept.items()}


def save_notes(session: Session, notes: Mapping[str, Notes]) -> None:
    """Writes what was set or deleted since `notes` read it. An unclaimed source may keep only FEW_NOTES small ones."""
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
        strangers = large - claimed_among(session, large)
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
    """(source, name) of new notes beyond a source's quota; existing notes may still be replaced."""
    full = {source for source, kept in notes.items() if len(kept) > NOTES_PER_SOURCE}
    if not full:
        return set()
    asked = [one for one in changed if one[0] in full]
    found = session.exec(select(Note.source, Note.name).where(tuple_(col(Note.source), col(Note.name)).in_(asked)))
    there = {(source, name) for source, name in found}
    beyond = [one for one in asked if one not in there and one[1] in notes[one[0]]]
    metrics.NOTES_REFUSED.inc(len(beyond))
    return set(beyond)
