"""On PostgreSQL, the table of readings in partitions by the devices' time: old readings go by dropping a table.

`split_by_time` makes the table one of partitions, when the schema is made: its default partition takes whatever has no
other, so no reading depends on a partition being there. `prepare` creates partitions ahead, `drop_old` ends them, and
`delete_from_default` deletes what lies in the default one. Whatever needs a lock that ingest would wait for gives up
soon and is tried again later; processes that do so at the same moment leave it to one of them.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from gateway.detection import BEHIND
from gateway.model import DAY, Instant
from gateway.store import Store

PARTS = 30  # for the time that readings are kept: with 400 a query took ten times as long to plan as with 40
AHEAD = 7 * DAY  # so long may a backup, which holds a lock, or a missing right keep us from creating more
HOLDS_MS = 200  # so long a statement may hold others up, half of it while it waits for its own lock
MOVES_MS = 60_000  # for what holds nobody up
ALL_THE_TIME_MS = 600_000  # while no gateway runs
ONE_AT_A_TIME = 7_134_026_114_935_031_202  # PostgreSQL advisory lock: any number, as long as it is always this one
_LATER = ("55P03", "57014", "40P01")  # SQLSTATEs: the wait for a lock or the time is over, a deadlock
_SKIPPED = ("23514", "42P07", "42P17")  # a reading of that range came first, or another process, or such a table
_FORBIDDEN = "42501"
_OTHER = "another process is at it"

_SPLIT = (
    # The table as it was becomes the default partition with all that is in it: nothing is copied. Of its indexes it
    # keeps the one against doubles. One by id would cost every reading, and nobody looks for a reading by it.
    "ALTER TABLE reading RENAME TO reading_default",
    "ALTER TABLE reading_default DROP CONSTRAINT reading_pkey",
    "ALTER INDEX reading_once RENAME TO reading_default_once",
    "CREATE INDEX reading_default_received ON reading_default (received_at)",
    "CREATE TABLE reading (LIKE reading_default INCLUDING DEFAULTS) PARTITION BY RANGE (at)",
    "ALTER SEQUENCE reading_id_seq OWNED BY reading.id",
    "CREATE UNIQUE INDEX reading_once ON reading (device_id, at, seq)",
    "ALTER TABLE reading ATTACH PARTITION reading_default DEFAULT",
)
_KIND = text("SELECT relkind::text FROM pg_class WHERE oid = to_regclass('reading')")
_PARTITIONS = text("SELECT c.oid::regclass::text, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i "
                   "JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass('reading')")
_BOUNDS = re.compile(r"FROM \('?(-?\d+)'?\) TO \('?(-?\d+)'?\)")
_DAYS_IN_DEFAULT = text(f"SELECT DISTINCT at / {DAY} FROM reading_default")
_DELETE = text("DELETE FROM reading_default WHERE ctid = ANY(ARRAY(SELECT ctid FROM reading_default "
               "WHERE received_at < :before ORDER BY received_at LIMIT :limit))")
_RIGHTS = text("SELECT has_schema_privilege(relnamespace, 'CREATE') AND pg_has_role(relowner, 'USAGE') "
               "FROM pg_class WHERE oid = to_regclass('reading') AND relkind = 'p'")
NO_RIGHT = ("all readings lie in one table, where forgetting them is slow: the database's user may not create tables, "
            "or is not the owner of the table reading — expected GRANT CREATE ON SCHEMA, and ALTER TABLE reading OWNER")
PUT_OFF = ("no partition for readings of today and tomorrow could be created within 0.2 s: somebody reads or writes "
           "for long, or the table reading_default is large; until then they are kept there; `gateway migrate`, while "
           "no gateway runs, takes the time it needs")


class Range(NamedTuple):
    """Times of devices from `start` until before `end`; whole days of UTC."""

    start: Instant
    end: Instant


def missing(there: Sequence[Range], now: Instant, kept_days: int) -> list[Range]:
    """The ranges without a partition among the times that readings can have, the most urgent first: today's, the next
    AHEAD, and then those that are past and still kept."""
    width = max(1, kept_days // PARTS) * DAY
    at = (now - min(kept_days * DAY, BEHIND)) // DAY * DAY
    found = []
    while at < now + AHEAD:
        around = next((one for one in there if one.start <= at < one.end), None)
        if around is not None:
            at = around.end
            continue
        end = min([(at // width + 1) * width, *(one.start for one in there if one.start > at)])
        found.append(Range(at, end))
        at = end
    return sorted(found, key=lambda one: one.end <= now)


def split_by_time(connection: Connection) -> None:
    """Makes the table of readings one of partitions, once."""
    if connection.dialect.name == "postgresql" and connection.scalar(_KIND) == "r":
        for statement in _SPLIT:
            connection.execute(text(statement))


def is_split(session: Session) -> bool:
    """Whether the readings of this database lie in partitions."""
    connection = session.connection()
    return connection.dialect.name == "postgresql" and bool(connection.scalar(_KIND) == "p")


def lacks_right(connection: Connection) -> bool:
    """Whether there are partitions that the database's user may not create and drop."""
    return connection.dialect.name == "postgresql" and connection.scalar(_RIGHTS) is False


