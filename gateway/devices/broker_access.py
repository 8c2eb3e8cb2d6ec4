"""The contents of Mosquitto's password and ACL files: password hashes, and each device's topics."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import NamedTuple

from gateway.devices.dialects import DIALECTS, native

Line = tuple[str, str]
"""(write | read | readwrite, topic filter)."""

ITERATIONS = 101  # Mosquitto's own; enough for a secret that already holds 128 random bits
SALT = 12  # bytes
_NATIVE: tuple[Line, ...] = native.ACCESS


class DeviceAccess(NamedTuple):
    """A claimed device as the broker must know it. `hash` None: it has no password."""

    id: str
    key: str
    hash: str | None = None


def password_hash(secret: str, salt: bytes) -> str:
    """`secret` as Mosquitto 2 keeps it: `$7$<iterations>$<salt>$<PBKDF2-HMAC-SHA512>`, the last two in base64."""
    made = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, ITERATIONS)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(made).decode()}"


def topics(key: str) -> tuple[Line, ...]:
    """What the device heard as `key` needs on the broker; nothing when it never logs in itself.

    A dialect says it in ACCESS, with {} for the address. Where BRIDGE names one address, only that one logs in. Where
    ADDRESS_LEVELS says of how many levels the address of one that logs in consists, {0} and {1} are those levels.
    """
    lines, parts = _asked(key)
    return tuple((right, wanted.format(*parts)) for right, wanted in lines)


def name_error(name: str) -> str | None:
    """What is wrong with `name` as a login name, or None."""
    if not name or name != name.strip() or not name.isprintable():
        return f"{name!r} — expected a login name that is printable and neither begins nor ends with a space"
    if letters := _among(name, ":+#/"):
        return f"{name!r} — expected a login name without {letters}: the broker's files give it another meaning"
    return None


def address_error(key: str) -> str | None:
    """Why no access rule can be written for the device heard as `key`, or None."""
    lines, parts = _asked(key)
    for part in parts:
        if not part or part != part.strip() or not part.isprintable():
            return f"{part!r} — expected an address that is printable and neither begins nor ends with a space"
        if letters := _among(part, "+#/"):
            return f"{part!r} — expected an address without {letters}: it would open the topics of other devices"
        if part.startswith("$"):
            return f"{part!r} — expected an address that does not begin with '$': those topics are the broker's own"
        if part in _fixed(lines):
            return f"{part!r} — expected another address: in its dialect's topics this word has another meaning"
    return None


def topic_conflict(key: str, others: Iterable[DeviceAccess]) -> str | None:
    """Whose topics the device heard as `key` could write as well, in words, or None."""
    name = key.partition(":")[0]
    written = [wanted for right, wanted in topics(key) if right != "read"]
    for dialect in DIALECTS:
        fixed = [wanted for wanted in dialect.FILTERS if not wanted.startswith("+")]
        if name != dialect.NAME and _any_overlap(written, fixed):
            return f"the topics of every {dialect.NAME} device"
    for other in others:
        if other.key != key and _any_overlap(written, [wanted for _, wanted in topics(other.key)]):
            return f"the topics of device {other.id!r}"
    return None


def password_file(logins: Iterable[tuple[str, str]]) -> str:
    """(name, hash) rows as the text of Mosquitto's `password_file`."""
    return "".join(f"{name}:{hashed}\n" for name, hashed in sorted(logins))


def access_file(devices: Iterable[DeviceAccess], retired: Iterable[str], gateway: str | None) -> str:
    """The text of Mosquitto's `acl_file`: what is not in it is forbidden.

    `gateway`: the gateway's own login name; it hears and says everything. `retired`: ids whose certificates may still
    be good, and which the patterns would let in.
    """
    lines = ["# Written by `gateway device`: changes made here are lost.", ""]
    if gateway is not None:
        lines += [f"user {gateway}", "topic readwrite #", ""]
    for device in sorted(devices):
        lines += _own_lines(device)
    for device_id in sorted(retired):
        lines += [f"user {device_id}", _closed(device_id), ""]
    lines.append("# Native devices, each under its login name")
    lines += [f"pattern {right} {wanted.replace('{}', '%u')}" for right, wanted in _NATIVE]
    return "\n".join(lines) + "\n"


def _asked(key: str) -> tuple[tuple[Line, ...], list[str]]:
    """The ACCESS lines that hold for `key`, and what their places are filled with."""
    name, _, address = key.partition(":")
    for dialect in DIALECTS:
        if name == dialect.NAME and address == getattr(dialect, "BRIDGE", address):
            levels = getattr(dialect, "ADDRESS_LEVELS", None)
            parts = [address] if levels is None else address.split("/")
            return (getattr(dialect, "ACCESS", ()) if levels in (None, len(parts)) else ()), parts
    return (), [address]


def _fixed(lines: tuple[Line, ...]) -> set[str]:
    """Words that stand in one line where another has the address: `5` in Homie's `homie/{}/#` and `homie/5/{}/#`."""
    filters = [wanted.split("/") for _, wanted in lines]
    places = {place for levels in filters for place, level in enumerate(levels) if level.startswith("{")}
    return {levels[place] for levels in filters for place in places
            if place < len(levels) and not levels[place].startswith(("{", "#", "+"))}


def _own_lines(device: DeviceAccess) -> Iterator[str]:
    """Nothing for a native device under its own name: the patterns say it all."""
    if device.key == f"native:{device.id}":
        return
    yield f"user {device.id}"
    yield _closed(device.id)
    if address_error(device.key) is None and topic_conflict(device.key, ()) is None:
        yield from (f"topic {right} {wanted}" for right, wanted in topics(device.key))
    yield ""


def _closed(device_id: str) -> str:
    return f"topic deny devices/{device_id}/#"  # else the patterns would open another device's topics to this name


def _any_overlap(some: Iterable[str], others: Iterable[str]) -> bool:
    others = list(others)
    return any(_overlap(one, other) for one in some for other in others)


def _overlap(one: str, other: str) -> bool:
    """Whether some topic matches both filters."""
    for left, right in zip_longest(one.split("/"), other.split("/")):
        if "#" in (left, right):
            return True
        if left is None or right is None or (left != right and "+" not in (left, right)):
            return False
    return True


def _among(text: str, letters: str) -> str:
    return " ".join(repr(letter) for letter in letters if letter in text)
