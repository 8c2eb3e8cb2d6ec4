"""Signing in through the identity provider: there, and back once, in the same browser."""

import hashlib
import logging
import secrets
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel

from gateway.access.rights import Right
from gateway.flow.accounts import sign_in
from gateway.flow.accounts.outside import OutsideRefused, WhyRefused, prove_from_outside, sign_in_from_outside
from gateway.flow.accounts.sign_in import HasToWait, SignedIn
from gateway.flow.gateway import Gateway
from gateway.model import MINUTE, SECOND, Instant, SignInFlow
from gateway.store.accounts import flows
from gateway.web.console import limits
from gateway.web.console.identity_provider_says import NotAskedAgain, ProviderAway, ProviderRefuses
from gateway.web.console.pages import bare_page, go_on, kept
from gateway.web.console.prove import prove_page
from gateway.web.console.session import User, address_of, check_origin, https, needs, token_of
from gateway.web.console.sign_in import SignInForm, enter, only_ours, sign_in_page, visitor_of
from gateway.web.dependencies import Gw, Now, or_404
from gateway.web.routes import Routes

if TYPE_CHECKING:
    from gateway.web.console.identity_provider import IdentityProvider

router = Routes(include_in_schema=False)
MAY_TAKE = 10 * MINUTE  # there and back
_REFUSED = {
    WhyRefused.DISABLED: "Your account here is disabled. Ask whoever runs the gateway.",
    WhyRefused.NO_ROLE: "{name} knows you, but none of your groups there may use this console. Ask whoever runs it.",
    WhyRefused.NO_EMAIL: "{name} does not vouch for an email address of yours, and you have no account here yet. Ask "
                         "whoever runs the gateway.",
    WhyRefused.OTHER_IDENTITY: "The account here with your email address belongs to somebody else at {name}. Ask "
                               "whoever runs the gateway.",
}
_SAID = {
    "access_denied": "{name} did not let you in, or you changed your mind. Nothing was done.",
    "login_required": "{name} wants you to sign in there first. Please start again.",
    "interaction_required": "{name} wants to ask you something first. Please start again.",
    "temporarily_unavailable": "{name} has no time just now. Please try again in a minute.",
    "invalid_client": "{name} does not accept this gateway: its client_id or client_secret is wrong. Tell whoever runs "
                      "the gateway.",
    "invalid_grant": "{name} takes this sign-in for used or too old. Please start again.",
}
_PASSED = "{name} did not ask you again who you are, so nothing was done. Tell whoever runs the gateway."
_AWAY = "{name} does not answer as it should just now. Try again in a minute, or sign in with your password."
_LATE = "That took longer than ten minutes, or it was begun in another browser. Please start again."

log = logging.getLogger(__name__)


class LeaveForm(BaseModel):
    next: str = "/console"
    kept: str = ""


@router.post("/console/sign-in/oidc")
def leave(request: Request, gw: Gw, now: Now, given: Annotated[LeaveForm, Form()]) -> Response:
    """A page that leads on to the provider: the console's own forms go nowhere else."""
    check_origin(request, gw)
    return _leave(request, gw, now, given)


@router.post("/console/prove/oidc")
def leave_to_prove(request: Request, user: Annotated[User, needs(Right.OWN_ACCOUNT)],
                   given: Annotated[LeaveForm, Form()]) -> Response:
    """Whoever has no password here signs in there again, for what cannot be undone."""
    return _leave(request, user.gw, user.now, given, user)


def _leave(request: Request, gw: Gateway, now: Instant, given: LeaveForm, user: User | None = None) -> Response:
    """`user`: who is signed in and proves it."""
    provider, form = _provider(request.app, gw), SignInForm(next=given.next, kept=given.kept)
    seconds = limits.seconds_until_leaving(request.app, address_of(request))
    if seconds:
        return _shown_again(request, 429, form, HasToWait(seconds).sentence, user)
    try:
        leaving = provider.leave(anew=user is not None)
    except ProviderAway as away:
        return _failed(request, provider, 503, _AWAY, form, str(away), user)
    browser = secrets.token_urlsafe(32)
    with gw.store.write() as session:
        session.add(SignInFlow(id=_hashed(leaving.state), browser=_hashed(browser), nonce=leaving.nonce,
                               verifier=leaving.verifier, ends_at=now + MAY_TAKE, next=only_ours(given.next),
                               kept=given.kept if kept(given.kept) else "",
                               session_id="" if user is None else user.session.id))
    answer = bare_page(request, "leaving.html", to=leaving.address, name=provider.settings.name)
    answer.set_cookie(_cookie(gw), browser, max_age=MAY_TAKE // SECOND, path="/", secure=https(gw), httponly=True,
                      samesite="lax")
    return answer


