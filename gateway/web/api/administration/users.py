"""API routes for the people who sign in at the console: list, add, change their role, disable, reset."""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from sqlmodel import Session

from gateway.flow.accounts import users as flow
from gateway.model import ExternalKind, Role
from gateway.model import User as Row
from gateway.store import external_ids
from gateway.store.accounts import users
from gateway.web.api import filters
from gateway.web.api.models import ApiModel, Body, ExternalIds, Id, Line, Page, Time
from gateway.web.dependencies import Caller, UserManager, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(prefix="/users", tags=["users and audit"])
T = TypeVar("T", bound=ApiModel)


class User(ApiModel):
    """Somebody who signs in at the console."""

    id: str = Field(examples=["U-4F7QK2M9"])
    name: str = Field(description="As timelines name them.", examples=["Dana Meier"])
    email: str = Field(examples=["dana@example.com"])
    role: Role = Field(examples=["agent"])
    provider_id: str | None = Field(description="Of the role `provider`: whose people they are.", examples=[None])
    has_password: bool = Field(description="They have set one.")
    second_factor: bool
    signs_in_elsewhere: bool = Field(description="Your identity provider vouches for them.")
    created_at: Time
    disabled_at: Time | None = Field(description="They cannot sign in since then.", examples=[None])
    external_ids: ExternalIds


class UserPage(Page):
    items: list[User]


class WelcomedUser(User):
    """With the link by which they set their password."""

    welcome: str = Field(description="Works once, for a day, and is shown only now.",
                         examples=["…/welcome/L-4F7QK2M9.3fTJ0b1Yq2c4mTn6w8Zr5xVb9aE"])


class UserBody(Body):
    name: Line = Field(description="As timelines name them.", examples=["Dana Meier"])
    email: Annotated[str, Field(min_length=3, max_length=254)] = Field(examples=["dana@example.com"])
    role: Role = Field(description="One of agent, dispatcher, operator, auditor and provider.", examples=["agent"])
    provider_id: Id | None = Field(None, description="Only with the role `provider`: whose people they are.",
                                   examples=[None])


class RoleBody(Body):
    role: Role = Field(description="One of agent, dispatcher, operator, auditor and provider.", examples=["dispatcher"])
    provider_id: Id | None = Field(None, description="Only with the role `provider`: whose people they are.",
                                   examples=[None])


def _models(session: Session, rows: Sequence[Row]) -> list[User]:
    names = external_ids.of_rows(session, ExternalKind.USER, [row.id for row in rows])
    return [User(**row.model_dump(), has_password=row.password is not None, second_factor=row.code_secret is not None,
                 signs_in_elsewhere=row.issuer is not None, external_ids=names[row.id]) for row in rows]


def _change(by: Caller, change: Callable[[Session], Row]) -> User:
    return _changed(by, change, lambda _session, user: user)


def _welcome(by: Caller, change: Callable[[Session], Row]) -> WelcomedUser:
    """With a link by which they set their password."""
    return _changed(by, change, lambda session, user: WelcomedUser(
        **dict(user), welcome=flow.welcome(by.gw.settings, session, user.id, by.now)))


def _changed(by: Caller, change: Callable[[Session], Row], answer: Callable[[Session, User], T]) -> T:
    """In one transaction. Raises RequestValidationError."""
    try:
        with by.gw.store.write() as session:
            return answer(session, _models(session, [change(session)])[0])
    except flow.BadUser as bad:
        raise RequestValidationError([{"loc": ("body", bad.field), "msg": bad.expected}]) from None


@router.get("", summary="List users")
def list_users(by: UserManager, query: Annotated[filters.Users, Query()]) -> UserPage:
    """By id."""
    with by.gw.store.read() as session:
        page = users.listed(session, query.wanted(), query.cursor, query.limit)
        return UserPage(items=_models(session, page.rows), next=page.next)


@router.post("", summary="Add somebody", status_code=201)
def add_user(by: UserManager, body: UserBody) -> WelcomedUser:
    """Give them the link in the answer: by it they set their password. It is in no later answer."""
    return _welcome(by, lambda session: flow.add_user(
        session, body.name, body.email, body.role, body.provider_id, by.who, by.now))


@router.get("/{user_id}", summary="One user", responses=responses(404))
def get_user(by: UserManager, user_id: Id) -> User:
    with by.gw.store.read() as session:
        return _models(session, [or_404(session.get(Row, user_id), "user")])[0]


@router.post("/{user_id}/role", summary="Give them another role", responses=responses(404))
def change_user_role(by: UserManager, user_id: Id, body: RoleBody) -> User:
    """They sign in anew. Somebody always stays operator: the last one's role cannot be changed (422)."""
    return _change(by, lambda session: flow.change_role(
        session, user_id, body.role, body.provider_id, by.who, by.now))


@router.post("/{user_id}/disable", summary="Let them sign in no more", responses=responses(404))
def disable_user(by: UserManager, user_id: Id) -> User:
    """Their sessions end at once; what they did stays theirs. Not the last operator (422)."""
    return _change(by, lambda session: flow.disable_user(session, user_id, by.who, by.now))


@router.post("/{user_id}/reset", summary="A new link, also for who was disabled", responses=responses(404))
def reset_user(by: UserManager, user_id: Id) -> WelcomedUser:
    """Their password and second factor are gone, and their sessions end. Give them the link in the answer."""
    return _welcome(by, lambda session: flow.reset_user(session, user_id, by.who, by.now))
