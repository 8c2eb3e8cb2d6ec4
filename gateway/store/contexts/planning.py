"""Loads the PlanningContext of devices: alarms, tickets, customers and providers in a fixed number of queries."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import String, bindparam, cast, func, or_
from sqlmodel import Session, col, select

from gateway.detection.batch import Finding
from gateway.detection.device_state import RuleFailed
from gateway.model import (
    Alarm,
    ButtonTest,
    Callback,
    Command,
    CommandState,
    Device,
    Due,
    Instant,
    Job,
    JobTicket,
    Link,
    LinkPurpose,
    Notification,
    Offer,
    Outage,
    PressRecord,
    Promise,
    PromiseState,
    SlaClock,
    SubjectKind,
    Ticket,
    Visit,
)
from gateway.model.plan import Draft, R
from gateway.store.contexts.areas import areas_of
from gateway.store.contexts.on_call import load_open_pages
from gateway.store.contexts.providers import provider_loads
from gateway.store.contexts.suppression import add_hubs, add_suppression, add_surroundings, suppression_context
from gateway.store.contexts.visits import reachable_technicians
from gateway.store.households import needs_at
from gateway.store.locks.site_locks import lock_sites
from gateway.store.plain_rows import is_one_of, plain_rows, rows_by_id, rows_where
from gateway.store.sites.open_rows import WAITS_FOR_HUB, OpenRows, open_rows_at
from gateway.tickets.alarms.changes import broken_subject
from gateway.tickets.context import PlanningContext, SiteWork
from gateway.tickets.dispatch.workload import ProviderLoad

_OPEN_OR_TRIED = or_(col(Alarm.closed_at).is_(None), col(Alarm.command_id).is_not(None))
_OPEN_TICKET = col(Ticket.closed_at).is_(None)
_OPEN_CALLBACK = col(Callback.closed_at).is_(None)
_OPEN_TEST = col(ButtonTest.closed_at).is_(None)
_OPEN_PROMISE = col(Promise.state) == PromiseState.OPEN
_VALID_OR_A_CALLBACKS = or_(col(Link.revoked_at).is_(None), col(Link.subject_kind) == SubjectKind.CALLBACK)
_LAST_PRESS = select(PressRecord).where(PressRecord.device_id == bindparam("device")).order_by(
    col(PressRecord.received_at).desc()).limit(1)
_UNSENT_REPLIES = select(Command).where(  # cast: SQLite would read by state all that is queued
    cast(col(Command.state), String) == CommandState.QUEUED, is_one_of(Command.device_id, "devices"),
    is_one_of(Command.press_id, "presses"))


def planning_contexts(session: Session, draft: Draft, device_ids: Iterable[str],
                      press_ids: Mapping[str, set[str]] | None = None, now: Instant | None = None,
                      sites: dict[str, SiteWork] | None = None, site_ids: Iterable[str] = (),
                      visit_ids: Iterable[str] = (), ticket_ids: Iterable[str] = (), opens: bool = True
                      ) -> dict[str, PlanningContext]:
    """Device id → its PlanningContext, made of copies of `draft`. `press_ids`: device id → ids of the presses in this
    batch; a press concerns neither alarms nor tickets, so where nothing but presses happened they are not read.
    Without `now` the providers are left out. `sites` is filled with what there is to do at each site, those of
    `site_ids` too; what is in it already is used again, because one site must not be decided on twice. Other workers
    wait for these sites until the transaction ends. The tickets of the visits `visit_ids`, and `ticket_ids`, are in it
    even when they are over. Without `opens` nothing new follows from what happened: then providers, and what may
    explain a fault, are read only where a ticket is open."""
    works = {} if sites is None else sites
    presses = press_ids or {}
    known = {device_id: context for work in works.values() for device_id, context in work.devices.items()}
    troubled = set(device_ids)
    wanted = troubled | presses.keys()
    devices = rows_by_id(session, Device, wanted - known.keys())
    device_sites = {device.site_id for device in devices.values()}
    troubled_sites = {device.site_id for device in devices.values() if device.id in troubled} | set(site_ids)
    places = lock_sites(session, (device_sites | troubled_sites) - works.keys())
    only_pressed = places.keys() - troubled_sites
    there = open_rows_at(session, places.keys() | device_sites)
    tickets = _tickets(session, draft, there.tickets & (places.keys() - only_pressed), visit_ids)
    known_tickets = {ticket.id for ticket in tickets}
    tickets += [one for one in _copies(session, draft, Ticket, Ticket.id, ticket_ids) if one.id not in known_tickets]
    devices |= rows_by_id(session, Device, {ticket.device_id for ticket in tickets if ticket.device_id is not None}
                      - devices.keys() - known.keys())
    nobody = ProviderLoad()
    fresh = {key: SiteWork(draft, site, there.customers[key], provider_loads=nobody) for key, site in places.items()}
    works |= fresh
    contexts = {device.id: PlanningContext(works[device.site_id], draft.copy(device)) for device in devices.values()}
    for context in contexts.values():
        context.work.devices[context.device.id] = context
    if opens or tickets:
        _add_around(session, contexts, fresh, there, presses, now)
    with_alarms = {one: context for one, context in contexts.items() if context.site.id not in only_pressed}
    _add_alarms(session, draft, with_alarms, there)
    _add_work(session, draft, fresh, tickets)
    _add_callbacks(session, draft, fresh, there)
    _add_deadlines_links_promises(session, draft, fresh.values())
    _add_presses(session, draft, contexts, presses)
    load_open_pages(session, draft, there.pages & places.keys())
    session.flush()  # what the caller has written
    session.expunge_all()  # the plan is written behind the session's back: who asks again reads again
    return {device_id: context for device_id, context in (known | contexts).items() if device_id in wanted}


def _add_around(session: Session, contexts: Mapping[str, PlanningContext], fresh: Mapping[str, SiteWork],
                there: OpenRows, presses: Collection[str], now: Instant | None) -> None:
    """Adds what may explain a fault or answer a press, and, with `now`, who can come."""
    around = suppression_context(session, there)
    if around or now is not None:
        areas = areas_of(session, there.areas & fresh.keys())
        for site_id, work in fresh.items():
            work.area_ids = areas.get(site_id, frozenset())
    if now is not None:
        loads, needs = provider_loads(session, now), needs_at(session, there.needs & fresh.keys())
        for site_id, work in fresh.items():
            work.provider_loads, work.needs = loads, needs.get(site_id, frozenset())
    add_hubs(session, contexts)
    add_suppression(session, contexts, around)
    if around:
        add_surroundings(session, (contexts[one] for one in presses if one in contexts), around)


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


def _tickets(session: Session, draft: Draft, site_ids: Iterable[str], visit_ids: Iterable[str]) -> list[Ticket]:
    """The open tickets of these sites, those that were merged into them, and those of these visits."""
    tickets = _copies(session, draft, Ticket, Ticket.site_id, site_ids, _OPEN_TICKET)
    tickets += _copies(session, draft, Ticket, Ticket.merged_into, [ticket.id for ticket in tickets])
    if visits := set(visit_ids):
        known = {ticket.id for ticket in tickets}
        rows = session.exec(select(Ticket).join(JobTicket, col(JobTicket.ticket_id) == Ticket.id)
                            .join(Visit, col(Visit.job_id) == JobTicket.job_id).where(col(Visit.id).in_(visits)))
        tickets += [draft.copy(ticket) for ticket in {row.id: row for row in rows}.values() if ticket.id not in known]
    return tickets


def _add_alarms(session: Session, draft: Draft, contexts: Mapping[str, PlanningContext], there: OpenRows) -> None:
    """Adds the devices' open alarms, the newest remote fix of each rule, whatever its outcome, and the alarms that wait
    for the device as a hub."""
    for alarm in _copies(session, draft, Alarm, Alarm.device_id, contexts, _OPEN_OR_TRIED, order=Alarm.opened_at):
        if alarm.closed_at is None:
            contexts[alarm.device_id].alarms[alarm.rule] = alarm
        if alarm.command_id is not None:
            contexts[alarm.device_id].last_remote_fixes[alarm.rule] = alarm
    newest = [alarm.command_id for here in contexts.values() for alarm in here.last_remote_fixes.values()
              if alarm.command_id]
    for command in _copies(session, draft, Command, Command.id, newest):
        contexts[command.device_id].commands[command.id] = command
    for alarm in _copies(session, draft, Alarm, Alarm.suppressed_by_id, _at(contexts, there.waiting_for_hub),
                         WAITS_FOR_HUB):
        contexts[alarm.suppressed_by_id or ""].children.append(alarm)


def _at(contexts: Mapping[str, PlanningContext], site_ids: Collection[str]) -> list[str]:
    """The devices at these sites."""
    return [device_id for device_id, context in contexts.items() if context.site.id in site_ids]


def _add_work(session: Session, draft: Draft, works: Mapping[str, SiteWork], tickets: Iterable[Ticket]) -> None:
    """Adds the tickets, and their jobs, offers, visits and SLA clocks."""
    by_ticket = {ticket.id: works[ticket.site_id] for ticket in tickets}
    if not by_ticket:
        return
    for ticket in tickets:
        by_ticket[ticket.id].tickets[ticket.id] = ticket
    for alarm in rows_where(session, Alarm, Alarm.ticket_id, by_ticket, order=Alarm.opened_at):
        ticket_id = alarm.ticket_id or ""
        by_ticket[ticket_id].causes.setdefault(ticket_id, {})[alarm.rule] = alarm.cause_texts
    for one in rows_where(session, JobTicket, JobTicket.ticket_id, by_ticket):
        by_ticket[one.ticket_id].job_tickets.append(one)
    job_ids = {one.job_id for work in works.values() for one in work.job_tickets}
    by_job = {}
    for job in _copies(session, draft, Job, Job.id, job_ids, order=Job.opened_at):
        by_job[job.id] = works[job.site_id]
        works[job.site_id].jobs[job.id] = job
    for work in works.values():
        work.job_tickets.sort(key=lambda one: (work.jobs[one.job_id].opened_at, one.job_id, one.ticket_id))
    for offer in _copies(session, draft, Offer, Offer.job_id, by_job, order=Offer.offered_at):
        by_job[offer.job_id].offers.setdefault(offer.job_id, []).append(offer)
    for visit in _copies(session, draft, Visit, Visit.job_id, by_job, order=Visit.created_at):
        by_job[visit.job_id].visits[visit.id] = visit
    technicians = reachable_technicians(session, {visit.provider_id for work in by_job.values()
                                                  for visit in work.visits.values()})
    for work in by_job.values():
        work.technicians = technicians
    for clock in _copies(session, draft, SlaClock, SlaClock.ticket_id, by_ticket):
        by_ticket[clock.ticket_id].sla_clocks.setdefault(clock.ticket_id, {})[clock.kind] = clock
    for outage in _copies(session, draft, Outage, Outage.id, [one.outage_id for one in tickets if one.outage_id]):
        for work in works.values():
            if any(ticket.outage_id == outage.id for ticket in work.tickets.values()):
                work.outages[outage.id] = outage


def _add_callbacks(session: Session, draft: Draft, works: Mapping[str, SiteWork], there: OpenRows) -> None:
    """Adds the open callbacks and button tests of these sites."""
    for callback in _copies(session, draft, Callback, Callback.site_id, there.callbacks & works.keys(), _OPEN_CALLBACK):
        works[callback.site_id].callbacks[callback.kind] = callback
    for test in _copies(session, draft, ButtonTest, ButtonTest.site_id, there.button_tests & works.keys(), _OPEN_TEST):
        works[test.site_id].button_tests[test.device_id] = test


def _add_deadlines_links_promises(session: Session, draft: Draft, works: Iterable[SiteWork]) -> None:
    """Adds the deadlines, links and open promises of all that was loaded of these sites."""
    subjects: dict[str, SiteWork] = {}
    came_of: dict[str, str] = {}  # offer id → visit id
    for work in works:
        offers = [offer.id for some in work.offers.values() for offer in some]
        callbacks = [callback.id for callback in work.callbacks.values()]
        for ids in (work.tickets, work.jobs, offers, work.visits, callbacks, work.button_tests):
            subjects |= dict.fromkeys(ids, work)
        came_of |= {visit.offer_id: visit.id for visit in work.visits.values() if visit.offer_id is not None}
    for due in _copies(session, draft, Due, Due.subject_id, subjects):
        subjects[due.subject_id].due[due.kind, due.subject_id] = due
    for promise in _copies(session, draft, Promise, Promise.subject_id, subjects, _OPEN_PROMISE, order=Promise.made_at):
        subjects[promise.subject_id].promises.setdefault(promise.subject_id, []).append(promise)
    for link in _copies(session, draft, Link, Link.subject_id, subjects, _VALID_OR_A_CALLBACKS):
        work = subjects[link.subject_id]
        if link.purpose == LinkPurpose.FOLLOW:
            work.follow[link.subject_id] = link
        elif link.purpose == LinkPurpose.VISIT:
            work.visit_links.setdefault(link.subject_id, []).append(link)
        elif link.purpose == LinkPurpose.OFFER:
            work.offer_links.setdefault(link.subject_id, []).append(link)
            if link.subject_id in came_of:
                work.visit_links.setdefault(came_of[link.subject_id], []).append(link)


def _add_presses(session: Session, draft: Draft, contexts: Mapping[str, PlanningContext],
                 press_ids: Mapping[str, set[str]]) -> None:
    presses = [draft.copy(one) for one in _presses(session, press_ids)]
    known = {one.id: one for context in contexts.values() for one in context.work.callbacks.values()}
    earlier = {p.callback_id for p in presses if p.callback_id and p.callback_id not in known}
    known |= {c.id: c for c in _copies(session, draft, Callback, Callback.id, earlier)}
    for press in presses:
        context = contexts[press.device_id]
        if press.press_id in press_ids[press.device_id]:
            context.presses[press.press_id] = press
        last = context.last_press
        if last is None or press.received_at >= last.received_at:
            context.last_press = press
        if press.callback_id:
            context.press_callbacks[press.callback_id] = known[press.callback_id]
    repeating = [device_id for device_id, context in contexts.items() if context.presses]
    repeated = {press_id for device_id in repeating for press_id in contexts[device_id].presses}
    if repeated:  # not all that wait for these devices: each batch of a flood would read what all the others left
        for command in plain_rows(session, Command, _UNSENT_REPLIES, {"devices": repeating, "presses": repeated}):
            contexts[command.device_id].unsent_replies[command.press_id or ""] = draft.copy(command)


def _presses(session: Session, press_ids: Mapping[str, set[str]]) -> list[PressRecord]:
    """Those with these ids, and the last of each device that needs it."""
    wanted = [f"{device_id}/{press_id}" for device_id, ids in press_ids.items() for press_id in ids if press_id]
    presses = list(rows_by_id(session, PressRecord, wanted).values())
    for device_id, ids in press_ids.items():
        if "" in ids:
            presses += session.exec(_LAST_PRESS, params={"device": device_id})
    return presses


def _copies(session: Session, draft: Draft, table: type[R], column: Any, ids: Iterable[str], *also: Any,
            order: Any = None) -> list[R]:
    return [draft.copy(row) for row in rows_where(session, table, column, ids, *also, order=order)]
