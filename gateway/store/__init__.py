"""The store: one database engine (SQLite or PostgreSQL), its transactions, and applying a Plan."""

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from math import isfinite
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Dialect, Engine, Insert, Update, bindparam, create_engine, event, insert, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from sqlalchemy.util import LRUCache
from sqlmodel import Session, SQLModel, col, select

from gateway.model import Promise, PromiseState
from gateway.model.plan import Change, Plan
from gateway.model.row import Row, columns_of, kind_of, table_of
from gateway.monitoring import metrics
from gateway.store import changes
from gateway.store.errors import is_statement_error
from gateway.store.locks.fair_lock import FairLock
from gateway.store.search import index as search_index
from gateway.tickets.sla.outcomes import outcomes

SQLITE_WAITS = 30.0  # seconds for another process to let go of the file
_SETTLED, _SLA = "settled", "sla"  # in a session: promises, and SLA targets, that its transaction settles
CONNECTIONS = 20  # of one Store at most, to PostgreSQL; a thread uses one at a time


class Conflict(Exception):
    """Somebody else changed the same rows first: load again and decide again."""


class DatabaseUnavailable(Exception):
    """The database cannot be reached or cannot write now: nobody's message is at fault, try again later."""


class Store:
    """SQLite or PostgreSQL behind one URL; `read()` and `write()` hand out sessions.

    A caller waits at most `patience` seconds for one of its `connections`, or for SQLite's one writer.
    """

    def __init__(self, url: str, connections: int = CONNECTIONS, patience: float = SQLITE_WAITS) -> None:
        self.sqlite = url.startswith("sqlite")
        if url.startswith("postgresql://"):
            url = url.replace("postgresql://", "postgresql+psycopg://", 1)
        if self.sqlite:
            _restrict_to_owner(url)
        self._url, self._patience = url, patience
        # called after each commit that wrote to the change feed, by whatever thread it was
        self.on_change: list[Callable[[], None]] = []
        self.engine: Engine = create_engine(url, **_engine_options(self.sqlite, connections, patience))
        if self.sqlite:
            self.engine.dialect = _sqlite_dialect()  # statements are kept under it
            self.engine.update_execution_options(compiled_cache=_SQLITE_STATEMENTS)
        else:
            _share_postgresql_dialect(self.engine)
            self.engine.update_execution_options(compiled_cache=_POSTGRESQL_STATEMENTS)
        # SQLite has one writer at a time: waiting here costs 0.05 s at worst, waiting in SQLite up to 1.5 s (measured)
        self._one_writer = FairLock()
        if self.sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    def with_own_connections(self, connections: int, patience: float) -> "Store":
        """A Store on the same database with a connection pool of its own, which nobody else can exhaust."""
        other = Store(self._url, connections, patience)
        other._one_writer, other.on_change = self._one_writer, self.on_change
        return other

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; its changes are rolled back. Raises DatabaseUnavailable."""
        with _translated_errors(), Session(self.engine, expire_on_commit=False) as session:
            yield session  # closing rolls back; a rollback here would empty the rows that were read

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction, committed when the block ends. Raises Conflict when another writer was first,
        DatabaseUnavailable."""
        with self._writer(), _translated_errors(), Session(self.engine, expire_on_commit=False) as session:
            if self.sqlite:
                session.connection(execution_options={"writes": True})
            yield session
            session.commit()
            wrote_changes = changes.wrote_any(session)
            metrics.promises_settled(session.info.pop(_SETTLED, ()))
            metrics.sla_settled(session.info.pop(_SLA, ()))
        if wrote_changes:
            for call in list(self.on_change):
                call()

    @contextmanager
    def _writer(self) -> Iterator[None]:
        if not self.sqlite:
            yield
            return
        if not self._one_writer.acquire(self._patience):
            raise DatabaseUnavailable("another writer does not come to its end")
        try:
            yield
        finally:
            self._one_writer.release()

    def close(self) -> None:
        """Also what somebody still holds is closed, as soon as they give it back: it would stay open in a pool that
        nobody uses any more."""
        event.listen(self.engine.pool, "checkin", lambda connection, _record: connection and connection.close())
        self.engine.dispose()


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Turns database errors into Conflict or DatabaseUnavailable; a wrong statement or bad data is raised unchanged."""
    try:
        yield
    except NoConnectionLeft as error:
        raise DatabaseUnavailable("every connection to the database is in use") from error
    except DBAPIError as error:
        if _is_race(error):
            raise Conflict(str(error.orig)) from error
        if is_statement_error(error):
            raise
        raise DatabaseUnavailable(str(error.orig)) from error


def apply(session: Session, plan: Plan) -> None:
    """Writes the plan: changes before additions, because a key must be free before it is taken again; similar changes
    go in one statement.

    Raises Conflict when a row is no longer as the plan expects.
    """
    alike: dict[Any, list[Change]] = {}
    for change in plan.change:
        alike.setdefault(_shape(change), []).append(change)
    _change(session, alike)
    _add(session, plan.add)
    changes.record(session, plan)
    search_index.follow(session, plan)
    if any(change.table is Promise for change in plan.change):
        _note_settled(session, plan.change)
    if settled := outcomes(plan):
        session.info.setdefault(_SLA, []).extend(settled)


def _note_settled(session: Session, changed: Iterable[Change]) -> None:
    """To be counted when this is committed. What a message keeps or corrects is counted when it has gone out: see
    gateway/flow/messages/record_outcomes.py."""
    settled = {change.id: change.values["state"] for change in changed if change.table is Promise
               and change.values.get("state", PromiseState.OPEN) != PromiseState.OPEN
               and change.values.get("settled_by") is None}
    if settled:
        kinds = session.exec(select(Promise.id, Promise.kind).where(col(Promise.id).in_(settled)))
        session.info.setdefault(_SETTLED, []).extend((kind, settled[one]) for one, kind in kinds)


def _shape(change: Change) -> Any:
    return (change.table, tuple(change.values),
            tuple((column, value is None) for column, value in change.expecting.items()))


def _change(session: Session, by_shape: dict[Any, list[Change]]) -> None:
    for shape, alike in by_shape.items():
        given = [{"the_id": change.id, **{f"to_{name}": value for name, value in change.values.items()},
                  **{f"was_{name}": value for name, value in change.expecting.items() if value is not None}}
                 for change in alike]
        if session.connection().execute(_update(*shape), given).rowcount != len(alike):
            raise Conflict(f"{shape[0].__tablename__} {', '.join(change.id for change in alike[:3])}"
                           f"{' …' if len(alike) > 3 else ''}: no longer as expected")


@lru_cache(maxsize=1000)
def _update(kind: Any, columns: tuple[str, ...], expected: tuple[tuple[str, bool], ...]) -> Update:
    """`expected`: (column, whether it shall be null)."""
    types = table_of(kind).columns
    statement = update(kind).where(kind.id == bindparam("the_id")).values(
        {name: bindparam(f"to_{name}", type_=types[name].type) for name in columns})
    for name, absent in expected:
        column = getattr(kind, name)
        statement = statement.where(column.is_(None) if absent else column == bindparam(f"was_{name}"))
    return statement


def _add(session: Session, rows: Iterable[Row]) -> None:
    by_table: dict[type[Row], list[dict[str, Any]]] = {}
    for row in rows:
        kind = kind_of(row)
        by_table.setdefault(kind, []).append(_columns(kind, row))
    for kind in sorted(by_table, key=lambda kind: _table_order()[kind.__tablename__]):
        session.connection().execute(_insert(kind), by_table[kind])


@cache
def _insert(kind: type[Row]) -> Insert:
    """Made once: that takes as long as running it."""
    return insert(kind)


@cache
def _table_order() -> dict[Any, int]:
    """Table name → place; a table comes after the tables that its foreign keys refer to."""
    return {table.name: place for place, table in enumerate(SQLModel.metadata.sorted_tables)}


def _columns(kind: type[Row], row: Row) -> dict[str, Any]:
    """The row's values; an id the database shall give is left out."""
    mine = row.__dict__  # asking the row for each costs ten times as much
    values = {name: mine.get(name) for name in columns_of(kind)}
    if values.get("id", "") is None:
        del values["id"]
    return values


