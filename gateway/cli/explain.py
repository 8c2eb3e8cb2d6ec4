"""`gateway explain`: prints why an alarm, outage, ticket, callback or device is as it is."""

from typing import Annotated

import orjson
import typer
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from gateway.cli.common import Config, errors_as_messages, now, open_store, out, settings_from
from gateway.config.profiles_and_mappings import load_profiles
from gateway.explain import Explanation
from gateway.explain import explain as explained
from gateway.model import to_iso
from gateway.notifications.catalogues import catalogue_for
from gateway.store.views.explain import facts_of, profile_of

NAMES = {"what": "What", "why": "Why", "waited": "Held back", "tried": "Tried", "became": "What became of it",
         "next": "What comes next", "told": "Who was told", "provider": "Why this firm", "sla": "SLA", "link": "Link",
         "clock": "Clocks", "rule": "Rules", "members": "Homes", "history": "History",
         "credit": "Credits"}


class UnknownId(Exception):
    """Nothing has the requested id."""


def explain(subject: Annotated[str, typer.Argument(
                metavar="ID", help="Of an alarm, ticket, callback, outage or device, or an SLA policy's version.")],
            json: Annotated[bool, typer.Option("--json", help="One JSON object, as the API answers.")] = False,
            config: Config = None) -> None:
    """Say why: which rule and values, what was waited for, who was told and who was not."""
    with errors_as_messages(UnknownId):
        settings = settings_from(config)
        profiles = load_profiles(settings.profiles)
        with open_store(settings) as store, store.read() as session:
            facts = facts_of(session, subject)
        if facts is None:
            raise UnknownId(f"{subject!r} is no alarm, ticket, callback, outage or device — expected an id, as "
                            "`gateway device list` or the API shows it")
    said = explained(facts, profiles.get(profile_of(facts)), catalogue_for("en"), now())
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
        table.add_row("" if line.part == last else NAMES.get(line.part, line.part), escape(line.text))
        last = line.part
    return Panel(table, title=escape(said.title), subtitle=f"times in {escape(said.zone)}")
