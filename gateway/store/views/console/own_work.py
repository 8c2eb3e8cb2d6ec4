"""Queries for a local firm's people: its own offers and visits, and nothing of another firm's."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from gateway.model import Device, Instant, Link, LinkPurpose, Offer, OfferState, Outage, Site, Ticket, Visit
from gateway.store.views.pages import causes_in_messages
from gateway.store.views.pagination import Order, Page, page
from gateway.tickets.actions import Act, OfferAct, VisitAct

OFFERS, VISITS = 60, 100  # shown at most


class OwnOffer(NamedTuple):
    offer: Offer
    ticket: Ticket
    site: Site
    device: Device | None
    outage: Outage | None
    cause: dict[str, str]  # locale → words


class OwnVisit(NamedTuple):
    visit: Visit
    ticket: Ticket
    site: Site | None  # None: its page is over, and with it what they may know of the home
    device: Device | None
    outage: Outage | None
    cause: dict[str, str]


def is_theirs(session: Session, firm: str, given: Act) -> bool:
    """Whether the act is done to an offer or a visit of this firm."""
    if isinstance(given, OfferAct):
        return offer_of(session, firm, given.offer_id) is not None
    if isinstance(given, VisitAct):
        query = select(Visit.id).where(Visit.id == given.visit_id, Visit.provider_id == firm)
        return session.exec(query).first() is not None
    return False


def offer_of(session: Session, firm: str, offer_id: str) -> Offer | None:
    return session.exec(select(Offer).where(Offer.id == offer_id, Offer.provider_id == firm)).first()


def visit_of(session: Session, firm: str, visit_id: str, now: Instant) -> Visit | None:
    """As long as its signed page can be read."""
    return session.exec(select(Visit).where(Visit.id == visit_id, Visit.provider_id == firm, _has_page(now))).first()


def _has_page(now: Instant) -> Any:
    return select(Link.id).where(Link.subject_id == Visit.id, Link.purpose == LinkPurpose.VISIT,
                                 col(Link.revoked_at).is_(None), Link.expires_at > now).exists()


def open_offers(session: Session, firm: str, now: Instant) -> list[OwnOffer]:
    """That wait for an answer, the first to lapse first."""
    rows = session.execute(
        columns(Offer, Ticket, Site, Device, Outage).join(Ticket, col(Ticket.id) == Offer.ticket_id)
        .join(Site, col(Site.id) == Ticket.site_id).outerjoin(Device, col(Device.id) == Ticket.device_id)
        .outerjoin(Outage, col(Outage.id) == Ticket.outage_id)
        .where(col(Offer.provider_id) == firm, col(Offer.state) == OfferState.PENDING, col(Offer.closed_at).is_(None),
               col(Offer.expires_at) > now)
        .order_by(col(Offer.expires_at), col(Offer.id)).limit(OFFERS)).all()
    causes = causes_in_messages(session, [row[1].id for row in rows]) if rows else {}
    return [OwnOffer(offer, ticket, site, device, outage, causes.get(ticket.id, {}))
            for offer, ticket, site, device, outage in rows]


def visits_ahead(session: Session, firm: str, now: Instant) -> list[OwnVisit]:
    """That are not over, the next first."""
    query = _visits(firm).where(col(Visit.done_at).is_(None)).order_by(col(Visit.window_from), col(Visit.id))
    return _worded(session, session.execute(query.limit(VISITS)).all(), now)


def visits_where(session: Session, firm: str, conditions: Sequence[Any], limit: int, now: Instant) -> list[OwnVisit]:
    """The firm's that fulfil them all, those with the latest window if there are more, the first window first."""
    query = _visits(firm).where(*conditions).order_by(col(Visit.window_from).desc(), col(Visit.id)).limit(limit)
    return _worded(session, session.execute(query).all()[::-1], now)


def visits_over(session: Session, firm: str, cursor: str | None, limit: int, now: Instant) -> Page:
    """Rows are OwnVisit, the one that ended last first."""
    found = page(session, _visits(firm).where(col(Visit.done_at).is_not(None)), Order((Visit.done_at, Visit.id)),
                 cursor, limit)
    return Page(_worded(session, found.rows, now), found.next)


def _visits(firm: str) -> Any:
    return (columns(Visit, Ticket, Site, Device, Outage).join(Ticket, col(Ticket.id) == Visit.ticket_id)
            .join(Site, col(Site.id) == Ticket.site_id).outerjoin(Device, col(Device.id) == Ticket.device_id)
            .outerjoin(Outage, col(Outage.id) == Ticket.outage_id).where(col(Visit.provider_id) == firm))


def _worded(session: Session, rows: Any, now: Instant) -> list[OwnVisit]:
    ids = [row[0].id for row in rows]
    shown = set(session.exec(select(Visit.id).where(col(Visit.id).in_(ids), _has_page(now)))) if ids else set()
    causes = causes_in_messages(session, [row[1].id for row in rows]) if rows else {}
    return [OwnVisit(visit, ticket, site, device, outage, causes.get(ticket.id, {})) if visit.id in shown
            else OwnVisit(visit, ticket, None, None, None, {}) for visit, ticket, site, device, outage in rows]


def visit_from(session: Session, firm: str, offer_id: str, now: Instant) -> str | None:
    """The visit that came of the offer, as long as its page can be read."""
    query = select(Visit.id).where(Visit.offer_id == offer_id, Visit.provider_id == firm, _has_page(now))
    return session.exec(query.order_by(col(Visit.created_at).desc())).first()
