"""Benchmark: detection accuracy on the simulator's scenarios, whole weeks in simulated time with the shipped profiles.

    python -m benchmarks.scenarios --scenario all --seeds 11,12,13 --devices 200 --jobs 2
"""

import argparse
import gc
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlmodel import select

from benchmarks.figures import add_up, console, measured, seeds
from benchmarks.gateway_files import PROFILES, move_in, settle
from benchmarks.simulated_time import DEAD, STARTED, Day
from device_sim import scenario
from device_sim.fleet_file import fleet_yaml
from device_sim.ground_truth import Truth
from device_sim.mqtt.memory_broker import Subscriber
from device_sim.scenario import SHIPPED, Scenario
from device_sim.scoring.scores import FAMILIES, Row, Score, score
from device_sim.scoring.scores import Truth as Known
from device_sim.scoring.sources import read_export, read_truth
from device_sim.simulated_time_run import SimulatedTimeRun
from gateway.model import Instant, Notification, RecipientKind
from gateway.store import Store
from gateway.store.views import export_rows

KILLED = {"broker-restart": [(9_000.0, 20.0)]}  # simulated second at which the broker is killed, and for how long
SAID = ("ticket", "outage", "callback")  # families whose false findings cost somebody something


class Job(NamedTuple):
    name: str
    seed: int
    devices: int
    restart: bool = False
    patience: int = 5000  # ms
    grace: int = 300_000  # ms
    profiles: Path = PROFILES


@dataclass
class Result:
    """One scenario with one seed."""

    job: Job
    device_days: float
    scores: dict[str, Score]
    customers: Counter[str] = field(default_factory=Counter)  # recipient → messages
    undue: int = 0  # of those about something false
    operator: Counter[str] = field(default_factory=Counter)  # topic → messages to the dispatcher
    wrongs: list[dict[str, Any]] = field(default_factory=list)
    messages: int = 0
    seconds: float = 0.0


def rehearse(job: Job) -> Result:
    """Plays one scenario through a gateway of its own, and scores what it said."""
    gc.set_threshold(50_000, 20, 50)
    played = scenario.load(Path(job.name), job.devices if _has_a_size(job.name) else None)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gateway-rehearsal-") as name:
        folder = Path(name)
        with open(folder / "truth.jsonl", "w", encoding="utf-8") as file:
            day = _play(played, job, folder, Truth(file))
        truth = read_truth(folder / "truth.jsonl")
        result = _result(job, truth, day.gw.store, folder, day.now)
        day.close()
    result.messages, result.seconds = day.messages, time.monotonic() - began
    return result


