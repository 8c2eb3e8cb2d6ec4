"""One ticket: everything about it, what to do next, and every act that this role may do now."""

from collections.abc import Callable
from typing import Annotated, NamedTuple

from fastapi import Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from gateway.access.audit import action_name
from gateway.access.rights import Right
from gateway.callbacks.presses import replies
from gateway.devices.profiles import Profile
from gateway.flow.act import FilledForm
from gateway.flow.gateway import Gateway
from gateway.model import Instant, Role, Ticket
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.format_times import TimeFormat, capital
from gateway.notifications.reasons import refusal_sentence
from gateway.store import Conflict
from gateway.store.views import console_ticket
from gateway.store.views.console_ticket import ConsoleTicket
from gateway.tickets.actions import AddNote, OpenCallback
from gateway.tickets.desk.ticket_version import Stale, TicketVersion, read_version
from gateway.tickets.visits.signature import path_of
from gateway.web.console.live import follow_main
from gateway.web.console.pages import WORDS, Viewer, go_on, main_of, page, version_of
from gateway.web.console.pictures import pictures_of
from gateway.web.console.presence import others_at
from gateway.web.console.session import TOKEN, User, needs
from gateway.web.console.shared_forms import fill_in, form_key, with_key
from gateway.web.console.ticket_forms import BY_NAME, FORMS, Given, Unusable
from gateway.web.console.ticket_view import FILTERS, Typed, ticket_page, typed_words, version_words
from gateway.web.dependencies import or_404
from gateway.web.live import View
from gateway.web.pages.templates import Renderer
from gateway.web.routes import Routes

router = Routes()
_PAGE = "/console/tickets/{ticket_id}"
_HIDDEN = (TOKEN, "act", "target", "version", "key")
Reader = Annotated[User, needs(Right.READ)]
Follower = Annotated[User, needs(Right.READ, does_something=False)]
Worker = Annotated[User, needs(Right.WORK_TICKETS)]


class Clash(NamedTuple):
    """Two decided at once: how it was when the form was made, how it is now, and what somebody meant to do."""

    base: list[tuple[str, str]]
    theirs: list[tuple[str, str]]
    who: str  # did that
    yours: str  # the act's title
    typed: list[tuple[str, str]]
    possible: bool  # it can be sent again


@router.get(_PAGE)
def show_ticket(request: Request, user: Reader, ticket_id: str, show: str = "") -> Response:
    return _answer(request, user, ticket_id, show)


@router.get(f"{_PAGE}/stream")
async def ticket_stream(request: Request, user: Follower, ticket_id: str, show: str = "", version: str = ""
                        ) -> StreamingResponse:
    """The page's content whenever it has changed; rendered once for all of a role."""
    now: Callable[[], Instant] = request.app.state.now
    gw, role, chosen = user.gw, user.role, _chosen(show)

    def load() -> View:
        at = now()
        view = _view(gw, request.app.state.renderer, _load(gw, ticket_id, at), role, chosen, at)
        html = main_of(request, gw, Viewer(role, at), "ticket.html", ticket_id=ticket_id, live=view.html,
                       version=view.version, shown=chosen, wrong="", clash=None, others=())
        return view._replace(html=html)

    return await follow_main(request, user, f"{_path(ticket_id, chosen)}/{role}", load, version, with_key)


@router.post(_PAGE)
def act_on_ticket(request: Request, user: Worker, ticket_id: str, show: str = "") -> Response:
    """What one of the page's forms says. Sent twice it is done once; from an outdated page only what adds something is
    done."""
    fields = {name: value for name, value in request.state.form.multi_items() if isinstance(value, str)}
    name, target = fields.get("act", ""), fields.get("target", "")
    act_type = BY_NAME.get(name)
    typed = Typed(name, target, {key: value for key, value in fields.items() if key not in _HIDDEN})
    facts = _load(user.gw, ticket_id, user.now)
    if act_type is None:
        return _answer(request, user, ticket_id, show, 422, wrong="Choose what to do.")
    try:
        given = FORMS[act_type].make(Given(typed.fields, target, ticket_id, facts.story.zone))
    except Unusable as unusable:
        return _answer(request, user, ticket_id, show, 422, typed=Typed(name, target, typed.fields, str(unusable)))
    version = "" if FORMS[act_type].appends else fields.get("version", "") or "?"
    key = form_key(fields.get("key", ""), ((field, value) for field, value in fields.items() if field != TOKEN))
    try:
        user(given, FilledForm(key, ticket_id, version))
    except Stale as stale:
        return _clash(request, user, ticket_id, show, typed, stale.base)
    except Refused as refused:
        if fields.get("version") and _is_stale(user, ticket_id, fields["version"]):
            return _clash(request, user, ticket_id, show, typed, read_version(fields["version"]))
        said = refusal_sentence(refused, WORDS, facts.story.zone)
        return _answer(request, user, ticket_id, show, 409, typed=Typed(name, target, typed.fields, said), wrong=said)
    except (NoSuch, Conflict):
        said = WORDS("page.not_possible")
        return _answer(request, user, ticket_id, show, 409, typed=Typed(name, target, typed.fields, said), wrong=said)
    if isinstance(given, OpenCallback):
        return go_on(_path(ticket_id, show, "#whose"))
    return go_on(_path(ticket_id, show))


