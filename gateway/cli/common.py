"""What the commands share: opening settings and store, the clock, and printing errors."""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from gateway.app.check import settings_errors
from gateway.config.fleet_file import BadFleet
from gateway.config.settings import Settings
from gateway.config.settings_loader import BadSettings, load
from gateway.devices.mappings import BadMapping
from gateway.devices.profiles import BadProfile
from gateway.devices.registration import BadDevice
from gateway.model import Instant, within_calendar
from gateway.store import Conflict, DatabaseUnavailable, Store
from gateway.store.migrations import WrongVersion, upgrade

out, err = Console(), Console(stderr=True, soft_wrap=True, highlight=False)

Config = Annotated[Path | None, typer.Option(
    "--config", "-c", envvar="GATEWAY_CONFIG", help="Default: gateway.yaml here, when there is one.")]


def now() -> Instant:
    return time.time_ns() // 1_000_000


def minute(at: Instant | None) -> str:
    """`2026-11-23 14:05`, by the clock of this machine; nothing when it never was."""
    if at is None:
        return ""
    return datetime.fromtimestamp(within_calendar(at) / 1000).astimezone().strftime("%Y-%m-%d %H:%M")


@contextmanager
def errors_as_messages(*also: type[Exception]) -> Iterator[None]:
    """Turns every expected failure, and those in `also`, into its message and exit code 1."""
    try:
        yield
    except (BadSettings, BadProfile, BadMapping, BadFleet, BadDevice) as bad:
        fail(bad.errors)
    except (DatabaseUnavailable, Conflict, WrongVersion) as error:
        fail([str(error)])
    except Exception as error:
        if not isinstance(error, (OSError, *also)):
            raise
        fail([str(error)])


def fail(errors: list[str]) -> None:
    """Every error on a line of its own, and exit code 1."""
    for error in errors:
        err.print(f"[red]✗[/] {escape(error)}")
    if len(errors) > 1:
        err.print(f"[red]{len(errors)} errors[/]")
    raise typer.Exit(1)


def warn(warnings: list[str]) -> None:
    """Every warning on a line of its own."""
    for warning in warnings:
        err.print(f"[yellow]![/] {escape(warning)}")


def settings_from(config: Path | None) -> Settings:
    """Settings that have passed every check. Raises BadSettings."""
    here = Path("gateway.yaml")
    settings = load(config or (here if here.exists() else None))
    wrong = settings_errors(settings)
    if wrong:
        raise BadSettings(wrong)
    return settings


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """The store at the newest version of its schema."""
    store = Store(settings.database_url)
    try:
        upgrade(store)
        yield store
    finally:
        store.close()


def whole_table(*headings: str, copied: Collection[str] = ("id", "key", "profile", "site", "via", "topic")) -> Table:
    """A table in which nothing is cut off, and of what is there to be copied nothing is broken over lines either."""
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in copied)
    return table


def print_whole(table: Table) -> None:
    """As wide as the terminal, or wider when what is to be copied needs it; into a file or a pipe as wide as it is."""
    measured = Measurement.get(out, out.options.update(width=100_000), table)
    table.width = min(measured.maximum, max(out.width, measured.minimum)) if out.is_terminal else measured.maximum
    out.print(table, crop=False, no_wrap=True, overflow="ignore")
