"""receive: processes a batch of messages in one transaction, after which they may be acknowledged."""

from collections.abc import Iterable, Sequence
from itertools import count
from zlib import crc32

from sqlmodel import Session

from gateway.detection.batch import (
    BatchResult,
    DecodedBatch,
    Finding,
    MqttMessage,
    decode_all,
    decode_with_notes,
    judge,
)
from gateway.detection.device_state import ClaimedDevice, Pressed, Raised, RuleFailed
from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import Alarm, Instant, LinkState
from gateway.model.plan import Draft
from gateway.model.signals import Announced, Presence, Press, Signal
from gateway.model.states import BridgeWord, GhostSign
from gateway.monitoring import metrics
from gateway.store import apply, commands, dead_letters
from gateway.store.contexts import planning
from gateway.store.devices import (
    announced_topics,
    bridges,
    connection_losses,
    device_registry,
    device_states,
    dialect_notes,
    unclaimed,
)
from gateway.tickets.plan_findings import plan_findings


def receive(gw: Gateway, batch: Sequence[MqttMessage], now: Instant) -> None:
    """Processes `batch` in one transaction; when this returns, its messages may be acknowledged."""
    received_count = len(batch)
    if gw.announcements:
        batch = [message for message in batch if not _is_repeated_announcement(gw, message)]
    decoded = decode_all(batch, gw.dialects)
    attempts = count()
    judged = retry_on_conflict(lambda: _receive(gw, batch, decoded, now, is_first=next(attempts) == 0))
    gw.states.keep(judged.changed_devices.values())
    metrics.received(received_count, len(judged.readings), judged.drops,
                     (gw.dialects.name_of(message.topic) for message, _ in judged.refused),
                     (f.verdict.severity for f in judged.findings
                      if isinstance(f.verdict, Raised) and not f.verdict.dry_run))
    metrics.MONITORED.inc(sum(isinstance(f.verdict, Raised) and f.verdict.dry_run for f in judged.findings))
    metrics.TRUCK_ROLLS_SAVED.inc(judged.saved)
    if judged.findings:
        gw.outbox_filled.set()
        gw.commands_filled.set()
    gw.requests.extend(judged.requests)
    if judged.announced:
        load_announced_topics(gw, judged.unrouted_messages)
        gw.announcements.update({message.topic: crc32(message.payload) for message in batch
                                 if message.topic in gw.dialects.announced.sources})


def _is_repeated_announcement(gw: Gateway, message: MqttMessage) -> bool:
    """Whether this announcement was stored already, byte for byte: a broker repeats all of them at each connection, and
    a press waits behind them."""
    known = gw.announcements.get(message.topic)
    if known is None:
        return False
    if known == crc32(message.payload) and message.topic in gw.dialects.announced.sources:
        return True
    del gw.announcements[message.topic]  # what this batch says of it later is no repetition
    return False


def load_announced_topics(gw: Gateway, unrouted_messages: Iterable[str] = (), whole: bool = False) -> None:
    """Loads the announced topics that changed since the last call, stored by this process or another.
    `unrouted_messages`: announcements known to be withdrawn; `whole`: also finds those that another process withdrew,
    and which devices are claimed."""
    dialects = gw.dialects
    if dialects.announcing is None:
        return
    for source in unrouted_messages:
        _forget_announcement(gw, source)
    with gw.store.read() as session:
        changed, gw.routes_change = announced_topics.routes_since(session, gw.routes_change)
        for source, (key, topics) in changed.items():
            dialects.announce(source, key, topics)
        if whole:
            dialects.claim(device_registry.keys_of(session, dialects.announcing))
            if announced_topics.routes_count(session) != dialects.announced.rows:
                for source in set(dialects.announced.sources) - announced_topics.announcements(session):
                    _forget_announcement(gw, source)


def _forget_announcement(gw: Gateway, source: str) -> None:
    gw.dialects.announce(source, "", {})
    gw.announcements.pop(source, None)


