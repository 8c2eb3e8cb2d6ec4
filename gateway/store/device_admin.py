"""Claims, changes and retires single devices, with every failed check reported."""

import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from gateway.callbacks.emergency_numbers import NOBODY_REACHED, emergency_number, no_number
from gateway.config.error_messages import did_you_mean
from gateway.devices import broker_access
from gateway.devices.broker_access import DeviceAccess
from gateway.model import (
    Actor,
    Credential,
    Device,
    DeviceState,
    Instant,
    ReasonKind,
    Site,
    Unclaimed,
)
from gateway.model.plan import Draft
from gateway.store import apply, commands
from gateway.store.contexts import planning
from gateway.tickets.alarms.device_retired import plan_retired, unfinished
from gateway.tickets.context import Policy

LISTED = 20  # names shown when none is close to the one that was meant
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")  # as in the fleet file


class BadDevice(Exception):
    """A device that cannot be claimed, changed or retired as asked; `errors` has one line for each reason."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class DeviceRequest(NamedTuple):
    """A device as the operator wants it. `key` is `<dialect>:<address>`."""

    id: str
    key: str
    profile: str
    site: str
    name: str = ""  # its id when left out
    via: str | None = None


class DeviceChecks(NamedTuple):
    """What a device is checked against besides the database."""

    profiles: Collection[str]
    dialects: Collection[str]
    reserved: Collection[str] = ()  # names the gateway itself goes by on the broker
    emergency: Collection[str] = ()  # profiles of emergency buttons …
    on_call: bool = True  # … and whether somebody is told of them at any hour
    country: str = ""  # of sites that do not say theirs


class RetiredDevice(NamedTuple):
    """What ended with a retired device."""

    key: str
    alarms: int
    tickets: list[str]
    children: list[str]  # devices that speak through it


def unclaimed(session: Session, key: str) -> Unclaimed:
    """The row of a device that speaks and that nobody has claimed. Raises BadDevice."""
    row = session.get(Unclaimed, key)
    if row is not None:
        return row
    holder = _holder(session, key)
    if holder is not None:
        raise BadDevice([f"{key!r}: claimed already, as device {holder!r}"])
    known = list(session.exec(select(Unclaimed.key)))
    raise BadDevice([f"{key!r}: nothing unclaimed speaks under this key — {_meant(key, known)}"])


def via_of(session: Session, row: Unclaimed) -> str | None:
    """The claimed device that `row` says it speaks through, if there is one."""
    return _holder(session, row.via) if row.via else None


def claim(session: Session, wanted: DeviceRequest, around: DeviceChecks) -> None:
    """Adds the device to the open transaction, or brings it back from retirement. Raises BadDevice."""
    wrong = list(_wrong(session, wanted, around))
    if wrong:
        raise BadDevice(wrong)
    row = session.get(Device, wanted.id)
    if row is None:
        session.add(Device(id=wanted.id, key=wanted.key, profile=wanted.profile, site_id=wanted.site,
                           name=wanted.name or wanted.id, via=wanted.via))
        session.flush()
        session.add(DeviceState(device_id=wanted.id))
    else:
        _bring_back(session, row, wanted)
    session.exec(delete(Unclaimed).where(col(Unclaimed.key) == wanted.key))
    session.flush()


def give_login(session: Session, device_id: str, hashed: str, around: DeviceChecks, now: Instant) -> None:
    """The device's new password hash, in place of any earlier. Raises BadDevice."""
    device = active(session, device_id)
    wrong = list(_wrong_login(session, device, around))
    if wrong:
        raise BadDevice(wrong)
    row = session.get(Credential, device_id) or Credential(device_id=device_id, hash=hashed, made_at=now)
    row.hash, row.made_at = hashed, now
    session.add(row)
    session.flush()


def retire(session: Session, device_id: str, rules: Policy, cancel: bool, who: Actor, now: Instant) -> RetiredDevice:
    """Ends the device, its login, its alarms, its waiting commands, and with `cancel` its unfinished tickets.

    Raises BadDevice when there are such tickets and `cancel` is false.
    """
    device = active(session, device_id)
    key = device.key
    # a gateway that is in the middle of its message finishes first: an alarm it raises must be seen here
    session.exec(select(DeviceState.device_id).where(DeviceState.device_id == device_id).with_for_update()).all()
    draft = Draft()
    facts = planning.planning_contexts(session, draft, [device_id],
                                       provider_loads=planning.provider_loads(session))[device_id]
    open_tickets = unfinished(facts)
    if open_tickets and not cancel:
        raise BadDevice([f"{device_id}: ticket {ticket.id} is {ticket.state} ({ticket.cause}) — finish it first, or "
                         "--cancel-tickets" for ticket in open_tickets])
    alarms = len(facts.alarms)
    plan_retired(facts, rules, who, now)
    apply(session, draft.plan())
    _end(session, device_id, now)
    children = session.exec(select(Device.id).where(Device.via == device_id, col(Device.retired_at).is_(None))).all()
    return RetiredDevice(key, alarms, [ticket.id for ticket in open_tickets], sorted(children))


def active(session: Session, device_id: str) -> Device:
    """The device, unless there is none of that id or it is retired: BadDevice."""
    row = session.get(Device, device_id)
    if row is None:
        known = list(session.exec(select(Device.id).where(col(Device.retired_at).is_(None))))
        raise BadDevice([f"{device_id!r}: no such device — {_meant(device_id, known)}"])
    if row.retired_at is not None:
        raise BadDevice([f"{device_id!r}: is retired — expected a device that is in use"])
    return row


