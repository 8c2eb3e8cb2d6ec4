"""The `gateway` command line: one function for each command; the larger ones are in cli/."""

import gc

gc.set_threshold(50_000, 20, 50)  # before the imports: nothing of them becomes garbage, and looking for it took a third

import shlex
import time
from json import dumps
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from gateway import __version__
from gateway.app.check import check_all, load_fleet
from gateway.app.check_branding import branding_row
from gateway.app.check_people import people_warnings
from gateway.cli import devices, households, providers, send_test, users
from gateway.cli.backtest import backtest
from gateway.cli.check_connections import check_connections
from gateway.cli.common import (
    Config,
    err,
    errors_as_messages,
    fail,
    minute,
    now,
    open_store,
    out,
    policy_from,
    print_whole,
    settings_from,
    warn,
    whole_table,
)
from gateway.cli.explain import explain
from gateway.cli.goodwill import goodwill
from gateway.cli.shadow import app as shadow
from gateway.config import example_files
from gateway.config.fleet_file import BadFleet, Fleet
from gateway.config.profiles_and_mappings import load_mappings, load_profiles
from gateway.flow import administer
from gateway.flow.accounts.audit import NOTHING, write_command
from gateway.model import Actor, ActorKind, Role, to_iso
from gateway.monitoring import logs
from gateway.store import Store
from gateway.store.accounts.api_keys import all_keys, create_key, find_key, revoke_key
from gateway.store.fleet import Count, providers_not_in
from gateway.store.migrations import newest, upgrade
from gateway.store.readings.partitions import ALL_THE_TIME_MS, prepare
from gateway.store.views import export_rows
from gateway.tickets.context import Policy

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help="Hears connected devices, opens one ticket for one problem, and tells the customer first.")
keys = typer.Typer(no_args_is_help=True, help="Keys for the API.")
app.add_typer(keys, name="key")
app.add_typer(devices.app, name="device")
app.add_typer(households.app, name="household")
app.add_typer(providers.app, name="provider")
app.add_typer(shadow, name="shadow")
app.add_typer(users.app, name="user")
app.command()(backtest)
app.command()(explain)
app.command()(goodwill)
app.command("send-test")(send_test.send_test)
app.add_typer(send_test.app, name="wording")
PATIENCE = 2.0  # seconds before a progress bar appears


@app.callback(invoke_without_command=True)
def main(show_version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if show_version:
        out.print(__version__, highlight=False)
        raise typer.Exit


@app.command()
def check(config: Config = None,
          fleet: Annotated[Path | None, typer.Option("--fleet", help="A fleet file to check too.")] = None,
          connect: Annotated[bool, typer.Option(
              "--connect", help="Try broker, database and channels too; nothing is sent to anybody.")] = False) -> None:
    """Check settings, profiles, mappings and fleet; exit 1 with every error of all of them. Warnings do not count."""
    here = Path("gateway.yaml")
    config = config or (here if here.exists() else None)
    found = check_all(config, fleet)
    warn(found.warnings)
    if found.errors:
        fail(found.errors)
    count = len(found.warnings)
    table = Table("", "found", title="all in order" if not count else f"no errors, {count} warning{'s'[:count > 1]}")
    table.add_row("settings", str(config) if config else "defaults and environment")
    ours = found.settings is not None and found.settings.profiles == example_files.profiles()
    table.add_row("profiles", ", ".join(sorted(found.profiles or {})) + (" (as shipped)" if ours else ""))
    if found.settings is not None and (colour := branding_row(found.settings)):
        table.add_row("colour", colour)
    if found.mappings:
        table.add_row("mappings", ", ".join(sorted(found.mappings)))
    if found.wording:
        table.add_row("wording", ", ".join(found.wording))
    if found.fleet is not None:
        for name in ("areas", "customers", "people", "sites", "devices", "providers"):
            table.add_row(name, str(len(getattr(found.fleet, name))))
    out.print(table)
    if connect and found.settings is not None and not check_connections(found.settings, found.fleet):
        raise typer.Exit(1)


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="Where to; it may exist already.")]) -> None:
    """Write a working configuration to start from: settings, a fleet, mappings, and the profiles with their tests."""
    with errors_as_messages():
        starter = {folder / name: file for name, file in example_files.starter().items()}
        there = [name for name in starter if name.exists() or name.is_symlink()]
        if there:
            more = f" and {len(there) - 1} more" if there[1:] else ""
            fail([f"{there[0]}{more}: there already — expected a folder without; nothing was written"])
        for name, file in starter.items():
            name.parent.mkdir(parents=True, exist_ok=True)
            with name.open("xb") as copy:
                copy.write(file.read_bytes())
    out.print(f"{folder} holds gateway.yaml (the settings), fleet.yaml, and the folders mappings and profiles. Make "
              "them yours; then there:", soft_wrap=True, highlight=False, markup=False)
    print(f"  cd {shlex.quote(str(folder))}\n  gateway check\n  gateway import\n  gateway run")


