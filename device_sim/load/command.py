"""Command line of the load generator: `python -m device_sim load --broker host:port --rate 20000`."""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from device_sim.load.generator import Lateness, LoadFailed
from device_sim.load.worker import peak_mb

_AHEAD = 0.2  # seconds between the word to start and the start: long enough for every process to hear it


@dataclass(frozen=True)
class Asked:
    """Wants `devices` >= `processes`; `connections` and `inflight` count for each process, and each connection."""

    host: str
    port: int
    devices: int = 10_000
    rate: float = 20_000  # messages/s of all together
    seconds: float = 30
    processes: int = 2
    connections: int = 2
    inflight: int = 2_000


@dataclass(frozen=True)
class Load:
    """What became of it. `unsent`: due, and still not sent a second after the end; they count in the lateness."""

    devices: int
    processes: int
    asked_per_s: float
    sent_per_s: float
    sent: int
    acknowledged: int
    unsent: int
    seconds: float  # until the last acknowledgement
    late_p50_ms: float
    late_p99_ms: float
    late_max_ms: float
    memory_mb: float  # the most that each process had resident, summed over all processes, this one too
    cores: float  # that the processes used on average
    machine_busy: float | None  # share of the whole machine's processors that anybody used; None = not known here


def main(words: Sequence[str]) -> None:
    """The command line behind `python -m device_sim load`."""
    wanted = _parse(words)
    asked = Asked(**{name: value for name, value in vars(wanted).items() if name not in ("broker", "json")})
    try:
        done = run(asked)
    except LoadFailed as error:
        sys.exit(f"load: {asked.host}:{asked.port}: {error}")
    except KeyboardInterrupt:
        sys.exit("load: stopped before its end, nothing to report")
    print(json.dumps({"load": asdict(done)}) if wanted.json else in_words(done))


def run(asked: Asked) -> Load:
    """Runs the load to its end, with a progress bar on a terminal. Raises LoadFailed."""
    with _workers(asked) as workers, _progress(asked) as tell:
        for worker in workers:
            worker.wait_until_ready()
        before, starts = _busy(), time.monotonic() + _AHEAD
        for number, worker in enumerate(workers):
            worker.start(starts + number / asked.rate, lambda: tell(sum(worker.so_far for worker in workers)))
        reports = [worker.report() for worker in workers]
        busy = _share_busy(before, _busy())
    return _summed(asked, reports, busy)


