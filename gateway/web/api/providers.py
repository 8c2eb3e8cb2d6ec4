"""API route for providers and their load."""

from typing import Annotated

from fastapi import APIRouter, Query

from gateway.store.views import api_lists
from gateway.web.api import filters, models
from gateway.web.dependencies import Gw

router = APIRouter(prefix="/providers", tags=["providers"])


@router.get("", summary="List providers, with their open jobs")
def list_providers(gw: Gw, query: Annotated[filters.Pagination, Query()]) -> models.ProviderPage:
    """By id."""
    with gw.store.read() as session:
        page = api_lists.providers(session, query.cursor, query.limit)
    items = [models.Provider(**provider.model_dump(), open_jobs=jobs, pending_offers=offers)
             for provider, jobs, offers in page.rows]
    return models.ProviderPage(items=items, next=page.next)
