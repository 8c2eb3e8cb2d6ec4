"""Routes of the customer's page for a ticket, a callback or an area outage."""

import hashlib
from collections.abc import Callable
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from pydantic import BaseModel
from sqlmodel import Session

from gateway.flow.act import act
from gateway.flow.customers.pending_acts import take_back
from gateway.flow.gateway import Gateway
from gateway.flow.messages.unopened import note_opening
from gateway.model import Actor, ActorKind, Entry, Instant, Link, LinkPurpose, Notification, PendingOutcome, SubjectKind
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat
from gateway.outages.homes.devices import dark_since, emergency_button_is_dead, has_working_button
from gateway.store import Conflict
from gateway.store.views.customer.outage import followed_outage
from gateway.store.views.pages import FollowedTicket, followed
from gateway.store.visits import signatures
from gateway.store.visits.photos import shown_at_ticket
from gateway.tickets.actions import (
    Act,
    AgreeToPrice,
    AllowEarly,
    ContestNoAccess,
    DeclinePrice,
    DropVisit,
    KeepVisit,
    ReportMissed,
)
from gateway.tickets.visits.signature import path_of
from gateway.web.dependencies import Gw, Now
from gateway.web.live import LivePages, View
from gateway.web.middleware import content_security_policy
from gateway.web.pages import callback_view, ticket_view
from gateway.web.pages.follow.acts import with_acts
from gateway.web.pages.follow.credits import with_credits
from gateway.web.pages.follow.helped_before import with_helped_before
from gateway.web.pages.follow.pending import too_late
from gateway.web.pages.follow.portrait import with_portrait
from gateway.web.pages.follow.position import with_position
from gateway.web.pages.household.way_back import way_back
from gateway.web.pages.links import LinkInvalid, Render, address, open_link, somebody_reads
from gateway.web.pages.outage_view import outage_page_content
from gateway.web.pages.templates import Renderer
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)
NOT_SHOWN = frozenset(str(kind.__tablename__) for kind in (Entry, Notification))  # kinds of rows, on any of its pages
_ACTS: dict[str, Callable[[str], Act]] = {
    "keep": KeepVisit, "drop": DropVisit, "early": AllowEarly, "missed": ReportMissed, "contest": ContestNoAccess,
    "agree": AgreeToPrice, "decline": DeclinePrice}


class FollowForm(BaseModel):
    """The form as it comes: every field is text and may be missing."""

    act: str = ""
    pending: str = ""  # the id of what they take back


@router.api_route("/f/{token}", methods=["GET", "HEAD"])
def follow(gw: Gw, now: Now, render: Render, request: Request, token: str, said: str = "") -> HTMLResponse:
    """`said`: "household" when that link has just been sent."""
    return _page(gw, render, request, token, now, said=said)


@router.post("/f/{token}")
def answer(gw: Gw, now: Now, render: Render, request: Request, token: str, given: Annotated[FollowForm, Form()]
           ) -> Response:
    """What the customer says by a button. The same tap twice has the same answer."""
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.FOLLOW, token, now)
    if given.act == "take_back":
        return _take_back(gw, render, request, token, link, given.pending, now)
    wanted = _ACTS.get(given.act)
    if wanted is None or link.subject_kind != SubjectKind.TICKET:
        raise LinkInvalid
    try:
        act(gw, wanted(link.subject_id), Actor(ActorKind.CUSTOMER), now)
    except (Refused, NoSuch, Conflict):
        return _page(gw, render, request, token, now, 409, "page.answered_already")
    return RedirectResponse(f"{render.root}/f/{token}", 303)


def _take_back(gw: Gateway, render: Renderer, request: Request, token: str, link: Link, pending_id: str, now: Instant
               ) -> Response:
    """What is done already stays done: the page says what they can do instead."""
    with gw.store.read() as session:
        facts = followed(session, link)
    if not isinstance(facts, FollowedTicket):
        raise LinkInvalid
    words = catalogue_for(facts.customer.locale)
    try:
        row = take_back(gw, pending_id, facts.ticket.id, now)
    except (NoSuch, Conflict):
        return _page(gw, render, request, token, now, 409, "page.take_back_not_there")
    if row.outcome is not PendingOutcome.TAKEN_BACK:
        return _page(gw, render, request, token, now, 409, too_late(row, words))
    return RedirectResponse(f"{render.root}/f/{token}", 303)


