"""One callback: everything to know before dialling, the call itself, and what came of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, NamedTuple

from fastapi import Form, HTTPException, Request
from fastapi.responses import Response, StreamingResponse
from markupsafe import Markup
from pydantic import BaseModel

from gateway.access.rights import Right
from gateway.callbacks.call_context.facts import CallFacts
from gateway.callbacks.call_context.view import CallView
from gateway.callbacks.lifecycle import IN_HAND, OPEN, TRANSITIONS, Action
from gateway.callbacks.outcomes import OUTCOMES
from gateway.callbacks.presses.replies import name_of
from gateway.flow.gateway import Gateway
from gateway.flow.telephones import call_to_make, word_call
from gateway.model import Callback, CallOutcome, Instant, PageState, Severity, Subject, SubjectKind
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.entries import actor_name, entry_sentence
from gateway.notifications.format_times import TimeFormat, capital
from gateway.notifications.reasons import refusal_sentence
from gateway.store import Conflict
from gateway.store.views import dispatch_page, reports
from gateway.store.views.call_context import call_facts
from gateway.store.views.desk import call_queue
from gateway.store.views.dispatch_page import DispatchCallback
from gateway.tickets import actions
from gateway.web.console.answers import AnswerLine, answer_lines, languages
from gateway.web.console.callbacks import PATH, what_kind
from gateway.web.console.live import follow_main
from gateway.web.console.pages import WORDS, Viewer, go_on, live_page, main_of, page, version_of
from gateway.web.console.session import User, needs
from gateway.web.live import View
from gateway.web.pages.alarm_details import chart
from gateway.web.routes import Routes

router = Routes()
Reads = Annotated[User, needs(Right.READ)]
Works = Annotated[User, needs(Right.WORK_CALLBACKS)]
NOTE, LINE = 2000, 200  # characters kept
_ACTIONS = {"claim": Action.CLAIM, "release": Action.RELEASE, "attempt": Action.ATTEMPT, "miss": Action.MISS,
            "connect": Action.CONNECT, "finish": Action.FINISH, "cancel": Action.CANCEL}
_OUTCOMES = {  # as an agent says it, with what follows
    CallOutcome.FIXED: ("Fixed on the phone", "The ticket is resolved"),
    CallOutcome.VISIT_NEEDED: ("Visit needed", "A firm is asked"),
    CallOutcome.STILL_OUT: ("Still out", "Back into the outage"),
    CallOutcome.INFORMED: ("Informed", "They know what they wanted"),
    CallOutcome.HELP_SENT: ("Help sent", "A helper or the rescue service"),
    CallOutcome.BY_MISTAKE: ("By mistake", "Nobody meant to call"),
    CallOutcome.WAS_TEST: ("Was a test", "The button test counts"),
}


class CallForm(BaseModel):
    """What is done with the call; every field is text and may be missing."""

    act: str = ""
    person: str = ""
    outcome: str = ""
    note: str = ""
    ticket: str = ""
    cause: str = ""
    skill: str = ""
    severity: str = ""
    device: str = ""
    why: str = ""
    they_know: str = ""  # it is called off, and they need not be told
    then: str = ""


class Paged(NamedTuple):
    """Somebody on call is asked to look."""

    why: list[str]
    since: Instant
    seen_to: str  # who; "": nobody


class CallPage(NamedTuple):
    """What the screen shows."""

    say: TimeFormat  # in the time of the home
    callback: Callback
    what: str
    customer: str
    customer_id: str
    address: str
    call: CallView | None  # None: it is over
    chart: Markup | None
    chart_name: str
    outage: str
    can: frozenset[str]
    mine: bool  # whoever looks has it
    who: str  # has it, or had it last
    is_open: bool
    in_hand: bool
    pages: list[Paged]
    timeline: list[tuple[Instant, str, str]]
    outcomes: list[tuple[str, str, str]]
    how_it_went: str  # of one that is over
    answers: list[AnswerLine]  # that others have given about them
    answerable: list[tuple[str, str]]  # what an answer can be saved about
    languages: list[tuple[str, str]]
    tickets: list[tuple[str, str]]
    devices: list[tuple[str, str]]
    skills: list[tuple[str, str]]
    severities: list[tuple[str, str]]
    about: frozenset[str]


@router.get(f"{PATH}/{{callback_id}}")
def show_callback(request: Request, user: Reads, callback_id: str, after: str = "") -> Response:
    """`after`: the one that was settled just before."""
    content = _content(user, callback_id)
    if after:  # what is said of that one belongs to this page alone
        return page(request, user, "callback.html", version=_version(request, user, content),
                    **_facts(content, after=after))
    return live_page(request, user, "callback.html", **_facts(content))


@router.get(f"{PATH}/{{callback_id}}/stream")
async def stream_callback(request: Request, user: Annotated[User, needs(Right.READ, does_something=False)],
                          callback_id: str, version: str = "") -> StreamingResponse:
    """The screen whenever it is another one. Whoever has it open sees the numbers, which is written down."""
    clock: Callable[[], Instant] = request.app.state.now

    def load() -> View:
        now = clock()
        content = _content(user, callback_id, now)
        html = _main(request, user, content, now)
        return View(version_of(html), html, content.about)

    return await follow_main(request, user, f"callback/{callback_id}/{user.row.id}", load, version)


@router.post(f"{PATH}/{{callback_id}}")
def do_with_callback(request: Request, user: Works, callback_id: str, given: Annotated[CallForm, Form()]) -> Response:
    try:
        user(_act(user, callback_id, given))
    except _Unusable as unusable:
        return _again(request, user, callback_id, given, 422, str(unusable))
    except Refused as refused:
        zone = user.gw.settings.service.callback_timezone
        return _again(request, user, callback_id, given, 409, refusal_sentence(refused, WORDS, zone))
    except NoSuch as missing:
        raise HTTPException(404, "There is no such callback") from missing
    except Conflict:
        return _again(request, user, callback_id, given, 409, "Somebody else was quicker. Look at how it is now.")
    if given.act == "finish" or given.act == "miss":
        return go_on(_next(user, callback_id) if given.then == "next" else f"{PATH}/{callback_id}")
    return go_on(f"{PATH}/{callback_id}")


@router.post(f"{PATH}/{{callback_id}}/lease")
def renew_lease(user: Annotated[User, needs(Right.WORK_CALLBACKS, does_something=False)], callback_id: str) -> Response:
    """While they work on it, it stays theirs. 409: it no longer is."""
    with user.gw.store.read() as session:
        callback = session.get(Callback, callback_id)
    if callback is None or callback.state not in IN_HAND or callback.agent != str(user.who):
        return Response(status_code=409)
    try:
        user(actions.ClaimCallback(callback_id))
    except (Refused, Conflict):
        return Response(status_code=409)
    return Response(status_code=204)


class _Unusable(Exception):
    """What is missing in the form, in a sentence."""


def _act(user: User, callback_id: str, given: CallForm) -> actions.Act:
    """Raises _Unusable."""
    match given.act:
        case "claim":
            return actions.ClaimCallback(callback_id)
        case "release":
            return actions.ReleaseCallback(callback_id)
        case "attempt":
            return actions.AttemptCallback(callback_id, given.person.strip()[:LINE])
        case "miss":
            return actions.MissCallback(callback_id)
        case "connect":
            return actions.ConnectCallback(callback_id)
        case "acknowledge":
            return actions.AcknowledgePage(Subject(SubjectKind.CALLBACK, callback_id))
        case "cancel":
            if not given.why.strip():
                raise _Unusable("Say why nobody has to call.")
            return actions.CancelCallback(callback_id, given.why.strip()[:NOTE], bool(given.they_know))
        case "finish":
            return _finish(user, callback_id, given)
    raise _Unusable("Choose what to do.")


def _finish(user: User, callback_id: str, given: CallForm) -> actions.FinishCallback:
    if given.outcome not in tuple(CallOutcome):
        raise _Unusable("Choose what came of the call.")
    outcome, ticket = CallOutcome(given.outcome), given.ticket or None
    with user.gw.store.read() as session:
        found = dispatch_page.load(session, Subject(SubjectKind.CALLBACK, callback_id))
    if not isinstance(found, DispatchCallback):
        raise NoSuch(callback_id)
    # what settles a ticket is read by its customer
    words = catalogue_for(found.whose.customer.locale) if outcome is CallOutcome.FIXED and ticket else WORDS
    note = given.note.strip()[:NOTE] or capital(words(f"call_outcome.{outcome}"))
    report = None
    if outcome is CallOutcome.VISIT_NEEDED and ticket is None:
        report = _report(user, found.callback.site_id, note, given)
    return actions.FinishCallback(callback_id, note, outcome, ticket, report)


def _report(user: User, site_id: str, note: str, given: CallForm) -> actions.OpenTicket:
    cause = " ".join(given.cause.split())[:LINE]
    if not cause:
        raise _Unusable("Say what somebody has to come for, or choose the open ticket.")
    severity = Severity(given.severity) if given.severity in tuple(Severity) else Severity.MAJOR
    report = actions.OpenTicket(site_id, cause, given.skill, severity, given.device or None, note)
    skills = {skill for profile in user.gw.profiles.values() for skill in profile.skills}
    with user.gw.store.read() as session:
        wrong = [what for _, what in reports.report_errors(session, report, skills)]
    if wrong:
        raise _Unusable(f"{capital(wrong[0])}.")
    return report


def _next(user: User, callback_id: str) -> str:
    """Where to go on: the next call, or the desk when nobody is to be rung."""
    buttons = [key for key, one in user.gw.profiles.items() if one.emergency]
    with user.gw.store.read() as session:
        following = call_queue.next_to_ring(session, user.who, user.now, buttons)
    path = f"{PATH}/{following.id}" if following is not None else PATH
    return f"{path}?after={callback_id}"


def _again(request: Request, user: User, callback_id: str, given: CallForm, status: int, wrong: str) -> Response:
    content = _content(user, callback_id)
    return page(request, user, "callback.html", status, version=_version(request, user, content),
                **_facts(content, given=given, wrong=wrong))


def _facts(content: CallPage, given: CallForm | None = None, wrong: str = "", after: str = "") -> dict[str, Any]:
    return {"one": content, "say": content.say, "given": given or CallForm(), "wrong": wrong, "after": after,
            "root_path": PATH}


def _main(request: Request, user: User, content: CallPage, now: Instant) -> str:
    return main_of(request, user.gw, Viewer(user.role, now), "callback.html", version="", **_facts(content))


def _version(request: Request, user: User, content: CallPage) -> str:
    return version_of(_main(request, user, content, user.now))


def _content(user: User, callback_id: str, now: Instant | None = None) -> CallPage:
    """Raises 404. Of one that is over nobody's numbers are shown."""
    now = user.now if now is None else now
    gw = user.gw
    with gw.store.read() as session:
        found = dispatch_page.load(session, Subject(SubjectKind.CALLBACK, callback_id))
        skills = reports.known_skills(session, {skill for one in gw.profiles.values() for skill in one.skills})
    if not isinstance(found, DispatchCallback):
        raise HTTPException(404, "There is no such callback")
    callback, whose = found.callback, found.whose
    is_open = callback.state in OPEN
    call = _call(user, callback, now) if is_open else None
    facts, view = call if call is not None else (None, None)
    drawn = _drawn(facts, gw, now) if facts is not None else None
    mine = callback.agent == str(user.who)
    subjects = _subjects(facts) if facts is not None else []
    with gw.store.read() as session:
        answers = answer_lines(session, subjects, user)
    say = TimeFormat(WORDS, whose.site.timezone, now)
    return CallPage(
        say, callback, what_kind(callback), whose.customer.name, whose.customer.id,
        whose.site.address or whose.site.name, view, drawn[1] if drawn else None, drawn[0] if drawn else "",
        outage=facts.around.outage.id if facts is not None and facts.around.outage is not None else "",
        can=_possible(callback, mine) if user.may(Right.WORK_CALLBACKS) else frozenset(), mine=mine,
        who=name_of(callback.agent) or "Somebody", is_open=is_open, in_hand=callback.state in IN_HAND,
        pages=[Paged([capital(WORDS(f"page_reason.{reason}")) for reason in one.why], one.opened_at,
                     (one.acknowledged_by or "somebody") if one.state is PageState.ACKNOWLEDGED else "")
               for one in whose.pages],
        timeline=[(line.at, capital(entry_sentence(line, WORDS, say.zone)), actor_name(line.by, WORDS))
                  for line in whose.timeline],
        outcomes=[(outcome, *_OUTCOMES[outcome]) for outcome in OUTCOMES[callback.kind]],
        how_it_went=_how_it_went(callback), answers=answers, languages=languages(),
        answerable=[(f"{one.kind}/{one.id}", one.id) for one in subjects],
        tickets=[] if view is None else [(ticket.id, f"{ticket.id} · {ticket.what}")
                                         for ticket in view.for_verified.tickets],
        devices=[] if facts is None else [("", "None, or nobody knows which"),
                                          *((device.id, device.name) for device, _ in facts.devices)],
        skills=[(skill, capital(skill.replace("_", " "))) for skill in skills],
        severities=[(one, one.capitalize()) for one in reversed(Severity)],
        about=frozenset({callback.id, callback.site_id, callback.outage_id or callback.id}))


