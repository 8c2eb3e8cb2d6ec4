"""Imports the fleet file into the database in one transaction; importing it twice changes nothing."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from gateway.config import fleet_rows as file
from gateway.config.fleet_file import BadFleet, Fleet
from gateway.config.phone_numbers import PHONE
from gateway.config.settings import Settings
from gateway.model import (
    DISPATCHER,
    Area,
    Attempt,
    ConsentSource,
    Contact,
    Customer,
    Device,
    DeviceState,
    Instant,
    Person,
    Provider,
    Recipient,
    RecipientKind,
    Site,
    SiteArea,
    Technician,
    Unclaimed,
    customer,
    emergency,
    on_call,
    person,
    provider,
)
from gateway.store.changes import record_rows
from gateway.store.chunks import chunks
from gateway.store.devices import device_states
from gateway.store.fleet.people import save_people, save_person_sites, who_has_left
from gateway.store.fleet.tables import Count, Values, insert_rows, stored_rows, upsert
from gateway.store.search.index import reindex

__all__ = ["Count", "contact_id", "providers_not_in", "save_dispatcher_contacts", "save_fleet"]

REMOVED = "removed from the fleet file"

Progress = Callable[[int], None]
MoveIn = Callable[[Session, Mapping[str, str]], None]  # site → the customer who lives there from now on


def _no_progress(_rows: int) -> None:
    pass


def nobody_moves(session: Session, moving: Mapping[str, str]) -> None:
    """For fleets in which nobody does."""
    if moving:
        raise ValueError(f"{', '.join(moving)}: another household moves in, and nothing ends for the one before")


def save_fleet(session: Session, fleet: Fleet, now: Instant, progress: Progress = _no_progress,
               move_in: MoveIn = nobody_moves) -> dict[str, Count]:
    """Writes the fleet into the open transaction; rows that the file does not name are left alone.

    `progress` is told how many rows are done each time some are; `move_in` what site has another customer than until
    now, before that is written. Raises BadFleet when a device has the dialect and address of one that is not in the
    file, or was retired, and for a person who has moved out.
    """
    who_has_left(session, fleet)
    device_states.outdate(session, _judged_otherwise(session, fleet))
    sites = {row.id for row in fleet.sites} | _sites_of_devices(session, [row.id for row in fleet.devices])
    steps: list[tuple[str, Callable[[], Count]]] = [
        ("areas", lambda: upsert(session, Area, _areas(fleet.areas))),
        ("customers", lambda: upsert(session, Customer, [_customer(row) for row in fleet.customers])),
        ("households that move in", lambda: _move_in(session, fleet.sites, move_in)),
        ("sites", lambda: upsert(session, Site, list(_sites(fleet)))),
        ("site areas", lambda: _site_areas(session, fleet.sites)),
        ("people", lambda: save_people(session, fleet, now)),
        ("where people are", lambda: save_person_sites(session, fleet, now)),
        ("devices", lambda: _devices(session, fleet.devices)),
        ("providers", lambda: upsert(session, Provider, [_provider(row) for row in fleet.providers])),
        ("technicians", lambda: upsert(session, Technician, list(_technicians(session, fleet.providers)))),
        ("contacts", lambda: _contacts(session, _owners(session, fleet), now)),
    ]
    counts = {}
    for name, step in steps:
        counts[name] = step()
        progress(counts[name].added + counts[name].changed + counts[name].unchanged)
    reindex(session, {row.id for row in fleet.customers}, sites)
    return counts


def providers_not_in(session: Session, fleet: Fleet) -> list[str]:
    """Ids of the providers that the file does not name and that are asked all the same."""
    named = {row.id for row in fleet.providers}
    found = session.connection().scalars(select(col(Provider.id)).where(col(Provider.removed_at).is_(None)))
    return sorted(set(found) - named) if named else []


def save_dispatcher_contacts(session: Session, settings: Settings, now: Instant) -> Count:
    """Makes the dispatcher's contacts those of Settings.service.dispatcher, in that order, each of
    Settings.service.emergency a recipient of its own, numbered from 1 (a call for help goes to all at once), and each
    person of Settings.on_call one with their contacts."""
    before = session.connection().execute(select(col(Contact.owner_kind), col(Contact.owner_id)).where(
        col(Contact.owner_kind).in_((RecipientKind.EMERGENCY, RecipientKind.ON_CALL))))
    owners: dict[Recipient, list[file.Contact]] = {Recipient(kind, owner): [] for kind, owner in before}
    owners |= {emergency(number): [file.Contact(**contact)]
               for number, contact in enumerate(settings.service.emergency, 1)}
    owners |= {on_call(name): [file.Contact(**contact) for contact in colleague.contacts]
               for name, colleague in settings.on_call.people.items()}
    return _contacts(session, {**owners, DISPATCHER: [file.Contact(**one) for one in settings.service.dispatcher]}, now)


def contact_id(owner: Recipient, channel: str, address: str) -> str:
    """The same person reached the same way is the same contact, whatever file says so: `C-` and 16 letters."""
    return "C-" + hashlib.sha256("\n".join((str(owner), channel, address)).encode()).hexdigest()[:16]


def _areas(areas: Sequence[file.Area]) -> list[Values]:
    """Parents before children, because a child refers to its parent."""
    left = {area.id: area for area in areas}
    rows: list[Values] = []
    while left:
        free = [area for area in left.values() if area.parent not in left]
        if not free:
            raise BadFleet([f"areas: {', '.join(left)} lie in each other — expected a tree"])
        for area in free:
            rows.append({"id": area.id, "name": area.name or area.id, "kind": area.kind, "parent_id": area.parent})
            del left[area.id]
    return rows


def _customer(row: file.Customer) -> Values:
    quiet = row.quiet_hours or (None, None)
    return {"id": row.id, "name": row.name, "locale": row.locale, "timezone": row.timezone,
            "quiet_from": quiet[0], "quiet_until": quiet[1]}


def _move_in(session: Session, sites: Sequence[file.Site], move_in: MoveIn) -> Count:
    before = dict(session.exec(select_rows(Site.id, Site.customer_id)).all())
    moving = {site.id: site.customer for site in sites if before.get(site.id, site.customer) != site.customer}
    move_in(session, moving)
    return Count(changed=len(moving))


def _sites(fleet: Fleet) -> Iterator[Values]:
    customers = {customer.id: customer for customer in fleet.customers}
    for row in fleet.sites:
        owner = customers[row.customer]
        yield {**row.model_dump(exclude={"customer", "areas"}), "customer_id": row.customer,
               "name": row.name or row.street or owner.name, "timezone": row.timezone or owner.timezone}


def _provider(row: file.Provider) -> Values:
    quiet = row.quiet_hours or (None, None)
    return row.model_dump(mode="json", exclude={"contacts", "technicians", "territory", "quiet_hours"}) | {
        "territory": row.territory.model_dump(mode="json", exclude_defaults=True),
        "quiet_from": quiet[0], "quiet_until": quiet[1], "removed_at": None}


def _technicians(session: Session, providers: Iterable[file.Provider]) -> Iterator[Values]:
    """Whom their firm has renamed keeps that name."""
    named = dict(session.exec(select_rows(Technician.id, Technician.name).where(col(Technician.renamed))).all())
    for firm in providers:
        for row in firm.technicians:
            yield {"provider_id": firm.id, **row.model_dump(mode="json", exclude={"contacts"}),
                   "name": named.get(row.id, row.name)}


def _devices(session: Session, devices: Sequence[file.Device]) -> Count:
    rows = [{"id": row.id, "key": row.key, "profile": row.profile, "site_id": row.site, "name": row.name or row.id,
             "via": row.via, "cover": row.cover, "covered_until": row.covered_until,
             "call_out_price": row.call_out_price} for row in devices]
    keys = {str(row["key"]): row["id"] for row in rows}
    listed = set(keys.values())
    taken = [f"devices: {keys[key]!r}: {key!r} is already device {holder!r}, which is not in this file — expected "
             "another dialect or address, or the same id" for holder, key in _holders(session, keys)
             if holder not in listed]
    taken += [f"devices: {one!r} was retired — expected it out of the file, or another id for what took its place"
              for one in _retired(session, (row.id for row in devices))]
    if taken:
        raise BadFleet(taken)
    _release_keys(session, {str(row["id"]): row["key"] for row in rows})
    known = {found for (found,) in session.connection().execute(select(col(DeviceState.device_id)))}
    count = upsert(session, Device, rows)
    insert_rows(session, DeviceState, [{"device_id": row["id"]} for row in rows if row["id"] not in known])
    for some in chunks(keys):
        session.connection().execute(delete(Unclaimed).where(col(Unclaimed.key).in_(some)))
    return count


def _judged_otherwise(session: Session, fleet: Fleet) -> set[str]:
    """The devices that have another key, profile or site in the file than until now, or whose site another time zone.
    """
    said = {row.id: (row.key, row.profile, row.site) for row in fleet.devices}
    zones = {str(row["id"]): row["timezone"] for row in _sites(fleet)}
    stored = session.connection().execute(select(
        col(Device.id), col(Device.key), col(Device.profile), col(Device.site_id), col(Site.timezone)).join(
            Site, col(Site.id) == Device.site_id))
    return {device for device, key, profile, site, zone in stored
            if said.get(device, (key, profile, site)) != (key, profile, site) or zones.get(site, zone) != zone}


def _sites_of_devices(session: Session, ids: Iterable[str]) -> set[str]:
    """Where they stand until now: they are found there no longer."""
    return {site for some in chunks(ids) for site in session.connection().scalars(
        select(col(Device.site_id)).where(col(Device.id).in_(some)))}


def _holders(session: Session, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    for some in chunks(keys):
        yield from session.connection().execute(
            select(col(Device.id), col(Device.key)).where(col(Device.key).in_(some)))


def _retired(session: Session, ids: Iterable[str]) -> list[str]:
    retired = session.connection().execute(select(col(Device.id)).where(col(Device.retired_at).is_not(None)))
    return sorted({found for (found,) in retired} & set(ids))


def _release_keys(session: Session, keys: dict[str, Any]) -> None:
    """Gives devices whose key changes a temporary one first: two may swap keys, which are unique."""
    stored = session.connection().execute(select(col(Device.id), col(Device.key)))
    moving = [{"row_id": device, "free": f"moving:{device}"} for device, key in stored if keys.get(device, key) != key]
    if moving:
        session.connection().execute(
            update(Device).where(col(Device.id) == bindparam("row_id")).values(key=bindparam("free")), moving)


def _site_areas(session: Session, sites: Sequence[file.Site]) -> Count:
    listed = {site.id for site in sites}
    wanted = {(site.id, area) for site in sites for area in site.areas}
    stored = {(site, area) for site, area in session.connection().execute(
        select(col(SiteArea.site_id), col(SiteArea.area_id))) if site in listed}
    for site, area in stored - wanted:
        session.connection().execute(
            delete(SiteArea).where(col(SiteArea.site_id) == site, col(SiteArea.area_id) == area))
    insert_rows(session, SiteArea, [{"site_id": site, "area_id": area} for site, area in sorted(wanted - stored)])
    return Count(len(wanted - stored), 0, len(wanted & stored), len(stored - wanted))


def _owners(session: Session, fleet: Fleet) -> dict[Recipient, list[file.Contact]]:
    """Everybody of the file, and who has left, who has none."""
    left = session.connection().scalars(select(col(Person.id)).where(col(Person.left_at).is_not(None)))
    owners: dict[Recipient, list[file.Contact]] = {person(one): [] for one in left}
    for household in fleet.customers:
        owners[customer(household.id)] = _with_numbers(household.contacts, household.phone)
        owners |= {person(row.id): _with_numbers(row.contacts, row.phone) for row in household.people}
    for firm in fleet.providers:
        owners[provider(firm.id)] = firm.contacts
        owners |= {Recipient(RecipientKind.TECHNICIAN, row.id): row.contacts for row in firm.technicians}
    return owners


def _with_numbers(contacts: Sequence[file.Contact], numbers: Iterable[str]) -> list[file.Contact]:
    to_ring = (file.Contact(channel=PHONE, address=number) for number in numbers)
    return [*contacts, *(one for one in to_ring if one not in contacts)]


def _contacts(session: Session, owners: dict[Recipient, list[file.Contact]], now: Instant) -> Count:
    """A contact that is no longer listed is deleted, or, when something was sent to it, stopped."""
    wanted = {contact_id(owner, one.channel, one.address): {
        "id": contact_id(owner, one.channel, one.address), "owner_kind": owner.kind, "owner_id": owner.id,
        "channel": one.channel, "address": one.address, "position": position}
        for owner, listed in owners.items() for position, one in enumerate(listed)}
    columns = ("id", "owner_kind", "owner_id", "stopped_at", "stopped_why", "consent_by")
    stored = [row for row in stored_rows(session, Contact, columns)
              if Recipient(row["owner_kind"], row["owner_id"]) in owners]
    count = upsert(session, Contact, list(wanted.values()))
    session.connection().execute(update(Contact).where(
        col(Contact.consent_by) == ConsentSource.IMPORTED, col(Contact.consent_at).is_(None)).values(consent_at=now))
    back = [row["id"] for row in stored if row["id"] in wanted and row["stopped_why"] == REMOVED]
    _stop(session, back, None, None)
    gone = [row["id"] for row in stored if row["id"] not in wanted and row["stopped_at"] is None
            and row["consent_by"] is not ConsentSource.THEMSELVES]  # what they typed themselves is in no file
    used = _used(session, gone)
    _stop(session, [one for one in gone if one in used], now, REMOVED)
    for some in chunks([one for one in gone if one not in used]):
        session.connection().execute(delete(Contact).where(col(Contact.id).in_(some)))
    owner_of = {row["id"]: row["owner_id"] for row in stored}
    record_rows(session, Contact, ({"id": one, "owner_id": owner_of[one]} for one in (*back, *gone)))
    return count._replace(gone=len(gone), changed=count.changed + len(back), unchanged=count.unchanged - len(back))


def _used(session: Session, ids: list[str]) -> set[str]:
    return {used for some in chunks(ids) for (used,) in session.connection().execute(
        select(col(Attempt.contact_id)).where(col(Attempt.contact_id).in_(some)).distinct())}


def _stop(session: Session, ids: list[str], at: Instant | None, why: str | None) -> None:
    for some in chunks(ids):
        session.connection().execute(
            update(Contact).where(col(Contact.id).in_(some)).values(stopped_at=at, stopped_why=why))
