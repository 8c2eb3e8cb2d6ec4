"""Shows which tables a query would read from end to end, on both databases."""

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, text
from sqlmodel import Session

from gateway.store import Store


def scans(store: Store, does: Callable[[Session], object], grows: Collection[str], small: Collection[str]) -> list[str]:
    """Of the tables that grow. `small`: indexes that hold only what is open, or went wrong lately."""
    return [name for statement, parameters in statements(store, does)
            for name in scanned(store, statement, parameters, grows, small)]


def scanned(store: Store, statement: str, parameters: Any, grows: Collection[str], small: Collection[str],
            filled: bool = False) -> list[str]:
    """The growing tables that one statement reads from end to end. `filled`: PostgreSQL may choose, as it has counted
    many rows; else it has to take an index where there is one, because of a few rows it reads all."""
    with store.read() as session:
        connection = session.connection()
        if store.sqlite:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            lines = [str(row[-1]) for row in plan]
            found = [line for line in lines if line.startswith("SCAN") and not any(one in line for one in small)]
            names = [re.sub(r"^SCAN (\w+).*", r"\1", line) for line in found]
        else:
            # 20,000 rows are few: a hundred looks at random pages of an old disk would take longer than to read all
            session.execute(text("SET LOCAL random_page_cost = 1.1" if filled else "SET LOCAL enable_seqscan = off"))
            plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).all()
            names = re.findall(r"Seq Scan on (\w+)", "\n".join(str(row[0]) for row in plan))
    return [name for name in names if name in grows]


def statements(store: Store, does: Callable[[Session], object]) -> list[tuple[str, Any]]:
    """What it asks the database."""
    with recorded(store) as asked, store.read() as session:
        does(session)
    return asked


@contextmanager
def recorded(store: Store) -> Iterator[list[tuple[str, Any]]]:
    """What the block asks the database, whatever thread it is."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(store.engine, "before_cursor_execute", note)
