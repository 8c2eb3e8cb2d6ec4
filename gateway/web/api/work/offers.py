"""API routes for offers: list, read with the ranking's reasons, and answer for a provider who said so on the phone."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query
from pydantic import Field
from sqlmodel import Session

from gateway.flow.gateway import Gateway
from gateway.model import ExternalKind
from gateway.store import external_ids
from gateway.store.views import api_lists
from gateway.tickets.actions import AcceptOffer, DeclineOffer
from gateway.web.api import filters
from gateway.web.api.models import Body, GivenTime, Id, Line, Words
from gateway.web.api.work.models import Offer, OfferDetail, OfferPage, offer_facts, ranking
from gateway.web.dependencies import Gw, TicketWorker, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(prefix="/offers", tags=["offers and visits"])


class AcceptBody(Body):
    """Without a window: from now on, as long as `service.arrival_hours` says."""

    technician: Line | None = Field(None, description="Who comes, as the customer reads it; else the provider's name.",
                                    examples=["Karin Kunz"])
    window_from: GivenTime | None = Field(None, description="The arrival window, which the customer is promised.",
                                          examples=["2026-11-27T08:00:00Z"])
    window_until: GivenTime | None = Field(None, examples=["2026-11-27T12:00:00Z"])
    confirmed: bool = Field(False, description="true: they mean a window that is more than two weeks away.")


class DeclineBody(Body):
    why: Words = Field(description="As they said it; whoever looks into the ranking reads it.",
                       examples=["Fully booked this week"])


def _facts(session: Session, rows: Sequence[Any]) -> list[dict[str, Any]]:
    names = external_ids.of_rows(session, ExternalKind.OFFER, [row[0].id for row in rows])
    tickets = api_lists.tickets_of_job(session, [row[0].job_id for row in rows])
    return [offer_facts(row, tickets, names) for row in rows]


def _one(gw: Gateway, offer_id: str) -> OfferDetail:
    with gw.store.read() as session:
        row = or_404(api_lists.offer(session, offer_id), "offer")
        return OfferDetail(**_facts(session, [row])[0], **ranking(row[0]))


@router.get("", summary="List offers")
def list_offers(gw: Gw, query: Annotated[filters.Offers, Query()]) -> OfferPage:
    """Newest first."""
    with gw.store.read() as session:
        page = api_lists.offers(session, query.wanted(), query.cursor, query.limit)
        return OfferPage(items=[Offer(**facts) for facts in _facts(session, page.rows)], next=page.next)


@router.get("/{offer_id}", summary="One offer, with why this provider was asked and others were not",
            responses=responses(404))
def get_offer(gw: Gw, offer_id: Id) -> OfferDetail:
    """Of several that were asked at the same time the whole ranking stands with the first."""
    return _one(gw, offer_id)


@router.post("/{offer_id}/accept", summary="The provider says yes on the phone", responses=responses(404, 409))
def accept_offer(by: TicketWorker, offer_id: Id, body: AcceptBody) -> OfferDetail:
    """As if they had tapped it: they get the link to the visit, and the customer the arrival window. A second
    time it changes nothing."""
    by(AcceptOffer(offer_id, body.technician or "", body.window_from, body.window_until, body.confirmed))
    return _one(by.gw, offer_id)


@router.post("/{offer_id}/decline", summary="The provider says no on the phone", responses=responses(404, 409))
def decline_offer(by: TicketWorker, offer_id: Id, body: DeclineBody) -> OfferDetail:
    """The next one is asked."""
    by(DeclineOffer(offer_id, body.why))
    return _one(by.gw, offer_id)
