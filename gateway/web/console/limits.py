"""How many wrong passwords one network address, and one name that nobody has, may try."""

import hashlib
import time

from fastapi import FastAPI
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

_OF_ADDRESS = RateLimitItemPerMinute(30, 5)  # a whole office may come from one
_LEAVING = RateLimitItemPerMinute(60, 5)
_OF_NAME = RateLimitItemPerMinute(10, 5)


def install(app: FastAPI) -> None:
    """Nobody has tried anything at this gateway so far."""
    app.state.sign_in_limiter = MovingWindowRateLimiter(MemoryStorage())


def _limiter(app: FastAPI) -> MovingWindowRateLimiter:
    limiter: MovingWindowRateLimiter = app.state.sign_in_limiter
    return limiter


def seconds_to_wait(app: FastAPI, address: str, email: str) -> int:
    """0: they may try now."""
    limiter, waits = _limiter(app), [0.0]
    for item, key in _both(address, email):
        if not limiter.test(item, key):
            waits.append(limiter.get_window_stats(item, key).reset_time - time.time())
    return round(max(waits)) + (1 if len(waits) > 1 else 0)


def seconds_until_leaving(app: FastAPI, address: str) -> int:
    """For who wants to go to the identity provider; each time is counted. 0: now."""
    limiter = _limiter(app)
    if limiter.hit(_LEAVING, "leaving", address):
        return 0
    return max(1, round(limiter.get_window_stats(_LEAVING, "leaving", address).reset_time - time.time()))


def count_wrong(app: FastAPI, address: str, email: str) -> None:
    for item, key in _both(address, email):
        _limiter(app).hit(item, key)


def _both(address: str, email: str) -> list[tuple[RateLimitItemPerMinute, str]]:
    name = hashlib.sha256(email.strip().lower().encode()).hexdigest()
    return [(_OF_ADDRESS, address), (_OF_NAME, name)]