def _answer(request: Request, user: User, ticket_id: str, show: str, status: int = 200, typed: Typed | None = None,
            wrong: str = "", clash: Clash | None = None) -> HTMLResponse:
    facts, chosen = _load(user.gw, ticket_id, user.now), _chosen(show)
    view = _view(user.gw, request.app.state.renderer, facts, user.role, chosen, user.now, typed)
    return page(request, user, "ticket.html", status, live=fill_in(view.html, user.csrf), version=view.version,
                ticket_id=facts.story.ticket.id, wrong=wrong, clash=clash, shown=chosen,
                others=others_at(user.gw, ticket_id, user.row.id, user.now))


def _clash(request: Request, user: User, ticket_id: str, show: str, typed: Typed, base: TicketVersion | None
           ) -> HTMLResponse:
    facts = _load(user.gw, ticket_id, user.now)
    say, spec = _say(facts, user.now), FORMS[BY_NAME[typed.name]]
    shown = ticket_page(facts, user.gw.settings, _profile(user.gw, facts), user.role, say, typed=typed)
    now_version = read_version(shown.version)
    possible = any((form.name, form.target) == (typed.name, typed.target) for form in shown.all_forms)
    words = typed_words(typed, facts, user.gw.settings, user.role, say)
    if not possible and words:  # what they have typed goes on as a note
        note = "; ".join(value for name, value in typed.fields.items() if value and name in ("note", "why"))
        typed = Typed(action_name(AddNote), ticket_id, {"note": note}) if note else typed
    by = capital(next((line.who for line in shown.timeline if line.kind == "people"), "somebody"))
    was = [] if base is None else version_words(base, facts, say)
    is_now = [] if now_version is None else version_words(now_version, facts, say)
    clash = Clash(was, is_now, by, spec.title, words, possible)
    return _answer(request, user, ticket_id, show, 409, typed=typed, clash=clash)


def _is_stale(user: User, ticket_id: str, version: str) -> bool:
    facts = _load(user.gw, ticket_id, user.now)
    return ticket_page(facts, user.gw.settings, None, user.role, _say(facts, user.now)).version != version


def _load(gw: Gateway, ticket_id: str, now: Instant) -> ConsoleTicket:
    with gw.store.read() as session:
        found: ConsoleTicket = or_404(console_ticket.load(session, ticket_id, now), "ticket")
    return found


def _view(gw: Gateway, render: Renderer, facts: ConsoleTicket, role: Role, chosen: str, now: Instant,
          typed: Typed | None = None) -> View:
    say = _say(facts, now)
    content = ticket_page(facts, gw.settings, _profile(gw, facts), role, say, chosen, typed)
    html = render.text("console/ticket_live.html", WORDS, page=content, say=say, csrf="", key="",
                       pictures=pictures_of(gw, facts.story.ticket.id, role), path_of=path_of,
                       filters=FILTERS, shown=chosen, name_of=replies.name_of)
    return View(version_of(html), html, _about(facts))


def _about(facts: ConsoleTicket) -> frozenset[str]:
    """What changes the page when it changes."""
    now_is, outage = facts.desk.now_is, facts.desk.outage
    rows: list[Ticket | None] = [facts.story.ticket, now_is.survivor, *now_is.merged]
    ids = {one.id for one in rows if one is not None} | {facts.story.site.id}
    ids |= {one.id for one in now_is.jobs} | {one.id for one in now_is.visits} | {one.id for one in now_is.offers}
    return frozenset(ids | ({outage.id} if outage is not None else set()))


def _say(facts: ConsoleTicket, now: Instant) -> TimeFormat:
    return TimeFormat(WORDS, facts.story.zone, now)


def _profile(gw: Gateway, facts: ConsoleTicket) -> Profile | None:
    device = facts.story.device
    return None if device is None else gw.profiles.get(device.profile)


def _chosen(show: str) -> str:
    return show if show in FILTERS else ""


def _path(ticket_id: str, show: str, anchor: str = "") -> str:
    query = f"?show={_chosen(show)}" if _chosen(show) else ""
    return f"/console/tickets/{ticket_id}{query}{anchor}"
