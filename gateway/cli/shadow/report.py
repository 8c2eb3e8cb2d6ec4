"""`gateway shadow report`: who would have heard what, when, by which channel; which tickets and offers there were."""

from typing import Annotated

import orjson
import typer
from rich.markup import escape

from gateway.cli.backtest import BadTrial, instant
from gateway.cli.common import Config, err, errors_as_messages, minute, now, open_store, print_whole, settings_from
from gateway.cli.common import whole_table as table_of
from gateway.config.settings import Channels, Service
from gateway.model import DAY, to_iso
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.messages import topic_name
from gateway.notifications.reasons import reason_sentence
from gateway.store.shadow.report import ShadowReport, ShadowRow, shadow_report

WEEK = 7 * DAY
app = typer.Typer(no_args_is_help=True, help="The shadow mode: report.")


@app.callback()
def shadow() -> None:
    """The shadow mode: all is decided, worded and written down, and nobody is told."""


@app.command()
def report(since: Annotated[str, typer.Option(help="From this day or time on, e.g. 2026-11-01; default: a week.")] = "",
           json: Annotated[bool, typer.Option("--json", help="One JSON object, with the words of each message.")]
           = False,
           config: Config = None) -> None:
    """Show who would have heard what, when and by which channel, and which tickets and offers there would have been."""
    with errors_as_messages(BadTrial):
        settings, at = settings_from(config), now()
        begin = instant("--since", since)
        begin = at - WEEK if begin is None else begin
        with open_store(settings) as store, store.read() as session:
            found = shadow_report(session, begin, at, _set_up(settings.channels))
    if json:
        print(orjson.dumps(_as_json(found), option=orjson.OPT_INDENT_2).decode())
        return
    zone = settings.service.callback_timezone
    _show(found, catalogue_for("en"), zone)
    messages, tickets = _counted(len(found.rows), "message"), _counted(len(found.tickets), "ticket")
    err.print(f"{mode_sentence(settings.service)} Since {minute(begin, zone)} {messages} would have gone, about "
              f"{tickets}; firms would have been asked {_counted(found.offers, 'time')}. Times in {zone}."
              f"{_next_step(settings.service)}")


def mode_sentence(service: Service) -> str:
    """Who hears from the gateway now."""
    if service.mode == "on":
        return "The mode is on: what is decided now leaves the house."
    live = f", except in {', '.join(service.live_areas)}" if service.live_areas else ""
    return f"The mode is shadow{live}: nobody is told."


def _next_step(service: Service) -> str:
    """How to go on; "" where all is on."""
    if service.mode == "on":
        return ""
    return (" The words of each message: --json. To switch on: service.live_areas for some areas, service.mode: on for "
            "everybody; then restart.")


def _show(found: ShadowReport, words: Catalogue, zone: str) -> None:
    rows = table_of("when", "who", "what", "channel", "areas", "about", copied=("when", "channel", "about"))
    for one in found.rows:
        rows.add_row(minute(one.at, zone), escape(one.whom), _topic(one.topic, words), escape(_channel(one, words)),
                     escape(", ".join(one.areas)), one.subject_id)
    print_whole(rows)
    for name, counts in (("what", {_topic(key, words): count for key, count in found.by_topic.items()}),
                         ("channel", found.by_channel), ("area", found.by_area)):
        table = table_of(name, "messages")
        for key, count in counts.items():
            table.add_row(escape(key) or "nobody could have been reached", str(count))
        print_whole(table)


def _set_up(channels: Channels) -> set[str]:
    built_in = {"email": channels.email, "webhook": channels.webhook}
    return {name for name, one in built_in.items() if one is not None} | set(channels.apprise)


def _channel(one: ShadowRow, words: Catalogue) -> str:
    if one.channel or one.reason is None:
        return ", then ".join((one.channel, *one.then))
    return f"not reached: {reason_sentence(one.reason.stored(), words)}"


def _topic(topic: str, words: Catalogue) -> str:
    try:
        return topic_name(topic, words)
    except KeyError:  # written by a newer gateway
        return topic.replace("_", " ")


def _as_json(found: ShadowReport) -> dict[str, object]:
    messages = [{"at": to_iso(one.at), "id": one.notification_id, "recipient": str(one.recipient), "name": one.whom,
                 "topic": one.topic, "channel": one.channel or None, "then": list(one.then), "areas": list(one.areas),
                 "about": one.subject_id, "text": one.text or None,
                 "reason": None if one.reason is None else one.reason.kind} for one in found.rows]
    return {"messages": messages, "tickets": found.tickets, "offers": found.offers, "by_topic": found.by_topic,
            "by_channel": found.by_channel, "by_area": found.by_area}


def _counted(count: int, one: str) -> str:
    return f"{count:,} {one}{'' if count == 1 else 's'}"
