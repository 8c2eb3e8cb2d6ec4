"""The composition root: starts store, listener, scheduler and web server, in one process or by role."""

import copy
import errno
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import structlog
from sqlmodel import Session

from gateway.app.check_shadow import shadow_warnings
from gateway.app.clock import CorrectedTime, monotonic_ms, now
from gateway.app.memory import freeze_start, give_back
from gateway.app.scheduler import every
from gateway.calendars.desk_hours import names_hours
from gateway.config.profiles_and_mappings import load_mappings, load_profiles
from gateway.config.settings import Settings
from gateway.config.settings_loader import BadSettings, ensure_secret
from gateway.config.sla_file import load_sla
from gateway.flow.accounts.users import first_welcome
from gateway.flow.adopt_sla import adopt_policies
from gateway.flow.after.goodwill import pay_goodwill
from gateway.flow.deliver import deliver, finish
from gateway.flow.gateway import Gateway
from gateway.flow.health_probe import EVERY, HealthProbe, listener_problem
from gateway.flow.housekeeping import (
    adjust_to_clock_jump,
    clamp_future_times,
    count_unwatched,
    forget,
    prepare_partitions,
)
from gateway.flow.messages.resend import resend
from gateway.flow.plan_button_tests import plan_button_tests
from gateway.flow.remove_rules import remove_rules
from gateway.flow.sweep import sweep
from gateway.flow.watch import watch
from gateway.model import Instant
from gateway.monitoring.file_descriptors import raise_limit
from gateway.monitoring.health import Health
from gateway.mqtt import Listener, probe
from gateway.mqtt.local_broker import OurBroker
from gateway.notifications import catalogues
from gateway.notifications.channels import build_channels
from gateway.notifications.channels.failing import failing
from gateway.store import Store, outbox
from gateway.store.contexts import planning
from gateway.store.fleet import save_dispatcher_contacts
from gateway.store.migrations import upgrade
from gateway.store.views.telephones import guesses

if TYPE_CHECKING:
    from gateway.web.server import Server

Role = Literal["all", "ingest", "clock", "web"]
SWEEP_EVERY = 0.25  # seconds: silence is found within this of its deadline
WATCH_EVERY = 1.0  # seconds: homes that went dark together are looked at within this
DELIVER_EVERY = 0.5  # seconds, and at once when this process wrote to the outbox
STOP_WITHIN = 30.0  # seconds, when we stop, for what the clock has begun: all of it together
FINISH_WITHIN = 8.0  # seconds, when we stop, for writing down what became of messages that have left the house
FORGET_EVERY = 600.0  # seconds
PARTITIONS_EVERY = 3600.0  # seconds; there are some for days ahead
CLAMP_EVERY = 60.0  # seconds
COUNT_EVERY = 60.0  # seconds: what is open and waits for nothing, which is nothing unless we have made a mistake
RESEND_EVERY = 30.0  # seconds; what failed while a channel was down has waited already
GOODWILL_EVERY = 30.0  # seconds; what is over has time
GIVE_BACK_EVERY = 5.0  # seconds; it takes 2 ms at most
WITHDRAW_EVERY = 60.0  # seconds, and first of all at start: profiles have changed, or a device has another one
NAMED = 100  # topic filters on /readyz
PROBE_AGAIN = 30.0  # seconds, while the broker cannot be probed, or when it was away
PROBE_WARNED_AGAIN = 3600.0  # seconds, while something is known against it: it may be set right by now
LISTENER_CONNECTIONS = 5
LISTENER_PATIENCE = 5.0  # seconds, then it looks after its broker again: that hangs up on who is silent for long
WEB_CONNECTIONS = 20  # to the database, of the web alone: whatever it holds, the others have their own
WEB_PATIENCE = 5.0  # seconds the web waits for one, then it answers 503
_NO_ADDRESS = {
    errno.EADDRINUSE: "web.port: {web.port} — another program uses it, perhaps another gateway; expected a free port",
    errno.EACCES: "web.port: {web.port} — this user may not open it; expected one above 1023",
}
log = structlog.get_logger()
__all__ = ["Role", "Running", "now", "health_probe", "run", "start", "start_clock"]


