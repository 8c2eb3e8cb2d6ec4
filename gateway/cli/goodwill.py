"""`gateway goodwill`: what the rules would credit, what was credited, and the file for billing."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from gateway.cli.common import Config, err, errors_as_messages, now, open_store, print_whole, settings_from, whole_table
from gateway.flow.accounts.audit import write_command
from gateway.flow.after.goodwill import Trial, try_goodwill
from gateway.model import DAY, GoodwillCase, Price
from gateway.notifications.format_values import price
from gateway.store.after import goodwill_lists


def goodwill(
        days: Annotated[int, typer.Option(min=1, max=90, help="What was over in the last so many days.")] = 30,
        trial: Annotated[bool, typer.Option("--trial", help="What the rules would come to, though they are live.")]
        = False,
        csv: Annotated[Path | None, typer.Option("--csv", help="Write what was given to this file, for billing.")]
        = None,
        config: Config = None) -> None:
    """Show what customers are credited. While goodwill.live_from is not set it is a dry run: what would be credited,
    and nobody is told."""
    with errors_as_messages():
        settings = settings_from(config)
        rules = settings.goodwill
        since = now() - days * DAY
        with open_store(settings) as store:
            if csv is not None:
                with store.write() as session:
                    write_command(session, "export_goodwill", ("goodwill_case", ""), now())
                lines = list(goodwill_lists.billing_file(store, since, None))
                csv.write_text("".join(lines), encoding="utf-8", newline="")
                err.print(f"{len(lines) - 1} credits of the last {days} days are in {escape(str(csv))}",
                          highlight=False, soft_wrap=True)
            elif trial or rules.live_from is None:
                with store.read() as session:
                    trials = try_goodwill(session, rules, since)
                _show_trial(trials, rules.currency, days)
            else:
                with store.read() as session:
                    cases = goodwill_lists.cases(session, None, None, 200).rows
                _show_cases(case for case in cases if case.looked_at >= since)


def _show_trial(trials: list[Trial], currency: str, days: int) -> None:
    table = whole_table("id", "what", "homes", "not back yet", "never proved it", "comes to", "a person approves")
    for one in trials:
        table.add_row(one.facts.shown_as, escape(one.facts.name) or str(one.facts.subject.kind),
                      str(len({credit.site_id for credit in one.credits})), str(one.facts.homes_out),
                      str(one.facts.unproven), _money(one.cents, currency), "yes" if one.over_cap else "no")
    print_whole(table)
    total = sum(one.cents for one in trials)
    err.print(f"a dry run: the last {days} days would have come to {_money(total, currency)}; nobody was told",
              highlight=False, soft_wrap=True)


def _show_cases(cases: Iterable[GoodwillCase]) -> None:
    table = whole_table("id", "what", "homes", "comes to", "state", "decided by")
    for case in cases:
        table.add_row(case.shown_as, escape(case.name) or str(case.subject_kind), str(case.homes),
                      _money(case.cents, case.currency), case.state, escape(case.decided_by))
    print_whole(table)


def _money(cents: int, currency: str) -> str:
    return price(Price(f"{cents // 100}.{cents % 100:02}", currency), "en")
