"""`gateway device`: claim a device, give it a login, retire it, and update the broker's password and ACL files."""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from gateway.calendars.desk_hours import names_hours
from gateway.cli import broker_files
from gateway.cli.common import (
    Config,
    err,
    errors_as_messages,
    minute,
    now,
    open_store,
    policy_from,
    print_whole,
    settings_from,
    whole_table,
)
from gateway.config.profiles_and_mappings import load_mappings, load_profiles
from gateway.config.settings import Settings
from gateway.devices.broker_access import SALT, password_hash, topics
from gateway.devices.dialects import chosen
from gateway.devices.profiles import Profile as DeviceKind
from gateway.devices.registration import BadDevice, DeviceChecks, DeviceRequest, read_cover
from gateway.flow import administer
from gateway.flow.accounts.audit import write_command
from gateway.flow.administer import RetiredDevice
from gateway.model import Actor, ActorKind, to_iso
from gateway.model import Cover as CoverKind
from gateway.store import Store
from gateway.store.devices import device_registry

app = typer.Typer(no_args_is_help=True, help="Devices: claim, log in, list, retire.")

DeviceId = Annotated[str, typer.Argument(help="The device's id.", metavar="ID")]
Profile = Annotated[str, typer.Option(help="What kind of device it is: a profile's name.")]
Site = Annotated[str, typer.Option(help="Where it is: a site's id.")]
Name = Annotated[str, typer.Option(help="What people call it.")]
Via = Annotated[str | None, typer.Option(help="The device (a hub) it speaks through; it then has no login of its own.")]
Cover = Annotated[CoverKind, typer.Option(help="Who pays when somebody comes for it.")]
CoveredUntil = Annotated[str, typer.Option(help="Last day of its contract or warranty, e.g. 2027-03-31.",
                                           metavar="DAY")]
CallOutPrice = Annotated[str, typer.Option(help="What the customer pays when nobody else does, e.g. '95.00 EUR'.",
                                           metavar="PRICE")]
NoLogin = Annotated[bool, typer.Option("--no-login", help="Make no login for the broker.")]


@app.command()
def add(device_id: DeviceId, profile: Profile, site: Site, name: Name = "",
        dialect: Annotated[str, typer.Option(help="What it speaks.")] = "native",
        address: Annotated[str, typer.Option(help="Its name in its topics; its id when left out.")] = "",
        via: Via = None, no_login: NoLogin = False, cover: Cover = CoverKind.UNKNOWN, covered_until: CoveredUntil = "",
        call_out_price: CallOutPrice = "", config: Config = None) -> None:
    """Add a device and print its secret for the broker: the only time that it can be read."""
    with errors_as_messages():
        settings = settings_from(config)
        with open_store(settings) as store:
            request = DeviceRequest(device_id, f"{dialect}:{address or device_id}", profile, site, name=name, via=via,
                                    cover=read_cover(cover, covered_until, call_out_price))
            _claim_and_print(store, settings, request, no_login)


@app.command()
def claim(key: Annotated[str, typer.Argument(help="<dialect>:<address>, as `list --unclaimed` shows it.")],
          profile: Profile, site: Site,
          device_id: Annotated[str, typer.Option("--id", help="Its id; made of its address when left out.")] = "",
          name: Name = "", via: Via = None, no_login: NoLogin = False, cover: Cover = CoverKind.UNKNOWN,
          covered_until: CoveredUntil = "", call_out_price: CallOutPrice = "", config: Config = None) -> None:
    """Make an unclaimed device one of yours and print its secret for the broker: the only time that it can be read."""
    with errors_as_messages():
        settings = settings_from(config)
        with open_store(settings) as store:
            with store.read() as session:
                row = device_registry.unclaimed(session, key)
                hub = via or device_registry.hub_of(session, row)
            request = DeviceRequest(device_id or _id_from(key), key, profile, site, name=name or row.name, via=hub,
                                    cover=read_cover(cover, covered_until, call_out_price))
            _claim_and_print(store, settings, request, no_login)


