"""Benchmark: the console of a busy gateway: how long its screens take, how late a change is on them, what twenty agents
cost: `python -m benchmarks.console`.

Times of screens and searches are a client's on this machine, on a connection that it keeps, from its question to the
last byte of the answer: signing in is checked and the page rendered within. `alone`: with neither messages nor agents
beside them. Changes are made by another process than the gateway, so that it has to find them by itself."""

import argparse
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

import httpx

from benchmarks.console.agents import Screens, ended, looking, sign_in, timed
from benchmarks.console.households import (
    EACH_DAY,
    add_agents,
    customer_id,
    make_index,
    make_work,
    settle,
    site_id,
    ticket_id,
)
from benchmarks.console.searches import KINDS, searches, times
from benchmarks.figures import measured, percentile
from benchmarks.processor_time import Process
from benchmarks.real_time_setup import (
    Scene,
    await_web,
    cpu_pct,
    ingest_beside,
    scene,
    wait_until_idle,
)
from gateway.app.clock import now
from gateway.config.profiles_and_mappings import load_profiles
from gateway.config.settings import Service, Settings
from gateway.flow.act import act
from gateway.flow.gateway import Gateway
from gateway.model import Actor, ActorKind, Severity
from gateway.store import Store
from gateway.tickets.actions import Act, AddNote, OpenCallback, OpenTicket
from tests.fixtures.servers import HOST, free_port

OPEN_ALWAYS = dict.fromkeys(EACH_DAY, (("00:00", "24:00"),))
AGENTS = 20
COMMITS = 5  # a second
WARM_S = 5  # before anything is counted


@dataclass
class Asked:
    customers: int
    open: int
    over: int
    rate: float
    loud: int
    seconds: float
    rounds: int
    db: str | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000, help="each with a home and a device")
    parser.add_argument("--open", type=int, default=10_000, help="open tickets")
    parser.add_argument("--over", type=int, default=20_000, help="closed ones")
    parser.add_argument("--rate", type=float, default=1_000, help="messages a second")
    parser.add_argument("--loud", type=int, default=5_000, help="devices that send them")
    parser.add_argument("--seconds", type=float, default=30, help="that agents look on; as long before without them")
    parser.add_argument("--rounds", type=int, default=60, help="of each screen, and of each kind of search")
    parser.add_argument("--db", "--database",
                        help="PostgreSQL URL of a database that may be emptied; default: a new SQLite file")
    print(json.dumps(measure(Asked(**vars(parser.parse_args())))))


