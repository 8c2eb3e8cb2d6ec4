"""Benchmark: ranking the providers of a ticket, fifty firms that accept at once, and a sweep with nothing due.

    python -m benchmarks.dispatch                       # 500 providers, 10,000 open tickets, 50,000 deadlines
    python -m benchmarks.dispatch --database postgresql://…/empty

`rank_ms` is all that one ticket costs: what every provider has to do today is read, and they are ranked (`rank_alone`:
without the reading; `rank_cpu`: processor time, on a machine that others use too). Half of the
providers cover the whole town, the others a tenth of it; each has technicians, hours, holidays and a base.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, SQLModel

from benchmarks.figures import measured, percentile
from gateway.config.settings import Settings
from gateway.config.sla_file import load_sla
from gateway.flow.act import act
from gateway.flow.adopt_sla import adopt_policies
from gateway.flow.gateway import Gateway
from gateway.flow.sweep import sweep
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    Actor,
    ActorKind,
    Customer,
    Device,
    Due,
    Job,
    JobTicket,
    Offer,
    OfferState,
    Provider,
    Severity,
    Site,
    Technician,
    Ticket,
    TicketState,
    Visit,
    VisitOutcome,
    VisitState,
    from_iso,
)
from gateway.model.plan import Refused
from gateway.model.states import DueKind, Responsible, SubjectKind
from gateway.store import Store
from gateway.store.contexts.providers import provider_loads
from gateway.store.migrations import upgrade
from gateway.tickets.actions import AcceptOffer
from gateway.tickets.dispatch.provider_ranking import Task
from gateway.tickets.dispatch.territory import Place

NOW = from_iso("2026-11-23T09:00:00Z")  # a Monday, ten o'clock in the town
WEEK = {day: [["07:00", "12:00"], ["13:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
SKILLS = ("heating", "electrical", "electronics", "plumbing", "refrigeration")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--providers", type=int, default=500)
    parser.add_argument("--tickets", type=int, default=10_000)
    parser.add_argument("--deadlines", type=int, default=50_000)
    parser.add_argument("--rankings", type=int, default=300)
    parser.add_argument("--accepts", type=int, default=50)
    parser.add_argument("--database", default="", help="an empty one; a new SQLite file when left out")
    asked = parser.parse_args()
    with _store(asked.database) as store:
        fill(store, asked.providers, asked.tickets, asked.deadlines, asked.accepts)
        if not store.sqlite:  # which PostgreSQL does by itself within a minute
            with store.write() as session:
                session.connection().exec_driver_sql("ANALYZE")
        gw = Gateway(Settings(), store, {}, {}, sla=load_sla(None, Settings().service))
        adopt_ms = _ms(lambda: adopt_policies(gw, NOW))
        rank_ms, alone_ms, cpu_ms, covering = rank(store, asked.rankings)
        winners, race_ms = accept_race(gw, asked.accepts)
        sweeps = [_ms(lambda: sweep(gw, NOW)) for _ in range(50)]
    measured(ranked=len(rank_ms), covering=covering, winners=winners)
    print(json.dumps({
        "benchmark": "dispatch", "processors": os.cpu_count(), "load_before": round(os.getloadavg()[0], 1),
        "database": store.engine.dialect.name, "providers": asked.providers, "open_tickets": asked.tickets,
        "deadlines": asked.deadlines, "providers_covering": covering,
        "rank_ms_p50": _shown(percentile(rank_ms, 0.5)), "rank_ms_p99": _shown(percentile(rank_ms, 0.99)),
        "rank_alone_ms_p50": _shown(percentile(alone_ms, 0.5)), "rank_alone_ms_p99": _shown(percentile(alone_ms, 0.99)),
        "rank_cpu_ms_p50": _shown(percentile(cpu_ms, 0.5)), "rank_cpu_ms_p99": _shown(percentile(cpu_ms, 0.99)),
        "accepts": asked.accepts, "accept_race_winners": winners, "accept_race_ms": _shown(race_ms),
        "sla_adopt_ms": _shown(adopt_ms),
        "sweep_ms": _shown(percentile(sweeps, 0.5)), "sweep_ms_p99": _shown(percentile(sweeps, 0.99)),
    }))


def rank(store: Store, times: int) -> tuple[list[float], list[float], list[float], int]:
    """ms of each ranking with what it reads, ms of each without, processor ms of each with, and how many providers were
    looked at on average."""
    chance, whole, alone, cpu, covering = Random(2), [], [], [], 0
    for number in range(times + 5):
        place = Place(f"8{chance.randrange(1000):03}", 47.3 + chance.random() / 5, 8.4 + chance.random() / 5,
                      frozenset({"town"}))
        task = Task(frozenset({chance.choice(SKILLS)}), Severity.MAJOR, place)
        with store.read() as session:
            begin, cpu_begin = time.perf_counter(), time.thread_time()
            loads = provider_loads(session, NOW)
            read = time.perf_counter()
            ranking = loads.directory.rank(task, loads.before, loads.records, {}, NOW + number)
            done, cpu_done = time.perf_counter(), time.thread_time()
        if number >= 5:  # the first ones prepare what is kept
            whole.append((done - begin) * 1000)
            alone.append((done - read) * 1000)
            cpu.append((cpu_done - cpu_begin) * 1000)
            covering += len(ranking.eligible) + len(ranking.refused)
    return whole, alone, cpu, covering // max(1, times)


def accept_race(gw: Gateway, accepts: int) -> tuple[int, float]:
    """All firms accept in the same millisecond: how many got the job, and ms until the last had its answer."""
    gate = threading.Barrier(accepts + 1)
    won: list[int] = []

    def accept(number: int) -> None:
        gate.wait()
        try:
            act(gw, AcceptOffer(f"O-RACE-{number}", f"Technician {number}"), Actor(ActorKind.PROVIDER), NOW)
            won.append(number)
        except Refused:
            pass

    threads = [threading.Thread(target=accept, args=(number,)) for number in range(accepts)]
    for thread in threads:
        thread.start()
    gate.wait()
    begin = time.perf_counter()
    for thread in threads:
        thread.join()
    return len(won), (time.perf_counter() - begin) * 1000


def fill(store: Store, providers: int, tickets: int, deadlines: int, accepts: int) -> None:
    """The town: a third of its tickets are offered, a third assigned for today, the others for later days."""
    chance = Random(1)
    with store.write() as session:
        session.add(Customer(id="family", name="Family"))
        session.flush()
        homes: list[int | str] = [*range(tickets), "race"]
        _add(session, Site, [{"id": f"home-{one}", "customer_id": "family", "name": f"Home {one}", "postcode": "8001",
                              "timezone": "Europe/Zurich"} for one in homes])
        _add(session, Device, [{"id": f"pump-{one}", "key": f"native:pump-{one}", "profile": "pump", "name": "pump",
                                "site_id": f"home-{one}"} for one in homes])
        _add(session, Provider, [_provider(number, chance) for number in range(max(providers, accepts))])
        _add(session, Technician, [{
            "id": f"t-{number}-{one}", "provider_id": f"firm-{number}", "name": f"Person {number} {one}",
            "skills": chance.sample(SKILLS, 3)} for number in range(providers) for one in range(3)])
        _add(session, Ticket, [_ticket(one) for one in homes])
        _add(session, Job, [{"id": f"J-{one}", "site_id": f"home-{one}", "skills": ["heating"], "opened_at": NOW - HOUR,
                             "state": _state(one)} for one in homes])
        _add(session, JobTicket, [{"job_id": f"J-{one}", "ticket_id": f"T-{one}"} for one in homes])
        _add(session, Offer, [_offer(number, chance.randrange(providers)) for number in range(tickets)] + [
            _offer(number, number) | {"id": f"O-RACE-{number}", "ticket_id": "T-race", "job_id": "J-race",
                                      "state": OfferState.PENDING, "closed_at": None} for number in range(accepts)])
        _add(session, Visit, [_visit(number, chance.randrange(providers), chance) for number in range(tickets)
                              if number % 3])
        _add(session, Due, [{
            "id": f"D-{number}", "kind": list(DueKind)[number % len(DueKind)], "subject_kind": SubjectKind.JOB,
            "subject_id": f"other-{number // len(DueKind)}", "site_id": f"home-{number % tickets}",
            "responsible": Responsible.PROVIDER, "at": NOW + HOUR + number} for number in range(deadlines)])


def _provider(number: int, chance: Random) -> dict[str, Any]:
    return {"id": f"firm-{number}", "name": f"Firm {number}", "timezone": "Europe/Zurich",
            "skills": chance.sample(SKILLS, 4), "hours": WEEK, "capacity": 40, "emergency": number % 5 == 0,
            "days_off": {"country": "CH", "subdivision": "ZH", "closed": [f"2026-12-{1 + number % 28:02}"]},
            "territory": {"areas": ["town"]} if number % 2 else {"postcodes": [f"8{number // 2 % 10}*"]},
            "lat": 47.3 + chance.random() / 5, "lon": 8.4 + chance.random() / 5}


def _state(home: int | str) -> TicketState:
    return TicketState.ASSIGNED if isinstance(home, int) and home % 3 > 0 else TicketState.OFFERED


def _ticket(home: int | str) -> dict[str, Any]:
    return {"id": f"T-{home}", "site_id": f"home-{home}", "customer_id": "family", "device_id": f"pump-{home}",
            "cause_key": "rule", "cause": "It is broken", "skill": "heating", "severity": Severity.MAJOR,
            "opened_at": NOW - HOUR, "state": _state(home)}


def _offer(number: int, firm: int) -> dict[str, Any]:
    pending = number % 3 == 0
    return {"id": f"O-{number}", "job_id": f"J-{number}", "ticket_id": f"T-{number}",
            "provider_id": f"firm-{firm}", "rank": 1, "offered_at": NOW - MINUTE, "expires_at": NOW + HOUR,
            "state": OfferState.PENDING if pending else OfferState.ACCEPTED, "closed_at": None if pending else NOW}


def _visit(number: int, firm: int, chance: Random) -> dict[str, Any]:
    begins = NOW + (chance.randrange(9) * HOUR if number % 3 == 1 else DAY + chance.randrange(5) * DAY)
    done = number % 30 == 1
    return {"id": f"V-{number}", "job_id": f"J-{number}", "ticket_id": f"T-{number}",
            "provider_id": f"firm-{firm}", "window_from": begins, "window_until": begins + 4 * HOUR,
            "created_at": NOW - HOUR, "technician": f"Person {firm} {number % 3}",
            "state": VisitState.DONE if done else VisitState.EN_ROUTE if number % 20 == 1 else VisitState.PLANNED,
            "done_at": NOW - HOUR if done else None, "outcome": VisitOutcome.COMPLETE if done else None}


def _add(session: Session, table: type[SQLModel], rows: list[dict[str, Any]]) -> None:
    blank = {name: field.get_default(call_default_factory=True) for name, field in table.model_fields.items()
             if not field.is_required()}
    for first in range(0, len(rows), 5000):
        session.connection().execute(insert(table), [{**blank, **row} for row in rows[first:first + 5000]])


@contextmanager
def _store(url: str) -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(url or f"sqlite:///{Path(folder) / 'dispatch.db'}")
        upgrade(store)
        try:
            yield store
        finally:
            store.close()


def _ms(what: Callable[[], object]) -> float:
    begin = time.perf_counter()
    what()
    return (time.perf_counter() - begin) * 1000


def _shown(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


if __name__ == "__main__":
    main()
