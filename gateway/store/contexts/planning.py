"""Loads the PlanningContext of devices: alarms, tickets, customers and providers in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import bindparam, func
from sqlmodel import Session, col, select

from gateway.detection.batch import Finding
from gateway.detection.device_state import RuleFailed
from gateway.model import (
    Alarm,
    Area,
    Callback,
    Command,
    Customer,
    Device,
    Link,
    LinkPurpose,
    Notification,
    Offer,
    PressRecord,
    Promise,
    PromiseState,
    Provider,
    Site,
    SiteArea,
    Ticket,
    Visit,
)
from gateway.model.plan import Draft, R
from gateway.model.row import table_of
from gateway.store.contexts.on_call import load_open_pages
from gateway.store.contexts.suppression import add_suppression, suppression_context
from gateway.tickets.alarms.changes import broken_subject
from gateway.tickets.context import PlanningContext, ProviderLoad
from gateway.tickets.lifecycle import UNDER_WAY

_HELD = select(Ticket.provider_id, func.count()).where(
    col(Ticket.state).in_(UNDER_WAY)).group_by(col(Ticket.provider_id))
_OFFERED = select(Offer.provider_id, func.count()).where(
    col(Offer.closed_at).is_(None)).group_by(col(Offer.provider_id))
_PROVIDERS = select(Provider).order_by(Provider.id)


def planning_contexts(session: Session, draft: Draft, device_ids: Iterable[str],
                      press_ids: Mapping[str, set[str]] | None = None, provider_loads: ProviderLoad | None = None
                      ) -> dict[str, PlanningContext]:
    """Device id → its PlanningContext, made of copies of `draft`. `press_ids`: device id → ids of the presses in this
    batch. Without `provider_loads` the providers are left out."""
    devices = _by_id(session, Device, device_ids)
    sites = _by_id(session, Site, {device.site_id for device in devices.values()})
    customers = _by_id(session, Customer, {site.customer_id for site in sites.values()})
    contexts: dict[str, PlanningContext] = {}
    around = suppression_context(session)
    areas = _areas_of(session, set(sites)) if provider_loads is not None or around else {}
    for device in devices.values():
        site = sites[device.site_id]
        contexts[device.id] = PlanningContext(draft, device, site, customers[site.customer_id],
                                              areas.get(site.id, frozenset()),
                                              provider_loads=provider_loads or ProviderLoad())
    _add_alarms_and_tickets(session, draft, contexts)
    _add_callbacks(session, draft, contexts, press_ids or {})
    add_suppression(session, draft, contexts, around)
    load_open_pages(session, draft, list(sites))
    session.expunge_all()  # the plan is written behind the session's back: who asks again reads again
    return contexts


def provider_loads(session: Session) -> ProviderLoad:
    """Every provider, and how many jobs each holds or has been offered."""
    jobs: dict[str, int] = defaultdict(int)
    for provider_id, count in [*session.exec(_HELD), *session.exec(_OFFERED)]:
        if provider_id is not None:
            jobs[provider_id] += count
    return ProviderLoad(list(session.exec(_PROVIDERS)), jobs)


def not_yet_reported(session: Session, findings: Iterable[Finding]) -> list[Finding]:
    """The findings without those on a broken rule that the operator was notified of already; each such rule once."""
    findings = list(findings)
    subject = {id(found): broken_subject(found.device.profile, found.verdict.rule) for found in findings
               if isinstance(found.verdict, RuleFailed)}
    reported = set(session.exec(select(Notification.subject_id).where(
        col(Notification.subject_id).in_(set(subject.values())))))
    kept = []
    for found in findings:
        about = subject.get(id(found))
        if about is None or about not in reported:
            kept.append(found)
        if about is not None:
            reported.add(about)
    return kept


def profiles_in_use(session: Session) -> dict[str, int]:
    """Profile → how many devices have it."""
    counted = select(Device.profile, func.count()).where(col(Device.retired_at).is_(None)).group_by(Device.profile)
    return dict(session.exec(counted).all())


def _add_alarms_and_tickets(session: Session, draft: Draft, contexts: dict[str, PlanningContext]) -> None:
    """Adds the devices' open alarms and tickets, and the offers, visits, links and promises of those tickets."""
    for alarm in _copies(session, draft, Alarm, Alarm.device_id, contexts, col(Alarm.closed_at).is_(None)):
        contexts[alarm.device_id].alarms[alarm.rule] = alarm
    _add_remote_fixes(session, draft, contexts)
    tickets = {t.id: t for t in _copies(session, draft, Ticket, Ticket.device_id, contexts,
                                        col(Ticket.closed_at).is_(None))}
    if not tickets:
        return
    by_ticket = {ticket.id: contexts[ticket.device_id] for ticket in tickets.values()}
    for ticket in tickets.values():
        by_ticket[ticket.id].tickets[ticket.cause_key] = ticket
    for alarm in _where(session, Alarm, Alarm.ticket_id, tickets):
        ticket_id = alarm.ticket_id or ""
        by_ticket[ticket_id].causes[ticket_id] = alarm.evidence.get("cause", {"en": alarm.cause})
    offer_home, visit_home = {}, {}
    for offer in _copies(session, draft, Offer, Offer.ticket_id, tickets, order=Offer.offered_at):
        by_ticket[offer.ticket_id].offers.setdefault(offer.ticket_id, []).append(offer)
        offer_home[offer.id] = offer
    for visit in _copies(session, draft, Visit, Visit.id, [t.visit_id for t in tickets.values() if t.visit_id]):
        by_ticket[visit.ticket_id].visits[visit.ticket_id] = visit
        visit_home[visit.id] = visit
    _add_links(session, draft, by_ticket, offer_home, visit_home)
    for promise in _copies(session, draft, Promise, Promise.subject_id, tickets,
                           col(Promise.state) == PromiseState.OPEN):
        by_ticket[promise.subject_id].promises.setdefault(promise.subject_id, []).append(promise)


