"""Writes rows as the lines of a CSV file that a spreadsheet takes for nothing but text and numbers."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

_BEGIN_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The heading, then a line for each row; None is an empty cell."""
    yield ",".join(columns) + "\r\n"
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow([_cell(row[name]) for name in columns])
        yield line.getvalue()


def _cell(value: Any) -> Any:
    """What a spreadsheet would take for a formula is text."""
    if value is None or isinstance(value, bool | int):
        return "" if value is None else str(value).lower() if isinstance(value, bool) else value
    text = str(value)
    return f"'{text}" if text.lstrip(" ")[:1] in _BEGIN_FORMULAS else text
