"""API routes for providers: their work, their track record, and what does not count in it."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field
from sqlmodel import Session

from gateway.model import ExternalKind, Instant
from gateway.store import external_ids
from gateway.store.contexts.providers import track_records
from gateway.store.views import api_lists
from gateway.tickets.actions import LeaveOutOffer, LeaveOutVisit
from gateway.tickets.dispatch.track_record import NO_RECORD
from gateway.web.api import filters, models
from gateway.web.api.models import Body, Id, Words
from gateway.web.dependencies import Gw, Now, ProviderJudge, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(tags=["providers"])


class LeaveOutBody(Body):
    why: Words = Field(description="Kept with it, and shown wherever it is explained.",
                       examples=["The road was closed by the police"])


class LeftOut(BaseModel):
    """What does not count in the provider's track record, and why."""

    id: str = Field(examples=["O-4F7QK2M9"])
    left_out: str


@router.get("/providers", summary="List providers, with their open jobs and track record")
def list_providers(gw: Gw, now: Now, query: Annotated[filters.Named, Query()]) -> models.ProviderPage:
    """By id. The track record is that of the last 180 days, as of the last full hour."""
    with gw.store.read() as session:
        page = api_lists.providers(session, query.wanted(), query.cursor, query.limit)
        return models.ProviderPage(items=_providers(session, page.rows, now), next=page.next)


@router.get("/providers/{provider_id}", summary="One provider", responses=responses(404))
def get_provider(gw: Gw, now: Now, provider_id: Id) -> models.Provider:
    with gw.store.read() as session:
        return _providers(session, [or_404(api_lists.provider(session, provider_id), "provider")], now)[0]


def _providers(session: Session, rows: Sequence[Any], now: Instant) -> list[models.Provider]:
    records = track_records(session, now)
    names = external_ids.of_rows(session, ExternalKind.PROVIDER, [row[0].id for row in rows])
    return [models.Provider(**provider.model_dump(), open_jobs=jobs, pending_offers=offers,
                            record=models.TrackRecord.of(records.get(provider.id, NO_RECORD)),
                            external_ids=names[provider.id])
            for provider, jobs, offers in rows]


@router.post("/offers/{offer_id}/leave-out", responses=responses(404, 409),
             summary="Leave an answer out of the provider's track record")
def leave_out_offer(by: ProviderJudge, offer_id: Id, body: LeaveOutBody) -> LeftOut:
    """For instance a decline for which the provider is not to blame. It counts no more from the next full hour on."""
    by(LeaveOutOffer(offer_id, body.why))
    return LeftOut(id=offer_id, left_out=body.why)


@router.post("/visits/{visit_id}/leave-out", responses=responses(404, 409),
             summary="Leave a visit out of the provider's track record")
def leave_out_visit(by: ProviderJudge, visit_id: Id, body: LeaveOutBody) -> LeftOut:
    """For instance a late arrival for which the provider is not to blame. It counts no more from the next full hour
    on."""
    by(LeaveOutVisit(visit_id, body.why))
    return LeftOut(id=visit_id, left_out=body.why)