def measure(asked: Asked) -> dict[str, object]:
    began = now()
    index_cpu_s: list[float] = []
    index_s: list[float] = []

    def fill(store: Store) -> None:
        settle(store, asked.customers, asked.loud)
        started = time.perf_counter()
        index_cpu_s.append(make_index(store))
        index_s.append(time.perf_counter() - started)
        make_work(store, asked.customers, asked.open, asked.over, began)

    port = free_port()
    with scene(0, asked.db, fill=fill) as here:
        emails = add_agents(here.store, AGENTS, began)
        query = [one for some in times(here.store, asked.customers, max(2, asked.rounds // 3)).values() for one in some]
        hours = {"GATEWAY_SERVICE__CALLBACK_HOURS": json.dumps(EACH_DAY)}
        with here.gateway(settings=hours | {"GATEWAY_WEB__PORT": str(port)}) as process:
            base = f"http://{HOST}:{port}"
            await_web(base)
            browsers = [sign_in(base, email) for email in emails]
            wait_until_idle(process)
            alone = _screens(browsers[0], asked)
            cpu = {name: _cpu_ms(process, browsers[0], path, asked.rounds)
                   for name, path in _paths(0, asked).items()}
            seconds = 2 * (WARM_S + asked.seconds) + 20 + asked.rounds * 4
            with ingest_beside(here, asked.loud, asked.rate, seconds) as ingest, _commits(here, asked) as commits:
                time.sleep(WARM_S)
                stored = here.count("SELECT count(*) FROM reading")
                without = cpu_pct(process, asked.seconds)
                resident = process.resident_mb
                with looking(base, browsers) as screens:
                    time.sleep(WARM_S)
                    read = screens.bytes
                    with_agents = cpu_pct(process, asked.seconds)
                    read = screens.bytes - read
                    more = process.resident_mb - resident
                    stored = here.count("SELECT count(*) FROM reading") - stored
                    late = _lateness(commits.at, screens)
                    beside = _screens(browsers[0], asked)
            ended(browsers)
        counts = {name: here.count(f"SELECT count(*) FROM {name}") for name in ("device", "customer", "search_term")}
        counts["open_tickets"] = here.count("SELECT count(*) FROM ticket WHERE closed_at IS NULL")
        database = here.store.engine.dialect.name
    measured(seconds=asked.seconds, rows=len(late), events=screens.events, stored=stored, ingest=len(ingest),
             commits=len(commits.at), index=counts["search_term"])
    search = beside.pop("search")
    return {
        "benchmark": "console", "db": database, **counts, "agents": AGENTS, "commits": len(commits.at),
        "stored_per_s": round(stored / (2 * asked.seconds + WARM_S)), "rows_seen": len(late), "events": screens.events,
        "broken": screens.broken, "reloads": screens.reloads,
        **{f"{name}_ms_p50": _ms(some, 0.5) for name, some in beside.items()},
        "search_ms_p50": _ms(search, 0.5), "search_ms_p99": _ms(search, 0.99),
        "commit_to_row_ms_p50": _ms(late, 0.5), "commit_to_row_ms_p99": _ms(late, 0.99),
        "agents20_cpu_pct": round(with_agents - without, 1), "cpu_pct_without": round(without, 1),
        "rss_mb_more": round(more, 1), "kb_per_s_and_agent": round(read / max(asked.seconds, 1) / AGENTS / 1000, 2),
        "alone": {**{f"{name}_ms_p50": _ms(some, 0.5) for name, some in alone.items()},
                  "search_ms_p99": _ms(alone["search"], 0.99)},
        "cpu_ms": cpu, "search_query_ms_p50": _ms([one.wall for one in query], 0.5),
        "search_query_ms_p99": _ms([one.wall for one in query], 0.99),
        "search_query_cpu_ms_p99": _ms([one.cpu for one in query], 0.99),
        "index_s": round(index_s[0], 1), "index_cpu_s": round(index_cpu_s[0], 1)}


def _screens(browser: httpx.Client, asked: Asked) -> dict[str, list[float]]:
    """Name of a screen → ms of each answer; the first round is not counted."""
    found: dict[str, list[float]] = {}
    texts = searches(asked.customers)
    for number in range(asked.rounds + 1):
        for name, path in _paths(number, asked).items():
            found.setdefault(name, []).append(timed(browser, path))
        for _, typed in islice(texts, KINDS):
            found.setdefault("search", []).append(
                timed(browser, str(httpx.URL("/console/search", params={"q": typed}))))
    return {name: some[len(some) // (asked.rounds + 1):] for name, some in found.items()}


def _paths(number: int, asked: Asked) -> dict[str, str]:
    """Screen → its address; of another ticket and customer each time."""
    of = number * 37 % asked.open
    return {"now": "/console", "tickets": "/console/tickets", "closed": "/console/tickets?state=over",
            "desk": "/console/callbacks", "ticket": f"/console/tickets/{ticket_id(of)}",
            "customer": f"/console/customers/{customer_id(asked.customers - 1 - of)}"}


def _cpu_ms(process: Process, browser: httpx.Client, path: str, count: int) -> float:
    """Of the gateway's process for one answer: what else runs on the machine hardly changes it."""
    used = process.cpu_s
    for _ in range(count):
        timed(browser, path)
    return round(1000 * (process.cpu_s - used) / count, 1)





@dataclass
class _Commits:
    at: dict[str, float] = field(default_factory=dict)  # ticket → when its change was committed: time.perf_counter()
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def _commits(here: Scene, asked: Asked) -> Iterator[_Commits]:
    """COMMITS a second while the block runs, by another process than the gateway: notes, tickets, calls."""
    settings = Settings(database_url=here.url, secret="benchmark-" + "x" * 32, profiles=here.folder / "profiles",
                        service=Service(callback_hours=OPEN_ALWAYS))
    gw = Gateway(settings, here.store, load_profiles(settings.profiles), {})
    made = _Commits()
    who, begun = Actor(ActorKind.AGENT, "Dana Meier"), time.perf_counter()

    def run() -> None:
        number = 0
        while not made.over.wait(max(0.0, begun + number / COMMITS - time.perf_counter())):
            given, of = _next(number, asked)
            act(gw, given, who, now())
            if of is not None:
                made.at[of] = time.perf_counter()
            number += 1

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield made
    finally:
        made.over.set()
        thread.join()


def _next(number: int, asked: Asked) -> tuple[Act, str | None]:
    """Three notes, a ticket and a call; of a note its ticket, each only once."""
    home = site_id(number % (asked.customers - asked.open - asked.over))
    match number % 5:
        case 3:
            return OpenTicket(home, "No hot water", "heating", Severity.MAJOR), None
        case 4:
            return OpenCallback(home, "They ask when somebody comes"), None
    of = ticket_id(number % asked.open)
    return AddNote(of, f"Note {number}"), of


def _lateness(committed: dict[str, float], screens: Screens) -> list[float]:
    """Of each row on each screen, from the commit until it was there, in ms."""
    return [1000 * (at - committed[ticket]) for (_, ticket), at in list(screens.rows.items())
            if ticket in committed and at > committed[ticket]]


def _ms(values: Sequence[float], at: float) -> float | None:
    value = percentile(values, at)
    return None if value is None else round(value, 1)


if __name__ == "__main__":
    main()
