"""The dispatcher's page: a ticket or callback as it stands, and what to do with it. GET shows, POST acts."""

from collections.abc import Callable
from typing import Annotated, NamedTuple

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from gateway.calendars import arrival_windows
from gateway.callbacks.call_context.facts import CallFacts
from gateway.flow.act import act
from gateway.flow.gateway import Gateway
from gateway.flow.telephones import word_call, write_look
from gateway.model import (
    HOUR,
    MINUTE,
    Actor,
    ActorKind,
    Callback,
    CallOutcome,
    HoldReason,
    Instant,
    LinkPurpose,
    Subject,
    round_up,
)
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.reasons import refusal_sentence
from gateway.store import Conflict
from gateway.store.views import dispatch_page
from gateway.store.views.call_context import call_facts
from gateway.store.views.dispatch_page import DispatchCallback, DispatchTicket
from gateway.tickets import actions
from gateway.web.dependencies import Gw, Now
from gateway.web.pages.dispatch_view import callback_content, ticket_content
from gateway.web.pages.links import InvalidInput, LinkInvalid, Render, open_link
from gateway.web.pages.maps import map_address
from gateway.web.pages.templates import Renderer
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)
NAME, NOTE = 80, 2000  # characters kept
HALF = 30 * MINUTE


class DispatchForm(BaseModel):
    """The form as it comes: every field is text and may be missing."""

    act: str = ""
    firm: str = ""  # a provider's id
    technician: str = ""
    window_from: str = ""
    reason: str = ""
    until: str = ""
    note: str = ""
    outcome: str = ""  # of a call
    they_know: str = ""  # a call is called off, and they need not be told


class View(NamedTuple):
    """What the link shows, and who acts by it."""

    facts: DispatchTicket | DispatchCallback
    subject: Subject
    who: Actor
    words: Catalogue
    call: CallFacts | None = None  # of an open callback

    @property
    def zone(self) -> str:
        return self.facts.whose.site.timezone


@router.api_route("/d/{token}", methods=["GET", "HEAD"])
def look(gw: Gw, now: Now, render: Render, request: Request, token: str) -> Response:
    return _page(gw, render, _view(gw, request, token, now), now)


@router.post("/d/{token}")
def do(gw: Gw, now: Now, render: Render, request: Request, token: str, given: Annotated[DispatchForm, Form()]
       ) -> Response:
    view = _view(gw, request, token, now)
    try:
        act(gw, _act(given, view, now), view.who, now)
    except InvalidInput as unusable:
        return _page(gw, render, view, now, 422, view.words(str(unusable)), given)
    except (Refused, NoSuch, Conflict) as refused:
        said = refusal_sentence(refused, view.words, view.zone) if isinstance(refused, Refused) else view.words(
            "page.not_possible")
        return _page(gw, render, _view(gw, request, token, now), now, 409, said, given)
    return RedirectResponse(f"{render.root}/d/{token}", 303)


def _view(gw: Gateway, request: Request, token: str, now: Instant) -> View:
    with gw.store.write() as session:
        link = open_link(session, gw.settings, LinkPurpose.DISPATCH, token, now)
        facts, person = dispatch_page.load(session, Subject(link.subject_kind, link.subject_id)), None
        if link.person:
            person = gw.settings.on_call.people.get(link.person)
        if facts is None or (link.person and person is None):  # on call no longer: the link ends with it
            raise LinkInvalid
        who = Actor(ActorKind.AGENT, person.name if person is not None else "")
        row = facts.ticket if isinstance(facts, DispatchTicket) else facts.callback
        call = None
        if row.closed_at is None and _is_of_a_home(facts):
            write_look(session, row, facts.whose.household.telephones, who, now)
            if isinstance(row, Callback):
                call = call_facts(session, row, gw.profiles, now)
    words = catalogue_for(person.locale if person is not None else request.headers.get("accept-language", ""))
    return View(facts, Subject(link.subject_kind, row.id), who, words, call)


def _is_of_a_home(facts: DispatchTicket | DispatchCallback) -> bool:
    return isinstance(facts, DispatchCallback) or facts.ticket.outage_id is None


