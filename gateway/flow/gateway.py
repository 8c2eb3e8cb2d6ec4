"""The verbs, one story each: receive, sweep, advance, deliver. Each loads what it needs, asks, applies the answer."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TypeVar
from zlib import crc32

from sqlmodel import Session

from gateway.config.settings import Settings
from gateway.detection import Tick, step
from gateway.detection.batch import Decoded, Finding, Heard, Judged, decode_all, decode_rest, judge
from gateway.detection.device_state import Broken, Pressed, Raised
from gateway.devices.dialects import Dialect, Spoken, understand
from gateway.devices.profiles import Profile
from gateway.flow.deliver import InHand, deliver
from gateway.model import DAY, Actor, Alarm, Instant, LinkState, MaintenanceWindow, new_id
from gateway.model.plan import Draft, NoSuch, Refused
from gateway.model.signals import Announced, Presence, Request, Signal
from gateway.model.states import BridgeWord
from gateway.monitoring import metrics
from gateway.notifications.catalogues import messages
from gateway.notifications.channels import Channel
from gateway.notifications.messages import Messages
from gateway.outages import Limits, assess, find
from gateway.outages import joining as join
from gateway.outages.maintenance import plan_window, plan_window_due
from gateway.outages.plan_watch import plan_watch
from gateway.outages.self_monitoring import plan_deaf, plan_jump, plan_unheard
from gateway.store import (
    Conflict,
    Store,
    apply,
    clock_jumps,
    commands,
    connection_losses,
    device_states,
    dialect_state,
    due_work,
    ingest,
)
from gateway.store.contexts import action, maintenance, outage_scan, planning
from gateway.store.contexts.areas import Missed
from gateway.store.contexts.outage import board
from gateway.tickets.actions import Act
from gateway.tickets.context import Rules
from gateway.tickets.plan_action import plan_act
from gateway.tickets.plan_due import plan_clock
from gateway.tickets.plan_findings import plan_findings

__all__ = ["Gateway", "advance", "clamp_times", "deliver", "forget", "learn_routes", "mistrust", "receive", "sweep",
           "watch"]

TRIES = 8  # a conflict means that another worker was first; nine in a row mean something else is wrong
LIMITS = Limits()
BY_SHARE = replace(LIMITS, burst_homes=10**9)  # of homes that went long ago, the moment says nothing any more
SWEEP = 500  # devices a sweep looks at in one transaction
T = TypeVar("T")


@dataclass
class Gateway:
    """Everything the verbs need, put together once in app/main.py."""

    settings: Settings
    store: Store
    profiles: dict[str, Profile]
    channels: dict[str, Channel]
    outbox_filled: Event = field(default_factory=Event)  # set after a commit that may have written notifications
    commands_filled: Event = field(default_factory=Event)  # … commands for devices
    in_hand: InHand = field(default_factory=InHand)  # what has left the house and is not written down yet
    messages: Messages = field(default_factory=messages)  # what puts them into words
    mapped: tuple[Dialect, ...] = ()  # the operator's own mappings
    requests: deque[Request] = field(default_factory=lambda: deque(maxlen=1000))  # to publish soon, or never
    spoken: Spoken = field(init=False)
    announcements: dict[str, int] = field(default_factory=dict)  # topic → checksum of what was announced there
    routes_change: int = 0  # the newest change of announced topics that `spoken` knows
    heard_since: Instant = 0  # our clock jumped then: whatever was heard before proves nothing

    def __post_init__(self) -> None:
        self.spoken = understand(self.settings.dialects, self.mapped)

    @property
    def scheduled(self) -> bool:
        """Whether some rule keeps hours, on the clock of each site."""
        return any(profile.scheduled for profile in self.profiles.values())

    @property
    def rules(self) -> Rules:
        return Rules(self.settings.service, new_id, self.profiles, self.messages.catalogues)


def receive(gw: Gateway, batch: Sequence[Heard], now: Instant) -> None:
    """Everything that follows from `batch`, in one transaction: when this returns, it may be acknowledged."""
    came = len(batch)
    if gw.announcements:
        batch = [heard for heard in batch if not _said_before(gw, heard)]
    decoded = decode_all(batch, gw.spoken)
    judged = _again(lambda: _receive(gw, batch, decoded, now))
    metrics.received(came, len(judged.readings), judged.drops,
                     (gw.spoken.name_of(heard.topic) for heard, _ in judged.refused),
                     (f.verdict.severity for f in judged.findings
                      if isinstance(f.verdict, Raised) and not f.verdict.monitor))
    metrics.MONITORED.inc(sum(isinstance(f.verdict, Raised) and f.verdict.monitor for f in judged.findings))
    metrics.TRUCK_ROLLS_SAVED.inc(judged.saved)
    if judged.findings:
        gw.outbox_filled.set()
        gw.commands_filled.set()
    gw.requests.extend(judged.requests)
    if judged.announced:
        learn_routes(gw, judged.without_routes)
        gw.announcements.update({heard.topic: crc32(heard.payload) for heard in batch
                                 if heard.topic in gw.spoken.announced.sources})


def _said_before(gw: Gateway, heard: Heard) -> bool:
    """Whether this announcement is known word for word: every broker repeats all of them at each connection, and a
    press waits behind them."""
    known = gw.announcements.get(heard.topic)
    if known is None:
        return False
    if known == crc32(heard.payload) and heard.topic in gw.spoken.announced.sources:
        return True
    del gw.announcements[heard.topic]  # what this batch says of it later is no repetition
    return False


def learn_routes(gw: Gateway, without_routes: Iterable[str] = (), whole: bool = False) -> None:
    """Reads what devices have announced since it was last read, to this process or another. `without_routes`: the
    announcements that we know to be taken back; `whole`: looks also for those that another process took back, and at
    who is claimed."""
    spoken = gw.spoken
    if spoken.announcing is None:
        return
    for source in without_routes:
        _forget_announcement(gw, source)
    with gw.store.read() as session:
        changed, gw.routes_change = dialect_state.routes_since(session, gw.routes_change)
        for source, (key, topics) in changed.items():
            spoken.announce(source, key, topics)
        if whole:
            spoken.claim(dialect_state.keys_of(session, spoken.announcing))
            if dialect_state.routes_count(session) != spoken.announced.rows:
                for source in set(spoken.announced.sources) - dialect_state.announcements(session):
                    _forget_announcement(gw, source)


def _forget_announcement(gw: Gateway, source: str) -> None:
    gw.spoken.announce(source, "", {})
    gw.announcements.pop(source, None)


def sweep(gw: Gateway, now: Instant) -> int:
    """Looks at what is due: devices, offers, tickets, callbacks. Returns how many rows it looked at."""
    with gw.store.read() as session:
        if not due_work.anything(session, now):
            return 0
    looked = _again(lambda: _sweep_devices(gw, now)) + _again(lambda: _sweep_work(gw, now))
    if looked:
        gw.outbox_filled.set()
        gw.commands_filled.set()
    return looked


def watch(gw: Gateway, now: Instant) -> int:
    """Looks whether homes that went dark did so together, and how outages go on. Returns how many losses it saw."""
    with gw.store.read() as session:
        if not outage_scan.anything(session, now) and not outage_scan.deaf(session, now):
            return 0
    looked = _again(lambda: _watch(gw, now))
    gw.outbox_filled.set()
    return looked


def mistrust(gw: Gateway, jumped: int, now: Instant) -> None:
    """Our own clock jumped by `jumped` ms: nobody is silent because of it, nothing is overdue because of it, and the
    operator is told."""
    gw.heard_since = now

    def once() -> None:
        with gw.store.write() as session:
            if clock_jumps.move(session, jumped, now):
                apply(session, plan_jump(jumped, gw.rules, now))

    _again(once)
    gw.outbox_filled.set()


def clamp_times(gw: Gateway, now: Instant, everywhere: bool = False) -> None:
    """What was written while our clock was ahead and nobody saw it set back; `everywhere`: in large tables too."""
    with gw.store.write() as session:
        clock_jumps.clamp(session, now, clock_jumps.HAPPENED if everywhere else clock_jumps.OFTEN)


def maintain(gw: Gateway, window: MaintenanceWindow, who: Actor, now: Instant) -> None:
    """Planned work in one area. Raises Refused when its times make no sense, NoSuch when there is no such area."""
    if window.until_at <= max(window.from_at, now):
        raise Refused("The window must end after it begins, and in the future.")
    with gw.store.write() as session:
        if not maintenance.exists(session, window.area_id):
            raise NoSuch(f"there is no area {window.area_id}")
        apply(session, plan_window(window, who, now))


def advance(gw: Gateway, act: Act, who: Actor, now: Instant) -> None:
    """A person did something; `who` is written in the timeline. Raises Refused or NoSuch."""

    def once() -> None:
        with gw.store.write() as session:
            apply(session, plan_act(act, action.facts_for(session, act), gw.rules, who, now))

    _again(once)
    gw.outbox_filled.set()


def forget(gw: Gateway, now: Instant) -> int:
    """Drops readings and dead letters past their time, a bounded number at once."""
    with gw.store.write() as session:
        connection_losses.forget(session, now)
        return due_work.forget(session, now - gw.settings.readings_days * DAY)


def _receive(gw: Gateway, batch: Sequence[Heard], decoded: Decoded, now: Instant) -> Judged:
    with gw.store.write() as session:
        notes = dialect_state.notes(session, {source for number in decoded.later
                                       for source in gw.spoken.sources(batch[number].topic)})
        attempt = decode_rest(decoded, batch, gw.spoken, notes, now)
        attempt.signals = _through_bridges(gw, session, attempt) + _taken_back(session, attempt, batch, now)
        keys = attempt.alive | {signal.key for _, _, signal in attempt.signals}
        known = device_states.load(session, keys, gw.scheduled)
        judged = judge(attempt, known, gw.profiles, now)
        if judged.working:
            _bridges_work(gw, session, judged, now)
        dialect_state.save_notes(session, notes)
        device_states.save(session, judged.touched.values())
        connection_losses.note(session, judged.touched.values(), gw.profiles, now)
        device_states.add_readings(session, judged.readings)
        ingest.bury(session, [(gw.spoken.name_of(heard.topic), *heard[:2], reason)
                             for heard, reason in attempt.refused], now)
        ingest.note_unclaimed(session, {key: (count, batch[number].topic)
                                       for key, (count, number) in judged.unclaimed.items()}, now)
        commands.settle(session, judged.acks, now)
        judged.saved = _follow_up(gw, session, judged.findings, now)
    judged.drops, judged.refused, judged.without_routes = attempt.drops, attempt.refused, attempt.without_routes
    return judged


def _sweep_devices(gw: Gateway, now: Instant) -> int:
    with gw.store.write() as session:
        known = device_states.due(session, now, SWEEP, gw.scheduled)
        if known:
            hearing = ingest.hearing(session, now)
            findings, states = [], []
            for device in known:
                if (profile := gw.profiles.get(device.profile)) is None:
                    device.due_at = None  # app/main.py says so at start; its next message counts as dropped
                    states.append(device)
                else:
                    since = hearing.since_of(device.key)
                    tick = Tick(None if since is None else max(since, gw.heard_since))
                    state, verdicts = step(profile, device, tick, now)
                    states.append(state)
                    findings += [Finding(state, verdict) for verdict in verdicts]
            device_states.save(session, states)
            connection_losses.note(session, states, gw.profiles, now)
            _follow_up(gw, session, findings, now)
        return len(known)


def _sweep_work(gw: Gateway, now: Instant) -> int:
    with gw.store.write() as session:
        draft = Draft()
        work = due_work.work(session, draft, now)
        if work:
            facts = planning.situations(session, draft, work.device_ids, firms=planning.firms(session))
            apply(session, plan_clock(work, facts, draft, gw.rules, now))
        return len(work)


def _watch(gw: Gateway, now: Instant) -> int:
    with gw.store.write() as session:
        outage_scan.hold_the_watch(session)
        draft = Draft()
        ours = {key: draft.copy(row) for key, row in outage_scan.ours(session).items()}
        hearing = ingest.hearing(session, now)
        since, missing = hearing.since, hearing.dialects_missing
        missed = Missed(connection_losses.can_be_missed(gw.profiles), hearing.unheard)
        plan_deaf(ours.get("!deaf"), ingest.quiet_since(session, now), draft, gw.rules, now, missing)
        if since is not None:
            plan_unheard(ours.get("!unheard"), missing, draft, gw.rules, now)
        apply(session, draft.plan())
        _maintain(gw, session, now)
        seen = outage_scan.fresh(session)
        scene = outage_scan.scene(session, seen, missed, LIMITS, now)
        verdicts = assess(scene, LIMITS)
        joining = join(scene, verdicts, LIMITS)
        facts = board(session, Draft(), seen, verdicts, joining, missed, now)
        facts.listening_since = None if since is None else max(since, gw.heard_since)
        facts.still_out = {one: {home.site_id for found in find(left, BY_SHARE) for home in found.homes}
                           for one, left in outage_scan.leftovers(session, missed, LIMITS, now).items()}
        apply(session, plan_watch(verdicts, joining, facts, LIMITS, gw.rules, now))
        return len(seen)


def _maintain(gw: Gateway, session: Session, now: Instant) -> None:
    for window, area, customers in maintenance.due(session, now):
        draft = Draft()
        look_again = plan_window_due(draft.copy(window), area, customers, draft, gw.rules, now)
        apply(session, draft.plan())
        if look_again:
            maintenance.wake(session, window)


def _follow_up(gw: Gateway, session: Session, findings: Sequence[Finding], now: Instant) -> int:
    """Plans and applies what the findings come to; a site's findings are planned on the same evolving facts.

    Returns how many faults are over because of a command, so that nobody has to drive."""
    if any(isinstance(finding.verdict, Broken) for finding in findings):
        findings = planning.unheard_of(session, findings)
    if not findings:
        return 0
    presses: dict[str, set[str]] = {}
    for known, verdict in findings:
        if isinstance(verdict, Pressed):
            presses.setdefault(known.device_id, set()).add(verdict.press_id or "")
    firms = None if all(isinstance(f.verdict, Pressed) for f in findings) else planning.firms(session)
    draft = Draft()
    facts = planning.situations(session, draft, {f.known.device_id for f in findings}, presses, firms)
    apply(session, plan_findings(findings, facts, draft, gw.rules, now))
    return sum(alarm.fixed_by is not None for alarm, before in draft.rows(Alarm)
               if before is None or before["fixed_by"] is None)


def _through_bridges(gw: Gateway, session: Session, decoded: Decoded) -> list[tuple[int, bool, Signal]]:
    """What a bridge says of itself holds for every device behind it. Behind one that can have a fault of its own they
    are unknown, not lost: the fault is the bridge's, once. Otherwise they are lost with it."""
    words = [signal for _, _, signal in decoded.signals
             if type(signal) is Presence and (signal.bridge or signal.through is not None)]
    if not words:
        return decoded.signals
    behind = ingest.behind(session, {word.key: gw.spoken.brings_all(word.key) for word in words if word.bridge})
    hubs = ingest.hubs(session, {word.key for word in words if word.through is not None})
    signals: list[tuple[int, bool, Signal]] = []
    for number, retained, signal in decoded.signals:
        signals.append((number, retained, signal))
        if type(signal) is Presence and signal.bridge:
            bridge = behind[signal.key]
            if signal.state in (LinkState.ONLINE, LinkState.REMOVED):
                state: str = BridgeWord.REACHABLE
            else:
                lost = signal.state == LinkState.LOST and not _is_judged(gw, bridge.profile)
                state = LinkState.LOST if lost else LinkState.UNKNOWN
            signals += [(number, retained, Presence(key, state, signal.at, through=signal.key)) for key in bridge.keys]
        elif type(signal) is Presence and signal.through is not None and signal.key in hubs:
            hub, profile = hubs[signal.key]
            explained = signal.state == LinkState.LOST and _is_judged(gw, profile)
            signals[-1:] = [(number, retained, signal._replace(key=hub)),
                            (number, retained, signal._replace(state=LinkState.UNKNOWN) if explained else signal)]
    return signals


