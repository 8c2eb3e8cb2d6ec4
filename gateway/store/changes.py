"""The change feed: which rows that people look at a transaction has added or changed, written with them and read after
its commit."""

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, and_, bindparam, delete, func, insert, or_
from sqlmodel import Session, SQLModel, col, select

from gateway.model import (
    SECOND,
    Alarm,
    Callback,
    ChangedRow,
    Contact,
    Customer,
    Entry,
    ExternalId,
    Instant,
    Job,
    Link,
    MaintenanceWindow,
    Notification,
    Offer,
    Outage,
    OutageMember,
    PendingAct,
    Person,
    Promise,
    SavedAnswer,
    Site,
    Ticket,
    Visit,
)
from gateway.model.plan import Plan
from gateway.model.row import kind_of, table_of

MOST = 50  # rows of one transaction; of more the feed only says that there were many
KEPT = 50_000  # of the newest: hours, and a reader is never seconds behind
READ_AT_ONCE = 1000
GAP_S = 30.0  # seconds until a number that nobody has committed counts as rolled back
OUT_OF_TURN = 30  # lines by which a commit may lag behind a later one
GAPS = 1000  # remembered at most
MOST_GAPS = 40  # in a cursor that a program keeps: it is a part of an address
_CURSOR, _GAP = re.compile(r"(\d{1,19})(?:~([\d:,-]+))?"), re.compile(r"\d{1,19}")
_INFO = "changes"  # where a session keeps what it has written so far

# kind → the column that names what its row belongs to; a home of an outage is found by its site
WATCHED: dict[type[SQLModel], str | None] = {
    Ticket: "outage_id", Job: None, Offer: "ticket_id", Visit: "ticket_id", Callback: "outage_id", Outage: "ticket_id",
    OutageMember: None, Alarm: "ticket_id", Promise: "subject_id", Link: "subject_id",
    Entry: "subject_id", PendingAct: "ticket_id", Notification: "subject_id", SavedAnswer: "subject_id",
    Customer: None, Person: "customer_id", Site: "customer_id", Contact: "owner_id", MaintenanceWindow: None,
    ExternalId: "row_id",
}
_AFTER: BindParameter[Any] = bindparam("after")
_GAPS: BindParameter[Any] = bindparam("gaps", expanding=True)
_NEW = (select(ChangedRow).where(or_(col(ChangedRow.id) > _AFTER, col(ChangedRow.id).in_(_GAPS)))
        .order_by(col(ChangedRow.id)).limit(READ_AT_ONCE))
_INSERT = insert(ChangedRow)
_NEWEST = select(func.max(ChangedRow.id))
_OLDEST = select(func.min(ChangedRow.id))


_Line = tuple[str, str, str | None, str | None]  # (kind, row id, subject id, site id)
_MANY: _Line = ("", "", None, None)
_Row = tuple[type[SQLModel], Mapping[str, Any]]


class _Written(NamedTuple):
    transaction: int
    rows: int  # MOST + 1: it has said that there are many, and says nothing more


def record(session: Session, plan: Plan) -> None:
    """Writes one line for each row of the plan that people look at."""
    _record(session, _rows(plan))


def record_rows(session: Session, kind: type[SQLModel], rows: Iterable[Mapping[str, Any]]) -> None:
    """The same for rows that are written past `apply`, with their ids and what they belong to."""
    if kind in WATCHED:
        _record(session, ((kind, row) for row in rows))


def _record(session: Session, rows: Iterable[_Row]) -> None:
    written: _Written = session.info.get(_INFO) or _Written(secrets.randbits(62), 0)
    if written.rows > MOST:
        return
    lines = _lines(rows, MOST - written.rows + 1)
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
    session.connection().execute(_INSERT, [
        {"transaction": written.transaction, "kind": kind, "row_id": row_id, "subject_id": subject, "site_id": site}
        for kind, row_id, subject, site in lines])


def wrote_any(session: Session) -> bool:
    """Whether this transaction has written to the feed."""
    return _INFO in session.info


def _lines(rows: Iterable[_Row], most: int) -> list[_Line]:
    """Each once, `most` of them at most."""
    found: dict[_Line, None] = {}
    for kind, values in rows:
        column = WATCHED[kind]
        row_id = values.get("id")
        found[str(kind.__tablename__), row_id if isinstance(row_id, str) else "",
              values.get(column) if column is not None else None, values.get("site_id")] = None
        if len(found) == most:
            break
    return list(found)


def _rows(plan: Plan) -> Iterator[_Row]:
    """What is watched."""
    for change in plan.change:
        if change.table in WATCHED:
            yield change.table, change.row
    for row in plan.add:
        if (kind := kind_of(row)) in WATCHED:
            yield kind, row.__dict__


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


