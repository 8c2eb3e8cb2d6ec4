"""The callback desk: who waits for our call, the most urgent first, and calls that an agent promises."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from fastapi import Form, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel
from sqlmodel import Session

from gateway.access.rights import Right
from gateway.calendars.desk_hours import names_hours
from gateway.callbacks.presses.replies import name_of
from gateway.callbacks.slots import slots
from gateway.flow.gateway import Gateway
from gateway.flow.telephones import find
from gateway.model import DAY, Callback, CallbackKind, CallbackState, Instant, Outage, Site
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.reasons import refusal_sentence
from gateway.store.search.found import Found
from gateway.store.search.terms import LONGEST_TEXT
from gateway.store.views import api_lists
from gateway.store.views.desk import call_queue
from gateway.store.views.desk.call_queue import Call, Show
from gateway.store.views.desk.outage_calls import Home, homes_found
from gateway.tickets.actions import OpenCallback
from gateway.web.console.live import follow_main
from gateway.web.console.pages import WORDS, Viewer, go_on, main_of, page, time_format, version_of
from gateway.web.console.session import User, needs
from gateway.web.live import View
from gateway.web.routes import Routes

router = Routes()
PATH = "/console/callbacks"
MOST = 100  # rows
_ABOUT = frozenset(str(kind.__tablename__) for kind in (Callback, Outage))
_SHOWN = {Show.ALL: "All", Show.HELP: "Calls for help", Show.LATE: "Late", Show.MINE: "Mine",
          Show.OUTAGE: "Perhaps an outage"}
_DAYS = 5  # of times that one can choose from
Reads = Annotated[User, needs(Right.READ)]
Reports = Annotated[User, needs(Right.REPORT)]


class QueueRow(NamedTuple):
    """One line of the queue."""

    id: str
    what: str
    is_help: bool
    customer: str
    place: str
    wish: str
    needs: list[str]
    outage: str
    state: CallbackState
    who: str  # has it
    until: Instant | None
    tries: int
    presses: int
    requested_at: Instant
    ring_from: Instant | None  # not before
    promised_by: Instant


@dataclass(frozen=True)
class Queue:
    """What the screen shows."""

    show: Show
    rows: list[QueueRow]
    count: int

    @property
    def version(self) -> str:
        return version_of(repr(self))


class WishForm(BaseModel):
    """Somebody is to be rung, because a person says so; every field is text and may be missing."""

    site: str = ""
    words: str = ""
    urgent: str = ""
    ring_from: str = ""


@router.get(PATH)
def show_callbacks(request: Request, user: Reads, show: Show = Show.ALL, after: str = "") -> Response:
    """`after`: the callback that was settled just now."""
    done = _settled(user.gw, after) if after else ""
    return page(request, user, "callbacks.html", queue=_queue(user.gw, show, str(user.who), user.now), done=done,
                shown=_shown(), root_path=PATH)


@router.get(f"{PATH}/stream")
async def stream_callbacks(request: Request, user: Annotated[User, needs(Right.READ, does_something=False)],
                           show: Show = Show.ALL, version: str = "") -> StreamingResponse:
    """The queue whenever it is another one."""
    clock: Callable[[], Instant] = request.app.state.now
    gw, role, me = user.gw, user.role, str(user.who)

    def load() -> View:
        now = clock()
        queue = _queue(gw, show, me, now)
        html = main_of(request, gw, Viewer(role, now), "callbacks.html", queue=queue, done="", shown=_shown(),
                       root_path=PATH)
        return View(queue.version, html, _ABOUT)

    whose = f"/{user.row.id}" if show is Show.MINE else ""
    return await follow_main(request, user, f"callbacks/{role}/{show}{whose}", load, version)


@router.get(f"{PATH}/new")
def show_new_callback(request: Request, user: Reports, site: str = "", q: str = "") -> Response:
    return _new_page(request, user, WishForm(site=site), typed=q)


@router.post(f"{PATH}/new")
def open_callback(request: Request, user: Reports, given: Annotated[WishForm, Form()]) -> Response:
    words = given.words.strip()[:2000]
    if not words:
        return _new_page(request, user, given, 422, "Say what it is about: whoever calls reads it.")
    ring_from = int(given.ring_from) if given.ring_from.isdecimal() and len(given.ring_from) < 16 else None
    try:
        user(OpenCallback(given.site, words, bool(given.urgent), ring_from))
    except Refused as refused:
        return _new_page(request, user, given, 409, refusal_sentence(refused, WORDS))
    except NoSuch:
        return _new_page(request, user, WishForm(words=words), 422, "Choose where they live.")
    with user.gw.store.read() as session:
        row = api_lists.open_callback(session, given.site)
    return go_on(f"{PATH}/{row[0].id}" if row is not None else PATH)


def _new_page(request: Request, user: User, given: WishForm, status: int = 200, wrong: str = "", typed: str = ""
              ) -> Response:
    typed = " ".join(typed[:LONGEST_TEXT].split())
    hits = find(user.gw, typed, user.may(Right.READ_PHONES), user.who, user.now) if typed else Found()
    with user.gw.store.read() as session:
        home = _home(session, given.site)
        found = homes_found(session, hits) if home is None else []
    say = time_format(user.gw, user.now)
    service = user.gw.settings.service
    when = [("", "As soon as we can"), *((str(begins), say.span(begins, ends)) for begins, ends in slots(
        service, user.now, user.now + _DAYS * DAY))] if names_hours(service) else []
    return page(request, user, "callback_new.html", status, wrong=wrong, given=given, home=home, typed=typed,
                found=found, when=when)


def _home(session: Session, site_id: str) -> Home | None:
    site = session.get(Site, site_id) if site_id else None
    return None if site is None else Home(site.id, site.address or site.name)


def _shown() -> list[tuple[Show, str]]:
    return list(_SHOWN.items())


def _queue(gw: Gateway, show: Show, me: str, now: Instant) -> Queue:
    buttons = [key for key, one in gw.profiles.items() if one.emergency]
    with gw.store.read() as session:
        rows = call_queue.first(session, now, MOST, show, me, buttons)
        count = len(rows) if len(rows) < MOST else call_queue.count(session, now, show, me)
    return Queue(show, [_row(one) for one in rows], count)


def _row(one: Call) -> QueueRow:
    callback = one.callback
    waits = callback.state is CallbackState.REQUESTED
    return QueueRow(
        callback.id, what_kind(callback), callback.emergency, one.customer, one.place.shown, callback.wish,
        [WORDS(f"need.{need}") for need in sorted(one.needs)], one.outage or "", callback.state,
        "" if waits else name_of(callback.agent) or "somebody", None if waits else callback.claimed_until,
        callback.tries, callback.presses, callback.requested_at, callback.ring_from, callback.promised_by)


def what_kind(callback: Callback) -> str:
    """What they want of us, in a word or two."""
    if callback.emergency:
        return "Call for help"
    if callback.kind is CallbackKind.CHECK:
        return "Check that all is well"
    return "Urgent" if callback.urgent else "Call back"


def _settled(gw: Gateway, callback_id: str) -> str:
    """That it is, in a sentence; "" for one that is not."""
    with gw.store.read() as session:
        callback = session.get(Callback, callback_id)
    if callback is None or callback.closed_at is None:
        return ""
    how = callback.outcome and WORDS(f"call_outcome.{callback.outcome}")
    return f"{callback.id}: {how or WORDS(f'callback_state.{callback.state}')}."
