"""One outage: which homes, what customers read of it and what an agent says, who was told, and what waits behind it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, NamedTuple
from urllib.parse import urlencode

from fastapi import Form, HTTPException, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from markupsafe import Markup
from pydantic import BaseModel
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from gateway.access.rights import Right, may_act, messages_at_once
from gateway.calendars.arrival_windows import parse_local, written_local
from gateway.flow.act import add_maintenance
from gateway.flow.outages.call_off import call_off
from gateway.model import (
    GATEWAY,
    HOUR,
    Instant,
    MaintenanceWindow,
    MemberState,
    Notification,
    NotificationState,
    Outage,
    Promise,
    PromiseState,
    Subject,
    SubjectKind,
    new_id,
    round_up,
)
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.entries import actor_name, entry_sentence, in_language
from gateway.notifications.format_times import TimeFormat, capital
from gateway.notifications.messages import topic_name
from gateway.notifications.reasons import reason_sentence, refusal_sentence
from gateway.outages.context import CUSTOMER_KINDS
from gateway.outages.homes.call_off import can_be_called_off
from gateway.outages.lifecycle import DUTIES
from gateway.store import Conflict
from gateway.store.views import console_ticket
from gateway.store.views.console.outage_page import HomeRow, Homes, OutageFacts, WaitingTicket, outage_facts
from gateway.store.views.desk.outage_calls import ToldCount, outage_call
from gateway.store.views.pagination import BadCursor
from gateway.tickets import actions
from gateway.tickets.actions import Act
from gateway.tickets.desk.possible_acts import possible_acts
from gateway.web.console.answers import AnswerLine, answer_lines, languages
from gateway.web.console.drawing import homes_map
from gateway.web.console.live import follow_main
from gateway.web.console.outage_words import InWords, in_words, told_all, what_not_to_promise
from gateway.web.console.outages import KINDS, PATH, name_of
from gateway.web.console.pages import WORDS, Viewer, go_on, live_page, main_of, page, version_of
from gateway.web.console.session import User, needs
from gateway.web.live import View
from gateway.web.routes import Routes

router = Routes()
NOTE, WHY = 2000, 300  # characters kept
_SHOWN = {Homes.DARK: "Dark", Homes.NEEDS: "Priority needs", Homes.NOT_TOLD: "Not told", Homes.NESTED: "Own fault",
          Homes.BACK: "Back", Homes.ALL: "All"}
_FARES = {MemberState.AFFECTED: ("Dark", "bad", "bolt"), MemberState.NESTED: ("Dark: own fault", "alert", "wrench"),
          MemberState.RESTORED: ("Back", "good", "check"), MemberState.LEFT: ("Silent", "quiet", "cross")}
_DOTS = {MemberState.AFFECTED: "dark", MemberState.NESTED: "nested", MemberState.RESTORED: "back",
         MemberState.LEFT: "mute"}
_TICKET_ACTS: dict[str, type[Act]] = {"acknowledge": actions.AcknowledgePage, "ask_again": actions.AskAgain,
                                      "note": actions.AddNote}
Reads = Annotated[User, needs(Right.READ)]


class Look(NamedTuple):
    """Which of its homes, as the address says it."""

    homes: Homes
    cursor: str

    def query(self, **changes: str) -> str:
        said = {"homes": "" if self.homes is Homes.DARK else str(self.homes), **changes}
        written = urlencode({name: value for name, value in said.items() if value})
        return f"?{written}" if written else ""


class TicketForm(BaseModel):
    """What is done with the outage's ticket; every field is text and may be missing."""

    act: str = ""
    note: str = ""


class WorkForm(BaseModel):
    """Planned work in the outage's area; every field is text and may be missing."""

    work_from: str = ""
    work_until: str = ""


class HomeLine(NamedTuple):
    """One home: where, who, since when, what they have been told."""

    row: HomeRow
    place: str
    fares: tuple[str, str, str]
    needs: Sequence[str]
    told: str
    told_state: NotificationState | None
    why: str


class TicketLine(NamedTuple):
    row: WaitingTicket
    who: str  # comes, and when