class _Worker:
    """A process that speaks for its share of the devices."""

    def __init__(self, asked: Asked, number: int) -> None:
        share = len(range(number, asked.devices, asked.processes)) / asked.devices
        task = {**asdict(asked), "number": number, "rate": asked.rate * share,
                "messages": round(asked.rate * share * asked.seconds)}
        self.so_far = 0
        self._last: dict[str, Any] = {"failed": "a process of the load ended without a word"}
        self._process = subprocess.Popen([sys.executable, "-m", "device_sim.load.worker", json.dumps(task)],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._thread: threading.Thread | None = None

    def wait_until_ready(self) -> None:
        self._hear(self._read())
        if "ready" not in self._last:
            raise LoadFailed(self._last["failed"])

    def start(self, at: float, tell: Any) -> None:
        assert self._process.stdin is not None
        print(at, file=self._process.stdin, flush=True)
        self._thread = threading.Thread(target=self._follow, args=(tell,), daemon=True)
        self._thread.start()

    def report(self) -> dict[str, Any]:
        assert self._thread is not None
        self._thread.join()
        if "tenths" not in self._last:
            raise LoadFailed(self._last.get("failed", "a process of the load was killed"))
        return self._last

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _follow(self, tell: Any) -> None:
        while line := self._read():
            self._hear(line)
            tell()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def _hear(self, line: str) -> None:
        if line:
            self._last = json.loads(line)
            self.so_far = self._last.get("so_far", self._last.get("sent", self.so_far))


@contextmanager
def _workers(asked: Asked) -> Iterator[list[_Worker]]:
    workers: list[_Worker] = []
    try:
        for number in range(asked.processes):
            workers.append(_Worker(asked, number))
        yield workers
    finally:
        for worker in workers:
            worker.end()


@contextmanager
def _progress(asked: Asked) -> Iterator[Any]:
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("sending", total=asked.rate * asked.seconds)
        yield lambda sent: bar.update(task, completed=sent)


def _summed(asked: Asked, reports: Sequence[dict[str, Any]], busy: float | None) -> Load:
    late = Lateness(sum((Counter(dict(report["tenths"])) for report in reports), Counter()))
    sent = sum(report["sent"] for report in reports)
    seconds = max(report["seconds"] for report in reports)
    sending = max(asked.seconds, *(report["sending_s"] for report in reports))  # the last is due a step before the end
    return Load(
        devices=asked.devices, processes=asked.processes, asked_per_s=asked.rate, sent_per_s=round(sent / sending, 1),
        sent=sent, acknowledged=sum(report["acked"] for report in reports), unsent=late.tenths.total() - sent,
        seconds=round(seconds, 3), late_p50_ms=late.percentile(0.5), late_p99_ms=late.percentile(0.99),
        late_max_ms=late.percentile(1), memory_mb=round(peak_mb() + sum(report["peak_mb"] for report in reports), 1),
        cores=round(sum(report["cpu_s"] for report in reports) / seconds, 2), machine_busy=busy)


def in_words(done: Load) -> str:
    """The same for people: first whether the schedule was kept."""
    missing = done.sent - done.acknowledged
    unsent = f"; {done.unsent:,} were never sent" if done.unsent else ""
    processes = "1 process" if done.processes == 1 else f"{done.processes} processes"
    busy = "" if done.machine_busy is None else f"; the machine was {done.machine_busy:.0%} busy, others included"
    return (
        f"asked {done.asked_per_s:,.0f}/s, sent {done.sent_per_s:,.0f}/s, acknowledged "
        f"{'all' if not missing else f'all but {missing:,}'} of {done.sent:,}, latest {done.late_max_ms:,.0f} ms "
        f"behind{unsent}\n"
        f"behind schedule: half of them up to {done.late_p50_ms:,.1f} ms, 99 of 100 up to {done.late_p99_ms:,.1f} ms\n"
        f"{done.devices:,} devices in {processes}: {done.memory_mb:,.0f} MB of memory, "
        f"{done.cores:.2f} cores{busy}")


def _busy() -> tuple[int, int] | None:
    """(busy, all) ticks of all processors since the machine started, as Linux counts them."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None
    ticks = [int(number) for number in stat.read_text().splitlines()[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def _share_busy(before: tuple[int, int] | None, after: tuple[int, int] | None) -> float | None:
    if before is None or after is None or after[1] == before[1]:
        return None
    return round((after[0] - before[0]) / (after[1] - before[1]), 2)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m device_sim load", description=__doc__)
    parser.add_argument("--broker", default="127.0.0.1:1883", metavar="HOST:PORT")
    parser.add_argument("--devices", type=int, default=10_000, help="heat pumps that take turns")
    parser.add_argument("--rate", type=float, default=20_000, help="messages a second of all together")
    parser.add_argument("--seconds", type=float, default=30, help="how long")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1), help="that share the devices")
    parser.add_argument("--connections", type=int, default=2, help="of each process; the devices share them")
    parser.add_argument("--inflight", type=int, default=2_000, help="unacknowledged messages allowed a connection")
    parser.add_argument("--json", action="store_true", help="one JSON line instead of sentences")
    asked = parser.parse_args(words)
    host, _, port = asked.broker.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 65_536:
        parser.error(f"--broker {asked.broker!r}: expected host:port")
    for name in ("devices", "rate", "seconds", "processes", "connections"):
        if not 0 < getattr(asked, name) < float("inf"):
            parser.error(f"--{name} {getattr(asked, name)}: expected more than 0")
    if asked.devices < asked.processes:
        parser.error(f"--devices {asked.devices}: expected at least one for each of the {asked.processes} processes")
    if not 1 <= asked.inflight <= 20_000:
        parser.error(f"--inflight {asked.inflight}: expected 1 to 20000")
    asked.host, asked.port = host.strip("[]") or "127.0.0.1", int(port)
    return asked
