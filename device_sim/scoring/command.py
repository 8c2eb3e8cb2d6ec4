"""`python -m device_sim score --truth FILE --against URL|FILE`: detection accuracy against ground truth."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from device_sim.scoring.scores import FAMILIES, NOTHING, Row, Score, Truth, score
from device_sim.scoring.sources import BadSource, Findings, Tell, ask_gateway, read_export, read_truth

FIRST = 20  # misses and false ones that are listed without --all


def main(words: Sequence[str]) -> None:
    """The command line behind `python -m device_sim score`."""
    asked = _parse(words)
    grace = round(asked.grace * 1000)
    try:
        truth = read_truth(asked.truth)
        found = _found(asked, truth, grace)
    except BadSource as bad:
        sys.exit(f"score: {bad}")
    scores = [score(truth, found[family.name], family, grace) for family in FAMILIES if family.name in found]
    unscored = {family.name: count for family in FAMILIES if family.name not in found
                and (count := sum(one.expect in family.demanded_by for one in truth.episodes))}
    if asked.json:
        print(json.dumps(as_json(truth, scores, unscored, grace, asked.all)))
    else:
        console = Console(highlight=False, markup=False, emoji=False)  # names are only names
        if not console.is_terminal:
            console.width = max(console.width, 110)
        show(console, truth, scores, unscored, grace, asked.all)


def _found(asked: argparse.Namespace, truth: Truth, grace: int) -> Findings:
    if not asked.against.startswith(("http://", "https://")):
        return read_export(Path(asked.against))
    with _progress() as tell:
        return ask_gateway(asked.against, asked.key, truth.started, truth.ended + grace, tell)


@contextmanager
def _progress() -> Iterator[Tell]:
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda family, count: bar.update(task, description=f"reading {family}s: {count}")


def as_json(truth: Truth, scores: Iterable[Score], unscored: dict[str, int], grace: int, every: bool) -> dict[str, Any]:
    """One object: the run, then for each family its counts in total and by kind, its confusion and its errors."""
    return {
        "score": truth.scenario, "seed": truth.seed, "devices": truth.devices, "device_days": truth.device_days,
        "speed": truth.speed, "grace_s": grace / 1000, "not_scored": unscored,
        **{one.family: {
            "total": _row(one.total, truth), "kinds": {kind: _row(row, truth) for kind, row in _kinds(one)},
            "outside_the_run": one.outside,
            "confusion": [[kind, said, times] for (kind, said), times in sorted(one.confusion.items())],
            "wrong": [wrong._asdict() for wrong in (one.wrongs if every else one.wrongs[:FIRST])],
        } for one in scores},
    }


def _row(row: Row, truth: Truth) -> dict[str, Any]:
    return {
        "episodes": row.episodes, "found": row.found, "missed": row.missed, "false": row.false,
        "repeats": row.repeats, "excused": row.excused, "explained": row.explained, "joined": row.joined,
        "already_open": row.already_open, "too_young": row.too_young,
        "precision": row.precision, "recall": row.recall, "delay_p50_ms": row.delay(0.5),
        "delay_p95_ms": row.delay(0.95), "false_per_1000_device_days": _per_1000(row, truth),
    }


def _per_1000(row: Row, truth: Truth) -> float | None:
    return round(row.false / truth.device_days * 1000, 3) if truth.device_days else None


def _kinds(one: Score) -> list[tuple[str, Row]]:
    return sorted(one.kinds.items(), key=lambda item: (item[0] == NOTHING, item[0]))


def show(console: Console, truth: Truth, scores: Sequence[Score], unscored: dict[str, int], grace: int,
         every: bool) -> None:
    """Tables for people: figures, confusion, and each error with its reason. Nothing is said by colour alone."""
    console.print(f"{truth.scenario}, seed {truth.seed}: {truth.devices:,} devices, {truth.device_days:,.2f} "
                  f"device-days in {(truth.ended - truth.started) / 1000:,.0f} s (speed {truth.speed:g}), "
                  f"{len(truth.episodes):,} true episodes; grace {grace / 1000:g} s")
    for one in scores:
        if one.kinds or one.outside:
            _show_family(console, one, truth)
    for name, count in unscored.items():
        console.print(f"not scored, asked for by the truth: {name} × {count:,}; there are no {name}s to compare with")
    console.print("delay: real seconds from the true beginning until the gateway knew, a rule's own "
                  "waiting time included")
    for one in scores:
        _show_wrongs(console, one, truth, every)


def _show_family(console: Console, one: Score, truth: Truth) -> None:
    console.print(f"\n{one.family}s", style="bold")
    table = Table(box=SIMPLE_HEAD)
    for name in ("in truth", "episodes", "found", "missed", "false", "precision", "recall", "delay p50", "p95",
                 "false/1,000 device-days"):
        table.add_column(name, justify="left" if name == "in truth" else "right")
    for kind, row in _kinds(one):
        if row.episodes or row.false:
            table.add_row(kind, *_cells(row, truth))
    table.add_section()
    table.add_row("all", *_cells(one.total, truth), style="bold")
    console.print(table)
    total = one.total
    counts = {"repeats of one found": total.repeats, "excused": total.excused, "explained": total.explained,
              "beside another of the same ticket": total.joined, "already open": total.already_open,
              "too young to judge": total.too_young, "outside the run": one.outside}
    if said := ", ".join(f"{number:,} {name}" for name, number in counts.items() if number):
        console.print(f"  not judged: {said}")
    _show_confusion(console, one)


def _cells(row: Row, truth: Truth) -> list[str]:
    per = _per_1000(row, truth)
    counts = (row.episodes, row.found, row.missed, row.false)
    return [*(f"{count:,}" for count in counts), _share(row.precision), _share(row.recall), _seconds(row.delay(0.5)),
            _seconds(row.delay(0.95)), "–" if per is None else f"{per:,.2f}"]


def _show_confusion(console: Console, one: Score) -> None:
    if not one.confusion:
        return
    console.print(f"\n{one.family}s: what it was, and what the gateway said", style="bold")
    table = Table(box=SIMPLE_HEAD)
    for name in ("in truth", "the gateway said", "times"):
        table.add_column(name, justify="right" if name == "times" else "left")
    for (kind, said), times in sorted(one.confusion.items(), key=lambda item: (item[0][0] == NOTHING, item[0])):
        table.add_row(kind, said, f"{times:,}")
    console.print(table)


def _show_wrongs(console: Console, one: Score, truth: Truth, every: bool) -> None:
    shown = one.wrongs if every else one.wrongs[:FIRST]
    if not shown:
        return
    more = len(one.wrongs) - len(shown)
    first = f", the first {FIRST}" if more else ""
    console.print(f"\n{one.family}s: {len(one.wrongs):,} missed or false{first}", style="bold")
    table = Table(box=SIMPLE_HEAD)
    for name in ("when (UTC)", "into the run", "", "where", "why", "id"):
        table.add_column(name)
    for wrong in shown:
        when = datetime.fromtimestamp(wrong.at / 1000, UTC).strftime("%m-%d %H:%M:%S")
        named = wrong.kind if wrong.what == "missed" else wrong.said
        table.add_row(when, _seconds(wrong.at - truth.started), wrong.what, wrong.about, f"{named}: {wrong.why}",
                      wrong.id)
    console.print(table)
    if more:
        console.print(f"  and {more:,} more: --all")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _seconds(value: int | None) -> str:
    return "–" if value is None else f"{value / 1000:,.1f} s"


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m device_sim score", description=__doc__)
    parser.add_argument("--truth", type=Path, required=True, metavar="FILE", help="what `run --truth` wrote")
    parser.add_argument("--against", required=True, metavar="URL|FILE",
                        help="a gateway, e.g. http://127.0.0.1:8080, or what `gateway export` wrote")
    parser.add_argument("--key", default=os.environ.get("GATEWAY_API_KEY", ""),
                        help="a key for the gateway's API; better in $GATEWAY_API_KEY, where no process list shows it")
    parser.add_argument("--grace", type=float, default=300, metavar="SECONDS",
                        help="how long after its end an episode may still be found, and how long before the end of "
                             "the run it must have begun to be judged: your longest waiting time (default 300)")
    parser.add_argument("--all", action="store_true", help=f"every miss and false finding, not the first {FIRST}")
    parser.add_argument("--json", action="store_true", help="one JSON line instead of tables")
    asked = parser.parse_args(words)
    if not 0 <= asked.grace < float("inf"):
        parser.error(f"--grace {asked.grace}: expected seconds, 0 or more")
    return asked
