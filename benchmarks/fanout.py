"""Benchmark: ten thousand customers are told of a power cut at once, each by a signed web hook and with an attempt row,
and a critical message comes in the middle of it: `python -m benchmarks.fanout`."""

import argparse
import asyncio
import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from pydantic import SecretStr

from benchmarks.figures import measured, percentile
from benchmarks.outbox import LEFT, SECRET, fill_outbox, move_in
from benchmarks.real_time_setup import Scene, scene
from gateway.config.settings import Settings
from gateway.flow.act import act
from gateway.flow.gateway import Gateway
from gateway.model import Actor, ActorKind, Severity
from gateway.tickets.actions import OpenTicket
from tests.fixtures.servers import HOST

GIVE_UP_S = 300
_ATTEMPTS = "SELECT count(*) FROM attempt WHERE outcome = 'sent'"


class Taker(asyncio.Protocol):
    """Takes each web hook, and remembers its id and when it came."""

    def __init__(self, came: list[tuple[str, float]], count: Any) -> None:
        self.came, self.count, self.bytes = came, count, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.bytes += data
        while (end := self.bytes.find(b"\r\n\r\n")) >= 0:
            headers = {name.lower(): value for name, _, value in (
                line.partition(b": ") for line in self.bytes[:end].split(b"\r\n")[1:])}
            whole = end + 4 + int(headers.get(b"content-length", b"0"))
            if len(self.bytes) < whole:
                return
            self.bytes = self.bytes[whole:]
            self.came.append((headers[b"webhook-id"].decode(), time.time()))
            self.count.value = len(self.came)
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


@dataclass
class Sink:
    """A web server in a process of its own."""

    url: str
    count: Any  # shared: how many it has taken
    line: Connection

    def came(self) -> list[tuple[str, float]]:
        """(id, time.time()) of each web hook, in order; it ends then."""
        self.line.send("end")
        found: list[tuple[str, float]] = self.line.recv()
        return found


def _serve(line: Connection, count: Any) -> None:
    came: list[tuple[str, float]] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Taker(came, count), HOST, 0)
        line.send(server.sockets[0].getsockname()[1])
        await loop.run_in_executor(None, line.recv)
        line.send(came)

    asyncio.run(run())


@contextmanager
def sink() -> Iterator[Sink]:
    ours, theirs = multiprocessing.Pipe()
    count = multiprocessing.Value("i", 0, lock=False)
    process = multiprocessing.Process(target=_serve, args=(theirs, count), daemon=True)
    process.start()
    try:
        yield Sink(f"http://{HOST}:{ours.recv()}", count, ours)
    finally:
        process.terminate()
        process.join()


def _tell_of_fault(here: Scene) -> float:
    """A critical fault is reported at the home "urgent"; when its message may leave, by time.time()."""
    gw = Gateway(Settings(database_url=here.url, secret=SecretStr("benchmark-" + "x" * 32)), here.store, {}, {})
    now = round(time.time() * 1000)
    act(gw, OpenTicket("urgent", "It smells of gas", "heating", Severity.CRITICAL), Actor(ActorKind.AGENT, "Dora"), now)
    return time.time()


def _await(count: int, taken: Any) -> None:
    give_up = time.monotonic() + GIVE_UP_S
    while taken.value < count and time.monotonic() < give_up:
        time.sleep(0.005)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--db", "--database",
                        help="PostgreSQL URL of a database that may be emptied; default: a new SQLite file")
    asked = parser.parse_args()
    settings = {"GATEWAY_CHANNELS__WEBHOOK__SECRET": SECRET, "GATEWAY_CHANNELS__WEBHOOK__ALLOW_PRIVATE": "true"}
    with sink() as there, scene(10, asked.db) as here:
        move_in(here.store, there.url, ["urgent"], [])
        with here.gateway(settings=settings) as gateway:
            cpu = gateway.cpu_s
            fill_outbox(here.store, there.url, asked.customers)
            began = time.time()
            _await(asked.customers // 2, there.count)
            urgent_at = _tell_of_fault(here)
            _await(asked.customers + 1, there.count)
            ended = time.time()
            _settled(here)
            cpu, peak = gateway.cpu_s - cpu, gateway.peak_mb
            attempts, left = here.count(_ATTEMPTS), here.count(LEFT)
        came = there.came()
    at = {ref.rpartition("_K-")[2]: moment for ref, moment in reversed(came)}
    times = Counter(ref for ref, _ in came)
    waited = [(moment - began) * 1000 for name, moment in at.items() if name != "urgent"]
    measured(told=len(waited), critical_was_told="urgent" in at, attempts=attempts)
    print(json.dumps({
        "benchmark": "fanout", "db": here.store.engine.dialect.name, "customers": asked.customers,
        "per_s": round(len(waited) / (max(at.values()) - began)), "p50_ms": round(percentile(waited, 0.5) or 0),
        "p99_ms": round(percentile(waited, 0.99) or 0), "critical_ms": round((at["urgent"] - urgent_at) * 1000),
        "rss_mb": round(peak), "lost": asked.customers + 1 - len(at),
        "doubled": sum(count > 1 for count in times.values()), "attempts": attempts, "left": left,
        "seconds": round(ended - began, 1), "gateway_cpu_s": round(cpu, 1),
        "cpu_us": round(cpu / asked.customers * 1e6)}))


def _settled(here: Scene) -> None:
    """Until every outcome is written down."""
    give_up = time.monotonic() + 10
    while here.count("SELECT count(*) FROM notification WHERE due_at IS NOT NULL") and time.monotonic() < give_up:
        time.sleep(0.05)


if __name__ == "__main__":
    main()