@router.get("/console/sign-in/oidc/back")
def come_back(request: Request, gw: Gw, now: Now, state: str = "", code: str = "", error: str = "") -> Response:
    answer = _come_back(request, gw, now, state, code, error)
    answer.delete_cookie(_cookie(gw), path="/", secure=https(gw), httponly=True, samesite="lax")
    return answer


def _come_back(request: Request, gw: Gateway, now: Instant, state: str, code: str, error: str) -> Response:
    provider = _provider(request.app, gw)
    with gw.store.write() as session:
        flow = flows.take(session, _hashed(state), now)
    browser = _hashed(request.cookies.get(_cookie(gw), ""))
    if flow is None or not secrets.compare_digest(flow.browser, browser):
        return _failed(request, provider, 400, _LATE)
    form, user = SignInForm(next=flow.next, kept=flow.kept), _who_left(request, gw, now, flow)
    if flow.session_id and user is None:
        return _failed(request, provider, 400, _LATE, form)
    try:
        if error or not code:
            raise ProviderRefuses(error or "no code")
        if user is not None:
            return _prove(request, user, provider, flow, code)
        identity = provider.come_back(code, flow.nonce, flow.verifier)
        done = sign_in_from_outside(gw, identity, provider.settings.roles, visitor_of(request), now)
    except ProviderRefuses as refuses:
        return _failed(request, provider, 403, _SAID.get(str(refuses), _AWAY), form, str(refuses), user)
    except ProviderAway as away:
        return _failed(request, provider, 503, _AWAY, form, str(away), user)
    except NotAskedAgain as passed:
        return _failed(request, provider, 403, _PASSED, form, str(passed), user)
    except OutsideRefused as refused:
        return _failed(request, provider, 403, _REFUSED[refused.why], form, user=user)
    return enter(request, gw, done, flow.next, flow.kept, now)


def _who_left(request: Request, gw: Gateway, now: Instant, flow: SignInFlow) -> User | None:
    """Who was signed in when they left, and still is, in the same session."""
    found = sign_in.who_is(gw, token_of(request, gw), now)
    if not isinstance(found, SignedIn) or found.session.id != flow.session_id:
        return None
    return User(gw, found, address_of(request), now)


def _prove(request: Request, user: User, provider: "IdentityProvider", flow: SignInFlow, code: str) -> Response:
    """What they had asked for is one click away."""
    since_they_left = (user.now - (flow.ends_at - MAY_TAKE)) / SECOND
    identity = provider.come_back(code, flow.nonce, flow.verifier, since_they_left)
    prove_from_outside(user.gw, identity, user.row, user.session, user.who, user.now)
    written = kept(flow.kept)
    if written is None:
        return go_on(flow.next)
    return bare_page(request, "go_on.html", kept=written, csrf=user.csrf)


def _failed(request: Request, provider: "IdentityProvider", status: int, words: str, form: SignInForm | None = None,
            why: str = "", user: User | None = None) -> Response:
    """In words for who wanted to come in; `why`: for whoever runs the gateway."""
    if why:
        log.warning("nobody could sign in through the identity provider: %s", why)
    said = words.format(name=provider.settings.name)
    return _shown_again(request, status, form or SignInForm(), said[0].upper() + said[1:], user)


def _shown_again(request: Request, status: int, form: SignInForm, wrong: str, user: User | None) -> Response:
    """The page that they came from, with what they had written."""
    if user is None:
        return sign_in_page(request, status, form, wrong)
    return prove_page(request, user, wrong, form.next, form.kept, status)


def install(app: FastAPI) -> None:
    """At start, for those who sign in so: nobody shall wait for it, or be the first to learn that it is not there."""
    gw: Gateway = app.state.gateway
    if gw.settings.sign_in.oidc is not None:
        _provider(app, gw)


def _provider(app: FastAPI, gw: Gateway) -> "IdentityProvider":
    """The one of the settings; 404 when there is none."""
    wanted = or_404(gw.settings.sign_in.oidc, "way to sign in")
    from gateway.web.console.identity_provider import IdentityProvider  # 17 MB, only for those who sign in so

    if getattr(app.state, "identity_provider", None) is None or app.state.identity_provider.settings != wanted:
        app.state.identity_provider = IdentityProvider(wanted, gw.settings.web.public_url)
    provider: IdentityProvider = app.state.identity_provider
    return provider


def _cookie(gw: Gateway) -> str:
    return "__Host-oidc" if https(gw) else "oidc"


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