@app.command("import")
def import_fleet(
        fleet: Annotated[Path | None, typer.Argument(help="Default: `fleet` in the settings.")] = None,
        config: Config = None,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; write nothing.")] = False,
) -> None:
    """Bring customers, sites, devices and providers in from a fleet file: all of it, or nothing."""
    with errors_as_messages():
        settings = settings_from(config)
        fleet = fleet or settings.fleet
        if fleet is None:
            raise BadFleet(["no fleet file — expected one here, or in the settings as fleet"])
        mapped = [mapping.NAME for mapping in load_mappings(settings.mappings)]
        loaded = load_fleet(fleet, settings, dict(load_profiles(settings.profiles)), mapped)
        warn([*people_warnings(fleet, loaded, to_iso(now())[:10])])
        with open_store(settings) as store:
            counts = _save(store, loaded, policy_from(settings), dry_run)
            with store.read() as session:
                others = providers_not_in(session, loaded)
            if settings.broker_files is not None and not dry_run:
                devices.update_broker_files(store, settings)  # an address that changed opens other topics
    table = Table("", "added", "changed", "unchanged", "gone")
    for name, count in counts.items():
        table.add_row(name, *(str(number) for number in count))
    out.print(table)
    sums = {name: sum(getattr(count, name) for count in counts.values()) for name in ("added", "changed", "gone")}
    out.print(f"{'would be ' if dry_run else ''}{sums['added']} added, {sums['changed']} changed, {sums['gone']} gone",
              highlight=False)
    if others:
        err.print(f"not in this file, and asked all the same: {', '.join(others)} — `gateway provider remove ID` ends "
                  "that", highlight=False, markup=False)


def _save(store: Store, fleet: Fleet, policy: Policy, dry_run: bool) -> dict[str, Count]:
    rows = len(fleet.areas) + len(fleet.customers) + 2 * len(fleet.sites) + len(fleet.devices) + len(fleet.providers)
    began = time.monotonic()
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar, store.write() as session:
        task = bar.add_task("importing", total=rows, visible=False)
        counts = administer.import_fleet(
            session, fleet, policy, Actor(ActorKind.OPERATOR), now(), lambda done: bar.update(
                task, advance=done, visible=time.monotonic() - began > PATIENCE))
        write_command(session, "import_fleet", NOTHING, now())
        if dry_run:
            session.rollback()
    return counts


@app.command()
def migrate(config: Config = None) -> None:
    """Bring the database to the newest version of its schema (`run` does so by itself), and on PostgreSQL create the
    partitions for readings, however long that takes: while no gateway runs."""
    with errors_as_messages():
        settings = settings_from(config)
        store = Store(settings.database_url)
        applied = upgrade(store)
        obstacle = prepare(store, now(), settings.readings_days, ALL_THE_TIME_MS)
        store.close()
    out.print(f"applied {', '.join(applied)}" if applied else f"nothing to do: already at {newest()}", highlight=False)
    if obstacle is not None:
        err.print(escape(obstacle), style="yellow", highlight=False, soft_wrap=True)


