"""Adds up the scores of all towns and prints them as a table."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.areas.counts import SIZES, Size, Tally
from benchmarks.areas.run import Run
from benchmarks.figures import add_up, shown

SHOWN = (("demanded", ("demanded",)), ("found", ("found",)), ("missed", ("missed",)),
         ("not demanded: found", ("others_found", "others")), ("false", ("false",)), ("recall", ("recall",)),
         ("precision", ("precision",)), ("delay p50", ("delay_p50_s",)), ("p95", ("delay_p95_s",)),
         ("after enough was known p50", ("wait_p50_s",)), ("p95", ("wait_p95_s",)),
         ("exact/high/low/aside", ("exact", "high", "low", "aside")),
         ("told once/twice/never", ("once", "twice", "never")),
         ("told wrongly, of these dark", ("wrongly", "wrongly_dark")),
         ("nested found", ("nested_found", "nested")), ("child tickets, kept", ("child_tickets", "children_kept")))


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    rows = {size: add_up(Tally(), (run.tallies[size] for run in runs)) for size in SIZES}
    seconds = sum(run.seconds for run in runs)
    return {"cuts": sum(run.cuts for run in runs), "homes": sum(run.homes for run in runs),
            "all": add_up(Tally(), rows.values()).figures(),
            "classes": {_name(size): row.figures() for size, row in rows.items()},
            "operator_messages": dict(sum((run.operator for run in runs), Counter())),
            "planned_in_time": sum(run.planned for run in runs),
            "messages": sum(run.messages for run in runs), "seconds": round(seconds, 1),
            "messages_per_s": round(sum(run.messages for run in runs) / seconds)}


def _name(size: Size) -> str:
    return f"{size[0]}+" if size[1] >= 10_000 else f"{size[0]}-{size[1]}"


def show(out: Console, found: dict[str, Any]) -> None:
    table = Table(box=SIMPLE_HEAD, title="area outages by the number of homes that went dark")
    for name in ("", *found["classes"], "all"):
        table.add_column(name, justify="right" if name else "left")
    rows = [*found["classes"].values(), found["all"]]
    for words, keys in SHOWN:
        table.add_row(words, *(" / ".join(shown(row[key]) for key in keys) for row in rows))
    out.print(table)
