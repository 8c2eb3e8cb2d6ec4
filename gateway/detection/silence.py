"""Detects silent devices: no message at all (link), or no fresh telemetry (data)."""

from typing import Any

from gateway.detection.clock_skew import AHEAD, STEADY, clock_offset
from gateway.detection.device_state import SILENT, STALE, ClaimedDevice, Cleared, Raised, Verdict
from gateway.detection.memory import BridgeDown, RepeatedMessage
from gateway.detection.presses import note_return
from gateway.devices.profiles import Profile
from gateway.model import MINUTE, Instant
from gateway.model.signals import Presence, Telemetry
from gateway.model.states import BridgeWord, LinkState

_ONLINE = LinkState.ONLINE
_OF_BRIDGE = frozenset(BridgeWord)
_MEANT = (LinkState.STOPPED, LinkState.REMOVED)  # gone on purpose
CATCHES_UP = 2 * MINUTE  # after we were away, what was said meanwhile has come in by then


def mark_online(state: ClaimedDevice, now: Instant, verdicts: list[Verdict]) -> None:
    """Marks the device as online, because a message came from the device itself."""
    state.seen_at = now
    if state.link != _ONLINE:
        if state.link == LinkState.LOST:
            note_return(state, now)
        state.link, state.link_at = _ONLINE, now
        bridge = state.memory.bridge  # if there was word of one: it works, whatever that says of itself
        state.remember(asleep_until=None, bridge=None if bridge is None else bridge._replace(disproved=True))
    if state.memory.silent_since is not None:
        state.remember(silent_since=None)
        state.link_at = now  # it was as good as gone
        verdicts.append(Cleared(SILENT, now, {"heard_at": now}))


def mark_relayed(state: ClaimedDevice, heard_at: Instant, now: Instant, verdicts: list[Verdict]) -> None:
    """Marks the device as alive at `heard_at`, when its bridge last received something from it.

    The bridge's clock may be wrong: only a time that is another than before is a sign of life, and one that is not
    quite now begins the link's clock anew.
    """
    if state.memory.relayed_at == heard_at:
        return
    state.remember(relayed_at=heard_at)
    at = min(heard_at - clock_offset(state), now)
    if now - at <= STEADY:
        mark_online(state, at, verdicts)
        return
    # old, or by a clock whose error is not known yet
    before = state.seen_at
    if now - at <= AHEAD or (state.memory.silent_since is None and (
            state.link in (_ONLINE, LinkState.UNHEARD) or at > (state.link_at or 0))):
        mark_online(state, now, verdicts)
        state.link_at = now
    state.seen_at = at if before is None else max(before, at)


def is_repeat(state: ClaimedDevice, signal: Telemetry, now: Instant) -> bool:
    """Whether a message with an old time of its own says once more what is known already: that proves nothing.

    A device whose clock stands still numbers its messages all the same: from the second repetition on that counts.
    """
    if now - (signal.at or now) <= STEADY:
        return False
    before = state.memory.repeated
    state.remember(repeated=RepeatedMessage(signal.at, signal.seq))
    return before is None or before.at != signal.at or before.seq == signal.seq


def mark_data_fresh(state: ClaimedDevice, at: Instant, now: Instant, profile: Profile, verdicts: list[Verdict]) -> None:
    """Clears the alarm for stale data when the telemetry taken `at` is young enough."""
    data_ms = _data_ms(profile, state)
    if state.memory.stale_since is not None and (data_ms is None or at + data_ms > now):
        state.remember(stale_since=None)
        verdicts.append(Cleared(STALE, now, {"data_at": at}))


def is_stale_birth(state: ClaimedDevice, signal: Presence) -> bool:
    """Whether a retained birth is one we had already: a device that fell silent since is not back because of it."""
    return (signal.state == state.link == _ONLINE and state.seen_at is not None
            and (signal.at is None or signal.at <= state.seen_at))


def apply_presence(state: ClaimedDevice, signal: Presence, now: Instant, retained: bool, verdicts: list[Verdict]
                   ) -> None:
    """Applies what the broker, a bridge or the device says of the link. Only `lost` can become a fault."""
    at = min(signal.at or now, now)
    if state.link_at is not None and at < state.link_at:
        return
    if signal.through is not None or signal.state in _OF_BRIDGE:
        _with_its_bridge(state, signal, at, now, retained, verdicts)
        return
    bridge = state.memory.bridge
    own_mark = bridge is not None and bridge.bridge == state.key
    if signal.state == _ONLINE:
        if retained and bridge is not None and not bridge.disproved:
            return  # the broker had kept that word from before its bridge went down
        if own_mark:
            state.remember(bridge=None)
        if signal.heard_at is not None:
            mark_relayed(state, signal.heard_at, now, verdicts)
        elif not (signal.relayed and state.link == _ONLINE):
            mark_online(state, now, verdicts)
        return
    if signal.state == LinkState.LOST and retained and own_mark:
        return  # the broker had kept that word, and somebody has spoken through this bridge since
    if signal.state == LinkState.LOST and state.link == LinkState.SLEEPING and (
            state.memory.asleep_until or at) >= at:
        return  # it said that it would sleep, and its will came only because it does
    if signal.state != state.link:
        state.link, state.link_at = LinkState(signal.state), at
    state.remember(bridge=None, asleep_until=signal.until if state.link == LinkState.SLEEPING else None)
    if state.link in _MEANT and state.memory.silent_since is not None:
        state.remember(silent_since=None)
        verdicts.append(Cleared(SILENT, now, {"link": signal.state}))


