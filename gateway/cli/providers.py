"""`gateway provider`: end the work with a local firm, and hand its visits over to others."""

from typing import Annotated

import typer
from rich.markup import escape

from gateway.cli.common import Config, err, errors_as_messages, now, open_store, policy_from, settings_from
from gateway.flow import administer
from gateway.flow.accounts.audit import write_command
from gateway.model import Actor, ActorKind

app = typer.Typer(no_args_is_help=True, help="Local firms: remove.")


@app.callback()
def _group() -> None:
    """A group, also while it has one command only."""


@app.command()
def remove(provider_id: Annotated[str, typer.Argument(help="Its id in the fleet file.")],
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
