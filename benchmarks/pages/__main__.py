"""Benchmark: customers' pages beside ingest: how long one takes, how many a second, what a thousand that stay open
cost, and how late a change is on them: `python -m benchmarks.pages`.

`follow_ms` is a client's time on this machine, on connections that are kept, from its question to the last byte, at
`--pages` a second; `follow_cpu_ms` is the gateway's processor time for one page. Changes are made by
another process than the gateway, so that it has to find them by itself."""

import argparse
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from sqlalchemy import insert

from benchmarks.console.households import make_work, settle, ticket_id
from benchmarks.figures import measured, percentile
from benchmarks.pages.viewers import Seen, following
from benchmarks.real_time_setup import Scene, await_web, cpu_pct, ingest_beside, scene, wait_until_idle
from gateway.app.clock import now
from gateway.config.profiles_and_mappings import load_profiles
from gateway.config.settings import Settings
from gateway.flow.act import act
from gateway.flow.gateway import Gateway
from gateway.model import DAY, Actor, ActorKind, Link, LinkPurpose, SubjectKind
from gateway.notifications import signed_links
from gateway.store import Store
from gateway.tickets.actions import CancelTicket
from tests.fixtures.servers import HOST, free_port

SECRET = "benchmark-" + "x" * 32
COMMITS = 5  # a second
WARM_S = 5  # before anything is counted
BUSY_CLIENTS = 8  # that ask one page after the other, for the most that can be had


@dataclass
class Asked:
    viewers: int
    rate: float
    pages: float
    loud: int
    seconds: float
    customers: int
    db: str | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=1_000, help="pages that stay open, one ticket each")
    parser.add_argument("--rate", type=float, default=1_000, help="messages a second")
    parser.add_argument("--pages", type=float, default=80, help="pages a second that are asked for")
    parser.add_argument("--loud", type=int, default=1_000, help="devices that send the messages")
    parser.add_argument("--seconds", type=float, default=30, help="of each part")
    parser.add_argument("--customers", type=int, default=5_000, help="each with a home and a device")
    parser.add_argument("--db", "--database",
                        help="PostgreSQL URL of a database that may be emptied; default: a new SQLite file")
    print(json.dumps(measure(Asked(**vars(parser.parse_args())))))


def measure(asked: Asked) -> dict[str, object]:
    def fill(store: Store) -> None:
        settle(store, asked.customers, asked.loud)
        make_work(store, asked.customers, asked.viewers, 0, now())
        _link(store, asked.viewers)

    port = free_port()
    paths = [f"/f/{signed_links.sign(SECRET, LinkPurpose.FOLLOW, _link_id(number))}" for number in range(asked.viewers)]
    with scene(0, asked.db, fill=fill) as here, here.gateway(settings={"GATEWAY_WEB__PORT": str(port)}) as process:
        base = f"http://{HOST}:{port}"
        await_web(base)
        wait_until_idle(process)
        used = process.cpu_s
        _each(base, paths[:200])
        cpu_ms = 1000 * (process.cpu_s - used) / min(200, asked.viewers)
        per_s = _most(base, paths, asked.seconds)
        seconds = 3 * (WARM_S + asked.seconds) + 60
        with ingest_beside(here, asked.loud, asked.rate, seconds) as ingest:
            time.sleep(WARM_S)
            stored = here.count("SELECT count(*) FROM reading")
            began = time.perf_counter()
            answers = _at_rate(base, paths, asked)
            stored_per_s = (here.count("SELECT count(*) FROM reading") - stored) / (time.perf_counter() - began)
            resident, without = process.resident_mb, cpu_pct(process, asked.seconds / 2)
            with following(HOST, port, paths, 60 + asked.seconds) as seen:
                with_viewers = cpu_pct(process, asked.seconds / 2)
                viewers, more = seen.open, process.resident_mb - resident
                with _commits(here, asked) as changes:
                    time.sleep(asked.seconds)
                time.sleep(2)  # for the last of them
                late = _lateness(changes.at, paths, seen)
                more_after = process.resident_mb - resident
        database = here.store.engine.dialect.name
    measured(pages=len(answers), per_s=per_s, viewers=viewers, late=len(late), stored=stored_per_s, ingest=len(ingest))
    return {
        "benchmark": "pages", "db": database, "stored_per_s": round(stored_per_s), "asked": len(answers),
        "follow_ms_p50": _ms(answers, 0.5), "follow_ms_p99": _ms(answers, 0.99), "follow_cpu_ms": round(cpu_ms, 1),
        "per_s": round(per_s), "live_viewers": viewers, "refused": seen.refused, "broken": seen.broken,
        "rss_mb_more": round(more, 1), "rss_mb_more_after_changes": round(more_after, 1),
        "viewers_cpu_pct": round(with_viewers - without, 1), "commits": len(changes.at), "seen": len(late),
        "commit_to_page_ms_p50": _ms(late, 0.5), "commit_to_page_ms_p99": _ms(late, 0.99)}


