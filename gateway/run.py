"""The composition root: Settings → Store → Gateway → listener, clock and web, in one process or by role."""

import gc
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import structlog

from gateway.channels import build_channels
from gateway.clock import TwoClocks, every
from gateway.flow import Gateway, deliver, forget, mistrust, sweep, watch
from gateway.health import Health
from gateway.mappings import load_mappings
from gateway.model import Instant
from gateway.mqtt import Listener, probe
from gateway.profiles import load_profiles
from gateway.settings import Settings, ensure_secret
from gateway.store import Away, Store, gather, inbox
from gateway.store.fleet import sync_dispatcher
from gateway.store.migrations import upgrade
from gateway.web import build_app
from gateway.web.server import Server
from gateway.withdrawal import withdraw

Role = Literal["all", "ingest", "clock", "web"]

SWEEP_EVERY = 0.25  # seconds: silence is found within this of its deadline
WATCH_EVERY = 1.0  # seconds: homes that went dark together are looked at within this
DELIVER_EVERY = 0.5  # seconds, and at once when this process wrote to the outbox
FORGET_EVERY = 600.0  # seconds
WITHDRAW_EVERY = 60.0  # seconds, and first of all at start: profiles have changed, or a device has another one
NAMED = 100  # topic filters on /readyz
PROBE_AGAIN = 30.0  # seconds, while the broker cannot be probed, or when it was away
PROBE_WARNED_AGAIN = 3600.0  # seconds, while something is known against it: it may be set right by now

log = structlog.get_logger()

__all__ = ["Role", "Running", "now", "run", "start"]


def now() -> Instant:
    """The wall clock: the only place below which the gateway reads it."""
    return time.time_ns() // 1_000_000


def steady() -> int:
    """ms since some moment; nobody can set it."""
    return time.monotonic_ns() // 1_000_000


@dataclass
class Running:
    """A gateway at work; `stop()` ends it in order."""

    gw: Gateway
    listener: Listener | None = None
    server: Server | None = None
    broker: list[str] = field(default_factory=list)  # what the probe found
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def stop(self) -> None:
        self._stop.set()
        self.gw.outbox_filled.set()
        for thread in self._threads:  # first: whoever still watches would see that nobody listens any more
            thread.join(timeout=30)
        if self.listener is not None:
            self.listener.stop()
        if self.server is not None:
            self.server.stop()
        self.gw.store.close()

    @property
    def connections(self) -> int:
        """To the broker, that were steady enough to look at it again."""
        return self.listener.connections if self.listener is not None and not self.listener.rival else 0

    def health(self) -> Health:
        problems = []
        if self.listener is not None and (not self.listener.listening or self.listener.rival):
            problems.append(self.listener.problem)
        hearing = inbox.Hearing(None)
        try:
            with self.gw.store.read() as session:
                hearing = inbox.hearing(session, now())
        except Away as away:
            problems.append(f"the database does not answer: {away}")
        if self.listener is None and not problems:
            problems += hearing.problems
            if hearing.since is None:
                problems.append("no gateway process listens to the broker")
        ready = not problems and not any(one.needed for one in hearing.missing)
        problems += [f"not heard: {one}" for one in hearing.missing[:NAMED]]
        if len(hearing.missing) > NAMED:
            problems.append(f"not heard: {len(hearing.missing) - NAMED} more topic filters")
        return Health(ready=ready, broker=self.broker, problems=problems, details={"listening_since": hearing.since})


def start(settings: Settings, role: Role = "all", our_broker: bool = False) -> Running:
    """Starts what `role` names. Raises BadProfile, BadMapping or ValueError when the configuration cannot work."""
    settings = ensure_secret(settings)
    store = Store(settings.database_url)
    upgrade(store)
    gw = Gateway(settings, store, load_profiles(settings.profiles), build_channels(settings),
                 mapped=load_mappings(settings.mappings))
    _know_every_profile(gw)
    with store.write() as session:
        sync_dispatcher(session, settings, now())
    running = Running(gw)
    if role in ("all", "ingest"):
        threading.Thread(target=_probe, args=(running, our_broker), name="probe", daemon=True).start()
        running.listener = Listener(gw, now)
        running.listener.start()
    if role in ("all", "clock"):
        running._threads += [
            every(SWEEP_EVERY, lambda: sweep(gw, now()), running._stop, "sweep"),
            every(WATCH_EVERY, _watcher(gw), running._stop, "watch"),
            every(DELIVER_EVERY, lambda: deliver(gw, now()), running._stop, "deliver", wake=gw.outbox_filled),
            every(WITHDRAW_EVERY, lambda: withdraw(gw, now()), running._stop, "withdraw"),
            every(FORGET_EVERY, lambda: forget(gw, now()), running._stop, "forget"),
        ]
    _settle_memory()
    if role in ("all", "web"):
        try:
            running.server = Server(build_app(gw, now, running.health), settings.web.host, settings.web.port)
        except OSError:
            running.stop()  # nobody else could
            raise
    return running


def _watcher(gw: Gateway) -> Callable[[], None]:
    """Looks for outages, and first whether our own clock can be believed."""
    clocks = TwoClocks(now(), steady())

    def look() -> None:
        jumped = clocks.jumped(now(), steady())
        if jumped:
            log.warning("the wall clock jumped", ms=jumped)
            mistrust(gw, jumped, now())
        watch(gw, now())

    return look


def _settle_memory() -> None:
    """What start-up made stays: the collector need not walk it again for each few hundred messages (10 % of ingest)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _know_every_profile(gw: Gateway) -> None:
    with gw.store.read() as session:
        used = gather.profiles_in_use(session)
    missing = [f"{name} ({count} devices)" for name, count in used.items() if name not in gw.profiles]
    if missing:
        raise ValueError(f"no profile in {gw.settings.profiles} for {', '.join(missing)}: add the file, or import a "
                         "fleet that names another")


def _probe(running: Running, ours: bool) -> None:
    """Says what this broker would lose; beside the listener, which does not wait for it. Looks again when the broker
    was away, since its settings may be others now, and from time to time while there is something against it."""
    while not running._stop.is_set():
        looked, connections = time.monotonic(), running.connections
        report = probe(running.gw.settings.mqtt, ours)
        if report.versions:
            for finding in report.findings:
                if finding.text not in running.broker:
                    (log.warning if finding.kind == "loss" else log.info)("broker", finding=finding.text)
            running.broker = [finding.text for finding in report.findings]
        warned = any(finding.kind in ("loss", "slow") for finding in report.findings)
        while not running._stop.wait(PROBE_AGAIN) and report.versions:
            if running.connections > max(connections, 1) or (warned and time.monotonic() - looked > PROBE_WARNED_AGAIN):
                break


def run(settings: Settings, role: Role = "all") -> None:
    """Runs until SIGTERM or Ctrl-C, then stops in order."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    running = start(settings, role)
    log.info("gateway runs", role=role, web=running.server.port if running.server else None)
    stop.wait()
    running.stop()
