"""Who is signed in: the cookie, the right that a route needs, and the proof that a form is ours."""

import hashlib
import hmac
from typing import Any
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from gateway.access.rights import Right
from gateway.access.sessions import LONGEST, SessionEnd, has_to_prove
from gateway.flow.accounts import sign_in
from gateway.flow.accounts.audit import actor_of
from gateway.flow.accounts.sign_in import SignedIn, who_is
from gateway.flow.gateway import Gateway
from gateway.model import SECOND, Instant
from gateway.web.console import limits
from gateway.web.dependencies import Caller, Gw, Now, asked_for

SAFE = ("GET", "HEAD", "OPTIONS")
TOKEN = "csrf"  # the form's field
PROOF = "proof"  # the one with the password or code, given again


class SignInNeeded(Exception):
    """Nobody is signed in, or no longer: sign in and go on where you were. `ended`: why."""

    def __init__(self, ended: SessionEnd | None = None) -> None:
        super().__init__(ended)
        self.ended = ended


class ProofNeeded(Exception):
    """For this they prove once more who they are. `wrong`: why what they gave did not do."""

    def __init__(self, user: "User", wrong: str = "") -> None:
        super().__init__(wrong)
        self.user, self.wrong = user, wrong


class StaleForm(Exception):
    """The form is of another session, or none of ours."""


class User(Caller):
    """Who is signed in, with what every page needs of them."""

    def __init__(self, gw: Gateway, signed_in: SignedIn, address: str, now: Instant) -> None:
        row = signed_in.user
        super().__init__(gw, actor_of(row, address), row.role, now, row.provider_id)
        self.session, self.row = signed_in.session, row

    @property
    def csrf(self) -> str:
        """Bound to their session: with another one it does not fit."""
        return hmac.new(_secret(self.gw), f"form/{self.session.id}".encode(), hashlib.sha256).hexdigest()

    @property
    def has_to_prove(self) -> bool:
        return has_to_prove(self.session, self.now)


def _secret(gw: Gateway) -> bytes:
    return gw.settings.secret.get_secret_value().strip().partition("\n")[0].encode()


def cookie_name(gw: Gateway) -> str:
    """A browser takes `__Host-` only over https, and then from nobody but this host."""
    return "__Host-session" if https(gw) else "session"


def set_cookie(answer: Response, gw: Gateway, token: str) -> None:
    answer.set_cookie(cookie_name(gw), token, max_age=LONGEST // SECOND, path="/", secure=https(gw), httponly=True,
                      samesite="lax")


def clear_cookie(answer: Response, gw: Gateway) -> None:
    answer.delete_cookie(cookie_name(gw), path="/", secure=https(gw), httponly=True, samesite="lax")


def token_of(request: Request, gw: Gateway) -> str:
    return request.cookies.get(cookie_name(gw), "")


def set_browser_cookie(answer: Response, gw: Gateway, email: str) -> None:
    """Whoever has signed in here is not kept out by strangers who guess at their name."""
    answer.set_cookie(_browser_cookie(gw), limits.new_browser(_secret(gw), email), max_age=limits.KNOWN_FOR, path="/",
                      secure=https(gw), httponly=True, samesite="lax")


def key_of_browser(request: Request, gw: Gateway, email: str) -> str:
    """"": nobody with this address has signed in here."""
    return limits.key_of_browser(request, _browser_cookie(gw), _secret(gw), email)


def _browser_cookie(gw: Gateway) -> str:
    return "__Host-browser" if https(gw) else "browser"


def address_of(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def check_origin(request: Request, gw: Gateway) -> None:
    """Raises StaleForm for a form that another site has sent: browsers say where it comes from."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise StaleForm
    origin = request.headers.get("origin")
    if site is None and origin is not None and _host_of(origin) != request.headers.get("host"):
        raise StaleForm


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _check_text(request: Request) -> None:
    """Raises HTTPException 422 for a NUL, which PostgreSQL keeps and compares nowhere."""
    form = request.state.form.values() if request.method not in SAFE else ()
    if any("\0" in value for value in (*request.path_params.values(), *request.query_params.values(), *form)
           if isinstance(value, str)):
        raise HTTPException(422, "There is a character in it that nobody can type")


class NeedsUser:
    """A dependency: who is signed in, with this right; of anything but GET the form has to be ours. Streams do not
    keep a session awake: `does_something` False."""

    def __init__(self, right: Right, does_something: bool = True, proof: bool = False) -> None:
        self.right, self._does_something, self._proof = right, does_something, proof

    async def __call__(self, request: Request, gw: Gw, now: Now) -> User:
        if request.method not in SAFE:
            request.state.form = await request.form()  # for whoever answers when it cannot be taken
        user = await run_in_threadpool(self._user, request, gw, now)
        if request.method not in SAFE:
            check_origin(request, gw)
            given = request.state.form.get(TOKEN)
            if not isinstance(given, str) or not hmac.compare_digest(given.encode(), user.csrf.encode()):
                raise StaleForm
        if self._proof and user.has_to_prove:
            await run_in_threadpool(self._check_proof, request, user)
        return user

    def _check_proof(self, request: Request, user: User) -> None:
        """A form may bring it along, so that it goes on at once."""
        given = request.state.form.get(PROOF) if request.method not in SAFE else None
        if not isinstance(given, str) or not given:
            raise ProofNeeded(user)
        prove(request, user, given)

    def _user(self, request: Request, gw: Gateway, now: Instant) -> User:
        found = who_is(gw, token_of(request, gw), now, self._does_something)
        if not isinstance(found, SignedIn):
            raise SignInNeeded(found)
        _check_text(request)
        user = User(gw, found, address_of(request), now)
        user.need(self.right, *asked_for(request))
        return user


def prove(request: Request, user: User, given: str) -> None:
    """Raises ProofNeeded again when it is not right."""
    seconds = take_try(request, user)
    if seconds:
        raise ProofNeeded(user, sign_in.HasToWait(seconds).sentence)
    try:
        sign_in.prove(user.gw, user.row, user.session, given, user.who, user.now)
    except sign_in.NotSignedIn:
        raise ProofNeeded(user, "That is not your password, nor a code that works now.") from None
    forget_tries(request, user)


def take_try(request: Request, user: User) -> int:
    """Counts that they say once more who they are; the seconds to wait instead. Of each session its own: a browser
    left open is no place to guess, and no stranger's guesses hinder who is signed in."""
    return limits.tries(request.app).take(f"session/{user.session.id}", user.now)


def forget_tries(request: Request, user: User) -> None:
    limits.tries(request.app).forget(f"session/{user.session.id}")


def needs(right: Right, **how: bool) -> Any:
    return Depends(NeedsUser(right, **how))


def https(gw: Gateway) -> bool:
    """Whether the world sees us over https."""
    return gw.settings.web.public_url.startswith("https:")
