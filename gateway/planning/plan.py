"""A Plan: the rows to add and to change in one transaction. Planners return it; store.apply() writes it."""

from dataclasses import dataclass, field
from typing import Any

from sqlmodel import SQLModel


@dataclass(frozen=True)
class Change:
    """Set `values` on the row `id` of `table`, provided it still holds `expecting` (else the store raises Conflict)."""

    table: type[SQLModel]
    id: str
    values: dict[str, Any]
    expecting: dict[str, Any] = field(default_factory=dict)


@dataclass
class Plan:
    """What follows from one thing that happened. Empty means: nothing to do."""

    add: list[SQLModel] = field(default_factory=list)  # in foreign-key order
    change: list[Change] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.add or self.change)

    def __iadd__(self, other: "Plan") -> "Plan":
        self.add += other.add
        self.change += other.change
        return self