def _add_remote_fixes(session: Session, draft: Draft, contexts: dict[str, PlanningContext]) -> None:
    """Adds the newest remote fix of each rule, whatever its outcome."""
    for alarm in _copies(session, draft, Alarm, Alarm.device_id, contexts, col(Alarm.command_id).is_not(None),
                         order=Alarm.opened_at):
        contexts[alarm.device_id].last_remote_fixes[alarm.rule] = alarm
    newest = [alarm.command_id for here in contexts.values() for alarm in here.last_remote_fixes.values()
              if alarm.command_id]
    for command in _copies(session, draft, Command, Command.id, newest):
        contexts[command.device_id].commands[command.id] = command


def _add_links(session: Session, draft: Draft, by_ticket: dict[str, PlanningContext], offers: dict[str, Offer],
               visits: dict[str, Visit]) -> None:
    came_of = {visit.offer_id: visit for visit in visits.values()}
    for link in _copies(session, draft, Link, Link.subject_id, [*by_ticket, *offers, *visits],
                        col(Link.revoked_at).is_(None), col(Link.purpose) != LinkPurpose.DISPATCH):
        if link.purpose == LinkPurpose.FOLLOW:
            by_ticket[link.subject_id].follow[link.subject_id] = link
        elif link.purpose == LinkPurpose.VISIT:
            context = by_ticket[visits[link.subject_id].ticket_id]
            context.visit_links.setdefault(link.subject_id, []).append(link)
        else:
            offer = offers[link.subject_id]
            context = by_ticket[offer.ticket_id]
            context.offer_links.setdefault(offer.id, []).append(link)
            if offer.id in came_of:
                context.visit_links.setdefault(came_of[offer.id].id, []).append(link)