class FailedLine(NamedTuple):
    """A message by which nobody was reached."""

    row: Notification
    customer: str
    topic: str
    why: str


class OutagePage(NamedTuple):
    """What the screen shows, worded."""

    say: TimeFormat  # in the time of the home whose messages it shows
    facts: OutageFacts
    look: Look
    name: str
    kind: str
    next_step: str  # until when it stays as it is
    for_customers: bool  # they are told of it
    is_open: bool
    is_false_alarm_possible: bool  # households were told of it, and it goes on
    words: Sequence[InWords]
    never: Sequence[str]
    answers: Sequence[AnswerLine]
    languages: Sequence[tuple[str, str]]
    homes: Sequence[HomeLine]
    first: Sequence[HomeLine]
    next_homes: str
    told: Sequence[str]
    failed: Sequence[FailedLine]
    at_once: int  # failed messages that this role may send again with one press
    ticket: TicketLine | None
    tickets: Sequence[TicketLine]
    can: frozenset[str]  # of _TICKET_ACTS
    estimates: Sequence[tuple[Promise, str]]
    works: Sequence[tuple[MaintenanceWindow, str]]
    timeline: Sequence[tuple[Instant, str, str]]
    map: Markup | None
    proposed: tuple[str, str]  # when work would begin and end, as a form's fields hold it

    @property
    def about(self) -> frozenset[str]:
        """What changes the page when it changes."""
        facts = self.facts
        ids = {facts.outage.id, facts.outage.ticket_id or facts.outage.id, *(one.callback.id for one in facts.calls),
               *(one.ticket.id for one in facts.tickets), *(one.id for one in facts.works)}
        return frozenset(ids)


@router.get(f"{PATH}/{{outage_id}}")
def show_outage(request: Request, user: Reads, outage_id: str, homes: str = "", cursor: str = "", again: int = -1
                ) -> Response:
    """`homes`: which of them are listed; `again`: so many messages have been sent again just now."""
    return _answer(request, user, outage_id, _look(homes, cursor), again=again)


@router.get(f"{PATH}/{{outage_id}}/stream")
async def stream_outage(request: Request, user: Annotated[User, needs(Right.READ, does_something=False)],
                        outage_id: str, homes: str = "", cursor: str = "", version: str = "") -> StreamingResponse:
    """The screen whenever it is another one."""
    clock: Callable[[], Instant] = request.app.state.now
    look = _look(homes, cursor)

    def load() -> View:
        now = clock()
        content = _content(user, outage_id, look, now)
        html = _main(request, user, content, now)
        return View(version_of(html), html, content.about)

    key = f"outage/{outage_id}/{user.row.id}/{look.query(cursor=cursor)}"
    return await follow_main(request, user, key, load, version)


@router.post(f"{PATH}/{{outage_id}}/ticket")
def act_on_outage_ticket(request: Request, user: Annotated[User, needs(Right.WORK_TICKETS)], outage_id: str,
                         given: Annotated[TicketForm, Form()]) -> Response:
    """With the ticket by which somebody is sent for all of its homes."""
    with user.gw.store.read() as session:
        outage = session.get(Outage, outage_id)
    if outage is None or outage.ticket_id is None or given.act not in _TICKET_ACTS:
        raise HTTPException(404, "There is no such ticket")
    note = given.note.strip()[:NOTE]
    if given.act == "note" and not note:
        return _answer(request, user, outage_id, _look(), 422, "Write the note first.")
    try:
        user(_ticket_act(given.act, outage.ticket_id, note))
    except Refused as refused:
        return _answer(request, user, outage_id, _look(), 409, refusal_sentence(refused, WORDS), {"note": note})
    except (NoSuch, Conflict):
        return _answer(request, user, outage_id, _look(), 409, "Somebody else was quicker. Look at how it is now.",
                       {"note": note})
    return go_on(f"{PATH}/{outage_id}")


