"""The schema by migrations is the model's schema, on both databases, whoever comes first."""

import multiprocessing
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlmodel import SQLModel

from gateway.model import ExternalKind
from gateway.store import Store
from gateway.store.migrations import WrongVersion, newest, upgrade, version

INDEXES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname",
}


def indexes(store: Store) -> dict[str, str]:
    with store.engine.connect() as connection:
        found = connection.exec_driver_sql(INDEXES[store.engine.dialect.name])
        return {name: re.sub(r"\s+", " ", sql) for name, sql in found
                if name != "alembic_version_pkc" and not (store.engine.dialect.name == "postgresql"
                                                          and name.startswith("reading_"))}  # in partitions


def from_model(store: Store) -> Store:
    SQLModel.metadata.create_all(store.engine)
    return store


def test_the_migrations_lead_to_the_models_tables(both_stores: Store) -> None:
    with both_stores.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={
            "compare_type": True, "include_name": lambda name, kind, _: (kind, name) != ("table", "reading_default")})
        differences = compare_metadata(context, SQLModel.metadata)
    assert differences == [], "write a migration: python -m gateway.store.migrations.autogenerate \"what it is for\""


def test_every_index_is_partial_and_unique_as_the_model_says_on_sqlite(store: Store, tmp_path: Path) -> None:
    other = from_model(Store(f"sqlite:///{tmp_path}/model.db"))
    assert indexes(store) == indexes(other)
    assert "WHERE closed_at IS NULL" in indexes(store)["ticket_open"]
    other.close()


@pytest.mark.slow
def test_every_index_is_partial_and_unique_as_the_model_says_on_postgresql(
        postgres_url: str, empty_postgres_url: str) -> None:
    migrated, other = Store(postgres_url), from_model(Store(empty_postgres_url))
    assert indexes(migrated) == indexes(other)
    assert "UNIQUE" in indexes(migrated)["callback_open"]
    migrated.close()
    other.close()


def test_a_second_upgrade_changes_nothing(both_stores: Store) -> None:
    assert version(both_stores) == newest()
    assert upgrade(both_stores) == []


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_gateway_that_starts_beside_others_at_work_does_not_wait_for_them(postgres_url: str) -> None:
    store = Store(postgres_url)
    with store.engine.connect() as at_work:
        for kind in (*ExternalKind, "audit"):
            at_work.exec_driver_sql(f"LOCK TABLE {kind} IN ROW EXCLUSIVE MODE")
        assert upgrade(store) == []
    store.close()


def test_an_empty_database_gets_every_version_once(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/new.db")
    assert version(store) is None
    assert upgrade(store)[-1] == newest()
    store.close()


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/half.db")
    with store.engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE visit (id TEXT)")  # in the way of the first migration
        connection.commit()
    with pytest.raises(Exception, match=r"visit"):
        upgrade(store)
    with store.engine.connect() as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
    assert tables == ["visit"]
    store.close()


def test_a_database_from_a_newer_gateway_is_refused(store: Store) -> None:
    with store.engine.connect() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(WrongVersion, match=r"9999.*update the gateway"):
        upgrade(store)


def test_a_database_from_before_0_2_is_refused_with_what_to_do(store: Store) -> None:
    with store.engine.connect() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0010'")
        connection.commit()
    with pytest.raises(WrongVersion, match=r"0010.*made before 0.2: export .*, then start empty"):
        upgrade(store)


@pytest.mark.slow
def test_gateways_that_open_a_new_file_at_the_same_moment_all_get_in(tmp_path: Path) -> None:
    for turn in range(100):  # each turn alone went wrong one time in twenty
        url, ready = f"sqlite:///{tmp_path}/new-{turn}.db", threading.Barrier(6)

        def opens(url: str = url, ready: threading.Barrier = ready) -> str | None:
            store = Store(url)
            ready.wait(10)
            found = version(store)
            store.close()
            return found

        with ThreadPoolExecutor(6) as gateways:
            assert [start.result() for start in [gateways.submit(opens) for _ in range(6)]] == [None] * 6


def _start(url: str, ready: Any, results: Any) -> None:
    store = Store(url)
    ready.wait()
    try:
        results.put(len(upgrade(store)))
    except Exception as error:
        results.put(repr(error))


def race(url: str) -> list[Any]:
    """Three gateways start at the same moment; how many versions each of them applied, or how it failed."""
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(3), context.Queue()
    gateways = [context.Process(target=_start, args=(url, ready, results)) for _ in range(3)]
    for gateway in gateways:
        gateway.start()
    said = [results.get(timeout=60) for _ in gateways]
    for gateway in gateways:
        gateway.join(10)
    return sorted(said, key=str)


@pytest.mark.slow
def test_gateways_that_start_together_migrate_once_on_sqlite(tmp_path: Path) -> None:
    first, second, third = race(f"sqlite:///{tmp_path}/race.db")
    assert (first, second) == (0, 0)
    assert third >= 1


@pytest.mark.slow
def test_gateways_that_start_together_migrate_once_on_postgresql(empty_postgres_url: str) -> None:
    first, second, third = race(empty_postgres_url)
    assert (first, second) == (0, 0)
    assert third >= 1