@app.command()
def rotate(device_id: DeviceId, config: Config = None) -> None:
    """Print a new secret, the device's first or in place of the old one, which ends when the broker reads its files."""
    with errors_as_messages():
        settings = settings_from(config)
        with open_store(settings) as store:
            secret, hashed = _new_secret()
            with store.write() as session:
                administer.give_login(session, device_id, hashed, _device_checks(settings), now())
                write_command(session, "rotate_secret", ("device", device_id), now())
            _show(device_id, secret)
            update_broker_files(store, settings)


@app.command("cover")
def set_cover(device_id: DeviceId,
              cover: Annotated[CoverKind, typer.Argument(help="Who pays when somebody comes for it.")],
              covered_until: CoveredUntil = "", call_out_price: CallOutPrice = "", config: Config = None) -> None:
    """Say who pays from now on when somebody comes for a device, in place of what was said before."""
    with errors_as_messages(), open_store(settings_from(config)) as store, store.write() as session:
        administer.set_cover(session, device_id, read_cover(cover, covered_until, call_out_price))
        write_command(session, "set_cover", ("device", device_id), now())
        err.print(f"{escape(device_id)}: {cover.replace('_', ' ')}"
                  + (f" up to {escape(covered_until)}" if covered_until else "")
                  + (f", then {escape(call_out_price)}" if covered_until and call_out_price else
                     f", {escape(call_out_price)}" if call_out_price else ""))


@app.command()
def retire(device_id: DeviceId,
           cancel_tickets: Annotated[bool, typer.Option(
               "--cancel-tickets", help="Cancel its unfinished tickets; the firms concerned are told.")] = False,
           config: Config = None) -> None:
    """End a device: no login, no alarms, no tickets of its own; its address may be claimed anew."""
    with errors_as_messages():
        settings = settings_from(config)
        with open_store(settings) as store:
            with store.write() as session:
                gone = administer.retire(session, device_id, policy_from(settings), cancel_tickets,
                                         Actor(ActorKind.OPERATOR), now())
                write_command(session, "retire_device", ("device", device_id), now())
            _print_retired(device_id, gone)
            update_broker_files(store, settings)