@router.post(f"{PATH}/{{outage_id}}/call-off")
def call_off_outage(request: Request, user: Annotated[User, needs(Right.PLAN_WORK)], outage_id: str) -> Response:
    """There was no power cut: whoever was told of one is told so."""
    try:
        call_off(user.gw, outage_id, user.who, user.now)
    except NoSuch:
        raise HTTPException(404, "There is no such outage") from None
    except Refused as refused:
        return _answer(request, user, outage_id, _look(), 409, refusal_sentence(refused, WORDS))
    return go_on(f"{PATH}/{outage_id}")


@router.post(f"{PATH}/{{outage_id}}/work")
async def plan_outage_work(request: Request, user: Annotated[User, needs(Right.PLAN_WORK)], outage_id: str,
                           given: Annotated[WorkForm, Form()]) -> Response:
    """In its area: while it lasts nobody is alarmed there. Its customers are told, with a reason in each language."""
    form = request.state.form
    texts = {locale: str(form.get(f"why-{locale}", "")) for locale, _ in languages()}
    words = {locale: " ".join(text.split())[:WHY] for locale, text in texts.items()}
    return await run_in_threadpool(_plan_work, request, user, outage_id, given, words)


def _plan_work(request: Request, user: User, outage_id: str, given: WorkForm, words: Mapping[str, str]) -> Response:
    shown = _content(user, outage_id, _look(), user.now)
    outage, zone = shown.facts.outage, shown.say.zone
    if outage.area_id is None:
        raise HTTPException(404, "There is no such outage")
    typed = given.model_dump() | {f"why-{locale}": text for locale, text in words.items()}
    try:
        begins, ends = parse_local(given.work_from, zone), parse_local(given.work_until, zone)
    except (ValueError, OverflowError):
        return _answer(request, user, outage_id, _look(), 422, "Planned work: two dates and times, please.", typed)
    window = MaintenanceWindow(id=new_id("W"), area_id=outage.area_id, from_at=begins, until_at=ends,
                               words={locale: text for locale, text in words.items() if text}, created_at=user.now)
    try:
        add_maintenance(user.gw, window, user.who, user.now)
    except Refused as refused:
        return _answer(request, user, outage_id, _look(), 409, refusal_sentence(refused, WORDS, zone), typed)
    return go_on(f"{PATH}/{outage_id}")


def _ticket_act(name: str, ticket_id: str, note: str) -> Act:
    match name:
        case "acknowledge":
            return actions.AcknowledgePage(Subject(SubjectKind.TICKET, ticket_id))
        case "ask_again":
            return actions.AskAgain(ticket_id)
    return actions.AddNote(ticket_id, note)


def _look(homes: str = "", cursor: str = "") -> Look:
    return Look(Homes(homes) if homes in tuple(Homes) else Homes.DARK, cursor)


def _answer(request: Request, user: User, outage_id: str, look: Look, status: int = 200, wrong: str = "",
            typed: Mapping[str, str] | None = None, again: int = -1) -> HTMLResponse:
    content = _content(user, outage_id, look, user.now)
    if not wrong and again < 0:
        return live_page(request, user, "outage.html", status, **_facts(content))
    version = version_of(_main(request, user, content, user.now))  # of what they typed the stream knows nothing
    return page(request, user, "outage.html", status, version=version,
                **_facts(content, wrong=wrong, typed=typed, again=again))


def _facts(content: OutagePage, wrong: str = "", typed: Mapping[str, str] | None = None, again: int = -1
           ) -> dict[str, object]:
    return {"one": content, "say": content.say, "shown": list(_SHOWN.items()), "wrong": wrong, "typed": typed or {},
            "again": again}


def _main(request: Request, user: User, content: OutagePage, now: Instant) -> str:
    return main_of(request, user.gw, Viewer(user.role, now), "outage.html", version="", **_facts(content))


