"""`gateway send-test`: sends a test message to one contact and prints the outcome."""

from typing import Annotated

import typer
from rich.markup import escape

from gateway.cli.common import Config, err, errors_as_messages, now, open_store, out, settings_from
from gateway.config.error_messages import did_you_mean
from gateway.config.settings import Settings
from gateway.model import Contact, Customer, Provider, RecipientKind, new_id, to_iso
from gateway.monitoring.logs import redact_quote
from gateway.notifications.catalogues import messages
from gateway.notifications.channels import Channel, NotSent, Sent, build_channels, check_address
from gateway.notifications.messages import Facts
from gateway.notifications.topics import TopicName

_LOCALE_FROM: dict[RecipientKind, type[Customer | Provider]] = {
    RecipientKind.CUSTOMER: Customer, RecipientKind.PROVIDER: Provider}


class BadContact(Exception):
    """There is no such contact, or nothing can be sent to it."""


def send_test(contact: Annotated[str, typer.Argument(
                  help="A contact's id, as the log names it, or CHANNEL:ADDRESS, e.g. email:me@example.com.")],
              config: Config = None) -> None:
    """Send a test message to one contact, and say what became of it; exit 1 when it was not sent."""
    with errors_as_messages(BadContact):
        settings = settings_from(config)
        channels = build_channels(settings)
        channel, address, locale = _resolve_contact(settings, channels, contact)
        number = new_id("N")
        facts = Facts(now=now(), number=number, service=settings.service.name, phone=settings.service.phone,
                      branding=settings.branding)
        outcome = channel.send(address, messages().word(TopicName.TEST, locale, facts), number)
    if isinstance(outcome, Sent):
        out.print(f"[green]✓[/] sent by {escape(channel.name)}: the other side took it ({escape(outcome.ref)})",
                  highlight=False, soft_wrap=True)
        return
    said = redact_quote(outcome.said, address)
    failed = "not sent" if isinstance(outcome, NotSent) else "perhaps sent"
    err.print(f"[red]✗[/] {failed} by {escape(channel.name)}: {outcome.kind} — {escape(outcome.why)}"
              f"{escape(': ' + said) if said else ''}")
    raise typer.Exit(1)


def _resolve_contact(settings: Settings, channels: dict[str, Channel], wanted: str) -> tuple[Channel, str, str]:
    """(channel, address, locale) for a contact's id or CHANNEL:ADDRESS. Raises BadContact."""
    name, colon, address = wanted.partition(":")
    locale = "en"
    if not colon:
        with open_store(settings) as store, store.read() as session:
            row = session.get(Contact, wanted)
            table = _LOCALE_FROM.get(row.owner_kind) if row else None
            known = session.get(table, row.owner_id) if row and table else None
        if row is None:
            raise BadContact(f"{wanted!r} is no contact — expected an id as the log names it, or CHANNEL:ADDRESS")
        if row.stopped_at is not None:
            why = row.stopped_why or "by its owner"
            raise BadContact(f"{wanted!r} is stopped since {to_iso(row.stopped_at)} ({why}) — expected one in use")
        name, address, locale = row.channel, row.address, getattr(known, "locale", "en")
    if name not in channels:
        raise BadContact(f"channel {name!r} — {did_you_mean(name, channels) if channels else 'none is configured'}")
    hook = settings.channels.webhook
    wrong = check_address(name, address, hook is not None and hook.allow_private)
    if wrong:
        raise BadContact(wrong)
    return channels[name], address, locale