def _link_id(number: int) -> str:
    return f"L-{number:08d}"


def _link(store: Store, count: int) -> None:
    """To the page of each ticket."""
    with store.write() as session:
        session.connection().execute(insert(Link), [
            {"id": _link_id(number), "purpose": LinkPurpose.FOLLOW, "subject_kind": SubjectKind.TICKET,
             "subject_id": ticket_id(number), "created_at": now(), "expires_at": now() + DAY}
            for number in range(count)])


def _each(base: str, paths: Sequence[str]) -> None:
    with httpx.Client(base_url=base) as web:
        for path in paths:
            _page(web, path)


def _page(web: httpx.Client, path: str) -> float:
    """How long the whole page takes, in ms."""
    began = time.perf_counter()
    answer = web.get(path)
    took = 1000 * (time.perf_counter() - began)
    if answer.status_code != 200:
        raise SystemExit(f"a page could not be had: {answer.status_code}")
    return took


def _at_rate(base: str, paths: Sequence[str], asked: Asked) -> list[float]:
    """ms of each page, `asked.pages` a second for `asked.seconds`, by as many clients as it takes."""
    took: list[float] = []
    begun = time.perf_counter() + 0.2
    count, clients = int(asked.pages * asked.seconds), 4

    def run(first: int) -> None:
        with httpx.Client(base_url=base) as web:
            for number in range(first, count, clients):
                time.sleep(max(0.0, begun + number / asked.pages - time.perf_counter()))
                took.append(_page(web, paths[number * 37 % len(paths)]))

    _together(run, clients)
    return took


def _most(base: str, paths: Sequence[str], seconds: float) -> float:
    """Pages a second when the next is asked for as soon as the last one is there."""
    done: list[int] = []
    begun = time.perf_counter()

    def run(first: int) -> None:
        with httpx.Client(base_url=base) as web:
            number = 0
            while time.perf_counter() - begun < seconds:
                _page(web, paths[(first + number * BUSY_CLIENTS) % len(paths)])
                number += 1
        done.append(number)

    _together(run, BUSY_CLIENTS)
    return sum(done) / (time.perf_counter() - begun)


def _together(run: Callable[[int], None], count: int) -> None:
    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


@dataclass
class _Changes:
    at: dict[int, float] = field(default_factory=dict)  # number of the ticket → when it was committed
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def _commits(here: Scene, asked: Asked) -> Iterator[_Changes]:
    """COMMITS a second while the block runs, by another process than the gateway: each calls off another ticket."""
    settings = Settings(database_url=here.url, secret=SECRET, profiles=here.folder / "profiles")
    gw = Gateway(settings, here.store, load_profiles(settings.profiles), {})
    made = _Changes()
    who, begun = Actor(ActorKind.AGENT, "Dana Meier"), time.perf_counter()

    def run() -> None:
        for number in range(asked.viewers):
            if made.over.wait(max(0.0, begun + number / COMMITS - time.perf_counter())):
                return
            act(gw, CancelTicket(ticket_id(number), "It was something else"), who, now())
            made.at[number] = time.perf_counter()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield made
    finally:
        made.over.set()
        thread.join()


def _lateness(committed: dict[int, float], paths: Sequence[str], seen: Seen) -> list[float]:
    """Of each page, from the commit until it was there, in ms; of what never came nothing."""
    first = {number: min((came for came in seen.came.get(paths[number], ()) if came > at), default=None)
             for number, at in committed.items()}
    return [1000 * (came - committed[number]) for number, came in first.items() if came is not None]


def _ms(values: Sequence[float], at: float) -> float | None:
    value = percentile(values, at)
    return None if value is None else round(value, 1)


if __name__ == "__main__":
    main()
