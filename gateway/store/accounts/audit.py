"""The audit log: append-only by the database's own rules, read by who, what and when."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, inspect, text
from sqlmodel import Session, col, select

from gateway.model import DAY, ApiKey, Audit, Instant, User
from gateway.store.views.pagination import Order, Page, page

KEPT = 730 * DAY
_PROTECTED_DAYS = 365  # so long the database refuses to delete a line
_FILTERS: dict[str, Callable[[Any], ColumnElement[bool]]] = {
    "account": lambda value: col(Audit.account) == value, "object": lambda value: col(Audit.object_id) == value,
    "action": lambda value: col(Audit.action) == value, "outcome": lambda value: col(Audit.outcome) == value,
    "since": lambda at: col(Audit.at) >= at, "until": lambda at: col(Audit.at) < at,
}

# Whoever can write to the tables of the gateway cannot rewrite what was done: only its owner can drop these rules.
_SQLITE = (
    """CREATE TRIGGER IF NOT EXISTS audit_is_never_changed BEFORE UPDATE ON audit
       BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END""",
    # INSERT OR REPLACE deletes a row without asking the trigger of DELETE
    """CREATE TRIGGER IF NOT EXISTS audit_is_never_replaced BEFORE INSERT ON audit
       WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
       BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END""",
    f"""CREATE TRIGGER IF NOT EXISTS audit_is_kept BEFORE DELETE ON audit
       WHEN OLD.at > (CAST(strftime('%s', 'now') AS INTEGER) - {_PROTECTED_DAYS} * 86400) * 1000
       BEGIN SELECT RAISE(ABORT, 'the audit log is kept for a year'); END""",
)
_POSTGRESQL = (
    f"""CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         IF TG_OP = 'DELETE' AND OLD.at <= (extract(epoch from now()) - {_PROTECTED_DAYS} * 86400) * 1000 THEN
           RETURN OLD;
         END IF;
         RAISE EXCEPTION 'the audit log is never changed, and kept for a year';
       END $$""",
    "DROP TRIGGER IF EXISTS audit_is_append_only ON audit",
    """CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON audit
       FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()""",
    "DROP TRIGGER IF EXISTS audit_is_not_emptied ON audit",  # TRUNCATE asks no trigger of a row
    """CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit
       FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()""",
)


def protect(connection: Connection) -> None:
    """Makes the database refuse every change of the log, once it is there."""
    if not inspect(connection).has_table(str(Audit.__tablename__)):
        return
    for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
        connection.execute(text(statement))


def lines(session: Session, wanted: Mapping[str, Any], cursor: str | None, limit: int) -> Page:
    """The newest first. `wanted`: account, object, action, outcome, since, until."""
    query = select(Audit).where(*(_FILTERS[name](value) for name, value in wanted.items()))
    return page(session, query, Order((Audit.at, Audit.id)), cursor, limit)


def actions(session: Session) -> list[str]:
    """Each kind of thing that was ever done, by name. From one to the next by the index: the log itself is long."""
    found = session.connection().execute(text(
        "WITH RECURSIVE one(action) AS (SELECT min(action) FROM audit UNION ALL "
        "SELECT (SELECT min(action) FROM audit WHERE action > one.action) FROM one WHERE one.action IS NOT NULL) "
        "SELECT action FROM one WHERE action IS NOT NULL"))
    return list(found.scalars())


def names(session: Session, accounts: Iterable[str]) -> dict[str, str]:
    """Id → how the user or key is called."""
    ids = set(accounts)
    found = {row.id: row.name for row in session.exec(select(User).where(col(User.id).in_(ids)))}
    return found | {row.id: f"key “{row.name}”" for row in session.exec(select(ApiKey).where(col(ApiKey.id).in_(ids)))}


def forget_old(session: Session, now: Instant) -> None:
    session.connection().execute(delete(Audit).where(col(Audit.at) < now - KEPT))
