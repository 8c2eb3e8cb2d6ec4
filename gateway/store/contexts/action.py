"""Loads the rows that a person's action concerns: offer, visit, ticket, alarm or callback, and their context."""

from sqlmodel import Session

from gateway.model import Alarm, Callback, Offer, Provider, SubjectKind, Ticket, Visit
from gateway.model.plan import Draft, NoSuch, R
from gateway.store.contexts import planning
from gateway.tickets.actions import (
    AcceptOffer,
    AcknowledgeAlarm,
    AcknowledgePage,
    Act,
    Arrive,
    AttemptCallback,
    CancelCallback,
    CancelTicket,
    ConnectCallback,
    DeclineOffer,
    Depart,
    Finish,
    FinishCallback,
    MissCallback,
    OfferTo,
    ResolveTicket,
)
from gateway.tickets.plan_action import ActionContext


def action_context(session: Session, act: Act) -> ActionContext:
    """The rows that `act` concerns and their PlanningContext, as copies of one draft. Raises NoSuch."""
    draft = Draft()
    match act:
        case AcceptOffer(offer_id=key) | DeclineOffer(offer_id=key):
            offer = _get(session, draft, Offer, key)
            provider = _get(session, draft, Provider, offer.provider_id)
            return _with_ticket(session, draft, offer.ticket_id, offer=offer, provider=provider)
        case OfferTo(ticket_id=key, provider_id=provider_id):
            return _with_ticket(session, draft, key, provider=_get(session, draft, Provider, provider_id))
        case Depart(visit_id=key) | Arrive(visit_id=key) | Finish(visit_id=key):
            visit = _get(session, draft, Visit, key)
            return _with_ticket(session, draft, visit.ticket_id, visit=visit)
        case ResolveTicket(ticket_id=key) | CancelTicket(ticket_id=key):
            return _with_ticket(session, draft, key)
        case AcknowledgeAlarm(alarm_id=key):
            alarm = _get(session, draft, Alarm, key)
            return ActionContext(planning.planning_contexts(session, draft, [alarm.device_id])[alarm.device_id],
                                 alarm=alarm)
        case (AttemptCallback(callback_id=key) | MissCallback(callback_id=key) | ConnectCallback(callback_id=key)
              | FinishCallback(callback_id=key) | CancelCallback(callback_id=key)):
            return _with_callback(session, draft, key)
        case AcknowledgePage(subject=(SubjectKind.CALLBACK, key)):
            return _with_callback(session, draft, key)
        case AcknowledgePage(subject=(_, key)):
            return _with_ticket(session, draft, key)


def _with_callback(session: Session, draft: Draft, callback_id: str) -> ActionContext:
    callback = _get(session, draft, Callback, callback_id)
    device_id = callback.device_id
    return ActionContext(planning.planning_contexts(session, draft, [device_id])[device_id], callback=callback)


def _with_ticket(session: Session, draft: Draft, ticket_id: str, *, offer: Offer | None = None,
                 provider: Provider | None = None, visit: Visit | None = None) -> ActionContext:
    ticket = _get(session, draft, Ticket, ticket_id)
    context = planning.planning_contexts(session, draft, [ticket.device_id],
                                         provider_loads=planning.provider_loads(session))[ticket.device_id]
    return ActionContext(context, ticket, offer, provider, visit)


def _get(session: Session, draft: Draft, table: type[R], key: str) -> R:
    row = session.get(table, key)
    if row is None:
        raise NoSuch(f"there is no {table.__name__.lower()} {key}")
    return draft.copy(row)
