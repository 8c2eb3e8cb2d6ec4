"""The composition root: Settings → Store → Gateway → listener, clock and web, in one process or by role."""

import copy
import gc
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import structlog

from gateway.channels import build_channels
from gateway.clock import OwnTime, every
from gateway.delivery import finish
from gateway.flow import Gateway, clamp_times, deliver, forget, mistrust, sweep, watch
from gateway.health import Health
from gateway.mappings import load_mappings
from gateway.model import Instant
from gateway.mqtt import Listener, probe
from gateway.profiles import load_profiles
from gateway.pulse import EVERY, Pulse, hearing
from gateway.settings import Settings, ensure_secret
from gateway.store import Store, gather
from gateway.store.fleet import sync_dispatcher
from gateway.store.migrations import upgrade
from gateway.web import build_app
from gateway.web.server import Server
from gateway.withdrawal import withdraw

Role = Literal["all", "ingest", "clock", "web"]

SWEEP_EVERY = 0.25  # seconds: silence is found within this of its deadline
WATCH_EVERY = 1.0  # seconds: homes that went dark together are looked at within this
DELIVER_EVERY = 0.5  # seconds, and at once when this process wrote to the outbox
FINISH_WITHIN = 8.0  # seconds, when we stop, for writing down what became of messages that have left the house
FORGET_EVERY = 600.0  # seconds
CLAMP_EVERY = 60.0  # seconds
WITHDRAW_EVERY = 60.0  # seconds, and first of all at start: profiles have changed, or a device has another one
PROBE_AGAIN = 30.0  # seconds, while the broker cannot be probed
LISTENER_CONNECTIONS = 5
LISTENER_PATIENCE = 5.0  # seconds, then it looks after its broker again: that hangs up on who is silent for long
WEB_CONNECTIONS = 20  # to the database, of the web alone: whatever it holds, the others have their own
WEB_PATIENCE = 5.0  # seconds the web waits for one, then it answers 503

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
    pulse: Pulse
    listener: Listener | None = None
    server: Server | None = None
    _apart: list[Store] = field(default_factory=list)
    broker: list[str] = field(default_factory=list)  # what the probe found
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def stop(self) -> None:
        self._stop.set()
        self.gw.outbox_filled.set()
        if self.listener is not None:
            self.listener.stop()
        if self.server is not None:
            self.server.stop()
        for thread in self._threads:
            thread.join(timeout=30)
        finish(self.gw, FINISH_WITHIN)
        self.pulse.close()
        for store in (*self._apart, self.gw.store):
            store.close()

    def apart(self, connections: int, patience: float) -> Gateway:
        """The same gateway, on connections of its own to the database, of which nobody else can use one up."""
        other = copy.copy(self.gw)
        other.store = self.gw.store.beside(connections, patience)
        self._apart.append(other.store)
        return other

    def health(self) -> Health:
        problems = self.pulse.problems()
        since = self.pulse.listening_since
        if self.listener is not None and not self.listener.listening:
            problems.append(self.listener.problem)
        elif self.listener is not None:
            problems += hearing(self.listener.idle_for, self.listener.unwritten_for)
        elif since is None and not problems:
            problems.append("no gateway process listens to the broker")
        return Health(ready=not problems, broker=self.broker, problems=problems, details={"listening_since": since})


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
    clamp_times(gw, now(), everywhere=True)
    running = Running(gw, Pulse(store, f"{settings.mqtt.client_id}/{role}", now))
    running.pulse.beat()
    own_time = OwnTime(now, steady, lambda by, moment: mistrust(gw, by, moment))
    running._threads.append(every(EVERY, running.pulse.beat, running._stop, "pulse"))
    if role in ("all", "ingest"):
        threading.Thread(target=_probe, args=(running, our_broker), name="probe", daemon=True).start()
        running.listener = Listener(running.apart(LISTENER_CONNECTIONS, LISTENER_PATIENCE), own_time)
        running.listener.start()
    if role in ("all", "clock"):
        _start_clock(running, gw, own_time)
    _settle_memory()
    if role in ("all", "web"):
        web = running.apart(WEB_CONNECTIONS, WEB_PATIENCE)
        running.server = Server(build_app(web, now, running.health), settings.web.host, settings.web.port)
    return running


def _start_clock(running: Running, gw: Gateway, own_time: Callable[[], Instant]) -> None:
    def each(seconds: float, work: Callable[[Gateway, Instant], object], wake: threading.Event | None = None,
             watched: bool = True) -> None:
        running._threads.append(every(seconds, lambda: work(gw, own_time()), running._stop, work.__name__, wake,
                                      running.pulse.turns if watched else None))

    each(SWEEP_EVERY, sweep)
    each(WATCH_EVERY, watch)
    each(DELIVER_EVERY, deliver, gw.outbox_filled)
    each(WITHDRAW_EVERY, withdraw, watched=False)
    each(FORGET_EVERY, forget, watched=False)
    each(CLAMP_EVERY, clamp_times, watched=False)


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
    """Says what this broker would lose; beside the listener, which does not wait for it."""
    report = probe(running.gw.settings.mqtt, ours)
    while not report.versions and not running._stop.wait(PROBE_AGAIN):  # nobody there yet, or not let in
        report = probe(running.gw.settings.mqtt, ours)
    running.broker = [finding.text for finding in report.findings]
    for finding in report.findings:
        (log.warning if finding.kind == "loss" else log.info)("broker", finding=finding.text)


def run(settings: Settings, role: Role = "all") -> None:
    """Runs until SIGTERM or Ctrl-C, then stops in order."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    running = start(settings, role)
    log.info("gateway runs", role=role, web=running.server.port if running.server else None)
    stop.wait()
    running.stop()
