"""Reads rows that belong to no session, which would take a third of the time to watch them for changes."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import bindparam
from sqlmodel import Session, col

from gateway.model.row import Row, columns_of, table_of, unattached

R = TypeVar("R", bound=Row)


def plain_rows(session: Session, kind: type[R], statement: Any, params: Mapping[str, Any]) -> list[R]:
    """What `statement` finds. It selects all columns of `kind`, and nothing else; a change of such a row is written by
    nobody, unless it is a draft's copy."""
    return [plain_row(kind, values) for values in session.connection().execute(statement, params)]


def plain_row(kind: type[R], values: Iterable[Any]) -> R:
    """A row of `kind` from the values of all its columns, in the table's order."""
    return unattached(kind, dict(zip(columns_of(kind), values, strict=True)))


def rows_where(session: Session, kind: type[R], column: Any, ids: Iterable[str], *also: Any, order: Any = None
               ) -> list[R]:
    """Those whose `column` is one of `ids`."""
    wanted = list(ids)
    return plain_rows(session, kind, _in(kind, column, also, order), {"ids": wanted}) if wanted else []


def rows_by_id(session: Session, kind: type[R], ids: Iterable[str]) -> dict[str, R]:
    """Of these ids, those that there are → the row."""
    return {row.__dict__["id"]: row for row in rows_where(session, kind, table_of(kind).columns.id, ids)}


def write_alike(session: Session, rows: Sequence[Row], columns: tuple[str, ...]) -> None:
    """Writes these columns of plain rows of one table; in each of them all the rows have the same value."""
    if rows:
        values = rows[0].__dict__
        session.connection().execute(_set(type(rows[0]), columns), {
            "ids": [row.__dict__["id"] for row in rows], **{f"to_{name}": values[name] for name in columns}})


@cache
def _set(kind: type[Row], columns: tuple[str, ...]) -> Any:
    table = table_of(kind)
    return table.update().where(table.columns.id.in_(bindparam("ids", expanding=True))).values(
        {name: bindparam(f"to_{name}", type_=table.columns[name].type) for name in columns})


@cache
def _in(kind: type[R], column: Any, also: tuple[Any, ...], order: Any) -> Any:
    """The rows whose `column` is in `:ids`, built once, as that takes as long as running it: so `also` is built once
    too."""
    statement = table_of(kind).select().where(col(column).in_(bindparam("ids", expanding=True)), *also)
    return statement if order is None else statement.order_by(order)
