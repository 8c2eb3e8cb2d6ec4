"""Recognizes secrets by their names, so that keys and passwords that devices publish are neither stored nor shown."""

import re
from functools import lru_cache
from itertools import pairwise
from typing import Any

import orjson

HIDDEN = "***"
PARSED_BYTES = 64 * 1024  # more is no message that anybody reads
LEVELS, NAME_CHARS = 64, 128
# These stand anywhere in a name, however it is spelt: mqttpassword, WebPassword, LoRaWanAppKey, access_token.
_ANYWHERE = re.compile(
    r"password|passwd|passphrase|passwort|kennwort|passcode|pincode|secret|token|credential|bearer|authorization|"
    r"(?:api|apps?|[fs]?nwks?(?:int|enc)?|net|network|session|private|access|auth|shared|encrypt|encryption|crypt|master|"
    r"bind|wifi|wlan|wpa|wep|join|link|install|psk|ssh|tls|aes|mesh|root|owner|security|mqtt|webhook)key(?!board|pad)|"
    r"(?:wifi|wlan|mqtt|web|admin|login|ftp|smtp|http|hotspot)pass(?![a-z])|"
    r"(?:action|user|access|unlock|disarm)code(?![a-z])")
_WORDS = re.compile(r"(?:wifi|wlan|mqtt|wpa2?|sta|ap|ssid)?(?:psk|pwd)")  # whole words of a name
# "pass" alone is none: a heat pump has a bypass, a tariff a second pass. Nor is "key": a keypad has keys.
_SHORT, _WHOSE = frozenset(("pass", "pw")), frozenset((
    "wifi", "wlan", "mqtt", "user", "web", "admin", "login", "ftp", "smtp", "http", "hotspot", "ap", "sta", "ssid"))
_EXACT = frozenset(("pass", "pin", "pw"))
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

# A name and its text, as JSON, as a form or as a configuration writes it; the last quote may have been cut off.
_WRITTEN = re.compile(r'(?P<q>["\']?)(?P<name>[A-Za-z][\w .:/-]{0,63})(?P=q)\s*[:=]\s*'
                      r'(?P<value>"(?:[^"\\]|\\.)*"?|\'[^\']*\'?|[^\s,;&{}\[\]"\']+)')


@lru_cache(maxsize=10_000)  # a fleet says the same few names again and again
def is_secret(name: str) -> bool:
    """Whether a value under this name (flat or as the device spells it) is a key, a password or the like."""
    words = [word.lower() for word in _PARTS.findall(name)]
    if not words:
        return False
    return (name.lower() in _EXACT or _ANYWHERE.search("".join(words)) is not None
            or any(_WORDS.fullmatch(word) for word in words)
            or any(word in _SHORT and before in _WHOSE for before, word in pairwise(words)))


def without_secrets(topic: str, payload: bytes) -> bytes:
    """The payload with the text of each secret hidden, as a dead letter may keep it."""
    if is_secret(topic):
        return HIDDEN.encode()
    try:
        body = orjson.loads(payload) if len(payload) <= PARSED_BYTES else None
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict | list):
        return _hidden_in_text(payload)
    found = _hidden(body, "", 0)
    return payload if found == body else orjson.dumps(found)


def _hidden(part: Any, name: str, level: int) -> Any:
    if level > LEVELS:
        return HIDDEN
    if isinstance(part, dict):
        return {key: _hidden(value, f"{name[-NAME_CHARS:]}_{key[:NAME_CHARS]}", level + 1)
                for key, value in part.items()}
    if isinstance(part, list):
        return [_hidden(value, name, level + 1) for value in part]
    return HIDDEN if part is not None and is_secret(name) else part


def _hidden_in_text(payload: bytes) -> bytes:
    text = payload[:PARSED_BYTES].decode("utf-8", "surrogateescape")
    shown = _WRITTEN.sub(lambda found: found[0] if not is_secret(found["name"])
                         else found[0][:found.start("value") - found.start()] + f'"{HIDDEN}"', text)
    return shown.encode("utf-8", "surrogateescape")
