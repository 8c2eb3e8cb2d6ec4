"""Splits long lists of ids into chunks, because databases limit the parameters of a statement."""

from collections.abc import Iterable, Iterator
from typing import Any

AT_ONCE = 500  # SQLite takes at most 32,766


def chunks(items: Iterable[str]) -> Iterator[list[Any]]:
    """The items in order, in lists of at most AT_ONCE."""
    listed = list(items)
    for start in range(0, len(listed), AT_ONCE):
        yield listed[start:start + AT_ONCE]
