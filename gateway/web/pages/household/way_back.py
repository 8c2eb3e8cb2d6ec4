"""The way from a ticket's page to its household's: for a browser that has opened the household's link before. A
ticket's link alone, which may have been passed on, leads nowhere else."""

from typing import NamedTuple

from fastapi import Request
from fastapi.responses import Response

from gateway.flow.gateway import Gateway
from gateway.model import Instant, LinkPurpose, SubjectKind
from gateway.store.views.customer.household import household_of_ticket
from gateway.web.pages.links import LinkInvalid, open_link
from gateway.web.pages.templates import Renderer

COOKIE = "home"


class WayBack(NamedTuple):
    """`address`: of the household's page; "" for whoever can only have its link sent to the household."""

    address: str = ""
    may_ask: bool = False


def remember(page: Response, render: Renderer, token: str) -> None:
    """Until the browser is closed, and for the pages of tickets only."""
    page.set_cookie(COOKIE, token, path=f"{render.root}/f/", httponly=True, samesite="lax",
                    secure=render.settings.web.public_url.startswith("https:"))


def way_back(gw: Gateway, render: Renderer, request: Request, token: str, now: Instant) -> WayBack:
    """Raises LinkInvalid when the page's own link is over."""
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.FOLLOW, token, now)
        theirs = household_of_ticket(session, link.subject_id) if link.subject_kind is SubjectKind.TICKET else None
        if theirs is None:
            return WayBack()
        home = request.cookies.get(COOKIE, "")
        try:
            known = open_link(session, gw.settings, LinkPurpose.HOUSEHOLD, home, now) if home else None
        except LinkInvalid:
            known = None
    if known is not None and known.subject_id == theirs:
        return WayBack(f"{render.root}/h/{home}")
    return WayBack(may_ask=True)
