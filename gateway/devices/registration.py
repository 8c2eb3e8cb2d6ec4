"""Checks whether a device may be added, claimed, given a login or retired, and says every reason why not."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gateway.config.error_messages import did_you_mean
from gateway.config.field_types import parse_day, parse_price
from gateway.devices import broker_access
from gateway.devices.broker_access import DeviceAccess
from gateway.model import Cover, Device, Price, Site

LISTED = 20  # names shown when none is close to the one that was meant
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")  # as in the fleet file


class BadDevice(Exception):
    """A device that cannot be claimed, changed or retired as requested; `errors` has one line for each reason."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class DeviceCover(NamedTuple):
    """Who pays when somebody comes for a device, as the operator says it."""

    cover: Cover = Cover.UNKNOWN
    covered_until: str | None = None  # last day of a contract or warranty
    call_out_price: Price | None = None


class DeviceRequest(NamedTuple):
    """A device as the operator wants it. `key` is `<dialect>:<address>`."""

    id: str
    key: str
    profile: str
    site: str
    name: str = ""  # its id when left out
    via: str | None = None
    cover: DeviceCover = DeviceCover()


class DeviceChecks(NamedTuple):
    """What a device is checked against besides the database."""

    profiles: Collection[str]
    dialects: Collection[str]
    reserved: Collection[str] = ()  # names the gateway itself goes by on the broker
    emergency: Collection[str] = ()  # profiles of emergency buttons …
    on_call: bool = True  # … and whether somebody is notified of them at any hour
    buttons: Collection[str] = ()  # profiles of which a press asks for a call …
    desk_hours: bool = True  # … and whether it is known when somebody calls
    country: str = ""  # of sites that do not say theirs


@dataclass(frozen=True)
class StoredFacts:
    """What the database holds about a DeviceRequest."""

    same_id: Device | None
    key_owner: str | None  # id of the device that has this key
    site: Site | None
    hub: Device | None  # the device that `via` names
    site_ids: Collection[str] = ()  # for a hint; filled in when there is no such site
    hub_ids: Collection[str] = ()  # likewise


def request_errors(request: DeviceRequest, checks: DeviceChecks, stored: StoredFacts) -> Iterator[str]:
    """Every reason, as a line, why the device cannot be added or brought back from retirement."""
    yield from _id_errors(request, stored.same_id)
    dialect, _, address = request.key.partition(":")
    if dialect not in checks.dialects:
        yield f"dialect: {dialect!r} — {did_you_mean(dialect, checks.dialects)}"
    if not 0 < len(address) <= 200:
        yield f"address: {len(address)} characters — expected 1 to 200"
    if stored.key_owner is not None and stored.key_owner != request.id:
        yield (f"address: {request.key!r} is already device {stored.key_owner!r} — retire that one first, or take "
               "another address")
    if request.profile not in checks.profiles:
        yield f"profile: {request.profile!r} — {name_hint(request.profile, checks.profiles)}"
    if stored.site is None:
        yield f"site: {request.site!r}: no such site — {name_hint(request.site, stored.site_ids)}"
    hub = stored.hub
    if request.via is not None and (hub is None or hub.retired_at is not None or hub.id == request.id):
        yield f"via: {request.via!r}: no such other device — {name_hint(request.via, stored.hub_ids)}"


def _id_errors(request: DeviceRequest, same_id: Device | None) -> Iterator[str]:
    if not _ID.fullmatch(request.id):
        yield (f"id: {request.id!r} — expected 1 to 100 letters, digits, '.', '_', ':' or '-', the first a letter or "
               "digit")
    if same_id is not None and same_id.retired_at is None:
        yield f"id: {request.id!r} is in use ({same_id.key}) — expected an id of its own"
    elif same_id is not None and same_id.site_id != request.site:
        yield (f"id: {request.id!r} was a device at site {same_id.site_id!r}, whose readings it keeps — expected an id "
               "of its own")


def read_cover(cover: Cover, covered_until: str, call_out_price: str) -> DeviceCover:
    """What was typed; "" for what was not. Raises BadDevice."""
    until, price, errors = None, None, []
    try:
        until = parse_day(covered_until) if covered_until else None
    except ValueError as error:
        errors.append(f"covered_until: {covered_until!r} — {error}")
    try:
        price = parse_price(call_out_price) if call_out_price else None
    except ValueError as error:
        errors.append(f"call_out_price: {call_out_price!r} — {error}")
    if errors:
        raise BadDevice(errors)
    return DeviceCover(cover, until, price)


def login_errors(device: Device, reserved: Collection[str], others: Collection[DeviceAccess]) -> Iterator[str]:
    """Every reason why the device cannot have a login of its own on the broker. `others`: all other devices in use."""
    if not broker_access.topics(device.key):
        yield f"{device.id}: {device.key!r} does not log in to the broker itself — expected no login for it"
        return
    wrong = broker_access.name_error(device.id)
    if wrong is not None:
        yield f"id: {wrong}"
    if device.id in reserved:
        yield f"id: {device.id!r} is the gateway's own name on the broker — expected another, or no login"
    wrong = broker_access.address_error(device.key)
    if wrong is not None:
        yield f"address: {wrong}"
        return
    conflict = broker_access.topic_conflict(device.key, others)
    if conflict is not None:
        yield f"address: {device.key!r} — its rights would open {conflict}; expected another address, or no login"


def name_hint(name: str, known: Collection[str]) -> str:
    """What else may have been meant; never thousands of names."""
    if not known:
        return "there is none yet"
    hint = did_you_mean(name, known)
    return hint if len(known) <= LISTED or hint.startswith("did you mean") else f"{len(known)} are known"
