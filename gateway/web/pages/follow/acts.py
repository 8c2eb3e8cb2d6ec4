"""What a customer can do about their ticket, on a page of its own that nothing loads anew while they type."""

from dataclasses import replace
from typing import Annotated, NamedTuple

from fastapi import Form
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel
from sqlmodel import Session

from gateway.calendars.desk_hours import names_hours
from gateway.flow.customers.pending_acts import ask
from gateway.flow.gateway import Gateway
from gateway.model import CustomerAct, Instant, Link, LinkPurpose, PendingAct, SubjectKind, TicketState, VisitState
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.reasons import refusal_sentence
from gateway.store import Conflict
from gateway.store.customers import pending_acts
from gateway.store.views.desk.not_fixed import goes_on_as
from gateway.store.views.pages import FollowedTicket, followed
from gateway.tickets.households.customer_acts import WORDS, is_theirs, may_call_off
from gateway.tickets.households.not_fixed import may_be_not_fixed
from gateway.tickets.households.page_version import PageChanged, PageVersion, version_of
from gateway.tickets.lifecycle import VISIT_AHEAD
from gateway.web.dependencies import Gw, Now
from gateway.web.pages.follow.pending import news
from gateway.web.pages.links import LinkInvalid, Render, address, open_link
from gateway.web.pages.technician.form_errors import FormError
from gateway.web.pages.templates import Renderer
from gateway.web.pages.ticket_view import FollowPage, ticket_page_content
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)
_NEEDS_WORDS = {CustomerAct.CALL: "page.change.about_needed", CustomerAct.TELL: "refused.words_needed"}
_FIELD = {CustomerAct.NOT_FIXED: "notice", CustomerAct.NOT_NEEDED: "why", CustomerAct.CALL: "about",
          CustomerAct.TELL: "words", CustomerAct.ACCESS: "access"}  # what is typed for it


class ChangeForm(BaseModel):
    """The form as it comes: every field is text and may be missing."""

    act: str = ""
    version: str = ""  # of what the person saw
    notice: str = ""  # what they notice that still does not work
    about: str = ""  # what they want to be rung about
    why: str = ""  # why nobody needs to come
    words: str = ""  # what we should know
    access: str = ""  # how to get in


class Possible(NamedTuple):
    """What the customer can do as things stand."""

    move: bool
    not_fixed: bool
    tell: bool
    access: bool
    not_needed: bool
    call: bool


class Shown(NamedTuple):
    """What the link shows."""

    facts: FollowedTicket
    words: Catalogue
    goes_on: Link | None  # the page of the ticket that goes on with it
    version: str


@router.api_route("/f/{token}/change", methods=["GET", "HEAD"])
def change(gw: Gw, now: Now, render: Render, token: str) -> Response:
    return change_page(gw, render, token, load(gw, token, now), now)


@router.post("/f/{token}/change")
def do(gw: Gw, now: Now, render: Render, token: str, given: Annotated[ChangeForm, Form()]) -> Response:
    """The same tap twice has the same answer; what was typed stays where it was when it cannot be done."""
    shown = load(gw, token, now)
    kind = next((one for one in _FIELD if one == given.act), None)
    if kind is None:
        raise LinkInvalid
    said = getattr(given, _FIELD[kind]).strip()[:WORDS]
    if not said and kind in _NEEDS_WORDS:
        return change_page(gw, render, token, shown, now,
                           FormError(422, shown.words(_NEEDS_WORDS[kind]), _FIELD[kind]), given)
    wanted = PendingAct(id="", kind=kind, ticket_id=shown.facts.ticket.id, words=said, asked_at=now, due_at=now)
    try:
        ask(gw, wanted, given.version, now)
    except (Refused, NoSuch, Conflict, PageChanged) as refused:
        shown = load(gw, token, now)
        return change_page(gw, render, token, shown, now, FormError(409, why_not(refused, shown, now)), given)
    return RedirectResponse(f"{render.root}/f/{token}", 303)


def why_not(refused: Exception, shown: Shown, now: Instant) -> str:
    """In the customer's words: why what they tapped was not done."""
    if isinstance(refused, PageChanged):
        say = TimeFormat(shown.words, shown.facts.site.timezone, now)
        return _changes_since(refused.base, shown.facts, shown.words, say)
    if isinstance(refused, Refused):
        return refusal_sentence(refused, shown.words, shown.facts.site.timezone)
    return shown.words("page.not_possible")


