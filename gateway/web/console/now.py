"""Now: what is wrong, who waits, what is about to be late; all of it in one window, whatever the load."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from fastapi import HTTPException, Request
from fastapi.responses import Response, StreamingResponse

from gateway.access.rights import Right
from gateway.callbacks.presses.replies import name_of
from gateway.flow.gateway import Gateway
from gateway.model import (
    Callback,
    CallbackState,
    GoodwillCase,
    Instant,
    Job,
    Notification,
    NotificationState,
    Offer,
    Outage,
    OutageState,
    Promise,
    PromiseState,
    Role,
    Severity,
    Subject,
    SubjectKind,
    Ticket,
    Visit,
)
from gateway.monitoring.health import Health
from gateway.notifications.format_times import capital
from gateway.notifications.messages import topic_name
from gateway.store.views.desk.call_queue import Call
from gateway.store.views.desk.now_screen import NotTold, NowFacts, RiskyPromise, Untaken, now_facts
from gateway.web.console.live import follow_main
from gateway.web.console.pages import WORDS, Viewer, main_of, page, version_of
from gateway.web.console.session import User, needs
from gateway.web.live import View
from gateway.web.routes import Routes

router = Routes()
PATH = "/console"
MOST, ALL = 8, 200  # lines of a card, and of a list of its own
_ABOUT = frozenset(str(kind.__tablename__) for kind in (
    Callback, GoodwillCase, Job, Notification, Offer, Outage, Promise, Ticket, Visit))


class Line(NamedTuple):
    """One line: what, whose, since when, until when."""

    id: str
    path: str  # "": leads nowhere
    what: str
    whose: str = ""
    since: Instant | None = None
    due: Instant | None = None
    word: str = ""  # its state, in a chip
    tone: str = "quiet"
    message: str = ""  # a message that can be sent again


@dataclass(frozen=True)
class Section:
    """One card of the screen."""

    id: str
    title: str
    lines: Sequence[Line]
    count: int
    more: str  # where all of them are
    none: str  # that all is well
    low: int  # lines of it in a low window …
    high: int  # … and in a high one
    tone: str = ""


class NowPage(NamedTuple):
    """What the screen shows; no more depends on the time than has to, so that it is seldom sent again."""

    help: Section
    columns: Sequence[Sequence[Section]]
    newest_help: str  # read aloud when it is another one
    open_tickets: int
    untaken: int
    waiting: int
    outages: int
    to_approve: int

    @property
    def version(self) -> str:
        return version_of(repr(self))


@router.get(PATH)
def show_now(request: Request, user: Annotated[User, needs(Right.READ)]) -> Response:
    content = _content(user.gw, _health(request), user.now)
    return page(request, user, "now.html", now=content)


@router.get(f"{PATH}/now/stream")
async def stream_now(request: Request, user: Annotated[User, needs(Right.READ, does_something=False)],
                     version: str = "") -> StreamingResponse:
    """The screen whenever it is another one."""
    clock: Callable[[], Instant] = request.app.state.now
    gw, role = user.gw, user.role
    return await follow_main(request, user, f"now/{role}", lambda: _view(request, gw, role, clock()), version)


@router.get(f"{PATH}/now/{{part}}")
def show_part(request: Request, user: Annotated[User, needs(Right.READ)], part: str) -> Response:
    """All of one card that no other screen has: nobody came, promises, messages that did not arrive, the gateway."""
    content = _content(user.gw, _health(request), user.now, ALL)
    found = next((one for column in content.columns for one in column
                  if one.id == part and one.more == f"{PATH}/now/{part}"), None)
    if found is None:
        raise HTTPException(404, "There is no such list")
    return page(request, user, "now_all.html", section=found)


def _view(request: Request, gw: Gateway, role: Role, now: Instant) -> View:
    content = _content(gw, _health(request), now)
    return View(content.version, main_of(request, gw, Viewer(role, now), "now.html", now=content), _ABOUT)


def _health(request: Request) -> Health:
    health: Callable[[], Health] = request.app.state.health
    return health()


def _content(gw: Gateway, health: Health, now: Instant, most: int = MOST) -> NowPage:
    with gw.store.read() as session:
        facts = now_facts(session, now, most)
    return now_content(facts, health, now)


def now_content(facts: NowFacts, health: Health, now: Instant) -> NowPage:
    """The screen at `now`."""
    newest = facts.newest_help
    system = list(_system(facts, health))
    return NowPage(
        help=Section("help", "Calls for help", [_call(one) for one in facts.help.rows], facts.help.count,
                     "/console/callbacks", "", 3, 4, "bad"),
        columns=[
            [Section("calls", "Waiting for our call", [_call(one) for one in facts.calls.rows], facts.calls.count,
                     "/console/callbacks", "Nobody waits for a call.", 5, 8),
             Section("no-shows", "Nobody came", [
                 Line(one.visit_id, f"/console/tickets/{one.ticket_id}", one.provider, one.customer, one.window_from,
                      one.window_until, "No-show", "bad")
                 for one in facts.no_shows.rows], facts.no_shows.count, f"{PATH}/now/no-shows",
                 "Everybody is on time.", 4, 6, "bad")],
            [Section("promises", "Promises at risk", [_promise(one, now) for one in facts.promises.rows],
                     facts.promises.count, f"{PATH}/now/promises", "No promise is at risk.", 5, 8, "alert"),
             Section("untaken", "Tickets nobody has taken", [
                 Line(one.id, f"/console/tickets/{one.id}", _cause(one), one.place.shown, one.opened_at, one.due_at,
                      one.severity, {Severity.CRITICAL: "bad", Severity.MAJOR: "alert"}.get(one.severity, "quiet"))
                 for one in facts.untaken.rows], facts.untaken.count, "/console/tickets?state=unassigned",
                 "Somebody comes for every ticket.", 4, 6)],
            [Section("outages", "Outages", [_outage(one) for one in facts.outages.rows], facts.outages.count,
                     "/console/outages", "No outage is known.", 3, 5, "bad"),
             Section("not-told", "Messages that did not arrive", [_not_told(one) for one in facts.not_told.rows],
                     facts.not_told.count, f"{PATH}/now/not-told", "All messages have arrived since yesterday.", 2,
                     4, "alert"),
             Section("system", "Gateway", system, len(system), f"{PATH}/now/system",
                     "Broker, database and channels work.", 2, 4, "alert")]],
        newest_help="" if newest is None else f"Call for help: {newest.customer}, {newest.place.shown}",
        open_tickets=facts.open_tickets, untaken=facts.untaken.count, waiting=facts.calls.count + facts.help.count,
        outages=facts.outages.count, to_approve=facts.to_approve)


_CALL_WORDS = {CallbackState.CLAIMED: "has it", CallbackState.ATTEMPTING: "is calling",
               CallbackState.CONNECTED: "is talking"}


def _call(one: Call) -> Line:
    callback = one.callback
    who = name_of(callback.agent) or "somebody"
    word, tone = f"{who} {_CALL_WORDS.get(callback.state, '')}".strip(), "moving"
    if callback.state is CallbackState.REQUESTED:
        word, tone = ("Nobody yet", "bad") if callback.emergency else ("", "")
        if callback.tries:
            word, tone = f"Tried {callback.tries}×", "alert"
        elif callback.urgent and not callback.emergency:
            word, tone = "Urgent", "alert"
    return Line(callback.id, f"/console/callbacks/{callback.id}", one.customer, one.place.shown, callback.requested_at,
                callback.promised_by, word, tone)


def _promise(one: RiskyPromise, now: Instant) -> Line:
    word, tone = ("Late", "bad") if one.due_at < now else ("Soon", "alert")
    if one.state is PromiseState.BROKEN:
        word, tone = "Broken", "bad"
    return Line(one.id, _path_of(one.subject), capital(WORDS(f"promise.{one.kind}")), one.customer or one.subject.id,
                one.made_at, one.due_at, word, tone)


def _cause(one: Untaken) -> str:
    return one.cause if one.outage is None else WORDS("message.outage.cause", area=one.outage)


def _path_of(subject: Subject) -> str:
    """The screen of what a promise or message is about."""
    if subject.kind in (SubjectKind.TICKET, SubjectKind.CALLBACK, SubjectKind.OUTAGE):
        return f"/console/{subject.kind}s/{subject.id}"
    return f"/console/search?q={subject.id}"


_OUTAGE_WORDS = {OutageState.SUSPECTED: ("Suspected", "alert"), OutageState.CONFIRMED: ("Confirmed", "bad"),
                 OutageState.RESTORING: ("Coming back", "moving"), OutageState.RESTORED: ("Restored", "good")}


def _outage(one: Outage) -> Line:
    word, tone = _OUTAGE_WORDS[one.state]
    name = one.name or "The gateway receives nothing"
    return Line(one.id, f"/console/outages/{one.id}", name, f"{one.dark} of {one.homes} homes", one.began_at,
                one.etr_at, word, tone)


def _not_told(one: NotTold) -> Line:
    failed = one.state is NotificationState.FAILED
    return Line(one.id, _path_of(one.subject), capital(topic_name(one.topic, WORDS)),
                one.customer or str(one.recipient), one.done_at, None, "Failed" if failed else "Not known",
                "bad" if failed else "alert", one.id if failed else "")


def _system(facts: NowFacts, health: Health) -> Iterator[Line]:
    for place, (what, tone) in enumerate(_sentences(health)):
        yield Line(f"health-{place}", "", capital(what), word="Down" if tone == "bad" else "Degraded", tone=tone)
    if facts.dead_letters:
        yield Line("dead-letters", "", f"{_counted(facts.dead_letters, 'message')} unreadable since yesterday")
    if facts.unclaimed:
        yield Line("unclaimed", "", f"{_counted(facts.unclaimed, 'device')} that nobody has claimed")


def _sentences(health: Health) -> Iterable[tuple[str, str]]:
    yield from ((one, "bad") for one in health.problems)
    yield from ((one, "alert") for one in (*health.degraded, *health.losses))


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
