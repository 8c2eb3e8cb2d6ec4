"""Sums, percentiles and number formats shared by the benchmarks in simulated time."""

import json
import sys
from collections.abc import Iterable
from typing import Any, TypeVar

from rich.console import Console

Counts = TypeVar("Counts")


def measured(**figures: float | None) -> None:
    """Ends a benchmark that measured nothing, with a sentence and exit code 1: one of these is 0, false or missing."""
    nothing = [name for name, value in figures.items() if not value]
    if nothing:
        raise SystemExit(f"this benchmark measured nothing: {', '.join(nothing)} of {figures}")


def add_up(total: Counts, rows: Iterable[Counts]) -> Counts:
    """`total`, with every field of each row added to its own; lists grow longer."""
    for row in rows:
        for name, value in vars(row).items():
            setattr(total, name, getattr(total, name) + value)
    return total


def percentile(values: Iterable[float], at: float) -> float | None:
    """The value that the share `at` of them is below; None when there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * at))] if ordered else None


def shown(value: Any) -> str:
    return "–" if value is None else f"{value:,}" if isinstance(value, int | float) else json.dumps(value)


def console(width: int) -> Console:
    """As wide as the terminal; `width` where there is none."""
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else width)


def seeds(text: str) -> list[int]:
    """Of an option: numbers with commas between."""
    return [int(each) for each in text.split(",")]