def _content(user: User, outage_id: str, look: Look, now: Instant) -> OutagePage:
    """Raises 404, and 422 for a cursor that is not of this list."""
    gw = user.gw
    with gw.store.read() as session:
        try:
            facts = outage_facts(session, outage_id, look.homes, look.cursor or None)
        except BadCursor:
            raise HTTPException(422, "These homes do not exist; go to the first ones") from None
        if facts is None:
            raise HTTPException(404, "There is no such outage")
        outage, for_customers = facts.outage, facts.outage.kind in CUSTOMER_KINDS
        found = outage_call(session, facts.reads, gw.profiles, now, outage) if facts.reads and for_customers else None
        answers = answer_lines(session, [Subject(SubjectKind.OUTAGE, outage.id)], user)
        can = _can(session, user, outage, now)
    zone = found.facts.site.timezone if found is not None else gw.settings.service.callback_timezone
    say = TimeFormat(WORDS, zone, now)
    words = [] if found is None else in_words(gw, found, [locale for locale, _ in facts.languages], now)
    if outage.closed_at is not None and found is not None and not found.told:
        words = []  # it was none, and nobody has read anything
    return OutagePage(
        say, facts, look, name_of(outage), KINDS[outage.kind],
        next_step=DUTIES[outage.state].until if outage.state in DUTIES else "", for_customers=for_customers,
        is_open=outage.closed_at is None, is_false_alarm_possible=can_be_called_off(outage), words=words,
        never=[] if found is None or outage.closed_at is not None
        else list(what_not_to_promise(outage, found.page, say)),
        answers=answers, languages=languages(), homes=[_home(one) for one in facts.homes],
        first=[_home(one) for one in facts.first],
        next_homes=look.query(cursor=facts.next_home) if facts.next_home else "",
        told=told_all([ToldCount(*one) for one in facts.messages], say),
        failed=[FailedLine(row, customer, capital(topic_name(row.topic, WORDS)), _why(row))
                for row, customer in facts.failed], at_once=messages_at_once(user.role),
        ticket=None if facts.ticket is None else _ticket(facts.ticket, say),
        tickets=[_ticket(one, say) for one in facts.tickets], can=can,
        estimates=[(one, say.when(one.due_at)) for one in facts.estimates
                   if one.state is not PromiseState.OPEN or one.due_at != outage.etr_at],
        works=[(one, f"{say.span(one.from_at, one.until_at)} {in_language(one.words, WORDS)}".strip())
               for one in facts.works],
        timeline=[(line.at, capital(entry_sentence(line, WORDS, zone)),
                   "" if line.by == GATEWAY else actor_name(line.by, WORDS)) for line in facts.lines],
        map=_map(facts), proposed=_proposed(say))


def _proposed(say: TimeFormat) -> tuple[str, str]:
    begins = round_up(say.now, HOUR)
    return written_local(begins, say.zone), written_local(begins + 4 * HOUR, say.zone)


def _can(session: Session, user: User, outage: Outage, now: Instant) -> frozenset[str]:
    """What this role may do with its ticket now."""
    if outage.ticket_id is None or not user.may(Right.WORK_TICKETS):
        return frozenset()
    found = console_ticket.load(session, outage.ticket_id, now)
    possible = set() if found is None else {one.act for one in possible_acts(found.desk.now_is, now)}
    return frozenset(name for name, act in _TICKET_ACTS.items() if act in possible and may_act(user.role, act))


def _home(row: HomeRow) -> HomeLine:
    told = row.told
    return HomeLine(
        row, row.site.address or row.site.name, _FARES[row.member.state],
        [WORDS(f"need.{need}") for need in sorted(row.needs)],
        "" if told is None else capital(topic_name(told.topic, WORDS)), None if told is None else told.state,
        "" if told is None or told.state is NotificationState.SENT else _why(told))


def _why(row: Notification) -> str:
    return "" if row.reason is None else capital(reason_sentence(row.reason.stored(), WORDS))


def _ticket(row: WaitingTicket, say: TimeFormat) -> TicketLine:
    visit = row.visit
    if visit is None or visit.done_at is not None:
        return TicketLine(row, row.provider)
    name = visit.technician if visit.technician not in ("", row.provider) else ""
    return TicketLine(row, f"{f'{name}, ' if name else ''}{row.provider}, "
                           f"{say.span(visit.window_from, visit.window_until)}")


def _map(facts: OutageFacts) -> Markup | None:
    count = len(facts.dots)
    title = f"Where {count:,} of its {facts.outage.homes:,} homes are; the list below says the same"
    return homes_map.draw([homes_map.Place(one.lat, one.lon, _DOTS[one.state]) for one in facts.dots], title)
