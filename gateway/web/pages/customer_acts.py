"""What a customer can do about their ticket, on a page of its own that nothing loads anew while they type."""

from dataclasses import replace
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel
from sqlmodel import Session

from gateway.calendars.desk_hours import names_hours
from gateway.flow.act import act
from gateway.flow.gateway import Gateway
from gateway.model import (
    Actor,
    ActorKind,
    CallbackOrigin,
    Instant,
    Link,
    LinkPurpose,
    Severity,
    SubjectKind,
    TicketState,
)
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.reasons import refusal_sentence
from gateway.store import Conflict
from gateway.store.views.desk.not_fixed import goes_on_as
from gateway.store.views.pages import FollowedTicket, followed
from gateway.tickets.actions import Act, CancelTicket, OpenCallback, ReportNotFixed
from gateway.tickets.households.not_fixed import WORDS, may_be_not_fixed
from gateway.tickets.lifecycle import BEFORE_ARRIVAL, BEFORE_DEPARTURE
from gateway.web.dependencies import Gw, Now
from gateway.web.pages.links import LinkInvalid, Render, address, open_link
from gateway.web.pages.templates import Renderer
from gateway.web.pages.ticket_view import FollowPage

router = APIRouter(include_in_schema=False)
SAID = ("not_fixed", "call", "not_needed", "household")  # acts after which the customer's page says what happens next


class ChangeForm(BaseModel):
    """The form as it comes: every field is text and may be missing."""

    act: str = ""
    notice: str = ""  # what they notice that still does not work
    about: str = ""  # what they want to be rung about
    why: str = ""  # why nobody needs to come


class Possible(NamedTuple):
    """What the customer can do as things stand."""

    not_fixed: bool
    not_needed: bool
    call: bool


class _Shown(NamedTuple):
    """What the link shows."""

    facts: FollowedTicket
    words: Catalogue
    goes_on: Link | None  # the page of the ticket that goes on with it


@router.api_route("/f/{token}/change", methods=["GET", "HEAD"])
def change(gw: Gw, now: Now, render: Render, token: str) -> Response:
    return _page(gw, render, token, _load(gw, token, now), now)


@router.post("/f/{token}/change")
def do(gw: Gw, now: Now, render: Render, token: str, given: Annotated[ChangeForm, Form()]) -> Response:
    """The same tap twice has the same answer; what was typed stays where it was when it cannot be done."""
    shown = _load(gw, token, now)
    words, ticket = shown.words, shown.facts.ticket
    wanted = _act(given, shown.facts, words)
    if given.act == "call" and not given.about.strip():
        return _page(gw, render, token, shown, now, 422, words("page.change.about_needed"), given, focus="about")
    if given.act == "not_needed" and not possible(shown.facts, gw, now).not_needed and (
            ticket.state is not TicketState.CANCELLED):
        return _page(gw, render, token, shown, now, 409, words("page.change.not_needed_too_late"), given)
    try:
        act(gw, wanted, Actor(ActorKind.CUSTOMER), now)
    except (Refused, NoSuch, Conflict) as refused:
        said = refusal_sentence(refused, words, shown.facts.site.timezone) if isinstance(
            refused, Refused) else words("page.not_possible")
        return _page(gw, render, token, _load(gw, token, now), now, 409, said, given)
    with gw.store.read() as session:
        onward = goes_on_as(session, ticket.id, now) if given.act == "not_fixed" else None
    page = f"{render.root}/f/{token}" if onward is None else address(render, LinkPurpose.FOLLOW, onward.id)
    return RedirectResponse(f"{page}?said={given.act}", 303)


def with_acts(content: FollowPage, session: Session, gw: Gateway, render: Renderer, facts: FollowedTicket,
              words: Catalogue, now: Instant) -> FollowPage:
    """The customer's page with the way to what they can do."""
    onward = goes_on_as(session, facts.ticket.id, now) if facts.ticket.state is TicketState.CLOSED else None
    if onward is not None:
        return replace(content, leads_to=(address(render, LinkPurpose.FOLLOW, onward.id), words("page.change.goes_on")))
    can = possible(facts, gw, now)
    label = "page.change.open_not_fixed" if can.not_fixed else "page.change.open" if any(can) else ""
    return replace(content, change=words(label)) if label else content


def possible(facts: FollowedTicket, gw: Gateway, now: Instant) -> Possible:
    ticket = facts.ticket
    lives_there = facts.site.customer_id == ticket.customer_id and facts.site.household_left_at is None
    return Possible(
        # somebody who is there is spoken with; a dangerous fault is not called off by a tap, but by a call
        not_needed=lives_there and ticket.state in BEFORE_DEPARTURE | BEFORE_ARRIVAL and ticket.outage_id is None
        and ticket.severity is not Severity.CRITICAL,
        not_fixed=lives_there and may_be_not_fixed(ticket, now),
        call=lives_there and ticket.closed_at is None and ticket.outage_id is None and names_hours(gw.settings.service))


def _act(given: ChangeForm, facts: FollowedTicket, words: Catalogue) -> Act:
    if given.act == "not_fixed":
        return ReportNotFixed(facts.ticket.id, given.notice.strip()[:WORDS])
    if given.act == "not_needed":
        return CancelTicket(facts.ticket.id, given.why.strip()[:WORDS] or words("report.not_needed"))
    if given.act == "call":
        return OpenCallback(facts.site.id, given.about.strip()[:WORDS], origin=CallbackOrigin.PAGE)
    raise LinkInvalid


def _load(gw: Gateway, token: str, now: Instant) -> _Shown:
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.FOLLOW, token, now)
        facts = followed(session, link) if link.subject_kind == SubjectKind.TICKET else None
        if not isinstance(facts, FollowedTicket):
            raise LinkInvalid
        return _Shown(facts, catalogue_for(facts.customer.locale), goes_on_as(session, facts.ticket.id, now))


def _page(gw: Gateway, render: Renderer, token: str, shown: _Shown, now: Instant, status: int = 200, note: str = "",
          given: ChangeForm | None = None, focus: str = "") -> Response:
    can = possible(shown.facts, gw, now)
    if shown.goes_on is not None:
        can = can._replace(not_fixed=False)
    if not any(can) and not note:
        return RedirectResponse(f"{render.root}/f/{token}", 303)
    return render.page("change.html", shown.words, status, token=token, ticket=shown.facts.ticket, can=can, note=note,
                       given=_kept(given or ChangeForm(), can), focus=focus,
                       say=TimeFormat(shown.words, shown.facts.site.timezone, now))


def _kept(given: ChangeForm, can: Possible) -> ChangeForm:
    """What was typed into a form that is not there any more goes on in the one that asks for a call."""
    lost = [text for text, shown in ((given.notice, can.not_fixed), (given.why, can.not_needed)) if text and not shown]
    return given.model_copy(update={"about": "\n".join(filter(None, (given.about, *lost)))})
