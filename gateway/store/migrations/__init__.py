"""Database migrations: `upgrade(store)` brings the schema to the newest version, forward only."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session

from gateway.store import DatabaseUnavailable, Store
from gateway.store.accounts.audit import protect
from gateway.store.external_ids import end_with_rows
from gateway.store.readings.partitions import NO_RIGHT, lacks_right, split_by_time
from gateway.store.search import index as search_index

HERE = Path(__file__).parent
ONE_AT_A_TIME = 7_134_026_114_935_031_201  # PostgreSQL advisory lock: any number, as long as it is always this one
FIRST = 200  # the schema of 0.2: what was before it had numbers up to 10


class WrongVersion(Exception):
    """The database was written by a newer gateway, or by one from before 0.2; the words say what to do."""


def upgrade(store: Store) -> list[str]:
    """Runs what is missing, all in one transaction; returns the versions applied, oldest first.

    Gateways that start at the same moment wait for each other. Raises WrongVersion, and DatabaseUnavailable
    when the database does not answer.
    """
    applied: list[str] = []
    with _connected(store) as connection, connection.begin():
        if not store.sqlite:  # SQLite's BEGIN IMMEDIATE has done it already
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
        _refuse_others(connection, scripts())

        def note(step: MigrationInfo, **_more: Any) -> None:
            applied.extend(step.up_revision_ids)

        config = _config()
        config.attributes.update(connection=connection, on_version_apply=note)  # for env.py
        command.upgrade(config, "head")
        if applied:  # never on a schema that is in use: a new trigger locks its table, and others are at work there
            protect(connection)
            end_with_rows(connection)
            split_by_time(connection)
        _fill_search(connection)
    return applied


def _fill_search(connection: Connection) -> None:
    """A database from before there was a search: everybody in it shall be found."""
    if newest() is None:  # the first migration is being written
        return
    with Session(connection) as session:
        if search_index.is_empty(session):
            search_index.rebuild(session)
        session.commit()  # hands it to the transaction of the connection


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    return config


def scripts() -> ScriptDirectory:
    """The migrations in the tree, as Alembic sees them."""
    return ScriptDirectory.from_config(_config())


def _connected(store: Store) -> Connection:
    try:
        return store.engine.connect().execution_options(writes=True)
    except OperationalError as error:
        raise DatabaseUnavailable(f"the database does not answer: {error.orig}") from error


def version(store: Store) -> str | None:
    """The version of the database, None when it is empty."""
    with store.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def made_before_02(store: Store) -> bool:
    """Whether no migration leads from this database to ours. An empty one is as good as a new one: False."""
    return _before_02(version(store))


def _before_02(current: str | None) -> bool:
    return current is not None and current.isdecimal() and int(current) < FIRST


def newest() -> str | None:
    """The version that `upgrade` leads to."""
    return scripts().get_current_head()


def _refuse_others(connection: Connection, directory: ScriptDirectory) -> None:
    current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in directory.walk_revisions()}
    if current is None or current in known:
        return
    if _before_02(current):
        raise WrongVersion(f"the database (version {current}) was made before 0.2: export with the gateway that "
                           "made it, then start empty")
    raise WrongVersion(f"the database has version {current}; this gateway knows {', '.join(sorted(known))}: update the "
                       "gateway, or restore a backup")


def try_out(store: Store) -> str:
    """What a start would find, as a sentence: connects, creates a table and rolls it back; a user who may not, and need
    not, deletes nothing instead. Raises DatabaseUnavailable or WrongVersion."""
    try:
        with _connected(store) as connection, connection.begin() as transaction:
            current = MigrationContext.configure(connection).get_current_revision()
            _refuse_others(connection, scripts())
            limited = current == newest() and lacks_right(connection)
            connection.execute(text("DELETE FROM reading WHERE false" if limited else
                                    "CREATE TABLE gateway_check (one INTEGER)"))
            transaction.rollback()
    except DBAPIError as error:
        raise DatabaseUnavailable(str(error.orig).strip()) from error
    if current is None:
        return "it is empty and can be written: the first start makes its tables"
    behind = "" if current == newest() else f"; the next start brings it from {current} to {newest()}"
    if limited:
        return f"it can be written; {NO_RIGHT}"
    return f"it can be written{behind}"
