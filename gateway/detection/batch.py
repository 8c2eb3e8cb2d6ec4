"""Decodes a batch of MQTT messages, steps each device, and sorts the results by what must be written. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

import orjson

from gateway.detection import advance, invalid_timestamp_reason
from gateway.detection.clock_skew import clock_offset, measured
from gateway.detection.device_state import ClaimedDevice, Verdict
from gateway.devices.dialects import DialectRegistry
from gateway.devices.profiles import Profile
from gateway.model import Instant
from gateway.model.signals import (
    Ack,
    Announced,
    ButtonWord,
    FaultCode,
    FaultList,
    Ignored,
    Notes,
    Presence,
    Press,
    Request,
    Signal,
    Skipped,
    Telemetry,
    Undecodable,
)
from gateway.model.states import LinkState

_ONLINE = LinkState.ONLINE


class MqttMessage(NamedTuple):
    """One message as it came from the broker."""

    topic: str
    payload: bytes
    retained: bool = False


class Finding(NamedTuple):
    """A verdict on a device, in the order things happened."""

    known: ClaimedDevice  # as the whole batch leaves it
    verdict: Verdict


class Refused(NamedTuple):
    """A message nobody could read."""

    heard: MqttMessage
    reason: str


@dataclass
class DecodedBatch:
    """A batch before the database is asked: signals with the place of their message, and what fell out."""

    signals: list[tuple[int, bool, Signal]] = field(default_factory=list)  # (message number, retained, signal)
    later: list[int] = field(default_factory=list)  # numbers of messages that cannot be read without notes
    refused: list[Refused] = field(default_factory=list)
    drops: dict[str, int] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)  # keys of devices that said something nobody could read
    unrouted_messages: set[str] = field(default_factory=set)  # announcements of which no topic is followed any more

    def drop(self, reason: str) -> None:
        self.drops[reason] = self.drops.get(reason, 0) + 1


@dataclass
class BatchResult:
    """What one batch comes to."""

    readings: list[tuple[str, Instant, int, Instant, str]] = field(default_factory=list)  # as store.hot writes them
    changed_devices: dict[str, ClaimedDevice] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    unclaimed: dict[str, tuple[int, int]] = field(default_factory=dict)  # key → (messages, number of the newest)
    acks: list[tuple[str, str, bool]] = field(default_factory=list)  # (device, command id, whether it could be done)
    working: set[str] = field(default_factory=set)  # keys of bridges that are down, and through which somebody speaks
    announced: bool = False  # somebody introduced itself, or took it back
    unrouted_messages: set[str] = field(default_factory=set)  # announcements of which no topic is followed any more
    saved: int = 0  # faults that a command has put right
    requests: list[Request] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    drops: dict[str, int] = field(default_factory=dict)

    def add(self, later: "BatchResult") -> None:
        """What was judged after it, on devices as this left them."""
        self.changed_devices |= later.changed_devices
        self.findings = [Finding(self.changed_devices[known.device_id], verdict)
                         for known, verdict in (*self.findings, *later.findings)]


def decode_all(batch: Sequence[MqttMessage], spoken: DialectRegistry) -> DecodedBatch:
    """Reads every message that can be read by itself; one that cannot be read harms no other."""
    decoded = DecodedBatch()
    for number, heard in enumerate(batch):
        if spoken.sources(heard.topic):
            decoded.later.append(number)
        else:
            _decode(decoded, number, heard, spoken, None, 0)
    return decoded


def decode_with_notes(decoded: DecodedBatch, batch: Sequence[MqttMessage], spoken: DialectRegistry,
                      notes: Mapping[str, Notes], now: Instant) -> DecodedBatch:
    """`decoded` and what can only be read with `notes`, which it moves on; all in the order in which it was heard."""
    whole = DecodedBatch(list(decoded.signals), [], list(decoded.refused), dict(decoded.drops), set(decoded.alive))
    for number in decoded.later:
        _decode(whole, number, batch[number], spoken, notes, now)
    whole.signals.sort(key=itemgetter(0))
    return whole


def _decode(decoded: DecodedBatch, number: int, heard: MqttMessage, spoken: DialectRegistry,
            notes: Mapping[str, Notes] | None, now: Instant) -> None:
    try:
        for signal in spoken.decode(heard.topic, heard.payload, heard.retained, notes, now):
            decoded.signals.append((number, heard.retained, signal))
    except Undecodable as why:
        decoded.refused.append(Refused(heard, str(why)))
        if not heard.retained and (key := spoken.key_of(heard.topic)) is not None:
            decoded.alive.add(key)
    except Ignored as why:
        decoded.drop(str(why))


def judge(decoded: DecodedBatch, devices: Mapping[str, ClaimedDevice], profiles: Mapping[str, Profile],
          now: Instant) -> BatchResult:
    """Steps the batch's signals in order. `devices`: key → Known of every claimed device in the batch; what becomes of
    them is in `changed_devices`."""
    judged = BatchResult()
    states: dict[str, ClaimedDevice] = {}  # our own copies, moved on from signal to signal
    back: list[str] = []  # keys of those that were away, with their bridge perhaps, and speak
    for number, retained, signal in decoded.signals:
        if isinstance(signal, Announced):
            judged.announced = True
            continue
        if isinstance(signal, Request):
            if _is_claimed(signal.key, devices):
                judged.requests.append(signal)
            continue
        if isinstance(signal, Skipped):
            decoded.drop(signal.reason)
            continue
        known = states.get(signal.key) or _own(devices, states, signal.key)
        if known is None:
            judged.unclaimed[signal.key] = (judged.unclaimed.get(signal.key, (0, 0))[0] + 1, number)
            continue
        if isinstance(signal, Ack):
            judged.acks.append((known.device_id, signal.command_id, signal.ok))
            continue
        profile = profiles.get(known.profile)
        if profile is None:
            decoded.drop("device of an unknown profile")
            continue
        if type(signal) is Telemetry and not retained and signal.at is not None:
            _measure_clock(known, signal.at, now)
        believed = _plausible(signal, number, retained, known, judged, decoded, now)
        if believed is None:
            continue
        away = known.link != _ONLINE
        for verdict in advance(profile, known, believed, now, retained):
            judged.findings.append(Finding(known, verdict))
        if away and known.link == _ONLINE:
            back.append(signal.key)
        judged.changed_devices[known.device_id] = known
    for key in decoded.alive:  # it is there, whatever it meant
        known = states.get(key) or _own(devices, states, key)
        if known is not None and (profile := profiles.get(known.profile)) is not None:
            if known.link != _ONLINE:
                back.append(key)
            judged.findings += [Finding(known, verdict)
                                for verdict in advance(profile, known, Presence(key, _ONLINE), now)]
            judged.changed_devices[known.device_id] = known
    for key in back:
        bridge = states[key].memory.bridge
        if bridge is not None and states[key].link == _ONLINE:
            judged.working.add(bridge.bridge)
    return judged


def _own(devices: Mapping[str, ClaimedDevice], states: dict[str, ClaimedDevice], key: str) -> ClaimedDevice | None:
    """Its first signal in this batch: from here on it is a copy of our own."""
    known = devices.get(key)
    if known is not None:
        states[key] = known = known.copy()
    return known


def _measure_clock(known: ClaimedDevice, at: Instant, now: Instant) -> None:
    """Notes what this time of its own says of its clock."""
    clock = measured(known.memory.clock, at, now)
    if clock is not known.memory.clock:
        known.remember(clock=clock)


def _is_claimed(key: str, devices: Mapping[str, ClaimedDevice]) -> bool:
    """Whether it or something behind it is claimed: a stranger is never spoken to."""
    return key in devices or any(claimed.startswith(f"{key}/") for claimed in devices)


def _plausible(signal: Telemetry | Press | ButtonWord | FaultCode | FaultList | Presence, number: int, retained: bool,
               known: ClaimedDevice, judged: BatchResult, decoded: DecodedBatch, now: Instant
               ) -> Telemetry | Press | ButtonWord | FaultCode | FaultList | Presence | None:
    """The signal to step with: itself, only a sign of life when its time cannot be believed, or nothing."""
    if type(signal) is Telemetry:
        if retained:
            decoded.drop("retained telemetry")  # old news from the broker, no sign of life
            return None
    elif type(signal) is not FaultCode and type(signal) is not FaultList:
        off = clock_offset(known)
        return signal._replace(at=signal.at - off) if off and signal.at is not None else signal
    at = signal.at
    if at is not None:
        at -= clock_offset(known)
        if (why := invalid_timestamp_reason(at, now)) is not None:
            decoded.drop(why)
            return Presence(signal.key, _ONLINE, heard_at=getattr(signal, "heard_at", None))
        if at != signal.at:
            signal = signal._replace(at=at)
    if type(signal) is Telemetry:
        # without the device's own number two messages of one millisecond would look like one
        seq = number if at is None else signal.seq
        judged.readings.append((known.device_id, now if at is None or at > now else at, seq, now,
                                orjson.dumps(signal.values).decode()))
    return signal
