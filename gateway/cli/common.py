"""What the commands share: opening settings and store, the clock, and printing errors."""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from gateway.app.check import settings_errors
from gateway.config.fleet_file import BadFleet
from gateway.config.settings import Settings
from gateway.config.settings_loader import BadSettings, load, say_where
from gateway.config.sla_file import BadSla, load_sla
from gateway.devices.mappings import BadMapping
from gateway.devices.profiles import BadProfile
from gateway.devices.registration import BadDevice
from gateway.model import Instant, new_id, within_calendar
from gateway.notifications.catalogues import catalogues
from gateway.notifications.wording.overrides import BadWording
from gateway.store import Conflict, DatabaseUnavailable, Store
from gateway.store.migrations import WrongVersion, upgrade
from gateway.tickets.context import Policy

out, err = Console(), Console(stderr=True, soft_wrap=True, highlight=False)

Config = Annotated[Path | None, typer.Option(
    "--config", "-c", envvar="GATEWAY_CONFIG", help="Default: gateway.yaml here, when there is one.")]


def policy_from(settings: Settings) -> Policy:
    """What a command plans by, as the running gateway does; profiles are left out. Raises BadSla."""
    return Policy(settings.service, new_id, catalogues=catalogues(), sla=load_sla(settings.sla, settings.service),
                  on_call=settings.on_call)


def now() -> Instant:
    return time.time_ns() // 1_000_000


def minute(at: Instant | None, zone: str = "") -> str:
    """`2026-11-23 14:05` in `zone`, or in the time zone of this machine; "" for None."""
    if at is None:
        return ""
    there = ZoneInfo(zone) if zone else None
    return datetime.fromtimestamp(within_calendar(at) / 1000).astimezone(there).strftime("%Y-%m-%d %H:%M")


@contextmanager
def errors_as_messages(*also: type[Exception]) -> Iterator[None]:
    """Prints an expected error, or one of `also`, as a message and exits with code 1."""
    try:
        yield
    except (BadSettings, BadProfile, BadMapping, BadSla, BadFleet, BadDevice, BadWording) as bad:
        fail(bad.errors)
    except (DatabaseUnavailable, Conflict, WrongVersion) as error:
        fail([str(error)])
    except Exception as error:
        if not isinstance(error, (OSError, *also)):
            raise
        fail([str(error)])


def fail(errors: list[str]) -> None:
    """Prints each error on a line, and exits with code 1."""
    for error in errors:
        err.print(f"[red]✗[/] {escape(error)}")
    if len(errors) > 1:
        err.print(f"[red]{len(errors)} errors[/]")
    raise typer.Exit(1)


def warn(warnings: list[str]) -> None:
    """Prints each warning on a line."""
    for warning in warnings:
        err.print(f"[yellow]![/] {escape(warning)}")


def settings_from(config: Path | None) -> Settings:
    """Settings from `config`, else from gateway.yaml here if there is one. Raises BadSettings with every error."""
    here = Path("gateway.yaml")
    file = config or (here if here.exists() else None)
    settings = load(file)
    wrong = settings_errors(settings)
    if wrong:
        raise BadSettings(say_where(wrong, file))
    return settings


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """The store, upgraded to the newest schema; closed at the end of the block."""
    store = Store(settings.database_url)
    try:
        upgrade(store)
        yield store
    finally:
        store.close()


def whole_table(*headings: str, copied: Collection[str] = ("id", "key", "profile", "site", "via", "topic")) -> Table:
    """A table in which nothing is cut off, and values in the columns `copied` are not broken over lines."""
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in copied)
    return table


def print_whole(table: Table) -> None:
    """Prints the table as wide as the terminal, or wider where a copied value needs it; to a file in full width."""
    measured = Measurement.get(out, out.options.update(width=100_000), table)
    table.width = min(measured.maximum, max(out.width, measured.minimum)) if out.is_terminal else measured.maximum
    out.print(table, crop=False, no_wrap=True, overflow="ignore")
