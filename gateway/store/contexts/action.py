"""Loads the rows that a person's action concerns: offer, visit, ticket, alarm or callback, and their context."""

from dataclasses import replace
from typing import Any, TypeVar

from sqlmodel import Session, col, select

from gateway.model import (
    Actor,
    Alarm,
    Callback,
    CallbackKind,
    CallOutcome,
    Customer,
    Device,
    Entry,
    Instant,
    Job,
    Notification,
    Offer,
    OfferState,
    Outage,
    OutageMember,
    PressRecord,
    Provider,
    Site,
    SubjectKind,
    Ticket,
    Visit,
)
from gateway.model.entries import LOOKS
from gateway.model.plan import Draft, NoSuch, R
from gateway.notifications.topics import TopicName
from gateway.outages.context import CUSTOMER_KINDS
from gateway.store.after.surveys import survey_of
from gateway.store.contexts import planning
from gateway.store.contexts.suppression import dark_homes, home_devices
from gateway.store.contexts.visits import before_arrival, booked, sites_after, technician_of
from gateway.store.households import home_context
from gateway.store.locks.site_locks import lock_sites
from gateway.tickets.actions import (
    AcknowledgeAlarm,
    AcknowledgePage,
    Act,
    AnswerSurvey,
    AssignTo,
    CallbackAct,
    CallOffVisit,
    FinishCallback,
    LeaveSite,
    MoveIn,
    MoveVisit,
    NoteAccess,
    OfferAct,
    OfferTo,
    OpenCallback,
    OpenTicket,
    ReportNotFixed,
    ReportOverrun,
    TakeBack,
    TicketAct,
    VisitAct,
)
from gateway.tickets.context import ActionContext, BeforeArrival, PlanningContext, SiteWork, Surroundings

_LINES = 20  # one act of a person leaves fewer in the timeline of one ticket

AtSite = TypeVar("AtSite", Offer, Visit, Ticket, Alarm, Callback)


def action_context(session: Session, act: Act, who: Actor, now: Instant) -> ActionContext:
    """The rows that `act` concerns and their PlanningContext, as copies of one draft. Raises NoSuch."""
    context = _rows(session, act, now)
    return replace(context, last_lines=_last_lines(session, context, who))


def _last_lines(session: Session, context: ActionContext, who: Actor) -> tuple[Entry, ...]:
    concerned = context.offer or context.visit
    subject = concerned.ticket_id if concerned is not None else next(
        (row.id for row in (context.ticket, context.callback) if row is not None), None)
    lines = list(session.exec(
        select(Entry).where(Entry.subject_id == subject, Entry.by_kind == who.kind, Entry.by_name == who.name,
                            col(Entry.kind).not_in(LOOKS))
        .order_by(col(Entry.id).desc()).limit(_LINES)))
    return tuple(line for line in lines if line.at == lines[0].at)