@keys.command("create")
def key_create(name: Annotated[str, typer.Argument(help="Whose key it is, e.g. 'call centre'.")],
               role: Annotated[str, typer.Option(help=f"What it may do: {' or '.join(Role)}.")] = Role.READ,
               config: Config = None) -> None:
    """Make a key and print it: the only time that it can be read."""
    with errors_as_messages(ValueError), open_store(settings_from(config)) as store, store.write() as session:
        plain = create_key(session, name, role, now())
        made = find_key(session, plain)
        assert made is not None
        write_command(session, "create_key", ("key", made.id), now())
    err.print(f"{role} key for {escape(name)}; only its hash is kept, so copy it now:")
    print(plain)


@keys.command("list")
def key_list(config: Config = None) -> None:
    """Who has keys."""
    with errors_as_messages(), open_store(settings_from(config)) as store, store.read() as session:
        found = all_keys(session)
    table = whole_table("id", "name", "role", "made", "revoked")
    for key in found:
        table.add_row(key.id, escape(key.name), key.role, minute(key.created_at), minute(key.revoked_at))
    print_whole(table)


@keys.command("revoke")
def key_revoke(key_id: Annotated[str, typer.Argument(help="As `gateway key list` shows it.")],
               config: Config = None) -> None:
    """End a key at once."""
    with errors_as_messages(ValueError), open_store(settings_from(config)) as store, store.write() as session:
        revoke_key(session, key_id, now())
        write_command(session, "revoke_key", ("key", key_id), now())
    out.print(f"{key_id} is revoked", highlight=False)


@app.command()
def export(config: Config = None) -> None:
    """Write every ticket, alarm and callback with ids and times, and nobody's name, as JSON lines."""
    with errors_as_messages(), open_store(settings_from(config)) as store, store.read() as session:
        for record in export_rows.export(session, now()):
            print(dumps(record, separators=(",", ":")))


@app.command()
def run(role: Annotated[Literal["all", "ingest", "clock", "web"], typer.Option(help="What this process does.")] = "all",
        config: Config = None,
        log: Annotated[Literal["text", "json"] | None, typer.Option(
            help="Default: text on a terminal, else JSON.")] = None) -> None:
    """Run the gateway until Ctrl-C."""
    logs.configure(log)
    with errors_as_messages():
        settings = settings_from(config)
        from gateway.app.main import run as work  # a second of imports that the other commands do not need

        work(settings, role, lambda said: print(said, flush=True))  # the log goes to the error output


@app.command()
def demo(headless: Annotated[bool, typer.Option("--headless", help="No live screen.")] = False,
         seconds: Annotated[float | None, typer.Option(help="Stop after this long; without it, at Ctrl-C.")] = None,
         json: Annotated[bool, typer.Option("--json", help="End with one JSON line of figures.")] = False,
         data: Annotated[Path, typer.Option(help="Where the demonstration keeps its data.")] = Path("demo-data"),
         speed: Annotated[float, typer.Option(min=0.1, help="How fast the story is told; 1 = about a minute.")] = 1.0,
         broker: Annotated[Literal["auto", "mosquitto", "nats"], typer.Option(
             help="Which broker to start; auto: Mosquitto where there is one, else nats-server.")] = "auto",
         play: Annotated[bool, typer.Option("--play", help="Two minutes for each part that you can do yourself.")]
         = False) -> None:
    """A small town with a broker, devices, customers and providers, and its story told live."""
    with errors_as_messages():
        from gateway.demo import demo as tell  # it brings a whole simulated world with it

        code = tell(headless=headless, seconds=seconds, json=json, data=data, speed=speed, broker=broker, play=play)
    raise typer.Exit(code)


if __name__ == "__main__":
    app(prog_name="gateway")
