"""The verbs: receive, sweep, advance, deliver. Each loads what it needs, asks pure functions, applies the answer."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import TypeVar

from sqlmodel import Session

from gateway import metrics
from gateway.channels import Channel
from gateway.delivery import deliver
from gateway.detection import Tick, step
from gateway.detection.batch import Decoded, Finding, Heard, Judged, decode_all, decode_rest, judge
from gateway.detection.state import Pressed, Raised
from gateway.dialects import Dialect, Spoken, understand
from gateway.dialects.signals import Announced, Presence, Request, Signal
from gateway.model import DAY, Instant, new_id
from gateway.planning import plan_findings
from gateway.planning.acts import Act
from gateway.planning.clockwork import plan_clock
from gateway.planning.deeds import plan_act
from gateway.planning.situation import Rules
from gateway.profiles import Profile
from gateway.settings import Settings
from gateway.store import Conflict, Store, apply, commands, due, gather, hot, inbox, people, voices

__all__ = ["Gateway", "advance", "deliver", "forget", "learn_routes", "receive", "sweep"]

TRIES = 8  # a conflict means that another worker was first; nine in a row mean something else is wrong
SWEEP = 500  # devices a sweep looks at in one transaction
T = TypeVar("T")


@dataclass
class Gateway:
    """Everything the verbs need, put together once in run.py."""

    settings: Settings
    store: Store
    profiles: dict[str, Profile]
    channels: dict[str, Channel]
    outbox_filled: Event = field(default_factory=Event)  # set after a commit that may have written notifications
    commands_filled: Event = field(default_factory=Event)  # … commands for devices
    mapped: tuple[Dialect, ...] = ()  # the operator's own mappings
    requests: deque[Request] = field(default_factory=lambda: deque(maxlen=1000))  # to publish soon, or never
    spoken: Spoken = field(init=False)
    routes_state: tuple[int, int] = (0, 0)  # which announced routes `spoken` knows

    def __post_init__(self) -> None:
        self.spoken = understand(self.settings.dialects, self.mapped)

    @property
    def rules(self) -> Rules:
        return Rules(self.settings.service, new_id)


def receive(gw: Gateway, batch: Sequence[Heard], now: Instant) -> None:
    """Everything that follows from `batch`, in one transaction: when this returns, it may be acknowledged."""
    decoded = decode_all(batch, gw.spoken)
    judged = _again(lambda: _receive(gw, batch, decoded, now))
    metrics.received(len(batch), len(judged.readings), judged.drops,
                     (gw.spoken.name_of(heard.topic) for heard, _ in judged.refused),
                     (f.verdict.severity for f in judged.findings if isinstance(f.verdict, Raised)))
    metrics.TRUCK_ROLLS_SAVED.inc(judged.saved)
    if judged.findings:
        gw.outbox_filled.set()
        gw.commands_filled.set()
    gw.requests.extend(judged.requests)
    if judged.announced:
        learn_routes(gw)


def learn_routes(gw: Gateway) -> None:
    """Reads what devices have announced, to this process or another, if anything has changed."""
    with gw.store.read() as session:
        state = voices.routes_state(session)
        if state != gw.routes_state:
            gw.spoken.route(voices.routes(session))
            gw.routes_state = state


def sweep(gw: Gateway, now: Instant) -> int:
    """Looks at what is due: devices, offers, tickets, callbacks. Returns how many rows it looked at."""
    with gw.store.read() as session:
        if not due.anything(session, now):
            return 0
    looked = _again(lambda: _sweep_devices(gw, now)) + _again(lambda: _sweep_work(gw, now))
    if looked:
        gw.outbox_filled.set()
        gw.commands_filled.set()
    return looked


def advance(gw: Gateway, act: Act, who: str, now: Instant) -> None:
    """A person did something; `who` is written in the timeline. Raises Refused or NoSuch."""

    def once() -> None:
        with gw.store.write() as session:
            apply(session, [plan_act(act, people.facts_for(session, act), gw.rules, who, now)])

    _again(once)
    gw.outbox_filled.set()


def forget(gw: Gateway, now: Instant) -> int:
    """Drops readings and dead letters past their time, a bounded number at once."""
    with gw.store.write() as session:
        return due.forget(session, now - gw.settings.readings_days * DAY)


def _receive(gw: Gateway, batch: Sequence[Heard], decoded: Decoded, now: Instant) -> Judged:
    with gw.store.write() as session:
        notes = voices.notes(session, {source for number in decoded.later
                                       for source in gw.spoken.sources(batch[number].topic)})
        attempt = decode_rest(decoded, batch, gw.spoken, notes, now)
        attempt.signals = _through_bridges(gw, session, attempt) + _taken_back(session, attempt, batch, now)
        known = hot.load(session, {signal.key for _, _, signal in attempt.signals})
        judged = judge(attempt, known, gw.profiles, now)
        voices.save_notes(session, notes)
        hot.save(session, judged.touched.values())
        hot.add_readings(session, judged.readings)
        inbox.bury(session, [(gw.spoken.name_of(heard.topic), *heard[:2], reason)
                             for heard, reason in attempt.refused], now)
        inbox.note_unclaimed(session, {key: (count, batch[number].topic)
                                       for key, (count, number) in judged.unclaimed.items()}, now)
        commands.settle(session, judged.acks, now)
        judged.saved = _follow_up(gw, session, judged.findings, now)
    judged.drops, judged.refused = attempt.drops, attempt.refused
    return judged


def _sweep_devices(gw: Gateway, now: Instant) -> int:
    with gw.store.write() as session:
        known = hot.due(session, now, SWEEP)
        if known:
            tick = Tick(inbox.listening_since(session, now))
            findings = []
            for device in known:
                if (profile := gw.profiles.get(device.profile)) is None:
                    device.due_at = None  # run.py says so at start; its next message counts as dropped
                else:
                    findings += [Finding(device, verdict) for verdict in step(profile, device, tick, now)]
            hot.save(session, known)
            _follow_up(gw, session, findings, now)
        return len(known)


def _sweep_work(gw: Gateway, now: Instant) -> int:
    with gw.store.write() as session:
        work = due.work(session, now)
        if work:
            facts = gather.situations(session, work.device_ids, firms=gather.firms(session))
            apply(session, plan_clock(work, facts, gw.rules, now))
        return len(work)


def _follow_up(gw: Gateway, session: Session, findings: Sequence[Finding], now: Instant) -> int:
    """Plans and applies what the findings come to; a site's findings are planned on the same evolving facts.

    Returns how many faults are over because of a command, so that nobody has to drive."""
    if not findings:
        return 0
    presses: dict[str, set[str]] = {}
    for known, verdict in findings:
        if isinstance(verdict, Pressed):
            presses.setdefault(known.device_id, set()).add(verdict.press_id or "")
    firms = None if all(isinstance(f.verdict, Pressed) for f in findings) else gather.firms(session)
    facts = gather.situations(session, {f.known.device_id for f in findings}, presses, firms)
    plans = plan_findings(findings, facts, gw.rules, now)
    apply(session, plans)
    return sum(change.values.get("fixed_by") is not None for plan in plans for change in plan.change)


def _through_bridges(gw: Gateway, session: Session, decoded: Decoded) -> list[tuple[int, bool, Signal]]:
    """What a bridge says of itself holds for every device behind it: a dead bridge makes them unknown, not lost."""
    signals: list[tuple[int, bool, Signal]] = []
    for number, retained, signal in decoded.signals:
        signals.append((number, retained, signal))
        if type(signal) is Presence and signal.bridge:
            state = "reachable" if signal.state == "online" else "unknown"
            signals += [(number, retained, Presence(key, state, signal.at))
                        for key in inbox.behind(session, signal.key, gw.spoken.brings_all(signal.key))]
    return signals


def _taken_back(session: Session, decoded: Decoded, batch: Sequence[Heard], now: Instant
                ) -> list[tuple[int, bool, Signal]]:
    """Keeps what devices announce; one that has taken back everything was removed, not lost."""
    announced = [(number, signal) for number, _, signal in decoded.signals if type(signal) is Announced]
    gone = voices.introduce(session, [(batch[number].topic, said) for number, said in announced], now)
    return [(announced[-1][0], False, Presence(key, "removed")) for key in sorted(gone)]


def _again(work: Callable[[], T]) -> T:
    """Decides anew when another worker changed the same rows first."""
    for _ in range(TRIES):
        try:
            return work()
        except Conflict:
            continue
    return work()
