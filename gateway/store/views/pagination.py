"""Cursor pagination by key, stable while rows are added."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Integer, literal, tuple_
from sqlmodel import Session

_BIGGEST = 2**63 - 1  # what a BIGINT holds

Query: TypeAlias = Any
"""A Select of any columns: SQLAlchemy 2.0 and 2.1 spell that type differently."""


class BadCursor(Exception):
    """The cursor was not made by this list; leave it out to start again."""


@dataclass(frozen=True)
class Order:
    """What a list is sorted by: columns that together are unique, newest (or last) first unless `rising`."""

    keys: tuple[Any, ...]
    rising: bool = False


@dataclass(frozen=True)
class Page:
    rows: list[Any]
    next: str | None  # the cursor of the page that follows; None = this is the last one


def page(session: Session, wanted: Query, order: Order, cursor: str | None, limit: int) -> Page:
    """At most `limit` rows after `cursor`. Raises BadCursor. The keys are selected as extra columns, in the same
    query."""
    if cursor is not None:
        wanted = wanted.where(_after(order, _decode(cursor, order.keys)))
    sides = [key.asc() if order.rising else key.desc() for key in order.keys]
    rows = session.execute(wanted.add_columns(*order.keys).order_by(*sides).limit(limit + 1)).all()
    width = len(order.keys)
    kept = rows[:limit]
    following = _encode(kept[-1][-width:]) if len(rows) > limit else None
    return Page([row[0] if len(row) == width + 1 else tuple(row[:-width]) for row in kept], following)


def _after(order: Order, at: Sequence[Any]) -> ColumnElement[bool]:
    here, there = tuple_(*order.keys), tuple_(*(literal(value) for value in at))
    return here > there if order.rising else here < there


def _encode(key: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(key), separators=(",", ":")).encode()).decode().rstrip("=")


def _decode(cursor: str, keys: tuple[Any, ...]) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError) as error:
        raise BadCursor("the cursor cannot be read; expected the `next` of the page before") from error
    kinds = [int if isinstance(key.type, Integer) else str for key in keys]
    if not isinstance(values, list) or [type(value) for value in values] != kinds:
        raise BadCursor("the cursor belongs to another list; expected the `next` of the page before")
    if not all(_fits(value) for value in values):
        raise BadCursor("the cursor is out of range; expected the `next` of the page before")
    return values


def _fits(value: int | str) -> bool:
    """Whether every database can compare it: no NUL, no half of a surrogate pair, at most 64 bits."""
    if isinstance(value, int):
        return abs(value) <= _BIGGEST
    return not any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in value)