def _play(played: Scenario, job: Job, folder: Path, truth: Truth) -> Day:
    house = settle(folder, job.profiles)
    move_in(house, fleet_yaml(played), STARTED)
    source = SimulatedTimeRun(played, job.seed, STARTED, truth, subscriber=Subscriber(house.filters))
    day = Day(house, source, STARTED, job.patience)
    end = STARTED + round((played.lasts or 3600) * 1000)
    for happening in played.happens:
        if happening.do == "link_reset" and not any(happening.who.values()):
            day.at(STARTED + round(happening.at * 1000), day.lose_link)
    for at, seconds in KILLED.get(played.name, ()):
        _kill_the_broker(day, source, STARTED + round(at * 1000), seconds)
    if job.restart:
        day.run(STARTED + (end - STARTED) // 2)
        day.kill(DEAD)
    day.run(end)
    source.finish()
    return day


def _kill_the_broker(day: Day, source: SimulatedTimeRun, at: Instant, seconds: float) -> None:
    def die() -> None:
        source.broker.die()
        day.lose_link(seconds)

    day.at(at, die)
    day.at(at + round(seconds * 1000), source.broker.start)


def _has_a_size(name: str) -> bool:
    return scenario.load(Path(name)).mix is not None


def _result(job: Job, truth: Known, store: Store, folder: Path, now: Instant) -> Result:
    with store.read() as session:
        records = list(export_rows.export(session, now))
        told = session.exec(select(Notification).where(Notification.state == "sent")).all()
    (folder / "export.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    found = read_export(folder / "export.jsonl")
    scores = {family.name: score(truth, found[family.name], family, job.grace) for family in FAMILIES
              if family.name in found}
    false = {wrong.id for name in SAID if name in scores for wrong in scores[name].wrongs if wrong.what == "false"}
    result = Result(job, truth.device_days, scores)
    for row in told:
        if row.recipient_kind == RecipientKind.CUSTOMER:
            result.customers[row.recipient_id] += 1
            result.undue += row.subject_id in false
        elif row.recipient_kind == RecipientKind.DISPATCHER:
            result.operator[row.topic] += 1
    result.wrongs = [{"family": name, "into_s": round((wrong.at - truth.started) / 1000), **wrong._asdict()}
                     for name, one in scores.items() for wrong in one.wrongs]
    return result


# -- many of them


def figures(results: Sequence[Result], family: str) -> dict[str, Any]:
    """One family over several runs: counts, shares, and delays in seconds."""
    row = add_up(Row(), (one.scores[family].total for one in results if family in one.scores))
    days = sum(one.device_days for one in results)
    p50, p95 = row.delay(0.5), row.delay(0.95)
    return {"episodes": row.episodes, "found": row.found, "missed": row.missed, "false": row.false,
            "repeats": row.repeats, "excused": row.excused, "already_open": row.already_open,
            "too_young": row.too_young, "precision": row.precision, "recall": row.recall,
            "delay_p50_s": None if p50 is None else p50 / 1000, "delay_p95_s": None if p95 is None else p95 / 1000,
            "false_per_1000_device_days": round(row.false / days * 1000, 3) if days else None}


def summary(results: Sequence[Result]) -> dict[str, Any]:
    customers = [count for one in results for count in one.customers.values()]
    seconds = sum(one.seconds for one in results)
    return {
        "runs": len(results), "device_days": round(sum(one.device_days for one in results), 1),
        **{family.name: figures(results, family.name) for family in FAMILIES},
        "customer_messages": sum(customers), "undue_customer_messages": sum(one.undue for one in results),
        "customers_told": len(customers), "most_for_one_customer": max(customers, default=0),
        "operator_messages": dict(sum((one.operator for one in results), Counter())),
        "messages": sum(one.messages for one in results), "seconds": round(seconds, 1),
        "messages_per_s": round(sum(one.messages for one in results) / seconds) if seconds else 0,
    }


def show(out: Console, results: Sequence[Result], family: str) -> None:
    table = Table(box=SIMPLE_HEAD, title=f"{family}s")
    for name in ("scenario", "episodes", "found", "missed", "false", "precision", "recall", "p50", "p95",
                 "false/1,000 device-days", "customer messages", "undue", "most for one"):
        table.add_column(name, justify="left" if name == "scenario" else "right")
    for name in [*dict.fromkeys(one.job.name for one in results), ""]:
        some = [one for one in results if name in ("", one.job.name)]
        if not name:
            table.add_section()
        row, whole = figures(some, family), summary(some)
        table.add_row(name or "all", *(f"{row[key]:,}" for key in ("episodes", "found", "missed", "false")),
                      *(_share(row[key]) for key in ("precision", "recall")),
                      *(_seconds(row[key]) for key in ("delay_p50_s", "delay_p95_s")),
                      _share(row["false_per_1000_device_days"]), f"{whole['customer_messages']:,}",
                      f"{whole['undue_customer_messages']:,}", f"{whole['most_for_one_customer']:,}")
    out.print(table)


def confusion(results: Sequence[Result], family: str) -> list[tuple[str, str, int]]:
    """(what it was in truth, what the gateway said, how often), over all runs."""
    counts: Counter[tuple[str, str]] = Counter()
    for one in results:
        if family in one.scores:
            counts.update(one.scores[family].confusion)
    return [(kind, said, times) for (kind, said), times in sorted(counts.items())]


def show_confusion(out: Console, results: Sequence[Result], family: str) -> None:
    table = Table(box=SIMPLE_HEAD, title=f"{family}s: what it was, and what the gateway said")
    for name in ("in truth", "the gateway said", "times"):
        table.add_column(name, justify="right" if name == "times" else "left")
    for kind, said, times in confusion(results, family):
        table.add_row(kind, said, f"{times:,}")
    out.print(table)


def show_wrongs(out: Console, results: Sequence[Result]) -> None:
    """The same kind of error once, with how often and the first."""
    seen: dict[tuple[Any, ...], list[tuple[Result, dict[str, Any]]]] = {}
    for one in results:
        for wrong in one.wrongs:
            key = (one.job.name, wrong["family"], wrong["what"], wrong["kind"], wrong["said"])
            seen.setdefault(key, []).append((one, wrong))
    if not seen:
        return
    table = Table(box=SIMPLE_HEAD, title="where it errs")
    for name in ("scenario", "family", "", "in truth", "said", "times", "first: seed, into the run, where", "why"):
        table.add_column(name)
    for key, rows in sorted(seen.items()):
        first, wrong = rows[0]
        table.add_row(*key, str(len(rows)), f"{first.job.seed}, {wrong['into_s']:,} s, {wrong['about']}", wrong["why"])
    out.print(table)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f} s"


def main(words: Sequence[str]) -> None:
    asked = _parse(words)
    names = sorted(file.stem for file in SHIPPED.glob("*.yaml")) if asked.scenario == "all" else (
        asked.scenario.split(","))
    jobs = [Job(name, seed, asked.devices, asked.restart, asked.patience, round(asked.grace * 1000), asked.profiles)
            for name in names for seed in asked.seeds]
    began = time.monotonic()
    jobs.sort(key=lambda job: -(scenario.load(Path(job.name)).lasts or 0))
    if asked.jobs > 1:
        # not forked: a gateway's threads do not come along
        with ProcessPoolExecutor(asked.jobs, get_context("spawn")) as pool:
            results = [_told(one) for one in pool.map(rehearse, jobs)]
    else:
        results = [_told(rehearse(job)) for job in jobs]
    results.sort(key=lambda one: (one.job.name, one.job.seed))
    measured(runs=len(results), messages=sum(one.messages for one in results),
             judged=sum(bool(score.kinds) for one in results for score in one.scores.values()))
    if asked.json:
        print(json.dumps(_json(results, asked, time.monotonic() - began)))
        return
    out = console(190)
    for family in FAMILIES:
        if any(one.scores[family.name].kinds for one in results if family.name in one.scores):
            show(out, results, family.name)
            show_confusion(out, results, family.name)
    show_wrongs(out, results)
    whole = summary(results)
    out.print(f"{whole['runs']} runs, {whole['device_days']:,} device-days, {whole['messages']:,} messages in "
              f"{time.monotonic() - began:,.0f} s ({whole['messages_per_s']:,} a second in each of {asked.jobs} "
              f"processes); to the operator: {whole['operator_messages'] or 'nothing'}")


def _told(one: Result) -> Result:
    """Says that it is done, to whoever waits."""
    print(f"{one.job.name}, seed {one.job.seed}: {one.messages:,} messages in {one.seconds:.0f} s, "
          f"{len(one.wrongs)} wrong",
          file=sys.stderr, flush=True)
    return one


def _json(results: Sequence[Result], asked: argparse.Namespace, seconds: float) -> dict[str, Any]:
    return {"benchmark": "scenarios", "seeds": asked.seeds, "devices": asked.devices, "restart": asked.restart,
            "confusion": {family.name: confusion(results, family.name) for family in FAMILIES},
            "total": summary(results), "wall_s": round(seconds, 1),
            "scenarios": {name: summary([one for one in results if one.job.name == name])
                          for name in dict.fromkeys(one.job.name for one in results)},
            "wrong": [{"scenario": one.job.name, "seed": one.job.seed, **wrong} for one in results
                      for wrong in one.wrongs]}


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scenarios", description=__doc__)
    parser.add_argument("--scenario", default="all", help="all, or names with commas between")
    parser.add_argument("--seeds", type=seeds, default=[11, 12, 13],
                        help="with commas between (default 11,12,13)")
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--restart", action="store_true", help="kill the gateway in the middle, for ten minutes")
    parser.add_argument("--patience", type=int, default=5000,
                        help="ms of ordinary reports that are one batch (default 5000); anything else waits 50 at most")
    parser.add_argument("--grace", type=float, default=300, help="seconds, as in docs/scoring.md")
    parser.add_argument("--profiles", type=Path, default=PROFILES)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(words)


if __name__ == "__main__":
    main(sys.argv[1:])
