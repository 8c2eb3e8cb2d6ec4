"""Queries for the API's lists and their single rows, with the filters of each list."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlmodel import Session, col

from gateway.model import (
    Alarm,
    Area,
    Attempt,
    ButtonTest,
    Callback,
    CallbackKind,
    Command,
    Customer,
    DeadLetter,
    Device,
    DeviceState,
    Entry,
    ExternalKind,
    JobTicket,
    LinkState,
    MaintenanceWindow,
    Notification,
    Offer,
    Outage,
    OutageMember,
    Provider,
    Reading,
    Site,
    Ticket,
    Unclaimed,
    Visit,
)
from gateway.store import external_ids
from gateway.store.views.pagination import Order, Page, Query, page
from gateway.tickets.lifecycle import UNDER_WAY

Values = Mapping[str, Any]
"""Filter name → value; a name that is absent does not filter."""

_Filters = dict[str, Callable[[Any], ColumnElement[bool]]]


def _empty(column: Any) -> Callable[[Any], ColumnElement[bool]]:
    return lambda yes: column.is_(None) if yes else column.is_not(None)


def _filled(column: Any) -> Callable[[Any], ColumnElement[bool]]:
    return lambda yes: column.is_not(None) if yes else column.is_(None)


def _equals(column: Any) -> Callable[[Any], ColumnElement[bool]]:
    return lambda value: column == value


def _is_to(kind: str, owner_id: str) -> ColumnElement[bool]:
    return and_(col(Notification.recipient_kind) == kind, col(Notification.recipient_id) == owner_id)


def _called(kind: ExternalKind, column: Any) -> _Filters:
    return {"external_id": lambda one: external_ids.is_called(kind, column, *one)}


def _between(column: Any) -> _Filters:
    return {"since": lambda at: column >= at, "until": lambda at: column < at}


_TICKETS: _Filters = {
    "state": _equals(col(Ticket.state)), "site": _equals(col(Ticket.site_id)),
    "customer": _equals(col(Ticket.customer_id)), "device": _equals(col(Ticket.device_id)),
    "provider": _equals(col(Ticket.provider_id)), "open": _empty(col(Ticket.closed_at)),
    **_between(col(Ticket.opened_at)), **_called(ExternalKind.TICKET, col(Ticket.id)),
}
_ALARMS: _Filters = {
    "device": _equals(col(Alarm.device_id)), "site": _equals(col(Alarm.site_id)), "rule": _equals(col(Alarm.rule)),
    "severity": _equals(col(Alarm.severity)), "ticket": _equals(col(Alarm.ticket_id)),
    "flapping": _equals(col(Alarm.flapping)), "monitor": _equals(col(Alarm.dry_run)),
    "acknowledged": _filled(col(Alarm.acknowledged_at)), "open": _empty(col(Alarm.closed_at)),
    **_between(col(Alarm.opened_at)), **_called(ExternalKind.ALARM, col(Alarm.id)),
}
_CALLBACKS: _Filters = {
    "state": _equals(col(Callback.state)), "site": _equals(col(Callback.site_id)),
    "customer": _equals(col(Callback.customer_id)), "urgent": _equals(col(Callback.urgent)),
    "open": _empty(col(Callback.closed_at)), **_between(col(Callback.requested_at)),
    **_called(ExternalKind.CALLBACK, col(Callback.id)),
}
_DEVICES: _Filters = {
    "profile": _equals(col(Device.profile)), "site": _equals(col(Device.site_id)),
    "link": lambda link: func.coalesce(DeviceState.link, LinkState.UNHEARD) == link,
    **_called(ExternalKind.DEVICE, col(Device.id)),
}
_BUTTON_TESTS: _Filters = {
    "state": _equals(col(ButtonTest.state)), "device": _equals(col(ButtonTest.device_id)),
    "site": _equals(col(ButtonTest.site_id)), "open": _empty(col(ButtonTest.closed_at)),
}
_NOTIFICATIONS: _Filters = {
    "state": _equals(col(Notification.state)), "recipient": lambda to: _is_to(*to),
    "subject": _equals(col(Notification.subject_id)), "topic": _equals(col(Notification.topic)),
    **_between(col(Notification.created_at)), **_called(ExternalKind.NOTIFICATION, col(Notification.id)),
}
_READINGS = _between(col(Reading.at))
_COMMANDS = _between(col(Command.created_at))
_OUTAGES: _Filters = {
    "state": _equals(col(Outage.state)), "area": _equals(col(Outage.area_id)), "kind": _equals(col(Outage.kind)),
    "open": _empty(col(Outage.closed_at)), **_between(col(Outage.began_at)),
    **_called(ExternalKind.OUTAGE, col(Outage.id)),
}
_OFFERS: _Filters = {
    "ticket": _equals(col(Offer.ticket_id)), "provider": _equals(col(Offer.provider_id)),
    "state": _equals(col(Offer.state)), "open": _empty(col(Offer.closed_at)), **_between(col(Offer.offered_at)),
    **_called(ExternalKind.OFFER, col(Offer.id)),
}
_VISITS: _Filters = {
    "ticket": _equals(col(Visit.ticket_id)), "provider": _equals(col(Visit.provider_id)),
    "site": _equals(col(Ticket.site_id)), "state": _equals(col(Visit.state)), "open": _empty(col(Visit.done_at)),
    **_between(col(Visit.window_from)), **_called(ExternalKind.VISIT, col(Visit.id)),
}
_PROVIDERS: _Filters = _called(ExternalKind.PROVIDER, col(Provider.id))
_WINDOWS: _Filters = _called(ExternalKind.MAINTENANCE, col(MaintenanceWindow.id))
_OUTAGE_MEMBERS: _Filters = {"state": _equals(col(OutageMember.state))}
_DEAD_LETTERS: _Filters = {"dialect": _equals(col(DeadLetter.dialect)), **_between(col(DeadLetter.received_at))}


def _filtered(query: Query, filters: _Filters, wanted: Values) -> Query:
    return query.where(*(filters[name](value) for name, value in wanted.items()))


_TICKET = (
    select(Ticket, Site, Customer, Device, Outage, Provider, Visit)
    .join(Site, col(Site.id) == Ticket.site_id)
    .join(Customer, col(Customer.id) == Ticket.customer_id)
    .outerjoin(Device, col(Device.id) == Ticket.device_id)
    .outerjoin(Outage, col(Outage.id) == Ticket.outage_id)
    .outerjoin(Provider, col(Provider.id) == Ticket.provider_id)
    .outerjoin(Visit, col(Visit.id) == Ticket.visit_id)
)
_ALARM = (
    select(Alarm, Device, Command)
    .join(Device, col(Device.id) == Alarm.device_id)
    .outerjoin(Command, col(Command.id) == Alarm.command_id)
)
_CALLBACK = (
    select(Callback, Site, Customer)
    .join(Site, col(Site.id) == Callback.site_id)
    .join(Customer, col(Customer.id) == Callback.customer_id)
)
_DEVICE = select(Device, DeviceState).outerjoin(DeviceState, col(DeviceState.device_id) == Device.id)


def tickets(session: Session, wanted: Values, cursor: str | None, limit: int) -> Page:
    """Rows are (Ticket, Site, Customer, Device | None, Outage | None, Provider | None, current Visit | None), newest
    first."""
    order = Order((Ticket.opened_at, Ticket.id))
    return page(session, _filtered(_TICKET, _TICKETS, wanted), order, cursor, limit)


def ticket(session: Session, ticket_id: str) -> Any | None:
    return session.execute(_TICKET.where(col(Ticket.id) == ticket_id)).first()


def timeline(session: Session, subject_id: str, cursor: str | None, limit: int) -> Page:
    """Rows are Entry, oldest first."""
    wanted = select(Entry).where(col(Entry.subject_id) == subject_id)
    return page(session, wanted, Order((Entry.id,), rising=True), cursor, limit)


def alarms(session: Session, wanted: Values, cursor: str | None, limit: int) -> Page:
    """Rows are (Alarm, Device, the command that was tried first | None), newest first."""
    order = Order((Alarm.opened_at, Alarm.id))
    return page(session, _filtered(_ALARM, _ALARMS, wanted), order, cursor, limit)


def alarm(session: Session, alarm_id: str) -> Any | None:
    return session.execute(_ALARM.where(col(Alarm.id) == alarm_id)).first()


def callbacks(session: Session, wanted: Values, cursor: str | None, limit: int) -> Page:
    """Rows are (Callback, Site, Customer), newest first."""
    order = Order((Callback.requested_at, Callback.id))
    return page(session, _filtered(_CALLBACK, _CALLBACKS, wanted), order, cursor, limit)


def open_callbacks(session: Session) -> list[Any]:
    """All of them, as `callbacks` gives them."""
    return list(session.execute(_CALLBACK.where(col(Callback.closed_at).is_(None))))


def open_callback(session: Session, site_id: str) -> Any | None:
    """The one that people of the site have asked for."""
    return session.execute(_CALLBACK.where(
        col(Callback.site_id) == site_id, col(Callback.kind) == CallbackKind.ORDINARY,
        col(Callback.closed_at).is_(None))).first()


def callback(session: Session, callback_id: str) -> Any | None:
    return session.execute(_CALLBACK.where(col(Callback.id) == callback_id)).first()


def devices(session: Session, wanted: Values, cursor: str | None, limit: int) -> Page:
    """Rows are (Device, DeviceState | None), by id."""
    return page(session, _filtered(_DEVICE, _DEVICES, wanted), Order((Device.id,), rising=True), cursor, limit)


def device(session: Session, device_id: str) -> Any | None:
    return session.execute(_DEVICE.where(col(Device.id) == device_id)).first()


def readings(session: Session, device_id: str, wanted: Values, cursor: str | None, limit: int) -> Page:
    """Rows are Reading, newest first."""
    query = _filtered(select(Reading).where(col(Reading.device_id) == device_id), _READINGS, wanted)
    return page(session, query, Order((Reading.at, Reading.seq)), cursor, limit)


def commands(session: Session, device_id: str, wanted: Values, cursor: str | None, limit: int) -> Page:
    """Rows are Command, newest first."""
    query = _filtered(select(Command).where(col(Command.device_id) == device_id), _COMMANDS, wanted)
    return page(session, query, Order((Command.created_at, Command.id)), cursor, limit)


def button_tests(session: Session, wanted: Values, cursor: str | None, limit: int) -> Page:
    """Rows are ButtonTest, the one planned for last first."""
    query = _filtered(select(ButtonTest), _BUTTON_TESTS, wanted)
    return page(session, query, Order((ButtonTest.planned_for, ButtonTest.id)), cursor, limit)


def unclaimed(session: Session, cursor: str | None, limit: int) -> Page:
    """Rows are Unclaimed, by key."""
    return page(session, select(Unclaimed), Order((Unclaimed.key,), rising=True), cursor, limit)


def notifications(session: Session, wanted: Values, cursor: str | None, limit: int) -> Page:
    """Rows are (Notification, [Attempt]), newest first."""
    query = _filtered(select(Notification), _NOTIFICATIONS, wanted)
    found = page(session, query, Order((Notification.created_at, Notification.id)), cursor, limit)
    tries = _attempts(session, [row.id for row in found.rows])
    return Page([(row, tries.get(row.id, [])) for row in found.rows], found.next)


def notification(session: Session, notification_id: str) -> tuple[Notification, list[Attempt]] | None:
    row = session.get(Notification, notification_id)
    return None if row is None else (row, _attempts(session, [row.id]).get(row.id, []))


def _attempts(session: Session, notification_ids: Sequence[str]) -> dict[str, list[Attempt]]:
    found: dict[str, list[Attempt]] = {}
    query = select(Attempt).where(col(Attempt.notification_id).in_(notification_ids))
    for attempt in session.scalars(query.order_by(col(Attempt.started_at), col(Attempt.id))):
        found.setdefault(attempt.notification_id, []).append(attempt)
    return found


def dead_letters(session: Session, wanted: Values, cursor: str | None, limit: int) -> Page:
    """Rows are DeadLetter, newest first."""
    return page(session, _filtered(select(DeadLetter), _DEAD_LETTERS, wanted), Order((DeadLetter.id,)), cursor, limit)


_JOBS = (
    select(func.count()).select_from(Ticket)
    .where(col(Ticket.provider_id) == Provider.id, col(Ticket.state).in_(UNDER_WAY)).scalar_subquery()
)
_PENDING = (
    select(func.count()).select_from(Offer)
    .where(col(Offer.provider_id) == Provider.id, col(Offer.closed_at).is_(None)).scalar_subquery()
)
_PROVIDER = select(Provider, _JOBS, _PENDING)


def providers(session: Session, wanted: Values, cursor: str | None, limit: int) -> Page:
    """Rows are (Provider, open jobs, pending offers), by id."""
    return page(session, _filtered(_PROVIDER, _PROVIDERS, wanted), Order((Provider.id,), rising=True), cursor, limit)


def provider(session: Session, provider_id: str) -> Any | None:
    return session.execute(_PROVIDER.where(col(Provider.id) == provider_id)).first()


_OFFER = (
    select(Offer, Provider, Ticket, Site)
    .join(Provider, col(Provider.id) == Offer.provider_id)
    .join(Ticket, col(Ticket.id) == Offer.ticket_id)
    .join(Site, col(Site.id) == Ticket.site_id)
)


def offers(session: Session, wanted: Values, cursor: str | None, limit: int) -> Page:
    """Rows are (Offer, Provider, Ticket, Site), newest first."""
    return page(session, _filtered(_OFFER, _OFFERS, wanted), Order((Offer.offered_at, Offer.id)), cursor, limit)


def offer(session: Session, offer_id: str) -> Any | None:
    return session.execute(_OFFER.where(col(Offer.id) == offer_id)).first()


_VISIT = (
    select(Visit, Provider, Ticket, Site, Customer)
    .join(Provider, col(Provider.id) == Visit.provider_id)
    .join(Ticket, col(Ticket.id) == Visit.ticket_id)
    .join(Site, col(Site.id) == Ticket.site_id)
    .join(Customer, col(Customer.id) == Ticket.customer_id)
)


def visits(session: Session, wanted: Values, cursor: str | None, limit: int) -> Page:
    """Rows are (Visit, Provider, Ticket, Site, Customer), the latest arrival window first."""
    return page(session, _filtered(_VISIT, _VISITS, wanted), Order((Visit.window_from, Visit.id)), cursor, limit)


def visit(session: Session, visit_id: str) -> Any | None:
    return session.execute(_VISIT.where(col(Visit.id) == visit_id)).first()


def tickets_of_job(session: Session, job_ids: Sequence[str]) -> dict[str, list[str]]:
    """Job → the numbers of the tickets that it settles in one trip."""
    found: dict[str, list[str]] = {}
    query = select(col(JobTicket.job_id), col(JobTicket.ticket_id)).where(col(JobTicket.job_id).in_(job_ids))
    for job_id, ticket_id in session.execute(query.order_by(col(JobTicket.ticket_id))):
        found.setdefault(job_id, []).append(ticket_id)
    return found


def outage(session: Session, outage_id: str) -> Outage | None:
    return session.get(Outage, outage_id)


def outages(session: Session, wanted: Values, cursor: str | None, limit: int) -> Page:
    """Rows are Outage, newest first."""
    order = Order((Outage.began_at, Outage.id))
    return page(session, _filtered(select(Outage), _OUTAGES, wanted), order, cursor, limit)


def outage_members(session: Session, outage_id: str, wanted: Values, cursor: str | None, limit: int) -> Page:
    """Rows are (OutageMember, Site, Customer), by site."""
    query = (select(OutageMember, Site, Customer).join(Site, col(Site.id) == OutageMember.site_id)
             .join(Customer, col(Customer.id) == OutageMember.customer_id)
             .where(col(OutageMember.outage_id) == outage_id))
    return page(session, _filtered(query, _OUTAGE_MEMBERS, wanted), Order((OutageMember.id,), rising=True), cursor,
                limit)


_WINDOW = select(MaintenanceWindow, Area).join(Area, col(Area.id) == MaintenanceWindow.area_id)


def maintenance_windows(session: Session, wanted: Values, cursor: str | None, limit: int) -> Page:
    """Rows are (MaintenanceWindow, Area), the latest first."""
    order = Order((MaintenanceWindow.from_at, MaintenanceWindow.id))
    return page(session, _filtered(_WINDOW, _WINDOWS, wanted), order, cursor, limit)


def maintenance_window(session: Session, window_id: str) -> Any | None:
    """(MaintenanceWindow, Area)."""
    return session.execute(_WINDOW.where(col(MaintenanceWindow.id) == window_id)).first()