def _page(gw: Gateway, render: Renderer, request: Request, token: str, now: Instant, status: int = 200, note: str = "",
          said: str = "") -> HTMLResponse:
    """`note`: a sentence, or its id."""
    words, title, view = _view(gw, render, token, now)
    if somebody_reads(request):
        with gw.store.read() as session:
            link = open_link(session, gw.settings, LinkPurpose.FOLLOW, token, now)
        note_opening(gw, link, now)
    page = render.page("follow.html", words, status, live=view.html, title=title, version=view.version, token=token,
                       note=words(note) if words.has(note) else note,
                       said=words("page.said.household") if said == "household" else "",
                       back=way_back(gw, render, request, token, now))
    if gw.settings.web.map_tiles:  # the map may come later, into this very page
        page.headers["content-security-policy"] = content_security_policy(gw.settings.web.map_origin)
    return page


@router.get("/f/{token}/stream")
async def follow_stream(gw: Gw, render: Render, token: str, request: Request, version: str = "") -> StreamingResponse:
    """The part of the page that changes, whenever it does; `version` is the one that the visitor has."""
    live: LivePages = request.app.state.live
    now: Callable[[], Instant] = request.app.state.now
    return await live.follow(request, f"f/{token}", lambda: _view(gw, render, token, now())[2], version)


def _view(gw: Gateway, render: Renderer, token: str, now: Instant) -> tuple[Catalogue, str, View]:
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.FOLLOW, token, now)
        words, say, content, about = page_content(session, gw, render, link, now)
        of_ticket = link.subject_kind == SubjectKind.TICKET
        pictures = shown_at_ticket(session, link.subject_id, to_sender=True) if of_ticket else ()
        signed = signatures.at_ticket(session, link.subject_id) if of_ticket else ()
    html = render.text("follow_live.html", words, story=content, say=say, token=token,
                       photos=pictures, photo_root=f"{render.root}/f/{token}/photos", may_add_photos=False,
                       signatures=signed, path_of=path_of)
    return words, content.title, View(hashlib.sha256(html.encode()).hexdigest()[:16], html, about | {link.id})


_Content = tuple[Catalogue, TimeFormat, ticket_view.FollowPage, frozenset[str]]


def page_content(session: Session, gw: Gateway, render: Renderer, link: Link, now: Instant) -> _Content:
    if link.subject_kind == SubjectKind.OUTAGE:
        return _outage_page(session, gw, render, link, now)
    facts = followed(session, link)
    if facts is None:
        raise LinkInvalid
    words = catalogue_for(facts.customer.locale)
    say = TimeFormat(words, facts.site.timezone, now)
    about = frozenset({link.subject_id, facts.site.id})
    if isinstance(facts, FollowedTicket):
        profile = gw.profiles.get(facts.device.profile) if facts.device is not None else None
        advice = profile.advice(facts.ticket.cause_key) if profile is not None else None
        content = ticket_view.ticket_page_content(facts, words, say, advice, gw.settings.service.country)
        content = with_position(content, facts, gw.positions, words, say, gw.settings.web)
        content = with_portrait(content, session, facts)
        content = with_credits(content, session, facts.customer.id, words)
        content = with_helped_before(content, session, facts, words, say)
        return (words, say, with_acts(content, session, gw, render, facts, words, now),
                about | {facts.visit.id} if facts.visit is not None else about)
    can_press = has_working_button(facts.devices, gw.profiles, facts.dark)
    page = address(render, LinkPurpose.FOLLOW, facts.outage_page) if facts.outage_page is not None else ""
    content = callback_view.callback_page_content(facts, words, say, gw.settings.service.country, can_press, page)
    return words, say, with_credits(content, session, facts.customer.id, words), about


def _outage_page(session: Session, gw: Gateway, render: Renderer, link: Link, now: Instant) -> _Content:
    facts = followed_outage(session, link.subject_id, link.site_id, now)
    if facts is None:
        raise LinkInvalid
    words = catalogue_for(facts.customer.locale)
    say = TimeFormat(words, facts.site.timezone, now)
    page = address(render, LinkPurpose.FOLLOW, facts.own_ticket) if facts.own_ticket is not None else ""
    about = {link.subject_id, link.site_id, facts.outage.id, *(site.id for _, site in facts.homes)}
    if facts.work is not None:
        about |= {facts.work.ticket.id, facts.work.visit.id if facts.work.visit is not None else ""}
    dark = max(filter(None, (dark_since(member) for member, site in facts.homes if site.id == link.site_id)),
               default=None)
    can_press = has_working_button(facts.devices, gw.profiles, dark)
    button_dead = dark is not None and emergency_button_is_dead((), facts.devices, gw.profiles, dark)
    content = outage_page_content(facts, words, say, gw.settings.service.country, can_press, button_dead, page)
    return words, say, with_credits(content, session, facts.customer.id, words), frozenset(about - {""})
