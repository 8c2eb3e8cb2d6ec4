"""Signing in and out, the second factor, and the first password by the welcome link."""

from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from gateway.flow.accounts import sign_in, users
from gateway.flow.accounts.sign_in import HasToWait, NotSignedIn, SignedIn, SignIn, Visitor
from gateway.flow.accounts.users import NewAccount
from gateway.flow.gateway import Gateway
from gateway.model import Instant
from gateway.model import User as UserRow
from gateway.web.console import limits
from gateway.web.console.pages import (
    bare_page,
    ended_sentence,
    go_on,
    home_of,
    is_ours,
    keep,
    kept,
    path_of,
    refused_page,
)
from gateway.web.console.session import (
    SAFE,
    SignInNeeded,
    StaleForm,
    User,
    address_of,
    check_origin,
    clear_cookie,
    key_of_browser,
    set_browser_cookie,
    set_cookie,
    token_of,
)
from gateway.web.dependencies import Gw, Now
from gateway.web.pages.links import LinkInvalid
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)
START = "/console"
_TOO_MANY = ("So much at once cannot be sent: a form holds 1,000 fields. Nothing was done. Go back, and what you "
             "ticked and wrote is there; to act on more, filter the list and choose all that match.")


class SignInForm(BaseModel):
    email: str = ""
    password: str = ""
    next: str = START
    kept: str = ""


class CodeForm(BaseModel):
    code: str = ""
    next: str = START
    kept: str = ""


class WelcomeForm(BaseModel):
    password: str = ""
    name: str = ""
    email: str = ""


@router.get("/console/sign-in")
def show_sign_in(request: Request, gw: Gw, now: Now, next: str = START) -> Response:
    if isinstance(sign_in.who_is(gw, token_of(request, gw), now), SignedIn):
        return go_on(only_ours(next))
    return sign_in_page(request, next=only_ours(next))


@router.post("/console/sign-in")
def do_sign_in(request: Request, gw: Gw, now: Now, given: Annotated[SignInForm, Form()]) -> Response:
    check_origin(request, gw)
    key = key_of_browser(request, gw, given.email)
    wait = (0 if key else limits.seconds_to_wait(request.app, address_of(request))) or limits.tries(request.app).take(
        key or limits.key_of_name(given.email), now)
    if wait:
        return sign_in_page(request, 429, given, HasToWait(wait).sentence)
    try:
        done = sign_in.give_password(gw, given.email, given.password, visitor_of(request, bool(key)), now)
    except HasToWait as waits:
        return sign_in_page(request, 429, given, waits.sentence)
    except NotSignedIn:
        limits.count_wrong(request.app, address_of(request))
        return sign_in_page(request, 401, given, "This email address or password is not right.")
    limits.tries(request.app).forget(key or limits.key_of_name(given.email))
    if done.waits_for_code:
        answer = bare_page(request, "code.html", next=only_ours(given.next), kept=given.kept, wrong="")
        set_cookie(answer, gw, done.token)
        return answer
    return enter(request, gw, done, given.next, given.kept, now)


@router.post("/console/code")
def do_code(request: Request, gw: Gw, now: Now, given: Annotated[CodeForm, Form()]) -> Response:
    check_origin(request, gw)
    user = sign_in.whose(gw, token_of(request, gw))
    key = key_of_browser(request, gw, user.email) if user is not None else ""
    try:
        wait = limits.tries(request.app).take(f"code/{key}", now) if key else 0
        if wait:
            raise HasToWait(wait)
        done = sign_in.give_code(gw, token_of(request, gw), given.code, visitor_of(request, bool(key)), now)
    except HasToWait as waits:
        wrong, status = waits.sentence, 429
    except NotSignedIn:
        wrong, status = "This code is wrong, or it was used already. The app shows a new one every 30 seconds.", 401
    else:
        limits.tries(request.app).forget(f"code/{key}")
        return enter(request, gw, done, given.next, given.kept, now)
    return bare_page(request, "code.html", status, next=only_ours(given.next), kept=given.kept, wrong=wrong)


@router.post("/console/sign-out")
def do_sign_out(request: Request, gw: Gw, now: Now) -> Response:
    check_origin(request, gw)
    sign_in.sign_out(gw, token_of(request, gw), now)
    answer = go_on("/console/sign-in")
    clear_cookie(answer, gw)
    return answer


@router.get("/welcome/{token}")
def show_welcome(request: Request, gw: Gw, now: Now, token: str) -> Response:
    return _welcome_page(request, gw, now, token)


@router.post("/welcome/{token}")
def do_welcome(request: Request, gw: Gw, now: Now, token: str, given: Annotated[WelcomeForm, Form()]) -> Response:
    check_origin(request, gw)
    try:
        user = users.accept_welcome(gw, token, NewAccount(given.password, given.name, given.email),
                                    address_of(request), now)
    except users.BadUser as bad:
        return _welcome_page(request, gw, now, token, given, f"{bad.field.capitalize()}: {bad.expected}.")
    if user is None:
        raise LinkInvalid
    return enter(request, gw, sign_in.start(gw, user, visitor_of(request), now), START, "", now)


@router.get("/e/{token}")
def show_entry(request: Request, gw: Gw, now: Now, token: str) -> Response:
    """Asks first: programs that look at every link must not use it up, or be signed in."""
    return bare_page(request, "enter.html", name=_who_enters(gw, token, now).name)