def known_devices(session: Session) -> list[DeviceAccess]:
    """Every device in use, and the hash of its login if it has one."""
    rows = session.exec(select(Device.id, Device.key, Credential.hash).outerjoin(
        Credential, col(Credential.device_id) == col(Device.id)).where(col(Device.retired_at).is_(None)))
    return [DeviceAccess(*row) for row in rows]


def retired_ids(session: Session) -> list[str]:
    return list(session.exec(select(Device.id).where(col(Device.retired_at).is_not(None))))


def listed(session: Session) -> list[dict[str, Any]]:
    """A row for each device in use, by id."""
    rows = session.exec(select(Device, DeviceState.link, DeviceState.seen_at, Credential.device_id)
                        .join(DeviceState, col(DeviceState.device_id) == col(Device.id))
                        .outerjoin(Credential, col(Credential.device_id) == col(Device.id))
                        .where(col(Device.retired_at).is_(None)).order_by(col(Device.id)))
    return [{"id": device.id, "key": device.key, "name": device.name, "profile": device.profile,
             "site": device.site_id, "via": device.via, "link": link, "seen_at": seen_at, "login": login is not None}
            for device, link, seen_at, login in rows]


def listed_unclaimed(session: Session) -> list[Unclaimed]:
    """Who speaks and is nobody's, the newest first."""
    strangers = select(Unclaimed).where(col(Unclaimed.key).not_in(select(Device.key)))
    return list(session.exec(strangers.order_by(col(Unclaimed.last_seen_at).desc(), col(Unclaimed.key))))


def _end(session: Session, device_id: str, now: Instant) -> None:
    # the key is unique, and whoever is heard under it from now on is somebody new
    session.exec(update(Device).where(col(Device.id) == device_id).values(retired_at=now, key=f"retired:{device_id}"))
    commands.fail_queued(session, device_id, ReasonKind.RETIRED)
    session.exec(delete(Credential).where(col(Credential.device_id) == device_id))


def _bring_back(session: Session, row: Device, wanted: DeviceRequest) -> None:
    """What it said in its earlier life is no news now."""
    row.key, row.profile, row.name, row.via = wanted.key, wanted.profile, wanted.name or row.name, wanted.via
    row.retired_at = None
    session.add(row)
    blank = DeviceState(device_id=row.id).model_dump()
    session.exec(update(DeviceState).where(col(DeviceState.device_id) == row.id).values(**blank))


def _wrong(session: Session, wanted: DeviceRequest, around: DeviceChecks) -> Iterator[str]:
    yield from _wrong_id(session, wanted)
    dialect, _, address = wanted.key.partition(":")
    if dialect not in around.dialects:
        yield f"dialect: {dialect!r} — {did_you_mean(dialect, around.dialects)}"
    if not 0 < len(address) <= 200:
        yield f"address: {len(address)} characters — expected 1 to 200"
    holder = _holder(session, wanted.key)
    if holder is not None and holder != wanted.id:
        yield f"address: {wanted.key!r} is already device {holder!r} — retire that one first, or take another address"
    if wanted.profile not in around.profiles:
        yield f"profile: {wanted.profile!r} — {_meant(wanted.profile, around.profiles)}"
    site = session.get(Site, wanted.site)
    if wanted.profile in around.emergency:
        if not around.on_call:
            yield f"profile: {wanted.profile!r} {NOBODY_REACHED}"
        if site is not None and not emergency_number(site.country or around.country):
            yield f"site: {wanted.site!r}: {no_number(wanted.id, site.country or around.country)}"
    if site is None:
        yield f"site: {wanted.site!r}: no such site — {_meant(wanted.site, list(session.exec(select(Site.id))))}"
    if wanted.via is not None:
        hub = session.get(Device, wanted.via)
        if hub is None or hub.retired_at is not None or hub.id == wanted.id:
            others = [one.id for one in known_devices(session) if one.id != wanted.id]
            yield f"via: {wanted.via!r}: no such other device — {_meant(wanted.via, others)}"


def _wrong_id(session: Session, wanted: DeviceRequest) -> Iterator[str]:
    if not _ID.fullmatch(wanted.id):
        yield (f"id: {wanted.id!r} — expected 1 to 100 letters, digits, '.', '_', ':' or '-', the first a letter or "
               "digit")
    row = session.get(Device, wanted.id)
    if row is not None and row.retired_at is None:
        yield f"id: {wanted.id!r} is in use ({row.key}) — expected an id of its own"
    elif row is not None and row.site_id != wanted.site:
        yield (f"id: {wanted.id!r} was a device at site {row.site_id!r}, whose readings it keeps — expected an id of "
               "its own")


def _wrong_login(session: Session, device: Device, around: DeviceChecks) -> Iterator[str]:
    if not broker_access.topics(device.key):
        yield f"{device.id}: {device.key!r} does not log in to the broker itself — expected no login for it"
        return
    wrong = broker_access.name_error(device.id)
    if wrong is not None:
        yield f"id: {wrong}"
    if device.id in around.reserved:
        yield f"id: {device.id!r} is the gateway's own name on the broker — expected another, or no login"
    wrong = broker_access.address_error(device.key)
    if wrong is not None:
        yield f"address: {wrong}"
        return
    others = [one for one in known_devices(session) if one.id != device.id]
    topic_conflict = broker_access.topic_conflict(device.key, others)
    if topic_conflict is not None:
        yield f"address: {device.key!r} — its rights would open {topic_conflict}; expected another address, or no login"


def _holder(session: Session, key: str) -> str | None:
    return session.exec(select(Device.id).where(Device.key == key)).first()


def _meant(name: str, known: Collection[str]) -> str:
    """Never thousands of names."""
    if not known:
        return "there is none yet"
    hint = did_you_mean(name, known)
    return hint if len(known) <= LISTED or hint.startswith("did you mean") else f"{len(known)} are known"
