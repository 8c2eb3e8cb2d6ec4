"""Queries for the yearly message that all is well: whose is due, and how it looks at their homes."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import exists, func
from sqlmodel import Session, col, select

from gateway.model import (
    Alarm,
    ButtonTest,
    Callback,
    Device,
    DeviceState,
    Instant,
    LinkState,
    Notification,
    Outage,
    OutageMember,
    Person,
    PersonSite,
    Preference,
    Recipient,
    RecipientKind,
    Site,
    Ticket,
)
from gateway.model.instant import DAY
from gateway.notifications.preferences.all_is_well import HomeNow, Watched
from gateway.notifications.topics import TopicName


def due(session: Session, now: Instant, limit: int) -> list[Preference]:
    """Of those who asked for it, the longest due first, locked until the transaction ends."""
    return list(session.exec(select(Preference).where(col(Preference.well_at) <= now)
                             .order_by(col(Preference.well_at)).limit(limit).with_for_update(skip_locked=True)))


def household_of(session: Session, owner: Recipient) -> str | None:
    """None: they belong to none any more."""
    if owner.kind is RecipientKind.CUSTOMER:
        return owner.id
    person = session.get(Person, owner.id)
    return None if person is None or person.left_at is not None else person.customer_id


def newest_message(session: Session, household_id: str, owner: Recipient) -> Notification | None:
    """The newest of that kind to them."""
    return session.exec(select(Notification).where(
        Notification.subject_id == household_id, Notification.topic == TopicName.ALL_IS_WELL,
        col(Notification.occurrence).startswith(f"{owner}/", autoescape=True))
        .order_by(col(Notification.created_at).desc(), col(Notification.id)).limit(1)).first()


def home_now(session: Session, household_id: str, owner: Recipient, since: Instant) -> HomeNow:
    """All homes at which they live. `since`: from when on it counts how often we acted."""
    sites = select(Site.id).where(Site.customer_id == household_id, col(Site.household_left_at).is_(None))
    if owner.kind is RecipientKind.PERSON:
        sites = sites.join(PersonSite, col(PersonSite.site_id) == Site.id).where(
            PersonSite.person_id == owner.id, col(PersonSite.left_at).is_(None))
    ids = list(session.exec(sites))
    if not ids:
        return HomeNow()
    rows = session.exec(select(Device.id, Device.name, DeviceState.link, DeviceState.seen_at).join(
        DeviceState, col(DeviceState.device_id) == Device.id).where(
        col(Device.site_id).in_(ids), col(Device.retired_at).is_(None), col(DeviceState.seen_at).is_not(None))
        .order_by(col(Device.name), col(Device.id))).all()
    batteries = _batteries(session, [one for one, *_ in rows])
    acted = session.exec(select(func.count()).select_from(Ticket).where(
        col(Ticket.site_id).in_(ids), Ticket.customer_id == household_id, col(Ticket.outage_id).is_(None),
        col(Ticket.resolved_at) > since)).one()
    return HomeNow(True, _anything_open(session, ids), tuple(
        Watched(name, LinkState(link), seen_at, batteries.get(key)) for key, name, link, seen_at in rows
        if seen_at is not None), acted)


def unwell(session: Session, rows: Iterable[Notification]) -> frozenset[str]:
    """Of these messages that all is well, those that are not true now."""
    found = set()
    for row in rows:
        if row.topic == TopicName.ALL_IS_WELL:
            kind, _, owner_id = str(row.facts.get("owner") or "").partition("/")
            owner = Recipient(RecipientKind(kind), owner_id)
            if not home_now(session, row.recipient_id, owner, row.created_at - DAY).is_well:
                found.add(row.id)
    return frozenset(found)


def _anything_open(session: Session, site_ids: list[str]) -> bool:
    def at(table: Any, *where: Any) -> Any:
        return exists(select(table.id).where(col(table.site_id).in_(site_ids), col(table.closed_at).is_(None), *where))

    dark = exists(select(OutageMember.id).join(Outage, col(Outage.id) == OutageMember.outage_id).where(
        col(OutageMember.site_id).in_(site_ids), col(OutageMember.back_at).is_(None), col(Outage.closed_at).is_(None)))
    faults = at(Alarm, ~col(Alarm.dry_run))
    return any(session.connection().scalar(select(one)) for one in (at(Ticket), at(Callback), faults, dark))


def _batteries(session: Session, device_ids: list[str]) -> dict[str, int]:
    """Device → per cent, as its last test said."""
    tests = session.exec(select(ButtonTest.device_id, ButtonTest.battery).where(
        col(ButtonTest.device_id).in_(device_ids), col(ButtonTest.battery).is_not(None))
        .order_by(col(ButtonTest.planned_for)))
    return {device_id: battery for device_id, battery in tests if battery is not None}
