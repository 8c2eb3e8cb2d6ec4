"""What an explanation needs, found by the id of whatever is asked about."""

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import func
from sqlmodel import Session, SQLModel, col, select

from gateway.detection import Known
from gateway.explaining import AlarmFacts, CallbackFacts, DeviceFacts, Facts, OutageFacts, Story, TicketFacts
from gateway.model import (
    Alarm,
    Attempt,
    Callback,
    Command,
    Customer,
    Device,
    DeviceState,
    Entry,
    Notification,
    Offer,
    Outage,
    OutageMember,
    Promise,
    Provider,
    Site,
    Ticket,
    Visit,
)

RECENT = 10  # alarms of a device
MOST_TOLD = 200  # an outage tells thousands the same


def facts_of(session: Session, subject_id: str) -> Facts | None:
    """The alarm, ticket, callback, outage or device of that id; None when there is none."""
    return (_alarm(session, subject_id) or _ticket(session, subject_id) or _callback(session, subject_id)
            or _outage(session, subject_id) or _device(session, subject_id))


def profile_of(facts: Facts) -> str:
    """The profile id of its device, "" when it has none."""
    return "" if isinstance(facts, OutageFacts) else facts.device.profile


def _alarm(session: Session, alarm_id: str) -> AlarmFacts | None:
    alarm = session.get(Alarm, alarm_id)
    if alarm is None:
        return None
    device, site = _where(session, alarm.device_id, alarm.site_id)
    held = _get(session, Outage, alarm.held_by) or _get(session, Device, alarm.held_by)
    return AlarmFacts(alarm, device, site, _get(session, Ticket, alarm.ticket_id),
                      _get(session, Command, alarm.command_id), held, _story(session, alarm.ticket_id or alarm.id))


def _ticket(session: Session, ticket_id: str) -> TicketFacts | None:
    ticket = session.get(Ticket, ticket_id)
    if ticket is None:
        return None
    device, site = _where(session, ticket.device_id, ticket.site_id)
    return TicketFacts(
        ticket, device, site,
        list(session.exec(select(Alarm).where(Alarm.ticket_id == ticket_id).order_by(col(Alarm.opened_at)))),
        list(session.exec(select(Offer).where(Offer.ticket_id == ticket_id).order_by(col(Offer.offered_at)))),
        list(session.exec(select(Visit).where(Visit.ticket_id == ticket_id).order_by(col(Visit.created_at)))),
        _promises(session, ticket_id), _story(session, ticket_id))


def _callback(session: Session, callback_id: str) -> CallbackFacts | None:
    callback = session.get(Callback, callback_id)
    if callback is None:
        return None
    device, site = _where(session, callback.device_id, callback.site_id)
    return CallbackFacts(callback, device, site, _promises(session, callback_id), _story(session, callback_id))


def _outage(session: Session, outage_id: str) -> OutageFacts | None:
    outage = session.get(Outage, outage_id)
    if outage is None:
        return None
    states = select(OutageMember.state, func.count()).where(OutageMember.outage_id == outage_id)
    homes = select(Site.name, Site.timezone).join(OutageMember, col(OutageMember.site_id) == Site.id).where(
        OutageMember.outage_id == outage_id)
    nested = [name for name, _ in session.exec(homes.where(OutageMember.state == "nested").order_by(Site.name)
                                               .limit(RECENT))]
    first = session.exec(homes.limit(1)).first()
    held = session.exec(select(func.count()).select_from(Alarm).where(Alarm.held_by == outage_id)).one()
    return OutageFacts(outage, first[1] if first is not None else "UTC",
                       dict(session.exec(states.group_by(OutageMember.state)).all()), nested, held,
                       _story(session, outage_id, outage.ticket_id))


def _device(session: Session, device_id: str) -> DeviceFacts | None:
    device = session.get(Device, device_id)
    if device is None:
        return None
    state = session.get(DeviceState, device_id)
    known = Known(device.id, device.key, device.profile, device.site_id)
    if state is not None:
        known.link, known.link_at, known.seen_at = state.link, state.link_at, state.seen_at
        known.data_at, known.due_at = state.data_at, state.due_at
        known.signals, known.rules = orjson.loads(state.signals), orjson.loads(state.rules)
    alarms = session.exec(select(Alarm).where(Alarm.device_id == device_id).order_by(col(Alarm.opened_at).desc())
                          .limit(RECENT))
    return DeviceFacts(device, _where(session, device.id, device.site_id)[1], known, _get(session, Device, device.via),
                       list(alarms))


def _where(session: Session, device_id: str, site_id: str) -> tuple[Device, Site]:
    return session.get_one(Device, device_id), session.get_one(Site, site_id)


def _promises(session: Session, subject_id: str) -> list[Promise]:
    return list(session.exec(select(Promise).where(Promise.subject_id == subject_id).order_by(col(Promise.made_at))))


def _story(session: Session, *subject_ids: str | None) -> Story:
    """Who was told what about these, and their timeline."""
    subjects = [one for one in subject_ids if one is not None]
    notes = list(session.exec(select(Notification).where(col(Notification.subject_id).in_(subjects))
                              .order_by(col(Notification.created_at), col(Notification.id)).limit(MOST_TOLD)))
    tries: dict[str, list[Attempt]] = {}
    for attempt in session.exec(select(Attempt).where(col(Attempt.notification_id).in_([row.id for row in notes]))
                                .order_by(col(Attempt.started_at))):
        tries.setdefault(attempt.notification_id, []).append(attempt)
    entries = session.exec(select(Entry).where(col(Entry.subject_id).in_(subjects)).order_by(col(Entry.id)))
    return Story([(row, tries.get(row.id, [])) for row in notes], list(entries), _names(session, notes))


def _names(session: Session, notes: Iterable[Notification]) -> dict[str, str]:
    """Recipient, and every provider's id, → what they are called."""
    names = {"dispatcher": "the dispatcher"}
    customers = {row.recipient.removeprefix("customer/") for row in notes if row.recipient.startswith("customer/")}
    for customer in session.exec(select(Customer).where(col(Customer.id).in_(customers))):
        names[f"customer/{customer.id}"] = customer.name
    for provider in session.exec(select(Provider)):
        names[provider.id] = names[f"provider/{provider.id}"] = provider.name
    return names


def _get(session: Session, table: type[SQLModel], row_id: str | None) -> Any:
    return None if row_id is None else session.get(table, row_id)
