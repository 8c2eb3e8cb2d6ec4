"""`gateway household`: the link to all that is open at a home; it goes to whoever lives there, never to
whoever asks."""

from collections.abc import Callable
from typing import Annotated

import typer
from rich.markup import escape

from gateway.cli.common import Config, err, errors_as_messages, now, open_store, settings_from
from gateway.config.settings_loader import ensure_secret
from gateway.flow.gateway import Gateway
from gateway.flow.households.links import end_household_link, renew_household_link, send_household_link
from gateway.model import Actor, ActorKind, Instant, Site
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.channels import build_channels
from gateway.notifications.reasons import refusal_sentence

Home = Annotated[str, typer.Argument(metavar="SITE", help="Its id in the fleet file.")]
Act = Callable[[Gateway, str, Actor, Instant], object]
app = typer.Typer(no_args_is_help=True, help="Households: link, renew-link, end-link.")


@app.command()
def link(site_id: Home, config: Config = None) -> None:
    """Send the household its link, at the address at which it hears from us; the one that works is sent again."""
    name = _do(site_id, send_household_link, config)
    err.print(f"The link goes to {escape(name)} with the next messages", highlight=False, soft_wrap=True)


@app.command("renew-link")
def renew_link(site_id: Home, config: Config = None) -> None:
    """End the household's link, and send it a new one."""
    name = _do(site_id, renew_household_link, config)
    err.print(f"The old link of {escape(name)} opens nothing any more; a new one goes to them, where they can be sent "
              "anything", highlight=False, soft_wrap=True)


@app.command("end-link")
def end_link(site_id: Home, config: Config = None) -> None:
    """End the household's link; they get no new one until somebody asks for it."""
    name = _do(site_id, end_household_link, config)
    err.print(f"No link opens everything of {escape(name)} any more", highlight=False, soft_wrap=True)


def _do(site_id: str, act: Act, config: Config) -> str:
    """The name of the site; written to the audit log like the console's."""
    with errors_as_messages(NoSuch, _NotPossible):
        settings = ensure_secret(settings_from(config))
        with open_store(settings) as store:
            with store.read() as session:
                site = session.get(Site, site_id)
            if site is None or site.household_left_at is not None:
                raise NoSuch(f"there is no site {site_id} where anybody lives")
            try:
                act(Gateway(settings, store, {}, build_channels(settings)), site.customer_id,
                    Actor(ActorKind.OPERATOR), now())
            except Refused as refused:
                raise _NotPossible(refusal_sentence(refused, catalogue_for("en"))) from None
    return site.name


class _NotPossible(Exception):
    """Why it was not done, in a sentence."""
