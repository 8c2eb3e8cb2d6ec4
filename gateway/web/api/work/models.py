"""Models of offers and visits."""

from typing import Any

from pydantic import Field

from gateway.model import Offer as OfferRow
from gateway.model import OfferState, Visit
from gateway.web.api import models
from gateway.web.api.models import ApiModel, ExternalIds, Page, Time


class RankedProvider(ApiModel):
    """Somebody who could take it, in the order in which they are asked."""

    provider_id: str = Field(examples=["keller"])
    rank: int = Field(description="1: first choice.", examples=[1])
    score: float = Field(description="docs/dispatch.md says what counts for how much.", examples=[0.82])
    reasons: list[str] = Field(description="What speaks for them.",
                               examples=[["4 km away", "has heatpump", "open until 18:00"]])


class RefusedProvider(ApiModel):
    """Somebody whose territory it is, and who was not asked all the same."""

    provider_id: str = Field(examples=["kunz"])
    reason: str = Field(description="Why not.", examples=["has declined this job"])


class Offer(ApiModel):
    """One provider asked once."""

    id: str = Field(examples=["O-4F7QK2M9"])
    state: OfferState
    ticket_id: str = Field(description="Whose number its messages name.", examples=["T-4F7QK2M9"])
    tickets: list[str] = Field(description="All that the same trip settles.", examples=[["T-4F7QK2M9"]])
    site_id: str
    site_name: str = Field(examples=["Lindenweg 4"])
    provider_id: str
    provider_name: str = Field(examples=["Keller Heating"])
    round: int = Field(description="2 when everybody had been asked before, and so on.")
    wave: int = Field(description="Of the round: who is asked at the same time. 0: asked before all others.")
    rank: int = Field(description="1: first choice.", examples=[1])
    chosen_by: str | None = Field(description="The person who chose them, out of turn; null: the ranking did.",
                                  examples=["agent Dana"])
    reasons: list[str] = Field(description="What speaks for this provider.",
                               examples=[["4 km away", "has heatpump", "open until 18:00"]])
    offered_at: Time
    expires_at: Time = Field(description="Without an answer until then the next is asked.")
    closed_at: Time | None = Field(description="When it was answered, lapsed or was taken back.")
    answer: str | None = Field(description="Why it was declined.", examples=["Fully booked this week"])
    left_out: str | None = Field(description="Why it does not count in the provider's track record.")
    external_ids: ExternalIds


class OfferDetail(Offer):
    """With the whole ranking that it came of."""

    ranking: list[RankedProvider] = Field(description="Best first.")
    refused: list[RefusedProvider] = Field(description="By id.")


class OfferPage(Page):
    items: list[Offer]


class VisitDetail(models.Visit):
    """One trip, and what it is for."""

    ticket_id: str = Field(description="Whose number its messages name.", examples=["T-4F7QK2M9"])
    tickets: list[str] = Field(description="All that it settles.", examples=[["T-4F7QK2M9"]])
    offer_id: str | None = Field(description="That it came of; null: it was given by hand.", examples=["O-4F7QK2M9"])
    provider_id: str
    provider_name: str = Field(examples=["Keller Heating"])
    site_id: str
    site_name: str = Field(examples=["Lindenweg 4"])
    customer_id: str
    customer_name: str = Field(examples=["Alice Brunner"])
    created_at: Time
    called_at: Time | None = Field(description="When the technician rang at the door, and nobody answered.")
    left_out: str | None = Field(description="Why it does not count in the provider's track record.")
    external_ids: ExternalIds


class VisitPage(Page):
    items: list[VisitDetail]


def offer_facts(row: Any, tickets: dict[str, list[str]], names: dict[str, dict[str, str]]) -> dict[str, Any]:
    """`row`: (Offer, Provider, Ticket, Site)."""
    offer, provider, ticket, site = row
    mine = [one for one in offer.evidence.get("eligible", ()) if one["provider_id"] == offer.provider_id]
    return {**offer.model_dump(), "provider_name": provider.name, "site_id": ticket.site_id, "site_name": site.name,
            "tickets": tickets.get(offer.job_id) or [offer.ticket_id], "chosen_by": offer.evidence.get("by"),
            "reasons": mine[0]["reasons"] if mine else [], "external_ids": names[offer.id]}


def ranking(offer: OfferRow) -> dict[str, Any]:
    return {"ranking": offer.evidence.get("eligible", []), "refused": offer.evidence.get("refused", [])}


def visit_model(row: Any, tickets: dict[str, list[str]], names: dict[str, dict[str, str]]) -> VisitDetail:
    """`row`: (Visit, Provider, Ticket, Site, Customer)."""
    visit: Visit = row[0]
    _, provider, ticket, site, customer = row
    return VisitDetail(**visit.model_dump(), provider_name=provider.name, site_id=ticket.site_id, site_name=site.name,
                       customer_id=ticket.customer_id, customer_name=customer.name,
                       tickets=tickets.get(visit.job_id) or [visit.ticket_id], external_ids=names[visit.id])
