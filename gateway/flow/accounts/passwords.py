"""Passwords: which are good enough, and their Argon2id hashes, made two at a time."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.config.settings import easily_guessed

SHORTEST, SHORTEST_WITH_CODE, LONGEST = 15, 8, 128  # characters: NIST SP 800-63B-4, section 3.1.1
# 19 MiB, 2 passes, 1 lane: the least that OWASP's password storage sheet accepts. Two at a time: 40 MiB however many
# sign in, and the web's own threads stay free.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_POOL = ThreadPoolExecutor(2, "password")


def password_error(password: str, name: str, email: str, has_code: bool) -> str | None:
    """What is wrong with it as a password; None: nothing."""
    shortest = SHORTEST_WITH_CODE if has_code else SHORTEST
    if len(password) < shortest:
        return f"it has {len(password)} characters — expected at least {shortest}" + (
            "" if has_code else f" ({SHORTEST_WITH_CODE} with a second factor)")
    if len(password) > LONGEST:
        return f"it has {len(password)} characters — expected at most {LONGEST}"
    plain = password.lower()
    if easily_guessed(plain):
        return "it repeats or counts up — expected one that nobody guesses, for instance four unrelated words"
    for part in (email.partition("@")[0], *name.split()):
        if len(part) > 3 and part.lower() in plain:
            return f"it has {part!r} in it — expected nothing of your name or address"
    return None


def hash_password(password: str) -> str:
    return _POOL.submit(_HASHER.hash, password).result()


def fits(hashed: str | None, password: str) -> bool:
    """Takes as long when there is no hash: nobody learns from the time whose account there is."""
    return _POOL.submit(_fits, hashed, password[:LONGEST]).result()


def is_outdated(hashed: str) -> bool:
    """Whether it was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(hashed)


def _fits(hashed: str | None, password: str) -> bool:
    try:
        return _HASHER.verify(hashed or _nobody(), password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    return _HASHER.hash("of nobody")
