"""`gateway explain`: prints why something is as it is, and why somebody was told or asked, or was not."""

from typing import Annotated

import orjson
import typer
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from gateway.cli.common import Config, errors_as_messages, now, open_store, out, settings_from
from gateway.config.error_messages import did_you_mean
from gateway.config.profiles_and_mappings import load_profiles
from gateway.explain import Explanation
from gateway.explain.format import PARTS
from gateway.flow.gateway import Gateway
from gateway.flow.messages.explained import explained
from gateway.model import to_iso
from gateway.notifications.channels import build_channels
from gateway.store.views.explain import LOADERS

ANY = "alarm, ticket, callback, outage, device, notification, customer or provider"


class UnknownId(Exception):
    """Nothing has the requested id."""


def explain(subject: Annotated[str, typer.Argument(
                metavar="[KIND] ID", help="Of an alarm, ticket, callback, outage, device, notification, customer or "
                                          "provider, or an SLA policy's version.")],
            name: Annotated[str, typer.Argument(metavar="", hidden=True)] = "",
            json: Annotated[bool, typer.Option("--json", help="One JSON object, as the API answers.")] = False,
            config: Config = None) -> None:
    """Say why: which rule and values, what was waited for, who was told and who was not, and what is held until when.

    KIND is needed only where several things have the same id: `gateway explain customer alice`.
    """
    with errors_as_messages(UnknownId, ValueError):
        settings = settings_from(config)
        kind, wanted = (subject, name) if name else ("", subject)
        if kind and kind not in LOADERS:
            raise UnknownId(f"{kind!r} is nothing that can be explained — {did_you_mean(kind, LOADERS)}")
        with open_store(settings) as store:
            gw = Gateway(settings, store, load_profiles(settings.profiles), build_channels(settings))
            said = explained(gw, wanted, now(), kind)
        if said is None:
            raise UnknownId(f"{wanted!r} is no {kind or ANY} — expected an id, as `gateway device list` or the API "
                            "shows it")
    if json:
        lines = [{**line._asdict(), "at": None if line.at is None else to_iso(line.at)} for line in said.lines]
        print(orjson.dumps({"id": said.id, "kind": said.kind, "title": said.title, "timezone": said.zone,
                            "lines": lines}, option=orjson.OPT_INDENT_2).decode())
    else:
        out.print(_panel(said))


def _panel(said: Explanation) -> Panel:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    last = ""
    for line in said.lines:
        table.add_row("" if line.part == last else PARTS.get(line.part, line.part), escape(line.text))
        last = line.part
    return Panel(table, title=escape(said.title), subtitle=f"times in {escape(said.zone)}")
