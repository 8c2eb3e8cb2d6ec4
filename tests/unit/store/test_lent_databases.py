"""A PostgreSQL database that a test gives back is as if new for the next one: whatever was done to it."""

from typing import Any

import psycopg
import pytest

from gateway.store import Store
from tests.drivers.story import begin
from tests.fixtures.database_copies import PostgresDatabases

pytestmark = pytest.mark.slow


@pytest.fixture
def databases(postgres_server: str) -> PostgresDatabases:
    """Of this test's own, on the session's server."""
    return PostgresDatabases(postgres_server)


def content(url: str) -> dict[str, Any]:
    """Every row, and how far every counter is."""
    with psycopg.connect(url) as connection:
        tables = [name for name, in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        rows: dict[str, Any] = {
            name: connection.execute(f'SELECT * FROM "{name}"'.encode()).fetchall() for name in tables}
        return {name: found for name, found in rows.items() if found} | dict(
            connection.execute("SELECT sequencename, last_value FROM pg_sequences").fetchall())


def test_what_is_given_back_is_lent_again_and_nothing_is_left_in_it(
        databases: PostgresDatabases, postgres_url: str) -> None:
    with databases.lent() as url:
        store = Store(url)
        story = begin(store)
        story.press("alice-button", "press-1")
        story.wait(minutes=1)
        moved_in = content(url)
        held = psycopg.connect(url)  # by somebody who forgot to let it go
        store.close()
    assert len(moved_in) > 20
    with databases.lent() as again:
        assert again == url
        assert content(again) == content(postgres_url)
    held.close()


def test_a_town_that_is_copied_is_the_one_that_was_made(databases: PostgresDatabases) -> None:
    towns = []
    for _ in range(2):
        with databases.lent() as url:
            store = Store(url)
            begin(store, name="A town of this test's own")
            towns.append(content(url))
            store.close()
    assert towns[0].keys() == towns[1].keys()
    assert {name: len(rows) if isinstance(rows, list) else rows for name, rows in towns[0].items()} == {
        name: len(rows) if isinstance(rows, list) else rows for name, rows in towns[1].items()}


@pytest.mark.parametrize("change", ["ALTER TABLE ticket ADD COLUMN odd text", "DROP INDEX {index}",
                                    "ALTER TABLE ticket DISABLE TRIGGER ALL"])
def test_one_whose_tables_were_changed_is_thrown_away(databases: PostgresDatabases, change: str) -> None:
    with databases.lent() as url, psycopg.connect(url) as connection:
        [index] = connection.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'ticket' "
                                     "AND indexname NOT LIKE '%pkey' LIMIT 1").fetchall()[0]
        connection.execute(change.format(index=f'"{index}"').encode())
    with databases.lent() as other:
        assert other != url
