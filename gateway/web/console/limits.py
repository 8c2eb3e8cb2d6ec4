"""How many wrong passwords and codes may be tried: by one network address, for one name, in one browser, and in one
session.

A browser in which somebody has signed in before has tries of its own: strangers who guess at a name keep nobody out.
"""

import hashlib
import hmac
import secrets
import threading
import time

from fastapi import FastAPI, Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from gateway.access.sessions import block_after
from gateway.model import SECOND, Instant

KNOWN_FOR = 180 * 24 * 3600  # seconds after somebody last signed in there
_OF_ADDRESS = RateLimitItemPerMinute(30, 5)  # a whole office may come from one
_LEAVING = RateLimitItemPerMinute(60, 5)
_MOST = 20_000  # names, browsers and sessions that are remembered


class Tries:
    """Wrong ones, one after the other, of whatever `key` stands for. Counted alike for names that there are and names
    that there are not, so that nobody learns which is which. In memory: for an account it is counted in the database
    too."""

    def __init__(self) -> None:
        self._wrong: dict[str, tuple[int, Instant]] = {}  # how many, and until when it has to wait
        self._lock = threading.Lock()

    def take(self, key: str, now: Instant) -> int:
        """Counts a try before it is looked at; the seconds to wait instead, 0: none."""
        with self._lock:
            wrong, until = self._wrong.pop(key, (0, now))
            waits = until > now
            self._wrong[key] = (wrong, until) if waits else (wrong + 1, now + block_after(wrong + 1))
            if len(self._wrong) > _MOST:
                del self._wrong[next(iter(self._wrong))]
            return -(-(until - now) // SECOND) if waits else 0

    def forget(self, key: str) -> None:
        with self._lock:
            self._wrong.pop(key, None)


def install(app: FastAPI) -> None:
    """Nobody has tried anything at this gateway so far."""
    app.state.sign_in_limiter = MovingWindowRateLimiter(MemoryStorage())
    app.state.tries = Tries()


def _limiter(app: FastAPI) -> MovingWindowRateLimiter:
    limiter: MovingWindowRateLimiter = app.state.sign_in_limiter
    return limiter


def tries(app: FastAPI) -> Tries:
    found: Tries = app.state.tries
    return found


def seconds_to_wait(app: FastAPI, address: str) -> int:
    """0: from there they may try now."""
    limiter = _limiter(app)
    if limiter.test(_OF_ADDRESS, address):
        return 0
    return max(1, round(limiter.get_window_stats(_OF_ADDRESS, address).reset_time - time.time()))


def seconds_until_leaving(app: FastAPI, address: str) -> int:
    """For who wants to go to the identity provider; each time is counted. 0: now."""
    limiter = _limiter(app)
    if limiter.hit(_LEAVING, "leaving", address):
        return 0
    return max(1, round(limiter.get_window_stats(_LEAVING, "leaving", address).reset_time - time.time()))


def count_wrong(app: FastAPI, address: str) -> None:
    _limiter(app).hit(_OF_ADDRESS, address)


def key_of_name(email: str) -> str:
    """For `Tries`: strangers who say that they are so."""
    return f"name/{hashlib.sha256(_plain(email)).hexdigest()}"


def key_of_browser(request: Request, name: str, secret: bytes, email: str) -> str:
    """For `Tries`: this browser, when whoever has this address has signed in there before; "": nobody knows it."""
    nonce, _, proof = request.cookies.get(name, "").partition(".")
    return f"browser/{nonce}" if hmac.compare_digest(_proof(secret, nonce, email), proof.encode()) else ""


def new_browser(secret: bytes, email: str) -> str:
    """What a browser keeps in which somebody has signed in: of use for this address only, and no way in."""
    nonce = secrets.token_urlsafe(16)
    return f"{nonce}.{_proof(secret, nonce, email).decode()}"


def _proof(secret: bytes, nonce: str, email: str) -> bytes:
    return hmac.new(secret, b"browser/" + nonce.encode() + b"/" + _plain(email), hashlib.sha256).hexdigest().encode()


def _plain(email: str) -> bytes:
    return email.strip().lower().encode()
