"""Command line of the storm benchmark: replays the storm, prints a table and one JSON line."""

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks import storm
from benchmarks.figures import console, measured, shown
from benchmarks.storm.power_cuts import DATA, read
from benchmarks.storm.run import play
from benchmarks.storm.scoring import judge


def main(words: Sequence[str]) -> None:
    asked = _parse(words)
    if not asked.data.exists():
        raise SystemExit(f"storm: {asked.data} is not there; expected the outages of February 2024 as CSV")
    gc.set_threshold(50_000, 20, 50)
    cuts = read(asked.data, asked.healthy, asked.share, asked.seed)
    with tempfile.TemporaryDirectory(prefix="gateway-storm-") as folder:
        began = time.monotonic()
        day, imported = play(cuts, Path(folder), asked.patience)
        seconds = time.monotonic() - began
        found = judge(day, cuts)
        day.close()
    found |= {"messages": day.messages, "seconds": round(seconds, 1), "import_s": round(imported, 1),
              "messages_per_s": round(day.messages / (seconds - imported)), "looks": day.looks}
    measured(homes=found["homes"], messages=found["messages"], confirmed=found["outages_confirmed"])
    show(console(100), found)
    print(json.dumps({"benchmark": "storm", "share": asked.share, "healthy": asked.healthy, **found}))


def show(out: Console, found: dict[str, Any]) -> None:
    table = Table(box=SIMPLE_HEAD, title="the storm of February 2024")
    table.add_column("")
    table.add_column("", justify="right")
    for name, value in found.items():
        table.add_row(name.replace("_", " "), shown(value))
    out.print(table)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storm", description=storm.__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--healthy", type=int, default=10, help="homes that keep their power, for each that does not")
    parser.add_argument("--share", type=float, default=1.0, help="of the circuits")
    parser.add_argument("--seed", type=int, default=7, help="which circuits, when not all")
    parser.add_argument("--patience", type=int, default=10_000, help="ms of heartbeats that are one batch")
    return parser.parse_args(words)


if __name__ == "__main__":
    main(sys.argv[1:])
