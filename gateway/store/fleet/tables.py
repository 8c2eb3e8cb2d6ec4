"""Writes many rows of one table, and counts what changed."""

from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import bindparam, insert, select, update
from sqlmodel import Session, SQLModel

from gateway.model.row import table_of
from gateway.store.changes import record_rows

Values = dict[str, Any]
"""Column → value."""


class Count(NamedTuple):
    """How many rows of one table were added, changed, left as they are, and removed. `gone`: contacts, people and
    memberships that the file no longer has."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0


def upsert(session: Session, table: type[SQLModel], rows: list[Values]) -> Count:
    """Adds and changes the rows of a table whose primary key is `id`; only the columns in `rows` are looked at. Who
    follows the change feed is told."""
    if not rows:
        return Count()
    stored = {row["id"]: row for row in stored_rows(session, table, tuple(rows[0]))}
    new = [row for row in rows if row["id"] not in stored]
    changed = [row for row in rows if row["id"] in stored and row != stored[row["id"]]]
    insert_rows(session, table, new)
    if changed:
        columns = table_of(table).columns
        statement = update(table).where(columns.id == bindparam("row_id")).values(
            {name: bindparam(f"new_{name}") for name in rows[0] if name != "id"})
        session.connection().execute(statement, [
            {"row_id": row["id"], **{f"new_{name}": value for name, value in row.items() if name != "id"}}
            for row in changed])
    record_rows(session, table, chain(new, changed))
    return Count(len(new), len(changed), len(rows) - len(new) - len(changed))


def stored_rows(session: Session, table: type[SQLModel], columns: tuple[str, ...]) -> list[Values]:
    """These columns of every row."""
    found = table_of(table).columns
    rows = session.connection().execute(select(*(found[name] for name in columns)))
    return [dict(zip(columns, row, strict=True)) for row in rows]


def insert_rows(session: Session, table: type[SQLModel], rows: list[Values]) -> None:
    """Values for every column: a Core insert knows nothing of the model's defaults."""
    if rows:
        blank = {name: field.get_default(call_default_factory=True) for name, field in table.model_fields.items()
                 if not field.is_required()}
        session.connection().execute(insert(table), [{**blank, **row} for row in rows])
