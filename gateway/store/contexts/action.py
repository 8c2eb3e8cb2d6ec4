"""Loads the rows that a person's action concerns: offer, visit, ticket, alarm or callback, and their context."""

from typing import TypeVar

from sqlmodel import Session

from gateway.model import (
    Alarm,
    Callback,
    Customer,
    Instant,
    Job,
    Offer,
    OfferState,
    Provider,
    Site,
    SubjectKind,
    Ticket,
    Visit,
)
from gateway.model.plan import Draft, NoSuch, R
from gateway.store.contexts import planning
from gateway.store.contexts.providers import provider_loads
from gateway.store.contexts.visits import sites_after
from gateway.store.site_locks import lock_sites
from gateway.tickets.actions import (
    AcceptOffer,
    AcknowledgeAlarm,
    AcknowledgePage,
    Act,
    AgreeToPrice,
    AllowEarly,
    Arrive,
    AskAgain,
    AssignTo,
    AttemptCallback,
    CancelCallback,
    CancelTicket,
    ConnectCallback,
    ContestNoAccess,
    DeclineOffer,
    DeclinePrice,
    Depart,
    DropVisit,
    Finish,
    FinishCallback,
    HandBack,
    HoldTicket,
    KeepVisit,
    LeaveOutOffer,
    LeaveOutVisit,
    LogCall,
    MergeTickets,
    MissCallback,
    OfferTo,
    ProposeWindow,
    ReportDelay,
    ReportMissed,
    ReportOverrun,
    ResolveTicket,
    UnmergeTicket,
)
from gateway.tickets.context import PlanningContext, SiteWork
from gateway.tickets.plan_action import ActionContext

AtSite = TypeVar("AtSite", Offer, Visit, Ticket, Alarm, Callback)


def action_context(session: Session, act: Act, now: Instant) -> ActionContext:
    """The rows that `act` concerns and their PlanningContext, as copies of one draft. Raises NoSuch."""
    draft = Draft()
    match act:
        case AcceptOffer(offer_id=key) | DeclineOffer(offer_id=key):
            offer, site_id = _get_locked(session, draft, Offer, key)
            provider = _get(session, draft, Provider, offer.provider_id)
            asks_others = isinstance(act, DeclineOffer)
            if offer.state is not OfferState.PENDING:  # it can only be refused
                return ActionContext(_job_alone(session, draft, offer.job_id), offer=offer, provider=provider)
            return ActionContext(_site_work(session, draft, site_id, now if asks_others else None), offer=offer,
                                 provider=provider)
        case OfferTo(ticket_id=key, provider_id=provider_id) | AssignTo(ticket_id=key, provider_id=provider_id):
            return _with_ticket(session, draft, key, now, provider=_get(session, draft, Provider, provider_id))
        case (Depart(visit_id=key) | Arrive(visit_id=key) | Finish(visit_id=key) | ReportDelay(visit_id=key)
              | ProposeWindow(visit_id=key) | HandBack(visit_id=key) | LogCall(visit_id=key)):
            visit, site_id = _get_locked(session, draft, Visit, key)
            return ActionContext(_sites(session, draft, {site_id}, now, key)[site_id], visit=visit)
        case ReportOverrun(visit_id=key):
            visit, site_id = _get_locked(session, draft, Visit, key)
            sites = _sites(session, draft, {site_id} | sites_after(session, [key]), now, key)
            return ActionContext(sites[site_id], visit=visit, sites=sites)
        case (ResolveTicket(ticket_id=key) | CancelTicket(ticket_id=key) | MergeTickets(ticket_id=key)
              | UnmergeTicket(ticket_id=key) | AgreeToPrice(ticket_id=key) | DeclinePrice(ticket_id=key)
              | KeepVisit(ticket_id=key) | DropVisit(ticket_id=key)
              | AllowEarly(ticket_id=key) | ReportMissed(ticket_id=key) | ContestNoAccess(ticket_id=key)
              | AskAgain(ticket_id=key) | HoldTicket(ticket_id=key)):
            return _with_ticket(session, draft, key, now)
        case LeaveOutOffer(offer_id=key):
            offer, site_id = _get_locked(session, draft, Offer, key)
            return ActionContext(_site_work(session, draft, site_id, None), offer=offer,
                                 provider=_get(session, draft, Provider, offer.provider_id))
        case LeaveOutVisit(visit_id=key):
            visit, site_id = _get_locked(session, draft, Visit, key)
            return ActionContext(_site_work(session, draft, site_id, None), visit=visit,
                                 provider=_get(session, draft, Provider, visit.provider_id))
        case AcknowledgeAlarm(alarm_id=key):
            alarm, _ = _get_locked(session, draft, Alarm, key)
            device = _device(session, draft, alarm.device_id)
            return ActionContext(device.work, device, alarm=alarm)
        case (AttemptCallback(callback_id=key) | MissCallback(callback_id=key) | ConnectCallback(callback_id=key)
              | FinishCallback(callback_id=key) | CancelCallback(callback_id=key)):
            return _with_callback(session, draft, key)
        case AcknowledgePage(subject=(SubjectKind.CALLBACK, key)):
            return _with_callback(session, draft, key)
        case AcknowledgePage(subject=(_, key)):
            return _with_ticket(session, draft, key, now)


def _with_callback(session: Session, draft: Draft, callback_id: str) -> ActionContext:
    callback, _ = _get_locked(session, draft, Callback, callback_id)
    device = _device(session, draft, callback.device_id)
    return ActionContext(device.work, device, callback=callback)


def _job_alone(session: Session, draft: Draft, job_id: str) -> SiteWork:
    job = session.get_one(Job, job_id)
    site = session.get_one(Site, job.site_id)
    return SiteWork(draft, site, session.get_one(Customer, site.customer_id), jobs={job_id: draft.copy(job)})


def _with_ticket(session: Session, draft: Draft, ticket_id: str, now: Instant, *,
                 provider: Provider | None = None) -> ActionContext:
    ticket, site_id = _get_locked(session, draft, Ticket, ticket_id)
    return ActionContext(_site_work(session, draft, site_id, now), ticket=ticket, provider=provider)


def _site_work(session: Session, draft: Draft, site_id: str, now: Instant | None) -> SiteWork:
    return _sites(session, draft, {site_id}, now)[site_id]


def _sites(session: Session, draft: Draft, site_ids: set[str], now: Instant | None, *visit_ids: str
           ) -> dict[str, SiteWork]:
    """Without `now` nobody else can be asked: the providers are left out."""
    sites: dict[str, SiteWork] = {}
    planning.planning_contexts(session, draft, (), sites=sites, site_ids=site_ids, visit_ids=visit_ids,
                               provider_loads=None if now is None else provider_loads(session, now))
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
