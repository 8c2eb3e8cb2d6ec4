"""Queries and writes for the devices in use: look up, list, add, bring back from retirement, and their logins."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from gateway.devices.broker_access import DeviceAccess
from gateway.devices.registration import BadDevice, DeviceCover, DeviceRequest, StoredFacts, name_hint
from gateway.model import Credential, Device, DeviceState, Instant, ReasonKind, Site, Unclaimed
from gateway.store import commands
from gateway.store.search.index import reindex


def active(session: Session, device_id: str) -> Device:
    """The device in use with this id. Raises BadDevice when there is none or it is retired."""
    row = session.get(Device, device_id)
    if row is None:
        known = list(session.exec(select(Device.id).where(col(Device.retired_at).is_(None))))
        raise BadDevice([f"{device_id!r}: no such device — {name_hint(device_id, known)}"])
    if row.retired_at is not None:
        raise BadDevice([f"{device_id!r}: is retired — expected a device that is in use"])
    return row


def unclaimed(session: Session, key: str) -> Unclaimed:
    """The row of a device that publishes under `key` and that nobody has claimed. Raises BadDevice."""
    row = session.get(Unclaimed, key)
    if row is not None:
        return row
    owner = key_owner(session, key)
    if owner is not None:
        raise BadDevice([f"{key!r}: claimed already, as device {owner!r}"])
    known = list(session.exec(select(Unclaimed.key)))
    raise BadDevice([f"{key!r}: nothing unclaimed speaks under this key — {name_hint(key, known)}"])


def key_owner(session: Session, key: str) -> str | None:
    """The id of the device that has this key."""
    return session.exec(select(Device.id).where(Device.key == key)).first()


def hub_of(session: Session, row: Unclaimed) -> str | None:
    """The id of the claimed device that an unclaimed one says it speaks through, if there is one."""
    return key_owner(session, row.via) if row.via else None


def stored_facts(session: Session, request: DeviceRequest) -> StoredFacts:
    """What the database holds about the request; names for a hint only where one is needed."""
    site, hub = session.get(Site, request.site), session.get(Device, request.via) if request.via else None
    no_hub = request.via is not None and (hub is None or hub.retired_at is not None or hub.id == request.id)
    return StoredFacts(
        session.get(Device, request.id), key_owner(session, request.key), site, hub,
        site_ids=list(session.exec(select(Site.id))) if site is None else (),
        hub_ids=[one.id for one in devices_in_use(session) if one.id != request.id] if no_hub else ())


def add(session: Session, request: DeviceRequest) -> None:
    """Adds the device with an empty state, or brings one of that id back from retirement."""
    row = session.get(Device, request.id)
    if row is None:
        session.add(Device(id=request.id, key=request.key, profile=request.profile, site_id=request.site,
                           name=request.name or request.id, via=request.via, **request.cover._asdict()))
        session.flush()
        session.add(DeviceState(device_id=request.id))
    else:
        _bring_back(session, row, request)
    session.exec(delete(Unclaimed).where(col(Unclaimed.key) == request.key))
    session.flush()
    reindex(session, sites=[request.site if row is None else row.site_id])


def _bring_back(session: Session, row: Device, request: DeviceRequest) -> None:
    """With an empty state: what the device said before it was retired is no news now."""
    row.key, row.profile, row.name, row.via = request.key, request.profile, request.name or row.name, request.via
    row.retired_at = row.retired_key = None
    set_cover(session, row, request.cover)
    blank = DeviceState(device_id=row.id).model_dump(exclude={"version"})
    session.exec(update(DeviceState).where(col(DeviceState.device_id) == row.id).values(
        **blank, version=DeviceState.version + 1))


def set_cover(session: Session, device: Device, cover: DeviceCover) -> None:
    """Who pays when somebody comes for it."""
    device.cover, device.covered_until, device.call_out_price = cover
    session.add(device)


def set_login(session: Session, device_id: str, hashed: str, now: Instant) -> None:
    """The device's password hash, in place of any earlier."""
    row = session.get(Credential, device_id) or Credential(device_id=device_id, hash=hashed, made_at=now)
    row.hash, row.made_at = hashed, now
    session.add(row)
    session.flush()


def end_login_and_commands(session: Session, device_id: str) -> None:
    """Deletes the device's login, and fails the commands that were not sent yet."""
    commands.fail_queued(session, device_id, ReasonKind.RETIRED)
    session.exec(delete(Credential).where(col(Credential.device_id) == device_id))


def children(session: Session, device_id: str) -> list[str]:
    """The ids of the devices in use that speak through this one, sorted."""
    return sorted(session.exec(select(Device.id).where(Device.via == device_id, col(Device.retired_at).is_(None))))


def devices_in_use(session: Session) -> list[DeviceAccess]:
    """Every device in use, and the hash of its login if it has one."""
    rows = session.exec(select(Device.id, Device.key, Credential.hash).outerjoin(
        Credential, col(Credential.device_id) == col(Device.id)).where(col(Device.retired_at).is_(None)))
    return [DeviceAccess(*row) for row in rows]


def retired_ids(session: Session) -> list[str]:
    return list(session.exec(select(Device.id).where(col(Device.retired_at).is_not(None))))


def list_devices(session: Session) -> list[dict[str, Any]]:
    """A row for each device in use, by id: id, key, name, profile, site, via, link, seen_at (ms), login (bool),
    cover."""
    rows = session.exec(select(Device, DeviceState.link, DeviceState.seen_at, Credential.device_id)
                        .join(DeviceState, col(DeviceState.device_id) == col(Device.id))
                        .outerjoin(Credential, col(Credential.device_id) == col(Device.id))
                        .where(col(Device.retired_at).is_(None)).order_by(col(Device.id)))
    return [{"id": device.id, "key": device.key, "name": device.name, "profile": device.profile,
             "site": device.site_id, "via": device.via, "link": link, "seen_at": seen_at, "login": login is not None,
             "cover": device.cover}
            for device, link, seen_at, login in rows]


def list_unclaimed(session: Session) -> list[Unclaimed]:
    """Devices that publish and that nobody has claimed, the latest heard first."""
    strangers = select(Unclaimed).where(col(Unclaimed.key).not_in(select(Device.key)))
    return list(session.exec(strangers.order_by(col(Unclaimed.last_seen_at).desc(), col(Unclaimed.key))))


def dialects_in_use(session: Session, names: Iterable[str]) -> set[str]:
    """Which of these dialects some claimed device speaks."""
    return {name for name in names if session.exec(select(Device.id).where(
        col(Device.key).startswith(f"{name}:", autoescape=True), col(Device.retired_at).is_(None)).limit(1)).first()}


def keys_of(session: Session, dialect: str) -> list[str]:
    """The keys of all claimed devices that speak `dialect`."""
    mine = col(Device.key).startswith(f"{dialect}:", autoescape=True)
    return list(session.exec(select(Device.key).where(mine, col(Device.retired_at).is_(None))))


def sites_with(session: Session, site_ids: Collection[str], profiles: Collection[str]) -> set[str]:
    """Those of these sites where a device of one of these profiles is in use."""
    return set(session.exec(select(Device.site_id).where(
        col(Device.site_id).in_(site_ids), col(Device.profile).in_(profiles), col(Device.retired_at).is_(None))))
