"""Loads what a person's act is about."""

from typing import TypeVar

from sqlmodel import Session, SQLModel

from gateway.model import Alarm, Callback, Device, Offer, Provider, Ticket, Visit
from gateway.planning.acts import (
    AcceptOffer,
    AcknowledgeAlarm,
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
    NoSuch,
    OfferTo,
    ResolveTicket,
)
from gateway.planning.deeds import Facts
from gateway.store import gather

Row = TypeVar("Row", bound=SQLModel)


def facts_for(session: Session, act: Act) -> Facts:
    """The rows `act` is about and the situation around them; raises NoSuch."""
    match act:
        case AcceptOffer(offer_id=key) | DeclineOffer(offer_id=key):
            offer = _get(session, Offer, key)
            provider = _get(session, Provider, offer.provider_id)
            return _around(session, offer.ticket_id, offer=offer, provider=provider)
        case OfferTo(ticket_id=key, provider_id=provider_id):
            return _around(session, key, provider=_get(session, Provider, provider_id))
        case Depart(visit_id=key) | Arrive(visit_id=key) | Finish(visit_id=key):
            visit = _get(session, Visit, key)
            return _around(session, visit.ticket_id, visit=visit)
        case ResolveTicket(ticket_id=key) | CancelTicket(ticket_id=key):
            return _around(session, key)
        case AcknowledgeAlarm(alarm_id=key):
            alarm = _get(session, Alarm, key)
            return Facts(gather.situations(session, [alarm.device_id])[alarm.device_id], alarm=alarm)
        case (AttemptCallback(callback_id=key) | MissCallback(callback_id=key) | ConnectCallback(callback_id=key)
              | FinishCallback(callback_id=key) | CancelCallback(callback_id=key)):
            callback = _get(session, Callback, key)
            device_id = callback.device_id
            return Facts(gather.situations(session, [device_id])[device_id], callback=callback)


def _around(session: Session, ticket_id: str, *, offer: Offer | None = None, provider: Provider | None = None,
            visit: Visit | None = None) -> Facts:
    ticket = _get(session, Ticket, ticket_id)
    device = _get(session, Device, ticket.device_id)
    here = gather.situations(session, [device.id], firms=gather.firms(session))[device.id]
    # planners move the situation's own rows on: the act must be about those very objects
    ticket = next((t for t in here.tickets.values() if t.id == ticket.id), ticket)
    if visit is not None and ticket.visit_id == visit.id:
        visit = here.visits.get(ticket.id, visit)
    return Facts(here, ticket, offer, provider, visit)


def _get(session: Session, table: type[Row], key: str) -> Row:
    row = session.get(table, key)
    if row is None:
        raise NoSuch(f"there is no {table.__name__.lower()} {key}")
    return row
