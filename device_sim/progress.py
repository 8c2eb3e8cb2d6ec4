"""A progress bar on the terminal for a run that takes a while."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from device_sim.real_time_run import RealTimeRun, Watch

SOON = 2.0  # seconds: what is over before needs no bar


@contextmanager
def watching(name: str) -> Iterator[Watch | None]:
    """A Watch that shows how far the play is; None when nobody looks at standard error."""
    if not sys.stderr.isatty():
        yield None
        return
    bar = Progress(TextColumn(name), BarColumn(), TextColumn("{task.fields[done]}"), TimeElapsedColumn(),
                   console=Console(stderr=True), transient=True)
    task = bar.add_task(name, total=None, done="")
    started = time.monotonic()

    def watch(t: float, total: float, play: RealTimeRun) -> None:
        if time.monotonic() - started > SOON:
            bar.start()
            said = f"{play.lines.totals.published:,} messages, {t / 3600:.1f} h simulated"
            bar.update(task, completed=t, total=total or None, done=said)

    try:
        yield watch
    finally:
        bar.stop()
