"""Queries for a call: everything about the home of a callback that whoever rings needs, in a fixed number of them."""

from collections.abc import Mapping, Sequence

from sqlmodel import Session, col, select

from gateway.callbacks.call_context.facts import Around, CallFacts, OpenTicket
from gateway.callbacks.numbers.telephones import had_left
from gateway.callbacks.presses.answers import form_for, likeliest
from gateway.devices.profiles import Profile
from gateway.model import (
    HOUR,
    Alarm,
    Area,
    ButtonTest,
    Callback,
    Device,
    DeviceState,
    Instant,
    JobTicket,
    Notification,
    OnCallPage,
    Outage,
    OutageMember,
    Promise,
    PromiseState,
    Provider,
    Reading,
    RecipientKind,
    Site,
    Ticket,
    Visit,
)
from gateway.model.states import ButtonTestState, GhostSign
from gateway.outages.context import CUSTOMER_KINDS
from gateway.outages.homes.devices import power_of
from gateway.store.contexts.areas import areas_of
from gateway.store.contexts.suppression import home_devices, suppression_context
from gateway.store.households import households
from gateway.store.sites.open_rows import open_rows_at
from gateway.store.views.pages import causes_in_messages

DEVICES, CALLS, TOLD, VISITS, POINTS = 40, 10, 12, 5, 120  # rows shown at most
AROUND = 6 * HOUR  # before and after the fault


def call_facts(session: Session, callback: Callback, profiles: Mapping[str, Profile], now: Instant) -> CallFacts:
    """What is known of the home since its household lives there."""
    site = session.get_one(Site, callback.site_id)
    home = households(session, [(callback.customer_id, site.id)])[callback.customer_id, site.id]
    since = (site.household_since or 0) if site.customer_id == callback.customer_id else now
    devices = [(device, state) for device, state in session.exec(
        select(Device, DeviceState).join(DeviceState, col(DeviceState.device_id) == Device.id)
        .where(Device.site_id == site.id, col(Device.retired_at).is_(None)).order_by(col(Device.id)).limit(DEVICES))]
    alarms = _alarms(session, [device.id for device, _ in devices])
    tickets = _open_tickets(session, callback)
    charted, at = _in_trouble(callback, tickets, alarms)
    calls = list(session.exec(
        select(Callback).where(Callback.customer_id == callback.customer_id, Callback.site_id == site.id,
                               Callback.id != callback.id, Callback.requested_at >= since)
        .order_by(col(Callback.requested_at).desc()).limit(CALLS)))
    return CallFacts(
        callback, site, home.customer, home.people, [] if had_left(callback, site) else home.telephones, devices,
        _around(session, site, callback, profiles, now),
        alarms=alarms, tickets=tickets, callbacks=calls,
        told=list(session.exec(
            select(Notification).where(Notification.recipient_kind == RecipientKind.CUSTOMER,
                                       Notification.recipient_id == callback.customer_id,
                                       Notification.created_at >= since)
            .order_by(col(Notification.created_at).desc(), col(Notification.id)).limit(TOLD))),
        visits=list(session.exec(
            select(Visit).join(Ticket, col(Ticket.id) == Visit.ticket_id)
            .where(Ticket.site_id == site.id, col(Visit.done_at).is_not(None), col(Visit.done_at) >= since)
            .order_by(col(Visit.done_at).desc()).limit(VISITS))),
        promises=_promises(session, callback, tickets), charted=charted,
        readings=_readings(session, charted, at, since, now), test_asked_at=session.exec(
            select(ButtonTest.asked_at).where(ButtonTest.site_id == site.id, col(ButtonTest.closed_at).is_(None),
                                              ButtonTest.state == ButtonTestState.ASKED)).first(),
        suspicion=_suspicion(session, callback))


def _suspicion(session: Session, callback: Callback) -> GhostSign | None:
    """Why perhaps nobody pressed, as whoever is on call was told."""
    pages = session.exec(select(OnCallPage).where(OnCallPage.subject_id == callback.id,
                                                  col(OnCallPage.closed_at).is_(None)))
    signs = (facts.get("suspicion") for page in pages for facts in page.facts.values())
    return next((GhostSign(sign) for sign in signs if sign), None)