def _add_callbacks(session: Session, draft: Draft, contexts: dict[str, PlanningContext],
                   press_ids: Mapping[str, set[str]]) -> None:
    by_site: dict[str, list[PlanningContext]] = defaultdict(list)
    for context in contexts.values():
        by_site[context.site.id].append(context)
    wanted = {press_id for ids in press_ids.values() for press_id in ids}
    presses = [*_where(session, PressRecord, PressRecord.press_id, wanted,
                       col(PressRecord.device_id).in_(list(press_ids)))]
    for device_id in press_ids:
        presses += session.exec(select(PressRecord).where(PressRecord.device_id == device_id)
                                .order_by(col(PressRecord.received_at).desc()).limit(1))
    callbacks = {c.id: c for c in _copies(session, draft, Callback, Callback.site_id, by_site,
                                          col(Callback.closed_at).is_(None))}
    open_callbacks = {callback.site_id: callback for callback in callbacks.values()}
    for context in contexts.values():
        context.open_callbacks = open_callbacks
    earlier = {p.callback_id for p in presses if p.callback_id and p.callback_id not in callbacks}
    known = callbacks | {c.id: c for c in _copies(session, draft, Callback, Callback.id, earlier)}
    for press in presses:
        context = contexts[press.device_id]
        if press.press_id in press_ids[press.device_id]:
            context.presses[press.press_id] = press
        last = context.last_press
        if last is None or press.received_at >= last.received_at:
            context.last_press = press
        if press.callback_id:
            context.press_callbacks[press.callback_id] = known[press.callback_id]
    for link in _copies(session, draft, Link, Link.subject_id, callbacks, col(Link.purpose) == LinkPurpose.FOLLOW):
        for context in by_site[callbacks[link.subject_id].site_id]:
            context.follow[link.subject_id] = link
    for promise in _copies(session, draft, Promise, Promise.subject_id, callbacks,
                           col(Promise.state) == PromiseState.OPEN):
        for context in by_site[callbacks[promise.subject_id].site_id]:
            context.promises.setdefault(promise.subject_id, []).append(promise)


def _areas_of(session: Session, site_ids: set[str]) -> dict[str, frozenset[str]]:
    """Site id → ids of its areas and all above them."""
    direct: dict[str, set[str]] = defaultdict(set)
    for row in _where(session, SiteArea, SiteArea.site_id, site_ids):
        direct[row.site_id].add(row.area_id)
    parent: dict[str, str | None] = {}
    missing = {area_id for ids in direct.values() for area_id in ids}
    while missing:
        found = _by_id(session, Area, missing)
        parent |= {area_id: area.parent_id for area_id, area in found.items()}
        missing = {area.parent_id for area in found.values() if area.parent_id and area.parent_id not in parent}
    return {site_id: frozenset(_upwards(ids, parent)) for site_id, ids in direct.items()}


def _upwards(area_ids: Iterable[str], parent: Mapping[str, str | None]) -> Iterable[str]:
    for area_id in area_ids:
        above: str | None = area_id
        while above is not None:
            yield above
            above = parent.get(above)


def _by_id(session: Session, table: type[R], ids: Iterable[str]) -> dict[str, R]:
    return {row.__dict__["id"]: row for row in _where(session, table, table_of(table).columns.id, ids)}


def _copies(session: Session, draft: Draft, table: type[R], column: Any, ids: Iterable[str], *also: Any,
            order: Any = None) -> list[R]:
    return [draft.copy(row) for row in _where(session, table, column, ids, *also, order=order)]


def _where(session: Session, table: type[R], column: Any, ids: Iterable[str], *also: Any, order: Any = None) -> list[R]:
    wanted = list(ids)
    if not wanted:
        return []
    statement = _in(table, column)
    if also:
        statement = statement.where(*also)
    return list(session.exec(statement if order is None else statement.order_by(order), params={"ids": wanted}))


@cache
def _in(table: type[R], column: Any) -> Any:
    """The rows whose `column` is in `:ids`; building a statement takes as long as running it."""
    return select(table).where(col(column).in_(bindparam("ids", expanding=True)))
