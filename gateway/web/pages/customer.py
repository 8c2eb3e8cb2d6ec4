"""Routes of the customer's page for a ticket, a callback or an area outage."""

import hashlib
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel
from sqlmodel import Session

from gateway.flow.act import act
from gateway.flow.gateway import Gateway
from gateway.model import Actor, ActorKind, Instant, Link, LinkPurpose, SubjectKind
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat
from gateway.store import Conflict
from gateway.store.views.pages import FollowedTicket, followed, followed_outage
from gateway.tickets.actions import Act, AgreeToPrice, DeclinePrice
from gateway.web.dependencies import Gw, Now
from gateway.web.pages import ticket_view
from gateway.web.pages.links import LinkInvalid, Render, address, open_link
from gateway.web.pages.outage_view import outage_page_content
from gateway.web.pages.templates import Renderer

router = APIRouter(include_in_schema=False)
_ACTS: dict[str, Callable[[str], Act]] = {"agree": AgreeToPrice, "decline": DeclinePrice}


class FollowForm(BaseModel):
    """The form as it comes: every field is text and may be missing."""

    act: str = ""


@router.api_route("/f/{token}", methods=["GET", "HEAD"])
def follow(gw: Gw, now: Now, render: Render, token: str) -> HTMLResponse:
    words, live = _live(gw, render, token, now)
    return render.page("follow.html", words, live=live, version=_version(live), token=token, note="")


@router.post("/f/{token}")
def answer(gw: Gw, now: Now, render: Render, token: str, given: Annotated[FollowForm, Form()]) -> Response:
    """What the customer says by a button. The same tap twice has the same answer."""
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.FOLLOW, token, now)
    wanted = _ACTS.get(given.act)
    if wanted is None or link.subject_kind != SubjectKind.TICKET:
        raise LinkInvalid
    try:
        act(gw, wanted(link.subject_id), Actor(ActorKind.CUSTOMER), now)
    except (Refused, NoSuch, Conflict):
        words, live = _live(gw, render, token, now)
        return render.page("follow.html", words, 409, live=live, version=_version(live), token=token,
                           note=words("page.answered_already"))
    return RedirectResponse(f"{render.root}/f/{token}", 303)


@router.api_route("/f/{token}/live", methods=["GET", "HEAD"])
def follow_live(gw: Gw, now: Now, render: Render, token: str, request: Request) -> Response:
    """The part of the page that changes; 304 while it has not."""
    _, live = _live(gw, render, token, now)
    tag = {"ETag": _version(live)}
    if request.headers.get("if-none-match") == tag["ETag"]:
        return Response(status_code=304, headers=tag)
    return HTMLResponse(live, headers=tag)


def _live(gw: Gateway, render: Renderer, token: str, now: Instant) -> tuple[Catalogue, str]:
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.FOLLOW, token, now)
        words, say, content = _page_content(session, render, link, now, gw.settings.service.country)
    return words, render.text("follow_live.html", words, story=content, say=say, token=token)


def _page_content(session: Session, render: Renderer, link: Link, now: Instant, country: str
                  ) -> tuple[Catalogue, TimeFormat, ticket_view.FollowPage]:
    if link.subject_kind == SubjectKind.OUTAGE:
        return _outage_page(session, render, link, now)
    facts = followed(session, link)
    if facts is None:
        raise LinkInvalid
    words = catalogue_for(facts.customer.locale)
    say = TimeFormat(words, facts.site.timezone, now)
    if isinstance(facts, FollowedTicket):
        return words, say, ticket_view.ticket_page_content(facts, words, say)
    return words, say, ticket_view.callback_page_content(facts, words, say, country)


def _outage_page(session: Session, render: Renderer, link: Link, now: Instant
                 ) -> tuple[Catalogue, TimeFormat, ticket_view.FollowPage]:
    facts = followed_outage(session, link.subject_id, link.site_id, now)
    if facts is None:
        raise LinkInvalid
    words = catalogue_for(facts.customer.locale)
    say = TimeFormat(words, facts.site.timezone, now)
    page = address(render, LinkPurpose.FOLLOW, facts.own_ticket) if facts.own_ticket is not None else ""
    return words, say, outage_page_content(facts, words, say, page)


def _version(live: str) -> str:
    return f'W/"{hashlib.sha256(live.encode()).hexdigest()[:16]}"'
