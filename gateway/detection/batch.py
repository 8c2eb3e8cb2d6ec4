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
    FaultCode,
    FaultList,
    Ignored,
    Notes,
    Presence,
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
        self.findings += later.findings


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
    the batch; those in `changed_devices` have been moved on in place."""
    judged = BatchResult()
    changed_devices = judged.changed_devices
    back: list[str] = []  # keys of those that were away, with their bridge perhaps, and speak
    for number, retained, signal in decoded.signals:
        device = devices.get(signal.key)
        telemetry = type(signal) is Telemetry
        if not telemetry and _is_no_news(signal, number, device, devices, judged, decoded):
            continue
        if device is None:
            judged.unclaimed[signal.key] = (judged.unclaimed.get(signal.key, (0, 0))[0] + 1, number)
            continue
        profile = profiles.get(device.profile)
        if profile is None:
            decoded.drop("device of an unknown profile")
            continue
        if telemetry and retained:
            decoded.drop("retained telemetry")  # old news from the broker, no sign of life
            continue
        if type(signal) is Telemetry:
            believed: Signal = _plausible_telemetry(signal, number, device, judged, decoded, now)
        else:
            believed = _plausible(signal, device, decoded, now)
        away = device.link is not _ONLINE
        for verdict in advance(profile, device, believed, now, retained):
            judged.findings.append(Finding(device, verdict))
        if away and device.link is _ONLINE:
            back.append(signal.key)
        changed_devices[device.device_id] = device
    for key in decoded.alive:  # it is there, whatever it meant
        device = devices.get(key)
        if device is not None and (profile := profiles.get(device.profile)) is not None:
            if device.link != _ONLINE:
                back.append(key)
            judged.findings += [Finding(device, verdict)
                                for verdict in advance(profile, device, Presence(key, _ONLINE), now)]
            changed_devices[device.device_id] = device
    for key in back:
        bridge = devices[key].memory.bridge
        if bridge is not None and devices[key].link == _ONLINE:
            judged.working.add(bridge.bridge)
    return judged


def _is_no_news(signal: Signal, number: int, device: ClaimedDevice | None, devices: Mapping[str, ClaimedDevice],
                judged: BatchResult, decoded: DecodedBatch) -> bool:
    """Whether it says nothing of how its device is: what it says is noted in `judged`."""
    if isinstance(signal, Announced):
        judged.announced = True
    elif isinstance(signal, Request):
        if _is_claimed(signal.key, devices):
            judged.requests.append(signal)
    elif isinstance(signal, Skipped):
        decoded.drop(signal.reason)
    elif isinstance(signal, Ack) and device is not None:
        judged.acks.append((device.device_id, signal.command_id, signal.ok))
    else:
        return False
    return True


def _is_claimed(key: str, devices: Mapping[str, ClaimedDevice]) -> bool:
    """Whether it or a device behind it is claimed: nothing is sent to unclaimed devices."""
    return key in devices or any(claimed.startswith(f"{key}/") for claimed in devices)


def _plausible_telemetry(signal: Telemetry, number: int, device: ClaimedDevice, judged: BatchResult,
                         decoded: DecodedBatch, now: Instant) -> Telemetry | Presence:
    """The telemetry to judge, by our clock, and noted as a reading; only a sign of life when its time is invalid."""
    at, clock = signal.at, device.memory.clock
    if at is None:
        # without the device's own number two messages of one millisecond would look like one
        judged.readings.append((device.device_id, now, number, now, orjson.dumps(signal.values).decode()))
        return signal
    if (measured := measure_clock(clock, at, now)) is not clock:
        device.remember(clock=measured)
    if measured is not None and (off := measured.offset_ms):
        at -= off
        signal = signal._replace(at=at)
    if (why := invalid_timestamp_reason(at, now)) is not None:
        decoded.drop(why)
        return Presence(signal.key, _ONLINE, heard_at=signal.heard_at)
    judged.readings.append((device.device_id, now if at > now else at, signal.seq, now,
                            orjson.dumps(signal.values).decode()))
    return signal


def _plausible(signal: Signal, device: ClaimedDevice, decoded: DecodedBatch, now: Instant) -> Signal:
    """The signal to judge, by our clock; only a sign of life when a fault's time is invalid."""
    off = clock_offset(device)
    at: Instant | None = getattr(signal, "at", None)
    if at is None:
        return signal
    if isinstance(signal, FaultCode | FaultList) and (why := invalid_timestamp_reason(at - off, now)) is not None:
        decoded.drop(why)
        return Presence(signal.key, _ONLINE, heard_at=signal.heard_at)
    return signal._replace(at=at - off) if off else signal  # type: ignore[call-arg]