def _call(user: User, callback: Callback, now: Instant) -> tuple[CallFacts, CallView] | None:
    """With numbers, which is written down, for whoever may see them."""
    if user.may(Right.READ_PHONES):
        return call_to_make(user.gw, callback.id, WORDS, user.who, now)
    with user.gw.store.read() as session:
        facts = replace(call_facts(session, callback, user.gw.profiles, now), telephones=())
    return facts, word_call(user.gw, facts, WORDS, now)


def _subjects(facts: CallFacts) -> list[Subject]:
    """What somebody who calls again may ask about: the outage that is the answer, and what is open there."""
    around = facts.around
    outage = [Subject(SubjectKind.OUTAGE, around.outage.id)] if around.outage is not None and around.form else []
    return [*outage, *(Subject(SubjectKind.TICKET, one.ticket.id) for one in facts.tickets)]


def _drawn(facts: CallFacts, gw: Gateway, now: Instant) -> tuple[str, Markup] | None:
    device = facts.device(facts.charted)
    if device is None:
        return None
    alarm = next(iter(facts.alarms_of(device)), None)
    found = chart(facts.readings, alarm, gw.profiles.get(device.profile), WORDS,
                  TimeFormat(WORDS, facts.site.timezone, now))
    return None if found is None else (f"{device.name}: {found.text}", Markup(found.svg))


def _possible(callback: Callback, mine: bool) -> frozenset[str]:
    """What whoever looks can do now: what another agent has in hand they only look at; a call for help anybody rings.
    """
    can = {name for name, action in _ACTIONS.items() if (callback.state, action) in TRANSITIONS}
    if callback.state in IN_HAND and not mine:
        can -= {"claim", "miss", "connect", "finish", "release"} | (set() if callback.emergency else {"attempt"})
    return frozenset(can)


def _how_it_went(callback: Callback) -> str:
    if callback.outcome is not None:
        return capital(WORDS(f"call_outcome.{callback.outcome}"))
    return capital(WORDS(f"callback_state.{callback.state}"))
