"""Classifies errors while storing: the input is bad, the statement is wrong, or the database is unavailable."""

import sqlite3
from typing import Any

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError, StatementError

# what pure code raises on values that it cannot work with, however often it is asked
_OF_VALUES = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError, RecursionError)
# what the drivers say of a value that they cannot hand over, and SQLite of one statement that is too much for it
_OF_ONE_STATEMENT = ("Error binding parameter", "cannot adapt type", "too many SQL variables", "integer overflow",
                     "malformed JSON")
_TOO_MUCH = "54"  # PostgreSQL's class of errors: more than its limits allow, e.g. a key of 3000 bytes


def is_bad_input(error: BaseException) -> bool:
    """Whether the input itself causes the error, so that trying again would fail again.

    The known kinds are listed. All others (pool, disk, descriptors, memory, threads, a database that is unreachable,
    read-only, full or of another version) are the machine's fault: the message waits.
    """
    if isinstance(error, DBAPIError):
        return (isinstance(error, DataError | IntegrityError) or _state(error).startswith(_TOO_MUCH)
                or str(error.orig).startswith(_OF_ONE_STATEMENT))
    if isinstance(error, StatementError):  # a parameter that could not be prepared
        return error.orig is not None and is_bad_input(error.orig)
    return isinstance(error, _OF_VALUES) and not isinstance(error, OSError)


def is_statement_error(error: DBAPIError) -> bool:
    """Whether the database works but refuses this statement or its values, so that waiting would not help."""
    if error.connection_invalidated:
        return False
    # SQLite calls a mistake of ours (no such table, no such column) operational too
    return (is_bad_input(error) or isinstance(error, ProgrammingError | NotSupportedError)
            or getattr(error.orig, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR)


def _state(error: DBAPIError) -> str:
    orig: Any = error.orig
    return getattr(orig, "sqlstate", None) or ""
