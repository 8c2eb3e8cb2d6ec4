"""`gateway check --connect`: tries the connections to broker, database and channels, and sends nothing."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from rich.markup import escape

from gateway.app.check_sign_in import provider_found
from gateway.cli.common import out
from gateway.config.fleet_file import Fleet
from gateway.config.settings import Settings
from gateway.monitoring.logs import redact_quote
from gateway.notifications.channels import Channel, NotSent, build_channels
from gateway.store import DatabaseUnavailable, Store, sqlite_path
from gateway.store.migrations import WrongVersion, try_out

HOOKS = 50  # servers of web hooks that are tried: more would take minutes when the network is away
DATABASE_WAITS = 5  # seconds


class CheckLine(NamedTuple):
    """The outcome of one connection test."""

    sign: str  # ✓ | ! (works, but) | ✗
    text: str


def check_connections(settings: Settings, fleet: Fleet | None) -> bool:
    """Prints a line for each service that the gateway depends on, as soon as it is tried; False when one failed."""
    good = True
    for tried in _each(settings, fleet):
        style = {"✓": "green", "!": "yellow", "✗": "red"}[tried.sign]
        out.print(f"[{style}]{tried.sign}[/] {escape(tried.text)}", highlight=False, soft_wrap=True)
        good = good and tried.sign != "✗"
    return good


def _each(settings: Settings, fleet: Fleet | None) -> Iterator[CheckLine]:
    yield from _broker(settings)
    yield _database(settings)
    yield from _identity_provider(settings)
    addresses = _addresses(settings, fleet)
    for channel in build_channels(settings).values():
        known = [address for name, address in addresses if name == channel.name]
        yield from _hooks(channel, known) if channel.server_each else _server(settings, channel, known)


def _broker(settings: Settings) -> Iterator[CheckLine]:
    from gateway.mqtt import probe  # it brings half the gateway with it, which the other commands do not need

    report = probe(settings.mqtt)
    where = f"broker {settings.mqtt.host}:{settings.mqtt.port}"
    if not report.versions:
        said = "; ".join(finding.text for finding in report.findings).removeprefix(f"the {where.replace(' ', ' at ')} ")
        yield CheckLine("✗", f"{where}: {said}")
        return
    yield CheckLine("✓", f"{where}: lets us in, with MQTT {' and '.join(report.versions)}")
    yield from (CheckLine("!", f"{where}: {finding.text}") for finding in report.findings
                if finding.kind in ("loss", "slow"))


def _database(settings: Settings) -> CheckLine:
    url = settings.database_url
    file = sqlite_path(url)
    name = f"database {file}" if file else "database (PostgreSQL)"
    if file is not None and not file.exists():
        if file.parent.is_dir() and os.access(file.parent, os.W_OK):
            return CheckLine("✓", f"{name}: the first start makes it")
        return CheckLine("✗", f"{name}: cannot be made — expected a folder that this user may write")
    store = Store(url if file else f"{url}{'&' if '?' in url else '?'}connect_timeout={DATABASE_WAITS}")
    try:
        return CheckLine("✓", f"{name}: {try_out(store)}")
    except (DatabaseUnavailable, WrongVersion) as error:
        return CheckLine("✗", f"{name}: {' '.join(redact_quote(str(error)).split())}")
    finally:
        store.close()


def _identity_provider(settings: Settings) -> Iterator[CheckLine]:
    found = provider_found(settings)
    if found is not None:
        good, said = found
        yield CheckLine("✓" if good else "✗", said)


def _server(settings: Settings, channel: Channel, known: Sequence[str]) -> Iterator[CheckLine]:
    """A channel with one server for all addresses. Of a service behind Apprise only the URL's form can be checked."""
    smtp = settings.channels.email if channel.name == "email" else None
    where = f"{channel.name} {smtp.host}:{smtp.port}" if smtp else channel.name
    if channel.check is None or (smtp is None and not known):
        yield CheckLine("✓", f"{where}: nobody has an address there, so nothing was tried")
        return
    refused = channel.check(known[0] if known else "")
    if refused is not None:
        yield CheckLine("✗", f"{where}: {_why(refused, known[0] if known else '')}")
    elif smtp:
        yield CheckLine("✓", f"{where}: lets us in as {smtp.username or 'anybody'} and takes mail from {smtp.sender}")
    else:
        yield CheckLine("✓", f"{where}: its URL is one; whether the service lets us in, only a message shows: "
                             f"gateway send-test {channel.name}:ADDRESS")


def _hooks(channel: Channel, known: Sequence[str]) -> Iterator[CheckLine]:
    """Webhooks: each server once, shown without the path."""
    servers = {"://".join(urlsplit(address)[:2]): address for address in reversed(known)}
    if channel.check is None or not servers:
        yield CheckLine("✓", f"{channel.name}: nobody has an address there, so nothing was tried")
        return
    some = dict(list(servers.items())[:HOOKS])
    with ThreadPoolExecutor(10) as pool:
        answers = pool.map(channel.check, some.values())
        for (server, address), refused in zip(some.items(), answers, strict=True):
            yield (CheckLine("✓", f"{channel.name} {server}: answers") if refused is None else
                   CheckLine("✗", f"{channel.name} {server}: {_why(refused, address)}"))
    if len(servers) > HOOKS:
        yield CheckLine("!", f"{channel.name}: {len(servers) - HOOKS} more servers were not tried")


def _why(refused: NotSent, address: str) -> str:
    said = redact_quote(refused.said, address)
    return f"{refused.kind} — {said or refused.why}"


def _addresses(settings: Settings, fleet: Fleet | None) -> list[tuple[str, str]]:
    """(channel, address) of everybody on call, of dispatcher and emergency contacts, and of all in the fleet file."""
    service = settings.service
    on_call = [contact for person in settings.on_call.people.values() for contact in person.contacts]
    found = [(contact["channel"], contact["address"])
             for contact in (*on_call, *service.emergency, *service.dispatcher)]
    if fleet is not None:
        people: list[Any] = [*fleet.customers, *fleet.providers,
                             *(technician for provider in fleet.providers for technician in provider.technicians)]
        found += [(contact.channel, contact.address) for person in people for contact in person.contacts]
    return list(dict.fromkeys(found))
