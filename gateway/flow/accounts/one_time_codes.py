"""The second factor: codes of an authenticator app (RFC 6238), their secret kept encrypted, and codes for whoever has
lost it.

Cryptography's library (8 MB) is imported for the first secret that is kept or opened (0.03 s).
"""

import base64
import hashlib
import re
import secrets
from typing import TYPE_CHECKING

import pyotp

from gateway.model import SECOND, Instant

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

STEP = 30 * SECOND
RECOVERY_CODES = 10
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"  # nothing that reads like something else


def new_secret() -> str:
    return pyotp.random_base32()


def is_secret(text: str) -> bool:
    """Whether it is one that `new_secret` could have made."""
    return re.fullmatch(r"[A-Z2-7]{32}", text) is not None


def address_for_app(secret: str, email: str, service: str) -> str:
    """What an authenticator app reads, as a link or a picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=service)


def step_of(secret: str, code: str, now: Instant) -> int | None:
    """The time step that the code belongs to: this one, or the one before or after; None: it is wrong."""
    given = code.replace(" ", "")
    totp, current = pyotp.TOTP(secret), now // STEP
    return next((step for step in (current, current - 1, current + 1)
                 if pyotp.utils.strings_equal(given, totp.generate_otp(step))), None)


def new_recovery_codes() -> list[str]:
    """Ten characters each, 49 bits."""
    return ["".join(secrets.choice(_LETTERS) for _ in range(10)) for _ in range(RECOVERY_CODES)]


def hash_recovery_code(user_id: str, code: str) -> str:
    plain = code.lower().replace("-", "").replace(" ", "")
    return hashlib.sha256(f"{user_id}/{plain}".encode()).hexdigest()


def encrypt(plain: str, keys: str) -> str:
    """With the first of our secrets, one a line."""
    return _box(keys).encrypt(plain.encode()).decode()


def decrypt(kept: str, keys: str) -> str | None:
    """None when none of our secrets opens it: the second factor has to be set up anew."""
    from cryptography.fernet import InvalidToken

    try:
        return _box(keys).decrypt(kept.encode()).decode()
    except InvalidToken:
        return None


def _box(keys: str) -> "MultiFernet":
    from cryptography.fernet import Fernet, MultiFernet

    return MultiFernet([Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"second factor/{key}".encode()).digest()))
                        for key in keys.strip().splitlines() or [""]])
