"""The page of a household: what is open at its homes, what was settled lately, and how to end its link."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, NamedTuple

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from pydantic import BaseModel

from gateway.flow.customers.preferences import token_for_household
from gateway.flow.gateway import Gateway
from gateway.flow.households.links import renew_household_link, send_household_link
from gateway.flow.messages.unopened import note_opening
from gateway.model import (
    Actor,
    ActorKind,
    Goodwill,
    Instant,
    Link,
    LinkPurpose,
    Price,
    SubjectKind,
    Ticket,
    TicketState,
)
from gateway.model.plan import NoSuch, Refused
from gateway.notifications import signed_links
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat, capital, duration
from gateway.notifications.format_values import price
from gateway.store import Conflict
from gateway.store.after.goodwill_lists import customer_credits
from gateway.store.views.customer.household import household_of_ticket, household_page
from gateway.store.views.pages import causes_in_messages
from gateway.store.visits.photos import Shown as Photo
from gateway.store.visits.photos import sent_about
from gateway.web.dependencies import Gw, Now
from gateway.web.live import LivePages, View
from gateway.web.pages import customer
from gateway.web.pages.household.way_back import remember
from gateway.web.pages.links import LinkInvalid, Render, address, open_link, somebody_reads
from gateway.web.pages.templates import Renderer
from gateway.web.pages.ticket_view import FollowPage, words_of
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)
MOST_CREDITS = 10  # the newest
_BY_THEMSELVES = Actor(ActorKind.CUSTOMER)


class HouseholdForm(BaseModel):
    """The form as it comes: every field is text and may be missing."""

    act: str = ""


class OpenThing(NamedTuple):
    """Something that is open, in one sentence of truth."""

    icon: str
    tone: str
    what: str  # what is wrong; "" where the sentence says it
    sentence: str
    time_name: str
    time: str
    sorry: str
    where: str  # which of their homes; "" when they have one
    address: str  # of its own page; "" when there is none
    photos: Sequence[Photo] = ()  # that the household has sent about it; shown by its own page


class SettledThing(NamedTuple):
    """Something that is over."""

    at: Instant
    what: str
    how: str
    address: str


class CreditedThing(NamedTuple):
    """What they were credited."""

    at: Instant
    price: str
    why: str


@router.api_route("/h/{token}", methods=["GET", "HEAD"])
def household(gw: Gw, now: Now, render: Render, request: Request, token: str) -> HTMLResponse:
    if _is_ended(gw, token, now):
        return _ended(render, _words_of_browser(request), 404)
    words, view = _view(gw, render, token, now)
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.HOUSEHOLD, token, now)
        choose, anybody = token_for_household(session, gw, link.subject_id)
    if somebody_reads(request):
        note_opening(gw, link, now)
    page = render.page("household.html", words, live=view.html, version=view.version, token=token, choose=choose,
                       each_their_own=anybody and not choose)
    remember(page, render, token)
    return page


@router.get("/h/{token}/stream")
async def household_stream(gw: Gw, render: Render, token: str, request: Request, version: str = ""
                           ) -> StreamingResponse:
    """The part of the page that changes, whenever it does; `version` is the one that the visitor has."""
    live: LivePages = request.app.state.live
    now: Callable[[], Instant] = request.app.state.now
    return await live.follow(request, f"h/{token}", lambda: _view(gw, render, token, now())[1], version)


@router.post("/h/{token}")
def renew(gw: Gw, now: Now, render: Render, request: Request, token: str, given: Annotated[HouseholdForm, Form()]
          ) -> Response:
    """The household ends its link, and a new one goes to where it hears from us. The same tap twice has the same
    answer: the link is over already."""
    if given.act != "renew":
        raise LinkInvalid
    if _is_ended(gw, token, now):
        return _ended(render, _words_of_browser(request), 200)
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.HOUSEHOLD, token, now)
    renew_household_link(gw, link.subject_id, _BY_THEMSELVES, now)
    return _ended(render, _words_of_browser(request), 200)


@router.post("/f/{token}/household")
def ask(gw: Gw, now: Now, render: Render, token: str) -> Response:
    """Whoever follows a ticket asks for the household's link: it goes to the household, not to them. Asked twice, it
    is sent once."""
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.FOLLOW, token, now)
        theirs = household_of_ticket(session, link.subject_id) if link.subject_kind is SubjectKind.TICKET else None
    if theirs is None:
        raise LinkInvalid
    _send(gw, theirs, now)
    return RedirectResponse(f"{render.root}/f/{token}?said=household", 303)


def _send(gw: Gateway, customer_id: str, now: Instant) -> None:
    """Whether it went anywhere is for the household to see: whoever asks learns nothing about its addresses."""
    with suppress(Refused, NoSuch, Conflict):
        send_household_link(gw, customer_id, _BY_THEMSELVES, now)


def _is_ended(gw: Gateway, token: str, now: Instant) -> bool:
    """Whether it is a link of ours that is over: of that the page may speak, of nothing else."""
    link_id = signed_links.read(gw.settings.secret.get_secret_value(), LinkPurpose.HOUSEHOLD, token)
    with gw.store.read() as session:
        link = session.get(Link, link_id) if link_id else None
    return link is not None and (link.revoked_at is not None or link.expires_at <= now)


def _words_of_browser(request: Request) -> Catalogue:
    return catalogue_for(request.headers.get("accept-language", ""))


def _ended(render: Renderer, words: Catalogue, status: int) -> HTMLResponse:
    return render.page("household_over.html", words, status)


def _view(gw: Gateway, render: Renderer, token: str, now: Instant) -> tuple[Catalogue, View]:
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.HOUSEHOLD, token, now)
        facts = household_page(session, link.subject_id, now)
        if facts is None:
            raise LinkInvalid
        words = catalogue_for(facts.customer.locale)
        say = TimeFormat(words, facts.customer.timezone, now)
        names = {site.id: site.name for site in facts.sites} if len(facts.sites) > 1 else {}
        about = {link.id, link.subject_id, *(site.id for site in facts.sites)}
        photos = sent_about(session, [one.subject_id for one, _ in facts.open])
        things = []
        for one, works in facts.open:
            try:
                _, _, content, its = customer.page_content(session, gw, render, one, now)
            except LinkInvalid:
                continue
            about |= its
            thing = _open_thing(content, next((names[site] for site in sorted(its) if site in names), ""),
                                address(render, LinkPurpose.FOLLOW, one.id) if works else "")
            things.append(thing._replace(photos=photos.get(one.subject_id, ())) if works else thing)
        credits = customer_credits(session, link.subject_id, MOST_CREDITS)
        causes = causes_in_messages(session, [ticket.id for ticket, _ in facts.settled])
    settled = [_settled_thing(ticket, causes.get(ticket.id, {}), page, render, words)
               for ticket, page in facts.settled]
    html = render.text("household_live.html", words, things=things, settled=settled, say=say,
                       credited=[_credited_thing(one, words) for one in credits],
                       headline=_headline(things, words))
    return words, View(hashlib.sha256(html.encode()).hexdigest()[:16], html, frozenset(about))


def _headline(things: Sequence[OpenThing], words: Catalogue) -> str:
    return words.plural("page.household.open", len(things)) if things else words("page.household.nothing_open")


def _open_thing(content: FollowPage, where: str, page: str) -> OpenThing:
    what = content.facts[0][1] if content.steps and content.facts else ""
    return OpenThing(content.icon, content.tone, what, content.headline, content.time_name, content.time,
                     content.sorry, where, page)


def _credited_thing(row: Goodwill, words: Catalogue) -> CreditedThing:
    amount = price(Price(f"{row.cents // 100}.{row.cents % 100:02}", row.currency), words.locale)
    why = words(f"message.goodwill.short_{row.kind}", lasts=duration(row.dark_ms or 0, words))
    return CreditedThing(row.given_at or row.created_at, amount, why)


def _settled_thing(ticket: Ticket, cause: dict[str, str], page: Link | None, render: Renderer, words: Catalogue
                   ) -> SettledThing:
    how = "called_off" if ticket.state is TicketState.CANCELLED else "fixed"
    return SettledThing(ticket.closed_at or 0, capital(words_of(cause, ticket, words)),
                        words(f"page.household.{how}"),
                        "" if page is None else address(render, LinkPurpose.FOLLOW, page.id))