def prepare(store: Store, now: Instant, kept_days: int, may_hold_ms: int = HOLDS_MS) -> str | None:
    """Creates what is missing. Returns None, also when there is time to try again, or what keeps us from it."""
    if store.sqlite:
        return None
    with store.read() as session:
        if not is_split(session):
            return None
        wanted = missing([one for _, one in _partitions(session.connection())], now, kept_days)
        used = {day * DAY for day in session.connection().scalars(_DAYS_IN_DEFAULT)} if wanted else set()
    for one in wanted:
        stray = any(one.start <= day < one.end for day in used)
        if stray and one.start <= now:
            continue  # readings of it may come any moment: it stays in the default partition, and is deleted there
        state = _alone(store, _creating(one, stray), may_hold_ms)
        if state == _FORBIDDEN:
            return NO_RIGHT
        if state in _LATER:
            return PUT_OFF if one.start - DAY <= now < one.end else None
        if state == _OTHER:
            break
    return None


def drop_old(store: Store, before: Instant, may_hold_ms: int = HOLDS_MS) -> int:
    """Drops the partitions whose readings are all from before that; returns how many."""
    if store.sqlite:
        return 0
    with store.read() as session:
        old = [name for name, one in _partitions(session.connection()) if one.end <= before]
    dropped = 0
    for name in old:
        if _alone(store, [(f"DROP TABLE IF EXISTS {name}", True)], may_hold_ms) is not None:
            break  # somebody reads for long, or the right is missing, which `prepare` says
        dropped += 1
    return dropped


def delete_from_default(session: Session, before: Instant, limit: int) -> int:
    """Deletes what was received before that from the default partition, at most `limit`; returns how many."""
    return session.connection().execute(_DELETE, {"before": before, "limit": limit}).rowcount


def _partitions(connection: Connection) -> Iterator[tuple[str, Range]]:
    for name, bounds in connection.execute(_PARTITIONS):
        if bounds is not None and (found := _BOUNDS.search(bounds)) is not None:  # None: dropped this moment
            yield name, Range(int(found[1]), int(found[2]))


def _creating(one: Range, stray: bool) -> list[tuple[str, bool]]:
    """Statements, and whether each holds others up. `stray`: readings of that time lie in the default partition, from
    when our clock was ahead; they move."""
    name = f"reading_{datetime.fromtimestamp(one.start / 1000, UTC):%Y_%m_%d}"
    moving = (f"WITH moved AS (DELETE FROM reading_default WHERE at >= {one.start} AND at < {one.end} RETURNING *) "
              f"INSERT INTO {name} SELECT * FROM moved")
    return [(f"CREATE TABLE {name} (LIKE reading INCLUDING DEFAULTS)", False),
            *([(moving, False)] if stray else []),
            # CREATE TABLE … PARTITION OF would wait for everybody who writes; this does for the default partition only
            (f"ALTER TABLE reading ATTACH PARTITION {name} FOR VALUES FROM ({one.start}) TO ({one.end})", True)]


def _alone(store: Store, statements: Sequence[tuple[str, bool]], may_hold_ms: int) -> str | None:
    """Executes them in one transaction unless another process is at it. Returns None, or _OTHER, or the SQLSTATE when
    the database refused: all of it is undone."""
    try:
        with store.engine.begin() as connection:
            if not connection.scalar(text(f"SELECT pg_try_advisory_xact_lock({ONE_AT_A_TIME})")):
                return _OTHER
            connection.execute(text(f"SET LOCAL lock_timeout = {may_hold_ms // 2}"))
            for statement, holds in statements:
                connection.execute(text(f"SET LOCAL statement_timeout = {may_hold_ms if holds else MOVES_MS}"))
                connection.execute(text(statement))
    except DBAPIError as error:
        state: str | None = getattr(error.orig, "sqlstate", None)
        if state not in (*_LATER, *_SKIPPED, _FORBIDDEN):
            raise
        return state
    return None
