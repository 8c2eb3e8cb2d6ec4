"""Checks the syntax of an address for its channel, without any network access."""

import re
from urllib.parse import urlsplit

from gateway.config.phone_numbers import PHONE_CHANNELS, to_e164

# RFC 5321 without quoting and comments: what real people have. At most 64 and 254 characters.
# Apprise decodes what we encode, then splits at "/", "," and spaces: they would name more receivers or another path
_NAME = re.compile(r"[\w.+@:#!=~-]{1,254}", re.ASCII)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?=.{{3,254}}\Z)[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@(?:{_LABEL}\.)*{_LABEL}")


def check_address(channel: str, address: str, allow_private: bool = False, country: str = "") -> str | None:
    """None when `address` can be used on `channel`; else what is wrong and what was expected. `country` (ISO 3166): of
    a telephone number without an international prefix, to say how it is written with it."""
    if channel == "email":
        return _email(address)
    if channel == "webhook":
        return _webhook(address, allow_private)
    if channel in PHONE_CHANNELS:
        return _phone(address, country)
    if not _NAME.fullmatch(address):
        return f"{address!r} is not an address; expected 1 to 254 letters, digits and . _ + @ : # ! = ~ -"
    return None


def _email(address: str) -> str | None:
    local = address.partition("@")[0]
    if not _EMAIL.fullmatch(address) or local.startswith(".") or local.endswith(".") or ".." in local:
        return f"{address!r} is not an e-mail address; expected like anna@example.com (domains in ASCII)"
    return None


def _phone(address: str, country: str) -> str | None:
    try:
        written = to_e164(address, country)
    except ValueError as error:
        return f"{address!r} {error}"
    return None if address == written else f"{address!r} is not written internationally; expected {written}"


def _webhook(address: str, allow_private: bool) -> str | None:
    wanted = ("https", "http") if allow_private else ("https",)
    expected = f"expected {' or '.join(wanted)}://host/path without a password"
    try:
        parts = urlsplit(address)
        usable = parts.scheme in wanted and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return f"{address!r} is not a web address; {expected}"
    if not usable or "@" in parts.netloc or not address.isascii() or not address.isprintable() or " " in address:
        return f"{address!r} is not a usable web address; {expected}"
    return None
