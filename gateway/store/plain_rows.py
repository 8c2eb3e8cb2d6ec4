"""Reads rows that belong to no session, which would take a third of the time to watch them for changes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import ARRAY, Dialect, String, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Session, col

from gateway.model.row import Row, columns_of, table_of, unattached

R = TypeVar("R", bound=Row)


class _Ids(TypeDecorator[list[str]]):
    """Strings as one parameter: an array for PostgreSQL, JSON for SQLite."""

    impl, cache_ok = String, True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(String()) if dialect.name == "postgresql" else String())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return list(value) if dialect.name == "postgresql" else json.dumps(list(value))


class is_one_of(FunctionElement[Any]):
    """Whether a column of strings is one of the parameter `ids`, however many these are: with `in_` the statement is
    another one for each count of them, which takes twice as long. It is of no type: to a Boolean SQLAlchemy adds "= 1",
    for which SQLite reads the whole table."""

    inherit_cache, name = True, "is_one_of"

    def __init__(self, column: Any, ids: str = "ids") -> None:
        super().__init__(col(column), bindparam(ids, type_=_Ids()))


@compiles(is_one_of)
def _as_array(element: is_one_of, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} = ANY({ids})"


@compiles(is_one_of, "sqlite")
def _as_json(element: is_one_of, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({ids}))"


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
    return table.update().where(is_one_of(table.columns.id)).values(
        {name: bindparam(f"to_{name}", type_=table.columns[name].type) for name in columns})


@cache
def _in(kind: type[R], column: Any, also: tuple[Any, ...], order: Any) -> Any:
    """The rows whose `column` is in `:ids`, built once, as that takes as long as running it: so `also` is built once
    too."""
    statement = table_of(kind).select().where(is_one_of(column), *also)
    return statement if order is None else statement.order_by(order)
