"""Shows which tables a query would read from end to end, on both databases."""

import re
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import event, text
from sqlmodel import Session

from gateway.store import Store


def scans(store: Store, does: Callable[[Session], object], grows: Collection[str], small: Collection[str]) -> list[str]:
    """Of the tables that grow. `small`: indexes that hold only what is open, or went wrong lately."""
    found: list[str] = []
    for statement, parameters in statements(store, does):
        with store.read() as session:
            connection = session.connection()
            if store.sqlite:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
                lines = [str(row[-1]) for row in plan]
                scanned = [line for line in lines if line.startswith("SCAN") and not any(one in line for one in small)]
                names = [re.sub(r"^SCAN (\w+).*", r"\1", line) for line in scanned]
            else:
                # of a few rows it reads all, whatever indexes there are
                session.execute(text("SET LOCAL enable_seqscan = off"))
                plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).all()
                names = re.findall(r"Seq Scan on (\w+)", "\n".join(str(row[0]) for row in plan))
        found += [name for name in names if name in grows]
    return found


def statements(store: Store, does: Callable[[Session], object]) -> list[tuple[str, Any]]:
    """What it asks the database."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        with store.read() as session:
            does(session)
    finally:
        event.remove(store.engine, "before_cursor_execute", note)
    return asked
