"""Detection: from a device's profile, state and one Signal to its new state and verdicts (`advance`, `step`). Pure."""

from gateway.config.quotas import SIGNALS_REMEMBERED
from gateway.detection import fault_codes, presses, rules, silence
from gateway.detection.clock_skew import AHEAD
from gateway.detection.device_state import (
    STICKS,
    ClaimedDevice,
    Cleared,
    ClockTick,
    Escalated,
    Flapping,
    MissedAlarm,
    Pressed,
    Raised,
    RuleFailed,
    Verdict,
)
from gateway.detection.memory import HEALTHY, DeviceMemory
from gateway.detection.rule_prefilter import prefilter_of
from gateway.devices.profiles import Profile
from gateway.model import DAY, SECOND, Instant
from gateway.model.signals import ButtonWord, FaultCode, FaultList, Presence, Press, Signal, Telemetry, Value
from gateway.model.states import LinkState, PressKind

__all__ = ["RuleFailed", "Cleared", "Flapping", "ClaimedDevice", "MissedAlarm", "Pressed", "Raised", "Escalated",
           "ClockTick", "Verdict", "advance", "invalid_timestamp_reason", "step"]

_ONLINE = LinkState.ONLINE
_MORE_THAN_TWO = (PressKind.TRIPLE, PressKind.MANY)
BEHIND = 30 * DAY  # older than any reading we keep
RECHECK_AFTER = 15 * SECOND  # a deadline that is past while nobody listens is looked at again after this


def step(profile: Profile, state: ClaimedDevice, signal: Signal | ClockTick, now: Instant, retained: bool = False
         ) -> tuple[ClaimedDevice, list[Verdict]]:
    """The device's new state, and the verdicts that led to it in their order; `state` stays as it is.

    `signal.at` must be believable: see `invalid_timestamp_reason`. What the broker had kept (`retained`) is
    news, perhaps, but no sign of life.
    """
    state = state.copy()
    return state, advance(profile, state, signal, now, retained)


def advance(profile: Profile, state: ClaimedDevice, signal: Signal | ClockTick, now: Instant, retained: bool = False
            ) -> list[Verdict]:
    """As `step`, but changes `state` in place instead of a copy; only for the owner of `state`."""
    verdicts: list[Verdict] = []
    if type(signal) is Telemetry:
        _telemetry(profile, state, signal, now, verdicts)
        state.due_at = _due(profile, state, None, now)
        return verdicts
    if type(signal) is ClockTick:
        if signal.listening_since is not None and now >= signal.listening_since + RECHECK_AFTER:
            # what was sent while we did not listen comes first
            fault_codes.clear_excess_faults(state, now, verdicts)
            presses.clear_stuck(state, signal.listening_since, now, verdicts)
            rules.fire_due(profile, state, signal.listening_since, now, verdicts)
        silence.judge_silence(profile, state, signal.listening_since, now, verdicts)
    elif type(signal) is Presence:
        if not (retained and silence.is_stale_birth(state, signal)):
            silence.apply_presence(state, signal, now, retained, verdicts)
    elif type(signal) is FaultCode:
        if signal.heard_at is not None:
            silence.mark_relayed(state, signal.heard_at, now, verdicts)
        elif not retained:
            silence.mark_online(state, now, verdicts)
        if signal.code == STICKS and STICKS not in profile.faults:
            presses.judge_held(profile, state, signal, now, verdicts)
        else:
            fault_codes.judge_fault(profile, state, signal, now, verdicts)
    elif type(signal) is Press:
        was = state.link
        silence.mark_online(state, now, verdicts)
        if (kind := presses.new_press(state, signal, now)) is not None:
            _pressed(profile, state, was, signal.press_id, kind, signal.at, now, verdicts)
    elif type(signal) is ButtonWord:
        was = state.link
        silence.mark_online(state, now, verdicts)
        if (kind := profile.presses.get(signal.word)) is not None:
            _pressed(profile, state, was, None, kind, signal.at, now, verdicts)
    elif type(signal) is FaultList:
        if signal.heard_at is not None:
            silence.mark_relayed(state, signal.heard_at, now, verdicts)
        elif not retained:
            silence.mark_online(state, now, verdicts)
        fault_codes.clear_unlisted_faults(state, signal, now, verdicts)
    state.due_at = _due(profile, state, signal.listening_since if type(signal) is ClockTick else None, now)
    return verdicts


def invalid_timestamp_reason(at: Instant, now: Instant) -> str | None:
    """Why a device's own time cannot be believed, in short counted words; None when it can."""
    if at > now + AHEAD:
        return "future timestamp"
    if at < now - BEHIND:
        return "ancient timestamp"
    return None


