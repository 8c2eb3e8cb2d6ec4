"""The change feed: which rows that people look at a transaction has added or changed, written with them and read after
its commit."""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, bindparam, delete, func, insert, or_
from sqlmodel import Session, SQLModel, col, select

from gateway.model import (
    Alarm,
    Callback,
    ChangedRow,
    Contact,
    Customer,
    Entry,
    ExternalId,
    Job,
    Link,
    MaintenanceWindow,
    Notification,
    Offer,
    Outage,
    OutageMember,
    Person,
    Promise,
    Site,
    Ticket,
    Visit,
)
from gateway.model.plan import Plan
from gateway.model.row import table_of

MOST = 50  # rows of one transaction; of more the feed only says that there were many
KEPT = 50_000  # of the newest: hours, and a reader is never seconds behind
READ_AT_ONCE = 1000
GAP_S = 30.0  # seconds until a number that nobody has committed counts as rolled back
OUT_OF_TURN = 30  # lines by which a commit may lag behind a later one
GAPS = 1000  # remembered at most
_INFO = "changes"  # where a session keeps what it has written so far

# kind → the column that names what its row belongs to; a home of an outage is found by its site
WATCHED: dict[type[SQLModel], str | None] = {
    Ticket: "outage_id", Job: None, Offer: "ticket_id", Visit: "ticket_id", Callback: "outage_id", Outage: "ticket_id",
    OutageMember: None, Alarm: "ticket_id", Promise: "subject_id", Link: "subject_id",
    Entry: "subject_id", Notification: "subject_id",
    Customer: None, Person: "customer_id", Site: "customer_id", Contact: "owner_id", MaintenanceWindow: None,
    ExternalId: "row_id",
}
_AFTER: BindParameter[Any] = bindparam("after")
_GAPS: BindParameter[Any] = bindparam("gaps", expanding=True)
_NEW = (select(ChangedRow).where(or_(col(ChangedRow.id) > _AFTER, col(ChangedRow.id).in_(_GAPS)))
        .order_by(col(ChangedRow.id)).limit(READ_AT_ONCE))
_NEWEST = select(func.max(ChangedRow.id))


_Line = tuple[str, str, str | None, str | None]  # (kind, row id, subject id, site id)
_MANY: _Line = ("", "", None, None)


class _Written(NamedTuple):
    transaction: int
    rows: int  # MOST + 1: it has said that there are many, and says nothing more


def record(session: Session, plan: Plan) -> None:
    """Writes one line for each row of the plan that people look at."""
    written: _Written = session.info.get(_INFO) or _Written(secrets.randbits(62), 0)
    if written.rows > MOST:
        return
    lines = _lines(plan, MOST - written.rows + 1)
    if not lines:
        return
    count = written.rows + len(lines)
    _write(session, written._replace(rows=count), lines if count <= MOST else [_MANY])


def record_many(session: Session) -> None:
    """For what is written past `apply`, all over the tables: whoever reads the feed reads everything again."""
    written: _Written = session.info.get(_INFO) or _Written(secrets.randbits(62), 0)
    if written.rows <= MOST:
        _write(session, written._replace(rows=MOST + 1), [_MANY])


def _write(session: Session, written: _Written, lines: Iterable[_Line]) -> None:
    session.info[_INFO] = written
    session.connection().execute(insert(ChangedRow), [
        {"transaction": written.transaction, "kind": kind, "row_id": row_id, "subject_id": subject, "site_id": site}
        for kind, row_id, subject, site in lines])


def wrote_any(session: Session) -> bool:
    """Whether this transaction has written to the feed."""
    return _INFO in session.info


def _lines(plan: Plan, most: int) -> list[_Line]:
    """What is watched, each once, `most` of them at most."""
    found: dict[_Line, None] = {}
    for kind, values in _rows(plan):
        column = WATCHED[kind]
        row_id = values.get("id")
        found[str(kind.__tablename__), row_id if isinstance(row_id, str) else "",
              values.get(column) if column is not None else None, values.get("site_id")] = None
        if len(found) == most:
            break
    return list(found)


def _rows(plan: Plan) -> Iterator[tuple[type[SQLModel], Mapping[str, Any]]]:
    for change in plan.change:
        if change.table in WATCHED:
            yield change.table, change.row
    for row in plan.add:
        if type(row) in WATCHED:
            yield type(row), row.__dict__


class ChangeReader:
    """Reads the feed from where it stands at `start`; each line once, also one that is committed out of turn.

    PostgreSQL gives numbers when rows are written, so a transaction that takes longer commits lower numbers than one
    that has been read already. Numbers that are missing are asked for again, for GAP_S seconds.
    """

    def __init__(self) -> None:
        self._last = 0
        self._gaps: dict[int, float] = {}  # a number that was missing → until when it is asked for

    @property
    def awaited(self) -> int:
        """How many missing numbers are asked for."""
        return len(self._gaps)

    def start(self, session: Session, now: float) -> None:
        """From here on. `now`: seconds of a clock that nobody sets."""
        self._last = session.exec(_NEWEST).one() or 0
        first = max(0, self._last - GAPS)
        there = set(session.exec(select(ChangedRow.id).where(col(ChangedRow.id) > first)))
        self._gaps = {number: now + GAP_S for number in range(first + 1, self._last) if number not in there}

    def read(self, session: Session, now: float) -> list[ChangedRow]:
        """What was committed since the last call, READ_AT_ONCE lines at most; mostly nothing."""
        self._gaps = {number: until for number, until in self._gaps.items() if until > now}
        rows = list(session.exec(_NEW, params={"after": self._last, "gaps": list(self._gaps)}))
        for row in rows:
            number = row.id or 0
            self._gaps.pop(number, None)
            for missing in range(max(self._last + 1, number - GAPS), number):
                self._gaps[missing] = now + GAP_S
            self._last = max(self._last, number)
        return rows


def position(session: Session) -> int:
    """The newest line's number: what is read from now on is as new as that."""
    return session.exec(_NEWEST).one() or 0


def since(session: Session, number: int, most: int, before: int = OUT_OF_TURN) -> list[ChangedRow] | None:
    """What was committed after the line `number`, and, since numbers are not committed in turn, a little from before;
    None: more than `most` lines, or they are kept no longer."""
    newest = position(session)
    first = session.exec(select(func.min(ChangedRow.id))).one() or 0
    if number > newest or newest - number > most or (number and number < first):
        return None
    return list(session.exec(select(ChangedRow).where(col(ChangedRow.id) > number - before)))


def touches(rows: Iterable[ChangedRow], ids: frozenset[str]) -> bool:
    """Whether one of these rows is, belongs to or stands at something in `ids`."""
    return any(row.kind == "" or row.row_id in ids or row.subject_id in ids or row.site_id in ids for row in rows)


def forget_changes(session: Session, kept: int = KEPT) -> None:
    """Deletes all but the newest `kept` lines, 1 at least: SQLite counts on from the newest."""
    newest = session.exec(_NEWEST).one() or 0
    session.connection().execute(delete(ChangedRow).where(table_of(ChangedRow).columns.id <= newest - kept))