def _receive(gw: Gateway, batch: Sequence[MqttMessage], decoded: DecodedBatch, now: Instant, is_first: bool
             ) -> BatchResult:
    with gw.store.write() as session:
        notes = dialect_notes.notes(session, {source for number in decoded.later
                                       for source in gw.dialects.sources(batch[number].topic)})
        attempt = decode_with_notes(decoded, batch, gw.dialects, notes, now)
        attempt.signals = _extend_to_bridged_devices(gw, session, attempt) + _save_announcements(session, attempt,
                                                                                                 batch, now)
        known = _states(gw, session, attempt.alive | {signal.key for _, _, signal in attempt.signals}, is_first)
        judged = judge(attempt, known, gw.profiles, now)
        if judged.unclaimed:
            _hear_retired_buttons(gw, session, attempt, judged, now)
        if judged.working:
            _prove_bridges_working(gw, session, judged, now)
        dialect_notes.save_notes(session, notes)
        device_states.save(session, judged.changed_devices.values())
        connection_losses.record_losses(session, judged.changed_devices.values(), gw.profiles, now)
        device_states.add_readings(session, judged.readings)
        dead_letters.save_dead_letters(session, [
            (gw.dialects.name_of(message.topic), *message[:2], reason) for message, reason in attempt.refused], now)
        unclaimed.note_unclaimed(session, {
            key: (count, batch[number].topic) for key, (count, number) in judged.unclaimed.items()}, now)
        commands.settle(session, judged.acks, now)
        judged.saved = apply_findings(gw, session, judged.findings, now)
    judged.drops, judged.refused, judged.unrouted_messages = attempt.drops, attempt.refused, attempt.unrouted_messages
    return judged


def _states(gw: Gateway, session: Session, keys: set[str], is_first: bool) -> dict[str, ClaimedDevice]:
    """Key → state of the claimed devices among `keys`: as kept, else as it stands in the database. Whether it is
    current still is known when it is saved. The attempt after that reads all of them, and locks them: of several
    workers on the same devices each comes to its turn."""
    kept = gw.states.take(keys)
    if not is_first:
        kept.clear()
    missing = keys - kept.keys() if kept else keys
    return kept | device_states.load(session, missing, gw.scheduled, lock=not kept) if missing else kept


def apply_findings(gw: Gateway, session: Session, findings: Sequence[Finding], now: Instant) -> int:
    """Plans and applies what follows from the findings, those of one site on the same changing PlanningContext.

    Returns how many faults ended because of a command, so that nobody has to drive."""
    if any(isinstance(finding.verdict, RuleFailed) for finding in findings):
        findings = planning.not_yet_reported(session, findings)
    if not findings:
        return 0
    presses: dict[str, set[str]] = {}
    for device, verdict in findings:
        if isinstance(verdict, Pressed):
            presses.setdefault(device.device_id, set()).add(verdict.press_id or "")
    troubled = {finding.device.device_id for finding in findings if not isinstance(finding.verdict, Pressed)}
    draft = Draft()
    contexts = planning.planning_contexts(
        session, draft, troubled, presses, now if troubled else None,
        opens=any(isinstance(finding.verdict, Raised | Pressed) for finding in findings))
    apply(session, plan_findings(findings, contexts, draft, gw.policy, now))
    return sum(alarm.fixed_by is not None for alarm, before in draft.rows(Alarm)
               if before is None or before["fixed_by"] is None)