def _telemetry(profile: Profile, state: ClaimedDevice, signal: Telemetry, now: Instant,
               verdicts: list[Verdict]) -> None:
    _, values, said_at, _, expires, heard_at = signal
    before = state.data_at
    if heard_at is not None:
        silence.mark_relayed(state, heard_at, now, verdicts)
    elif said_at is not None and said_at == before and silence.is_repeat(state, signal, now):
        pass
    elif state.link is not _ONLINE or state.memory.silent_since is not None:
        silence.mark_online(state, now, verdicts)
    else:
        state.seen_at = now
    at = now if said_at is None or said_at > now else said_at
    if before is not None and at < before:
        return  # late: kept as a reading, but it changes no newer truth
    ready = prefilter_of(profile)
    if ready.names and ready.names.isdisjoint(values):
        return  # it talks, and of nothing that this profile knows: no data is not fresh data
    fresh = ready.read(values)
    if fresh is not values and len(fresh) < len(values) and ready.signals and ready.signals.isdisjoint(fresh):
        return  # nothing of it can be believed: that is no data either
    state.data_at = at
    if expires is not None and expires != state.memory.expires_ms:
        state.remember(expires_ms=expires)
    signals = state.signals
    # the same moment and the same values: the network has said it twice
    counts = said_at is None or before is None or at > before or not fresh.items() <= signals.items()
    if counts and ready.keep is not None:
        state.history = ready.keep(state.history, fresh, signals, at)
    state.signals = signals = {**signals, **fresh}
    if len(signals) > SIGNALS_REMEMBERED:
        state.signals = signals = _without_the_oldest(profile, signals)
    if state.memory.stale_since is not None:
        silence.mark_data_fresh(state, at, now, profile, verdicts)
    try:
        affected = ready.may_change(signals, state.memory, state.history, at)
    except Exception:  # something is of another type: judging knows what that means
        affected = profile.rules
    if affected:
        rules.judge_rules(affected, ready, state, at, now, verdicts, counts)


def _pressed(profile: Profile, state: ClaimedDevice, was: LinkState, press_id: str | None, kind: str,
             at: Instant | None, now: Instant, verdicts: list[Verdict]) -> None:
    """A press is never too old: somebody still waits, and a time that cannot be believed is now. Any press of an
    emergency button is an emergency, except the gesture that only tries it."""
    test = kind == PressKind.TEST
    emergency = not test and (profile.emergency or kind == PressKind.URGENT)
    urgent = emergency or (PressKind.DOUBLE if kind in _MORE_THAN_TWO else kind) in profile.urgent_presses
    at = now if at is None or invalid_timestamp_reason(at, now) is not None else min(at, now)
    place = len(verdicts)  # whoever pressed is answered first; what it tells of the button comes after
    presses.note_press(profile, state, was, press_id, now, verdicts)
    verdicts.insert(place, Pressed(press_id, kind, urgent, at, emergency, presses.battery_percent(profile, state),
                                   presses.ghost_suspicion(profile, state, at)))


def _without_the_oldest(profile: Profile, signals: dict[str, Value]) -> dict[str, Value]:
    """Drops the oldest signals of a device that sends ever new names; those in its profile are always kept."""
    invented = [name for name in signals if name not in profile.signals]
    forgotten = set(invented[:max(0, len(invented) - SIGNALS_REMEMBERED)])
    return {name: value for name, value in signals.items() if name not in forgotten}


def _due(profile: Profile, state: ClaimedDevice, listening_since: Instant | None, now: Instant) -> Instant | None:
    """The earliest moment the clock must look at this device again; a moment that is past comes in two seconds."""
    link, data = silence.deadlines(profile, state, listening_since)
    due = link if data is None or (link is not None and link < data) else data
    if due is not None and due <= now:
        due = now + RECHECK_AFTER
    memory, history = state.memory, state.history
    waits = None if history is None else history.due
    if memory is not HEALTHY:
        waits = _first_wait(memory, waits)
    if waits is not None:
        moment = waits if waits > now else now + rules.BACKLOG_WAIT
        due = moment if due is None or moment < due else due
    before = state.due_before
    if before is not None and due is not None and now < before <= due and (due - before) * 8 <= before - now:
        return before  # a little early costs one more look at a device that falls silent; moving it costs every message
    return due


def _first_wait(memory: DeviceMemory, first: Instant | None) -> Instant | None:
    """When the clock must first look at a rule, at a button that sticks, at many faults, or, at `first`, at an age or a
    count."""
    for one in memory.rules.values():
        if one.due is not None and (first is None or one.due < first):
            first = one.due
    fingers = memory.fingers
    if fingers is not None and fingers.due is not None and (first is None or fingers.due < first):
        first = fingers.due
    many = memory.many_faults
    return many.due if many is not None and many.due is not None and (first is None or many.due < first) else first
