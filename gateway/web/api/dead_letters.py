"""API route that lists dead letters: messages nobody could read."""

from typing import Annotated

from fastapi import Query

from gateway.store.views import api_lists
from gateway.web.api import filters, models
from gateway.web.dependencies import Gw
from gateway.web.routes import Routes

router = Routes()


@router.get("/dead-letters", summary="Messages nobody could read", tags=["dead letters"])
def list_dead_letters(gw: Gw, query: Annotated[filters.DeadLetters, Query()]) -> models.DeadLetterPage:
    """Newest first, each with its reason."""
    with gw.store.read() as session:
        page = api_lists.dead_letters(session, query.wanted(), query.cursor, query.limit)
    items = [models.DeadLetter(**{**row.model_dump(), "payload": row.payload.decode(errors="backslashreplace")})
             for row in page.rows]
    return models.DeadLetterPage(items=items, next=page.next)
