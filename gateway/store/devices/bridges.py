"""Queries which devices speak through a bridge or hub, and which addresses belong to a claimed device."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import orjson
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from gateway.model import Device, DeviceState, LinkState
from gateway.store.chunks import chunks

# Many bridges in one statement, each by the index on keys: PostgreSQL's own order is no order of beginnings.
_VIA = {
    "sqlite": "SELECT b.key, d.key FROM json_each(?) j CROSS JOIN device b ON b.key = j.value ->> 'bridge' "
              "CROSS JOIN device d ON d.via = b.id WHERE b.retired_at IS NULL AND d.retired_at IS NULL",
    "postgresql": "SELECT b.key, d.key FROM json_to_recordset(%s::json) AS n(bridge text) "
                  "JOIN device b ON b.key = n.bridge JOIN device d ON d.via = b.id "
                  "WHERE b.retired_at IS NULL AND d.retired_at IS NULL",
}
_BELOW = {
    "sqlite": "SELECT j.value ->> 'bridge', d.key FROM json_each(?) j CROSS JOIN device d "
              "ON d.key >= j.value ->> 'low' AND d.key < j.value ->> 'high' WHERE d.retired_at IS NULL",
    "postgresql": "SELECT n.bridge, d.key FROM json_to_recordset(%s::json) AS n(bridge text, low text, high text) "
                  "JOIN device d ON d.key ~>=~ n.low AND d.key ~<~ n.high WHERE d.retired_at IS NULL",
}


def claimed_among(session: Session, sources: Collection[str]) -> set[str]:
    """Which of these keys belong to a claimed device, or to a bridge that one speaks through."""
    connection = session.connection()
    name = connection.dialect.name
    wanted = orjson.dumps([{"bridge": source, **_below(f"{source}/")} for source in sources]).decode()
    claimed = {source for source, _ in connection.exec_driver_sql(_BELOW[name], (wanted,))}
    for some in chunks(sorted(sources)):
        claimed |= set(session.exec(select(Device.key).where(
            col(Device.key).in_(some), col(Device.retired_at).is_(None))))
    return claimed


class BridgedDevices(NamedTuple):
    """A bridge and the claimed devices behind it."""

    profile: str | None = None  # of the bridge itself; None: nobody has claimed it
    keys: frozenset[str] = frozenset()  # of the devices that speak through it


def devices_behind(session: Session, bridges: Mapping[str, bool]) -> dict[str, BridgedDevices]:
    """Bridge key → its profile and the devices behind it: whose key begins with its own, or that name it as `via`.
    `bridges`: key → whether all devices of its dialect speak through it."""
    connection = session.connection()
    name = connection.dialect.name
    ranges = [{"bridge": key, **_below(f"{key.partition(':')[0]}:" if whole else f"{key}/")}
              for key, whole in bridges.items()]
    wanted = orjson.dumps(ranges).decode()
    found: dict[str, set[str]] = {key: set() for key in bridges}
    for statement in (_VIA, _BELOW):
        for bridge, key in connection.exec_driver_sql(statement[name], (wanted,)):
            if key != bridge:
                found[bridge].add(key)
    profiles = dict(session.exec(select(Device.key, Device.profile).where(
        col(Device.key).in_(list(bridges)), col(Device.retired_at).is_(None))).all())
    return {key: BridgedDevices(profiles.get(key), frozenset(keys)) for key, keys in found.items()}


def hubs_of(session: Session, keys: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Device key → (key, profile) of its hub, where the hub is claimed and has ever been heard."""
    hub = aliased(Device)
    rows = session.exec(select(Device.key, hub.key, hub.profile).join(hub, col(Device.via) == hub.id).join(
        DeviceState, col(DeviceState.device_id) == hub.id).where(
        col(Device.key).in_(list(keys)), col(hub.retired_at).is_(None), col(DeviceState.link) != LinkState.UNHEARD))
    return {key: (above, profile) for key, above, profile in rows}


def _below(start: str) -> dict[str, str]:
    """The range of texts that begin with `start`, in byte order."""
    return {"low": start, "high": start[:-1] + chr(ord(start[-1]) + 1)}
