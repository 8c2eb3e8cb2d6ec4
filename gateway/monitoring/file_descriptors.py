"""File descriptor limits: how many connections the web may hold, so that listener and delivery always get theirs."""

import errno
import os
import resource

ENOUGH = 65_536  # no gateway needs more, and some systems say "a billion"
RESERVED = 256  # for broker, database (three pools), deliveries (64 at once), templates, time zones and the log
_NONE_LEFT = (errno.EMFILE, errno.ENFILE)


def raise_limit() -> int:
    """Raises the soft limit to the hard one, ENOUGH at most; returns the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return limit()


def limit() -> int:
    """How many file descriptors this process may have open."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return ENOUGH if soft == resource.RLIM_INFINITY else soft


def web_limit() -> int:
    """How many descriptors web connections may use: all but RESERVED, at least half."""
    most = limit()
    return most - min(RESERVED, most // 2)


def exhausted() -> bool:
    """Whether no file descriptor is free just now."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in _NONE_LEFT
    return False


def ran_out(error: BaseException | None) -> bool:
    """Whether this error came from having no free file descriptor: nothing was sent, and nobody else is at fault."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, OSError) and error.errno in _NONE_LEFT:
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False
