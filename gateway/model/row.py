"""The base of every table, and short readable ids such as T-4F7QK2M9."""

import secrets
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import BigInteger, Column, Integer, Table
from sqlmodel import SQLModel

R = TypeVar("R", bound="Row")
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base 32: no I, L, O, U


class Row(SQLModel):
    """SQLModel reports each column of a new row to the session that it is not in: 111 µs for ten columns where 23 will
    do, and an outage of 10,000 homes makes 30,000 rows while others wait. A new row is written as it stands.

    A column that there is not raises AttributeError, wherever it is set."""

    def __init__(self, **values: Any) -> None:
        mine = self.__dict__
        for name, default, make in _defaults(type(self)):
            mine[name] = default if make is None else make()
        mine.update(values)
        if not values.keys() <= _fields(type(self)):
            unknown = sorted(values.keys() - _fields(type(self)))
            raise AttributeError(f"{type(self).__name__} has no {', '.join(unknown)}")

    if not TYPE_CHECKING:  # a type checker would take any misspelt column for one of these
        def __getattr__(self, name: str) -> Any:
            if name == "_sa_instance_state":  # asked of each new row; pydantic takes as long to say no
                # as all else takes
                raise AttributeError(name)
            return super().__getattr__(name)

        def __setattr__(self, name: str, value: Any) -> None:
            if name not in _fields(type(self)) and not name.startswith("_"):
                raise AttributeError(f"{type(self).__name__} has no {name}")
            if "_sa_instance_state" in self.__dict__:
                super().__setattr__(name, value)
            else:  # a copy of a row, which belongs to no session: see gateway.model.plan
                self.__dict__[name] = value


def table_of(kind: type[SQLModel]) -> Table:
    """The table that a model stands for, as the database has it."""
    return SQLModel.metadata.tables[str(kind.__tablename__)]


@cache
def columns_of(kind: type[SQLModel]) -> tuple[str, ...]:
    """The names of its columns, in the table's order."""
    return tuple(column.name for column in table_of(kind).columns)


def kind_of(row: R) -> type[R]:
    """The model of a row, whether it belongs to a session or not."""
    return _MODELS.get(type(row), type(row))


def unattached(kind: type[R], values: dict[str, Any]) -> R:
    """A row with these values, all of its columns, that belongs to no session."""
    row: R = kind.__new__(_plain(kind))
    row.__dict__.update(values)
    return row


def unwatched(kind: type[R], /, **values: Any) -> R:
    """A new row that no session will be told of, only `apply`: made in a third of the time. A column that there is not
    raises AttributeError."""
    row: R = kind.__new__(_plain(kind))
    mine = row.__dict__
    for name, default, make in _defaults(kind):
        mine[name] = default if make is None else make()
    mine.update(values)
    if not values.keys() <= _fields(kind):
        raise AttributeError(f"{kind.__name__} has no {', '.join(sorted(values.keys() - _fields(kind)))}")
    return row


class _InTheRow:
    """A column of a row that belongs to no session: Python finds the value in the row before it comes here."""

    def __get__(self, row: Any, kind: type) -> Any:
        raise AttributeError(f"this {kind.__name__} has no value there")


_MODELS: dict[type[Any], type[Any]] = {}  # what `_plain` has made → of which model


@cache
def _plain(kind: type[R]) -> type[R]:
    """The same model without SQLAlchemy's descriptors, which ask at each reading of a column whether it is to be
    loaded: 18 ns in place of 180 (measured)."""
    names: dict[str, Any] = {"__module__": kind.__module__, **dict.fromkeys(columns_of(kind), _InTheRow())}
    plain: type[R] = type.__new__(type(kind), kind.__name__, (kind,), names)
    _MODELS[plain] = kind
    return plain


@cache
def _fields(kind: type[SQLModel]) -> frozenset[str]:
    return frozenset(kind.model_fields)


@cache
def _defaults(kind: type[SQLModel]) -> list[tuple[str, Any, Any]]:
    return [(name, field.default, field.default_factory) for name, field in kind.model_fields.items()
            if not field.is_required()]


def new_id(prefix: str) -> str:
    """E.g. `T-4F7QK2M9`: 40 random bits; a clash is refused by the primary key and the work is decided again."""
    bits = secrets.randbits(40)
    return f"{prefix}-" + "".join(_LETTERS[bits >> shift & 31] for shift in range(35, -1, -5))


def numbered() -> "Column[Any]":
    """A primary key that counts up; 64 bits, because 32 are full after a day and a half at 16,000 rows a second."""
    return Column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True)
