"""Search: one box finds tickets, calls, outages, households, homes and devices by what a caller says."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from gateway.access.rights import Right
from gateway.flow.telephones import find
from gateway.store.search.found import Found, Hit
from gateway.store.search.terms import LONGEST_TEXT
from gateway.web.console.pages import go_on, page
from gateway.web.console.session import User, needs

router = APIRouter()


@router.get("/console/search")
def show_search(request: Request, user: Annotated[User, needs(Right.READ)],
                text: Annotated[str, Query(alias="q")] = "") -> Response:
    """Nothing but a number leads straight to what it is the number of."""
    typed = " ".join(text[:LONGEST_TEXT].split())
    found = find(user.gw, typed, user.may(Right.READ_PHONES), user.who, user.now) if typed else Found()
    if found.jump is not None:
        return go_on(path_of(found.jump))
    return page(request, user, "search.html", query=typed, found=found, path_of=path_of)


def path_of(hit: Hit) -> str:
    """Its screen; people, homes and devices are shown with the household. "" for a home where nobody lives."""
    if hit.kind in ("ticket", "callback", "outage"):
        return f"/console/{hit.kind}s/{hit.id}"
    return f"/console/customers/{hit.customer_id}" if hit.customer_id else ""
