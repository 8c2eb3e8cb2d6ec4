"""Search: one box finds tickets, calls, outages, households, homes and devices by what a caller says."""

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response

from gateway.access.rights import Right
from gateway.flow.telephones import find
from gateway.model import SubjectKind
from gateway.store.search.found import Found
from gateway.store.search.terms import LONGEST_TEXT
from gateway.web.console.pages import go_on, page
from gateway.web.console.session import User, needs
from gateway.web.routes import Routes

router = Routes()


@router.get("/console/search")
def show_search(request: Request, user: Annotated[User, needs(Right.READ)],
                text: Annotated[str, Query(alias="q")] = "") -> Response:
    """Nothing but a number leads straight to what it is the number of."""
    typed = " ".join(text[:LONGEST_TEXT].split())
    found = find(user.gw, typed, user.may(Right.READ_PHONES), user.who, user.now) if typed else Found()
    if found.jump is not None:
        return go_on(f"/console/{_SCREENS[found.jump.kind]}/{found.jump.id}")
    return page(request, user, "search.html", query=typed, found=found)


_SCREENS = {SubjectKind.TICKET: "tickets", SubjectKind.CALLBACK: "callbacks", SubjectKind.OUTAGE: "outages"}
