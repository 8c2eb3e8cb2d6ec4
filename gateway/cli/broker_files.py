"""Writes Mosquitto's password and ACL files atomically, and makes the broker reload them."""

import fcntl
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.config.settings import Settings
from gateway.devices import broker_access
from gateway.devices.registration import BadDevice
from gateway.store import Store
from gateway.store.devices.device_registry import devices_in_use, retired_ids

PASSWORDS, ACCESS = "passwords", "access"
_READABLE = 0o640  # Mosquitto has dropped its rights when it reads them again: it needs the folder's group
_PATIENCE = 30  # seconds for the command that reloads the broker


def write(store: Store, settings: Settings, folder: Path) -> None:
    """Writes both files from the database. Raises BadDevice or OSError and then leaves the earlier files."""
    folder.mkdir(parents=True, exist_ok=True)
    with _folder_lock(folder):
        with store.read() as session:
            known, retired = devices_in_use(session), retired_ids(session)
        gateway = settings.mqtt.username
        if any(device.id == gateway for device in known):
            raise BadDevice([f"mqtt.username: {gateway!r} is a device too — expected a name of the gateway's own"])
        logins = [(device.id, device.hash) for device in known if device.hash is not None]
        if gateway is not None:
            logins += _gateway_login(gateway, settings)
        _replace(folder / PASSWORDS, broker_access.password_file(logins))
        _replace(folder / ACCESS, broker_access.access_file(known, retired, gateway))


@contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    """Locks the folder, so that a writer with older data cannot overwrite newer files."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def reload(command: tuple[str, ...]) -> None:
    """Runs Settings.broker_reload. Raises OSError with what it said."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_PATIENCE)
    except subprocess.TimeoutExpired as late:
        raise OSError(f"broker_reload: {' '.join(command)} — no end after {_PATIENCE} s") from late
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise OSError(f"broker_reload: {' '.join(command)} — {said}")


def _gateway_login(name: str, settings: Settings) -> list[tuple[str, str]]:
    wrong = broker_access.name_error(name)
    if wrong is not None:
        raise BadDevice([f"mqtt.username: {wrong}"])
    if settings.mqtt.password is None:  # it shows a certificate
        return []
    secret = settings.mqtt.password.get_secret_value()
    return [(name, broker_access.password_hash(secret, secrets.token_bytes(broker_access.SALT)))]


def _replace(file: Path, text: str) -> None:
    """Replaces the file atomically: a reader sees the old text or the new one."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fchmod(out.fileno(), _READABLE)
        os.fsync(out.fileno())
    fresh.replace(file)