@router.post("/e/{token}")
def do_entry(request: Request, gw: Gw, now: Now, token: str) -> Response:
    check_origin(request, gw)
    user = _who_enters(gw, token, now)
    return enter(request, gw, sign_in.start(gw, user, visitor_of(request), now), START, "", now)


def _who_enters(gw: Gateway, token: str, now: Instant) -> UserRow:
    with gw.store.read() as session:
        user = users.who_enters(gw, session, token, now)
    if user is None:
        raise LinkInvalid
    return user


def _welcome_page(request: Request, gw: Gateway, now: Instant, token: str, given: WelcomeForm | None = None,
                  wrong: str = "") -> Response:
    with gw.store.read() as session:
        found = users.welcomed(gw, session, token, now)
    if found is None:
        raise LinkInvalid
    user, typed = found.user, given or WelcomeForm()
    return bare_page(request, "welcome.html", 422 if wrong else 200, wrong=wrong, first=user is None,
                     name=user.name if user is not None else typed.name,
                     email=user.email if user is not None else typed.email)


def enter(request: Request, gw: Gateway, done: SignIn, path: str, text: str, now: Instant) -> Response:
    """To where they were going; whoever had written something sees it again first, and sends it with one click."""
    found = kept(text) if text else None
    signed_in = sign_in.who_is(gw, done.token, now)
    if found is not None and isinstance(signed_in, SignedIn) and found["whose"] in ("", signed_in.user.id):
        answer: Response = bare_page(request, "go_on.html", kept=found,
                                     csrf=User(gw, signed_in, address_of(request), now).csrf)
    else:
        onwards = only_ours(path)
        if onwards == START and isinstance(signed_in, SignedIn):
            onwards = home_of(signed_in.user.role)
        answer = go_on(onwards)
    set_cookie(answer, gw, done.token)
    if isinstance(signed_in, SignedIn):
        set_browser_cookie(answer, gw, signed_in.user.email)
    return answer


def sign_in_page(request: Request, status: int = 200, given: SignInForm | None = None, wrong: str = "",
                  next: str = START, ended: str = "", text: str = "") -> Response:
    return bare_page(request, "sign_in.html", status, wrong=wrong, ended=ended, email=given.email if given else "",
                     next=only_ours(given.next) if given else next, kept=given.kept if given else text,
                     elsewhere=_elsewhere(request))


def _elsewhere(request: Request) -> str:
    """What the identity provider is called; "": there is none."""
    oidc = request.app.state.gateway.settings.sign_in.oidc
    return oidc.name if oidc is not None else ""


def visitor_of(request: Request, is_known: bool = False) -> Visitor:
    return Visitor(address_of(request), request.headers.get("user-agent", ""), is_known)


def only_ours(path: str) -> str:
    return path if is_ours(path) else START


async def _sign_in_needed(request: Request, error: Exception) -> Response:
    """GET: to the sign-in, and back here afterwards. POST: what was written is kept in the page."""
    assert isinstance(error, SignInNeeded)
    if request.method in SAFE:
        query = f"?{request.url.query}" if request.url.query else ""
        return sign_in_page(request, 401, next=path_of(request) + query, ended=ended_sentence(error.ended))
    gw = request.app.state.gateway
    writer = await run_in_threadpool(sign_in.whose, gw, token_of(request, gw))
    text = keep(request, writer.id if writer is not None else "")
    said = f"{ended_sentence(error.ended)} {'What you wrote is kept.' if text else ''}"
    return sign_in_page(request, 401, text=text, ended=said.strip())


async def _stale_form(request: Request, _error: Exception) -> Response:
    """Of another session: shown again, to be sent with one click."""
    gw, now = request.app.state.gateway, request.app.state.now()
    found = await run_in_threadpool(sign_in.who_is, gw, token_of(request, gw), now)
    written = None if _is_foreign(request, gw) else kept(keep(request))
    if not isinstance(found, SignedIn) or written is None:
        return refused_page(request, 403, "This form did not come from this console. Nothing was done.")
    return bare_page(request, "go_on.html", 403, kept=written, csrf=User(gw, found, address_of(request), now).csrf)


def _is_foreign(request: Request, gw: Gateway) -> bool:
    try:
        check_origin(request, gw)
    except StaleForm:
        return True
    return False


def _refused(request: Request, error: Exception) -> Response:
    """What their role may not, or what is not there, in the console's own frame."""
    assert isinstance(error, HTTPException)
    if error.detail == HTTPStatus.NOT_FOUND.phrase:
        return refused_page(request, error.status_code, "The address leads nowhere; perhaps a part of it is missing.",
                            "There is no such page")
    said = _TOO_MANY if error.status_code == 400 and "fields" in error.detail else str(error.detail)
    return refused_page(request, error.status_code, f"{said.rstrip('.')}.")


def install(app: FastAPI) -> None:
    for_others = app.exception_handlers[HTTPException]

    def answer(request: Request, error: Exception) -> Response:
        if request.url.path.startswith(START):
            return _refused(request, error)
        response: Response = for_others(request, error)  # type: ignore[assignment]
        return response

    app.add_exception_handler(HTTPException, answer)
    app.add_exception_handler(SignInNeeded, _sign_in_needed)
    app.add_exception_handler(StaleForm, _stale_form)
