"""Pure judgement: a device's profile and state, one Signal or Tick, and the time, to what follows."""

from gateway.detection import faults, rules, silence
from gateway.detection.state import Cleared, Known, Pressed, Raised, Tick, Verdict
from gateway.dialects.signals import FaultCode, Presence, Press, Signal, Telemetry
from gateway.model import DAY, MINUTE, SECOND, Instant
from gateway.profiles import Profile, read

__all__ = ["Cleared", "Known", "Pressed", "Raised", "Tick", "Verdict", "distrust", "step"]

AHEAD = 2 * MINUTE  # a device's clock may run ahead by this much and be read as "now"; further ahead is not believed
BEHIND = 30 * DAY  # older than any reading we keep
DEAF = 15 * SECOND  # how long a deadline waits that is past while nobody listens


def step(profile: Profile, state: Known, signal: Signal | Tick, now: Instant, retained: bool = False) -> list[Verdict]:
    """Moves `state` on in place and returns what changed. `signal.at` must be believable: see `distrust`.

    What the broker had kept (`retained`) is news, perhaps, but no sign of life.
    """
    verdicts: list[Verdict] = []
    if type(signal) is Telemetry:
        _telemetry(profile, state, signal, now, verdicts)
    elif type(signal) is Tick:
        rules.fire_pending(profile, state, now, verdicts)
        silence.judge_silence(profile, state, signal.listening_since, now, verdicts)
    elif type(signal) is Presence:
        silence.presence(state, signal, now, verdicts)
    elif type(signal) is FaultCode:
        if not retained:
            silence.heard(state, now, verdicts)
        faults.judge_fault(profile, state, signal, now, verdicts)
    elif type(signal) is Press:
        silence.heard(state, now, verdicts)
        if _is_new(state, signal):
            at = min(signal.at or now, now)  # a press is never too old: somebody still waits
            verdicts.append(Pressed(signal.press_id, signal.kind, signal.kind in profile.urgent_presses, at))
    state.due_at = _due(profile, state, signal.listening_since if type(signal) is Tick else None, now)
    return verdicts


def distrust(at: Instant, now: Instant) -> str | None:
    """Why a device's own time cannot be believed, in short counted words; None when it can."""
    if at > now + AHEAD:
        return "future timestamp"
    if at < now - BEHIND:
        return "ancient timestamp"
    return None


def _telemetry(profile: Profile, state: Known, signal: Telemetry, now: Instant, verdicts: list[Verdict]) -> None:
    if state.link != "online" or silence.SILENT in state.rules:
        silence.heard(state, now, verdicts)
    else:
        state.seen_at = now
    at = now if signal.at is None or signal.at > now else signal.at
    if state.data_at is not None and at < state.data_at:
        return  # late: kept as a reading, but it changes no newer truth
    state.data_at = at
    if signal.expires is not None:
        state.rules["!expires"] = {"s": "expires", "ms": signal.expires}
    state.signals.update(read(profile, signal.values))
    if silence.STALE in state.rules:
        silence.fresh(state, at, now, profile, verdicts)
    rules.judge_rules(profile, state, at, verdicts)


def _is_new(state: Known, press: Press) -> bool:
    """A device that repeats its last press has pressed only when its count has changed since we last heard it."""
    if press.change is None:
        return True
    name, count = press.change
    counts = state.rules.setdefault("!presses", {"s": "counts"})
    before, counts[name] = counts.get(name), count
    return before is not None and before != count and press.kind != ""


def _due(profile: Profile, state: Known, listening_since: Instant | None, now: Instant) -> Instant | None:
    """The earliest moment the clock must look at this device again.

    A pending rule whose time is already past (an old burst still coming in) waits two seconds for what follows it.
    """
    link, data = silence.deadlines(profile, state, listening_since)
    due = link if data is None or (link is not None and link < data) else data
    if due is not None and due <= now:
        due = now + DEAF
    if state.rules:
        for mark in state.rules.values():
            if mark["s"] == "pending":
                pending = mark["due"] if mark["due"] > now else now + 2 * SECOND
                due = pending if due is None or pending < due else due
    before = state.due_before
    if before is not None and due is not None and now < before <= due and (due - before) * 8 <= before - now:
        return before  # a little early costs one more look at a device that falls silent; moving it costs every message
    return due