def _rows(session: Session, act: Act, now: Instant) -> ActionContext:
    draft = Draft()
    match act:
        case OfferAct(offer_id=key):
            offer, site_id = _get_locked(session, draft, Offer, key)
            provider = _get(session, draft, Provider, offer.provider_id)
            if offer.state is not OfferState.PENDING:  # it can only be refused, or left out of the record
                return ActionContext(_job_alone(session, draft, offer.job_id), offer=offer, provider=provider)
            return ActionContext(_sites(session, draft, {site_id}, now)[site_id], offer=offer, provider=provider)
        case VisitAct(visit_id=key):
            visit, site_id = _get_locked(session, draft, Visit, key)
            afterwards = sites_after(session, [key]) if isinstance(act, ReportOverrun) else set()
            sites = _sites(session, draft, {site_id} | afterwards, now, key)
            before = BeforeArrival()
            if isinstance(act, TakeBack):
                before = before_arrival(session, draft, visit, sites[site_id])
            return ActionContext(sites[site_id], visit=visit, sites=sites, before=before,
                                 provider=_get(session, draft, Provider, visit.provider_id))
        case OfferTo(provider_id=provider_id) | AssignTo(provider_id=provider_id):
            return _with_ticket(session, draft, act.ticket_id, now, _get(session, draft, Provider, provider_id))
        case ReportNotFixed(ticket_id=key):
            return _with_closed(session, draft, key, now)
        case MoveVisit(ticket_id=key) | CallOffVisit(ticket_id=key):
            return _with_its_visit(session, draft, key, now)
        case AnswerSurvey(ticket_id=key):
            return _with_survey(session, draft, key, now)
        case TicketAct(ticket_id=key) | AcknowledgePage(subject=(SubjectKind.TICKET, key)):
            return _with_ticket(session, draft, key, now)
        case OpenTicket():
            return _at_site(session, draft, act, now)
        case LeaveSite(site_id=key) | MoveIn(site_id=key):
            _find(session, Site, key)
            work = _sites(session, draft, {key}, now)[key]
            newcomer = session.get(Customer, act.customer_id) if isinstance(act, MoveIn) else None
            return ActionContext(work, home=home_context(session, draft, key, newcomer))
        case NoteAccess(site_id=key):
            _find(session, Site, key)
            return ActionContext(_sites(session, draft, {key}, now)[key])
        case OpenCallback(site_id=key):
            _find(session, Site, key)
            work = _sites(session, draft, {key}, now)[key]
            return ActionContext(work, callback=work.callbacks.get(CallbackKind.ORDINARY))
        case AcknowledgeAlarm(alarm_id=key):
            alarm, _ = _get_locked(session, draft, Alarm, key)
            device = _device(session, draft, alarm.device_id)
            return ActionContext(device.work, device, alarm=alarm)
        case FinishCallback(callback_id=key, report=OpenTicket(device_id=str(device_id))):
            return _with_callback(session, draft, key, now, device_id)
        case FinishCallback(callback_id=key, outcome=CallOutcome.STILL_OUT):
            return _with_callback(session, draft, key, now, still_out=True)
        case CallbackAct(callback_id=key) | AcknowledgePage(subject=(_, key)):
            return _with_callback(session, draft, key, now)


def _job_alone(session: Session, draft: Draft, job_id: str) -> SiteWork:
    job = session.get_one(Job, job_id)
    site = session.get_one(Site, job.site_id)
    return SiteWork(draft, site, session.get_one(Customer, site.customer_id), jobs={job_id: draft.copy(job)})


def _with_ticket(session: Session, draft: Draft, ticket_id: str, now: Instant, provider: Provider | None = None
                 ) -> ActionContext:
    ticket, site_id = _get_locked(session, draft, Ticket, ticket_id)
    return ActionContext(_sites(session, draft, {site_id}, now)[site_id], ticket=ticket, provider=provider)


def _with_its_visit(session: Session, draft: Draft, ticket_id: str, now: Instant) -> ActionContext:
    """With all that decides when else somebody can come: of two households that want the same hours, the second waits
    here, and reads that they are taken."""
    context = _with_ticket(session, draft, ticket_id, now)
    visit = context.work.visits.get(context.ticket.visit_id or "") if context.ticket is not None else None
    if visit is None:
        return context
    provider = session.exec(select(Provider).where(Provider.id == visit.provider_id)
                            .with_for_update(key_share=True)).one()
    return replace(context, visit=visit, provider=draft.copy(provider), booked=booked(session, visit, now),
                   technician=technician_of(session, visit))


def _with_closed(session: Session, draft: Draft, ticket_id: str, now: Instant) -> ActionContext:
    """With all that is needed to open the ticket again, though it is closed: its jobs, and its device, unless that is
    no longer there."""
    ticket, site_id = _get_locked(session, draft, Ticket, ticket_id)
    device = None if ticket.device_id is None else session.get(Device, ticket.device_id)
    there = device is not None and device.site_id == site_id and device.retired_at is None
    sites: dict[str, SiteWork] = {}
    planning.planning_contexts(session, draft, [device.id] if device is not None and there else [], sites=sites,
                               site_ids={site_id}, ticket_ids=[ticket_id], now=now)
    return ActionContext(sites[site_id], ticket=ticket)


def _with_survey(session: Session, draft: Draft, ticket_id: str, now: Instant) -> ActionContext:
    """Raises NoSuch where nobody was asked."""
    context = _with_closed(session, draft, ticket_id, now)
    survey = survey_of(session, ticket_id)
    if survey is None:
        raise NoSuch(f"nobody was asked about ticket {ticket_id}")
    return replace(context, survey=draft.copy(survey))


