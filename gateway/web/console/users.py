"""Users: who may sign in, with which role, and where they are signed in."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Form, HTTPException, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlmodel import Session

from gateway.access.rights import OF_USERS, Right
from gateway.flow.accounts import users
from gateway.model import Actor, Instant, Provider, Role
from gateway.model import User as Account
from gateway.model.plan import NoSuch
from gateway.store import Conflict
from gateway.store.accounts import sessions
from gateway.store.accounts import users as stored_users
from gateway.store.views.ticket_list import provider_names
from gateway.web.console.browser_names import browser_name
from gateway.web.console.pages import go_on, page
from gateway.web.console.session import User, needs
from gateway.web.dependencies import or_404
from gateway.web.routes import Routes

router = Routes()
PATH = "/console/users"
Manages = Annotated[User, needs(Right.MANAGE_USERS)]
Changes = Annotated[User, needs(Right.MANAGE_USERS, proof=True)]
NAME = 80  # characters
_DOES = {Role.AGENT: "takes calls and works on tickets", Role.DISPATCHER: "and on many at once, and merges",
         Role.OPERATOR: "and manages users and settings", Role.AUDITOR: "reads everything but numbers, and the log",
         Role.PROVIDER: "a local firm: its own offers and visits only"}
ROLES = [(role, f"{role.capitalize()}: {_DOES[role]}") for role in OF_USERS]


class UserForm(BaseModel):
    """The form as it comes."""

    name: str = ""
    email: str = ""
    role: str = Role.AGENT
    provider_id: str = ""


@router.get(PATH)
def show_users(request: Request, user: Manages) -> Response:
    return _list(request, user)


@router.post(PATH)
def add_user(request: Request, user: Changes, given: Annotated[UserForm, Form()]) -> Response:
    """The link by which they set their password is on this one answer, and nowhere else."""
    try:
        with user.gw.store.write() as session:
            row = users.add_user(session, given.name[:NAME], given.email, given.role, _firm(given), user.who, user.now)
            link = users.welcome(user.gw.settings, session, row.id, user.now)
    except users.BadUser as bad:
        return _list(request, user, 422, f"{bad.field.capitalize()}: {bad.expected}.", given)
    except Conflict:
        return _list(request, user, 409, "Somebody has just added this address.", given)
    return _one(request, user, row.id, link=link)


@router.get(f"{PATH}/{{user_id}}")
def show_user(request: Request, user: Manages, user_id: str) -> Response:
    return _one(request, user, user_id)


@router.post(f"{PATH}/{{user_id}}/role")
def change_role(request: Request, user: Changes, user_id: str, given: Annotated[UserForm, Form()]) -> Response:
    return _change(request, user, user_id, lambda session, who, now: users.change_role(
        session, user_id, given.role, _firm(given), who, now), given)


@router.post(f"{PATH}/{{user_id}}/disable")
def disable_user(request: Request, user: Changes, user_id: str) -> Response:
    return _change(request, user, user_id, lambda session, who, now: users.disable_user(session, user_id, who, now))


@router.post(f"{PATH}/{{user_id}}/end-session")
def end_user_session(request: Request, user: Changes, user_id: str, session_id: Annotated[str, Form()] = ""
                     ) -> Response:
    return _change(request, user, user_id, lambda session, who, now: users.end_sessions(
        session, user_id, session_id, who, now))


@router.post(f"{PATH}/{{user_id}}/reset")
def reset_user(request: Request, user: Changes, user_id: str) -> Response:
    """Whoever has lost their password or second factor, or was disabled, begins anew by a link; shown on this answer.
    """
    try:
        with user.gw.store.write() as session:
            users.reset_user(session, user_id, user.who, user.now)
            link = users.welcome(user.gw.settings, session, user_id, user.now)
    except NoSuch:
        raise HTTPException(404, "There is no such user") from None
    return _one(request, user, user_id, link=link)


def _change(request: Request, user: User, user_id: str, change: Callable[[Session, Actor, Instant], Account],
            given: UserForm | None = None) -> Response:
    try:
        with user.gw.store.write() as session:
            change(session, user.who, user.now)
    except users.BadUser as bad:
        return _one(request, user, user_id, 409 if given is None else 422, f"{bad.field.capitalize()}: {bad.expected}.",
                    given)
    except NoSuch as none:
        raise HTTPException(404, str(none)) from None
    return go_on(f"{PATH}/{user_id}")


def _firm(given: UserForm) -> str | None:
    return given.provider_id if given.role == Role.PROVIDER else None


def _list(request: Request, user: User, status: int = 200, wrong: str = "", given: UserForm | None = None) -> Response:
    with user.gw.store.read() as session:
        rows = stored_users.all_users(session)
        seen = sessions.open_by_user(session, user.now)
        firms = provider_names(session)
    return page(request, user, "users.html", status, rows=rows, seen=seen, firms=firms, firm_names=dict(firms),
                wrong=wrong, given=given or UserForm(), roles=ROLES)


def _one(request: Request, user: User, user_id: str, status: int = 200, wrong: str = "", given: UserForm | None = None,
         link: str = "") -> Response:
    with user.gw.store.read() as session:
        row: Account = or_404(session.get(Account, user_id), "user")
        rows = sessions.open_of(session, user_id, user.now)
        firms = provider_names(session)
        firm = session.get(Provider, row.provider_id) if row.provider_id else None
        last_operator = users.is_last_operator(session, row)
    return page(request, user, "user.html", status, row=row, sessions=rows, firms=firms,
                browser_name=browser_name, firm=firm, wrong=wrong,
                link=link, roles=ROLES, last_operator=last_operator,
                given=given or UserForm(role=row.role, provider_id=row.provider_id or ""))
