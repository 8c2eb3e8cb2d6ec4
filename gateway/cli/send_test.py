"""`gateway send-test` sends a test message to one contact and prints the outcome; `gateway wording preview` shows how a
message reads."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from gateway.cli.common import Config, err, errors_as_messages, now, open_store, out, settings_from
from gateway.config.settings import Settings
from gateway.flow.accounts.audit import write_command
from gateway.flow.messages.capped_test_send import OtherRequest, TestSend, TooMany, begin_test, end_test, outcome_of
from gateway.flow.messages.test_send import BadContact, NoWording, channel_for, example
from gateway.model import AttemptOutcome, Contact, Customer, Provider, RecipientKind, new_id, to_iso
from gateway.monitoring.logs import redact_quote
from gateway.notifications.catalogues import catalogues, load_overrides, messages
from gateway.notifications.channels import Channel, NotSent, Sent, build_channels, logo_of
from gateway.notifications.channels.email import self_contained
from gateway.notifications.messages import Facts, Message, MessageRenderer
from gateway.notifications.topics import TopicName
from gateway.notifications.wording.overrides import Form
from gateway.notifications.wording.sms import sms_size

_LOCALE_FROM: dict[RecipientKind, type[Customer | Provider]] = {
    RecipientKind.CUSTOMER: Customer, RecipientKind.PROVIDER: Provider}
app = typer.Typer(help="How messages read, in the built-in words and in your own.", no_args_is_help=True)
Language = Annotated[str, typer.Option("--language", help="e.g. de or de-CH.")]
Own = Annotated[bool, typer.Option("--override/--built-in",
                                   help="With your own wording, where there is some; or as it is without.")]


@app.command()
def preview(topic: Annotated[str, typer.Argument(help="e.g. fault_found; all of them: docs/messages.md.")],
            language: Language = "en",
            form: Annotated[Form | None, typer.Option("--form", help="One of them; all without it.")] = None,
            override: Own = True,
            html: Annotated[Path | None, typer.Option("--html", dir_okay=False, writable=True, help=(
                "Write the mail as a browser shows it, with its pictures, to this file."))] = None,
            config: Config = None) -> None:
    """Show how a message reads, on an example in which everything is known; exit 1 when your own wording breaks."""
    with errors_as_messages(NoWording):
        settings = settings_from(config)
        message = example(settings, _renderer(settings), topic, language, now(), ours=not override)
    if html is not None:
        html.write_text(self_contained(message, logo_of(settings)), encoding="utf-8")
    size = sms_size(message.short)
    said = {Form.SUBJECT: message.subject, Form.SHORT: message.short, Form.LONG: message.long_text.rstrip()}
    for name, text in said.items():
        if form in (None, name):
            if form is None:
                cost = f" ({size.parts} SMS, {size.units} {size.alphabet} characters)" if name is Form.SHORT else ""
                out.print(f"[bold]{name}[/]{cost}", highlight=False)
            out.print(text, markup=False, highlight=False, soft_wrap=True)
            if form is None and name is not Form.LONG:
                out.print()
    for broken in message.broken:
        err.print(f"[red]✗[/] {escape(broken.name)}: {escape(broken.why)} — the built-in wording goes out")
    if message.broken:
        raise typer.Exit(1)


def send_test(contact: Annotated[str, typer.Argument(
                  help="A contact's id, as the log names it, or CHANNEL:ADDRESS, e.g. email:me@example.com.")],
              topic: Annotated[str, typer.Option("--topic", help="Send an example of this message, marked as a test.")
                               ] = TopicName.TEST.value,
              language: Annotated[str, typer.Option("--language", help="Else that of whose contact it is.")] = "",
              key: Annotated[str, typer.Option("--key", help="A name for this one: with the same again within a day "
                                                              "nothing is sent.")] = "",
              override: Own = True, config: Config = None) -> None:
    """Send a test message to one contact, and say what became of it; exit 1 when it was not sent. 5 an hour to one
    address, and 30 in all."""
    with errors_as_messages(BadContact, NoWording, TooMany, OtherRequest):
        settings = settings_from(config)
        channels = build_channels(settings)
        channel, address, locale = _resolve_contact(settings, channels, contact)
        number, written = new_id("N"), catalogues().best_for(locale).tag
        message = _test_message(settings, topic, language or written, override, number)
        asked = " ".join((topic, language, address, str(override)))
        with open_store(settings) as store:
            begun = begin_test(store, settings.secret.get_secret_value(), TestSend("", address, asked, key),
                               channel.name, lambda session: write_command(
                                   session, "send_test_message", ("wording", topic), now()), now())
            if begun.before is not None:
                became, why = begun.before
                out.print(f"Not sent again, for this key was used before. What became of it: {became} {escape(why)}",
                          highlight=False, soft_wrap=True)
                raise typer.Exit(became is not AttemptOutcome.SENT)
            outcome = channel.send(address, message, number)
            end_test(store, begun, *outcome_of(outcome, address))
    if isinstance(outcome, Sent):
        out.print(f"[green]✓[/] sent by {escape(channel.name)}: the other side took it ({escape(outcome.ref)})",
                  highlight=False, soft_wrap=True)
        return
    said = redact_quote(outcome.said, address)
    failed = "not sent" if isinstance(outcome, NotSent) else "perhaps sent"
    err.print(f"[red]✗[/] {failed} by {escape(channel.name)}: {outcome.kind} — {escape(outcome.why)}"
              f"{escape(': ' + said) if said else ''}")
    raise typer.Exit(1)


def _test_message(settings: Settings, topic: str, language: str, override: bool, number: str) -> Message:
    if topic != TopicName.TEST:
        return example(settings, _renderer(settings), topic, language, now(), ours=not override, is_test=True)
    facts = Facts(now=now(), number=number, service=settings.service.name, phone=settings.service.phone,
                  branding=settings.branding)
    return (_renderer(settings) if override else messages()).word(topic, language, facts)


def _renderer(settings: Settings) -> MessageRenderer:
    """With the operator's own wording. Raises BadWording."""
    return messages().with_overrides(load_overrides(settings.wording))


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
    return channel_for(settings, channels, name, address), address, locale