@dataclass
class Running:
    """A running gateway; `stop()` ends its parts in order."""

    gw: Gateway
    health_probe: HealthProbe
    listener: Listener | None = None
    server: "Server | None" = None
    _extra_stores: list[Store] = field(default_factory=list)
    broker: list[str] = field(default_factory=list)  # what the probe found
    losses: list[str] = field(default_factory=list)  # of these, what the broker would lose
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def stop(self) -> None:
        self._stop.set()
        self.gw.attempts_in_progress.stopping = True
        self.gw.outbox_filled.set()
        give_up = time.monotonic() + STOP_WITHIN
        for thread in self._threads:  # first: whoever still watches would see that nobody listens any more
            thread.join(timeout=max(0.0, give_up - time.monotonic()))
        if self.listener is not None:
            self.listener.stop()
        if self.server is not None:
            self.server.stop()
        finish(self.gw, FINISH_WITHIN)
        self.health_probe.close()
        for store in (*self._extra_stores, self.gw.store):
            store.close()

    def with_own_connections(self, connections: int, patience: float) -> Gateway:
        """The same gateway with a database connection pool of its own, which nobody else can exhaust."""
        other = copy.copy(self.gw)
        other.store = self.gw.store.with_own_connections(connections, patience)
        self._extra_stores.append(other.store)
        return other

    @property
    def connections(self) -> int:
        """How often the listener has connected to the broker; 0 while another program uses its client id."""
        return self.listener.connections if self.listener is not None and not self.listener.other_listener else 0

    def health(self) -> Health:
        problems, status = self.health_probe.problems(), self.health_probe.listening
        if self.listener is not None and (not self.listener.listening or self.listener.other_listener):
            problems.append(self.listener.problem)
        elif self.listener is not None:
            problems += listener_problem(self.listener.idle_seconds, self.listener.uncommitted_seconds)
        elif not problems:
            problems += status.problems
            if status.since is None:
                problems.append("no gateway process listens to the broker")
        ready = not problems and not any(one.needed for one in status.missing)
        problems += [f"not heard: {one}" for one in status.missing[:NAMED]]
        if len(status.missing) > NAMED:
            problems.append(f"not heard: {len(status.missing) - NAMED} more topic filters")
        return Health(ready=ready, broker=self.broker, losses=self.losses, problems=problems,
                      degraded=self.health_probe.degraded, details={"listening_since": status.since})


def start(settings: Settings, role: Role = "all", our_broker: OurBroker | None = None) -> Running:
    """Starts what `role` names. Raises BadSettings, BadProfile, BadMapping, BadSla, BadWording or
    ValueError when it cannot."""
    settings = ensure_secret(settings)
    raise_limit()
    catalogues.load()
    store = Store(settings.database_url)
    upgrade(store)
    gw = Gateway(settings, store, load_profiles(settings.profiles), build_channels(settings),
                 mapped=load_mappings(settings.mappings), sla=load_sla(settings.sla, settings.service),
                 messages=catalogues.messages().with_overrides(catalogues.load_overrides(settings.wording)))
    _check_profiles_in_use(gw)
    warn_of_buttons(gw)
    for said in shadow_warnings(settings.service):
        log.warning(said)
    with store.write() as session:
        save_dispatcher_contacts(session, settings, now())
    clamp_future_times(gw, now(), everywhere=True)
    prepare_partitions(gw, now())
    adopt_policies(gw, now())
    running = Running(gw, health_probe(gw, role, now))
    if role in ("all", "web"):  # first: a port in use is mostly another gateway's, whose queue must not be taken
        running.server = _serve(running)
    running.health_probe.check()
    corrected_time = CorrectedTime(now, monotonic_ms, lambda by, moment: adjust_to_clock_jump(gw, by, moment))
    running._threads.append(every(EVERY, running.health_probe.check, running._stop, "pulse"))
    if role in ("all", "ingest"):
        threading.Thread(target=_probe, args=(running, our_broker), name="probe", daemon=True).start()
        running.listener = Listener(running.with_own_connections(LISTENER_CONNECTIONS, LISTENER_PATIENCE),
                                    corrected_time)
        running.listener.start()
    if role in ("all", "clock"):
        start_clock(running, gw, corrected_time)
    freeze_start()
    running._threads.append(every(GIVE_BACK_EVERY, give_back, running._stop, "memory"))
    return running


def health_probe(gw: Gateway, role: Role, now: Callable[[], Instant]) -> HealthProbe:
    """What /readyz reads: whether this process can write, which channels fail, and whether PINs are guessed."""

    def degraded(session: Session) -> list[str]:
        return [said for name, channel in gw.channels.items()
                if (said := failing(channel, outbox.latest_attempts(session, name), now()))] + guesses(session, now())

    return HealthProbe(gw.store, f"{gw.settings.mqtt.client_id}/{role}", now, degraded)