def _is_race(error: DBAPIError) -> bool:
    """Unique violations, deadlocks and serialisation failures say 'load again'; anything else is a bug or a fault. So
    does a reading that was on its way to the default partition when one for its time was created (23514)."""
    state = getattr(error.orig, "sqlstate", None)
    return state in ("23505", "40001", "40P01", "23514") or "UNIQUE constraint failed" in str(error.orig)


def _engine_options(sqlite: bool, connections: int, patience: float) -> dict[str, Any]:
    # a failing statement's parameters are people's names and addresses: never into an error or a log
    kept = min(connections, 5 if sqlite else 10)  # open while nobody uses them; SQLite's hold up to 8 MB each
    options = {"hide_parameters": True, "json_serializer": to_json, "pool_size": kept,
               "max_overflow": connections - kept, "pool_timeout": patience}
    if sqlite:
        # last in, first out: each fills a cache of its own, and a few warm ones are faster and smaller than five
        return options | {"pool_use_lifo": True, "connect_args": {"timeout": patience, "check_same_thread": False}}
    return options | {"pool_pre_ping": True, "connect_args": {"connect_timeout": max(2, min(round(patience), 10))}}


def to_json(value: Any) -> str:
    """JSON text with null for nan and inf, for which PostgreSQL would refuse the whole row."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value


# One process opens several stores on one library, or one server: compiling a statement takes ten times as long as
# running it
_SQLITE_STATEMENTS: LRUCache[Any, Any] = LRUCache(1000)
_POSTGRESQL_STATEMENTS: LRUCache[Any, Any] = LRUCache(1000)
_POSTGRESQL_DIALECTS: dict[URL, Dialect] = {}  # by server; each has asked it for its version


@cache
def _sqlite_dialect() -> Dialect:
    """SQLite's dialect, shared by all files; creating it asks the library which features it has, once."""
    engine = create_engine("sqlite://", json_serializer=to_json)
    with engine.connect():
        pass
    engine.dispose()
    return engine.dialect


