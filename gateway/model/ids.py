"""Ids that people can say: a prefix and eight letters and digits that are hard to confuse."""

import secrets
from typing import Any

from sqlalchemy import BigInteger, Column, Integer

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base 32: no I, L, O, U


def new_id(prefix: str) -> str:
    """E.g. `T-4F7QK2M9`: 40 random bits; a clash is refused by the primary key and the work is decided again."""
    bits = secrets.randbits(40)
    return f"{prefix}-" + "".join(_LETTERS[bits >> shift & 31] for shift in range(35, -1, -5))


def numbered() -> "Column[Any]":
    """A primary key that counts up; 64 bits, because 32 are full after a day and a half at 16,000 rows a second."""
    return Column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True)
