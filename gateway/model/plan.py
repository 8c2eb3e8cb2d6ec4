"""Plan and Draft: the rows that a planner adds and changes in one transaction."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import JSON

from gateway.model.reasons import RefusedReason
from gateway.model.row import Row, columns_of, kind_of, table_of, unattached

R = TypeVar("R", bound=Row)


class Refused(Exception):
    """The act is not possible as things stand (409). `reason` and its `parameters` are worded at the rim, for the
    person who tried: gateway/notifications/reasons.py."""

    def __init__(self, reason: RefusedReason, **parameters: str) -> None:
        super().__init__(reason, parameters)
        self.reason, self.parameters = reason, parameters

    def __str__(self) -> str:
        return " ".join([self.reason, *(f"{name}={value}" for name, value in self.parameters.items())])


class NoSuch(Exception):
    """There is no such ticket, offer, visit, alarm or callback (404)."""


@dataclass(frozen=True)
class Change:
    """Set `values` on the row `id` of `table`, provided it still holds `expecting` (else the store raises Conflict)."""

    table: type[Row]
    id: str
    values: dict[str, Any]
    expecting: dict[str, Any] = field(default_factory=dict)
    row: Mapping[str, Any] = field(default_factory=dict)  # the whole row, as it will be


@dataclass
class Plan:
    """What follows from what happened, for one transaction. Empty means: nothing to do."""

    add: list[Row] = field(default_factory=list)
    change: list[Change] = field(default_factory=list)  # rows that close come first: their open key must be free

    def __bool__(self) -> bool:
        return bool(self.add or self.change)


class Draft:
    """The rows that one transaction may move on. Planners change the copies it hands out, and add new rows to it; what
    differs in the end is the Plan. It is the one place that makes a Change.

    A value of a JSON column is replaced as a whole, never changed inside: what was there before is the same object.
    """

    def __init__(self) -> None:
        self._copies: dict[type[Row], dict[str, tuple[Row, dict[str, Any]]]] = {}  # id → the copy, and how it was
        self._added: dict[type[Row], list[Row]] = {}

    def copy(self, row: R) -> R:
        """A row that may be changed freely, and belongs to no session: for one id the same one each time."""
        kind, key = kind_of(row), row.__dict__["id"]
        copies = self._copies.setdefault(kind, {})
        known = copies.get(key)
        if known is None:
            mine = row.__dict__
            before = {name: mine[name] for name in columns_of(kind)}
            known = copies[key] = unattached(kind, before), before
        return known[0]  # type: ignore[return-value]

    def add(self, *rows: Row) -> None:
        """New rows, in the order in which they shall be read; each may still be changed until the plan is taken."""
        for row in rows:
            self._added.setdefault(kind_of(row), []).append(row)

    def drop(self, row: Row) -> None:
        """A new row that something else takes the place of: it is not in the plan."""
        self._added[kind_of(row)] = [one for one in self._added[kind_of(row)] if one is not row]

    def forget(self, row: Row) -> None:
        """A row that has been deleted: what was changed on its copy is not in the plan."""
        self._copies.get(kind_of(row), {}).pop(row.__dict__["id"], None)

    def rows(self, kind: type[R]) -> Iterator[tuple[R, Mapping[str, Any] | None]]:
        """(row as it stands, its columns as they were) of each that was handed out or (None) added."""
        yield from self._copies.get(kind, {}).values()  # type: ignore[misc]
        for row in self._added.get(kind, ()):
            yield row, None  # type: ignore[misc]

    def plan(self) -> Plan:
        """What was added, and one change for each row that differs."""
        changes = [_change(kind, row, before) for kind, copies in self._copies.items()
                   for row, before in copies.values() if row.__dict__ != before]
        changes.sort(key=lambda change: change.values.get("closed_at") is None)
        return Plan([row for rows in self._added.values() for row in rows], changes)


def _change(kind: type[Row], row: Row, before: dict[str, Any]) -> Change:
    now = row.__dict__
    values = {name: now[name] for name in columns_of(kind) if now[name] != before[name]}
    return Change(kind, before["id"], values, {
        name: before[name] for name in _comparable(kind) if name in values or name in ("state", "closed_at")}, now)


@cache
def _comparable(kind: type[Row]) -> tuple[str, ...]:
    """PostgreSQL cannot compare JSON."""
    return tuple(column.name for column in table_of(kind).columns if not isinstance(column.type, JSON))
