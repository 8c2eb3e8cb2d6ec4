"""Decodes a batch of MQTT messages, runs detection on each device, and collects what must be written. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

import orjson

from gateway.detection import advance, invalid_timestamp_reason
from gateway.detection.clock_skew import clock_offset, measure_clock
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

    device: ClaimedDevice  # as the whole batch leaves it
    verdict: Verdict


class Refused(NamedTuple):
    """A message that no dialect could decode, and why."""

    message: MqttMessage
    reason: str


@dataclass
class DecodedBatch:
    """A batch before the database is read: its signals, each with its message's number, and the rejected messages."""

    signals: list[tuple[int, bool, Signal]] = field(default_factory=list)  # (message number, retained, signal)
    later: list[int] = field(default_factory=list)  # numbers of messages that cannot be read without notes
    refused: list[Refused] = field(default_factory=list)
    drops: dict[str, int] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)  # keys of devices that sent something undecodable
    unrouted_messages: set[str] = field(default_factory=set)  # announcements of which no topic is followed any more

    def drop(self, reason: str) -> None:
        self.drops[reason] = self.drops.get(reason, 0) + 1


@dataclass
class BatchResult:
    """What must be written for one batch."""

    # as device_states.add_readings writes them
    readings: list[tuple[str, Instant, int, Instant, str]] = field(default_factory=list)
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
        """Adds a later result, which was judged on the devices as this one left them."""
        self.changed_devices |= later.changed_devices
        self.findings = [Finding(self.changed_devices[device.device_id], verdict)
                         for device, verdict in (*self.findings, *later.findings)]


def decode_all(batch: Sequence[MqttMessage], dialects: DialectRegistry) -> DecodedBatch:
    """Decodes every message that needs no notes; one that cannot be decoded does not affect the others."""
    decoded = DecodedBatch()
    for number, message in enumerate(batch):
        if dialects.sources(message.topic):
            decoded.later.append(number)
        else:
            _decode(decoded, number, message, dialects, None, 0)
    return decoded


def decode_with_notes(decoded: DecodedBatch, batch: Sequence[MqttMessage], dialects: DialectRegistry,
                      notes: Mapping[str, Notes], now: Instant) -> DecodedBatch:
    """`decoded` and the messages that need `notes` (which it changes), all in order of receipt."""
    whole = DecodedBatch(list(decoded.signals), [], list(decoded.refused), dict(decoded.drops), set(decoded.alive))
    for number in decoded.later:
        _decode(whole, number, batch[number], dialects, notes, now)
    whole.signals.sort(key=itemgetter(0))
    return whole


def _decode(decoded: DecodedBatch, number: int, message: MqttMessage, dialects: DialectRegistry,
            notes: Mapping[str, Notes] | None, now: Instant) -> None:
    try:
        for signal in dialects.decode(message.topic, message.payload, message.retained, notes, now):
            decoded.signals.append((number, message.retained, signal))
    except Undecodable as why:
        decoded.refused.append(Refused(message, str(why)))
        if not message.retained and (key := dialects.key_of(message.topic)) is not None:
            decoded.alive.add(key)
    except Ignored as why:
        decoded.drop(str(why))


def judge(decoded: DecodedBatch, devices: Mapping[str, ClaimedDevice], profiles: Mapping[str, Profile],
          now: Instant) -> BatchResult:
    """Runs detection on the batch's signals in order. `devices`: key → ClaimedDevice of every claimed device in
    the batch; they are not changed, their new states are in `changed_devices`."""
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
        device = states.get(signal.key) or _own(devices, states, signal.key)
        if device is None:
            judged.unclaimed[signal.key] = (judged.unclaimed.get(signal.key, (0, 0))[0] + 1, number)
            continue
        if isinstance(signal, Ack):
            judged.acks.append((device.device_id, signal.command_id, signal.ok))
            continue
        profile = profiles.get(device.profile)
        if profile is None:
            decoded.drop("device of an unknown profile")
            continue
        if type(signal) is Telemetry and not retained and signal.at is not None:
            _measure_clock(device, signal.at, now)
        believed = _plausible(signal, number, retained, device, judged, decoded, now)
        if believed is None:
            continue
        away = device.link != _ONLINE
        for verdict in advance(profile, device, believed, now, retained):
            judged.findings.append(Finding(device, verdict))
        if away and device.link == _ONLINE:
            back.append(signal.key)
        judged.changed_devices[device.device_id] = device
    for key in decoded.alive:  # it is there, whatever it meant
        device = states.get(key) or _own(devices, states, key)
        if device is not None and (profile := profiles.get(device.profile)) is not None:
            if device.link != _ONLINE:
                back.append(key)
            judged.findings += [Finding(device, verdict)
                                for verdict in advance(profile, device, Presence(key, _ONLINE), now)]
            judged.changed_devices[device.device_id] = device
    for key in back:
        bridge = states[key].memory.bridge
        if bridge is not None and states[key].link == _ONLINE:
            judged.working.add(bridge.bridge)
    return judged


def _own(devices: Mapping[str, ClaimedDevice], states: dict[str, ClaimedDevice], key: str) -> ClaimedDevice | None:
    """Our own copy of the device, made at its first signal in this batch."""
    device = devices.get(key)
    if device is not None:
        states[key] = device = device.copy()
    return device


def _measure_clock(device: ClaimedDevice, at: Instant, now: Instant) -> None:
    """Updates the offset of the device's clock by a timestamp of its own."""
    clock = measure_clock(device.memory.clock, at, now)
    if clock is not device.memory.clock:
        device.remember(clock=clock)


def _is_claimed(key: str, devices: Mapping[str, ClaimedDevice]) -> bool:
    """Whether it or a device behind it is claimed: nothing is sent to unclaimed devices."""
    return key in devices or any(claimed.startswith(f"{key}/") for claimed in devices)


def _plausible(signal: Telemetry | Press | ButtonWord | FaultCode | FaultList | Presence, number: int, retained: bool,
               device: ClaimedDevice, judged: BatchResult, decoded: DecodedBatch, now: Instant
               ) -> Telemetry | Press | ButtonWord | FaultCode | FaultList | Presence | None:
    """The signal to judge: itself, only a sign of life when its timestamp is invalid, or None."""
    if type(signal) is Telemetry:
        if retained:
            decoded.drop("retained telemetry")  # old news from the broker, no sign of life
            return None
    elif type(signal) is not FaultCode and type(signal) is not FaultList:
        off = clock_offset(device)
        return signal._replace(at=signal.at - off) if off and signal.at is not None else signal
    at = signal.at
    if at is not None:
        at -= clock_offset(device)
        if (why := invalid_timestamp_reason(at, now)) is not None:
            decoded.drop(why)
            return Presence(signal.key, _ONLINE, heard_at=getattr(signal, "heard_at", None))
        if at != signal.at:
            signal = signal._replace(at=at)
    if type(signal) is Telemetry:
        # without the device's own number two messages of one millisecond would look like one
        seq = number if at is None else signal.seq
        judged.readings.append((device.device_id, now if at is None or at > now else at, seq, now,
                                orjson.dumps(signal.values).decode()))
    return signal