def _serve(running: Running) -> "Server":
    """Starts the web server with database connections of its own. Raises BadSettings when its address is taken."""
    from gateway.web import build_app  # 40 MB, only for the roles that serve it
    from gateway.web.server import Server

    settings, gw = running.gw.settings.web, running.with_own_connections(WEB_CONNECTIONS, WEB_PATIENCE)
    try:
        return Server(build_app(gw, now, running.health), settings.host, settings.port)
    except OSError as error:
        running.health_probe.close()
        gw.store.close()
        running.gw.store.close()
        known = _NO_ADDRESS.get(error.errno or 0)
        raise BadSettings([known.format(web=settings) if known else f"web.host: {settings.host!r} — "
                           f"{error.strerror or error}; expected an address of this machine"]) from error


def start_clock(running: Running, gw: Gateway, corrected_time: Callable[[], Instant]) -> None:
    """Sweeps, watches, delivers and keeps house in threads of their own, by that clock, until `running` stops."""
    def each(seconds: float, work: Callable[[Gateway, Instant], object], wake: threading.Event | None = None,
             watched: bool = True) -> None:
        running._threads.append(every(seconds, lambda: work(gw, corrected_time()), running._stop, work.__name__,
                                      wake=wake,
                                      finished_at=running.health_probe.finished_at if watched else None))

    each(SWEEP_EVERY, sweep)
    each(WATCH_EVERY, watch)
    each(DELIVER_EVERY, deliver, gw.outbox_filled)
    each(WITHDRAW_EVERY, remove_rules, watched=False)
    each(WITHDRAW_EVERY, plan_button_tests, watched=False)
    each(RESEND_EVERY, resend, watched=False)
    each(GOODWILL_EVERY, pay_goodwill, watched=False)
    each(FORGET_EVERY, forget, watched=False)
    each(PARTITIONS_EVERY, prepare_partitions, watched=False)
    each(CLAMP_EVERY, clamp_future_times, watched=False)
    each(COUNT_EVERY, count_unwatched, watched=False)


def _check_profiles_in_use(gw: Gateway) -> None:
    with gw.store.read() as session:
        used = planning.profiles_in_use(session)
    missing = [f"{name} ({count} devices)" for name, count in used.items() if name not in gw.profiles]
    if missing:
        raise ValueError(f"no profile in {gw.settings.profiles} for {', '.join(missing)}: add the file, or import a "
                         "fleet that names another")


def warn_of_buttons(gw: Gateway) -> None:
    """`gateway check` and the import refuse such a fleet; in one that runs already a press is still heard."""
    with gw.store.read() as session:
        used = planning.profiles_in_use(session)
    emergency = [name for name in used if gw.profiles[name].emergency]
    if emergency and not gw.settings.reach_somebody_at_any_hour:
        log.warning("nobody in service.emergency: who presses an emergency button reaches the dispatcher only",
                    profiles=emergency)
    buttons = [name for name in used if gw.profiles[name].button]
    if buttons and not names_hours(gw.settings.service):
        log.warning("service.callback_hours is not set: a press at 23:13 is promised a call at 00:13", profiles=buttons)


def _probe(running: Running, ours: OurBroker | None) -> None:
    """Logs what this broker would lose, without the listener waiting for it. Probes again after the broker was away,
    since its settings may have changed, and from time to time while there are warnings."""
    while not running._stop.is_set():
        looked, connections = time.monotonic(), running.connections
        report = probe(running.gw.settings.mqtt, ours)
        if report.versions:
            for finding in report.findings:
                if finding.text not in running.broker:
                    (log.warning if finding.kind == "loss" else log.info)("broker", finding=finding.text)
            running.broker, running.losses = [finding.text for finding in report.findings], report.losses
        warned = any(finding.kind in ("loss", "slow") for finding in report.findings)
        while not running._stop.wait(PROBE_AGAIN) and report.versions:
            if running.connections > max(connections, 1) or (warned and time.monotonic() - looked > PROBE_WARNED_AGAIN):
                break


def run(settings: Settings, role: Role = "all", say: Callable[[str], object] = print) -> None:
    """Runs until SIGTERM or Ctrl-C, then stops in order. `say`: to whoever has started it, and to no log."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    running = start(settings, role)
    log.info("gateway runs", role=role, web=running.server.port if running.server else None)
    if running.server is not None and (link := _first_welcome(running.gw)) is not None:
        say(f"nobody has an account at the console yet. Within a day, and once, this opens the first:\n{link}")
    stop.wait()
    running.stop()


def _first_welcome(gw: Gateway) -> str | None:
    with gw.store.write() as session:
        return first_welcome(gw.settings, session, now())
