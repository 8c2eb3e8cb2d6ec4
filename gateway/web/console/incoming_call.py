"""Somebody is calling: what is out where they live, in the words that customers read, and what others have said."""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from fastapi import Form, HTTPException, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

from gateway.access.audit import Target
from gateway.access.rights import Right
from gateway.callbacks.call_context.questions import Ask, Verify
from gateway.flow.accounts.audit import write_act, write_denial
from gateway.flow.telephones import find, word_call
from gateway.model import Instant, Outage, Subject, SubjectKind
from gateway.model.plan import Plan
from gateway.notifications.format_times import TimeFormat
from gateway.store.search.terms import LONGEST_TEXT
from gateway.store.views.desk import outage_calls
from gateway.web.console.answers import AnswerLine, answer_lines, languages
from gateway.web.console.caller import Said as CallerSaid
from gateway.web.console.caller import doubts
from gateway.web.console.live import follow_main
from gateway.web.console.outage_words import InWords, in_words, told_all, told_words, what_not_to_promise
from gateway.web.console.pages import WORDS, Viewer, go_on, live_page, main_of, page, version_of
from gateway.web.console.session import User, needs
from gateway.web.live import View
from gateway.web.routes import Routes

router = Routes()
PATH = "/console/call"
Reads = Annotated[User, needs(Right.READ)]
Works = Annotated[User, needs(Right.WORK_CALLBACKS)]
_ABOUT_THE_OUTAGE = frozenset((Ask.OUTAGE, Ask.STILL_DARK, Ask.SUSPECTED, Ask.PLANNED))


class CallerForm(BaseModel):
    """What the caller has answered; every field is text and may be missing."""

    site: str = ""
    name: str = ""
    street: str = ""
    postcode: str = ""
    device: str = ""


class CallerPage(NamedTuple):
    """What the screen shows: nothing of it is more than anybody at that home may hear."""

    say: TimeFormat  # in the time of the home
    site_id: str
    address: str
    outage: Outage | None
    is_sure: bool  # customers are told of it
    ask: list[str]
    never: list[str]  # what is not promised
    in_words: list[InWords]
    told_here: list[tuple[Instant, str]]
    told_all: list[str]
    verify: dict[str, str]  # how to find out who they are: what is asked → in which words
    answers: list[AnswerLine]
    languages: list[tuple[str, str]]


@router.get(PATH)
def show_call(request: Request, user: Reads, site: str = "", q: str = "") -> Response:
    typed = " ".join(q[:LONGEST_TEXT].split())
    if site:
        return _call_page(request, user, site, typed=typed)
    homes = []
    if typed:
        found = find(user.gw, typed, user.may(Right.READ_PHONES), user.who, user.now)
        with user.gw.store.read() as session:
            homes = outage_calls.homes_found(session, found)
        if len(homes) == 1:
            return go_on(f"{PATH}?site={homes[0].site_id}")
    return page(request, user, "call.html", typed=typed, homes=homes, one=None, wrong="", given=CallerForm(),
                root_path=PATH)


@router.get(f"{PATH}/stream")
async def stream_call(request: Request, user: Annotated[User, needs(Right.READ, does_something=False)], site: str,
                      version: str = "") -> StreamingResponse:
    """What is known there, whenever it is something else."""
    clock: Callable[[], Instant] = request.app.state.now

    def load() -> View:
        now = clock()
        content = _content(user, site, now)
        html = _main(request, user, content, now)
        outage = content.outage.id if content.outage is not None else ""
        return View(version_of(html), html, frozenset({site, outage, str(Outage.__tablename__)} - {""}))

    return await follow_main(request, user, f"call/{site}/{user.row.id}", load, version)


@router.post(f"{PATH}/verify")
def verify_caller(request: Request, user: Works, given: Annotated[CallerForm, Form()]) -> Response:
    """To the household, once what they have said fits; it is written down that somebody was let in, or not."""
    with user.gw.store.read() as session:
        found = outage_calls.outage_call(session, given.site, user.gw.profiles, user.now)
    if found is None:
        raise HTTPException(404, "There is no such home")
    target: Target = ("site", given.site)
    said = CallerSaid(given.name, given.street, given.postcode, given.device)
    wrong = doubts(said, found.facts, user.gw.profiles.values())
    if wrong:
        write_denial(user.gw, "verify_caller", user.who, user.now, target)
        return _call_page(request, user, given.site, 422, " ".join(wrong), given)
    with user.gw.store.write() as session:
        write_act(session, "verify_caller", target, Plan(), user.who, user.now)
    return go_on(f"/console/customers/{found.facts.customer.id}")


def _call_page(request: Request, user: User, site: str, status: int = 200, wrong: str = "",
               given: CallerForm | None = None, typed: str = "") -> Response:
    content = _content(user, site, user.now)
    if given is None and not typed and not wrong:
        return live_page(request, user, "call.html", status, **_facts(content))
    version = version_of(_main(request, user, content, user.now))  # of what they typed the stream knows nothing
    return page(request, user, "call.html", status, version=version,
                **_facts(content) | {"typed": typed, "wrong": wrong, "given": given or CallerForm()})


def _main(request: Request, user: User, content: CallerPage, now: Instant) -> str:
    return main_of(request, user.gw, Viewer(user.role, now), "call.html", version="", **_facts(content))


def _facts(content: CallerPage) -> dict[str, Any]:
    return {"one": content, "say": content.say, "typed": "", "homes": [], "wrong": "", "given": CallerForm(),
            "root_path": PATH}


def _content(user: User, site_id: str, now: Instant) -> CallerPage:
    """Raises 404."""
    with user.gw.store.read() as session:
        found = outage_calls.outage_call(session, site_id, user.gw.profiles, now)
        if found is None:
            raise HTTPException(404, "There is no such home")
        facts, around = found.facts, found.facts.around
        is_sure = around.outage is not None and around.form is not None
        about = [Subject(SubjectKind.OUTAGE, around.outage.id)] if around.outage is not None and is_sure else []
        answers = answer_lines(session, about, user)
    view = word_call(user.gw, facts, WORDS, now)
    say = TimeFormat(WORDS, facts.site.timezone, now)
    return CallerPage(
        say, facts.site.id, facts.site.address or facts.site.name, around.outage, is_sure,
        ask=[said.words for said in view.ask_first if said.reason in _ABOUT_THE_OUTAGE],
        never=list(what_not_to_promise(around.outage, found.page, say)) if around.outage is not None else [],
        in_words=in_words(user.gw, found, [facts.customer.locale], now),
        told_here=[(row.done_at or row.created_at, told_words(row.topic, row.state)) for row in found.told],
        told_all=told_all(found.counts, say), verify={one: WORDS(f"call.verify.{one}") for one in Verify},
        answers=answers, languages=languages())
