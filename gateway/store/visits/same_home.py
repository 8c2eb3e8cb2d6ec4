"""Reads what else is open in a home that somebody goes to, and what of it they are asked to settle by the same trip."""

from typing import NamedTuple

from sqlalchemy import and_
from sqlalchemy import select as columns
from sqlmodel import Session, col

from gateway.model import Device, Instant, JobTicket, Offer, OfferState, Ticket, Visit
from gateway.store.views.pages import causes_in_messages
from gateway.tickets.lifecycle import UNSETTLED


class OtherTicket(NamedTuple):
    """Another problem of the same household."""

    ticket: Ticket
    device: str  # its name; "" = none is known for it
    cause: dict[str, str]  # by locale, as the customer was told; may be empty
    offer_id: str  # by which it can be added to the visit; "" = it cannot, or no longer


def other_tickets(session: Session, visit: Visit, ticket: Ticket, now: Instant) -> list[OtherTicket]:
    """Those that the visit is not for, the oldest first; of an area's ticket none."""
    if ticket.outage_id is not None:
        return []
    mine = columns(col(JobTicket.ticket_id)).where(col(JobTicket.job_id) == visit.job_id)
    addition = columns(col(Offer.id)).join(JobTicket, col(JobTicket.job_id) == col(Offer.job_id)).where(and_(
        col(JobTicket.ticket_id) == col(Ticket.id), col(Offer.adds_to_visit) == visit.id,
        col(Offer.provider_id) == visit.provider_id, col(Offer.state) == OfferState.PENDING,
        col(Offer.expires_at) > now)).limit(1).correlate(Ticket).scalar_subquery()
    rows = list(session.execute(
        columns(Ticket, Device, addition).outerjoin(Device, col(Device.id) == col(Ticket.device_id))
        .where(col(Ticket.site_id) == ticket.site_id, col(Ticket.customer_id) == ticket.customer_id,
               col(Ticket.closed_at).is_(None), col(Ticket.outage_id).is_(None), col(Ticket.state).in_(UNSETTLED),
               col(Ticket.id).not_in(mine))
        .order_by(col(Ticket.opened_at), col(Ticket.id))))
    causes = causes_in_messages(session, [other.id for other, _, _ in rows]) if rows else {}
    return [OtherTicket(other, device.name if device is not None else "", causes.get(other.id, {}), offer_id or "")
            for other, device, offer_id in rows]


def additions(session: Session, visit: Visit, site_id: str) -> frozenset[str]:
    """Ids of the offers to settle something else there by this visit too, answered ones too."""
    rows = session.execute(
        columns(col(Offer.id)).join(JobTicket, col(JobTicket.job_id) == col(Offer.job_id))
        .join(Ticket, col(Ticket.id) == col(JobTicket.ticket_id))
        .where(col(Ticket.site_id) == site_id, col(Offer.adds_to_visit) == visit.id,
               col(Offer.provider_id) == visit.provider_id))
    return frozenset(offer_id for (offer_id,) in rows)