def _at_site(session: Session, draft: Draft, act: OpenTicket, now: Instant) -> ActionContext:
    """With the open ticket that takes the report on, if there is one."""
    _find(session, Site, act.site_id)
    device = None if act.device_id is None else _find(session, Device, act.device_id)
    if device is not None and (device.site_id != act.site_id or device.retired_at is not None):
        raise NoSuch(f"there is no device {device.id} at site {act.site_id}")
    sites: dict[str, SiteWork] = {}
    planning.planning_contexts(session, draft, [] if device is None else [device.id], sites=sites,
                               site_ids={act.site_id}, now=now)
    work = sites[act.site_id]
    return ActionContext(work, ticket=work.ticket_of_subject(act.skill) if device is None
                         else work.ticket_of_device(device.id))


def _with_callback(session: Session, draft: Draft, callback_id: str, now: Instant, *device_ids: str,
                   still_out: bool = False) -> ActionContext:
    """`device_ids`: further devices that the act names; `still_out`: they have said that they have no power."""
    callback, site_id = _get_locked(session, draft, Callback, callback_id)
    sites: dict[str, SiteWork] = {}
    known = {*device_ids, *([] if callback.device_id is None else [callback.device_id])}
    devices = planning.planning_contexts(session, draft, known, sites=sites, site_ids={site_id},
                                         now=now)
    last = session.exec(select(PressRecord).where(PressRecord.callback_id == callback_id)
                        .order_by(col(PressRecord.received_at).desc()).limit(1)).first()
    members = {row.outage_id: row for row in session.exec(dark_homes().where(OutageMember.site_id == site_id))}
    around = Surroundings(members, devices=home_devices(session, [site_id])[site_id])
    if still_out:
        around = replace(around, **_outages_at(session, draft, sites[site_id]))
    return ActionContext(sites[site_id], devices.get(callback.device_id or ""), callback=callback, last_press=last,
                         around=around)


def _outages_at(session: Session, draft: Draft, work: SiteWork) -> dict[str, Any]:
    """The open outages of the home's areas, what it was or is in them, and what its household was told of them."""
    outages = [draft.copy(row) for row in session.exec(select(Outage).where(
        col(Outage.closed_at).is_(None), col(Outage.area_id).in_(work.area_ids), col(Outage.kind).in_(CUSTOMER_KINDS)))]
    members = session.exec(select(OutageMember).where(col(OutageMember.id).in_(
        [f"{outage.id}/{work.site.id}" for outage in outages])))
    told = session.exec(select(Notification.subject_id, Notification.occurrence).where(
        col(Notification.subject_id).in_([outage.id for outage in outages]),
        Notification.recipient_id == work.customer.id, Notification.topic == TopicName.OUTAGE)).all()
    return {"outages": outages, "members": {row.outage_id: draft.copy(row) for row in members},
            "told": frozenset((outage_id, occurrence) for outage_id, occurrence in told)}


def _sites(session: Session, draft: Draft, site_ids: set[str], now: Instant, *visit_ids: str) -> dict[str, SiteWork]:
    sites: dict[str, SiteWork] = {}
    planning.planning_contexts(session, draft, (), sites=sites, site_ids=site_ids, visit_ids=visit_ids,
                               now=now)
    return sites


def _device(session: Session, draft: Draft, device_id: str) -> PlanningContext:
    return planning.planning_contexts(session, draft, [device_id])[device_id]


def _get_locked(session: Session, draft: Draft, table: type[AtSite], key: str) -> tuple[AtSite, str]:
    """The row as it stands once nobody else decides at its site, and the site's id. Of fifty firms that accept at once
    the first goes on; the others wait here, and then read what it has done."""
    row = _find(session, table, key)
    site_id = _find(session, Job, row.job_id).site_id if isinstance(row, Offer | Visit) else row.site_id
    lock_sites(session, [site_id])
    session.refresh(row)
    return draft.copy(row), site_id


def _get(session: Session, draft: Draft, table: type[R], key: str) -> R:
    return draft.copy(_find(session, table, key))


def _find(session: Session, table: type[R], key: str) -> R:
    row = session.get(table, key)
    if row is None:
        raise NoSuch(f"there is no {table.__name__.lower()} {key}")
    return row