def _is_judged(gw: Gateway, profile: str | None) -> bool:
    """Whether a device of this profile becomes a fault when it is lost."""
    known = gw.profiles.get(profile or "")
    return known is not None and (known.silence.lost_ms is not None or known.silence.link_ms is not None)


def _bridges_work(gw: Gateway, session: Session, judged: Judged, now: Instant) -> None:
    """Somebody speaks through a bridge that is said to be down: so it is there, and everybody else behind it is judged
    by their own clocks again."""
    for bridge, behind in ingest.behind(session, {key: gw.spoken.brings_all(key) for key in judged.working}).items():
        keys = behind.keys | gw.spoken.sharing(bridge) | {bridge}
        keys |= {hub for hub, _ in ingest.hubs(session, keys).values()}
        known = device_states.load(session, keys, gw.scheduled) | {one.key: one for one in judged.touched.values()}
        news: list[tuple[int, bool, Signal]] = [
            (0, False, Presence(key, BridgeWord.PROVEN, through=bridge)) for key in keys]
        again = judge(Decoded(news), known, gw.profiles, now)
        judged.add(again)


def _taken_back(session: Session, decoded: Decoded, batch: Sequence[Heard], now: Instant
                ) -> list[tuple[int, bool, Signal]]:
    """Keeps what devices announce; one that has taken back everything was removed, not lost."""
    announced = [(number, signal) for number, _, signal in decoded.signals if type(signal) is Announced]
    introduced = dialect_state.introduce(session, [(batch[number].topic, said) for number, said in announced], now)
    decoded.without_routes = introduced.without_routes
    return [(announced[-1][0], False, Presence(key, LinkState.REMOVED)) for key in sorted(introduced.left)]


def _again(work: Callable[[], T]) -> T:
    """Decides anew when another worker changed the same rows first."""
    for _ in range(TRIES):
        try:
            return work()
        except Conflict:
            continue
    return work()