def _alarms(session: Session, device_ids: Sequence[str]) -> list[Alarm]:
    return list(session.exec(
        select(Alarm).where(col(Alarm.device_id).in_(device_ids), col(Alarm.closed_at).is_(None),
                            col(Alarm.dry_run).is_(False)).order_by(col(Alarm.opened_at).desc(), col(Alarm.id))))


def _open_tickets(session: Session, callback: Callback) -> list[OpenTicket]:
    """Those of the home itself: an outage's may be opened there, and is everybody's."""
    rows = list(session.exec(
        select(Ticket, Visit, Provider).outerjoin(Visit, col(Visit.id) == Ticket.visit_id)
        .outerjoin(Provider, col(Provider.id) == Ticket.provider_id)
        .where(Ticket.site_id == callback.site_id, Ticket.customer_id == callback.customer_id,
               col(Ticket.closed_at).is_(None), col(Ticket.outage_id).is_(None))))
    rows.sort(key=lambda row: (-row[0].severity.rank, row[0].opened_at, row[0].id))
    words = causes_in_messages(session, [ticket.id for ticket, _, _ in rows]) if rows else {}
    return [OpenTicket(ticket, words.get(ticket.id, {}), visit, provider) for ticket, visit, provider in rows]


def _around(session: Session, site: Site, callback: Callback, profiles: Mapping[str, Profile], now: Instant) -> Around:
    """Mostly nothing is out or planned anywhere: one query says so."""
    known = suppression_context(session, open_rows_at(session, [site.id]))
    if not known:
        return Around()
    areas = areas_of(session, {site.id}).get(site.id, frozenset())
    outages = [one for one in known.outages if one.area_id in areas and one.kind in CUSTOMER_KINDS]
    works = sorted((one for one in known.windows if one.area_id in areas and one.until_at > now),
                   key=lambda one: (one.from_at, one.id))
    work = works[0] if works else None
    area = session.get(Area, work.area_id) if work is not None else None
    named = Around(work=work, area=area.name if area is not None else "")
    if not outages:
        return named
    members = {row.outage_id: row for row in session.exec(
        select(OutageMember).where(col(OutageMember.id).in_([f"{one.id}/{site.id}" for one in outages])))}
    outage: Outage | None = likeliest(outages, members)
    if outage is None:
        return named
    power = power_of(home_devices(session, [site.id])[site.id], profiles, outage.began_at, callback.device_id)
    return Around(outage, form_for(outage, members.get(outage.id), power), named.work, named.area)


def _in_trouble(callback: Callback, tickets: Sequence[OpenTicket], alarms: Sequence[Alarm]) -> tuple[str, Instant]:
    """The device to look at, and when: of the worst fault, of the newest alarm, else the one that was pressed."""
    for one in tickets:
        if one.ticket.device_id is not None:
            return one.ticket.device_id, one.ticket.opened_at
    if alarms:
        return alarms[0].device_id, alarms[0].opened_at
    return callback.device_id or "", callback.requested_at


def _readings(session: Session, device_id: str, at: Instant, since: Instant, now: Instant) -> list[Reading]:
    """Those nearest before the fault, and those after it."""
    if not device_id:
        return []
    newest = session.exec(
        select(Reading).where(Reading.device_id == device_id, Reading.at >= max(at - AROUND, since),
                              Reading.at <= min(at + AROUND, now))
        .order_by(col(Reading.at).desc(), col(Reading.seq).desc()).limit(POINTS))
    return list(newest)[::-1]


def _promises(session: Session, callback: Callback, tickets: Sequence[OpenTicket]) -> list[Promise]:
    ids = [callback.id, *(one.ticket.id for one in tickets)]
    jobs = select(JobTicket.job_id).where(col(JobTicket.ticket_id).in_(ids))
    return list(session.exec(
        select(Promise).where(col(Promise.subject_id).in_(ids) | col(Promise.subject_id).in_(jobs),
                              Promise.state == PromiseState.OPEN, col(Promise.in_shadow).is_(False),
                              col(Promise.recipient_id).in_(("", callback.customer_id)))
        .order_by(col(Promise.due_at), col(Promise.id))))