def since(session: Session, number: int, most: int, before: int) -> list[ChangedRow] | None:
    """What was committed after the line `number`, and the `before` lines before it (OUT_OF_TURN, where they are not
    committed in turn); None: more than `most` lines, or they are kept no longer."""
    newest = position(session)
    first = session.exec(select(func.min(ChangedRow.id))).one() or 0
    if number > newest or newest - number > most or (number and number < first):
        return None
    return list(session.exec(select(ChangedRow).where(col(ChangedRow.id) > number - before)))


def touches(rows: Iterable[ChangedRow], ids: frozenset[str]) -> bool:
    """Whether one of these rows is, belongs to or stands at something in `ids`, or is of a kind that is in them."""
    return any(row.kind == "" or row.kind in ids or row.row_id in ids or row.subject_id in ids or row.site_id in ids
               for row in rows)


def forget_changes(session: Session, kept: int = KEPT) -> None:
    """Deletes all but the newest `kept` lines, 1 at least: SQLite counts on from the newest."""
    newest = session.exec(_NEWEST).one() or 0
    session.connection().execute(delete(ChangedRow).where(table_of(ChangedRow).columns.id <= newest - kept))


# --- read by programs, which keep where they stand themselves


class BadCursor(Exception):
    """No cursor of the change feed's."""


class TooOld(Exception):
    """What comes after the cursor is no longer kept."""


class Gap(NamedTuple):
    """Numbers, the first to the last, that nobody had committed; asked for again `until` then."""

    first: int
    last: int
    until: Instant


class Cursor(NamedTuple):
    """Everything up to `last` was read, but for the gaps. As text: `412` or `412~398-399:1764362130000,401-401:…`."""

    last: int
    gaps: tuple[Gap, ...] = ()

    def __str__(self) -> str:
        gaps = ",".join(f"{first}-{last}:{until}" for first, last, until in self.gaps)
        return f"{self.last}~{gaps}" if gaps else str(self.last)


class Changes(NamedTuple):
    rows: list[ChangedRow]
    next: Cursor


def parse_cursor(text: str) -> Cursor:
    """Raises BadCursor."""
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise BadCursor
    given = [[int(number) for number in _GAP.findall(one)] for one in (found[2] or "").split(",") if one]
    if any(len(one) != 3 for one in given):
        raise BadCursor
    gaps = [Gap(*one) for one in given]
    if len(gaps) > MOST_GAPS or max([int(found[1]), *(number for gap in gaps for number in gap)]) >= 2**62:
        raise BadCursor
    return Cursor(int(found[1]), tuple(gaps))


def cursor_from_here(session: Session, now: Instant) -> Cursor:
    """What is committed from now on; also what is being written now, under numbers that are taken already."""
    newest = session.exec(_NEWEST).one() or 0
    there = set(session.exec(select(ChangedRow.id).where(col(ChangedRow.id) > newest - GAPS)))
    missing = [number for number in range(max(1, newest - GAPS + 1), newest) if number not in there]
    gaps: list[Gap] = []
    for number in missing:
        if gaps and gaps[-1].last == number - 1:
            gaps[-1] = gaps[-1]._replace(last=number)
        elif len(gaps) == MOST_GAPS:
            return Cursor(number - 1, tuple(gaps))  # what comes then is read, though some of it is known
        else:
            gaps.append(Gap(number, number, now + int(GAP_S * SECOND)))
    return Cursor(newest, tuple(gaps))


def read_after(session: Session, cursor: Cursor, limit: int, now: Instant) -> Changes:
    """What was committed since, each line once, also one that is committed out of turn; raises TooOld."""
    oldest, newest = session.exec(_OLDEST).one() or 0, session.exec(_NEWEST).one() or 0
    if cursor.last < oldest - 1 and cursor.last < newest - KEPT:  # else nobody has committed those before the oldest
        raise TooOld
    gaps = [gap for gap in cursor.gaps if gap.until > now]
    first = min([cursor.last + 1, *(gap.first for gap in gaps)])
    wanted = and_(col(ChangedRow.id) >= first, or_(
        col(ChangedRow.id) > cursor.last, *(col(ChangedRow.id).between(gap.first, gap.last) for gap in gaps)))
    rows: list[ChangedRow] = []
    last = cursor.last
    for row in session.exec(select(ChangedRow).where(wanted).order_by(col(ChangedRow.id)).limit(limit)):
        number = row.id or 0
        if number > last + 1:
            if len(gaps) >= MOST_GAPS:
                break  # read once some of the gaps are filled or given up
            gaps.append(Gap(last + 1, number - 1, now + int(GAP_S * SECOND)))
        elif number <= last:
            gaps = [part for gap in gaps for part in _without(gap, number)]
        last = max(last, number)
        rows.append(row)
    return Changes(rows, Cursor(last, tuple(gaps[:MOST_GAPS])))


def _without(gap: Gap, number: int) -> Iterator[Gap]:
    """What is left of a gap when one of its numbers was committed."""
    if not gap.first <= number <= gap.last:
        yield gap
        return
    if gap.first < number:
        yield gap._replace(last=number - 1)
    if number < gap.last:
        yield gap._replace(first=number + 1)