def _share_postgresql_dialect(engine: Engine) -> None:
    """The dialect of whoever was connected to that server first: statements are kept under it."""
    server = engine.url.set(database="")
    if server in _POSTGRESQL_DIALECTS:
        engine.dialect = _POSTGRESQL_DIALECTS[server]
    else:  # it has asked by the time of its second connection
        event.listen(engine, "checkin", lambda *_: _POSTGRESQL_DIALECTS.setdefault(server, engine.dialect), once=True)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves (see _begin_sqlite)
    _switch_to_wal(connection)
    connection.execute("PRAGMA synchronous=FULL")  # acknowledged means on the disk; NORMAL was no faster (measured)
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA cache_size=-8192")  # 16 MB were no faster: all of it goes when another one commits
    connection.execute("PRAGMA wal_autocheckpoint=8000")


def _restrict_to_owner(url: str) -> None:
    """Makes the SQLite file readable for its owner only (0600): it holds names and addresses. SQLite gives the files
    beside it (-wal, -shm) the mode of the file itself."""
    path = sqlite_path(url)
    if path is None or path.name in ("", ":memory:"):
        return
    with suppress(OSError):  # a folder that is not there, a file that is not ours: SQLite says so in its own words
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT, 0o600))
        for one in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
            if one.exists() and one.stat().st_mode & 0o077:
                one.chmod(0o600)


def _switch_to_wal(connection: Any) -> None:
    """Retries while another process switches the same new file: SQLite then says "locked" whatever its timeout is."""
    give_up = time.monotonic() + SQLITE_WAITS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Any) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def sqlite_path(url: str) -> Path | None:
    """The file behind a SQLite URL, or None."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
