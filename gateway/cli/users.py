"""`gateway user`: who may sign in at the console."""

from typing import Annotated

import typer
from rich.markup import escape
from sqlmodel import Session

from gateway.access.rights import OF_USERS
from gateway.cli.common import (
    Config,
    err,
    errors_as_messages,
    minute,
    now,
    open_store,
    print_whole,
    settings_from,
    whole_table,
)
from gateway.config.settings_loader import ensure_secret
from gateway.flow.accounts import users
from gateway.flow.accounts.users import BadUser
from gateway.model import Actor, ActorKind, Role, User
from gateway.model.plan import NoSuch
from gateway.store.accounts.users import all_users, by_email

app = typer.Typer(no_args_is_help=True, help="Who may sign in at the console.")
_ME = Actor(ActorKind.OPERATOR)
Email = Annotated[str, typer.Argument(help="What they sign in with.")]


@app.command()
def add(email: Email, name: Annotated[str, typer.Argument(help="As timelines show it.")],
        role: Annotated[str, typer.Option(help=f"What they may do: {', '.join(OF_USERS)}.")] = Role.AGENT,
        provider: Annotated[str | None, typer.Option(help="Of the role provider: whose people they are.")] = None,
        config: Config = None) -> None:
    """Add a user, and print the link by which they set their password: within a day, once."""
    with errors_as_messages(BadUser):
        settings = ensure_secret(settings_from(config))
        with open_store(settings) as store, store.write() as session:
            user = users.add_user(session, name, email, role, provider, _ME, now())
            link = users.welcome(settings, session, user.id, now())
    err.print(f"{escape(user.name)} is a user now, of the role {user.role}; this link is for them alone, works once, "
              "and for a day:", highlight=False, soft_wrap=True)
    print(link)


@app.command()
def reset(email: Email, config: Config = None) -> None:
    """Take password and second factor from a user, and print a link by which they set a new password."""
    with errors_as_messages(BadUser, NoSuch):
        settings = ensure_secret(settings_from(config))
        with open_store(settings) as store, store.write() as session:
            user = users.reset_user(session, _named(session, email).id, _ME, now())
            link = users.welcome(settings, session, user.id, now())
    err.print(f"{escape(user.name)} is signed out everywhere; this link is for them alone, works once, and for a day:",
              highlight=False, soft_wrap=True)
    print(link)


@app.command()
def disable(email: Email, config: Config = None) -> None:
    """Let a user sign in no more; `reset` lets them in again."""
    with errors_as_messages(BadUser, NoSuch), open_store(settings_from(config)) as store, store.write() as session:
        user = users.disable_user(session, _named(session, email).id, _ME, now())
    err.print(f"{escape(user.name)} is signed out everywhere and may sign in no more", highlight=False, soft_wrap=True)


@app.command("list")
def list_users(config: Config = None) -> None:
    """Who may sign in."""
    with errors_as_messages(), open_store(settings_from(config)) as store, store.read() as session:
        found = all_users(session)
    table = whole_table("email", "name", "role", "provider", "second factor", "made", "disabled")
    for user in found:
        table.add_row(escape(user.email), escape(user.name), user.role, escape(user.provider_id or ""),
                      "yes" if user.code_secret is not None else "no", minute(user.created_at),
                      minute(user.disabled_at))
    print_whole(table)


def _named(session: Session, email: str) -> User:
    user = by_email(session, email)
    if user is None:
        raise BadUser("email", f"{email!r} has no account — expected one that `gateway user list` shows")
    return user