def _with_its_bridge(state: ClaimedDevice, signal: Presence, at: Instant, now: Instant, retained: bool,
                     verdicts: list[Verdict]) -> None:
    """Its bridge went down (`unknown` or `lost`), or works again: then it is what it was before, its clocks begin anew,
    and it must speak itself. What was stopped or removed stays so, and what was never heard is not lost."""
    bridge = state.memory.bridge
    if signal.state == BridgeWord.REACHABLE:
        if bridge is None and state.link == LinkState.UNKNOWN:
            state.link, state.link_at = _ONLINE, now
        elif bridge is not None:
            state.remember(bridge=None)
            if not bridge.disproved:
                state.link, state.link_at = bridge.was or state.link, now
        return
    if signal.state == BridgeWord.PROVEN:
        if state.key == signal.through:  # the bridge itself
            if state.link == LinkState.LOST:
                mark_online(state, now, verdicts)
                state.remember(bridge=BridgeDown(state.key, disproved=True))
        elif bridge is not None and not bridge.disproved:
            state.link, state.link_at = bridge.was or state.link, now
            state.remember(bridge=bridge._replace(disproved=True))
        return
    if bridge is not None and bridge.disproved and retained:
        return  # the broker had kept that word, and the device has spoken since
    was = bridge.was or state.link if bridge is not None and not bridge.disproved else state.link
    if was in _MEANT or (signal.state == LinkState.LOST and was != _ONLINE):
        return
    state.link, state.link_at = LinkState(signal.state), at
    state.remember(bridge=BridgeDown(signal.through or "", was=was))


def judge_silence(profile: Profile, state: ClaimedDevice, listening_since: Instant | None, now: Instant,
                  verdicts: list[Verdict]) -> None:
    """Raises alarms for overdue devices; none while we do not listen, or have not listened for a whole window."""
    link_due, data_due = deadlines(profile, state, listening_since)
    if listening_since is None:
        return
    if link_due is not None and link_due <= now:
        why: dict[str, Any] = {"link": state.link, "link_at": state.link_at, "last_heard": state.seen_at,
                               "due": link_due, "link_ms": profile.silence.link_ms}
        state.remember(silent_since=link_due)
        _raise(profile, SILENT, link_due, why, verdicts)
    elif data_due is not None and data_due <= now:
        why = {"link": state.link, "last_data": state.data_at, "due": data_due, "data_ms": _data_ms(profile, state)}
        state.remember(stale_since=data_due)
        _raise(profile, STALE, data_due, why, verdicts)


def deadlines(profile: Profile, state: ClaimedDevice, listening_since: Instant | None = None
              ) -> tuple[Instant | None, Instant | None]:
    """(link, data): when each clock runs out as things stand; None = it is not running."""
    silence, memory, link_at = profile.silence, state.memory, state.link_at
    heard_from = since = listening_since or 0
    if link_at is not None and link_at > since:
        since = link_at
    if memory.silent_since is not None:  # who is not heard at all brings no data either
        return None, None
    link = data = None
    if state.link is _ONLINE:
        seen, read, link_ms, data_ms = state.seen_at, state.data_at, silence.link_ms, silence.data_ms
        if seen is not None and link_ms is not None:
            link = (seen if seen > since else since) + link_ms
        if data_ms is None:
            data_ms = _data_ms(profile, state)
        if read is not None and data_ms is not None and memory.stale_since is None:
            # a link that has just come back brings its old data first
            data = (read if read > since else since) + data_ms
    elif state.link == LinkState.LOST and silence.lost_ms is not None:
        link = since + silence.lost_ms
        if _is_late_news(state, heard_from):
            link += silence.link_ms or 0  # a heartbeat of grace
    elif state.link == LinkState.LOST and silence.link_ms is not None and state.seen_at is not None:
        link = max(state.seen_at, heard_from) + silence.link_ms  # the broker's word does not count: its silence does
    elif state.link == LinkState.SLEEPING and silence.link_ms is not None:
        until = memory.asleep_until
        link = max(until, heard_from) + silence.link_ms if until else None
    return link, data


def _is_late_news(state: ClaimedDevice, listening_since: Instant) -> bool:
    """Whether its loss is among the first things that we heard after we were away: it may be over, and more of what
    happened with it is still to be heard."""
    return ((state.link_at or 0) < listening_since + CATCHES_UP
            and (state.seen_at is None or state.seen_at < listening_since))


def _data_ms(profile: Profile, state: ClaimedDevice) -> int | None:
    """How old data may grow: as the profile says, else as the device itself has said."""
    silence = profile.silence
    if silence.data_ms is not None or (expires_ms := state.memory.expires_ms) is None:
        return silence.data_ms
    switched_off = silence.link_ms is None and silence.lost_ms is None
    return None if switched_off else expires_ms


def _raise(profile: Profile, rule: str, at: Instant, why: dict[str, Any], verdicts: list[Verdict]) -> None:
    silence = profile.silence
    verdicts.append(Raised(rule, silence.severity, dict(silence.cause), silence.skill, "ticket", at, why,
                           depends_on=silence.depends_on))
