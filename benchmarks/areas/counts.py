"""Counts detected, missed and false outages for power cuts of one size."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.figures import percentile

Size = tuple[int, int]  # homes: at least, at most
SIZES: tuple[Size, ...] = ((3, 4), (5, 9), (10, 19), (20, 49), (50, 10_000))


@dataclass
class Tally:
    demanded: int = 0
    found: int = 0
    missed: int = 0
    others: int = 0  # not demanded …
    others_found: int = 0
    false: int = 0
    exact: int = 0
    high: int = 0
    low: int = 0
    aside: int = 0
    once: int = 0  # customers told once, …
    twice: int = 0
    never: int = 0
    wrongly: int = 0  # told though their home was in no cut …
    wrongly_dark: int = 0  # … but was dark for a reason of its own
    nested: int = 0
    nested_found: int = 0
    child_tickets: int = 0
    children_kept: int = 0  # of those, not cancelled when the outage was known
    delays: list[float] = field(default_factory=list)  # seconds from the cut
    waits: list[float] = field(default_factory=list)  # seconds from when enough was known

    def figures(self) -> dict[str, Any]:
        counted = {name: value for name, value in vars(self).items() if name not in ("delays", "waits")}
        return counted | {
            "recall": _share(self.found, self.demanded),
            "precision": _share(self.found + self.others_found, self.found + self.others_found + self.false),
            "delay_p50_s": _percentile(self.delays, 0.5), "delay_p95_s": _percentile(self.delays, 0.95),
            "wait_p50_s": _percentile(self.waits, 0.5), "wait_p95_s": _percentile(self.waits, 0.95)}


def size_of(homes: int) -> Size:
    return next(one for one in SIZES if homes <= one[1])


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _percentile(values: Iterable[float], at: float) -> float | None:
    found = percentile(values, at)
    return None if found is None else round(found, 1)