def _act(given: DispatchForm, view: View, now: Instant) -> actions.Act:
    note = given.note.strip()[:NOTE]
    if given.act == "acknowledge":
        return actions.AcknowledgePage(view.subject)
    acts = _ticket_acts(given, note, view.zone) if isinstance(view.facts, DispatchTicket) else _call_acts(given, note)
    make = acts.get(given.act)
    if make is None:
        raise InvalidInput("page.not_possible")
    if given.act in ("cancel", "resolve", "finish") and not note:
        raise InvalidInput("page.dispatch.note_needed")
    return make(view.subject.id)


def _ticket_acts(given: DispatchForm, note: str, zone: str) -> dict[str, Callable[[str], actions.Act]]:
    return {
        "ask_again": actions.AskAgain, "agree": actions.AgreeToPrice, "decline": actions.DeclinePrice,
        "assign": lambda key: actions.AssignTo(key, given.firm, given.technician.strip()[:NAME], *_window(given, zone)),
        "hold": lambda key: actions.HoldTicket(key, *_hold(given, zone), note),
        "ask": lambda key: actions.OfferTo(key, given.firm),
        "cancel": lambda key: actions.CancelTicket(key, note),
        "resolve": lambda key: actions.ResolveTicket(key, note),
    }


def _window(given: DispatchForm, zone: str) -> arrival_windows.Window:
    try:
        return arrival_windows.parse_local(given.window_from, zone), arrival_windows.parse_local(given.until, zone)
    except (ValueError, OverflowError):
        raise InvalidInput("page.dispatch.bad_window") from None


def _hold(given: DispatchForm, zone: str) -> tuple[HoldReason, Instant]:
    if given.reason not in tuple(HoldReason):
        raise InvalidInput("page.not_possible")
    try:
        return HoldReason(given.reason), arrival_windows.parse_local(given.until, zone)
    except (ValueError, OverflowError):
        raise InvalidInput("page.dispatch.until_needed") from None


def _call_acts(given: DispatchForm, note: str) -> dict[str, Callable[[str], actions.Act]]:
    return {
        "claim": actions.ClaimCallback, "attempt": actions.AttemptCallback, "miss": actions.MissCallback,
        "connect": actions.ConnectCallback,
        "finish": lambda key: actions.FinishCallback(key, note, _outcome(given)),
        "cancel": lambda key: actions.CancelCallback(key, note, bool(given.they_know)),
    }


def _outcome(given: DispatchForm) -> CallOutcome:
    if given.outcome not in tuple(CallOutcome):
        raise InvalidInput("page.dispatch.outcome_needed")
    return CallOutcome(given.outcome)


def _page(gw: Gateway, render: Renderer, view: View, now: Instant, status: int = 200, note: str = "",
          given: DispatchForm | None = None) -> Response:
    facts, words = view.facts, view.words
    say = TimeFormat(words, view.zone, now)
    row = facts.ticket if isinstance(facts, DispatchTicket) else facts.callback
    if row.closed_at is not None:
        return render.page("dispatch_over.html", words, status, number=row.id, when=say.when(row.closed_at),
                           state=words(f"{view.subject.kind}_state.{row.state}"))
    content = (ticket_content(facts, gw.settings.on_call, view.who.name, words, say)
               if isinstance(facts, DispatchTicket)
               else callback_content(facts, gw.settings.on_call, view.who.name, words, say))
    return render.page(
        "dispatch.html", words, status, note=note, page=content, whose=facts.whose, who=view.who.name, say=say,
        map=map_address(facts.whose.site), given=given or DispatchForm(),
        call=word_call(gw, view.call, words, now) if view.call is not None else None,
        is_call=isinstance(facts, DispatchCallback),
        of_a_home=_is_of_a_home(facts), hold_reasons=tuple(HoldReason),
        until=arrival_windows.written_local(now + 24 * HOUR, view.zone),
        window=[arrival_windows.written_local(round_up(now, HALF) + hours * HOUR, view.zone)
                for hours in (0, gw.settings.service.arrival_hours)])