def _extend_to_bridged_devices(gw: Gateway, session: Session, decoded: DecodedBatch) -> list[tuple[int, bool, Signal]]:
    """Adds to a bridge's presence the same for every device behind it. When the bridge can raise an alarm of its own
    they become unknown, not lost: the fault is the bridge's, once. Otherwise they are lost with it."""
    words = [signal for _, _, signal in decoded.signals
             if type(signal) is Presence and (signal.bridge or signal.through is not None)]
    if not words:
        return decoded.signals
    behind = bridges.devices_behind(session,
                                    {word.key: gw.dialects.brings_all(word.key) for word in words if word.bridge})
    hubs = bridges.hubs_of(session, {word.key for word in words if word.through is not None})
    signals: list[tuple[int, bool, Signal]] = []
    for number, retained, signal in decoded.signals:
        signals.append((number, retained, signal))
        if type(signal) is Presence and signal.bridge:
            bridge = behind[signal.key]
            if signal.state in (LinkState.ONLINE, LinkState.REMOVED):
                state: str = BridgeWord.REACHABLE
            else:
                lost = signal.state == LinkState.LOST and not _can_be_lost(gw, bridge.profile)
                state = LinkState.LOST if lost else LinkState.UNKNOWN
            signals += [(number, retained, Presence(key, state, signal.at, through=signal.key)) for key in bridge.keys]
        elif type(signal) is Presence and signal.through is not None and signal.key in hubs:
            hub, profile = hubs[signal.key]
            explained = signal.state == LinkState.LOST and _can_be_lost(gw, profile)
            signals[-1:] = [(number, retained, signal._replace(key=hub)),
                            (number, retained, signal._replace(state=LinkState.UNKNOWN) if explained else signal)]
    return signals


def _hear_retired_buttons(gw: Gateway, session: Session, decoded: DecodedBatch, judged: BatchResult, now: Instant
                          ) -> None:
    """A call for help from a button that was retired is one all the same, marked as such: somebody has it in their
    hand. Whatever else it says is an unclaimed device's."""
    pressed = [one for one in decoded.signals if type(one[2]) is Press and one[2].key in judged.unclaimed]
    if not pressed:
        return
    heard = judge(DecodedBatch(pressed), device_states.load_retired(session, {one[2].key for one in pressed}),
                  gw.profiles, now)
    device_states.save(session, heard.changed_devices.values())  # how often it was pressed: it may stick
    judged.findings += [Finding(device, verdict._replace(suspicion=GhostSign.RETIRED))
                        for device, verdict in heard.findings if isinstance(verdict, Pressed) and verdict.emergency]


def _can_be_lost(gw: Gateway, profile: str | None) -> bool:
    """Whether a device of this profile becomes a fault when it is lost."""
    known = gw.profiles.get(profile or "")
    return known is not None and (known.silence.lost_ms is not None or known.silence.link_ms is not None)


def _prove_bridges_working(gw: Gateway, session: Session, judged: BatchResult, now: Instant) -> None:
    """A message came through a bridge that is recorded as down: so it works, and every other device behind it is judged
    by its own deadlines again."""
    for bridge, behind in bridges.devices_behind(session,
                                                 {key: gw.dialects.brings_all(key) for key in judged.working}).items():
        keys = behind.keys | gw.dialects.sharing(bridge) | {bridge}
        keys |= {hub for hub, _ in bridges.hubs_of(session, keys).values()}
        known = device_states.load(session, keys,
                                   gw.scheduled) | {one.key: one for one in judged.changed_devices.values()}
        news: list[tuple[int, bool, Signal]] = [
            (0, False, Presence(key, BridgeWord.PROVEN, through=bridge)) for key in keys]
        judged.add(judge(DecodedBatch(news), known, gw.profiles, now))


def _save_announcements(session: Session, decoded: DecodedBatch, batch: Sequence[MqttMessage], now: Instant
                        ) -> list[tuple[int, bool, Signal]]:
    """Stores what devices announce; one that has withdrawn all its topics was removed, not lost."""
    announced = [(number, signal) for number, _, signal in decoded.signals if type(signal) is Announced]
    introduced = announced_topics.save_announcements(
        session, [(batch[number].topic, said) for number, said in announced], now)
    decoded.unrouted_messages = introduced.unrouted_messages
    return [(announced[-1][0], False, Presence(key, LinkState.REMOVED)) for key in sorted(introduced.left)]
