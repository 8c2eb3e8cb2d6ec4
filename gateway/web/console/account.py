"""One's own account: password, second factor, and where one is signed in."""

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import Response
from pydantic import BaseModel

from gateway.access.rights import Right
from gateway.flow.accounts import sign_in, users
from gateway.flow.accounts.one_time_codes import address_for_app, is_secret, new_secret
from gateway.store.accounts import sessions
from gateway.web.console.browser_names import browser_name
from gateway.web.console.pages import go_on, page
from gateway.web.console.session import ProofNeeded, User, address_of, forget_tries, needs, take_try
from gateway.web.dependencies import Gw, Now
from gateway.web.routes import Routes

router = Routes()
_PAGE = "/console/account"
Own = Annotated[User, needs(Right.OWN_ACCOUNT)]
# Whoever sets a second factor proves with it from then on: a browser left open must not be enough for that.
Proves = Annotated[User, needs(Right.OWN_ACCOUNT, proof=True)]


class PasswordForm(BaseModel):
    old: str = ""
    new: str = ""


class CodeForm(BaseModel):
    secret: str = ""
    code: str = ""


@router.get(_PAGE)
def show_account(request: Request, user: Own, gw: Gw, now: Now, setting_up: bool = False) -> Response:
    if setting_up and user.has_to_prove:
        raise ProofNeeded(user)
    return _page(request, user, secret=new_secret() if setting_up else "")


@router.post(f"{_PAGE}/password")
def do_password(request: Request, user: Own, gw: Gw, now: Now, given: Annotated[PasswordForm, Form()]) -> Response:
    seconds = take_try(request, user)
    if seconds:
        return _page(request, user, 429, sign_in.HasToWait(seconds).sentence)
    if not sign_in.proves_password(user.row, given.old):
        return _page(request, user, 422, "Your old password is not right.")
    forget_tries(request, user)
    try:
        users.set_password(gw, user.row, given.new, address_of(request), user.session.id, now)
    except users.BadUser as bad:
        return _page(request, user, 422, f"New password: {bad.expected}.")
    return go_on(_PAGE)


@router.post(f"{_PAGE}/second-factor")
def do_second_factor(request: Request, user: Proves, gw: Gw, now: Now, given: Annotated[CodeForm, Form()]
                     ) -> Response:
    """The recovery codes are on this one answer, and nowhere else."""
    try:
        codes = users.set_code_secret(gw, user.row, given.secret, given.code, address_of(request), now)
    except users.BadUser as bad:
        return _page(request, user, 422, f"Code: {bad.expected}.", 
                     secret=given.secret if is_secret(given.secret) else new_secret())
    return _page(request, user, codes=codes)


@router.post(f"{_PAGE}/end-session")
def end_session(user: Own, gw: Gw, now: Now, session_id: Annotated[str, Form()] = "") -> Response:
    sign_in.end_session(gw, user.row, session_id, user.who, now)
    return go_on(_PAGE)


def _page(request: Request, user: User, status: int = 200, wrong: str = "", secret: str = "",
          codes: list[str] | None = None) -> Response:
    with user.gw.store.read() as session:
        rows = sessions.open_of(session, user.row.id, user.now)
    service = user.gw.settings.service.name
    return page(request, user, "account.html", status, wrong=wrong, secret=secret, codes=codes, sessions=rows,
                browser_name=browser_name,
                app_link=address_for_app(secret, user.row.email, service) if secret else "")