@app.command("list")
def list_devices(unclaimed: Annotated[bool, typer.Option("--unclaimed", help="Who speaks and is nobody's.")] = False,
                 json: Annotated[bool, typer.Option("--json", help="A list of JSON objects.")] = False,
                 config: Config = None) -> None:
    """Devices in use, or with --unclaimed those that speak and that nobody has claimed."""
    with errors_as_messages(), open_store(settings_from(config)) as store, store.read() as session:
        found = ([row.model_dump() for row in device_registry.list_unclaimed(session)] if unclaimed
                 else device_registry.list_devices(session))
    if json:
        shown = [{name: to_iso(value) if name.endswith("_at") and value is not None else value
                  for name, value in row.items()} for row in found]
        print(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
    else:
        print_whole(_unclaimed_table(found) if unclaimed else _device_table(found))


@app.command()
def files(folder: Annotated[Path | None, typer.Argument(help="Where to; default: broker_files in settings.")] = None,
          config: Config = None) -> None:
    """Write the broker's password and access file as things stand now."""
    with errors_as_messages():
        settings = settings_from(config)
        target = folder or settings.broker_files
        if target is None:
            raise BadDevice(["no folder — expected one here, or in the settings as broker_files"])
        with open_store(settings) as store:
            _write(store, settings, target)


def _claim_and_print(store: Store, settings: Settings, request: DeviceRequest, no_login: bool) -> None:
    """Claims the device and gives it a login when it is one that logs in."""
    checks = _device_checks(settings, load_profiles(settings.profiles))
    login = not no_login and request.via is None and bool(topics(request.key))
    secret, hashed = _new_secret()
    with store.write() as session:
        administer.claim(session, request, checks)
        write_command(session, "claim_device", ("device", request.id), now())
        if login:
            administer.give_login(session, request.id, hashed, checks, now())
    err.print(f"{escape(request.id)} is a device now ({escape(request.key)}, profile {escape(request.profile)}, site "
              f"{escape(request.site)}{', via ' + escape(request.via) if request.via else ''})")
    if login:
        _show(request.id, secret)
    else:
        err.print("it has no login of its own on the broker")
    update_broker_files(store, settings)


def _show(device_id: str, secret: str) -> None:
    err.print(f"its login: user {escape(device_id)}, and this secret; only its hash is kept, so copy it now:")
    print(secret, flush=True)


def _print_retired(device_id: str, gone: RetiredDevice) -> None:
    err.print(f"{escape(device_id)} is retired: {gone.alarms} alarms closed, {len(gone.tickets)} tickets cancelled; "
              f"{escape(gone.key)} may be claimed anew")
    if gone.children:
        err.print(f"these speak through it, and are not retired: {escape(', '.join(gone.children))}")


def update_broker_files(store: Store, settings: Settings) -> None:
    """Writes the broker's files where the settings say, else prints how to. Raises BadDevice or OSError."""
    if settings.broker_files is None:
        err.print("the broker does not know yet: write its files with `gateway device files DIR`")
        return
    try:
        _write(store, settings, settings.broker_files)
    except (OSError, BadDevice):
        err.print("this is done, but the broker does not know: mend what follows, then `gateway device files`")
        raise


def _write(store: Store, settings: Settings, folder: Path) -> None:
    broker_files.write(store, settings, folder)
    err.print(f"written: {escape(str(folder / broker_files.PASSWORDS))} and {broker_files.ACCESS}")
    if settings.mqtt.username is None:
        err.print("[yellow]![/] mqtt.username is not set: with these files the gateway itself could not log in")
    if settings.broker_reload:
        broker_files.reload(settings.broker_reload)
        err.print("the broker was asked to read them again")
    else:
        err.print("the broker reads them when it starts, and at a SIGHUP: "
                  "`systemctl reload mosquitto` or `kill -HUP <its process>`")


def _device_checks(settings: Settings, profiles: Mapping[str, DeviceKind] | None = None) -> DeviceChecks:
    dialects = (*chosen(settings.dialects), *(mapping.NAME for mapping in load_mappings(settings.mappings)))
    known = profiles or {}
    return DeviceChecks(
        profiles=known, dialects=dialects, reserved=(settings.mqtt.username or "", settings.mqtt.client_id),
        emergency=[name for name, one in known.items() if one.emergency], on_call=settings.reach_somebody_at_any_hour,
        buttons=[name for name, one in known.items() if one.button], desk_hours=names_hours(settings.service),
        country=settings.service.country)


def _new_secret() -> tuple[str, str]:
    """(a new secret of 128 random bits in hexadecimal, its hash for the broker)."""
    secret = secrets.token_hex(16)
    return secret, password_hash(secret, secrets.token_bytes(SALT))


def _id_from(key: str) -> str:
    """`shelly:plug 1/kitchen` → `plug-1-kitchen`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", key.partition(":")[2]).strip("-._")[:100]


def _device_table(found: list[dict[str, Any]]) -> Table:
    table = whole_table("id", "key", "profile", "site", "link", "last heard", "login")
    for row in found:
        table.add_row(*(escape(row[name]) for name in ("id", "key", "profile", "site", "link")), minute(row["seen_at"]),
                      "yes" if row["login"] else "")
    return table


def _unclaimed_table(found: list[dict[str, Any]]) -> Table:
    table = whole_table("key", "name", "model", "via", "topic", "first heard", "last heard", "messages")
    for row in found:
        table.add_row(*(escape(row[name] or "") for name in ("key", "name", "model", "via", "topic")),
                      minute(row["first_seen_at"]), minute(row["last_seen_at"]), str(row["messages"]))
    return table
