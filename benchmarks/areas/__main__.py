"""Command line of the area outage benchmark: one simulated town for each seed, a table and one JSON line."""

import argparse
import gc
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import areas
from benchmarks.areas.run import play
from benchmarks.areas.tables import show, summary
from benchmarks.figures import console, measured, seeds


def main(words: Sequence[str]) -> None:
    asked = _parse(words)
    gc.set_threshold(50_000, 20, 50)
    runs = []
    for seed in asked.seeds:
        with tempfile.TemporaryDirectory(prefix="gateway-areas-") as folder:
            run = play(seed, asked.streets, asked.hours, 3 if asked.restart else 1, asked.patience, Path(folder))
        print(f"seed {seed}: {run.cuts} cuts, {run.messages:,} messages in {run.seconds:.0f} s",
              file=sys.stderr, flush=True)
        for wrong in run.wrongs if asked.wrongs else ():
            print(json.dumps({"seed": seed, **wrong}), file=sys.stderr, flush=True)
        runs.append(run)
    found = summary(runs)
    measured(cuts=found["cuts"], found=found["all"]["found"], messages=found["messages"])
    show(console(140), found)
    print(json.dumps({"benchmark": "areas", "seeds": asked.seeds, "restart": asked.restart, "hours": asked.hours,
                      **found}))


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.areas", description=areas.__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=seeds, default=[1, 2, 3], help="with commas between (default 1,2,3)")
    parser.add_argument("--hours", type=float, default=4.0, help="in which cuts begin")
    parser.add_argument("--streets", type=int, default=40)
    parser.add_argument("--restart", action="store_true", help="kill the gateway three times instead of once")
    parser.add_argument("--patience", type=int, default=10_000, help="ms of ordinary reports that are one batch")
    parser.add_argument("--wrongs", action="store_true", help="every error as a JSON line, on the error output")
    return parser.parse_args(words)


if __name__ == "__main__":
    main(sys.argv[1:])
