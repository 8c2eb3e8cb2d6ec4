"""Prints a backtest's result as tables."""

from collections.abc import Sequence
from statistics import median

from rich.markup import escape
from rich.table import Column, Table

from gateway.backtest import Difference, Report, RuleScore, SimulatedAlarm
from gateway.cli.common import out
from gateway.model import to_iso
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import duration

FIRST = 20  # differences that are listed
WHAT = {"only_new": "only new", "only_old": "only in force", "moved": "moved"}


def show(report: Report, in_force: Report | None, differences: Sequence[Difference],
         scores: Sequence[RuleScore] | None, left_out: int, took: float) -> None:
    """Everything, on the terminal."""
    speed = f"{report.readings / took:,.0f} a second" if took else ""
    out.print(f"{report.readings:,} readings of {report.devices:,} devices in {took:.1f} s ({speed})", highlight=False)
    if left_out:
        out.print(f"{left_out:,} devices of other profiles left out", highlight=False)
    out.print(_rules(report))
    out.print(_figures(report, in_force))
    for rule, why in sorted(report.broken.items()):
        out.print(f"[red]✗[/] rule {escape(rule)} could not be judged: {escape(why)}", highlight=False)
    _differences(in_force, differences)
    if scores is not None:
        out.print(_scores(scores))


def _rules(report: Report) -> Table:
    table = Table("rule", *(_right(name) for name in ("alarms", "devices", "still open", "shortest", "median",
                                                      "longest")), title="alarms")
    for line in report.rules:
        table.add_row(escape(line.rule), str(line.alarms), str(line.devices), str(line.still_open),
                      *(_duration(length) for length in (line.shortest, line.median, line.longest)))
    return table


def _figures(report: Report, in_force: Report | None) -> Table:
    reports = [one for one in (report, in_force) if one is not None]
    table = Table("", _right("on trial"), *([_right("in force")] if in_force is not None else []),
                  title="what would follow")
    table.add_row("alarms", *(str(len(one.alarms)) for one in reports))
    table.add_row("tickets", *(str(len(one.tickets)) for one in reports))
    table.add_row("… reopened", *(str(one.reopened) for one in reports))
    table.add_row("truck rolls", *(str(one.truck_rolls) for one in reports))
    table.add_row("customers told", *(f"{len(one.message_counts)} of {len(one.messages)}" for one in reports))
    table.add_row("messages each, median", *(
        f"{median(one.message_counts):g}" if one.message_counts else "0" for one in reports))
    table.add_row("messages each, most", *(str(max(one.message_counts, default=0)) for one in reports))
    return table


def _differences(in_force: Report | None, differences: Sequence[Difference]) -> None:
    if in_force is None:
        out.print("no profile of this id is in force: there is nothing to compare with")
        return
    if not differences:
        out.print("no alarm differs from the rules in force")
        return
    table = Table("", "device", "rule", "in force", "on trial",
                  title=f"what differs from the rules in force: {len(differences)}")
    for one in differences[:FIRST]:
        seen = one.new or one.old
        assert seen is not None
        table.add_row(WHAT[one.what], escape(seen.device), escape(seen.rule), _when(one.old), _when(one.new))
    out.print(table)
    if len(differences) > FIRST:
        out.print(f"and {len(differences) - FIRST} more: --json has them all", highlight=False)


def _when(seen: SimulatedAlarm | None) -> str:
    if seen is None:
        return ""
    lasted = "still open" if seen.cleared is None else f"for {_duration(seen.cleared - seen.raised)}"
    return f"{to_iso(seen.raised)[:19].replace('T', ' ')} {lasted}, {seen.severity}"


def _scores(scores: Sequence[RuleScore]) -> Table:
    table = Table("rule", *(_right(name) for name in ("true", "found", "false", "precision", "recall", "delay p50",
                                                      "delay p95")), title="held against the truth")
    for one in scores:
        table.add_row(escape(one.rule), str(one.episodes), str(one.found), str(one.false), _share(one.precision),
                      _share(one.recall), _delay(one.delay(0.5)), _delay(one.delay(0.95)))
    return table


def _duration(length: int) -> str:
    return duration(length, catalogue_for("en"))


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _delay(value: int | None) -> str:
    return "" if value is None else _duration(value)


def _right(name: str) -> Column:
    return Column(name, justify="right")
