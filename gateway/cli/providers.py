"""`gateway provider`: the link to a local firm's own page; end the work with it, and hand its visits over to others."""

from typing import Annotated

import typer
from rich.markup import escape

from gateway.cli.common import Config, err, errors_as_messages, now, open_store, policy_from, settings_from
from gateway.config.settings_loader import ensure_secret
from gateway.flow import administer
from gateway.flow.accounts.audit import write_command
from gateway.flow.firms import own_links
from gateway.model import Actor, ActorKind
from gateway.model.plan import NoSuch

Provider = Annotated[str, typer.Argument(help="Its id in the fleet file.")]
app = typer.Typer(no_args_is_help=True, help="Local firms: remove, link, end-link.")


@app.command()
def remove(provider_id: Provider,
           hand_over: Annotated[bool, typer.Option(
               "--hand-over", help="Ask others to do its open visits; the customers are told.")] = False,
           config: Config = None) -> None:
    """Ask a firm no longer; take it out of the fleet file too, or the next import brings it back."""
    with errors_as_messages():
        settings = settings_from(config)
        with open_store(settings) as store, store.write() as session:
            gone = administer.remove_provider(session, provider_id, policy_from(settings), hand_over,
                                              Actor(ActorKind.OPERATOR), now())
            write_command(session, "remove_provider", ("provider", provider_id), now())
    err.print(f"{escape(gone.name)} is asked no longer: {gone.offers} offers taken back, {gone.visits} visits handed "
              "over")


@app.command()
def link(provider_id: Provider, config: Config = None) -> None:
    """Print a new link to a firm's own page, good for a year; the one before it ends, and the calendars made by it."""
    with errors_as_messages(NoSuch):
        settings = ensure_secret(settings_from(config))
        with open_store(settings) as store, store.write() as session:
            name = own_links.firm(session, provider_id).name
            made = own_links.make_page_link(settings, session, provider_id, Actor(ActorKind.OPERATOR), now())
    err.print(f"Everybody who has this link sees the work of {escape(name)} and can act for it:", highlight=False,
              soft_wrap=True)
    print(made)


@app.command("end-link")
def end_link(provider_id: Provider, config: Config = None) -> None:
    """End the link to a firm's own page, and its calendars."""
    with errors_as_messages(NoSuch), open_store(settings_from(config)) as store, store.write() as session:
        name = own_links.firm(session, provider_id).name
        own_links.end_page_link(session, provider_id, Actor(ActorKind.OPERATOR), now())
    err.print(f"No link opens the page of {escape(name)} any more", highlight=False, soft_wrap=True)