def with_acts(content: FollowPage, session: Session, gw: Gateway, render: Renderer, facts: FollowedTicket,
              words: Catalogue, now: Instant) -> FollowPage:
    """The customer's page with the way to what they can do, and what they have just done."""
    lately = pending_acts.shown(session, facts.ticket.id, now)
    content = replace(content, pending=news(lately, facts, words, now))
    onward = goes_on_as(session, facts.ticket.id, now) if facts.ticket.state is TicketState.CLOSED else None
    if onward is not None:
        return replace(content, leads_to=(address(render, LinkPurpose.FOLLOW, onward.id), words("page.change.goes_on")))
    can = possible(facts, gw, now)
    label = "page.change.open_not_fixed" if can.not_fixed else "page.change.open" if any(can) else ""
    return replace(content, change=words(label) if label else "", move=words("page.move.title") if can.move else "")


def possible(facts: FollowedTicket, gw: Gateway, now: Instant) -> Possible:
    ticket, visit = facts.ticket, facts.visit
    theirs = is_theirs(ticket, facts.site) and ticket.outage_id is None
    is_open = theirs and ticket.closed_at is None
    return Possible(
        # also when it is too late for a tap: then the page says how
        move=is_open and visit is not None and visit.state in VISIT_AHEAD,
        not_fixed=theirs and may_be_not_fixed(ticket, now),
        tell=is_open and ticket.state is not TicketState.RESOLVED,  # whom would it reach? it is not fixed, or a call
        access=is_open and ticket.state is not TicketState.RESOLVED and not (
            visit is not None and visit.state is VisitState.ON_SITE),
        not_needed=may_call_off(ticket, facts.site), call=is_open and names_hours(gw.settings.service))


def load(gw: Gateway, token: str, now: Instant) -> Shown:
    """What the link shows now. Raises LinkInvalid."""
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.FOLLOW, token, now)
        facts = followed(session, link) if link.subject_kind == SubjectKind.TICKET else None
        if not isinstance(facts, FollowedTicket):
            raise LinkInvalid
        waits = pending_acts.waiting(session, facts.ticket)
        return Shown(facts, catalogue_for(facts.customer.locale), goes_on_as(session, facts.ticket.id, now),
                     version_of(facts.ticket, facts.visit, waits).written())


def change_page(gw: Gateway, render: Renderer, token: str, shown: Shown, now: Instant, error: FormError | None = None,
                given: ChangeForm | None = None) -> Response:
    """What they can do; `given`: what they have typed, and `error`: what was wrong with it."""
    can = possible(shown.facts, gw, now)
    if shown.goes_on is not None:
        can = can._replace(not_fixed=False)
    if not any(can) and error is None:
        return RedirectResponse(f"{render.root}/f/{token}", 303)
    return render.page("change.html", shown.words, 200 if error is None else error.status, token=token,
                       ticket=shown.facts.ticket, can=can, error=error, given=_kept(given or ChangeForm(), can),
                       version=shown.version, most=WORDS, has_access=bool(shown.facts.site.access),
                       say=TimeFormat(shown.words, shown.facts.site.timezone, now))


def _changes_since(base: PageVersion | None, facts: FollowedTicket, words: Catalogue, say: TimeFormat) -> str:
    """What is different from what the person saw, so that they can decide anew."""
    visit = facts.visit
    if base is None or base.state != facts.ticket.state or base.visit_id != (visit.id if visit is not None else ""):
        return words("page.changed.state", state=ticket_page_content(facts, words, say).headline)
    if visit is not None and (base.window_from, base.window_until) != (visit.window_from, visit.window_until):
        who = visit.technician or (facts.provider.name if facts.provider is not None else words("page.somebody"))
        return words("page.changed.window", who=who, span=say.span(visit.window_from, visit.window_until))
    return words("page.changed.asked")


def _kept(given: ChangeForm, can: Possible) -> ChangeForm:
    """What was typed into a form that is not there any more goes on in the one that asks for a call."""
    lost = [text for text, shown in ((given.notice, can.not_fixed), (given.why, can.not_needed),
                                     (given.words, can.tell)) if text and not shown]
    return given.model_copy(update={"about": "\n".join(filter(None, (given.about, *lost)))})
