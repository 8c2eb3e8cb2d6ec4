"""How other systems call our rows: looked up both ways, set and removed; gone with the row."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, inspect, text
from sqlmodel import Session, col, select

from gateway.model import ExternalId, ExternalKind
from gateway.model.plan import Plan
from gateway.store import changes
from gateway.store.chunks import chunks

Ids = Mapping[str, str]
"""System → what it calls the row."""


def of_rows(session: Session, kind: ExternalKind, row_ids: Collection[str]) -> dict[str, dict[str, str]]:
    """Row id → its ids elsewhere, in the order of the systems' names; {} for a row without any."""
    found: dict[str, dict[str, str]] = {row_id: {} for row_id in row_ids}
    for some in chunks(list(found)):
        rows = session.exec(select(ExternalId).where(ExternalId.kind == kind, col(ExternalId.row_id).in_(some)))
        for row in sorted(rows, key=lambda row: row.system):  # in the database SQLite would take the wrong index
            found[row.row_id][row.system] = row.value
    return found


def owner(session: Session, kind: ExternalKind, system: str, value: str) -> str | None:
    """Whose id this is."""
    found: str | None = session.exec(_rows(kind, system, value)).first()
    return found


def is_called(kind: ExternalKind, column: Any, system: str, value: str) -> ColumnElement[bool]:
    """A condition: the row whose id is in `column` has this one."""
    return col(column).in_(_rows(kind, system, value))


def _rows(kind: ExternalKind, system: str, value: str) -> Any:
    return select(ExternalId.row_id).where(ExternalId.kind == kind, ExternalId.system == system,
                                           ExternalId.value == value)


def put(session: Session, row: ExternalId) -> None:
    """In place of what that system called the row before."""
    session.merge(row)
    session.flush()
    changes.record(session, Plan([row]))


def remove(session: Session, row: ExternalId) -> bool:
    """Whether there was one in that system."""
    found = session.get(ExternalId, (row.kind, row.row_id, row.system))
    if found is not None:
        session.delete(found)
        session.flush()
        changes.record(session, Plan([row]))
    return found is not None


def exists(session: Session, kind: ExternalKind, row_id: str) -> bool:
    return session.connection().execute(
        text(f"SELECT 1 FROM {kind} WHERE id = :id"), {"id": row_id}).first() is not None


def end_with_rows(connection: Connection) -> None:
    """Makes the database delete them with their rows, whoever deletes those."""
    if not inspect(connection).has_table(str(ExternalId.__tablename__)):
        return
    for kind in ExternalKind:
        for statement in _sqlite(kind) if connection.dialect.name == "sqlite" else _postgresql(kind):
            connection.execute(text(statement))


def _sqlite(kind: ExternalKind) -> tuple[str, ...]:
    return (f"""CREATE TRIGGER IF NOT EXISTS {kind}_external_ids AFTER DELETE ON {kind}
        BEGIN DELETE FROM external_id WHERE kind = '{kind}' AND row_id = OLD.id; END""",)


def _postgresql(kind: ExternalKind) -> tuple[str, ...]:
    return (
        """CREATE OR REPLACE FUNCTION forget_external_ids() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          DELETE FROM external_id WHERE kind = TG_TABLE_NAME AND row_id = OLD.id;
          RETURN NULL;
        END $$""",
        f"DROP TRIGGER IF EXISTS {kind}_external_ids ON {kind}",
        f"""CREATE TRIGGER {kind}_external_ids AFTER DELETE ON {kind}
        FOR EACH ROW EXECUTE FUNCTION forget_external_ids()""",
    )
